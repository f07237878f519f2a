//! What `mfad check` says: what a configuration means and costs, and how the state is.

use std::process::Command;

use mfad_tests::daemon::Daemon;
use mfad_tests::programs::built;

/// A name that no user and no group of any machine has.
const NOBODY: &str = "mfad-none-such";

/// Runs `mfad check` with this configuration, on the state of this folder.
fn check(folder: &std::path::Path, config: &str) -> (Option<i32>, String) {
    std::fs::write(folder.join("mfad.toml"), config).unwrap();
    let mut command = Command::new(built("mfad"));
    command.arg("check").arg("--config").arg(folder.join("mfad.toml")).arg("--state").arg(folder.join("state"));
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn check_says_what_each_weakening_costs() {
    let folder = tempfile::tempdir().unwrap();
    for (rules, words) in [
        ("", "note     realm system: an account without a second factor logs in with the first alone"),
        ("", "what mfactl admin enforce stores wins over this"),
        ("", "ok       realm system: the first enrolment takes the first factor alone: whoever has the password"),
        ("", "the system's PAM judges the first factor; a login takes requisite password, sufficient totp,"),
        ("", "administers every realm"),
        ("first_factor = \"asserted\"", "note     realm system: a login service is believed"),
        ("first_factor = \"asserted\"", "owners cannot act for themselves"),
        ("first_factor = \"password\"", "mfad judges the first factor"),
        ("stack = [\"required password\", \"required totp\"]", "only an administrator can help"),
        ("replace = \"asserted\"", "whoever has the password can replace the phone"),
        ("enroll = \"ticket\"", "a ticket, which an administrator issues with mfactl admin recover"),
        ("enroll = \"closed\"", "only an administrator begins a first enrolment"),
        ("enforce = true", "ok       realm system: every account needs a second factor"),
        (
            "enforce = 2027-01-01",
            "note     realm system: an account without a second factor logs in with the first alone",
        ),
        (
            "enforce = 2027-01-01",
            "until 00:00 UTC of the day of enforce = \"after 2027-01-01\"; then every account needs",
        ),
        ("enforce = true\nenroll = \"ticket\"", "who has none sets one up with a ticket"),
        ("enforce = true\nenroll = \"closed\"", "who has none cannot log in"),
        ("except_users = [\"root\"]", "no second factor is demanded of users root; who has one is asked for its code"),
        ("except_groups = [\"root\"]", "members of the groups root"),
        (
            "except_services = [\"cron\", \"x\"]",
            "services cron, x (their names are believed from login services alone)",
        ),
        ("digits = 8", "8 digits (some authenticator apps ignore this and show 6)"),
        ("algorithm = \"SHA512\"", "SHA-512 (some authenticator apps ignore this and use SHA-1)"),
    ] {
        let (status, text) = check(folder.path(), &format!("[realm.system]\n{rules}\n"));
        assert_eq!(status, Some(0), "{text}");
        assert!(text.contains(words), "{rules} lacks {words:?}: {text}");
        assert!(text.contains("the configuration is valid") && text.contains("\n0 findings\n"), "{text}");
    }
    let strict = "[realm.system]\nenforce = true\n";
    assert!(!check(folder.path(), strict).1.contains("note  "), "what is strict has no price");
}

#[test]
fn check_says_who_may_what() {
    let folder = tempfile::tempdir().unwrap();
    for (grant, words) in [
        ("right = \"admin\"\ngroup = \"root\"", "group root administers realm system: it can disable anybody's factor"),
        ("right = \"login\"\nuser = \"root\"", "user root is a login service of realm system"),
        ("right = \"login\"\nsocket = \"portal\"", "whoever may open the socket named portal is a login service"),
        ("right = \"owner\"\nuser = \"root\"", "user root needs no grant"),
    ] {
        let (status, text) = check(folder.path(), &format!("[[grant]]\nrealm = \"system\"\n{grant}\n"));
        assert_eq!(status, Some(0), "{text}");
        assert!(text.contains(words), "{grant} lacks {words:?}: {text}");
    }
    let (_, text) = check(folder.path(), "[realm.a]\n[[grant]]\nrealm = \"a\"\nright = \"owner\"\ngroup = \"root\"\n");
    assert!(text.contains("group root may act in realm a on the account of the same name"), "{text}");
}

#[test]
fn check_finds_names_that_name_nobody() {
    let folder = tempfile::tempdir().unwrap();
    for (config, words) in [
        (format!("[realm.system]\nexcept_users = [\"root\", \"{NOBODY}\"]\n"), "except_users: there is no user"),
        (format!("[realm.system]\nexcept_groups = [\"{NOBODY}\"]\n"), "except_groups: there is no group"),
        (format!("[[grant]]\nrealm = \"system\"\nright = \"admin\"\nuser = \"{NOBODY}\"\n"), "there is no user"),
        (format!("[[grant]]\nrealm = \"system\"\nright = \"login\"\ngroup = \"{NOBODY}\"\n"), "there is no group"),
        ("[realm.none-such]\n".to_owned(), "the socket of realm none-such cannot be made: there is no group mfad-"),
        ("digits = 6\n".to_owned(), "line 1: unknown field `digits`"),
    ] {
        let (status, text) = check(folder.path(), &config);
        assert_eq!(status, Some(1), "{text}");
        let finding = text.lines().find(|line| line.starts_with("FINDING")).unwrap_or_default();
        assert!(finding.contains(words) && text.contains("\n1 findings\n"), "{config} lacks {words:?}: {text}");
    }
    // Its users need not be Unix users.
    let (_, text) = check(folder.path(), &format!("[realm.a]\nexcept_users = [\"{NOBODY}\"]\n"));
    assert!(!text.contains("there is no user"), "{text}");
}

#[test]
fn check_judges_the_state_and_changes_nothing() {
    let mut daemon = Daemon::start();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let _app = daemon.enroll("root", now);
    let (status, text) = check(daemon.folder(), "");
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("holds the state and is ready"), "{text}");

    daemon.stop();
    let store = |daemon: &Daemon| std::fs::read(daemon.folder().join("state/store/db")).unwrap();
    let before = store(&daemon);
    let (status, text) = check(daemon.folder(), "");
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("1 accounts: 1 active"), "{text}");
    assert_eq!(store(&daemon), before, "check wrote to the store");

    std::fs::remove_file(daemon.folder().join("state/root.key")).unwrap();
    let (status, text) = check(daemon.folder(), "");
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("without the key"), "{text}");
}
