//! One moment of a store that goes on changing: whatever changes later is kept as it was, until it has been read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Error;
use crate::ledger::{MARK_KEY, Mark};
use crate::store::Store;

/// The store as it was at a mark.
pub struct Snapshot {
    store: Arc<dyn Store>,
    mark: Mark,
    overlay: Arc<Overlay>,
}

/// What was under the keys that have changed since, as far as it has not been read.
#[derive(Default)]
pub struct Overlay(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    values: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// Keys up to here have been read: what happens to them now is of no interest.
    read: Option<Vec<u8>>,
    /// The store is being closed, or a reader this slow would cost more memory than its backup is worth.
    given_up: bool,
}

impl Overlay {
    /// Keeps the value of a key as it is before its first change. The writer calls this before it writes.
    pub fn keep(&self, key: &[u8], old: Option<&Vec<u8>>) {
        let mut kept = self.kept();
        if kept.given_up || kept.read.as_deref().is_some_and(|read| key <= read) {
            return;
        }
        kept.values.entry(key.to_vec()).or_insert_with(|| old.cloned());
        if kept.values.len() > MOST {
            drop(kept);
            self.give_up();
        }
    }

    /// Ends the reading: the store is being closed.
    pub fn give_up(&self) {
        *self.kept() = Kept { given_up: true, ..Kept::default() };
    }

    /// Notes that the scan has come to this key, and says what was there before it changed: `None` when it has not.
    fn pass(&self, key: &[u8]) -> Result<Option<Option<Vec<u8>>>, Error> {
        let mut kept = self.kept();
        if kept.given_up {
            return Err(Error::Outrun);
        }
        kept.read = Some(key.to_vec());
        Ok(kept.values.remove(key))
    }

    /// What the scan did not come to, because it was gone by then.
    fn rest(&self) -> Result<BTreeMap<Vec<u8>, Option<Vec<u8>>>, Error> {
        let mut kept = self.kept();
        if kept.given_up { Err(Error::Outrun) } else { Ok(std::mem::take(&mut kept.values)) }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Snapshot {
    /// The store at this mark; the writer fills `overlay` from now on.
    #[must_use]
    pub const fn new(store: Arc<dyn Store>, mark: Mark, overlay: Arc<Overlay>) -> Self {
        Self { store, mark, overlay }
    }

    /// The store's mark at that moment.
    #[must_use]
    pub const fn mark(&self) -> &Mark {
        &self.mark
    }

    /// Calls `each` with every record of that moment, once. It leans on the store's promise to scan in the order of keys.
    ///
    /// # Errors
    /// Those of the store and of `each`; also when so much has changed meanwhile that it was given up.
    pub fn scan(&self, mut each: impl FnMut(&[u8], &[u8]) -> Result<(), Error>) -> Result<(), Error> {
        let mut result = Ok(());
        self.store.scan(&mut |key, value| {
            if result.is_ok() && key != MARK_KEY {
                // Asked after the value was read: what had changed by then is kept by now.
                result = self.overlay.pass(key).and_then(|kept| match kept {
                    None => each(key, value),
                    Some(Some(old)) => each(key, &old),
                    Some(None) => Ok(()),
                });
            }
        })?;
        result?;
        // What was removed before the scan came to it.
        let rest = self.overlay.rest()?;
        rest.iter()
            .filter_map(|(key, old)| old.as_ref().map(|old| (key, old)))
            .try_for_each(|(key, old)| each(key, old))
    }
}

/// Changed keys that are kept for one reader.
const MOST: usize = 250_000;
