//! What the doctor makes of a server's answers. No root is needed: where the machine itself matters is in `doctor.rs`.

use std::path::{Path, PathBuf};
use std::process::Command;

use mfad_proto::{Call, Keys, Label, Metric, Pong, Refusal, Reply, Sample, StatsPage, StatsPlace};
use mfad_tests::daemon::Daemon;
use mfad_tests::impostor::serve;
use mfad_tests::programs::built;
use serde_json::Value;
use tempfile::TempDir;

const VERSION: &str = env!("CARGO_PKG_VERSION");
const KEYS: Keys = Keys { id: 1, made_at: 1_700_000_000, old: None, records: 2, left: 0 };

fn pong(version: &str, why: &str) -> Reply {
    Reply::Pong(Pong { version: version.to_owned(), ready: why.is_empty(), why: why.to_owned() })
}

fn source(word: &str) -> Sample {
    Sample { metric: Metric::KEY_INFO, labels: vec![Label::cut(word)], value: 1 }
}

/// What the doctor says to one check, and its exit status.
fn check(socket: &Path, name: &str) -> (Value, i32) {
    let output =
        Command::new(built("mfactl")).arg("--json").arg("--socket").arg(socket).arg("doctor").output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let end = lines.last().unwrap();
    let findings = lines.iter().filter(|line| line["level"] == "finding").count();
    assert_eq!((&end["result"], &end["findings"]), (&"done".into(), &findings.into()));
    let status = output.status.code().unwrap();
    assert_eq!(status, i32::from(findings > 0));
    let line = lines.iter().find(|line| line["check"] == name).unwrap_or_else(|| panic!("no {name}: {lines:#?}"));
    assert_eq!(line["level"] == "finding", line["level"] != "ok" && line["level"] != "note", "{line}");
    assert!(line["level"] != "finding" || line["remedy"].is_string(), "a finding without a remedy: {line}");
    (line.clone(), status)
}

/// A socket of a server that answers so.
fn impostor(answer: impl Fn(Call) -> Option<Reply> + Clone + Send + 'static) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("mfad.sock");
    serve(&socket, answer);
    (folder, socket)
}

/// What the doctor says to one check at a server that answers so.
fn said(name: &str, answer: impl Fn(Call) -> Option<Reply> + Clone + Send + 'static) -> (String, String) {
    let (_folder, socket) = impostor(answer);
    let (line, _) = check(&socket, name);
    (line["level"].as_str().unwrap().to_owned(), line["text"].as_str().unwrap().to_owned())
}

/// A server that is well, and answers `Stats` so.
fn counting(stats: impl Fn(Option<StatsPlace>) -> Reply + Clone) -> impl Fn(Call) -> Option<Reply> + Clone {
    move |call| match call {
        Call::Ping => Some(pong(VERSION, "")),
        Call::KeyStatus => Some(Reply::Keys(KEYS)),
        Call::Stats { after } => Some(stats(after)),
        _ => None,
    }
}

#[test]
fn a_real_daemon_by_hand_is_well() {
    let daemon = Daemon::start();
    for name in ["socket", "server", "rights", "version", "store"] {
        let (line, _) = check(&daemon.socket(), name);
        assert_eq!(line["level"], "ok", "{line}");
    }
}

#[test]
fn a_daemon_that_has_ended_is_a_finding_and_nothing_is_known_of_the_rest() {
    let mut daemon = Daemon::start();
    daemon.kill();
    let (line, status) = check(&daemon.socket(), "socket");
    assert_eq!((&line["level"], status), (&"finding".into(), 1), "{line}");
    assert!(line["text"].as_str().unwrap().starts_with("no mfad listens on "), "{line}");
    for name in ["server", "rights", "version", "store", "key"] {
        let (line, _) = check(&daemon.socket(), name);
        assert_eq!(line["level"], "note", "{line}");
    }
    let (line, _) = check(&daemon.folder().join("nowhere/mfad.sock"), "socket");
    assert!(line["text"].as_str().unwrap().ends_with("mfad does not run"), "{line}");
}

#[test]
fn another_version_is_a_finding() {
    let other = |version: &'static str| move |call| matches!(call, Call::Ping).then(|| pong(version, ""));
    assert_eq!(said("version", other(VERSION)).0, "ok");
    assert_eq!(said("version", other("0.0.9")), ("finding".into(), format!("mfad is 0.0.9, and mfactl {VERSION}")));
    // Nobody's word moves the cursor.
    assert_eq!(said("version", other("9\u{1b}[2J")).1, format!("mfad is 9\\u{{1b}}[2J, and mfactl {VERSION}"));
    assert_eq!(said("version", |_call| None).0, "finding");
    assert_eq!(said("version", |_call| Some(Reply::Done)).0, "finding");
}

#[test]
fn a_store_that_is_down_is_a_finding_in_the_servers_own_words_and_one_that_is_being_checked_is_none() {
    let why = |why: &'static str| move |call| matches!(call, Call::Ping).then(|| pong(VERSION, why));
    let (level, text) = said("store", why("the store has lost 3 records"));
    assert_eq!((level.as_str(), text.as_str()), ("finding", "mfad answers nothing: the store has lost 3 records"));
    let (level, text) = said("store", why("the store is being checked: 40 % done"));
    assert_eq!((level.as_str(), text.as_str()), ("note", "the store is being checked: 40 % done"));
    assert_eq!(said("store", why("")).0, "ok");
    assert_eq!(said("store", |_call| None).0, "note");
}

#[test]
fn who_may_not_administer_learns_how_to() {
    let answer = |reply: fn() -> Reply| {
        move |call| match call {
            Call::Ping => Some(pong(VERSION, "")),
            Call::KeyStatus => Some(reply()),
            _ => None,
        }
    };
    let (_folder, socket) = impostor(answer(|| Reply::Refused(Refusal::NotPermitted)));
    let (line, _) = check(&socket, "rights");
    assert_eq!(line["level"], "note");
    assert!(line["remedy"].as_str().unwrap().contains("mfad-admin"), "{line}");
    assert_eq!(said("rights", answer(|| Reply::Keys(KEYS))).0, "ok");
    assert_eq!(said("rights", answer(|| Reply::Refused(Refusal::Unavailable))).0, "note");
}

#[test]
fn a_root_key_beside_what_it_protects_is_a_finding() {
    let word = |word: &'static str| {
        counting(move |_after| Reply::Stats(StatsPage { samples: vec![source(word)], next: None }))
    };
    let (level, text) = said("key", word("state"));
    assert_eq!(level, "finding");
    assert!(text.starts_with("the root key lies in the state folder"), "{text}");
    assert_eq!(said("key", word("stdin")).0, "note");
    assert_eq!(said("key", word("moon")).0, "note");
}

#[test]
fn the_source_of_the_key_is_looked_for_page_by_page_but_not_among_the_accounts() {
    let other = || Sample { metric: Metric::READY, labels: vec![], value: 1 };
    let paged = counting(move |after| {
        let page = match after {
            Some(StatsPlace::Sample(1)) => StatsPage { samples: vec![source("state")], next: None },
            _ => StatsPage { samples: vec![other()], next: Some(StatsPlace::Sample(1)) },
        };
        Reply::Stats(page)
    });
    assert_eq!(said("key", paged).0, "finding");
    let unsaid = |next: fn() -> Option<StatsPlace>| {
        counting(move |_after| Reply::Stats(StatsPage { samples: vec![], next: next() }))
    };
    for next in [|| None, || Some(StatsPlace::Account(None)), || Some(StatsPlace::Sample(7))] {
        let (level, text) = said("key", unsaid(next));
        assert_eq!(
            (level.as_str(), text.as_str()),
            ("note", "where the root key comes from is not known: this daemon does not say")
        );
    }
    for (refusal, why) in
        [(Refusal::Unsupported, "this daemon does not say"), (Refusal::NotPermitted, "only an administrator is told")]
    {
        let (level, text) = said("key", counting(move |_after| Reply::Refused(refusal)));
        assert_eq!((level.as_str(), text), ("note", format!("where the root key comes from is not known: {why}")));
    }
}
