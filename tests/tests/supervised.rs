//! What a supervisor hears: readiness, a line on how the daemon is, that it still decides, and that a long proof needs time.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mfad_tests::daemon::{Daemon, NOON};
use mfad_tests::faults::{Disk, FaultyHome};
use mfad_tests::inprocess::{InProcess, SetClock};

/// A supervisor's ear.
struct Supervisor(UnixDatagram);

impl Supervisor {
    fn at(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        // No answer within this is a failure.
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Self(socket)
    }

    /// The first message with all of these lines, or beginnings of lines.
    fn hears(&self, lines: &[&str]) -> String {
        let mut message = [0; 4096];
        loop {
            let length = self.0.recv(&mut message).unwrap_or_else(|error| panic!("not told {lines:?}: {error}"));
            let text = String::from_utf8(message[..length].to_vec()).unwrap();
            if lines.iter().all(|line| text.lines().any(|told| told.starts_with(line))) {
                return text;
            }
        }
    }
}

/// A daemon of this folder that is watched.
struct Watched(Child);

impl Watched {
    fn start(daemon: &Daemon, notify: &Path) -> Self {
        let mut command = daemon.command();
        Self(command.env("NOTIFY_SOCKET", notify).env("WATCHDOG_USEC", "300000").spawn().unwrap())
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn a_watched_daemon_says_that_it_decides_and_for_how_many_accounts() {
    let mut daemon = Daemon::start_clocked("");
    daemon.stop();
    let notify = daemon.folder().join("supervisor");
    let supervisor = Supervisor::at(&notify);
    let watched = Watched::start(&daemon, &notify);
    supervisor.hears(&["READY=1", "STATUS=ready, accounts: 0"]);
    supervisor.hears(&["WATCHDOG=1", "STATUS=ready, accounts: 0"]);
    let _app = daemon.enroll("alice", NOON);
    // A name without a record leaves one as well, which is no account's.
    assert!(mfad_tests::daemon::denied(&daemon.verify("nobody-of-that-name", "123456")));
    supervisor.hears(&["WATCHDOG=1", "STATUS=ready, accounts: 1"]);
    drop(watched);
    let _watched = Watched::start(&daemon, &notify);
    supervisor.hears(&["READY=1", "STATUS=ready, accounts: 1"]);
}

#[test]
fn a_daemon_with_a_damaged_store_is_ready_and_fed_and_says_what_to_do() {
    let mut daemon = Daemon::start_clocked("");
    daemon.stop();
    std::fs::remove_file(daemon.state().join("head")).unwrap();
    let notify = daemon.folder().join("supervisor");
    let supervisor = Supervisor::at(&notify);
    let _watched = Watched::start(&daemon, &notify);
    for line in ["READY=1", "WATCHDOG=1"] {
        let told = supervisor.hears(&[line, "STATUS="]);
        assert!(told.contains("the file head is missing") && told.contains("mfad restore FILE"), "{told}");
    }
}

/// The process that a supervisor starts, and the test that plays one: told apart by what a supervisor sets.
#[test]
fn a_proof_that_takes_long_asks_for_more_time() {
    if std::env::var_os("NOTIFY_SOCKET").is_some() {
        return prove_until_told();
    }
    let folder = tempfile::tempdir().unwrap();
    let notify = folder.path().join("supervisor");
    let supervisor = Supervisor::at(&notify);
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "a_proof_that_takes_long_asks_for_more_time"]).env("NOTIFY_SOCKET", &notify);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    supervisor.hears(&["EXTEND_TIMEOUT_USEC=15000000", "STATUS=the store is being checked: 0 % done"]);
    drop(child.stdin.take());
    supervisor.hears(&["READY=1", "STATUS=ready, accounts: 0"]);
    assert!(child.wait().unwrap().success());
}

/// A daemon whose store does not open before standard input ends.
fn prove_until_told() {
    let (home, clock) = (FaultyHome::new(), SetClock::at(NOON));
    home.set(Disk::Held);
    let daemon = InProcess::start(&home, &clock);
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).unwrap();
    home.set(Disk::Well);
    daemon.wait_until_ready();
    daemon.stop().unwrap();
}
