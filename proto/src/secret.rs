//! Secrets on the wire: types of their own that are wiped when dropped and cannot be printed, cloned or compared.
//!
//! MUST: no `Debug`, `Clone`, `Display` or `Serialize`. A holder exposes one in the expression that uses it.

use bincode::de::Decoder;
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};
use bincode::{Decode, Encode, impl_borrow_decode};
use zeroize::Zeroizing;

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident, $max:expr, $what:literal) => {
        $(#[$doc])*
        #[derive(Default)]
        pub struct $name(Zeroizing<Vec<u8>>);

        impl $name {
            /// The longest that this may be, in bytes.
            pub const MAX: usize = $max;

            /// Takes the bytes over without a copy; `None` when they are longer than [`Self::MAX`].
            #[must_use]
            pub fn new(bytes: Zeroizing<Vec<u8>>) -> Option<Self> {
                (bytes.len() <= Self::MAX).then_some(Self(bytes))
            }

            /// The bytes themselves, for the one expression that needs them.
            #[must_use]
            pub fn expose(&self) -> &[u8] {
                &self.0
            }
        }

        impl Encode for $name {
            fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
                self.0.as_slice().encode(encoder)
            }
        }

        impl<C> Decode<C> for $name {
            fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
                let bytes = Zeroizing::new(Vec::<u8>::decode(decoder)?);
                Self::new(bytes).ok_or(DecodeError::Other($what))
            }
        }

        impl_borrow_decode!($name);
    };
}

secret!(
    /// What a person typed where a code was asked: a TOTP code, a recovery code, or anything else. At most 64 bytes.
    ///
    /// It is not judged here: a text that is no code at all is a wrong code, and counts as one.
    Code, 64, "code too long"
);

secret!(
    /// A password or passphrase. At most 1024 bytes.
    Password, 1024, "password too long"
);

/// ASCII text that carries a secret: an `otpauth` URI or a recovery code. At most 1400 bytes.
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// The longest that this may be, in bytes.
    pub const MAX: usize = 1400;

    /// Takes the text over without a copy; `None` when it is longer than [`Self::MAX`] or not ASCII.
    #[must_use]
    pub fn new(text: Zeroizing<String>) -> Option<Self> {
        (text.len() <= Self::MAX && text.is_ascii()).then_some(Self(text))
    }

    /// The text itself, for the one expression that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Encode for SecretText {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.0.as_str().encode(encoder)
    }
}

impl<C> Decode<C> for SecretText {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Self::new(Zeroizing::new(String::decode(decoder)?))
            .ok_or(DecodeError::Other("secret text too long or not ASCII"))
    }
}

impl_borrow_decode!(SecretText);

/// The recovery codes of an account, shown once: at most [`RecoveryCodes::MAX`].
#[derive(Default)]
pub struct RecoveryCodes(Vec<SecretText>);

impl RecoveryCodes {
    /// As many as an account may have.
    pub const MAX: usize = 10;

    /// `None` when there are more than [`Self::MAX`].
    #[must_use]
    pub fn new(codes: Vec<SecretText>) -> Option<Self> {
        (codes.len() <= Self::MAX).then_some(Self(codes))
    }

    /// The codes.
    #[must_use]
    pub fn as_slice(&self) -> &[SecretText] {
        &self.0
    }
}

impl Encode for RecoveryCodes {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.0.encode(encoder)
    }
}

impl<C> Decode<C> for RecoveryCodes {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        // The count is judged before the list is made.
        let count = usize::try_from(u64::decode(decoder)?).unwrap_or(usize::MAX);
        if count > Self::MAX {
            return Err(DecodeError::Other("too many recovery codes"));
        }
        (0..count).map(|_| SecretText::decode(decoder)).collect::<Result<_, _>>().map(Self)
    }
}

impl_borrow_decode!(RecoveryCodes);
