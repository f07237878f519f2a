//! What a store holds: every record opened and counted.

use crate::ledger::MARK_KEY;
use crate::place::Owner;
use crate::realm_record::RealmRecord;
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
            match Owner::of(key) {
                Some(owner @ Owner::Account(_)) => found.add(sealer.open(owner.subject(), sealed).ok()),
                Some(owner @ Owner::Slot(_)) => found.note(sealer.open(owner.subject(), sealed).is_ok()),
                Some(owner @ Owner::Realm(_)) => {
                    let opened = sealer.open_plain(owner.subject(), sealed);
                    found.note(opened.is_ok_and(|(_, plain)| RealmRecord::decode(&plain).is_ok()));
                }
                Some(Owner::Handle(handle)) => found.note(sealer.open_entry(&handle, sealed).is_ok()),
                None => found.note(false),
            }
        }
    })?;
    Ok(found)
}

impl Inventory {
    /// Counts an account's record.
    fn add(&mut self, record: Option<Record>) {
        self.note(record.is_some());
        let Some(record) = record else { return };
        let count = |number: &mut u64, counts: bool| *number = number.saturating_add(u64::from(counts));
        count(&mut self.accounts, true);
        count(&mut self.active, record.factor.is_some());
        count(&mut self.pending, record.pending.is_some());
    }

    /// Counts a value that does not open.
    const fn note(&mut self, opens: bool) {
        if !opens {
            self.unreadable = self.unreadable.saturating_add(1);
        }
    }
}
