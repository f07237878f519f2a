//! Imports as an administrator runs them, and what became of the accounts.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use serde_json::Value;

use crate::app::App;
use crate::daemon::Daemon;
use crate::programs::built;

/// What one run of `mfactl --json admin import` has said.
#[derive(Debug)]
pub struct Import {
    /// Its exit status.
    pub status: Option<i32>,
    /// The objects on standard output.
    pub objects: Vec<Value>,
    /// The lines on standard error.
    pub prose: String,
    /// The most memory that was seen in use, in KiB.
    pub peak: u64,
}

impl Import {
    /// Runs it to its end in this realm.
    #[must_use]
    pub fn run(daemon: &Daemon, realm: &str, file: &Path, args: &[&str]) -> Self {
        Self::start(daemon, realm, file, args).finish()
    }

    /// Starts it.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(daemon: &Daemon, realm: &str, file: &Path, args: &[&str]) -> Running {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let said = |name: &str| File::create(folder.path().join(name)).expect("a file");
        let mut command = Command::new(built("mfactl"));
        command.arg("--socket").arg(daemon.socket()).args(["--json", "--realm", realm, "admin", "import"]);
        command.arg(file).args(args).stdin(Stdio::null()).stdout(said("out")).stderr(said("err"));
        Running { child: command.spawn().expect("mfactl"), folder, peak: 0 }
    }

    /// What became of each entry: user, outcome, and the line where there is one.
    #[must_use]
    pub fn entries(&self) -> Vec<(Option<&str>, &str, Option<u64>)> {
        let entries = self.objects.iter().filter(|object| object.get("outcome").is_some());
        entries
            .map(|entry| (entry["user"].as_str(), entry["outcome"].as_str().unwrap_or("?"), entry["line"].as_u64()))
            .collect()
    }

    /// How many were new, there already, and refused, as the last object says.
    ///
    /// # Panics
    /// When the last object is no such one.
    #[must_use]
    pub fn counts(&self) -> [u64; 3] {
        let last = self.objects.last().unwrap_or_else(|| panic!("nothing was said: {self:?}"));
        assert_eq!(last["result"], "done", "{self:?}");
        ["new", "already", "refused"].map(|count| last[count].as_u64().expect("a count"))
    }

    /// Whether a reason among the refused ones has these words.
    #[must_use]
    pub fn says(&self, words: &str) -> bool {
        self.objects.iter().any(|object| object["why"].as_str().is_some_and(|why| why.contains(words)))
    }
}

/// A run that has not ended.
pub struct Running {
    child: Child,
    folder: tempfile::TempDir,
    peak: u64,
}

impl Running {
    /// Whether it still runs; looks at its memory.
    ///
    /// # Panics
    /// When it is no process any more.
    pub fn runs(&mut self) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok());
        self.peak = self.peak.max(peak.unwrap_or(0));
        self.child.try_wait().expect("a process").is_none()
    }

    /// Kills it as a crash would.
    ///
    /// # Panics
    /// When it is no process any more.
    pub fn kill(&mut self) -> ExitStatus {
        self.child.kill().expect("a running process");
        self.child.wait().expect("an ended process")
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When what it has said is no text.
    #[must_use]
    pub fn finish(mut self) -> Import {
        while self.runs() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let said = |name: &str| std::fs::read_to_string(self.folder.path().join(name)).expect("text");
        let objects = said("out").lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
        let status = self.child.wait().expect("an ended process").code();
        Import { status, objects, prose: said("err"), peak: self.peak }
    }
}

/// The app of who has this key, in base32.
#[must_use]
pub fn app(key: &str) -> App {
    App::scan(&format!("otpauth://totp/x?secret={key}"))
}

/// Whether a login of this account is let in with this code.
///
/// # Panics
/// When it is neither accepted nor denied.
#[must_use]
pub fn lets_in(daemon: &Daemon, realm: &str, user: &str, code: &str) -> bool {
    let output = daemon.mfactl(&["--realm", realm, "verify", user], &format!("{code}\n"));
    match output.status.code() {
        Some(0) => true,
        Some(1) => false,
        _ => panic!("neither accepted nor denied: {output:?}"),
    }
}

/// The state of an account, as `status` says it.
///
/// # Panics
/// When it does not.
#[must_use]
pub fn state(daemon: &Daemon, realm: &str, user: &str) -> String {
    let output = daemon.mfactl(&["--json", "--realm", realm, "status", user], "");
    let status: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_e| panic!("no status: {output:?}"));
    status["state"].as_str().expect("a state").to_owned()
}

/// Writes a file beside the daemon's own, and says where it is.
///
/// # Panics
/// When it cannot be written.
#[must_use]
pub fn file(daemon: &Daemon, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = daemon.folder().join(name);
    std::fs::write(&path, content).expect("a written file");
    path
}
