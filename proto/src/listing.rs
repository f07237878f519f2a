//! What administrators see of accounts.

use bincode::{Decode, Encode};

use crate::account::{Handle, UserName};
use crate::import::{Algorithm, Digits};
use crate::reply::{Failure, State, Status};

/// Some accounts of a realm, in the order of their names' bytes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct AccountPage {
    /// The accounts. There may be none although there are more to come.
    pub accounts: Vec<Listed>,
    /// Where the next page begins: `after` of the next `List`; `None` at the end.
    pub next: Option<UserName>,
}

/// One account in a list.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Listed {
    /// Its user.
    pub user: UserName,
    /// Its factor.
    pub state: State,
    /// Whether the realm enforces a second factor for it.
    pub enforced: bool,
    /// When the factor was confirmed, in Unix seconds.
    pub enrolled_at: Option<u64>,
    /// The last accepted code, in Unix seconds.
    pub last_success: Option<u64>,
    /// Unused recovery codes.
    pub recovery_left: u32,
    /// Failures since then.
    pub failures_since: u32,
    /// Seconds until the next code of a login is looked at.
    pub retry_after: Option<u32>,
    /// Whose account it is.
    pub holder: Holder,
}

/// Whether the user of this machine whose account it is still bears the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Holder {
    /// The names of this realm are not those of users of this machine.
    NotUnix,
    /// He does, or nobody is noted.
    Same,
    /// No user of this machine bears the name.
    Gone,
    /// The name leads to another uid now.
    Other,
    /// The users of this machine could not be looked up.
    Unknown,
}

impl Holder {
    /// The word that `mfactl --json` prints.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotUnix => "not_unix",
            Self::Same => "same",
            Self::Gone => "gone",
            Self::Other => "other",
            Self::Unknown => "unknown",
        }
    }
}

/// Everything about an account that is no secret.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Profile {
    /// How it stands for a login service.
    pub status: Status,
    /// Whose account it is.
    pub holder: Holder,
    /// The uid that was noted when its factor, enrolment or password was made.
    pub uid: Option<u32>,
    /// The working factor.
    pub factor: Option<FactorProfile>,
    /// Counts the enrolments that were confirmed.
    pub generation: u64,
    /// When the pending enrolment lapses, in Unix seconds.
    pub pending_until: Option<u64>,
    /// When the recovery code or ticket that an administrator issued lapses, in Unix seconds.
    pub issued_until: Option<u64>,
    /// Whether the server keeps a password of it.
    pub has_password: bool,
    /// The latest failure that nobody was told of yet.
    pub last_failure: Option<Failure>,
    /// Seconds until the next password of a login service is looked at.
    pub password_retry_after: Option<u32>,
    /// Seconds until the next `Authenticate` of a login service is looked at.
    pub login_retry_after: Option<u32>,
    /// Whether the codes that the owner's own processes try are stopped.
    pub own_locked: bool,
}

/// How codes of a working factor are made.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct FactorProfile {
    /// The hash.
    pub algorithm: Algorithm,
    /// Digits of a code.
    pub digits: Digits,
    /// Steps of 30 s that the app's clock is behind this machine's, as a resync found.
    pub behind: u32,
    /// Steps of 30 s that it is ahead. One of the two is 0.
    pub ahead: u32,
    /// Its public name.
    pub handle: Handle,
}

/// The handles of some accounts of a realm, in the order of their users' names' bytes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct HandlePage {
    /// The handles. There may be none although there are more to come; all of one account stand on one page.
    pub handles: Vec<ListedHandle>,
    /// Where the next page begins: `after` of the next `ListHandles`; `None` at the end.
    pub next: Option<UserName>,
}

/// One handle in a list.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ListedHandle {
    /// The handle.
    pub handle: Handle,
    /// The user of the account that it names.
    pub user: UserName,
    /// What has become of its enrolment.
    pub stage: Stage,
    /// When the enrolment was begun or resumed last, while it is pending; else when it was confirmed; in Unix seconds.
    pub since: u64,
}

/// What has become of an enrolment that bears a handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Stage {
    /// It waits for its first code, or has lapsed.
    Pending,
    /// It is the account's factor.
    Current,
    /// It was the factor before, and goes on working by its handle until the current one has been accepted by its own.
    Superseded,
}

impl Stage {
    /// The word that `mfactl --json` prints.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Current => "current",
            Self::Superseded => "superseded",
        }
    }
}
