//! The client in plain Python, `tests/python/mfad.py`: run as a person would.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::programs::tool;

/// Where the client lies.
#[must_use]
pub fn client() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("python/mfad.py")
}

/// Runs the client with these arguments and this standard input.
///
/// # Panics
/// When it cannot be run.
pub fn run(arguments: &[&str], input: &str) -> Output {
    let mut command = tool("python3");
    // Nothing is left beside the source.
    command.arg("-B").arg(client()).args(arguments);
    finish(&mut command, input)
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
    // A program that fails early need not read its input.
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).ok();
    child.wait_with_output().expect("an ended client")
}
