//! What a person is told in the same words everywhere: moments, failed tries, and keys to be typed in.

use std::time::{Duration, UNIX_EPOCH};

use mfad_proto::{Accepted, Enrollment, Failure, printable};
use zeroize::Zeroizing;

/// A moment in Unix seconds as a person reads it: RFC 3339, in UTC.
#[must_use]
pub fn moment(unix: u64) -> String {
    let moment = UNIX_EPOCH.checked_add(Duration::from_secs(unix)).filter(|_| unix < YEAR_10000);
    moment.map_or_else(|| format!("Unix time {unix}"), |moment| humantime::format_rfc3339_seconds(moment).to_string())
}

/// What came before a success: how many tries have failed since the last one, and when and where the latest of them was.
#[must_use]
pub fn failures(accepted: &Accepted) -> Option<String> {
    let last = accepted.last_failure.as_ref()?;
    let count = accepted.failures_since;
    let tries = if count == 1 { "try" } else { "tries" };
    (count > 0).then(|| format!("{count} failed {tries} since the last success, the latest {}.", failure(last)))
}

/// When and where a try failed.
#[must_use]
pub fn failure(failure: &Failure) -> String {
    let (time, service) = (moment(failure.time), failure.service.as_str());
    if service.is_empty() { time } else { format!("{time} from {}", printable(service)) }
}

/// The base32 key of an enrolment, as it stands in its URI.
#[must_use]
pub fn key(enrollment: &Enrollment) -> &str {
    let (_, after) = enrollment.uri.expose().split_once("secret=").unwrap_or_default();
    after.split('&').next().unwrap_or_default()
}

/// The same in groups of four, which a person types in without losing the place.
#[must_use]
pub fn key_in_fours(enrollment: &Enrollment) -> Zeroizing<String> {
    let key = key(enrollment);
    let mut text = Zeroizing::new(String::with_capacity(key.len().saturating_mul(2)));
    for (place, character) in key.chars().enumerate() {
        if place > 0 && place.is_multiple_of(4) {
            text.push(' ');
        }
        text.push(character);
    }
    text
}

/// RFC 3339 has years of four digits.
const YEAR_10000: u64 = 253_402_300_800;
