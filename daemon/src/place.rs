//! Where a record stands in the store: its key, from whose it is, and back.

use mfad_proto::{AccountName, Handle, Realm};

use crate::names;
use crate::seal::Subject;

/// The key that a subject's record is stored under.
#[must_use]
pub(crate) fn key(subject: Subject<'_>) -> Vec<u8> {
    match subject {
        Subject::Account(name) => [&[ACCOUNT_KEY], names::bytes(name).as_slice()].concat(),
        Subject::Slot(slot) => [&[SLOT_KEY], slot.to_be_bytes().as_slice()].concat(),
        Subject::Realm(realm) => [&[REALM_KEY], realm.as_str().as_bytes()].concat(),
        Subject::Handle(handle) => [&[HANDLE_KEY], handle.as_bytes().as_slice()].concat(),
    }
}

/// What the keys of all accounts begin with, or those of the accounts of one realm.
#[must_use]
pub(crate) fn accounts_of(realm: Option<&Realm>) -> Vec<u8> {
    match realm {
        None => vec![ACCOUNT_KEY],
        Some(realm) => [&[ACCOUNT_KEY], realm.as_str().as_bytes(), &[0]].concat(),
    }
}

/// Whether the record under a key is an account's.
#[must_use]
pub(crate) const fn is_account(key: &[u8]) -> bool {
    matches!(key, [ACCOUNT_KEY, ..])
}

/// Whose record stands under a key.
pub(crate) enum Owner {
    /// An account's.
    Account(AccountName),
    /// A slot's.
    Slot(u16),
    /// A realm's.
    Realm(Realm),
    /// A handle's: it says whose the handle is.
    Handle(Handle),
}

impl Owner {
    /// Reads a key; `None` when it is no record's.
    pub(crate) fn of(key: &[u8]) -> Option<Self> {
        match key.split_first()? {
            (&ACCOUNT_KEY, name) => names::parse(name).map(Self::Account),
            (&SLOT_KEY, slot) => Some(Self::Slot(u16::from_be_bytes(slot.try_into().ok()?))),
            (&REALM_KEY, realm) => Realm::new(std::str::from_utf8(realm).ok()?).map(Self::Realm),
            (&HANDLE_KEY, handle) => Some(Self::Handle(Handle::from_random(handle.try_into().ok()?))),
            _ => None,
        }
    }

    /// What the record is sealed for.
    pub(crate) const fn subject(&self) -> Subject<'_> {
        match self {
            Self::Account(name) => Subject::Account(name),
            Self::Slot(slot) => Subject::Slot(*slot),
            Self::Realm(realm) => Subject::Realm(realm),
            Self::Handle(handle) => Subject::Handle(handle),
        }
    }
}

/// The first byte of the keys of accounts.
const ACCOUNT_KEY: u8 = b'a';

/// The first byte of the keys of slots.
const SLOT_KEY: u8 = b'n';

/// The first byte of the keys of realms.
const REALM_KEY: u8 = b'r';

/// The first byte of the keys of handles.
const HANDLE_KEY: u8 = b'h';
