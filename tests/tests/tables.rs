//! `mfactl admin list` and `admin show`: for a person at a terminal, for a program, and for a reader that has seen enough.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use mfad_tests::calls::{begin_enrollment, confirm, denied, verify};
use mfad_tests::daemon::{Daemon, NOON};
use mfad_tests::listed::{make, realm};
use mfad_tests::peers::name;
use mfad_tests::phone::Phone;
use mfad_tests::programs::built;
use mfad_tests::terminal::Terminal;
use serde_json::Value;

fn out(output: &std::process::Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Accounts of a realm whose names are no Unix users, and of `system`, where one name is root's and one is nobody's.
fn inhabited() -> Daemon {
    let daemon = Daemon::start_clocked("[realm.web]\n");
    let mut client = daemon.client();
    for user in ["ann", "bob", "eve", "a-name-that-is-much-longer-than-the-column-of-names-is-wide"] {
        make(&mut client, &name(&realm("web"), user));
    }
    let phone = begin_enrollment(&mut client, "root");
    let mut app = Phone::scan(phone.uri.expose());
    confirm(&mut client, "root", &phone, &app.code(NOON / 30));
    begin_enrollment(&mut client, "mfad-test-nobody");
    for _ in 0..3 {
        assert!(denied(&client.call(verify("root", "wrong")).unwrap()));
    }
    daemon
}

#[test]
fn mfactl_lists_for_a_person_and_for_a_program() {
    let daemon = inhabited();
    let list = |args: &[&str]| out(&daemon.mfactl(&[&["admin", "list"], args].concat(), ""));
    let table = list(&[]);
    let lines: Vec<_> = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    assert_eq!(lines[0], ["USER", "STATE", "ENROLLED", "LAST-SUCCESS", "RECOVERY", "FAILURES", "NOTE"]);
    assert_eq!(lines[1], ["mfad-test-nobody", "pending", "-", "-", "0", "0", "no", "such", "Unix", "user"]);
    assert_eq!(lines[2], ["root", "active", "2023-11-14T22:14:15Z", "-", "10", "3", "wait", "5", "s"]);
    assert_eq!(lines.len(), 3);
    let starts: Vec<_> =
        table.lines().map(|line| line.find("pending").or(line.find("active")).or(line.find("STATE"))).collect();
    assert!(starts.iter().all(|start| *start == starts[0]), "{table}");

    assert!(list(&["--orphans"]).contains("mfad-test-nobody") && !list(&["--orphans"]).contains("root"));
    assert!(
        !list(&["--state", "active"]).contains("mfad-test-nobody") && list(&["--state", "active"]).contains("root")
    );
    assert_eq!(list(&["--state", "locked"]), "");
    assert!(!list(&["--after", "p"]).contains("mfad-test-nobody") && list(&["--after", "p"]).contains("root"));
    assert_eq!(list(&["--limit", "1"]).lines().count(), 2);
    assert_eq!(list(&["--limit", "0"]), "");
    assert_eq!(list(&["--realm", "web", "--limit", "9"]).lines().count(), 5);

    let both = objects(&list(&["--json"]));
    let status: Value = serde_json::from_str(&out(&daemon.mfactl(&["--json", "status", "root"], ""))).unwrap();
    let mut root = both[1].as_object().unwrap().clone();
    assert_eq!(root.remove("holder"), Some("same".into()));
    assert_eq!(Value::Object(root), status, "a list says something else than the status");
    assert_eq!((both[0]["holder"].as_str(), both.len()), (Some("gone"), 2));
    let web = objects(&list(&["--json", "--realm", "web"]));
    assert!(web.iter().all(|of| of["realm"] == "web" && of["holder"] == "not_unix") && web.len() == 4);
    let mut all = Vec::new();
    while let Some(next) =
        objects(&list(&[&["--json", "--realm", "web", "--limit", "1"], after(&all).as_slice()].concat())).pop()
    {
        all.push(next["user"].as_str().unwrap().to_owned());
    }
    assert_eq!(all, ["a-name-that-is-much-longer-than-the-column-of-names-is-wide", "ann", "bob", "eve"]);
    let refused = daemon.mfactl(&["--realm", "nowhere", "admin", "list"], "");
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(5), 0));
}

fn after(all: &[String]) -> Vec<&str> {
    all.last().map(|last| vec!["--after", last.as_str()]).unwrap_or_default()
}

#[test]
fn at_a_terminal_the_accounts_are_counted() {
    let daemon = inhabited();
    let socket = daemon.socket();
    let shown = |args: &[&str]| {
        let args = [&["--socket", socket.to_str().unwrap(), "admin", "list"], args].concat();
        let (shown, status) = Terminal::start(&built("mfactl"), &args).finish();
        assert!(status.success(), "{shown}");
        shown.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(shown(&[]).last().map(String::as_str), Some("2 accounts"));
    assert_eq!(shown(&["--orphans"]).last().map(String::as_str), Some("1 account"));
    assert_eq!(shown(&["--state", "locked"]), ["0 accounts"]);
    // Whoever is in front of it reads the count, and the program reads none.
    assert_eq!(shown(&["--json"]).len(), 3);
}

#[test]
fn mfactl_shows_one_account() {
    let daemon = inhabited();
    let text = out(&daemon.mfactl(&["admin", "show", "root"], ""));
    let status = out(&daemon.mfactl(&["status", "root"], ""));
    assert!(text.starts_with(&status), "{text}");
    for line in [
        "codes:                  6 digits, SHA1",
        "enrolments so far:      1",
        "Unix user:              uid 0 is noted",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let shown: Value = serde_json::from_str(&out(&daemon.mfactl(&["--json", "admin", "show", "root"], ""))).unwrap();
    let names: BTreeSet<_> = shown.as_object().unwrap().keys().map(String::as_str).collect();
    let status = [
        "realm",
        "user",
        "state",
        "enforced",
        "recovery_left",
        "enrolled_at",
        "last_success",
        "failures_since",
        "retry_after",
    ];
    let more = [
        "holder",
        "uid",
        "generation",
        "algorithm",
        "digits",
        "clock_offset",
        "handle",
        "pending_until",
        "issued_until",
        "has_password",
        "last_failure",
        "password_retry_after",
        "login_retry_after",
        "own_locked",
    ];
    assert_eq!(names, status.into_iter().chain(more).collect());
    assert_eq!((&shown["uid"], &shown["algorithm"], &shown["clock_offset"]), (&0.into(), &"SHA1".into(), &0.into()));
    assert_eq!(shown["last_failure"]["service"], "test");
    let unknown = daemon.mfactl(&["--json", "admin", "show", "nobody-of-this-name"], "");
    assert_eq!((unknown.status.code(), unknown.stdout.as_slice()), (Some(1), &b"{\"result\":\"denied\"}\n"[..]));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("mfad does not know nobody-of-this-name"));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let daemon = Daemon::start_with("[realm.web]\n");
    let mut client = daemon.client();
    // More than a pipe holds.
    (0..1000).for_each(|number| make(&mut client, &name(&realm("web"), &format!("{number}{}", "x".repeat(100)))));
    for form in [&["--json"][..], &[]] {
        let mut command = Command::new(built("mfactl"));
        command.arg("--socket").arg(daemon.socket()).args(["--realm", "web", "admin", "list"]).args(form);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = [0; 100];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut first).unwrap();
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        assert!(ended.status.success() && ended.stderr.is_empty(), "{ended:?}");
    }
}
