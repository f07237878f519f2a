//! The programs in plain Python, `tests/python`: run as a person or a program would.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

use serde_json::Value;

use crate::programs::tool;

/// Runs the small client with these arguments and this standard input.
///
/// # Panics
/// When it cannot be run.
pub fn run(arguments: &[&str], input: &str) -> Output {
    finish(script("mfad.py").args(arguments), input)
}

/// What the golden frames are for the Python that knows every message: an answer to each.
///
/// # Panics
/// When it fails, or does not answer each.
#[must_use]
pub fn read(vectors: &[Value]) -> Vec<Value> {
    answers(&mut script("vectors.py"), vectors)
}

/// What the client with all calls answers to these lines of the conformance program, on this socket.
///
/// # Panics
/// When it fails, or does not answer each.
#[must_use]
pub fn converse(socket: &Path, lines: &[Value]) -> Vec<Value> {
    answers(script("conformance.py").arg(socket), lines)
}

fn script(name: &str) -> Command {
    let mut command = tool("python3");
    // Nothing is left beside the source.
    command.arg("-B").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("python").join(name));
    command
}

fn answers(command: &mut Command, lines: &[Value]) -> Vec<Value> {
    let input: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let output = finish(command, &input);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let answers: Vec<_> =
        serde_json::Deserializer::from_slice(&output.stdout).into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.len(), lines.len());
    answers
}

/// Asks for this user of realm `system` on this socket.
///
/// # Panics
/// When it cannot be run.
pub fn verify(socket: &Path, user: &str, code: &str) -> Output {
    run(&[socket.to_str().expect("a path of UTF-8"), "verify", user], &format!("{code}\n"))
}

fn finish(command: &mut Command, input: &str) -> Output {
    let mut child = command
        .env_remove("MFAD_SERVER_UID")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python3");
    let mut stdin = child.stdin.take().expect("a pipe");
    thread::scope(|scope| {
        // A program that fails early need not read its input, and one that says much must be heard meanwhile.
        scope.spawn(move || stdin.write_all(input.as_bytes()).ok());
        child.wait_with_output().expect("an ended client")
    })
}
