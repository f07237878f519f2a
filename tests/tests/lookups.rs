//! Names of realm `system` are those of users of this machine: whose uid they lead to decides, and where nobody can say,
//! nothing is decided.

use std::sync::Arc;

use mfad_daemon::policy::{Peer, Rules};
use mfad_proto::{
    AccountName, Call, Context, Enforcement, EnrollmentId, FirstFactor, Need, Note, Proof, Realm, Refusal, Reply,
    State, Status,
};
use mfad_tests::calls::{accepted, code, denied};
use mfad_tests::faults::FaultyHome;
use mfad_tests::peers::{Hall, Kind, Line, Socket, account, kept, name, rules};
use mfad_tests::phone::Phone;
use mfad_tests::rights::password;
use mfad_tests::town::Town;

/// The first who bore the name, and the second.
const FIRST: u32 = 2000;
const SECOND: u32 = 3000;

/// A daemon on this installation, where the name of alice leads to this uid now.
fn hall(home: &Arc<FaultyHome>, alice: Option<u32>) -> Hall {
    let town = Town::default();
    if let Some(uid) = alice {
        town.add("alice", uid);
    }
    Hall::reopen_among(town, home, rules(FirstFactor::Asserted), rules(FirstFactor::Password))
}

fn system(user: &str) -> AccountName {
    name(&Realm::system(), user)
}

fn person(uid: u32) -> Peer {
    Peer { uid, ..Kind::User.peer(0) }
}

fn begin(name: &AccountName) -> Call {
    Call::Begin { account: account(name), context: Context::default() }
}

fn verify(name: &AccountName, text: &str) -> Call {
    Call::Verify { account: account(name), code: code(text), context: Context::default() }
}

fn enroll(name: &AccountName) -> Call {
    let (proof, context) = (Proof::Asserted, Context::default());
    Call::Enroll { account: account(name), proof, ticket: None, issuer: None, context }
}

fn disable(name: &AccountName) -> Call {
    Call::Disable { account: account(name), reason: Note::new("he has left").unwrap() }
}

fn status(line: &mut Line, name: &AccountName) -> Status {
    match line.ask(&Call::Status { account: account(name) }) {
        Reply::Status(status) => status,
        _ => panic!("no status"),
    }
}

fn enrolled(hall: &Hall, line: &mut Line, name: &AccountName) -> (Phone, EnrollmentId) {
    let Reply::Enrollment(begun) = line.ask(&enroll(name)) else { panic!("no enrolment was begun") };
    let mut phone = Phone::scan(begun.uri.expose());
    let text = fresh(hall, &mut phone);
    let confirm = Call::Confirm { account: account(name), enrollment: begun.id, code: code(&text) };
    assert!(matches!(line.ask(&confirm), Reply::Enrolled(_)));
    (phone, begun.id)
}

/// The code of now, which is a new one.
fn fresh(hall: &Hall, phone: &mut Phone) -> String {
    hall.pass(60);
    hall.rest();
    phone.code(hall.now() / 30)
}

fn unavailable(reply: &Reply) -> bool {
    matches!(reply, Reply::Refused(Refusal::Unavailable))
}

fn not_permitted(reply: &Reply) -> bool {
    matches!(reply, Reply::Refused(Refusal::NotPermitted))
}

/// The plain bytes of a record.
fn plain(hall: &Hall, name: &AccountName) -> Vec<u8> {
    let sealed = hall.stored(name).expect("a record");
    hall.open_record(name, &sealed).encode().expect("what was stored").expose().to_vec()
}

#[test]
fn a_name_that_comes_back_under_another_uid_is_refused_until_an_administrator_acts() {
    let alice = system("alice");
    // A name that nobody bears any more leads to nobody.
    for (now, remedy) in [
        (Some(SECOND), disable(&alice)),
        (Some(SECOND), Call::Remove { account: account(&alice) }),
        (None, disable(&alice)),
    ] {
        let home = FaultyHome::new();
        let first = hall(&home, Some(FIRST));
        let (mut phone, old) = enrolled(&first, &mut first.root(), &alice);
        let before = first.now();
        drop(first);

        let hall = hall(&home, now);
        hall.pass(before - hall.now());
        let (mut root, stored) = (hall.root(), plain(&hall, &alice));
        let right = fresh(&hall, &mut phone);
        let asserted = || (account(&alice), Proof::Asserted, code(&right), Context::default());
        let of_all = |line: &mut Line| {
            let (reset, recovery, resync) = (asserted(), asserted(), asserted());
            let refused = [
                verify(&alice, &right),
                verify(&alice, "000000"),
                enroll(&alice),
                Call::Confirm { account: account(&alice), enrollment: old, code: code(&right) },
                Call::Reset { account: reset.0, proof: reset.1, code: reset.2, context: reset.3 },
                Call::Recovery { account: recovery.0, proof: recovery.1, code: recovery.2 },
                Call::Resync { account: resync.0, proof: resync.1, first: resync.2, second: code(&right) },
                Call::Unlock { account: account(&alice) },
                Call::Recover { account: account(&alice) },
            ];
            refused.map(|call| (call.kind(), denied(&line.ask(&call))))
        };
        for _ in 0..4 {
            for (call, denied) in of_all(&mut root) {
                assert!(denied, "{call:?} of another user's");
            }
        }
        assert!(plain(&hall, &alice) == stored, "what is another's was changed");
        assert!(matches!(root.ask(&begin(&alice)), Reply::Need(Need::Locked)));
        let said = status(&mut root, &alice);
        assert_eq!((said.state, said.enrolled_at, said.recovery_left), (State::Locked, None, 0), "it tells of another");
        if now == Some(SECOND) {
            let mut second = hall.line(Socket::Public, person(SECOND));
            assert!(denied(&second.ask(&verify(&alice, &right))));
            assert!(matches!(second.ask(&begin(&alice)), Reply::Need(Need::Locked)));
        }
        assert!(not_permitted(&hall.line(Socket::Public, person(FIRST)).ask(&begin(&alice))));

        assert!(matches!(root.ask(&remedy), Reply::Done));
        assert!(denied(&root.ask(&verify(&alice, &right))), "the old factor works again");
        assert!(matches!(root.ask(&begin(&alice)), Reply::Need(Need::Nothing)));
        let (mut new, _) = enrolled(&hall, &mut root, &alice);
        assert!(accepted(&root.ask(&verify(&alice, &fresh(&hall, &mut new)))));
    }
}

#[test]
fn a_password_stays_with_the_user_it_was_set_for() {
    let (home, alice) = (FaultyHome::new(), name(&kept(), "alice"));
    let set = |text: &str| Call::SetPassword { account: account(&alice), password: password(text) };
    let login = |typed: &str| {
        let (account, context) = (account(&alice), Context::default());
        Call::Authenticate { account, password: password(typed), code: code(""), context }
    };
    let first = hall(&home, Some(FIRST));
    assert!(matches!(first.root().ask(&set("of the first")), Reply::Done));
    assert!(accepted(&first.line(Socket::Public, person(FIRST)).ask(&login("of the first"))));
    drop(first);
    let hall = hall(&home, Some(SECOND));
    let mut root = hall.root();
    for _ in 0..4 {
        assert!(denied(&root.ask(&login("of the first"))), "the password of another user was accepted");
        assert!(denied(&hall.line(Socket::Public, person(SECOND)).ask(&login("of the first"))));
    }
    assert!(denied(&root.ask(&set("of the second"))));
    assert!(matches!(root.ask(&disable(&alice)), Reply::Done));
    assert!(denied(&root.ask(&login("of the first"))), "it came back");
    assert!(matches!(root.ask(&set("of the second")), Reply::Done));
    assert!(accepted(&root.ask(&login("of the second"))));
}

#[test]
fn two_names_of_one_uid_are_one_account() {
    let hall = hall(&FaultyHome::new(), Some(FIRST));
    hall.town.add("alias", FIRST);
    let (mut root, alice, alias) = (hall.root(), system("alice"), system("alias"));
    let (mut phone, _) = enrolled(&hall, &mut root, &alias);
    let said = status(&mut root, &alias);
    assert_eq!((said.user.as_str(), said.state), ("alice", State::Active));
    let right = fresh(&hall, &mut phone);
    assert!(accepted(&root.ask(&verify(&alice, &right))));
    assert!(denied(&root.ask(&verify(&alias, &right))), "one code was accepted under two names");
    assert!(hall.stored(&alice).is_some() && hall.stored(&alias).is_none());
    // An owner owns what its uid is called.
    let mut own = hall.line(Socket::Public, person(FIRST));
    assert!(accepted(&own.ask(&verify(&alice, &fresh(&hall, &mut phone)))));
    assert!(not_permitted(&own.ask(&begin(&alias))));
}

#[test]
fn a_look_up_that_fails_is_neither_a_no_nor_nobody() {
    let mut excepting = rules(FirstFactor::Asserted);
    (excepting.enforce, excepting.except.groups) = (Enforcement::On, vec!["robots".to_owned()]);
    let hall = Hall::open(excepting, Rules { enforce: Enforcement::On, ..rules(FirstFactor::Asserted) });
    let (mut root, alice) = (hall.root(), system("own-1"));
    let (mut phone, _) = enrolled(&hall, &mut root, &system("own-2"));
    let mut own = hall.line(Socket::Public, Kind::User.peer(1));
    hall.town.fail("own-1");
    let commits = hall.home.commits();
    let calls = [
        begin(&alice),
        Call::Status { account: account(&alice) },
        verify(&alice, "000000"),
        enroll(&alice),
        Call::Unlock { account: account(&alice) },
        Call::Remove { account: account(&alice) },
        disable(&alice),
    ];
    for call in &calls {
        assert!(unavailable(&root.ask(call)), "{:?}", call.kind());
    }
    for call in calls.iter().take(4) {
        assert!(unavailable(&own.ask(call)), "{:?} of its owner", call.kind());
    }
    // Nobody has to be looked for to be told that this is not his to ask.
    for (socket, kind) in [(Socket::Backyard, Kind::User), (Socket::Kept, Kind::Root), (Socket::Public, Kind::Stranger)]
    {
        assert!(not_permitted(&hall.line(socket, kind.peer(1)).ask(&begin(&alice))), "{kind:?} at {socket:?}");
    }
    assert!(not_permitted(&own.ask(&Call::Unlock { account: account(&alice) })));
    assert_eq!(hall.home.commits(), commits, "something was stored");
    assert!(accepted(&root.ask(&verify(&system("own-2"), &fresh(&hall, &mut phone)))), "others are not served");
}

#[test]
fn a_look_up_that_hangs_is_given_up_and_holds_up_nobody_else() {
    let hall = hall(&FaultyHome::new(), None);
    let (mut root, mut stuck) = (hall.root(), hall.root());
    let (mut phone, _) = enrolled(&hall, &mut root, &system("own-2"));
    hall.town.hang("own-1");
    stuck.send(&verify(&system("own-1"), "000000"));
    let right = fresh(&hall, &mut phone);
    assert!(accepted(&root.ask(&verify(&system("own-2"), &right))));
    assert!(matches!(root.ask(&begin(&system("own-3"))), Reply::Need(Need::Nothing)));
    assert!(unavailable(&stuck.receive()));
    hall.town.go_on();
    assert!(denied(&root.ask(&verify(&system("own-1"), "000000"))), "it is not asked for again");
}

#[test]
fn look_ups_of_owners_that_hang_do_not_stop_a_login_service() {
    let hall = hall(&FaultyHome::new(), None);
    let (mut root, many) = (hall.root(), 1..=12);
    let (mut phone, _) = enrolled(&hall, &mut root, &system("own-50"));
    many.clone().for_each(|number| hall.town.hang(&Town::name(number)));
    let mut owners: Vec<_> = many.map(|number| (number, hall.line(Socket::Public, Kind::User.peer(number)))).collect();
    for (number, line) in &mut owners {
        line.send(&begin(&system(&Town::name(*number))));
    }
    let mut service = hall.line(Socket::Public, Kind::Service.peer(0));
    for round in 0..3 {
        let right = fresh(&hall, &mut phone);
        assert!(accepted(&service.ask(&verify(&system("own-50"), &right))), "round {round}");
        let unknown = system(&format!("unknown-{round}"));
        assert!(denied(&service.ask(&verify(&unknown, "000000"))), "round {round}");
    }
    for (_, line) in &mut owners {
        assert!(unavailable(&line.receive()));
    }
    // Their threads hang on: it is still so after they were given up.
    assert!(accepted(&service.ask(&verify(&system("own-50"), &fresh(&hall, &mut phone)))));
    hall.town.go_on();
    for (number, line) in &mut owners {
        let own = begin(&system(&Town::name(*number)));
        assert!(matches!(line.ask(&own), Reply::Need(Need::Nothing)), "owner {number} is not served again");
    }
}
