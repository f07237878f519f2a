//! What a store holds: every record opened and counted.

use mfad_proto::AccountName;

use crate::ledger::MARK_KEY;
use crate::place::Owner;
use crate::record::Record;
use crate::seal::Sealer;
use crate::store::{Error, Store};

/// Counts of records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Accounts whose records open.
    pub accounts: u64,
    /// Those with a working factor.
    pub active: u64,
    /// Those with an enrolment that waits for its first code, or has lapsed.
    pub pending: u64,
    /// Values that do not open, or stand under no key of ours.
    pub unreadable: u64,
}

/// Opens every record of a store.
///
/// # Errors
/// When the store cannot be read to its end.
pub fn take(store: &dyn Store, sealer: &Sealer) -> Result<Inventory, Error> {
    let mut found = Inventory::default();
    store.scan(&mut |key, sealed| {
        if key != MARK_KEY {
            let owner = Owner::of(key);
            let record = owner.as_ref().and_then(|owner| sealer.open(owner.subject(), sealed).ok());
            found.add(owner.as_ref(), record);
        }
    })?;
    Ok(found)
}

impl Inventory {
    fn add(&mut self, owner: Option<&Owner>, record: Option<Record>) {
        let count = |number: &mut u64, counts: bool| *number = number.saturating_add(u64::from(counts));
        count(&mut self.unreadable, record.is_none());
        let Some(record) = record.filter(|_| matches!(owner, Some(Owner::Account(_)))) else { return };
        count(&mut self.accounts, true);
        count(&mut self.active, record.factor.is_some());
        count(&mut self.pending, record.pending.is_some());
    }
}

/// The account whose record stands under this key, if it is an account's.
#[must_use]
pub fn account_of(key: &[u8]) -> Option<AccountName> {
    match Owner::of(key)? {
        Owner::Account(name) => Some(name),
        Owner::Slot(_) => None,
    }
}
