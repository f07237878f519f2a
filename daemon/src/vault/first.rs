//! Passwords as the first factor. They are judged outside the account's lock: a try is charged before, durably, and
//! refunded when it was right.

use mfad_proto::{Accepted, Factor};

use super::Try;
use crate::clock::Now;
use crate::password::Hash;
use crate::reason::Reason;
use crate::record::Record;
use crate::throttle::{Counter, Gate, Lane};

/// The first factor of a request as it was judged.
pub enum First {
    /// A peer that may vouch for it does.
    Vouched,
    /// The password is right; this is the charge of its try.
    Right(Charge),
    /// The password is wrong. Its charge stands.
    Wrong,
}

/// A try of a password that was counted before it was judged.
pub struct Charge {
    lane: Lane,
    before: Counter,
    after: Counter,
    /// What the password is compared with, where the server keeps it.
    hash: Option<Hash>,
}

impl Charge {
    /// A copy of what the password is compared with, for who judges it.
    #[must_use]
    pub fn hash(&self) -> Option<Hash> {
        self.hash.as_ref().map(Hash::duplicate)
    }

    /// Whether what the password was compared with is what the server still keeps.
    fn is_current(&self, record: &Record) -> bool {
        self.hash.as_ref().map(Hash::expose) == record.password.as_ref().map(Hash::expose)
    }
}

/// Counts a try of a password as one that failed, before anybody looks at it. `code` is the lane of the code that comes
/// with it, where its delay may be shown: nobody is told that the password was right by having to wait for the code.
///
/// # Errors
/// [`Reason::TooSoon`].
pub fn charge(record: &mut Record, lane: Lane, code: Option<Lane>, now: Now) -> Result<Charge, Reason> {
    for lane in [Some(lane), code].into_iter().flatten() {
        if let Gate::Wait(seconds) = record.tries.gate(lane, now.moment) {
            return Err(Reason::TooSoon(seconds));
        }
    }
    let before = record.tries.count(lane);
    record.tries.fail(lane, now.moment);
    let after = record.tries.count(lane);
    Ok(Charge { lane, before, after, hash: record.password.as_ref().map(Hash::duplicate) })
}

/// Takes a charge back when nobody could judge the password; not where an administrator has set the count meanwhile.
pub fn take_back(record: &mut Record, charge: &Charge) {
    if record.tries.count(charge.lane) == charge.after {
        record.tries.put_back(charge.lane, charge.before);
    }
}

/// Lets `judge` decide behind the first factor. Behind a wrong one, and one that was changed since it was judged, it decides
/// about nobody, and that does not count.
///
/// # Errors
/// [`Reason::WrongPassword`], [`Reason::Overtaken`], or those of `judge`.
pub fn behind<T>(
    record: &mut Record,
    first: &First,
    judge: impl FnOnce(&mut Record) -> Result<T, Reason>,
) -> Result<T, Reason> {
    match first {
        First::Vouched => judge(record),
        First::Right(charge) if charge.is_current(record) => {
            record.tries.succeed(charge.lane);
            // The delay was looked at before the password was: whoever was told of it now would know that it is right.
            judge(record)
                .map_err(|reason| if matches!(reason, Reason::TooSoon(_)) { Reason::Overtaken } else { reason })
        }
        First::Right(_) | First::Wrong => {
            let _ignored = judge(&mut Record::default());
            Err(refusal(first))
        }
    }
}

const fn refusal(first: &First) -> Reason {
    match first {
        First::Right(_) => Reason::Overtaken,
        First::Vouched | First::Wrong => Reason::WrongPassword,
    }
}

/// What a right password and what came with it are good for.
#[derive(Debug, PartialEq, Eq)]
pub enum Authenticated {
    /// A login.
    Accepted(Accepted),
    /// An enrolment, which must come before a login.
    MustEnroll,
}

/// Judges password and code together. Whichever is wrong, one count shows the delay, that of the charge; behind it the
/// code's own count goes on, and its stop holds.
///
/// # Errors
/// The reason of the denial, which only the audit may see.
pub fn authenticate(
    record: &mut Record,
    typed: &Try<'_>,
    first: &First,
    enforced: bool,
    now: Now,
) -> Result<Authenticated, Reason> {
    let charge = match first {
        First::Right(charge) if charge.is_current(record) => charge,
        First::Right(_) | First::Vouched | First::Wrong => {
            let _ignored = super::judge(&mut Record::default(), typed, now);
            return Err(refusal(first));
        }
    };
    let granted = match (&record.factor, enforced) {
        (None, true) => Authenticated::MustEnroll,
        (None, false) => Authenticated::Accepted(super::told(record, typed.lane, Factor::Password)),
        (Some(_), _) => {
            let judge = |record: &mut Record| super::judge(record, typed, now);
            let factor = super::attempt_now(record, typed.lane, typed.service, now, judge)?;
            record.last_success = Some(now.unix);
            Authenticated::Accepted(super::told(record, typed.lane, factor))
        }
    };
    record.tries.succeed(charge.lane);
    Ok(granted)
}
