//! The programs under test and the outside tools, found or the test fails: a missing one is never skipped.

use std::path::PathBuf;
use std::process::Command;

/// A program of this workspace, built beside the running test.
///
/// # Panics
/// When it is not there: `cargo build --workspace` makes it.
#[must_use]
pub fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test has a path");
    let profile = test.ancestors().nth(2).expect("the test lies in target/PROFILE/deps");
    let program = profile.join(name);
    assert!(program.exists(), "{} is not built: run cargo build --workspace first", program.display());
    program
}

/// A command of an outside tool.
///
/// # Panics
/// When it is not installed; `tests/run` installs it.
#[must_use]
pub fn tool(name: &str) -> Command {
    let found = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).any(|p| p.join(name).exists());
    assert!(found, "{name} is not installed: run tests/run as root once, or install the packages that it lists");
    Command::new(name)
}
