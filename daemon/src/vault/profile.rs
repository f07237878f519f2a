//! What an administrator sees of a record, whosever it is.

use mfad_proto::{FactorProfile, Holder, Profile, State, Status};

use crate::clock::Now;
use crate::policy::NOBODYS;
use crate::record::{Factor, Record};
use crate::throttle::{Gate, Lane};

/// Whether the user for whom this uid was noted still bears the name, which stands for the uid `present` now: none where
/// names are not those of users of this machine, [`NOBODYS`] where there is no such user.
#[must_use]
pub fn holder(noted: Option<u32>, present: Option<u32>) -> Holder {
    match (noted, present) {
        (_, None) => Holder::NotUnix,
        (_, Some(NOBODYS)) => Holder::Gone,
        (Some(was), Some(is)) if was != is => Holder::Other,
        (_, Some(_)) => Holder::Same,
    }
}

/// Everything about an account that is no secret. `status` is how it stands for a login service, `present` the uid that its
/// name stands for now.
#[must_use]
pub fn profile(record: &Record, status: Status, present: Option<u32>, now: Now) -> Profile {
    let wait = |lane| match record.tries.gate(lane, now.moment) {
        Gate::Wait(seconds) => Some(seconds),
        Gate::Open | Gate::Stopped => None,
    };
    let ahead = |end: &u64| now.unix < *end;
    Profile {
        status: if record.is_of_another(present) { Status { state: State::Locked, ..status } } else { status },
        holder: holder(record.uid, present),
        uid: record.uid.filter(|uid| *uid != NOBODYS),
        factor: record.factor.as_ref().map(factor),
        generation: record.generation,
        pending_until: record.pending.as_ref().map(|pending| pending.expires_at).filter(ahead),
        issued_until: record.issued.as_ref().map(|issued| issued.expires_at).filter(ahead),
        has_password: record.password.is_some(),
        last_failure: record.failures.last.clone(),
        password_retry_after: wait(Lane::Passwords),
        login_retry_after: wait(Lane::Logins),
        own_locked: record.tries.gate(Lane::Own, now.moment) == Gate::Stopped,
    }
}

/// Whether a login service must wait before its next code, password or both together is looked at.
#[must_use]
pub fn is_throttled(record: &Record, now: Now) -> bool {
    let lanes = [Lane::Codes, Lane::Passwords, Lane::Logins];
    lanes.into_iter().any(|lane| matches!(record.tries.gate(lane, now.moment), Gate::Wait(_)))
}

fn factor(factor: &Factor) -> FactorProfile {
    let steps = |steps: i64| u32::try_from(steps).unwrap_or_default();
    FactorProfile {
        algorithm: factor.seed.algorithm,
        digits: factor.seed.digits,
        behind: steps(factor.offset.saturating_neg()),
        ahead: steps(factor.offset),
        handle: factor.seed.handle,
    }
}
