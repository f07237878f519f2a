//! The audit: exactly one line of JSON for every request, and lines about the server itself. `mfad` writes them to standard
//! error, which systemd hands to the journal.
//!
//! MUST: no secret and no unknown name is ever in a line; a line is queued before its answer leaves; a reader that does
//! not keep up costs lines, which are counted, and never a login.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde::Serialize;

/// One request and its outcome.
#[derive(Debug, Serialize)]
pub(crate) struct Line<'a> {
    /// When it was answered, in Unix seconds.
    pub(crate) time: u64,
    /// Which call it was; `?` when it was none.
    pub(crate) call: &'a str,
    /// The account's realm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) realm: Option<&'a str>,
    /// The account's user, when there is such an account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<&'a str>,
    /// The keyed hash of a user that is unknown: people type passwords there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_hash: Option<String>,
    /// What was answered.
    pub(crate) outcome: &'a str,
    /// What was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) factor: Option<&'a str>,
    /// What an administrator said: a reason, or what was set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) said: Option<&'a str>,
    /// Why, where the answer does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// The peer's uid.
    pub(crate) uid: u32,
    /// The peer's process.
    pub(crate) pid: i32,
    /// The socket it came in on.
    pub(crate) socket: &'a str,
    /// The service, in the peer's words.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) service: &'a str,
    /// The remote host, in the peer's words.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) rhost: &'a str,
    /// The terminal, in the peer's words.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) tty: &'a str,
    /// How long the answer took, in microseconds.
    pub(crate) micros: u64,
}

/// Writes lines from a thread of its own, so that a slow reader of standard error delays nobody.
pub(crate) struct Audit {
    lines: Option<SyncSender<String>>,
    finished: Mutex<Receiver<()>>,
    lost: AtomicU64,
}

impl Audit {
    /// Starts writing to `log`.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn start(mut log: Box<dyn Write + Send>) -> io::Result<Self> {
        let (queue, lines) = sync_channel::<String>(QUEUE);
        let (ended, finished) = sync_channel(1);
        thread::Builder::new().name("audit".to_owned()).spawn(move || {
            for line in lines {
                // A closed log must not stop the server.
                log.write_all(line.as_bytes()).and_then(|()| log.flush()).ok();
            }
            ended.send(()).ok();
        })?;
        Ok(Self { lines: Some(queue), finished: Mutex::new(finished), lost: AtomicU64::new(0) })
    }

    /// Queues a line about the server itself.
    pub(crate) fn note(&self, line: &str) {
        self.queue(format!("mfad: {line}\n"));
    }

    /// Queues a line about a request.
    pub(crate) fn write(&self, line: &Line<'_>) {
        let Ok(mut text) = serde_json::to_string(line) else { return };
        text.push('\n');
        self.queue(text);
    }

    fn queue(&self, mut text: String) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            text.insert_str(0, &format!("{{\"audit_lines_lost\":{lost}}}\n"));
        }
        let queued = self.lines.as_ref().is_some_and(|queue| queue.try_send(text).is_ok());
        if !queued {
            self.lost.fetch_add(lost.saturating_add(1), Ordering::Relaxed);
        }
    }
}

impl Drop for Audit {
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
