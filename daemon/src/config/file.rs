//! The shape of `mfad.toml`, key by key. `daemon/mfad.toml` says what each key means.

use std::collections::BTreeMap;
use std::path::PathBuf;

use mfad_proto::{BadEnforcement, Enforcement, Enrolling, FirstFactor, Issuer, Label, Realm, Replacing, UserName};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use toml::{Spanned, Value};

use crate::locked::Memory;
use crate::policy::{Exceptions, Right, Rules};
use crate::stack::Stack;
use crate::totp::{Algorithm, Digits};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) key_file: Option<Valid<AbsolutePath>>,
    #[serde(default)]
    pub(super) key_memory: Memory,
    #[serde(default)]
    pub(super) realm: BTreeMap<Valid<Realm>, RealmTable>,
    #[serde(default)]
    pub(super) grant: Vec<Spanned<GrantTable>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RealmTable {
    pub(super) first_factor: Option<Spanned<Valid<FirstFactor>>>,
    stack: Option<Valid<Stack>>,
    issuer: Option<Valid<Issuer>>,
    digits: Option<Valid<Digits>>,
    algorithm: Option<Valid<Algorithm>>,
    enroll: Option<Valid<Enrolling>>,
    replace: Option<Valid<Replacing>>,
    enforce: Option<Valid<Enforcement>>,
    #[serde(default)]
    except_users: Vec<Valid<UserName>>,
    pub(super) except_groups: Option<Spanned<Vec<Valid<GroupName>>>>,
    #[serde(default)]
    except_services: Vec<Valid<Label>>,
}

impl RealmTable {
    /// The rules of the realm of this name. What is not said is the strictest that locks nobody out.
    pub(super) fn rules(self, realm: &Realm, host: &Issuer) -> Rules {
        let usual = if *realm == Realm::system() { FirstFactor::Pam } else { FirstFactor::Asserted };
        let groups = self.except_groups.map(Spanned::into_inner).unwrap_or_default();
        Rules {
            issuer: self.issuer.map_or_else(|| host.clone(), |issuer| issuer.0),
            digits: said(self.digits),
            algorithm: said(self.algorithm),
            first_factor: self.first_factor.map_or(usual, |first_factor| first_factor.into_inner().0),
            stack: said(self.stack),
            enroll: said(self.enroll),
            replace: said(self.replace),
            enforce: said(self.enforce),
            except: Exceptions {
                users: self.except_users.into_iter().map(|user| user.0).collect(),
                groups: groups.into_iter().map(|group| group.0.0).collect(),
                services: self.except_services.into_iter().map(|service| service.0).collect(),
            },
        }
    }
}

fn said<T: Default>(value: Option<Valid<T>>) -> T {
    value.map(|value| value.0).unwrap_or_default()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GrantTable {
    pub(super) realm: Spanned<Valid<Realm>>,
    pub(super) right: Valid<Right>,
    pub(super) user: Option<Valid<UserName>>,
    pub(super) group: Option<Valid<GroupName>>,
    pub(super) socket: Option<Spanned<Valid<SocketName>>>,
}

/// A value that keeps its rule.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Valid<T>(pub(super) T);

impl<'de, T: Judge> Deserialize<'de> for Valid<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::judge(T::Raw::deserialize(deserializer)?).map(Self).map_err(D::Error::custom)
    }
}

/// Something that a file says in its own words.
pub(super) trait Judge: Sized {
    /// What the file holds.
    type Raw: DeserializeOwned;

    /// The value, or the rule that is broken.
    fn judge(raw: Self::Raw) -> Result<Self, String>;
}

/// A relative path would mean another file wherever the daemon is started.
pub(super) struct AbsolutePath(pub(super) PathBuf);

impl Judge for AbsolutePath {
    type Raw = PathBuf;

    fn judge(path: PathBuf) -> Result<Self, String> {
        if path.is_absolute() { Ok(Self(path)) } else { Err("a path in the configuration begins with /".to_owned()) }
    }
}

impl Judge for Realm {
    type Raw = String;

    fn judge(text: String) -> Result<Self, String> {
        Self::new(&text).ok_or_else(|| "a realm's name is a to z, then up to 31 of a to z, 0 to 9 and -".to_owned())
    }
}

impl Judge for Issuer {
    type Raw = String;

    fn judge(text: String) -> Result<Self, String> {
        Self::new(&text).ok_or_else(|| "an issuer has 1 to 64 bytes, without control characters and ':'".to_owned())
    }
}

impl Judge for UserName {
    type Raw = String;

    fn judge(text: String) -> Result<Self, String> {
        Self::new(&text)
            .ok_or_else(|| "a user's name has 1 to 255 bytes, without control characters, ':' and '/'".to_owned())
    }
}

/// The name of a Unix group.
pub(super) struct GroupName(pub(super) String);

impl Judge for GroupName {
    type Raw = String;

    fn judge(text: String) -> Result<Self, String> {
        match UserName::new(&text) {
            Some(_) if !text.contains(',') => Ok(Self(text)),
            Some(_) | None => {
                Err("a group's name has 1 to 255 bytes, without control characters, ':', '/' and ','".to_owned())
            }
        }
    }
}

/// The name of a login service. The empty one would be every service that says nothing of itself.
impl Judge for Label {
    type Raw = String;

    fn judge(text: String) -> Result<Self, String> {
        let plain = !text.is_empty() && !text.chars().any(char::is_control);
        let rule = || "a service's name has 1 to 64 bytes, without control characters".to_owned();
        Self::new(&text).filter(|_| plain).ok_or_else(rule)
    }
}

/// What systemd takes for `FileDescriptorName=`.
pub(super) struct SocketName(pub(super) String);

impl Judge for SocketName {
    type Raw = String;

    fn judge(text: String) -> Result<Self, String> {
        let plain = text.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b':');
        let legal = plain && (1..=255).contains(&text.len());
        if legal {
            Ok(Self(text))
        } else {
            Err("a socket's name has 1 to 255 printable ASCII characters, without ':'".to_owned())
        }
    }
}

impl Judge for Digits {
    type Raw = i64;

    fn judge(count: i64) -> Result<Self, String> {
        u8::try_from(count).ok().and_then(Self::new).ok_or_else(|| "digits is 6, 7 or 8".to_owned())
    }
}

impl Judge for Stack {
    type Raw = Vec<String>;

    fn judge(lines: Vec<String>) -> Result<Self, String> {
        Self::parse(lines.iter().map(String::as_str)).map_err(|fault| fault.to_string())
    }
}

impl Judge for Enforcement {
    type Raw = Value;

    fn judge(value: Value) -> Result<Self, String> {
        let text = match value {
            Value::Boolean(true) => return Ok(Self::On),
            Value::Boolean(false) => return Ok(Self::Off),
            Value::String(text) => text,
            // A time of day is told below that there is none.
            Value::Datetime(day) => day.to_string(),
            Value::Integer(_) | Value::Float(_) | Value::Array(_) | Value::Table(_) => {
                return Err("enforce is true, false, \"on\", \"off\", or \"after YYYY-MM-DD\"".to_owned());
            }
        };
        // Here a day needs no word before it.
        let is_day = text.starts_with(|c: char| c.is_ascii_digit());
        let parsed = if is_day { format!("after {text}").parse() } else { text.parse() };
        parsed.map_err(|error: BadEnforcement| {
            if error == BadEnforcement::Date {
                format!("`{text}` is no day: {error}; it begins at 00:00 UTC")
            } else {
                format!("unknown word `{text}`, {error}")
            }
        })
    }
}

impl Judge for FirstFactor {
    type Raw = String;

    fn judge(text: String) -> Result<Self, String> {
        word(&text, &[Self::Pam, Self::Password, Self::Asserted].map(|known| (known.as_str(), known)))
    }
}

impl Judge for Enrolling {
    type Raw = String;

    fn judge(text: String) -> Result<Self, String> {
        word(&text, &[Self::Open, Self::Ticket, Self::Closed].map(|known| (known.as_str(), known)))
    }
}

impl Judge for Replacing {
    type Raw = String;

    fn judge(text: String) -> Result<Self, String> {
        word(&text, &[Self::Code, Self::Asserted].map(|known| (known.as_str(), known)))
    }
}

impl Judge for Algorithm {
    type Raw = String;

    fn judge(text: String) -> Result<Self, String> {
        let hyphened = [("SHA-1", Self::Sha1), ("SHA-256", Self::Sha256), ("SHA-512", Self::Sha512)];
        let plain = [("SHA1", Self::Sha1), ("SHA256", Self::Sha256), ("SHA512", Self::Sha512)];
        word(&text, &hyphened).or_else(|_| word(&text, &plain))
    }
}

impl Judge for Right {
    type Raw = String;

    fn judge(text: String) -> Result<Self, String> {
        word(&text, &[("login", Self::Login), ("owner", Self::Owner), ("admin", Self::Admin)])
    }
}

/// One of the words that a key knows.
fn word<T: Copy>(text: &str, known: &[(&str, T)]) -> Result<T, String> {
    let found = known.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    found.ok_or_else(|| format!("unknown word `{text}`, expected {}", one_of(known.iter().map(|(word, _)| *word))))
}

/// What may stand somewhere, in the words that serde uses.
pub(super) fn one_of<'w>(words: impl Iterator<Item = &'w str>) -> String {
    let quoted: Vec<_> = words.map(|word| format!("`{word}`")).collect();
    format!("one of {}", quoted.join(", "))
}
