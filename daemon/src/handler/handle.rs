//! Accounts by handle: whose it is, before the call about it is decided; and which there are.

use mfad_proto::{Account, Call, Handle, HandlePage, ListedHandle, Reply, UserName};
use tokio::task::yield_now;

use super::outcome::{Halt, Outcome};
use super::{Caller, Handler};
use crate::accounts::Decided;
use crate::policy::{Named, Policy, RealmPermit, Stranger};
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

    /// The handles of the accounts of a realm, whosever they are.
    pub(super) async fn list_handles(
        &self,
        permit: &RealmPermit<'_>,
        after: Option<&UserName>,
        limit: u32,
    ) -> Result<Outcome, Halt> {
        let accounts = self.accounts().await?;
        let most = usize::try_from(limit).unwrap_or(PAGE).clamp(1, PAGE);
        // One more than is looked at tells whether there is more.
        let users = accounts.users(permit, after, most.saturating_add(1))?;
        let mut page = HandlePage { handles: Vec::new(), next: None };
        let (mut last, mut room) = (None, ROOM);
        for (place, user) in users.into_iter().enumerate() {
            let listed = accounts.show_listed(permit, &user, vault::handles).await?.unwrap_or_default();
            let bytes = LISTED.saturating_add(user.as_str().len()).saturating_mul(listed.len());
            if place == most || bytes > room {
                page.next = last;
                break;
            }
            room = room.saturating_sub(bytes);
            page.handles.extend(listed.into_iter().map(|(handle, stage, since)| ListedHandle {
                handle,
                user: user.clone(),
                stage,
                since,
            }));
            last = Some(user);
            // A list must not keep the connections waiting.
            yield_now().await;
        }
        Ok(Outcome::plain(Reply::Handles(page)))
    }
}

/// Accounts whose handles are looked at for one page.
const PAGE: usize = 64;

/// Bytes of a frame that the handles of a page may fill: the rest holds what is around them, and the name after which the
/// next page begins.
const ROOM: usize = 3_800;

/// Bytes that one handle fills at most, besides its user's name.
const LISTED: usize = 56;
