//! The daemon's own words and a copy of each line on standard error, which systemd hands to the journal.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Writes lines from a thread of its own, so that a slow reader of standard error delays nobody.
pub(super) struct Log {
    lines: Option<SyncSender<String>>,
    finished: Mutex<Receiver<()>>,
    lost: AtomicU64,
}

impl Log {
    /// Starts writing to `log`.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(super) fn start(mut log: Box<dyn Write + Send>) -> io::Result<Self> {
        let (queue, lines) = sync_channel::<String>(QUEUE);
        let (ended, finished) = sync_channel(1);
        thread::Builder::new().name("log".to_owned()).spawn(move || {
            for line in lines {
                // A closed log must not stop the server.
                log.write_all(line.as_bytes()).and_then(|()| log.flush()).ok();
            }
            ended.send(()).ok();
        })?;
        Ok(Self { lines: Some(queue), finished: Mutex::new(finished), lost: AtomicU64::new(0) })
    }

    /// Queues a line, with its line feed. One that finds no room is counted, and the count told by the next.
    pub(super) fn write(&self, mut line: String) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            line.insert_str(0, &format!("{{\"audit_lines_lost\":{lost}}}\n"));
        }
        let queued = self.lines.as_ref().is_some_and(|queue| queue.try_send(line).is_ok());
        if !queued {
            self.lost.fetch_add(lost.saturating_add(1), Ordering::Relaxed);
        }
    }
}

impl Drop for Log {
    /// Gives the last lines a moment to leave, and no more: a reader may be stuck.
    fn drop(&mut self) {
        drop(self.lines.take());
        match self.finished.get_mut().unwrap_or_else(PoisonError::into_inner).recv_timeout(LAST_LINES) {
            Ok(()) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
    }
}

/// Lines that may wait for their reader.
const QUEUE: usize = 8192;

/// How long the last lines may take at the end.
const LAST_LINES: Duration = Duration::from_secs(1);
