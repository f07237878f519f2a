//! Sums up lines that come in floods, so that nobody can wash the others out of the log.
//!
//! MUST: pure. Every line is either written or counted in a sum that is written when its minute is over; what a peer with
//! rights is told about an account is always written.

use std::collections::HashMap;
use std::mem;
use std::time::Duration;

/// Who sends, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Source {
    /// The peer's uid.
    pub(crate) uid: u32,
    /// The socket it came in on.
    pub(crate) socket: String,
    /// Whether the peer has no right but over itself.
    pub(crate) is_unprivileged: bool,
}

/// What a line is about, when it is summed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Sum {
    /// Who sent it; nobody in particular where there were too many.
    pub(super) source: Option<Source>,
    pub(super) call: &'static str,
    pub(super) outcome: &'static str,
}

/// The lines of one minute.
#[derive(Default)]
pub(super) struct Floods {
    since: Duration,
    written: HashMap<Source, u64>,
    /// Of all peers without rights together: one of them can take many uids.
    unprivileged: u64,
    sums: HashMap<Sum, u64>,
}

impl Floods {
    /// Whether a line is to be written. Else it is counted.
    pub(super) fn admit(&mut self, source: &Source, call: &'static str, outcome: &'static str) -> bool {
        if !source.is_unprivileged && !is_cheap(call, outcome) {
            return true;
        }
        let is_known = self.written.contains_key(source);
        let written = if is_known || self.written.len() < SOURCES {
            *self.written.entry(source.clone()).and_modify(|lines| *lines = lines.saturating_add(1)).or_insert(1)
        } else {
            u64::MAX
        };
        self.unprivileged = self.unprivileged.saturating_add(u64::from(source.is_unprivileged));
        if written <= EACH && (!source.is_unprivileged || self.unprivileged <= TOGETHER) {
            return true;
        }
        let mut sum = Sum { source: Some(source.clone()), call, outcome };
        if self.sums.len() >= SUMS && !self.sums.contains_key(&sum) {
            sum.source = None;
        }
        self.sums.entry(sum).and_modify(|lines| *lines = lines.saturating_add(1)).or_insert(1);
        false
    }

    /// The sums of the minute that is over, if it is; `now` is on the monotonic clock.
    pub(super) fn turn(&mut self, now: Duration) -> Vec<(Sum, u64)> {
        if now.saturating_sub(self.since) < MINUTE {
            return Vec::new();
        }
        let over = mem::take(self);
        self.since = now;
        over.sums.into_iter().collect()
    }

    /// The sums so far, at the end.
    pub(super) fn end(&mut self) -> Vec<(Sum, u64)> {
        mem::take(&mut self.sums).into_iter().collect()
    }
}

/// Whether a line tells nothing of an account.
fn is_cheap(call: &str, outcome: &str) -> bool {
    matches!(call, "ping" | "list" | "audit" | "stats")
        || matches!(outcome, "not_permitted" | "malformed" | "unsupported" | "try_later")
}

const MINUTE: Duration = Duration::from_secs(60);

/// Lines a minute of one source that are written each.
const EACH: u64 = 60;

/// The same of all without rights together.
const TOGETHER: u64 = 600;

/// Sources that are told apart.
const SOURCES: usize = 4096;

/// Sums that are told apart, besides those of nobody in particular.
const SUMS: usize = 1024;
