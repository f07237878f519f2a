//! The proof at the start: is the store what the last batch left, and is it the newest one?
//!
//! MUST: "not enrolled" is only ever said by a store that passed here. It reads everything, and changes nothing.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::ledger::{Ledger, MARK_KEY, Mark, Sum};
use crate::place;
use crate::store::{self, Entry, Store};

/// A store that passed: its mark, and which records it holds.
pub struct Proven {
    /// The last batch's word about the store.
    pub mark: Mark,
    /// The sequence that the file `head` holds.
    pub head: u64,
    /// The records that are there.
    pub known: Known,
}

/// The set of records that must be there, by a hash that only this process knows.
#[derive(Default)]
pub struct Known {
    hasher: RandomState,
    hashes: HashSet<u64>,
    /// How many are of accounts.
    accounts: u64,
}

impl Known {
    /// Whether a record must be there under this key. It errs once in 2^64 names.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        self.hashes.contains(&self.hasher.hash_one(key))
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        u64::try_from(self.hashes.len()).unwrap_or(u64::MAX)
    }

    /// How many of them are of accounts.
    #[must_use]
    pub const fn accounts(&self) -> u64 {
        self.accounts
    }

    /// Notes a record.
    pub fn insert(&mut self, key: &[u8]) {
        if self.hashes.insert(self.hasher.hash_one(key)) && place::is_account(key) {
            self.accounts = self.accounts.saturating_add(1);
        }
    }

    /// Forgets a record that was removed on purpose.
    pub fn remove(&mut self, key: &[u8]) {
        if self.hashes.remove(&self.hasher.hash_one(key)) && place::is_account(key) {
            self.accounts = self.accounts.saturating_sub(1);
        }
    }
}

/// How far a proof is.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicU64,
    total: AtomicU64,
}

impl Progress {
    /// How much is done, in percent; 0 while the total is not known.
    #[must_use]
    pub fn percent(&self) -> u64 {
        let (done, total) = (self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed));
        done.saturating_mul(100).checked_div(total).unwrap_or(0).min(100)
    }
}

/// Proves a store against its own mark and the file `head`.
///
/// # Errors
/// [`Damage`], which says what is wrong.
pub fn prove(store: &dyn Store, ledger: &Ledger, head: Option<&[u8]>, progress: &Progress) -> Result<Proven, Damage> {
    let sealed = store.get(MARK_KEY).map_err(Damage::Store)?.ok_or(Damage::NoMark)?;
    let mark = ledger.open_mark(&sealed).map_err(|_e| Damage::BrokenMark)?;
    progress.total.store(mark.records, Ordering::Relaxed);
    let head = ledger.open_head(head.ok_or(Damage::NoHead)?).map_err(|_e| Damage::BrokenHead)?;
    if mark.sequence < head {
        return Err(Damage::OldStore { behind: head.saturating_sub(mark.sequence) });
    }
    if head < mark.head {
        return Err(Damage::OldHead { behind: mark.head.saturating_sub(head) });
    }
    let found = count(store, ledger, progress)?;
    if found.records < mark.records {
        return Err(Damage::Lost { records: mark.records.saturating_sub(found.records) });
    }
    if found.sum != mark.sum || found.records != mark.records {
        return Err(Damage::Changed);
    }
    Ok(Proven { mark, head, known: found.known })
}

/// Why a store cannot be believed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Damage {
    /// The engine cannot read it.
    Store(store::Error),
    /// It holds no mark.
    NoMark,
    /// Its mark was changed, or is another installation's.
    BrokenMark,
    /// There is no file `head`.
    NoHead,
    /// The file `head` was changed, or is another installation's.
    BrokenHead,
    /// The file `head` has seen later batches.
    OldStore {
        /// How many at least.
        behind: u64,
    },
    /// The store has seen a later file `head`.
    OldHead {
        /// How many batches later.
        behind: u64,
    },
    /// Records are missing.
    Lost {
        /// How many at least.
        records: u64,
    },
    /// Records were changed, swapped, put back, or added.
    Changed,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => write!(f, "{error}"),
            Self::NoMark => f.write_str("the store is empty or has lost its mark"),
            Self::BrokenMark => f.write_str("the store's mark was changed, or the store is another installation's"),
            Self::NoHead => f.write_str("the file head is missing"),
            Self::BrokenHead => f.write_str("the file head was changed, or is another installation's"),
            Self::OldStore { behind } => {
                write!(
                    f,
                    "the store is {behind} or more commits older than the file head says: an old copy was put back"
                )
            }
            Self::OldHead { behind } => {
                write!(f, "the file head is {behind} commits older than the store knows: an old copy was put back")
            }
            Self::Lost { records } => write!(f, "{records} or more records are missing from the store"),
            Self::Changed => f.write_str("records in the store were changed, swapped, put back or added"),
        }
    }
}

impl std::error::Error for Damage {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Store(error) => error.source(),
            Self::NoMark
            | Self::BrokenMark
            | Self::NoHead
            | Self::BrokenHead
            | Self::OldStore { .. }
            | Self::OldHead { .. }
            | Self::Lost { .. }
            | Self::Changed => None,
        }
    }
}

/// What to do about damage, to follow what it is in the same sentence.
pub const REMEDY: &str = "stop mfad and restore a backup (mfad restore FILE)";

#[derive(Default)]
struct Found {
    records: u64,
    sum: Sum,
    known: Known,
}

/// Reads the store in this thread, and hashes it in as many others as there are cores.
fn count(store: &dyn Store, ledger: &Ledger, progress: &Progress) -> Result<Found, Damage> {
    let found = Mutex::new(Found::default());
    let hasher = found.lock().unwrap_or_else(PoisonError::into_inner).known.hasher.clone();
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let (full, chunks) = sync_channel::<Vec<Entry>>(workers);
    let chunks = Mutex::new(chunks);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| work(&chunks, ledger, &hasher, &found, progress));
        }
        let mut chunk = Vec::with_capacity(CHUNK);
        let scanned = store.scan(&mut |key, value| {
            if key != MARK_KEY {
                chunk.push((key.to_vec(), value.to_vec()));
            }
            if chunk.len() == CHUNK {
                // A worker only ends when the channel does.
                full.send(std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK))).ok();
            }
        });
        full.send(chunk).ok();
        drop(full);
        scanned.map_err(Damage::Store)
    })?;
    Ok(found.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn work(
    chunks: &Mutex<Receiver<Vec<Entry>>>,
    ledger: &Ledger,
    hasher: &RandomState,
    found: &Mutex<Found>,
    progress: &Progress,
) {
    loop {
        let next = chunks.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(chunk) = next else { return };
        let mut sum = Sum::default();
        chunk.iter().for_each(|(key, value)| sum.toggle(ledger.print(key, value)));
        let hashes = chunk.iter().map(|(key, _)| hasher.hash_one(key));
        let counted = |length| u64::try_from(length).unwrap_or(u64::MAX);
        let records = counted(chunk.len());
        let accounts = counted(chunk.iter().filter(|(key, _)| place::is_account(key)).count());
        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
        found.known.hashes.extend(hashes);
        found.known.accounts = found.known.accounts.saturating_add(accounts);
        found.records = found.records.saturating_add(records);
        found.sum.toggle(sum);
        progress.done.fetch_add(records, Ordering::Relaxed);
    }
}

/// Records handed over at once.
const CHUNK: usize = 1024;
