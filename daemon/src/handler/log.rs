//! The audit log as administrators read it.

use mfad_proto::{LogFilter, LogPlace, Refusal, Reply};
use tokio::task::spawn_blocking;

use super::Handler;
use super::outcome::{Halt, Outcome};
use crate::audit::Query;
use crate::policy::ServerPermit;

impl Handler {
    pub(super) async fn audit(
        &self,
        _permit: &ServerPermit,
        after: Option<LogPlace>,
        filter: LogFilter,
        verify: bool,
    ) -> Result<Outcome, Halt> {
        let reader = self.audit.reader().ok_or(Refusal::Unsupported)?;
        // What was answered before this request is to be found.
        if after.is_none() {
            self.audit.flush().await;
        }
        let query = Query { after, filter, verify };
        match spawn_blocking(move || reader.page(&query)).await {
            Ok(Ok(page)) => Ok(Outcome::plain(Reply::Log(page))),
            Ok(Err(error)) => Ok(Outcome::unavailable(&error)),
            Err(_panicked) => Err(Refusal::Unavailable.into()),
        }
    }
}
