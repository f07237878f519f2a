//! Reads the log for an administrator, page by page, and verifies it where that is asked for.
//!
//! MUST: a page fits an answer, and costs bounded time; what is said to be whole was seen whole, to the end that the writer
//! knows of.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::HEXLOWER;
use mfad_proto::{AccountName, LogFault, LogFilter, LogFinding, LogLine, LogPage, LogPlace, Realm};
use serde::Deserialize;

use super::chain::{Chain, Found, Link, Stored, Telling, Walk};
use super::files::{Files, is_unfinished};
use super::standing::{End, Standing};
use crate::names::NameHasher;

/// What is asked for.
pub(crate) struct Query {
    /// Where the page before ended.
    pub(crate) after: Option<LogPlace>,
    /// Which lines.
    pub(crate) filter: LogFilter,
    /// Whether to look for what is wrong with the log, instead of lines.
    pub(crate) verify: bool,
}

/// Reads the log.
pub(crate) struct Reader {
    files: Files,
    chain: Arc<Chain>,
    names: NameHasher,
    standing: Arc<Standing>,
}

impl Reader {
    pub(super) const fn new(files: Files, chain: Arc<Chain>, names: NameHasher, standing: Arc<Standing>) -> Self {
        Self { files, chain, names, standing }
    }

    /// Reads a page. It waits for the disk.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) fn page(&self, query: &Query) -> io::Result<LogPage> {
        // Taken first: whatever is written later is not missed.
        let end = self.standing.written();
        let oldest = self.files.numbers()?.first().copied().unwrap_or(end.file);
        let must_be = self.files.oldest(end.file);
        let start = query.after.unwrap_or(LogPlace { file: oldest.min(must_be), offset: 0 });
        let mut turner = Turner { reader: self, query, end, page: Page::default(), walk: Walk::default() };
        if query.verify {
            turner.walk.last = self.link_before(start)?;
        }
        turner.turn(start)?;
        Ok(turner.page.end())
    }

    /// The number of the last line that is there, by its own word.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(super) fn last(&self) -> io::Result<u64> {
        let newest = self.files.numbers()?.last().copied().unwrap_or(0);
        let line = self.files.line_before(newest, None)?;
        Ok(line.and_then(|line| Link::of(&line)).map_or(0, |last| last.number))
    }

    /// The line before a place.
    fn link_before(&self, place: LogPlace) -> io::Result<Option<Link>> {
        let line = match place.offset {
            0 => self.files.line_before(place.file.saturating_sub(1), None)?,
            offset => self.files.line_before(place.file, Some(offset))?,
        };
        Ok(line.and_then(|line| Link::of(&line)))
    }

    fn is_asked_for(&self, filter: &LogFilter, object: &str) -> bool {
        let Ok(seen) = serde_json::from_str::<Seen>(object) else {
            // Lines are JSON. That this is none, verifying finds.
            return false;
        };
        let is_user = |user: &mfad_proto::UserName| {
            let of_realm = seen.realm.as_deref().and_then(Realm::new);
            let hash = |realm| short(&self.names.hash(&AccountName { realm, user: user.clone() }));
            seen.user.as_deref() == Some(user.as_str())
                || seen.user_hash.is_some() && seen.user_hash == of_realm.map(hash)
        };
        filter.realm.as_ref().is_none_or(|realm| seen.realm.as_deref() == Some(realm.as_str()))
            && filter.user.as_ref().is_none_or(is_user)
            && filter.since.is_none_or(|since| seen.time >= since)
            && filter.until.is_none_or(|until| seen.time < until)
            && filter.outcome.as_ref().is_none_or(|outcome| seen.outcome.as_deref() == Some(outcome.as_str()))
    }
}

/// The form in which the hash of a name stands in a line.
pub(crate) fn short(hash: &[u8; 32]) -> String {
    HEXLOWER.encode(hash.first_chunk::<8>().map_or(&[], |short| short.as_slice()))
}

/// What a filter looks at.
#[derive(Deserialize)]
struct Seen {
    #[serde(default)]
    time: u64,
    realm: Option<String>,
    user: Option<String>,
    user_hash: Option<String>,
    outcome: Option<String>,
}

/// Fills one page.
struct Turner<'r> {
    reader: &'r Reader,
    query: &'r Query,
    end: End,
    page: Page,
    walk: Walk,
}

impl Turner<'_> {
    fn turn(&mut self, start: LogPlace) -> io::Result<()> {
        let mut place = start;
        loop {
            match self.file(place)? {
                Some(full) => {
                    self.page.next = Some(full);
                    return Ok(());
                }
                None if place.file >= self.end.file => break,
                None => place = LogPlace { file: place.file.saturating_add(1), offset: 0 },
            }
        }
        if self.query.verify {
            self.judge_end();
        }
        Ok(())
    }

    /// Passes a file from a place on. Where the page is full, it returns the place to go on at.
    fn file(&mut self, place: LogPlace) -> io::Result<Option<LogPlace>> {
        let LogPlace { file, offset } = place;
        let Some(mut lines) = self.reader.files.lines(file, offset)? else {
            if file > 0 && file >= self.reader.files.oldest(self.end.file) {
                self.find(file, 0, LogFault::NoFile);
            }
            return Ok(None);
        };
        loop {
            let here = LogPlace { file, offset: lines.offset() };
            if self.page.is_full() {
                return Ok(Some(here));
            }
            let Some(line) = lines.next()? else { return Ok(None) };
            if is_unfinished(line) && file >= self.end.file && self.is_being_written(here)? {
                return Ok(None);
            }
            if !self.line(file, line) {
                return Ok(Some(here));
            }
        }
    }

    /// Whether what has no end yet gets one soon: the writer may be at it.
    #[expect(clippy::disallowed_methods, reason = "this thread may wait, and the writer says nothing when it is done")]
    fn is_being_written(&self, place: LogPlace) -> io::Result<bool> {
        for _ in 0..PATIENCE {
            std::thread::sleep(Duration::from_millis(1));
            let Some(mut lines) = self.reader.files.lines(place.file, place.offset)? else { return Ok(false) };
            if lines.next()?.is_none_or(|line| !is_unfinished(line)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Passes a line; `false` when the page has no room for it.
    fn line(&mut self, file: u64, line: &[u8]) -> bool {
        if !self.query.verify {
            let object = Stored::parse(line).and_then(|stored| stored.object());
            let shown = object.filter(|object| self.reader.is_asked_for(&self.query.filter, object));
            if let Some(shown) = shown.and_then(|object| LogLine::new(&object)) {
                if !self.page.has_room_for(&shown) {
                    return false;
                }
                self.page.lines.push(shown);
            }
        }
        self.page.passed = self.page.passed.saturating_add(1);
        self.page.bytes = self.page.bytes.saturating_add(line.len());
        if self.query.verify {
            let found = self.walk.pass(&self.reader.chain, line);
            let number = self.walk.last.map_or(0, |last| last.number);
            match found {
                Found::Good(Telling::Nothing | Telling::Stopped) => {}
                Found::Good(Telling::Lost(lines)) => self.find(file, number, LogFault::Lost { lines }),
                Found::Good(Telling::Crashed) => self.find(file, number, LogFault::Crashed),
                Found::Good(Telling::Replaced) | Found::Changed => self.find(file, number, LogFault::Changed),
                Found::Missing(lines) => self.find(file, number, LogFault::Missing { lines }),
            }
        }
        true
    }

    fn judge_end(&mut self) {
        let (seen, End { file, last }) = (self.walk.last.unwrap_or_default(), self.end);
        match last.number.saturating_sub(seen.number) {
            0 if seen.number == last.number && seen.tag != last.tag => self.find(file, last.number, LogFault::Changed),
            0 => {}
            lines => self.find(file, seen.number, LogFault::Cut { lines }),
        }
    }

    fn find(&mut self, file: u64, line: u64, fault: LogFault) {
        self.page.findings.push(LogFinding { file, line, fault });
    }
}

/// A page that is being filled.
#[derive(Default)]
struct Page {
    lines: Vec<LogLine>,
    findings: Vec<LogFinding>,
    passed: u32,
    bytes: usize,
    next: Option<LogPlace>,
}

impl Page {
    fn used(&self) -> usize {
        let lines: usize = self.lines.iter().map(|line| line.as_str().len().saturating_add(LENGTH)).sum();
        lines.saturating_add(self.findings.len().saturating_mul(FINDING))
    }

    fn has_room_for(&self, line: &LogLine) -> bool {
        self.used().saturating_add(line.as_str().len()) <= ROOM
    }

    /// Whether it has no room for a line's finding, or has cost enough.
    fn is_full(&self) -> bool {
        self.bytes >= WORK || self.used() > ROOM || self.findings.len() >= MOST_FINDINGS
    }

    fn end(self) -> LogPage {
        let Self { lines, findings, passed, next, .. } = self;
        LogPage { lines, findings, passed, next }
    }
}

/// Bytes of an answer that lines and findings may take. The rest holds the answer's other fields, and the findings that
/// come with the last line and the end.
const ROOM: usize = 3700;

/// Bytes of a line's length in an answer.
const LENGTH: usize = 3;

/// Bytes of a finding in an answer, at most.
const FINDING: usize = 28;

/// Findings on a page, besides those that come with its last line and the end.
const MOST_FINDINGS: usize = 64;

/// Bytes of the log that are read for a page.
const WORK: usize = 512 * 1024;

/// Milliseconds that a line may take to be written to its end.
const PATIENCE: u32 = 50;
