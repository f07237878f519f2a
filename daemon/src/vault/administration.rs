//! What an administrator does for somebody else.

use crate::clock::Now;
use crate::password::Hash;
use crate::reason::Reason;
use crate::record::Record;
use crate::recovery::{ISSUED_SECONDS, Issued, Tag};
use crate::throttle::{Counter, Tries};

/// Lifts the stop of too many failures, and lets steps be accepted again that a wrong clock has passed by. Steps that a
/// right clock may have used stay used.
///
/// # Errors
/// [`Reason::NotEnrolled`] where there is neither factor nor password.
pub fn unlock(record: &mut Record, now: Now) -> Result<(), Reason> {
    if record.factor.is_none() && record.password.is_none() {
        return Err(Reason::NotEnrolled);
    }
    for factor in [&mut record.factor, &mut record.superseded].into_iter().flatten() {
        factor.used.forget_after(super::newest_step(now.unix));
    }
    record.tries = Tries::default();
    Ok(())
}

/// Issues a recovery code, in the place of the last that was issued, and lifts the stop of too many failures. For an
/// account without a factor it is the ticket that an enrolment may ask for. Returns when it lapses.
pub fn issue(record: &mut Record, tag: Tag, now: Now) -> u64 {
    record.begin_anew_when_vacant();
    // Whoever began it may have seen its key.
    record.pending = None;
    let expires_at = now.unix.saturating_add(ISSUED_SECONDS);
    record.issued = Some(Issued { tag, expires_at });
    record.tries = Tries::default();
    expires_at
}

/// Takes the factor away, and whatever was begun or issued. What another user has left, who bore the name before, goes
/// with its password.
///
/// # Errors
/// [`Reason::NotEnrolled`] when there is nothing.
pub fn disable(record: &mut Record, other: bool) -> Result<(), Reason> {
    if record.factor.is_none() && record.pending.is_none() && record.issued.is_none() && !other {
        return Err(Reason::NotEnrolled);
    }
    record.drop_factor();
    record.tries = Tries::default();
    record.failures = Default::default();
    if other {
        (record.password, record.last_success) = (None, None);
    }
    Ok(())
}

/// Sets the password that the server keeps.
pub fn set_password(record: &mut Record, hash: Hash) {
    record.begin_anew_when_vacant();
    record.password = Some(hash);
    // Whoever began it knew the password before.
    record.pending = None;
    let none = Counter::default;
    record.tries = Tries { passwords: none(), logins: none(), own_passwords: none(), ..record.tries };
}
