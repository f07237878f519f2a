//! Whole frames to typed messages and back: the only place that calls bincode.
//!
//! MUST: every decoder runs under a limit on what it may allocate; leftovers are an error; an encoded message is written
//! into the caller's buffer, which is as large as any frame, so that no copy of a secret is left in a grown one.

use std::fmt;

use bincode::config::{self, Configuration, Limit, LittleEndian, Varint};
use bincode::error::{DecodeError, EncodeError};
use bincode::{Decode, Encode};

use crate::VERSION;
use crate::call::{Call, Request};
use crate::frame::{MAX_FRAME, PREFIX};
use crate::reply::Response;

impl Request {
    /// Writes the whole frame into `buffer` and returns its length in bytes.
    ///
    /// # Errors
    /// [`Malformed`] when the message does not fit; no message of this crate's types does that.
    pub fn write(&self, buffer: &mut [u8; MAX_FRAME]) -> Result<usize, Malformed> {
        write(self, buffer)
    }

    /// As [`Self::write`], for a call that stays with its owner.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn write_call(id: u64, call: &Call, buffer: &mut [u8; MAX_FRAME]) -> Result<usize, Malformed> {
        write(&(id, call), buffer)
    }

    /// Reads the body of a frame ([`crate::frame::Content::Body`]).
    ///
    /// # Errors
    /// [`BadRequest`], with the id to answer where it could be read.
    pub fn read(body: &[u8]) -> Result<Self, BadRequest> {
        let (id, rest) = head::<u64>(body).map_err(BadRequest::NoId)?;
        if id == 0 {
            return Err(BadRequest::NoId(Malformed("request id 0")));
        }
        let (number, _) = head::<u32>(rest).map_err(|fault| BadRequest::Malformed { id, fault })?;
        if !Call::is_known(number) {
            return Err(BadRequest::UnknownCall { id });
        }
        match whole(rest) {
            Ok(call) => Ok(Self { id, call }),
            Err(fault) => Err(BadRequest::Malformed { id, fault }),
        }
    }
}

impl Response {
    /// Writes the whole frame into `buffer` and returns its length in bytes.
    ///
    /// # Errors
    /// [`Malformed`] when the message does not fit.
    pub fn write(&self, buffer: &mut [u8; MAX_FRAME]) -> Result<usize, Malformed> {
        write(self, buffer)
    }

    /// Reads the body of a frame ([`crate::frame::Content::Body`]).
    ///
    /// # Errors
    /// [`Malformed`] when it is no response of this version.
    pub fn read(body: &[u8]) -> Result<Self, Malformed> {
        whole(body)
    }
}

/// Bytes that are not a message of this version, with the name of the fault. It never quotes the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(&'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "malformed message: {}", self.0)
    }
}

impl std::error::Error for Malformed {}

/// A frame that is no request, and how far it could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadRequest {
    /// Not even an id: the answer has id 0, and the connection ends.
    NoId(Malformed),
    /// The call's number is not known here.
    UnknownCall {
        /// The request's id.
        id: u64,
    },
    /// The fields of the call are wrong, or bytes are left over.
    Malformed {
        /// The request's id.
        id: u64,
        /// What is wrong.
        fault: Malformed,
    },
}

fn write(message: &impl Encode, buffer: &mut [u8; MAX_FRAME]) -> Result<usize, Malformed> {
    let (prefix, rest) = buffer.split_first_chunk_mut::<PREFIX>().ok_or(Malformed("no room"))?;
    let length = bincode::encode_into_slice((VERSION, message), rest, BOUNDED).map_err(|e| encode_fault(&e))?;
    *prefix = u32::try_from(length).map_err(|_e| Malformed("no room"))?.to_le_bytes();
    Ok(length.saturating_add(PREFIX))
}

fn head<T: Decode<()>>(bytes: &[u8]) -> Result<(T, &[u8]), Malformed> {
    let (value, used) = bincode::decode_from_slice(bytes, BOUNDED).map_err(|e| decode_fault(&e))?;
    Ok((value, bytes.get(used..).unwrap_or_default()))
}

fn whole<T: Decode<()>>(bytes: &[u8]) -> Result<T, Malformed> {
    match head(bytes)? {
        (value, []) => Ok(value),
        (_, _) => Err(Malformed("bytes left over")),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the other faults of bincode need no name of their own")]
fn decode_fault(error: &DecodeError) -> Malformed {
    Malformed(match error {
        DecodeError::UnexpectedEnd { .. } => "cut short",
        DecodeError::LimitExceeded => "a length beyond the limit",
        DecodeError::InvalidIntegerType { .. } => "an integer too wide for its field",
        DecodeError::UnexpectedVariant { .. } => "an unknown variant",
        DecodeError::Utf8 { .. } => "text that is not UTF-8",
        DecodeError::InvalidBooleanValue(_) => "a boolean that is neither 0 nor 1",
        DecodeError::Other(what) => what,
        _ => "unreadable",
    })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "encoding can only run out of room")]
const fn encode_fault(error: &EncodeError) -> Malformed {
    Malformed(match error {
        EncodeError::UnexpectedEnd => "no room",
        _ => "not encodable",
    })
}

/// What decoding one message may allocate, in bytes: bincode counts decoded memory, not wire bytes. No message holds more
/// than its bytes on the wire, but for lists, whose items are counted by their size in memory: an empty text in a list
/// takes 24 times as much there as on the wire.
const LIMIT: usize = 32 * MAX_FRAME;

const BOUNDED: Configuration<LittleEndian, Varint, Limit<LIMIT>> = config::standard().with_limit::<LIMIT>();
