//! The decisions about one account: each takes its record, the time and what was asked, and leaves the record as it must
//! be stored before the answer may leave.
//!
//! MUST: pure, no IO, no clock and no randomness; a step and a recovery code are accepted once; every try of a code passes
//! the throttle first; a pending enrolment replaces a working factor only when its own first code is right; what is not
//! enrolled is judged against a dummy key, so that it takes as long.

use mfad_proto::{Accepted, AccountName, EnrollmentId, Failure, Handle, Label, Need, State, Status};

use crate::clock::Now;
use crate::policy::{Replace, Rules};
use crate::reason::Reason;
use crate::record::{Factor, Failures, Pending, Record, Seed};
use crate::recovery::{ISSUED_SECONDS, Issued, Tag, Tags};
use crate::throttle::{Gate, Lane, Tries};
use crate::totp::{Generator, Key, SEARCH, Step, Verdict, WINDOW};
use crate::used::UsedSteps;

/// What a login needs next.
#[must_use]
pub fn begin(record: &Record, now: Now) -> Need {
    match &record.factor {
        Some(_) if record.tries.gate(Lane::Codes, now.moment) == Gate::Stopped => Need::Locked,
        Some(_) => Need::Code,
        None => Need::Nothing,
    }
}

/// How the account stands.
#[must_use]
pub fn status(record: &Record, name: &AccountName, now: Now) -> Status {
    let pending = record.pending.as_ref().is_some_and(|pending| now.unix < pending.expires_at);
    let gate = record.tries.gate(Lane::Codes, now.moment);
    Status {
        realm: name.realm.clone(),
        user: name.user.clone(),
        state: match (&record.factor, gate) {
            (Some(_), Gate::Stopped) => State::Locked,
            (Some(_), Gate::Open | Gate::Wait(_)) => State::Active,
            (None, _) if pending => State::Pending,
            (None, _) => State::None,
        },
        enforced: false,
        recovery_left: record.recovery.left(),
        enrolled_at: record.factor.as_ref().map(|factor| factor.enrolled_at),
        last_success: record.last_success,
        failures_since: record.failures.count,
        retry_after: match gate {
            Gate::Wait(seconds) => Some(seconds),
            Gate::Open | Gate::Stopped => None,
        },
    }
}

/// A code that somebody typed.
#[derive(Clone, Copy)]
pub struct Try<'a> {
    /// The text itself.
    pub code: &'a [u8],
    /// Its tag, when it has the form of a recovery code.
    pub recovery: Option<Tag>,
    /// Where it is counted.
    pub lane: Lane,
    /// The service that asks, in its own words.
    pub service: &'a Label,
}

/// Judges a code of the working factor, or a recovery code.
///
/// # Errors
/// The reason of the denial, which only the audit may see; or [`Reason::TooSoon`], and then the record is as it was.
pub fn verify(record: &mut Record, typed: &Try<'_>, now: Now) -> Result<Accepted, Reason> {
    let factor = prove(record, typed, now)?;
    let Failures { count, last } = std::mem::take(&mut record.failures);
    Ok(Accepted { factor, recovery_left: record.recovery.left(), failures_since: count, last_failure: last })
}

/// Takes the factor away after a right code.
///
/// # Errors
/// As [`verify`].
pub fn reset(record: &mut Record, typed: &Try<'_>, now: Now) -> Result<(), Reason> {
    verify(record, typed, now)?;
    record.factor = None;
    record.pending = None;
    record.recovery = Tags::default();
    record.issued = None;
    Ok(())
}

/// Puts these recovery codes in the place of those that are left, after a right code.
///
/// # Errors
/// As [`verify`].
pub fn renew_recovery(record: &mut Record, typed: &Try<'_>, codes: Tags, now: Now) -> Result<(), Reason> {
    prove(record, typed, now)?;
    record.recovery = codes;
    Ok(())
}

/// Follows the app's clock: two codes that it showed one after the other tell how far it is from this machine's.
///
/// # Errors
/// As [`verify`]; both codes together are one try.
pub fn resync(record: &mut Record, codes: [&[u8]; 2], lane: Lane, now: Now) -> Result<(), Reason> {
    let present = Step::at(now.unix);
    let service = Label::default();
    attempt(record, lane, &service, now, |record| {
        let Some(factor) = &mut record.factor else {
            let _ignored: Verdict = Generator::dummy().judge_pair(codes, present, Step(0));
            return Err(Reason::NotEnrolled);
        };
        let second = Reason::of(factor.seed.generator().judge_pair(codes, present, factor.used.last()))?;
        factor.offset = second.0.cast_signed().saturating_sub(present.0.cast_signed());
        factor.used.add(second);
        Ok(())
    })
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
pub fn enroll<'r>(record: &'r mut Record, fresh: Fresh, rules: &Rules, now: Now) -> Result<&'r Pending, Reason> {
    if record.factor.is_some() && rules.replace == Replace::Code {
        return Err(Reason::Enrolled);
    }
    if record.is_vacant() {
        // Until now it was a slot's record, and what failed there nobody's.
        *record = Record::default();
    }
    let expires_at = now.unix.saturating_add(ENROLLMENT_SECONDS);
    let pending = match record.pending.take() {
        Some(pending) if now.unix < pending.expires_at => Pending { expires_at, ..pending },
        Some(_) | None => {
            let Fresh { id, key, handle } = fresh;
            let seed = Seed { key, algorithm: rules.algorithm, digits: rules.digits, handle };
            Pending { id, seed, expires_at }
        }
    };
    Ok(record.pending.insert(pending))
}

/// Finishes an enrolment: with its first right code it becomes the factor, the code's step is used, and these are its
/// recovery codes.
///
/// # Errors
/// The reason of the denial, which only the audit may see.
pub fn confirm(record: &mut Record, id: EnrollmentId, code: &[u8], recovery: Tags, now: Now) -> Result<(), Reason> {
    let present = Step::at(now.unix);
    let Some(pending) = record.pending.take_if(|pending| pending.id == id) else {
        return Err(Reason::NoEnrollment.after_same_work(code, present));
    };
    let judged = Reason::of(pending.seed.generator().judge(code, present, None));
    let lapsed = if now.unix < pending.expires_at { Ok(()) } else { Err(Reason::Expired) };
    match lapsed.and(judged) {
        Ok(first) => {
            let used = UsedSteps::first(first);
            *record = Record {
                generation: record.generation.saturating_add(1),
                factor: Some(Factor { seed: pending.seed, enrolled_at: now.unix, used, offset: 0 }),
                last_success: record.last_success,
                recovery,
                tries: Tries { codes: Default::default(), own: Default::default(), ..record.tries },
                ..Record::default()
            };
            Ok(())
        }
        Err(reason) => {
            record.pending = Some(pending);
            Err(reason)
        }
    }
}

/// Lifts the stop of too many failures, and lets steps be accepted again that a wrong clock has passed by. Steps that a
/// right clock may have used stay used.
///
/// # Errors
/// [`Reason::NotEnrolled`].
pub fn unlock(record: &mut Record, now: Now) -> Result<(), Reason> {
    let factor = record.factor.as_mut().ok_or(Reason::NotEnrolled)?;
    factor.used.forget_after(newest_step(now.unix));
    record.tries = Tries::default();
    Ok(())
}

/// Issues a recovery code, in the place of the last that was issued, and lifts the stop of too many failures. Returns
/// when it lapses.
///
/// # Errors
/// [`Reason::NotEnrolled`].
pub fn issue(record: &mut Record, tag: Tag, now: Now) -> Result<u64, Reason> {
    if record.factor.is_none() {
        return Err(Reason::NotEnrolled);
    }
    let expires_at = now.unix.saturating_add(ISSUED_SECONDS);
    record.issued = Some(Issued { tag, expires_at });
    record.tries = Tries::default();
    Ok(expires_at)
}

/// The newest step that any factor can have accepted by now, however far its app's clock is ahead.
#[must_use]
pub const fn newest_step(now: u64) -> Step {
    Step(Step::at(now).0.saturating_add(SEARCH.unsigned_abs()).saturating_add(WINDOW.unsigned_abs()))
}

/// Judges one code as one try.
fn prove(record: &mut Record, typed: &Try<'_>, now: Now) -> Result<mfad_proto::Factor, Reason> {
    let factor = attempt(record, typed.lane, typed.service, now, |record| match &typed.recovery {
        Some(tag) => redeem(record, tag, now.unix),
        None => check(record, typed.code, now.unix),
    })?;
    record.last_success = Some(now.unix);
    Ok(factor)
}

/// One try that passes the throttle, and is counted when it fails.
fn attempt<T>(
    record: &mut Record,
    lane: Lane,
    service: &Label,
    now: Now,
    judge: impl FnOnce(&mut Record) -> Result<T, Reason>,
) -> Result<T, Reason> {
    match record.tries.gate(lane, now.moment) {
        Gate::Wait(seconds) => return Err(Reason::TooSoon(seconds)),
        Gate::Stopped => {
            // Takes as long as for a name that is not known.
            let _ignored = judge(&mut Record::default());
            return Err(Reason::Locked);
        }
        Gate::Open => {}
    }
    let judged = judge(record);
    match &judged {
        Ok(_) => record.tries.succeed(lane),
        Err(reason) if reason.counts() => {
            record.tries.fail(lane, now.moment);
            record.failures.count = record.failures.count.saturating_add(1);
            record.failures.last = Some(Failure { time: now.unix, service: service.clone() });
        }
        Err(_) => {}
    }
    judged
}

fn check(record: &mut Record, code: &[u8], now: u64) -> Result<mfad_proto::Factor, Reason> {
    let Some(factor) = &mut record.factor else {
        return Err(Reason::NotEnrolled.after_same_work(code, Step::at(now)));
    };
    let present = Step(Step::at(now).0.saturating_add_signed(factor.offset));
    let step = Reason::of(factor.seed.generator().judge(code, present, Some(factor.used.last())))?;
    factor.used.add(step);
    Ok(mfad_proto::Factor::Totp)
}

fn redeem(record: &mut Record, tag: &Tag, now: u64) -> Result<mfad_proto::Factor, Reason> {
    if record.factor.is_none() {
        return Err(Reason::NotEnrolled);
    }
    let issued = record.issued.take_if(|issued| issued.tag.is(tag));
    let own = record.recovery.redeem(tag);
    match issued {
        Some(issued) if issued.expires_at <= now => Err(Reason::Lapsed),
        Some(_) => Ok(mfad_proto::Factor::Recovery),
        None if own => Ok(mfad_proto::Factor::Recovery),
        None => Err(Reason::Wrong),
    }
}

/// How long an enrolment waits for its first code, in seconds.
pub const ENROLLMENT_SECONDS: u64 = 600;
