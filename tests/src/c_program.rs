//! Programs in C: `libmfad` installed as its README says, compiled against, and spoken to line by line.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

use tempfile::TempDir;

use crate::header;
use crate::programs::{built, tool};

/// What every program is compiled with.
pub const STRICT: [&str; 5] = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic"];

/// A place that the library is installed in, and programs that use it.
pub struct Installed(TempDir);

impl Installed {
    /// Runs the commands of the README, but for the build.
    ///
    /// # Panics
    /// When one fails.
    #[must_use]
    pub fn new() -> Self {
        let installed = Self(tempfile::tempdir().expect("a temporary folder"));
        let readme = std::fs::read_to_string(header::folder().join("README.md")).expect("a README");
        let block = readme.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).expect("commands");
        let commands = block.strip_prefix("cargo build --release\n").expect("a build");
        let profile = built("libmfad.so").parent().expect("a folder").display().to_string();
        let mut shell = tool("bash");
        shell.args(["-euc", &commands.replace("target/release", &profile)]).env("PREFIX", installed.prefix());
        let status = shell.current_dir(header::folder().join("../..")).status().expect("a shell");
        assert!(status.success(), "the commands of the README fail");
        installed
    }

    /// Where.
    #[must_use]
    pub fn prefix(&self) -> &Path {
        self.0.path()
    }

    /// The installed shared library.
    #[must_use]
    pub fn library(&self) -> PathBuf {
        self.prefix().join("lib/libmfad.so.0")
    }

    /// Compiles sources of `tests/c` into a program.
    ///
    /// # Panics
    /// When the compiler says anything.
    #[must_use]
    pub fn compile(&self, sources: &[&str]) -> PathBuf {
        self.compile_with(sources, &[])
    }

    /// Compiles `conformance.c`, the library's adapter for mfad-conformance.
    ///
    /// # Panics
    /// When the compiler says anything, or jansson is not installed.
    #[must_use]
    pub fn adapter(&self) -> PathBuf {
        let flags = succeeds(tool("pkg-config").args(["--cflags", "--libs", "jansson"]));
        let flags: Vec<_> = flags.split_whitespace().collect();
        self.compile_with(&["conformance.c", "conformance_answer.c", "conformance_request.c"], &flags)
    }

    fn compile_with(&self, sources: &[&str], flags: &[&str]) -> PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("c");
        let program = self.prefix().join(sources.join("+"));
        let mut compiler = tool("cc");
        compiler.args(STRICT).arg("-o").arg(&program).args(sources.iter().map(|source| folder.join(source)));
        compiler.arg("-I").arg(self.prefix().join("include")).arg("-L").arg(self.prefix().join("lib")).arg("-lmfad");
        compiler.args(flags);
        succeeds(&mut compiler);
        program
    }

    /// A running `driver.c` that asks about users of a realm on this socket.
    #[must_use]
    pub fn driver(&self, realm: &str, socket: &Path) -> Driver {
        let mut program = self.prefix().join("driver.c");
        if !program.exists() {
            program = self.compile(&["driver.c"]);
        }
        Driver::start(self.command(&program).arg(realm).arg(socket))
    }

    /// The command that runs a program with the installed library.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env("LD_LIBRARY_PATH", self.prefix().join("lib"));
        command
    }
}

impl Default for Installed {
    fn default() -> Self {
        Self::new()
    }
}

/// Runs a command that must succeed without a word, and returns what it said on standard output.
///
/// # Panics
/// When it fails, or complains.
pub fn succeeds(command: &mut Command) -> String {
    let output = command.output().expect("a started program");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaint.is_empty(), "{command:?}: {}: {complaint}", output.status);
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// A running `driver.c`.
pub struct Driver {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Driver {
    /// Starts it with a command that has its arguments.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a started driver");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let input = child.stdin.take();
        Self { child, input, output }
    }

    /// Lets it make one call, and returns the line that it says.
    ///
    /// # Panics
    /// When it ends instead.
    pub fn does(&mut self, line: &str) -> String {
        let input = self.input.as_mut().expect("a pipe");
        writeln!(input, "{line}").expect("a driver that reads");
        let mut said = String::new();
        self.output.read_line(&mut said).expect("a line");
        assert!(said.ends_with('\n'), "{line}: it has ended: {:?}", self.child.wait());
        said.trim_end().to_owned()
    }

    /// The process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it.
    ///
    /// # Panics
    /// When it cannot be waited for.
    pub fn finish(mut self) -> ExitStatus {
        drop(self.input.take());
        self.child.wait().expect("an ended driver")
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The value of a word `name=value` in a line that the driver has said.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn value<'l>(said: &'l str, name: &str) -> &'l str {
    let found = said.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("no {name}: {said}"))
}
