//! The decisions about one account: each takes its record, the time and what was asked, and leaves the record as it must
//! be stored before the answer may leave.
//!
//! MUST: pure, no IO and no clock; a step is accepted once; a pending enrolment replaces a working factor only when its
//! own first code is right; what is not enrolled is judged against a dummy key, so that it takes as long.

use std::fmt;

use mfad_proto::{Accepted, AccountName, Context, EnrollmentId, Failure, Handle, Need, State, Status};

use crate::policy::{Replace, Rules};
use crate::record::{Factor, Failures, Pending, Record, Seed};
use crate::totp::{Generator, Key, Step, Verdict};

/// What a login needs next.
#[must_use]
pub const fn begin(record: &Record) -> Need {
    if record.factor.is_some() { Need::Code } else { Need::Nothing }
}

/// How the account stands.
#[must_use]
pub fn status(record: &Record, name: &AccountName, now: u64) -> Status {
    let pending = record.pending.as_ref().is_some_and(|pending| now < pending.expires_at);
    Status {
        realm: name.realm.clone(),
        user: name.user.clone(),
        state: match (&record.factor, pending) {
            (Some(_), _) => State::Active,
            (None, true) => State::Pending,
            (None, false) => State::None,
        },
        enforced: false,
        recovery_left: 0,
        enrolled_at: record.factor.as_ref().map(|factor| factor.enrolled_at),
        last_success: record.last_success,
        failures_since: record.failures.count,
        retry_after: None,
    }
}

/// Judges a code against the working factor.
///
/// # Errors
/// The reason of the denial, which only the audit may see.
pub fn verify(record: &mut Record, code: &[u8], context: &Context, now: u64) -> Result<Accepted, Reason> {
    let judged = match &mut record.factor {
        Some(factor) => {
            let verdict = factor.seed.generator().judge(code, Step::at(now), Some(factor.last_step));
            Reason::of(verdict).map(|step| factor.last_step = step)
        }
        None => Err(Reason::NotEnrolled.after_same_work(code, now)),
    };
    match judged {
        Ok(()) => {
            let Failures { count, last } = std::mem::take(&mut record.failures);
            record.last_success = Some(now);
            Ok(Accepted {
                factor: mfad_proto::Factor::Totp,
                recovery_left: 0,
                failures_since: count,
                last_failure: last,
            })
        }
        Err(reason) => {
            if reason.counts() {
                record.failures.count = record.failures.count.saturating_add(1);
                record.failures.last = Some(Failure { time: now, service: context.service.clone() });
            }
            Err(reason)
        }
    }
}

/// Random material for a new enrolment.
pub struct Fresh {
    /// Names the enrolment.
    pub id: EnrollmentId,
    /// The new key.
    pub key: Key,
    /// Its public name.
    pub handle: Handle,
}

/// Begins an enrolment, or resumes the pending one with the same key and a new term, so that a login that was cut off
/// after the scan can go on.
///
/// # Errors
/// [`Reason::Enrolled`] when a factor works and the realm's `replace` asks for a code first.
pub fn enroll<'r>(record: &'r mut Record, fresh: Fresh, rules: &Rules, now: u64) -> Result<&'r Pending, Reason> {
    if record.factor.is_some() && rules.replace == Replace::Code {
        return Err(Reason::Enrolled);
    }
    if record.is_vacant() {
        // Until now the record was a slot's, with the failures of every unknown name that shares it.
        record.failures = Failures::default();
    }
    let expires_at = now.saturating_add(ENROLLMENT_SECONDS);
    let pending = match record.pending.take() {
        Some(pending) if now < pending.expires_at => Pending { expires_at, ..pending },
        Some(_) | None => {
            let Fresh { id, key, handle } = fresh;
            let seed = Seed { key, algorithm: rules.algorithm, digits: rules.digits, handle };
            Pending { id, seed, expires_at }
        }
    };
    Ok(record.pending.insert(pending))
}

/// Finishes an enrolment: with its first right code it becomes the factor, and the code's step is used.
///
/// # Errors
/// The reason of the denial, which only the audit may see.
pub fn confirm(record: &mut Record, id: EnrollmentId, code: &[u8], now: u64) -> Result<(), Reason> {
    let Some(pending) = record.pending.take_if(|pending| pending.id == id) else {
        return Err(Reason::NoEnrollment.after_same_work(code, now));
    };
    let judged = Reason::of(pending.seed.generator().judge(code, Step::at(now), None));
    let lapsed = if now < pending.expires_at { Ok(()) } else { Err(Reason::Expired) };
    match lapsed.and(judged) {
        Ok(last_step) => {
            record.factor = Some(Factor { seed: pending.seed, enrolled_at: now, last_step });
            record.generation = record.generation.saturating_add(1);
            record.failures = Failures::default();
            Ok(())
        }
        Err(reason) => {
            record.pending = Some(pending);
            Err(reason)
        }
    }
}

/// Takes the factor away after a right code of it.
///
/// # Errors
/// As [`verify`], and a wrong code counts as there.
pub fn reset(record: &mut Record, code: &[u8], context: &Context, now: u64) -> Result<(), Reason> {
    let _accepted: Accepted = verify(record, code, context, now)?;
    record.factor = None;
    record.pending = None;
    Ok(())
}

/// Why a request was denied: for the audit, never for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Reason {
    /// No code of any step nearby.
    Wrong,
    /// The code of a step that was used, or passed by a newer one.
    Used,
    /// The right code of a step outside the window: a clock is wrong.
    OtherStep(i64),
    /// The account has no factor.
    NotEnrolled,
    /// No pending enrolment has this id.
    NoEnrollment,
    /// The enrolment has lapsed.
    Expired,
    /// The account has a factor, and replacing it needs a code.
    Enrolled,
    /// No ticket was issued for this account.
    NoTicket,
}

impl Reason {
    const fn of(verdict: Verdict) -> Result<Step, Self> {
        match verdict {
            Verdict::Right(step) => Ok(step),
            Verdict::Used => Err(Self::Used),
            Verdict::OtherStep(offset) => Err(Self::OtherStep(offset)),
            Verdict::Wrong => Err(Self::Wrong),
        }
    }

    /// This reason, after as much work as a real code takes.
    fn after_same_work(self, code: &[u8], now: u64) -> Self {
        let _ignored: Verdict = Generator::dummy().judge(code, Step::at(now), None);
        self
    }

    /// Whether it is a guess that failed. A used code is not: its sender knew it.
    const fn counts(self) -> bool {
        matches!(self, Self::Wrong | Self::OtherStep(_) | Self::NotEnrolled)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong => f.write_str("wrong code"),
            Self::Used => f.write_str("replayed: this code's step is used"),
            Self::OtherStep(offset) => write!(f, "right code of another step: {offset:+} steps"),
            Self::NotEnrolled => f.write_str("not enrolled"),
            Self::NoEnrollment => f.write_str("no such pending enrolment"),
            Self::Expired => f.write_str("the enrolment has lapsed"),
            Self::Enrolled => f.write_str("already enrolled, and replacing asks for a code"),
            Self::NoTicket => f.write_str("no such ticket"),
        }
    }
}

/// How long an enrolment waits for its first code, in seconds.
pub const ENROLLMENT_SECONDS: u64 = 600;
