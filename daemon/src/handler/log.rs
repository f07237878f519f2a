//! The audit log as administrators read it.

use mfad_proto::{LogFilter, LogPlace, Refusal};

use super::Handler;
use super::outcome::{Halt, Outcome};
use crate::policy::ServerPermit;

impl Handler {
    pub(super) async fn audit(
        &self,
        _permit: &ServerPermit,
        _after: Option<LogPlace>,
        _filter: LogFilter,
        _verify: bool,
    ) -> Result<Outcome, Halt> {
        Err(Refusal::Unsupported.into())
    }
}
