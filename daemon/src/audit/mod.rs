//! The audit: one line of JSON for every request, and lines about the log itself, in a chained log in the state folder; and
//! a copy of each on standard error.
//!
//! MUST: no secret and no unknown name is ever in a line; a line is queued before its answer leaves, and written after;
//! neither a disk nor a reader that does not keep up delays a login: it costs lines, which are counted.

mod chain;
mod files;
mod flood;
mod inspection;
mod line;
mod log;
mod reader;
mod standing;
mod tail;
mod writer;

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

pub(crate) use chain::Chain;
use files::Files;
pub use files::Limits;
pub(crate) use flood::Source;
use flood::{Floods, Sum};
pub use inspection::{Error, Inspection, inspect};
pub(crate) use line::Line;
use line::Summed;
use log::Log;
pub(crate) use reader::{Query, Reader, short};
pub use standing::Standing;
use writer::Message;

use crate::clock::Clock;
use crate::ledger::LogHead;
use crate::metrics::Metrics;
use crate::names::NameHasher;

/// Takes lines, and hands them to the threads that write them.
pub(crate) struct Audit {
    log: Arc<Log>,
    clock: Arc<dyn Clock>,
    floods: Mutex<Floods>,
    chained: Option<Chained>,
    standing: Arc<Standing>,
    metrics: Arc<Metrics>,
}

/// The log in the state folder.
struct Chained {
    queue: Option<SyncSender<Message>>,
    finished: Mutex<Receiver<()>>,
    lost: AtomicU64,
    reader: Arc<Reader>,
}

impl Audit {
    /// Starts writing to `log`, and where there is a folder for it to the chained log there.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn start(
        log: Box<dyn Write + Send>,
        clock: Arc<dyn Clock>,
        place: Option<(PathBuf, Limits, Chain)>,
        (names, metrics): (&NameHasher, Arc<Metrics>),
    ) -> io::Result<Self> {
        let (log, standing) = (Arc::new(Log::start(log)?), Arc::<Standing>::default());
        let chained = place.map(|(folder, limits, chain)| {
            let files = Files::new(folder, limits);
            Chained::start((files, Arc::new(chain), names.clone()), &standing, (&clock, &metrics), &log)
        });
        Ok(Self { log, clock, floods: Mutex::default(), chained: chained.transpose()?, standing, metrics })
    }

    /// Says something about the server itself on standard error.
    pub(crate) fn note(&self, line: &str) {
        self.log.write(format!("mfad: {line}\n"));
    }

    /// Queues the line of a request, or counts it where it is one of a flood.
    pub(crate) fn write(&self, line: Line<'_>, source: &Source) {
        let admitted = {
            let mut floods = self.floods();
            let over = floods.turn(self.clock.monotonic());
            let admitted = floods.admit(source, line.call, line.outcome);
            // Queued under the lock, so that a sum stands before the lines of the next minute.
            self.sums(&over);
            admitted
        };
        if admitted {
            self.queue(line.object());
        } else {
            self.metrics.audit_summed(1);
        }
    }

    /// Writes the sums of a minute that is over. To be called from time to time, since a flood may have ended.
    pub(crate) fn tick(&self) {
        let over = self.floods().turn(self.clock.monotonic());
        self.sums(&over);
    }

    /// How the log stands, for the store.
    pub(crate) const fn standing(&self) -> &Arc<Standing> {
        &self.standing
    }

    /// Who reads the log, where there is one.
    pub(crate) fn reader(&self) -> Option<Arc<Reader>> {
        self.chained.as_ref().map(|chained| Arc::clone(&chained.reader))
    }

    /// Says what the store knew of the log when it was opened first.
    pub(crate) fn known(&self, known: LogHead) {
        self.standing.tell(known);
        if let Some(queue) = self.queue_of_chain() {
            // Where there is no room, the thread has enough to do to look by itself.
            queue.try_send(Message::Look).ok();
        }
    }

    /// Resolves when all lines so far are safe on the disk, or cannot be.
    pub(crate) async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if let Some(queue) = self.queue_of_chain() {
            queue.try_send(Message::Flush(done)).ok();
            flushed.await.ok();
        }
    }

    /// Says that other rules are in force from now on.
    pub(crate) fn note_rules(&self) {
        self.event("rules", "");
    }

    /// Writes the last line of a server that was stopped.
    pub(crate) fn stop(&self) {
        let over = self.floods().end();
        self.sums(&over);
        self.event("stop", "");
    }

    fn sums(&self, sums: &[(Sum, u64)]) {
        let time = self.clock.unix();
        sums.iter().for_each(|(sum, lines)| self.queue(Summed::new(time, sum, *lines).object()));
    }

    /// A line about the server itself, which standard error has in words.
    fn event(&self, event: &str, members: &str) {
        let time = self.clock.unix();
        self.chain(format!("{{\"time\":{time},\"event\":\"{event}\"{members}}}"));
    }

    fn queue(&self, object: String) {
        self.log.write(format!("{object}\n"));
        self.chain(object);
    }

    fn chain(&self, object: String) {
        let Some(chained) = &self.chained else { return };
        let lost = chained.lost.swap(0, Ordering::Relaxed);
        self.standing.queued();
        let queued = chained.queue.as_ref().is_some_and(|queue| queue.try_send(Message::Line { object, lost }).is_ok());
        if !queued {
            chained.lost.fetch_add(lost.saturating_add(1), Ordering::Relaxed);
            self.metrics.audit_lost(1);
        }
    }

    fn queue_of_chain(&self) -> Option<&SyncSender<Message>> {
        self.chained.as_ref()?.queue.as_ref()
    }

    fn floods(&self) -> std::sync::MutexGuard<'_, Floods> {
        self.floods.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Chained {
    fn start(
        (files, chain, names): (Files, Arc<Chain>, NameHasher),
        standing: &Arc<Standing>,
        (clock, metrics): (&Arc<dyn Clock>, &Arc<Metrics>),
        log: &Arc<Log>,
    ) -> io::Result<Self> {
        let (queue, messages) = sync_channel(QUEUE);
        let (ended, finished) = sync_channel(1);
        let reader = Arc::new(Reader::new(files.clone(), Arc::clone(&chain), names, Arc::clone(standing)));
        let (standing, log) = (Arc::clone(standing), Arc::clone(log));
        let (clock, metrics) = (Arc::clone(clock), Arc::clone(metrics));
        thread::Builder::new().name("audit".to_owned()).spawn(move || {
            let tell = move |line: &str| log.write(format!("mfad: {line}\n"));
            writer::write((files, chain, standing), (&*clock, &metrics), &messages, &tell);
            ended.send(()).ok();
        })?;
        Ok(Self { queue: Some(queue), finished: Mutex::new(finished), lost: AtomicU64::new(0), reader })
    }
}

impl Drop for Chained {
    /// Waits for the last lines as long as a disk that is well may take.
    fn drop(&mut self) {
        drop(self.queue.take());
        match self.finished.get_mut().unwrap_or_else(PoisonError::into_inner).recv_timeout(LAST_LINES) {
            Ok(()) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
    }
}

/// Lines that may wait for the disk.
const QUEUE: usize = 8192;

/// How long the last lines may take at the end.
const LAST_LINES: Duration = Duration::from_secs(5);
