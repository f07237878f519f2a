//! The work behind the accounts: enrolments that were never confirmed go some time after they have lapsed, with their
//! handles, and with accounts that were made for nothing else.
//!
//! MUST: by the injected clock; a page at a time, with a rest after each, so that no login waits.

use tokio::time::{Duration, sleep};

use crate::accounts::{self, Accounts};
use crate::audit::Audit;
use crate::clock::Clock;
use crate::record::Record;
use crate::vault;

/// How often all accounts are gone over, in seconds of the injected clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sweeps {
    /// From the start to the first pass: a start has other things to do.
    pub first: u64,
    /// From one pass to the next.
    pub rest: u64,
}

impl Sweeps {
    /// No pass at all.
    pub const NEVER: Self = Self { first: u64::MAX, rest: u64::MAX };
}

impl Default for Sweeps {
    fn default() -> Self {
        Self { first: 60, rest: 3_600 }
    }
}

/// Goes over all accounts from time to time. It resolves never: who serves these accounts drops it with them.
pub(crate) async fn tend(accounts: &Accounts, (clock, sweeps): (&dyn Clock, Sweeps), audit: &Audit) {
    let (mut before, mut rest) = (clock.unix(), sweeps.first);
    loop {
        sleep(LOOK).await;
        // Also where the clock was set back.
        if clock.unix().abs_diff(before) < rest {
            continue;
        }
        (before, rest) = (clock.unix(), sweeps.rest);
        match pass(accounts, clock).await {
            Ok(0) => {}
            Ok(gone) => audit.note(&format!("{gone} enrolments that were never confirmed are gone")),
            // What ails the store is told by who serves it.
            Err(error) => audit.note(&format!("the sweep of old enrolments waits: {error}")),
        }
    }
}

/// Goes over all accounts once, and returns how many enrolments have gone.
async fn pass(accounts: &Accounts, clock: &dyn Clock) -> Result<u64, accounts::Error> {
    let (mut after, mut gone) = (None, 0_u64);
    loop {
        let sweep = |record: &mut Record| vault::sweep(record, clock.unix());
        let tidied = accounts.tidy(after, PAGE, sweep).await?;
        gone = gone.saturating_add(tidied.changed);
        after = tidied.last;
        if after.is_none() {
            return Ok(gone);
        }
        sleep(PAUSE).await;
    }
}

/// Accounts that are looked at in one go.
const PAGE: usize = 16;

/// After each page.
const PAUSE: Duration = Duration::from_millis(2);

/// Between two looks at the clock.
const LOOK: Duration = Duration::from_secs(1);
