//! `kill -9` at any moment: what was acknowledged stays true, and nothing is left lying about.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use mfad_proto::LogFault;
use mfad_tests::daemon::{Daemon, NOON, accepted, denied};
use mfad_tests::load::{Load, Whose};
use mfad_tests::logbook;
use mfad_tests::random::Random;
use nix::sys::signal::Signal;

#[test]
fn a_hundred_kills_under_load_lose_nothing_that_was_acknowledged() {
    let mut daemon = Daemon::start_clocked("");
    let mut load = Load::new(CLIENTS, ACCOUNTS);
    let (mut rounds, mut tries, mut answered) = (0, 0, 0);
    while rounds < ROUNDS {
        let (answers, rest) = (load.random().below(MOST_ANSWERS), load.random().span(LONGEST_REST));
        let tally = load.run(&daemon, |traffic| {
            traffic.wait_for_answers(answers);
            match tries % 8 {
                // Right after an answer: it was given too early if its change is still on the way.
                0..=2 => {}
                // After the last answer: nothing comes behind it that could carry it to the store.
                3 => traffic.calm(),
                _ => {
                    std::thread::sleep(rest);
                    traffic.wait_for_requests(IN_FLIGHT);
                }
            }
            daemon.signal(Signal::SIGKILL);
        });
        daemon.kill();
        daemon.spawn();
        assert_eq!(load.losses(&daemon, Whose::Active), [""; 0], "round {rounds}: {}", daemon.last_words());
        only_what_is_documented(daemon.state());
        load.renew(1);
        // Whether enough were in flight is known afterwards: those without an answer were.
        rounds += usize::from(tally.unanswered >= IN_FLIGHT);
        (tries, answered) = (tries + 1, answered + tally.answered);
        assert!(tries < 2 * ROUNDS, "only {rounds} of {tries} kills met {IN_FLIGHT} requests in flight");
    }
    assert_eq!(load.losses(&daemon, Whose::All), [""; 0], "{}", daemon.last_words());
    println!("{tries} kills, {answered} answers, {} accounts are enrolled", load.enrolled());
    // The log has lost lines, and a line may have been torn; what is between them is one chain.
    let faults = logbook::faults(&mut daemon.client());
    let told = |fault: &LogFault| matches!(fault, LogFault::Lost { .. } | LogFault::Changed);
    assert!(faults.iter().all(told), "{faults:?}");
    assert!(answered > ROUNDS * IN_FLIGHT / 2, "so little was acknowledged that nothing is proved");
}

#[test]
fn a_kill_during_a_start_leaves_a_state_that_starts() {
    let mut random = Random::default();
    let mut start_and_kill = |daemon: &mut Daemon| {
        for _ in 0..random.below(3) + 1 {
            daemon.begin();
            std::thread::sleep(random.span(LONGEST_START));
            daemon.kill();
        }
        daemon.spawn();
        only_what_is_documented(daemon.state());
    };
    for _ in 0..STARTS {
        let mut daemon = Daemon::unstarted("mfad-clocked", "");
        start_and_kill(&mut daemon);
        let app = daemon.enroll("alice", NOON);
        daemon.kill();
        start_and_kill(&mut daemon);
        assert!(denied(&daemon.verify("alice", &app.code(NOON))), "a used code was accepted again");
        assert!(accepted(&daemon.verify("alice", &app.code(NOON + 30))), "the enrolment is gone");
    }
}

/// Waits until the state folder holds what `daemon/ARCHITECTURE.md` says and nothing else: what is just being replaced
/// may have its new content beside it for a moment.
fn only_what_is_documented(state: &Path) {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let (files, store) = (names(state), names(&state.join("store")));
        assert!(FILES.iter().all(|name| files.contains(*name)), "not all of {FILES:?} are there: {files:?}");
        let unknown = files.iter().filter(|name| !FILES.contains(&name.as_str()));
        let unfinished = store.iter().filter(|name| name.contains(".generating"));
        let left: Vec<_> = unknown.chain(unfinished).collect();
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < end, "left behind: {left:?}");
        std::thread::yield_now();
    }
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")).collect()
}

/// What lies in the state folder of a daemon that was given no root key.
const FILES: [&str; 6] = ["audit", "head", "keyring", "lock", "root.key", "store"];

const ROUNDS: usize = 100;
const CLIENTS: usize = 6;
/// Of each client.
const ACCOUNTS: usize = 13;
const IN_FLIGHT: usize = 50;
/// Before a kill, besides what the rest of the time brings.
const MOST_ANSWERS: usize = 100;
const LONGEST_REST: Duration = Duration::from_millis(80);
const STARTS: usize = 20;
/// About as long as a start takes.
const LONGEST_START: Duration = Duration::from_millis(80);
