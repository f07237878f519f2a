//! An app whose clock is off: two codes in a row tell how far, once, and nothing that was used becomes good again.

use mfad_proto::{Call, Reply};
use mfad_tests::app::{App, other_than};
use mfad_tests::calls::{resync, status};
use mfad_tests::daemon::{Daemon, NOON, accepted, account, denied};

/// The code of the app when its clock is this many steps from ours at `now`.
fn shown(app: &App, now: u64, ahead: i64) -> String {
    app.code(now.checked_add_signed(30 * ahead).unwrap())
}

fn done(daemon: &Daemon, first: &str, second: &str) -> bool {
    match daemon.client().call(resync("alice", first, second)).unwrap() {
        Reply::Done => true,
        reply if denied(&reply) => false,
        _ => panic!("neither done nor denied"),
    }
}

#[test]
fn clocks_up_to_four_steps_off_are_followed() {
    for second in -5..=5_i64 {
        let daemon = Daemon::start_clocked("");
        let app = daemon.enroll("alice", NOON);
        // Long after the enrolment, whose step is used.
        let now = NOON + 3_000;
        daemon.set_time(now);
        let follows = (-3..=4).contains(&second);
        let (one, two) = (shown(&app, now, second - 1), shown(&app, now, second));
        assert_eq!(done(&daemon, &one, &two), follows, "{second} steps");
        assert_eq!(status(&mut daemon.client(), "alice").failures_since, u32::from(!follows), "{second} steps");
        if !follows {
            continue;
        }
        assert!(!done(&daemon, &one, &two), "the same two codes again");
        assert!(denied(&daemon.verify("alice", &two)), "a code of a resync is good for a login");
        // From now on the app's clock counts, with one step on either side.
        daemon.set_time(now + 120);
        daemon.rest(900);
        let later = |more: i64| shown(&app, now + 120, second + more);
        assert!(denied(&daemon.verify("alice", &later(-2))), "{second} steps");
        assert!(denied(&daemon.verify("alice", &later(2))), "{second} steps");
        assert!(accepted(&daemon.verify("alice", &later(-1))), "{second} steps");
        assert!(accepted(&daemon.verify("alice", &later(0))), "{second} steps");
        assert!(accepted(&daemon.verify("alice", &later(1))), "{second} steps");
    }
}

#[test]
fn two_codes_that_do_not_follow_each_other_are_one_failed_try() {
    let daemon = Daemon::start_clocked("");
    let app = daemon.enroll("alice", NOON);
    let now = NOON + 3_000;
    daemon.set_time(now);
    let at = |ahead| shown(&app, now, ahead);
    let wrong = other_than(&(-8..=8).map(at).collect::<Vec<_>>());
    let pairs = [
        (at(2), at(4)),
        (at(3), at(2)),
        (at(2), at(2)),
        (wrong.clone(), at(2)),
        (at(1), wrong.clone()),
        (wrong.clone(), wrong),
        (String::new(), String::new()),
        (at(-7), at(-6)),
        (at(6), at(7)),
    ];
    for (counted, (first, second)) in (1..).zip(&pairs) {
        daemon.rest(900);
        assert!(!done(&daemon, first, second), "{first} {second}");
        assert_eq!(status(&mut daemon.client(), "alice").failures_since, counted);
    }
    daemon.rest(900);
    assert!(denied(&daemon.verify("alice", &at(2))), "a failed resync moved the clock");
    daemon.rest(900);
    assert!(accepted(&daemon.verify("alice", &at(0))));
}

#[test]
fn no_step_up_to_the_last_one_is_taken_and_the_last_one_never_falls() {
    let daemon = Daemon::start_clocked("");
    let app = daemon.enroll("alice", NOON);
    daemon.set_time(NOON + 60);
    assert!(accepted(&daemon.verify("alice", &app.code(NOON + 90))));
    let at = |seconds| app.code(NOON + seconds);
    for (first, second) in [(0, 30), (30, 60), (60, 90), (90, 120)] {
        assert!(!done(&daemon, &at(first), &at(second)), "steps of {first} and {second} seconds");
    }
    assert_eq!(status(&mut daemon.client(), "alice").failures_since, 0, "who knows used codes does not guess");
    assert!(done(&daemon, &at(120), &at(150)));
    for seconds in [90, 120, 150] {
        assert!(denied(&daemon.verify("alice", &at(seconds))));
    }
    assert!(accepted(&daemon.verify("alice", &at(180))));

    // Back again, when the app's clock was set right.
    daemon.set_time(NOON + 300);
    daemon.rest(900);
    assert!(done(&daemon, &at(270), &at(300)));
    assert!(accepted(&daemon.verify("alice", &at(330))));
}

#[test]
fn it_waits_and_stops_with_all_other_tries_and_tells_nobody_who_is_enrolled() {
    let mut daemon = Daemon::start_clocked("");
    let app = daemon.enroll("alice", NOON);
    daemon.set_time(NOON + 3_000);
    let at = |ahead| shown(&app, NOON + 3_000, ahead);
    let wrong = other_than(&(-8..=8).map(at).collect::<Vec<_>>());
    for _ in 0..3 {
        assert!(!done(&daemon, &wrong, &wrong));
        assert!(denied(&daemon.client().call(resync("nobody", &wrong, &wrong)).unwrap()));
    }
    for user in ["alice", "nobody"] {
        let reply = daemon.client().call(resync(user, &at(1), &at(2))).unwrap();
        assert!(matches!(reply, Reply::Refused(mfad_proto::Refusal::TryLater { seconds: 5 })), "{user}");
    }
    daemon.rest(5);
    assert!(done(&daemon, &at(1), &at(2)), "a resync is a success, and ends the row");
    assert!(denied(&daemon.verify("alice", &wrong)));
    assert!(denied(&daemon.verify("alice", &wrong)));
    daemon.kill();
    daemon.spawn();
    daemon.rest(900);
    assert!(accepted(&daemon.verify("alice", &at(3))), "the clock's difference was not kept");
    for _ in 0..20 {
        daemon.rest(900);
        assert!(!done(&daemon, &wrong, &wrong));
    }
    daemon.rest(900);
    daemon.set_time(NOON + 3_300);
    assert!(!done(&daemon, &shown(&app, NOON + 3_300, 1), &shown(&app, NOON + 3_300, 2)), "stopped, and done");
    assert!(matches!(daemon.client().call(Call::Unlock { account: account("alice") }), Ok(Reply::Done)));
    assert!(done(&daemon, &shown(&app, NOON + 3_300, 1), &shown(&app, NOON + 3_300, 2)));
}

#[test]
fn mfactl_reads_one_code_a_line() {
    let daemon = Daemon::start_clocked("");
    let app = daemon.enroll("alice", NOON);
    daemon.set_time(NOON + 3_000);
    let at = |ahead| shown(&app, NOON + 3_000, ahead);
    let output = daemon.mfactl(&["--json", "resync", "alice"], &format!("{}\n{}\n", at(3), at(4)));
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b"{\"result\":\"done\"}\n"[..]));
    let again = daemon.mfactl(&["--json", "resync", "alice"], &format!("{}\n{}\n", at(3), at(4)));
    assert_eq!((again.status.code(), again.stdout.as_slice()), (Some(1), &b"{\"result\":\"denied\"}\n"[..]));
    assert_eq!(daemon.mfactl(&["resync", "alice"], &at(3)).status.code(), Some(2));
    assert!(accepted(&daemon.verify("alice", &at(5))));
}
