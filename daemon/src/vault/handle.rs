//! Codes of an account that is named by a handle: the handle says which of its keys is judged.
//!
//! MUST: only the handle's own key is judged, by its own used steps; an enrolment becomes the factor only by its own first
//! right code; the factor before goes on working, by its own handle alone, until the new one is accepted by its handle
//! once more: an application that could not store the new handle knows only the old one.

use mfad_proto::{Accepted, Handle, Replacing, Stage};

use super::{Try, enrolment, prove, told, verify};
use crate::clock::Now;
use crate::reason::Reason;
use crate::record::{Factor, Record};
use crate::throttle::{Gate, Lane};
use crate::totp::Step;
use crate::used::UsedSteps;

/// Judges a code of the enrolment that bears this handle, behind a right first factor. The first right one of a pending
/// enrolment makes it the factor.
///
/// # Errors
/// The reason of the denial, which only the audit may see; [`Reason::TooSoon`], and then the record is as it was; or
/// [`Reason::Enrolled`], as of a confirmation.
pub fn verify_by_handle(
    record: &mut Record,
    handle: &Handle,
    typed: &Try<'_>,
    replace: Replacing,
    now: Now,
) -> Result<Accepted, Reason> {
    match record.stage_of(handle) {
        Some(Stage::Pending) => activate(record, typed, replace, now),
        Some(Stage::Current) => {
            let accepted = verify(record, typed, now)?;
            record.superseded = None;
            if let Some(factor) = &mut record.factor {
                factor.proved = true;
            }
            Ok(accepted)
        }
        Some(Stage::Superseded) => {
            // For as long as it is judged; the two change places again whatever comes of it.
            std::mem::swap(&mut record.factor, &mut record.superseded);
            let judged = prove(record, typed, now);
            std::mem::swap(&mut record.factor, &mut record.superseded);
            Ok(told(record, typed.lane, judged?))
        }
        // Another request has just taken it away.
        None => Err(Reason::NoHandle.after_same_work(typed.code, Step::at(now.unix))),
    }
}

/// Lets the first right code of the pending enrolment make it the factor.
fn activate(record: &mut Record, typed: &Try<'_>, replace: Replacing, now: Now) -> Result<Accepted, Reason> {
    let Some(mut pending) = record.pending.take() else { return Err(Reason::NoHandle) };
    let judged = enrolment::judge_first(&pending, record.factor.is_some(), typed.code, replace, now);
    let judged = if pending.misses < enrolment::MISSES { judged } else { Err(Reason::Expired) };
    match judged {
        Ok(first) => {
            let proved = record.factor.as_ref().is_some_and(|current| current.proved);
            // The one that is known to work stays: whether an application knows the handle of the other is not known.
            let superseded = match record.superseded.take() {
                Some(before) if !proved => Some(before),
                Some(_) | None => record.factor.take(),
            };
            enrolment::install(record, pending.seed, UsedSteps::first(first), now);
            record.superseded = superseded;
            record.last_success = Some(now.unix);
            Ok(told(record, typed.lane, mfad_proto::Factor::Totp))
        }
        Err(reason) => {
            pending.misses = pending.misses.saturating_add(u8::from(reason.counts()));
            record.pending = Some(pending);
            Err(reason)
        }
    }
}

/// Denies a request about a handle that is nobody's, after the work of a real one, as one try of its own in a slot. Where
/// it was too soon, the record is as it was.
pub fn refuse(record: &mut Record, lane: Lane, now: Now) -> Reason {
    match record.tries.gate(lane, now.moment) {
        Gate::Wait(seconds) => Reason::TooSoon(seconds),
        gate @ (Gate::Open | Gate::Stopped) => {
            if gate == Gate::Open {
                record.tries.fail(lane, now.moment);
            }
            Reason::NoHandle.after_same_work(FORM, Step::at(now.unix))
        }
    }
}

/// The handles of a record, each with its stage and since when its enrolment is there.
#[must_use]
pub fn handles(record: &Record) -> Vec<(Handle, Stage, u64)> {
    let pending = record.pending.as_ref().map(|pending| {
        let begun = pending.expires_at.saturating_sub(enrolment::ENROLLMENT_SECONDS);
        (pending.seed.handle, Stage::Pending, begun)
    });
    let of = |stage| move |factor: &Factor| (factor.seed.handle, stage, factor.enrolled_at);
    let current = record.factor.as_ref().map(of(Stage::Current));
    let superseded = record.superseded.as_ref().map(of(Stage::Superseded));
    [pending, current, superseded].into_iter().flatten().collect()
}

/// What has the form of a code: others are judged faster.
const FORM: &[u8] = b"000000";
