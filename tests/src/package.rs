//! The Debian package, built of the programs that the tests run, and taken apart.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::programs::{built, tool};

/// A package, with its files and its scripts.
pub struct Package(TempDir);

impl Package {
    /// Builds it by the command that builds every package.
    ///
    /// # Panics
    /// When that command fails.
    #[must_use]
    pub fn build() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let programs = built("mfad").parent().expect("a folder of programs").to_owned();
        // What the command needs, and would only miss in the middle.
        ["dh", "dpkg-buildpackage"].iter().for_each(|name| drop(tool(name)));
        let mut command = tool("bash");
        command.arg(tree.join("systemd/package")).arg("--programs").arg(programs).arg("--to").arg(folder.path());
        let output = command.output().expect("a shell");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let package = Self(folder);
        for (option, place) in [("--extract", package.files()), ("--control", package.scripts())] {
            let status = tool("dpkg-deb").arg(option).arg(package.path()).arg(place).status().expect("dpkg-deb");
            assert!(status.success(), "the package cannot be taken apart");
        }
        package
    }

    /// The package itself.
    ///
    /// # Panics
    /// When there is more or less than one.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        let entries = std::fs::read_dir(self.0.path()).expect("a folder").map(|entry| entry.expect("an entry").path());
        let found: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "deb")).collect();
        let [package] = &found[..] else { panic!("there is not one package: {found:?}") };
        package.clone()
    }

    /// The root of its files.
    #[must_use]
    pub fn files(&self) -> PathBuf {
        self.0.path().join("files")
    }

    /// What dpkg runs and reads.
    #[must_use]
    pub fn scripts(&self) -> PathBuf {
        self.0.path().join("scripts")
    }
}
