//! Random moments and choices. No secret depends on them.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// A stream of numbers that is another one in each run.
pub struct Random {
    hasher: RandomState,
    drawn: u64,
}

impl Default for Random {
    fn default() -> Self {
        Self { hasher: RandomState::new(), drawn: 0 }
    }
}

impl Random {
    /// A number from 0 up to and without `bound`.
    ///
    /// # Panics
    /// When there is none.
    pub fn below(&mut self, bound: usize) -> usize {
        self.drawn += 1;
        let bound = u64::try_from(bound).expect("64 bits");
        usize::try_from(self.hasher.hash_one(self.drawn) % bound).expect("less than another")
    }

    /// A span of time from nothing up to `longest`.
    ///
    /// # Panics
    /// When that is centuries.
    pub fn span(&mut self, longest: Duration) -> Duration {
        let micros = usize::try_from(longest.as_micros()).expect("a short time");
        Duration::from_micros(self.below(micros + 1).try_into().expect("64 bits"))
    }
}
