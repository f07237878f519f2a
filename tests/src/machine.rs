//! A machine of one's own, as far as files and the network go: a mount namespace in which whatever installs, adds users or
//! keeps state may do so, and nothing of it is left, and a network with nobody else in it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::programs::{built, tool};

/// The machine. It goes when it is dropped; programs that still run there must be ended before.
pub struct Machine {
    folder: TempDir,
    keeper: Child,
}

impl Machine {
    /// Makes one: `/etc`, PAM's modules and profiles, and what debconf knows are copies, and `/run`, `/usr/local`, `/root`, `/home`, `/var/lib` and `/var/log` are empty. What the
    /// workspace has built lies in the folder `programs`, also where nothing else of the tree can be seen.
    ///
    /// # Panics
    /// When this is not root, or something cannot be mounted.
    #[must_use]
    pub fn new() -> Self {
        assert!(nix::unistd::geteuid().is_root(), "these tests need root");
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("its mode");
        let programs = built("mfad").parent().expect("a folder of programs").to_owned();
        let mut unshare = tool("unshare");
        unshare.args(["--mount", "--net", "--propagation", "private", "bash", "-ec", MOUNTS, "bash"]);
        unshare.arg(folder.path()).arg(programs);
        let keeper = unshare.stdin(Stdio::null()).spawn().expect("a keeper of the machine");
        let mut machine = Self { folder, keeper };
        let end = Instant::now() + Duration::from_secs(20);
        while !machine.folder().join("ready").exists() {
            let gone = machine.keeper.try_wait().expect("a look at the keeper");
            assert!(gone.is_none() && Instant::now() < end, "the machine was not made: {gone:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        machine
    }

    /// A folder that lies at the same place inside and outside.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the machine's own root folder lies outside.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root", self.keeper.id()))
    }

    /// The arguments of `nsenter` that run this line of a shell there, in the folder `work` below [`Self::folder`], as root
    /// or as this user.
    #[must_use]
    pub fn enter(&self, user: Option<&str>, line: &str) -> Vec<String> {
        let work = self.work();
        let namespace = |option, name| format!("--{option}=/proc/{}/ns/{name}", self.keeper.id());
        let mut words = vec![namespace("mount", "mnt"), namespace("net", "net"), "--".to_owned()];
        if let Some(user) = user {
            words.extend(["setpriv", "--reuid", user, "--regid", user, "--init-groups"].map(str::to_owned));
        }
        let environment = ["env", "-i", "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"];
        words.extend(environment.map(str::to_owned));
        words.extend(["bash".to_owned(), "-c".to_owned(), format!("cd '{}' && {line}", work.display())]);
        words
    }

    /// The command of [`Self::enter`].
    #[must_use]
    pub fn command(&self, user: Option<&str>, line: &str) -> Command {
        let mut command = tool("nsenter");
        command.args(self.enter(user, line));
        command
    }

    /// Where lines of a shell are run.
    #[must_use]
    pub fn work(&self) -> PathBuf {
        self.folder().join("work")
    }
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // The namespace, and what is mounted in it, goes with the last process in it.
        let keeper = i32::try_from(self.keeper.id()).expect("a pid");
        kill(Pid::from_raw(keeper), Signal::SIGKILL).ok();
        self.keeper.wait().ok();
    }
}

const MOUNTS: &str = r#"
cd "$1"
mkdir etc work programs
mount --bind "$2" programs
ip link set lo up
mount -t tmpfs -o mode=755 tmpfs etc
cp -a /etc/. etc
mount --bind etc /etc
modules=$(ls -d /lib/*-linux-*/security | head -n 1)
for place in "$modules" /usr/share/pam-configs /var/cache/debconf; do
  mkdir -p "copies/$place"
  cp -a "$place/." "copies/$place"
  mount --bind "copies/$place" "$place"
done
for place in /run /usr/local /root /home /var/lib /var/log; do mount -t tmpfs -o mode=755 tmpfs "$place"; done
mkdir /usr/local/bin
touch ready
exec sleep infinity
"#;
