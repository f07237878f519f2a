//! What the server measures of itself, in the terms of Prometheus.

use bincode::{Decode, Encode};

use crate::account::AccountName;
use crate::text::Label;

/// Some measurements. Samples of one metric with the same labels on different pages are to be added up.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct StatsPage {
    /// The measurements.
    pub samples: Vec<Sample>,
    /// Where the next page begins: `after` of the next `Stats`; `None` at the end.
    pub next: Option<StatsPlace>,
}

/// Where a page of measurements begins.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum StatsPlace {
    /// At this place among the server's own measurements, whose numbers mean nothing to a client.
    Sample(u32),
    /// After this account, while the accounts are counted; `None` at the first.
    Account(Option<AccountName>),
}

/// One measurement.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Sample {
    /// The number of the metric: see [`Metric::of`]. A client passes over one that it does not know.
    pub metric: u32,
    /// The values of the metric's labels, in their order.
    pub labels: Vec<Label>,
    /// The value, in the metric's own unit.
    pub value: u64,
}

/// How a metric behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows while the server runs.
    Counter,
    /// It comes and goes.
    Gauge,
    /// It counts what is at most so much: the last label, `le`.
    Histogram,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name, by the conventions of Prometheus.
    pub name: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it says, in one sentence.
    pub help: &'static str,
    /// How many of the wire's units make one of the name's: 1,000,000 where the wire counts microseconds and the name says
    /// seconds.
    pub scale: u64,
}

impl Metric {
    /// The name that this metric shares with those that are described together with it: the parts of one histogram.
    #[must_use]
    pub fn family(&self) -> &'static str {
        let parts = ["_bucket", "_sum", "_count"];
        let whole = || parts.iter().find_map(|part| self.name.strip_suffix(part)).unwrap_or(self.name);
        if self.kind == Kind::Histogram { whole() } else { self.name }
    }
}

macro_rules! metrics {
    ($($number:literal $constant:ident $name:literal $kind:ident [$($label:literal),*] / $scale:literal $help:literal;)*) => {
        impl Metric {
            $(#[doc = $help] pub const $constant: u32 = $number;)*

            /// The metric of a number.
            #[must_use]
            pub const fn of(number: u32) -> Option<Self> {
                match number {
                    $($number => Some(Self {
                        name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help, scale: $scale,
                    }),)*
                    _ => None,
                }
            }
        }
    };
}

// Numbers are appended, never reused. Of a histogram `h`, `h_bucket`, `h_sum` and `h_count` are metrics of their own here.
metrics! {
    0 BUILD_INFO "mfad_build_info" Gauge ["version"] / 1 "1, with the version of the server as a label.";
    1 READY "mfad_ready" Gauge [] / 1 "Whether the server answers requests: 1, else 0.";
    2 START_TIME "mfad_start_time_seconds" Gauge [] / 1 "When the server started, in Unix seconds.";
    3 REQUESTS "mfad_requests_total" Counter ["call", "outcome"] / 1 "Requests that were answered, by call and outcome.";
    4 REQUEST_BUCKET "mfad_request_duration_seconds_bucket" Histogram ["call", "le"] / 1 "How long answers took, by call.";
    5 REQUEST_SUM "mfad_request_duration_seconds_sum" Histogram ["call"] / 1_000_000 "How long answers took, by call.";
    6 REQUEST_COUNT "mfad_request_duration_seconds_count" Histogram ["call"] / 1 "How long answers took, by call.";
    7 CONNECTIONS "mfad_connections" Gauge [] / 1 "Connections that are open.";
    8 CONNECTIONS_REFUSED "mfad_connections_refused_total" Counter [] / 1 "Connections for which there was no room.";
    9 ACCOUNTS "mfad_accounts" Gauge ["realm", "state"] / 1 "Accounts, by realm and the state of their factor.";
    10 THROTTLED "mfad_accounts_throttled" Gauge ["realm"] / 1 "Accounts whose next code, password or login must wait.";
    11 STOPPED "mfad_accounts_locked" Gauge ["realm"] / 1 "Accounts whose codes are stopped until an administrator acts.";
    12 RECORDS "mfad_store_records" Gauge [] / 1 "Records in the store, those of unknown names included.";
    13 STORE_BYTES "mfad_store_size_bytes" Gauge [] / 1 "Bytes of the store's files.";
    14 COMMITS "mfad_commits_total" Counter [] / 1 "Batches that were made durable.";
    15 CHANGES "mfad_commit_changes_total" Counter [] / 1 "Changes in these batches.";
    16 COMMIT_BUCKET "mfad_commit_duration_seconds_bucket" Histogram ["le"] / 1 "How long batches took to be durable.";
    17 COMMIT_SUM "mfad_commit_duration_seconds_sum" Histogram [] / 1_000_000 "How long batches took to be durable.";
    18 COMMIT_COUNT "mfad_commit_duration_seconds_count" Histogram [] / 1 "How long batches took to be durable.";
    19 OUTAGES "mfad_store_outages_total" Counter [] / 1 "How often the store stopped serving.";
    20 KEY_INFO "mfad_root_key_info" Gauge ["source"] / 1 "1, with where the root key was read from as a label.";
    21 KEY_CREATED "mfad_data_key_created_timestamp_seconds" Gauge [] / 1 "When the present data key was made, in Unix seconds.";
    22 KEY_LEFT "mfad_data_key_rotation_records_left" Gauge [] / 1 "Records that may still be sealed with the data key before.";
    23 AUDIT_LINES "mfad_audit_lines_total" Counter [] / 1 "Lines that were written to the audit log.";
    24 AUDIT_LOST "mfad_audit_lines_lost_total" Counter [] / 1 "Lines that could not be written to the audit log.";
    25 AUDIT_SUMMED "mfad_audit_lines_summed_total" Counter [] / 1 "Lines that were summed up with others of their kind.";
    26 LAST_COMMIT "mfad_last_commit_timestamp_seconds" Gauge [] / 1 "When a batch was last made durable, in Unix seconds.";
}
