//! Accounts by handle: an enrolment becomes the factor by its first right code, and the one before goes on working until the
//! new one has been accepted by its own handle once more.

use std::sync::Barrier;
use std::thread;

use mfad_proto::{Account, Call, Factor, Need, Note, Proof, Refusal, Reply, State};
use mfad_tests::bearer::{self, Bearer, RULES, Scene, named, no, verify, verify_named, yes};
use mfad_tests::calls::{accepted, code, context, texts};
use mfad_tests::daemon::{Daemon, NOON};
use mfad_tests::random::Random;

const STEP: u64 = NOON / 30;

#[test]
fn the_first_right_code_confirms_and_later_ones_log_in() {
    let mut scene = Scene::open();
    let mut alice = scene.begin("alice");
    let by_handle = Account::Handle(alice.handle);
    assert_eq!(scene.state(by_handle.clone()), State::Pending);
    let wrong = alice.phone.wrong(STEP, &mut Random::default());
    no(&scene.ask(verify(&alice.handle, &wrong)));
    no(&scene.ask(verify_named("alice", &alice.phone.code(STEP))));
    scene.at(STEP);
    let first = yes(scene.ask(alice.verify(STEP)));
    assert_eq!((first.factor, first.recovery_left), (Factor::Totp, 0));
    assert_eq!(scene.state(by_handle.clone()), State::Active);
    assert!(matches!(scene.ask(Call::Begin { account: by_handle, context: context() }), Reply::Need(Need::Code)));
    no(&scene.ask(alice.verify(STEP)));
    no(&scene.ask(verify_named("alice", &alice.phone.code(STEP))));
    scene.at(STEP + 1);
    yes(scene.ask(alice.verify(STEP + 1)));
    no(&scene.ask(alice.verify(STEP + 1)));
    scene.at(STEP + 2);
    yes(scene.ask(verify_named("alice", &alice.phone.code(STEP + 2))));
    no(&scene.ask(alice.verify(STEP + 2)));
}

#[test]
fn where_the_new_handle_was_not_stored_the_old_one_works_until_the_new_one_is_used() {
    let mut scene = Scene::open();
    let mut old = scene.proved("alice", STEP);
    let mut new = scene.begin("alice");
    scene.at(STEP + 3);
    yes(scene.ask(old.verify(STEP + 3)));
    yes(scene.ask(new.verify(STEP + 3)));
    scene.at(STEP + 4);
    no(&scene.ask(verify_named("alice", &old.phone.code(STEP + 4))));
    yes(scene.ask(old.verify(STEP + 4)));
    no(&scene.ask(old.verify(STEP + 4)));
    scene.at(STEP + 5);
    yes(scene.ask(verify_named("alice", &new.phone.code(STEP + 5))));
    yes(scene.ask(old.verify(STEP + 5)));
    scene.at(STEP + 6);
    yes(scene.ask(new.verify(STEP + 6)));
    scene.at(STEP + 7);
    no(&scene.ask(old.verify(STEP + 7)));
    assert!(matches!(
        scene.ask(Call::Begin { account: Account::Handle(old.handle), context: context() }),
        Reply::Refused(Refusal::Denied)
    ));
    yes(scene.ask(new.verify(STEP + 7)));
}

#[test]
fn of_two_enrolments_after_each_other_the_one_that_certainly_works_stays() {
    let mut scene = Scene::open();
    let mut stored = scene.proved("alice", STEP);
    let mut lost = scene.begin("alice");
    scene.at(STEP + 3);
    yes(scene.ask(lost.verify(STEP + 3)));
    let mut third = scene.begin("alice");
    scene.at(STEP + 4);
    yes(scene.ask(third.verify(STEP + 4)));
    scene.at(STEP + 5);
    no(&scene.ask(lost.verify(STEP + 5)));
    yes(scene.ask(stored.verify(STEP + 5)));
    yes(scene.ask(third.verify(STEP + 5)));
    scene.at(STEP + 6);
    no(&scene.ask(stored.verify(STEP + 6)));
    yes(scene.ask(verify_named("alice", &third.phone.code(STEP + 6))));
}

#[test]
fn an_enrolment_that_was_confirmed_by_its_id_leaves_no_other() {
    let mut scene = Scene::open();
    let mut old = scene.proved("alice", STEP);
    let Reply::Enrollment(enrollment) = scene.ask(bearer::enroll("alice")) else { panic!("no enrolment") };
    let mut new = Bearer::of(&enrollment);
    scene.at(STEP + 3);
    let confirm =
        Call::Confirm { account: named("alice"), enrollment: enrollment.id, code: code(&new.phone.code(STEP + 3)) };
    assert!(matches!(scene.ask(confirm), Reply::Enrolled(_)));
    scene.at(STEP + 4);
    no(&scene.ask(old.verify(STEP + 4)));
    yes(scene.ask(new.verify(STEP + 4)));
}

#[test]
fn a_recovery_code_is_good_once_under_whichever_handle() {
    let mut scene = Scene::open();
    let mut old = scene.proved("alice", STEP);
    scene.at(STEP + 3);
    let (account, text) = (Account::Handle(old.handle), old.phone.code(STEP + 3));
    let fresh = scene.ask(Call::Recovery { account, proof: Proof::Asserted, code: code(&text) });
    let Reply::RecoveryCodes(codes) = fresh else { panic!("no recovery codes") };
    let codes = texts(&codes);
    assert_eq!(yes(scene.ask(verify(&old.handle, &codes[0]))).factor, Factor::Recovery);
    no(&scene.ask(verify_named("alice", &codes[0])));
    let mut new = scene.begin("alice");
    no(&scene.ask(verify(&new.handle, &codes[1])));
    scene.at(STEP + 4);
    assert_eq!(yes(scene.ask(new.verify(STEP + 4))).recovery_left, 0);
    no(&scene.ask(verify(&old.handle, &codes[1])));
    let Reply::Issued(issued) = scene.ask(Call::Recover { account: Account::Handle(new.handle) }) else {
        panic!("no code was issued")
    };
    // An application that knows the old handle alone must not be without a way in.
    assert_eq!(yes(scene.ask(verify(&old.handle, issued.code.expose()))).factor, Factor::Recovery);
    no(&scene.ask(verify(&new.handle, issued.code.expose())));
}

#[test]
fn what_takes_the_factor_away_takes_all_handles_away() {
    let gone = |scene: &mut Scene, call: Call, handles: &[&Bearer]| {
        assert!(matches!(scene.ask(call), Reply::Done));
        for bearer in handles {
            let account = Account::Handle(bearer.handle);
            assert!(matches!(scene.ask(Call::Status { account }), Reply::Refused(Refusal::Denied)));
        }
    };
    let reset =
        |text: &str, account| Call::Reset { account, proof: Proof::Asserted, code: code(text), context: context() };
    let reason = || Note::new("a lost phone").unwrap();
    for taking in 0..3 {
        let mut scene = Scene::open();
        let mut old = scene.proved("alice", STEP);
        let mut new = scene.begin("alice");
        scene.at(STEP + 3);
        yes(scene.ask(new.verify(STEP + 3)));
        let pending = scene.begin("alice");
        scene.at(STEP + 4);
        let by_old = || Account::Handle(old.handle);
        let call = match taking {
            0 => reset(&new.phone.code(STEP + 4), by_old()),
            1 => Call::Disable { account: by_old(), reason: reason() },
            _ => Call::Remove { account: by_old() },
        };
        gone(&mut scene, call, &[&old, &new, &pending]);
        no(&scene.ask(old.verify(STEP + 4)));
        let mut again = scene.begin("alice");
        yes(scene.ask(again.verify(STEP + 4)));
    }
}

#[test]
fn one_code_by_handle_and_by_name_from_32_clients_is_accepted_once_in_each_of_50_rounds() {
    let daemon = Daemon::start_clocked(RULES);
    let mut clients: Vec<_> = (0..32).map(|_| daemon.client()).collect();
    let mut alice = Bearer::begin(&mut |call| clients[0].call(call).unwrap(), "alice");
    // Also the first of all, which confirms.
    for step in (STEP..).take(50) {
        daemon.set_time(step * 30 + 15);
        daemon.rest(900);
        let (text, handle) = (alice.phone.code(step), alice.handle);
        let barrier = Barrier::new(clients.len());
        let replies: Vec<_> = thread::scope(|scope| {
            let sent: Vec<_> = (clients.iter_mut().enumerate())
                .map(|(index, client)| {
                    let (barrier, text, is_first) = (&barrier, &text, step == STEP);
                    let call =
                        if index % 2 == 0 || is_first { verify(&handle, text) } else { verify_named("alice", text) };
                    scope.spawn(move || {
                        barrier.wait();
                        client.call(call).unwrap()
                    })
                })
                .collect();
            sent.into_iter().map(|client| client.join().unwrap()).collect()
        });
        assert_eq!(replies.iter().filter(|reply| accepted(reply)).count(), 1, "step {step}");
    }
}

#[test]
fn every_step_outlives_a_kill() {
    let mut daemon = Daemon::start_clocked(RULES);
    let answer = |daemon: &mut Daemon, step: u64, call: Call| {
        daemon.set_time(step * 30);
        let reply = daemon.client().call(call).unwrap();
        daemon.kill();
        daemon.spawn();
        reply
    };
    let begin = |daemon: &mut Daemon| Bearer::begin(&mut |call| answer(daemon, STEP, call), "alice");
    let verified =
        |daemon: &mut Daemon, bearer: &mut Bearer, step: u64| accepted(&answer(daemon, step, bearer.verify(step)));
    let mut old = begin(&mut daemon);
    assert!(verified(&mut daemon, &mut old, STEP));
    assert!(!verified(&mut daemon, &mut old, STEP));
    assert!(verified(&mut daemon, &mut old, STEP + 1));
    let mut new = begin(&mut daemon);
    assert!(verified(&mut daemon, &mut new, STEP + 1));
    assert!(verified(&mut daemon, &mut old, STEP + 2));
    assert!(!verified(&mut daemon, &mut old, STEP + 2));
    assert!(!verified(&mut daemon, &mut new, STEP + 1));
    assert!(verified(&mut daemon, &mut new, STEP + 2));
    assert!(!verified(&mut daemon, &mut old, STEP + 3));
    assert!(verified(&mut daemon, &mut new, STEP + 3));
}

#[test]
fn a_handle_that_goes_while_others_ask_for_it_is_not_taken_for_lost() {
    let daemon = Daemon::start_clocked(RULES);
    let mut client = daemon.client();
    let mut askers: Vec<_> = (0..4).map(|_| daemon.client()).collect();
    for _ in 0..100 {
        let handle = Bearer::begin(&mut |call| client.call(call).unwrap(), "alice").handle;
        let barrier = Barrier::new(askers.len() + 1);
        thread::scope(|scope| {
            for asker in &mut askers {
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    for _ in 0..20 {
                        let reply = asker.call(Call::Status { account: Account::Handle(handle) }).unwrap();
                        assert!(
                            matches!(reply, Reply::Status(_) | Reply::Refused(Refusal::Denied)),
                            "the store is given up"
                        );
                    }
                });
            }
            barrier.wait();
            assert!(matches!(client.call(Call::Remove { account: named("alice") }).unwrap(), Reply::Done));
        });
    }
}
