//! Guessing: whoever reconnects, spells otherwise, waits for a restart or moves the clock gets no more tries.

use mfad_daemon::home::Home;
use mfad_proto::{AccountName, Call, Need, Realm, Refusal, Reply, State, Status};
use mfad_tests::app::{App, other_than};
use mfad_tests::calls::{begin, reset, resync, status};
use mfad_tests::daemon::{Daemon, NOON, accepted, account, denied, verify};
use mfad_tests::faults::FaultyHome;
use mfad_tests::inprocess::{InProcess, SetClock};

const DELAYS: [u32; 20] = [0, 0, 5, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900, 900, 900, 900, 900, 900, 900, 0];

/// A code that is wrong for minutes around noon.
fn wrong(app: &App) -> String {
    other_than(&(0..40).map(|n| app.code(NOON - 600 + 30 * n)).collect::<Vec<_>>())
}

fn try_later(reply: &Reply) -> Option<u32> {
    match reply {
        Reply::Refused(Refusal::TryLater { seconds }) => Some(*seconds),
        _ => None,
    }
}

/// Fails so often in a row, each time on a connection of its own, as soon as it is looked at.
fn fail(daemon: &Daemon, user: &str, text: &str, times: usize) {
    for _ in 0..times {
        daemon.rest(900);
        assert!(denied(&daemon.verify(user, text)));
    }
}

fn status_of(daemon: &Daemon, user: &str) -> Status {
    status(&mut daemon.client(), user)
}

#[test]
fn each_failure_delays_the_next_try_and_the_twentieth_stops_all_until_an_unlock() {
    let mut daemon = Daemon::start_clocked("");
    let app = daemon.enroll("alice", NOON);
    let wrong = wrong(&app);
    for (failed, delay) in (1..).zip(DELAYS) {
        assert!(denied(&daemon.verify("alice", &wrong)), "failure {failed} was not looked at");
        if delay > 0 {
            assert_eq!(try_later(&daemon.verify("alice", &wrong)), Some(delay), "after failure {failed}");
            assert_eq!(try_later(&daemon.verify("alice", &app.code(NOON + 30))), Some(delay), "a right code, too soon");
            assert_eq!(status_of(&daemon, "alice").retry_after, Some(delay));
            daemon.rest(u64::from(delay) - 1);
            assert_eq!(try_later(&daemon.verify("alice", &app.code(NOON + 30))), Some(1));
            daemon.rest(1);
        }
        let status = status_of(&daemon, "alice");
        assert_eq!((status.failures_since, status.retry_after), (failed, None), "a try that was too soon was counted");
    }

    let stopped = |daemon: &Daemon, when: &str| {
        assert!(denied(&daemon.verify("alice", &app.code(daemon.time()))), "{when}");
        assert!(denied(&daemon.client().call(reset("alice", &app.code(daemon.time() + 30))).unwrap()), "{when}");
        assert_eq!(begin(&mut daemon.client(), "alice"), Need::Locked, "{when}");
        let status = status_of(daemon, "alice");
        assert_eq!((status.state, status.failures_since, status.retry_after), (State::Locked, 20, None), "{when}");
    };
    daemon.set_time(NOON + 60);
    stopped(&daemon, "at once");
    daemon.rest(10_000_000);
    stopped(&daemon, "after four months");
    daemon.kill();
    daemon.spawn();
    stopped(&daemon, "after a restart");
    daemon.set_time(NOON + 400 * 24 * 60 * 60);
    stopped(&daemon, "by another clock");

    daemon.set_time(NOON + 120);
    assert!(matches!(daemon.client().call(Call::Unlock { account: account("alice") }), Ok(Reply::Done)));
    assert_eq!((status_of(&daemon, "alice").state, begin(&mut daemon.client(), "alice")), (State::Active, Need::Code));
    let Reply::Accepted(accepted) = daemon.verify("alice", &app.code(NOON + 120)) else { panic!("denied") };
    assert_eq!(accepted.failures_since, 20, "the owner is told of what was before the unlock");
}

#[test]
fn a_success_ends_the_row() {
    let daemon = Daemon::start_clocked("");
    let app = daemon.enroll("alice", NOON);
    fail(&daemon, "alice", &wrong(&app), 19);
    daemon.rest(900);
    assert!(accepted(&daemon.verify("alice", &app.code(NOON + 30))));
    assert!(denied(&daemon.verify("alice", &wrong(&app))));
    assert!(denied(&daemon.verify("alice", &wrong(&app))), "the second failure after a success waits");
}

#[test]
fn a_restart_keeps_the_count_and_begins_the_delay_anew() {
    let mut daemon = Daemon::start_clocked("");
    let app = daemon.enroll("alice", NOON);
    fail(&daemon, "alice", &wrong(&app), 5);
    daemon.rest(15);
    assert_eq!(try_later(&daemon.verify("alice", &wrong(&app))), Some(5));
    daemon.kill();
    daemon.spawn();
    assert_eq!(try_later(&daemon.verify("alice", &wrong(&app))), Some(20));
    daemon.rest(20);
    assert!(denied(&daemon.verify("alice", &wrong(&app))));
    assert_eq!(try_later(&daemon.verify("alice", &wrong(&app))), Some(40));
}

#[test]
fn no_move_of_the_wall_clock_shortens_a_delay_or_forgets_a_failure() {
    let daemon = Daemon::start_clocked("");
    let app = daemon.enroll("alice", NOON);
    fail(&daemon, "alice", &wrong(&app), 4);
    for unix in [NOON + 30, NOON + 86_400, NOON + 365 * 86_400, NOON - 86_400, 0, NOON] {
        daemon.set_time(unix);
        assert_eq!(try_later(&daemon.verify("alice", &wrong(&app))), Some(10), "at {unix}");
    }
    // Failures before the edge of a step count after it.
    daemon.rest(10);
    daemon.set_time(NOON + 15);
    assert!(denied(&daemon.verify("alice", &wrong(&app))));
    assert_eq!(try_later(&daemon.verify("alice", &app.code(NOON + 30))), Some(20));
}

#[test]
fn every_spelling_of_a_code_counts_on_the_same_counter_and_no_name_but_its_own_reaches_an_account() {
    let daemon = Daemon::start_clocked("");
    let app = daemon.enroll("alice", NOON);
    let right = app.code(NOON + 30);
    let wide: String =
        right.chars().map(|digit| char::from_u32(0xff10 + digit.to_digit(10).unwrap()).unwrap()).collect();
    let spellings = [
        String::new(),
        " ".to_owned(),
        "\n".to_owned(),
        format!(" {right}"),
        format!("{right} "),
        format!("{right}\n"),
        format!("{right}\0"),
        format!("+{right}"),
        format!("-{right}"),
        format!("{}\t{}", &right[..3], &right[3..]),
        format!("{}-{}", &right[..3], &right[3..]),
        format!("0{right}"),
        wide,
        "AAAA-AAAA-AAAA-AAAA".to_owned(),
    ];
    for (counted, spelling) in (1..).zip(&spellings) {
        daemon.rest(900);
        assert!(denied(&daemon.verify("alice", spelling)), "{spelling:?} was accepted");
        assert_eq!(status_of(&daemon, "alice").failures_since, counted, "{spelling:?} was not counted");
    }
    daemon.rest(900);
    for name in ["Alice", "ALICE", "alice ", " alice", "alice\u{301}", "аlice", "alice.", "alic"] {
        assert!(denied(&daemon.verify(name, &right)), "{name:?} reached alice");
    }
    assert_eq!(status_of(&daemon, "alice").failures_since, u32::try_from(spellings.len()).unwrap());
    for name in ["", "alice\0", "alice:", "a/lice", "alice\n", &"a".repeat(256)] {
        assert!(mfad_proto::UserName::new(name).is_none(), "{name:?} is a name");
    }
    daemon.rest(900);
    assert!(accepted(&daemon.verify("alice", &right)));
}

#[test]
fn who_is_not_enrolled_is_throttled_and_stopped_like_who_is() {
    let mut daemon = Daemon::start_clocked("");
    let app = daemon.enroll("alice", NOON);
    let bob = daemon.enroll("bob", NOON);
    assert!(matches!(daemon.client().call(reset("bob", &bob.code(NOON + 30))), Ok(Reply::Done)));
    let wrong = wrong(&app);
    let mut said: Vec<Vec<String>> = vec![Vec::new(); 4];
    for round in 0..25 {
        for (user, said) in ["alice", "nobody", "bob", "nobody at all"].iter().zip(&mut said) {
            for _ in 0..2 {
                said.push(match daemon.verify(user, &wrong) {
                    Reply::Refused(refusal) => format!("{refusal:?}"),
                    _ => panic!("{user} was accepted"),
                });
            }
        }
        if round == 10 {
            daemon.kill();
            daemon.spawn();
        }
        daemon.rest(900);
    }
    assert_eq!(said[0], said[1], "an unknown name");
    assert_eq!(said[0], said[2], "a name without a factor");
    assert_eq!(said[0], said[3], "another unknown name");
    assert!(said[0].iter().rev().take(8).all(|refusal| refusal == "Denied"), "{said:?}");
    assert!(said[0].iter().any(|refusal| refusal.starts_with("TryLater")));
    // Nothing of it stays with who enrols later.
    let carol = daemon.enroll("nobody", NOON);
    assert_eq!(status_of(&daemon, "nobody").failures_since, 0);
    assert!(accepted(&daemon.verify("nobody", &carol.code(NOON + 30))));
}

/// Names share slots by a keyed hash, and nobody can choose two that do: so many are tried that some will.
#[test]
fn an_unknown_name_begins_anew_where_another_one_has_left_its_failures() {
    let (home, clock) = (FaultyHome::new(), SetClock::at(NOON));
    let daemon = InProcess::start(&home, &clock);
    let mut client = daemon.client();
    let slots = || {
        let mut slots = 0;
        home.inner().open().unwrap().scan(&mut |key, _| slots += usize::from(key[0] == b'n')).unwrap();
        slots
    };
    for n in 0..5_000 {
        let user = format!("nobody{n}");
        for _ in 0..2 {
            assert!(denied(&client.call(verify(&user, "123456")).unwrap()), "{user} was slowed down by another name");
        }
        if slots() == n + 1 {
            continue;
        }
        // It has taken the slot of a name that had failed twice.
        assert!(denied(&client.call(verify(&user, "123456")).unwrap()));
        assert_eq!(try_later(&client.call(verify(&user, "123456")).unwrap()), Some(5));
        return println!("{n} names had a slot each");
    }
    panic!("5,000 names have a slot each: the slots are more than 65,536");
}

#[test]
fn a_used_code_is_no_guess() {
    let daemon = Daemon::start_clocked("");
    let app = daemon.enroll("alice", NOON);
    for _ in 0..30 {
        assert!(denied(&daemon.verify("alice", &app.code(NOON))), "a used code was accepted, or brought a delay");
    }
    assert!(accepted(&daemon.verify("alice", &app.code(NOON + 30))));
}

#[test]
fn a_thousand_failures_stop_an_account_whose_owner_logs_in_all_the_while() {
    let daemon = Daemon::start_clocked("");
    let mut client = daemon.client();
    let (mut phone, mut random) = (mfad_tests::phone::Phone::enroll(&mut client, "alice", NOON), Default::default());
    let (mut failed, mut step) = (0, NOON / 30);
    while failed < 1_000 {
        step += 1;
        daemon.set_time(step * 30 + 15);
        if !phone.is_alone(step) {
            continue;
        }
        for _ in 0..2 {
            let guess = phone.wrong(step, &mut random);
            assert!(denied(&client.call(verify("alice", &guess)).unwrap()), "guess {failed} was not looked at");
            failed += 1;
        }
        let reply = client.call(verify("alice", &phone.code(step))).unwrap();
        assert_eq!(accepted(&reply), failed < 1_000, "after {failed} failures");
    }
    assert_eq!(status(&mut client, "alice").state, State::Locked);
    assert!(matches!(client.call(Call::Unlock { account: account("alice") }), Ok(Reply::Done)));
    assert!(accepted(&client.call(verify("alice", &phone.code(step))).unwrap()));
}

#[test]
fn an_unlock_cures_a_last_step_that_a_wrong_clock_has_put_into_the_future() {
    let daemon = Daemon::start_clocked("");
    let app = daemon.enroll("alice", NOON);
    let bob = Daemon::enroll(&daemon, "bob", NOON);
    assert!(accepted(&daemon.verify("alice", &app.code(NOON + 30))));
    let unlock =
        |user| assert!(matches!(daemon.client().call(Call::Unlock { account: account(user) }), Ok(Reply::Done)));
    // Where no clock was wrong, an unlock makes no used code good again.
    unlock("alice");
    assert!(denied(&daemon.verify("alice", &app.code(NOON + 30))));

    daemon.set_time(NOON + 86_400);
    assert!(accepted(&daemon.verify("alice", &app.code(NOON + 86_400))));
    assert!(accepted(&daemon.verify("bob", &bob.code(NOON + 86_400))));
    daemon.set_time(NOON + 60);
    assert!(denied(&daemon.verify("alice", &app.code(NOON + 60))), "a step below the last one was accepted");
    unlock("alice");
    assert!(denied(&daemon.verify("alice", &app.code(NOON + 30))), "a code that was used before is good again");
    assert!(accepted(&daemon.verify("alice", &app.code(NOON + 60))));
    assert!(denied(&daemon.verify("bob", &bob.code(NOON + 60))), "the unlock of alice touched bob");
    // However the step of the future came about, those before it are not forgotten: here the factor's clock is one step
    // ahead from then on, so that the used code stays in its window.
    daemon.set_time(NOON + 86_400);
    let later = |seconds| app.code(NOON + 86_400 + seconds);
    let followed = daemon.client().call(resync("alice", &later(0), &later(30)));
    assert!(matches!(followed, Ok(Reply::Done)));
    daemon.set_time(NOON + 60);
    unlock("alice");
    assert!(denied(&daemon.verify("alice", &app.code(NOON + 60))), "a code that was used before is good again");
}

#[test]
fn only_who_administers_unlocks_and_an_account_without_a_factor_has_no_lock() {
    let daemon = Daemon::start_clocked("[realm.netmaker]\n");
    let unlocked = daemon.mfactl(&["--json", "admin", "unlock", "nobody"], "");
    assert_eq!(unlocked.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&unlocked.stdout), "{\"result\":\"denied\"}\n");
    assert_eq!(String::from_utf8_lossy(&unlocked.stderr), "mfactl: nobody has no second factor.\n");
    let app = daemon.enroll("alice", NOON);
    fail(&daemon, "alice", &wrong(&app), 20);
    let locked = daemon.mfactl(&["--json", "status", "alice"], "");
    let locked: serde_json::Value = serde_json::from_slice(&locked.stdout).unwrap();
    assert_eq!(locked["state"], "locked");
    let unlocked = daemon.mfactl(&["--json", "admin", "unlock", "alice"], "");
    assert_eq!((unlocked.status.code(), unlocked.stdout.as_slice()), (Some(0), &b"{\"result\":\"done\"}\n"[..]));
    assert!(accepted(&daemon.verify("alice", &app.code(NOON + 30))));
    let other =
        AccountName { realm: Realm::new("elsewhere").unwrap(), user: mfad_proto::UserName::new("alice").unwrap() };
    let refused = daemon.client().call(Call::Unlock { account: mfad_proto::Account::Name(other) });
    assert!(matches!(refused, Ok(Reply::Refused(Refusal::NotPermitted))));
}

#[test]
fn mfactl_says_how_long_to_wait() {
    let daemon = Daemon::start_clocked("");
    let app = daemon.enroll("alice", NOON);
    fail(&daemon, "alice", &wrong(&app), 3);
    let output = daemon.mfactl(&["--json", "verify", "alice"], &app.code(NOON + 30));
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "{\"result\":\"try_later\",\"retry_after\":5}\n");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(said, "mfactl: Too many failed tries: nothing is looked at for 5 s.\n");
}
