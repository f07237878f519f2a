//! The pluggable checks of a login. A new one is one file here and one line in [`ALL`].
//!
//! MUST: pure; a verifier changes a record only where it says yes, but for what has lapsed.

mod password;
mod recovery;
mod totp;

use crate::reason::Reason;
use crate::record::Record;
use crate::recovery::Tag;

/// Every verifier that a stack can name.
pub static ALL: &[&dyn Verifier] = &[&password::Password, &totp::Totp, &recovery::Recovery];

/// The verifier without which nobody could log in every day.
pub const DAILY: &str = "totp";

/// One check.
pub trait Verifier: Sync {
    /// The name in a stack.
    fn name(&self) -> &'static str;

    /// What is accepted when it says yes.
    fn factor(&self) -> mfad_proto::Factor;

    /// Whether it judges a first factor.
    fn is_first(&self) -> bool {
        false
    }

    /// Judges what was shown, at this moment in Unix seconds.
    fn judge(&self, record: &mut Record, shown: &Shown<'_>, now: u64) -> Verdict;
}

/// What a login shows.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    /// Whether the first factor was right, or a peer that may vouch for it did.
    pub first: bool,
    /// What was typed as a code.
    pub code: &'a [u8],
    /// Its tag, when it has the form of a recovery code.
    pub recovery: Option<Tag>,
}

/// What one verifier says.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Right,
    /// No, and why.
    Wrong(Reason),
    /// What was shown has not its form.
    NotAsked,
}
