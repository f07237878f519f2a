//! One account under one lock: load and open its record, let the vault decide, seal and commit, and only then let the
//! decision out.
//!
//! MUST: a decision leaves only when its record is durable; two decisions about one account never overlap; a name that
//! has no record costs the same commit as one that has; what belongs to another user, who bore the name before, is
//! neither shown nor accepted, and only an administrator takes it away.

mod handles;
mod survey;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mfad_proto::{CallKind, Enforcement, Realm};

use crate::backup::Snapshot;
use crate::keys::Keys;
use crate::ledger::MARK_KEY;
use crate::locks::Locks;
use crate::names::NameHasher;
use crate::place::{Owner, key};
use crate::policy::{Permit, RealmPermit, ServerPermit};
use crate::realm_record::RealmRecord;
use crate::reason::Reason;
use crate::record::{Holder, Record};
use crate::seal::{self, Sealer, Subject};
use crate::store::{self, Committer, Failure};

use self::handles::Borne;

/// All accounts.
pub(crate) struct Accounts {
    store: Committer,
    keys: Arc<Keys>,
    names: NameHasher,
    locks: Locks,
    /// What administrators have set, of each realm that was asked for.
    enforcement: Mutex<HashMap<Realm, Option<Enforcement>>>,
}

/// Some records that stand one after the other in the store.
pub(crate) struct Page {
    /// The last one's key; `None` when there are no more.
    pub(crate) last: Option<Vec<u8>>,
    /// How many there are.
    pub(crate) records: u64,
    /// The keys of those that are not sealed with the present key.
    pub(crate) stale: Vec<Vec<u8>>,
}

/// Where a record goes.
struct Place<'a> {
    /// As long as nothing was ever begun there.
    vacant: Subject<'a>,
    /// From then on.
    known: Subject<'a>,
    /// Whose tries a vacant one holds.
    holder: Option<Holder>,
}

/// A decision, and whether the account was known before or is now.
pub(crate) struct Decided<T> {
    /// What the vault said.
    pub(crate) verdict: T,
    /// Whether there is a record of this name.
    pub(crate) known: bool,
}

impl Accounts {
    /// Serves the accounts of this store.
    #[must_use]
    pub(crate) fn new(store: Committer, keys: Arc<Keys>, names: NameHasher) -> Self {
        Self { store, keys, names, locks: Locks::default(), enforcement: Mutex::default() }
    }

    /// Looks at the account's record as it is stored; an unknown name has an empty one, and so has, with a word that it is
    /// so, one whose record belongs to another user.
    ///
    /// # Errors
    /// [`Error`] when the record cannot be read: never an answer then.
    pub(crate) async fn view<T>(
        &self,
        permit: &Permit<'_>,
        look: impl FnOnce(&Record, bool) -> T,
    ) -> Result<Decided<T>, Error> {
        let subject = Subject::Account(permit.name());
        let _lock = self.locks.lock(key(subject)).await;
        let record = self.load(&*self.keys.sealer().await, subject)?;
        let known = record.is_some();
        let record = record.unwrap_or_default();
        let other = record.is_of_another(permit.uid());
        let shown = if other { &Record::default() } else { &record };
        Ok(Decided { verdict: look(shown, other), known })
    }

    /// Lets `decide` change the account's record, and returns its verdict when the record is durable. A try that comes too
    /// soon is not looked at, and leaves nothing to store.
    ///
    /// # Errors
    /// [`Error`] when the record could not be read or made durable: the verdict is lost, and never an answer.
    pub(crate) async fn change<T>(
        &self,
        permit: &Permit<'_>,
        decide: impl FnOnce(&mut Record) -> Result<T, Reason>,
    ) -> Result<Decided<Result<T, Reason>>, Error> {
        let account = Subject::Account(permit.name());
        let _lock = self.locks.lock(key(account)).await;
        // Not held any longer: whoever waits to change the keys keeps later readers out.
        let record = self.load(&*self.keys.sealer().await, account)?;
        if let Some(record) = record {
            let place = Place { vacant: account, known: account, holder: None };
            return self.store(permit, record, place, decide).await;
        }
        let hash = self.names.hash(permit.name());
        let slot = Subject::Slot(slot(&hash));
        // Other unknown names share the slot. Always taken second, so that two tasks never wait for each other.
        let _lock = self.locks.lock(key(slot)).await;
        let holder = hash.first_chunk().copied();
        // Where another name has left its tries, they give way to this one's.
        let tries = self.load(&*self.keys.sealer().await, slot)?.filter(|record| record.holder == holder);
        let place = Place { vacant: slot, known: account, holder };
        self.store(permit, tries.unwrap_or_default(), place, decide).await
    }

    /// Decides, and stores the record in its place.
    async fn store<T>(
        &self,
        permit: &Permit<'_>,
        mut record: Record,
        place: Place<'_>,
        decide: impl FnOnce(&mut Record) -> Result<T, Reason>,
    ) -> Result<Decided<Result<T, Reason>>, Error> {
        let (was_held, borne) = (record.is_held(), Borne::by(&record));
        let verdict = if record.is_of_another(permit.uid()) && permit.call() != CallKind::Disable {
            // Takes as long as for a name that is not known.
            let _ignored = decide(&mut Record::default());
            Err(Reason::OtherUser)
        } else {
            decide(&mut record)
        };
        // From the first thing that is held on; and where the realm has come to know its users, from their next success.
        let adopted = record.uid.is_none() && verdict.is_ok();
        if !record.is_held() {
            record.uid = None;
        } else if !was_held || adopted {
            record.uid = permit.uid();
        }
        let is_known = !record.is_vacant();
        if !matches!(verdict, Err(Reason::TooSoon(_))) {
            let subject = if is_known { place.known } else { place.vacant };
            record.holder = place.holder.filter(|_| !is_known);
            // Held until the record is durable: see the keys.
            let sealer = self.keys.sealer().await;
            let mut changes = borne.changes(&record, permit.name(), &sealer)?;
            changes.push((key(subject), Some(sealer.seal(subject, &record).map_err(Error::Seal)?)));
            drop(record);
            self.store.apply(changes).await.map_err(Error::Store)?;
        }
        Ok(Decided { verdict, known: is_known })
    }

    /// Forgets the account.
    ///
    /// # Errors
    /// [`Error`] when that could not be made durable.
    pub(crate) async fn remove(&self, permit: &Permit<'_>) -> Result<Decided<Result<(), Reason>>, Error> {
        let account = Subject::Account(permit.name());
        let _lock = self.locks.lock(key(account)).await;
        let Some(record) = self.load(&*self.keys.sealer().await, account)? else {
            return Ok(Decided { verdict: Err(Reason::NotEnrolled), known: false });
        };
        let mut changes = Borne::by(&record).removed();
        changes.push((key(account), None));
        self.store.apply(changes).await.map_err(Error::Store)?;
        Ok(Decided { verdict: Ok(()), known: true })
    }

    /// What an administrator has set for this realm, if one has.
    ///
    /// # Errors
    /// [`Error`] when it cannot be read.
    pub(crate) async fn enforcement(&self, realm: &Realm) -> Result<Option<Enforcement>, Error> {
        if let Some(stored) = self.stored_enforcement().get(realm) {
            return Ok(*stored);
        }
        let subject = Subject::Realm(realm);
        let _lock = self.locks.lock(key(subject)).await;
        let stored = match self.store.get(&key(subject)).map_err(Error::Store)? {
            None => None,
            Some(sealed) => {
                let opened = self.keys.sealer().await.open_plain(subject, &sealed);
                let (_, plain) = opened.map_err(|error| self.broken(error))?;
                let record = RealmRecord::decode(&plain).map_err(|error| self.broken(seal::Error::Record(error)))?;
                Some(record.enforcement)
            }
        };
        self.stored_enforcement().insert(realm.clone(), stored);
        Ok(stored)
    }

    /// Sets it.
    ///
    /// # Errors
    /// [`Error`] when it could not be made durable.
    pub(crate) async fn set_enforcement(
        &self,
        permit: &RealmPermit<'_>,
        enforcement: Enforcement,
    ) -> Result<(), Error> {
        let subject = Subject::Realm(permit.realm());
        let _lock = self.locks.lock(key(subject)).await;
        // Held until the record is durable: see the keys.
        let sealer = self.keys.sealer().await;
        let sealed = sealer.seal_plain(subject, 0, RealmRecord { enforcement }.encode()).map_err(Error::Seal)?;
        self.store.put(key(subject), sealed).await.map_err(Error::Store)?;
        self.stored_enforcement().insert(permit.realm().clone(), Some(enforcement));
        Ok(())
    }

    fn stored_enforcement(&self) -> MutexGuard<'_, HashMap<Realm, Option<Enforcement>>> {
        self.enforcement.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything as it is now, for a backup.
    ///
    /// # Errors
    /// [`Error::Store`]; [`store::Error::Busy`] while another backup is being made.
    pub(crate) async fn snapshot(&self, _permit: &ServerPermit) -> Result<Snapshot, Error> {
        self.store.snapshot().await.map_err(Error::Store)
    }

    /// Commits what is known of the audit log, where nothing else does.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub(crate) async fn note_log(&self) -> Result<(), Error> {
        self.store.note_log().await.map_err(Error::Store)
    }

    /// Resolves with what went wrong, when something has.
    pub(crate) async fn failed(&self) -> Failure {
        self.store.failed().await
    }

    /// Returns when the store's writer has answered an empty message, or has ended.
    pub(crate) async fn answers(&self) {
        self.store.answers().await;
    }

    /// How many accounts there are.
    pub(crate) fn number(&self) -> u64 {
        self.store.accounts()
    }

    /// How many records there are.
    pub(crate) fn records(&self) -> u64 {
        self.store.records()
    }

    /// The first records above a key, at most `most` of them.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub(crate) async fn page(&self, above: &[u8], most: usize) -> Result<Page, Error> {
        let entries = self.store.page(above, most).map_err(Error::Store)?;
        let last = entries.last().map(|(key, _)| key.clone());
        let records = entries.into_iter().filter(|(key, _)| key != MARK_KEY).collect::<Vec<_>>();
        let count = u64::try_from(records.len()).unwrap_or(u64::MAX);
        let sealer = self.keys.sealer().await;
        let stale = records.into_iter().filter(|(_, sealed)| !sealer.is_current(sealed)).map(|(key, _)| key).collect();
        Ok(Page { last, records: count, stale })
    }

    /// Seals a record with the present key, if it is not, and changes nothing else of it.
    ///
    /// # Errors
    /// [`Error`] when the record could not be read or made durable.
    pub(crate) async fn seal_anew(&self, place: Vec<u8>) -> Result<(), Error> {
        let _lock = self.locks.lock(place.clone()).await;
        let sealer = self.keys.sealer().await;
        let Some(sealed) = self.store.get(&place).map_err(Error::Store)? else { return Ok(()) };
        if sealer.is_current(&sealed) {
            return Ok(());
        }
        let owner = Owner::of(&place).ok_or_else(|| self.broken(seal::Error::Broken))?;
        let sealed = sealer.seal_anew(owner.subject(), &sealed).map_err(|error| self.anew(error))?;
        self.store.put(place, sealed).await.map_err(Error::Store)
    }

    fn load(&self, sealer: &Sealer, subject: Subject<'_>) -> Result<Option<Record>, Error> {
        let Some(sealed) = self.store.get(&key(subject)).map_err(Error::Store)? else { return Ok(None) };
        sealer.open(subject, &sealed).map(Some).map_err(|error| self.broken(error))
    }

    /// A record that cannot be sealed again for want of randomness is not damaged.
    fn anew(&self, error: seal::Error) -> Error {
        if matches!(error, seal::Error::Random(_)) { Error::Seal(error) } else { self.broken(error) }
    }

    /// The proof has seen every record as it was written: one that does not open has changed since.
    fn broken(&self, error: seal::Error) -> Error {
        self.store.fail(Failure::Damaged("a sealed record in the store does not open any more".to_owned()));
        Error::Seal(error)
    }
}

/// Where the failures of an unknown name go: 65,536 slots by keyed hash, so that names cost no more room than that.
const fn slot(hash: &[u8; 32]) -> u16 {
    // The holder is told by the first bytes, and so the slot by the last.
    let [.., high, low] = *hash;
    u16::from_be_bytes([high, low])
}

/// Why an account cannot be judged.
#[derive(Debug)]
#[non_exhaustive]
pub(crate) enum Error {
    /// The store.
    Store(store::Error),
    /// The record in it.
    Seal(seal::Error),
    /// The task that asked for it ended.
    CutOff,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the account's record cannot be read or written")
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Store(error) => Some(error),
            Self::Seal(error) => Some(error),
            Self::CutOff => None,
        }
    }
}
