//! The keys in use, and the change of the one that seals records.
//!
//! MUST: a key seals nothing before the keyring that holds it is durable; whoever seals holds the sealer until the commit
//! is durable, so that after a change nothing more comes that was sealed with the old key; the old key goes only when
//! every record was seen to be sealed with the new one.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Mutex, MutexGuard, Notify, RwLock, RwLockReadGuard};
use tokio::task::spawn_blocking;

use crate::home::Home;
use crate::keyring::{self, Keyring, SecretKey};
use crate::locked;
use crate::seal::Sealer;
use crate::store;

/// The keys in use.
pub(crate) struct Keys {
    root: SecretKey,
    home: Arc<dyn Home>,
    /// Held while the keyring changes, and by a backup until it has its snapshot: both must be of one moment.
    keyring: Mutex<Arc<Keyring>>,
    sealer: RwLock<Sealer>,
    /// Records that may still be sealed with the old key.
    left: AtomicU64,
    begun: Notify,
}

impl Keys {
    /// Takes the keys over. The keyring is the one that lies in this home, wrapped by this root key.
    ///
    /// # Errors
    /// When no memory can be locked.
    pub(crate) fn new(keyring: Keyring, root: SecretKey, home: Arc<dyn Home>) -> Result<Self, locked::Error> {
        let sealer = RwLock::new(Sealer::new(&keyring)?);
        let keyring = Mutex::new(Arc::new(keyring));
        Ok(Self { root, home, keyring, sealer, left: AtomicU64::new(0), begun: Notify::new() })
    }

    /// What seals and opens records, to be held until what it sealed is durable.
    pub(crate) async fn sealer(&self) -> RwLockReadGuard<'_, Sealer> {
        self.sealer.read().await
    }

    /// The keyring, which does not change while this is held.
    pub(crate) async fn keyring(&self) -> MutexGuard<'_, Arc<Keyring>> {
        self.keyring.lock().await
    }

    /// Makes a new key, made at this Unix time, and seals with it from now on. While a change runs, it does nothing.
    ///
    /// # Errors
    /// [`Error`]; then the present keys stay in use, and both keyrings that may be durable now hold them.
    pub(crate) async fn renew(&self, made_at: u64, records: u64) -> Result<(), Error> {
        let mut keyring = self.keyring().await;
        if keyring.old().is_none() {
            self.put(&mut keyring, |keyring| keyring.renewed(made_at)).await?;
            self.left.store(records, Ordering::Relaxed);
        }
        self.begun.notify_one();
        Ok(())
    }

    /// Ends a change: no record needs the old key any more.
    ///
    /// # Errors
    /// As [`Self::renew`].
    pub(crate) async fn finish(&self) -> Result<(), Error> {
        let mut keyring = self.keyring().await;
        self.put(&mut keyring, Keyring::without_old).await
    }

    /// Makes another keyring durable, and then uses it.
    async fn put(
        &self,
        keyring: &mut Arc<Keyring>,
        change: impl FnOnce(&Keyring) -> Result<Keyring, keyring::Error>,
    ) -> Result<(), Error> {
        let changed = change(keyring).map_err(Error::Keyring)?;
        let wrapped = changed.wrap(&self.root).map_err(Error::Keyring)?;
        let sealer = Sealer::new(&changed).map_err(|error| Error::Keyring(error.into()))?;
        let home = Arc::clone(&self.home);
        let written = spawn_blocking(move || home.write_keyring(&wrapped)).await;
        written.unwrap_or(Err(store::Error::Stopped)).map_err(Error::Home)?;
        *self.sealer.write().await = sealer;
        *keyring = Arc::new(changed);
        Ok(())
    }

    /// The numbers of the present key and, while a change runs, of the old one.
    pub(crate) async fn status(&self, records: u64) -> mfad_proto::Keys {
        let keyring = self.keyring().await;
        let (data, old) = (keyring.data(), keyring.old().map(|old| old.id));
        let left = if old.is_some() { self.left.load(Ordering::Relaxed).min(records) } else { 0 };
        mfad_proto::Keys { id: data.id, made_at: data.made_at, old, records, left }
    }

    /// So many records fewer may need the old key.
    pub(crate) fn passed(&self, records: u64) {
        let left = self.left.load(Ordering::Relaxed);
        self.left.store(left.saturating_sub(records), Ordering::Relaxed);
    }

    /// All of so many records may need the old key.
    pub(crate) fn start(&self, records: u64) {
        self.left.store(records, Ordering::Relaxed);
    }

    /// Resolves when a change was begun.
    pub(crate) async fn begun(&self) {
        self.begun.notified().await;
    }
}

/// Why the keys cannot be changed.
#[derive(Debug)]
pub(crate) enum Error {
    /// There is no new keyring.
    Keyring(keyring::Error),
    /// It cannot be made durable.
    Home(store::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the keyring cannot be changed")
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Keyring(error) => Some(error),
            Self::Home(error) => Some(error),
        }
    }
}
