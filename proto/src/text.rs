//! Bounded texts that are not secret: an issuer, and what a client says about where a login comes from.

use std::fmt;

use bincode::de::Decoder;
use bincode::error::DecodeError;
use bincode::{Decode, Encode, impl_borrow_decode};

/// Derives the common shape of a text type whose `new` judges it.
macro_rules! judged_text {
    ($name:ident, $what:literal) => {
        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<C> Decode<C> for $name {
            fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
                Self::new(&String::decode(decoder)?).ok_or(DecodeError::Other($what))
            }
        }

        impl_borrow_decode!($name);
    };
}
pub(crate) use judged_text;

/// The name that an authenticator app shows above a code: 1..=64 bytes without control characters and `:`.
#[derive(Debug, Clone, PartialEq, Eq, Encode)]
pub struct Issuer(String);

impl Issuer {
    /// `None` when the text is empty, longer than 64 bytes, or holds a control character or `:`.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let legal = (1..=64).contains(&text.len()) && !text.chars().any(|c| c.is_control() || c == ':');
        legal.then(|| Self(text.to_owned()))
    }
}

judged_text!(Issuer, "issuer");

/// What an administrator gives as a reason: 1..=255 bytes without control characters.
#[derive(Debug, Clone, PartialEq, Eq, Encode)]
pub struct Note(String);

impl Note {
    /// `None` when the text is empty, longer than 255 bytes, or holds a control character.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let legal = (1..=255).contains(&text.len()) && !text.chars().any(char::is_control);
        legal.then(|| Self(text.to_owned()))
    }
}

judged_text!(Note, "note");

macro_rules! bounded_text {
    ($(#[$doc:meta])* $name:ident, $max:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, Encode)]
        pub struct $name(String);

        impl $name {
            /// `None` when the text is too long.
            #[must_use]
            pub fn new(text: &str) -> Option<Self> {
                (text.len() <= $max).then(|| Self(text.to_owned()))
            }

            /// Cuts the text at the last character that still fits.
            #[must_use]
            pub fn cut(text: &str) -> Self {
                Self(text.get(..text.floor_char_boundary($max)).unwrap_or_default().to_owned())
            }
        }

        judged_text!($name, $what);
    };
}

bounded_text!(
    /// A service or terminal name as a client says it: at most 64 bytes, empty when unknown.
    Label, 64, "label too long"
);

bounded_text!(
    /// A remote host as a client says it: at most 255 bytes, empty when unknown.
    RemoteHost, 255, "remote host too long"
);
