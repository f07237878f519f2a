//! Each client passes the one program that judges clients, and lacks what it is known to lack.

use std::path::Path;

use mfad_tests::adapters::Language;
use mfad_tests::conformance::{Candidate, Library, Report, Subject, judge};
use serde_json::Value;

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
    let stale: Vec<_> = lacks.calls.iter().filter(|call| !report.lacking.contains(**call)).collect();
    assert!(stale.is_empty(), "it has words for {stale:?}");
    assert!(report.passed >= 250, "only {} things were judged", report.passed);
}

#[test]
fn the_client_in_rust_conforms_and_lacks_nothing() {
    let start = |socket: &Path| -> Box<dyn Subject> { Box::new(Library::new(socket)) };
    conforms(&start, &Lacks { calls: &[], frames: &[] });
}

#[test]
fn the_client_in_python_conforms_and_lacks_nothing() {
    conforms(&|socket| Box::new(Language::Python.start(socket)), &Lacks { calls: &[], frames: &[] });
}

#[test]
fn the_client_in_go_conforms_and_lacks_what_login_services_need_not_ask() {
    let go = Language::go();
    let calls = ["list", "show", "import_one", "audit", "stats", "key_status", "key_rotate", "backup", "list_handles"];
    conforms(&|socket| Box::new(go.start(socket)), &Lacks { calls: &calls, frames: &[] });
}

#[test]
fn the_library_in_c_conforms_and_lacks_what_only_administrators_ask() {
    let c = Language::c();
    let calls = [
        "list",
        "show",
        "disable",
        "unlock",
        "recover",
        "remove",
        "set_policy",
        "get_policy",
        "set_password",
        "import_one",
        "audit",
        "stats",
        "key_status",
        "key_rotate",
        "backup",
        "list_handles",
    ];
    // A login is of a user of a realm, and what says where it comes from is text without NUL.
    let frames = ["-by-handle", "request-verify-context-odd"];
    let start = |socket: &Path| -> Box<dyn Subject> { Box::new(c.start(socket)) };
    expect(&judge(&Candidate { start: &start, shown: shown_in_c }), &Lacks { calls: &calls, frames: &frames });
}

/// Texts of a server's have fixed room in C, and what is not printable in the name of a service is replaced.
fn shown_in_c(reply: &mut Value) {
    for (key, room) in [("version", 63), ("why", 511)] {
        if let Some(text) = reply.get(key).and_then(Value::as_str) {
            reply[key] = text[..text.floor_char_boundary(room)].into();
        }
    }
}
