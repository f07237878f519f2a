//! `~/.google_authenticator`, as google-authenticator-libpam keeps it: the key in base32, then options behind a quotation
//! mark, then the scratch codes that are left.

use mfad_proto::{Algorithm, Digits, ForeignFactor, TotpKey, UserName};
use nix::unistd::{Uid, User};

use super::plain_file::{Line, Lines, PlainFile};
use super::{COUNTED, Entry, Found, OTHER_PERIOD, Place, Refused, Source, key};
use crate::failure::Failure;

/// One such file.
pub(super) struct GoogleAuthenticator {
    lines: Lines,
    /// Until it was read.
    user: Option<UserName>,
}

impl GoogleAuthenticator {
    /// The file says nothing of its user: it is the owner's where none is named.
    pub(super) fn open(file: PlainFile, user: Option<UserName>) -> Result<Self, Failure> {
        // As the PAM module has it, which reads no larger file.
        if file.length() > MOST {
            return Err(Failure::Usage("the file is larger than google-authenticator's ever are"));
        }
        let owner = || {
            let user = User::from_uid(Uid::from_raw(file.owner())).ok().flatten();
            user.and_then(|user| UserName::new(&user.name))
        };
        let user = user
            .or_else(owner)
            .ok_or(Failure::Usage("the file's owner has no user name: name the user with --user"))?;
        Ok(Self { lines: file.lines()?, user: Some(user) })
    }

    fn read(&mut self, user: UserName) -> Result<Found, Failure> {
        let Some(first) = self.lines.next()? else {
            return Ok(refused(FIRST, &user, "the file is empty"));
        };
        let key = match first.text.and_then(key::of_base32) {
            Ok(key) => key,
            Err(why) => return Ok(refused(FIRST, &user, why)),
        };
        let (mut is_timed, mut note) = (false, None);
        while let Some(Line { number, text }) = self.lines.next()? {
            match text.and_then(option) {
                Ok(Said::Timed) => is_timed = true,
                Ok(Said::Scratch) => note = Some("its scratch codes are not taken over"),
                Ok(Said::Nothing) => {}
                Err(why) => return Ok(refused(number, &user, why)),
            }
        }
        if !is_timed {
            return Ok(refused(FIRST, &user, "it has no line TOTP_AUTH, without which no code of it is accepted"));
        }
        let entry = Entry { user, factor: factor(key), note };
        Ok(Found { place: Place::Line(FIRST), what: Ok(entry) })
    }
}

impl Source for GoogleAuthenticator {
    fn next(&mut self) -> Result<Option<Found>, Failure> {
        self.user.take().map(|user| self.read(user)).transpose()
    }

    fn progress(&self) -> (u64, u64) {
        self.lines.progress()
    }
}

/// What a line after the first says.
enum Said {
    Timed,
    Scratch,
    Nothing,
}

fn option(line: &str) -> Result<Said, &'static str> {
    let Some(option) = line.strip_prefix("\" ") else {
        let is_scratch = line.len() == 8 && line.bytes().all(|byte| byte.is_ascii_digit());
        return match (is_scratch, line.is_empty()) {
            (true, _) => Ok(Said::Scratch),
            (false, true) => Ok(Said::Nothing),
            (false, false) => Err("the line is neither an option nor a scratch code of google-authenticator's"),
        };
    };
    let mut words = option.split_ascii_whitespace();
    match (words.next(), words.next()) {
        (Some("TOTP_AUTH"), _) => Ok(Said::Timed),
        (Some("HOTP_COUNTER"), _) => Err(COUNTED),
        (Some("STEP_SIZE"), size) if size != Some("30") => Err(OTHER_PERIOD),
        (Some(_) | None, _) => Ok(Said::Nothing),
    }
}

fn refused(line: u64, user: &UserName, why: &'static str) -> Found {
    Found { place: Place::Line(line), what: Err(Refused::new(user.as_str(), why)) }
}

fn factor(key: TotpKey) -> ForeignFactor {
    ForeignFactor { key, algorithm: Algorithm::Sha1, digits: Digits::default() }
}

/// The line that bears the key.
const FIRST: u64 = 1;

/// In bytes.
const MOST: u64 = 64 * 1024;
