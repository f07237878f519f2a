//! A machine for the doctor to look at: a mount namespace in which the usual places are folders of a test's own, with a
//! real daemon, the real files of PAM and a real sshd. Nothing of the machine itself is changed. It needs root.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::diagnosis::Diagnosis;
use crate::people::run;
use crate::programs::{built, tool};

/// The places of a machine, as they should be until the test changes them.
pub struct Patient {
    folder: TempDir,
    modules: String,
}

impl Patient {
    /// A machine on which all is well: sshd, login and su ask for a code behind the password.
    ///
    /// # Panics
    /// When this is not root, or the machine has no PAM.
    #[must_use]
    pub fn healthy() -> Self {
        assert!(nix::unistd::geteuid().is_root(), "these tests need root");
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).expect("an open folder");
        let patient = Self { folder, modules: modules() };
        for (from, to) in [("/etc", "/etc"), (patient.modules.as_str(), patient.modules.as_str())] {
            let copied = run(tool("cp").args(["-a", from]).arg(patient.place(to)), "");
            // A lock file of somebody else's may have gone meanwhile.
            assert!(copied.status.success() || from == "/etc", "{copied:?}");
        }
        for place in ["/run", "/run/sshd", "/var/lib", "/usr/lib/pam.d", "/etc/mfad"] {
            fs::create_dir_all(patient.place(place)).expect("a folder");
        }
        patient.write(&format!("{}/pam_mfad.so", patient.modules), "no program, and never loaded here\n");
        patient.set_up_mfad();
        patient.set_up_logins();
        patient.set_up_sshd();
        patient
    }

    fn set_up_mfad(&self) {
        self.write("/etc/mfad/root.key", &format!("{}\n", "5e".repeat(32)));
        self.mode("/etc/mfad/root.key", 0o600);
        self.write("/etc/mfad/mfad.toml", "key_file = \"/etc/mfad/root.key\"\n[realm.netmaker]\n");
        let groups = self.read("/etc/group");
        let groups: String =
            groups.lines().filter(|line| !line.starts_with("mfad-")).map(|line| format!("{line}\n")).collect();
        self.write("/etc/group", &format!("{groups}mfad-netmaker:x:{GROUP}:\n"));
    }

    fn set_up_logins(&self) {
        let kept = [
            "common-auth",
            "common-account",
            "common-password",
            "common-session",
            "login",
            "su",
            "su-l",
            "sshd",
            "other",
        ];
        for entry in fs::read_dir(self.place("/etc/pam.d")).expect("the files of PAM").flatten() {
            if !kept.iter().any(|name| entry.file_name() == *name) {
                fs::remove_file(entry.path()).expect("a removed file");
            }
        }
        for service in ["login", "su", "sshd"] {
            let path = format!("/etc/pam.d/{service}");
            let text = self.read(&path);
            assert!(text.contains(PASSWORDS), "{path} is not Debian's");
            self.write(&path, &text.replace(PASSWORDS, &format!("{PASSWORDS}\nauth required pam_mfad.so")));
        }
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../systemd/pam.d/mfad");
        self.write("/etc/pam.d/mfad", &fs::read_to_string(own).expect("the profile"));
        fs::remove_dir_all(self.place("/etc/sudoers.d")).ok();
        self.write("/etc/sudoers", "root ALL=(ALL:ALL) ALL\n");
    }

    fn set_up_sshd(&self) {
        fs::remove_dir_all(self.place("/etc/ssh")).ok();
        fs::create_dir(self.place("/etc/ssh")).expect("a folder");
        let key = self.place("/etc/ssh/host-key");
        let made = run(tool("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(key), "");
        assert!(made.status.success(), "{made:?}");
        self.sshd("");
    }

    /// Configures sshd: these lines, then those under which all is well.
    pub fn sshd(&self, lines: &str) {
        let well = "UsePAM yes\nKbdInteractiveAuthentication yes\nPasswordAuthentication no\n\
                    AuthenticationMethods publickey,keyboard-interactive\nHostKey /etc/ssh/host-key\n";
        // The first value of each key counts, and a block of conditions goes to the end.
        let (first, last) = lines.split_at(lines.find("Match").unwrap_or(lines.len()));
        self.write("/etc/ssh/sshd_config", &format!("{first}{well}{last}"));
    }

    /// Where a place of the patient lies outside.
    #[must_use]
    pub fn place(&self, path: &str) -> PathBuf {
        if let Some(rest) = path.strip_prefix(&self.modules) {
            return self.folder.path().join(format!("modules{rest}"));
        }
        self.folder
            .path()
            .join(path.trim_start_matches('/').replacen("usr/lib/pam.d", "vendor", 1).replacen("var/lib", "lib", 1))
    }

    /// The folder of PAM's modules.
    #[must_use]
    pub fn modules(&self) -> &str {
        &self.modules
    }

    /// Reads a file.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.place(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Writes a file that everybody may read.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, path: &str, text: &str) {
        fs::write(self.place(path), text).unwrap_or_else(|error| panic!("{path}: {error}"));
        self.mode(path, 0o644);
    }

    /// Removes a file.
    ///
    /// # Panics
    /// When there is none.
    pub fn remove(&self, path: &str) {
        fs::remove_file(self.place(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// Changes the mode of a file or folder.
    ///
    /// # Panics
    /// When there is none.
    pub fn mode(&self, path: &str, mode: u32) {
        fs::set_permissions(self.place(path), PermissionsExt::from_mode(mode)).expect("a changed mode");
    }

    /// Gives a file or folder away.
    ///
    /// # Panics
    /// When there is none.
    pub fn give(&self, path: &str, uid: u32) {
        chown(self.place(path), Some(uid), None).expect("a given file");
    }

    /// Lets the doctor look, while a daemon runs, after these commands of a shell.
    #[must_use]
    pub fn examine(&self, commands: &str) -> Diagnosis {
        self.run(&format!("serve\n{commands}"), &[])
    }

    /// Lets the doctor look where no daemon runs, or at the one behind this socket.
    #[must_use]
    pub fn examine_alone(&self, arguments: &[&str]) -> Diagnosis {
        self.run("", arguments)
    }

    /// Runs commands in the patient's places, and then the doctor.
    ///
    /// # Panics
    /// When one of them fails.
    #[must_use]
    pub fn run(&self, commands: &str, arguments: &[&str]) -> Diagnosis {
        let output = self.shell(&format!("{commands}\n{EXAMINE}"), arguments);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect();
        let prose = String::from_utf8_lossy(&output.stderr).into_owned();
        let end = lines.pop().unwrap_or_else(|| panic!("nothing was said: {prose}"));
        let diagnosis = Diagnosis { status: output.status.code().expect("a status"), lines, prose };
        assert_eq!((&end["result"], &end["findings"]), (&"done".into(), &diagnosis.findings().len().into()), "{end}");
        diagnosis
    }

    /// Runs a script of the shell in the patient's places.
    #[must_use]
    pub fn shell(&self, script: &str, arguments: &[&str]) -> std::process::Output {
        let mut command = tool("timeout");
        command.args([
            "100",
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-ec",
            &format!("{PLACES}\n{script}"),
            "sh",
        ]);
        command.args(arguments);
        command.env("P", self.folder.path()).env("MODULES", &self.modules).env("CLOCK", self.clock());
        command.env("MFAD", built("mfad")).env("MFACTL", built("mfactl"));
        run(&mut command, "")
    }

    /// A library that answers for the kernel how far the clock may be off, by `CLOCK_ERROR`: else, nothing to speak of.
    fn clock(&self) -> PathBuf {
        let (source, library) = (self.folder.path().join("clock.c"), self.folder.path().join("clock.so"));
        if !library.exists() {
            fs::write(&source, KERNEL).expect("a written source");
            let built = run(tool("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source), "");
            assert!(built.status.success(), "{built:?}");
        }
        library
    }
}

/// The folder of PAM's modules on this machine.
fn modules() -> String {
    let found = run(
        tool("sh").args(["-c", "ls -d /lib/*-linux-*/security/pam_deny.so /lib*/security/pam_deny.so 2>/dev/null"]),
        "",
    );
    let found = String::from_utf8(found.stdout).expect("paths");
    found.lines().next().and_then(|path| path.strip_suffix("/pam_deny.so")).expect("the modules of PAM").to_owned()
}

/// The gid of a group that only the patient has.
pub const GROUP: u32 = 64_999;

/// How Debian's services come to the password.
const PASSWORDS: &str = "@include common-auth";

/// The usual places, and how to start the daemon.
const PLACES: &str = r#"
    mount --bind "$P/modules" "$MODULES"
    mount --bind "$P/lib" /var/lib
    mount --bind "$P/run" /run
    mount --bind "$P/etc" /etc
    [ ! -d /usr/lib/pam.d ] || mount --bind "$P/vendor" /usr/lib/pam.d
    pid=
    trap 'kill $pid 2>/dev/null || :' EXIT
    serve() {
        "$MFAD" serve 2>"$P/log" & pid=$!
        until "$MFACTL" status root >/dev/null 2>&1; do kill -0 $pid || { cat "$P/log" >&2; exit 99; }; done
    }
"#;

/// Who asks is root, unless `AS` says otherwise.
const EXAMINE: &str = r#"
    ${AS-} env LD_PRELOAD="$CLOCK" CLOCK_ERROR="${CLOCK_ERROR-}" "${DOCTOR-$MFACTL}" --json "$@" doctor
"#;

const KERNEL: &str = r#"
#include <errno.h>
#include <stdlib.h>
#include <sys/timex.h>
int adjtimex(struct timex *clock) {
    const char *error = getenv("CLOCK_ERROR");
    if (clock->modes != 0) abort();
    if (error && *error == 'x') { errno = EPERM; return -1; }
    clock->status = STA_UNSYNC;
    clock->maxerror = error && *error ? atol(error) : 20000;
    return TIME_ERROR;
}
"#;
