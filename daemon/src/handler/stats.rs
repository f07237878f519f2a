//! What the server measures of itself, page by page: first its own counts, which are there whatever ails the store, then
//! the accounts.

use mfad_proto::{AccountName, Metric, Realm, Refusal, Reply, Sample, State, StatsPage, StatsPlace};

use super::Handler;
use super::outcome::{Halt, Outcome};
use crate::clock::Now;
use crate::metrics::{PLACES, sample};
use crate::policy::ServerPermit;
use crate::record::Record;
use crate::throttle::Lane;
use crate::vault;

impl Handler {
    pub(super) async fn stats(&self, permit: &ServerPermit, after: Option<StatsPlace>) -> Result<Outcome, Halt> {
        let page = match after {
            None => self.own(0).await,
            Some(StatsPlace::Sample(place)) => self.own(place).await,
            Some(StatsPlace::Account(after)) => self.counted(permit, after).await?,
        };
        Ok(Outcome::plain(Reply::Stats(page)))
    }

    /// The server's own measurements from this place on, as many as fit.
    async fn own(&self, from: u32) -> StatsPage {
        let (mut samples, mut room) = (Vec::new(), ROOM);
        for place in from..=u32::MAX {
            let Some(group) = self.at(place).await else { break };
            let bytes = group.iter().map(bytes).fold(0, usize::saturating_add);
            if bytes > room {
                return StatsPage { samples, next: Some(StatsPlace::Sample(place)) };
            }
            room = room.saturating_sub(bytes);
            samples.extend(group);
        }
        // Where there are no accounts now, nothing is said of them.
        let next = self.service.accounts_now().map(|_| StatsPlace::Account(None));
        StatsPage { samples, next }
    }

    async fn at(&self, place: u32) -> Option<Vec<Sample>> {
        let place = usize::try_from(place).ok()?;
        if place == PLACES { Some(self.present().await) } else { self.metrics.at(place) }
    }

    /// What is not counted, but looked at now.
    async fn present(&self) -> Vec<Sample> {
        let records = self.service.accounts_now().map(|accounts| accounts.records());
        let keys = self.service.keys().status(records.unwrap_or_default()).await;
        let mut samples = vec![
            sample(Metric::BUILD_INFO, &[env!("CARGO_PKG_VERSION")], 1),
            sample(Metric::READY, &[], u64::from(records.is_some())),
            sample(Metric::KEY_INFO, &[self.root_source.word()], 1),
            sample(Metric::KEY_CREATED, &[], keys.made_at),
        ];
        if let Some(records) = records {
            samples.extend([sample(Metric::RECORDS, &[], records), sample(Metric::KEY_LEFT, &[], keys.left)]);
        }
        let bytes = self.service.store_bytes().await;
        samples.extend(bytes.map(|bytes| sample(Metric::STORE_BYTES, &[], bytes)));
        samples
    }

    /// The accounts after this one, counted: so many of one realm.
    async fn counted(&self, permit: &ServerPermit, after: Option<AccountName>) -> Result<StatsPage, Halt> {
        let accounts = self.service.accounts_now().ok_or(Refusal::Unavailable)?;
        let (mut tally, now) = (Tally::default(), self.time.now());
        let last = accounts.count(permit, after, PAGE, |_, record| tally.add(record, now)).await?;
        let samples = last.as_ref().map(|last| tally.samples(&last.realm)).unwrap_or_default();
        Ok(StatsPage { samples, next: last.map(|last| StatsPlace::Account(Some(last))) })
    }
}

/// Accounts of one realm, by their states.
#[derive(Default)]
struct Tally {
    none: u64,
    pending: u64,
    active: u64,
    locked: u64,
    throttled: u64,
}

impl Tally {
    fn add(&mut self, record: &Record, now: Now) {
        let state = match vault::state(record, Lane::Codes, now) {
            State::None => &mut self.none,
            State::Pending => &mut self.pending,
            State::Active => &mut self.active,
            State::Locked => &mut self.locked,
        };
        *state = state.saturating_add(1);
        self.throttled = self.throttled.saturating_add(u64::from(vault::is_throttled(record, now)));
    }

    fn samples(&self, realm: &Realm) -> Vec<Sample> {
        let realm = realm.as_str();
        let states = [
            (State::None, self.none),
            (State::Pending, self.pending),
            (State::Active, self.active),
            (State::Locked, self.locked),
        ];
        let states = states.map(|(state, count)| sample(Metric::ACCOUNTS, &[realm, state.as_str()], count));
        let throttled = sample(Metric::THROTTLED, &[realm], self.throttled);
        states.into_iter().chain([throttled, sample(Metric::STOPPED, &[realm], self.locked)]).collect()
    }
}

/// Bytes that a measurement fills at most: two for its number, one for how many labels it has and one for the length of each,
/// nine for its value.
fn bytes(sample: &Sample) -> usize {
    sample.labels.iter().map(|label| label.as_str().len().saturating_add(1)).fold(12, usize::saturating_add)
}

/// Bytes of a frame that the measurements of a page may fill. What stands at one place fills far fewer.
const ROOM: usize = 3_900;

/// Accounts that are counted for one page. Each page leaves a line in the audit, and so they are many.
const PAGE: usize = 1_024;
