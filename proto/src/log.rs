//! The audit log as an administrator reads it.

use std::fmt;

use bincode::de::Decoder;
use bincode::error::DecodeError;
use bincode::{Decode, Encode, impl_borrow_decode};

use crate::account::{Realm, UserName};
use crate::text::{Label, judged_text};

/// Which lines are asked for: those that everything given fits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub struct LogFilter {
    /// About accounts of this realm, or the realm itself.
    pub realm: Option<Realm>,
    /// About this user.
    pub user: Option<UserName>,
    /// Not before this moment, in Unix seconds.
    pub since: Option<u64>,
    /// Before this moment, in Unix seconds.
    pub until: Option<u64>,
    /// With this outcome.
    pub outcome: Option<Label>,
}

/// What the line of a request says of its answer: the words of refusals, and those of the others.
pub const OUTCOMES: [&str; 15] = [
    "answered",
    "accepted",
    "denied",
    "try_later",
    "enrollment_required",
    "not_permitted",
    "unavailable",
    "malformed",
    "unsupported",
    "going_away",
    "enrollment_begun",
    "enrolled",
    "imported",
    "issued",
    "done",
];

/// A place in the log, for the next page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct LogPlace {
    /// The number of the file.
    pub file: u64,
    /// A place in it, in bytes.
    pub offset: u64,
}

/// Some lines of the log, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct LogPage {
    /// Those that were asked for; none when verifying was. There may be none although there are more to come.
    pub lines: Vec<LogLine>,
    /// What is wrong with the lines that were passed, when verifying was asked for.
    pub findings: Vec<LogFinding>,
    /// How many lines were passed, those that were not asked for included.
    pub passed: u32,
    /// Where the next page begins: `after` of the next `Audit`; `None` at the end of the log.
    pub next: Option<LogPlace>,
}

/// One line: a JSON object of at most [`LogLine::MAX`] bytes.
#[derive(Debug, Clone, PartialEq, Eq, Encode)]
pub struct LogLine(String);

impl LogLine {
    /// The longest line, in bytes.
    pub const MAX: usize = 3072;

    /// `None` when the text is longer than [`Self::MAX`] or has a line break.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        (text.len() <= Self::MAX && !text.contains('\n')).then(|| Self(text.to_owned()))
    }
}

judged_text!(LogLine, "log line too long");

/// Something that is wrong with the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct LogFinding {
    /// The number of the file.
    pub file: u64,
    /// The running number of the line there, as far as that is known; 0 for the file as a whole.
    pub line: u64,
    /// What is wrong there.
    pub fault: LogFault,
}

impl fmt::Display for LogFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, fault } = *self;
        write!(f, "audit/{file}: ")?;
        match fault {
            LogFault::Changed => write!(f, "line {line} is not what was written there"),
            LogFault::Missing { lines } => write!(f, "{} missing before line {line}", are(lines)),
            LogFault::Lost { lines } => write!(
                f,
                "line {line} tells of a loss of {}, in a crash, by a full disk, or because somebody cut the log",
                counted(lines)
            ),
            LogFault::Crashed => write!(f, "before line {line} mfad was not stopped: its last lines may be missing"),
            LogFault::Cut { lines } => write!(f, "the end is missing, {} after line {line}", counted(lines)),
            LogFault::NoFile => f.write_str("the file is not there"),
        }
    }
}

fn counted(lines: u64) -> String {
    if lines == 1 { "1 line".to_owned() } else { format!("{lines} lines") }
}

fn are(lines: u64) -> String {
    format!("{} {}", counted(lines), if lines == 1 { "is" } else { "are" })
}

/// What can be wrong with a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum LogFault {
    /// The line is not what was written there.
    Changed,
    /// Lines that were written before this one are not here.
    Missing {
        /// How many.
        lines: u64,
    },
    /// Lines were lost, as the server noted itself: in a crash or a power cut, because the disk took no more, or because
    /// somebody cut them off while the server was stopped.
    Lost {
        /// How many.
        lines: u64,
    },
    /// The server ended without having been stopped: lines of its last moments may be missing.
    Crashed,
    /// The end of the log is not here.
    Cut {
        /// How many lines are missing at least.
        lines: u64,
    },
    /// The file is not there.
    NoFile,
}
