//! Accounts by handle: whose it is, before the call about it is decided.

use mfad_proto::{Account, Call, Handle, Reply};

use super::outcome::{Halt, Outcome};
use super::{Caller, Handler};
use crate::accounts::Decided;
use crate::policy::{Named, Policy, Stranger};
use crate::reason::Reason;
use crate::record::Record;
use crate::vault;

/// Whom a call is about.
pub(super) enum Whose {
    /// Whom the call names; by this handle, if by one.
    Named(Option<Handle>),
    /// Nobody, as far as this peer is told.
    Nobodys(Stranger),
}

impl Handler {
    /// Puts the name of the account that a handle names in the place of the handle, where the peer hears of that account.
    pub(super) async fn name(&self, policy: &Policy, caller: &Caller, call: &mut Call) -> Result<Whose, Halt> {
        let (kind, peer, role) = (call.kind(), &caller.peer, &*caller.role);
        let Some(account) = call.account_mut() else { return Ok(Whose::Named(None)) };
        let Account::Handle(handle) = *account else { return Ok(Whose::Named(None)) };
        policy.may_name_handle(peer, role, kind)?;
        // In any case: that somebody bears the handle must not be told by a look-up that takes its time.
        let who = match policy.asks_who_by_handle(peer, role, kind) {
            true => self.directory.name_of(peer.uid).await?,
            false => None,
        };
        let found = self.accounts().await?.whose(&handle).await?;
        match policy.judge_handle((peer, role), who.as_ref(), (kind, handle), found)? {
            Named::Account(name) => {
                *account = Account::Name(name);
                Ok(Whose::Named(Some(handle)))
            }
            Named::Nobody(stranger) => Ok(Whose::Nobodys(stranger)),
        }
    }

    /// Denies a request about a handle that is nobody's.
    pub(super) async fn refuse(&self, stranger: &Stranger) -> Result<Outcome, Halt> {
        let refuse = |lane| move |record: &mut Record| vault::refuse(record, lane, self.time.now());
        let reason = match stranger.lane() {
            Some(lane) => self.accounts().await?.refuse(stranger, refuse(lane)).await?,
            None => Reason::NoHandle,
        };
        Ok(Outcome::judged(Ok(Decided { verdict: Err::<(), _>(reason), known: false }), |()| Reply::Done))
    }
}
