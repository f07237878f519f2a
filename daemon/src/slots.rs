//! How many connections there may be, in all, of one user and of one realm's socket, so that nobody can take the server
//! from the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::metrics::Metrics;
use crate::policy::Role;

/// All slots.
pub(crate) struct Slots {
    taken: Mutex<Taken>,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct Taken {
    /// Of everybody.
    total: usize,
    /// Of everybody but root.
    others: usize,
    /// Of those who have no right but over themselves.
    unprivileged: usize,
    of: HashMap<Group, usize>,
}

impl Taken {
    fn count(&self, group: &Group) -> usize {
        self.of.get(group).copied().unwrap_or_default()
    }
}

/// Who shares a limit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Group {
    /// Processes of one uid.
    Uid(u32),
    /// Whoever comes in over a socket that a container may have been handed: its root can take any uid there.
    Socket(String),
}

impl Group {
    const fn most(&self) -> usize {
        match self {
            Self::Uid(_) => CONNECTIONS_PER_UID,
            Self::Socket(_) => CONNECTIONS_PER_SOCKET,
        }
    }
}

/// Who wants a slot.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    groups: Vec<Group>,
    unprivileged: bool,
    root: bool,
}

impl Claim {
    /// For a peer of this uid that came in by a socket of this role.
    pub(crate) fn new(uid: u32, role: &Role, unprivileged: bool, root: bool) -> Self {
        let socket = match role {
            Role::Realm(realm) => Some(Group::Socket(realm.to_string())),
            Role::Named(name) => Some(Group::Socket(name.clone())),
            Role::ByHand | Role::Public => None,
        };
        let own = (uid != 0).then_some(Group::Uid(uid));
        let groups = if root { Vec::new() } else { own.into_iter().chain(socket).collect() };
        Self { groups, unprivileged, root }
    }
}

impl Slots {
    /// All of them are free.
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self { taken: Mutex::default(), metrics }
    }

    /// Takes a slot until it is dropped; `None` when a limit is reached.
    pub(crate) fn take(self: &Arc<Self>, claim: Claim) -> Option<Slot> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let full = taken.total >= CONNECTIONS
            || claim.groups.iter().any(|group| taken.count(group) >= group.most())
            || (claim.unprivileged && taken.unprivileged >= CONNECTIONS / 2)
            || (!claim.root && taken.others >= CONNECTIONS.saturating_sub(KEPT_FOR_ROOT));
        if full {
            self.metrics.turned_away();
            return None;
        }
        taken.total = taken.total.saturating_add(1);
        taken.others = taken.others.saturating_add(usize::from(!claim.root));
        taken.unprivileged = taken.unprivileged.saturating_add(usize::from(claim.unprivileged));
        for group in &claim.groups {
            let count = taken.count(group).saturating_add(1);
            taken.of.insert(group.clone(), count);
        }
        self.metrics.connected(taken.total);
        Some(Slot { slots: Arc::clone(self), claim })
    }
}

/// A taken slot.
pub(crate) struct Slot {
    slots: Arc<Slots>,
    claim: Claim,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.total = taken.total.saturating_sub(1);
        self.slots.metrics.connected(taken.total);
        taken.others = taken.others.saturating_sub(usize::from(!self.claim.root));
        taken.unprivileged = taken.unprivileged.saturating_sub(usize::from(self.claim.unprivileged));
        for group in &self.claim.groups {
            match taken.count(group).saturating_sub(1) {
                0 => taken.of.remove(group),
                left => taken.of.insert(group.clone(), left),
            };
        }
    }
}

/// Connections in all.
const CONNECTIONS: usize = 1024;

/// Of them those that nobody but root gets: sshd, sudo and login must not wait for others.
const KEPT_FOR_ROOT: usize = 128;

/// Connections of one uid other than root.
const CONNECTIONS_PER_UID: usize = 32;

/// Connections over the socket of one realm other than `system`, or of a grant.
const CONNECTIONS_PER_SOCKET: usize = 256;
