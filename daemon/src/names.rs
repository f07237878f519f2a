//! Keyed hashes of names, for places where a name must not be written as it is: people type passwords there.

use hmac::{Hmac, KeyInit, Mac};
use mfad_proto::AccountName;
use sha2::Sha256;

use crate::keyring::Keyring;

/// Hashes names.
#[derive(Clone)]
pub(crate) struct NameHasher(Hmac<Sha256>);

impl NameHasher {
    /// Derives its key.
    #[must_use]
    #[expect(clippy::expect_used, reason = "INVARIANT: HMAC takes keys of any length")]
    pub(crate) fn new(keyring: &Keyring) -> Self {
        let key = keyring.base().derive(b"mfad name hash 1");
        Self(Hmac::new_from_slice(key.expose()).expect("any length"))
    }

    /// The hash of a name.
    #[must_use]
    pub(crate) fn hash(&self, name: &AccountName) -> [u8; 32] {
        let mut hash = self.0.clone();
        hash.update(&bytes(name));
        hash.finalize().into_bytes().into()
    }
}

/// The unambiguous bytes of a name: no realm and no user holds a zero byte. They sort by realm, then user.
#[must_use]
pub(crate) fn bytes(name: &AccountName) -> Vec<u8> {
    [name.realm.as_str().as_bytes(), &[0], name.user.as_str().as_bytes()].concat()
}
