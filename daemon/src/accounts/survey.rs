//! What administrators see of accounts: one, those of a realm one after the other, and all of them counted. A record of
//! another user is shown as it is.

use mfad_proto::{AccountName, UserName};
use tokio::task::yield_now;

use super::{Accounts, Error};
use crate::place::{Owner, accounts_of, key};
use crate::policy::{Permit, RealmPermit, ServerPermit};
use crate::record::Record;
use crate::seal::{self, Subject};

impl Accounts {
    /// Looks at the account's record, whosever it is; `None` when the account is not known.
    ///
    /// # Errors
    /// [`Error`] when the record cannot be read.
    pub(crate) async fn show<T>(
        &self,
        permit: &Permit<'_>,
        look: impl FnOnce(&Record) -> T,
    ) -> Result<Option<T>, Error> {
        self.look_at(permit.name(), look).await
    }

    /// The users of a realm that have an account, those after this one, in the order of their names' bytes: at most `most`.
    ///
    /// # Errors
    /// [`Error`] when they cannot be listed.
    pub(crate) fn users(
        &self,
        permit: &RealmPermit<'_>,
        after: Option<&UserName>,
        most: usize,
    ) -> Result<Vec<UserName>, Error> {
        let realm = accounts_of(Some(permit.realm()));
        let above = [realm.as_slice(), after.map_or(&[], |user| user.as_str().as_bytes())].concat();
        let found = self.sealed_above(&realm, &above, most)?;
        Ok(found.into_iter().map(|(name, _)| name.user).collect())
    }

    /// Looks at the record of one of these, whosever it is; `None` when it is gone by now.
    ///
    /// # Errors
    /// [`Error`] when the record cannot be read.
    pub(crate) async fn show_listed<T>(
        &self,
        permit: &RealmPermit<'_>,
        user: &UserName,
        look: impl FnOnce(&Record) -> T,
    ) -> Result<Option<T>, Error> {
        self.look_at(&AccountName { realm: permit.realm().clone(), user: user.clone() }, look).await
    }

    /// Lets `count` look at the accounts after this one: at most `most` of them, and of one realm only. Returns the last;
    /// `None` when there are no more.
    ///
    /// # Errors
    /// [`Error`] when a record cannot be read.
    pub(crate) async fn count(
        &self,
        _permit: &ServerPermit,
        after: Option<AccountName>,
        most: usize,
        mut count: impl FnMut(&AccountName, &Record),
    ) -> Result<Option<AccountName>, Error> {
        let (all, mut last, mut first) = (accounts_of(None), after, None);
        for _ in 0..most.div_ceil(CHUNK) {
            let above = last.as_ref().map_or_else(|| all.clone(), |name| key(Subject::Account(name)));
            // Held while they are read and opened: the key that sealed them does not go meanwhile.
            let sealer = self.keys.sealer().await;
            let chunk = self.sealed_above(&all, &above, CHUNK)?;
            if chunk.is_empty() {
                return Ok(last.filter(|_| first.is_some()));
            }
            for (name, sealed) in chunk {
                if *first.get_or_insert_with(|| name.realm.clone()) != name.realm {
                    return Ok(last);
                }
                let record = sealer.open(Subject::Account(&name), &sealed).map_err(|error| self.broken(error))?;
                count(&name, &record);
                last = Some(name);
            }
            drop(sealer);
            // A count must not keep the connections waiting.
            yield_now().await;
        }
        Ok(last)
    }

    /// Under the account's lock: what is shown is durable.
    async fn look_at<T>(&self, name: &AccountName, look: impl FnOnce(&Record) -> T) -> Result<Option<T>, Error> {
        let subject = Subject::Account(name);
        let _lock = self.locks.lock(key(subject)).await;
        Ok(self.load(&*self.keys.sealer().await, subject)?.as_ref().map(look))
    }

    /// The first accounts above a key whose keys begin so, with their sealed records: at most `most` of them.
    pub(super) fn sealed_above(
        &self,
        start: &[u8],
        above: &[u8],
        most: usize,
    ) -> Result<Vec<(AccountName, Vec<u8>)>, Error> {
        let entries = self.store.page(above, most).map_err(Error::Store)?;
        let accounts = entries.into_iter().take_while(|(key, _)| key.starts_with(start));
        accounts
            .map(|(key, sealed)| match Owner::of(&key) {
                Some(Owner::Account(name)) => Ok((name, sealed)),
                Some(Owner::Slot(_) | Owner::Realm(_) | Owner::Handle(_)) | None => {
                    Err(self.broken(seal::Error::Broken))
                }
            })
            .collect()
    }
}

/// Records that are counted in one go.
const CHUNK: usize = 64;
