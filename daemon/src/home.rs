//! Where the store lives, and the files `head` and `keyring` beside it, so that the daemon can open and replace them while
//! it runs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, io};

use crate::state::{self, StateFolder};
use crate::store::{self, MemoryStore, SledStore, Store};

/// A place that holds a store, its head and its keys.
pub trait Home: Send + Sync + 'static {
    /// Opens the store.
    ///
    /// # Errors
    /// When it cannot be opened.
    fn open(&self) -> Result<Arc<dyn Store>, store::Error>;

    /// The content of the file `head`, or `None` when it is not there.
    ///
    /// # Errors
    /// When it cannot be read.
    fn read_head(&self) -> Result<Option<Vec<u8>>, store::Error>;

    /// Replaces the file `head`; it is durable when this returns.
    ///
    /// # Errors
    /// When it could not be made durable.
    fn write_head(&self, content: &[u8]) -> Result<(), store::Error>;

    /// Replaces the file `keyring`; it is durable when this returns, and else the old or the new one.
    ///
    /// # Errors
    /// When it could not be made durable.
    fn write_keyring(&self, wrapped: &[u8]) -> Result<(), store::Error>;

    /// Where the audit log goes; `None` where none is kept.
    fn log_folder(&self) -> Option<PathBuf> {
        None
    }

    /// Bytes of the store's files; 0 where it has none.
    ///
    /// # Errors
    /// When they cannot be looked at.
    fn store_bytes(&self) -> Result<u64, store::Error> {
        Ok(0)
    }
}

/// A state folder.
pub struct FolderHome(Arc<StateFolder>);

impl FolderHome {
    /// The home in a folder that this process holds.
    #[must_use]
    pub const fn new(folder: Arc<StateFolder>) -> Self {
        Self(folder)
    }

    fn store(&self) -> PathBuf {
        self.0.path().join(STORE)
    }
}

impl Home for FolderHome {
    fn open(&self) -> Result<Arc<dyn Store>, store::Error> {
        Ok(Arc::new(SledStore::open(&self.store())?))
    }

    fn read_head(&self) -> Result<Option<Vec<u8>>, store::Error> {
        Ok(self.0.read(HEAD).map_err(io_error)?.map(|content| content.to_vec()))
    }

    fn write_head(&self, content: &[u8]) -> Result<(), store::Error> {
        self.0.replace(HEAD, content).map_err(io_error)
    }

    fn write_keyring(&self, wrapped: &[u8]) -> Result<(), store::Error> {
        self.0.replace(KEYRING, wrapped).map_err(io_error)
    }

    fn log_folder(&self) -> Option<PathBuf> {
        Some(self.0.path().join(LOG))
    }

    fn store_bytes(&self) -> Result<u64, store::Error> {
        Ok(bytes_below(&self.store())?)
    }
}

/// Memory: for tests, and to measure what is not the disk. It forgets everything with its process.
#[derive(Default)]
pub struct MemoryHome {
    store: Arc<MemoryStore>,
    head: Mutex<Option<Vec<u8>>>,
    keyring: Mutex<Option<Vec<u8>>>,
}

impl MemoryHome {
    /// The keyring as it was last written.
    #[must_use]
    pub fn keyring(&self) -> Option<Vec<u8>> {
        self.keyring.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Home for MemoryHome {
    fn open(&self) -> Result<Arc<dyn Store>, store::Error> {
        let store: Arc<dyn Store> = Arc::<MemoryStore>::clone(&self.store);
        Ok(store)
    }

    fn read_head(&self) -> Result<Option<Vec<u8>>, store::Error> {
        Ok(self.head.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn write_head(&self, content: &[u8]) -> Result<(), store::Error> {
        *self.head.lock().unwrap_or_else(PoisonError::into_inner) = Some(content.to_vec());
        Ok(())
    }

    fn write_keyring(&self, wrapped: &[u8]) -> Result<(), store::Error> {
        *self.keyring.lock().unwrap_or_else(PoisonError::into_inner) = Some(wrapped.to_vec());
        Ok(())
    }
}

/// Bytes of all files below a folder. What goes while they are counted is not counted.
fn bytes_below(folder: &Path) -> io::Result<u64> {
    let mut bytes: u64 = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes = bytes.saturating_add(bytes_below(&entry.path())?),
            Ok(metadata) => bytes = bytes.saturating_add(metadata.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

fn io_error(error: state::Error) -> store::Error {
    match error {
        state::Error::Io { error, .. } => store::Error::Io(error),
        other @ (state::Error::NotAFolder(_)
        | state::Error::Owner { .. }
        | state::Error::Mode { .. }
        | state::Error::Taken(_)) => store::Error::Io(io::Error::other(other)),
    }
}

/// The store's folder in the state folder.
pub const STORE: &str = "store";

/// The file beside it.
pub const HEAD: &str = "head";

/// The folder of the audit log.
pub const LOG: &str = "audit";

/// The wrapped keys beside both.
pub const KEYRING: &str = "keyring";

/// Stands beside them while a new installation is being founded.
pub(crate) const UNFINISHED: &str = "unfinished";
