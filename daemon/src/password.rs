//! Passwords that the server keeps: Argon2id (RFC 9106) in PHC strings.
//!
//! MUST: pure; a hash exists only with costs below the caps, so that judging one can neither exhaust memory nor take for
//! ever; judging takes its time, and so is never done under an account's lock.

use std::fmt;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{Error as HashError, PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use mfad_proto::Password;
use zeroize::Zeroizing;

/// What is kept of a password. It can be guessed at, and so is as secret as a key.
pub struct Hash(Zeroizing<String>);

impl Hash {
    /// Bytes of the longest PHC string that is taken.
    pub const LONGEST: usize = 128;

    /// Bytes of a salt.
    pub const SALT: usize = 16;

    /// Reads a PHC string; `None` when it is none of Argon2id version 19, or asks for more than the caps.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > Self::LONGEST {
            return None;
        }
        let hash = PasswordHash::new(text).ok()?;
        let params = Params::try_from(&hash).ok()?;
        let legal = hash.algorithm == Algorithm::Argon2id.ident()
            && hash.version == Some(Version::V0x13.into())
            && hash.salt.is_some()
            && hash.hash.is_some()
            && params.m_cost() <= MOST_MEMORY
            && params.t_cost() <= MOST_PASSES
            && params.p_cost() <= MOST_LANES;
        legal.then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// Hashes a password with a salt of random bytes.
    ///
    /// # Errors
    /// [`Error`].
    pub fn make(password: &Password, salt: &[u8; Self::SALT]) -> Result<Self, Error> {
        let params = Params::new(MEMORY, PASSES, LANES, None).map_err(|_e| Error)?;
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash = hasher.hash_password_with_salt(password.expose(), salt).map_err(|_e| Error)?;
        Self::parse(&Zeroizing::new(hash.to_string())).ok_or(Error)
    }

    /// Whether it is this password's.
    ///
    /// # Errors
    /// [`Error`] when it cannot be told.
    pub fn is_of(&self, password: &Password) -> Result<bool, Error> {
        let hash = PasswordHash::new(&self.0).map_err(|_e| Error)?;
        match Argon2::default().verify_password(password.expose(), &hash) {
            Ok(()) => Ok(true),
            Err(HashError::PasswordInvalid) => Ok(false),
            Err(_) => Err(Error),
        }
    }

    /// The hash of no password: judging it takes as long as judging a real one.
    #[must_use]
    pub fn of_nobody() -> Self {
        Self(Zeroizing::new(NOBODYS.to_owned()))
    }

    /// The PHC string, for the record.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Another copy, for who judges it outside the account's lock.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(Zeroizing::new(self.0.as_str().to_owned()))
    }
}

/// A password cannot be hashed or compared: there is not enough memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Error;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the password cannot be hashed: there is not enough memory")
    }
}

impl std::error::Error for Error {}

/// Costs of a new hash: memory in KiB, passes, lanes.
const MEMORY: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The highest costs that are paid for a hash that was made elsewhere.
const MOST_MEMORY: u32 = 64 * 1024;
const MOST_PASSES: u32 = 4;
const MOST_LANES: u32 = 4;

/// With the costs of a new hash.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdC4uLg$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
