//! Judges a client in any language: `mfad-conformance ADAPTER...` starts that program with a socket as its last argument, lets
//! it make calls, and ends with status 1 when something is not as it must be. What an adapter is stands in
//! `tests/src/conformance/adapter.rs`.

use std::path::Path;
use std::process::{Command, ExitCode};

use mfad_tests::conformance::{Adapter, Candidate, Library, Subject, judge};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let start = |socket: &Path| -> Box<dyn Subject> {
        let Some((program, rest)) = arguments.split_first() else { return Box::new(Library::new(socket)) };
        let mut command = Command::new(program);
        command.args(rest);
        Box::new(Adapter::start(command, socket))
    };
    let report = judge(&Candidate { start: &start, shown: |_| {} });
    println!("{report}");
    if report.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
