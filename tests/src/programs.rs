//! The programs under test and the outside tools, found or the test fails: a missing one is never skipped.

use std::path::PathBuf;
use std::process::Command;

/// A program of this workspace, built beside the running test or program.
///
/// # Panics
/// When it is not there: `cargo build --workspace` makes it.
#[must_use]
pub fn built(name: &str) -> PathBuf {
    let running = std::env::current_exe().expect("a running program has a path");
    let mut folders = running.ancestors().skip(1).skip_while(|folder| folder.ends_with("deps"));
    let program = folders.next().expect("a test lies in target/PROFILE/deps, a program above it").join(name);
    assert!(program.exists(), "{} is not built: run cargo build --workspace first", program.display());
    program
}

/// A command of an outside tool.
///
/// # Panics
/// When it is not installed; `tests/run` installs it.
#[must_use]
pub fn tool(name: &str) -> Command {
    let found = is_installed(name);
    assert!(found, "{name} is not installed: run tests/run as root once, or install the packages that it lists");
    Command::new(name)
}

/// Whether a tool, or a header of a C library, is on this machine.
#[must_use]
pub fn is_installed(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).chain([PathBuf::from("/usr/include")]).any(|folder| folder.join(name).exists())
}
