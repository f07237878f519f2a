//! The end of the log: the newest file, and the last line of the chain.
//!
//! MUST: lines are added whole, in their order, or not at all; what stands after the last good line is left where it is; a
//! file is only built upon when it is safe on the disk.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use super::chain::{Chain, Found, Link, Telling, Walk};
use super::files::Files;
use super::standing::End;
use crate::ledger::Tag;

/// Where lines are added.
pub(super) struct Tail {
    files: Files,
    chain: Arc<Chain>,
    number: u64,
    /// Closed while nothing can be written: an open file keeps its file system from becoming read-only.
    file: Option<File>,
    length: u64,
    /// The number of the last line before this file.
    before: u64,
    /// Whether nothing more may be added to this file.
    is_over: bool,
    last: Link,
}

impl Tail {
    /// Finds where the log ends, and how the run that wrote it did.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub(super) fn find(files: Files, chain: Arc<Chain>) -> io::Result<(Self, Before)> {
        files.prepare()?;
        let newest = files.numbers()?.last().copied();
        let ended = newest.map_or(Ok(Ended::default()), |newest| ended(&files, &chain, newest))?;
        let before = match (newest, ended.was_stopped) {
            (None, _) => Before::Nothing,
            (Some(_), true) => Before::Stop,
            (Some(_), false) => Before::Crash,
        };
        let Ended { first, last, good: length, is_clean, .. } = ended;
        let (number, file, is_over) = (newest.unwrap_or(0), None, !is_clean);
        Ok((Self { files, chain, number, file, length, before: first, is_over, last }, before))
    }

    /// Where it is.
    pub(super) const fn end(&self) -> End {
        End { file: self.number, last: self.last }
    }

    /// Adds JSON objects as lines.
    ///
    /// # Errors
    /// When the disk does not take them all: then it has none of them.
    pub(super) fn add<'o>(&mut self, objects: impl IntoIterator<Item = &'o str>) -> io::Result<()> {
        self.begin_where_needed()?;
        let (mut link, mut text) = (self.last, String::new());
        for object in objects {
            text.push_str(&self.chain.line(&mut link, object));
        }
        self.append(&text)?;
        self.last = link;
        Ok(())
    }

    /// Makes what was added safe from a power cut.
    ///
    /// # Errors
    /// When that is not known. Then the next lines begin another file.
    pub(super) fn sync(&mut self) -> io::Result<Synced> {
        let reopened;
        let file = match &self.file {
            Some(file) => file,
            None if self.is_over => return Ok(Synced::Nowhere),
            None => {
                reopened = self.files.append(self.number)?;
                &reopened
            }
        };
        let synced = file.sync_data();
        // Nobody would read what goes into a file that somebody has taken away.
        let is_gone = file.metadata().is_ok_and(|metadata| metadata.nlink() == 0);
        if synced.is_err() || is_gone {
            (self.file, self.is_over) = (None, true);
        }
        synced?;
        Ok(if is_gone { Synced::Gone { lines: self.last.number.saturating_sub(self.before) } } else { Synced::Safe })
    }

    /// The tag of a line, where it is in the newest file. The first line there bears the number of the one before it.
    pub(super) fn tag_of(&self, number: u64) -> Option<Tag> {
        let mut lines = self.files.lines(self.number, 0).ok()??;
        lines.next().ok()??;
        while let Some(line) = lines.next().ok()? {
            if let Some(link) = Link::of(line).filter(|link| link.number == number) {
                return Some(link.tag);
            }
        }
        None
    }

    /// Where text was added in part, the part is taken back, or this file is over.
    fn append(&mut self, text: &str) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Err(io::Error::other("the log has no file")) };
        if let Err(error) = file.write_all(text.as_bytes()) {
            self.is_over = file.set_len(self.length).is_err();
            self.file = None;
            return Err(error);
        }
        self.length = self.length.saturating_add(u64::try_from(text.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    fn begin_where_needed(&mut self) -> io::Result<()> {
        if !self.is_over && !self.files.is_full(self.length) {
            if self.file.is_none() {
                self.file = Some(self.files.append(self.number)?);
            }
            return Ok(());
        }
        if let Some(full) = &self.file {
            full.sync_data()?;
        }
        let number = self.number.saturating_add(1);
        let (file, mut link) = (self.files.append(number)?, self.last);
        // Of a try that failed.
        file.set_len(0)?;
        let head = self.chain.head_line(&mut link, number);
        (self.file, self.length) = (Some(file), 0);
        let begun = self.append(&head);
        // One without its first line is begun once more.
        self.is_over = begun.is_err();
        begun?;
        (self.number, self.last, self.before) = (number, link, link.number);
        // What cannot be removed now is removed with the next file.
        self.files.prune(number).ok();
        Ok(())
    }
}

/// What became of what was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Synced {
    /// It is safe.
    Safe,
    /// There is no file that it could be in.
    Nowhere,
    /// Somebody has taken the file away, with so many lines.
    Gone { lines: u64 },
}

/// How the run of the daemon before this one ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// There was none.
    Nothing,
    /// It was stopped.
    Stop,
    /// It was not.
    Crash,
}

impl Before {
    /// The word that a line has for it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Stop => "stop",
            Self::Crash => "crash",
        }
    }
}

/// How a file ends.
#[derive(Default)]
struct Ended {
    /// The number of the line before the file, as its first line says.
    first: u64,
    /// The last good line.
    last: Link,
    /// Where it ends, in bytes.
    good: u64,
    /// Whether nothing stands after it.
    is_clean: bool,
    was_stopped: bool,
}

fn ended(files: &Files, chain: &Chain, newest: u64) -> io::Result<Ended> {
    let mut ended = Ended::default();
    let mut walk = Walk::default();
    let Some(mut lines) = files.lines(newest, 0)? else { return Ok(ended) };
    while let Some(line) = lines.next()? {
        let found = walk.pass(chain, line);
        let end = lines.offset();
        ended.is_clean = matches!(found, Found::Good(_));
        if let (Found::Good(telling), Some(last)) = (found, walk.last) {
            if ended.good == 0 {
                ended.first = last.number;
            }
            ended.was_stopped = telling == Telling::Stopped;
            (ended.last, ended.good) = (last, end);
        }
    }
    if ended.good == 0 {
        // A file whose first line was never written: the one before it has the end.
        ended.last =
            files.line_before(newest.saturating_sub(1), None)?.and_then(|line| Link::of(&line)).unwrap_or_default();
    }
    Ok(ended)
}
