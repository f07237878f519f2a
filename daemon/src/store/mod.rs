//! The store room: named values on disk, changed in atomic batches that are durable when a commit returns.
//!
//! Values are sealed before they come here. [`Store`] is the contract that every engine keeps, and the tests of that
//! contract run against each; `sled` and `memory` are the engines, [`Committer`] is the one writer.

mod commit;
mod memory;
mod sled;

use std::fmt;
use std::io;

pub use commit::Committer;
pub use memory::MemoryStore;
pub use sled::SledStore;

/// One change: a key, and its new value or nothing.
pub type Change = (Vec<u8>, Option<Vec<u8>>);

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
    /// What the disk holds is not what the engine wrote.
    Damaged(&'static str),
    /// The operating system refused.
    Io(io::Error),
    /// An earlier commit failed: nothing is known for sure any more.
    Stopped,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(what) => write!(f, "the store is damaged: {what}"),
            Self::Io(_) => f.write_str("the store cannot be read or written"),
            Self::Stopped => f.write_str("the store has stopped after a failed commit"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Damaged(_) | Self::Stopped => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
