//! One account, many clients at once: a code is accepted once, and every failure is counted once.

use std::sync::Barrier;
use std::thread;

use mfad_client::Client;
use mfad_proto::{Call, Reply, State};
use mfad_tests::app::other_than;
use mfad_tests::calls::{recovery, reset, status, texts};
use mfad_tests::daemon::{Daemon, NOON, accepted, denied, verify};
use mfad_tests::phone::Phone;
use mfad_tests::random::Random;

const CLIENTS: usize = 32;

/// Sends one call of each client at the same moment, and returns the answers in the order of the clients.
fn all_at_once(clients: &mut [Client], call: impl Fn(usize) -> Call) -> Vec<Reply> {
    let barrier = Barrier::new(clients.len());
    thread::scope(|scope| {
        let sent: Vec<_> = (clients.iter_mut().enumerate())
            .map(|(index, client)| {
                let (barrier, call) = (&barrier, call(index));
                scope.spawn(move || {
                    barrier.wait();
                    client.call(call)
                })
            })
            .collect();
        sent.into_iter().map(|client| client.join().unwrap().expect("an answer")).collect()
    })
}

fn clients(daemon: &Daemon, count: usize) -> Vec<Client> {
    (0..count).map(|_| daemon.client()).collect()
}

fn count(replies: &[Reply], of: impl Fn(&Reply) -> bool) -> usize {
    replies.iter().filter(|reply| of(reply)).count()
}

fn too_soon(reply: &Reply) -> bool {
    matches!(reply, Reply::Refused(mfad_proto::Refusal::TryLater { .. }))
}

#[test]
fn one_code_from_32_clients_at_once_is_accepted_exactly_once_in_each_of_200_rounds() {
    let daemon = Daemon::start_clocked("");
    let mut clients = clients(&daemon, CLIENTS);
    let mut phone = Phone::enroll(&mut clients[0], "alice", NOON);
    for step in (NOON / 30 + 1..).take(200) {
        daemon.set_time(step * 30 + 15);
        let code = phone.code(step);
        let replies = all_at_once(&mut clients, |_| verify("alice", &code));
        assert_eq!((count(&replies, accepted), count(&replies, denied)), (1, CLIENTS - 1), "step {step}");
    }
}

#[test]
fn one_recovery_code_from_32_clients_at_once_is_accepted_exactly_once() {
    let daemon = Daemon::start_clocked("");
    let mut clients = clients(&daemon, CLIENTS);
    let app = daemon.enroll("alice", NOON);
    let mut rounds = 0;
    for set in 1..=5_u64 {
        daemon.set_time(NOON + 30 * set);
        daemon.rest(900);
        let Ok(Reply::RecoveryCodes(codes)) = clients[0].call(recovery("alice", &app.code(NOON + 30 * set))) else {
            panic!("no new codes")
        };
        for (used, code) in (1..).zip(texts(&codes)) {
            daemon.rest(900);
            let replies = all_at_once(&mut clients, |_| verify("alice", &code));
            assert_eq!(count(&replies, accepted), 1, "{code}");
            // The first two after it are wrong codes, and the third begins a delay.
            assert_eq!(count(&replies, |reply| denied(reply) || too_soon(reply)), CLIENTS - 1);
            assert_eq!(status(&mut clients[0], "alice").recovery_left, 10 - used);
            rounds += 1;
        }
    }
    assert_eq!(rounds, 50);
}

#[test]
fn one_code_resets_once_and_what_comes_after_finds_nothing() {
    let daemon = Daemon::start_clocked("");
    let mut clients = clients(&daemon, CLIENTS);
    let app = daemon.enroll("alice", NOON);
    let code = app.code(NOON + 30);
    let replies = all_at_once(&mut clients, |_| reset("alice", &code));
    assert_eq!(count(&replies, |reply| matches!(reply, Reply::Done)), 1);
    assert_eq!(status(&mut clients[0], "alice").state, State::None);
}

#[test]
fn of_32_wrong_codes_at_once_just_those_are_counted_that_were_looked_at() {
    let daemon = Daemon::start_clocked("");
    let mut clients = clients(&daemon, CLIENTS);
    let app = daemon.enroll("alice", NOON);
    let wrong = other_than(&(0..30).map(|n| app.code(NOON - 300 + 30 * n)).collect::<Vec<_>>());
    // Two are free, the third brings the first delay; after each delay one more is looked at.
    for (looked_at, in_all) in [(3, 3), (1, 4), (1, 5), (1, 6)] {
        daemon.rest(900);
        let replies = all_at_once(&mut clients, |_| verify("alice", &wrong));
        assert_eq!((count(&replies, denied), count(&replies, too_soon)), (looked_at, CLIENTS - looked_at));
        assert_eq!(status(&mut clients[0], "alice").failures_since, in_all);
    }
    daemon.rest(900);
    let Reply::Accepted(accepted) = daemon.verify("alice", &app.code(NOON + 30)) else { panic!("denied") };
    assert_eq!(accepted.failures_since, 6);
}

#[test]
fn after_64_clients_with_right_wrong_and_used_codes_the_counters_are_exact() {
    let daemon = Daemon::start_clocked("");
    let mut clients = clients(&daemon, 64);
    let mut phone = Phone::enroll(&mut clients[0], "alice", NOON);
    let mut random = Random::default();
    let (mut failures, mut told, mut last_used) = (0, 0, NOON / 30);
    let mut tell = |reply: &Reply| match reply {
        Reply::Accepted(accepted) => told += usize::try_from(accepted.failures_since).unwrap(),
        _ => assert!(denied(reply) || too_soon(reply)),
    };
    for _ in 0..40 {
        // A used code is one only as long as it is searched for, and a right one when no other step has it.
        let step = (last_used + 1..).find(|step| phone.is_alone(*step)).unwrap();
        daemon.set_time(step * 30 + 15);
        daemon.rest(900);
        let codes = [phone.code(step), phone.wrong(step, &mut random), phone.code(last_used)];
        let replies = all_at_once(&mut clients, |index| verify("alice", &codes[index % 3]));
        let of = |kind: usize| replies.iter().skip(kind).step_by(3);
        assert!(of(0).filter(|reply| accepted(reply)).count() <= 1);
        assert_eq!(of(1).chain(of(2)).filter(|reply| accepted(reply)).count(), 0);
        failures += of(1).filter(|reply| denied(reply)).count();
        replies.iter().for_each(&mut tell);
        // Whatever came first, a right code is accepted now, and no code of this round a second time.
        let next = (step + 1..).find(|step| phone.is_alone(*step)).unwrap();
        daemon.set_time(next * 30 + 15);
        daemon.rest(900);
        let reply = clients[0].call(verify("alice", &phone.code(next))).unwrap();
        assert!(accepted(&reply), "the owner is locked out");
        tell(&reply);
        assert!(denied(&clients[1].call(verify("alice", &phone.code(next))).unwrap()));
        last_used = next;
    }
    assert_eq!((told, status(&mut clients[0], "alice").failures_since), (failures, 0));
    assert!(failures > 0);
}

#[test]
fn right_codes_at_once_never_lock_an_owner_out_who_is_one_failure_from_the_stop() {
    let daemon = Daemon::start_clocked("");
    let mut clients = clients(&daemon, CLIENTS);
    let mut phone = Phone::enroll(&mut clients[0], "alice", NOON);
    let mut random = Random::default();
    let mut step = NOON / 30;
    for round in 0..10 {
        step = (step + 2..).find(|step| phone.is_alone(*step) && phone.is_alone(*step + 1)).unwrap();
        daemon.set_time(step * 30 + 15);
        for _ in 0..19 {
            daemon.rest(900);
            let wrong = phone.wrong(step, &mut random);
            assert!(denied(&clients[0].call(verify("alice", &wrong)).unwrap()), "round {round}");
        }
        daemon.rest(900);
        // Two codes are right now, and each client sends one of them.
        let codes = [phone.code(step), phone.code(step + 1)];
        let replies = all_at_once(&mut clients, |index| verify("alice", &codes[index % 2]));
        assert!((1..=2).contains(&count(&replies, accepted)), "round {round}");
        assert_eq!(count(&replies, too_soon), 0, "round {round}");
        assert_eq!(status(&mut clients[0], "alice").state, State::Active, "round {round}");
    }
}
