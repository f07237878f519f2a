//! One lock for each key that somebody holds or waits for, and none for the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OwnedMutexGuard;

/// All locks.
#[derive(Default)]
pub(crate) struct Locks(Mutex<HashMap<Vec<u8>, Arc<tokio::sync::Mutex<()>>>>);

impl Locks {
    /// Waits for this key's lock, and holds it until it is dropped.
    pub(crate) async fn lock(&self, key: Vec<u8>) -> Lock<'_> {
        let lock = Arc::clone(self.map().entry(key.clone()).or_default());
        Lock { locks: self, key, guard: Some(lock.lock_owned().await) }
    }

    fn map(&self) -> MutexGuard<'_, HashMap<Vec<u8>, Arc<tokio::sync::Mutex<()>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A lock that is held.
pub(crate) struct Lock<'l> {
    locks: &'l Locks,
    key: Vec<u8>,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        let mut map = self.locks.map();
        drop(self.guard.take());
        // Whoever waits holds a clone; the map's own is the last one then. Taking a clone needs the map's lock.
        if map.get(&self.key).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            map.remove(&self.key);
        }
    }
}
