//! The users file of pam_oath: a line an entry, `HOTP/T30/6 user pin hexkey`, and what it has noted of the last code.

use mfad_proto::{Algorithm, Digits, ForeignFactor, UserName};

use super::plain_file::{Line, Lines, PlainFile};
use super::{COUNTED, Entry, Found, NO_NAME, OTHER_PERIOD, Place, Refused, Source, key};
use crate::failure::Failure;

/// One such file.
pub(super) struct PamOath {
    lines: Lines,
}

impl PamOath {
    pub(super) fn open(file: PlainFile) -> Result<Self, Failure> {
        Ok(Self { lines: file.lines()? })
    }
}

impl Source for PamOath {
    fn next(&mut self) -> Result<Option<Found>, Failure> {
        while let Some(Line { number, text }) = self.lines.next()? {
            let what = match text {
                Ok(text) if text.is_empty() || text.starts_with('#') => continue,
                Ok(text) => entry(text),
                Err(why) => Err(Refused { user: None, why }),
            };
            return Ok(Some(Found { place: Place::Line(number), what }));
        }
        Ok(None)
    }

    fn progress(&self) -> (u64, u64) {
        self.lines.progress()
    }
}

fn entry(line: &str) -> Result<Entry, Refused> {
    let mut fields = line.split_ascii_whitespace();
    let (Some(kind), Some(name), Some(pin), Some(key)) = (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(Refused { user: None, why: "the line has less than four fields" });
    };
    let refused = |why| Refused::new(name, why);
    // A counter, the last code and its time.
    if fields.count() > 3 {
        return Err(refused("the line has more fields than pam_oath's"));
    }
    let digits = digits(kind).map_err(refused)?;
    let user = UserName::new(name).ok_or_else(|| refused(NO_NAME))?;
    let key = key::of_hex(key).map_err(refused)?;
    let note = (pin != "-").then_some("its PIN is not taken over");
    Ok(Entry { user, factor: ForeignFactor { key, algorithm: Algorithm::Sha1, digits }, note })
}

/// How many digits the codes of this kind of entry have.
fn digits(kind: &str) -> Result<Digits, &'static str> {
    let mut words = kind.split('/');
    let (name, moving, digits, more) = (words.next(), words.next(), words.next(), words.next());
    match (name, moving, more) {
        (Some("HOTP"), None | Some("E"), None) => Err(COUNTED),
        (Some("HOTP"), Some("T30"), None) => super::digits(digits),
        (Some("HOTP"), Some(period), None) if period.starts_with('T') => Err(OTHER_PERIOD),
        _ => Err("the line begins with no kind of pam_oath's"),
    }
}
