//! Real users of this machine, made for one test: with a uid, a password, and whatever groups it needs. They go with the
//! test, and those that a killed run has left go with the next.

use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};

use nix::unistd::{Group, Pid, User};
use tempfile::TempDir;

use crate::programs::{built, tool};

/// A user that goes when it is dropped.
pub struct Person {
    /// The name.
    pub name: String,
    /// The uid.
    pub uid: u32,
    /// The primary group.
    pub gid: u32,
}

impl Person {
    /// Makes a user with this password, in these groups besides the one of its own.
    ///
    /// # Panics
    /// When this is not root, or the user cannot be made.
    #[must_use]
    pub fn new(password: &str, groups: &[&str]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{PREFIX}{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Self::named(name, None, password, groups)
    }

    /// Makes a user of this name and, where it matters, this uid.
    ///
    /// # Panics
    /// As [`Self::new`].
    #[must_use]
    pub fn named(name: String, uid: Option<u32>, password: &str, groups: &[&str]) -> Self {
        sweep();
        let _alone = alone();
        let mut add = tool("useradd");
        add.args(["--no-create-home", "--user-group", "--shell", "/bin/sh"]);
        if let Some(uid) = uid {
            add.args(["--uid", &uid.to_string()]);
        }
        if !groups.is_empty() {
            add.args(["--groups", &groups.join(",")]);
        }
        succeed(add.arg(&name), "");
        succeed(&mut tool("chpasswd"), &format!("{name}:{password}\n"));
        let user = User::from_name(&name).expect("users can be looked up").expect("the user that was made");
        Self { name, uid: user.uid.as_raw(), gid: user.gid.as_raw() }
    }

    /// The command that runs this program as this user, in its groups.
    #[must_use]
    pub fn runs(&self, program: &Path) -> Command {
        let mut command = tool("setpriv");
        let (uid, gid) = (self.uid.to_string(), self.gid.to_string());
        command.args(["--reuid", &uid, "--regid", &gid, "--init-groups", "--"]).arg(program);
        command
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        let _alone = alone();
        remove(&self.name);
    }
}

/// A group that goes when it is dropped.
pub struct Circle(pub String);

impl Circle {
    /// Makes a group; one of this name that is there already is used, and stays.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let _alone = alone();
        if Group::from_name(name).expect("groups can be looked up").is_some() {
            return None;
        }
        succeed(tool("groupadd").args(["--system", name]), "");
        Some(Self(name.to_owned()))
    }
}

impl Drop for Circle {
    fn drop(&mut self) {
        let _alone = alone();
        tool("groupdel").arg(&self.0).output().expect("groupdel");
    }
}

/// `mfad-passwd` behind a socket that starts one for each connection, as systemd does.
pub struct PasswdSocket {
    folder: TempDir,
    activator: Child,
}

impl PasswdSocket {
    /// For a daemon of this uid.
    ///
    /// # Panics
    /// When it does not listen.
    #[must_use]
    pub fn start(daemon: u32) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o711)).expect("a folder to be passed");
        let path = folder.path().join("passwd.sock");
        let mut command = tool("systemd-socket-activate");
        command.args(["--accept", "--inetd", "--listen"]).arg(&path);
        command.arg(built("mfad-passwd")).args(["--daemon-uid", &daemon.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let activator = command.spawn().expect("systemd-socket-activate");
        let end = Instant::now() + Duration::from_secs(20);
        while !path.exists() {
            assert!(Instant::now() < end, "nobody listens for mfad-passwd");
            std::thread::sleep(Duration::from_millis(10));
        }
        chown(&path, Some(daemon), None).expect("a socket to give away");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("a closed socket");
        Self { folder, activator }
    }

    /// The socket.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("passwd.sock")
    }
}

impl Drop for PasswdSocket {
    fn drop(&mut self) {
        let pid = Pid::from_raw(self.activator.id().try_into().expect("a pid"));
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).ok();
        self.activator.wait().ok();
    }
}

/// Runs a command with this standard input.
///
/// # Panics
/// When it cannot be run.
pub fn run(command: &mut Command, input: &str) -> Output {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a started command");
    // A program that fails early need not read its input.
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).ok();
    child.wait_with_output().expect("an ended command")
}

fn succeed(command: &mut Command, input: &str) {
    let output = run(command, input);
    assert!(output.status.success(), "{command:?}: {output:?}");
}

fn remove(name: &str) {
    tool("userdel").arg(name).output().expect("userdel");
}

/// Two changes of the user files at a time would wait for each other's lock, and give up.
fn alone() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes what killed runs have left, once.
fn sweep() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _alone = alone();
        let users = std::fs::read_to_string("/etc/passwd").expect("the file of users");
        let left = users.lines().filter_map(|line| line.split(':').next()).filter(|name| name.starts_with(PREFIX));
        for name in left {
            let pid = name.trim_start_matches(PREFIX).split('-').next().unwrap_or_default();
            if !Path::new("/proc").join(pid).exists() {
                remove(name);
            }
        }
    });
}

/// What the names of all these users begin with.
const PREFIX: &str = "mfadt-";
