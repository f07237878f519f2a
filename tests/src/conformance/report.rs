//! What a client does, does not do, and has no words for.

use std::collections::BTreeSet;
use std::fmt;

/// The judgement of a client.
#[derive(Default)]
pub struct Report {
    /// How many things were as they must be.
    pub passed: usize,
    /// How many golden frames and faults were not played, since the client cannot ask what they answer.
    pub skipped: usize,
    /// What was not as it must be.
    pub failures: Vec<String>,
    /// What could not be judged here.
    pub unjudged: Option<&'static str>,
    /// What the client has no words for: names of golden frames, and of calls of the dialogue.
    pub lacking: BTreeSet<String>,
}

impl Report {
    /// Notes whether something was as it must be.
    pub(super) fn note(&mut self, name: &str, judgement: Result<(), String>) {
        match judgement {
            Ok(()) => self.passed += 1,
            // The largest frames would hide all else.
            Err(fault) => self.failures.push(format!("{name}: {fault:.1000}")),
        }
    }

    /// Notes what was not asked, since the client cannot ask it.
    pub(super) fn lacks(&mut self, name: &str) {
        self.lacking.insert(name.to_owned());
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for failure in self.failures.iter().take(MOST) {
            writeln!(f, "FAILED  {failure}")?;
        }
        if self.failures.len() > MOST {
            writeln!(f, "... and {} more", self.failures.len() - MOST)?;
        }
        let (frames, calls): (Vec<_>, Vec<_>) = self.lacking.iter().partition(|name| name.ends_with(".json"));
        if !self.lacking.is_empty() {
            let calls: Vec<_> = calls.into_iter().map(String::as_str).collect();
            writeln!(f, "It has no words for {} golden requests, nor for these: {}.", frames.len(), calls.join(", "))?;
        }
        if let Some(unjudged) = self.unjudged {
            writeln!(f, "Not judged: {unjudged}.")?;
        }
        write!(f, "{} passed, {} failed, {} not played", self.passed, self.failures.len(), self.skipped)
    }
}

/// More failures than anybody reads.
const MOST: usize = 40;
