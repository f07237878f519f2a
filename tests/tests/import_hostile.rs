//! Files that somebody else has written: `mfactl admin import` takes what is good of them, in bounded memory, and shows
//! nothing of the rest that could do harm on a terminal.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mfad_tests::daemon::{Daemon, NOON};
use mfad_tests::importing::{Import, app, file, lets_in, state};
use mfad_tests::phone::Phone;
use mfad_tests::programs::tool;

const REALM: &str = "hosting";
const CONFIG: &str = "[realm.hosting]\n";

const KEY: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const HEX: &str = "3132333435363738393031323334353637383930";

/// Nothing that was shown moves a cursor or tells a key.
fn assert_harmless(import: &Import) {
    let objects: String = import.objects.iter().map(ToString::to_string).collect();
    for said in [&import.prose, &objects] {
        assert!(!said.chars().any(|c| c.is_control() && c != '\n'), "control characters: {said:?}");
        assert!(!said.contains('\u{202e}'), "a turned direction: {said:?}");
        for key in [KEY, HEX, "AAAAAAAAAAAAAAAA", "1111111111111111"] {
            assert!(!said.contains(key), "a key was told: {said:?}");
        }
    }
}

/// Bytes that are no text, the same in each run.
fn junk(count: usize) -> Vec<u8> {
    let mut state: u64 = 1;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(count).collect()
}

/// Writes 48 MiB of one line between two others.
fn with_endless_line(daemon: &Daemon, name: &str, first: &str, begun: &str, last: &str) -> PathBuf {
    let path = daemon.folder().join(name);
    let mut file = File::create(&path).unwrap();
    file.write_all(format!("{first}\n{begun}").as_bytes()).unwrap();
    for _ in 0..48 {
        file.write_all(&vec![b'1'; 1 << 20]).unwrap();
    }
    file.write_all(format!("\n{last}").as_bytes()).unwrap();
    path
}

/// More than a run needs, and less than a line without an end.
const ROOM: u64 = 32 << 10;

#[test]
fn a_users_file_of_pam_oath_may_hold_anything() {
    let daemon = Daemon::start_clocked(CONFIG);
    let first = format!("HOTP/T30/6\tann\t-\t{HEX}");
    let path = with_endless_line(&daemon, "endless", &first, "HOTP/T30/6 bob - ", &format!("HOTP/T30 cy - {HEX}"));
    let import = Import::run(&daemon, REALM, &path, &["--apply"]);
    assert_eq!((import.status, import.counts()), (Some(1), [2, 0, 1]), "{import:?}");
    assert!(import.says("more than 4096 bytes") && import.peak < ROOM, "{import:?}");
    assert_eq!(import.entries()[2], (Some("cy"), "new", Some(3)), "lines are counted wrongly");

    let digits = "1".repeat(3000);
    let long = "n".repeat(256);
    let mut text = Vec::new();
    for line in [
        format!("HOTP/T30/6 d\u{1b}[2Jan - {HEX}"),
        format!("HOTP/T30/6 e\u{202e}ve - {HEX}"),
        format!("HOTP/T30/6 {long} - {HEX}"),
        format!("HOTP/T30/6 fay - {digits}"),
        format!("HOTP/T30/{digits} fay - {HEX}"),
        format!("HOTP/T30/6/6 fay - {HEX}"),
        "HOTP/T30/6 fay".to_owned(),
        format!("HOTP/T30/6 fay - {HEX} 0 1 2 3"),
        format!("HOTP/T30/6 fay - {}", &HEX[..39]),
        format!("HOTP/T30/6 fay - {}", &HEX[..30]),
        format!("HOTP/T60 fay - {HEX}"),
        format!("HOTP/E/8 fay - {HEX} 12"),
        format!("hotp/t30 fay - {HEX}"),
        format!("HOTP/T30/8 gus - {HEX}"),
        format!("HOTP/T30/8 gus - {HEX}"),
    ] {
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
    }
    text.extend(junk(1 << 20));
    let path = file(&daemon, "odd", text);
    let dry = Import::run(&daemon, REALM, &path, &["--format", "pam-oath"]);
    let import = Import::run(&daemon, REALM, &path, &["--format", "pam-oath", "--apply"]);
    assert_eq!(dry.entries(), import.entries());
    // A right-to-left mark is legal in a name. It is escaped where it is shown.
    let [new, already, refused] = import.counts();
    assert_eq!((new, already, refused > 13), (2, 0, true), "{:?}", import.prose);
    for why in [
        "user's name",
        "digits",
        "kind",
        "four fields",
        "more fields",
        "pairs",
        "16 bytes",
        "30 seconds",
        "HOTP",
        "before it",
        "no text",
    ] {
        assert!(import.says(why), "{why}");
    }
    let prose = Import { objects: Vec::new(), ..import };
    assert_harmless(&prose);
    assert!(prose.prose.contains("d\\u{1b}[2Jan"), "{}", &prose.prose[..500]);
    assert_eq!(state(&daemon, REALM, "fay"), "none");
}

#[test]
fn a_file_of_uris_may_hold_anything() {
    let daemon = Daemon::start_clocked(CONFIG);
    let uri = |user: &str| format!("otpauth://totp/{user}?secret={KEY}");
    let path = with_endless_line(&daemon, "endless", &uri("ann"), "otpauth://totp/bob?secret=", &uri("cy"));
    let import = Import::run(&daemon, REALM, &path, &["--apply"]);
    assert_eq!((import.status, import.counts()), (Some(1), [2, 0, 1]), "{import:?}");
    assert!(import.peak < ROOM, "{import:?}");
    assert_harmless(&import);

    let mut text = format!(
        "{}\n{}\n{}\n{}\n{}\notpauth://totp/fay?secret={}\notpauth://totp/fay?{}\n",
        uri("d%1b%5b2Jan"),
        uri("d\u{1b}[2Jan"),
        uri(&"n".repeat(256)),
        uri("gus"),
        uri("gus"),
        "A".repeat(3000),
        "&".repeat(3000),
    )
    .into_bytes();
    text.extend(junk(1 << 20));
    let path = file(&daemon, "odd", text);
    let import = Import::run(&daemon, REALM, &path, &["--apply"]);
    let [new, already, refused] = import.counts();
    assert_eq!((new, already, refused > 6), (1, 0, true), "{import:?}");
    assert_harmless(&import);
    assert_eq!(state(&daemon, REALM, "fay"), "none");
    assert!(lets_in(&daemon, REALM, "gus", &app(KEY).code(NOON)));
}

#[test]
fn a_secret_file_of_a_user_may_hold_anything() {
    let daemon = Daemon::start_clocked(CONFIG);
    let good = format!("{KEY}\n\" TOTP_AUTH\n");
    let cases = [
        (String::new(), "empty"),
        ("\n\" TOTP_AUTH\n".to_owned(), "16 bytes"),
        (format!("{KEY}\n"), "TOTP_AUTH"),
        (format!("{KEY}1\n\" TOTP_AUTH\n"), "base32"),
        ("A".repeat(60_000), "4096"),
        (format!("{good}1234567\n"), "neither"),
        (format!("{good}root:x:0:0:root:/root:/bin/bash\n"), "neither"),
        (format!("{good}\" HOTP_COUNTER 1\n"), "HOTP"),
        (format!("{good}\" STEP_SIZE {}\n", "9".repeat(1000)), "30 seconds"),
    ];
    let run = |path: &Path| {
        Import::run(&daemon, REALM, path, &["--format", "google-authenticator", "--user", "ann", "--apply"])
    };
    for (text, why) in cases {
        let import = run(&file(&daemon, "ga", &text));
        assert_eq!((import.status, import.counts()), (Some(1), [0, 0, 1]), "{why}: {import:?}");
        assert!(import.says(why), "{why}: {import:?}");
        assert_harmless(&import);
    }
    assert_eq!(run(&file(&daemon, "junk", junk(60_000))).status, Some(1));
    assert_eq!(run(&file(&daemon, "large", "A\n".repeat(40_000))).status, Some(2));
    assert_eq!(state(&daemon, REALM, "ann"), "none");
    assert_eq!(run(&file(&daemon, "good", good.to_lowercase().replace("totp_auth", "TOTP_AUTH"))).counts(), [1, 0, 0]);
}

#[test]
fn only_a_plain_file_is_opened() {
    let daemon = Daemon::start_clocked(CONFIG);
    let good = file(&daemon, "good", format!("otpauth://totp/ann?secret={KEY}\n"));
    let (link, pipe) = (daemon.folder().join("link"), daemon.folder().join("pi\u{1b}pe"));
    symlink(&good, &link).unwrap();
    assert!(tool("mkfifo").arg(&pipe).status().unwrap().success());
    let none = daemon.folder().join("none");
    for (path, why) in [
        (&*link, "it is a symlink"),
        (&*pipe, "no plain file"),
        (daemon.folder(), "no plain file"),
        (Path::new("/dev/zero"), "no plain file"),
        (&*none, "No such file"),
    ] {
        for format in [&[][..], &["--format", "otpauth"], &["--format", "netmaker"]] {
            let import = Import::run(&daemon, REALM, path, &[format, &["--apply"]].concat());
            assert_eq!((import.status, import.objects.len()), (Some(7), 0), "{import:?}");
            assert!(import.prose.contains(why), "{why}: {import:?}");
            assert_harmless(&import);
        }
    }
    assert_eq!(state(&daemon, REALM, "ann"), "none");
}

/// A file with this many users and a key each.
fn many(daemon: &Daemon, name: &str, count: u32) -> PathBuf {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let line = |number: u32| {
        let key: String = (0..4).map(|place| char::from(letters[(number >> (place * 5) & 31) as usize])).collect();
        format!("otpauth://totp/Old:user-{number}?secret={key}{}\n", &KEY[4..])
    };
    file(daemon, name, (0..count).map(line).collect::<String>())
}

#[test]
fn memory_does_not_grow_with_the_file_and_logins_go_on() {
    let daemon = Daemon::start_clocked(CONFIG);
    let few = Import::run(&daemon, REALM, &many(&daemon, "few", 320), &["--apply"]);
    assert_eq!(few.counts(), [320, 0, 0]);

    let mut client = daemon.client();
    let mut phone = Phone::enroll(&mut client, "alice", NOON);
    let mut running = Import::start(&daemon, REALM, &many(&daemon, "many", 20_000), &["--apply"]);
    let (mut time, mut logins) = (NOON, 0);
    while running.runs() {
        time += 30;
        daemon.set_time(time);
        assert!(mfad_tests::daemon::accepted(&daemon.verify("alice", &phone.code(time / 30))), "no login meanwhile");
        logins += 1;
        std::thread::sleep(Duration::from_millis(5));
    }
    let all = running.finish();
    assert_eq!((all.status, all.counts()), (Some(0), [19_680, 320, 0]));
    assert!(logins > 10, "{logins} logins beside 20,000 imports");
    assert!(all.peak < few.peak + (4 << 10), "{} KiB for 320 and {} KiB for 20,000", few.peak, all.peak);
    println!("{logins} logins beside the import; {} KiB for 320 and {} KiB for 20,000", few.peak, all.peak);
}

#[test]
fn an_import_that_loses_the_daemon_can_be_run_again() {
    let mut daemon = Daemon::start_clocked(CONFIG);
    let path = many(&daemon, "many", 5_000);
    let mut running = Import::start(&daemon, REALM, &path, &["--apply"]);
    while state(&daemon, REALM, "user-640") == "none" {
        assert!(running.runs(), "it has ended already");
    }
    daemon.kill();
    let cut = running.finish();
    assert_eq!(cut.status, Some(4), "{:?}", cut.prose);
    assert_eq!(cut.objects.last().unwrap(), &serde_json::json!({ "result": "unavailable" }));
    assert!(cut.prose.contains("Run it again"), "{}", cut.prose);
    let said = cut.entries().len();
    daemon.spawn();
    let again = Import::run(&daemon, REALM, &path, &["--apply"]);
    let [new, already, refused] = again.counts();
    assert_eq!((new + already, refused), (5_000, 0), "{:?}", again.prose);
    // What was said to be taken over is there: nothing acknowledged is lost.
    assert!(already >= said as u64 && said >= 640, "{said} were said, {already} are there");
}
