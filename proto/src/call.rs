//! What a client may ask. Calls are appended, never renumbered.

use bincode::{Decode, Encode};

use crate::account::Account;
use crate::enrollment::EnrollmentId;
use crate::secret::{Code, Password};
use crate::text::{Issuer, Label, RemoteHost};

/// One request: its id comes back in the response. Id 0 is the server's own.
#[derive(Encode)]
pub struct Request {
    /// Chosen by the client, not 0, unique among those it waits for.
    pub id: u64,
    /// What is asked.
    pub call: Call,
}

/// The calls, in the order of their wire numbers.
#[derive(Encode, Decode)]
pub enum Call {
    /// 0: is the server there, and well?
    Ping,
    /// 1: what does this login need next?
    Begin {
        /// Who logs in.
        account: Account,
        /// Where the login comes from.
        context: Context,
    },
    /// 2: how does this account stand?
    Status {
        /// Whose.
        account: Account,
    },
    /// 3: is this code right, now, for the first time?
    Verify {
        /// Whose code.
        account: Account,
        /// The code as it was typed.
        code: Code,
        /// Where the login comes from.
        context: Context,
    },
    /// 4: begin an enrolment, or resume the pending one.
    Enroll {
        /// Whose.
        account: Account,
        /// That the first factor was given.
        proof: Proof,
        /// A code of the administrator, where the realm asks for one.
        ticket: Option<Code>,
        /// The name an authenticator app shows; the realm's when absent.
        issuer: Option<Issuer>,
        /// Where the request comes from.
        context: Context,
    },
    /// 5: finish an enrolment with its first code.
    Confirm {
        /// Whose.
        account: Account,
        /// Which enrolment.
        enrollment: EnrollmentId,
        /// Its first code.
        code: Code,
    },
    /// 6: give up the current factor, with the first factor and a code.
    Reset {
        /// Whose.
        account: Account,
        /// That the first factor was given.
        proof: Proof,
        /// A current code of the factor.
        code: Code,
        /// Where the request comes from.
        context: Context,
    },
}

impl Call {
    /// How many calls this crate knows: numbers from here on are unknown to it.
    pub(crate) const KNOWN: u32 = 7;

    /// Which call this is, without its fields.
    #[must_use]
    pub const fn kind(&self) -> CallKind {
        match self {
            Self::Ping => CallKind::Ping,
            Self::Begin { .. } => CallKind::Begin,
            Self::Status { .. } => CallKind::Status,
            Self::Verify { .. } => CallKind::Verify,
            Self::Enroll { .. } => CallKind::Enroll,
            Self::Confirm { .. } => CallKind::Confirm,
            Self::Reset { .. } => CallKind::Reset,
        }
    }
}

/// The name of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each bears the name of its call")]
pub enum CallKind {
    Ping,
    Begin,
    Status,
    Verify,
    Enroll,
    Confirm,
    Reset,
}

impl CallKind {
    /// The name in lower case, for logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Begin => "begin",
            Self::Status => "status",
            Self::Verify => "verify",
            Self::Enroll => "enroll",
            Self::Confirm => "confirm",
            Self::Reset => "reset",
        }
    }

    /// Whether the call changes nothing, so that sending it a second time is harmless.
    #[must_use]
    pub const fn is_read_only(self) -> bool {
        matches!(self, Self::Ping | Self::Begin | Self::Status)
    }
}

/// How the first factor was shown.
#[derive(Encode, Decode)]
pub enum Proof {
    /// The caller vouches for it: only a peer with the right to is believed.
    Asserted,
    /// The account's password, for the server to judge.
    Password(Password),
}

/// Where a login comes from, in the caller's words. Empty means unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub struct Context {
    /// The service, such as `sshd`.
    pub service: Label,
    /// The remote host.
    pub rhost: RemoteHost,
    /// The terminal.
    pub tty: Label,
}
