//! The thread that writes the log: chains the lines, adds them to the newest file, and syncs it at most a second later.
//!
//! MUST: a line is never written twice, and never in part with a line after it; what is lost is counted, and told by the
//! next line that can be written; the disk holds up nobody but this thread.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::chain::{Chain, Found, Link, Telling, Walk};
use super::files::Files;
use super::standing::{End, Standing};
use crate::clock::{Clock, Stopwatch};
use crate::ledger::{LogHead, Tag};
use crate::metrics::Metrics;

/// What the thread is told.
pub(super) enum Message {
    /// Write this JSON object. So many lines before it found no room in the queue.
    Line { object: String, lost: u64 },
    /// The store has told what it knows of the log.
    Look,
    /// Write and sync everything, and say so.
    Flush(oneshot::Sender<()>),
}

/// Writes what comes until nobody can send any more.
pub(super) fn write(
    log: (Files, Arc<Chain>, Arc<Standing>),
    (clock, metrics): (&dyn Clock, &Metrics),
    queue: &Receiver<Message>,
    tell: &dyn Fn(&str),
) {
    let mut writer = Writer::new(log, (clock, metrics), tell);
    let mut unsynced: Option<Stopwatch> = None;
    loop {
        let first = match unsynced {
            None => queue.recv().map_err(|_e| RecvTimeoutError::Disconnected),
            Some(since) => queue.recv_timeout(SYNC.saturating_sub(elapsed(since))),
        };
        match first {
            Ok(first) => {
                writer.take(std::iter::once(first).chain(queue.try_iter().take(BATCH)));
                let is_synced = writer.standing.unsynced() == 0;
                unsynced = if is_synced { None } else { unsynced.or_else(|| Some(Stopwatch::start())) };
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return writer.sync(),
        }
        if unsynced.is_some_and(|since| elapsed(since) >= SYNC) {
            writer.sync();
            unsynced = None;
        }
    }
}

fn elapsed(since: Stopwatch) -> Duration {
    Duration::from_micros(since.micros())
}

/// The log that is being written.
struct Writer<'w> {
    files: Files,
    chain: Arc<Chain>,
    standing: Arc<Standing>,
    clock: &'w dyn Clock,
    metrics: &'w Metrics,
    tell: &'w dyn Fn(&str),
    /// Where the log ended when this run of the daemon began, once it was found.
    found: Option<Link>,
    number: u64,
    /// Closed while nothing can be written: an open file keeps its file system from becoming read-only.
    file: Option<File>,
    length: u64,
    /// Whether nothing more may be added to this file.
    is_over: bool,
    last: Link,
    /// Lines that were lost and not yet told of.
    lost: u64,
    /// Whether it was told that nothing can be written.
    told: bool,
}

impl<'w> Writer<'w> {
    fn new(
        (files, chain, standing): (Files, Arc<Chain>, Arc<Standing>),
        (clock, metrics): (&'w dyn Clock, &'w Metrics),
        tell: &'w dyn Fn(&str),
    ) -> Self {
        let (found, last, file) = (None, Link::default(), None);
        let (number, length, lost) = (0, 0, 0);
        let (is_over, told) = (true, false);
        let mut writer = Self {
            files,
            chain,
            standing,
            clock,
            metrics,
            tell,
            found,
            number,
            file,
            length,
            is_over,
            last,
            lost,
            told,
        };
        if let Err(error) = writer.find() {
            writer.tell_once(&error);
        }
        writer
    }

    /// Finds where the log ends, and begins this run there. Whatever stands after its last good line is left where it is,
    /// and a new file begun.
    fn find(&mut self) -> io::Result<()> {
        self.files.prepare()?;
        let newest = self.files.numbers()?.last().copied();
        let ended = newest.map_or(Ok(Ended::default()), |newest| ended(&self.files, &self.chain, newest))?;
        if let Some(newest) = newest {
            (self.number, self.length, self.last) = (newest, ended.good, ended.last);
            self.is_over = !ended.is_clean;
        }
        self.found = Some(ended.last);
        self.standing.wrote(0, self.end());
        self.standing.synced(self.last);
        let after = match (newest, ended.was_stopped) {
            (None, _) => "nothing",
            (Some(_), true) => "stop",
            (Some(_), false) => "crash",
        };
        let version = env!("CARGO_PKG_VERSION");
        let start = self.event("start", &format!(",\"version\":\"{version}\",\"after\":\"{after}\""));
        self.standing.queued();
        self.write(&[(start, 0)]);
        Ok(())
    }

    fn take(&mut self, messages: impl Iterator<Item = Message>) {
        let (mut lines, mut waiting) = (Vec::new(), Vec::new());
        for message in messages {
            match message {
                Message::Line { object, lost } => lines.push((object, lost)),
                Message::Flush(done) => waiting.push(done),
                Message::Look => {}
            }
        }
        // What could not be found before may be found now.
        if self.found.is_none() && self.find().is_ok() {
            self.told = false;
        }
        let to_compare = self.standing.to_compare().zip(self.found);
        if let Some((known, found)) = to_compare
            && let Some(line) = self.compare(known, found)
        {
            self.standing.queued();
            lines.insert(0, (line, 0));
        }
        self.write(&lines);
        if !waiting.is_empty() || to_compare.is_some() {
            self.sync();
        }
        if to_compare.is_some() && self.standing.unsynced() == 0 && self.lost == 0 {
            self.standing.compared();
        }
        // Who does not wait any more needs no answer.
        for done in waiting {
            done.send(()).ok();
        }
    }

    /// What the store knew must be here. That it is not can be a crash's doing, or that of somebody who cut the log.
    fn compare(&self, known: LogHead, found: Link) -> Option<String> {
        match known.number.saturating_add(known.following).saturating_sub(found.number) {
            0 if self.tag_of(known.number).is_none_or(|tag| tag == known.tag) => None,
            0 => Some(self.event("replaced", "")),
            lines => Some(self.event("lost", &format!(",\"lines\":{lines}"))),
        }
    }

    /// The tag of a line, where it is in the newest file. The first line there bears the number of the one before it.
    fn tag_of(&self, number: u64) -> Option<Tag> {
        let mut lines = self.files.lines(self.number, 0).ok()??;
        lines.next().ok()??;
        while let Some(line) = lines.next().ok()? {
            if let Some(link) = Link::of(line).filter(|link| link.number == number) {
                return Some(link.tag);
            }
        }
        None
    }

    fn event(&self, event: &str, members: &str) -> String {
        format!("{{\"time\":{},\"event\":\"{event}\"{members}}}", self.clock.unix())
    }

    /// Adds lines. Those that the disk does not take are counted.
    fn write(&mut self, lines: &[(String, u64)]) {
        if lines.is_empty() {
            return;
        }
        let dropped = lines.iter().fold(0_u64, |sum, (_, lost)| sum.saturating_add(*lost));
        let count = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        self.lost = self.lost.saturating_add(dropped);
        match self.begin_where_needed().and_then(|()| self.add(lines)) {
            Ok(()) => {
                let told = std::mem::take(&mut self.lost);
                self.told = false;
                self.metrics.audit_written(count);
                self.standing.wrote(count.saturating_add(told), self.end());
            }
            Err(error) => {
                self.lost = self.lost.saturating_add(count);
                self.metrics.audit_lost(count);
                self.tell_once(&error);
            }
        }
    }

    fn add(&mut self, lines: &[(String, u64)]) -> io::Result<()> {
        let (mut link, mut text) = (self.last, String::new());
        if self.lost > 0 {
            text.push_str(&self.chain.line(&mut link, &self.event("lost", &format!(",\"lines\":{}", self.lost))));
        }
        for (object, _) in lines {
            text.push_str(&self.chain.line(&mut link, object));
        }
        self.append(&text)?;
        self.last = link;
        Ok(())
    }

    /// Adds text whole, or not at all: where it was added in part, the part is taken back, or this file is over.
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
        if self.found.is_none() {
            return Err(io::Error::other("its folder cannot be used"));
        }
        if !self.is_over && !self.files.is_full(self.length) {
            if self.file.is_none() {
                self.file = Some(self.files.append(self.number)?);
            }
            return Ok(());
        }
        // What the full file holds must outlive what the next one builds on.
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
        (self.number, self.last) = (number, link);
        // What cannot be removed now is removed with the next file.
        self.files.prune(number).ok();
        Ok(())
    }

    fn sync(&mut self) {
        let Some(file) = &self.file else { return };
        match file.sync_data() {
            Ok(()) => {
                // Somebody has taken the file away: nobody would read what goes into it from now on.
                if file.metadata().is_ok_and(|metadata| metadata.nlink() == 0) {
                    (self.file, self.is_over) = (None, true);
                }
                self.standing.synced(self.last);
            }
            Err(error) => {
                // What the disk holds of this file is not known: the next line begins another.
                (self.file, self.is_over) = (None, true);
                self.tell_once(&error);
            }
        }
    }

    fn end(&self) -> End {
        End { file: self.number, last: self.last }
    }

    fn tell_once(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.told, true) {
            (self.tell)(&format!("the audit log cannot be written: {error}; what is lost is counted"));
        }
    }
}

/// How a file ends.
#[derive(Default)]
struct Ended {
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

/// How late a line may be safe from a power cut.
const SYNC: Duration = Duration::from_secs(1);

/// Lines in one write, besides the first.
const BATCH: usize = 255;
