//! What a store holds: every record opened and counted.

use mfad_proto::{AccountName, Realm, UserName};

use crate::accounts::{ACCOUNT_KEY, SLOT_KEY};
use crate::ledger::MARK_KEY;
use crate::record::Record;
use crate::seal::{Sealer, Subject};
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
            found.add(key, open(sealer, key, sealed));
        }
    })?;
    Ok(found)
}

impl Inventory {
    fn add(&mut self, key: &[u8], record: Option<Record>) {
        let count = |number: &mut u64, counts: bool| *number = number.saturating_add(u64::from(counts));
        count(&mut self.unreadable, record.is_none());
        let Some(record) = record.filter(|_| key.first() == Some(&ACCOUNT_KEY)) else { return };
        count(&mut self.accounts, true);
        count(&mut self.active, record.factor.is_some());
        count(&mut self.pending, record.pending.is_some());
    }
}

fn open(sealer: &Sealer, key: &[u8], sealed: &[u8]) -> Option<Record> {
    match key.split_first()? {
        (&ACCOUNT_KEY, name) => sealer.open(Subject::Account(&parse_name(name)?), sealed).ok(),
        (&SLOT_KEY, slot) => sealer.open(Subject::Slot(u16::from_be_bytes(slot.try_into().ok()?)), sealed).ok(),
        _ => None,
    }
}

/// The account whose record stands under this key, if it is an account's.
#[must_use]
pub fn account_of(key: &[u8]) -> Option<AccountName> {
    parse_name(key.strip_prefix(&[ACCOUNT_KEY])?)
}

fn parse_name(bytes: &[u8]) -> Option<AccountName> {
    let (realm, user) = std::str::from_utf8(bytes).ok()?.split_once('\0')?;
    Some(AccountName { realm: Realm::new(realm)?, user: UserName::new(user)? })
}
