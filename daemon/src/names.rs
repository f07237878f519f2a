//! Keyed hashes of names, for places where a name must not be written as it is: people type passwords there.

use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use mfad_proto::{AccountName, Handle, Realm, UserName};
use sha2::Sha256;

use crate::keyring::Keyring;
use crate::locked::{self, Locked};
use crate::residue::wiped;

/// Hashes names. Clones share the key.
#[derive(Clone)]
pub(crate) struct NameHasher(Arc<Locked<Hmac<Sha256>>>);

impl NameHasher {
    /// Derives its key.
    ///
    /// # Errors
    /// When no memory can be locked.
    #[expect(clippy::expect_used, reason = "INVARIANT: HMAC takes keys of any length")]
    pub(crate) fn new(keyring: &Keyring) -> Result<Self, locked::Error> {
        let key = keyring.base().derive(b"mfad name hash 1");
        let keyed = Locked::new(|| Hmac::new_from_slice(key.expose()).expect("any length"))?;
        Ok(Self(Arc::new(keyed)))
    }

    /// The hash of a name.
    #[must_use]
    pub(crate) fn hash(&self, name: &AccountName) -> [u8; 32] {
        self.hash_bytes(&bytes(name))
    }

    /// The hash of a handle. No name has the same: none begins with a zero byte.
    #[must_use]
    pub(crate) fn hash_handle(&self, handle: &Handle) -> [u8; 32] {
        self.hash_bytes(&[&[0], handle.as_bytes().as_slice()].concat())
    }

    fn hash_bytes(&self, bytes: &[u8]) -> [u8; 32] {
        wiped(|| {
            let mut hash = Hmac::clone(&self.0);
            hash.update(bytes);
            hash.finalize().into_bytes().into()
        })
    }
}

/// The unambiguous bytes of a name: no realm and no user holds a zero byte. They sort by realm, then user.
#[must_use]
pub(crate) fn bytes(name: &AccountName) -> Vec<u8> {
    [name.realm.as_str().as_bytes(), &[0], name.user.as_str().as_bytes()].concat()
}

/// Reads what [`bytes`] wrote.
#[must_use]
pub(crate) fn parse(bytes: &[u8]) -> Option<AccountName> {
    let (realm, user) = std::str::from_utf8(bytes).ok()?.split_once('\0')?;
    Some(AccountName { realm: Realm::new(realm)?, user: UserName::new(user)? })
}

/// The most that [`bytes`] gives: a realm of 32 bytes, a zero, a user of 255.
pub(crate) const LONGEST: usize = 32 + 1 + 255;
