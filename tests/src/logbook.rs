//! The audit log as an administrator reads it, and its files as an intruder changes them.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use mfad_client::Client;
use mfad_daemon::audit::{Limits, inspect};
use mfad_daemon::home::{LOG, STORE};
use mfad_daemon::keyring::Keyring;
use mfad_daemon::ledger::{Ledger, LogHead, MARK_KEY};
use mfad_daemon::root_key::Source;
use mfad_daemon::setup::existing_keyring;
use mfad_daemon::state::StateFolder;
use mfad_daemon::store::{SledStore, Store, copy};
use mfad_proto::{Call, Enforcement, LogFault, LogFilter, LogFinding, Note, Realm, Reply};
use serde_json::Value;

use crate::app::App;
use crate::calls::{self, accepted, account, begin_enrollment, code, context, reset};
use crate::daemon::{Daemon, NOON};

/// Every line that fits the filter, page by page.
///
/// # Panics
/// When the log is not shown.
pub fn read(client: &mut Client, filter: &LogFilter) -> Vec<Value> {
    let mut lines = Vec::new();
    pages(client, filter, false, |page| {
        lines.extend(page.lines.iter().map(|line| serde_json::from_str::<Value>(line.as_str()).expect("JSON")));
    });
    lines
}

/// Everything that is wrong with the log, and how many lines were looked at.
///
/// # Panics
/// When it cannot be verified.
pub fn verify(client: &mut Client) -> (Vec<LogFinding>, u64) {
    let (mut findings, mut passed) = (Vec::new(), 0);
    pages(client, &LogFilter::default(), true, |page| {
        assert!(page.lines.is_empty(), "lines among the findings");
        findings.extend(page.findings.iter().copied());
        passed += u64::from(page.passed);
    });
    (findings, passed)
}

/// As [`verify`], without the crashes, which are no fault of the log.
///
/// # Panics
/// When it cannot be verified.
pub fn faults(client: &mut Client) -> Vec<LogFault> {
    let faults = verify(client).0.into_iter().map(|finding| finding.fault);
    faults.filter(|fault| !matches!(fault, LogFault::Crashed)).collect()
}

/// A log whose daemon has stopped, as `mfad check` looks at it.
pub struct Offline {
    folder: PathBuf,
    keyring: Keyring,
    known: LogHead,
}

impl Offline {
    /// The log in this state folder, which has its root key in it.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    pub fn open(state: &Path) -> Self {
        let folder = StateFolder::take_existing(state).expect("a state folder").expect("a state folder");
        let opened = existing_keyring(&folder, &Source::StateFolder).expect("keys").expect("keys");
        let store = copy(&state.join(STORE)).expect("a copy");
        let sealed = SledStore::open(store.path()).expect("a store").get(MARK_KEY).expect("a store").expect("a mark");
        let mark = Ledger::new(&opened.keyring).expect("memory").open_mark(&sealed).expect("a mark");
        Self { folder: state.join(LOG), keyring: opened.keyring, known: mark.log }
    }

    /// Everything that is wrong with it now.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    pub fn faults(&self) -> Vec<LogFault> {
        let found = inspect(self.folder.clone(), Limits::default(), &self.keyring, self.known).expect("a log");
        found.findings.into_iter().map(|finding| finding.fault).collect()
    }
}

fn pages(client: &mut Client, filter: &LogFilter, verify: bool, mut take: impl FnMut(&mfad_proto::LogPage)) {
    let mut after = None;
    loop {
        let call = Call::Audit { after, filter: filter.clone(), verify };
        let Ok(Reply::Log(page)) = client.call(call) else { panic!("the log is not shown") };
        take(&page);
        assert!(page.next.is_none() || page.next != after, "a page that leads to itself");
        after = page.next;
        if after.is_none() {
            return;
        }
    }
}

/// The files of a log in a state folder, from the oldest on.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn files(state: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(state.join("audit")).expect("a log").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = entries.collect();
    files.sort_by_key(|path| number(path));
    files
}

/// The number of a file of the log.
///
/// # Panics
/// When it has none.
#[must_use]
pub fn number(path: &Path) -> u64 {
    path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok()).expect("a numbered file")
}

/// Puts content into a file that somebody else may have open, in its place.
///
/// # Panics
/// When that fails.
pub fn overwrite(path: &Path, content: &[u8]) {
    let file = File::options().write(true).open(path).expect("a file of the log");
    file.write_all_at(content, 0).expect("written");
    file.set_len(content.len() as u64).expect("cut");
}

/// The lines of a file, with their line feeds.
#[must_use]
pub fn lines(content: &[u8]) -> Vec<&[u8]> {
    content.split_inclusive(|byte| *byte == b'\n').collect()
}

/// Where nobody judges passwords, and every user is served.
pub const REALM: &str = "[realm.system]\nfirst_factor = \"asserted\"\n";

/// Enrolments, logins, guessing, a lost phone and enforcement, with a daemon that has not seen anything yet.
///
/// # Panics
/// When what is right is refused.
pub fn afternoon(daemon: &Daemon) {
    let mut client = daemon.client();
    let enrollment = begin_enrollment(&mut client, "alice");
    let app = App::scan(enrollment.uri.expose());
    let confirm = |text: &str| Call::Confirm { account: account("alice"), enrollment: enrollment.id, code: code(text) };
    let mut call = |call: Call| client.call(call).unwrap();
    call(confirm("000000"));
    assert!(matches!(call(confirm(&app.code(NOON))), Reply::Enrolled(_)));
    call(Call::Begin { account: account("alice"), context: context() });
    daemon.set_time(NOON + 30);
    assert!(accepted(&call(calls::verify("alice", &app.code(NOON + 30)))));
    call(calls::verify("alice", &app.code(NOON + 30)));
    (0..4).for_each(|_| drop(call(calls::verify("alice", "123456"))));
    call(calls::verify("hunter2", "123456"));
    let reason = Note::new("lost phone").unwrap();
    call(Call::Disable { account: account("alice"), reason });
    call(Call::SetPolicy { realm: Realm::system(), enforcement: Enforcement::On });
    call(Call::Recover { account: account("alice") });
    call(reset("bob", "123456"));
}
