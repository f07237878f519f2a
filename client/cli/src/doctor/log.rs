//! The audit log: whether its lines are written, and whether it is whole.

use mfad_client::Client;
use mfad_proto::{Call, LogFault, LogFilter, LogFinding, Metric, Refusal, Reply};

use super::Machine;
use super::report::Said;
use super::server::Answer;

/// Check: the log takes its lines, and nobody has changed it.
pub(super) fn judge(machine: &Machine) -> Vec<Said> {
    let server = &machine.server;
    if !matches!(server.may_administer, Answer::Given(_)) {
        return vec![Said::note(CHECK, "the log was not looked at: mfad shows it to administrators")];
    }
    let findings = match Client::connect(machine.options.clone())
        .map_err(|_e| None)
        .and_then(|mut client| faults(&mut client))
    {
        Ok(findings) => findings,
        Err(Some(Refusal::Unsupported)) => return vec![Said::note(CHECK, "this mfad keeps no log, or cannot show it")],
        Err(Some(Refusal::Unavailable)) => {
            return vec![Said::finding(
                CHECK,
                "the log cannot be read",
                "look at mfad's log for the reason: the folder audit and its files must be plain, and mfad's own",
            )];
        }
        Err(_) => return vec![Said::note(CHECK, "the log was not looked at: mfad does not answer")],
    };
    let mut said = Vec::new();
    if let Some(lost) = server.count(Metric::AUDIT_LOST).filter(|lost| *lost > 0) {
        said.push(Said::finding(
            CHECK,
            format!("{lost} lines could not be written since mfad was started"),
            "see to it that the disk has room and that the folder audit is mfad's own; mfad's log has the reason",
        ));
    }
    if let Some(first) = findings.first() {
        said.push(Said::finding(
            CHECK,
            format!("the log is not whole, {} findings, first {first}", findings.len()),
            "mfactl admin audit --verify tells all; compare with the copy that standard error has gone to",
        ));
    }
    if said.is_empty() {
        said.push(Said::ok(CHECK, "the log takes its lines, and is whole"));
    }
    said
}

/// What is wrong with it. That the daemon crashed is not.
fn faults(client: &mut Client) -> Result<Vec<LogFinding>, Option<Refusal>> {
    let (mut findings, mut after) = (Vec::new(), None);
    loop {
        let call = Call::Audit { after, filter: LogFilter::default(), verify: true };
        let page = match client.call(call) {
            Ok(Reply::Log(page)) => page,
            Ok(Reply::Refused(refusal)) => return Err(Some(refusal)),
            Ok(_) | Err(_) => return Err(None),
        };
        findings.extend(page.findings.into_iter().filter(|finding| !matches!(finding.fault, LogFault::Crashed)));
        match page.next {
            Some(next) if findings.len() < MOST => after = Some(next),
            Some(_) | None => return Ok(findings),
        }
    }
}

const CHECK: &str = "log";

/// Findings after which nobody counts any more.
const MOST: usize = 1000;
