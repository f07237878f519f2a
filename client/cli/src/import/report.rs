//! What became of the entries: a line for each that was refused or lost something, and the counts.

use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use mfad_proto::{UserName, printable};
use serde::Serialize;

use super::{Place, Refused};
use crate::failure::Failure;
use crate::output::Output;

/// The report of one run.
pub(super) struct Report<'o> {
    output: &'o Output,
    file: String,
    /// Hidden where standard error is no terminal.
    bar: ProgressBar,
    applied: bool,
    new: u64,
    already: u64,
    refused: u64,
}

impl<'o> Report<'o> {
    pub(super) fn begin(file: &Path, applied: bool, output: &'o Output) -> Self {
        let style = ProgressStyle::with_template("{bar:40} {percent} %");
        let bar = ProgressBar::new(0).with_style(style.unwrap_or_else(|_e| ProgressStyle::default_bar()));
        Self { output, file: shown(&file.to_string_lossy()), bar, applied, new: 0, already: 0, refused: 0 }
    }

    pub(super) fn progress(&self, (done, all): (u64, u64)) {
        self.bar.set_length(all);
        self.bar.set_position(done);
    }

    /// An entry that the daemon has, or would have.
    pub(super) fn taken(
        &mut self,
        place: &Place,
        user: &UserName,
        already: bool,
        note: Option<&'static str>,
    ) -> Result<(), Failure> {
        let (count, outcome) = if already { (&mut self.already, "already") } else { (&mut self.new, "new") };
        *count = count.saturating_add(1);
        let what = if already { "there already" } else { "to be taken over" };
        match note {
            Some(note) if self.applied => self.say(place, Some(&shown(user.as_str())), note)?,
            Some(note) => self.say(place, Some(&shown(user.as_str())), &format!("{what}; {note}"))?,
            // Who only looks wants to know whom it is about.
            None if !self.applied => self.say(place, Some(&shown(user.as_str())), what)?,
            None => {}
        }
        self.object(&EntryObject { user: Some(user.as_str()), outcome, why: None, note, line: place.line() })
    }

    pub(super) fn refused(&mut self, place: &Place, refused: &Refused) -> Result<(), Failure> {
        let Refused { user, why } = refused;
        self.refused = self.refused.saturating_add(1);
        self.say(place, user.as_deref(), why)?;
        let line = place.line();
        self.object(&EntryObject { user: user.as_deref(), outcome: "refused", why: Some(why), note: None, line })
    }

    /// The run was not completed.
    pub(super) fn cut_off(&self) -> Result<(), Failure> {
        self.bar.finish_and_clear();
        self.output.prose(&self.counts())?;
        self.output.prose("That is not all of it. Run it again: what is there already stays as it is.")
    }

    /// The counts, as the last thing of a whole run; status 1 where something was refused.
    pub(super) fn close(&self, rewritten: Option<u64>) -> Result<(), Failure> {
        self.bar.finish_and_clear();
        let Self { new, already, refused, applied, .. } = *self;
        self.output.object(&DoneObject { result: "done", new, already, refused, applied, rewritten })?;
        self.output.prose(&self.counts())?;
        if !applied {
            self.output.prose("Nothing was changed: --apply does it.")?;
        } else if let Some(rewritten) = rewritten {
            self.output.prose(&format!("Handles stand in the place of {rewritten} keys now."))?;
            let kept = new.saturating_add(already).saturating_sub(rewritten);
            if kept > 0 {
                self.output.prose(&format!("{kept} keys were changed meanwhile and stay: run it again."))?;
            }
            if refused > 0 {
                self.output.prose("What was refused keeps its key in the file, for whoever can read that.")?;
            }
            self.output.prose("From now on Netmaker must run with mfad's drop-in.")?;
        } else if new > 0 {
            self.output
                .prose("The old file still holds the keys: whoever can read it can make codes, until it is gone.")?;
        }
        if refused > 0 { Err(Failure::SomeRefused(refused)) } else { Ok(()) }
    }

    fn counts(&self) -> String {
        let Self { new, already, refused, .. } = self;
        let would = if self.applied { "taken over" } else { "to be taken over" };
        format!("{}: {new} {would}, {already} there already, {refused} refused", self.file)
    }

    fn say(&self, place: &Place, user: Option<&str>, what: &str) -> Result<(), Failure> {
        let line = place.line().map(|line| format!(":{line}")).unwrap_or_default();
        let user = user.map(|user| format!("{user}: ")).unwrap_or_default();
        let said = format!("{}{line}: {user}{what}", self.file);
        self.bar.suspend(|| self.output.prose(&said))
    }

    fn object(&self, object: &EntryObject<'_>) -> Result<(), Failure> {
        self.bar.suspend(|| self.output.object(object))
    }
}

/// What stands in a file of somebody else's, so that it can be shown: nothing in it moves a cursor, turns the direction of
/// writing, or fills the screen.
pub(super) fn shown(text: &str) -> String {
    let mut shown = printable(&text.chars().take(SHOWN).collect::<String>());
    if text.chars().nth(SHOWN).is_some() {
        shown.push('\u{2026}');
    }
    shown
}

#[derive(Serialize)]
struct EntryObject<'a> {
    user: Option<&'a str>,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
}

#[derive(Serialize)]
struct DoneObject {
    result: &'static str,
    new: u64,
    already: u64,
    refused: u64,
    applied: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    rewritten: Option<u64>,
}

/// Characters of a text that are shown.
const SHOWN: usize = 255;
