//! One line: what a request was, and what came of it.

use std::fmt::Write;

use mfad_proto::is_printable;
use serde::Serialize;

use super::flood::{Source, Sum};

/// One request and its outcome.
#[derive(Debug, Serialize)]
pub(crate) struct Line<'a> {
    /// When it was answered, in Unix seconds.
    pub(crate) time: u64,
    /// Which call it was; `?` when it was none.
    pub(crate) call: &'static str,
    /// The account's realm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) realm: Option<&'a str>,
    /// The account's user, when there is such an account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<&'a str>,
    /// The keyed hash of a user that is unknown: people type passwords there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_hash: Option<String>,
    /// What was answered.
    pub(crate) outcome: &'static str,
    /// What was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) factor: Option<&'a str>,
    /// What an administrator said: a reason, or what was set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) said: Option<&'a str>,
    /// Why, where the answer does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// The peer's uid.
    pub(crate) uid: u32,
    /// The peer's process.
    pub(crate) pid: i32,
    /// The socket it came in on.
    pub(crate) socket: &'a str,
    /// The service, in the peer's words.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) service: &'a str,
    /// The remote host, in the peer's words.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) rhost: &'a str,
    /// The terminal, in the peer's words.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) tty: &'a str,
    /// How long the answer took, in microseconds.
    pub(crate) micros: u64,
}

impl Line<'_> {
    /// The line as a JSON object of bounded length.
    pub(super) fn object(mut self) -> String {
        let whole = object(&self);
        if whole.len() <= LONGEST {
            return whole;
        }
        // Only the peer's own words can be so long, and only when most of their characters are escaped.
        (self.service, self.rhost, self.tty) = ("(cut)", "", "");
        object(&self)
    }
}

/// A sum of lines of one kind.
#[derive(Serialize)]
pub(super) struct Summed<'a> {
    time: u64,
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    socket: Option<&'a str>,
    call: &'static str,
    outcome: &'static str,
    lines: u64,
}

impl<'a> Summed<'a> {
    pub(super) fn new(time: u64, sum: &'a Sum, lines: u64) -> Self {
        let source: Option<&Source> = sum.source.as_ref();
        Self {
            time,
            event: "summed",
            uid: source.map(|source| source.uid),
            socket: source.map(|source| source.socket.as_str()),
            call: sum.call,
            outcome: sum.outcome,
            lines,
        }
    }

    pub(super) fn object(&self) -> String {
        object(self)
    }
}

/// JSON in which every character is one that a terminal prints and does not obey.
fn object(line: &impl Serialize) -> String {
    // INVARIANT: texts and numbers can always be written.
    let text = serde_json::to_string(line).unwrap_or_default();
    if text.chars().all(is_printable) {
        return text;
    }
    let mut escaped = String::with_capacity(text.len().saturating_mul(2));
    for c in text.chars() {
        if is_printable(c) {
            escaped.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // INVARIANT: a string takes everything.
            write!(escaped, "\\u{unit:04x}").ok();
        }
    }
    escaped
}

/// Bytes of the longest object: with its number and its frame's other fields it fits an answer.
const LONGEST: usize = 2816;
