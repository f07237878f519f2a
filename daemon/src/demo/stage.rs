//! The demo's daemon: a process of its own in a private folder that goes with it.

use std::error::Error;
use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mfad_client::{Client, Options, Trusted};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// The private folder, and the daemon that runs in it.
pub(super) struct Stage {
    folder: TempDir,
    daemon: Mutex<Option<Child>>,
    /// Where the daemon says that it is ready, as it would to systemd.
    ready: UnixDatagram,
}

impl Stage {
    /// Makes the folder, with a configuration that serves one realm.
    pub(super) fn set() -> Result<Self, Box<dyn Error>> {
        let folder =
            tempfile::Builder::new().prefix("mfad-demo-").permissions(Permissions::from_mode(0o700)).tempdir()?;
        let mut config = File::create(folder.path().join("mfad.toml"))?;
        write!(config, "[realm.{REALM}]\nissuer = \"mfad demo\"\nfirst_factor = \"password\"\n")?;
        let ready = UnixDatagram::bind(folder.path().join("notify"))?;
        ready.set_read_timeout(Some(START_WAIT))?;
        Ok(Self { folder, daemon: Mutex::default(), ready })
    }

    /// Starts the daemon, and waits until it says that it is ready.
    pub(super) fn start(&self) -> Result<(), Box<dyn Error>> {
        let at = |name: &str| self.folder.path().join(name);
        let log = File::options().create(true).append(true).open(at("log"))?;
        let child = Command::new(std::env::current_exe()?)
            .arg("serve")
            .arg("--config")
            .arg(at("mfad.toml"))
            .arg("--state")
            .arg(at("state"))
            .arg("--socket")
            .arg(self.socket())
            .env("NOTIFY_SOCKET", at("notify"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        *self.daemon() = Some(child);
        let mut message = [0; 1024];
        for _ in 0..START_WAITS {
            let said = self.ready.recv(&mut message).ok().and_then(|length| message.get(..length));
            if said.is_some_and(|said| said.starts_with(b"READY=1")) {
                return Ok(());
            }
            if self.daemon().as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None))) {
                break;
            }
        }
        Err(format!("the daemon did not start: {}", fs::read_to_string(at("log")).unwrap_or_default()).into())
    }

    /// Ends the daemon's process and starts another on the same state.
    pub(super) fn restart(&self) -> Result<(), Box<dyn Error>> {
        self.stop()?;
        // What the old one said while it stopped is not about the new one.
        self.ready.set_nonblocking(true)?;
        while self.ready.recv(&mut [0; 1024]).is_ok() {}
        self.ready.set_nonblocking(false)?;
        self.start()
    }

    /// A new connection to the daemon.
    pub(super) fn connect(&self) -> Result<Client, Box<dyn Error>> {
        Ok(Client::connect(Options::new(self.socket(), Trusted::OWN))?)
    }

    /// Ends the daemon and removes the folder.
    pub(super) fn clear(&self) -> Result<(), Box<dyn Error>> {
        self.stop()?;
        Ok(fs::remove_dir_all(self.folder.path())?)
    }

    fn stop(&self) -> Result<(), Box<dyn Error>> {
        let Some(mut child) = self.daemon().take() else { return Ok(()) };
        kill(Pid::from_raw(i32::try_from(child.id())?), Signal::SIGTERM)?;
        child.wait()?;
        Ok(())
    }

    fn daemon(&self) -> MutexGuard<'_, Option<Child>> {
        self.daemon.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("mfad.sock")
    }
}

/// The realm that the demo's daemon serves besides `system`.
pub(super) const REALM: &str = "demo";

/// How often, and each time for how long, the daemon is waited for to get ready: twenty seconds in all.
const START_WAITS: u32 = 100;
const START_WAIT: Duration = Duration::from_millis(200);
