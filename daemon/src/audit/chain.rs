//! The chain: each line of the audit log bears a keyed tag over itself and the tag of the line before, so that nobody
//! without the key can change, move, add or take away a line unseen.
//!
//! MUST: pure. A tag is HMAC-SHA-256 (RFC 2104), cut to its first 128 bits, over the tag before and the line's bytes.

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::keyring::Keyring;
use crate::ledger::Tag;
use crate::locked::{self, Locked};
use crate::residue::wiped;

/// Makes and judges tags.
pub(crate) struct Chain(Locked<Hmac<Sha256>>);

impl Chain {
    /// Derives its key.
    ///
    /// # Errors
    /// When no memory can be locked.
    #[expect(clippy::expect_used, reason = "INVARIANT: HMAC takes keys of any length")]
    pub(crate) fn new(keyring: &Keyring) -> Result<Self, locked::Error> {
        let key = keyring.base().derive(b"mfad audit chain 1");
        Ok(Self(Locked::new(|| Hmac::new_from_slice(key.expose()).expect("any length"))?))
    }

    /// The line of a JSON object as it stands in a file: numbered, and with its tag. `link` moves on to it.
    pub(super) fn line(&self, link: &mut Link, object: &str) -> String {
        self.numbered(link, link.number.saturating_add(1), object)
    }

    /// The first line of a file, which says how the file before it ended. It has no number of its own.
    pub(super) fn head_line(&self, link: &mut Link, file: u64) -> String {
        let before = HEXLOWER.encode(&link.tag);
        let object = format!("{{\"event\":\"file\",\"file\":{file},\"previous\":\"{before}\"}}");
        self.numbered(link, link.number, &object)
    }

    fn numbered(&self, link: &mut Link, number: u64, object: &str) -> String {
        let members = object.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default();
        let body = format!("{NUMBER_KEY}{number},{members}");
        *link = Link { number, tag: self.tag(&link.tag, body.as_bytes()) };
        format!("{body}{TAG_KEY}{}{END}", HEXLOWER.encode(&link.tag))
    }

    fn tag(&self, before: &Tag, body: &[u8]) -> Tag {
        wiped(|| {
            let mut tag = Hmac::clone(&self.0);
            tag.update(before);
            tag.update(body);
            let tag: [u8; 32] = tag.finalize().into_bytes().into();
            tag.first_chunk().copied().unwrap_or_default()
        })
    }

    fn fits(&self, before: &Tag, line: &Stored<'_>) -> bool {
        self.tag(before, line.body).ct_eq(&line.tag).into()
    }
}

/// The last line of a chain so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Link {
    /// Its number.
    pub(super) number: u64,
    /// Its tag.
    pub(super) tag: Tag,
}

impl Link {
    /// What a line says that it is, whether or not it is good; `None` when it has not the form of a line.
    pub(super) fn of(line: &[u8]) -> Option<Self> {
        let stored = Stored::parse(line)?;
        let rest = stored.body.strip_prefix(NUMBER_KEY.as_bytes())?;
        let digits = rest.split(|byte| *byte == b',').next()?;
        let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
        Some(Self { number, tag: stored.tag })
    }
}

/// A line as it stands in a file.
pub(super) struct Stored<'l> {
    /// The object without its last member and its closing brace.
    body: &'l [u8],
    tag: Tag,
}

impl<'l> Stored<'l> {
    /// `None` when the bytes, line feed included, have not the form of a line.
    pub(super) fn parse(line: &'l [u8]) -> Option<Self> {
        let rest = line.strip_suffix(END.as_bytes())?;
        let (rest, tag) = rest.split_last_chunk::<TAG_DIGITS>()?;
        let tag = HEXLOWER.decode(tag).ok()?.try_into().ok()?;
        Some(Self { body: rest.strip_suffix(TAG_KEY.as_bytes())?, tag })
    }

    /// The JSON object that a reader gets: all but the tag.
    pub(super) fn object(&self) -> Option<String> {
        std::str::from_utf8(self.body).ok().map(|body| format!("{body}}}"))
    }

    fn members(&self) -> Option<Members> {
        serde_json::from_str(&self.object()?).ok()
    }
}

/// What the chain itself reads of a line.
#[derive(Deserialize)]
struct Members {
    n: u64,
    event: Option<Event>,
    lines: Option<u64>,
    after: Option<After>,
    previous: Option<String>,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Event {
    File,
    Lost,
    Replaced,
    Start,
    Stop,
    #[serde(other)]
    Other,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum After {
    Crash,
    #[serde(other)]
    Other,
}

/// What a walk finds of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// It is the one that was written after the line before.
    Good(Telling),
    /// It, or something before it, is not what was written.
    Changed,
    /// Lines are missing before it.
    Missing(u64),
}

/// What a good line tells about the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Telling {
    /// Nothing.
    Nothing,
    /// So many lines were lost.
    Lost(u64),
    /// What the store knows of the log was not in it.
    Replaced,
    /// The server had not been stopped before it started here.
    Crashed,
    /// The server was stopped here.
    Stopped,
}

/// A walk along a chain, line by line.
#[derive(Default)]
pub(super) struct Walk {
    /// The line that was passed last; `None` before the oldest line that is kept.
    pub(super) last: Option<Link>,
}

impl Walk {
    /// Passes a line. One that is not good is passed by its own word for it, so that what follows can be good.
    pub(super) fn pass(&mut self, chain: &Chain, line: &[u8]) -> Found {
        let before = self.last.unwrap_or_default();
        let Some((stored, members)) =
            Stored::parse(line).and_then(|line| line.members().map(|members| (line, members)))
        else {
            return Found::Changed;
        };
        let is_head = members.event == Some(Event::File);
        let stated = members.previous.as_ref().and_then(|tag| HEXLOWER.decode(tag.as_bytes()).ok()?.try_into().ok());
        // A head says itself what it follows; only there may a chain begin.
        let follows = if is_head { stated } else { self.last.map(|last| last.tag) };
        let fits = follows.is_some_and(|tag| chain.fits(&tag, &stored));
        let next = if is_head { before.number } else { before.number.saturating_add(1) };
        let goes_on = !is_head || self.last.is_none_or(|last| follows == Some(last.tag));
        let missing = members.n.checked_sub(next).filter(|missing| (1..MOST_MISSING).contains(missing));
        let number = if fits || missing.is_some() { members.n } else { next };
        let is_first = self.last.is_none();
        self.last = Some(Link { number, tag: stored.tag });
        match missing {
            _ if fits && goes_on && (is_first || members.n == next) => Found::Good(members.telling()),
            Some(missing) => Found::Missing(missing),
            None => Found::Changed,
        }
    }
}

impl Members {
    fn telling(&self) -> Telling {
        match self.event {
            Some(Event::Lost) => Telling::Lost(self.lines.unwrap_or(1)),
            Some(Event::Replaced) => Telling::Replaced,
            Some(Event::Start) if self.after == Some(After::Crash) => Telling::Crashed,
            Some(Event::Stop) => Telling::Stopped,
            Some(Event::File | Event::Start | Event::Other) | None => Telling::Nothing,
        }
    }
}

const NUMBER_KEY: &str = "{\"n\":";
const TAG_KEY: &str = ",\"tag\":\"";
const TAG_DIGITS: usize = 32;
const END: &str = "\"}\n";

/// A gap beyond this is no gap but a number that somebody has made up.
const MOST_MISSING: u64 = 1 << 40;
