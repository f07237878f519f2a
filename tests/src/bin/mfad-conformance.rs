//! Judges a client in any language: `mfad-conformance ADAPTER...` starts that program with a socket as its last argument, and
//! lets it make calls. What an adapter is stands in `proto/PROTOCOL.md`, section 14. The exit status is 1 when something is not
//! as it must be, and 2 after a usage error.

use std::path::Path;
use std::process::{Command, ExitCode};

use mfad_tests::conformance::{Adapter, Candidate, Library, Subject, judge};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let Some((program, rest)) = arguments.split_first().filter(|(program, _)| !program.is_empty()) else {
        return usage();
    };
    let is_rust = *program == "--rust";
    if !is_rust && program.to_string_lossy().starts_with('-') {
        return usage();
    }
    let start = |socket: &Path| -> Box<dyn Subject> {
        if is_rust {
            return Box::new(Library::new(socket));
        }
        let mut command = Command::new(program);
        command.args(rest);
        Box::new(Adapter::start(command, socket))
    };
    let report = judge(&Candidate { start: &start, shown: |_| {} });
    println!("{report}");
    if report.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn usage() -> ExitCode {
    eprintln!(
        "usage: mfad-conformance ADAPTER [ARGUMENT...]   a client behind a program (proto/PROTOCOL.md, section 14)"
    );
    eprintln!("       mfad-conformance --rust                  the client in Rust");
    ExitCode::from(2)
}
