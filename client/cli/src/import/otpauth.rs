//! `otpauth` URIs, one a line, as apps and QR codes carry them: `otpauth://totp/ISSUER:USER?secret=BASE32&…`.

use data_encoding::HEXLOWER_PERMISSIVE;
use mfad_proto::{Algorithm, ForeignFactor, UserName};
use zeroize::Zeroizing;

use super::plain_file::{Line, Lines, PlainFile};
use super::{COUNTED, Entry, Found, NO_NAME, OTHER_PERIOD, Place, Refused, Source, key};
use crate::failure::Failure;

/// A file of them.
pub(super) struct Otpauth {
    lines: Lines,
    /// In the place of the user that the one URI names.
    user: Option<UserName>,
    /// The first, when the file was looked at before.
    first: Option<Found>,
}

impl Otpauth {
    /// One user can stand for the one entry of a file.
    pub(super) fn open(file: PlainFile, user: Option<UserName>) -> Result<Self, Failure> {
        let mut source = Self { lines: file.lines()?, user, first: None };
        if source.user.is_some() {
            source.first = source.read()?;
            if source.read()?.is_some() {
                return Err(Failure::Usage("--user is for a file of one factor: this one holds more"));
            }
        }
        Ok(source)
    }

    fn read(&mut self) -> Result<Option<Found>, Failure> {
        while let Some(Line { number, text }) = self.lines.next()? {
            let what = match text {
                Ok(text) if text.is_empty() || text.starts_with('#') => continue,
                Ok(text) => entry(text, self.user.as_ref()),
                Err(why) => Err(Refused { user: None, why }),
            };
            return Ok(Some(Found { place: Place::Line(number), what }));
        }
        Ok(None)
    }
}

impl Source for Otpauth {
    fn next(&mut self) -> Result<Option<Found>, Failure> {
        match self.first.take() {
            Some(first) => Ok(Some(first)),
            None => self.read(),
        }
    }

    fn progress(&self) -> (u64, u64) {
        self.lines.progress()
    }
}

fn entry(uri: &str, named: Option<&UserName>) -> Result<Entry, Refused> {
    let nameless = |why| Refused { user: None, why };
    let (scheme, rest) = uri.split_once("://").ok_or_else(|| nameless("the line is no otpauth URI"))?;
    if scheme.eq_ignore_ascii_case("otpauth-migration") {
        return Err(nameless(
            "it is an export of the Google Authenticator app, which packs several accounts: have each account shown as an \
             otpauth URI of its own, by the service that it is for or by a program that unpacks such exports",
        ));
    }
    if !scheme.eq_ignore_ascii_case("otpauth") {
        return Err(nameless("the line is no otpauth URI"));
    }
    let (kind, rest) = rest.split_once('/').ok_or_else(|| nameless("the URI names no account"))?;
    let (label, query) = rest.split_once('?').ok_or_else(|| nameless("the URI has no key"))?;
    let label = decoded(label).ok_or_else(|| nameless("the URI's account is not encoded as RFC 3986 says"))?;
    let name = label.split_once(':').map_or(label.as_str(), |(_issuer, user)| user.trim_start_matches(' '));
    let refused = |why| Refused::new(named.map_or(name, UserName::as_str), why);
    if kind.eq_ignore_ascii_case("hotp") {
        return Err(refused(COUNTED));
    }
    if !kind.eq_ignore_ascii_case("totp") {
        return Err(refused("it is of a kind that mfad does not know"));
    }
    let factor = factor(query).map_err(refused)?;
    let user = named.cloned().or_else(|| UserName::new(name)).ok_or_else(|| refused(NO_NAME))?;
    Ok(Entry { user, factor, note: None })
}

/// The key and how codes are made of it. What else the URI carries is for an app to show.
fn factor(query: &str) -> Result<ForeignFactor, &'static str> {
    let (mut key, mut algorithm, mut digits, mut period) = (None, None, None, None);
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let taken = match name {
            "secret" => &mut key,
            "algorithm" => &mut algorithm,
            "digits" => &mut digits,
            "period" => &mut period,
            _ => continue,
        };
        let value = decoded(value).ok_or("the URI is not encoded as RFC 3986 says")?;
        if taken.replace(value).is_some() {
            return Err("the URI says the same thing twice");
        }
    }
    if period.is_some_and(|period| period.as_str() != "30") {
        return Err(OTHER_PERIOD);
    }
    let key = key::of_base32(key.as_ref().ok_or("the URI has no key")?)?;
    let algorithm = match algorithm.map(|name| name.to_ascii_uppercase()).as_deref() {
        None | Some("SHA1") => Algorithm::Sha1,
        Some("SHA256") => Algorithm::Sha256,
        Some("SHA512") => Algorithm::Sha512,
        Some(_) => return Err("its algorithm is none of SHA1, SHA256 and SHA512"),
    };
    let digits = super::digits(digits.as_ref().map(|digits| digits.as_str()))?;
    Ok(ForeignFactor { key, algorithm, digits })
}

/// Decodes as RFC 3986 section 2.1 says; `None` when the text is not encoded so, or is no text then.
fn decoded(text: &str) -> Option<Zeroizing<String>> {
    let mut parts = text.split('%');
    // Never longer than the text: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    bytes.extend_from_slice(parts.next()?.as_bytes());
    for part in parts {
        let (pair, rest) = part.as_bytes().split_at_checked(2)?;
        let mut byte = [0];
        HEXLOWER_PERMISSIVE.decode_mut(pair, &mut byte).ok()?;
        bytes.extend_from_slice(&byte);
        bytes.extend_from_slice(rest);
    }
    let mut text = Zeroizing::new(String::with_capacity(bytes.len()));
    text.push_str(std::str::from_utf8(&bytes).ok()?);
    Some(text)
}
