//! An engine that believes sled: a commit is applied and flushed, and no fdatasync follows. It is otherwise the daemon's
//! own engine, so that what it loses in a power cut is what the missing sync would have kept.
//!
//! The file `head` lies on another disk: syncing it would carry the store's data along, by the file system's journal, and
//! then it depends on the moment of the cut whether anything is lost.

use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mfad_daemon::home::{Home, STORE};
use mfad_daemon::store::{Change, Entry, Error, Store};

/// A state folder whose store is opened with this engine. The rest is as the daemon does it.
pub struct FlushOnlyHome {
    inner: Arc<dyn Home>,
    folder: PathBuf,
    head: PathBuf,
}

impl FlushOnlyHome {
    /// Takes the place of the daemon's own home in this state folder, with its head in a file elsewhere.
    #[must_use]
    pub fn new(inner: Arc<dyn Home>, state: &Path, head: PathBuf) -> Self {
        Self { inner, folder: state.join(STORE), head }
    }
}

impl Home for FlushOnlyHome {
    fn open(&self) -> Result<Arc<dyn Store>, Error> {
        let config = sled::Config::new().path(&self.folder).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        let end = Instant::now() + UNLOCKED;
        loop {
            match config.open() {
                Ok(db) => return Ok(Arc::new(FlushOnlyStore(db))),
                // Who had it open before may hold its lock a moment longer.
                Err(error) if error.to_string().contains("could not acquire lock") && Instant::now() < end => {
                    std::thread::yield_now();
                }
                Err(error) => return Err(Error::Io(error.into())),
            }
        }
    }

    fn read_head(&self) -> Result<Option<Vec<u8>>, Error> {
        if self.head.exists() { Ok(Some(std::fs::read(&self.head)?)) } else { self.inner.read_head() }
    }

    fn write_head(&self, content: &[u8]) -> Result<(), Error> {
        let new = self.head.with_extension("new");
        std::fs::write(&new, content)?;
        Ok(std::fs::rename(&new, &self.head)?)
    }

    fn write_keyring(&self, wrapped: &[u8]) -> Result<(), Error> {
        self.inner.write_keyring(wrapped)
    }
}

struct FlushOnlyStore(sled::Db);

impl Store for FlushOnlyStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.0.get(key).map_err(io::Error::from)?.map(|value| value.to_vec()))
    }

    fn scan(&self, each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), Error> {
        for entry in self.0.iter() {
            let (key, value) = entry.map_err(io::Error::from)?;
            each(&key, &value);
        }
        Ok(())
    }

    fn page(&self, above: &[u8], most: usize) -> Result<Vec<Entry>, Error> {
        let above = self.0.range::<&[u8], _>((Bound::Excluded(above), Bound::Unbounded)).take(most);
        above
            .map(|entry| Ok(entry.map(|(key, value)| (key.to_vec(), value.to_vec())).map_err(io::Error::from)?))
            .collect()
    }

    fn commit(&self, changes: Vec<Change>) -> Result<(), Error> {
        let mut batch = sled::Batch::default();
        for (key, value) in changes {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        self.0.apply_batch(batch).map_err(io::Error::from)?;
        self.0.flush().map_err(io::Error::from)?;
        Ok(())
    }

    fn waits(&self) -> bool {
        true
    }
}

/// As the daemon's own engine.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;

/// How long another user of the database in this process may take to let go of it.
const UNLOCKED: Duration = Duration::from_secs(10);
