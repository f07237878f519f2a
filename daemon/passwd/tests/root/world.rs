//! A private `/etc` with accounts and PAM services of a test's own.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use super::helper::{Talk, bounded, question, send, talk};

/// The mount namespace. It lives as long as the shell that holds it, and the shell as long as its standard input is open.
pub(crate) struct World {
    holder: Child,
    /// The shell writes to it.
    _stdout: BufReader<ChildStdout>,
}

impl World {
    /// One with the PAM service that is shipped.
    pub(crate) fn new() -> Self {
        Self::with_service(include_str!("../../../../systemd/pam.d/mfad"))
    }

    /// One with this PAM service in the place of the shipped one.
    pub(crate) fn with_service(service: &str) -> Self {
        assert!(nix::unistd::geteuid().is_root(), "these tests need root");
        // A file may vanish while the folder is copied, and a lock that somebody holds there must not be held here for ever.
        let script = "set -e\n\
            mount -t tmpfs -o mode=755 tmpfs /mnt\n\
            cp -a /etc/. /mnt || cp -a /etc/. /mnt\n\
            mount --move /mnt /etc\n\
            rm -f /etc/passwd.lock /etc/shadow.lock /etc/group.lock /etc/gshadow.lock /etc/subuid.lock /etc/subgid.lock\n\
            sed -i /^mfad:/d /etc/passwd /etc/shadow /etc/group /etc/gshadow\n\
            echo ready\n\
            read -r _ || true";
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", script]);
        let mut holder = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (mut stdout, mut line) = (BufReader::new(holder.stdout.take().unwrap()), String::new());
        stdout.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "there is no private /etc");
        let world = Self { holder, _stdout: stdout };
        world.shell("cat >/etc/pam.d/mfad", service);
        world
    }

    /// A command that sees this `/etc` and ends within a minute.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = bounded("nsenter");
        command.arg(format!("--mount=/proc/{}/ns/mnt", self.holder.id())).arg("--").arg(program);
        command
    }

    /// The helper.
    pub(crate) fn helper(&self) -> Command {
        self.command(env!("CARGO_BIN_EXE_mfad-passwd"))
    }

    /// Runs a script that must succeed.
    pub(crate) fn shell(&self, script: &str, input: &str) {
        let mut command = self.command("sh");
        command.args(["-ec", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{script}: {output:?}");
    }

    /// A new account with this password.
    pub(crate) fn account(&self, user: &str, password: &str) {
        self.shell(&format!("useradd --no-create-home --no-log-init {user}"), "");
        self.shell("chpasswd", &format!("{user}:{password}\n"));
    }

    /// What the helper answers to the question. Whatever that is, it tells nobody else what was asked.
    pub(crate) fn ask(&self, user: &str, password: &str) -> Talk {
        let talk = talk(self.helper(), |stream| send(stream, &question(user, password)));
        assert!(password.is_empty() || !talk.stderr.contains(password), "{talk:?}");
        assert!(!talk.stderr.contains(user), "{talk:?}");
        talk
    }
}

impl Drop for World {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        self.holder.wait().ok();
    }
}

/// Builds the test's own PAM module in a folder, and says where it is.
pub(crate) fn module(folder: &Path) -> String {
    let path = folder.join("pam_test.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/root/module.c");
    let status =
        Command::new("cc").args(["-shared", "-fPIC", "-Wall", "-Werror", "-o"]).arg(&path).arg(source).status();
    assert!(status.unwrap().success(), "the module was not built");
    path.into_os_string().into_string().unwrap()
}
