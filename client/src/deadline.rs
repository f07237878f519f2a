//! How long is left: the one file of the client that reads a clock.

use std::time::{Duration, Instant};

use crate::error::Error;

/// A moment after which nothing is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// The moment that lies this far ahead.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub(crate) fn after(wait: Duration) -> Self {
        Self(Instant::now().checked_add(wait))
    }

    /// What is left of the wait, never zero: a zero timeout would mean to wait for ever.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub(crate) fn left(self) -> Result<Duration, Error> {
        let left = self.0.map(|end| end.saturating_duration_since(Instant::now()));
        left.filter(|left| !left.is_zero()).ok_or(Error::Deadline)
    }
}
