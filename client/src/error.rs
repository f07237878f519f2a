//! Why there is no answer. None of these is ever a yes.

use std::fmt;
use std::io;
use std::path::PathBuf;

use mfad_proto::Malformed;

use crate::server::ServerUid;

/// Why there is no answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// Nobody listens: there is no socket, or nobody behind it.
    NotRunning {
        /// The socket's path.
        path: PathBuf,
        /// What connecting said.
        error: io::Error,
    },
    /// The socket is there, and cannot be used.
    Connect {
        /// The socket's path.
        path: PathBuf,
        /// What connecting said.
        error: io::Error,
    },
    /// Somebody else serves there.
    WrongServer {
        /// The socket's path.
        path: PathBuf,
        /// Who.
        uid: ServerUid,
    },
    /// The time is up before the request was sent, or for a request that changes nothing.
    Deadline,
    /// The connection ended before the server looked at the request, or for a request that changes nothing.
    Gone,
    /// The request was sent, and no answer came: it may have been judged. It must not be sent again.
    UnknownFate,
    /// The server speaks other versions of the protocol.
    Version {
        /// The lowest that it speaks.
        min: u8,
        /// The highest that it speaks.
        max: u8,
    },
    /// The request could not be written, or the answer could not be read.
    Malformed(Malformed),
    /// The server broke the protocol.
    Protocol(&'static str),
}

impl Error {
    /// The same kind of error, for another request of the same batch.
    pub(crate) fn again(&self) -> Self {
        let same =
            |error: &io::Error| error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
        match self {
            Self::NotRunning { path, error } => Self::NotRunning { path: path.clone(), error: same(error) },
            Self::Connect { path, error } => Self::Connect { path: path.clone(), error: same(error) },
            Self::WrongServer { path, uid } => Self::WrongServer { path: path.clone(), uid: *uid },
            Self::Deadline => Self::Deadline,
            Self::Gone => Self::Gone,
            Self::UnknownFate => Self::UnknownFate,
            Self::Version { min, max } => Self::Version { min: *min, max: *max },
            Self::Malformed(malformed) => Self::Malformed(*malformed),
            Self::Protocol(what) => Self::Protocol(what),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRunning { path, .. } => write!(f, "no mfad listens on {}", path.display()),
            Self::Connect { path, .. } => write!(f, "cannot connect to {}", path.display()),
            Self::WrongServer { path, uid } => {
                write!(f, "{} is served by {uid}, who may not: nothing was sent", path.display())
            }
            Self::Deadline => f.write_str("mfad did not answer in time"),
            Self::Gone => f.write_str("mfad closed the connection"),
            Self::UnknownFate => f.write_str("no answer came: the request may have been judged, so use a new code"),
            Self::Version { min, max } => {
                write!(f, "mfad speaks protocol versions {min} to {max}, and this program {}", mfad_proto::VERSION)
            }
            Self::Malformed(_) => f.write_str("a message cannot be written or read"),
            Self::Protocol(what) => write!(f, "mfad broke the protocol: {what}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NotRunning { error, .. } | Self::Connect { error, .. } => Some(error),
            Self::Malformed(error) => Some(error),
            Self::WrongServer { .. }
            | Self::Deadline
            | Self::Gone
            | Self::UnknownFate
            | Self::Version { .. }
            | Self::Protocol(_) => None,
        }
    }
}
