//! The adapters of the project's own clients, built and ready to be started on a socket.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::c_program::Installed;
use crate::conformance::Adapter;
use crate::programs::tool;

/// A client in another language than Rust.
pub enum Language {
    /// With the compiled program's folder.
    Go(TempDir),
    /// With the place where library and program are installed.
    C(Installed, PathBuf),
    /// The source is the program.
    Python,
}

impl Language {
    /// Compiles the one in Go.
    ///
    /// # Panics
    /// When it cannot be compiled.
    #[must_use]
    pub fn go() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut build = tool("go");
        build.args(["build", "-o"]).arg(folder.path().join("adapter")).arg(".").current_dir(source("go"));
        // No toolchain and no module but those that are here.
        build.envs([("GOTOOLCHAIN", "local"), ("GOPROXY", "off"), ("GOFLAGS", "-mod=readonly")]);
        let output = build.output().expect("a started compiler");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self::Go(folder)
    }

    /// Installs the library, and compiles the one in C.
    ///
    /// # Panics
    /// When it cannot be compiled.
    #[must_use]
    pub fn c() -> Self {
        let installed = Installed::new();
        let program = installed.adapter();
        Self::C(installed, program)
    }

    /// Starts it on a socket.
    #[must_use]
    pub fn start(&self, socket: &Path) -> Adapter {
        let command = match self {
            Self::Go(folder) => Command::new(folder.path().join("adapter")),
            Self::C(installed, program) => installed.command(program),
            Self::Python => {
                let mut command = tool("python3");
                // Nothing is left beside the source.
                command.arg("-B").arg(source("python").join("conformance.py"));
                command
            }
        };
        Adapter::start(command, socket)
    }
}

fn source(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(language)
}
