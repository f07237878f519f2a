//! What one account should be after any history of calls: the rules of the design in plain words of their own, with none of
//! the daemon's code, for a test that runs both side by side.

use mfad_proto::{EnrollmentId, State};

/// Which code is typed.
#[derive(Debug, Clone, Copy)]
pub enum Shown {
    /// The one of this many steps from now.
    Step(i64),
    /// The one of no step nearby.
    Wrong,
}

/// What an account should be.
#[derive(Default, Clone)]
pub struct Model {
    /// The working factor.
    pub factor: Option<Factor>,
    /// The enrolment that waits for its first code, and when it lapses.
    pub pending: Option<(EnrollmentId, u64)>,
    /// Failures that the owner was not told of yet.
    pub failures: u32,
    /// When a code was accepted last.
    pub last_success: Option<u64>,
    /// Failures in a row, which delay. `failed_at` is when the last one was, on the monotonic clock.
    pub row: u32,
    /// See `row`.
    pub failed_at: u64,
    /// Which recovery codes are used.
    pub spent: [bool; 10],
    /// Whether anything was ever begun: before that, its failures are nobody's.
    pub known: bool,
}

/// A working factor.
#[derive(Clone, Copy)]
pub struct Factor {
    /// The enrolment that made it.
    pub enrollment: EnrollmentId,
    /// When it was confirmed.
    pub enrolled_at: u64,
    /// The newest step that was accepted.
    pub last_step: i64,
    /// How many steps its app's clock is ahead.
    pub offset: i64,
}

/// The moment of an event: by the wall clock, and by the monotonic one.
#[derive(Clone, Copy)]
pub struct Now {
    /// In Unix seconds.
    pub unix: u64,
    /// In seconds since the daemon's start.
    pub monotonic: u64,
}

/// What should be answered.
#[derive(Debug, PartialEq, Eq)]
pub enum Expected {
    /// With the failures that it tells of.
    Accepted {
        /// How many.
        failures: u32,
    },
    /// No.
    Denied,
    /// Not before so many seconds.
    TryLater(u32),
    /// There is a factor, and replacing it takes a code.
    NotPermitted,
    /// An enrolment is pending.
    Enrollment {
        /// The one that was taken up again, if one was.
        resumed: Option<EnrollmentId>,
        /// When it lapses.
        expires_at: u64,
    },
    /// The enrolment is confirmed.
    Enrolled,
    /// Done.
    Done,
}

impl Model {
    /// `Enroll`, with the first factor vouched for.
    pub fn enroll(&mut self, now: Now) -> Expected {
        if self.factor.is_some() {
            return Expected::NotPermitted;
        }
        if !self.known {
            *self = Self { known: true, ..Self::default() };
        }
        let resumed = self.pending.filter(|(_, expires_at)| now.unix < *expires_at).map(|(id, _)| id);
        Expected::Enrollment { resumed, expires_at: now.unix + 600 }
    }

    /// `Confirm` of the pending enrolment.
    pub fn confirm(&mut self, shown: Shown, now: Now) -> Expected {
        let Some((enrollment, expires_at)) = self.pending else { return Expected::Denied };
        match shown {
            Shown::Step(steps) if steps.abs() <= 1 && now.unix < expires_at => {
                let last_step = step(now.unix) + steps;
                self.factor = Some(Factor { enrollment, enrolled_at: now.unix, last_step, offset: 0 });
                self.pending = None;
                (self.failures, self.row, self.spent) = (0, 0, [false; 10]);
                Expected::Enrolled
            }
            Shown::Step(_) | Shown::Wrong => Expected::Denied,
        }
    }

    /// One try: it waits, or is judged, and counted when it was a guess.
    fn attempt(&mut self, now: Now, judge: impl FnOnce(&mut Self) -> Judged) -> Result<(), Expected> {
        if self.row >= 20 {
            return Err(Expected::Denied);
        }
        if let Some(seconds) = self.wait(now.monotonic) {
            return Err(Expected::TryLater(seconds));
        }
        match judge(self) {
            Judged::Right => {
                self.row = 0;
                Ok(())
            }
            Judged::Used => Err(Expected::Denied),
            Judged::Wrong => {
                (self.row, self.failed_at) = (self.row + 1, now.monotonic);
                self.failures += u32::from(self.known);
                Err(Expected::Denied)
            }
        }
    }

    /// How long the next try must wait, if it must.
    #[must_use]
    pub fn wait(&self, monotonic: u64) -> Option<u32> {
        let delay = if self.row < 3 { 0 } else { (5 << (self.row - 3)).min(900) };
        let left = (self.failed_at + delay).saturating_sub(monotonic);
        (left > 0 && self.row < 20).then(|| u32::try_from(left).unwrap())
    }

    fn accept(&mut self, now: Now) -> Expected {
        self.last_success = Some(now.unix);
        Expected::Accepted { failures: std::mem::take(&mut self.failures) }
    }

    /// `Verify`.
    pub fn verify(&mut self, shown: Shown, now: Now) -> Expected {
        let judged = self.attempt(now, |model| match (&mut model.factor, shown) {
            (Some(factor), Shown::Step(steps)) => {
                let (of, center) = (step(now.unix) + steps, step(now.unix) + factor.offset);
                match of.abs_diff(center) {
                    // A code that was used, or passed by a newer one, is no guess.
                    0..=4 if of <= factor.last_step => Judged::Used,
                    0..=1 => {
                        factor.last_step = of;
                        Judged::Right
                    }
                    _ => Judged::Wrong,
                }
            }
            (None, _) | (_, Shown::Wrong) => Judged::Wrong,
        });
        judged.map_or_else(|refused| refused, |()| self.accept(now))
    }

    /// `Verify` with one of the recovery codes.
    pub fn recover(&mut self, which: usize, now: Now) -> Expected {
        let judged = self.attempt(now, |model| match model.factor {
            Some(_) if !std::mem::replace(&mut model.spent[which], true) => Judged::Right,
            _ => Judged::Wrong,
        });
        judged.map_or_else(|refused| refused, |()| self.accept(now))
    }

    /// `Resync` with two codes in a row, the second of this many steps from now.
    pub fn resync(&mut self, second: i64, now: Now) -> Expected {
        let judged = self.attempt(now, |model| match &mut model.factor {
            Some(factor) if (-3..=4).contains(&second) => {
                let of = step(now.unix) + second;
                if of - 1 <= factor.last_step {
                    return Judged::Used;
                }
                (factor.last_step, factor.offset) = (of, second);
                Judged::Right
            }
            _ => Judged::Wrong,
        });
        judged.map_or_else(|refused| refused, |()| Expected::Done)
    }

    /// `Reset`.
    pub fn reset(&mut self, shown: Shown, now: Now) -> Expected {
        match self.verify(shown, now) {
            Expected::Accepted { .. } => {
                (self.factor, self.pending) = (None, None);
                Expected::Done
            }
            refused => refused,
        }
    }

    /// `Unlock`, where no step lies in the future.
    pub fn unlock(&mut self) -> Expected {
        if self.factor.is_none() {
            return Expected::Denied;
        }
        self.row = 0;
        Expected::Done
    }

    /// What `Status` should say of the factor.
    #[must_use]
    pub fn state(&self, now: u64) -> State {
        match (&self.factor, self.pending) {
            (Some(_), _) if self.row >= 20 => State::Locked,
            (Some(_), _) => State::Active,
            (None, Some((_, expires_at))) if now < expires_at => State::Pending,
            (None, _) => State::None,
        }
    }
}

enum Judged {
    Right,
    Used,
    Wrong,
}

/// The step of a moment in Unix seconds.
///
/// # Panics
/// When it is millions of times later than now.
#[must_use]
pub fn step(unix: u64) -> i64 {
    i64::try_from(unix / 30).unwrap()
}
