//! Lists of accounts: every account of a realm once and in order, whatever the size of the pages, whoever asks for it, and
//! whatever goes on meanwhile.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mfad_client::Client;
use mfad_proto::{Call, Enforcement, FirstFactor, Holder, Realm, Refusal, Reply, State, UserName};
use mfad_tests::calls::{accepted, begin_enrollment, verify};
use mfad_tests::daemon::NOON;
use mfad_tests::faults::FaultyHome;
use mfad_tests::inprocess::{InProcess, SetClock};
use mfad_tests::listed::{all, list, make, names, page, realm, sorted};
use mfad_tests::peers::{Hall, Kind, Line, Rights, Socket, account, kept, name, rules};
use mfad_tests::phone::Phone;
use mfad_tests::town::Town;

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
