//! What administrators see of accounts.

use mfad_proto::{Refusal, UserName};

use super::Handler;
use super::outcome::{Halt, Outcome};
use crate::policy::{Permit, RealmPermit};

impl Handler {
    pub(super) async fn list(
        &self,
        _permit: &RealmPermit<'_>,
        _after: Option<&UserName>,
        _limit: u32,
    ) -> Result<Outcome, Halt> {
        Err(Refusal::Unsupported.into())
    }

    pub(super) async fn show(&self, _permit: &Permit<'_>) -> Result<Outcome, Halt> {
        Err(Refusal::Unsupported.into())
    }
}
