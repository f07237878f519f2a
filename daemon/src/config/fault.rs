//! What is wrong with a text: the line, the rule, and the word that was probably meant.

use std::fmt;

/// The first rule that a text breaks, in one short line: it goes to a log and a terminal, and the text may hold anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    line: usize,
    what: String,
}

impl Fault {
    pub(super) fn of(text: &str, error: &toml::de::Error) -> Self {
        Self::at(text, error.span().unwrap_or_default().start, error.message())
    }

    /// A rule that is broken at this byte of the text. The first word between backticks in it is what was wrong, the
    /// others are what may stand there.
    pub(super) fn at(text: &str, place: usize, rule: &str) -> Self {
        let line = text.bytes().take(place).filter(|byte| *byte == b'\n').count().saturating_add(1);
        let mut what = rule.replace(char::is_control, " ");
        let meant = meant(&what).map(|word| format!("; did you mean `{word}`?")).unwrap_or_default();
        what.truncate(what.floor_char_boundary(LONGEST_FAULT.saturating_sub(meant.len())));
        what.push_str(&meant);
        Self { line, what }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for Fault {}

/// The known word that is nearest to the wrong one, when it is near.
fn meant(what: &str) -> Option<&str> {
    let mut words = what.split('`').skip(1).step_by(2);
    let wrong = words.next().filter(|word| word.len() <= LONGEST_WORD)?.to_lowercase();
    let near = words.filter(|word| word.len() <= LONGEST_WORD).filter_map(|word| {
        let nearness = strsim::jaro(&wrong, &word.to_lowercase());
        (nearness > NEAR).then_some((word, nearness))
    });
    near.max_by(|(_, one), (_, other)| one.total_cmp(other)).map(|(word, _)| word)
}

/// Bytes of the longest fault: an unknown key is quoted in it.
const LONGEST_FAULT: usize = 300;

/// Bytes of the longest word that is compared.
const LONGEST_WORD: usize = 64;

/// Between 0, nothing in common, and 1, the same. A word that only shares some letters is no help.
const NEAR: f64 = 0.8;
