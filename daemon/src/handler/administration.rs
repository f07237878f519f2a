//! What administrators ask.

use std::sync::Arc;

use mfad_proto::{Enforcement, Issued, Password, RealmPolicy, Refusal, Reply};

use super::outcome::{Halt, Outcome};
use super::{Handler, vault};
use crate::accounts;
use crate::backup;
use crate::policy::{Permit, RealmPermit, ServerPermit};
use crate::record::Record;
use crate::recovery::RecoveryCode;
use crate::store;

impl Handler {
    pub(super) async fn disable(&self, permit: &Permit<'_>) -> Result<Outcome, Halt> {
        let disable = |record: &mut Record| vault::disable(record, record.is_of_another(permit.uid()));
        Ok(Outcome::judged(self.accounts().await?.change(permit, disable).await, |()| Reply::Done))
    }

    pub(super) async fn unlock(&self, permit: &Permit<'_>) -> Result<Outcome, Halt> {
        let unlock = |record: &mut _| vault::unlock(record, self.time.now());
        Ok(Outcome::judged(self.accounts().await?.change(permit, unlock).await, |()| Reply::Done))
    }

    pub(super) async fn recover(&self, permit: &Permit<'_>) -> Result<Outcome, Halt> {
        let code = RecoveryCode::random().map_err(|_e| Refusal::Unavailable)?;
        let tag = self.tagger.tag(permit.name(), &code);
        let issue = |record: &mut _| Ok(vault::issue(record, tag, self.time.now()));
        let decided = self.accounts().await?.change(permit, issue).await;
        Ok(Outcome::judged(decided, |expires_at| Reply::Issued(Issued { code: code.text(), expires_at })))
    }

    pub(super) async fn remove(&self, permit: &Permit<'_>) -> Result<Outcome, Halt> {
        Ok(Outcome::judged(self.accounts().await?.remove(permit).await, |()| Reply::Done))
    }

    pub(super) async fn set_policy(&self, permit: &RealmPermit<'_>, enforcement: Enforcement) -> Result<Outcome, Halt> {
        self.accounts().await?.set_enforcement(permit, enforcement).await?;
        self.get_policy(permit).await
    }

    pub(super) async fn get_policy(&self, permit: &RealmPermit<'_>) -> Result<Outcome, Halt> {
        let (rules, stored) = (permit.rules(), self.accounts().await?.enforcement(permit.realm()).await?);
        let enforcement = stored.unwrap_or(rules.enforce);
        Ok(Outcome::plain(Reply::Policy(RealmPolicy {
            enforcement,
            stored: stored.is_some(),
            enforced: enforcement.holds(self.time.unix()),
            first_factor: rules.first_factor,
            enroll: rules.enroll,
            replace: rules.replace,
        })))
    }

    pub(super) async fn key_rotate(&self, permit: &ServerPermit) -> Result<Outcome, Halt> {
        let records = self.accounts().await?.records();
        match self.service.keys().renew(self.time.unix(), records).await {
            Ok(()) => self.key_status(permit).await,
            Err(error) => Ok(Outcome::unavailable(&error)),
        }
    }

    pub(super) async fn key_status(&self, _permit: &ServerPermit) -> Result<Outcome, Halt> {
        let records = self.accounts().await?.records();
        Ok(Outcome::plain(Reply::Keys(self.service.keys().status(records).await)))
    }

    pub(super) async fn backup(&self, permit: &ServerPermit, passphrase: Password) -> Result<Outcome, Halt> {
        if passphrase.expose().is_empty() {
            return Err(Refusal::Malformed.into());
        }
        let accounts = self.accounts().await?;
        let keyring = self.service.keys().keyring().await;
        let snapshot = match accounts.snapshot(permit).await {
            Ok(snapshot) => snapshot,
            Err(accounts::Error::Store(store::Error::Busy)) => {
                return Err(Refusal::TryLater { seconds: BUSY_SECONDS }.into());
            }
            Err(error) => return Err(error.into()),
        };
        let records = snapshot.mark().records;
        let audit = Arc::clone(&self.audit);
        let ended = move |result: Result<(), backup::Error>| match result {
            Ok(()) => audit.note(&format!("a backup of {records} records was handed over")),
            Err(error) => audit.note(&format!("a backup was not finished: {error}")),
        };
        let pipe = backup::pour(snapshot, Arc::clone(&keyring), passphrase, ended);
        let descriptor = Some(pipe.map_err(|_e| Refusal::Unavailable)?);
        Ok(Outcome { descriptor, ..Outcome::plain(Reply::Backup { records }) })
    }
}

/// When to ask again while another backup is being made.
const BUSY_SECONDS: u32 = 60;
