//! The keyring: the random keys of this installation, wrapped by the root key.
//!
//! The root key only wraps this; it seals no record. MUST: a keyring that cannot be unwrapped is never replaced.

use std::fmt;

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::locked::{self, Locked};

/// 32 secret bytes, in locked memory.
pub struct SecretKey(Locked<[u8; 32]>);

impl SecretKey {
    /// Lets `fill` write the bytes where they stay, so that they need not pass over the stack.
    ///
    /// # Errors
    /// Those of `fill`, and when no memory can be locked.
    pub fn filled<E: From<locked::Error>>(fill: impl FnOnce(&mut [u8; 32]) -> Result<(), E>) -> Result<Self, E> {
        let mut key = Self(Locked::zeroed()?);
        fill(&mut key.0)?;
        Ok(key)
    }

    /// Copies the bytes.
    ///
    /// # Errors
    /// When no memory can be locked.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, locked::Error> {
        Self::filled(|key| {
            key.copy_from_slice(bytes);
            Ok(())
        })
    }

    /// Makes a random key.
    ///
    /// # Errors
    /// [`Error::Memory`] or [`Error::Random`].
    pub fn random() -> Result<Self, Error> {
        Self::filled(|key| getrandom::fill(key).map_err(Error::Random))
    }

    /// The bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// Derives the key for one purpose (HKDF-SHA-256, RFC 5869, without salt: the input is uniform).
    #[must_use]
    #[expect(clippy::expect_used, reason = "INVARIANT: HKDF refuses only more than 255 blocks, and this is one")]
    pub fn derive(&self, purpose: &[u8]) -> DerivedKey {
        let mut key = DerivedKey(Box::default());
        Hkdf::<Sha256>::new(None, self.expose()).expand(purpose, key.0.as_mut_slice()).expect("one block");
        key
    }
}

/// A key that was derived to make a cipher of it, and goes when that is done: it is wiped then, but not locked.
pub struct DerivedKey(Box<Zeroizing<[u8; 32]>>);

impl DerivedKey {
    /// The bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The keys of this installation.
pub struct Keyring {
    /// Never renewed: keys of hashes that name things are derived from it.
    base: SecretKey,
    /// Seals records.
    data: DataKey,
}

/// A key that seals records, with the number that sealed records name it by.
pub struct DataKey {
    /// Its number.
    pub id: u32,
    /// The key.
    pub key: SecretKey,
}

impl Keyring {
    /// Makes new random keys.
    ///
    /// # Errors
    /// [`Error::Memory`] or [`Error::Random`].
    pub fn generate() -> Result<Self, Error> {
        Ok(Self { base: SecretKey::random()?, data: DataKey { id: 1, key: SecretKey::random()? } })
    }

    /// The key that hashes of names are derived from.
    #[must_use]
    pub const fn base(&self) -> &SecretKey {
        &self.base
    }

    /// The key that seals records.
    #[must_use]
    pub const fn data(&self) -> &DataKey {
        &self.data
    }

    /// The bytes of the keyring's file: magic, nonce, and the keys sealed under the root key.
    ///
    /// # Errors
    /// [`Error::Random`] when the kernel gives no randomness.
    pub fn wrap(&self, root: &SecretKey) -> Result<Vec<u8>, Error> {
        let mut nonce = [0_u8; NONCE];
        getrandom::fill(&mut nonce).map_err(Error::Random)?;
        let mut sealed = self.to_bytes();
        let encrypted = cipher(root).encrypt_in_place(&XNonce::from(nonce), MAGIC, &mut *sealed);
        encrypted.map_err(|_e| Error::NotOurs)?;
        Ok([MAGIC, &nonce, &sealed].concat())
    }

    /// Reads what [`Self::wrap`] wrote.
    ///
    /// # Errors
    /// [`Error::NotOurs`] when the bytes are no keyring; [`Error::WrongKey`] when this root key does not open it;
    /// [`Error::Memory`].
    pub fn unwrap(bytes: &[u8], root: &SecretKey) -> Result<Self, Error> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(Error::NotOurs)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or(Error::NotOurs)?;
        let mut keys = Zeroizing::new(sealed.to_vec());
        let decrypted = cipher(root).decrypt_in_place(&XNonce::from(*nonce), MAGIC, &mut *keys);
        decrypted.map_err(|_e| Error::WrongKey)?;
        Self::from_bytes(&keys)
    }

    /// The keys themselves, for a backup.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        // Room for a tag from the start: a buffer that grows leaves keys behind.
        let mut keys = Zeroizing::new(Vec::with_capacity(KEYS.saturating_add(TAG)));
        keys.extend_from_slice(self.base.expose());
        keys.extend_from_slice(&self.data.id.to_le_bytes());
        keys.extend_from_slice(self.data.key.expose());
        keys
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`Error::NotOurs`] when the bytes are no keys; [`Error::Memory`].
    pub fn from_bytes(keys: &[u8]) -> Result<Self, Error> {
        let (base, rest) = keys.split_first_chunk::<32>().ok_or(Error::NotOurs)?;
        let (id, rest) = rest.split_first_chunk::<4>().ok_or(Error::NotOurs)?;
        let key: &[u8; 32] = rest.try_into().map_err(|_e| Error::NotOurs)?;
        let data = DataKey { id: u32::from_le_bytes(*id), key: SecretKey::from_bytes(key)? };
        Ok(Self { base: SecretKey::from_bytes(base)?, data })
    }
}

/// Why there is no keyring.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are no keyring of this version.
    NotOurs,
    /// The root key does not open it, or the file was changed.
    WrongKey,
    /// The kernel gave no randomness.
    Random(getrandom::Error),
    /// There is no memory to keep keys in.
    Memory(locked::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotOurs => "the file is no keyring of this version",
            Self::WrongKey => "the root key does not open the keyring: it is another key, or the file was changed",
            Self::Random(_) => "the kernel gave no randomness",
            Self::Memory(_) => "the keys cannot be kept in memory",
        })
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Random(error) => Some(error),
            Self::Memory(error) => Some(error),
            Self::NotOurs | Self::WrongKey => None,
        }
    }
}

impl From<locked::Error> for Error {
    fn from(error: locked::Error) -> Self {
        Self::Memory(error)
    }
}

fn cipher(root: &SecretKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(root.derive(b"mfad keyring wrap 1").expose().into())
}

/// The file's first bytes, authenticated with the rest.
const MAGIC: &[u8] = b"mfad keyring 1\n";
const NONCE: usize = 24;
const TAG: usize = 16;
/// The base key, the data key's number, and the data key.
const KEYS: usize = 32 + 4 + 32;
