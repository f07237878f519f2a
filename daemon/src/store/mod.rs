//! The store room: named values on disk, changed in atomic batches that are durable when a commit returns.
//!
//! Values are sealed before they come here. [`Store`] is the contract that every engine keeps, and the tests of that
//! contract run against each; `sled` and `memory` are the engines, [`Committer`] is the one writer.

mod commit;
mod head;
mod memory;
mod sled;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::{fmt, fs, io};

pub use commit::Committer;
pub use memory::MemoryStore;
pub use sled::SledStore;

/// One change: a key, and its new value or nothing.
pub type Change = (Vec<u8>, Option<Vec<u8>>);

/// A key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// An engine. MUST: a batch is applied whole or not at all; when `commit` returns `Ok`, the batch outlives a power cut
/// as far as the engine can outlive one; a failed `commit` leaves it unknown whether the batch is there.
pub trait Store: Send + Sync + 'static {
    /// The value of a key. It shows what was committed, and what is being committed.
    ///
    /// # Errors
    /// When the engine cannot tell; absence is `Ok(None)`.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error>;

    /// Calls `each` with every key and value, in the order of the keys.
    ///
    /// # Errors
    /// When the engine cannot read on.
    fn scan(&self, each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), Error>;

    /// The first values above a key, in the order of the keys: at most `most` of them.
    ///
    /// # Errors
    /// When the engine cannot read them.
    fn page(&self, above: &[u8], most: usize) -> Result<Vec<Entry>, Error>;

    /// Applies all changes at once, the last of two to one key, and makes them durable.
    ///
    /// # Errors
    /// When either failed: the caller must not go on with this store.
    fn commit(&self, batch: Vec<Change>) -> Result<(), Error>;

    /// Whether `commit` waits for a device, so that it must not run on the thread that serves connections.
    fn waits(&self) -> bool;
}

/// Why the store cannot serve.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// Something else has the store open.
    InUse,
    /// What the disk holds is not what the engine wrote.
    Damaged(&'static str),
    /// The operating system refused.
    Io(io::Error),
    /// Somebody else is reading a snapshot.
    Busy,
    /// An earlier commit failed: nothing is known for sure any more.
    Stopped,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse => f.write_str("something else has the store open"),
            Self::Damaged(what) => write!(f, "the store is damaged: {what}"),
            Self::Io(_) => f.write_str("the store cannot be read or written"),
            Self::Busy => f.write_str("another backup is being made"),
            Self::Stopped => f.write_str("the store has stopped after a failed commit"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::InUse | Self::Damaged(_) | Self::Busy | Self::Stopped => None,
        }
    }
}

/// Why a store stopped serving while it ran, and so what can be done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The disk takes nothing more: it can be tried again when there is room.
    DiskFull,
    /// The disk or its file system is read-only: it can be tried again when it is not.
    ReadOnly,
    /// Something still has the store open: it can be tried again when that has ended.
    InUse,
    /// The store is not what it was: only a person can help.
    Damaged(String),
    /// A write or a sync failed: what the disk holds is not known, and the process must start anew.
    Lost(String),
}

impl Failure {
    /// What an error means for the store.
    #[must_use]
    pub fn of(error: &Error) -> Self {
        match error {
            Error::Io(io) if matches!(io.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
                Self::DiskFull
            }
            Error::Io(io) if io.kind() == io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            Error::Io(io) => Self::Lost(io.to_string()),
            Error::InUse => Self::InUse,
            Error::Damaged(what) => Self::Damaged(format!("the store is damaged: {what}")),
            Error::Busy | Error::Stopped => Self::Lost(error.to_string()),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DiskFull => f.write_str("the disk is full: free some room, and mfad goes on by itself"),
            Self::ReadOnly => f.write_str("the file system is read-only: make it writable, and mfad goes on by itself"),
            Self::InUse => f.write_str("the store is still in use: mfad goes on by itself when it is free"),
            Self::Damaged(what) => f.write_str(what),
            Self::Lost(what) => write!(f, "a write to the store failed: {what}"),
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A private copy of a store's folder: opening a store writes, so that what must not change is opened as a copy.
///
/// # Errors
/// When it cannot be read or written.
pub fn copy(store: &Path) -> io::Result<tempfile::TempDir> {
    let folder = tempfile::Builder::new().prefix("mfad-copy-").permissions(Permissions::from_mode(0o700)).tempdir()?;
    let mut pending = vec![(store.to_owned(), folder.path().to_owned())];
    while let Some((from, to)) = pending.pop() {
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            let target = to.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                fs::create_dir(&target)?;
                pending.push((entry.path(), target));
            } else {
                fs::copy(entry.path(), target)?;
            }
        }
    }
    Ok(folder)
}
