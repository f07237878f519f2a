//! Another user at the other end: programs that run as nobody, from a folder that everybody may enter.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::programs::{built, tool};

/// The uid and gid of the user nobody.
pub const NOBODY: u32 = 65_534;

/// A folder that everybody may enter, with the programs in it: a checkout may lie where only root can go.
///
/// # Panics
/// When this is not root, or the programs are not built.
#[must_use]
pub fn stage() -> TempDir {
    assert!(nix::unistd::geteuid().is_root(), "these tests need root");
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).expect("an open folder");
    for program in ["mfad", "mfactl", "mfad-clocked", "mfad-flood"] {
        std::fs::copy(built(program), folder.path().join(program)).expect("a copied program");
    }
    folder
}

/// A folder of nobody's own.
///
/// # Panics
/// When this is not root.
#[must_use]
pub fn home() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::os::unix::fs::chown(folder.path(), Some(NOBODY), Some(NOBODY)).expect("a folder to give away");
    folder
}

/// The command that runs this program as nobody.
#[must_use]
pub fn as_nobody(program: &Path) -> Command {
    let mut command = tool("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]).arg(program);
    command
}
