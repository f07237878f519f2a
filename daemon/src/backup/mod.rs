//! A backup: the keys and every sealed record of one moment, sealed once more under a passphrase.
//!
//! The file is a header (magic, Argon2id costs and salt, nonce), the chunks of one STREAM (Hoang, Reyhanitabar, Rogaway
//! and Vizár 2015) of XChaCha20-Poly1305, and a footer. So a cut, a swap and an addition are found, and nothing is believed
//! before its tag was checked. Inside: the keyring's keys, the store's mark, and the records, each key and value with its length.
//!
//! MUST: a reader caps the costs that a file asks for before it pays them; the content is proved against its mark.

mod file;
mod pipe;
mod snapshot;

use std::fmt;
use std::io::{self, Read, Write};

use mfad_proto::Password;

use crate::keyring::{Error as KeyringError, Keyring};
use crate::ledger::{Ledger, Mark, Sum};

pub use file::{Costs, SealedReader, SealedWriter};
pub use pipe::pour;
pub use snapshot::{Overlay, Snapshot};

/// Writes a backup of a snapshot. `out` need not be buffered.
///
/// # Errors
/// [`Error`]; what was written so far is no backup then, and says so when it is read.
pub fn write(
    snapshot: &Snapshot,
    keyring: &Keyring,
    passphrase: &Password,
    costs: Costs,
    out: impl Write,
) -> Result<(), Error> {
    let mut out = SealedWriter::new(out, passphrase, costs)?;
    sized(&mut out, &keyring.to_bytes())?;
    sized(&mut out, &snapshot.mark().to_bytes())?;
    snapshot.scan(|key, value| {
        sized(&mut out, key)?;
        sized(&mut out, value)
    })?;
    out.finish()
}

/// A backup that is being read: its keys and mark first, then its records.
pub struct Backup<R: Read> {
    input: SealedReader<R>,
    keyring: Keyring,
    mark: Mark,
}

impl<R: Read> Backup<R> {
    /// Opens a backup.
    ///
    /// # Errors
    /// [`Error::NotABackup`] for another file, [`Error::Unopened`] for a wrong passphrase or a changed file.
    pub fn open(input: R, passphrase: &Password) -> Result<Self, Error> {
        let mut input = SealedReader::new(input, passphrase)?;
        let keyring = Keyring::from_bytes(&read_sized(&mut input)?).map_err(Error::Keyring)?;
        let mark = Mark::from_bytes(&read_sized(&mut input)?).ok_or(Error::Content)?;
        Ok(Self { input, keyring, mark })
    }

    /// The keys that sealed its records.
    #[must_use]
    pub const fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// The store's mark at that moment.
    #[must_use]
    pub const fn mark(&self) -> &Mark {
        &self.mark
    }

    /// Reads every record, and returns the keys when all were there as the mark says. What `each` did must be thrown away
    /// when this fails.
    ///
    /// # Errors
    /// [`Error`], also those of `each`.
    pub fn read(mut self, mut each: impl FnMut(&[u8], &[u8]) -> Result<(), Error>) -> Result<Keyring, Error> {
        let ledger = Ledger::new(&self.keyring).map_err(|error| Error::Keyring(error.into()))?;
        let mut sum = Sum::default();
        for _ in 0..self.mark.records {
            let (key, value) = (read_sized(&mut self.input)?, read_sized(&mut self.input)?);
            sum.toggle(ledger.print(&key, &value));
            each(&key, &value)?;
        }
        let ended = self.input.read(&mut [0])? == 0;
        if ended && sum == self.mark.sum { Ok(self.keyring) } else { Err(Error::Content) }
    }
}

/// Why a backup cannot be written or read.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The file is no backup of this version.
    NotABackup,
    /// The file asks for more memory or time than any backup does.
    Costs,
    /// The file was not written to its end.
    Unfinished,
    /// A chunk does not open: the passphrase is wrong, or the file was changed or cut.
    Unopened,
    /// The content is not what its mark says.
    Content,
    /// The keys in it are none.
    Keyring(KeyringError),
    /// The store was closed, or so much has changed while the backup was read that it was given up.
    Outrun,
    /// The store cannot be read or written.
    Store(crate::store::Error),
    /// The operating system refused.
    Io(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotABackup => "the file is no backup of mfad",
            Self::Costs => "the backup asks for more memory or time than any backup does",
            Self::Unfinished => "the backup was not written to its end",
            Self::Unopened => "the backup does not open: the passphrase is wrong, or the file was changed or cut",
            Self::Content => "the backup is not complete",
            Self::Outrun => "the backup was given up: it was read too slowly, or the store was closed",
            Self::Keyring(_) => "the keys in the backup cannot be used",
            Self::Store(_) => "the store cannot be backed up",
            Self::Io(_) => "the backup cannot be read or written",
        })
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Keyring(error) => Some(error),
            Self::Store(error) => Some(error),
            Self::Io(error) => Some(error),
            Self::NotABackup | Self::Costs | Self::Unfinished | Self::Unopened | Self::Content | Self::Outrun => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        // What the sealed stream says through `Read` is one of ours.
        match error.downcast::<Self>() {
            Ok(ours) => ours,
            Err(error) => Self::Io(error),
        }
    }
}

impl From<crate::store::Error> for Error {
    fn from(error: crate::store::Error) -> Self {
        Self::Store(error)
    }
}

fn sized(out: &mut impl Write, bytes: &[u8]) -> Result<(), Error> {
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    out.write_all(&length.to_le_bytes())?;
    Ok(out.write_all(bytes)?)
}

fn read_sized(input: &mut impl Read) -> Result<zeroize::Zeroizing<Vec<u8>>, Error> {
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    if length > LONGEST {
        return Err(Error::Content);
    }
    let mut bytes = zeroize::Zeroizing::new(vec![0; length]);
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Bytes of the longest part of a backup: far more than any key or sealed record has.
const LONGEST: usize = 64 * 1024;
