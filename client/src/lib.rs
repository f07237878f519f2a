//! A small blocking client of `mfad`: one connection, pipelined requests, deadlines, and a check of who serves.
//!
//! It is loaded into programs such as sshd, so it has no threads, no runtime and no global state.
//!
//! MUST: nothing is sent before the server's uid is known to be one that may serve; a request whose fate is unknown is
//! sent again only when sending it twice is harmless; every wait ends at the deadline.
#![forbid(unsafe_code)]

#[cfg(feature = "backup")]
pub mod backup;
mod connection;
mod deadline;
mod error;
#[cfg(feature = "terminal")]
pub mod input;
#[cfg(feature = "manual")]
pub mod manual;
pub mod module;
pub mod places;
pub mod qr;
mod server;
#[cfg(feature = "terminal")]
mod terminal;
pub mod words;

use std::path::PathBuf;
use std::time::Duration;

use mfad_proto::{Call, Reply};

use crate::connection::{Batch, Connection};
use crate::deadline::Deadline;
pub use crate::error::Error;
pub use crate::server::{ServerUid, Trusted};

/// Where the server is, who may be it, and how long to wait for it.
#[derive(Debug, Clone)]
pub struct Options {
    /// The socket's path.
    pub path: PathBuf,
    /// Which uids may serve there.
    pub trusted: Trusted,
    /// For each call, from before it connects until it has its answer.
    pub deadline: Duration,
    /// The same for a call that bears a password, where it is longer: hashing and PAM take their time.
    pub password_deadline: Duration,
}

impl Options {
    /// The socket at `path`, served by `trusted`, with a deadline of 5 s, and of 15 s where a password is judged.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, trusted: Trusted) -> Self {
        Self {
            path: path.into(),
            trusted,
            deadline: Duration::from_secs(5),
            password_deadline: Duration::from_secs(15),
        }
    }

    fn deadline_of(&self, calls: &[Call]) -> Duration {
        let slow = calls.iter().any(Call::bears_password);
        if slow { self.deadline.max(self.password_deadline) } else { self.deadline }
    }
}

/// A connection to the server, made anew when it breaks.
pub struct Client {
    options: Options,
    connection: Option<Connection>,
}

impl Client {
    /// Connects at the first call, whose deadline covers that.
    #[must_use]
    pub const fn new(options: Options) -> Self {
        Self { options, connection: None }
    }

    /// Connects, and checks who serves.
    ///
    /// # Errors
    /// [`Error`]; nothing was sent.
    pub fn connect(options: Options) -> Result<Self, Error> {
        let connection = Connection::open(&options, Deadline::after(options.deadline))?;
        Ok(Self { options, connection: Some(connection) })
    }

    /// The uid of the server that this is connected to.
    #[must_use]
    pub fn server(&self) -> Option<ServerUid> {
        self.connection.as_ref().map(Connection::server)
    }

    /// Sends one request and waits for its answer. It connects again when the server went away before it looked at the
    /// request, or when the call changes nothing.
    ///
    /// # Errors
    /// [`Error`]; after [`Error::UnknownFate`] the request may have been judged, and must not be sent again.
    pub fn call(&mut self, call: Call) -> Result<Reply, Error> {
        self.call_all(vec![call]).pop().unwrap_or(Err(Error::Protocol("no answer")))
    }

    /// Sends all requests before it waits for the first answer. The results stand in the order of the calls.
    pub fn call_all(&mut self, calls: Vec<Call>) -> Vec<Result<Reply, Error>> {
        let deadline = Deadline::after(self.options.deadline_of(&calls));
        let mut batch = Batch::new(calls);
        let mut attempts = ATTEMPTS;
        while !batch.is_answered() {
            match self.exchange(&mut batch, deadline) {
                Ok(()) => attempts = ATTEMPTS,
                // What may be sent again is still open in the batch; the rest has its error.
                Err(Error::Gone) if attempts > 1 => attempts = attempts.saturating_sub(1),
                Err(error) => return batch.finish(&error),
            }
        }
        batch.finish(&Error::Gone)
    }

    fn exchange(&mut self, batch: &mut Batch, deadline: Deadline) -> Result<(), Error> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(&self.options, deadline)?,
        };
        connection.exchange(batch, deadline)?;
        self.connection = Some(connection);
        Ok(())
    }
}

/// How often a batch is taken up again without one answer in between.
const ATTEMPTS: u32 = 3;
