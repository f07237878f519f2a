//! `mfad.toml`: parsed once, at the edge, into rules that hold.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use mfad_proto::{Issuer, Realm};
use serde::Deserialize;

use crate::locked::Memory;
use crate::policy::{Replace, Rules};
use crate::totp::{Algorithm, Digits};

/// The configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where the root key lies, when neither an option nor a credential says so.
    pub key_file: Option<PathBuf>,
    /// What keys lie in while a program runs.
    pub key_memory: Memory,
    /// The served realms; `system` is always one of them.
    pub realms: BTreeMap<Realm, Rules>,
}

impl Config {
    /// Reads a configuration file. `host` is the issuer of realms that name none.
    ///
    /// # Errors
    /// [`Error`], with the file, and the line where there is one.
    pub fn read(path: &Path, host: &Issuer) -> Result<Self, Error> {
        let fail = |error| Error::Io { path: path.to_owned(), error };
        let mut text = String::new();
        std::fs::File::open(path).and_then(|file| file.take(LARGEST).read_to_string(&mut text)).map_err(fail)?;
        Self::parse(&text, host).map_err(|fault| Error::Invalid { path: path.to_owned(), fault })
    }

    /// The configuration when there is no file: realm `system` with the defaults.
    #[must_use]
    pub fn without_file(host: &Issuer) -> Self {
        let realms = BTreeMap::from([(Realm::system(), RealmTable::default().rules(host))]);
        Self { key_file: None, key_memory: Memory::default(), realms }
    }

    /// Parses the text of a configuration file.
    ///
    /// # Errors
    /// Those of TOML, of an unknown key, and of a value that breaks its rule.
    pub fn parse(text: &str, host: &Issuer) -> Result<Self, Fault> {
        let file: File = toml::from_str(text).map_err(|error| Fault::new(text, &error))?;
        let (key_file, key_memory) = (file.key_file.map(|path| path.0), file.key_memory);
        let mut config = Self { key_file, key_memory, ..Self::without_file(host) };
        config.realms.extend(file.realm.into_iter().map(|(name, table)| (name.0, table.rules(host))));
        Ok(config)
    }
}

/// Why there is no configuration.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read.
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The file breaks a rule.
    Invalid {
        /// The file.
        path: PathBuf,
        /// Where, and which.
        fault: Fault,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, .. } => write!(f, "the configuration {} cannot be read", path.display()),
            Self::Invalid { path, .. } => write!(f, "the configuration {} is not valid", path.display()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { error, .. } => Some(error),
            Self::Invalid { fault, .. } => Some(fault),
        }
    }
}

/// The first rule that a text breaks, in one short line: it goes to a log and a terminal, and the text may hold anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    line: usize,
    what: String,
}

impl Fault {
    fn new(text: &str, error: &toml::de::Error) -> Self {
        let place = error.span().unwrap_or_default().start;
        let line = text.bytes().take(place).filter(|byte| *byte == b'\n').count().saturating_add(1);
        let mut what = error.message().replace(char::is_control, " ");
        what.truncate(what.floor_char_boundary(LONGEST_FAULT));
        Self { line, what }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for Fault {}

/// The host's name as an issuer: what an authenticator app shows when no configuration says otherwise.
#[must_use]
#[expect(clippy::expect_used, reason = "INVARIANT: the literal is a legal issuer")]
pub fn host_issuer() -> Issuer {
    let host = nix::unistd::gethostname().unwrap_or_default();
    let name: String = host.to_string_lossy().chars().filter(|c| !c.is_control() && *c != ':').collect();
    let name = name.get(..name.floor_char_boundary(64)).unwrap_or_default();
    Issuer::new(name).unwrap_or_else(|| Issuer::new("mfad").expect("a legal issuer"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    key_file: Option<AbsolutePath>,
    #[serde(default)]
    key_memory: Memory,
    #[serde(default)]
    realm: BTreeMap<RealmName, RealmTable>,
}

/// A relative path would mean another file wherever the daemon is started.
#[derive(Deserialize)]
#[serde(try_from = "PathBuf")]
struct AbsolutePath(PathBuf);

impl TryFrom<PathBuf> for AbsolutePath {
    type Error = &'static str;

    fn try_from(path: PathBuf) -> Result<Self, Self::Error> {
        if path.is_absolute() { Ok(Self(path)) } else { Err("a path in the configuration begins with /") }
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RealmTable {
    issuer: Option<IssuerText>,
    digits: Option<DigitCount>,
    algorithm: Option<AlgorithmName>,
    replace: Option<ReplaceWord>,
}

impl RealmTable {
    fn rules(self, host: &Issuer) -> Rules {
        Rules {
            issuer: self.issuer.map_or_else(|| host.clone(), |issuer| issuer.0),
            digits: self.digits.map(|digits| digits.0).unwrap_or_default(),
            algorithm: match self.algorithm {
                Some(AlgorithmName::Sha256) => Algorithm::Sha256,
                Some(AlgorithmName::Sha512) => Algorithm::Sha512,
                Some(AlgorithmName::Sha1) | None => Algorithm::Sha1,
            },
            replace: match self.replace {
                Some(ReplaceWord::Asserted) => Replace::Asserted,
                Some(ReplaceWord::Code) | None => Replace::Code,
            },
        }
    }
}

#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(try_from = "String")]
struct RealmName(Realm);

impl TryFrom<String> for RealmName {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Realm::new(&text).map(Self).ok_or("a realm's name is a to z, then up to 31 of a to z, 0 to 9 and -")
    }
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct IssuerText(Issuer);

impl TryFrom<String> for IssuerText {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Issuer::new(&text).map(Self).ok_or("an issuer has 1 to 64 bytes, without control characters and ':'")
    }
}

#[derive(Deserialize)]
#[serde(try_from = "u8")]
struct DigitCount(Digits);

impl TryFrom<u8> for DigitCount {
    type Error = &'static str;

    fn try_from(count: u8) -> Result<Self, Self::Error> {
        Digits::new(count).map(Self).ok_or("digits is 6, 7 or 8")
    }
}

#[derive(Deserialize)]
enum AlgorithmName {
    #[serde(rename = "SHA1", alias = "SHA-1")]
    Sha1,
    #[serde(rename = "SHA256", alias = "SHA-256")]
    Sha256,
    #[serde(rename = "SHA512", alias = "SHA-512")]
    Sha512,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum ReplaceWord {
    Code,
    Asserted,
}

/// Bytes of the largest configuration that is read.
const LARGEST: u64 = 1024 * 1024;

/// Bytes of the longest fault: an unknown key is quoted in it.
const LONGEST_FAULT: usize = 300;
