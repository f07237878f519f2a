//! `mfactl admin import` with Netmaker's database.
//!
//! How the database looks is taken from Netmaker's public sources: table `users_v1` is the struct `User` of `schema/users.go`
//! as it stood for 1.5.1; the statement below is what gorm 1.31.2 with its sqlite driver 1.6.0 makes of these fields, read
//! back from a database that it had made. Table `users` is as `database/sqlite.go` makes it, which also puts the file into
//! WAL mode; its values are the JSON of the older struct `User`. No server was run.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use mfad_proto::Handle;
use mfad_tests::bearer;
use mfad_tests::daemon::{Daemon, NOON};
use mfad_tests::importing::{Import, app, lets_in, state};
use mfad_tests::programs::tool;

const REALM: &str = "netmaker";
const CONFIG: &str = "[realm.netmaker]\n";

const SCHEMA: &str = "PRAGMA journal_mode = WAL;
CREATE TABLE `users_v1` (`id` text,`username` text,`display_name` text,`platform_role_id` text,\
`external_identity_provider_id` text,`account_disabled` numeric,`auth_type` text,`password` text,`is_mfa_enabled` numeric,\
`totp_secret` text,`last_login_at` datetime,`user_groups` JSON,`created_by` text,`created_at` datetime,\
`updated_at` datetime,PRIMARY KEY (`id`),CONSTRAINT `uni_users_v1_username` UNIQUE (`username`));
CREATE TABLE IF NOT EXISTS users (key TEXT NOT NULL UNIQUE PRIMARY KEY, value TEXT);
";

/// Keys as Netmaker makes them, of 20 bytes.
const ADMIN: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const GUEST: &str = "AEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/// Runs statements of sqlite's, and returns what they print.
fn sql(database: &Path, statements: &str) -> String {
    let mut command = tool("sqlite3");
    command.arg("-bail").arg(database).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(statements.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{statements}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A row of a user, as the server writes it.
fn user(name: &str, enabled: bool, secret: &str) -> String {
    format!(
        "INSERT INTO users_v1 VALUES ('id-{name}', '{name}', '', 'admin', '', 0, 'basic_auth', '$2a$05$x', {}, '{secret}', \
         '0001-01-01 00:00:00+00:00', '{{}}', '', '2026-06-01 00:00:00+00:00', '2026-06-01 00:00:00+00:00');\n",
        u8::from(enabled)
    )
}

/// A row that the upgrade to 1.5.1 has left behind.
fn old_user(name: &str, secret: &str) -> String {
    format!(
        "INSERT INTO users VALUES ('{name}', '{{\"username\":\"{name}\",\"password\":\"$2a$05$x\",\"is_mfa_enabled\":true,\
         \"totp_secret\":\"{secret}\",\"last_login_time\":\"0001-01-01T00:00:00Z\"}}');\n"
    )
}

fn database(daemon: &Daemon, rows: &str) -> PathBuf {
    let path = daemon.folder().join("netmaker.db");
    sql(&path, &format!("{SCHEMA}{rows}"));
    path
}

/// What stands in the place of each user's key.
fn secrets(database: &Path) -> String {
    sql(database, "SELECT username, totp_secret FROM users_v1 ORDER BY username;")
}

fn everything(database: &Path) -> String {
    sql(database, ".dump")
}

#[test]
fn users_with_a_key_are_taken_over_and_the_database_stays_as_it_is() {
    let daemon = Daemon::start_clocked(CONFIG);
    let rows = [
        user("admin1", true, ADMIN),
        user("guest@example.org", true, &GUEST.to_lowercase()),
        user("off", false, ADMIN),
        user("empty", true, ""),
        user("short", true, "GEZDGNBVGY3TQOJQ"),
        user("done", true, "mfad1:GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"),
    ];
    let path = database(&daemon, &rows.concat());
    let before = everything(&path);
    let dry = Import::run(&daemon, REALM, &path, &[]);
    assert_eq!((dry.status, dry.counts()), (Some(1), [2, 0, 3]), "{dry:?}");
    assert!(dry.prose.contains("admin1: to be taken over"), "{dry:?}");
    assert_eq!(state(&daemon, REALM, "admin1"), "none");
    let real = Import::run(&daemon, REALM, &path, &["--apply"]);
    assert_eq!((real.status, real.counts()), (Some(1), [2, 0, 3]), "{real:?}");
    let [new, refused] = ["new", "refused"];
    let expected =
        [("admin1", new), ("guest@example.org", new), ("off", refused), ("empty", refused), ("short", refused)];
    assert_eq!(real.entries(), expected.map(|(user, outcome)| (Some(user), outcome, None)));
    assert!(real.says("multi-factor login is on") && real.says("less than 16 bytes"), "{real:?}");
    assert_eq!(Import::run(&daemon, REALM, &path, &["--apply"]).counts(), [0, 2, 3]);
    assert_eq!(everything(&path), before, "the database was written to");
    assert!(lets_in(&daemon, REALM, "admin1", &app(ADMIN).code(NOON)));
    assert!(lets_in(&daemon, REALM, "guest@example.org", &app(GUEST).code(NOON)));
    assert_eq!(state(&daemon, REALM, "off"), "none");
    assert_eq!(state(&daemon, REALM, "empty"), "none");
}

#[test]
fn handles_take_the_place_of_the_keys_and_of_their_old_copies() {
    let daemon = Daemon::start_clocked(CONFIG);
    let other = ADMIN.replace('G', "B");
    let rows = [
        user("admin1", true, ADMIN),
        user("guest", true, GUEST),
        user("off", false, &other),
        old_user("admin1", ADMIN),
        old_user("guest", &other),
        "INSERT INTO users VALUES ('broken', 'no JSON');\n".to_owned(),
    ];
    let path = database(&daemon, &rows.concat());
    let import = Import::run(&daemon, REALM, &path, &["--apply", "--rewrite"]);
    assert_eq!((import.status, import.counts()), (Some(1), [2, 0, 1]), "{import:?}");
    let told = ["off: multi-factor login is off for it", "keeps its key in the file"];
    assert!(told.iter().all(|words| import.prose.contains(words)), "{import:?}");
    assert_eq!(import.objects.last().unwrap()["rewritten"], 2);
    assert!(import.prose.contains("drop-in"), "{import:?}");
    let now = secrets(&path);
    let lines: Vec<_> = now.lines().collect();
    for (line, name) in lines.iter().zip(["admin1|", "guest|"]) {
        assert!(Handle::new(line.strip_prefix(name).unwrap()).is_some(), "no handle: {line}");
    }
    assert_eq!(lines[2], format!("off|{other}"));
    let old = sql(
        &path,
        "SELECT json_extract(value, '$.totp_secret'), json_extract(value, '$.username') FROM users WHERE json_valid(value) ORDER BY key;",
    );
    assert_eq!(old, format!("|admin1\n{other}|guest\n"), "only the copy of what was taken over goes");
    for name in ["netmaker.db", "netmaker.db-wal"] {
        let bytes = std::fs::read(daemon.folder().join(name)).unwrap_or_default();
        assert!(!bytes.windows(ADMIN.len()).any(|window| window == ADMIN.as_bytes()), "the key is still in {name}");
    }
    assert!(lets_in(&daemon, REALM, "admin1", &app(ADMIN).code(NOON)));
    // What stands in the database now is what the drop-in asks with.
    for (line, key) in lines.iter().zip([ADMIN, GUEST]) {
        let (_, handle) = line.split_once('|').unwrap();
        let call = bearer::verify(&Handle::new(handle).unwrap(), &app(key).code(NOON + 30));
        daemon.set_time(NOON + 30);
        bearer::yes(daemon.client().call(call).unwrap());
    }

    // Handles are no keys, and are passed over.
    let again = Import::run(&daemon, REALM, &path, &["--apply", "--rewrite"]);
    assert_eq!((again.status, again.counts(), again.entries().len()), (Some(1), [0, 0, 1], 1), "{again:?}");
    assert_eq!(secrets(&path), now);
}

/// Another process that is about to write into the database.
fn writer(database: &Path) -> Child {
    let mut child = tool("sqlite3").arg(database).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.as_mut().unwrap().write_all(b"BEGIN IMMEDIATE;\nSELECT 'held';\n").unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "held\n");
    child
}

#[test]
fn a_rewrite_that_was_cut_off_is_made_good_by_the_next() {
    let daemon = Daemon::start_clocked(CONFIG);
    let path = database(&daemon, &[user("admin1", true, ADMIN), user("guest", true, GUEST)].concat());
    let before = secrets(&path);
    let mut held = writer(&path);
    let mut running = Import::start(&daemon, REALM, &path, &["--apply", "--rewrite"]);
    let end = Instant::now() + Duration::from_secs(20);
    while state(&daemon, REALM, "guest") != "active" {
        assert!(running.runs() && Instant::now() < end, "the factors are not taken over while the database is held");
    }
    assert!(running.runs(), "it did not wait for the writer");
    running.kill();
    drop(held.stdin.take());
    held.wait().unwrap();
    assert_eq!(secrets(&path), before, "half of it was written");

    // Netmaker has given one of them a new key meanwhile.
    sql(&path, &format!("UPDATE users_v1 SET totp_secret = '{}' WHERE username = 'guest';", ADMIN.replace('G', "B")));
    let again = Import::run(&daemon, REALM, &path, &["--apply", "--rewrite"]);
    assert_eq!((again.status, again.counts()), (Some(1), [0, 1, 1]), "{again:?}");
    let now = secrets(&path);
    assert!(now.contains("admin1|mfad1:") && !now.contains("guest|mfad1:"), "{now}");
}

#[test]
fn a_rewrite_that_fails_at_one_row_changes_none() {
    let daemon = Daemon::start_clocked(CONFIG);
    let fails = "CREATE TRIGGER t BEFORE UPDATE ON users_v1 WHEN NEW.username = 'guest' BEGIN SELECT raise(ABORT, 'no'); END;\n";
    let rows = [user("admin1", true, ADMIN), user("guest", true, GUEST), fails.to_owned()];
    let path = database(&daemon, &rows.concat());
    let before = everything(&path);
    let import = Import::run(&daemon, REALM, &path, &["--apply", "--rewrite"]);
    assert_eq!((import.status, import.entries().len()), (Some(7), 2), "{import:?}");
    assert!(import.prose.contains("Run it again") && !import.prose.contains(GUEST), "{import:?}");
    assert_eq!(everything(&path), before);
    assert!(lets_in(&daemon, REALM, "guest", &app(GUEST).code(NOON)));
    sql(&path, "DROP TRIGGER t;");
    let again = Import::run(&daemon, REALM, &path, &["--apply", "--rewrite"]);
    assert_eq!((again.status, again.counts()), (Some(0), [0, 2, 0]), "{again:?}");
    assert_eq!(secrets(&path).matches("|mfad1:").count(), 2);
}

#[test]
fn a_row_that_changes_before_the_rewrite_stays() {
    let daemon = Daemon::start_clocked(CONFIG);
    let path = database(&daemon, &[user("admin1", true, ADMIN), user("guest", true, GUEST)].concat());
    let mut held = writer(&path);
    let mut running = Import::start(&daemon, REALM, &path, &["--apply", "--rewrite"]);
    while state(&daemon, REALM, "guest") != "active" {
        assert!(running.runs(), "it ended before");
    }
    let change =
        format!("UPDATE users_v1 SET totp_secret = '{}' WHERE username = 'guest';\nCOMMIT;\n", ADMIN.replace('G', "B"));
    let mut stdin = held.stdin.take().unwrap();
    stdin.write_all(change.as_bytes()).unwrap();
    drop(stdin);
    held.wait().unwrap();
    let import = running.finish();
    assert_eq!((import.status, import.counts()), (Some(0), [2, 0, 0]), "{import:?}");
    assert_eq!(import.objects.last().unwrap()["rewritten"], 1);
    assert!(import.prose.contains("1 keys were changed meanwhile"), "{import:?}");
    assert!(!secrets(&path).contains("guest|mfad1:"));
}

#[test]
fn a_database_of_another_kind_is_refused_as_a_whole() {
    let daemon = Daemon::start_clocked(CONFIG);
    let row = user("admin1", true, ADMIN);
    let cases = [
        // As it was before 1.5.1.
        ("DROP TABLE users_v1;".to_owned(), "no table users_v1"),
        (
            "DROP TABLE users_v1; CREATE VIEW users_v1 AS SELECT 1 AS username, 2 AS totp_secret, 3 AS is_mfa_enabled;"
                .to_owned(),
            "no table users_v1",
        ),
        // As later servers have it, one key for each organisation.
        (
            format!("{row} CREATE TABLE tenant_memberships_v1 (tenant_id text, user_id text, totp_secret text);"),
            "other tables",
        ),
    ];
    for (place, (change, why)) in cases.into_iter().enumerate() {
        let path = daemon.folder().join(format!("{place}.db"));
        sql(&path, &format!("{SCHEMA}{change}"));
        let import = Import::run(&daemon, REALM, &path, &["--apply", "--rewrite"]);
        assert_eq!(import.status, Some(2), "{import:?}");
        assert!(import.prose.contains(why), "{import:?}");
    }
    assert_eq!(state(&daemon, REALM, "admin1"), "none");
}

#[test]
fn a_hostile_database_harms_nobody() {
    let daemon = Daemon::start_clocked(CONFIG);
    let rows = [
        user("admin1", true, ADMIN),
        "INSERT INTO users_v1 (id, username, is_mfa_enabled, totp_secret) VALUES \
         ('1', NULL, 1, 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'), \
         ('2', x'61ff62', 1, 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'), \
         ('3', 'ctl' || char(27) || '[2J', 1, 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'), \
         ('4', replace(hex(zeroblob(20000000)), '0', 'n'), 1, 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'), \
         ('5', 'huge', 1, replace(hex(zeroblob(20000000)), '0', 'A')), \
         ('6', 'blob', 1, zeroblob(20)), \
         ('7', 'null', 1, NULL), \
         ('8', 'long', 1, replace(hex(zeroblob(512)), '0', 'A'));\n"
            .to_owned(),
        user("guest", true, GUEST),
    ];
    let path = database(&daemon, &rows.concat());
    let import = Import::run(&daemon, REALM, &path, &["--apply"]);
    assert_eq!((import.status, import.counts()), (Some(1), [2, 0, 8]), "{import:?}");
    assert!(!import.prose.contains('\u{1b}') && import.prose.contains("ctl\\u{1b}[2J"), "{}", import.prose);
    assert!(import.peak < 32 << 10, "{} KiB for values of 40 MB", import.peak);

    // Damage in the middle, and a file that only begins like a database.
    sql(&path, "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE;");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.truncate(1 << 16);
    bytes[4096..16384].fill(0xA5);
    for (name, bytes) in [("damaged.db", bytes), ("header.db", b"SQLite format 3\0 and then nothing".to_vec())] {
        let path = daemon.folder().join(name);
        std::fs::write(&path, bytes).unwrap();
        let import = Import::run(&daemon, REALM, &path, &["--apply", "--rewrite"]);
        assert!(matches!(import.status, Some(1 | 2 | 7)), "{name}: {import:?}");
    }
    let link = daemon.folder().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let import = Import::run(&daemon, REALM, &link, &["--format", "netmaker"]);
    assert_eq!(import.status, Some(7), "{import:?}");
}
