//! One account as an administrator sees it: whosever it is, with what is stored, what waits and what ends.

use std::sync::Arc;

use mfad_proto::{Call, FirstFactor, Holder, Note, Profile, Proof, Realm, Reply, State};
use mfad_tests::calls::{code, denied, enroll, verify};
use mfad_tests::faults::FaultyHome;
use mfad_tests::listed::all;
use mfad_tests::peers::{Hall, Kind, Line, Socket, account, name, rules};
use mfad_tests::phone::Phone;
use mfad_tests::town::Town;

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
    let proof = Proof::Asserted;
    assert!(matches!(root.ask(&Call::Resync { account: of(), proof, first, second }), Reply::Done));
    let factor = profile(&mut root, &user).factor.unwrap();
    assert_eq!((factor.behind, factor.ahead, factor.digits.count()), (0, 3, 6), "at {now}");
    assert!(matches!(root.ask(&Call::Disable { account: of(), reason: Note::new("left").unwrap() }), Reply::Done));
    let shown = profile(&mut root, &user);
    assert_eq!((shown.status.state, shown.factor, shown.uid, shown.generation), (State::None, None, None, 1));
}
