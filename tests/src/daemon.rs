//! A private daemon for one test: a real process on a real socket, in a folder that goes with it.

use std::fs::File;
use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use mfad_client::{Client, Options, Trusted};
use mfad_proto::{
    Account, AccountName, Call, Code, Context, Enrollment, Label, Proof, Realm, Refusal, Reply, UserName,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use zeroize::Zeroizing;

use crate::app::App;
use crate::programs::built;

/// A daemon and its folder. Dropping it kills the one and removes the other.
pub struct Daemon {
    folder: TempDir,
    program: &'static str,
    child: Option<Child>,
}

impl Daemon {
    /// The released program, by the machine's clock.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// The released program with this configuration.
    #[must_use]
    pub fn start_with(config: &str) -> Self {
        Self::new("mfad", config)
    }

    /// The same daemon with a clock that the test sets: see [`Self::set_time`]. It starts at [`NOON`].
    #[must_use]
    pub fn start_clocked(config: &str) -> Self {
        Self::new("mfad-clocked", config)
    }

    fn new(program: &'static str, config: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut file = File::create(folder.path().join("mfad.toml")).expect("a configuration file");
        file.write_all(config.as_bytes()).expect("a written configuration");
        let mut daemon = Self { folder, program, child: None };
        daemon.set_time(NOON);
        daemon.spawn();
        daemon
    }

    /// The daemon's folder: `state/`, `mfad.sock`, `log`, `mfad.toml`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The daemon's socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder().join("mfad.sock")
    }

    /// Everything the daemon wrote to standard error.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder().join("log")).expect("a log")
    }

    /// The daemon's process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("a running daemon").id()
    }

    /// Sets the clock of a clocked daemon, in Unix seconds.
    pub fn set_time(&self, unix: u64) {
        // Replaced whole, so that the daemon never reads half a time.
        let (new, path) = (self.folder().join("time.new"), self.folder().join("time"));
        std::fs::write(&new, unix.to_string()).expect("a written time");
        std::fs::rename(&new, &path).expect("a replaced time");
    }

    /// Starts the process, and waits until it says that it is ready.
    ///
    /// # Panics
    /// When it does not get ready.
    pub fn spawn(&mut self) {
        let notify = self.folder().join("notify");
        std::fs::remove_file(&notify).ok();
        let ready = UnixDatagram::bind(&notify).expect("a notify socket");
        ready.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        let mut command = self.command();
        command.env("NOTIFY_SOCKET", &notify);
        self.child = Some(command.spawn().expect("a started daemon"));
        let mut message = [0; 1024];
        // A long check of the store tells how far it is, before.
        while !message.starts_with(b"READY=1") {
            match ready.recv(&mut message) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                received => assert!(received.is_ok(), "not ready ({received:?}): {}", self.log()),
            }
        }
    }

    /// The command that starts this daemon, for a test that wants to see it fail.
    #[must_use]
    pub fn command(&self) -> Command {
        let log = File::options().create(true).append(true).open(self.folder().join("log")).expect("a log");
        let mut command = Command::new(built(self.program));
        command.arg("serve").arg("--config").arg(self.folder().join("mfad.toml"));
        command.arg("--state").arg(self.folder().join("state")).arg("--socket").arg(self.socket());
        command.env("MFAD_TEST_CLOCK", self.folder().join("time"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        command
    }

    /// Asks the daemon to stop, and waits until it has.
    ///
    /// # Panics
    /// When there is none.
    pub fn stop(&mut self) -> ExitStatus {
        self.end(Signal::SIGTERM)
    }

    /// Kills the daemon as a crash would.
    ///
    /// # Panics
    /// When there is none.
    pub fn kill(&mut self) -> ExitStatus {
        self.end(Signal::SIGKILL)
    }

    fn end(&mut self, signal: Signal) -> ExitStatus {
        let mut child = self.child.take().expect("a running daemon");
        kill(Pid::from_raw(child.id().try_into().expect("a pid")), signal).expect("a signal");
        child.wait().expect("an ended daemon")
    }

    /// A connection to the daemon.
    #[must_use]
    pub fn client(&self) -> Client {
        let mut options = Options::new(self.socket(), Trusted::OWN);
        // A busy machine is not what the tests are about.
        options.deadline = Duration::from_secs(30);
        Client::connect(options).expect("a connection")
    }

    /// Runs `mfactl` on the daemon's socket with this standard input.
    ///
    /// # Panics
    /// When it cannot be run.
    pub fn mfactl(&self, args: &[&str], input: &str) -> Output {
        let mut command = Command::new(built("mfactl"));
        command.arg("--socket").arg(self.socket()).args(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("mfactl");
        let mut stdin = child.stdin.take().expect("a pipe");
        // A program that fails early need not read its input.
        stdin.write_all(input.as_bytes()).ok();
        drop(stdin);
        child.wait_with_output().expect("an ended mfactl")
    }

    /// Enrols this user of realm `system` at Unix time `now`, and returns the app that was set up. The step of `now` is
    /// used then.
    ///
    /// # Panics
    /// When anything is refused.
    #[must_use]
    pub fn enroll(&self, user: &str, now: u64) -> App {
        let mut client = self.client();
        let enrollment = begin_enrollment(&mut client, user);
        let app = App::scan(enrollment.uri.expose());
        let confirm = Call::Confirm { account: account(user), enrollment: enrollment.id, code: code(&app.code(now)) };
        assert!(matches!(client.call(confirm), Ok(Reply::Enrolled(_))), "the first code is refused");
        app
    }

    /// Sends a code of this user in realm `system`.
    ///
    /// # Panics
    /// When there is no answer.
    #[must_use]
    pub fn verify(&self, user: &str, text: &str) -> Reply {
        self.client().call(verify(user, text)).expect("an answer")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

/// Begins an enrolment of this user in realm `system`.
///
/// # Panics
/// When it is refused.
pub fn begin_enrollment(client: &mut Client, user: &str) -> Enrollment {
    match client.call(enroll(user)).expect("an answer") {
        Reply::Enrollment(enrollment) => enrollment,
        _ => panic!("no enrolment was begun"),
    }
}

/// `Enroll` with the first factor vouched for.
#[must_use]
pub fn enroll(user: &str) -> Call {
    Call::Enroll { account: account(user), proof: Proof::Asserted, ticket: None, issuer: None, context: context() }
}

/// `Verify`.
#[must_use]
pub fn verify(user: &str, text: &str) -> Call {
    Call::Verify { account: account(user), code: code(text), context: context() }
}

/// An account of realm `system`.
#[must_use]
pub fn account(user: &str) -> Account {
    Account::Name(AccountName { realm: Realm::system(), user: UserName::new(user).expect("a legal name") })
}

/// A code as it was typed.
#[must_use]
pub fn code(text: &str) -> Code {
    Code::new(Zeroizing::new(text.as_bytes().to_vec())).expect("a short code")
}

/// Where the tests' requests come from.
#[must_use]
pub fn context() -> Context {
    Context { service: Label::cut("test"), ..Context::default() }
}

/// Whether this is an acceptance.
#[must_use]
pub fn accepted(reply: &Reply) -> bool {
    matches!(reply, Reply::Accepted(_))
}

/// Whether this is a denial.
#[must_use]
pub fn denied(reply: &Reply) -> bool {
    matches!(reply, Reply::Refused(Refusal::Denied))
}

/// Where the clock of a clocked daemon starts: the middle of a step, long before any test's real time.
pub const NOON: u64 = 1_700_000_055;
