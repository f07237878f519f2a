//! A factor that another program has kept until now.

use bincode::de::Decoder;
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};
use bincode::{Decode, Encode, impl_borrow_decode};
use zeroize::Zeroizing;

use crate::account::Handle;

/// The hash under the HMAC of a TOTP (RFC 6238 section 1.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
pub enum Algorithm {
    /// What every authenticator app knows.
    #[default]
    Sha1,
    /// Known to some apps.
    Sha256,
    /// Known to some apps.
    Sha512,
}

impl Algorithm {
    /// The name that an `otpauth` URI and a configuration use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }
}

/// A TOTP factor as another program has kept it. The period is 30 s.
#[derive(Encode, Decode)]
pub struct ForeignFactor {
    /// Its key.
    pub key: TotpKey,
    /// The hash.
    pub algorithm: Algorithm,
    /// Digits of a code.
    pub digits: Digits,
}

/// A TOTP key: 16 to 64 bytes (RFC 4226 section 4, R6: at least 128 bits). Wiped when dropped.
pub struct TotpKey(Zeroizing<Vec<u8>>);

impl TotpKey {
    /// The shortest key that RFC 4226 allows, in bytes.
    pub const MIN: usize = 16;

    /// The longest key, in bytes: one SHA-512 output.
    pub const MAX: usize = 64;

    /// Takes the bytes over without a copy; `None` when their number is outside [`Self::MIN`]..=[`Self::MAX`].
    #[must_use]
    pub fn new(bytes: Zeroizing<Vec<u8>>) -> Option<Self> {
        (Self::MIN..=Self::MAX).contains(&bytes.len()).then_some(Self(bytes))
    }

    /// Takes a copy of the bytes; `None` as in [`Self::new`].
    #[must_use]
    pub fn copied(bytes: &[u8]) -> Option<Self> {
        Self::new(Zeroizing::new(bytes.to_vec()))
    }

    /// The bytes themselves, for the one expression that needs them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// Of the length that RFC 4226 recommends, which is always legal.
impl From<&[u8; 20]> for TotpKey {
    fn from(bytes: &[u8; 20]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }
}

impl Encode for TotpKey {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.0.as_slice().encode(encoder)
    }
}

impl<C> Decode<C> for TotpKey {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let bytes = Zeroizing::new(Vec::<u8>::decode(decoder)?);
        Self::new(bytes).ok_or(DecodeError::Other("a key that is too short or too long"))
    }
}

impl_borrow_decode!(TotpKey);

/// How many digits a code has: 6 to 8 (RFC 4226 section 5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode)]
pub struct Digits(u8);

impl Digits {
    /// `None` outside 6..=8.
    #[must_use]
    pub const fn new(digits: u8) -> Option<Self> {
        if digits >= 6 && digits <= 8 { Some(Self(digits)) } else { None }
    }

    /// The number.
    #[must_use]
    pub const fn count(self) -> u8 {
        self.0
    }
}

impl Default for Digits {
    fn default() -> Self {
        Self(6)
    }
}

impl<C> Decode<C> for Digits {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Self::new(u8::decode(decoder)?).ok_or(DecodeError::Other("digits outside 6 to 8"))
    }
}

impl_borrow_decode!(Digits);

/// What an import did, or would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Imported {
    /// Whether the account has this very factor already: then nothing is changed.
    pub already: bool,
    /// The public name of the factor; absent when it would only be made.
    pub handle: Option<Handle>,
}
