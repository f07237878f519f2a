//! How many connections there may be, in all and of one user, so that nobody can take the server from the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// All slots.
#[derive(Default)]
pub(crate) struct Slots(Mutex<Taken>);

#[derive(Default)]
struct Taken {
    total: usize,
    strangers: usize,
    per_uid: HashMap<u32, usize>,
}

/// Who wants a slot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim {
    /// The peer's uid.
    pub(crate) uid: u32,
    /// Whether it has no right anywhere.
    pub(crate) stranger: bool,
    /// Whether it counts as root, whom the limit for one user does not bind.
    pub(crate) root: bool,
}

impl Slots {
    /// Takes a slot until it is dropped; `None` when a limit is reached.
    pub(crate) fn take(self: &Arc<Self>, claim: Claim) -> Option<Slot> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_uid = taken.per_uid.get(&claim.uid).copied().unwrap_or_default();
        let full = taken.total >= CONNECTIONS
            || (claim.stranger && taken.strangers >= CONNECTIONS / 2)
            || (!claim.root && of_uid >= CONNECTIONS_PER_UID);
        if full {
            return None;
        }
        taken.total = taken.total.saturating_add(1);
        taken.strangers = taken.strangers.saturating_add(usize::from(claim.stranger));
        taken.per_uid.insert(claim.uid, of_uid.saturating_add(1));
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
        let mut taken = self.slots.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.total = taken.total.saturating_sub(1);
        taken.strangers = taken.strangers.saturating_sub(usize::from(self.claim.stranger));
        let left = taken.per_uid.get(&self.claim.uid).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            taken.per_uid.remove(&self.claim.uid);
        } else {
            taken.per_uid.insert(self.claim.uid, left);
        }
    }
}

/// Connections in all.
const CONNECTIONS: usize = 1024;

/// Connections of one uid other than root.
const CONNECTIONS_PER_UID: usize = 32;
