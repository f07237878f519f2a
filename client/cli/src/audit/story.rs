//! A line of the log as a sentence.

use std::collections::HashMap;

use mfad_client::words;
use mfad_proto::printable;
use nix::unistd::{Uid, User};
use serde::Deserialize;

use crate::paint;

/// A line, as far as this program knows its members.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Entry {
    time: Option<u64>,
    event: Option<String>,
    lines: Option<u64>,
    after: Option<String>,
    file: Option<u64>,
    call: String,
    realm: Option<String>,
    user: Option<String>,
    user_hash: Option<String>,
    outcome: String,
    factor: Option<String>,
    said: Option<String>,
    reason: Option<String>,
    uid: Option<u32>,
    socket: Option<String>,
    service: String,
    rhost: String,
    tty: String,
}

impl Entry {
    /// What cannot be read is an entry that says nothing.
    pub(super) fn parse(line: &str) -> Self {
        serde_json::from_str(line).unwrap_or_default()
    }

    /// The sentence, after its moment; `None` for a question that changed nothing, unless `all` are told.
    pub(super) fn told(&self, all: bool, people: &mut People) -> Option<String> {
        let asks = matches!(
            self.call.as_str(),
            "ping"
                | "begin"
                | "status"
                | "list"
                | "list_handles"
                | "show"
                | "get_policy"
                | "import_one"
                | "audit"
                | "stats"
                | "key_status"
        );
        if !all && asks && self.outcome == "answered" && self.event.is_none() {
            return None;
        }
        let (sentence, origin) = match self.event.as_deref() {
            Some(event) => (self.about_the_server(event)?, String::new()),
            None => (self.about_a_request(people), format!("  [{}]", self.origin())),
        };
        let time = self.time.map_or_else(|| "-".to_owned(), words::moment);
        let sentence = self.painted(&printable(&sentence));
        Some(format!("{}  {sentence}{}", paint::faint(&time), paint::faint(&printable(&origin))))
    }

    fn painted(&self, sentence: &str) -> String {
        match (self.event.as_deref(), self.outcome.as_str()) {
            (Some("lost" | "replaced"), _) => paint::bad(sentence),
            (Some("start"), _) if self.after.as_deref() == Some("crash") => paint::warn(sentence),
            (None, "accepted" | "enrolled") => paint::good(sentence),
            (None, "denied" | "not_permitted" | "malformed" | "unavailable") => paint::warn(sentence),
            (_, _) => sentence.to_owned(),
        }
    }

    fn about_the_server(&self, event: &str) -> Option<String> {
        let lines = self.lines.unwrap_or(1);
        Some(match event {
            // How a file begins is of use to nobody but the chain.
            "file" => return None,
            "start" => match self.after.as_deref() {
                Some("crash") => {
                    "mfad started; it had not been stopped before, so that the last lines may be missing".to_owned()
                }
                _ => "mfad started".to_owned(),
            },
            "stop" => "mfad stopped".to_owned(),
            "rules" => "mfad has read other rules".to_owned(),
            "lost" if lines == 1 => "1 line of this log was lost".to_owned(),
            "lost" => format!("{lines} lines of this log were lost"),
            "replaced" => "this log is not the one that the store knew".to_owned(),
            "summed" => {
                let by = self.uid.map_or_else(|| "others".to_owned(), |uid| format!("uid {uid}"));
                format!("{lines} more requests of {by} within a minute ({}): {}", self.call, self.outcome)
            }
            other => format!("{other} {}", self.file.map(|file| file.to_string()).unwrap_or_default()),
        })
    }

    fn about_a_request(&self, people: &mut People) -> String {
        let user = self.name();
        let because = self.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let said = self.said.as_ref().map(|said| format!(": {said}")).unwrap_or_default();
        let by = self.uid.map_or("somebody", |uid| people.name(uid));
        let what = self.shown();
        match (self.call.as_str(), self.outcome.as_str()) {
            ("verify" | "authenticate", "accepted") => format!("{user} logged in with {what}"),
            ("verify" | "authenticate", "denied") => format!("{user} was denied{because}"),
            ("authenticate", "enrollment_required") => format!("{user} must set up a second factor to log in"),
            ("enroll", "enrollment_begun") => format!("{user} began to set up a second factor"),
            ("confirm", "enrolled") => format!("{user} has a second factor now"),
            ("confirm", "denied") => format!("the first code of {user} was denied{because}"),
            ("reset", "done") => format!("{user} gave the second factor up"),
            ("reset", "enrollment_begun") => format!("{user} began to replace the second factor"),
            ("recovery", "issued") => format!("{user} got new recovery codes"),
            ("resync", "done") => format!("the clock of {user}'s app is followed"),
            ("passwd", "done") => format!("{user} changed the password"),
            ("disable", "done") => format!("{by} took the second factor of {user} away{said}"),
            ("unlock", "done") => format!("{by} unlocked {user}"),
            ("recover", "issued") => format!("{by} issued a recovery code for {user}"),
            ("remove", "done") => format!("{by} removed {user}"),
            ("set_password", "done") => format!("{by} set the password of {user}"),
            ("import_one", "imported") => format!("{by} imported a second factor for {user}"),
            ("import_one", outcome) => format!("the import of a factor for {user}: {outcome}{because}"),
            ("set_policy", "answered") => format!("{by} set realm {}{said}", self.realm.as_deref().unwrap_or("?")),
            ("key_rotate", "answered") => format!("{by} began to change the key of the records"),
            ("backup", "done") => format!("{by} made a backup"),
            (_, "try_later") => format!("{user} has to wait ({})", self.call),
            (call, "not_permitted") => format!("{by} may not ask {call} about {user}"),
            ("?", outcome) => format!("{by} sent what is no request: {outcome}"),
            (call, outcome) => format!("{call} about {user}: {outcome}{because}"),
        }
    }

    /// Whom it is about.
    fn name(&self) -> String {
        let realm = self.realm.as_deref().filter(|realm| *realm != "system");
        let of_realm = realm.map(|realm| format!(" ({realm})")).unwrap_or_default();
        match (&self.user, &self.user_hash) {
            (Some(user), _) => format!("{user}{of_realm}"),
            (None, Some(hash)) => format!("an unknown user{of_realm} #{hash}"),
            (None, None) => realm.map_or_else(|| "the server".to_owned(), |realm| format!("realm {realm}")),
        }
    }

    fn shown(&self) -> &str {
        match self.factor.as_deref() {
            Some("totp") => "a code",
            Some("recovery") => "a recovery code",
            Some("password") => "the password alone",
            Some(other) => other,
            None => "?",
        }
    }

    /// Where it came from, in the caller's words and the kernel's.
    fn origin(&self) -> String {
        let named = |word: &str, text: &str| if text.is_empty() { String::new() } else { format!("{word}{text}") };
        let words = [
            named("", &self.service),
            named("from ", &self.rhost),
            named("on ", &self.tty),
            self.uid.map(|uid| format!("uid {uid}")).unwrap_or_default(),
            self.socket.as_ref().map(|socket| format!("socket {socket}")).unwrap_or_default(),
        ];
        let words: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
        words.join(", ")
    }
}

/// What uids are called on this machine now.
#[derive(Default)]
pub(super) struct People(HashMap<u32, String>);

impl People {
    fn name(&mut self, uid: u32) -> &str {
        self.0.entry(uid).or_insert_with(|| {
            let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
            user.map_or_else(|| format!("uid {uid}"), |user| user.name)
        })
    }
}
