//! A factor that another program has kept becomes the account's own.

use mfad_proto::{ForeignFactor, Handle, Imported};
use subtle::ConstantTimeEq;

use crate::clock::Now;
use crate::policy::NOBODYS;
use crate::reason::Reason;
use crate::record::{Record, Seed};
use crate::used::UsedSteps;

use super::enrolment;

/// What an import would do, and changes nothing. `uid` is whose name it is, as a permit says; `other` says that what is
/// stored belongs to another user, who bore the name before.
///
/// # Errors
/// [`Reason::NoUser`], [`Reason::OtherUser`], or [`Reason::Enrolled`] where another factor works.
pub fn judge_import(
    record: &Record,
    (uid, other): (Option<u32>, bool),
    factor: &ForeignFactor,
) -> Result<Imported, Reason> {
    match &record.factor {
        // Whoever is given the name later would find a factor that somebody else knows.
        _ if uid == Some(NOBODYS) => Err(Reason::NoUser),
        _ if other => Err(Reason::OtherUser),
        Some(own) if is_same(&own.seed, factor) => Ok(Imported { already: true, handle: Some(own.seed.handle) }),
        Some(_) => Err(Reason::Enrolled),
        None => Ok(Imported { already: false, handle: None }),
    }
}

/// Makes it the working factor, under this public name, where nothing stands against it. It has no recovery codes. Which of
/// its codes were used elsewhere, and how far its app's clock is off, nobody can tell here.
///
/// # Errors
/// As [`judge_import`].
pub fn import(
    record: &mut Record,
    uid: Option<u32>,
    (factor, handle): (ForeignFactor, Handle),
    now: Now,
) -> Result<Imported, Reason> {
    let judged = judge_import(record, (uid, false), &factor)?;
    if judged.already {
        return Ok(judged);
    }
    let ForeignFactor { key, algorithm, digits } = factor;
    let seed = Seed { key, algorithm, digits, handle };
    record.begin_anew_when_vacant();
    // Whoever began an enrolment, or holds an issued code, was to bring a factor where there was none.
    enrolment::install(record, seed, UsedSteps::none(), now);
    record.failures = Default::default();
    Ok(Imported { already: false, handle: Some(handle) })
}

/// Compared in constant time: how long an import takes must not tell how much of a key is right.
fn is_same(own: &Seed, factor: &ForeignFactor) -> bool {
    let same_codes = (own.algorithm, own.digits) == (factor.algorithm, factor.digits);
    bool::from(own.key.expose().ct_eq(factor.key.expose())) && same_codes
}
