//! Where time comes from: the one file that reads the machine's clocks.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::time::ClockId;

use crate::throttle::Moment;

/// A source of time. Everything that decides by time takes one.
pub trait Clock: Send + Sync + 'static {
    /// Wall-clock time in whole Unix seconds.
    fn unix(&self) -> u64;

    /// Time that nobody can set, since any origin.
    fn monotonic(&self) -> Duration;
}

/// The machine's own clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn unix(&self) -> u64 {
        // A clock before 1970 is a broken clock: at 0 no code of today is right, so it fails closed.
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }

    fn monotonic(&self) -> Duration {
        // A clock that stands still ends no delay, so it fails closed.
        ClockId::CLOCK_MONOTONIC.now().map_or(Duration::ZERO, Duration::from)
    }
}

/// The moment of a decision, by both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Wall-clock time in whole Unix seconds.
    pub unix: u64,
    /// Where this run is on the monotonic clock.
    pub moment: Moment,
}

/// The clocks of one run of the daemon.
pub(crate) struct Timeline {
    clock: Arc<dyn Clock>,
    run: u64,
    origin: Duration,
}

impl Timeline {
    /// A run that begins now, under a random number of its own.
    ///
    /// # Errors
    /// When the kernel gives no randomness.
    pub(crate) fn begin(clock: Arc<dyn Clock>) -> Result<Self, getrandom::Error> {
        let origin = clock.monotonic();
        Ok(Self { clock, run: getrandom::u64()?, origin })
    }

    /// Wall-clock time in whole Unix seconds.
    pub(crate) fn unix(&self) -> u64 {
        self.clock.unix()
    }

    /// This moment.
    pub(crate) fn now(&self) -> Now {
        let since = self.clock.monotonic().saturating_sub(self.origin);
        let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        Now { unix: self.unix(), moment: Moment { run: self.run, millis } }
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
