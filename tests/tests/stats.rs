//! What the server measures of itself: what happened, once each, also while the store does not serve, and in the forms that
//! people, programs and Prometheus read.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::sync::Arc;

use mfad_client::Client;
use mfad_proto::{AccountName, Call, FirstFactor, Note, Proof, Realm, Refusal, Reply, Sample, StatsPlace, UserName};
use mfad_tests::calls::{accepted, begin_enrollment, code, confirm, denied, verify};
use mfad_tests::daemon::{Daemon, NOON};
use mfad_tests::faults::{Disk, FaultyHome};
use mfad_tests::inprocess::{InProcess, SetClock};
use mfad_tests::listed::make;
use mfad_tests::measured::{Measured, find, measured, page, scraped, value};
use mfad_tests::peers::{Hall, Kind, Rights, Socket, account, name, rules};
use mfad_tests::phone::Phone;
use mfad_tests::raw::{Answer, Raw};
use mfad_tests::town::Town;
use serde_json::Value;

fn all(client: &mut Client) -> Measured {
    measured(client, || {})
}

fn web() -> Realm {
    Realm::new("web").unwrap()
}

#[test]
fn the_counts_are_those_of_what_happened() {
    let (home, clock) = (FaultyHome::new(), SetClock::at(NOON));
    let daemon = InProcess::start_with_policy(&home, &clock, InProcess::policy("[realm.web]\n"));
    daemon.wait_until_ready();
    let mut client = daemon.client();
    let before = all(&mut client);
    assert_eq!(value(&before, "mfad_start_time_seconds", &[]), NOON);

    let begun = begin_enrollment(&mut client, "alice");
    let mut phone = Phone::scan(begun.uri.expose());
    confirm(&mut client, "alice", &begun, &phone.code(NOON / 30));
    begin_enrollment(&mut client, "bob");
    make(&mut client, &name(&web(), "carol"));
    clock.set(NOON + 30);
    assert!(accepted(&client.call(verify("alice", &phone.code(NOON / 30 + 1))).unwrap()));
    for _ in 0..20 {
        assert!(denied(&client.call(verify("alice", "wrong")).unwrap()));
        clock.pass(900);
    }
    for _ in 0..3 {
        assert!(denied(&client.call(verify("bob", "wrong")).unwrap()));
    }
    assert!(matches!(client.call(verify("bob", "wrong")).unwrap(), Reply::Refused(Refusal::TryLater { .. })));
    assert!(denied(&client.call(verify("nobody", "wrong")).unwrap()));
    let unserved = name(&Realm::new("nowhere").unwrap(), "x");
    let refused = client.call(Call::Status { account: account(&unserved) }).unwrap();
    assert!(matches!(refused, Reply::Refused(Refusal::NotPermitted)));
    let vouched =
        Call::Passwd { account: account(&name(&web(), "carol")), old: password(), code: code(""), new: password() };
    assert!(matches!(client.call(vouched).unwrap(), Reply::Refused(Refusal::Unsupported)));

    let after = all(&mut client);
    let grown = |name: &str, labels: &[&str]| value(&after, name, labels) - find(&before, name, labels).unwrap_or(0);
    let requests = [
        ("enroll", "enrollment_begun", 2),
        ("confirm", "enrolled", 1),
        ("recover", "issued", 1),
        ("verify", "accepted", 1),
        ("verify", "denied", 24),
        ("verify", "try_later", 1),
        ("status", "not_permitted", 1),
        ("passwd", "unsupported", 1),
    ];
    for (call, outcome, count) in requests {
        assert_eq!(grown("mfad_requests_total", &[call, outcome]), count, "{call} {outcome}");
    }
    let asked: u64 = requests.iter().map(|(_, _, count)| count).sum();
    let told = |of: &Measured| {
        let requests = of.iter().filter(|((name, labels), _)| name == "mfad_requests_total" && labels[0] != "stats");
        requests.map(|(_, count)| count).sum::<u64>()
    };
    assert_eq!(told(&after) - told(&before), asked, "something else is counted");
    assert_eq!(grown("mfad_request_duration_seconds_count", &["verify"]), 26);
    assert_eq!(grown("mfad_request_duration_seconds_bucket", &["verify", "+Inf"]), 26);
    assert!(grown("mfad_request_duration_seconds_sum", &["verify"]) > 0);

    assert_eq!(value(&after, "mfad_commits_total", &[]), home.commits());
    assert_eq!(value(&after, "mfad_commit_duration_seconds_count", &[]), home.commits());
    // Each waited for the one before; a new handle is a change of its own. What came too soon changed nothing, nor did a refusal.
    assert_eq!(grown("mfad_commit_changes_total", &[]), 2 * 2 + 1 + 1 + 1 + 24);
    assert_eq!(value(&after, "mfad_last_commit_timestamp_seconds", &[]), NOON + 30);
    assert_eq!(value(&after, "mfad_store_records", &[]), 6, "three accounts, two handles and a slot");
    assert_eq!((value(&after, "mfad_store_size_bytes", &[]), value(&after, "mfad_ready", &[])), (0, 1));
    assert_eq!(value(&after, "mfad_root_key_info", &["state"]), 1);
    assert_eq!(value(&after, "mfad_build_info", &[env!("CARGO_PKG_VERSION")]), 1);
    assert_eq!(value(&after, "mfad_store_outages_total", &[]), 0);
    let accounts = |realm: &str| {
        ["none", "pending", "active", "locked"].map(|state| value(&after, "mfad_accounts", &[realm, state]))
    };
    assert_eq!((accounts("system"), accounts("web")), ([0, 1, 0, 1], [1, 0, 0, 0]));
    let waiting =
        |realm: &str| ["throttled", "locked"].map(|of| value(&after, &format!("mfad_accounts_{of}"), &[realm]));
    assert_eq!((waiting("system"), waiting("web")), ([1, 1], [0, 0]));

    let disable = Call::Disable { account: account(&name(&Realm::system(), "alice")), reason: Note::new("x").unwrap() };
    assert!(matches!(client.call(disable).unwrap(), Reply::Done));
    let last = all(&mut client);
    assert_eq!(value(&last, "mfad_accounts", &["system", "locked"]), 0);
    assert_eq!(value(&last, "mfad_accounts", &["system", "none"]), 1);
    daemon.stop().unwrap();
}

fn password() -> mfad_proto::Password {
    mfad_tests::rights::password("secret")
}

#[test]
fn what_is_no_request_and_who_finds_no_room_is_counted() {
    let daemon = Daemon::start();
    let mut raw = Raw::connect(&daemon.socket());
    raw.send(&[0; 4]);
    while raw.receive() != Answer::Closed {}
    let counts = all(&mut daemon.client());
    assert_eq!(value(&counts, "mfad_requests_total", &["?", "malformed"]), 1);

    let hall = Hall::open(rules(FirstFactor::Asserted), rules(FirstFactor::Asserted));
    // As many as one user may have, and three more.
    let mut lines: Vec<_> = (0..32).map(|_| hall.line(Socket::Public, Kind::User.peer(1))).collect();
    lines.iter_mut().for_each(|line| assert!(matches!(line.ask(&Call::Ping), Reply::Pong(_))));
    let _turned_away = [(); 3].map(|()| hall.line(Socket::Public, Kind::User.peer(1)));
    let own = |hall: &Hall| {
        let (mut samples, mut after, mut root) = (Vec::<Sample>::new(), None, hall.root());
        while let Reply::Stats(page) = root.ask(&Call::Stats { after }) {
            samples.extend(page.samples);
            let Some(next) = page.next else { break };
            after = Some(next);
        }
        let of = |metric| samples.iter().find(|sample| sample.metric == metric).unwrap().value;
        (of(mfad_proto::Metric::CONNECTIONS), of(mfad_proto::Metric::CONNECTIONS_REFUSED))
    };
    assert_eq!(own(&hall), (33, 3));
    drop(lines);
    while own(&hall) != (1, 3) {
        std::thread::yield_now();
    }
}

#[test]
fn only_administrators_of_the_server_see_measurements() {
    let hall = Hall::open(rules(FirstFactor::Asserted), rules(FirstFactor::Asserted));
    let mut allowed = 0;
    for socket in Socket::ALL {
        for kind in Kind::ALL {
            let may = Rights::of(kind, socket, &Realm::system(), false).server;
            for after in [None, Some(StatsPlace::Sample(3)), Some(StatsPlace::Account(None))] {
                let reply = hall.line(socket, kind.peer(hall.number())).ask(&Call::Stats { after });
                assert_eq!(matches!(reply, Reply::Stats(_)), may, "{kind:?} at {socket:?}");
                assert!(may || matches!(reply, Reply::Refused(Refusal::NotPermitted)), "{kind:?} at {socket:?}");
                allowed += u32::from(may);
            }
        }
    }
    assert!(allowed > 0);
}

fn has_accounts(measured: &Measured) -> bool {
    measured.keys().any(|(name, _)| name.starts_with("mfad_accounts"))
}

#[test]
fn outages_are_counted_and_told_while_they_last() {
    let (home, clock) = (FaultyHome::new(), SetClock::at(NOON));
    let daemon = InProcess::start(&home, &clock);
    let mut client = daemon.client();
    begin_enrollment(&mut client, "alice");
    for outage in 1..=2 {
        let well = all(&mut client);
        assert!(has_accounts(&well) && value(&well, "mfad_ready", &[]) == 1);
        assert_eq!(value(&well, "mfad_store_outages_total", &[]), outage - 1);
        home.set(Disk::Full);
        assert!(matches!(client.call(verify("alice", "wrong")).unwrap(), Reply::Refused(Refusal::Unavailable)));
        while daemon.ping().ready {
            std::thread::yield_now();
        }
        let down = all(&mut client);
        assert!(!has_accounts(&down) && find(&down, "mfad_store_records", &[]).is_none());
        assert_eq!((value(&down, "mfad_ready", &[]), value(&down, "mfad_store_outages_total", &[])), (0, outage));
        assert_eq!(value(&down, "mfad_requests_total", &["verify", "unavailable"]), outage);
        let among = client.call(Call::Stats { after: Some(StatsPlace::Account(None)) }).unwrap();
        assert!(matches!(among, Reply::Refused(Refusal::Unavailable)), "accounts are counted in a store that is down");
        home.set(Disk::Well);
        daemon.wait_until_ready();
    }
    assert_eq!(value(&all(&mut client), "mfad_store_outages_total", &[]), 2, "a retry is counted as an outage");
    daemon.stop().unwrap();
}

#[test]
fn a_server_that_still_checks_its_store_tells_what_it_can() {
    let (home, clock) = (FaultyHome::new(), SetClock::at(NOON));
    home.set(Disk::Held);
    let daemon = InProcess::start(&home, &clock);
    let checking = all(&mut daemon.client());
    assert_eq!((value(&checking, "mfad_ready", &[]), value(&checking, "mfad_start_time_seconds", &[])), (0, NOON));
    assert_eq!(value(&checking, "mfad_commits_total", &[]), 0);
    assert!(!has_accounts(&checking) && find(&checking, "mfad_last_commit_timestamp_seconds", &[]).is_none());
    home.set(Disk::Well);
    daemon.wait_until_ready();
    let well = all(&mut daemon.client());
    // There are no accounts, and so none in any realm.
    assert_eq!((value(&well, "mfad_ready", &[]), value(&well, "mfad_commits_total", &[])), (1, 1));
    daemon.stop().unwrap();
}

#[test]
fn pages_tell_each_measurement_once_whatever_goes_on_between_them() {
    let (home, clock) = (FaultyHome::new(), SetClock::at(NOON));
    let text: String = (0..30).map(|number| format!("[realm.r{number}]\n")).collect();
    let daemon = InProcess::start_with_policy(&home, &clock, InProcess::policy(&text));
    let mut client = daemon.client();
    for number in 0..30_u32 {
        let realm = Realm::new(&format!("r{number}")).unwrap();
        (0..number).for_each(|user| make(&mut client, &name(&realm, &format!("user{user}"))));
    }
    // One that takes more than a page.
    (0..2500).for_each(|user| make(&mut client, &name(&Realm::system(), &format!("user{user}"))));
    let mut other = daemon.client();
    let calls = |round: u32| {
        let account = || account(&name(&Realm::system(), "user1"));
        let proof = Proof::Asserted;
        match round % 7 {
            0 => Call::Ping,
            1 => Call::Status { account: account() },
            2 => verify("somebody", "wrong"),
            3 => Call::KeyStatus,
            4 => Call::Recovery { account: account(), proof, code: code("wrong") },
            5 => Call::GetPolicy { realm: Realm::system() },
            _ => Call::Unlock { account: account() },
        }
    };
    let mut round = 0;
    // `measured` finds what is told twice.
    let found = measured(&mut client, || {
        other.call(calls(round)).unwrap();
        round += 1;
    });
    assert!(round > 30, "{round} pages");
    for number in 1..30 {
        assert_eq!(value(&found, "mfad_accounts", &[&format!("r{number}"), "none"]), number);
    }
    assert_eq!(value(&found, "mfad_accounts", &["system", "none"]), 2500);
    assert_eq!(find(&found, "mfad_accounts", &["r0", "none"]), None);
    // Places that no server has told.
    let beyond = page(&mut client, Some(StatsPlace::Sample(u32::MAX)));
    assert!(beyond.samples.is_empty() && beyond.next == Some(StatsPlace::Account(None)));
    let last = AccountName { realm: web(), user: UserName::new("\u{10ffff}").unwrap() };
    let beyond = page(&mut client, Some(StatsPlace::Account(Some(last))));
    assert!(beyond.samples.is_empty() && beyond.next.is_none());
    daemon.stop().unwrap();
}

fn out(output: &std::process::Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn mfactl_prints_them_for_people_for_programs_and_for_prometheus() {
    let daemon = Daemon::start_with("[realm.web]\n");
    make(&mut daemon.client(), &name(&web(), "ann"));
    assert!(denied(&daemon.verify("bob", "wrong")));
    let text = out(&daemon.mfactl(&["admin", "stats", "--prometheus"], ""));
    let lines = scraped(&text);
    let told = |name: &str, labels: &[(&str, &str)]| {
        let labels: Vec<_> = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let line = lines.iter().find(|line| line.name == name && line.labels == labels);
        line.unwrap_or_else(|| panic!("{name} {labels:?} is not told: {text}")).value
    };
    let close = |value: f64, other: f64| (value - other).abs() < 1e-9;
    assert!(close(told("mfad_requests_total", &[("call", "verify"), ("outcome", "denied")]), 1.0));
    assert!(close(told("mfad_request_duration_seconds_bucket", &[("call", "verify"), ("le", "+Inf")]), 1.0));
    let took = told("mfad_request_duration_seconds_sum", &[("call", "verify")]);
    assert!(took > 0.0 && took < 60.0, "{took} seconds");
    assert!(close(told("mfad_accounts", &[("realm", "web"), ("state", "none")]), 1.0));
    let bytes = told("mfad_store_size_bytes", &[]);
    let file = fs::metadata(daemon.state().join("store/db")).unwrap().len();
    assert!(bytes >= f64::from(u32::try_from(file).unwrap()), "{bytes} bytes");

    let object: Value = serde_json::from_str(&out(&daemon.mfactl(&["--json", "admin", "stats"], ""))).unwrap();
    assert_eq!((&object["mfad_ready"], &object["mfad_store_records"]), (&1.into(), &2.into()));
    let accounts = object["mfad_accounts"].as_array().unwrap();
    assert!(accounts.contains(&serde_json::json!({ "labels": { "realm": "web", "state": "none" }, "value": 1 })));
    let of_verify = |of: &&Value| of["labels"]["call"] == "verify";
    let sum = object["mfad_request_duration_seconds_sum"].as_array().unwrap().iter().find(of_verify).unwrap();
    assert!(close(sum["value"].as_f64().unwrap(), took), "{sum} and {took}");

    let prose = out(&daemon.mfactl(&["admin", "stats"], ""));
    let words: Vec<_> = prose.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    let has = |start: &[&str]| assert!(words.iter().any(|line| line.starts_with(start)), "{start:?}: {prose}");
    assert!(prose.starts_with(concat!("mfad ", env!("CARGO_PKG_VERSION"), ", ready\n")), "{prose}");
    has(&["records", "in", "the", "store:", "2"]);
    has(&["verify", "denied", "1"]);
    has(&["REALM", "NONE", "PENDING", "ACTIVE", "LOCKED", "MUST", "WAIT"]);
    has(&["web", "1", "0", "0", "0", "0"]);
    assert!(!prose.contains("NaN"), "{prose}");
}

#[test]
fn it_is_told_where_the_root_key_was_read_from() {
    let key = "5a".repeat(32);
    for source in ["state", "file", "stdin", "credential"] {
        let daemon = Daemon::unstarted("mfad", "");
        let file = daemon.folder().join("mfad.key");
        fs::write(&file, &key).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        let mut command = daemon.command();
        match source {
            "file" => command.arg("--key-file").arg(&file),
            "stdin" => command.arg("--key-file").arg("-").stdin(Stdio::from(File::open(&file).unwrap())),
            "credential" => command.env("CREDENTIALS_DIRECTORY", daemon.folder()),
            _ => &mut command,
        };
        let mut child = command.spawn().unwrap();
        daemon.wait_for(&mut child);
        let counts = all(&mut daemon.client());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(value(&counts, "mfad_root_key_info", &[source]), 1);
        let infos = counts.keys().filter(|(name, _)| name == "mfad_root_key_info").count();
        assert_eq!(infos, 1, "{source}");
    }
}

#[test]
fn a_change_of_keys_is_told_as_key_status_tells_it() {
    let (home, clock) = (FaultyHome::new(), SetClock::at(NOON));
    let town = Arc::new(Town::default());
    let daemon = InProcess::start_with(&home, &clock, InProcess::policy(""), town, Vec::new());
    let mut client = daemon.client();
    begin_enrollment(&mut client, "own-1");
    clock.set(NOON + 100);
    assert!(matches!(client.call(Call::KeyRotate).unwrap(), Reply::Keys(_)));
    mfad_tests::calls::wait_for_keys(&mut client);
    let counts = all(&mut client);
    assert_eq!(value(&counts, "mfad_data_key_created_timestamp_seconds", &[]), NOON + 100);
    assert_eq!(value(&counts, "mfad_data_key_rotation_records_left", &[]), 0);
    daemon.stop().unwrap();
}
