//! What a login takes: verifiers in order, with PAM's words for what each one's verdict does (pam.conf(5)).
//!
//! MUST: pure; a stack exists only when it can accept an enrolled account, and never without a first factor and a second.

use std::fmt;

use mfad_proto::Factor;

use crate::reason::Reason;
use crate::record::Record;
use crate::verifiers::{self, Shown, Verdict, Verifier};

/// What a verifier's verdict does to the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// It must be right; the others are asked all the same.
    Required,
    /// It must be right, else nobody else is asked.
    Requisite,
    /// When it is right, and nothing before it was wrong, nobody else is asked; when it is wrong, that means nothing.
    Sufficient,
}

impl Control {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Required, Self::Requisite, Self::Sufficient];

    /// The word that a configuration uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Requisite => "requisite",
            Self::Sufficient => "sufficient",
        }
    }
}

/// Verifiers in order.
#[derive(Clone)]
pub struct Stack(Vec<Entry>);

#[derive(Clone, Copy)]
struct Entry {
    control: Control,
    verifier: &'static dyn Verifier,
}

impl Stack {
    /// Judges the lines of a configuration, each a control and a verifier with a space between.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn parse<'t>(lines: impl IntoIterator<Item = &'t str>) -> Result<Self, Fault> {
        let mut entries: Vec<Entry> = Vec::new();
        for line in lines {
            let (control, name) = line.split_once(' ').ok_or_else(|| Fault::Form(line.to_owned()))?;
            let word = control.trim();
            let control = Control::ALL.into_iter().find(|control| control.as_str() == word);
            let control = control.ok_or_else(|| Fault::Control(word.to_owned()))?;
            let name = name.trim();
            let verifier = verifiers::ALL.iter().find(|verifier| verifier.name() == name);
            let verifier = *verifier.ok_or_else(|| Fault::Verifier(name.to_owned()))?;
            if entries.iter().any(|entry| entry.verifier.name() == name) {
                return Err(Fault::Twice(name.to_owned()));
            }
            entries.push(Entry { control, verifier });
        }
        Self(entries).judged()
    }

    /// Judges what was shown. On a yes, which second factor it was.
    ///
    /// # Errors
    /// The reason of the denial.
    pub fn judge(&self, record: &mut Record, shown: &Shown<'_>, now: u64) -> Result<Factor, Reason> {
        let (mut factor, mut reason) = (None, None);
        let accepted = self.walk(|verifier| match verifier.judge(record, shown, now) {
            Verdict::Right => {
                factor = if verifier.is_first() { factor } else { Some(verifier.factor()) };
                true
            }
            Verdict::Wrong(why) => {
                reason = Some(why);
                false
            }
            Verdict::NotAsked => false,
        });
        match (accepted, factor) {
            (true, Some(factor)) => Ok(factor),
            (true, None) | (false, _) => Err(reason.unwrap_or(Reason::Wrong)),
        }
    }

    /// Whether this verifier can be what a login succeeds with.
    #[must_use]
    pub fn takes(&self, name: &str) -> bool {
        self.accepts(|verifier| verifier.is_first() || verifier.name() == name)
    }

    /// Follows PAM's rules: `right` gives each verifier's verdict.
    fn walk(&self, mut right: impl FnMut(&dyn Verifier) -> bool) -> bool {
        let (mut passed, mut failed) = (false, false);
        for Entry { control, verifier } in &self.0 {
            match (control, right(*verifier)) {
                (Control::Required | Control::Requisite, true) => passed = true,
                (Control::Required, false) => failed = true,
                (Control::Requisite, false) => return false,
                (Control::Sufficient, true) if !failed => return true,
                (Control::Sufficient, true | false) => {}
            }
        }
        passed && !failed
    }

    fn accepts(&self, right: impl Fn(&dyn Verifier) -> bool) -> bool {
        self.walk(right)
    }

    /// Tries every combination of verdicts that one login can bring about: a code is a code of one kind.
    fn judged(self) -> Result<Self, Fault> {
        let seconds = || verifiers::ALL.iter().filter(|verifier| !verifier.is_first()).map(|verifier| verifier.name());
        if self.accepts(|verifier| verifier.is_first()) {
            return Err(Fault::WithoutSecond);
        }
        if self.accepts(|_| false) || seconds().any(|name| self.accepts(|verifier| verifier.name() == name)) {
            return Err(Fault::WithoutFirst);
        }
        // Recovery codes run out: without the daily code nobody could log in for long.
        if !self.takes(verifiers::DAILY) {
            return Err(Fault::Impossible);
        }
        Ok(self)
    }
}

impl Default for Stack {
    #[expect(clippy::expect_used, reason = "INVARIANT: the lines are a legal stack, as every start shows")]
    fn default() -> Self {
        Self::parse(["requisite password", "sufficient totp", "required recovery"]).expect("a legal stack")
    }
}

impl PartialEq for Stack {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for Stack {}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stack({self})")
    }
}

/// As in a configuration, with commas between.
impl fmt::Display for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, Entry { control, verifier }) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{} {}", control.as_str(), verifier.name())?;
        }
        Ok(())
    }
}

/// Why lines are no stack.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// A line is no control and verifier.
    Form(String),
    /// There is no such control.
    Control(String),
    /// There is no such verifier.
    Verifier(String),
    /// A verifier stands there twice.
    Twice(String),
    /// It would accept an enrolled account without a first factor.
    WithoutFirst,
    /// It would accept an enrolled account with a first factor alone.
    WithoutSecond,
    /// It can never accept a first factor and a code of the app.
    Impossible,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = || {
            let names: Vec<_> = verifiers::ALL.iter().map(|verifier| format!("`{}`", verifier.name())).collect();
            names.join(", ")
        };
        match self {
            Self::Form(line) => {
                write!(
                    f,
                    "`{line}` is no line of a stack: write a control and a verifier, as in \"requisite password\""
                )
            }
            Self::Control(word) => {
                write!(f, "unknown control `{word}`, expected one of `required`, `requisite`, `sufficient`")
            }
            Self::Verifier(name) => write!(f, "unknown verifier `{name}`, expected one of {}", names()),
            Self::Twice(name) => write!(f, "the verifier `{name}` stands twice in the stack"),
            Self::WithoutFirst => {
                f.write_str("the stack is weak: it accepts a code alone, without a first factor (password)")
            }
            Self::WithoutSecond => {
                f.write_str("the stack is weak: it accepts a first factor alone, without a second (totp, recovery)")
            }
            Self::Impossible => {
                f.write_str("the stack is impossible: it never accepts a password and a code of the app (totp)")
            }
        }
    }
}

impl std::error::Error for Fault {}
