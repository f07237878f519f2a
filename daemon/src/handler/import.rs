//! What administrators take over from other programs, one account a call.

use mfad_proto::{ForeignFactor, Handle, Imported, Refusal, Reply};

use super::Handler;
use super::outcome::{Halt, Outcome};
use crate::accounts::Decided;
use crate::policy::Permit;
use crate::record::Record;
use crate::vault;

impl Handler {
    /// Looks first, so that nothing is stored for what is there already or is refused; whoever comes in between is seen when
    /// it is decided.
    pub(super) async fn import(
        &self,
        permit: &Permit<'_>,
        factor: ForeignFactor,
        apply: bool,
    ) -> Result<Outcome, Halt> {
        let accounts = self.accounts().await?;
        let judge = |record: &Record, other| vault::judge_import(record, (permit.uid(), other), &factor);
        let seen = accounts.view(permit, judge).await?;
        if !apply || !matches!(seen, Decided { verdict: Ok(Imported { already: false, .. }), .. }) {
            return Ok(Outcome::judged(Ok(seen), Reply::Imported));
        }
        let handle = new_handle().map_err(|_e| Refusal::Unavailable)?;
        let import = |record: &mut Record| vault::import(record, permit.uid(), (factor, handle), self.time.now());
        Ok(Outcome::judged(accounts.change(permit, import).await, Reply::Imported))
    }
}

/// A public name for a factor.
pub(super) fn new_handle() -> Result<Handle, getrandom::Error> {
    let mut bytes = [0; 20];
    getrandom::fill(&mut bytes)?;
    Ok(Handle::from_random(bytes))
}
