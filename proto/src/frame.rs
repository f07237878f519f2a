//! The frame: a little-endian `u32` length (1..=4096, of what follows), a version byte, and the body.
//!
//! MUST: the length is judged before anything is allocated or read; a version that is not spoken here is answered by
//! [`version_refusal`] in every version for ever; buffers that held a frame are wiped by their owner.

use crate::VERSION;

/// Bytes of the length prefix.
pub const PREFIX: usize = 4;

/// The largest length that a prefix may announce: the version byte and the body.
pub const MAX_LENGTH: usize = 4096;

/// The largest whole frame in bytes; a buffer of this size can hold any.
pub const MAX_FRAME: usize = PREFIX + MAX_LENGTH;

/// What the first bytes of a stream say about the frame that starts there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// Fewer than [`PREFIX`] bytes are there.
    Incomplete,
    /// The announced length is 0 or above [`MAX_LENGTH`]: the stream cannot be read any further.
    BadLength,
    /// A frame of this many bytes in all, prefix included.
    Frame(usize),
}

impl Header {
    /// Judges the first bytes of a stream. It never looks past the prefix.
    #[must_use]
    pub fn judge(bytes: &[u8]) -> Self {
        let Some(prefix) = bytes.first_chunk::<PREFIX>() else { return Self::Incomplete };
        match usize::try_from(u32::from_le_bytes(*prefix)) {
            Ok(length @ 1..=MAX_LENGTH) => Self::Frame(length.saturating_add(PREFIX)),
            Ok(_) | Err(_) => Self::BadLength,
        }
    }
}

/// The content of a whole frame, judged by its version byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content<'a> {
    /// The body of a frame of this version.
    Body(&'a [u8]),
    /// The server's answer to a version that it does not speak: it speaks `min..=max`.
    VersionRefused {
        /// The lowest version the server speaks.
        min: u8,
        /// The highest version the server speaks.
        max: u8,
    },
    /// A version that is not spoken here.
    OtherVersion(u8),
    /// Not even a version byte.
    Broken,
}

impl<'a> Content<'a> {
    /// Splits a whole frame, prefix included, into version and body.
    #[must_use]
    pub fn of(frame: &'a [u8]) -> Self {
        match frame.get(PREFIX..) {
            Some([VERSION, body @ ..]) => Content::Body(body),
            Some([REFUSAL_VERSION, min, max]) => Content::VersionRefused { min: *min, max: *max },
            Some([]) | None => Content::Broken,
            Some([other, ..]) => Content::OtherVersion(*other),
        }
    }
}

/// The whole frame `03 00 00 00 00 min max` that answers a version that is not spoken here.
#[must_use]
pub const fn version_refusal() -> [u8; 7] {
    [3, 0, 0, 0, REFUSAL_VERSION, VERSION, VERSION]
}

/// The version byte that no version will ever have: it marks the answer to an unknown version.
const REFUSAL_VERSION: u8 = 0;
