//! A private daemon for one test: a real process on a real socket, in a folder that goes with it.

use std::fs::File;
use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use mfad_client::{Client, Error, Options, Trusted};
use mfad_proto::{Call, Reply};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::app::App;
pub use crate::calls::{accepted, account, begin_enrollment, code, context, denied, enroll, verify};
use crate::clocked::{log_limits, read_clocks, write_clocks};
use crate::programs::built;

/// A daemon and its folder. Dropping it kills the one and removes the other.
pub struct Daemon {
    folder: TempDir,
    state: PathBuf,
    program: &'static str,
    helper: Option<PathBuf>,
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

    /// One of the programs, not started yet: for a test that chooses where the state lies, or ends the first start.
    ///
    /// # Panics
    /// When there is no room for a temporary folder.
    #[must_use]
    pub fn unstarted(program: &'static str, config: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut file = File::create(folder.path().join("mfad.toml")).expect("a configuration file");
        file.write_all(config.as_bytes()).expect("a written configuration");
        let daemon = Self { state: folder.path().join("state"), folder, program, helper: None, child: None };
        daemon.write_clocks(NOON, 0);
        daemon
    }

    fn new(program: &'static str, config: &str) -> Self {
        let mut daemon = Self::unstarted(program, config);
        daemon.spawn();
        daemon
    }

    /// The daemon's folder: `state/`, `mfad.sock`, `log`, `mfad.toml`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The daemon's state folder.
    #[must_use]
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// Puts the state of the next start elsewhere. What is there already stays as it is.
    pub fn set_state(&mut self, state: PathBuf) {
        self.state = state;
    }

    /// Lets the next start ask the helper on this socket about passwords.
    pub fn set_helper(&mut self, socket: PathBuf) {
        self.helper = Some(socket);
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

    /// Waits until the daemon has written this to standard error: its log never delays an answer, and so may come after it.
    ///
    /// # Panics
    /// When it does not.
    pub fn says(&self, words: &str) {
        let end = Instant::now() + Duration::from_secs(20);
        while !self.log().contains(words) {
            assert!(Instant::now() < end, "it does not say {words:?}: {}", self.last_words());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The end of what the daemon wrote to standard error, for a test that fails under load.
    #[must_use]
    pub fn last_words(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }

    /// What each of its threads waits for in the kernel, as far as this process may look.
    #[must_use]
    pub fn threads(&self) -> String {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid())).into_iter().flatten().flatten();
        let read = |path: PathBuf| std::fs::read_to_string(path).unwrap_or_else(|error| error.to_string());
        tasks.map(|task| ["comm", "syscall", "stack"].map(|file| read(task.path().join(file))).concat()).collect()
    }

    /// The daemon's process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("a running daemon").id()
    }

    /// Sets the wall clock of a clocked daemon, in Unix seconds. No delay gets shorter by that.
    pub fn set_time(&self, unix: u64) {
        let (_, monotonic) = read_clocks(&self.clocks());
        self.write_clocks(unix, monotonic);
    }

    /// Lets seconds pass on the monotonic clock of a clocked daemon: delays end, and the codes stay the same.
    pub fn rest(&self, seconds: u64) {
        let (unix, monotonic) = read_clocks(&self.clocks());
        self.write_clocks(unix, monotonic + seconds);
    }

    /// The wall clock of a clocked daemon.
    #[must_use]
    pub fn time(&self) -> u64 {
        read_clocks(&self.clocks()).0
    }

    /// Lets a clocked daemon keep so many files of its audit log from its next start on, each of about so many bytes.
    ///
    /// # Panics
    /// When that cannot be written.
    pub fn set_log_limits(&self, files: u64, bytes: u64) {
        std::fs::write(log_limits(&self.clocks()), format!("{files} {bytes}")).expect("written limits");
    }

    fn clocks(&self) -> PathBuf {
        self.folder().join("time")
    }

    fn write_clocks(&self, unix: u64, monotonic: u64) {
        write_clocks(&self.clocks(), unix, monotonic);
    }

    /// Starts the process, and waits until it says that it is ready.
    ///
    /// # Panics
    /// When it does not get ready.
    pub fn spawn(&mut self) {
        self.try_spawn().unwrap_or_else(|why| panic!("{why}: {}", self.last_words()));
    }

    /// Starts the process, and waits until it says that it is ready.
    ///
    /// # Errors
    /// When it ends before it is ready.
    ///
    /// # Panics
    /// When it neither gets ready nor ends.
    pub fn try_spawn(&mut self) -> Result<(), String> {
        let notify = self.folder().join("notify");
        std::fs::remove_file(&notify).ok();
        let ready = UnixDatagram::bind(&notify).expect("a notify socket");
        ready.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
        let mut command = self.command();
        command.env("NOTIFY_SOCKET", &notify);
        let child = self.child.insert(command.spawn().expect("a started daemon"));
        let end = Instant::now() + Duration::from_secs(30);
        let mut message = [0; 1024];
        loop {
            // A long check of the store tells how far it is, before.
            let length = ready.recv(&mut message).unwrap_or(0);
            if message[..length].split(|byte| *byte == b'\n').any(|line| line == b"READY=1") {
                return Ok(());
            }
            if let Some(status) = child.try_wait().expect("a process") {
                self.child = None;
                return Err(format!("it ended before it was ready: {status}"));
            }
            assert!(Instant::now() < end, "neither ready nor ended: {}", self.last_words());
        }
    }

    /// Starts the process and waits for nothing.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn begin(&mut self) {
        self.child = Some(self.command().spawn().expect("a started daemon"));
    }

    /// Waits until a process that the test has started itself says that it is ready.
    ///
    /// # Panics
    /// When it does not get ready.
    pub fn wait_for(&self, child: &mut Child) {
        let end = Instant::now() + Duration::from_secs(30);
        let ready = || {
            let pong = self.try_client().and_then(|mut client| client.call(Call::Ping));
            matches!(pong, Ok(Reply::Pong(pong)) if pong.ready)
        };
        while !ready() {
            assert!(child.try_wait().expect("a process").is_none(), "it ended: {}", self.last_words());
            assert!(Instant::now() < end, "it does not get ready: {}", self.last_words());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The command that starts this daemon, for a test that wants to see it fail.
    #[must_use]
    pub fn command(&self) -> Command {
        let log = File::options().create(true).append(true).open(self.folder().join("log")).expect("a log");
        let mut command = Command::new(built(self.program));
        command.arg("serve").arg("--config").arg(self.folder().join("mfad.toml"));
        command.arg("--state").arg(&self.state).arg("--socket").arg(self.socket());
        if let Some(socket) = &self.helper {
            command.arg("--passwd-socket").arg(socket);
        }
        command.env("MFAD_TEST_CLOCK", self.clocks());
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
        self.signal(signal);
        let mut child = self.child.take().expect("a running daemon");
        child.wait().expect("an ended daemon")
    }

    /// Sends the daemon a signal, and waits for nothing. One that has ended takes it without a word, until it is
    /// waited for.
    ///
    /// # Panics
    /// When there is none.
    pub fn signal(&self, signal: Signal) {
        kill(self.process(), signal).expect("a signal");
    }

    /// Stops every thread of the daemon where it is, and returns when they stand still.
    ///
    /// # Panics
    /// When it has ended instead.
    pub fn pause(&self) {
        self.signal(Signal::SIGSTOP);
        let status = waitpid(self.process(), Some(WaitPidFlag::WUNTRACED)).expect("a process");
        assert!(matches!(status, WaitStatus::Stopped(..)), "it ended instead: {status:?}: {}", self.last_words());
    }

    /// Whether the process is still the one that was started.
    ///
    /// # Panics
    /// When there was none.
    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().expect("a daemon").try_wait().expect("a process").is_none()
    }

    fn process(&self) -> Pid {
        Pid::from_raw(self.pid().try_into().expect("a pid"))
    }

    /// A connection to the daemon.
    #[must_use]
    pub fn client(&self) -> Client {
        self.try_client().expect("a connection")
    }

    /// A connection to a daemon that may have ended.
    ///
    /// # Errors
    /// Why there is none.
    pub fn try_client(&self) -> Result<Client, Error> {
        let mut options = Options::new(self.socket(), Trusted::OWN);
        // A busy machine is not what the tests are about.
        options.deadline = Duration::from_secs(30);
        Client::connect(options)
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

/// Where the clock of a clocked daemon starts: the middle of a step, long before any test's real time.
pub const NOON: u64 = 1_700_000_055;
