//! How a factor comes to be: begun, resumed, and confirmed by its own first code.

use mfad_proto::{Enrolling, EnrollmentId, Handle, Replacing};

use crate::clock::Now;
use crate::policy::Rules;
use crate::reason::Reason;
use crate::record::{Factor, Pending, Record, Seed};
use crate::recovery::{Tag, Tags};
use crate::throttle::{Counter, Tries};
use crate::totp::{Step, TotpKey};
use crate::used::UsedSteps;

/// Random material for a new enrolment.
pub struct Fresh {
    /// Names the enrolment.
    pub id: EnrollmentId,
    /// The new key.
    pub key: TotpKey,
    /// Its public name.
    pub handle: Handle,
}

/// An enrolment that may be begun.
pub struct Opening<'p> {
    /// What it is made of.
    pub fresh: Fresh,
    /// The realm's rules.
    pub rules: &'p Rules,
}

/// Begins an enrolment, or resumes the pending one with the same key and a new term, so that a login that was cut off
/// after the scan can go on. `ticket` is the tag of the ticket that was given, `None` inside when it has not the form of
/// one; an administrator needs none.
///
/// # Errors
/// [`Reason::Enrolled`] when a factor works and the realm's `replace` asks for a code first; else what the realm's
/// `enroll` asks for and is not there.
pub fn enroll<'r>(
    record: &'r mut Record,
    opening: Opening<'_>,
    ticket: Option<Option<Tag>>,
    administers: bool,
    now: Now,
) -> Result<&'r Pending, Reason> {
    may_enroll(record, opening.rules, administers)?;
    if record.factor.is_none() && !administers && opening.rules.enroll == Enrolling::Ticket && ticket.is_none() {
        return Err(Reason::NoTicket);
    }
    if let Some(ticket) = ticket {
        judge_ticket(record, ticket, now.unix)?;
    }
    Ok(open(record, opening, false, now))
}

/// What stands against an enrolment whatever else is given: known before a password is judged, so that the answer tells
/// nothing about it.
///
/// # Errors
/// [`Reason::Enrolled`] or [`Reason::Closed`].
pub fn may_enroll(record: &Record, rules: &Rules, administers: bool) -> Result<(), Reason> {
    if record.factor.is_some() {
        return if rules.replace == Replacing::Code { Err(Reason::Enrolled) } else { Ok(()) };
    }
    if rules.enroll == Enrolling::Closed && !administers { Err(Reason::Closed) } else { Ok(()) }
}

/// Begins or resumes an enrolment that nothing stands against. `proved` says that a code of the working factor was given:
/// what was begun without one is not resumed with one, since its key was shown to who had none.
pub(super) fn open<'r>(record: &'r mut Record, opening: Opening<'_>, proved: bool, now: Now) -> &'r Pending {
    let Opening { fresh, rules } = opening;
    record.begin_anew_when_vacant();
    let expires_at = now.unix.saturating_add(ENROLLMENT_SECONDS);
    let pending = match record.pending.take() {
        Some(pending) if is_resumable(&pending, proved, now) => Pending { expires_at, ..pending },
        Some(_) | None => {
            let Fresh { id, key, handle } = fresh;
            let seed = Seed { key, algorithm: rules.algorithm, digits: rules.digits, handle };
            Pending { id, seed, expires_at, proved, misses: 0 }
        }
    };
    record.pending.insert(pending)
}

fn is_resumable(pending: &Pending, proved: bool, now: Now) -> bool {
    now.unix < pending.expires_at && pending.proved == proved && pending.misses < MISSES
}

/// Judges the first code of an enrolment, and whether it may become the factor.
///
/// # Errors
/// As [`confirm`].
pub(super) fn judge_first(
    pending: &Pending,
    replaces: bool,
    code: &[u8],
    replace: Replacing,
    now: Now,
) -> Result<Step, Reason> {
    let judged = Reason::of(pending.seed.generator().judge(code, Step::at(now.unix), None));
    if now.unix >= pending.expires_at {
        Err(Reason::Expired)
    } else if replaces && replace == Replacing::Code && !pending.proved {
        Err(Reason::Enrolled)
    } else {
        judged
    }
}

/// Makes this key the factor. What was before is gone, and so are all codes; the counts of wrong ones begin at 0.
pub(super) fn install(record: &mut Record, seed: Seed, used: UsedSteps, now: Now) {
    record.drop_factor();
    record.generation = record.generation.saturating_add(1);
    record.factor = Some(Factor { seed, enrolled_at: now.unix, used, offset: 0, proved: false });
    record.holder = None;
    record.tries = Tries { codes: Counter::default(), own: Counter::default(), ..record.tries };
}

/// A ticket is good until the enrolment that it was given for is confirmed: a login may be cut off.
fn judge_ticket(record: &mut Record, ticket: Option<Tag>, now: u64) -> Result<(), Reason> {
    let issued = record.issued.as_ref().filter(|issued| ticket.is_some_and(|ticket| issued.tag.is(&ticket)));
    match issued {
        Some(issued) if now < issued.expires_at => Ok(()),
        Some(_) => {
            record.issued = None;
            Err(Reason::Lapsed)
        }
        None => Err(Reason::NoTicket),
    }
}

/// Finishes an enrolment: with its first right code it becomes the factor, the code's step is used, and these are its
/// recovery codes.
///
/// # Errors
/// The reason of the denial, which only the audit may see; [`Reason::Enrolled`] when the realm has come to ask for a code
/// before a factor is replaced, and none was given.
pub fn confirm(
    record: &mut Record,
    (id, code): (EnrollmentId, &[u8]),
    recovery: Tags,
    replace: Replacing,
    now: Now,
) -> Result<(), Reason> {
    let present = Step::at(now.unix);
    let Some(pending) = record.pending.take_if(|pending| pending.id == id) else {
        return Err(Reason::NoEnrollment.after_same_work(code, present));
    };
    match judge_first(&pending, record.factor.is_some(), code, replace, now) {
        Ok(first) => {
            let used = UsedSteps::first(first);
            install(record, pending.seed, used, now);
            record.recovery = recovery;
            record.failures = Default::default();
            Ok(())
        }
        Err(reason) => {
            record.pending = Some(pending);
            Err(reason)
        }
    }
}

/// Takes an enrolment away that was never confirmed, some time after it has lapsed, and says whether there was one.
pub fn sweep(record: &mut Record, now: u64) -> bool {
    let is_over = |pending: &mut Pending| pending.expires_at.saturating_add(KEPT_SECONDS) <= now;
    record.pending.take_if(is_over).is_some()
}

/// How long a lapsed enrolment is kept, in seconds: for as long, the audit can tell a late code from one of nobody.
pub const KEPT_SECONDS: u64 = 3_600;

/// How many wrong codes an enrolment bears under its handle: a public name lets anybody guess who may ask at all.
pub(super) const MISSES: u8 = 20;

/// How long an enrolment waits for its first code, in seconds.
pub const ENROLLMENT_SECONDS: u64 = 600;
