//! The five steps of the whole flow with real processes, real users and their real passwords, for each of the three first
//! factors: enable, log in, enforce, reset, recover. The daemon is no root here. Run with the feature `root`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use mfad_client::{Client, Options, Trusted};
use mfad_proto::{Account, AccountName, Call, Context, Need, Realm, Reply, UserName};
use mfad_tests::app::{App, other_than};
use mfad_tests::daemon::Daemon;
use mfad_tests::nobody::stage;
use mfad_tests::people::{PasswdSocket, Person, run};
use serde_json::Value;
use tempfile::TempDir;

const PASSWORD: &str = "korrekt-hest-42";
const WRONG: &str = "galt-hest-43";

/// A daemon that runs as a user of its own, beside the helper that asks PAM for it.
struct Site {
    stage: TempDir,
    daemon: Daemon,
    child: Child,
    host: Person,
    _passwd: PasswdSocket,
    realm: &'static str,
    /// Whether nobody here judges a password, so that a login service vouches.
    vouched: bool,
}

/// What `mfactl` said.
struct Said {
    status: i32,
    object: Value,
    prose: String,
}

impl Site {
    fn start(config: &str, realm: &'static str, vouched: bool) -> Self {
        let (stage, host) = (stage(), Person::new("nobody-knows-this", &[]));
        let passwd = PasswdSocket::start(host.uid);
        let daemon = Daemon::unstarted("mfad-clocked", config);
        fs::set_permissions(daemon.folder(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(daemon.state()).unwrap();
        for path in [daemon.state(), daemon.folder()] {
            chown(path, Some(host.uid), Some(host.gid)).unwrap();
        }
        // The command of the daemon, its program where its user may run it, and its user.
        let by_root = daemon.command();
        chown(daemon.folder().join("log"), Some(host.uid), Some(host.gid)).unwrap();
        let mut command = host.runs(&stage.path().join("mfad-clocked"));
        command.args(by_root.get_args()).arg("--passwd-socket").arg(passwd.path());
        command.envs(by_root.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.stderr(fs::File::options().append(true).open(daemon.folder().join("log")).unwrap());
        let child = command.spawn().unwrap();
        let site = Self { stage, daemon, child, host, _passwd: passwd, realm, vouched };
        let end = Instant::now() + Duration::from_secs(30);
        while site.try_client().is_err() {
            assert!(Instant::now() < end, "the daemon does not start: {}", site.daemon.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        site
    }

    fn try_client(&self) -> Result<Client, mfad_client::Error> {
        Client::connect(Options::new(self.daemon.socket(), Trusted { own: true, named: Some(self.host.uid) }))
    }

    fn mfactl(&self, command: &mut Command, args: &[&str], input: &str) -> Said {
        let socket = self.daemon.socket();
        command.args(["--json", "--realm", self.realm, "--socket", socket.to_str().unwrap()]).args(args);
        command.env("MFAD_SERVER_UID", self.host.uid.to_string());
        let output = run(command, input);
        let object = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        let prose = String::from_utf8(output.stderr).unwrap();
        Said { status: output.status.code().unwrap(), object, prose }
    }

    /// As root: a login service, and an administrator.
    fn service(&self, args: &[&str], input: &str) -> Said {
        self.mfactl(&mut Command::new(self.stage.path().join("mfactl")), args, input)
    }

    /// As the user alone, with the password first; where nobody judges one, a login service does it for the user.
    fn own(&self, person: &Person, password: &str, args: &[&str], input: &str) -> Said {
        if self.vouched {
            let args: Vec<_> = args.iter().copied().chain([person.name.as_str()]).collect();
            return self.service(&args, input);
        }
        let mut command = person.runs(&self.stage.path().join("mfactl"));
        self.mfactl(&mut command, args, &format!("{password}\n{input}"))
    }

    fn need(&self, person: &Person) -> Need {
        let name = AccountName { realm: Realm::new(self.realm).unwrap(), user: UserName::new(&person.name).unwrap() };
        let begin = Call::Begin { account: Account::Name(name), context: Context::default() };
        match self.try_client().unwrap().call(begin) {
            Ok(Reply::Need(need)) => need,
            _ => panic!("no need"),
        }
    }

    /// Lets every code of the app be a new one, and every delay end.
    fn wait(&self) {
        self.daemon.set_time(self.daemon.time() + 30);
        self.daemon.rest(900);
    }

    fn code(&self, app: &App) -> String {
        self.wait();
        app.code(self.daemon.time())
    }

    fn wrong_code(&self, app: &App) -> String {
        other_than(&(0..12).map(|n| app.code(self.daemon.time() - 150 + 30 * n)).collect::<Vec<_>>())
    }

    /// Step 1, and an app with the codes that came with it.
    fn enable(&self, person: &Person) -> (App, Vec<String>) {
        if !self.vouched {
            let refused = self.own(person, WRONG, &["enroll", "--begin"], "");
            assert_eq!((refused.status, &refused.object["result"]), (1, &"denied".into()), "{}", refused.prose);
        }
        let begun = self.own(person, PASSWORD, &["enroll", "--begin"], "");
        assert_eq!(begun.status, 0, "{} {}", begun.prose, self.daemon.log());
        self.confirm(person, &begun.object)
    }

    fn confirm(&self, person: &Person, begun: &Value) -> (App, Vec<String>) {
        let app = App::scan(begun["uri"].as_str().unwrap());
        assert!(begun["uri"].as_str().unwrap().contains(begun["secret"].as_str().unwrap()));
        let id = begun["enrollment"].as_str().unwrap();
        let confirm = |text: &str| {
            let mut command = person.runs(&self.stage.path().join("mfactl"));
            let args = ["enroll", "--confirm", id];
            if self.vouched {
                return self.service(&["enroll", "--confirm", id, &person.name], text);
            }
            self.mfactl(&mut command, &args, text)
        };
        assert_eq!(confirm(&self.wrong_code(&app)).status, 1);
        let enrolled = confirm(&self.code(&app));
        assert_eq!((enrolled.status, &enrolled.object["result"]), (0, &"enrolled".into()), "{}", enrolled.prose);
        let codes = enrolled.object["recovery_codes"].as_array().unwrap();
        let codes: Vec<_> = codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect();
        assert_eq!(codes.len(), 10);
        (app, codes)
    }

    /// A login as its service asks for it: password and code at once, or the code alone where the service vouches.
    fn log_in(&self, person: &Person, password: &str, code: &str) -> Said {
        if self.vouched {
            return self.service(&["verify", &person.name], &format!("{code}\n"));
        }
        self.service(&["verify", "--password", &person.name], &format!("{password}\n{code}\n"))
    }

    fn accepted(&self, person: &Person, code: &str, factor: &str) {
        let said = self.log_in(person, PASSWORD, code);
        let fields = (said.status, &said.object["result"], &said.object["factor"]);
        assert_eq!(fields, (0, &"accepted".into(), &factor.into()), "{}", said.prose);
    }

    /// The one answer to everything that is wrong.
    fn denied(&self, person: &Person, password: &str, code: &str) {
        let said = self.log_in(person, password, code);
        let text = "mfactl: Not accepted. Each code works once: wait for the next one.\n";
        assert_eq!((said.status, said.prose.as_str()), (1, text));
        assert_eq!(said.object, serde_json::json!({"result": "denied"}));
    }

    fn enforce(&self, words: &[&str]) {
        let said = self.service(&[&["admin", "enforce"], words].concat(), "");
        assert_eq!((said.status, &said.object["result"]), (0, &"done".into()), "{}", said.prose);
    }

    fn status(&self, person: &Person) -> Value {
        let said = self.service(&["status", &person.name], "");
        assert_eq!(said.status, 0, "{}", said.prose);
        said.object
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// All five steps. `excepted` stands in the configuration as one who need not enrol; nobody has a factor yet.
fn five_steps(site: &Site, [early, late, excepted]: [&Person; 3]) {
    // 1: enable.
    let (app, _) = site.enable(early);
    assert_eq!((&site.status(early)["state"], site.need(early)), (&"active".into(), Need::Code));

    // 2: log in, denied if either is wrong, and a wrong password burns nothing.
    let code = site.code(&app);
    if !site.vouched {
        site.denied(early, WRONG, &code);
    }
    site.denied(early, PASSWORD, &site.wrong_code(&app));
    site.accepted(early, &code, "totp");
    site.denied(early, PASSWORD, &code);
    site.wait();

    // 3: enforce.
    assert_eq!((site.need(late), site.need(excepted)), (Need::Nothing, Need::Nothing));
    if !site.vouched {
        site.accepted(late, "", "password");
        site.denied(late, WRONG, "");
    }
    site.enforce(&["on"]);
    assert_eq!((site.need(late), site.need(excepted)), (Need::Enroll { ticket: false }, Need::Nothing));
    assert_eq!(site.status(late)["enforced"], true);
    if !site.vouched {
        let said = site.log_in(late, PASSWORD, "");
        assert_eq!((said.status, &said.object["result"]), (6, &"enrollment_required".into()), "{}", said.prose);
        site.denied(late, WRONG, "");
    }
    let (app_of_late, _) = site.enable(late);
    site.accepted(late, &site.code(&app_of_late), "totp");

    // 4: reset where it is enforced: the old factor works until the new one is confirmed.
    if !site.vouched {
        let refused = site.own(early, WRONG, &["reset"], &format!("{}\n", site.code(&app)));
        assert_eq!(refused.status, 1, "{}", refused.prose);
    }
    let begun = site.own(early, PASSWORD, &["reset"], &format!("{}\n", site.code(&app)));
    assert_eq!(begun.status, 0, "{}", begun.prose);
    site.accepted(early, &site.code(&app), "totp");
    let (new, _) = site.confirm(early, &begun.object);
    let old_code = site.code(&app);
    site.denied(early, PASSWORD, &old_code);
    site.accepted(early, &site.code(&new), "totp");

    // 4: reset where it is not: the factor is gone.
    site.enforce(&["off"]);
    let done = site.own(early, PASSWORD, &["reset"], &format!("{}\n", site.code(&new)));
    assert_eq!((done.status, &done.object["result"]), (0, &"done".into()), "{}", done.prose);
    assert_eq!((&site.status(early)["state"], site.need(early)), (&"none".into(), Need::Nothing));

    // 5: recover, by a code of one's own, by one of the administrator, and without any.
    let (_, codes) = site.enable(early);
    site.accepted(early, &codes[0], "recovery");
    site.denied(early, PASSWORD, &codes[0]);
    let issued = site.service(&["admin", "recover", &early.name], "");
    site.accepted(early, issued.object["recovery_code"].as_str().unwrap(), "recovery");
    site.enforce(&["on"]);
    let disabled = site.service(&["admin", "disable", &early.name, "--reason", "the phone fell into the fjord"], "");
    assert_eq!((disabled.status, &disabled.object["result"]), (0, &"done".into()), "{}", disabled.prose);
    site.daemon.says("the phone fell into the fjord");
    site.denied(early, WRONG, &codes[1]);
    assert_eq!(site.need(early), Need::Enroll { ticket: false });
    let (again, _) = site.enable(early);
    site.accepted(early, &site.code(&again), "totp");
    let removed = site.service(&["admin", "remove", &early.name], "");
    assert_eq!((removed.status, &site.status(early)["state"]), (0, &"none".into()));
}

fn people() -> [Person; 3] {
    [0, 1, 2].map(|_| Person::new(PASSWORD, &[]))
}

fn excepting(person: &Person) -> String {
    format!("except_users = [\"{}\"]\n", person.name)
}

#[test]
fn the_five_steps_by_the_systems_own_passwords() {
    let people = people();
    let config = format!("[realm.system]\n{}", excepting(&people[2]));
    let site = Site::start(&config, "system", false);
    five_steps(&site, people.each_ref());
}

#[test]
fn the_five_steps_by_passwords_that_mfad_keeps() {
    let people = people();
    let mut config = format!("[realm.netmaker]\nfirst_factor = \"password\"\n{}", excepting(&people[2]));
    for person in &people {
        config.push_str(&format!("[[grant]]\nrealm = \"netmaker\"\nright = \"owner\"\nuser = \"{}\"\n", person.name));
    }
    let site = Site::start(&config, "netmaker", false);
    for person in &people {
        // Nobody has a password yet, and so nobody has a right one.
        site.denied(person, PASSWORD, "");
        let set = site.service(&["admin", "set-password", &person.name], "an-interim-password\n");
        assert_eq!(set.status, 0, "{}", set.prose);
        let wrong = site.own(person, WRONG, &["passwd"], &format!("{PASSWORD}\n"));
        assert_eq!(wrong.status, 1, "{}", wrong.prose);
        let changed = site.own(person, "an-interim-password", &["passwd"], &format!("{PASSWORD}\n"));
        assert_eq!((changed.status, &changed.object["result"]), (0, &"done".into()), "{}", changed.prose);
    }
    five_steps(&site, people.each_ref());
    // Behind a factor, a new password takes a code as well.
    let [_, late, _] = &people;
    let without = site.own(late, PASSWORD, &["passwd"], "000000\nanother-one\n");
    assert_eq!(without.status, 1, "{}", without.prose);
}

#[test]
fn the_five_steps_by_the_word_of_a_login_service() {
    let people = people();
    let config = format!("[realm.netmaker]\n{}", excepting(&people[2]));
    let site = Site::start(&config, "netmaker", true);
    five_steps(&site, people.each_ref());
    // Nobody but the service can do it.
    let mut command = people[0].runs(&site.stage.path().join("mfactl"));
    let refused = site.mfactl(&mut command, &["enroll", "--begin"], &format!("{PASSWORD}\n"));
    assert_eq!((refused.status, &refused.object["result"]), (5, &"not_permitted".into()));
    let unsupported = site.service(&["verify", "--password", &people[0].name], &format!("{PASSWORD}\n000000\n"));
    assert_eq!(unsupported.status, 7, "{}", unsupported.prose);
}
