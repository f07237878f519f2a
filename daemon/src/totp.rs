//! Time-based one-time passwords (RFC 6238 on RFC 4226), decided on steps: which step does this code belong to?
//!
//! MUST: pure, no clock; the code is parsed once, strictly, before anything is compared; every candidate step is
//! computed whatever matches, so that the time taken tells nothing; a step that is not above the last accepted one is
//! never accepted (RFC 6238 section 5.2).

pub use mfad_proto::{Algorithm, Digits, TotpKey};
use totp_rs::{Builder, Totp};
use zeroize::Zeroizing;

use crate::residue::wiped;

/// Unix time divided by [`STEP_SECONDS`] (RFC 6238 section 4.2), 64 bits wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step(pub u64);

impl Step {
    /// The step of a moment in Unix seconds.
    #[must_use]
    pub const fn at(unix: u64) -> Self {
        Self(unix / STEP_SECONDS)
    }
}

/// A key with the parameters that make codes of it.
pub struct Generator(Totp);

impl Generator {
    /// Prepares the key schedule.
    #[must_use]
    pub fn new(key: &TotpKey, algorithm: Algorithm, digits: Digits) -> Self {
        let algorithm = match algorithm {
            Algorithm::Sha1 => totp_rs::Algorithm::SHA1,
            Algorithm::Sha256 => totp_rs::Algorithm::SHA256,
            Algorithm::Sha512 => totp_rs::Algorithm::SHA512,
        };
        let secret = totp_rs::Secret::new(Box::from(key.expose()));
        // TotpKey and Digits already hold what `build` would check again; skew 0, since steps are chosen here.
        let builder = Builder::new().with_algorithm(algorithm).with_digits(digits.count()).with_secret(secret);
        Self(builder.with_skew(0).with_step_duration(STEP_SECONDS).build_noncompliant())
    }

    /// A generator to spend the usual time with: its key is public, and nobody may believe its verdict.
    #[must_use]
    pub fn dummy() -> Self {
        Self::new(&TotpKey::from(&[0; NEW_KEY]), Algorithm::default(), Digits::default())
    }

    /// The code of a step, as an authenticator app shows it.
    #[must_use]
    pub fn code(&self, step: Step) -> Zeroizing<String> {
        Zeroizing::new(wiped(|| self.0.generate(seconds(step)).to_string()))
    }

    /// Looks the code up among the steps around `now`, by the clock of the app that makes the codes.
    ///
    /// The match nearest to being acceptable wins: a step above `last` inside the window first, the newest of them,
    /// since two steps can share a code and the older must not be left to use.
    pub fn judge(&self, code: &[u8], now: Step, last: Option<Step>) -> Verdict {
        wiped(|| self.search(code, now, last))
    }

    fn search(&self, code: &[u8], now: Step, last: Option<Step>) -> Verdict {
        let code = std::str::from_utf8(code).unwrap_or_default();
        let mut accepted = None;
        let mut used = None;
        let mut elsewhere = None;
        for offset in -SEARCH..=SEARCH {
            let Some(step) = now.0.checked_add_signed(offset).map(Step) else { continue };
            // One step a call: `check` parses strictly and compares in constant time, but stops at its first match.
            if self.0.check(code, seconds(step)).is_none() {
                continue;
            }
            if last.is_some_and(|last| step <= last) {
                used = Some(Verdict::Used);
            } else if offset.abs() > WINDOW {
                elsewhere = Some(Verdict::OtherStep(offset));
            } else {
                accepted = Some(Verdict::Right(step));
            }
        }
        accepted.or(used).or(elsewhere).unwrap_or(Verdict::Wrong)
    }
}

impl Generator {
    /// Looks two codes up that an app showed one after the other, among the steps within [`SEARCH`] of `now`, and finds the
    /// step of the second: so far may its clock be from ours (RFC 6238 section 6).
    pub fn judge_pair(&self, codes: [&[u8]; 2], now: Step, last: Step) -> Verdict {
        let [first, second] = codes.map(|code| std::str::from_utf8(code).unwrap_or_default());
        wiped(|| self.search_pair([first, second], now, last))
    }

    fn search_pair(&self, [first, second]: [&str; 2], now: Step, last: Step) -> Verdict {
        let mut found = Verdict::Wrong;
        for offset in -SEARCH..SEARCH {
            let Some(step) = now.0.checked_add_signed(offset).map(Step) else { continue };
            let next = Step(step.0.saturating_add(1));
            // Both in any case: the time taken must not tell which of them was right.
            let right = [(first, step), (second, next)].map(|(code, of)| self.0.check(code, seconds(of)).is_some());
            if right == [true, true] {
                found = if step > last { Verdict::Right(next) } else { Verdict::Used };
            }
        }
        found
    }
}

/// What a code turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// The code of this step, which lies in the window and above the last accepted one.
    Right(Step),
    /// The code of a step near now that is not above the last accepted one: it was used, or passed by a newer one.
    Used,
    /// The code of a step this far from now, outside the window: a clock is wrong somewhere.
    OtherStep(i64),
    /// None of these.
    Wrong,
}

/// Seconds a step lasts (RFC 6238 section 5.2 recommends 30).
pub const STEP_SECONDS: u64 = 30;

/// Steps accepted on each side of now (RFC 6238 section 5.2 recommends at most one).
pub const WINDOW: i64 = 1;

/// Steps searched on each side of now: to tell a wrong clock from a wrong code in the audit, and to follow it in a resync.
pub const SEARCH: i64 = 4;

/// Bytes of a new key: the length of the HMAC-SHA-1 output (RFC 4226 section 4, R6 recommends 160 bits).
pub const NEW_KEY: usize = 20;

const fn seconds(Step(step): Step) -> u64 {
    step.saturating_mul(STEP_SECONDS)
}

/// Makes a new random key.
///
/// # Errors
/// When the kernel gives no randomness.
pub fn new_key() -> Result<TotpKey, getrandom::Error> {
    let mut bytes = Zeroizing::new([0; NEW_KEY]);
    getrandom::fill(&mut *bytes)?;
    Ok(TotpKey::from(&*bytes))
}
