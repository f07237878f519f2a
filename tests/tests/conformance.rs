//! Each client passes the one program that judges clients, and lacks what it is known to lack.

use std::path::Path;

use mfad_tests::conformance::{Candidate, Library, Report, Subject, judge};

/// Calls that a client does not have at all, and golden frames that it has no words for besides.
struct Lacks<'l> {
    calls: &'l [&'l str],
    frames: &'l [&'l str],
}

/// Judges a client that shows all of every reply.
fn conforms(start: &dyn Fn(&Path) -> Box<dyn Subject>, lacks: &Lacks<'_>) {
    expect(&judge(&Candidate { start, shown: |_| {} }), lacks);
}

fn expect(report: &Report, lacks: &Lacks<'_>) {
    assert!(report.failures.is_empty(), "{report}");
    let unknown = |name: &&String| {
        let is_of =
            |call: &&str| name.as_str() == *call || name.starts_with(&format!("request-{}", call.replace('_', "-")));
        !lacks.calls.iter().any(is_of) && !lacks.frames.iter().any(|frame| name.contains(frame))
    };
    let unexpected: Vec<_> = report.lacking.iter().filter(unknown).collect();
    assert!(unexpected.is_empty(), "it has no words for {unexpected:?} either");
    let all: usize = 300;
    assert!(report.passed >= all, "only {} things were judged", report.passed);
}

#[test]
fn the_client_in_rust_conforms_and_lacks_nothing() {
    let start = |socket: &Path| -> Box<dyn Subject> { Box::new(Library::new(socket)) };
    conforms(&start, &Lacks { calls: &[], frames: &[] });
}
