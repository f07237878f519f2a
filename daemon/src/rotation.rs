//! The work behind a new key: every record is sealed anew, while the daemon serves and across restarts.
//!
//! MUST: each record changes under its account's own lock; the old key is given up only after a pass over the whole store
//! has found nothing that needs it.

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::{Duration, sleep};

use crate::accounts::{self, Accounts};
use crate::audit::Audit;
use crate::keys::Keys;

/// Ends a change of keys that was cut off, and does the work of each that is begun. It resolves never: who serves these
/// accounts drops it with them.
pub(crate) async fn tend(keys: &Keys, accounts: &Arc<Accounts>, audit: &Audit) {
    loop {
        while let Some(old) = keys.status(accounts.records()).await.old {
            if let Err(error) = change(keys, accounts, old, audit).await {
                audit.note(&format!("the change of keys waits: {error}"));
                sleep(PAUSE).await;
            }
        }
        keys.begun().await;
    }
}

async fn change(
    keys: &Keys,
    accounts: &Arc<Accounts>,
    old: u32,
    audit: &Audit,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    keys.start(accounts.records());
    audit.note(&format!("{} records are being sealed anew: key {old} goes", accounts.records()));
    while pass(keys, accounts).await? > 0 {}
    keys.finish().await?;
    audit.note(&format!("key {old} is gone, and no record needs it"));
    Ok(())
}

/// Goes over the whole store once, and returns how many records it had to seal anew.
async fn pass(keys: &Keys, accounts: &Arc<Accounts>) -> Result<u64, accounts::Error> {
    let (mut above, mut changed) = (Vec::new(), 0_u64);
    loop {
        let page = accounts.page(&above, PAGE).await?;
        let Some(last) = page.last else { return Ok(changed) };
        above = last;
        changed = changed.saturating_add(u64::try_from(page.stale.len()).unwrap_or(u64::MAX));
        // Together, so that their commits become one batch.
        let mut work = JoinSet::new();
        for key in page.stale {
            let accounts = Arc::clone(accounts);
            work.spawn(async move { accounts.seal_anew(key).await });
        }
        while let Some(done) = work.join_next().await {
            done.unwrap_or(Err(accounts::Error::CutOff))?;
        }
        keys.passed(page.records);
        // A page without work must not keep the connections waiting.
        tokio::task::yield_now().await;
    }
}

/// Records that are looked at together.
const PAGE: usize = 64;

/// After a change that could not go on.
const PAUSE: Duration = Duration::from_secs(5);
