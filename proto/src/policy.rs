//! The rules of a realm, as an administrator sets and reads them.

use std::fmt;
use std::str::FromStr;

use bincode::{Decode, Encode};

/// Whether a realm asks everybody for a second factor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
pub enum Enforcement {
    /// It does not.
    #[default]
    Off,
    /// It does.
    On,
    /// From a moment on.
    After {
        /// The moment, in Unix seconds.
        time: u64,
    },
}

impl Enforcement {
    /// Whether it holds at this moment, in Unix seconds.
    #[must_use]
    pub const fn holds(self, now: u64) -> bool {
        match self {
            Self::Off => false,
            Self::On => true,
            Self::After { time } => time <= now,
        }
    }
}

/// As in a configuration and on a command line: `on`, `off`, or `after YYYY-MM-DD`, which is 00:00 UTC of that day. Any other
/// moment has its time of day, too.
impl fmt::Display for Enforcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = match self {
            Self::Off => return f.write_str("off"),
            Self::On => return f.write_str("on"),
            Self::After { time } => *time,
        };
        let (year, month, day) = date_of(time / DAY_SECONDS);
        write!(f, "after {year:04}-{month:02}-{day:02}")?;
        match time % DAY_SECONDS {
            0 => Ok(()),
            second => write!(f, "T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60),
        }
    }
}

impl FromStr for Enforcement {
    type Err = BadEnforcement;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (text, text.strip_prefix("after ")) {
            ("off", _) => Ok(Self::Off),
            ("on", _) => Ok(Self::On),
            (_, Some(date)) => {
                let time = day_of(date).ok_or(BadEnforcement::Date)?.saturating_mul(DAY_SECONDS);
                Ok(Self::After { time })
            }
            (_, None) => Err(BadEnforcement::Word),
        }
    }
}

/// Why a text is no [`Enforcement`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadEnforcement {
    /// It begins with none of the words.
    Word,
    /// What comes after `after` is no day from 1970 on.
    Date,
}

impl fmt::Display for BadEnforcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Word => "expected one of `on`, `off`, `after YYYY-MM-DD`",
            Self::Date => "a day is written YYYY-MM-DD, stands in the calendar, and is not before 1970",
        })
    }
}

impl std::error::Error for BadEnforcement {}

/// Who judges the first factor of a realm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum FirstFactor {
    /// The system's PAM.
    Pam,
    /// The server itself, which keeps a hash of the password.
    Password,
    /// Nobody here: login services vouch for it.
    Asserted,
}

impl FirstFactor {
    /// The word that a configuration uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pam => "pam",
            Self::Password => "password",
            Self::Asserted => "asserted",
        }
    }
}

/// What an account without a factor needs to enrol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
pub enum Enrolling {
    /// The first factor.
    #[default]
    Open,
    /// A ticket of the administrator besides.
    Ticket,
    /// An administrator, who enrols it.
    Closed,
}

impl Enrolling {
    /// The word that a configuration uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Ticket => "ticket",
            Self::Closed => "closed",
        }
    }
}

/// What replacing a working factor takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
pub enum Replacing {
    /// A code of it, through `Reset`.
    #[default]
    Code,
    /// The first factor alone.
    Asserted,
}

impl Replacing {
    /// The word that a configuration uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Asserted => "asserted",
        }
    }
}

/// The rules of a realm as they are in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct RealmPolicy {
    /// Whether it asks everybody for a second factor.
    pub enforcement: Enforcement,
    /// Whether an administrator has set that, so that the configuration no longer counts.
    pub stored: bool,
    /// Whether it is in force now.
    pub enforced: bool,
    /// Who judges the first factor.
    pub first_factor: FirstFactor,
    /// What the first enrolment takes.
    pub enroll: Enrolling,
    /// What replacing a working factor takes.
    pub replace: Replacing,
}

/// The day that a date of the form YYYY-MM-DD names, counted from 1970-01-01.
fn day_of(date: &str) -> Option<u64> {
    let mut parts = date.split('-');
    let mut number = |digits: usize| {
        let part = parts.next()?;
        // A plus sign would parse, too.
        let is_plain = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
        if is_plain { part.parse::<u64>().ok() } else { None }
    };
    let (year, month, day) = (number(4)?, number(2)?, number(2)?);
    let lengths = month_lengths(year);
    let before = usize::try_from(month).ok()?.checked_sub(1)?;
    let is_day = lengths.get(before).is_some_and(|length| (1..=*length).contains(&day));
    if !is_day || parts.next().is_some() {
        return None;
    }
    let in_year = lengths.iter().take(before).sum::<u64>().checked_add(day)?.checked_sub(1)?;
    days_before(year).checked_add(in_year)?.checked_sub(days_before(1970))
}

/// Year, month and day of a day counted from 1970-01-01, in the calendar of today for all time to come.
fn date_of(day: u64) -> (u64, u64, u64) {
    let day = day.saturating_add(days_before(1970));
    // Leap days make the guess late by at most one year: a cycle of 400 years has 97 of them.
    let guess = (day / CYCLE_DAYS).saturating_mul(400).saturating_add(day % CYCLE_DAYS / 365).saturating_add(1);
    let year = if days_before(guess) > day { guess.saturating_sub(1) } else { guess };
    let mut left = day.saturating_sub(days_before(year));
    let mut month = 1_u64;
    for length in month_lengths(year) {
        if left < length {
            break;
        }
        left = left.saturating_sub(length);
        month = month.saturating_add(1);
    }
    (year, month, left.saturating_add(1))
}

/// Days from 0001-01-01 to the first of this year. No year of a `u64` of seconds comes near an overflow.
const fn days_before(year: u64) -> u64 {
    let past = year.saturating_sub(1);
    let leap_days = (past / 4).saturating_sub(past / 100).saturating_add(past / 400);
    past.saturating_mul(365).saturating_add(leap_days)
}

const fn month_lengths(year: u64) -> [u64; 12] {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    [31, if is_leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
}

const DAY_SECONDS: u64 = 86_400;

/// Days of the 400 years after which the calendar repeats.
const CYCLE_DAYS: u64 = 146_097;
