//! How failed tries delay the next ones, and stop them at last (promise P2 of the design).
//!
//! MUST: pure, no clock; a try that comes too soon is neither looked at nor counted; delays run on the monotonic clock,
//! so that moving the wall clock shortens none; what stops stays stopped until an administrator acts.

/// A moment on the monotonic clock of one run of the daemon.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moment {
    /// Names the run: the clock of another one has another origin.
    pub run: u64,
    /// Milliseconds since that run began.
    pub millis: u64,
}

impl Moment {
    /// Milliseconds since `earlier`; since the start of this run when `earlier` belongs to another, so that a restart
    /// begins a delay anew.
    const fn millis_since(self, earlier: Self) -> u64 {
        if self.run == earlier.run { self.millis.saturating_sub(earlier.millis) } else { self.millis }
    }
}

/// Whose tries are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Codes that login services hand over.
    Codes,
    /// Passwords that they hand over. A wrong one never costs a try of a code.
    Passwords,
    /// Passwords and codes that they hand over together: one delay, whichever was wrong.
    Logins,
    /// Codes that a process of the account's own user hands over: it cannot stop real logins.
    Own,
    /// Passwords that such a process hands over, also together with codes.
    OwnPasswords,
}

impl Lane {
    const fn limits(self) -> Limits {
        match self {
            Self::Codes | Self::Own => Limits { longest: 900, in_a_row: 20, in_all: 1000 },
            Self::Passwords | Self::Logins | Self::OwnPasswords => {
                Limits { longest: 60, in_a_row: u32::MAX, in_all: u32::MAX }
            }
        }
    }
}

/// The failed tries of one account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tries {
    /// Of [`Lane::Codes`].
    pub codes: Counter,
    /// Of [`Lane::Passwords`].
    pub passwords: Counter,
    /// Of [`Lane::Logins`].
    pub logins: Counter,
    /// Of [`Lane::Own`].
    pub own: Counter,
    /// Of [`Lane::OwnPasswords`].
    pub own_passwords: Counter,
}

/// The failed tries of one lane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counter {
    /// Since the last success.
    pub in_a_row: u32,
    /// Since the enrolment or the last unlock.
    pub in_all: u32,
    /// When the latest was.
    pub last: Moment,
}

/// Whether the next try is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// It is.
    Open,
    /// Not before so many seconds, at least one.
    Wait(u32),
    /// Not before an administrator acts.
    Stopped,
}

impl Tries {
    /// May a try be looked at now?
    #[must_use]
    pub fn gate(&self, lane: Lane, now: Moment) -> Gate {
        let (counter, limits) = (self.counter(lane), lane.limits());
        if counter.in_a_row >= limits.in_a_row || counter.in_all >= limits.in_all {
            return Gate::Stopped;
        }
        let delay = limits.delay_millis(counter.in_a_row);
        match delay.saturating_sub(now.millis_since(counter.last)).div_ceil(1000) {
            0 => Gate::Open,
            seconds => Gate::Wait(u32::try_from(seconds).unwrap_or(u32::MAX)),
        }
    }

    /// Counts a failed try.
    pub const fn fail(&mut self, lane: Lane, now: Moment) {
        let counter = self.counter_mut(lane);
        counter.in_a_row = counter.in_a_row.saturating_add(1);
        counter.in_all = counter.in_all.saturating_add(1);
        counter.last = now;
    }

    /// Ends a row of failures. What failed in all stays: whoever guesses between two logins of the owner is stopped too.
    pub const fn succeed(&mut self, lane: Lane) {
        self.counter_mut(lane).in_a_row = 0;
    }

    /// What was counted in this lane.
    #[must_use]
    pub const fn count(&self, lane: Lane) -> Counter {
        *self.counter(lane)
    }

    /// Puts back what [`Self::count`] gave: a try that nobody could judge is none.
    pub const fn put_back(&mut self, lane: Lane, counter: Counter) {
        *self.counter_mut(lane) = counter;
    }

    const fn counter(&self, lane: Lane) -> &Counter {
        match lane {
            Lane::Codes => &self.codes,
            Lane::Passwords => &self.passwords,
            Lane::Logins => &self.logins,
            Lane::Own => &self.own,
            Lane::OwnPasswords => &self.own_passwords,
        }
    }

    const fn counter_mut(&mut self, lane: Lane) -> &mut Counter {
        match lane {
            Lane::Codes => &mut self.codes,
            Lane::Passwords => &mut self.passwords,
            Lane::Logins => &mut self.logins,
            Lane::Own => &mut self.own,
            Lane::OwnPasswords => &mut self.own_passwords,
        }
    }
}

/// The limits of one lane.
struct Limits {
    /// The longest delay, in seconds.
    longest: u64,
    /// Failures in a row that stop it.
    in_a_row: u32,
    /// Failures in all that stop it.
    in_all: u32,
}

impl Limits {
    /// The delay after so many failures in a row: none, none, 5 s, 10 s, 20 s, and so on.
    const fn delay_millis(&self, in_a_row: u32) -> u64 {
        let Some(doublings) = in_a_row.checked_sub(FREE) else { return 0 };
        let seconds = match FIRST_DELAY.checked_shl(doublings) {
            // A shift loses what it pushes out at the top, long after the longest delay was passed.
            Some(seconds) if doublings < 32 && seconds < self.longest => seconds,
            Some(_) | None => self.longest,
        };
        seconds.saturating_mul(1000)
    }
}

/// The failure in a row that brings the first delay.
const FREE: u32 = 3;

/// The first delay, in seconds.
const FIRST_DELAY: u64 = 5;
