//! The one writer: collects the changes that wait, commits them as one batch, and only then answers each.
//!
//! MUST: nobody hears of success before the batch is durable; after one failed commit nothing is written any more. A
//! change that comes alone does not wait for others: a batch is whatever has gathered while the last one was written.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::sync::{mpsc, oneshot, watch};

use super::{Change, Error, Store};

/// Hands changes to the writer.
pub struct Committer {
    store: Arc<dyn Store>,
    writer: Option<Writer>,
    failed: watch::Sender<bool>,
}

impl Committer {
    /// Starts the writer of this store. A store that never waits is written in place, without a thread.
    ///
    /// # Errors
    /// [`Error::Io`] when no thread can be started.
    pub fn start(store: Arc<dyn Store>) -> Result<Self, Error> {
        let failed = watch::Sender::new(false);
        let writer = if store.waits() { Some(Writer::start(Arc::clone(&store), failed.clone())?) } else { None };
        Ok(Self { store, writer, failed })
    }

    /// The value of a key; see [`Store::get`].
    ///
    /// # Errors
    /// As [`Store::get`], and [`Error::Stopped`] after a failed commit.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        if *self.failed.borrow() { Err(Error::Stopped) } else { self.store.get(key) }
    }

    /// Writes a value and returns when it is durable. It is written even when the caller stops waiting.
    ///
    /// # Errors
    /// [`Error::Stopped`] when this or an earlier commit failed.
    pub async fn put(&self, key: Vec<u8>, value: Vec<u8>) -> Result<(), Error> {
        let change = (key, Some(value));
        match &self.writer {
            None if *self.failed.borrow() => Err(Error::Stopped),
            None => self.store.commit(vec![change]).map_err(|_e| self.stop()),
            Some(writer) => {
                let (done, durable) = oneshot::channel();
                writer.jobs()?.send(Job { change, done }).await.map_err(|_e| Error::Stopped)?;
                durable.await.map_err(|_e| Error::Stopped)
            }
        }
    }

    /// Resolves when a commit has failed, and never before.
    pub async fn failed(&self) {
        let mut failed = self.failed.subscribe();
        // INVARIANT: the sender lives as long as `self`, so waiting cannot fail.
        failed.wait_for(|failed| *failed).await.ok();
    }

    fn stop(&self) -> Error {
        self.failed.send_replace(true);
        Error::Stopped
    }
}

struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

struct Job {
    change: Change,
    /// Dropped without a word when the commit failed.
    done: oneshot::Sender<()>,
}

impl Writer {
    fn start(store: Arc<dyn Store>, failed: watch::Sender<bool>) -> Result<Self, Error> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let thread = thread::Builder::new().name("commit".to_owned()).spawn(move || write(&*store, queue, &failed))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    fn jobs(&self) -> Result<&mpsc::Sender<Job>, Error> {
        self.jobs.as_ref().ok_or(Error::Stopped)
    }
}

impl Drop for Writer {
    /// Waits until the last batch is durable, so that the next process finds the store closed.
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

fn write(store: &dyn Store, mut queue: mpsc::Receiver<Job>, failed: &watch::Sender<bool>) {
    let mut jobs = Vec::with_capacity(BATCH);
    while queue.blocking_recv_many(&mut jobs, BATCH) > 0 {
        let (changes, waiting): (Vec<_>, Vec<_>) = jobs.drain(..).map(|job| (job.change, job.done)).unzip();
        if store.commit(changes).is_err() {
            failed.send_replace(true);
            return;
        }
        for done in waiting {
            // A caller that went away has no use for the answer.
            done.send(()).ok();
        }
    }
}

/// Changes that may wait for the writer.
const QUEUE: usize = 1024;

/// Changes in one batch.
const BATCH: usize = 256;
