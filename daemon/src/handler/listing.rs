//! What administrators see of accounts.

use mfad_proto::{AccountName, AccountPage, Holder, Listed, Reply, State, UserName};
use tokio::task::yield_now;

use super::Handler;
use super::outcome::{Halt, Outcome};
use crate::accounts::{Accounts, Decided};
use crate::clock::Stopwatch;
use crate::policy::{NOBODYS, Permit, RealmPermit};
use crate::reason::Reason;
use crate::record::Record;
use crate::throttle::Lane;
use crate::users::{Asker, Unknown};
use crate::vault;

impl Handler {
    pub(super) async fn list(
        &self,
        permit: &RealmPermit<'_>,
        after: Option<&UserName>,
        limit: u32,
    ) -> Result<Outcome, Halt> {
        let accounts = self.accounts().await?;
        let most = usize::try_from(limit).unwrap_or(PAGE).clamp(1, PAGE);
        // One more than is shown tells whether there is more.
        let users = accounts.users(permit, after, most.saturating_add(1))?;
        let enforcement = accounts.enforcement(permit.realm()).await?.unwrap_or(permit.rules().enforce);
        let enforced = enforcement.holds(self.time.unix());
        let mut page = AccountPage { accounts: Vec::new(), next: None };
        let (mut last, mut room, mut micros) = (None, ROOM, 0_u64);
        for (place, user) in users.into_iter().enumerate() {
            let bytes = LISTED.saturating_add(user.as_str().len());
            if place == most || bytes > room || micros >= LOOKING {
                page.next = last;
                break;
            }
            if let Some((listed, took)) = self.listed(&accounts, permit, &user, enforced).await? {
                page.accounts.push(listed);
                room = room.saturating_sub(bytes);
                micros = micros.saturating_add(took);
            }
            last = Some(user);
            // A list must not keep the connections waiting.
            yield_now().await;
        }
        Ok(Outcome::plain(Reply::Accounts(page)))
    }

    /// One account of a list, and how many microseconds the look-ups among the users of this machine took; `None` when it
    /// has just been removed.
    async fn listed(
        &self,
        accounts: &Accounts,
        permit: &RealmPermit<'_>,
        user: &UserName,
        enforced: bool,
    ) -> Result<Option<(Listed, u64)>, Halt> {
        let name = AccountName { realm: permit.realm().clone(), user: user.clone() };
        let look = |record: &Record| {
            (vault::status(record, &name, enforced, Lane::Codes, self.time.now()), record.is_held(), record.uid)
        };
        let Some((status, is_held, noted)) = accounts.show_listed(permit, user, look).await? else { return Ok(None) };
        // Without the account's lock: nobody who logs in waits for it.
        let watch = Stopwatch::start();
        let (holder, present) = self.holder(permit, user, noted).await;
        let excepted = enforced && self.is_excepted(permit, user, holder).await;
        let micros = watch.micros();
        let other = is_held && noted.zip(present).is_some_and(|(was, is)| was != is);
        let listed = Listed {
            user: status.user,
            state: if other { State::Locked } else { status.state },
            enforced: status.enforced && !excepted,
            enrolled_at: status.enrolled_at,
            last_success: status.last_success,
            recovery_left: status.recovery_left,
            failures_since: status.failures_since,
            retry_after: status.retry_after,
            holder,
        };
        Ok(Some((listed, micros)))
    }

    /// Whether the user for whom this uid was noted still bears the name, and the uid that it stands for now.
    async fn holder(&self, permit: &RealmPermit<'_>, user: &UserName, noted: Option<u32>) -> (Holder, Option<u32>) {
        if !permit.is_unix() {
            return (Holder::NotUnix, None);
        }
        match self.directory.person(user, Asker::List).await {
            Ok(person) => {
                let present = Some(person.map_or(NOBODYS, |person| person.uid));
                (vault::holder(noted, present), present)
            }
            Err(Unknown) => (Holder::Unknown, None),
        }
    }

    /// Whether the user is excepted from enforcement, as far as that can be told. Who could not be looked up is not looked up
    /// again, which would take as long.
    async fn is_excepted(&self, permit: &RealmPermit<'_>, user: &UserName, holder: Holder) -> bool {
        let except = &permit.rules().except;
        let groups = match except.groups.is_empty() || holder == Holder::Unknown {
            true => Vec::new(),
            false => self.directory.groups(user, Asker::List).await.unwrap_or_default(),
        };
        except.hold(user, None, &groups)
    }

    pub(super) async fn show(&self, permit: &Permit<'_>) -> Result<Outcome, Halt> {
        let accounts = self.accounts().await?;
        let enforced = self.is_enforced(&accounts, permit, None).await?;
        let look = |record: &Record| {
            let now = self.time.now();
            let status = vault::status(record, permit.name(), enforced, permit.code_lane(), now);
            vault::profile(record, status, permit.uid(), now)
        };
        let shown = accounts.show(permit, look).await.map(|shown| {
            let known = shown.is_some();
            Decided { verdict: shown.ok_or(Reason::NotEnrolled), known }
        });
        Ok(Outcome::judged(shown, |profile| Reply::Profile(Box::new(profile))))
    }
}

/// Accounts on one page.
const PAGE: usize = 64;

/// Bytes of a frame that the accounts of a page may fill: the rest holds what is around them, and the name after which the
/// next page begins.
const ROOM: usize = 3_800;

/// Bytes that one account fills at most, besides its user's name.
const LISTED: usize = 48;

/// Microseconds that the look-ups of one page may take before it ends: with the one that is under way then, which takes two
/// seconds at most, the answer comes before the client's deadline.
const LOOKING: u64 = 1_000_000;
