//! The sled engine, with what it takes to trust it: `flush` never calls fsync, so a real one follows every flush.
//!
//! MUST: only one process opens the folder (the state room holds the lock); sled's panics are caught and become
//! [`Error::Damaged`]; values stay far below a quarter segment, beyond which sled would keep them in files that the
//! sync of `db` does not cover.

use std::cell::Cell;
use std::fs::{self, File};
use std::io;
use std::ops::Bound;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Once;
use std::thread;
use std::time::Duration;

use super::{Change, Entry, Error, Store};

/// A sled database in a folder.
pub struct SledStore {
    db: sled::Db,
    /// Any descriptor of the database's file syncs what sled wrote to it.
    file: File,
}

impl SledStore {
    /// Opens the database in this folder, or makes a new one. The caller holds the lock of the state folder, and has
    /// set a umask that keeps others out.
    ///
    /// # Errors
    /// [`Error::InUse`], [`Error::Damaged`] or [`Error::Io`].
    pub fn open(folder: &Path) -> Result<Self, Error> {
        remove_interrupted_snapshots(folder)?;
        let config = sled::Config::new()
            .path(folder)
            .cache_capacity(CACHE_BYTES)
            // The commit thread flushes; a timer would only hide when it does not.
            .flush_every_ms(None);
        let db = open_when_free(&config)?;
        let file = File::open(folder.join("db"))?;
        file.sync_all()?;
        File::open(folder)?.sync_all()?;
        if let Some(parent) = folder.parent() {
            File::open(parent)?.sync_all()?;
        }
        Ok(Self { db, file })
    }
}

impl Store for SledStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let value = guarded("a value cannot be read", || self.db.get(key))?;
        Ok(value.map(|value| value.to_vec()))
    }

    fn scan(&self, each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), Error> {
        guarded("its values cannot be listed", || {
            for entry in self.db.iter() {
                let (key, value) = entry?;
                each(&key, &value);
            }
            Ok(())
        })
    }

    fn page(&self, above: &[u8], most: usize) -> Result<Vec<Entry>, Error> {
        guarded("its values cannot be listed", || {
            let above = self.db.range::<&[u8], _>((Bound::Excluded(above), Bound::Unbounded));
            above.take(most).map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec()))).collect()
        })
    }

    fn commit(&self, changes: Vec<Change>) -> Result<(), Error> {
        let mut batch = sled::Batch::default();
        for (key, value) in changes {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        guarded("a batch cannot be written", || {
            self.db.apply_batch(batch)?;
            self.db.flush()
        })?;
        Ok(self.file.sync_data()?)
    }

    fn waits(&self) -> bool {
        true
    }
}

/// Opens the database. sled's own threads can outlive a dropped database of this process by a moment, and hold its lock
/// for so long; other processes are kept out by the state folder's lock, so that waiting is right.
#[expect(clippy::disallowed_methods, reason = "sled gives no event for the end of its threads")]
fn open_when_free(config: &sled::Config) -> Result<sled::Db, Error> {
    for _ in 0..UNLOCK_TRIES {
        match guarded("it cannot be opened", || config.open()) {
            // sled has no kind for this error, only words.
            Err(Error::Io(error)) if error.to_string().contains("could not acquire lock") => {
                thread::sleep(UNLOCK_PAUSE)
            }
            opened => return opened,
        }
    }
    Err(Error::InUse)
}

/// Runs a call of sled, which panics on some kinds of damage.
fn guarded<T>(what: &'static str, call: impl FnOnce() -> sled::Result<T>) -> Result<T, Error> {
    let _quiet = Quiet::begin();
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(sled::Error::Io(error))) => Err(Error::Io(error)),
        Ok(Err(
            sled::Error::CollectionNotFound(_)
            | sled::Error::Unsupported(_)
            | sled::Error::ReportableBug(_)
            | sled::Error::Corruption { .. },
        )) => Err(Error::Damaged(what)),
        Err(_panic) => Err(Error::Damaged(what)),
    }
}

/// While one lives, a panic of its thread prints nothing: it is caught, and told as damage.
struct Quiet;

impl Quiet {
    fn begin() -> Self {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let usual = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                if !GUARDED.get() {
                    usual(info);
                }
            }));
        });
        GUARDED.set(true);
        Self
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        GUARDED.set(false);
    }
}

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// A start that was cut off leaves a snapshot half written, and sled would refuse to open because of it. Snapshots only
/// shorten the start: the log holds everything.
fn remove_interrupted_snapshots(folder: &Path) -> Result<(), Error> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// How often a locked database is tried again, and after which pause: one second in all.
const UNLOCK_TRIES: u32 = 100;
const UNLOCK_PAUSE: Duration = Duration::from_millis(10);

/// Bytes of sled's page cache; its default of 1 GiB is not for a daemon of this size.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;
