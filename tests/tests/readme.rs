//! Every command of README.md, run as it stands there, in its order, on a machine of its own. Run with the feature `root`.
//!
//! A new command takes one line in [`WAYS`].

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mfad_tests::app::App;
use mfad_tests::machine::Machine;
use mfad_tests::people::run;
use mfad_tests::programs::built;
use mfad_tests::terminal::Terminal;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const README: &str = include_str!("../../README.md");
const PASSWORD: &str = "korrekt-hest-42";

/// How each command is run: by the longest beginning that fits it. In what is typed, `{password}` is alice's, `{spare}` one of
/// her recovery codes, and `{1}` the code that her app shows one step of 30 s from now.
const WAYS: &[Way] = &[
    // tests/run runs these itself: a test that is run by it cannot.
    Way::elsewhere("cargo run --release --bin mfad -- demo"),
    Way::elsewhere("cargo build --release"),
    Way::elsewhere("tests/run"),
    // Install.
    Way::plain("install "),
    Way::plain("groupadd "),
    Way::plain("(umask 077; head -c 32 /dev/urandom >/etc/mfad/root.key)"),
    Way::plain("echo 'key_file = "),
    Way::plain("mfad check"),
    Way::serves("mfad serve", "mfactl status root"),
    Way::plain("mfactl man "),
    Way::plain("mfad man "),
    Way::plain("mfactl completions "),
    Way::plain("mfad completions "),
    Way::plain("useradd "),
    Way::plain("chown -R mfad:mfad /var/lib/mfad /etc/mfad/root.key"),
    // The daemon of this test goes on as root.
    Way::plain("setpriv --reuid mfad ").then(&["chown -R root:root /var/lib/mfad /etc/mfad/root.key"]),
    Way::serves("systemd-socket-activate ", "test -S /run/mfad-passwd.sock"),
    Way::plain("chown mfad /run/mfad-passwd.sock"),
    Way::serves("mfad serve --state ./state --socket ./mfad.sock", "mfactl --socket ./mfad.sock status root"),
    Way::enrolls("mfactl --socket ./mfad.sock enroll alice", None),
    // Use.
    Way::enrolls("mfactl enroll", Some(ALICE)),
    Way::own("mfactl verify", "{1}\n"),
    Way::own("mfactl verify --password", "{password}\n{spare}\n"),
    Way::own("mfactl status", ""),
    Way::own("mfactl recovery", "{password}\n{spare}\n"),
    Way::own("mfactl resync", "{password}\n{2}\n{3}\n"),
    Way::own("mfactl reset", "{password}\n{spare}\n"),
    // Local logins.
    Way::plain("pam-auth-update --enable mfad")
        .after(&["mkdir -p /var/lib/pam && DEBIAN_FRONTEND=noninteractive pam-auth-update --package --force"]),
    Way::plain("pam-auth-update --disable mfad"),
    // Administer.
    Way::plain("mfactl admin list"),
    Way::plain("mfactl admin show alice"),
    Way::plain("mfactl admin enforce"),
    Way::plain("mfactl admin unlock alice").after(&["mfactl enroll"]),
    Way::plain("mfactl admin recover alice"),
    Way::plain("mfactl admin disable alice "),
    Way::plain("mfactl admin remove alice"),
    Way::plain("mfactl admin import .google_authenticator --user alice")
        .after(&["printf 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP\\n\" TOTP_AUTH\\n' >.google_authenticator"]),
    // Configure.
    Way::typed("mfactl --realm netmaker admin set-password alice", "first-word\n")
        .after(&["printf '[realm.netmaker]\\nfirst_factor = \"password\"\\n' >>/etc/mfad/mfad.toml", "mfad serve"]),
    Way::typed("mfactl --realm netmaker passwd alice", "first-word\nsecond-word\n"),
    // Operate, back up, recover.
    // What it finds depends on the machine: on whether anything keeps its clock right, for one.
    Way::plain("mfactl doctor").may_end_with(&[0, 1]),
    Way::plain("mfactl admin audit --since 2h"),
    Way::plain("mfactl admin audit --verify"),
    Way::plain("mfactl admin stats"),
    Way::plain("mfactl key "),
    Way::plain("mv /etc/mfad/root.key /etc/mfad/root.key.old"),
    Way::plain("rm /etc/mfad/root.key.old"),
    Way::typed("mfactl backup ", "a passphrase\n"),
    Way::typed("mfad restore ", "a passphrase\n").after(&["systemctl stop mfad"]),
    // What a unit will do. It stands in no block of README.md.
    Way::stops("systemctl stop mfad", "mfad serve").unlisted(),
];

/// A user of the machine.
const ALICE: &str = "alice";

/// How a command is run.
struct Way {
    begins: &'static str,
    how: How,
    /// Those that it may end with.
    statuses: &'static [i32],
    after: &'static [&'static str],
    then: &'static [&'static str],
    listed: bool,
}

enum How {
    /// Not here.
    Elsewhere,
    /// As root or as a user, with these lines in a pipe.
    Piped(Option<&'static str>, &'static str),
    /// At a terminal, as root or as a user, with an app that scans.
    Enrolls(Option<&'static str>),
    /// It goes on, and is ready when this line of a shell says so. One that runs already is ended.
    Serves(&'static str),
    /// Ends what goes on.
    Stops(&'static str),
}

impl Way {
    const fn new(begins: &'static str, how: How) -> Self {
        Self { begins, how, statuses: &[0], after: &[], then: &[], listed: true }
    }

    const fn elsewhere(begins: &'static str) -> Self {
        Self::new(begins, How::Elsewhere)
    }

    const fn plain(begins: &'static str) -> Self {
        Self::typed(begins, "")
    }

    const fn typed(begins: &'static str, input: &'static str) -> Self {
        Self::new(begins, How::Piped(None, input))
    }

    const fn own(begins: &'static str, input: &'static str) -> Self {
        Self::new(begins, How::Piped(Some(ALICE), input))
    }

    const fn enrolls(begins: &'static str, user: Option<&'static str>) -> Self {
        Self::new(begins, How::Enrolls(user))
    }

    const fn serves(begins: &'static str, ready: &'static str) -> Self {
        Self::new(begins, How::Serves(ready))
    }

    const fn stops(begins: &'static str, what: &'static str) -> Self {
        Self::new(begins, How::Stops(what))
    }

    /// With these commands, or lines of a shell, before it.
    const fn after(mut self, lines: &'static [&'static str]) -> Self {
        self.after = lines;
        self
    }

    const fn may_end_with(mut self, statuses: &'static [i32]) -> Self {
        self.statuses = statuses;
        self
    }

    /// With these after it.
    const fn then(mut self, lines: &'static [&'static str]) -> Self {
        self.then = lines;
        self
    }

    const fn unlisted(mut self) -> Self {
        self.listed = false;
        self
    }

    fn of(line: &str) -> Option<&'static Self> {
        WAYS.iter().filter(|way| line.starts_with(way.begins)).max_by_key(|way| way.begins.len())
    }
}

/// Every line of every indented or `sh` block, without its comment.
fn commands() -> Vec<&'static str> {
    let mut fence = None;
    let mut commands = Vec::new();
    for line in README.lines() {
        if let Some(language) = line.strip_prefix("```") {
            fence = if fence.is_some() { None } else { Some(language) };
            continue;
        }
        let command = match fence {
            Some("sh") => Some(line),
            Some(_) => None,
            None => line.strip_prefix("    "),
        };
        commands.extend(command.map(|command| command.split(" # ").next().unwrap_or_default().trim()));
    }
    commands.retain(|command| !command.is_empty());
    commands
}

/// The machine, what goes on there, and what alice has.
struct Site {
    going: Vec<(String, Child)>,
    app: Option<App>,
    spares: Vec<String>,
    machine: Machine,
}

impl Site {
    fn new() -> Self {
        let machine = Machine::new();
        let (work, tree) = (machine.work(), Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
        // What `cargo build --release` leaves; copies, since the tree may lie where the machine has nothing.
        fs::create_dir_all(work.join("target")).unwrap();
        fs::create_dir(work.join("programs")).unwrap();
        symlink("../programs", work.join("target/release")).unwrap();
        for program in ["mfad", "mfactl", "mfad-passwd", "libpam_mfad.so"] {
            fs::copy(built(program), work.join("programs").join(program)).unwrap();
        }
        for file in ["systemd/pam.d/mfad", "systemd/pam-configs/mfad", "client/pam/pam_mfad.8"] {
            fs::create_dir_all(work.join(file).parent().unwrap()).unwrap();
            fs::copy(tree.join(file), work.join(file)).unwrap();
        }
        fs::set_permissions(&work, fs::Permissions::from_mode(0o755)).unwrap();
        let mut site = Self { going: Vec::new(), app: None, spares: Vec::new(), machine };
        site.perform("useradd --create-home --user-group --shell /bin/sh alice");
        site.pipe(None, "chpasswd", &format!("{ALICE}:{PASSWORD}\n"), &[0]);
        site
    }

    /// Does what a line says, as the table tells; what it does not know is a line of a shell.
    fn perform(&mut self, line: &str) {
        let Some(way) = Way::of(line) else { return self.pipe(None, line, "", &[0]) };
        way.after.iter().for_each(|line| self.perform(line));
        println!("{line}");
        match way.how {
            How::Elsewhere => assert!(line == "tests/run" || RUN.contains(line), "tests/run does not run {line}"),
            How::Piped(user, input) => {
                let input = self.typed(input);
                self.pipe(user, line, &input, way.statuses);
            }
            How::Enrolls(user) => self.enroll(user, line),
            How::Serves(ready) => self.serve(line, ready),
            How::Stops(what) => self.stop(what),
        }
        way.then.iter().for_each(|line| self.perform(line));
    }

    /// The lines that are typed.
    fn typed(&mut self, template: &str) -> String {
        let mut input = template.replace("{password}", PASSWORD);
        if input.contains("{spare}") {
            input = input.replace("{spare}", &self.spares.pop().expect("an unused recovery code"));
        }
        for steps in 1..=3 {
            let word = format!("{{{steps}}}");
            if input.contains(&word) {
                input = input.replace(&word, &self.app.as_ref().expect("an app").code(now() + 30 * steps));
            }
        }
        input
    }

    fn pipe(&mut self, user: Option<&str>, line: &str, input: &str, statuses: &[i32]) {
        let output = run(&mut self.machine.command(user, line), input);
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        let status = output.status.code();
        let is_right = status.is_some_and(|status| statuses.contains(&status));
        assert!(is_right, "{line}: {status:?}: {}{}{}", said[0], said[1], self.log());
        self.keep_spares(&said[0]);
    }

    /// A whole set of recovery codes takes the place of the older one.
    fn keep_spares(&mut self, said: &str) {
        let is_code = |word: &&str| word.len() == 19 && word.split('-').all(|group| group.len() == 4);
        let codes: Vec<_> = said.split_whitespace().filter(is_code).map(str::to_owned).collect();
        if codes.len() == 10 {
            self.spares = codes;
        }
    }

    fn enroll(&mut self, user: Option<&str>, line: &str) {
        let words = self.machine.enter(user, line);
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let mut terminal = Terminal::start("nsenter".as_ref(), &words);
        if user.is_some() {
            terminal.wait_for("Password of alice:");
            terminal.type_line(PASSWORD);
        }
        let shown = terminal.wait_for("First code from the app:");
        let (_, key) = shown.split_once("(time-based):").expect("a key");
        let key: String = key.split_whitespace().take_while(|word| *word != "First").collect();
        let app = App::scan(&format!("otpauth://totp/alice?secret={key}"));
        terminal.type_line(&app.code(now()));
        let (shown, status) = terminal.finish();
        assert!(status.success(), "{line}: {shown}");
        self.keep_spares(&shown);
        self.app = Some(app);
    }

    fn serve(&mut self, line: &str, ready: &str) {
        self.stop(line);
        let mut command = self.machine.command(None, &format!("exec {line}"));
        let log = fs::File::options().create(true).append(true).open(self.machine.folder().join("log")).unwrap();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        self.going.push((line.to_owned(), child));
        let end = Instant::now() + Duration::from_secs(20);
        while !run(&mut self.machine.command(None, ready), "").status.success() {
            let gone = self.going.last_mut().unwrap().1.try_wait().unwrap();
            assert!(gone.is_none() && Instant::now() < end, "{line} is not ready: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn stop(&mut self, line: &str) {
        for (_, child) in self.going.extract_if(.., |(going, _)| going == line) {
            end(child);
        }
    }

    fn log(&self) -> String {
        let log = fs::read_to_string(self.machine.folder().join("log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.going.drain(..).for_each(|(_, child)| end(child));
    }
}

fn end(mut child: Child) {
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGTERM).ok();
    child.wait().ok();
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// What runs the commands that are run elsewhere.
const RUN: &str = include_str!("../run");

#[test]
fn every_command_of_the_readme_works() {
    let commands = commands();
    for command in &commands {
        assert!(Way::of(command).is_some(), "README.md has a command that nobody tries: {command}");
    }
    for way in WAYS.iter().filter(|way| way.listed) {
        let used = commands.iter().any(|command| Way::of(command).is_some_and(|of| of.begins == way.begins));
        assert!(used, "README.md has no command {:?} any more", way.begins);
    }
    assert!(commands.len() >= 45, "only {} commands were read", commands.len());
    let untouched = || {
        let files = ["/etc/passwd", "/etc/group", "/etc/shadow"].map(|file| fs::read(file).unwrap());
        let places = ["/etc/mfad", "/var/lib/mfad", "/run/mfad", "/usr/local/bin/mfad", "/root/mfad.backup"];
        (files, places.map(|place| Path::new(place).exists()))
    };
    let before = untouched();
    let mut site = Site::new();
    commands.iter().for_each(|command| site.perform(command));
    drop(site);
    assert!(before == untouched(), "something of this machine was changed");
}
