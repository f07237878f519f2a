//! What the daemon asks `mfad-passwd`, and its answer: one question a connection. It never leaves the machine, and no other
//! client speaks it.
//!
//! A question is the user's length in one byte, the user, the password's length in two bytes (little-endian), the password.
//! An answer is one byte.

use zeroize::Zeroizing;

use crate::account::UserName;
use crate::secret::Password;

/// Is this the password of this user?
pub struct Question {
    /// Whose.
    pub user: UserName,
    /// What was typed.
    pub password: Password,
}

impl Question {
    /// Bytes of the longest question.
    pub const LONGEST: usize = 1 + 255 + 2 + Password::MAX;

    /// The question as it is sent.
    #[must_use]
    pub fn to_bytes(user: &UserName, password: &Password) -> Zeroizing<Vec<u8>> {
        let (user, password) = (user.as_str().as_bytes(), password.expose());
        // Never grown: what a vector leaves behind when it moves, nobody wipes.
        let mut bytes = Zeroizing::new(Vec::with_capacity(Self::LONGEST));
        // Both lengths fit: the types see to it.
        bytes.push(u8::try_from(user.len()).unwrap_or(u8::MAX));
        bytes.extend_from_slice(user);
        bytes.extend_from_slice(&u16::try_from(password.len()).unwrap_or(u16::MAX).to_le_bytes());
        bytes.extend_from_slice(password);
        bytes
    }

    /// Reads a whole question; `None` while its end is missing.
    ///
    /// # Errors
    /// [`NoQuestion`] when no further byte can make it one.
    pub fn read(bytes: &[u8]) -> Result<Option<Self>, NoQuestion> {
        let Some((user_length, rest)) = bytes.split_first() else { return Ok(None) };
        let Some((user, rest)) = rest.split_at_checked(usize::from(*user_length)) else { return Ok(None) };
        let user = std::str::from_utf8(user).ok().and_then(UserName::new).ok_or(NoQuestion)?;
        let Some((length, rest)) = rest.split_first_chunk() else { return Ok(None) };
        let length = usize::from(u16::from_le_bytes(*length));
        if length > Password::MAX || rest.len() > length {
            return Err(NoQuestion);
        }
        if rest.len() < length {
            return Ok(None);
        }
        let password = Password::new(Zeroizing::new(rest.to_vec())).ok_or(NoQuestion)?;
        Ok(Some(Self { user, password }))
    }
}

/// The bytes are no question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoQuestion;

impl std::fmt::Display for NoQuestion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the bytes are no question about a password")
    }
}

impl std::error::Error for NoQuestion {}

/// What the system's PAM says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The password is right, and the account may be used.
    Right,
    /// It is wrong, or the user is unknown, or the account may not be used.
    Wrong,
    /// PAM cannot tell.
    Unavailable,
}

impl Answer {
    /// The answer as it is sent.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Right => 1,
            Self::Wrong => 2,
            Self::Unavailable => 3,
        }
    }

    /// Reads an answer; whatever is none means that nothing is known.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Self {
        match byte {
            1 => Self::Right,
            2 => Self::Wrong,
            _ => Self::Unavailable,
        }
    }
}
