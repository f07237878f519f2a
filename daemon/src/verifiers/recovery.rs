//! A recovery code: one of those that came with the enrolment, or one that an administrator issued. Each is right once.

use super::{Shown, Verdict, Verifier};
use crate::reason::Reason;
use crate::record::Record;

/// See the module.
pub(super) struct Recovery;

impl Verifier for Recovery {
    fn name(&self) -> &'static str {
        "recovery"
    }

    fn factor(&self) -> mfad_proto::Factor {
        mfad_proto::Factor::Recovery
    }

    fn judge(&self, record: &mut Record, shown: &Shown<'_>, now: u64) -> Verdict {
        let Some(tag) = &shown.recovery else { return Verdict::NotAsked };
        if record.factor.is_none() {
            return Verdict::Wrong(Reason::NotEnrolled);
        }
        let issued = record.issued.take_if(|issued| issued.tag.is(tag));
        let own = record.recovery.redeem(tag);
        match issued {
            Some(issued) if issued.expires_at <= now => Verdict::Wrong(Reason::Lapsed),
            Some(_) => Verdict::Right,
            None if own => Verdict::Right,
            None => Verdict::Wrong(Reason::Wrong),
        }
    }
}
