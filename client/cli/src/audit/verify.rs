//! Whether the log is whole.

use mfad_client::Client;
use mfad_proto::{LogFault, LogFilter, LogFinding};
use serde::Serialize;

use super::each_page;
use crate::failure::Failure;
use crate::output::Output;
use crate::paint;

/// Looks at every line of the log, and prints what is wrong.
pub(super) fn run(client: &mut Client, output: &Output) -> Result<(), Failure> {
    let (mut lines, mut findings): (u64, u64) = (0, 0);
    each_page(client, &LogFilter::default(), true, |page| {
        lines = lines.saturating_add(page.passed.into());
        for finding in &page.findings {
            // That the server crashed is no fault of the log.
            let is_crash = matches!(finding.fault, LogFault::Crashed);
            findings = findings.saturating_add(u64::from(!is_crash));
            output.object(&FindingObject::from(finding))?;
            let sentence = if is_crash { format!("note: {finding}") } else { finding.to_string() };
            output.prose(&if is_crash { paint::warn(&sentence) } else { paint::bad(&sentence) })?;
        }
        Ok(())
    })?;
    output.object(&SummaryObject { result: if findings == 0 { "done" } else { "denied" }, lines, findings })?;
    if findings > 0 {
        return Err(Failure::Findings(findings));
    }
    output.prose(&paint::good(&format!("The log is whole: {lines} lines.")))
}

#[derive(Serialize)]
struct FindingObject {
    finding: &'static str,
    file: u64,
    line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<u64>,
}

impl From<&LogFinding> for FindingObject {
    fn from(finding: &LogFinding) -> Self {
        let (word, lines) = match finding.fault {
            LogFault::Changed => ("changed", None),
            LogFault::Missing { lines } => ("missing", Some(lines)),
            LogFault::Lost { lines } => ("lost", Some(lines)),
            LogFault::Crashed => ("crashed", None),
            LogFault::Cut { lines } => ("cut", Some(lines)),
            LogFault::NoFile => ("no_file", None),
        };
        Self { finding: word, file: finding.file, line: finding.line, lines }
    }
}

#[derive(Serialize)]
struct SummaryObject {
    result: &'static str,
    lines: u64,
    findings: u64,
}
