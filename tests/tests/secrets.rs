//! Where secrets must not be: in files, in the log, beside a process, in its core image. Run with the feature `root`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use mfad_client::Client;
use mfad_daemon::keyring::{Keyring, SecretKey};
use mfad_daemon::seal::{Sealer, Subject};
use mfad_daemon::store::{self, SledStore, Store};
use mfad_proto::{Account, AccountName, Call, EnrollmentId, Password, Proof, Realm, Refusal, Reply, UserName};
use mfad_tests::app::{App, other_than};
use mfad_tests::calls::{keys, texts, wait_for_keys};
use mfad_tests::daemon::{Daemon, accepted, account, code, context, denied};
use mfad_tests::needles::Needles;
use mfad_tests::programs::tool;
use zeroize::Zeroizing;

const PASSPHRASE: &str = "trumpet-lantern-gravel-41";
const PASSWORD: &str = "Winter is long in Tromsoe";
const NEW_PASSWORD: &str = "Summer nights are none in Alta";
const TYPED: &str = "hunter2-and-then-some-more";
const KNOWN: &str = "alice-in-the-core";

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The released program with a root key of the test's own, which comes by a file or by standard input.
struct Serving {
    daemon: Daemon,
    child: Child,
    root: [u8; 32],
}

impl Serving {
    fn start(config: &str, key_file: bool) -> Self {
        let daemon = Daemon::unstarted("mfad", config);
        let mut root = [0; 32];
        getrandom(&mut root);
        let hex = data_encoding::HEXLOWER.encode(&root);
        let mut command = daemon.command();
        if key_file {
            let path = daemon.folder().join("root.key");
            fs::write(&path, &hex).unwrap();
            set_mode(&path, 0o600);
            command.arg("--key-file").arg(path);
        } else {
            command.args(["--key-file", "-"]).stdin(Stdio::piped());
        }
        // Each further arena of malloc would add 64 MiB of nothing to an image.
        command.env("MALLOC_ARENA_MAX", "2").env("RUST_LOG", "trace");
        let mut child = command.spawn().unwrap();
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(hex.as_bytes()).unwrap();
        }
        daemon.wait_for(&mut child);
        Self { daemon, child, root }
    }

    fn keyring(&self) -> Keyring {
        let wrapped = fs::read(self.daemon.state().join("keyring")).unwrap();
        Keyring::unwrap(&wrapped, &SecretKey::from_bytes(&self.root).unwrap()).unwrap()
    }

    /// The keys, as the library reads them.
    fn add_keys(&self, needles: &mut Needles) {
        let (root, keyring) = (SecretKey::from_bytes(&self.root).unwrap(), self.keyring());
        needles.add("root key", root.expose());
        needles.add("base key", keyring.base().expose());
        needles.add("data key", keyring.data().key.expose());
        for (key, purpose) in [
            (&root, "mfad keyring wrap 1"),
            (&keyring.data().key, "mfad record seal 1"),
            (keyring.base(), "mfad record print 1"),
            (keyring.base(), "mfad mark seal 1"),
            (keyring.base(), "mfad name hash 1"),
            (keyring.base(), "mfad audit chain 1"),
            (keyring.base(), "mfad recovery code 1"),
        ] {
            needles.add(purpose, key.derive(purpose.as_bytes()).expose());
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn getrandom(bytes: &mut [u8]) {
    std::io::Read::read_exact(&mut fs::File::open("/dev/urandom").unwrap(), bytes).unwrap();
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
}

/// What gcore, run as root, writes of a process. It leaves out what is not to be dumped.
fn core_image(pid: u32) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let prefix = folder.path().join("core");
    let output = tool("gcore").arg("-o").arg(&prefix).arg(pid.to_string()).output().unwrap();
    let image = fs::read(format!("{}.{pid}", prefix.display()));
    image.unwrap_or_else(|error| panic!("no core image: {error}: {output:?}"))
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// A user of the daemon, and the codes of the steps around now.
struct User {
    account: Account,
    codes: Vec<String>,
    recovery: Vec<String>,
}

impl User {
    fn verify(&self, text: &str) -> Call {
        Call::Verify { account: self.account.clone(), code: code(text), context: context() }
    }

    fn reset(&self, proof: Proof, text: &str) -> Call {
        Call::Reset { account: self.account.clone(), proof, code: code(text), context: context() }
    }
}

/// A daemon that is asked for all that it does with secrets, and looked into after each.
struct Watched {
    serving: Serving,
    client: Client,
    needles: Needles,
    found: Vec<String>,
}

impl Watched {
    fn start(config: &str, key_file: bool) -> Self {
        let serving = Serving::start(config, key_file);
        let client = serving.daemon.client();
        let mut needles = Needles::default();
        serving.add_keys(&mut needles);
        let typed = [
            ("password", PASSWORD),
            ("new password", NEW_PASSWORD),
            ("typed password", TYPED),
            ("passphrase", PASSPHRASE),
        ];
        for (name, secret) in typed {
            needles.add(name, secret.as_bytes());
        }
        Self { serving, client, needles, found: Vec::new() }
    }

    fn search(&mut self, place: &str, bytes: &[u8]) {
        self.found.extend(self.needles.found_in(bytes).into_iter().map(|found| format!("{place}: {found}")));
    }

    /// Takes a core image, and searches it.
    fn look(&mut self, moment: &str) {
        let image = core_image(self.serving.child.id());
        // The base of names and paths is no secret: without it the image would show nothing.
        let state = self.serving.daemon.state().to_str().unwrap().as_bytes().to_vec();
        assert!(image.windows(state.len()).any(|window| window == state), "the core image holds no memory");
        self.search(moment, &image);
    }

    /// Searches what lies around the process.
    fn look_around(&mut self) {
        for file in files_below(self.serving.daemon.state()) {
            self.search(&file.display().to_string(), &fs::read(&file).unwrap());
        }
        let log = self.serving.daemon.log();
        assert!(log.contains(KNOWN), "the log says nothing");
        self.search("the log", log.as_bytes());
        for process in fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path()) {
            for file in ["cmdline", "environ"] {
                // It may be gone by now.
                let bytes = fs::read(process.join(file)).unwrap_or_default();
                self.search(&process.join(file).display().to_string(), &bytes);
            }
        }
    }

    fn call(&mut self, call: Call) -> Reply {
        self.client.call(call).unwrap()
    }

    fn begin(&mut self, user: &str, account: Account) -> (App, EnrollmentId) {
        let enroll = Call::Enroll { account, proof: Proof::Asserted, ticket: None, issuer: None, context: context() };
        let Reply::Enrollment(enrollment) = self.call(enroll) else { panic!("no enrolment was begun") };
        let uri = enrollment.uri.expose();
        let (_, key) = uri.split_once("secret=").unwrap();
        let key = data_encoding::BASE32_NOPAD.decode(key.split('&').next().unwrap().as_bytes()).unwrap();
        self.needles.add(&format!("key of {user}"), &key);
        (App::scan(uri), enrollment.id)
    }

    fn enroll(&mut self, realm: &str, user: &str) -> User {
        let name = AccountName { realm: Realm::new(realm).unwrap(), user: UserName::new(user).unwrap() };
        let account = Account::Name(name);
        let (app, enrollment) = self.begin(user, account.clone());
        let start = now();
        let codes: Vec<_> = (0..9).map(|step| app.code(start + 30 * step - 120)).collect();
        let confirm = |text: &str| Call::Confirm { account: account.clone(), enrollment, code: code(text) };
        assert!(denied(&self.call(confirm(&other_than(&codes)))));
        let Reply::Enrolled(recovery) = self.call(confirm(&codes[4])) else { panic!("not enrolled") };
        let recovery = texts(&recovery);
        recovery.iter().for_each(|code| self.add_recovery(code));
        User { account, codes, recovery }
    }

    /// A recovery code as it is shown, as it may be typed, and what it stands for.
    fn add_recovery(&mut self, code: &str) {
        let plain = code.replace('-', "");
        let bytes = data_encoding::BASE32_NOPAD.decode(plain.as_bytes()).unwrap();
        self.needles.add("recovery code", &bytes);
        for text in [code.to_owned(), code.to_lowercase()] {
            self.needles.add("recovery code as it is shown", text.as_bytes());
        }
    }

    /// Everything that makes or takes a recovery code, and two codes of a resync.
    fn recover(&mut self, user: &User) {
        assert!(accepted(&self.call(user.verify(&user.recovery[0].to_lowercase()))));
        let proof = Proof::Asserted;
        let renew = Call::Recovery { account: user.account.clone(), proof, code: code(&user.recovery[1]) };
        let Reply::RecoveryCodes(codes) = self.call(renew) else { panic!("no new codes") };
        texts(&codes).iter().for_each(|code| self.add_recovery(code));
        let Reply::Issued(issued) = self.call(Call::Recover { account: user.account.clone() }) else {
            panic!("no code was issued")
        };
        self.add_recovery(issued.code.expose());
        assert!(accepted(&self.call(user.verify(issued.code.expose()))));
        let (first, second) = (code(&user.codes[6]), code(&user.codes[7]));
        let resync = Call::Resync { account: user.account.clone(), proof: Proof::Asserted, first, second };
        assert!(matches!(self.call(resync), Reply::Done));
    }

    /// Sets, judges and changes a password.
    fn use_passwords(&mut self, user: &User) {
        let account = || user.account.clone();
        let password = |text: &str| Password::new(Zeroizing::new(text.as_bytes().to_vec())).unwrap();
        assert!(matches!(
            self.call(Call::SetPassword { account: account(), password: password(PASSWORD) }),
            Reply::Done
        ));
        self.add_hash(user);
        for typed in [TYPED, PASSWORD] {
            let (password, code) = (password(typed), code(&user.codes[8]));
            let call = Call::Authenticate { account: account(), password, code, context: context() };
            assert_eq!(accepted(&self.call(call)), typed == PASSWORD);
        }
        self.look("after a password and a code");
        let ticket = Call::Recover { account: account() };
        let Reply::Issued(issued) = self.call(ticket) else { panic!("no code was issued") };
        self.add_recovery(issued.code.expose());
        let (old, new, code) = (password(PASSWORD), password(NEW_PASSWORD), code(issued.code.expose()));
        assert!(matches!(self.call(Call::Passwd { account: account(), old, code, new }), Reply::Done));
        self.add_hash(user);
        self.look("after a new password");
    }

    /// What is kept of a password can be guessed at, and so is a secret too.
    fn add_hash(&mut self, user: &User) {
        let Account::Name(name) = &user.account else { panic!("an account by handle") };
        let copied = store::copy(&self.serving.daemon.state().join("store")).unwrap();
        let store = SledStore::open(copied.path()).unwrap();
        let sealer = Sealer::new(&self.serving.keyring()).unwrap();
        let mut found = 0;
        let mut look = |_: &[u8], sealed: &[u8]| {
            let record = sealer.open(Subject::Account(name), sealed).ok();
            if let Some(hash) = record.and_then(|record| record.password) {
                self.needles.add("hash of a password", hash.expose().rsplit('$').next().unwrap().as_bytes());
                found += 1;
            }
        };
        store.scan(&mut look).unwrap();
        assert_eq!(found, 1, "the password is not kept");
    }

    /// Changes the key, and looks for the new one and the old one from then on.
    fn rotate(&mut self) {
        let begun = keys(&mut self.client, Call::KeyRotate);
        assert!(begun.old.is_some());
        wait_for_keys(&mut self.client);
        self.serving.add_keys(&mut self.needles);
    }
}

fn no_secret_gets_out(key_memory: &str, key_file: bool) {
    let config = format!(
        "key_memory = \"{key_memory}\"\n[realm.long]\nalgorithm = \"SHA256\"\nfirst_factor = \"password\"\n\
         [realm.longest]\nalgorithm = \"SHA512\"\n"
    );
    let mut watched = Watched::start(&config, key_file);
    if watched.serving.daemon.log().contains("memfd_secret") {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{}", watched.serving.daemon.log());
        return println!("not shown here: {}", watched.serving.daemon.log());
    }
    watched.look("after the start");
    let users = [("system", KNOWN), ("long", "bob"), ("longest", "carol")];
    let users = users.map(|(realm, user)| watched.enroll(realm, user));
    let _pending = watched.begin("erin", account("erin"));
    watched.look("after enrolments");
    for user in &users {
        assert!(denied(&watched.call(user.verify(&user.codes[4]))), "a used code is accepted");
        assert!(denied(&watched.call(user.verify(&other_than(&user.codes)))), "a wrong code is accepted");
        assert!(accepted(&watched.call(user.verify(&user.codes[5]))), "a right code is refused");
    }
    watched.look("after codes");
    for user in &users {
        watched.recover(user);
    }
    watched.look("after recovery codes");
    watched.rotate();
    watched.look("after a change of keys");
    let [user, ..] = &users;
    assert!(denied(&watched.call(user.verify(TYPED))));
    let password = Proof::Password(Password::new(Zeroizing::new(PASSWORD.as_bytes().to_vec())).unwrap());
    let refused = watched.call(users[2].reset(password, &user.codes[5]));
    assert!(matches!(refused, Reply::Refused(Refusal::Unsupported)), "nobody judges passwords in this realm");
    watched.use_passwords(&users[1]);
    let gone = watched.enroll("system", "dora");
    assert!(matches!(watched.call(gone.reset(Proof::Asserted, &gone.codes[5])), Reply::Done));
    watched.look("after passwords and a reset");
    let backup = watched.serving.daemon.folder().join("backup");
    let made = watched.serving.daemon.mfactl(&["backup", backup.to_str().unwrap()], &format!("{PASSPHRASE}\n"));
    assert!(made.status.success(), "{made:?}");
    watched.look("after a backup");
    watched.look_around();
    assert!(watched.found.is_empty(), "secrets got out:\n{}", watched.found.join("\n"));
}

#[test]
fn no_secret_gets_out_of_locked_memory() {
    no_secret_gets_out("mlock", true);
}

#[test]
fn no_secret_gets_out_of_memory_that_the_kernel_cannot_read() {
    no_secret_gets_out("memfd_secret", false);
}

#[test]
fn the_search_finds_what_a_process_holds() {
    let mut needles = Needles::default();
    needles.add("needle", b"a needle in a heap of hay");
    let mut command = Command::new("sh");
    command.args(["-c", "read needle; echo; read end"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{}", data_encoding::HEXUPPER.encode(b"a needle in a heap of hay")).unwrap();
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0]).unwrap();
    let image = core_image(child.id());
    assert!(!needles.found_in(&image).is_empty(), "a planted needle is not found");
    drop(stdin);
    child.wait().unwrap();
}
