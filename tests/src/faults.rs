//! A home whose disk fails when a test says so. What it holds outlives the daemon that uses it, as a disk does.

use std::io::{Error as IoError, ErrorKind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use mfad_daemon::home::{Home, MemoryHome};
use mfad_daemon::keyring::{Keyring, SecretKey};
use mfad_daemon::ledger::Ledger;
use mfad_daemon::setup::found_store;
use mfad_daemon::store::{Change, Entry, Error, Store};
use tempfile::TempDir;

/// How the disk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Disk {
    /// It works.
    #[default]
    Well,
    /// Nothing more can be written.
    Full,
    /// Nothing can be written.
    ReadOnly,
    /// The next sync fails, and the batch before it is not there.
    LosesNext,
    /// The next sync fails, and the batch before it is there all the same.
    LosesNextAnswer,
    /// Only the file `head` cannot be written.
    FullForHead,
    /// It works, but what is opened now waits until it is well.
    Held,
    /// It works, but what is committed now waits until it is well.
    Slow,
    /// It works, but a keyring that is written now waits, until it is well or full.
    SlowForKeyring,
    /// It takes so many more commits and keyrings, and then nothing more.
    Cut(u32),
}

impl Disk {
    /// Takes one more write, or does not.
    fn take(&mut self) -> Result<(), Error> {
        if let Self::Cut(left) = self {
            *left = left.checked_sub(1).ok_or_else(|| Error::Io(IoError::other("the end that the test chose")))?;
        }
        Ok(())
    }
}

/// A home on such a disk.
pub struct FaultyHome {
    inner: MemoryHome,
    disk: Arc<Mutex<Disk>>,
    commits: Arc<AtomicU64>,
    /// How long the values of the latest two commits are.
    latest: Arc<Mutex<[Vec<usize>; 2]>>,
    root: SecretKey,
    /// Of the audit log, where one is kept.
    log: Option<TempDir>,
}

impl FaultyHome {
    /// A new installation on a disk that works.
    ///
    /// # Panics
    /// When there is no randomness.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Self::with(None)
    }

    /// The same with an audit log, which lies on a disk of the machine's own. Its lines bring batches by themselves.
    ///
    /// # Panics
    /// When there is no randomness, or no temporary folder.
    #[must_use]
    pub fn with_log() -> Arc<Self> {
        Self::with(Some(tempfile::tempdir().expect("a temporary folder")))
    }

    fn with(log: Option<TempDir>) -> Arc<Self> {
        let (inner, root) = (MemoryHome::default(), SecretKey::random().expect("randomness"));
        let keyring = Keyring::generate(0).expect("randomness");
        found_store(&inner, &Ledger::new(&keyring).expect("locked memory")).expect("a founded store");
        inner.write_keyring(&keyring.wrap(&root).expect("randomness")).expect("memory");
        Arc::new(Self { inner, disk: Arc::default(), commits: Arc::default(), latest: Arc::default(), root, log })
    }

    /// The installation's keys, for one daemon.
    ///
    /// # Panics
    /// Never: it holds what it wrapped itself.
    #[must_use]
    pub fn keyring(&self) -> Keyring {
        Keyring::unwrap(&self.inner.keyring().expect("a keyring"), &self.root).expect("its own keyring")
    }

    /// What wraps the keys.
    ///
    /// # Panics
    /// When no memory can be locked.
    #[must_use]
    pub fn root(&self) -> SecretKey {
        SecretKey::from_bytes(self.root.expose()).expect("locked memory")
    }

    /// Makes the disk fail, or work again.
    ///
    /// # Panics
    /// When another test thread panicked.
    pub fn set(&self, disk: Disk) {
        *self.disk.lock().expect("a lock") = disk;
    }

    /// Whether a disk that takes so many writes takes none any more.
    ///
    /// # Panics
    /// When another test thread panicked.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        *self.disk.lock().expect("a lock") == Disk::Cut(0)
    }

    /// How often something was committed or tried to be.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::SeqCst)
    }

    /// How long the values of the latest commit are, in its order.
    ///
    /// # Panics
    /// When another test thread panicked.
    #[must_use]
    pub fn latest(&self) -> Vec<usize> {
        let [_, latest] = self.latest_two();
        latest
    }

    /// The same of the latest two commits, the last one at the end.
    ///
    /// # Panics
    /// When another test thread panicked.
    #[must_use]
    pub fn latest_two(&self) -> [Vec<usize>; 2] {
        self.latest.lock().expect("a lock").clone()
    }

    /// The home without its faults, to look at and to tamper with.
    #[must_use]
    pub const fn inner(&self) -> &MemoryHome {
        &self.inner
    }
}

impl Home for FaultyHome {
    fn open(&self) -> Result<Arc<dyn Store>, Error> {
        while *self.disk.lock().expect("a lock") == Disk::Held {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let (inner, disk) = (self.inner.open()?, Arc::clone(&self.disk));
        let (commits, latest) = (Arc::clone(&self.commits), Arc::clone(&self.latest));
        Ok(Arc::new(FaultyStore { inner, disk, commits, latest }))
    }

    fn read_head(&self) -> Result<Option<Vec<u8>>, Error> {
        self.inner.read_head()
    }

    fn write_head(&self, content: &[u8]) -> Result<(), Error> {
        match *self.disk.lock().expect("a lock") {
            Disk::Full | Disk::FullForHead => Err(Error::Io(IoError::from(ErrorKind::StorageFull))),
            Disk::ReadOnly => Err(Error::Io(IoError::from(ErrorKind::ReadOnlyFilesystem))),
            Disk::Cut(0) => Err(Error::Io(IoError::other("the end that the test chose"))),
            Disk::Well
            | Disk::LosesNext
            | Disk::LosesNextAnswer
            | Disk::Held
            | Disk::Slow
            | Disk::SlowForKeyring
            | Disk::Cut(_) => self.inner.write_head(content),
        }
    }

    fn log_folder(&self) -> Option<PathBuf> {
        self.log.as_ref().map(|folder| folder.path().join("audit"))
    }

    fn write_keyring(&self, wrapped: &[u8]) -> Result<(), Error> {
        while *self.disk.lock().expect("a lock") == Disk::SlowForKeyring {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let mut disk = self.disk.lock().expect("a lock");
        disk.take()?;
        match *disk {
            Disk::Full => Err(Error::Io(IoError::from(ErrorKind::StorageFull))),
            Disk::ReadOnly => Err(Error::Io(IoError::from(ErrorKind::ReadOnlyFilesystem))),
            Disk::Cut(_)
            | Disk::Slow
            | Disk::Well
            | Disk::FullForHead
            | Disk::LosesNext
            | Disk::LosesNextAnswer
            | Disk::Held
            | Disk::SlowForKeyring => self.inner.write_keyring(wrapped),
        }
    }
}

struct FaultyStore {
    inner: Arc<dyn Store>,
    disk: Arc<Mutex<Disk>>,
    commits: Arc<AtomicU64>,
    /// How long the values of the latest two commits are.
    latest: Arc<Mutex<[Vec<usize>; 2]>>,
}

impl Store for FaultyStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.inner.get(key)
    }

    fn scan(&self, each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), Error> {
        self.inner.scan(each)
    }

    fn page(&self, above: &[u8], most: usize) -> Result<Vec<Entry>, Error> {
        self.inner.page(above, most)
    }

    fn commit(&self, batch: Vec<Change>) -> Result<(), Error> {
        self.commits.fetch_add(1, Ordering::SeqCst);
        let sizes = batch.iter().map(|(_, value)| value.as_ref().map_or(0, Vec::len)).collect();
        {
            let mut latest = self.latest.lock().expect("a lock");
            let [_, before] = std::mem::take(&mut *latest);
            *latest = [before, sizes];
        }
        while *self.disk.lock().expect("a lock") == Disk::Slow {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let mut disk = self.disk.lock().expect("a lock");
        disk.take()?;
        match *disk {
            Disk::Well | Disk::FullForHead | Disk::Held | Disk::Slow | Disk::SlowForKeyring | Disk::Cut(_) => {
                return self.inner.commit(batch);
            }
            Disk::Full => return Err(Error::Io(IoError::from(ErrorKind::StorageFull))),
            Disk::ReadOnly => return Err(Error::Io(IoError::from(ErrorKind::ReadOnlyFilesystem))),
            Disk::LosesNext => {}
            Disk::LosesNextAnswer => self.inner.commit(batch)?,
        }
        *disk = Disk::Well;
        Err(Error::Io(IoError::other("input/output error of the test")))
    }

    fn waits(&self) -> bool {
        true
    }
}
