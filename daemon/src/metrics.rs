//! What the server counts of itself while it runs.
//!
//! MUST: counting waits for nobody and cannot fail; a measurement keeps its place for as long as the server runs, so that
//! pages which are asked for one after the other tell each of them once; the parts of one histogram are of one moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mfad_proto::{CallKind, Label, Metric, OUTCOMES, Sample};

use crate::clock::{Clock, Stopwatch};

/// The counts of one run of the server. They begin at 0.
pub struct Metrics {
    clock: Arc<dyn Clock>,
    started: u64,
    calls: [Answers; CALLS],
    commits: Durations,
    changes: AtomicU64,
    last_commit: AtomicU64,
    outages: AtomicU64,
    connections: AtomicU64,
    refused: AtomicU64,
    audit_lines: AtomicU64,
    audit_lost: AtomicU64,
    audit_summed: AtomicU64,
}

impl Metrics {
    /// Begins to count now, by this clock.
    #[must_use]
    pub fn begin(clock: Arc<dyn Clock>) -> Self {
        Self {
            started: clock.unix(),
            clock,
            calls: Default::default(),
            commits: Durations::default(),
            changes: AtomicU64::default(),
            last_commit: AtomicU64::default(),
            outages: AtomicU64::default(),
            connections: AtomicU64::default(),
            refused: AtomicU64::default(),
            audit_lines: AtomicU64::default(),
            audit_lost: AtomicU64::default(),
            audit_summed: AtomicU64::default(),
        }
    }

    /// A request of this call was answered with this outcome, after so many microseconds.
    pub fn answered(&self, call: &str, outcome: &str, micros: u64) {
        let Some(answers) = calls().position(|known| known == call).and_then(|place| self.calls.get(place)) else {
            return;
        };
        let place = OUTCOMES.iter().position(|known| *known == outcome).unwrap_or(OUTCOMES.len());
        count(&answers.outcomes, place);
        answers.durations.add(micros);
    }

    /// A batch of so many changes is durable, which was begun when this watch was started.
    pub fn committed(&self, changes: usize, watch: Stopwatch) {
        self.commits.add(watch.micros());
        add(&self.changes, u64::try_from(changes).unwrap_or(u64::MAX));
        self.last_commit.store(self.clock.unix(), Ordering::Relaxed);
    }

    /// The store stopped serving.
    pub fn stopped_serving(&self) {
        add(&self.outages, 1);
    }

    /// So many connections are open now.
    pub fn connected(&self, open: usize) {
        self.connections.store(u64::try_from(open).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// There was no room for a connection.
    pub fn turned_away(&self) {
        add(&self.refused, 1);
    }

    /// So many lines were written to the audit log.
    pub fn audit_written(&self, lines: u64) {
        add(&self.audit_lines, lines);
    }

    /// So many lines could not be written to the audit log.
    pub fn audit_lost(&self, lines: u64) {
        add(&self.audit_lost, lines);
    }

    /// So many lines were summed up with others of their kind.
    pub fn audit_summed(&self, lines: u64) {
        add(&self.audit_summed, lines);
    }

    /// The measurements at one of the places 0, 1, 2 and so on; `None` behind the last. What belongs together stands at one
    /// place, and calls that nobody has made have nothing at theirs.
    #[must_use]
    pub fn at(&self, place: usize) -> Option<Vec<Sample>> {
        let call = |place: usize| Some((calls().nth(place)?, self.calls.get(place)?));
        match (call(place), call(place.saturating_sub(CALLS))) {
            (Some((call, answers)), _) => Some(answers.requests(call)),
            (None, Some((_, answers))) if answers.durations.is_empty() => Some(Vec::new()),
            (None, Some((call, answers))) => Some(answers.durations.samples(REQUEST, Some(call))),
            (None, None) => (place == OF_THE_SERVER).then(|| self.of_the_server()),
        }
    }

    fn of_the_server(&self) -> Vec<Sample> {
        let counts = [
            (Metric::CONNECTIONS, &self.connections),
            (Metric::CONNECTIONS_REFUSED, &self.refused),
            (Metric::CHANGES, &self.changes),
            (Metric::OUTAGES, &self.outages),
            (Metric::AUDIT_LINES, &self.audit_lines),
            (Metric::AUDIT_LOST, &self.audit_lost),
            (Metric::AUDIT_SUMMED, &self.audit_summed),
        ];
        let mut samples = vec![sample(Metric::START_TIME, &[], self.started)];
        samples.extend(counts.map(|(metric, count)| sample(metric, &[], read(count))));
        let commits = self.commits.samples(COMMIT, None);
        let batches = commits.last().map_or(0, |count| count.value);
        samples.push(sample(Metric::COMMITS, &[], batches));
        samples.extend(commits);
        if batches > 0 {
            samples.push(sample(Metric::LAST_COMMIT, &[], read(&self.last_commit)));
        }
        samples
    }
}

/// A measurement.
#[must_use]
pub(crate) fn sample(metric: u32, labels: &[&str], value: u64) -> Sample {
    Sample { metric, labels: labels.iter().map(|label| Label::cut(label)).collect(), value }
}

/// How the requests of one call were answered.
#[derive(Default)]
struct Answers {
    /// By the outcomes, and at last for any other.
    outcomes: [AtomicU64; OUTCOMES.len() + 1],
    durations: Durations,
}

impl Answers {
    fn requests(&self, call: &str) -> Vec<Sample> {
        let words = OUTCOMES.into_iter().chain(["other"]);
        let counts = words.zip(&self.outcomes).map(|(word, count)| (word, read(count)));
        let occurred = counts.filter(|(_, count)| *count > 0);
        occurred.map(|(word, count)| sample(Metric::REQUESTS, &[call, word], count)).collect()
    }
}

/// How long something took.
#[derive(Default)]
struct Durations {
    /// By the bounds, and at last above all of them. Each counts its own alone.
    counts: [AtomicU64; BOUNDS.len() + 1],
    /// In microseconds.
    sum: AtomicU64,
}

impl Durations {
    fn add(&self, micros: u64) {
        let place = BOUNDS.iter().position(|(bound, _)| micros <= *bound).unwrap_or(BOUNDS.len());
        count(&self.counts, place);
        add(&self.sum, micros);
    }

    fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| read(count) == 0)
    }

    /// The histogram. Its count is what its buckets add up to, though others go on counting.
    fn samples(&self, [bucket, sum, count]: [u32; 3], call: Option<&str>) -> Vec<Sample> {
        let labels = |bound| call.into_iter().chain(bound).collect::<Vec<_>>();
        let bounds = BOUNDS.iter().map(|(_, bound)| *bound).chain(["+Inf"]);
        let total = read(&self.sum);
        let mut passed: u64 = 0;
        let mut samples = Vec::new();
        for (bound, own) in bounds.zip(&self.counts) {
            passed = passed.saturating_add(read(own));
            samples.push(sample(bucket, &labels(Some(bound)), passed));
        }
        samples.push(sample(sum, &labels(None), total));
        samples.push(sample(count, &labels(None), passed));
        samples
    }
}

/// Counts one at this place.
fn count(counts: &[AtomicU64], place: usize) {
    if let Some(count) = counts.get(place) {
        add(count, 1);
    }
}

fn add(count: &AtomicU64, more: u64) {
    count.fetch_add(more, Ordering::Relaxed);
}

fn read(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

/// The names of the calls, and at last of what was none.
fn calls() -> impl Iterator<Item = &'static str> {
    CallKind::ALL.into_iter().map(CallKind::as_str).chain(["?"])
}

const CALLS: usize = CallKind::ALL.len() + 1;

/// The place behind those of the calls' outcomes and of their durations.
const OF_THE_SERVER: usize = CALLS * 2;

/// How many places there are.
pub(crate) const PLACES: usize = OF_THE_SERVER + 1;

/// The bounds of histograms, in microseconds, and in seconds as Prometheus writes them.
const BOUNDS: [(u64, &str); 13] = [
    (100, "0.0001"),
    (250, "0.00025"),
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (1_000_000, "1"),
    (5_000_000, "5"),
];

const REQUEST: [u32; 3] = [Metric::REQUEST_BUCKET, Metric::REQUEST_SUM, Metric::REQUEST_COUNT];
const COMMIT: [u32; 3] = [Metric::COMMIT_BUCKET, Metric::COMMIT_SUM, Metric::COMMIT_COUNT];
