//! The first factor. It was judged before, outside the account's lock: hashing and PAM take their time.

use super::{Shown, Verdict, Verifier};
use crate::reason::Reason;
use crate::record::Record;

/// See the module.
pub(super) struct Password;

impl Verifier for Password {
    fn name(&self) -> &'static str {
        "password"
    }

    fn factor(&self) -> mfad_proto::Factor {
        mfad_proto::Factor::Password
    }

    fn is_first(&self) -> bool {
        true
    }

    fn judge(&self, _record: &mut Record, shown: &Shown<'_>, _now: u64) -> Verdict {
        if shown.first { Verdict::Right } else { Verdict::Wrong(Reason::WrongPassword) }
    }
}
