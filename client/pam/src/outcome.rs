//! How a login ends, and what PAM is told of it: the one table of return codes.

use std::error::Error as _;
use std::fmt;

use mfad_client::Error;
use mfad_client::module::Fail;
use mfad_proto::Refusal;

use crate::application::Aborted;

/// How a login ends.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The second factor is right.
    Accepted,
    /// The daemon says that none is needed.
    Nothing,
    /// The daemon asks for the first factor by way of this login.
    FirstFactor,
    /// The last answer was not accepted, or nobody may enrol here.
    Denied,
    /// The conversation has failed, or was broken off.
    Aborted,
    /// Only an administrator can help.
    Locked,
    /// The daemon looks at nothing before a time that is too far away.
    TooSoon,
    /// The daemon cannot or may not answer.
    Refused(Refusal),
    /// The daemon was never reached.
    Unreached(Error),
    /// It was, and there is no answer any more.
    Unanswered(Error),
    /// The daemon's answer is to another question.
    Unexpected,
    /// The name, or what was typed, is none that the protocol carries.
    Unspeakable,
    /// The line of the stack has an option that the module does not know.
    Misconfigured,
}

/// What PAM is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReturnCode {
    /// `PAM_SUCCESS`.
    Success,
    /// `PAM_SERVICE_ERR`.
    ServiceErr,
    /// `PAM_AUTH_ERR`.
    AuthErr,
    /// `PAM_AUTHINFO_UNAVAIL`.
    AuthInfoUnavail,
    /// `PAM_MAXTRIES`.
    MaxTries,
    /// `PAM_IGNORE`.
    Ignore,
}

impl Outcome {
    /// What PAM is told. Only the daemon's own word, the daemon's own question, and `fail=open` where nobody listened from the
    /// beginning, make it look at the other modules alone.
    pub(crate) const fn code(&self, fail: Fail) -> ReturnCode {
        match self {
            Self::Accepted => ReturnCode::Success,
            Self::Nothing | Self::FirstFactor => ReturnCode::Ignore,
            Self::Denied | Self::Aborted => ReturnCode::AuthErr,
            Self::Locked | Self::TooSoon => ReturnCode::MaxTries,
            Self::Unreached(Error::NotRunning { .. }) if matches!(fail, Fail::Open) => ReturnCode::Ignore,
            Self::Unreached(_) | Self::Unanswered(_) | Self::Refused(_) | Self::Unexpected | Self::Unspeakable => {
                ReturnCode::AuthInfoUnavail
            }
            Self::Misconfigured => ReturnCode::ServiceErr,
        }
    }
}

impl ReturnCode {
    /// Linux-PAM's number.
    pub(crate) const fn number(self) -> i32 {
        match self {
            Self::Success => 0,
            Self::ServiceErr => 3,
            Self::AuthErr => 7,
            Self::AuthInfoUnavail => 9,
            Self::MaxTries => 11,
            Self::Ignore => 25,
        }
    }
}

impl From<Aborted> for Outcome {
    fn from(_aborted: Aborted) -> Self {
        Self::Aborted
    }
}

/// For the log: what an administrator needs, and nothing that was typed.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => f.write_str("accepted"),
            Self::Nothing => f.write_str("no second factor is needed"),
            Self::FirstFactor => f.write_str("this is the daemon's own question for a password"),
            Self::Denied => f.write_str("denied"),
            Self::Aborted => f.write_str("broken off"),
            Self::Locked => f.write_str("denied: locked"),
            Self::TooSoon => f.write_str("denied: too many failures, too soon"),
            Self::Refused(refusal) => write!(f, "cannot be checked: the daemon says {refusal:?}"),
            Self::Unreached(error) | Self::Unanswered(error) => {
                write!(f, "cannot be checked: {error}")?;
                error.source().map_or(Ok(()), |cause| write!(f, ": {cause}"))
            }
            Self::Unexpected => f.write_str("cannot be checked: the daemon answers another question"),
            Self::Unspeakable => f.write_str("cannot be checked: the name is none that the daemon knows"),
            Self::Misconfigured => f.write_str("cannot be checked: an option is unknown"),
        }
    }
}
