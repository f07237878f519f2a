//! Accounts by handle: each handle that a record bears has an entry in the store, which says whose it is.
//!
//! MUST: an entry comes and goes in the one batch that changes the record, so that no crash parts them; a handle that
//! nobody bears costs the same commit as a name that nobody has.

use mfad_proto::{AccountName, Handle};

use super::{Accounts, Error, slot};
use crate::place::{accounts_of, key};
use crate::policy::Stranger;
use crate::reason::Reason;
use crate::record::Record;
use crate::seal::{Sealer, Subject};
use crate::store::Change;

/// What a look at some accounts has left.
pub(crate) struct Tidied {
    /// The last of them; `None` when there are no more.
    pub(crate) last: Option<AccountName>,
    /// How many were changed.
    pub(crate) changed: u64,
}

/// The handles that have an entry for a record.
pub(super) struct Borne(Vec<Handle>);

impl Borne {
    /// Those of a record as it was read.
    pub(super) fn by(record: &Record) -> Self {
        Self(if record.is_entered { record.handles() } else { Vec::new() })
    }

    /// What must change with the record, as it is now, for these to become its own.
    pub(super) fn changes(&self, record: &Record, name: &AccountName, sealer: &Sealer) -> Result<Vec<Change>, Error> {
        let now = record.handles();
        let gone = self.0.iter().filter(|handle| !now.contains(handle)).map(removed);
        let come = now.iter().filter(|handle| !self.0.contains(handle));
        let come = come.map(|handle| {
            let entry = sealer.seal_entry(handle, name).map_err(Error::Seal)?;
            Ok((key(Subject::Handle(handle)), Some(entry)))
        });
        gone.map(Ok).chain(come).collect()
    }

    /// What must go with the record.
    pub(super) fn removed(&self) -> Vec<Change> {
        self.0.iter().map(removed).collect()
    }
}

fn removed(handle: &Handle) -> Change {
    (key(Subject::Handle(handle)), None)
}

impl Accounts {
    /// Whose this handle is; `None` when no record bears it. Only the policy may say who hears of it.
    ///
    /// # Errors
    /// [`Error`] when that cannot be read.
    pub(crate) async fn whose(&self, handle: &Handle) -> Result<Option<AccountName>, Error> {
        // Held while the entry is read: the key that sealed it does not go meanwhile.
        let sealer = self.keys.sealer().await;
        let sealed = self.store.get(&key(Subject::Handle(handle))).map_err(Error::Store)?;
        let name = sealed.map(|sealed| sealer.open_entry(handle, &sealed)).transpose();
        name.map_err(|error| self.broken(error))
    }

    /// Lets `refuse` deny a request about a handle that is nobody's for this peer, as a name that is nobody's is denied. A
    /// try that comes too soon is not looked at, and leaves nothing to store.
    ///
    /// # Errors
    /// [`Error`] when the slot's record could not be read or made durable.
    pub(crate) async fn refuse(
        &self,
        stranger: &Stranger,
        refuse: impl FnOnce(&mut Record) -> Reason,
    ) -> Result<Reason, Error> {
        let hash = self.names.hash_handle(stranger.handle());
        let (slot, holder) = (Subject::Slot(slot(&hash)), hash.first_chunk().copied());
        let _lock = self.locks.lock(key(slot)).await;
        let tries = self.load(&*self.keys.sealer().await, slot)?.filter(|record| record.holder == holder);
        let mut record = tries.unwrap_or_default();
        let reason = refuse(&mut record);
        if !matches!(reason, Reason::TooSoon(_)) {
            record.holder = holder;
            let sealer = self.keys.sealer().await;
            let sealed = sealer.seal(slot, &record).map_err(Error::Seal)?;
            drop(record);
            self.store.put(key(slot), sealed).await.map_err(Error::Store)?;
        }
        Ok(reason)
    }

    /// Lets `sweep` change the accounts after this one, at most `most` of them, where it says that there is something to
    /// change, and enters their handles where an older layout has not. What is left empty goes.
    ///
    /// # Errors
    /// [`Error`] when a record cannot be read or made durable.
    pub(crate) async fn tidy(
        &self,
        after: Option<AccountName>,
        most: usize,
        sweep: impl Fn(&mut Record) -> bool,
    ) -> Result<Tidied, Error> {
        let all = accounts_of(None);
        let above = after.as_ref().map_or_else(|| all.clone(), |name| key(Subject::Account(name)));
        let (mut last, mut untidy) = (None, Vec::new());
        {
            // Held while they are read and opened: the key that sealed them does not go meanwhile.
            let sealer = self.keys.sealer().await;
            for (name, sealed) in self.sealed_above(&all, &above, most)? {
                let opened = sealer.open(Subject::Account(&name), &sealed);
                let mut record = opened.map_err(|error| self.broken(error))?;
                if sweep(&mut record) || !record.is_entered {
                    untidy.push(name.clone());
                }
                last = Some(name);
            }
        }
        let mut changed = 0_u64;
        for name in untidy {
            changed = changed.saturating_add(u64::from(self.tidy_one(&name, &sweep).await?));
        }
        Ok(Tidied { last, changed })
    }

    /// Looks again, under the account's lock.
    async fn tidy_one(&self, name: &AccountName, sweep: impl Fn(&mut Record) -> bool) -> Result<bool, Error> {
        let account = Subject::Account(name);
        let _lock = self.locks.lock(key(account)).await;
        let sealer = self.keys.sealer().await;
        let Some(mut record) = self.load(&sealer, account)? else { return Ok(false) };
        let borne = Borne::by(&record);
        let swept = sweep(&mut record);
        if !swept && record.is_entered {
            return Ok(false);
        }
        record.uid = record.uid.filter(|_| record.is_held());
        let mut changes = borne.changes(&record, name, &sealer)?;
        let sealed = match swept && record.is_void() {
            true => None,
            false => Some(sealer.seal(account, &record).map_err(Error::Seal)?),
        };
        changes.push((key(account), sealed));
        drop(record);
        self.store.apply(changes).await.map_err(Error::Store)?;
        Ok(swept)
    }
}
