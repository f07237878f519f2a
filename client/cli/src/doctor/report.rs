//! What the checks say, and how it is printed.

use mfad_proto::printable;
use serde::Serialize;

use crate::failure::Failure;
use crate::output::Output;
use crate::paint;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// Good to know, or not to be known here.
    Note,
    /// Something to be done.
    Finding,
}

/// One line of a check.
#[derive(Debug, Serialize)]
pub(super) struct Said {
    check: &'static str,
    level: Level,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

impl Said {
    pub(super) fn ok(check: &'static str, text: impl Into<String>) -> Self {
        Self { check, level: Level::Ok, text: text.into(), remedy: None }
    }

    pub(super) fn note(check: &'static str, text: impl Into<String>) -> Self {
        Self { check, level: Level::Note, text: text.into(), remedy: None }
    }

    /// A note that says what to do for more.
    pub(super) fn advice(check: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, level: Level::Note, text: text.into(), remedy: Some(remedy.into()) }
    }

    pub(super) fn finding(check: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, level: Level::Finding, text: text.into(), remedy: Some(remedy.into()) }
    }
}

/// Prints lines as they come, and counts the findings.
pub(super) struct Report<'a> {
    output: &'a Output,
    findings: u64,
}

impl<'a> Report<'a> {
    pub(super) const fn new(output: &'a Output) -> Self {
        Self { output, findings: 0 }
    }

    pub(super) fn print(&mut self, said: &Said) -> Result<(), Failure> {
        let shown = Said {
            check: said.check,
            level: said.level,
            text: escaped(&said.text),
            remedy: said.remedy.as_deref().map(escaped),
        };
        if shown.level == Level::Finding {
            self.findings = self.findings.saturating_add(1);
        }
        self.output.object(&shown)?;
        self.output.prose(&format!("{} {}: {}", word(shown.level), shown.check, shown.text))?;
        match shown.remedy {
            Some(remedy) => self.output.prose(&format!("{:INDENT$} remedy: {remedy}", "")),
            None => Ok(()),
        }
    }

    pub(super) fn end(self) -> Result<(), Failure> {
        let Self { output, findings } = self;
        output.object(&End { result: "done", findings })?;
        if findings > 0 { Err(Failure::Findings(findings)) } else { output.prose("No findings.") }
    }
}

#[derive(Serialize)]
struct End {
    result: &'static str,
    findings: u64,
}

/// The word of a level, as wide as every other.
fn word(level: Level) -> String {
    match level {
        Level::Ok => paint::good("ok     "),
        Level::Note => paint::faint("note   "),
        Level::Finding => paint::bad("FINDING"),
    }
}

/// As much of the text as a person reads, and nothing in it that a terminal would obey.
fn escaped(text: &str) -> String {
    printable(&text.chars().take(LONGEST).collect::<String>())
}

/// Of a text, in characters.
const LONGEST: usize = 2000;

/// Under the text of a line.
const INDENT: usize = 7;
