//! What the server measures of itself.

use mfad_proto::{Refusal, StatsPlace};

use super::Handler;
use super::outcome::{Halt, Outcome};
use crate::policy::ServerPermit;

impl Handler {
    pub(super) async fn stats(&self, _permit: &ServerPermit, _after: Option<StatsPlace>) -> Result<Outcome, Halt> {
        Err(Refusal::Unsupported.into())
    }
}
