//! A machine whose logins ask for a code: Debian's own sshd, sudo, su and login, with users, the module among PAM's modules,
//! the lines that `client/pam/README.md` tells an administrator to write, and a real daemon at the usual places, on clocks
//! that the test sets. Nothing of the machine under it is changed. It needs root.

mod daemon;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

pub use self::daemon::Factor;
use crate::clocked::write_clocks;
use crate::daemon::NOON;
use crate::machine::Machine;
use crate::people::run;
use crate::snippets::{commands, file};
use crate::visitor::Visitor;
use crate::way::Way;

/// The machine, with one way in that asks for a code.
pub struct Front {
    way: Way,
    daemon: Option<Child>,
    sshd: Option<Child>,
    machine: Machine,
}

impl Front {
    /// A machine with this way in and a running daemon. Nobody is enrolled.
    ///
    /// # Panics
    /// When this is not root, or something of it cannot be set up.
    #[must_use]
    pub fn new(way: Way) -> Self {
        Self::with_options(way, "")
    }

    /// The same, with these options behind the module's name.
    ///
    /// # Panics
    /// As [`Self::new`].
    #[must_use]
    pub fn with_options(way: Way, options: &str) -> Self {
        let mut front = Self::unguarded(way);
        front.guard(way, options);
        front.start_daemon();
        if way.is_ssh() {
            front.start_sshd();
        }
        front
    }

    /// The same with alice enrolled, whose app shows a code that was not used.
    ///
    /// # Panics
    /// As [`Self::new`].
    #[must_use]
    pub fn enrolled(way: Way) -> (Self, Factor) {
        let front = Self::new(way);
        let factor = front.enroll(ALICE);
        (front, factor)
    }

    /// A machine with users and the module, which no stack names yet. No daemon runs.
    ///
    /// # Panics
    /// As [`Self::new`].
    #[must_use]
    pub fn unguarded(way: Way) -> Self {
        let front = Self { way, daemon: None, sshd: None, machine: Machine::new() };
        write_clocks(&front.clocks(), NOON, 0);
        let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("../systemd");
        for path in ["pam.d/mfad", "pam-configs/mfad"] {
            let place = front.machine.work().join("systemd").join(path);
            fs::create_dir_all(place.parent().expect("a folder")).expect("a folder");
            fs::copy(tree.join(path), place).expect("a copy");
        }
        let install: String =
            commands(INSTALL)[0].split_inclusive('\n').filter(|line| line.starts_with("install ")).collect();
        front.perform(&format!("{SET_UP}\n{install}"));
        front.add_users(&[ALICE, BOB]);
        front
    }

    /// Makes users with the usual password, who may use sudo.
    ///
    /// # Panics
    /// When they cannot be made.
    pub fn add_users(&self, names: &[&str]) {
        let add = |name: &&str| format!("useradd --create-home --user-group --groups sudo --shell /bin/sh {name}\n");
        self.perform(&names.iter().map(add).collect::<String>());
        let passwords: String = names.iter().map(|name| format!("{name}:{PASSWORD}\n")).collect();
        let set = run(&mut self.machine.command(None, "chpasswd"), &passwords);
        assert!(set.status.success(), "{set:?}");
    }

    /// Writes the lines of a way's section into Debian's files, with these options behind the module's name.
    ///
    /// # Panics
    /// When a file is not Debian's.
    pub fn guard(&self, way: Way, options: &str) {
        let path = format!("/etc/pam.d/{}", way.service().trim_end_matches("-l"));
        let lines = file(way.title(), &path).replace(MODULE, format!("{MODULE} {options}").trim_end());
        let debian = self.read(&path);
        assert!(debian.contains(PASSWORDS), "{path} is not Debian's: {debian}");
        self.write(&path, &debian.replace(PASSWORDS, lines.trim_end()));
        if way.is_ssh() {
            let path = "/etc/ssh/sshd_config.d/mfad.conf";
            self.write(path, &file(way.title(), path));
        }
    }

    /// Starts sshd anew, which reads its configuration then.
    ///
    /// # Panics
    /// When none runs.
    pub fn restart_sshd(&mut self) {
        end(self.sshd.take().expect("a running sshd"));
        fs::remove_file(self.machine.folder().join("sshd.log")).expect("a log");
        self.start_sshd();
    }

    fn start_sshd(&mut self) {
        let mut child = self.spawn("exec /usr/sbin/sshd -D -e", "sshd.log");
        let log = self.machine.folder().join("sshd.log");
        let listens = || fs::read_to_string(&log).is_ok_and(|log| log.contains("Server listening on 127.0.0.1"));
        self.wait_until("sshd", &mut child, "sshd.log", listens);
        self.sshd = Some(child);
    }

    fn spawn(&self, line: &str, log: &str) -> Child {
        let log = File::options().create(true).append(true).open(self.machine.folder().join(log)).expect("a log");
        let mut command = self.machine.command(None, line);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("a started program")
    }

    fn wait_until(&self, what: &str, child: &mut Child, log: &str, mut is_ready: impl FnMut() -> bool) {
        let end = Instant::now() + Duration::from_secs(30);
        while !is_ready() {
            let gone = child.try_wait().expect("a process");
            let said = || fs::read_to_string(self.machine.folder().join(log)).unwrap_or_default();
            assert!(gone.is_none() && Instant::now() < end, "{what} is not ready: {}", said());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Runs `mfactl` as root.
    ///
    /// # Panics
    /// When it cannot be run.
    #[must_use]
    pub fn mfactl(&self, arguments: &str) -> Output {
        run(&mut self.machine.command(None, &format!("../programs/mfactl {arguments}")), "")
    }

    /// Runs lines of a shell as root, in a folder that has what the installation needs.
    ///
    /// # Panics
    /// When one of them fails.
    pub fn perform(&self, lines: &str) {
        let output = run(&mut self.machine.command(None, &format!("set -e\n{lines}")), "");
        assert!(output.status.success(), "{lines}: {output:?}");
    }

    /// Alice, or bob by su to her, goes in by one command.
    #[must_use]
    pub fn visit(&self) -> Visitor {
        self.visit_of(ALICE)
    }

    /// The same, and has passed the first factor.
    ///
    /// # Panics
    /// When that is not asked for.
    #[must_use]
    pub fn visit_with_password(&self) -> Visitor {
        let mut visitor = self.visit();
        visitor.passes_first_factor(PASSWORD);
        visitor
    }

    /// A user goes in by one command.
    #[must_use]
    pub fn visit_of(&self, user: &str) -> Visitor {
        Visitor::new(&self.machine, self.way, user)
    }

    /// Alice goes in for a shell, and has passed the first factor.
    ///
    /// # Panics
    /// When that is not asked for.
    #[must_use]
    pub fn visit_for_shell(&self) -> Visitor {
        let mut visitor = Visitor::for_shell(&self.machine, self.way, ALICE);
        visitor.passes_first_factor(PASSWORD);
        visitor
    }

    /// The machine.
    #[must_use]
    pub const fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Where a place of it lies outside.
    #[must_use]
    pub fn place(&self, path: &str) -> PathBuf {
        self.machine.root().join(path.trim_start_matches('/'))
    }

    /// Reads a file.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.place(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Writes a file.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, path: &str, text: &str) {
        fs::write(self.place(path), text).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.sshd.take().into_iter().chain(self.daemon.take()).for_each(end);
    }
}

fn end(mut child: Child) {
    kill(Pid::from_raw(i32::try_from(child.id()).expect("a pid")), Signal::SIGTERM).ok();
    child.wait().ok();
}

/// Who logs in.
pub const ALICE: &str = "alice";

/// Who becomes alice by su.
pub const BOB: &str = "bob";

/// Everybody's password.
pub const PASSWORD: &str = "korrekt-hest-42";

/// The public socket.
pub const PUBLIC: &str = "/run/mfad/mfad.sock";

/// The socket of login services.
pub const LOGIN: &str = "/run/mfad/system/mfad.sock";

/// The key of ssh that everybody here has.
pub const KEY: &str = "/etc/ssh/key";

const INSTALL: &str = "# pam_mfad: a code at every login";
const MODULE: &str = "pam_mfad.so";

/// How Debian's services come to the password.
const PASSWORDS: &str = "@include common-auth";

/// What `cargo build --release` leaves; Debian's configuration of sshd with a key for all; and no
/// waiting after a denial, nor a second login on the same terminal.
const SET_UP: &str = r#"
mkdir -p target /run/sshd /var/lib/mfad
ln -s ../../programs target/release
rm -rf /etc/sudoers.d /etc/ssh
mkdir -p /etc/ssh/sshd_config.d
printf '%s\n' 'Defaults env_reset, passwd_tries=1' '%sudo ALL=(ALL:ALL) ALL' >/etc/sudoers
chmod 440 /etc/sudoers
ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/host-key
ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/key
printf '%s\n' 'ListenAddress 127.0.0.1' 'HostKey /etc/ssh/host-key' 'AuthorizedKeysFile /etc/ssh/key.pub' \
  'MaxStartups 100' | cat - /usr/share/openssh/sshd_config >/etc/ssh/sshd_config
sed -i 's/pam_unix.so nullok/pam_unix.so nullok nodelay/' /etc/pam.d/common-auth
sed -i '/pam_faildelay/d' /etc/pam.d/login
rm -rf /etc/motd /etc/update-motd.d
sed -i '/^\(FAIL_DELAY\|LOGIN_RETRIES\)/d' /etc/login.defs
printf '%s\n' 'FAIL_DELAY 0' 'LOGIN_RETRIES 1' >>/etc/login.defs
"#;
