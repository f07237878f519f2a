//! What a client does, does not do, and has no words for.

use std::collections::BTreeSet;
use std::fmt;

/// The judgement of a client.
#[derive(Default)]
pub struct Report {
    /// How many things were as they must be.
    pub passed: usize,
    /// What was not.
    pub failures: Vec<String>,
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
        for failure in &self.failures {
            writeln!(f, "FAILED  {failure}")?;
        }
        if !self.lacking.is_empty() {
            let names: Vec<_> = self.lacking.iter().map(String::as_str).collect();
            writeln!(f, "The client has no words for: {}", names.join(", "))?;
        }
        write!(f, "{} passed, {} failed", self.passed, self.failures.len())
    }
}
