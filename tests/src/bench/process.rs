//! A process that says when it is ready, as a service does; it ends with its owner.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::folder::{self, Folder};

/// A running process. Dropping it kills it.
pub(crate) struct Process {
    child: Child,
    began: Instant,
    log: PathBuf,
}

impl Process {
    /// Starts a process of this folder, and waits until it is ready.
    pub(crate) fn start(mut command: Command, folder: &Folder) -> Self {
        let notify = folder.path().join("notify");
        std::fs::remove_file(&notify).ok();
        let ready = UnixDatagram::bind(&notify).expect("a notify socket");
        ready.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
        let log = File::options().create(true).append(true).open(folder.log()).expect("a log");
        command.env("NOTIFY_SOCKET", &notify).stderr(log);
        let began = Instant::now();
        let child = command.spawn().expect("a started process");
        let mut process = Self { child, began, log: folder.log() };
        let mut message = [0; 256];
        loop {
            match ready.recv(&mut message) {
                Ok(length) if message[..length].starts_with(READY) => return process,
                Ok(_) => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(error) => panic!("the notify socket cannot be read: {error}"),
            }
            if let Some(status) = process.child.try_wait().expect("a child") {
                // A process that ends at once may have been ready all the same.
                let ready = ready.recv(&mut message).is_ok_and(|length| message[..length].starts_with(READY));
                assert!(ready, "{command:?} ended before it was ready: {status}");
                return process;
            }
        }
    }

    /// Since just before it was started.
    pub(crate) fn age(&self) -> Duration {
        self.began.elapsed()
    }

    /// Bytes of memory that it occupies now.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kibibytes * 1024
    }

    /// The pipes to its standard input and from its standard output.
    pub(crate) fn pipes(&mut self) -> (std::process::ChildStdin, std::process::ChildStdout) {
        (self.child.stdin.take().expect("a pipe"), self.child.stdout.take().expect("a pipe"))
    }

    /// Asks it to stop, as a service manager does, and waits until it has.
    pub(crate) fn stop(mut self) {
        kill(Pid::from_raw(self.child.id().try_into().expect("a pid")), Signal::SIGTERM).expect("a signal");
        self.ended();
    }

    /// Waits until it ends by itself.
    pub(crate) fn finish(mut self) {
        self.ended();
    }

    fn ended(&mut self) {
        let status = self.child.wait().expect("an ended process");
        assert!(status.success(), "a process failed: {status}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail when it has ended, and that is as good.
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            let last: Vec<_> = log.lines().rev().take(5).collect();
            last.iter().rev().for_each(|line| eprintln!("log: {line}"));
        }
    }
}

/// Runs a process of this folder to its end.
pub(crate) fn run(mut command: Command) {
    let status = command.status().expect("a started process");
    assert!(status.success(), "{command:?} failed: {status}");
}

/// Runs a process to its end, and returns the milliseconds that it took.
pub(crate) fn time(command: Command) -> f64 {
    let began = Instant::now();
    run(command);
    began.elapsed().as_secs_f64() * 1e3
}

/// A program that was built beside this one, without any output.
pub(crate) fn program(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a path").with_file_name(name));
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// `program serve` on this folder.
pub(crate) fn serve(mut command: Command, folder: &Folder) -> Command {
    command.arg("--config").arg(folder::config(folder.path())).arg("--state").arg(folder::state(folder.path()));
    command.arg("--socket").arg(folder.socket());
    command
}

/// Says that this process is ready.
pub(crate) fn say_ready() {
    let socket = std::env::var_os("NOTIFY_SOCKET").expect("NOTIFY_SOCKET");
    UnixDatagram::unbound().and_then(|from| from.send_to(READY, socket)).expect("a listening parent");
}

const READY: &[u8] = b"READY=1";
