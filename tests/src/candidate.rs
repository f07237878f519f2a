//! `mfad-login` as a process: a person who is asked, answers, and is let in or not, as often as the program was told.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};

use crate::applicant::Services;
use crate::programs::built;

/// A running program. Dropping it kills it.
pub struct Candidate {
    child: Child,
    keyboard: Option<ChildStdin>,
    screen: BufReader<ChildStderr>,
    codes: BufReader<ChildStdout>,
}

impl Candidate {
    /// Starts the program for so many logins of this user at the service `login`.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(services: &Services, user: &str, logins: u32) -> Self {
        Self::by(Command::new(built("mfad-login")), services, user, logins)
    }

    /// The same by a command that ends in the program's name.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn by(mut command: Command, services: &Services, user: &str, logins: u32) -> Self {
        command.arg(services.path()).args(["login", user, &logins.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("a started program");
        let keyboard = child.stdin.take();
        let screen = BufReader::new(child.stderr.take().expect("a pipe"));
        let codes = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, keyboard, screen, codes }
    }

    /// Waits until this line is shown, and returns those before it since the last wait.
    ///
    /// # Panics
    /// When the program ends before.
    pub fn wait_for(&mut self, line: &str) -> Vec<String> {
        let mut before = Vec::new();
        loop {
            let mut shown = String::new();
            let length = self.screen.read_line(&mut shown).expect("readable lines");
            assert!(length > 0, "it ended before it showed {line:?}: {before:#?}");
            let shown = shown.trim_end_matches('\n');
            if shown == line {
                return before;
            }
            before.push(shown.to_owned());
        }
    }

    /// Types a line.
    ///
    /// # Panics
    /// When the program has ended.
    pub fn type_line(&mut self, line: &str) {
        let keyboard = self.keyboard.as_mut().expect("a keyboard");
        keyboard.write_all(format!("{line}\n").as_bytes()).expect("a typed line");
    }

    /// Gives this code for the whole of one login, which it is not let in by.
    ///
    /// # Panics
    /// When it is not asked three times.
    pub fn misses(&mut self, question: &str, code: &str) {
        for _ in 0..3 {
            self.wait_for(question);
            self.type_line(code);
        }
    }

    /// Breaks off whatever is asked from now on.
    pub fn leave(&mut self) {
        self.keyboard = None;
    }

    /// What PAM says of the next login.
    ///
    /// # Panics
    /// When the program ends before.
    pub fn code(&mut self) -> i32 {
        let line = self.line();
        line.parse().unwrap_or_else(|_e| panic!("no code: {line:?}"))
    }

    /// What the program says of itself at its end.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    pub fn report(mut self) -> Report {
        let mut lines = BTreeMap::new();
        loop {
            let line = self.line();
            let Some((name, value)) = line.split_once(' ') else { break };
            lines.insert(name.to_owned(), value.to_owned());
        }
        self.leave();
        let status = self.child.wait().expect("an ended program");
        assert!(status.success(), "{status}");
        Report(lines)
    }

    /// What the kernel says of its memory and itself: a line of `/proc/PID/status`, as a number.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn status(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a status");
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).expect("such a line");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Its open descriptors.
    ///
    /// # Panics
    /// When they cannot be counted.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("descriptors").count()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.codes.read_line(&mut line).expect("readable codes");
        line.trim_end().to_owned()
    }
}

impl Drop for Candidate {
    fn drop(&mut self) {
        // Both fail when it has ended, and that is as good.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// What a program holds at its end.
#[derive(Debug, PartialEq, Eq)]
pub struct Report(BTreeMap<String, String>);

impl Report {
    /// A line of it.
    ///
    /// # Panics
    /// When it has none of this name.
    #[must_use]
    pub fn value(&self, name: &str) -> &str {
        self.0.get(name).unwrap_or_else(|| panic!("no {name}: {self:?}"))
    }
}
