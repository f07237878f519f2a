//! An engine that forgets everything with its process: for tests, and to measure what is not the disk.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, PoisonError};

use super::{Change, Entry, Error, Store};

/// Values in memory.
#[derive(Default)]
pub struct MemoryStore(Mutex<BTreeMap<Vec<u8>, Vec<u8>>>);

impl Store for MemoryStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
    }

    fn scan(&self, each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|(key, value)| each(key, value));
        Ok(())
    }

    fn page(&self, above: &[u8], most: usize) -> Result<Vec<Entry>, Error> {
        let values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let above = values.range::<[u8], _>((Bound::Excluded(above), Bound::Unbounded));
        Ok(above.take(most).map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn commit(&self, batch: Vec<Change>) -> Result<(), Error> {
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in batch {
            match value {
                Some(value) => values.insert(key, value),
                None => values.remove(&key),
            };
        }
        Ok(())
    }

    fn waits(&self) -> bool {
        false
    }
}
