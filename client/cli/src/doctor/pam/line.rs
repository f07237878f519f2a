//! The lines of one file of PAM, as Linux-PAM reads them.

use std::collections::BTreeMap;

/// What a line is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Facility {
    Auth,
    Account,
    Session,
    Password,
}

/// One line, with the number of the file's line that it begins in.
pub(super) struct Line {
    pub(super) number: usize,
    pub(super) content: Content,
}

/// What a line says.
pub(super) enum Content {
    /// A whole other file stands here.
    Whole {
        file: String,
    },
    /// The lines of a facility in another file stand here; as a stack of their own, or as lines of this one.
    Part {
        facility: Facility,
        file: String,
        is_substack: bool,
    },
    Rule {
        facility: Facility,
        rule: Rule,
    },
    /// PAM cannot read it, and denies: in this facility, or in every one that is asked for.
    Broken {
        facility: Option<Facility>,
    },
}

/// A module, and what its answer means.
#[derive(Clone)]
pub(super) struct Rule {
    pub(super) control: Control,
    pub(super) module: String,
    pub(super) arguments: Vec<String>,
}

/// What follows from an answer of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Ok,
    Done,
    Bad,
    Die,
    Ignore,
    Reset,
    Jump(usize),
}

/// The action for each answer, by PAM's name for it.
#[derive(Clone)]
pub(super) struct Control {
    actions: BTreeMap<String, Action>,
    otherwise: Action,
}

impl Control {
    pub(super) fn action(&self, answer: &str) -> Action {
        self.actions.get(answer).copied().unwrap_or(self.otherwise)
    }

    /// Whatever the answer is, it is a no.
    const fn denying() -> Self {
        Self { actions: BTreeMap::new(), otherwise: Action::Bad }
    }

    fn of(word: &Word) -> Self {
        if word.is_bracketed {
            return Self::of_pairs(&word.text).unwrap_or_else(Self::denying);
        }
        let (success, ignore, otherwise) = match word.text.to_ascii_lowercase().as_str() {
            "required" => (Action::Ok, Action::Ignore, Action::Bad),
            "requisite" => (Action::Ok, Action::Ignore, Action::Die),
            "optional" => (Action::Ok, Action::Ignore, Action::Ignore),
            "sufficient" => (Action::Done, Action::Ignore, Action::Ignore),
            _ => return Self::denying(),
        };
        let actions = [("success", success), ("new_authtok_reqd", success), ("ignore", ignore)];
        Self { actions: actions.map(|(answer, action)| (answer.to_owned(), action)).into(), otherwise }
    }

    fn of_pairs(text: &str) -> Option<Self> {
        let mut control = Self::denying();
        for pair in text.split_whitespace() {
            let (answer, action) = pair.split_once('=')?;
            let (answer, action) = (answer.to_ascii_lowercase(), action_of(&action.to_ascii_lowercase())?);
            if answer == "default" {
                control.otherwise = action;
            } else {
                control.actions.insert(answer, action);
            }
        }
        Some(control)
    }
}

fn action_of(word: &str) -> Option<Action> {
    match word {
        "ok" => Some(Action::Ok),
        "done" => Some(Action::Done),
        "bad" => Some(Action::Bad),
        "die" => Some(Action::Die),
        "ignore" => Some(Action::Ignore),
        "reset" => Some(Action::Reset),
        number => number.parse().ok().filter(|steps| *steps > 0).map(Action::Jump),
    }
}

/// Reads a file.
pub(super) fn parse(text: &str) -> Vec<Line> {
    joined(text)
        .into_iter()
        .filter_map(|(number, text)| Some(Line { number, content: content(words(&text))? }))
        .collect()
}

/// The names of the files that a file includes.
pub(super) fn included(text: &str) -> impl Iterator<Item = String> {
    parse(text).into_iter().filter_map(|line| match line.content {
        Content::Whole { file } | Content::Part { file, .. } => Some(file),
        Content::Rule { .. } | Content::Broken { .. } => None,
    })
}

/// The lines that a backslash goes on from are one, and a `#` ends each.
fn joined(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut goes_on = false;
    for (number, line) in (1..).zip(text.lines()) {
        let (said, is_cut) = line.split_once('#').map_or((line, false), |(said, _comment)| (said, true));
        let whole = said.trim_end();
        let next = whole.strip_suffix('\\').filter(|_| !is_cut);
        let said = next.unwrap_or(whole);
        match lines.last_mut().filter(|_| goes_on) {
            Some((_, last)) => {
                last.push(' ');
                last.push_str(said);
            }
            None => lines.push((number, said.to_owned())),
        }
        goes_on = next.is_some();
    }
    lines
}

fn content(words: Vec<Word>) -> Option<Content> {
    let mut words = words.into_iter();
    let first = words.next()?;
    if first.text == "@include" {
        return Some(
            words.next().map_or(Content::Broken { facility: None }, |file| Content::Whole { file: file.text }),
        );
    }
    // The hyphen silences the log where the module is missing; it denies all the same.
    let facility = match first.text.trim_start_matches('-').to_ascii_lowercase().as_str() {
        "auth" => Facility::Auth,
        "account" => Facility::Account,
        "session" => Facility::Session,
        "password" => Facility::Password,
        _ => return Some(Content::Broken { facility: None }),
    };
    let broken = Content::Broken { facility: Some(facility) };
    let (Some(control), Some(target)) = (words.next(), words.next()) else { return Some(broken) };
    let part = |is_substack| Content::Part { facility, file: target.text.clone(), is_substack };
    Some(match control.text.to_ascii_lowercase().as_str() {
        "include" if !control.is_bracketed => part(false),
        "substack" if !control.is_bracketed => part(true),
        _ => {
            let arguments = words.map(|word| word.text).collect();
            Content::Rule { facility, rule: Rule { control: Control::of(&control), module: target.text, arguments } }
        }
    })
}

struct Word {
    text: String,
    is_bracketed: bool,
}

/// Words stand apart by white space; in brackets they may hold some.
fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('[') {
            Some(inner) => bracketed(inner),
            None => {
                let (word, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
                (Word { text: word.to_owned(), is_bracketed: false }, after)
            }
        };
        words.push(word);
        rest = after.trim_start();
    }
    words
}

/// To the bracket that closes; `\]` is one that does not.
fn bracketed(inner: &str) -> (Word, &str) {
    let mut text = String::new();
    let mut rest = inner;
    while let Some((before, after)) = rest.split_once(']') {
        rest = after;
        match before.strip_suffix('\\') {
            Some(before) => {
                text.push_str(before);
                text.push(']');
            }
            None => {
                text.push_str(before);
                return (Word { text, is_bracketed: true }, rest);
            }
        }
    }
    text.push_str(rest);
    (Word { text, is_bracketed: true }, "")
}
