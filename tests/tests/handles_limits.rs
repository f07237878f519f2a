//! What holds for codes under handles as for all others: counts, delays, the stop, the term of an enrolment, and the price of
//! a denial.

use mfad_proto::{Account, Call, Proof, Refusal, Reply, State};
use mfad_tests::bearer::{self, Bearer, Scene, named, no, verify, verify_named, yes};
use mfad_tests::calls::{code, context};
use mfad_tests::daemon::NOON;
use mfad_tests::random::Random;

const STEP: u64 = NOON / 30;

#[test]
fn guesses_under_all_handles_of_an_account_are_counted_together() {
    let mut scene = Scene::open();
    let mut old = scene.proved("alice", STEP);
    let mut new = scene.begin("alice");
    scene.at(STEP + 3);
    yes(scene.ask(new.verify(STEP + 3)));
    scene.at(STEP + 4);
    let mut random = Random::default();
    let wrong = old.phone.wrong(STEP + 4, &mut random);
    no(&scene.ask(verify(&old.handle, &wrong)));
    no(&scene.ask(verify(&new.handle, &wrong)));
    no(&scene.ask(verify_named("alice", &wrong)));
    for call in [verify(&old.handle, &wrong), verify(&new.handle, &wrong), verify_named("alice", &wrong)] {
        assert!(matches!(scene.ask(call), Reply::Refused(Refusal::TryLater { .. })));
    }
    scene.clock.pass(900);
    assert_eq!(yes(scene.ask(old.verify(STEP + 4))).failures_since, 3);
}

#[test]
fn a_stop_holds_under_every_handle_and_unlock_lifts_it() {
    let mut scene = Scene::open();
    let mut old = scene.proved("alice", STEP);
    let mut new = scene.begin("alice");
    scene.at(STEP + 3);
    yes(scene.ask(new.verify(STEP + 3)));
    scene.at(STEP + 4);
    let wrong = old.phone.wrong(STEP + 4, &mut Random::default());
    for _ in 0..20 {
        no(&scene.ask(verify(&old.handle, &wrong)));
        scene.clock.pass(900);
    }
    no(&scene.ask(old.verify(STEP + 4)));
    no(&scene.ask(new.verify(STEP + 4)));
    assert_eq!(scene.state(Account::Handle(new.handle)), State::Locked);
    // A clock that was far ahead has used up steps of both keys.
    assert!(matches!(scene.ask(Call::Unlock { account: Account::Handle(old.handle) }), Reply::Done));
    scene.at(STEP + 5);
    yes(scene.ask(old.verify(STEP + 5)));
    scene.at(STEP + 100);
    yes(scene.ask(old.verify(STEP + 100)));
    scene.at(STEP + 6);
    no(&scene.ask(old.verify(STEP + 6)));
    assert!(matches!(scene.ask(Call::Unlock { account: named("alice") }), Reply::Done));
    scene.at(STEP + 7 + 5);
    yes(scene.ask(old.verify(STEP + 12)));
    yes(scene.ask(new.verify(STEP + 12)));
}

#[test]
fn an_enrolment_bears_so_many_guesses_under_its_handle_and_no_more() {
    let mut scene = Scene::open();
    let mut alice = scene.begin("alice");
    let wrong = alice.phone.wrong(STEP, &mut Random::default());
    for _ in 0..20 {
        no(&scene.ask(verify(&alice.handle, &wrong)));
    }
    no(&scene.ask(alice.verify(STEP)));
    let mut again = scene.begin("alice");
    assert_ne!(again.handle, alice.handle, "an enrolment that was guessed at is resumed");
    yes(scene.ask(again.verify(STEP)));
}

#[test]
fn a_lapsed_enrolment_is_not_confirmed_and_no_other_code_does_it() {
    let mut scene = Scene::open();
    let mut old = scene.proved("alice", STEP);
    let mut new = scene.begin("alice");
    scene.at(STEP + 3);
    no(&scene.ask(verify(&new.handle, &old.phone.code(STEP + 3))));
    no(&scene.ask(verify(&old.handle, &new.phone.code(STEP + 3))));
    assert!(matches!(scene.ask(Call::Recover { account: Account::Handle(old.handle) }), Reply::Issued(_)));
    // Whoever began it may have seen its key.
    no(&scene.ask(new.verify(STEP + 3)));
    let mut late = scene.begin("alice");
    scene.at(STEP + 40);
    no(&scene.ask(late.verify(STEP + 40)));
    yes(scene.ask(old.verify(STEP + 40)));
}

#[test]
fn where_replacing_takes_a_code_a_handle_does_not_go_round_it() {
    let mut scene = Scene::with("[realm.netmaker]\nenforce = \"on\"\n");
    let mut old = scene.proved("alice", STEP);
    assert!(matches!(scene.ask(bearer::enroll("alice")), Reply::Refused(Refusal::NotPermitted)));
    scene.at(STEP + 3);
    let (account, text) = (Account::Handle(old.handle), old.phone.code(STEP + 3));
    let reset = Call::Reset { account, proof: Proof::Asserted, code: code(&text), context: context() };
    let Reply::Enrollment(enrollment) = scene.ask(reset) else { panic!("no enrolment") };
    let mut new = Bearer::of(&enrollment);
    scene.at(STEP + 4);
    yes(scene.ask(old.verify(STEP + 4)));
    yes(scene.ask(new.verify(STEP + 4)));
    yes({
        scene.at(STEP + 5);
        scene.ask(old.verify(STEP + 5))
    });
}

#[test]
fn a_denial_by_handle_is_one_commit_of_the_size_of_every_other() {
    let mut scene = Scene::open();
    let mut old = scene.proved("alice", STEP);
    let mut new = scene.begin("alice");
    scene.at(STEP + 3);
    yes(scene.ask(new.verify(STEP + 3)));
    let mut pending = scene.begin("alice");
    let mut random = Random::default();
    let wrong = new.phone.wrong(STEP + 3, &mut random);
    let unknown = mfad_proto::Handle::from_random([9; 20]);
    let asked = [
        verify_named("alice", &wrong),
        verify_named("nobody", &wrong),
        verify(&unknown, &wrong),
        verify(&unknown, ""),
        verify(&old.handle, &old.phone.wrong(STEP + 3, &mut random)),
        verify(&new.handle, &new.phone.code(STEP + 3)),
        verify(&pending.handle, &pending.phone.wrong(STEP + 3, &mut random)),
    ];
    let mut size = None;
    for call in asked {
        scene.clock.pass(900);
        let before = scene.home.commits();
        no(&scene.ask(call));
        assert_eq!(scene.home.commits() - before, 1);
        let latest = scene.home.latest();
        assert_eq!(*size.get_or_insert_with(|| latest.clone()), latest);
    }
}
