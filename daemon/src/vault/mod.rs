//! The decisions about one account: each takes its record, the time and what was asked, and leaves the record as it must
//! be stored before the answer may leave.
//!
//! MUST: pure, no IO, no clock and no randomness; a step and a recovery code are accepted once; every try of a code passes
//! the throttle first; behind a wrong first factor no code is looked at, though it takes as long; a pending enrolment
//! replaces a working factor only when its own first code is right; what is not enrolled is judged against a dummy key; a
//! handle has only its own key judged.

mod administration;
mod enrolment;
mod first;
mod handle;
mod import;
mod profile;

use mfad_proto::{Accepted, AccountName, Enrolling, Failure, Label, Need, State, Status};

use crate::clock::Now;
use crate::password::Hash;
use crate::reason::Reason;
use crate::record::{Failures, Pending, Record};
use crate::recovery::{Tag, Tags};
use crate::stack::Stack;
use crate::throttle::{Gate, Lane};
use crate::totp::{Generator, SEARCH, Step, Verdict, WINDOW};
use crate::verifiers::Shown;

pub use administration::{disable, issue, set_password, unlock};
pub use enrolment::{ENROLLMENT_SECONDS, Fresh, KEPT_SECONDS, Opening, confirm, enroll, may_enroll, sweep};
pub use first::{Authenticated, Charge, First, authenticate, behind, charge, take_back};
pub use handle::{handles, refuse, verify_by_handle};
pub use import::{import, judge_import};
pub use profile::{holder, is_throttled, profile};

/// What the rules of a realm say of one account without a factor.
#[derive(Debug, Clone, Copy)]
pub struct Demand {
    /// Whether a second factor is enforced for it now.
    pub enforced: bool,
    /// What its enrolment takes.
    pub enroll: Enrolling,
}

/// What a login needs next, of a peer whose tries are counted in this lane. `other` says that what is stored belongs to
/// another user, who bore the name before.
#[must_use]
pub fn begin(record: &Record, other: bool, demand: Demand, lane: Lane, now: Now) -> Need {
    match (&record.factor, demand.enroll) {
        _ if other => Need::Locked,
        (Some(_), _) if record.tries.gate(lane, now.moment) == Gate::Stopped => Need::Locked,
        (Some(_), _) => Need::Code,
        (None, _) if !demand.enforced => Need::Nothing,
        (None, Enrolling::Closed) => Need::Locked,
        (None, Enrolling::Open | Enrolling::Ticket) => Need::Enroll { ticket: demand.enroll == Enrolling::Ticket },
    }
}

/// How the account stands, for a peer whose tries are counted in this lane.
#[must_use]
pub fn status(record: &Record, name: &AccountName, enforced: bool, lane: Lane, now: Now) -> Status {
    Status {
        realm: name.realm.clone(),
        user: name.user.clone(),
        state: state(record, lane, now),
        enforced,
        recovery_left: record.recovery.left(),
        enrolled_at: record.factor.as_ref().map(|factor| factor.enrolled_at),
        last_success: record.last_success,
        failures_since: record.failures.count,
        retry_after: match record.tries.gate(lane, now.moment) {
            Gate::Wait(seconds) => Some(seconds),
            Gate::Open | Gate::Stopped => None,
        },
    }
}

/// The state of the factor, for a peer whose tries are counted in this lane.
#[must_use]
pub fn state(record: &Record, lane: Lane, now: Now) -> State {
    let pending = record.pending.as_ref().is_some_and(|pending| now.unix < pending.expires_at);
    match (&record.factor, [Lane::Codes, lane].map(|lane| record.tries.gate(lane, now.moment))) {
        (Some(_), gates) if gates.contains(&Gate::Stopped) => State::Locked,
        (Some(_), _) => State::Active,
        (None, _) if pending => State::Pending,
        (None, _) => State::None,
    }
}

/// A code that somebody typed.
#[derive(Clone, Copy)]
pub struct Try<'a> {
    /// What a login takes.
    pub stack: &'a Stack,
    /// The text itself.
    pub code: &'a [u8],
    /// Its tag, when it has the form of a recovery code.
    pub recovery: Option<Tag>,
    /// Where it is counted.
    pub lane: Lane,
    /// The service that asks, in its own words.
    pub service: &'a Label,
}

/// Judges a code of the working factor, or a recovery code, behind a right first factor.
///
/// # Errors
/// The reason of the denial, which only the audit may see; or [`Reason::TooSoon`], and then the record is as it was.
pub fn verify(record: &mut Record, typed: &Try<'_>, now: Now) -> Result<Accepted, Reason> {
    let factor = prove(record, typed, now)?;
    Ok(told(record, typed.lane, factor))
}

/// Gives the factor up after a right code: at once, or where a second factor is enforced as soon as a new enrolment, which
/// begins here, is confirmed.
///
/// # Errors
/// As [`verify`].
pub fn reset<'r>(
    record: &'r mut Record,
    typed: &Try<'_>,
    opening: Option<Opening<'_>>,
    now: Now,
) -> Result<Option<&'r Pending>, Reason> {
    // What failed is told at the next success of the factor that goes on.
    prove(record, typed, now)?;
    if let Some(opening) = opening {
        return Ok(Some(enrolment::open(record, opening, true, now)));
    }
    record.drop_factor();
    record.failures = Failures::default();
    Ok(None)
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

/// Puts a new password in the place of the old one, which was right, with a code where there is a factor.
///
/// # Errors
/// As [`verify`].
pub fn change_password(record: &mut Record, typed: &Try<'_>, hash: Hash, now: Now) -> Result<(), Reason> {
    if record.factor.is_some() {
        prove(record, typed, now)?;
    }
    set_password(record, hash);
    Ok(())
}

/// The newest step that any factor can have accepted by now, however far its app's clock is ahead.
#[must_use]
pub const fn newest_step(now: u64) -> Step {
    Step(Step::at(now).0.saturating_add(SEARCH.unsigned_abs()).saturating_add(WINDOW.unsigned_abs()))
}

/// Judges one code as one try.
fn prove(record: &mut Record, typed: &Try<'_>, now: Now) -> Result<mfad_proto::Factor, Reason> {
    let factor = attempt(record, typed.lane, typed.service, now, |record| judge(record, typed, now))?;
    record.last_success = Some(now.unix);
    Ok(factor)
}

fn judge(record: &mut Record, typed: &Try<'_>, now: Now) -> Result<mfad_proto::Factor, Reason> {
    let shown = Shown { first: true, code: typed.code, recovery: typed.recovery };
    typed.stack.judge(record, &shown, now.unix)
}

/// A yes, with what the person should know about tries before it. A process of the owner's own cannot take that away from
/// the next login.
fn told(record: &mut Record, lane: Lane, factor: mfad_proto::Factor) -> Accepted {
    let Failures { count, last } =
        if lane == Lane::Codes { std::mem::take(&mut record.failures) } else { record.failures.clone() };
    Accepted { factor, recovery_left: record.recovery.left(), failures_since: count, last_failure: last }
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
        Gate::Wait(seconds) => Err(Reason::TooSoon(seconds)),
        Gate::Open | Gate::Stopped => attempt_now(record, lane, service, now, judge),
    }
}

/// One try that no delay holds up, only the stop.
fn attempt_now<T>(
    record: &mut Record,
    lane: Lane,
    service: &Label,
    now: Now,
    judge: impl FnOnce(&mut Record) -> Result<T, Reason>,
) -> Result<T, Reason> {
    if record.tries.gate(lane, now.moment) == Gate::Stopped {
        // Takes as long as for a name that is not known.
        let _ignored = judge(&mut Record::default());
        return Err(Reason::Locked);
    }
    let judged = judge(record);
    match &judged {
        Ok(_) => record.tries.succeed(lane),
        Err(reason) if reason.counts() => {
            record.tries.fail(lane, now.moment);
            if lane == Lane::Codes {
                record.failures.count = record.failures.count.saturating_add(1);
                record.failures.last = Some(Failure { time: now.unix, service: service.clone() });
            }
        }
        Err(_) => {}
    }
    judged
}
