//! One code, many clients: a code is accepted once, whoever sends it and however close together.

use std::sync::{Arc, Barrier};
use std::thread;

use mfad_proto::Reply;
use mfad_tests::app::other_than;
use mfad_tests::daemon::{Daemon, NOON, accepted, denied, verify};

const CLIENTS: usize = 32;
const ROUNDS: u64 = 200;

/// Each client waits for the others, sends, and says what it got.
fn all_at_once(daemon: &Daemon, rounds: u64, user: &str, codes: &[String]) -> Vec<usize> {
    let barrier = Arc::new(Barrier::new(CLIENTS + 1));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (barrier, mut client) = (Arc::clone(&barrier), daemon.client());
            let (user, codes) = (user.to_owned(), codes.to_vec());
            thread::spawn(move || {
                let mut accepts = Vec::new();
                for code in codes {
                    barrier.wait();
                    let reply = client.call(verify(&user, &code)).expect("an answer");
                    assert!(accepted(&reply) || denied(&reply));
                    accepts.push(accepted(&reply));
                    barrier.wait();
                }
                accepts
            })
        })
        .collect();
    for round in 0..rounds {
        daemon.set_time(NOON + 30 * (round + 1));
        barrier.wait();
        barrier.wait();
    }
    let accepts: Vec<_> = clients.into_iter().map(|client| client.join().expect("a finished client")).collect();
    (0..codes.len()).map(|round| accepts.iter().filter(|of_client| of_client[round]).count()).collect()
}

#[test]
fn one_code_from_32_clients_at_once_is_accepted_exactly_once_in_each_of_200_rounds() {
    let daemon = Daemon::start_clocked("");
    let app = daemon.enroll("alice", NOON);
    let codes: Vec<_> = (0..ROUNDS).map(|round| app.code(NOON + 30 * (round + 1))).collect();
    let accepts = all_at_once(&daemon, ROUNDS, "alice", &codes);
    assert_eq!(accepts, vec![1; usize::try_from(ROUNDS).unwrap()]);
}

#[test]
fn every_wrong_code_of_32_clients_at_once_is_counted() {
    let daemon = Daemon::start_clocked("");
    let app = daemon.enroll("alice", NOON);
    let near: Vec<_> = (0..30).map(|n| app.code(NOON - 300 + 30 * n)).collect();
    let wrong = vec![other_than(&near); 3];
    assert_eq!(all_at_once(&daemon, 3, "alice", &wrong), [0, 0, 0]);
    let Reply::Accepted(accepted) = daemon.verify("alice", &app.code(NOON + 90)) else { panic!("denied") };
    assert_eq!(accepted.failures_since as usize, 3 * CLIENTS);
}
