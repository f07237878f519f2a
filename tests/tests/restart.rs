//! A daemon that goes away between any two requests: what it answered stays true.

use std::os::unix::process::ExitStatusExt;

use mfad_client::Error;
use mfad_proto::{Call, Proof, Reply};
use mfad_tests::app::{App, other_than};
use mfad_tests::daemon::{Daemon, NOON, accepted, account, begin_enrollment, code, context, denied, verify};
use mfad_tests::raw::Answer;

/// Ends the daemon in the named way and starts another on the same state.
type Restart = fn(&mut Daemon);

fn after_each_request(restart: Restart) {
    let mut daemon = Daemon::start_clocked("");
    restart(&mut daemon);
    let enrollment = begin_enrollment(&mut daemon.client(), "alice");
    let app = App::scan(enrollment.uri.expose());
    restart(&mut daemon);
    assert_eq!(begin_enrollment(&mut daemon.client(), "alice").id, enrollment.id, "the pending enrolment is gone");
    restart(&mut daemon);
    let confirm = Call::Confirm { account: account("alice"), enrollment: enrollment.id, code: code(&app.code(NOON)) };
    assert!(matches!(daemon.client().call(confirm), Ok(Reply::Enrolled(_))));
    restart(&mut daemon);
    assert!(denied(&daemon.verify("alice", &app.code(NOON))), "the first code was forgotten");
    restart(&mut daemon);
    let wrong = other_than(&(0..10).map(|n| app.code(NOON - 120 + 30 * n)).collect::<Vec<_>>());
    assert!(denied(&daemon.verify("alice", &wrong)));
    restart(&mut daemon);
    let Reply::Accepted(accept) = daemon.verify("alice", &app.code(NOON + 30)) else { panic!("the factor is gone") };
    assert_eq!(accept.failures_since, 1, "the failure was forgotten");
    restart(&mut daemon);
    assert!(denied(&daemon.verify("alice", &app.code(NOON + 30))), "a used code was accepted again");
    daemon.set_time(NOON + 60);
    restart(&mut daemon);
    assert!(accepted(&daemon.verify("alice", &app.code(NOON + 60))));
    restart(&mut daemon);
    let reset = Call::Reset {
        account: account("alice"),
        proof: Proof::Asserted,
        code: code(&app.code(NOON + 90)),
        context: context(),
    };
    assert!(matches!(daemon.client().call(reset), Ok(Reply::Done)));
    restart(&mut daemon);
    assert!(denied(&daemon.verify("alice", &app.code(NOON + 90))), "the factor that was given up is back");
}

#[test]
fn a_restart_between_any_two_requests_changes_nothing() {
    after_each_request(|daemon| {
        assert!(daemon.stop().success(), "{}", daemon.log());
        daemon.spawn();
    });
}

#[test]
fn a_kill_between_any_two_requests_changes_nothing() {
    after_each_request(|daemon| {
        assert_eq!(daemon.kill().signal(), Some(9));
        daemon.spawn();
    });
}

#[test]
fn a_client_goes_on_with_the_next_daemon() {
    let mut daemon = Daemon::start_clocked("");
    let app = daemon.enroll("alice", NOON);
    let mut client = daemon.client();
    assert!(matches!(client.call(Call::Ping), Ok(Reply::Pong(_))));
    daemon.stop();
    daemon.spawn();
    // The connection is to a process that is gone; nothing was sent on it, so this may go out on a new one.
    assert!(accepted(&client.call(verify("alice", &app.code(NOON + 30))).unwrap()));
}

#[test]
fn a_stopping_daemon_says_farewell() {
    let mut daemon = Daemon::start();
    let mut idle = mfad_tests::raw::Raw::connect(&daemon.socket());
    idle.send(&mfad_tests::raw::frame(&[7, 0]));
    assert!(matches!(idle.receive(), Answer::Frame(bytes) if bytes.starts_with(&[1, 7, 2])));
    assert!(daemon.stop().success());
    assert_eq!(idle.receive(), Answer::Frame(vec![1, 0, 1]));
    assert_eq!(idle.receive(), Answer::Closed);
}

#[test]
fn a_daemon_that_stops_under_load_loses_no_answer() {
    const USERS: usize = 60;
    let mut daemon = Daemon::start_clocked("");
    let apps: Vec<_> = (0..USERS).map(|n| (format!("user{n}"), daemon.enroll(&format!("user{n}"), NOON))).collect();
    for round in 1..=8 {
        daemon.set_time(NOON + 30 * round);
        let codes: Vec<_> = apps.iter().map(|(user, app)| (user, app.code(NOON + 30 * round))).collect();
        let mut client = daemon.client();
        let calls = codes.iter().map(|(user, code)| verify(user, code)).collect();
        let sender = std::thread::spawn(move || client.call_all(calls));
        // Somewhere in the middle, at another place in each round.
        std::thread::sleep(std::time::Duration::from_micros(500 * round));
        assert!(daemon.stop().success(), "{}", daemon.log());
        let replies = sender.join().unwrap();
        daemon.spawn();
        for ((user, code), reply) in codes.iter().zip(replies) {
            let again = daemon.verify(user, code);
            match reply {
                Ok(reply) => assert!(accepted(&reply) && denied(&again), "a used code was accepted again"),
                Err(Error::UnknownFate) => panic!("a request was neither answered nor left alone"),
                // Not looked at, so that the code is still good.
                Err(_) => assert!(accepted(&again), "a request was judged and not answered"),
            }
        }
    }
}
