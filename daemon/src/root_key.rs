//! Where the root key comes from, and its two file forms.
//!
//! MUST: a key file is a plain file that only its owner, root or this user, can read; the key is never logged; a key is
//! made only for a state folder that has no keyring yet.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER_PERMISSIVE;
use nix::unistd::geteuid;
use zeroize::Zeroizing;

use crate::credential;
use crate::keyring::SecretKey;
use crate::locked;
use crate::state::{self, StateFolder, read_private};

/// Where the root key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Standard input, to its end.
    Stdin,
    /// A credential that systemd hands over.
    Credential(PathBuf),
    /// The sealed file that systemd makes that credential of, for commands that root runs by hand.
    Sealed(PathBuf),
    /// A file.
    File(PathBuf),
    /// `root.key` in the state folder: whoever copies the folder has the key as well.
    StateFolder,
}

impl Source {
    /// Chooses: what the command line says (`-` is standard input), else the credential `mfad.key` that systemd hands
    /// over in `credentials`, else the configuration's `key_file`, else the state folder.
    #[must_use]
    pub fn choose(option: Option<&Path>, credentials: Option<&Path>, key_file: Option<&Path>) -> Self {
        let credential = credentials.map(|folder| folder.join(CREDENTIAL)).filter(|file| file.exists());
        match option {
            Some(path) if path == Path::new("-") => Self::Stdin,
            Some(path) => Self::File(path.to_owned()),
            None => match (credential, key_file) {
                (Some(path), _) => Self::Credential(path),
                (None, Some(path)) => Self::File(path.to_owned()),
                (None, None) => Self::StateFolder,
            },
        }
    }

    /// The credential of the daemon's unit, sealed as it lies; `None` when there is none.
    #[must_use]
    pub fn of_unit() -> Option<Self> {
        let sealed = Path::new(SEALED);
        sealed.exists().then(|| Self::Sealed(sealed.to_owned()))
    }

    /// Reads the key; `Ok(None)` when it should be in the state folder, and is not.
    ///
    /// # Errors
    /// [`Error`] when there is a key and it cannot be used.
    pub fn read(&self, state: &StateFolder) -> Result<Option<SecretKey>, Error> {
        match self {
            Self::Stdin | Self::Credential(_) | Self::Sealed(_) | Self::File(_) => self.read_outside(),
            Self::StateFolder => {
                let content = state.read(ROOT_KEY).map_err(Error::State)?;
                content.map(|content| parse(&content, self)).transpose()
            }
        }
    }

    /// Reads the root key before this one, which lies beside it under the same name with `.old`; `Ok(None)` when there is
    /// none.
    ///
    /// # Errors
    /// [`Error`] when there is one and it cannot be used.
    pub fn read_old(&self, state: &StateFolder) -> Result<Option<SecretKey>, Error> {
        let old = match self {
            Self::Stdin => return Ok(None),
            Self::Credential(path) | Self::File(path) => {
                let mut old = path.clone().into_os_string();
                old.push(OLD);
                PathBuf::from(old)
            }
            Self::Sealed(path) => {
                let mut old = path.clone().into_os_string();
                old.push(OLD);
                let (old, name) = (PathBuf::from(old), format!("{CREDENTIAL}{OLD}"));
                return if old.exists() { self.unseal(&old, &name).map(Some) } else { Ok(None) };
            }
            Self::StateFolder => state.path().join(format!("{ROOT_KEY}{OLD}")),
        };
        if old.symlink_metadata().is_ok() { read_file(&old).map(Some) } else { Ok(None) }
    }

    /// Reads a key that does not lie in the state folder; `Ok(None)` when this one does.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_outside(&self) -> Result<Option<SecretKey>, Error> {
        match self {
            Self::Stdin => {
                let mut content = Zeroizing::new(Vec::with_capacity(LONGEST));
                let longest = u64::try_from(LONGEST).unwrap_or(u64::MAX);
                // Through a descriptor of our own: `Stdin` would keep the key in its buffer.
                let stdin = io::stdin().as_fd().try_clone_to_owned().map(File::from);
                let read = stdin.and_then(|stdin| stdin.take(longest).read_to_end(&mut content));
                read.map_err(|error| Error::Unreadable { source: self.clone(), error })?;
                parse(&content, self).map(Some)
            }
            Self::Credential(path) | Self::File(path) => read_file(path).map(Some),
            Self::Sealed(path) => self.unseal(path, CREDENTIAL).map(Some),
            Self::StateFolder => Ok(None),
        }
    }

    fn unseal(&self, path: &Path, name: &str) -> Result<SecretKey, Error> {
        let content = credential::unseal(path, name, LONGEST);
        parse(&content.map_err(|error| Error::Unreadable { source: self.clone(), error })?, self)
    }

    /// The kind of the place in one word, without saying where it is.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Stdin => "stdin",
            Self::Credential(_) | Self::Sealed(_) => "credential",
            Self::File(_) => "file",
            Self::StateFolder => "state",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("standard input"),
            Self::Credential(path) | Self::Sealed(path) | Self::File(path) => write!(f, "{}", path.display()),
            Self::StateFolder => write!(f, "{ROOT_KEY} in the state folder"),
        }
    }
}

/// Makes a root key in the state folder.
///
/// # Errors
/// [`Error::Random`], [`Error::Memory`] or [`Error::State`].
pub fn make(state: &StateFolder) -> Result<SecretKey, Error> {
    let key = SecretKey::filled(|key| getrandom::fill(key).map_err(Error::Random))?;
    let mut text = Zeroizing::new(String::with_capacity(LONGEST));
    HEXLOWER_PERMISSIVE.encode_append(key.expose(), &mut text);
    text.push('\n');
    state.replace(ROOT_KEY, text.as_bytes()).map_err(Error::State)?;
    Ok(key)
}

/// Reads a key file.
///
/// # Errors
/// [`Error`] when there is none, when others can read or replace it, or when it holds something else.
pub fn read_file(path: &Path) -> Result<SecretKey, Error> {
    let source = || Source::File(path.to_owned());
    let metadata = path.symlink_metadata().map_err(|error| Error::Unreadable { source: source(), error })?;
    let trusted = metadata.uid() == 0 || metadata.uid() == geteuid().as_raw();
    if !trusted || !metadata.is_file() || metadata.mode() & 0o077 != 0 {
        return Err(Error::Exposed(path.to_owned()));
    }
    let content = read_private(path).map_err(|error| Error::Unreadable { source: source(), error })?;
    parse(&content, &source())
}

/// What whoever gets a key made must know.
#[must_use]
pub fn warning(folder: &Path) -> String {
    format!(
        "warning: made a new root key in {}/{ROOT_KEY}. Whoever copies that folder has the key as well: keep the key \
         elsewhere, with --key-file, for anything but a trial.",
        folder.display()
    )
}

/// Why there is no root key.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// It cannot be read.
    Unreadable {
        /// From where.
        source: Source,
        /// Why not.
        error: io::Error,
    },
    /// Others can read or replace it.
    Exposed(PathBuf),
    /// It is neither 32 bytes nor 64 hex digits.
    Form(Source),
    /// The state folder cannot be used.
    State(state::Error),
    /// The kernel gave no randomness.
    Random(getrandom::Error),
    /// There is no memory to keep it in.
    Memory(locked::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { source, .. } => write!(f, "the root key cannot be read from {source}"),
            Self::Exposed(path) => write!(
                f,
                "the root key file {} must be a plain file of root or of this user that nobody else can read: \
                 check its owner, and run chmod 0600 on it",
                path.display()
            ),
            Self::Form(source) => write!(f, "the root key from {source} is neither 32 bytes nor 64 hex digits"),
            Self::State(_) => f.write_str("the root key in the state folder cannot be used"),
            Self::Random(_) => f.write_str("the kernel gave no randomness"),
            Self::Memory(_) => f.write_str("the root key cannot be kept in memory"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable { error, .. } => Some(error),
            Self::State(error) => Some(error),
            Self::Random(error) => Some(error),
            Self::Memory(error) => Some(error),
            Self::Exposed(_) | Self::Form(_) => None,
        }
    }
}

impl From<locked::Error> for Error {
    fn from(error: locked::Error) -> Self {
        Self::Memory(error)
    }
}

fn parse(content: &[u8], source: &Source) -> Result<SecretKey, Error> {
    if let Ok(bytes) = content.try_into() {
        return Ok(SecretKey::from_bytes(bytes)?);
    }
    let text = content.trim_ascii();
    SecretKey::filled(|key| {
        let decoded = text.len() == 64 && HEXLOWER_PERMISSIVE.decode_mut(text, key).is_ok();
        if decoded { Ok(()) } else { Err(Error::Form(source.clone())) }
    })
}

const ROOT_KEY: &str = "root.key";
const CREDENTIAL: &str = "mfad.key";
/// Where mfad.service says that the credential is sealed.
const SEALED: &str = "/etc/credstore.encrypted/mfad.key";
/// What the name of the root key before this one ends with.
const OLD: &str = ".old";
/// Bytes that are read: more than the longest form, so that a longer text is told apart.
const LONGEST: usize = 128;
