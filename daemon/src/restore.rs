//! A backup back into a state folder, while no daemon runs.
//!
//! MUST: nothing of the old state is touched before the new one is complete and durable; the change itself is one rename,
//! and a restore or a start that finds it done half finishes it; the old state is kept beside; no code that could have
//! been accepted since the backup is accepted again.

use std::fmt;
use std::io::Read;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use mfad_proto::{AccountName, Password};

use crate::backup::{self, Backup};
use crate::home::{HEAD, KEYRING, LOG, STORE, UNFINISHED};
use crate::keyring::{self, Keyring, SecretKey};
use crate::ledger::{Ledger, MARK_KEY, Mark};
use crate::locked;
use crate::place::{self, Owner};
use crate::record::Record;
use crate::seal::{Sealer, Subject};
use crate::state::{self, StateFolder};
use crate::store::{self, Change, SledStore, Store};
use crate::totp::Step;
use crate::vault::newest_step;

/// What a restore did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Accounts that are there now.
    pub accounts: u64,
    /// Where the old state lies, when there was one.
    pub kept: Option<PathBuf>,
    /// What has happened to accounts since the backup, as far as the old state tells.
    pub since: Since,
}

/// What the old state tells about the time after the backup.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum Since {
    /// There was no old state.
    #[default]
    NoOldState,
    /// It cannot be read.
    Unreadable,
    /// These accounts were disabled, reset or enrolled anew: what the backup brings back for them was given up.
    Changed(Vec<AccountName>),
}

/// A restore to be done.
pub struct Restore<'a> {
    /// Where to.
    pub folder: &'a StateFolder,
    /// What wraps the keys there.
    pub root: &'a SecretKey,
    /// What opens the backup.
    pub passphrase: &'a Password,
    /// The time, in Unix seconds.
    pub now: u64,
}

impl Restore<'_> {
    /// Writes the backup into the folder. `passed` hears how many records have come.
    ///
    /// # Errors
    /// [`Error`]; the folder is as it was then, or the next restore or start finishes the change.
    pub fn run(&self, input: impl Read, mut passed: impl FnMut(u64)) -> Result<Report, Error> {
        finish(self.folder)?;
        self.folder.discard(BUILDING)?;
        let built = self.build(input, &mut passed);
        if built.is_err() {
            // What cannot be removed now, the next restore removes.
            self.folder.discard(BUILDING).ok();
        }
        let (accounts, since) = built?;
        // A first start that was cut off begins anew, and must not do so on this state.
        self.folder.discard(UNFINISHED)?;
        // From here on the new state counts: a crash is finished by whoever comes next.
        let folder = self.folder.path();
        fs::rename(folder.join(BUILDING), folder.join(READY)).map_err(Error::Io)?;
        fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::Io)?;
        Ok(Report { accounts, kept: finish(self.folder)?, since })
    }

    fn build(&self, input: impl Read, passed: &mut impl FnMut(u64)) -> Result<(u64, Since), Error> {
        let folder = self.folder;
        let building = folder.path().join(BUILDING);
        fs::DirBuilder::new().mode(0o700).create(&building).map_err(Error::Io)?;
        // The old log goes with the store that knows its end. A new one begins beside the new store.
        fs::DirBuilder::new().mode(0o700).create(building.join(LOG)).map_err(Error::Io)?;
        let backup = Backup::open(input, self.passphrase).map_err(Error::Backup)?;
        let mut build = Build::begin(&building, (folder, self.root), backup.keyring(), self.now)?;
        let keyring = backup.read(|key, value| {
            build.take(key, value)?;
            passed(build.seen);
            Ok(())
        });
        let keyring = keyring.map_err(Error::Backup)?;
        let (accounts, since) = build.end(&keyring)?;
        // Every record was sealed with the present key.
        let keyring = keyring.without_old().map_err(Error::Keyring)?;
        let wrapped = keyring.wrap(self.root).map_err(Error::Keyring)?;
        folder.replace(&format!("{BUILDING}/{KEYRING}"), &wrapped)?;
        Ok((accounts, since))
    }
}

/// Finishes a restore that was cut off after its new state was complete. Returns where the old state lies.
///
/// # Errors
/// When a rename fails.
pub fn finish(folder: &StateFolder) -> Result<Option<PathBuf>, Error> {
    let ready = folder.path().join(READY);
    if !folder.holds(READY) {
        return Ok(None);
    }
    let mut kept = None;
    for name in [LOG, KEYRING, HEAD, STORE] {
        let (new, place) = (ready.join(name), folder.path().join(name));
        if new.symlink_metadata().is_err() {
            continue;
        }
        if folder.holds(name) {
            let beside = beside(folder, kept.take())?;
            fs::rename(&place, beside.join(name)).map_err(Error::Io)?;
            kept = Some(beside);
        }
        fs::rename(&new, &place).map_err(Error::Io)?;
    }
    folder.discard(READY)?;
    Ok(kept)
}

/// Why a backup was not restored.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The backup.
    Backup(backup::Error),
    /// The new store.
    Store(store::Error),
    /// The keyring.
    Keyring(keyring::Error),
    /// The state folder.
    State(state::Error),
    /// The operating system refused.
    Io(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the backup was not restored")
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Backup(error) => Some(error),
            Self::Store(error) => Some(error),
            Self::Keyring(error) => Some(error),
            Self::State(error) => Some(error),
            Self::Io(error) => Some(error),
        }
    }
}

impl From<state::Error> for Error {
    fn from(error: state::Error) -> Self {
        Self::State(error)
    }
}

impl From<locked::Error> for Error {
    fn from(error: locked::Error) -> Self {
        Self::Keyring(error.into())
    }
}

/// A new store that is being filled.
struct Build<'f> {
    folder: &'f StateFolder,
    store: SledStore,
    ledger: Ledger,
    sealer: Sealer,
    /// No code up to this step is accepted any more.
    used: Step,
    mark: Mark,
    batch: Vec<Change>,
    seen: u64,
    accounts: u64,
    old: Option<OldState>,
    changed: Vec<AccountName>,
}

impl<'f> Build<'f> {
    fn begin(
        building: &Path,
        (folder, root): (&'f StateFolder, &SecretKey),
        keyring: &Keyring,
        now: u64,
    ) -> Result<Self, Error> {
        let store = SledStore::open(&building.join(STORE)).map_err(Error::Store)?;
        Ok(Self {
            folder,
            store,
            ledger: Ledger::new(keyring)?,
            sealer: Sealer::new(keyring)?,
            used: newest_step(now),
            mark: Mark::default(),
            batch: Vec::new(),
            seen: 0,
            accounts: 0,
            old: OldState::open(folder, root, keyring),
            changed: Vec::new(),
        })
    }

    /// Takes the record of an account or a realm over; the slots of unknown names start anew.
    fn take(&mut self, key: &[u8], sealed: &[u8]) -> Result<(), backup::Error> {
        self.seen = self.seen.saturating_add(1);
        match Owner::of(key) {
            Some(Owner::Account(name)) => self.take_account(key, &name, sealed),
            Some(Owner::Realm(realm)) => {
                let subject = Subject::Realm(&realm);
                let opened = self.sealer.open_plain(subject, sealed);
                let (generation, plain) = opened.map_err(|_e| backup::Error::Content)?;
                let value = self.sealer.seal_plain(subject, generation, plain);
                self.write(key, value.map_err(|_e| backup::Error::Content)?)
            }
            // The records that come tell which handles there are now.
            Some(Owner::Slot(_) | Owner::Handle(_)) | None => Ok(()),
        }
    }

    fn take_account(&mut self, key: &[u8], name: &AccountName, sealed: &[u8]) -> Result<(), backup::Error> {
        let subject = Subject::Account(name);
        let mut record = self.sealer.open(subject, sealed).map_err(|_e| backup::Error::Content)?;
        if self.old.as_ref().is_some_and(|old| old.has_moved_on(key, subject, &record)) {
            self.changed.push(name.clone());
        }
        for factor in [&mut record.factor, &mut record.superseded].into_iter().flatten() {
            factor.used.use_up(self.used);
        }
        // Some may have been used since.
        (record.recovery, record.issued) = Default::default();
        // Who began it may have finished it since: its key could be somebody's working factor.
        record.pending = None;
        let value = self.sealer.seal(subject, &record).map_err(|_e| backup::Error::Content)?;
        self.accounts = self.accounts.saturating_add(1);
        for handle in record.handles() {
            let entry = self.sealer.seal_entry(&handle, name).map_err(|_e| backup::Error::Content)?;
            self.write(&place::key(Subject::Handle(&handle)), entry)?;
        }
        self.write(key, value)
    }

    fn write(&mut self, key: &[u8], value: Vec<u8>) -> Result<(), backup::Error> {
        self.mark.sum.toggle(self.ledger.print(key, &value));
        self.mark.records = self.mark.records.saturating_add(1);
        self.batch.push((key.to_vec(), Some(value)));
        if self.batch.len() == BATCH {
            self.store.commit(std::mem::take(&mut self.batch))?;
        }
        Ok(())
    }

    fn end(mut self, keyring: &Keyring) -> Result<(u64, Since), Error> {
        let random = |error: getrandom::Error| Error::Io(error.into());
        let ledger = Ledger::new(keyring)?;
        let sealed = ledger.seal_mark(&self.mark).map_err(random)?;
        self.batch.push((MARK_KEY.to_vec(), Some(sealed)));
        self.store.commit(std::mem::take(&mut self.batch)).map_err(Error::Store)?;
        let head = ledger.seal_head(self.mark.sequence).map_err(random)?;
        self.folder.replace(&format!("{BUILDING}/{HEAD}"), &head)?;
        let since = match self.old {
            Some(_) => Since::Changed(self.changed),
            None if self.folder.holds(STORE) => Since::Unreadable,
            None => Since::NoOldState,
        };
        Ok((self.accounts, since))
    }
}

/// The state that is being replaced, read from a copy: opening a store writes.
struct OldState {
    _copy: tempfile::TempDir,
    store: Arc<dyn Store>,
    sealer: Sealer,
}

impl OldState {
    /// `None` when there is none, or when it is another installation's, or too damaged to be opened.
    fn open(folder: &StateFolder, root: &SecretKey, keyring: &Keyring) -> Option<Self> {
        let from = folder.path().join(STORE);
        if !folder.holds(STORE) {
            return None;
        }
        let copy = store::copy(&from).ok()?;
        let store = SledStore::open(copy.path()).ok()?;
        // The mark of an old state that was sealed by these keys opens; what else is wrong with it does not matter here.
        let mark = store.get(MARK_KEY).ok()??;
        Ledger::new(keyring).ok()?.open_mark(&mark).ok()?;
        // Its records may be sealed with a newer key than the backup knows.
        let own = folder.read(KEYRING).ok().flatten().and_then(|wrapped| Keyring::unwrap(&wrapped, root).ok());
        let sealer = Sealer::new(own.as_ref().unwrap_or(keyring)).ok()?;
        Some(Self { _copy: copy, store: Arc::new(store), sealer })
    }

    /// Whether the factor that a backup brings back was given up or replaced since.
    fn has_moved_on(&self, key: &[u8], subject: Subject<'_>, restored: &Record) -> bool {
        let sealed = self.store.get(key).ok().flatten();
        let old = sealed.and_then(|sealed| self.sealer.open(subject, &sealed).ok());
        old.is_some_and(|old| {
            old.generation != restored.generation || (old.factor.is_none() && restored.factor.is_some())
        })
    }
}

/// A folder for the old state, named by a number that is free.
fn beside(folder: &StateFolder, already: Option<PathBuf>) -> Result<PathBuf, Error> {
    if let Some(already) = already {
        return Ok(already);
    }
    let free = (1_u32..).map(|number| folder.path().join(format!("before-restore-{number}")));
    for path in free {
        match fs::DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::Io(error)),
        }
    }
    Err(Error::Io(io::Error::other("no free name for the old state")))
}

/// The new state while it is built: thrown away by the next restore.
const BUILDING: &str = "restoring";
/// The new state when it is complete: put in place by whoever comes next.
const READY: &str = "restored";
/// Records written at once.
const BATCH: usize = 1000;
