//! A code of the authenticator app (RFC 6238): right for the present step, the one before and the one after, each once.

use super::{Shown, Verdict, Verifier};
use crate::reason::Reason;
use crate::record::Record;
use crate::totp::Step;

/// See the module.
pub(super) struct Totp;

impl Verifier for Totp {
    fn name(&self) -> &'static str {
        "totp"
    }

    fn factor(&self) -> mfad_proto::Factor {
        mfad_proto::Factor::Totp
    }

    fn judge(&self, record: &mut Record, shown: &Shown<'_>, now: u64) -> Verdict {
        if shown.recovery.is_some() {
            return Verdict::NotAsked;
        }
        let Some(factor) = &mut record.factor else {
            return Verdict::Wrong(Reason::NotEnrolled.after_same_work(shown.code, Step::at(now)));
        };
        let present = Step(Step::at(now).0.saturating_add_signed(factor.offset));
        match Reason::of(factor.seed.generator().judge(shown.code, present, Some(factor.used.last()))) {
            Ok(step) => {
                factor.used.add(step);
                Verdict::Right
            }
            Err(reason) => Verdict::Wrong(reason),
        }
    }
}
