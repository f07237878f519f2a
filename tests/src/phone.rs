//! An authenticator app for load: it makes many codes a second with the daemon's own generator, so that a test with
//! thousands of codes can afford them. Whether the codes are right is not for it to say: [`crate::app::App`] judges that.

use std::collections::BTreeMap;

use data_encoding::BASE32_NOPAD;
use mfad_client::Client;
use mfad_daemon::totp::{Algorithm, Digits, Generator, SEARCH, STEP_SECONDS, Step, TotpKey};

use crate::calls::{begin_enrollment, confirm};
use crate::random::Random;

/// The key of one account with six digits of SHA-1, and the codes around now.
pub struct Phone {
    generator: Generator,
    codes: BTreeMap<u64, String>,
}

impl Phone {
    /// Reads an `otpauth://totp/` URI.
    ///
    /// # Panics
    /// When it is none, or of another kind.
    #[must_use]
    pub fn scan(uri: &str) -> Self {
        assert!(!uri.contains("&algorithm=") && !uri.contains("&digits="), "not of the usual kind: {uri}");
        let (_, secret) = uri.split_once("?secret=").expect("a key");
        let secret = secret.split_once('&').map_or(secret, |(secret, _)| secret);
        let key =
            TotpKey::copied(&BASE32_NOPAD.decode(secret.as_bytes()).expect("base32")).expect("a key of legal length");
        Self { generator: Generator::new(&key, Algorithm::Sha1, Digits::default()), codes: BTreeMap::new() }
    }

    /// Enrols this user of realm `system` at Unix time `now`, whose step is used then.
    ///
    /// # Panics
    /// When it is refused.
    #[must_use]
    pub fn enroll(client: &mut Client, user: &str, now: u64) -> Self {
        let enrollment = begin_enrollment(client, user);
        let mut phone = Self::scan(enrollment.uri.expose());
        confirm(client, user, &enrollment, &phone.code(now / STEP_SECONDS));
        phone
    }

    /// The code of a step.
    pub fn code(&mut self, step: u64) -> String {
        self.codes = self.codes.split_off(&step.saturating_sub(KEPT));
        self.codes.entry(step).or_insert_with(|| self.generator.code(Step(step)).to_string()).clone()
    }

    /// Whether no step that the daemon may look at together with this one has the same code: only then is it certain
    /// what becomes of it.
    pub fn is_alone(&mut self, step: u64) -> bool {
        let code = self.code(step);
        around(step).filter(|other| *other != step).all(|other| self.code(other) != code)
    }

    /// A code of no step near this one.
    pub fn wrong(&mut self, step: u64, random: &mut Random) -> String {
        let near: Vec<_> = around(step).map(|step| self.code(step)).collect();
        loop {
            let code = format!("{:06}", random.below(1_000_000));
            if !near.contains(&code) {
                return code;
            }
        }
    }
}

/// What the daemon searches when its clock is up to two steps off.
fn around(step: u64) -> impl Iterator<Item = u64> {
    let reach = u64::try_from(SEARCH).expect("a positive number") + 2;
    step - reach..=step + reach
}

/// Codes this many steps back are kept.
const KEPT: u64 = 64;
