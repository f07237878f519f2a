//! Who makes the codes: the demo, as an authenticator app would, or a person with a phone.

use std::error::Error;
use std::io::{self, Write};
use std::thread;
use std::time::Duration;

use data_encoding::BASE32_NOPAD;
use mfad_daemon::clock::{Clock, SystemClock};
use mfad_daemon::totp::{Algorithm, Digits, Generator, SEARCH, STEP_SECONDS, Step, TotpKey, WINDOW};
use mfad_proto::Enrollment;
use zeroize::Zeroizing;

/// Makes codes.
pub(super) trait Authenticator {
    /// A code that was not used before. `which` tells a person what is asked.
    fn next(&mut self, which: &str) -> Result<Zeroizing<String>, Box<dyn Error>>;

    /// A code that is wrong now.
    fn wrong(&self) -> Zeroizing<String>;

    /// Any code of the right form.
    fn any(&self) -> Zeroizing<String> {
        self.wrong()
    }

    /// Whether another code should be asked for when one was refused.
    fn may_mistype(&self) -> bool;
}

/// Computes codes from the scanned key, by the real clock.
pub(super) struct Computed {
    generator: Generator,
    last: Option<Step>,
}

impl Computed {
    /// Takes the key from the URI in the QR code.
    pub(super) fn scan(enrollment: &Enrollment) -> Result<Self, Box<dyn Error>> {
        let (_, after) = enrollment.uri.expose().split_once("secret=").ok_or("the URI has no key")?;
        let text = after.split('&').next().unwrap_or_default();
        let bytes = Zeroizing::new(BASE32_NOPAD.decode(text.as_bytes())?);
        let key = TotpKey::new(bytes).ok_or("the URI's key has no legal length")?;
        Ok(Self { generator: Generator::new(&key, Algorithm::default(), Digits::default()), last: None })
    }
}

impl Authenticator for Computed {
    /// The earliest code that the daemon still accepts: the steps before, now and after are three codes in a row.
    fn next(&mut self, _which: &str) -> Result<Zeroizing<String>, Box<dyn Error>> {
        loop {
            let unix = SystemClock.unix();
            let now = Step::at(unix);
            let oldest = now.0.saturating_sub(WINDOW.unsigned_abs());
            let unused = self.last.map_or(oldest, |Step(last)| oldest.max(last.saturating_add(1)));
            let left = STEP_SECONDS.saturating_sub(unix % STEP_SECONDS);
            // Too close to the end of a step, the code could be one step too old when it arrives.
            if unused <= now.0.saturating_add(WINDOW.unsigned_abs()) && left > 2 {
                self.last = Some(Step(unused));
                return Ok(self.generator.code(Step(unused)));
            }
            wait(Duration::from_secs(left));
        }
    }

    fn wrong(&self) -> Zeroizing<String> {
        let now = Step::at(SystemClock.unix()).0;
        // One step more than is searched, on both sides: the clock may move on before the code arrives.
        let reach = SEARCH.unsigned_abs().saturating_add(1);
        let right: Vec<_> = (now.saturating_sub(reach)..=now.saturating_add(reach))
            .map(|step| self.generator.code(Step(step)))
            .collect();
        let candidates = (0..1_000_u32).map(|number| Zeroizing::new(format!("{number:06}")));
        candidates.into_iter().find(|candidate| !right.contains(candidate)).unwrap_or_default()
    }

    fn any(&self) -> Zeroizing<String> {
        self.generator.code(Step::at(SystemClock.unix()))
    }

    fn may_mistype(&self) -> bool {
        false
    }
}

/// Asks a person.
pub(super) struct Person;

impl Authenticator for Person {
    fn next(&mut self, which: &str) -> Result<Zeroizing<String>, Box<dyn Error>> {
        write!(io::stdout().lock(), "    Type {which}: ")?;
        io::stdout().lock().flush()?;
        let mut line = Zeroizing::new(String::with_capacity(64));
        if io::stdin().read_line(&mut line)? == 0 {
            return Err("no code was typed".into());
        }
        Ok(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()))
    }

    /// No app shows letters.
    fn wrong(&self) -> Zeroizing<String> {
        Zeroizing::new("no code".to_owned())
    }

    fn may_mistype(&self) -> bool {
        true
    }
}

#[expect(clippy::disallowed_methods, reason = "the next code is only there when time has passed")]
fn wait(time: Duration) {
    thread::sleep(time);
}
