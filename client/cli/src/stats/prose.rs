//! The measurements as a person reads them.

use std::collections::BTreeMap;

use mfad_client::words;
use mfad_proto::Metric;

use super::{Measured, Stats};
use crate::failure::Failure;
use crate::output::Output;

/// Prints all that there is.
pub(super) fn print(stats: &Stats, output: &Output) -> Result<(), Failure> {
    let version = stats.of(Metric::BUILD_INFO).first().and_then(|info| info.labels.first());
    let ready = if stats.value(Metric::READY) == Some(1) { "ready" } else { "not ready: mfad check says why" };
    output.prose(&format!("mfad {}, {ready}", version.map_or("", String::as_str)))?;
    lines(stats, output)?;
    requests(stats, output)?;
    accounts(stats, output)
}

fn lines(stats: &Stats, output: &Output) -> Result<(), Failure> {
    let number = |metric| stats.value(metric).map(|value| value.to_string());
    let time = |metric| stats.value(metric).map(words::moment);
    let both = |metric, what: &str, other, more: &str| {
        stats.value(metric).zip(stats.value(other)).map(|(first, second)| format!("{first} {what}, {second} {more}"))
    };
    let took = quantiles(stats.of(Metric::COMMIT_BUCKET))
        .map(|[half, most]| format!("half within {half}, 99 % within {most}"));
    let audit = both(Metric::AUDIT_LINES, "lines", Metric::AUDIT_LOST, "lost")
        .zip(number(Metric::AUDIT_SUMMED))
        .map(|(lines, summed)| format!("{lines}, {summed} summed up"));
    let source = stats.of(Metric::KEY_INFO).first().and_then(|info| info.labels.first());
    let shown = [
        ("started:", time(Metric::START_TIME)),
        ("connections:", both(Metric::CONNECTIONS, "open", Metric::CONNECTIONS_REFUSED, "refused")),
        ("records in the store:", number(Metric::RECORDS)),
        ("bytes on the disk:", number(Metric::STORE_BYTES)),
        ("commits:", both(Metric::COMMITS, "batches", Metric::CHANGES, "changes")),
        ("commits took:", took),
        ("last commit:", time(Metric::LAST_COMMIT)),
        ("outages of the store:", number(Metric::OUTAGES)),
        ("root key from:", source.map(|source| place(source).to_owned())),
        ("data key made:", time(Metric::KEY_CREATED)),
        ("records to be resealed:", number(Metric::KEY_LEFT)),
        ("audit log:", audit),
    ];
    let mut there = shown.into_iter().filter_map(|(label, value)| Some((label, value?)));
    there.try_for_each(|(label, value)| output.prose(&format!("  {label:23} {value}")))
}

/// Where the root key was read from.
fn place(source: &str) -> &str {
    match source {
        "credential" => "a credential of systemd",
        "file" => "a file",
        "state" => "the state folder: whoever copies that has the key as well",
        "stdin" => "standard input",
        other => other,
    }
}

/// By call and outcome, with what half and nearly all of a call's answers took at most.
fn requests(stats: &Stats, output: &Output) -> Result<(), Failure> {
    if stats.of(Metric::REQUESTS).is_empty() {
        return Ok(());
    }
    output.prose("")?;
    output.prose(&request("CALL", "OUTCOME", "REQUESTS", ["HALF WITHIN", "99 % WITHIN"]))?;
    let mut before = "";
    for measured in stats.of(Metric::REQUESTS) {
        let [call, outcome] = measured.labels.as_slice() else { continue };
        let count = measured.value.to_string();
        if call == before {
            output.prose(&request("", outcome, &count, ["", ""]))?;
        } else {
            let of_call = |bucket: &&Measured| bucket.labels.first() == Some(call);
            let took = quantiles(stats.of(Metric::REQUEST_BUCKET).iter().filter(of_call)).unwrap_or_default();
            output.prose(&request(call, outcome, &count, took.each_ref().map(String::as_str)))?;
        }
        before = call;
    }
    Ok(())
}

fn request(call: &str, outcome: &str, count: &str, [half, most]: [&str; 2]) -> String {
    format!("{call:14}  {outcome:19}  {count:>10}  {half:>11}  {most:>11}").trim_end().to_owned()
}

/// By realm and state.
fn accounts(stats: &Stats, output: &Output) -> Result<(), Failure> {
    let mut realms = BTreeMap::<&str, Vec<u64>>::new();
    for measured in stats.of(Metric::ACCOUNTS).iter().chain(stats.of(Metric::THROTTLED)) {
        realms.entry(measured.labels.first().map_or("", String::as_str)).or_default().push(measured.value);
    }
    if realms.is_empty() {
        return Ok(());
    }
    output.prose("")?;
    // In the order in which the server tells the states.
    let states = stats.of(Metric::ACCOUNTS).iter().filter_map(|measured| measured.labels.get(1));
    let mut heads: Vec<_> = Vec::new();
    for state in states.map(|state| state.to_uppercase()) {
        if !heads.contains(&state) {
            heads.push(state);
        }
    }
    heads.push("MUST WAIT".to_owned());
    output.prose(&realm("REALM", heads.iter().map(String::as_str)))?;
    for (name, counts) in realms {
        let counts: Vec<_> = counts.iter().map(u64::to_string).collect();
        output.prose(&realm(name, counts.iter().map(String::as_str)))?;
    }
    Ok(())
}

fn realm<'a>(name: &str, cells: impl Iterator<Item = &'a str>) -> String {
    let cells: String = cells.map(|cell| format!("  {cell:>9}")).collect();
    format!("{name:14}{cells}")
}

/// The bounds below which half and 99 % of what these buckets count lie.
fn quantiles<'a>(buckets: impl IntoIterator<Item = &'a Measured>) -> Option<[String; 2]> {
    let buckets: Vec<_> = buckets.into_iter().collect();
    let total = buckets.last().map(|bucket| bucket.value).filter(|total| *total > 0)?;
    let bound = |percent: u64| {
        let enough = |bucket: &&&Measured| bucket.value.saturating_mul(100) >= total.saturating_mul(percent);
        let place = buckets.iter().position(|bucket| enough(&bucket))?;
        let of = |place: usize| buckets.get(place).and_then(|bucket| bucket.labels.last());
        match (of(place)?.parse::<f64>().ok()?, place.checked_sub(1).and_then(of)) {
            (seconds, _) if seconds.is_finite() => Some(duration(seconds)),
            // Nothing bounds the last bucket but the one before it.
            (_, below) => Some(format!("over {}", duration(below?.parse().ok()?))),
        }
    };
    Some([bound(50)?, bound(99)?])
}

fn duration(seconds: f64) -> String {
    // To two digits: the bounds have no more, and their products may.
    let millis = (seconds * 100_000.0).round() / 100.0;
    if seconds < 1.0 { format!("{millis} ms") } else { format!("{seconds} s") }
}
