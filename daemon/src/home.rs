//! Where the store lives, and the files `head` and `keyring` beside it, so that the daemon can open and replace them while
//! it runs.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

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
