//! What administrators take over from other programs.

use mfad_proto::{ForeignFactor, Refusal};

use super::Handler;
use super::outcome::{Halt, Outcome};
use crate::policy::Permit;

impl Handler {
    pub(super) async fn import(
        &self,
        _permit: &Permit<'_>,
        _factor: ForeignFactor,
        _apply: bool,
    ) -> Result<Outcome, Halt> {
        Err(Refusal::Unsupported.into())
    }
}
