//! `mfactl admin import` with files of the programs that make them, and what becomes of the accounts. The files of pam_oath
//! are in `import_pam.rs`, Netmaker's in `import_netmaker.rs`, hostile ones in `import_hostile.rs`.

use std::path::{Path, PathBuf};

use mfad_tests::app::percent_decode;
use mfad_tests::daemon::{Daemon, NOON};
use mfad_tests::importing::{Import, app, file, lets_in, state};
use mfad_tests::programs::tool;
use nix::unistd::{User, getuid};

/// A realm whose users are not those of this machine.
const REALM: &str = "hosting";
const CONFIG: &str = "[realm.hosting]\n";

/// A file as `google-authenticator` writes it with these options besides the usual ones, and what it has shown.
fn google_authenticator(daemon: &Daemon, name: &str, options: &[&str]) -> (PathBuf, String) {
    let path = daemon.folder().join(name);
    let mut command = tool("google-authenticator");
    command.args(["--force", "--no-confirm", "--no-rate-limit", "--window-size=3"]);
    let output = command.arg("--secret").arg(&path).args(options).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    (path, String::from_utf8(output.stdout).unwrap())
}

fn first_line(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap().lines().next().unwrap().to_owned()
}

#[test]
fn a_file_of_google_authenticator_becomes_its_owners_factor() {
    let daemon = Daemon::start_clocked("");
    let (path, _) = google_authenticator(&daemon, "ga", &["--time-based", "--disallow-reuse", "--qr-mode=NONE"]);
    let me = User::from_uid(getuid()).unwrap().unwrap().name;
    let dry = Import::run(&daemon, "system", &path, &[]);
    assert_eq!((dry.status, dry.counts()), (Some(0), [1, 0, 0]), "{dry:?}");
    assert_eq!(dry.entries(), [(Some(&*me), "new", Some(1))]);
    assert_eq!(state(&daemon, "system", &me), "none", "a dry run has changed something");

    let real = Import::run(&daemon, "system", &path, &["--apply"]);
    assert_eq!((real.status, real.counts()), (Some(0), [1, 0, 0]), "{real:?}");
    assert_eq!(real.objects[0]["note"], "its scratch codes are not taken over");
    assert_eq!(state(&daemon, "system", &me), "active");
    let app = app(&first_line(&path));
    assert!(lets_in(&daemon, "system", &me, &app.code(NOON)));
    assert!(!lets_in(&daemon, "system", &me, &app.code(NOON)), "a code is good twice");
    let scratch = std::fs::read_to_string(&path).unwrap().lines().last().unwrap().to_owned();
    assert!(!lets_in(&daemon, "system", &me, &scratch));

    let again = Import::run(&daemon, "system", &path, &["--apply"]);
    assert_eq!((again.status, again.counts()), (Some(0), [0, 1, 0]), "{again:?}");
    assert!(!lets_in(&daemon, "system", &me, &app.code(NOON)), "the second import has forgotten a used step");
}

#[test]
fn what_google_authenticator_counts_or_times_otherwise_is_refused() {
    let daemon = Daemon::start_with(CONFIG);
    let counted = google_authenticator(&daemon, "counted", &["--counter-based", "--qr-mode=NONE"]).0;
    let slow =
        google_authenticator(&daemon, "slow", &["--time-based", "--allow-reuse", "--step-size=60", "--qr-mode=NONE"]).0;
    for (path, why) in [(counted, "HOTP"), (slow, "every 30 seconds")] {
        let import = Import::run(&daemon, REALM, &path, &["--user", "ann", "--apply"]);
        assert_eq!((import.status, import.counts()), (Some(1), [0, 0, 1]), "{import:?}");
        assert!(import.says(why), "{import:?}");
    }
    assert_eq!(state(&daemon, REALM, "ann"), "none");
}

#[test]
fn uris_of_google_authenticator_and_of_mfad_are_read() {
    let daemon = Daemon::start_clocked("[realm.hosting]\n[realm.other]\nalgorithm = \"SHA256\"\ndigits = 8\n");
    let labels = ["--time-based", "--disallow-reuse", "--qr-mode=UTF8", "--label", "ann", "--issuer", "Old & Co"];
    let (_, shown) = google_authenticator(&daemon, "ga", &labels);
    // It stands in the address of a picture.
    let (_, uri) = shown.split_once("&chl=").expect("a URI");
    let of_ann = percent_decode(uri.lines().next().unwrap());
    assert!(of_ann.starts_with("otpauth://totp/"), "{of_ann}");
    let begun = daemon.mfactl(&["--realm", "other", "enroll", "--begin", "b\u{fc}b", "--issuer", "100% sure"], "");
    let begun: serde_json::Value = serde_json::from_slice(&begun.stdout).unwrap();
    let of_bub = begun["uri"].as_str().unwrap();
    let path = file(&daemon, "uris", format!("# two\n\n{of_ann}\n{of_bub}\n"));

    let import = Import::run(&daemon, REALM, &path, &["--apply"]);
    assert_eq!((import.status, import.counts()), (Some(0), [2, 0, 0]), "{import:?}");
    assert_eq!(import.entries(), [(Some("ann"), "new", Some(3)), (Some("b\u{fc}b"), "new", Some(4))]);
    assert!(lets_in(&daemon, REALM, "ann", &mfad_tests::app::App::scan(&of_ann).code(NOON)));
    let code = mfad_tests::app::App::scan(of_bub).code(NOON);
    assert_eq!(code.len(), 8, "not the realm's digits");
    assert!(lets_in(&daemon, REALM, "b\u{fc}b", &code));
}

/// A key of 20 bytes.
const KEY: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

#[test]
fn a_uri_is_read_strictly_and_the_refused_ones_say_why() {
    let daemon = Daemon::start_clocked(CONFIG);
    let uris = [
        ("otpauth://totp/Old:ann?secret=gezd-gnbv%20GY3T QOJQ-GEZD-GNBV-GY3T-QOJQ==", ""),
        (
            "OTPAUTH://TOTP/Old%3A%20bob?issuer=Old&secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ%3D&algorithm=sha512&period=30",
            "",
        ),
        ("otpauth://hotp/cy?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&counter=1", "HOTP"),
        ("otpauth://steam/cy?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "kind"),
        ("otpauth-migration://offline?data=CiIKFB9p", "export"),
        ("https://example.org/cy?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "no otpauth URI"),
        ("otpauth://totp/cy", "no key"),
        ("otpauth://totp/cy?issuer=x", "no key"),
        ("otpauth://totp/cy?secret=GEZDGNBVGY3TQOJQ", "less than 16 bytes"),
        ("otpauth://totp/cy?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ0", "no base32"),
        ("otpauth://totp/cy?secret=GEZDGNBV=GY3TQOJQGEZDGNBVGY3TQOJQ", "no base32"),
        ("otpauth://totp/cy?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&secret=x", "twice"),
        ("otpauth://totp/cy?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&period=60", "30 seconds"),
        ("otpauth://totp/cy?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&digits=%2B6", "digits"),
        ("otpauth://totp/cy?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&digits=5", "digits"),
        ("otpauth://totp/cy?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&algorithm=MD5", "algorithm"),
        ("otpauth://totp/c%y?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "RFC 3986"),
        ("otpauth://totp/c%ffy?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "RFC 3986"),
        ("otpauth://totp/cy%2?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "RFC 3986"),
        ("otpauth://totp/c%2Fy?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "user's name"),
        ("otpauth://totp/?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "user's name"),
        ("otpauth://totp/a:b:c?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "user's name"),
        ("otpauth://totp/ann?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJA", "before it"),
    ];
    let text: String = uris.iter().map(|(uri, _)| format!("{uri}\r\n")).collect();
    let long = format!("otpauth://totp/cy?secret={}\n", "A".repeat(104));
    let path = file(&daemon, "uris", text + &long);
    let dry = Import::run(&daemon, REALM, &path, &[]);
    let real = Import::run(&daemon, REALM, &path, &["--apply"]);
    assert_eq!(real.counts(), [2, 0, 22], "{real:?}");
    assert_eq!(dry.entries(), real.entries(), "the dry run says something else");
    assert!(real.says("more than 64 bytes"));
    for ((uri, why), object) in uris.iter().zip(&real.objects) {
        let said = object["why"].as_str().unwrap_or_default();
        assert!(said.contains(why) && said.is_empty() == why.is_empty(), "{uri}: {said}");
        assert!(!said.contains("GEZD"), "a key was told: {said}");
    }
    for key in ["GEZDGNBV", "gezd-gnbv", "CiIKFB9p"] {
        assert!(!real.prose.contains(key), "a key was told: {}", real.prose);
    }
    assert!(lets_in(&daemon, REALM, "ann", &app(KEY).code(NOON)));
    let sha512 = mfad_tests::app::App::scan(&format!("otpauth://totp/x?secret={KEY}&algorithm=SHA512"));
    assert!(lets_in(&daemon, REALM, "bob", &sha512.code(NOON)));
}

#[test]
fn a_user_can_be_named_for_one_entry() {
    let daemon = Daemon::start_clocked(CONFIG);
    let uri = format!("otpauth://totp/ann@old.example?secret={KEY}\n");
    let one = file(&daemon, "one", &uri);
    let two = file(&daemon, "two", uri.repeat(2));
    let oath = file(&daemon, "oath", "HOTP/T30 ann - 00\n");
    for path in [&two, &oath] {
        let import = Import::run(&daemon, REALM, path, &["--user", "ann", "--apply"]);
        assert_eq!((import.status, import.objects.len()), (Some(2), 0), "{import:?}");
    }
    assert_eq!(Import::run(&daemon, REALM, &one, &["--user", "ann", "--apply"]).counts(), [1, 0, 0]);
    assert!(lets_in(&daemon, REALM, "ann", &app(KEY).code(NOON)));
}

#[test]
fn an_account_with_another_factor_keeps_it() {
    let daemon = Daemon::start_clocked(CONFIG);
    let line = |key: &str| format!("otpauth://totp/ann?secret={key}\n");
    let other = KEY.replace('G', "A");
    assert_eq!(Import::run(&daemon, REALM, &file(&daemon, "a", line(KEY)), &["--apply"]).counts(), [1, 0, 0]);
    let import = Import::run(&daemon, REALM, &file(&daemon, "b", line(&other)), &["--apply"]);
    assert_eq!((import.status, import.counts()), (Some(1), [0, 0, 1]), "{import:?}");
    assert!(import.says("another second factor"), "{import:?}");
    assert!(!lets_in(&daemon, REALM, "ann", &app(&other).code(NOON)));
    assert!(lets_in(&daemon, REALM, "ann", &app(KEY).code(NOON)));
}

#[test]
fn what_cannot_be_meant_is_a_usage_error() {
    let daemon = Daemon::start_clocked(CONFIG);
    let uris = file(&daemon, "uris", format!("otpauth://totp/ann?secret={KEY}\n"));
    let bare = file(&daemon, "bare", format!("{KEY}\n"));
    let empty = file(&daemon, "empty", "");
    let cases: [(&Path, &[&str], &str); 5] = [
        (&uris, &["--rewrite", "--apply"], "--rewrite is for"),
        (&uris, &["--rewrite"], "--apply"),
        (&uris, &["--format", "netmaker"], "--realm netmaker"),
        (&bare, &[], "google-authenticator, pam-oath, otpauth or netmaker"),
        (&empty, &[], "google-authenticator, pam-oath, otpauth or netmaker"),
    ];
    for (path, args, said) in cases {
        let import = Import::run(&daemon, "system", path, args);
        assert_eq!((import.status, import.objects.len()), (Some(2), 0), "{args:?}: {import:?}");
        assert!(import.prose.contains(said), "{args:?}: {import:?}");
    }
    let unserved = Import::run(&daemon, "nowhere", &uris, &[]);
    assert_eq!(unserved.status, Some(5), "{unserved:?}");
    assert_eq!(unserved.objects, [serde_json::json!({ "result": "not_permitted" })]);
}
