//! The thread that writes the log: adds lines to its end, and makes them safe at most a second later.
//!
//! MUST: what is lost is counted, and told by the next line that can be written; the disk holds up nobody but this thread.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::chain::{Chain, Link};
use super::files::Files;
use super::standing::Standing;
use super::tail::{Synced, Tail};
use crate::clock::{Clock, Stopwatch};
use crate::ledger::LogHead;
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
    let (files, chain, standing) = log;
    let mut writer =
        Writer { place: (files, chain), standing, clock, metrics, tell, opened: None, lost: 0, told: false };
    writer.open();
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

struct Writer<'w> {
    place: (Files, Arc<Chain>),
    standing: Arc<Standing>,
    clock: &'w dyn Clock,
    metrics: &'w Metrics,
    tell: &'w dyn Fn(&str),
    /// The log, as soon as its folder can be used.
    opened: Option<Opened>,
    /// Lines that were lost and not yet told of.
    lost: u64,
    /// Whether it was told that nothing can be written.
    told: bool,
}

struct Opened {
    tail: Tail,
    /// Where the log ended when this run of the daemon began.
    found: Link,
}

impl Writer<'_> {
    fn open(&mut self) {
        let (files, chain) = self.place.clone();
        match Tail::find(files, chain) {
            Ok((tail, before)) => {
                let found = tail.end().last;
                self.standing.wrote(0, tail.end());
                self.standing.synced(found);
                self.opened = Some(Opened { tail, found });
                let (version, before) = (env!("CARGO_PKG_VERSION"), before.as_str());
                let start = self.event("start", &format!(",\"version\":\"{version}\",\"after\":\"{before}\""));
                self.standing.queued();
                self.write(&[start], 0);
            }
            Err(error) => self.tell_once(&error),
        }
    }

    fn take(&mut self, messages: impl Iterator<Item = Message>) {
        let (mut objects, mut dropped, mut waiting) = (Vec::new(), 0_u64, Vec::new());
        for message in messages {
            match message {
                Message::Line { object, lost } => {
                    objects.push(object);
                    dropped = dropped.saturating_add(lost);
                }
                Message::Flush(done) => waiting.push(done),
                Message::Look => {}
            }
        }
        if self.opened.is_none() {
            self.open();
        }
        let compares = self.compare(&mut objects);
        self.write(&objects, dropped);
        if compares || !waiting.is_empty() {
            self.sync();
        }
        if compares && self.standing.unsynced() == 0 && self.lost == 0 {
            self.standing.compared();
        }
        for done in waiting {
            // Who does not wait any more needs no answer.
            done.send(()).ok();
        }
    }

    /// What the store knew must be here, or a line says first that it is not: a crash may have taken it, or somebody who cut
    /// the log. Says whether there was anything to compare.
    fn compare(&self, objects: &mut Vec<String>) -> bool {
        let Some((known, Opened { tail, found })) = self.standing.to_compare().zip(self.opened.as_ref()) else {
            return false;
        };
        let LogHead { number, tag, following } = known;
        let line = match number.saturating_add(following).saturating_sub(found.number) {
            0 if tail.tag_of(number).is_none_or(|there| there == tag) => return true,
            0 => self.event("replaced", ""),
            lines => self.event("lost", &format!(",\"lines\":{lines}")),
        };
        self.standing.queued();
        objects.insert(0, line);
        true
    }

    fn event(&self, event: &str, members: &str) -> String {
        format!("{{\"time\":{},\"event\":\"{event}\"{members}}}", self.clock.unix())
    }

    /// Adds lines, after one that tells of those that were lost. Those that the disk does not take are counted; so are
    /// those that found no room in the queue.
    fn write(&mut self, objects: &[String], dropped: u64) {
        if objects.is_empty() {
            return;
        }
        self.lost = self.lost.saturating_add(dropped);
        let count = u64::try_from(objects.len()).unwrap_or(u64::MAX);
        let loss = (self.lost > 0).then(|| self.event("lost", &format!(",\"lines\":{}", self.lost)));
        let lines = loss.iter().chain(objects).map(String::as_str);
        let added = match &mut self.opened {
            Some(opened) => opened.tail.add(lines).map(|()| opened.tail.end()),
            None => Err(io::Error::other("its folder cannot be used")),
        };
        match added {
            Ok(end) => {
                let told = std::mem::take(&mut self.lost);
                self.told = false;
                self.metrics.audit_written(count);
                self.standing.wrote(count.saturating_add(told), end);
            }
            Err(error) => {
                self.lose(count);
                self.tell_once(&error);
            }
        }
    }

    fn sync(&mut self) {
        let Some(Opened { tail, .. }) = &mut self.opened else { return };
        match tail.sync() {
            Ok(Synced::Safe) => self.standing.synced(tail.end().last),
            Ok(Synced::Nowhere) => {}
            Ok(Synced::Gone { lines }) => {
                self.standing.synced(tail.end().last);
                self.standing.owes(lines);
                self.lose(lines);
                (self.tell)(&format!("somebody has taken a file of the audit log away, with {lines} lines"));
            }
            Err(error) => self.tell_once(&error),
        }
    }

    /// The next line that can be written tells of these.
    fn lose(&mut self, lines: u64) {
        self.lost = self.lost.saturating_add(lines);
        self.metrics.audit_lost(lines);
    }

    fn tell_once(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.told, true) {
            (self.tell)(&format!("the audit log cannot be written: {error}; what is lost is counted"));
        }
    }
}

/// How late a line may be safe from a power cut.
const SYNC: Duration = Duration::from_secs(1);

/// Lines in one write, besides the first.
const BATCH: usize = 255;
