//! The audit log: what it tells, to whom, and what happens to it when the machine fails.

use std::fs;

use mfad_proto::{Call, Label, LogFault, LogFilter, LogPlace, Realm, Reply, UserName};
use mfad_tests::calls;
use mfad_tests::daemon::{Daemon, NOON, account, begin_enrollment, code, context, verify};
use mfad_tests::logbook::{self, REALM, afternoon, faults, files, lines};
use mfad_tests::raw::{Raw, frame};

#[test]
fn an_afternoon_reads_as_a_story_and_verifies() {
    let daemon = Daemon::start_clocked(REALM);
    afternoon(&daemon);
    let told = daemon.mfactl(&["admin", "audit"], "");
    assert!(told.status.success(), "{told:?}");
    let told = String::from_utf8(told.stdout).unwrap();
    let story = [
        "mfad started",
        "alice began to set up a second factor",
        "the first code of alice was denied: wrong code",
        "alice has a second factor now",
        "alice logged in with a code",
        "alice was denied: replayed",
        "alice was denied: wrong code",
        "alice has to wait (verify)",
        "an unknown user #",
        "took the second factor of alice away: lost phone",
        "set realm system: enforce on",
        "issued a recovery code for alice",
    ];
    let mut rest = told.as_str();
    for sentence in story {
        let at = rest.find(sentence).unwrap_or_else(|| panic!("no {sentence:?} after this point:\n{told}"));
        rest = &rest[at + sentence.len()..];
    }
    assert!(told.lines().all(|line| line.starts_with("2023-11-14T22:14:")), "a line without its moment:\n{told}");
    assert!(!told.contains("hunter2") && !told.contains("begin of alice"), "{told}");
    let whole = daemon.mfactl(&["admin", "audit", "--verify"], "");
    assert!(whole.status.success() && String::from_utf8(whole.stdout).unwrap().contains("The log is whole"));
}

#[test]
fn a_program_reads_one_object_a_line_with_every_request() {
    let daemon = Daemon::start_clocked(REALM);
    afternoon(&daemon);
    let told = daemon.mfactl(&["--json", "admin", "audit"], "");
    let told: Vec<serde_json::Value> =
        String::from_utf8(told.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let logged = daemon.log();
    let logged: Vec<serde_json::Value> =
        logged.lines().filter(|line| line.starts_with('{')).map(|line| serde_json::from_str(line).unwrap()).collect();
    let without_number = |value: &serde_json::Value| {
        let mut value = value.clone();
        value.as_object_mut().unwrap().remove("n");
        value
    };
    // The request that reads the log stands only on standard error by now.
    let requests: Vec<_> = told.iter().filter(|line| line.get("call").is_some()).map(without_number).collect();
    assert_eq!(requests, logged[..logged.len() - 1]);
    let numbers: Vec<_> = told.iter().filter(|line| line["event"] != "file").map(|line| line["n"].as_u64()).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).map(Some).collect::<Vec<_>>());
}

#[test]
fn filters_find_what_fits_all_of_them() {
    let daemon = Daemon::start_clocked("[realm.netmaker]\n");
    let mut client = daemon.client();
    let _app = daemon.enroll("alice", NOON);
    daemon.set_time(NOON + 3_600);
    client.call(verify("alice", "123456")).unwrap();
    client.call(verify("bob", "123456")).unwrap();
    client.call(Call::GetPolicy { realm: Realm::new("netmaker").unwrap() }).unwrap();
    let _begun = begin_enrollment(&mut client, "bob");
    let mut count = |filter: LogFilter| logbook::read(&mut client, &filter).len();
    let user = |name: &str| UserName::new(name);
    assert_eq!(count(LogFilter { user: user("alice"), ..LogFilter::default() }), 3);
    // The first line about bob has the hash of a name that was not known then.
    assert_eq!(count(LogFilter { user: user("bob"), ..LogFilter::default() }), 2);
    assert_eq!(count(LogFilter { user: user("carol"), ..LogFilter::default() }), 0);
    assert_eq!(count(LogFilter { realm: Realm::new("netmaker"), ..LogFilter::default() }), 1);
    let denied = Label::new("denied");
    assert_eq!(count(LogFilter { outcome: denied.clone(), ..LogFilter::default() }), 2);
    let late = LogFilter { since: Some(NOON + 1), user: user("alice"), ..LogFilter::default() };
    assert_eq!(count(late), 1);
    let early = LogFilter { until: Some(NOON + 1), outcome: denied, ..LogFilter::default() };
    assert_eq!(count(early), 0);
    let shown = |args: &[&str]| {
        let shown = daemon.mfactl(&[&["--json", "admin", "audit"], args].concat(), "");
        assert!(shown.status.success(), "{shown:?}");
        String::from_utf8(shown.stdout).unwrap().lines().count()
    };
    assert_eq!(shown(&["--user", "alice", "--since", "2023-11-14T22:14:20Z"]), 1);
    assert_eq!(shown(&["--user", "alice", "--since", &(NOON + 1).to_string()]), 1);
    assert_eq!(shown(&["--user", "alice", "--until", "2023-11-14"]), 0);
    assert_eq!(shown(&["--user", "alice", "--outcome", "enrolled"]), 1);
    assert_eq!(shown(&["--realm", "netmaker"]), 1);
    // The lines, and what the whole log came to.
    assert_eq!(shown(&["--user", "alice", "--outcome", "enrolled", "--verify"]), 2);
    let wrong = daemon.mfactl(&["admin", "audit", "--since", "yesterday-ish"], "");
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn only_so_many_files_are_kept_and_they_are_one_chain() {
    let mut daemon = Daemon::unstarted("mfad-clocked", REALM);
    daemon.set_log_limits(3, 4096);
    daemon.spawn();
    let mut client = daemon.client();
    let guess = |client: &mut mfad_client::Client| {
        let reply = client.call(verify("alice", "123456")).unwrap();
        assert!(!calls::accepted(&reply));
    };
    for round in 0..60 {
        guess(&mut client);
        if round == 30 {
            daemon.stop();
            daemon.spawn();
            client = daemon.client();
        }
        // Each becomes a file's worth of lines only where it is not summed up.
        daemon.rest(3_600);
    }
    assert_eq!(faults(&mut client), []);
    let kept = files(daemon.state());
    assert_eq!(kept.len(), 3, "{kept:?}");
    assert!(logbook::number(&kept[0]) > 1, "nothing was turned over: {kept:?}");
    let (_, passed) = logbook::verify(&mut client);
    assert!(passed > 30, "{passed}");
    // The pages end at a file's end, too.
    let all = logbook::read(&mut client, &LogFilter::default());
    let from_second = Call::Audit {
        after: Some(LogPlace { file: logbook::number(&kept[1]), offset: 0 }),
        filter: LogFilter::default(),
        verify: false,
    };
    assert!(matches!(client.call(from_second), Ok(Reply::Log(page)) if page.lines.len() < all.len()));
    for (victim, path) in kept.iter().enumerate() {
        let content = fs::read(path).unwrap();
        fs::remove_file(path).unwrap();
        let found = faults(&mut client);
        assert!(found.contains(&LogFault::NoFile), "file {victim}: {found:?}");
        fs::write(path, content).unwrap();
    }
}

#[test]
fn a_crash_is_told_and_is_no_fault_of_the_log() {
    let mut daemon = Daemon::start_clocked(REALM);
    let _app = daemon.enroll("alice", NOON);
    // What was safe before the crash is whole after it.
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    daemon.kill();
    daemon.spawn();
    let mut client = daemon.client();
    let (findings, _) = logbook::verify(&mut client);
    assert!(matches!(findings[..], [finding] if finding.fault == LogFault::Crashed), "{findings:?}");
    let lines = logbook::read(&mut client, &LogFilter::default());
    assert!(lines.iter().any(|line| line["outcome"] == "enrolled"), "{lines:?}");
    let whole = daemon.mfactl(&["admin", "audit", "--verify"], "");
    assert!(whole.status.success(), "{whole:?}");
}

#[test]
fn lines_that_a_crash_has_taken_are_reported_as_lost() {
    let mut daemon = Daemon::start_clocked(REALM);
    let mut client = daemon.client();
    // Each of them leaves a batch in the store, which notes the lines so far.
    (0..8).for_each(|round| drop(client.call(verify(&format!("user{round}"), "123456")).unwrap()));
    daemon.kill();
    // As a power cut does: what was written within the last second never reached the disk.
    let path = files(daemon.state()).pop().unwrap();
    let content = fs::read(&path).unwrap();
    let whole = lines(&content);
    fs::write(&path, whole[..4].concat()).unwrap();
    daemon.spawn();
    let found = faults(&mut daemon.client());
    assert!(matches!(found[..], [LogFault::Lost { lines }] if lines >= 1), "{found:?}");
    let told = daemon.mfactl(&["admin", "audit"], "");
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains("lines of this log were lost") && told.contains("it had not been stopped before"), "{told}");
}

#[test]
fn a_torn_end_is_left_where_it_is_and_the_log_goes_on_in_a_new_file() {
    let mut daemon = Daemon::start_clocked(REALM);
    let _app = daemon.enroll("alice", NOON);
    daemon.stop();
    let path = files(daemon.state()).pop().unwrap();
    let mut content = fs::read(&path).unwrap();
    content.extend(b"{\"n\":5,\"time\":17000");
    fs::write(&path, &content).unwrap();
    daemon.spawn();
    let mut client = daemon.client();
    client.call(verify("alice", "123456")).unwrap();
    assert_eq!(faults(&mut client), [LogFault::Changed], "the torn end alone");
    assert_eq!(fs::read(&path).unwrap(), content, "somebody has cleaned up");
    assert_eq!(files(daemon.state()).len(), 2);
    let lines = logbook::read(&mut client, &LogFilter::default());
    assert!(lines.iter().any(|line| line["outcome"] == "denied"));
}

#[test]
fn floods_are_summed_up_by_the_minute() {
    let daemon = Daemon::start_clocked(REALM);
    let mut client = daemon.client();
    for _ in 0..10 {
        let pings = client.call_all((0..100).map(|_| Call::Ping).collect());
        assert!(pings.iter().all(Result::is_ok));
    }
    let mut raw = Raw::connect(&daemon.socket());
    for _ in 0..100 {
        raw.send(&frame(&[7, 99]));
        let _unsupported = raw.receive();
    }
    // Nobody's logins are summed.
    (0..3).for_each(|round| drop(client.call(verify(&format!("user{round}"), "123456")).unwrap()));
    daemon.rest(60);
    client.call(verify("alice", "123456")).unwrap();
    let lines = logbook::read(&mut client, &LogFilter::default());
    let count = |call: &str| lines.iter().filter(|line| line["call"] == call && line.get("event").is_none()).count();
    let summed = |call: &str| {
        let sums = lines.iter().filter(|line| line["event"] == "summed" && line["call"] == call);
        sums.map(|line| line["lines"].as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!((count("ping") as u64 + summed("ping"), count("?") as u64 + summed("?")), (1_000, 100));
    assert_eq!(count("ping") + count("?"), 60, "so many of one uid are written each");
    assert_eq!((count("verify"), summed("verify")), (4, 0));
    let of_ping = lines.iter().find(|line| line["event"] == "summed" && line["call"] == "ping").unwrap();
    assert_eq!((&of_ping["outcome"], &of_ping["socket"]), (&"answered".into(), &"by-hand".into()));
    assert_eq!(of_ping["uid"], nix::unistd::geteuid().as_raw());
}

#[test]
fn what_turns_or_hides_text_is_escaped() {
    let daemon = Daemon::start_clocked(REALM);
    let mut context = context();
    context.service = Label::new("a\u{202e}b\u{9b}c\u{1b}]0;x\u{7}\u{e0041}").unwrap();
    let call = Call::Verify { account: account("alice"), code: code("000000"), context };
    daemon.client().call(call).unwrap();
    // Who reads the log waits for what was judged before.
    let story = String::from_utf8(daemon.mfactl(&["admin", "audit"], "").stdout).unwrap();
    let texts = [
        String::from_utf8(fs::read(files(daemon.state()).pop().unwrap()).unwrap()).unwrap(),
        daemon.log(),
        story,
        String::from_utf8(daemon.mfactl(&["--json", "admin", "audit"], "").stdout).unwrap(),
    ];
    for text in texts {
        let bad = text.chars().find(|c| *c != '\n' && (c.is_control() || matches!(*c, '\u{202e}' | '\u{e0041}')));
        assert_eq!(bad, None, "{text:?}");
        assert!(text.contains('b') && !text.is_empty());
    }
    let lines = logbook::read(&mut daemon.client(), &LogFilter::default());
    let told = lines.iter().any(|line| line["service"].as_str().is_some_and(|service| service.contains('\u{202e}')));
    assert!(told, "a program finds the words as they were said");
}

#[test]
fn the_log_is_nobody_elses_to_read() {
    use std::os::unix::fs::MetadataExt;
    let daemon = Daemon::start_clocked(REALM);
    let _app = daemon.enroll("alice", NOON);
    let folder = fs::metadata(daemon.state().join("audit")).unwrap();
    assert_eq!(folder.mode() & 0o777, 0o700);
    for path in files(daemon.state()) {
        assert_eq!(fs::metadata(path).unwrap().mode() & 0o777, 0o600);
    }
}
