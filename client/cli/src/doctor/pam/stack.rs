//! What PAM runs for one service: its lines and those of the files that they include, one after the other.

use std::fmt;

use super::line::{Content, Facility, Rule, parse};

/// What is run for one facility of one service.
pub(super) struct Stack(pub(super) Vec<Step>);

/// One line of it.
pub(super) struct Step {
    /// How many stacks it lies in: an ending ends the innermost.
    pub(super) level: usize,
    pub(super) place: Place,
    pub(super) what: What,
}

/// What a step does.
pub(super) enum What {
    Module(Rule),
    /// A stack of its own begins behind it, one level deeper.
    Substack,
    /// PAM cannot read this, and denies.
    Broken,
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) file: String,
    pub(super) line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} line {}", self.file, self.line)
    }
}

/// A file as it was found: its path, and what it says.
pub(super) struct Source {
    pub(super) path: String,
    pub(super) text: String,
}

/// Finds a file of PAM by its name.
pub(super) type Find<'a> = &'a dyn Fn(&str) -> Option<Source>;

impl Stack {
    /// Where a service says nothing of a facility, PAM takes what the service `other` says.
    pub(super) fn of(service: &str, facility: Facility, find: Find<'_>) -> Self {
        let read = |service| Reader { facility, find, included: 0, steps: Vec::new() }.read(service);
        let own = read(service);
        Self(if own.is_empty() { read("other") } else { own })
    }

    /// The first line that cannot be read, or leads to what cannot be.
    pub(super) fn broken(&self) -> Option<&Place> {
        self.0.iter().find(|step| matches!(step.what, What::Broken)).map(|step| &step.place)
    }
}

/// Gathers the steps of one facility.
struct Reader<'a> {
    facility: Facility,
    find: Find<'a>,
    included: usize,
    steps: Vec<Step>,
}

/// How many stacks, and how many files, something lies in.
#[derive(Clone, Copy)]
struct Depth {
    level: usize,
    files: usize,
}

impl Reader<'_> {
    fn read(mut self, service: &str) -> Vec<Step> {
        if let Some(source) = (self.find)(service) {
            self.add(&source, Depth { level: 0, files: 0 });
        }
        self.steps
    }

    fn add(&mut self, source: &Source, depth: Depth) {
        for line in parse(&source.text) {
            let place = Place { file: source.path.clone(), line: line.number };
            match line.content {
                Content::Rule { facility, rule } if facility == self.facility => {
                    self.push(depth.level, place, What::Module(rule));
                }
                Content::Whole { file } => self.include(&file, place, depth),
                Content::Part { facility, file, is_substack } if facility == self.facility => {
                    if is_substack {
                        self.push(depth.level, place.clone(), What::Substack);
                    }
                    let level = depth.level.saturating_add(usize::from(is_substack));
                    self.include(&file, place, Depth { level, ..depth });
                }
                Content::Broken { facility } if facility.is_none_or(|of| of == self.facility) => {
                    self.push(depth.level, place, What::Broken);
                }
                Content::Rule { .. } | Content::Part { .. } | Content::Broken { .. } => {}
            }
        }
    }

    fn include(&mut self, file: &str, place: Place, depth: Depth) {
        // Files that include each other end here, and in PAM as well.
        let goes_on = depth.files < DEEPEST && self.included < LONGEST;
        self.included = self.included.saturating_add(1);
        match goes_on.then(|| (self.find)(file)).flatten() {
            Some(source) => self.add(&source, Depth { files: depth.files.saturating_add(1), ..depth }),
            None => self.push(depth.level, place, What::Broken),
        }
    }

    fn push(&mut self, level: usize, place: Place, what: What) {
        if self.steps.len() < LONGEST {
            self.steps.push(Step { level, place, what });
        }
    }
}

/// As deep as PAM goes.
const DEEPEST: usize = 16;

/// More lines than any real stack has, and more files than any includes.
const LONGEST: usize = 256;
