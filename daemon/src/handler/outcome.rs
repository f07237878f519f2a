//! What came of a request: its answer, and what the audit must know of it.

use std::error::Error;
use std::os::fd::OwnedFd;

use mfad_proto::{Imported, Refusal, Reply};

use crate::accounts::{self, Decided};
use crate::first_factor::Unjudged;
use crate::reason::Reason;
use crate::users::Unknown;

/// An answer, and what the audit must know of it.
pub(super) struct Outcome {
    pub(super) reply: Reply,
    pub(super) descriptor: Option<OwnedFd>,
    pub(super) reason: Option<String>,
    /// Whether the account exists, so that its name may be written.
    pub(super) known: bool,
}

impl Outcome {
    /// An answer that is about no account.
    pub(super) const fn plain(reply: Reply) -> Self {
        Self { reply, descriptor: None, reason: None, known: false }
    }

    /// The answer to a look at an account.
    pub(super) fn seen<T>(decided: Result<Decided<T>, accounts::Error>, reply: impl FnOnce(T) -> Reply) -> Self {
        match decided {
            Ok(Decided { verdict, known }) => Self { known, ..Self::plain(reply(verdict)) },
            Err(error) => Self::unavailable(&error),
        }
    }

    /// The answer to a decision about an account.
    pub(super) fn judged<T>(
        decided: Result<Decided<Result<T, Reason>>, accounts::Error>,
        reply: impl FnOnce(T) -> Reply,
    ) -> Self {
        match decided {
            Ok(Decided { verdict: Ok(verdict), known }) => Self { known, ..Self::plain(reply(verdict)) },
            Ok(Decided { verdict: Err(reason), known }) => {
                let refusal = match reason {
                    Reason::TooSoon(seconds) => Refusal::TryLater { seconds },
                    // The account's own peer may know that it is enrolled: `Status` tells it the same.
                    Reason::Enrolled | Reason::Closed => Refusal::NotPermitted,
                    Reason::Wrong
                    | Reason::Used
                    | Reason::OtherStep(_)
                    | Reason::Lapsed
                    | Reason::Locked
                    | Reason::NoHandle
                    | Reason::NotEnrolled
                    | Reason::NoEnrollment
                    | Reason::Expired
                    | Reason::NoTicket
                    | Reason::WrongPassword
                    | Reason::Overtaken
                    | Reason::OtherUser
                    | Reason::NoUser => Refusal::Denied,
                };
                Self { known, reason: Some(reason.to_string()), ..Self::plain(Reply::Refused(refusal)) }
            }
            Err(error) => Self::unavailable(&error),
        }
    }

    pub(super) fn unavailable(error: &dyn Error) -> Self {
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        Self { reason: Some(format!("{error}{cause}")), ..Self::plain(Reply::Refused(Refusal::Unavailable)) }
    }

    /// What was accepted, for the audit.
    pub(super) const fn factor(&self) -> Option<&'static str> {
        if let Reply::Accepted(accepted) = &self.reply { Some(accepted.factor.as_str()) } else { None }
    }

    /// The outcome in one word, for the audit.
    pub(super) const fn word(&self) -> &'static str {
        match &self.reply {
            Reply::Refused(Refusal::Denied) => "denied",
            Reply::Refused(Refusal::TryLater { .. }) => "try_later",
            Reply::Refused(Refusal::EnrollmentRequired) => "enrollment_required",
            Reply::Refused(Refusal::NotPermitted) => "not_permitted",
            Reply::Refused(Refusal::Unavailable) => "unavailable",
            Reply::Refused(Refusal::Malformed) => "malformed",
            Reply::Refused(Refusal::Unsupported) => "unsupported",
            Reply::GoingAway => "going_away",
            Reply::Pong(_)
            | Reply::Need(_)
            | Reply::Status(_)
            | Reply::Keys(_)
            | Reply::Policy(_)
            | Reply::Accounts(_)
            | Reply::Profile(_)
            | Reply::Log(_)
            | Reply::Stats(_)
            | Reply::Handles(_) => "answered",
            // What was there already, or was only judged, has changed nothing.
            Reply::Imported(Imported { already: true, .. } | Imported { handle: None, .. }) => "answered",
            Reply::Imported(Imported { already: false, handle: Some(_) }) => "imported",
            Reply::Accepted(_) => "accepted",
            Reply::Enrollment(_) => "enrollment_begun",
            Reply::Enrolled(_) => "enrolled",
            Reply::RecoveryCodes(_) | Reply::Issued(_) => "issued",
            Reply::Done | Reply::Backup { .. } => "done",
        }
    }
}

/// Why a request ends before the vault has decided it.
pub(super) enum Halt {
    /// It is refused.
    Refused(Refusal),
    /// A password's try was not counted, and whether the account is known.
    Uncounted(Reason, bool),
    /// The store.
    Failed(accounts::Error),
    /// Something that had to be asked gave no answer.
    Unanswered(&'static str),
}

impl Halt {
    /// The answer. `why` says what ails a service that is down.
    pub(super) fn outcome(self, why: impl FnOnce() -> String) -> Outcome {
        match self {
            Self::Refused(refusal) => {
                let reason = (refusal == Refusal::Unavailable).then(why).filter(|why| !why.is_empty());
                Outcome { reason, ..Outcome::plain(Reply::Refused(refusal)) }
            }
            Self::Uncounted(reason, known) => {
                Outcome::judged(Ok(Decided { verdict: Err::<(), _>(reason), known }), |()| Reply::Done)
            }
            Self::Failed(error) => Outcome::unavailable(&error),
            Self::Unanswered(what) => {
                let reason = Some(what.to_owned());
                Outcome { reason, ..Outcome::plain(Reply::Refused(Refusal::Unavailable)) }
            }
        }
    }
}

impl From<Unknown> for Halt {
    fn from(_unknown: Unknown) -> Self {
        Self::Unanswered("the users of this machine could not be looked up")
    }
}

impl From<Unjudged> for Halt {
    fn from(unjudged: Unjudged) -> Self {
        Self::Unanswered(unjudged.as_str())
    }
}

impl From<Refusal> for Halt {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<accounts::Error> for Halt {
    fn from(error: accounts::Error) -> Self {
        Self::Failed(error)
    }
}
