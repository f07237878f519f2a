//! Sealing of records: XChaCha20-Poly1305 under the data key, bound to whose record it is.
//!
//! MUST: the associated data holds format, kind, realm, user and generation, so that a record moved to another account
//! or another generation does not open; a sealed record always has [`SEALED`] bytes, and the entries of handles are all of one length.

use std::fmt;
use std::sync::Arc;

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};
use mfad_proto::{AccountName, Handle, Realm};
use zeroize::Zeroizing;

use crate::keyring::{DataKey, Keyring};
use crate::locked::{self, Locked};
use crate::names;
use crate::record::{self, Plain, Record};

/// What a sealed record stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject<'a> {
    /// An account's record.
    Account(&'a AccountName),
    /// A slot that failures of unknown names are written to.
    Slot(u16),
    /// What an administrator has set for a realm.
    Realm(&'a Realm),
    /// Whose a handle is.
    Handle(&'a Handle),
}

/// Seals and opens records. Clones share the keys.
#[derive(Clone)]
pub struct Sealer {
    current: SealKey,
    /// While the key is being changed: opens what is not sealed anew yet.
    old: Option<SealKey>,
}

#[derive(Clone)]
struct SealKey {
    id: u32,
    cipher: Arc<Locked<XChaCha20Poly1305>>,
}

impl SealKey {
    fn new(data: &DataKey) -> Result<Self, locked::Error> {
        let key = data.key.derive(b"mfad record seal 1");
        let cipher = Locked::new(|| XChaCha20Poly1305::new(key.expose().into()))?;
        Ok(Self { id: data.id, cipher: Arc::new(cipher) })
    }
}

impl Sealer {
    /// Prepares the key schedules.
    ///
    /// # Errors
    /// When no memory can be locked.
    pub fn new(keyring: &Keyring) -> Result<Self, locked::Error> {
        let old = keyring.old().map(SealKey::new).transpose()?;
        Ok(Self { current: SealKey::new(keyring.data())?, old })
    }

    /// Whether this was sealed with the present key.
    #[must_use]
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        key_id(sealed) == Some(self.current.id)
    }

    /// Seals a record for its subject.
    ///
    /// # Errors
    /// [`Error::Random`] when the kernel gives no randomness.
    pub fn seal(&self, subject: Subject<'_>, record: &Record) -> Result<Vec<u8>, Error> {
        self.seal_plain(subject, record.generation, record.encode().map_err(Error::Record)?)
    }

    /// Opens what [`Self::seal`] made for the same subject.
    ///
    /// # Errors
    /// [`Error::Broken`] when the bytes were changed, moved, or sealed by another key.
    pub fn open(&self, subject: Subject<'_>, sealed: &[u8]) -> Result<Record, Error> {
        let (generation, plain) = self.open_plain(subject, sealed)?;
        let record = Record::decode(&plain).map_err(Error::Record)?;
        if record.generation == generation { Ok(record) } else { Err(Error::Broken) }
    }

    /// Seals the plain bytes of a record.
    ///
    /// # Errors
    /// As [`Self::seal`].
    pub fn seal_plain(&self, subject: Subject<'_>, generation: u64, plain: Plain) -> Result<Vec<u8>, Error> {
        let mut body = plain;
        self.seal_body(subject, generation, body.expose_mut())
    }

    /// Opens what [`Self::seal_plain`] made for the same subject: its generation and plain bytes.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_plain(&self, subject: Subject<'_>, sealed: &[u8]) -> Result<(u64, Plain), Error> {
        let mut plain = Plain::zeroed();
        // Records of an older layout are shorter.
        let length = sealed.len().saturating_sub(AROUND);
        let body = plain.expose_mut().get_mut(..length).ok_or(Error::Broken)?;
        let generation = self.open_body(subject, sealed, body)?;
        Ok((generation, plain))
    }

    /// Seals whose a handle is, always to the same length: it must not tell how long the name is.
    ///
    /// # Errors
    /// As [`Self::seal`].
    pub fn seal_entry(&self, handle: &Handle, name: &AccountName) -> Result<Vec<u8>, Error> {
        let (mut body, name) = (Zeroizing::new([0; names::LONGEST]), names::bytes(name));
        // INVARIANT: no legal name is longer.
        body.get_mut(..name.len()).ok_or(Error::Broken)?.copy_from_slice(&name);
        self.seal_body(Subject::Handle(handle), 0, body.as_mut_slice())
    }

    /// Opens what [`Self::seal_entry`] made for the same handle.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_entry(&self, handle: &Handle, sealed: &[u8]) -> Result<AccountName, Error> {
        let mut body = Zeroizing::new([0; names::LONGEST]);
        self.open_body(Subject::Handle(handle), sealed, body.as_mut_slice())?;
        // No name ends in a zero.
        let length = body.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1));
        body.get(..length).and_then(names::parse).ok_or(Error::Broken)
    }

    /// Opens what was sealed for this subject, and seals it with the present key.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn seal_anew(&self, subject: Subject<'_>, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        let length = sealed.len().checked_sub(AROUND).ok_or(Error::Broken)?;
        let mut body = Zeroizing::new(vec![0; length]);
        let generation = self.open_body(subject, sealed, &mut body)?;
        self.seal_body(subject, generation, &mut body)
    }

    fn seal_body(&self, subject: Subject<'_>, generation: u64, body: &mut [u8]) -> Result<Vec<u8>, Error> {
        let mut nonce = [0_u8; NONCE];
        getrandom::fill(&mut nonce).map_err(Error::Random)?;
        let mut sealed = Vec::with_capacity(AROUND.saturating_add(body.len()));
        sealed.push(FORMAT);
        sealed.extend_from_slice(&self.current.id.to_le_bytes());
        sealed.extend_from_slice(&generation.to_le_bytes());
        sealed.extend_from_slice(&nonce);
        let associated = associated(subject, generation);
        let cipher = &self.current.cipher;
        let tag = cipher.encrypt_inout_detached(&XNonce::from(nonce), &associated, (&mut *body).into());
        let tag = tag.map_err(|_e| Error::Broken)?;
        sealed.extend_from_slice(body);
        sealed.extend_from_slice(&tag);
        Ok(sealed)
    }

    /// Opens into `body`, which has the length of what was sealed, and returns its generation.
    fn open_body(&self, subject: Subject<'_>, sealed: &[u8], body: &mut [u8]) -> Result<u64, Error> {
        let id = key_id(sealed).ok_or(Error::Broken)?;
        let key = [Some(&self.current), self.old.as_ref()].into_iter().flatten().find(|key| key.id == id);
        let cipher = &key.ok_or(Error::Broken)?.cipher;
        let (_, rest) = sealed.split_at_checked(HEAD).ok_or(Error::Broken)?;
        let (generation, rest) = rest.split_first_chunk::<8>().ok_or(Error::Broken)?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE>().ok_or(Error::Broken)?;
        let (plain, tag) = rest.split_last_chunk::<TAG>().ok_or(Error::Broken)?;
        if plain.len() != body.len() {
            return Err(Error::Broken);
        }
        let generation = u64::from_le_bytes(*generation);
        body.copy_from_slice(plain);
        let associated = associated(subject, generation);
        let (nonce, tag) = (XNonce::from(*nonce), Tag::from(*tag));
        cipher.decrypt_inout_detached(&nonce, &associated, body.into(), &tag).map_err(|_e| Error::Broken)?;
        Ok(generation)
    }
}

/// Why a record cannot be sealed or opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The bytes were changed, moved, or sealed by another key.
    Broken,
    /// The plain bytes are no record.
    Record(record::Error),
    /// The kernel gave no randomness.
    Random(getrandom::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Broken => "a sealed record does not open: it was changed, moved, or sealed by another key",
            Self::Record(_) => "a sealed record holds something else",
            Self::Random(_) => "the kernel gave no randomness",
        })
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Broken => None,
            Self::Record(error) => Some(error),
            Self::Random(error) => Some(error),
        }
    }
}

/// Bytes of every sealed record: format, key number, generation, nonce, body, tag.
pub const SEALED: usize = AROUND + Plain::LENGTH;

/// Bytes around the body of every sealed value.
const AROUND: usize = HEAD + 8 + NONCE + TAG;

/// The number of the key that this was sealed with.
fn key_id(sealed: &[u8]) -> Option<u32> {
    let (format, rest) = sealed.split_first()?;
    if *format == FORMAT { rest.first_chunk().map(|id| u32::from_le_bytes(*id)) } else { None }
}

fn associated(subject: Subject<'_>, generation: u64) -> Vec<u8> {
    let (kind, subject) = match subject {
        Subject::Account(name) => (b'a', names::bytes(name)),
        Subject::Slot(slot) => (b'n', slot.to_be_bytes().to_vec()),
        Subject::Realm(realm) => (b'r', realm.as_str().as_bytes().to_vec()),
        Subject::Handle(handle) => (b'h', handle.as_bytes().to_vec()),
    };
    [&[FORMAT, kind], generation.to_le_bytes().as_slice(), &subject].concat()
}

const FORMAT: u8 = 1;
/// Format and key number.
const HEAD: usize = 1 + 4;
const NONCE: usize = 24;
const TAG: usize = 16;
