//! The folder of one store, with all that its daemon reads and writes. It goes when this does.

use std::fs::File;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::plan::Plan;

/// `state/`, `mfad.toml`, `log`, and the sockets.
pub(crate) struct Folder(TempDir);

impl Folder {
    /// A new one, below the folder of the whole run.
    pub(crate) fn new(plan: &Plan) -> Self {
        let folder = tempfile::tempdir_in(&plan.folder).expect("a temporary folder");
        // Empty, so that nothing is read of the machine's own configuration.
        File::create(config(folder.path())).expect("a configuration file");
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path().join("mfad.sock")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.path().join("log")
    }
}

/// The configuration in a folder.
pub(crate) fn config(folder: &Path) -> PathBuf {
    folder.join("mfad.toml")
}

/// The state folder in a folder.
pub(crate) fn state(folder: &Path) -> PathBuf {
    folder.join("state")
}
