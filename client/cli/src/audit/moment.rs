//! Moments as a person writes them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::failure::Failure;

/// A moment in Unix seconds: `YYYY-MM-DD` (00:00 UTC), `YYYY-MM-DDTHH:MM:SSZ`, Unix seconds, or how long ago.
pub(super) fn parse(text: &str) -> Result<u64, Failure> {
    if let Ok(seconds) = text.parse() {
        return Ok(seconds);
    }
    let day = format!("{text}T00:00:00Z");
    let dated = humantime::parse_rfc3339(&day).or_else(|_e| humantime::parse_rfc3339_weak(text)).ok();
    let ago = || humantime::parse_duration(text).ok().and_then(|ago| now().checked_sub(ago));
    let moment = dated.map_or_else(ago, |moment| moment.duration_since(UNIX_EPOCH).ok());
    moment.map(|since| since.as_secs()).ok_or(Failure::Usage(MOMENT))
}

#[expect(clippy::disallowed_methods, reason = "how long ago is said by the clock of the person who asks")]
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

const MOMENT: &str =
    "a moment is YYYY-MM-DD, YYYY-MM-DDTHH:MM:SSZ, Unix seconds, or how long ago, such as 30min, 2h or 7d";
