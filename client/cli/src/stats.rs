//! `mfactl admin stats`: what the daemon measures of itself.

mod prometheus;
mod prose;

use std::collections::BTreeMap;

use mfad_client::{Client, Options};
use mfad_proto::{Call, Metric, Refusal, Reply, Sample, StatsPage, StatsPlace};
use serde_json::{Map, Number, Value, json};

use crate::failure::Failure;
use crate::output::Output;

/// Asks, and prints in the form that was asked for.
pub(crate) fn run(prometheus: bool, server: Options, output: &Output) -> Result<(), Failure> {
    let stats = Stats::ask(&mut Client::connect(server)?)?;
    if prometheus {
        return output.text(&prometheus::text(&stats));
    }
    output.object(&stats.object())?;
    prose::print(&stats, output)
}

/// The measurements, by the numbers of their metrics.
#[derive(Default)]
struct Stats(BTreeMap<u32, Vec<Measured>>);

/// What was measured under some labels.
struct Measured {
    labels: Vec<String>,
    value: u64,
}

impl Stats {
    /// Everything that the server tells, page by page.
    fn ask(client: &mut Client) -> Result<Self, Failure> {
        let mut stats = Self::default();
        let mut after = None;
        loop {
            let among_accounts = matches!(after, Some(StatsPlace::Account(_)));
            let page = match client.call(Call::Stats { after })? {
                Reply::Stats(page) => page,
                // The store went down while the accounts were counted: half a count is none.
                Reply::Refused(Refusal::Unavailable) if among_accounts => {
                    stats.0.retain(|metric, _| !OF_ACCOUNTS.contains(metric));
                    return Ok(stats);
                }
                other => return Err(Failure::unexpected(&other)),
            };
            let StatsPage { samples, next } = page;
            samples.iter().for_each(|sample| stats.add(sample));
            match next {
                Some(_) => after = next,
                None => return Ok(stats),
            }
        }
    }

    fn add(&mut self, sample: &Sample) {
        let labels: Vec<_> = sample.labels.iter().map(ToString::to_string).collect();
        let measured = self.0.entry(sample.metric).or_default();
        match measured.iter_mut().find(|known| known.labels == labels) {
            Some(known) => known.value = known.value.saturating_add(sample.value),
            None => measured.push(Measured { labels, value: sample.value }),
        }
    }

    /// The metrics that are known here, and what was measured of each.
    fn metrics(&self) -> impl Iterator<Item = (Metric, &[Measured])> {
        self.0.iter().filter_map(|(number, measured)| Some((Metric::of(*number)?, measured.as_slice())))
    }

    /// What was measured of a metric, under whatever labels.
    fn of(&self, metric: u32) -> &[Measured] {
        self.0.get(&metric).map_or(&[], Vec::as_slice)
    }

    /// The value of a metric without labels.
    fn value(&self, metric: u32) -> Option<u64> {
        self.of(metric).first().map(|measured| measured.value)
    }

    /// What a program reads: each name with its value, or with a list of labels and values.
    fn object(&self) -> Value {
        let number = |metric: &Metric, measured: &Measured| {
            decimal(measured.value, metric.scale).parse::<Number>().map_or(Value::Null, Value::Number)
        };
        let labelled = |metric: &Metric, measured: &Measured| {
            let pairs = metric.labels.iter().zip(&measured.labels);
            let labels: Map<_, _> = pairs.map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
            json!({ "labels": labels, "value": number(metric, measured) })
        };
        let object: Map<_, _> = self
            .metrics()
            .map(|(metric, measured)| {
                let value = match measured {
                    [only] if metric.labels.is_empty() => number(&metric, only),
                    several => several.iter().map(|measured| labelled(&metric, measured)).collect(),
                };
                (metric.name.to_owned(), value)
            })
            .collect();
        Value::Object(object)
    }
}

/// A value in the unit of its metric's name, to the last digit.
fn decimal(value: u64, scale: u64) -> String {
    let digits = usize::try_from(scale.checked_ilog10().unwrap_or_default()).unwrap_or_default();
    let whole = value.checked_div(scale).unwrap_or(value);
    match value.checked_rem(scale).unwrap_or_default() {
        0 => whole.to_string(),
        rest => format!("{whole}.{rest:0digits$}").trim_end_matches('0').to_owned(),
    }
}

/// What is counted account by account.
const OF_ACCOUNTS: [u32; 3] = [Metric::ACCOUNTS, Metric::THROTTLED, Metric::STOPPED];
