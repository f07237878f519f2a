//! A person who wants to get in by one of the [`Way`]s: at a terminal, answering what is asked.

use std::path::Path;

use crate::machine::Machine;
use crate::terminal::Terminal;
use crate::way::Way;

/// The person.
pub struct Visitor {
    way: Way,
    user: String,
    terminal: Terminal,
    /// Whether a shell is waited for, to give it a command.
    is_for_shell: bool,
}

impl Visitor {
    /// Begins as a user, for one command, where the way can be gone for one.
    #[must_use]
    pub fn new(machine: &Machine, way: Way, user: &str) -> Self {
        Self::by_line(machine, (way, user), &way.line(user, Some(PROOF)))
    }

    /// The same by a line of a shell that is not quite the way's own.
    #[must_use]
    pub fn by_line(machine: &Machine, (way, user): (Way, &str), line: &str) -> Self {
        Self::start(machine, (way, user), line, way == Way::Login)
    }

    /// Begins as a user, for a shell.
    #[must_use]
    pub fn for_shell(machine: &Machine, way: Way, user: &str) -> Self {
        let line = way.line(user, None);
        Self::start(machine, (way, user), &line, true)
    }

    fn start(machine: &Machine, (way, user): (Way, &str), line: &str, is_for_shell: bool) -> Self {
        let words = machine.enter(way.visitor(), line);
        // A login that neither ends nor asks is a failure of the test, and is ended.
        let words: Vec<_> =
            ["--foreground", "60", "nsenter"].into_iter().chain(words.iter().map(String::as_str)).collect();
        let mut terminal = Terminal::start(Path::new("timeout"), &words);
        if way == Way::Login {
            terminal.wait_for("login: ");
            terminal.type_line(user);
        }
        Self { way, user: user.to_owned(), terminal, is_for_shell }
    }

    /// Waits until this is shown, and returns what was shown up to there.
    ///
    /// # Panics
    /// When it is not.
    pub fn sees(&mut self, text: &str) -> String {
        self.terminal.wait_for(text)
    }

    /// Types a line.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn types(&mut self, line: &str) {
        self.terminal.type_line(line);
    }

    /// Types these keys, and no Enter.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn presses(&mut self, keys: &str) {
        self.terminal.type_keys(keys);
    }

    /// Types a password where the way asks for one first.
    ///
    /// # Panics
    /// When it is not asked for.
    pub fn passes_first_factor(&mut self, password: &str) {
        if let Some(question) = self.way.first_question() {
            self.sees(question);
            self.types(password);
        }
    }

    /// Answers the question for a code.
    ///
    /// # Panics
    /// When it is not asked.
    pub fn gives(&mut self, code: &str) -> String {
        let shown = self.sees(QUESTION);
        self.types(code);
        shown
    }

    /// Gets in, and shows it by what only who is in can do. Returns what was shown since the last answer.
    ///
    /// # Panics
    /// When it does not get in.
    pub fn gets_in(mut self) -> String {
        let mut shown = String::new();
        if self.is_for_shell {
            shown.push_str(&self.sees(self.way.shell_prompt()));
            self.types(&format!("{PROOF}; exit"));
        }
        let proof = format!("{IN}{}", self.way.becomes(&self.user));
        shown.push_str(&self.sees(&proof));
        let (rest, status) = self.terminal.finish();
        assert!(status.success(), "{status}: {shown}{rest}");
        shown
    }

    /// Is turned away for good. Returns what was shown since the last answer.
    ///
    /// # Panics
    /// When it gets in, or is asked again.
    pub fn is_turned_away(self) -> String {
        let (farewell, way) = (self.way.farewell(), self.way);
        let (shown, status) = self.terminal.finish();
        // login reports no failure.
        let has_failed = !status.success() || way == Way::Login;
        assert!(has_failed && status.code() != Some(TIMED_OUT), "{way:?}: {status}: {shown}");
        assert!(!shown.contains(IN) && shown.contains(farewell), "{way:?}: {shown}");
        shown
    }

    /// Goes away in the middle of it.
    pub fn leaves(self) {
        drop(self.terminal);
    }
}

/// The question for a code.
pub const QUESTION: &str = "Verification code: ";

/// A command that shows who runs it.
pub const PROOF: &str = "echo in-$((40+2))-$(id -un)";

/// What nobody types, and only a shell can make of that command.
const IN: &str = "in-42-";

/// How `timeout` says so.
const TIMED_OUT: i32 = 124;
