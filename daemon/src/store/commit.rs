//! The one writer: collects the changes that wait, commits them as one batch with a new mark, and only then answers.
//!
//! MUST: nobody hears of success before the batch is durable; after one failed commit nothing is written any more. A
//! change that comes alone does not wait for others: a batch is whatever has gathered while the last one was written.

use std::collections::HashMap;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::thread::{self, JoinHandle};

use tokio::sync::{oneshot, watch};

use super::head::HeadKeeper;
use super::{Change, Entry, Error, Failure, Store};
use crate::audit::Standing;
use crate::backup::{Overlay, Snapshot};
use crate::clock::Stopwatch;
use crate::home::Home;
use crate::ledger::{Ledger, MARK_KEY, Mark};
use crate::metrics::Metrics;
use crate::proof::{Known, Proven};

/// Hands changes to the writer, and reads what was written.
pub struct Committer {
    store: Arc<dyn Store>,
    writer: Writer,
    known: Arc<RwLock<Known>>,
    failure: watch::Sender<Option<Failure>>,
}

impl Committer {
    /// Starts the writer of a proven store, and shows with a first empty batch that it can write. A store that never
    /// waits is written in place, without a thread.
    ///
    /// # Errors
    /// When no thread can be started, or the first batch fails.
    pub fn start(
        store: Arc<dyn Store>,
        home: Arc<dyn Home>,
        (ledger, log): (Arc<Ledger>, Arc<Standing>),
        proven: Proven,
        metrics: Arc<Metrics>,
    ) -> Result<Self, Error> {
        let failure = watch::Sender::new(None);
        let known = Arc::new(RwLock::new(proven.known));
        let head = HeadKeeper::start(home, Arc::clone(&ledger), proven.head, failure.clone())?;
        let mut scribe = Scribe {
            store: Arc::clone(&store),
            ledger,
            log,
            mark: proven.mark,
            known: Arc::clone(&known),
            head,
            overlay: Weak::new(),
            metrics,
        };
        scribe.commit(Vec::new())?;
        let writer = if store.waits() {
            Writer::start(scribe, failure.clone())?
        } else {
            Writer::InPlace(Box::new(Mutex::new(scribe)))
        };
        Ok(Self { store, writer, known, failure })
    }

    /// The value of a key, as it was last committed or is being committed.
    ///
    /// # Errors
    /// As [`Store::get`]; [`Error::Stopped`] after a failure; [`Error::Damaged`] when a record is not there that was.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        if self.failure.borrow().is_some() {
            return Err(Error::Stopped);
        }
        let found = self.store.get(key);
        match found {
            Ok(None) if self.known.read().unwrap_or_else(PoisonError::into_inner).contains(key) => {
                self.fail(Failure::Damaged("a record that was there is gone from the store".to_owned()));
                Err(Error::Damaged("a record that was there is gone"))
            }
            Ok(value) => Ok(value),
            Err(error) => {
                self.fail(Failure::Damaged("a record cannot be read from the store".to_owned()));
                Err(error)
            }
        }
    }

    /// The first values above a key, at most `most` of them.
    ///
    /// # Errors
    /// As [`Store::page`]; [`Error::Stopped`] after a failure.
    pub fn page(&self, above: &[u8], most: usize) -> Result<Vec<Entry>, Error> {
        if self.failure.borrow().is_some() {
            return Err(Error::Stopped);
        }
        self.store.page(above, most).inspect_err(|_error| {
            self.fail(Failure::Damaged("the records cannot be listed".to_owned()));
        })
    }

    /// How many records there are.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.known.read().unwrap_or_else(PoisonError::into_inner).count()
    }

    /// How many of them are of accounts.
    #[must_use]
    pub fn accounts(&self) -> u64 {
        self.known.read().unwrap_or_else(PoisonError::into_inner).accounts()
    }

    /// Writes a value and returns when it is durable. It is written even when the caller stops waiting.
    ///
    /// # Errors
    /// [`Error::Stopped`] when this or an earlier commit failed.
    pub async fn put(&self, key: Vec<u8>, value: Vec<u8>) -> Result<(), Error> {
        self.apply(vec![(key, Some(value))]).await
    }

    /// Makes these changes, all or none of them, and returns when they are durable, as [`Self::put`] does.
    ///
    /// # Errors
    /// [`Error::Stopped`] when this or an earlier commit failed.
    pub async fn apply(&self, changes: Vec<Change>) -> Result<(), Error> {
        self.write(changes).await
    }

    /// Writes a batch that changes nothing but what it notes of the audit log.
    ///
    /// # Errors
    /// [`Error::Stopped`] when this or an earlier commit failed.
    pub async fn note_log(&self) -> Result<(), Error> {
        self.write(Vec::new()).await
    }

    async fn write(&self, changes: Vec<Change>) -> Result<(), Error> {
        if self.failure.borrow().is_some() {
            return Err(Error::Stopped);
        }
        match &self.writer {
            Writer::InPlace(scribe) => {
                let committed = scribe.lock().unwrap_or_else(PoisonError::into_inner).commit(changes);
                committed.map_err(|error| {
                    self.fail(Failure::of(&error));
                    Error::Stopped
                })
            }
            Writer::Thread { jobs, .. } => {
                let (done, durable) = oneshot::channel();
                let jobs = jobs.as_ref().ok_or(Error::Stopped)?;
                jobs.send(Job::Write(changes, done)).map_err(|_e| Error::Stopped)?;
                durable.await.map_err(|_e| Error::Stopped)
            }
        }
    }

    /// Returns when the writer has taken an empty message from its queue and answered, and writes nothing; at once where
    /// it has ended.
    pub async fn answers(&self) {
        if let Writer::Thread { jobs: Some(jobs), .. } = &self.writer {
            let (done, answered) = oneshot::channel();
            if jobs.send(Job::Answer(done)).is_ok() {
                answered.await.ok();
            }
        }
    }

    /// The store as it is durable now, for a reader that takes its time. One at a time.
    ///
    /// # Errors
    /// [`Error::Stopped`] after a failure; [`Error::Busy`] while another snapshot lives.
    pub async fn snapshot(&self) -> Result<Snapshot, Error> {
        let (give, given) = oneshot::channel();
        match &self.writer {
            Writer::InPlace(scribe) => scribe.lock().unwrap_or_else(PoisonError::into_inner).snapshot(),
            Writer::Thread { jobs, .. } => {
                jobs.as_ref().ok_or(Error::Stopped)?.send(Job::Snapshot(give)).map_err(|_e| Error::Stopped)?;
                given.await.map_err(|_e| Error::Stopped)?
            }
        }
    }

    /// Says that the store can no longer be believed: nothing is read or written any more.
    pub fn fail(&self, failure: Failure) {
        note(&self.failure, failure);
    }

    /// Resolves with what went wrong, when something has.
    pub async fn failed(&self) -> Failure {
        let mut failure = self.failure.subscribe();
        match failure.wait_for(Option::is_some).await.map(|failure| failure.clone()) {
            Ok(Some(failure)) => failure,
            // INVARIANT: the sender lives as long as `self`, and the condition held.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }
}

/// The first failure counts: what follows is its consequence.
pub(super) fn note(failure: &watch::Sender<Option<Failure>>, new: Failure) {
    failure.send_if_modified(|failure| {
        let first = failure.is_none();
        if first {
            *failure = Some(new);
        }
        first
    });
}

enum Writer {
    InPlace(Box<Mutex<Scribe>>),
    Thread { jobs: Option<Sender<Job>>, thread: Option<JoinHandle<()>> },
}

enum Job {
    /// Changes, or only a batch, and who waits for it: dropped without a word when the commit failed.
    Write(Vec<Change>, oneshot::Sender<()>),
    /// Nothing to write: who waits wants to see that the queue moves.
    Answer(oneshot::Sender<()>),
    /// A request for a snapshot, which falls between two batches.
    Snapshot(oneshot::Sender<Result<Snapshot, Error>>),
}

impl Writer {
    fn start(scribe: Scribe, failure: watch::Sender<Option<Failure>>) -> Result<Self, Error> {
        // Not bounded here: connections and their pipelines are.
        let (jobs, queue) = mpsc::channel();
        let thread = thread::Builder::new().name("commit".to_owned()).spawn(move || serve(scribe, &queue, &failure))?;
        Ok(Self::Thread { jobs: Some(jobs), thread: Some(thread) })
    }
}

impl Drop for Writer {
    /// Waits until the last batch is durable, so that the next opener finds the store closed.
    fn drop(&mut self) {
        if let Self::Thread { jobs, thread } = self {
            drop(jobs.take());
            if let Some(thread) = thread.take() {
                thread.join().ok();
            }
        }
    }
}

fn serve(mut scribe: Scribe, queue: &Receiver<Job>, failure: &watch::Sender<Option<Failure>>) {
    while let Ok(first) = queue.recv() {
        let (mut changes, mut waiting) = (Vec::new(), Vec::new());
        let (mut asking, mut snapshots) = (Vec::new(), Vec::new());
        for job in std::iter::once(first).chain(queue.try_iter().take(BATCH)) {
            match job {
                Job::Write(wanted, done) => {
                    changes.extend(wanted);
                    waiting.push(done);
                }
                Job::Answer(done) => asking.push(done),
                Job::Snapshot(give) => snapshots.push(give),
            }
        }
        if failure.borrow().is_some() {
            return;
        }
        if !waiting.is_empty()
            && let Err(error) = scribe.commit(changes)
        {
            return note(failure, Failure::of(&error));
        }
        // A caller that went away has no use for its answer.
        for done in waiting.into_iter().chain(asking) {
            done.send(()).ok();
        }
        for give in snapshots {
            give.send(scribe.snapshot()).ok();
        }
    }
}

/// Writes batches, each with the mark of the store as it is afterwards.
struct Scribe {
    store: Arc<dyn Store>,
    ledger: Arc<Ledger>,
    log: Arc<Standing>,
    mark: Mark,
    known: Arc<RwLock<Known>>,
    head: HeadKeeper,
    /// Gone when nobody reads the snapshot any more.
    overlay: Weak<Overlay>,
    metrics: Arc<Metrics>,
}

impl Scribe {
    fn commit(&mut self, changes: Vec<Change>) -> Result<(), Error> {
        let watch = Stopwatch::start();
        let mark = self.mark_after(&changes)?;
        let sealed = self.ledger.seal_mark(&mark).map_err(|error| Error::Io(error.into()))?;
        // Before it is gone: who looks meanwhile, without a lock, must not take it for lost.
        let gone = changes.iter().filter(|(_, value)| value.is_none());
        gone.for_each(|(key, _)| self.known.write().unwrap_or_else(PoisonError::into_inner).remove(key));
        let keys: Vec<_> = changes.iter().map(|(key, value)| (key.clone(), value.is_some())).collect();
        let mut batch = changes;
        batch.push((MARK_KEY.to_vec(), Some(sealed)));
        self.store.commit(batch)?;
        self.metrics.committed(keys.len(), watch);
        self.mark = mark;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for (key, is_there) in &keys {
            if *is_there { known.insert(key) } else { known.remove(key) }
        }
        self.head.advance(mark.sequence);
        Ok(())
    }

    fn snapshot(&mut self) -> Result<Snapshot, Error> {
        if self.overlay.strong_count() > 0 {
            return Err(Error::Busy);
        }
        let overlay = Arc::new(Overlay::default());
        self.overlay = Arc::downgrade(&overlay);
        Ok(Snapshot::new(Arc::clone(&self.store), self.mark, overlay))
    }

    fn mark_after(&self, changes: &[Change]) -> Result<Mark, Error> {
        let mut mark = self.mark;
        mark.sequence = mark.sequence.saturating_add(1);
        mark.head = self.head.written();
        mark.log = self.log.head().unwrap_or(mark.log);
        let overlay = self.overlay.upgrade();
        // What earlier changes of this batch leave under their keys.
        let mut inside: HashMap<&[u8], Option<&Vec<u8>>> = HashMap::new();
        for (key, new) in changes {
            let stored;
            let old = match inside.get(key.as_slice()) {
                Some(value) => *value,
                None => {
                    stored = self.store.get(key)?;
                    stored.as_ref()
                }
            };
            if let Some(overlay) = &overlay {
                overlay.keep(key, old);
            }
            if let Some(old) = old {
                mark.sum.toggle(self.ledger.print(key, old));
                mark.records = mark.records.saturating_sub(1);
            }
            if let Some(new) = new {
                mark.sum.toggle(self.ledger.print(key, new));
                mark.records = mark.records.saturating_add(1);
            }
            inside.insert(key, new.as_ref());
        }
        Ok(mark)
    }
}

impl Drop for Scribe {
    /// A snapshot keeps the store open: its reader must not keep it from being opened again.
    fn drop(&mut self) {
        if let Some(overlay) = self.overlay.upgrade() {
            overlay.give_up();
        }
    }
}

/// Requests whose changes make one batch, besides the first.
const BATCH: usize = 255;
