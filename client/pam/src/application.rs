//! The program that somebody logs in through, as far as PAM lets the module reach it.

use zeroize::Zeroizing;

/// What a person has typed.
pub(crate) type Typed = Zeroizing<Vec<u8>>;

/// The program, and the person before it.
pub(crate) trait Application {
    /// Who logs in. The program may ask for the name.
    fn user(&mut self) -> Result<Vec<u8>, Aborted>;

    /// What the program says of the login; empty when it says nothing.
    fn item(&self, item: Item) -> String;

    /// What a module before this one has asked for: mostly the password.
    fn password(&self) -> Option<Typed>;

    /// Leaves the password to the modules after this one.
    fn leave_password(&mut self, password: &[u8]) -> Result<(), Aborted>;

    /// Shows lines. Some programs show them only with the next question.
    fn show(&mut self, lines: &[&str]) -> Result<(), Aborted>;

    /// Tells what went wrong, or should be known. Whether it is shown changes nothing.
    fn warn(&mut self, line: &str);

    /// Asks a question.
    fn ask(&mut self, question: &str, echo: Echo) -> Result<Typed, Aborted>;

    /// Writes a line to the system's log.
    fn log(&self, severity: Severity, line: &str);
}

/// The conversation has failed, or the person has broken it off.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Aborted;

/// What a program says of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Item {
    Service,
    /// The name as far as it is known: nobody is asked for it.
    User,
    RemoteHost,
    Terminal,
}

/// Whether an answer can be seen while it is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Echo {
    On,
    Off,
}

/// How much a line of the log matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    Alert,
    Error,
    Notice,
    Debug,
}
