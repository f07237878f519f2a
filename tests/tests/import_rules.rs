//! `ImportOne` as the daemon decides it: what an import leaves of an account, whose it may be, and who may ask.

use std::sync::Arc;

use mfad_daemon::policy::Peer;
use mfad_daemon::record::Record;
use mfad_daemon::totp::{Generator, Step};
use mfad_daemon::used::UsedSteps;
use mfad_proto::{
    AccountName, Algorithm, Call, Context, Digits, EnrollmentId, FirstFactor, ForeignFactor, Imported, Proof, Realm,
    Refusal, Reply, TotpKey,
};
use mfad_tests::calls::{accepted, code, denied};
use mfad_tests::faults::FaultyHome;
use mfad_tests::peers::{Hall, Kind, Line, Socket, account, kept, name, rules};
use mfad_tests::rights::password;
use mfad_tests::town::Town;

const ALICE: u32 = 2000;

/// A daemon on this installation, where the name of alice leads to this uid now.
fn hall(home: &Arc<FaultyHome>, alice: Option<u32>) -> Hall {
    let town = Town::default();
    if let Some(uid) = alice {
        town.add("alice", uid);
    }
    Hall::reopen_among(town, home, rules(FirstFactor::Asserted), rules(FirstFactor::Password))
}

fn factor(key: u8, algorithm: Algorithm, digits: u8) -> ForeignFactor {
    let key = TotpKey::copied(&[key; 20]).unwrap();
    ForeignFactor { key, algorithm, digits: Digits::new(digits).unwrap() }
}

fn usual(key: u8) -> ForeignFactor {
    factor(key, Algorithm::Sha1, 6)
}

fn import(line: &mut Line, name: &AccountName, factor: ForeignFactor, apply: bool) -> Result<Imported, Refusal> {
    match line.ask(&Call::ImportOne { account: account(name), factor, apply }) {
        Reply::Imported(imported) => Ok(imported),
        Reply::Refused(refusal) => Err(refusal),
        _ => panic!("an answer to another question"),
    }
}

fn verify(name: &AccountName, text: &str) -> Call {
    Call::Verify { account: account(name), code: code(text), context: Context::default() }
}

fn enroll(name: &AccountName) -> Call {
    let (proof, context) = (Proof::Asserted, Context::default());
    Call::Enroll { account: account(name), proof, ticket: None, issuer: None, context }
}

fn record(hall: &Hall, name: &AccountName) -> Record {
    hall.open_record(name, &hall.stored(name).expect("a record"))
}

/// The code of a factor now.
fn now(hall: &Hall, factor: &ForeignFactor) -> String {
    Generator::new(&factor.key, factor.algorithm, factor.digits).code(Step::at(hall.now())).to_string()
}

#[test]
fn a_dry_run_and_what_is_there_already_store_nothing() {
    let home = FaultyHome::new();
    let (hall, alice) = (hall(&home, Some(ALICE)), name(&kept(), "alice"));
    let mut root = hall.root();
    let before = home.commits();
    assert_eq!(import(&mut root, &alice, usual(1), false), Ok(Imported { already: false, handle: None }));
    assert_eq!((home.commits(), hall.stored(&alice).is_none()), (before, true));

    let Ok(Imported { already: false, handle: Some(handle) }) = import(&mut root, &alice, usual(1), true) else {
        panic!("not taken over")
    };
    let (before, stored) = (home.commits(), hall.stored(&alice));
    for apply in [false, true] {
        let there = Imported { already: true, handle: Some(handle) };
        assert_eq!(import(&mut root, &alice, usual(1), apply), Ok(there));
        // The key alone does not make the same codes.
        for other in [usual(2), factor(1, Algorithm::Sha256, 6), factor(1, Algorithm::Sha1, 8)] {
            assert_eq!(import(&mut root, &alice, other, apply), Err(Refusal::NotPermitted));
        }
    }
    assert!((home.commits(), hall.stored(&alice)) == (before, stored), "something was stored");
}

#[test]
fn an_import_is_a_new_factor_and_the_password_stays() {
    let home = FaultyHome::new();
    let (hall, alice) = (hall(&home, Some(ALICE)), name(&kept(), "alice"));
    let mut root = hall.root();
    let set = Call::SetPassword { account: account(&alice), password: password("a good one") };
    assert!(matches!(root.ask(&set), Reply::Done));
    for _ in 0..2 {
        assert!(denied(&root.ask(&verify(&alice, "000000"))));
    }
    let Reply::Issued(issued) = root.ask(&Call::Recover { account: account(&alice) }) else { panic!("nothing issued") };
    let Reply::Enrollment(begun) = root.ask(&enroll(&alice)) else { panic!("no enrolment was begun") };
    assert!(denied(&root.ask(&verify(&alice, "000000"))));
    let before = record(&hall, &alice);
    assert!(before.pending.is_some() && before.issued.is_some() && before.failures.count > 0);

    let imported = import(&mut root, &alice, factor(3, Algorithm::Sha512, 8), true).unwrap();
    let after = record(&hall, &alice);
    let made = after.factor.as_ref().unwrap();
    assert_eq!((after.generation, made.enrolled_at, made.offset), (before.generation + 1, hall.now(), 0));
    assert_eq!((made.used, Some(made.seed.handle)), (UsedSteps::none(), imported.handle));
    assert_eq!((after.tries.codes.in_a_row, after.failures.count, after.uid), (0, 0, Some(ALICE)));
    assert!(after.pending.is_none() && after.issued.is_none() && after.recovery.left() == 0);
    assert_eq!(
        after.password.map(|hash| hash.expose().to_owned()),
        before.password.map(|hash| hash.expose().to_owned())
    );

    let (confirm, right) =
        (EnrollmentId::new(&begun.id.to_string()).unwrap(), now(&hall, &factor(3, Algorithm::Sha512, 8)));
    assert!(denied(&root.ask(&Call::Confirm { account: account(&alice), enrollment: confirm, code: code(&right) })));
    assert!(denied(&root.ask(&verify(&alice, issued.code.expose()))), "an issued code has outlived the import");
    assert!(accepted(&root.ask(&verify(&alice, &right))));
    assert!(denied(&root.ask(&verify(&alice, &right))), "a code is good twice");
}

#[test]
fn a_handle_is_made_anew_for_each_import() {
    let home = FaultyHome::new();
    let (hall, alice) = (hall(&home, Some(ALICE)), name(&kept(), "alice"));
    let mut root = hall.root();
    let first = import(&mut root, &alice, usual(1), true).unwrap();
    assert!(matches!(root.ask(&Call::Remove { account: account(&alice) }), Reply::Done));
    let second = import(&mut root, &alice, usual(1), true).unwrap();
    assert!(first.handle.is_some() && second.handle.is_some() && first != second);
}

#[test]
fn a_name_that_is_nobodys_or_now_anothers_is_refused() {
    let home = FaultyHome::new();
    let alice = name(&Realm::system(), "alice");
    let empty = hall(&home, None);
    let before = home.commits();
    for apply in [false, true] {
        assert_eq!(import(&mut empty.root(), &alice, usual(1), apply), Err(Refusal::Denied));
    }
    assert_eq!((home.commits(), empty.stored(&alice).is_none()), (before, true), "something was stored");
    drop(empty);

    let first = hall(&home, Some(ALICE));
    assert!(import(&mut first.root(), &alice, usual(1), true).is_ok());
    let stored = first.stored(&alice);
    drop(first);
    for uid in [Some(ALICE + 1), None] {
        let hall = hall(&home, uid);
        for (key, apply) in [(1, false), (1, true), (2, true)] {
            assert_eq!(import(&mut hall.root(), &alice, usual(key), apply), Err(Refusal::Denied), "{uid:?}");
        }
        assert!(hall.stored(&alice) == stored, "what is another's was changed");
    }
}

#[test]
fn only_administrators_import() {
    let hall = Hall::open(rules(FirstFactor::Asserted), rules(FirstFactor::Password));
    for socket in Socket::ALL {
        for kind in Kind::ALL {
            let number = hall.number();
            let peer: Peer = kind.peer(number);
            let own = name(&Realm::system(), &Town::name(number));
            let open = matches!(socket, Socket::ByHand | Socket::Public);
            let server = kind == Kind::Server && socket == Socket::ByHand;
            let may = server || (open && matches!(kind, Kind::Root | Kind::Member | Kind::Operator));
            let came = import(&mut hall.line(socket, peer), &own, usual(1), true);
            assert_eq!(came.is_ok(), may, "{kind:?} at {socket:?}: {came:?}");
            assert!(may || came == Err(Refusal::NotPermitted));
        }
    }
}

#[test]
fn of_many_imports_at_once_one_is_taken() {
    let home = FaultyHome::new();
    let (hall, alice) = (hall(&home, Some(ALICE)), name(&kept(), "alice"));
    let mut lines: Vec<_> = (0..16).map(|_| hall.root()).collect();
    for (key, line) in (0..).zip(&mut lines) {
        line.send(&Call::ImportOne { account: account(&alice), factor: usual(key % 4), apply: true });
    }
    let mut handles = Vec::new();
    let mut new = 0;
    for line in &mut lines {
        match line.receive() {
            Reply::Imported(Imported { already, handle }) => {
                handles.push(handle.unwrap());
                new += usize::from(!already);
            }
            Reply::Refused(Refusal::NotPermitted) => {}
            _ => panic!("another answer"),
        }
    }
    assert_eq!((new, handles.len()), (1, 4), "of four keys, one, and four times");
    assert!(handles.iter().all(|handle| *handle == handles[0]), "one key has several handles");
}
