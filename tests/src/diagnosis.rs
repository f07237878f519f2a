//! What the doctor has said of a machine.

use serde_json::Value;

/// What the doctor has said.
#[derive(Debug)]
pub struct Diagnosis {
    /// The exit status.
    pub status: i32,
    /// The lines, parsed.
    pub lines: Vec<Value>,
    /// What a person reads.
    pub prose: String,
}

impl Diagnosis {
    /// What it has found, each as `CHECK: TEXT`.
    #[must_use]
    pub fn findings(&self) -> Vec<String> {
        self.at("finding")
    }

    /// What it notes, each as `CHECK: TEXT`.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        self.at("note")
    }

    /// The lines of this level, each as `CHECK: TEXT`.
    ///
    /// # Panics
    /// When a finding has no remedy.
    #[must_use]
    pub fn at(&self, level: &str) -> Vec<String> {
        let lines = self.lines.iter().filter(|line| line["level"] == level);
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        lines
            .map(|line| {
                let has_remedy = !word(&line["remedy"]).is_empty();
                assert!(level != "finding" || has_remedy, "a finding without a remedy: {line}");
                format!("{}: {}", word(&line["check"]), word(&line["text"]))
            })
            .collect()
    }

    /// Asserts that this is the one finding, by what its line holds.
    ///
    /// # Panics
    /// When it is not.
    pub fn finds(&self, said: &str) {
        let findings = self.findings();
        assert!(findings.len() == 1 && findings[0].contains(said), "not only {said:?}: {findings:#?}");
        assert_eq!(self.status, 1);
    }

    /// Asserts that nothing was found.
    ///
    /// # Panics
    /// When something was.
    pub fn finds_nothing(&self) {
        assert_eq!((self.findings(), self.status), (vec![], 0), "{}", self.prose);
    }
}
