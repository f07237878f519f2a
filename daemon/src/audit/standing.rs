//! How the log stands, for those who write the store, read the log, or count.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::chain::Link;
use crate::ledger::LogHead;

/// Shared by the log's writer and everybody else. Without a log it stands still.
pub struct Standing {
    /// The end of what is written.
    written: Mutex<End>,
    /// The end of what a power cut cannot take any more.
    synced: watch::Sender<Link>,
    /// Lines that wait to be written, or to be told of as lost.
    waiting: AtomicU64,
    /// What the store knew of the log when it was opened, until that was compared.
    known: Mutex<Known>,
}

/// What the store knew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Known {
    /// It was not opened yet.
    #[default]
    Nothing,
    /// This, and nobody has looked at it.
    Told(LogHead),
    /// What is missing was told of, durably.
    Compared,
}

/// Where the log ends.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct End {
    /// The number of the newest file.
    pub(super) file: u64,
    /// Its last line.
    pub(super) last: Link,
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            written: Mutex::default(),
            synced: watch::Sender::new(Link::default()),
            waiting: AtomicU64::new(0),
            known: Mutex::default(),
        }
    }
}

impl Standing {
    /// What a batch of the store notes of the log: the last line that is safe, and how many follow it. `None` while it is to
    /// keep what it has noted: before that was compared with the log, what is missing would never be told.
    #[must_use]
    pub fn head(&self) -> Option<LogHead> {
        (*self.known() == Known::Compared).then(|| {
            let Link { number, tag } = *self.synced.borrow();
            let waiting = self.waiting.load(Ordering::Acquire);
            LogHead { number, tag, following: self.unsynced().saturating_add(waiting) }
        })
    }

    /// Says what the store knew of the log when it was opened. Only the first word counts.
    pub(super) fn tell(&self, head: LogHead) {
        let mut known = self.known();
        if *known == Known::Nothing {
            *known = Known::Told(head);
        }
    }

    /// What is still to be compared.
    pub(super) fn to_compare(&self) -> Option<LogHead> {
        match *self.known() {
            Known::Told(head) => Some(head),
            Known::Nothing | Known::Compared => None,
        }
    }

    pub(super) fn compared(&self) {
        *self.known() = Known::Compared;
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lines that are written and not yet safe.
    pub(super) fn unsynced(&self) -> u64 {
        let synced = self.synced.borrow().number;
        self.written().last.number.saturating_sub(synced)
    }

    /// Resolves when there are new lines that are safe. Whoever waits again is told only of later ones.
    pub(crate) fn watch(&self) -> Advance {
        Advance(self.synced.subscribe())
    }

    pub(super) fn written(&self) -> End {
        *self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn queued(&self) {
        self.waiting.fetch_add(1, Ordering::AcqRel);
    }

    /// Says that so many lines which were written are gone, and are still to be told of.
    pub(super) fn owes(&self, lines: u64) {
        self.waiting.fetch_add(lines, Ordering::AcqRel);
    }

    /// Says that so many of those that waited are written, or lost, and where the log ends.
    pub(super) fn wrote(&self, lines: u64, end: End) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        *written = end;
        self.waiting.fetch_sub(lines, Ordering::AcqRel);
    }

    pub(super) fn synced(&self, last: Link) {
        self.synced.send_if_modified(|synced| std::mem::replace(synced, last) != last);
    }
}

/// Waits for lines to be safe.
pub(crate) struct Advance(watch::Receiver<Link>);

impl Advance {
    pub(crate) async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending().await
        }
    }
}
