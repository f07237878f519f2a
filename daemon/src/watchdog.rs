//! The watchdog of whoever supervises the process: fed as long as the daemon can decide.
//!
//! MUST: it is fed only after the store's writer has answered, so that a daemon that hangs anywhere on a request's path is
//! found; a service that is down, and says why, is fed all the same: a new process would find the same.

use std::convert::Infallible;
use std::future::pending;

use sd_notify::NotifyState;
use tokio::time::{Duration, MissedTickBehavior, interval};

use crate::service::Service;

/// Feeds it for ever, and says how the service is. Does nothing where nobody watches.
pub(crate) async fn feed(service: &Service) -> Infallible {
    let Some(patience) = sd_notify::watchdog_enabled().filter(|patience| !patience.is_zero()) else {
        return pending().await;
    };
    let mut beat = interval(patience.checked_div(MEALS).unwrap_or(Duration::MAX));
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beat.tick().await;
        service.answers().await;
        sd_notify::notify(&[NotifyState::Watchdog, NotifyState::Status(&service.status())]).ok();
    }
}

/// In the time after which the watchdog bites.
const MEALS: u32 = 3;
