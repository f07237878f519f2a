//! One program that every client passes, whatever it is written in: it plays a server that speaks in the golden frames, and
//! leads a dialogue with a daemon that lives. A client is judged from outside, by what it writes to its socket and by what it
//! tells its application.

mod adapter;
mod dialogue;
mod frames;
mod library;
mod report;
mod stage;
mod stranger;
mod talk;

use std::path::Path;

use mfad_proto::Call;
use serde_json::Value;

pub use adapter::Adapter;
pub use library::Library;
pub use report::Report;

/// The client under test.
pub trait Subject {
    /// Makes a call, and tells what came of it.
    fn ask(&mut self, call: Call) -> Outcome;
}

/// What a client tells its application.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    /// The server's reply, in the JSON of PROTOCOL.md section 13 without `id`.
    Reply(Value),
    /// There is no answer.
    NoAnswer(String),
    /// The client has no such call, or cannot say this.
    Lacks(String),
    /// Whoever makes the calls does not do what an adapter does.
    Broken(String),
}

/// How a client is started on a socket, and what it shows of a reply where it cannot show all of it.
pub struct Candidate<'c> {
    /// Starts one.
    pub start: &'c dyn Fn(&Path) -> Box<dyn Subject>,
    /// Changes a reply into what the client shows of it.
    pub shown: fn(&mut Value),
}

/// Judges a client: golden frames, servers that break the protocol, and the dialogue.
#[must_use]
pub fn judge(candidate: &Candidate<'_>) -> Report {
    let mut report = Report::default();
    frames::requests(candidate, &mut report);
    frames::responses(candidate, &mut report);
    frames::faults(candidate, &mut report);
    stranger::meet(candidate, &mut report);
    dialogue::lead(candidate, &mut report);
    report
}
