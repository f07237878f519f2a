//! A look at a log that nobody writes: is it whole, up to what the store knows of it?

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use mfad_proto::{LogFault, LogFilter, LogFinding};

use super::chain::{Chain, Link};
use super::files::{Files, Limits};
use super::reader::{Query, Reader};
use super::standing::{End, Standing};
use crate::keyring::Keyring;
use crate::ledger::LogHead;
use crate::locked;
use crate::names::NameHasher;

/// What was found.
#[derive(Debug, Default)]
pub struct Inspection {
    /// Lines of the log, with the first lines of its files.
    pub lines: u64,
    /// What is wrong with it, as far as so many fit; that the daemon crashed is nothing wrong.
    pub findings: Vec<LogFinding>,
}

/// Looks at every line of the log in this folder, and changes nothing.
///
/// # Errors
/// When it cannot be read.
pub fn inspect(folder: PathBuf, limits: Limits, keyring: &Keyring, known: LogHead) -> Result<Inspection, Error> {
    let (chain, names) =
        (Chain::new(keyring).map_err(Error::Memory)?, NameHasher::new(keyring).map_err(Error::Memory)?);
    let (files, standing) = (Files::new(folder, limits), Arc::<Standing>::default());
    let newest = files.numbers().map_err(Error::Io)?.last().copied().unwrap_or(0);
    let LogHead { number, tag, following } = known;
    standing.wrote(0, End { file: newest, last: Link { number, tag } });
    let reader = Reader::new(files, Arc::new(chain), names, standing);
    let mut found = Inspection::default();
    let mut query = Query { after: None, filter: LogFilter::default(), verify: true };
    loop {
        let page = reader.page(&query).map_err(Error::Io)?;
        found.lines = found.lines.saturating_add(page.passed.into());
        let faults = page.findings.into_iter().filter(|finding| !matches!(finding.fault, LogFault::Crashed));
        found.findings.extend(faults.take(MOST.saturating_sub(found.findings.len())));
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    let last = reader.last().map_err(Error::Io)?;
    let lines = number.saturating_add(following).saturating_sub(last.max(number));
    if lines > 0 {
        found.findings.push(LogFinding { file: newest, line: last, fault: LogFault::Lost { lines } });
    }
    Ok(found)
}

/// Why a log was not looked at.
#[derive(Debug)]
pub enum Error {
    /// There is no memory to keep keys in.
    Memory(locked::Error),
    /// It cannot be read.
    Io(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the audit log cannot be judged")
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Memory(error) => Some(error),
            Self::Io(error) => Some(error),
        }
    }
}

/// Findings that are kept.
const MOST: usize = 20;
