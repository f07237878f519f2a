//! Where time comes from: the one file that reads the machine's clocks.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A source of time. Everything that decides by time takes one.
pub trait Clock: Send + Sync + 'static {
    /// Wall-clock time in whole Unix seconds.
    fn unix(&self) -> u64;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn unix(&self) -> u64 {
        // A clock before 1970 is a broken clock: at 0 no code of today is right, so it fails closed.
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }
}

/// Measures how long a request took, for the audit line.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Microseconds since the start.
    #[must_use]
    pub fn micros(self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}
