//! What administrators see of accounts: every account of a realm once and in order, whatever the size of the pages, whoever
//! bears the names now, and whatever goes on meanwhile.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mfad_client::Client;
use mfad_proto::{
    AccountName, AccountPage, Call, Enforcement, FirstFactor, Holder, Listed, Note, Profile, Realm, Refusal, Reply,
    State, UserName,
};
use mfad_tests::calls::{accepted, begin_enrollment, code, confirm, denied, enroll, verify};
use mfad_tests::daemon::{Daemon, NOON};
use mfad_tests::faults::FaultyHome;
use mfad_tests::inprocess::{InProcess, SetClock};
use mfad_tests::peers::{Hall, Kind, Line, Rights, Socket, account, kept, name, rules};
use mfad_tests::phone::Phone;
use mfad_tests::programs::built;
use mfad_tests::terminal::Terminal;
use mfad_tests::town::Town;
use serde_json::Value;

fn realm(text: &str) -> Realm {
    Realm::new(text).unwrap()
}

fn list(realm: &Realm, after: Option<&str>, limit: u32) -> Call {
    Call::List { realm: realm.clone(), after: after.map(|user| UserName::new(user).unwrap()), limit }
}

fn page(reply: Reply) -> AccountPage {
    match reply {
        Reply::Accounts(page) => page,
        _ => panic!("no page of accounts"),
    }
}

/// All accounts of a realm, by pages of this size.
fn all(ask: &mut impl FnMut(Call) -> Reply, realm: &Realm, limit: u32) -> Vec<Listed> {
    let (mut found, mut after) = (Vec::<Listed>::new(), None::<UserName>);
    loop {
        let page = page(ask(list(realm, after.as_ref().map(UserName::as_str), limit)));
        assert!(page.accounts.len() <= usize::try_from(limit.max(1)).unwrap(), "a page of {limit} is larger");
        found.extend(page.accounts);
        let Some(next) = page.next else { return found };
        assert!(after.is_none_or(|after| after.as_str() < next.as_str()), "it does not get on");
        after = Some(next);
    }
}

fn names(listed: &[Listed]) -> Vec<&str> {
    listed.iter().map(|listed| listed.user.as_str()).collect()
}

fn sorted<'n>(names: impl IntoIterator<Item = &'n str>) -> Vec<&'n str> {
    let mut names: Vec<_> = names.into_iter().collect();
    names.sort_unstable_by_key(|name| name.as_bytes());
    names
}

/// Makes an account without a factor, which costs one commit.
fn make(client: &mut Client, name: &AccountName) {
    let made = client.call(Call::Recover { account: account(name) }).unwrap();
    assert!(matches!(made, Reply::Issued(_)), "{name:?} is not made");
}

#[test]
fn pages_of_every_size_show_each_account_of_the_realm_once_and_in_order() {
    let odd = [
        "a",
        "aa",
        "a b",
        "a-",
        "ab",
        "b",
        "A",
        "Z",
        "z",
        "~",
        "\u{e4}",
        "\u{e4}a",
        "\u{6f22}\u{5b57}",
        "\u{1f642}",
        "0",
        "-",
    ];
    let long: Vec<_> = (0..40).map(|number| format!("{number:02}{}", "x".repeat(253))).collect();
    let many: Vec<_> = (0..150).map(|number| format!("user{number}")).collect();
    let served = ["s", "sy", "sys", "sys-", "sys-a", "sysa", "syst", "t"];
    let text: String = served.iter().map(|realm| format!("[realm.{realm}]\n")).collect();
    let (home, clock) = (FaultyHome::new(), SetClock::at(NOON));
    let daemon = InProcess::start_with_policy(&home, &clock, InProcess::policy(&text));
    let mut client = daemon.client();
    let mut expected = Vec::new();
    for (place, of) in served.iter().enumerate() {
        let users: Vec<&str> = match *of {
            "sys" => many.iter().map(String::as_str).chain(odd).collect(),
            "sys-" => long.iter().map(String::as_str).collect(),
            "t" => Vec::new(),
            _ => odd[..=place].to_vec(),
        };
        users.iter().for_each(|user| make(&mut client, &name(&realm(of), user)));
        expected.push((realm(of), sorted(users)));
    }
    let mut ask = |call| client.call(call).unwrap();
    for (realm, users) in &expected {
        for limit in (0..=70).chain([1000, u32::MAX]) {
            let found = all(&mut ask, realm, limit);
            assert_eq!(names(&found), *users, "realm {realm}, {limit} at a time");
            assert!(found.iter().all(|listed| listed.holder == Holder::NotUnix && listed.state == State::None));
        }
        // Also behind names that are nobody's.
        for after in ["!", "user1x", "zz", "\u{10ffff}"] {
            let found = page(ask(list(realm, Some(after), 5)));
            let rest: Vec<_> =
                users.iter().copied().filter(|user| user.as_bytes() > after.as_bytes()).take(5).collect();
            assert_eq!(names(&found.accounts), rest, "realm {realm} behind {after:?}");
        }
    }
    assert!(page(ask(list(&realm("t"), None, 5))).next.is_none());
    daemon.stop().unwrap();
}

#[test]
fn only_administrators_of_the_realm_see_accounts() {
    let hall = Hall::open(rules(FirstFactor::Asserted), rules(FirstFactor::Asserted));
    let somebody = Town::name(hall.number());
    for realm in [Realm::system(), kept()] {
        let account = account(&name(&realm, &somebody));
        assert!(matches!(hall.root().ask(&Call::Recover { account }), Reply::Issued(_)));
    }
    let mut seen = 0;
    for socket in Socket::ALL {
        for kind in Kind::ALL {
            for own in [false, true] {
                for realm in [Realm::system(), kept()] {
                    let admin = Rights::of(kind, socket, &realm, own).admin;
                    let mut line = hall.line(socket, kind.peer(if own { 1 } else { 9 }));
                    let shown = line.ask(&Call::Show { account: account(&name(&realm, &somebody)) });
                    let listed = line.ask(&list(&realm, None, 10));
                    let what = format!("{kind:?} at {socket:?} about {realm}");
                    if admin {
                        assert!(matches!(shown, Reply::Profile(_)), "{what}");
                        assert_eq!(names(&page(listed).accounts), [somebody.as_str()], "{what}");
                        seen += 1;
                    } else {
                        assert!(matches!(shown, Reply::Refused(Refusal::NotPermitted)), "{what}");
                        assert!(matches!(listed, Reply::Refused(Refusal::NotPermitted)), "{what}");
                    }
                }
            }
        }
    }
    assert!(seen > 0);
    let unserved = hall.root().ask(&list(&realm("unserved"), None, 10));
    assert!(matches!(unserved, Reply::Refused(Refusal::NotPermitted)));
}

/// Whoever bore the name first, and whoever came later.
const FIRST: u32 = 2000;
const SECOND: u32 = 3000;

fn hall(home: &Arc<FaultyHome>, people: &[(&str, u32)]) -> Hall {
    let town = Town::default();
    people.iter().for_each(|(name, uid)| town.add(name, *uid));
    Hall::reopen_among(town, home, rules(FirstFactor::Asserted), rules(FirstFactor::Asserted))
}

fn profile(line: &mut Line, user: &str) -> Profile {
    match line.ask(&Call::Show { account: account(&name(&Realm::system(), user)) }) {
        Reply::Profile(profile) => *profile,
        _ => panic!("{user} is not shown"),
    }
}

fn listed(line: &mut Line) -> Vec<(String, State, Holder)> {
    let found = all(&mut |call| line.ask(&call), &Realm::system(), 100);
    found.into_iter().map(|listed| (listed.user.to_string(), listed.state, listed.holder)).collect()
}

#[test]
fn an_administrator_sees_whose_name_it_is_now_and_what_is_stored_all_the_same() {
    let home = FaultyHome::new();
    let both = [("alice", FIRST), ("bob", FIRST + 1)];
    let enrolled = {
        let hall = hall(&home, &both);
        let mut root = hall.root();
        let Reply::Enrollment(begun) = root.ask(&enroll("alice")) else { panic!("no enrolment was begun") };
        let mut phone = Phone::scan(begun.uri.expose());
        let first = code(&phone.code(hall.now() / 30));
        let alice = account(&name(&Realm::system(), "alice"));
        let confirm = Call::Confirm { account: alice, enrollment: begun.id, code: first };
        assert!(matches!(root.ask(&confirm), Reply::Enrolled(_)));
        // Nothing of his is stored under a uid.
        assert!(matches!(
            root.ask(&Call::Recover { account: account(&name(&Realm::system(), "bob")) }),
            Reply::Issued(_)
        ));
        let same = profile(&mut root, "alice");
        assert_eq!((same.holder, same.uid, same.status.state), (Holder::Same, Some(FIRST), State::Active));
        same
    };
    let (same, gone, other) = (Holder::Same, Holder::Gone, Holder::Other);
    let cases = [
        (vec![both[0], both[1]], (State::Active, same), same),
        (vec![("alice", SECOND), both[1]], (State::Locked, other), same),
        (vec![both[1]], (State::Locked, gone), same),
        (vec![both[0], ("bob", SECOND)], (State::Active, same), same),
        (vec![both[0]], (State::Active, same), gone),
    ];
    for (people, (state, alice), bob) in cases {
        let hall = hall(&home, &people);
        let mut root = hall.root();
        let expected = [("alice".to_owned(), state, alice), ("bob".to_owned(), State::None, bob)];
        assert_eq!(listed(&mut root), expected, "{people:?}");
        let shown = profile(&mut root, "alice");
        assert_eq!((shown.holder, shown.uid, shown.status.state), (alice, Some(FIRST), state), "{people:?}");
        assert_eq!(shown.factor, enrolled.factor, "the factor is not shown as it is stored");
        assert_eq!(shown.status.enrolled_at, enrolled.status.enrolled_at);
        assert_eq!((shown.generation, shown.status.recovery_left), (1, 10));
        let shown = profile(&mut root, "bob");
        assert_eq!((shown.holder, shown.uid, shown.factor), (bob, None, None), "{people:?}");
        assert!(shown.issued_until.is_some() && shown.pending_until.is_none() && !shown.has_password);
    }
    let hall = hall(&home, &both);
    hall.town.fail("alice");
    let expected = [("alice".to_owned(), State::Active, Holder::Unknown), ("bob".to_owned(), State::None, same)];
    assert_eq!(listed(&mut hall.root()), expected);
    assert!(denied(&hall.root().ask(&Call::Show { account: account(&name(&Realm::system(), "own-7")) })));
}

#[test]
fn a_profile_tells_waits_stops_and_ends() {
    let hall = hall(&FaultyHome::new(), &[]);
    let (mut root, mut own) = (hall.root(), hall.line(Socket::Public, Kind::User.peer(1)));
    let user = Town::name(1);
    let Reply::Enrollment(begun) = root.ask(&enroll(&user)) else { panic!("no enrolment was begun") };
    let shown = profile(&mut root, &user);
    assert_eq!((shown.status.state, shown.pending_until), (State::Pending, Some(begun.expires_at)));
    hall.pass(begun.expires_at - hall.now());
    let lapsed = profile(&mut root, &user);
    assert_eq!((lapsed.status.state, lapsed.pending_until), (State::None, None));
    let Reply::Enrollment(begun) = root.ask(&enroll(&user)) else { panic!("no enrolment was begun") };
    let mut phone = Phone::scan(begun.uri.expose());
    let right = code(&phone.code(hall.now() / 30));
    let of = || account(&name(&Realm::system(), &user));
    assert!(matches!(
        root.ask(&Call::Confirm { account: of(), enrollment: begun.id, code: right }),
        Reply::Enrolled(_)
    ));
    for _ in 0..3 {
        assert!(denied(&root.ask(&verify(&user, "wrong"))));
    }
    for _ in 0..20 {
        assert!(denied(&own.ask(&verify(&user, "wrong"))));
        hall.rest();
    }
    assert!(denied(&root.ask(&verify(&user, "wrong"))));
    let shown = profile(&mut root, &user);
    assert!(shown.own_locked && shown.status.retry_after == Some(10) && shown.status.failures_since == 4);
    assert_eq!(shown.status.state, State::Active, "an owner's own tries stop nobody else");
    assert_eq!((shown.password_retry_after, shown.login_retry_after), (None, None));
    assert_eq!(shown.last_failure.unwrap().service.as_str(), "test");
    let (ahead, now) = (hall.now() / 30 + 2, hall.now());
    hall.rest();
    let codes = [phone.code(ahead), phone.code(ahead + 1)].map(|text| code(&text));
    let [first, second] = codes;
    let proof = mfad_proto::Proof::Asserted;
    assert!(matches!(root.ask(&Call::Resync { account: of(), proof, first, second }), Reply::Done));
    let factor = profile(&mut root, &user).factor.unwrap();
    assert_eq!((factor.behind, factor.ahead, factor.digits.count()), (0, 3, 6), "at {now}");
    assert!(matches!(root.ask(&Call::Disable { account: of(), reason: Note::new("left").unwrap() }), Reply::Done));
    let shown = profile(&mut root, &user);
    assert_eq!((shown.status.state, shown.factor, shown.uid, shown.generation), (State::None, None, None, 1));
}

#[test]
fn a_list_says_for_whom_a_second_factor_is_enforced() {
    let mut excepting = rules(FirstFactor::Asserted);
    excepting.enforce = Enforcement::On;
    excepting.except.users = vec![UserName::new("own-1").unwrap()];
    excepting.except.groups = vec!["robots".to_owned()];
    let hall = Hall::open(excepting, rules(FirstFactor::Asserted));
    hall.town.join("own-2", "robots");
    let mut root = hall.root();
    for number in 1..=3 {
        let account = account(&name(&Realm::system(), &Town::name(number)));
        assert!(matches!(root.ask(&Call::Recover { account }), Reply::Issued(_)));
    }
    let enforced = |root: &mut Line| {
        let found = all(&mut |call| root.ask(&call), &Realm::system(), 10);
        found.iter().map(|listed| listed.enforced).collect::<Vec<_>>()
    };
    assert_eq!(enforced(&mut root), [false, false, true]);
    let off = Call::SetPolicy { realm: Realm::system(), enforcement: Enforcement::Off };
    assert!(matches!(root.ask(&off), Reply::Policy(_)));
    assert_eq!(enforced(&mut root), [false, false, false]);
}

#[test]
fn look_ups_that_hang_keep_no_answer_beyond_the_deadline_and_no_login() {
    let (home, clock, town) = (FaultyHome::new(), SetClock::at(NOON), Arc::new(Town::default()));
    let start = || {
        let users = Arc::<Town>::clone(&town);
        InProcess::start_with(&home, &clock, InProcess::policy(""), users, Vec::new())
    };
    let accounts: Vec<_> = (100..130).map(Town::name).collect();
    let first = start();
    accounts.iter().for_each(|user| make(&mut first.client(), &name(&Realm::system(), user)));
    first.stop().unwrap();
    // Another one, which has not looked anybody up a moment ago.
    let daemon = start();
    let mut client = daemon.client();
    let mut phone = Phone::enroll(&mut client, "own-1", NOON);
    let hanging: BTreeSet<_> = accounts.iter().skip(3).step_by(2).cloned().collect();
    hanging.iter().for_each(|user| town.hang(user));
    let mut usual = daemon.options();
    // What a client takes that says nothing else.
    usual.deadline = Duration::from_secs(5);
    let found = std::thread::scope(|scope| {
        let lists = [(); 3].map(|()| {
            scope.spawn(|| {
                let mut client = Client::connect(usual.clone()).unwrap();
                all(&mut |call| client.call(call).expect("an answer in time"), &Realm::system(), 100)
            })
        });
        let mut logins = 0;
        while !lists.iter().all(|list| list.is_finished()) {
            logins += 1;
            clock.set(NOON + logins * 30);
            let reply = client.call(verify("own-1", &phone.code(NOON / 30 + logins))).unwrap();
            assert!(accepted(&reply), "login {logins}");
        }
        assert!(logins > 0);
        lists.map(|list| list.join().expect("a whole list")).into_iter().reduce(|one, other| {
            assert_eq!(names(&one), names(&other));
            one
        })
    });
    let found = found.unwrap();
    let expected = accounts.iter().map(String::as_str).chain(["own-1"]);
    assert_eq!(names(&found), sorted(expected));
    for listed in &found {
        let hung = hanging.contains(listed.user.as_str());
        // Where all turns of lists hang, nobody else is looked up either.
        assert!(listed.holder == Holder::Unknown || !hung, "{} was found", listed.user);
        assert!(listed.holder != Holder::Gone && listed.holder != Holder::Other, "{} is said to be gone", listed.user);
    }
    assert!(found[..3].iter().all(|listed| listed.holder == Holder::Same));
    town.go_on();
    while all(&mut |call| client.call(call).unwrap(), &Realm::system(), 100)
        .iter()
        .any(|listed| listed.holder != Holder::Same)
    {
        std::thread::yield_now();
    }
    daemon.stop().unwrap();
}

#[test]
fn a_list_is_whole_while_logins_and_enrolments_go_on() {
    let (home, clock) = (FaultyHome::new(), SetClock::at(NOON));
    let daemon = InProcess::start_with(&home, &clock, InProcess::policy(""), Arc::new(Town::default()), Vec::new());
    let mut client = daemon.client();
    let there: BTreeSet<_> = (0..100).map(Town::name).collect();
    there.iter().for_each(|user| make(&mut client, &name(&Realm::system(), user)));
    let mut phone = Phone::enroll(&mut client, "own-0", NOON);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let newcomers = scope.spawn(|| {
            let mut client = daemon.client();
            for number in 1000..1200 {
                let user = Town::name(number);
                begin_enrollment(&mut client, &user);
                if number % 3 == 0 {
                    let gone = Call::Remove { account: account(&name(&Realm::system(), &user)) };
                    assert!(matches!(client.call(gone), Ok(Reply::Done)));
                }
            }
            done.store(true, Ordering::SeqCst);
        });
        let logins = scope.spawn(|| {
            let mut client = daemon.client();
            for step in 1.. {
                if done.load(Ordering::SeqCst) {
                    break;
                }
                clock.set(NOON + step * 30);
                assert!(
                    accepted(&client.call(verify("own-0", &phone.code(NOON / 30 + step))).unwrap()),
                    "login {step}"
                );
            }
        });
        let mut lists = 0;
        while !done.load(Ordering::SeqCst) || lists == 0 {
            let found = all(&mut |call| client.call(call).unwrap(), &Realm::system(), 7);
            let found = names(&found);
            assert_eq!(found, sorted(found.iter().copied()), "not in order");
            let once: BTreeSet<_> = found.iter().map(|user| (*user).to_owned()).collect();
            assert!(once.len() == found.len() && once.is_superset(&there), "an account is missing or there twice");
            lists += 1;
        }
        newcomers.join().unwrap();
        logins.join().unwrap();
    });
    let last = all(&mut |call| client.call(call).unwrap(), &Realm::system(), 64);
    let left = (1000..1200).filter(|number| number % 3 != 0).map(Town::name);
    let expected: Vec<_> = there.into_iter().chain(left).collect();
    assert_eq!(names(&last), sorted(expected.iter().map(String::as_str)));
    daemon.stop().unwrap();
}

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

fn after(all: &[String]) -> Vec<&str> {
    all.last().map(|last| vec!["--after", last.as_str()]).unwrap_or_default()
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
