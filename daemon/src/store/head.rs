//! Keeps the file `head` at the newest durable sequence: never ahead of it, and at most one second behind.
//!
//! It has a thread of its own, so that its two syncs delay no commit.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::watch;

use super::commit::note;
use super::{Error, Failure};
use crate::home::Home;
use crate::ledger::Ledger;

/// Tells the thread that writes the file what is durable. Dropping it writes the last word.
pub(super) struct HeadKeeper {
    written: Arc<AtomicU64>,
    newest: Arc<AtomicU64>,
    /// Rung when there is something newer. One ring waits at most: what counts is the newest.
    bell: Option<SyncSender<()>>,
    /// Closed to end a rest early.
    awake: Option<Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl HeadKeeper {
    /// Starts the thread; the file holds `written` already.
    pub(super) fn start(
        home: Arc<dyn Home>,
        ledger: Arc<Ledger>,
        written: u64,
        failure: watch::Sender<Option<Failure>>,
    ) -> Result<Self, Error> {
        let (newest, written) = (Arc::new(AtomicU64::new(written)), Arc::new(AtomicU64::new(written)));
        let (bell, rings) = sync_channel(1);
        let (awake, closing) = channel();
        let pen = Pen { home, ledger, newest: Arc::clone(&newest), written: Arc::clone(&written) };
        let follow = move || {
            if let Err(error) = pen.follow(&rings, &closing) {
                note(&failure, Failure::of(&error));
            }
        };
        let thread = thread::Builder::new().name("head".to_owned()).spawn(follow)?;
        Ok(Self { written, newest, bell: Some(bell), awake: Some(awake), thread: Some(thread) })
    }

    /// The sequence that the file holds.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    /// Says that a sequence is durable.
    pub(super) fn advance(&self, sequence: u64) {
        self.newest.store(sequence, Ordering::Release);
        if let Some(bell) = &self.bell {
            // A bell that rings already is enough; a thread that has ended has told why.
            bell.try_send(()).ok();
        }
    }
}

impl Drop for HeadKeeper {
    fn drop(&mut self) {
        drop((self.bell.take(), self.awake.take()));
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

struct Pen {
    home: Arc<dyn Home>,
    ledger: Arc<Ledger>,
    newest: Arc<AtomicU64>,
    written: Arc<AtomicU64>,
}

impl Pen {
    /// Writes what is new at once, and then rests, so that a busy server writes about once a second.
    fn follow(&self, rings: &Receiver<()>, closing: &Receiver<Infallible>) -> Result<(), Error> {
        while rings.recv().is_ok() {
            self.write()?;
            match closing.recv_timeout(REST) {
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Ok(never) => match never {},
            }
        }
        self.write()
    }

    fn write(&self) -> Result<(), Error> {
        let sequence = self.newest.load(Ordering::Acquire);
        if sequence == self.written.load(Ordering::Acquire) {
            return Ok(());
        }
        let sealed = self.ledger.seal_head(sequence).map_err(|error| Error::Io(error.into()))?;
        self.home.write_head(&sealed)?;
        self.written.store(sequence, Ordering::Release);
        Ok(())
    }
}

/// With the two syncs of a write, less than the second that the file may be late.
const REST: Duration = Duration::from_millis(800);
