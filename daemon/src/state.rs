//! The state folder: who owns it, the lock that keeps a second process out, and the small files beside the store.
//!
//! MUST: the folder belongs to this process's user and to nobody else's eyes (0700), and is no symlink; one process
//! holds the lock; a file is replaced whole (temporary file, fsync, rename, fsync of the folder) or not at all.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg, OFlag};
use nix::unistd::{Gid, Uid, geteuid, setgroups, setresgid, setresuid};
use zeroize::Zeroizing;

/// A state folder that this process alone holds, until it is dropped.
#[derive(Debug)]
pub struct StateFolder {
    path: PathBuf,
    /// Held as long as this lives.
    _lock: Option<Flock<File>>,
}

impl StateFolder {
    /// Takes the folder, and makes it when it is not there (its parent must be).
    ///
    /// # Errors
    /// [`Error`], which names the folder and says what to do.
    pub fn take(path: &Path) -> Result<Self, Error> {
        match DirBuilder::new().mode(FOLDER_MODE).create(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::io(path, error)),
        }
        Self::judge_owner(path)?;
        Self::close_empty(path)?;
        Self::judge_mode(path)?;
        Self::lock(path)
    }

    /// Takes a folder only if it is there, to look at it: nothing in it or of it is changed.
    ///
    /// # Errors
    /// As [`Self::take`]; `Ok(None)` when there is no folder.
    pub fn take_existing(path: &Path) -> Result<Option<Self>, Error> {
        if path.symlink_metadata().is_err_and(|e| e.kind() == io::ErrorKind::NotFound) {
            return Ok(None);
        }
        // Root may look at anybody's.
        if !geteuid().is_root() {
            Self::judge_owner(path)?;
        }
        Self::judge_mode(path)?;
        if path.join(LOCK).symlink_metadata().is_err() {
            // Whoever runs on a folder has made its lock: nobody does here.
            return Ok(Some(Self { path: path.to_owned(), _lock: None }));
        }
        Self::hold(path).map(Some)
    }

    /// Makes this process, when it is root, act as the folder's owner from now on. What it writes there belongs to the
    /// owner then, and nothing that the owner has laid out there makes root do more than the owner could.
    ///
    /// # Errors
    /// [`Error`] when the folder cannot be looked at, or the kernel refuses.
    pub fn act_as_owner(path: &Path) -> Result<(), Error> {
        let owner = match path.symlink_metadata() {
            Ok(metadata) => metadata,
            // A new folder will be this process's own.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(Error::io(path, error)),
        };
        if !geteuid().is_root() || owner.uid() == 0 {
            return Ok(());
        }
        let (uid, gid) = (Uid::from_raw(owner.uid()), Gid::from_raw(owner.gid()));
        let become_owner = || {
            setgroups(&[])?;
            setresgid(gid, gid, gid)?;
            setresuid(uid, uid, uid)
        };
        become_owner().map_err(|errno| Error::io(path, errno.into()))
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes where this process can be reached into the lock, for those who find it taken.
    ///
    /// # Errors
    /// [`Error`] when the lock file cannot be written.
    pub fn announce(&self, socket: &Path) -> Result<(), Error> {
        let path = self.path.join(LOCK);
        let text = format!("{}\n{}\n", std::process::id(), socket.display());
        // Opened for this alone: a file that stays open for writing keeps its file system from becoming read-only.
        let write = || lock_options().write(true).truncate(true).open(&path)?.write_all(text.as_bytes());
        write().map_err(|error| Error::io(&path, error))
    }

    /// The content of a small file of this folder, or `None` when it is not there.
    ///
    /// # Errors
    /// [`Error`] when it is there and cannot be read, is no plain file, or is unreasonably large.
    pub fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let path = self.path.join(name);
        match read_private(&path) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io(&path, error)),
        }
    }

    /// Replaces a small file of this folder; it is durable when this returns.
    ///
    /// # Errors
    /// [`Error`]; the old file is still there then, unless the last fsync failed.
    pub fn replace(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        let path = self.path.join(name);
        let temporary = self.path.join(format!("{name}.new"));
        let write = || {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(FILE_MODE).custom_flags(OFlag::O_NOFOLLOW.bits());
            let mut file = options.open(&temporary)?;
            file.write_all(content)?;
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            File::open(path.parent().unwrap_or(&self.path))?.sync_all()
        };
        write().map_err(|error| Error::io(&path, error))
    }

    /// Whether there is something of this name in the folder.
    #[must_use]
    pub fn holds(&self, name: &str) -> bool {
        self.path.join(name).symlink_metadata().is_ok()
    }

    /// Removes a file or a folder of this folder, if it is there; it is gone for good when this returns.
    ///
    /// # Errors
    /// [`Error`] when it cannot be removed.
    pub fn discard(&self, name: &str) -> Result<(), Error> {
        let path = self.path.join(name);
        let remove = || {
            match path.symlink_metadata() {
                Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(&path)?,
                Ok(_) => fs::remove_file(&path)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error),
            }
            File::open(&self.path)?.sync_all()
        };
        remove().map_err(|error| Error::io(&path, error))
    }

    fn judge_owner(path: &Path) -> Result<(), Error> {
        let metadata = path.symlink_metadata().map_err(|error| Error::io(path, error))?;
        if metadata.is_dir() && metadata.uid() != geteuid().as_raw() {
            return Err(Error::Owner { path: path.to_owned(), owner: metadata.uid() });
        }
        Ok(())
    }

    fn judge_mode(path: &Path) -> Result<(), Error> {
        let metadata = path.symlink_metadata().map_err(|error| Error::io(path, error))?;
        if !metadata.is_dir() {
            return Err(Error::NotAFolder(path.to_owned()));
        }
        match metadata.mode() & 0o777 {
            FOLDER_MODE => Ok(()),
            mode => Err(Error::Mode { path: path.to_owned(), mode }),
        }
    }

    /// An empty folder cannot have shown anything yet: closing it now is enough.
    fn close_empty(path: &Path) -> Result<(), Error> {
        let empty = || Ok(path.symlink_metadata()?.is_dir() && fs::read_dir(path)?.next().is_none());
        let close =
            |empty| if empty { fs::set_permissions(path, fs::Permissions::from_mode(FOLDER_MODE)) } else { Ok(()) };
        empty().and_then(close).map_err(|error| Error::io(path, error))
    }

    /// Makes the lock file where it is missing, and holds it.
    fn lock(path: &Path) -> Result<Self, Error> {
        let file = path.join(LOCK);
        let made = lock_options().write(true).create(true).truncate(false).open(&file);
        made.map_err(|error| Error::io(&file, error))?;
        Self::hold(path)
    }

    fn hold(path: &Path) -> Result<Self, Error> {
        let file = path.join(LOCK);
        let opened = lock_options().read(true).open(&file).map_err(|error| Error::io(&file, error))?;
        match Flock::lock(opened, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Self { path: path.to_owned(), _lock: Some(lock) }),
            Err((held, nix::errno::Errno::EWOULDBLOCK)) => Err(Error::Taken(Holder::read(path, held))),
            Err((_file, errno)) => Err(Error::io(&file, errno.into())),
        }
    }
}

/// Who holds a state folder, in the holder's own words.
#[derive(Debug)]
pub struct Holder {
    /// The folder.
    pub folder: PathBuf,
    /// Its process id, when it has said so.
    pub pid: Option<u32>,
    /// The socket it listens on, when it has said so.
    pub socket: Option<PathBuf>,
}

impl Holder {
    fn read(folder: &Path, lock: File) -> Self {
        let mut text = String::new();
        // What cannot be read has not been said.
        let read = lock.take(LARGEST_FILE).read_to_string(&mut text).is_ok();
        let mut lines = if read { text.lines() } else { "".lines() };
        let pid = lines.next().and_then(|line| line.parse().ok());
        Self { folder: folder.to_owned(), pid, socket: lines.next().map(PathBuf::from) }
    }
}

/// Why the state folder cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The path leads to something else, a symlink included.
    NotAFolder(PathBuf),
    /// It belongs to another user.
    Owner {
        /// The folder.
        path: PathBuf,
        /// Its owner's uid.
        owner: u32,
    },
    /// Others may look into it.
    Mode {
        /// The folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Another process holds it.
    Taken(Holder),
    /// The operating system refused.
    Io {
        /// What was read or written.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
}

impl Error {
    fn io(path: &Path, error: io::Error) -> Self {
        Self::Io { path: path.to_owned(), error }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAFolder(path) => write!(f, "{} is no folder (a symlink is not followed)", path.display()),
            Self::Owner { path, owner } => {
                write!(f, "{} belongs to uid {owner}: run mfad as that user, or change the owner", path.display())
            }
            Self::Mode { path, mode } => {
                write!(f, "{} has mode {mode:04o}: others must be kept out, run chmod 0700 on it", path.display())
            }
            Self::Taken(Holder { folder, pid: Some(pid), .. }) => {
                write!(f, "{} is in use by process {pid}: stop that mfad first", folder.display())
            }
            Self::Taken(Holder { folder, pid: None, .. }) => {
                write!(f, "{} is in use by another process: stop that mfad first", folder.display())
            }
            Self::Io { path, .. } => write!(f, "{} cannot be used", path.display()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { error, .. } => Some(error),
            Self::NotAFolder(_) | Self::Owner { .. } | Self::Mode { .. } | Self::Taken(_) => None,
        }
    }
}

/// Reads a small plain file without following a symlink at its end.
///
/// # Errors
/// Those of the operating system; `InvalidData` for anything but a plain file of at most 64 KiB.
pub fn read_private(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut options = OpenOptions::new();
    // Without O_NONBLOCK, a FIFO in the way would hang the start.
    options.read(true).custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits());
    let file = options.open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() > LARGEST_FILE {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not a small plain file"));
    }
    // Sized from the start: a buffer that grows leaves copies behind.
    let room = usize::try_from(LARGEST_FILE.saturating_add(1)).unwrap_or(usize::MAX);
    let mut content = Zeroizing::new(Vec::with_capacity(room));
    file.take(LARGEST_FILE).read_to_end(&mut content)?;
    Ok(content)
}

fn lock_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(FILE_MODE).custom_flags(OFlag::O_NOFOLLOW.bits());
    options
}

const LOCK: &str = "lock";
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// Bytes of the largest file that is read whole.
const LARGEST_FILE: u64 = 64 * 1024;
