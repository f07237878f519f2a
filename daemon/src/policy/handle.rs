//! Whether a peer hears of the account that a handle names.

use mfad_proto::{AccountName, CallKind, Handle, Realm, Refusal, UserName};

use super::{Peer, Policy, Right, Role, wanted};
use crate::throttle::Lane;

/// What a handle is for a peer.
pub enum Named {
    /// The public name of this account, which is judged as if it were named so.
    Account(AccountName),
    /// Nobody's: no account bears it, or one of a realm that is not the peer's. Nothing tells which.
    Nobody(Stranger),
}

/// A handle that is nobody's for this peer. Only [`Policy::judge_handle`] makes one.
pub struct Stranger {
    handle: Handle,
    call: CallKind,
    right: Right,
}

impl Stranger {
    /// The handle.
    #[must_use]
    pub const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Where a try is counted; none where the call is no try, and where an administrator asks, who may know what there is.
    #[must_use]
    pub const fn lane(&self) -> Option<Lane> {
        match (self.call, self.right) {
            (CallKind::Begin | CallKind::Status, _) | (_, Right::Admin) => None,
            (_, Right::Login | Right::Owner) => Some(Lane::Codes),
        }
    }
}

impl Policy {
    /// Whether this peer may name an account by its handle in this call, if the right one. It need not be told more, and
    /// nothing need be looked up.
    ///
    /// # Errors
    /// `NotPermitted`.
    pub fn may_name_handle(&self, peer: &Peer, role: &Role, call: CallKind) -> Result<(), Refusal> {
        let owns = |realm| wanted(call).contains(&Right::Owner) && self.has_owner(peer, role, realm);
        let any = self.realms.keys().any(|realm| self.hears(peer, role, call, realm).is_some() || owns(realm));
        if any { Ok(()) } else { Err(Refusal::NotPermitted) }
    }

    /// Whether it must be known which user of this machine the peer is, whosever the handle is.
    #[must_use]
    pub fn asks_who_by_handle(&self, peer: &Peer, role: &Role, call: CallKind) -> bool {
        self.realms.keys().any(|realm| self.asks_who(peer, role, call, realm))
    }

    /// What this handle is for this peer. `who` is the user of this machine that its uid belongs to, `found` the account that
    /// bears the handle. A peer that can ask about its own account alone is told of a handle that nobody bears what it is
    /// told of somebody else's.
    ///
    /// # Errors
    /// `NotPermitted`.
    pub fn judge_handle(
        &self,
        (peer, role): (&Peer, &Role),
        who: Option<&UserName>,
        (call, handle): (CallKind, Handle),
        found: Option<AccountName>,
    ) -> Result<Named, Refusal> {
        let is_own = |name: &AccountName| {
            wanted(call).contains(&Right::Owner) && who == Some(&name.user) && self.has_owner(peer, role, &name.realm)
        };
        let serves = |name: &AccountName| self.realms.contains_key(&name.realm);
        let mine =
            found.filter(|name| serves(name) && (self.hears(peer, role, call, &name.realm).is_some() || is_own(name)));
        match (mine, self.realms.keys().find_map(|realm| self.hears(peer, role, call, realm))) {
            (Some(name), _) => Ok(Named::Account(name)),
            (None, Some(right)) => Ok(Named::Nobody(Stranger { handle, call, right })),
            (None, None) => Err(Refusal::NotPermitted),
        }
    }

    /// The right besides that of an owner by which this peer hears of the accounts of a realm.
    fn hears(&self, peer: &Peer, role: &Role, call: CallKind, realm: &Realm) -> Option<Right> {
        let held = self.held(peer, role, realm);
        wanted(call).iter().copied().find(|right| held.has(*right))
    }
}
