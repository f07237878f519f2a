//! Whose second factor a call is about: an account is (realm, user), or a handle that names one.

use std::fmt;

use bincode::{Decode, Encode};
use data_encoding::BASE32_NOPAD;

use crate::text::judged_text;
use bincode::de::Decoder;
use bincode::error::DecodeError;
use bincode::impl_borrow_decode;

/// An account as a client names it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Account {
    /// By realm and user.
    Name(AccountName),
    /// By the public name that an enrolment was given.
    Handle(Handle),
}

/// A realm and a user in it: the canonical name of an account.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Encode, Decode)]
pub struct AccountName {
    /// The name space.
    pub realm: Realm,
    /// The user in it.
    pub user: UserName,
}

/// A name space of users with one policy: `[a-z][a-z0-9-]{0,31}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Encode)]
pub struct Realm(String);

impl Realm {
    /// `None` when the text does not match `[a-z][a-z0-9-]{0,31}`.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let legal = bytes.first().is_some_and(u8::is_ascii_lowercase)
            && bytes.len() <= 32
            && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-');
        legal.then(|| Self(text.to_owned()))
    }

    /// The realm of local Unix users.
    #[must_use]
    pub fn system() -> Self {
        Self("system".to_owned())
    }
}

judged_text!(Realm, "realm");

/// A user: 1..=255 bytes of UTF-8 without control characters, `:` and `/`; case-sensitive.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Encode)]
pub struct UserName(String);

impl UserName {
    /// `None` when the text breaks the rule of the type.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let legal = (1..=255).contains(&text.len()) && !text.chars().any(|c| c.is_control() || matches!(c, ':' | '/'));
        legal.then(|| Self(text.to_owned()))
    }
}

judged_text!(UserName, "user name");

/// `mfad1:` and the base32 form of 20 random bytes: a public name of one enrolment, never a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Handle([u8; 20]);

impl Handle {
    /// Makes the handle of 20 random bytes.
    #[must_use]
    pub const fn from_random(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// The 20 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// `None` when the text is not exactly what [`fmt::Display`] prints.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let bytes = BASE32_NOPAD.decode(text.strip_prefix(HANDLE_PREFIX)?.as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{HANDLE_PREFIX}{}", BASE32_NOPAD.encode(&self.0))
    }
}

impl Encode for Handle {
    fn encode<E: bincode::enc::Encoder>(&self, encoder: &mut E) -> Result<(), bincode::error::EncodeError> {
        self.to_string().encode(encoder)
    }
}

impl<C> Decode<C> for Handle {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Self::new(&String::decode(decoder)?).ok_or(DecodeError::Other("handle"))
    }
}

impl_borrow_decode!(Handle);

/// Outside the base32 alphabet, so that a handle can never be taken for a key.
const HANDLE_PREFIX: &str = "mfad1:";
