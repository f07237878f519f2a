//! `mfad.toml`: parsed once, at the edge, into rules that hold.

mod fault;
mod file;
mod grant;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use mfad_proto::{FirstFactor, Issuer, Realm};

use crate::locked::Memory;
use crate::policy::{Rules, has_unix_users};

pub use fault::Fault;
use file::{File, RealmTable};
pub use grant::{Grant, Grantee};

/// The configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where the root key lies, when neither an option nor a credential says so.
    pub key_file: Option<PathBuf>,
    /// What keys lie in while a program runs.
    pub key_memory: Memory,
    /// The served realms; `system` is always one of them.
    pub realms: BTreeMap<Realm, Rules>,
    /// Rights that are given besides, by name.
    pub grants: Vec<Grant>,
}

impl Config {
    /// Reads a configuration file. `host` is the issuer of realms that name none.
    ///
    /// # Errors
    /// [`Error`], with the file, and the line where there is one.
    pub fn read(path: &Path, host: &Issuer) -> Result<Self, Error> {
        let fail = |error| Error::Io { path: path.to_owned(), error };
        let mut text = String::new();
        let file = std::fs::File::open(path).map_err(fail)?;
        let length = file.take(LARGEST.saturating_add(1)).read_to_string(&mut text).map_err(fail)?;
        // The head of a longer file would be another configuration.
        if u64::try_from(length).is_ok_and(|length| length > LARGEST) {
            return Err(fail(io::ErrorKind::FileTooLarge.into()));
        }
        Self::parse(&text, host).map_err(|fault| Error::Invalid { path: path.to_owned(), fault })
    }

    /// The configuration when there is no file: realm `system` with the defaults.
    #[must_use]
    pub fn without_file(host: &Issuer) -> Self {
        let system = Realm::system();
        let rules = RealmTable::default().rules(&system, host);
        let realms = BTreeMap::from([(system, rules)]);
        Self { key_file: None, key_memory: Memory::default(), realms, grants: Vec::new() }
    }

    /// Parses the text of a configuration file.
    ///
    /// # Errors
    /// Those of TOML, of an unknown key, and of a value that breaks its rule.
    pub fn parse(text: &str, host: &Issuer) -> Result<Self, Fault> {
        let file: File = toml::from_str(text).map_err(|error| Fault::of(text, &error))?;
        let mut config = Self::without_file(host);
        config.key_file = file.key_file.map(|path| path.0.0);
        config.key_memory = file.key_memory;
        let mut served = BTreeSet::from([Realm::system()]);
        served.extend(file.realm.keys().map(|name| name.0.clone()));
        for table in file.grant {
            config.grants.push(Grant::judged(table, &served).map_err(|(place, why)| Fault::at(text, place, &why))?);
        }
        for (name, table) in file.realm {
            if !config.has_unix_users(&name.0) {
                judge_without_unix_users(&table).map_err(|(place, why)| Fault::at(text, place, why))?;
            }
            let rules = table.rules(&name.0, host);
            config.realms.insert(name.0, rules);
        }
        Ok(config)
    }

    /// Whether a grant speaks of the socket of this name.
    #[must_use]
    pub fn has_socket(&self, name: &str) -> bool {
        self.grants.iter().any(|grant| matches!(&grant.to, Grantee::Socket(socket) if socket == name))
    }

    /// Whether the names in this realm are those of users of this machine.
    #[must_use]
    pub fn has_unix_users(&self, realm: &Realm) -> bool {
        has_unix_users(realm, &self.grants)
    }
}

/// What only a realm of Unix users may say. Elsewhere a name that happens to be a Unix user's would stand for that user.
fn judge_without_unix_users(table: &RealmTable) -> Result<(), (usize, &'static str)> {
    if let Some(first_factor) = &table.first_factor
        && first_factor.get_ref().0 == FirstFactor::Pam
    {
        return Err((first_factor.span().start, PAM_ELSEWHERE));
    }
    match &table.except_groups {
        Some(groups) if !groups.get_ref().is_empty() => Err((groups.span().start, GROUPS_ELSEWHERE)),
        Some(_) | None => Ok(()),
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

/// The host's name as an issuer: what an authenticator app shows when no configuration says otherwise.
#[must_use]
#[expect(clippy::expect_used, reason = "INVARIANT: the literal is a legal issuer")]
pub fn host_issuer() -> Issuer {
    let host = nix::unistd::gethostname().unwrap_or_default();
    let name: String = host.to_string_lossy().chars().filter(|c| !c.is_control() && *c != ':').collect();
    let name = name.get(..name.floor_char_boundary(64)).unwrap_or_default();
    Issuer::new(name).unwrap_or_else(|| Issuer::new("mfad").expect("a legal issuer"))
}

/// Bytes of the largest configuration that is read.
const LARGEST: u64 = 1024 * 1024;

const PAM_ELSEWHERE: &str = "first_factor = \"pam\" needs a realm whose names are users of this machine (system, or one \
    with a grant of right = \"owner\"): a root of this realm would be judged by the Unix password of root";

const GROUPS_ELSEWHERE: &str = "except_groups needs a realm whose names are users of this machine (system, or one with a \
    grant of right = \"owner\"): nobody of this realm is in a Unix group";
