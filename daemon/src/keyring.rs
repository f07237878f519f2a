//! The keyring: the random keys of this installation, wrapped by the root key.
//!
//! The root key only wraps this; it seals no record. MUST: a keyring that cannot be unwrapped is never replaced; while the
//! key that seals records is being changed, the keyring holds the old one as well.

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
    /// Sealed records before that one, and opens those that are not sealed anew yet.
    old: Option<DataKey>,
}

/// A key that seals records, with the number that sealed records name it by.
pub struct DataKey {
    /// Its number.
    pub id: u32,
    /// When it was made, in Unix seconds.
    pub made_at: u64,
    /// The key.
    pub key: SecretKey,
}

impl Keyring {
    /// Makes new random keys at this Unix time.
    ///
    /// # Errors
    /// [`Error::Memory`] or [`Error::Random`].
    pub fn generate(made_at: u64) -> Result<Self, Error> {
        let data = DataKey { id: 1, made_at, key: SecretKey::random()? };
        Ok(Self { base: SecretKey::random()?, data, old: None })
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

    /// The key before it, as long as records may need it.
    #[must_use]
    pub const fn old(&self) -> Option<&DataKey> {
        self.old.as_ref()
    }

    /// The same keyring with a new key for records, made at this Unix time, and the present one as the old one.
    ///
    /// # Errors
    /// [`Error::Memory`] or [`Error::Random`].
    pub fn renewed(&self, made_at: u64) -> Result<Self, Error> {
        let id = self.data.id.checked_add(1).unwrap_or(1);
        let data = DataKey { id, made_at, key: SecretKey::random()? };
        Ok(Self { base: SecretKey::from_bytes(self.base.expose())?, data, old: Some(self.data.duplicate()?) })
    }

    /// The same keyring without the old key: no record needs it any more.
    ///
    /// # Errors
    /// [`Error::Memory`].
    pub fn without_old(&self) -> Result<Self, Error> {
        Ok(Self { base: SecretKey::from_bytes(self.base.expose())?, data: self.data.duplicate()?, old: None })
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
    /// [`Error::NotOurs`] when the bytes are no keyring; [`Error::Newer`] when they are a later mfad's; [`Error::WrongKey`] when this root key does not open it;
    /// [`Error::Memory`].
    pub fn unwrap(bytes: &[u8], root: &SecretKey) -> Result<Self, Error> {
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| foreign(bytes))?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or(Error::NotOurs)?;
        let mut keys = Zeroizing::new(sealed.to_vec());
        let decrypted = cipher(root).decrypt_in_place(&XNonce::from(*nonce), MAGIC, &mut *keys);
        decrypted.map_err(|_e| Error::WrongKey)?;
        Self::from_bytes(&keys)
    }

    /// The keys themselves, for a backup: the base key, then each data key with its number and age.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        // Room for a tag from the start: a buffer that grows leaves keys behind.
        let mut keys = Zeroizing::new(Vec::with_capacity(LONGEST.saturating_add(TAG)));
        keys.extend_from_slice(self.base.expose());
        for data in [Some(&self.data), self.old.as_ref()].into_iter().flatten() {
            keys.extend_from_slice(&data.id.to_le_bytes());
            keys.extend_from_slice(&data.made_at.to_le_bytes());
            keys.extend_from_slice(data.key.expose());
        }
        keys
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`Error::NotOurs`] when the bytes are no keys; [`Error::Memory`].
    pub fn from_bytes(keys: &[u8]) -> Result<Self, Error> {
        let (base, rest) = keys.split_first_chunk::<32>().ok_or(Error::NotOurs)?;
        let (data, rest) = DataKey::read(rest)?;
        let old = match rest {
            [] => None,
            rest => match DataKey::read(rest)? {
                (old, []) if old.id != data.id => Some(old),
                (_, _) => return Err(Error::NotOurs),
            },
        };
        Ok(Self { base: SecretKey::from_bytes(base)?, data, old })
    }
}

impl DataKey {
    fn read(bytes: &[u8]) -> Result<(Self, &[u8]), Error> {
        let (id, rest) = bytes.split_first_chunk().ok_or(Error::NotOurs)?;
        let (made_at, rest) = rest.split_first_chunk().ok_or(Error::NotOurs)?;
        let (key, rest) = rest.split_first_chunk().ok_or(Error::NotOurs)?;
        let (id, made_at) = (u32::from_le_bytes(*id), u64::from_le_bytes(*made_at));
        Ok((Self { id, made_at, key: SecretKey::from_bytes(key)? }, rest))
    }

    fn duplicate(&self) -> Result<Self, Error> {
        Ok(Self { id: self.id, made_at: self.made_at, key: SecretKey::from_bytes(self.key.expose())? })
    }
}

/// Why there is no keyring.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are no keyring of this version.
    NotOurs,
    /// A later version of mfad has written them.
    Newer,
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
            Self::Newer => {
                "the state was written by a newer mfad, and this one cannot read it: install that version again, or \
                 restore a backup that this one has made"
            }
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
            Self::NotOurs | Self::Newer | Self::WrongKey => None,
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

/// Why bytes without our magic are no keyring.
fn foreign(bytes: &[u8]) -> Error {
    let (family, own) = FAMILY;
    let number = bytes.strip_prefix(family).and_then(|rest| rest.split(|byte| *byte == b'\n').next());
    let number = number.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u64>().ok());
    if number.is_some_and(|number| number > own) { Error::Newer } else { Error::NotOurs }
}

/// The file's first bytes, authenticated with the rest.
///
/// Its number is that of the whole state: it rises with every change after which an older mfad would misread what lies in the
/// state folder. The package's preinst names it, too.
const MAGIC: &[u8] = b"mfad keyring 1\n";

/// What the magic of every version begins with, and the number of this one.
const FAMILY: (&[u8], u64) = (b"mfad keyring ", 1);
const NONCE: usize = 24;
const TAG: usize = 16;
/// The base key, and two data keys with number and age.
const LONGEST: usize = 32 + 2 * (4 + 8 + 32);
