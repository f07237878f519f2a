//! What the server answers.

use bincode::{Decode, Encode};

use crate::account::{Realm, UserName};
use crate::call::CallKind;
use crate::enrollment::Enrollment;
use crate::import::Imported;
use crate::listing::{AccountPage, HandlePage, Profile};
use crate::log::LogPage;
use crate::policy::RealmPolicy;
use crate::secret::{RecoveryCodes, SecretText};
use crate::stats::StatsPage;
use crate::text::Label;

/// One response. Responses may come in another order than their requests.
#[derive(Encode, Decode)]
pub struct Response {
    /// The request's id, or 0 when the server speaks of its own accord.
    pub id: u64,
    /// The answer.
    pub reply: Reply,
}

/// The answers, in the order of their wire numbers.
#[derive(Encode, Decode)]
pub enum Reply {
    /// 0: no, or not now.
    Refused(Refusal),
    /// 1: with id 0: the connection ends; whatever is not answered yet was never looked at.
    GoingAway,
    /// 2: to `Ping`.
    Pong(Pong),
    /// 3: to `Begin`.
    Need(Need),
    /// 4: to `Status`.
    Status(Status),
    /// 5: the code was right.
    Accepted(Accepted),
    /// 6: an enrolment is pending.
    Enrollment(Enrollment),
    /// 7: the enrolment is confirmed; the recovery codes are shown this once.
    Enrolled(RecoveryCodes),
    /// 8: done.
    Done,
    /// 9: to `Backup`. The frame's first byte carries the read end of a pipe (`SCM_RIGHTS`), and the backup comes there.
    Backup {
        /// How many records it will hold.
        records: u64,
    },
    /// 10: to `Recovery`: the new codes, shown this once.
    RecoveryCodes(RecoveryCodes),
    /// 11: to `Recover`.
    Issued(Issued),
    /// 12: to `KeyStatus` and `KeyRotate`.
    Keys(Keys),
    /// 13: to `GetPolicy` and `SetPolicy`.
    Policy(RealmPolicy),
    /// 14: to `List`.
    Accounts(AccountPage),
    /// 15: to `Show`. In a box, since it is far larger than the others.
    Profile(Box<Profile>),
    /// 16: to `ImportOne`.
    Imported(Imported),
    /// 17: to `Audit`.
    Log(LogPage),
    /// 18: to `Stats`.
    Stats(StatsPage),
    /// 19: to `ListHandles`.
    Handles(HandlePage),
}

impl Reply {
    /// Whether such a call may have this answer (PROTOCOL.md section 6): what may not is none.
    #[must_use]
    pub const fn answers(&self, call: CallKind) -> bool {
        use CallKind as Kind;
        match self {
            Self::Refused(_) => true,
            Self::GoingAway => false,
            Self::Pong(_) => matches!(call, Kind::Ping),
            Self::Need(_) => matches!(call, Kind::Begin),
            Self::Status(_) => matches!(call, Kind::Status),
            // A password alone is no answer to a code.
            Self::Accepted(Accepted { factor: Factor::Password, .. }) => matches!(call, Kind::Authenticate),
            Self::Accepted(_) => matches!(call, Kind::Verify | Kind::Authenticate),
            Self::Enrollment(_) => matches!(call, Kind::Enroll | Kind::Reset),
            Self::Enrolled(_) => matches!(call, Kind::Confirm),
            Self::Done => matches!(
                call,
                Kind::Reset
                    | Kind::Resync
                    | Kind::Passwd
                    | Kind::Disable
                    | Kind::Unlock
                    | Kind::Remove
                    | Kind::SetPassword
            ),
            Self::Backup { .. } => matches!(call, Kind::Backup),
            Self::RecoveryCodes(_) => matches!(call, Kind::Recovery),
            Self::Issued(_) => matches!(call, Kind::Recover),
            Self::Keys(_) => matches!(call, Kind::KeyStatus | Kind::KeyRotate),
            Self::Policy(_) => matches!(call, Kind::SetPolicy | Kind::GetPolicy),
            Self::Accounts(_) => matches!(call, Kind::List),
            Self::Profile(_) => matches!(call, Kind::Show),
            Self::Imported(_) => matches!(call, Kind::ImportOne),
            Self::Log(_) => matches!(call, Kind::Audit),
            Self::Stats(_) => matches!(call, Kind::Stats),
            Self::Handles(_) => matches!(call, Kind::ListHandles),
        }
    }
}

/// Why a request was refused. Nothing here tells an unknown user from a wrong or used code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Refusal {
    /// Wrong, used or unknown: one answer for all.
    Denied,
    /// Too many failures: not looked at.
    TryLater {
        /// How long to wait, in seconds.
        seconds: u32,
    },
    /// The password was right, and a second factor must be set up first.
    EnrollmentRequired,
    /// This peer may not ask this.
    NotPermitted,
    /// The server cannot answer now: never a yes.
    Unavailable,
    /// The request breaks the protocol.
    Malformed,
    /// The server does not know or does not serve this call.
    Unsupported,
}

/// The server's health.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Pong {
    /// The server's version, such as `0.1.0`.
    pub version: String,
    /// Whether it answers requests.
    pub ready: bool,
    /// One sentence on what is wrong, without account names; empty when healthy.
    pub why: String,
}

/// What a login needs next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Need {
    /// A code.
    Code,
    /// An enrolment: the realm enforces a second factor and there is none.
    Enroll {
        /// Whether the administrator's ticket is needed.
        ticket: bool,
    },
    /// Nothing: no factor, and none enforced.
    Nothing,
    /// The factor is locked until an administrator acts.
    Locked,
}

/// How an account stands.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Status {
    /// The account's realm.
    pub realm: Realm,
    /// The account's user.
    pub user: UserName,
    /// Its factor.
    pub state: State,
    /// Whether the realm enforces a second factor for it.
    pub enforced: bool,
    /// Unused recovery codes.
    pub recovery_left: u32,
    /// When the factor was confirmed, in Unix seconds.
    pub enrolled_at: Option<u64>,
    /// The last accepted code, in Unix seconds.
    pub last_success: Option<u64>,
    /// Failures since then.
    pub failures_since: u32,
    /// Seconds until the next try is looked at.
    pub retry_after: Option<u32>,
}

/// The state of a factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum State {
    /// No factor.
    None,
    /// An enrolment waits for its first code.
    Pending,
    /// A working factor.
    Active,
    /// A factor that an administrator must unlock.
    Locked,
}

impl State {
    /// The state in lower case, as `mfactl --json` prints it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Locked => "locked",
        }
    }
}

/// A right code, and what the person should know about tries before it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Accepted {
    /// What was accepted.
    pub factor: Factor,
    /// Unused recovery codes.
    pub recovery_left: u32,
    /// Failures since the last success before this one.
    pub failures_since: u32,
    /// The latest of them.
    pub last_failure: Option<Failure>,
}

/// What was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Factor {
    /// A time-based code.
    Totp,
    /// A recovery code.
    Recovery,
    /// A password, where the account needs no more.
    Password,
}

impl Factor {
    /// The factor in lower case, as `mfactl --json` prints it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Recovery => "recovery",
            Self::Password => "password",
        }
    }
}

/// A recovery code that an administrator hands on, shown this once.
#[derive(Encode, Decode)]
pub struct Issued {
    /// The code.
    pub code: SecretText,
    /// When it lapses, in Unix seconds.
    pub expires_at: u64,
}

/// The key that seals the records, and how far a change of it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Keys {
    /// The number of the key.
    pub id: u32,
    /// When it was made, in Unix seconds.
    pub made_at: u64,
    /// The number of the key before it, as long as records may need that one.
    pub old: Option<u32>,
    /// How many records there are.
    pub records: u64,
    /// How many of them may still be sealed with the old key.
    pub left: u64,
}

/// A failed try.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Failure {
    /// When, in Unix seconds.
    pub time: u64,
    /// From which service, in its client's words.
    pub service: Label,
}
