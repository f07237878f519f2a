//! The sqlite database of a Netmaker server, as 1.5.1 and later make it: table `users_v1`, where a user with
//! `is_mfa_enabled` has a key in `totp_secret`, in base32 and without any seal. Older servers kept users in table `users`,
//! as JSON; the upgrade copies them and leaves the old ones there.
//!
//! MUST: the database is only read, but for `rewrite`, which is one transaction; nothing is locked while the daemon works.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use mfad_proto::{Algorithm, Digits, ForeignFactor, Handle, UserName};
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};
use zeroize::Zeroizing;

use super::{Entry, Found, NO_NAME, Place, Refused, Source, key};
use crate::failure::Failure;

/// Such a database.
pub(super) struct Netmaker {
    database: Connection,
    shown: String,
    page: VecDeque<Found>,
    /// The last row that was read.
    last: i64,
    done: u64,
    all: u64,
}

/// A user's row as it was read.
pub(super) struct Row {
    id: i64,
    secret: Zeroizing<String>,
}

/// A user whose factor the daemon has.
pub(super) struct Taken {
    pub(super) row: Row,
    pub(super) user: UserName,
    pub(super) handle: Handle,
}

impl Netmaker {
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let shown = super::report::shown(&path.to_string_lossy());
        let database = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(failed(&shown, "read"))?;
        let count = |query| database.query_row(query, [], |row| row.get::<_, u32>(0)).map_err(failed(&shown, "read"));
        if count(COLUMNS)? != 3 {
            return Err(Failure::Usage("the database has no table users_v1 as Netmaker 1.5.1 and later make it"));
        }
        if count(ELSEWHERE)? > 0 {
            return Err(Failure::Usage(
                "the database has keys in other tables than users_v1: it is of a Netmaker that this mfactl does not know",
            ));
        }
        let all = count(ALL)?.into();
        Ok(Self { database, shown, page: VecDeque::new(), last: i64::MIN, done: 0, all })
    }

    /// Reads the next rows. Each page is a look of its own, so that Netmaker can write in between.
    fn turn(&mut self) -> rusqlite::Result<()> {
        let mut query = self.database.prepare_cached(PAGE)?;
        let mut rows = query.query(params![self.last])?;
        while let Some(row) = rows.next()? {
            let id = row.get(0)?;
            let (name, secret) = (text(row.get_ref(1)?), text(row.get_ref(2)?));
            let (is_empty, is_on) = (row.get::<_, i64>(3)? == 0, row.get::<_, bool>(4)?);
            self.last = id;
            self.done = self.done.saturating_add(1);
            if secret.as_ref().is_some_and(|secret| secret.starts_with(HANDLE)) {
                continue;
            }
            let (name, typed) =
                (name.as_ref().map(|name| name.as_str()), secret.as_ref().map(|secret| secret.as_str()));
            let what = if is_on { entry(name, typed, is_empty) } else { Err(off(name)) };
            let row = Row { id, secret: secret.unwrap_or_default() };
            self.page.push_back(Found { place: Place::Row(row), what });
        }
        Ok(())
    }
}

impl Source for Netmaker {
    fn next(&mut self) -> Result<Option<Found>, Failure> {
        loop {
            if let Some(found) = self.page.pop_front() {
                return Ok(Some(found));
            }
            let before = self.last;
            self.turn().map_err(failed(&self.shown, "read"))?;
            if self.last == before {
                return Ok(None);
            }
        }
    }

    fn progress(&self) -> (u64, u64) {
        (self.done, self.all)
    }
}

impl Place {
    /// The line, where there are lines.
    pub(super) const fn line(&self) -> Option<u64> {
        match self {
            Self::Line(line) => Some(*line),
            Self::Row(_) => None,
        }
    }
}

/// Puts each account's handle in the place of its key, where that is still the one that the daemon has; and takes the copy
/// away that an upgrade of Netmaker left behind. All of it or nothing: after a crash the next run does it. Says how many
/// there were.
pub(super) fn rewrite(path: &Path, taken: &[Taken]) -> Result<u64, Failure> {
    let shown = super::report::shown(&path.to_string_lossy());
    put(path, taken).map_err(failed(&shown, "written"))
}

fn put(path: &Path, taken: &[Taken]) -> rusqlite::Result<u64> {
    let mut database = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // What is replaced is also overwritten.
    database.pragma_update(None, "secure_delete", true)?;
    let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let has_copies = transaction.query_row(COPIES, [], |row| row.get::<_, u32>(0))? == 2;
    let mut rewritten: u64 = 0;
    for Taken { row, user, handle } in taken {
        let secret = row.secret.as_str();
        let changed = transaction.prepare_cached(PUT)?.execute(params![handle.to_string(), row.id, secret])?;
        rewritten = rewritten.saturating_add(u64::try_from(changed).unwrap_or(u64::MAX));
        if has_copies && changed > 0 {
            transaction.prepare_cached(BLANK)?.execute(params![user.as_str(), secret])?;
        }
    }
    transaction.commit()?;
    // The log of a database in WAL mode still holds the old pages. Whoever reads just now keeps it for a while.
    database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).ok();
    Ok(rewritten)
}

fn connect(path: &Path, mode: OpenFlags) -> rusqlite::Result<Connection> {
    // Sqlite refuses a symlink anywhere on the way; only one at the end could be somebody else's doing.
    let folder = path.parent().and_then(|folder| {
        if folder.as_os_str().is_empty() { std::env::current_dir().ok() } else { folder.canonicalize().ok() }
    });
    let place = folder.zip(path.file_name()).map_or_else(|| path.to_owned(), |(folder, name)| folder.join(name));
    let flags = mode | OpenFlags::SQLITE_OPEN_NOFOLLOW | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(place, flags)?;
    database.busy_timeout(BUSY)?;
    database.set_limit(Limit::SQLITE_LIMIT_LENGTH, MOST)?;
    database.pragma_update(None, "trusted_schema", false)?;
    database.pragma_update(None, "cell_size_check", true)?;
    Ok(database)
}

fn entry(name: Option<&str>, secret: Option<&str>, is_empty: bool) -> Result<Entry, Refused> {
    let shown = name.map(super::report::shown);
    let refused = |why| Refused { user: shown.clone(), why };
    let user = name.and_then(UserName::new).ok_or_else(|| refused(NO_NAME))?;
    if is_empty {
        return Err(refused(
            "it has no key although multi-factor login is on: Netmaker takes codes of an empty key for it",
        ));
    }
    let secret = secret.ok_or_else(|| refused("the key is no base32 of up to 1024 bytes"))?;
    let key = key::of_base32(secret).map_err(refused)?;
    let factor = ForeignFactor { key, algorithm: Algorithm::Sha1, digits: Digits::default() };
    Ok(Entry { user, factor, note: None })
}

/// Netmaker asks such a user for no code: mfad would.
fn off(name: Option<&str>) -> Refused {
    Refused {
        user: name.map(super::report::shown),
        why: "multi-factor login is off for it: its key stays in the database",
    }
}

/// `None` where a value is absent, or no text.
fn text(value: ValueRef<'_>) -> Option<Zeroizing<String>> {
    let text = value.as_str().ok()?;
    Some(Zeroizing::new(text.to_owned()))
}

/// No message of sqlite's holds a value.
fn failed(shown: &str, verb: &'static str) -> impl Fn(rusqlite::Error) -> Failure {
    let what = format!("{shown} cannot be {verb}");
    move |error| Failure::Io(what.clone(), std::io::Error::other(error))
}

const COLUMNS: &str = "SELECT count(*) FROM sqlite_schema AS t, pragma_table_info(t.name) AS c \
    WHERE t.type = 'table' AND t.name = 'users_v1' AND c.name IN ('username', 'totp_secret', 'is_mfa_enabled')";

const ELSEWHERE: &str = "SELECT count(*) FROM sqlite_schema AS t, pragma_table_info(t.name) AS c \
    WHERE t.type = 'table' AND t.name <> 'users_v1' AND c.name = 'totp_secret'";

const COPIES: &str = "SELECT count(*) FROM sqlite_schema AS t, pragma_table_info(t.name) AS c \
    WHERE t.type = 'table' AND t.name = 'users' AND c.name IN ('key', 'value')";

const ALL: &str = "SELECT count(*) FROM users_v1 WHERE is_mfa_enabled OR totp_secret <> ''";

/// Values of no legal length are not loaded.
const PAGE: &str = "SELECT rowid, \
    CASE WHEN octet_length(username) <= 1024 THEN CAST(username AS TEXT) END, \
    CASE WHEN octet_length(totp_secret) <= 1024 THEN CAST(totp_secret AS TEXT) END, \
    coalesce(octet_length(totp_secret), 0), coalesce(is_mfa_enabled, 0) <> 0 \
    FROM users_v1 WHERE (is_mfa_enabled OR totp_secret <> '') AND rowid > ?1 ORDER BY rowid LIMIT 32";

const PUT: &str = "UPDATE users_v1 SET totp_secret = ?1 WHERE rowid = ?2 AND totp_secret = ?3";

const BLANK: &str = "UPDATE users SET value = json_set(value, '$.totp_secret', '') \
    WHERE key = ?1 AND json_valid(value) AND json_extract(value, '$.totp_secret') = ?2";

/// How a handle begins: no key does.
const HANDLE: &str = "mfad1:";

/// How long Netmaker may hold the database.
const BUSY: Duration = Duration::from_secs(10);

/// Bytes of any one value.
const MOST: i32 = 1 << 20;
