//! Why a request about an account was denied: for the audit, never for the caller.

use std::fmt;

use crate::totp::{Generator, Step, Verdict};

/// Why a request was denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Reason {
    /// No code of any step nearby, and no recovery code.
    Wrong,
    /// The code of a step that was used, or passed by a newer one.
    Used,
    /// The right code of a step outside the window: a clock is wrong.
    OtherStep(i64),
    /// A recovery code that an administrator issued, after its time.
    Lapsed,
    /// Too many failures: nothing is looked at until an administrator acts.
    Locked,
    /// A try that comes so many seconds too soon: not looked at. The one reason that the caller is told.
    TooSoon(u32),
    /// No account that this peer may ask about bears this handle.
    NoHandle,
    /// The account has no factor.
    NotEnrolled,
    /// No pending enrolment has this id.
    NoEnrollment,
    /// The enrolment has lapsed.
    Expired,
    /// The account has a factor, and replacing it needs a code.
    Enrolled,
    /// No ticket was issued for this account, or another one.
    NoTicket,
    /// Only an administrator enrols in this realm.
    Closed,
    /// The password is wrong.
    WrongPassword,
    /// Behind a right password, other tries have brought a delay since, or the password was changed.
    Overtaken,
    /// What is here belongs to a user of another uid, who bore the name before.
    OtherUser,
    /// No user of this machine has the name.
    NoUser,
}

impl Reason {
    pub(crate) const fn of(verdict: Verdict) -> Result<Step, Self> {
        match verdict {
            Verdict::Right(step) => Ok(step),
            Verdict::Used => Err(Self::Used),
            Verdict::OtherStep(offset) => Err(Self::OtherStep(offset)),
            Verdict::Wrong => Err(Self::Wrong),
        }
    }

    /// This reason, after as much work as a real code takes.
    pub(crate) fn after_same_work(self, code: &[u8], present: Step) -> Self {
        let _ignored: Verdict = Generator::dummy().judge(code, present, None);
        self
    }

    /// Whether it is a guess that failed. Who sends a used or lapsed code knew it.
    pub(crate) const fn counts(self) -> bool {
        matches!(self, Self::Wrong | Self::OtherStep(_) | Self::NotEnrolled | Self::NoHandle)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong => f.write_str("wrong code"),
            Self::Used => f.write_str("replayed: this code's step is used"),
            Self::OtherStep(offset) => write!(f, "right code of another step: {offset:+} steps"),
            Self::Lapsed => f.write_str("the issued recovery code has lapsed"),
            Self::Locked => f.write_str("locked after too many failures, until an administrator unlocks"),
            Self::TooSoon(seconds) => write!(f, "too soon after failures: {seconds} s are left"),
            Self::NoHandle => f.write_str("no account here bears this handle"),
            Self::NotEnrolled => f.write_str("not enrolled"),
            Self::NoEnrollment => f.write_str("no such pending enrolment"),
            Self::Expired => f.write_str("the enrolment has lapsed"),
            Self::Enrolled => f.write_str("already enrolled, and replacing asks for a code"),
            Self::NoTicket => f.write_str("no such ticket"),
            Self::Closed => f.write_str("only an administrator enrols in this realm"),
            Self::WrongPassword => f.write_str("wrong password"),
            Self::Overtaken => {
                f.write_str("right password, but it was changed or other tries have brought a delay meanwhile")
            }
            Self::NoUser => f.write_str("no user of this machine has this name"),
            Self::OtherUser => {
                f.write_str("the name has another uid now, until an administrator disables or removes the account")
            }
        }
    }
}
