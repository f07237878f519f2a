//! Passwords as the first factor: one answer to whatever is wrong, one visible delay, and no try of a code for a wrong
//! password.

use std::fs;
use std::sync::Barrier;

use mfad_client::Client;
use mfad_daemon::password::Hash;
use mfad_proto::{Account, AccountName, Call, Context, Factor, Need, Password, Proof, Realm, Refusal, Reply, UserName};
use mfad_tests::app::{App, other_than};
use mfad_tests::calls::code;
use mfad_tests::daemon::{Daemon, NOON, accepted, denied};
use zeroize::Zeroizing;

const KEPT: &str = "[realm.kept]\nfirst_factor = \"password\"\n";
const PASSWORD: &str = "correct horse";
const WRONG: &str = "battery staple";

fn account(user: &str) -> Account {
    let realm = Realm::new("kept").unwrap();
    Account::Name(AccountName { realm, user: UserName::new(user).unwrap() })
}

fn password(text: &str) -> Password {
    Password::new(Zeroizing::new(text.as_bytes().to_vec())).unwrap()
}

fn authenticate(user: &str, typed: &str, text: &str) -> Call {
    Call::Authenticate {
        account: account(user),
        password: password(typed),
        code: code(text),
        context: Context::default(),
    }
}

fn verify(user: &str, text: &str) -> Call {
    Call::Verify { account: account(user), code: code(text), context: Context::default() }
}

fn ask(daemon: &Daemon, call: Call) -> Reply {
    daemon.client().call(call).expect("an answer")
}

fn set_password(daemon: &Daemon, user: &str) {
    let set = Call::SetPassword { account: account(user), password: password(PASSWORD) };
    assert!(matches!(ask(daemon, set), Reply::Done));
}

/// A user with a password and a factor. The step of now is used.
fn enroll(daemon: &Daemon, user: &str) -> App {
    set_password(daemon, user);
    let begin = Call::Enroll {
        account: account(user),
        proof: Proof::Password(password(PASSWORD)),
        ticket: None,
        issuer: None,
        context: Context::default(),
    };
    let Reply::Enrollment(begun) = ask(daemon, begin) else { panic!("no enrolment was begun") };
    let app = App::scan(begun.uri.expose());
    let confirm = Call::Confirm { account: account(user), enrollment: begun.id, code: code(&app.code(daemon.time())) };
    assert!(matches!(ask(daemon, confirm), Reply::Enrolled(_)));
    app
}

fn wrong_code(daemon: &Daemon, app: &App) -> String {
    other_than(&(0..12).map(|n| app.code(daemon.time() - 150 + 30 * n)).collect::<Vec<_>>())
}

fn waits(reply: &Reply) -> Option<u32> {
    if let Reply::Refused(Refusal::TryLater { seconds }) = reply { Some(*seconds) } else { None }
}

#[test]
fn whatever_is_wrong_is_one_answer_and_right_is_right_once() {
    let daemon = Daemon::start_clocked(KEPT);
    let app = enroll(&daemon, "alice");
    set_password(&daemon, "without");
    let (used, right, wrong) = (app.code(NOON), app.code(NOON + 30), wrong_code(&daemon, &app));
    let cases = [
        ("alice", WRONG, right.as_str()),
        ("alice", WRONG, wrong.as_str()),
        ("alice", "", right.as_str()),
        ("alice", PASSWORD, wrong.as_str()),
        ("alice", PASSWORD, used.as_str()),
        ("alice", PASSWORD, ""),
        ("alice", PASSWORD, "AAAA-BBBB-CCCC-DDDD"),
        ("without", WRONG, ""),
        ("nobody", PASSWORD, right.as_str()),
        ("nobody", "", ""),
    ];
    for (user, typed, text) in cases {
        daemon.rest(60);
        let input = format!("{typed}\n{text}\n");
        let said = daemon.mfactl(&["--realm", "kept", "--json", "verify", "--password", user], &input);
        assert_eq!(said.status.code(), Some(1), "{user} {typed:?} {text:?}");
        assert_eq!(String::from_utf8_lossy(&said.stdout), "{\"result\":\"denied\"}\n");
        let words = "mfactl: Not accepted. Each code works once: wait for the next one.\n";
        assert_eq!(String::from_utf8_lossy(&said.stderr), words);
    }
    daemon.rest(60);
    assert!(accepted(&ask(&daemon, authenticate("alice", PASSWORD, &right))), "a wrong password used the code up");
    assert!(denied(&ask(&daemon, authenticate("alice", PASSWORD, &right))), "the code was accepted twice");
    let Reply::Accepted(told) = ask(&daemon, authenticate("without", PASSWORD, "")) else { panic!("denied") };
    assert_eq!(told.factor, Factor::Password);
}

#[test]
fn one_delay_shows_and_it_does_not_tell_which_was_wrong() {
    let daemon = Daemon::start_clocked(KEPT);
    let (app, other) = (enroll(&daemon, "alice"), enroll(&daemon, "bob"));
    let (wrong, wrong_of_other) = (wrong_code(&daemon, &app), wrong_code(&daemon, &other));
    for failures in 1..=10_u32 {
        // Of alice the password is wrong, of bob the code, of nobody both.
        let tries = [
            authenticate("alice", WRONG, &wrong),
            authenticate("bob", PASSWORD, &wrong_of_other),
            authenticate("nobody", WRONG, &wrong),
        ];
        tries.into_iter().for_each(|call| assert!(denied(&ask(&daemon, call))));
        let delay = if failures < 3 { None } else { Some((5 << (failures - 3)).min(60)) };
        for user in ["alice", "bob", "nobody"] {
            if let Some(delay) = delay {
                assert_eq!(waits(&ask(&daemon, authenticate(user, PASSWORD, &wrong))), Some(delay), "{user}");
            }
        }
        daemon.rest(60);
    }
    // A right login ends the row.
    assert!(accepted(&ask(&daemon, authenticate("alice", PASSWORD, &app.code(NOON + 30)))));
    assert!(denied(&ask(&daemon, authenticate("alice", WRONG, ""))));
    assert!(denied(&ask(&daemon, authenticate("alice", WRONG, ""))));
}

#[test]
fn a_wrong_password_costs_no_try_of_a_code_and_a_wrong_code_behind_a_right_one_does() {
    let daemon = Daemon::start_clocked(KEPT);
    let app = enroll(&daemon, "alice");
    let wrong = wrong_code(&daemon, &app);
    for _ in 0..25 {
        assert!(denied(&ask(&daemon, authenticate("alice", WRONG, &wrong))));
        daemon.rest(60);
    }
    // At once, as if nothing had been: no delay and no stop of the codes.
    assert!(accepted(&ask(&daemon, verify("alice", &app.code(NOON + 30)))));
    for _ in 0..20 {
        assert!(denied(&ask(&daemon, authenticate("alice", PASSWORD, &wrong))));
        daemon.rest(60);
    }
    daemon.set_time(NOON + 60);
    assert!(denied(&ask(&daemon, authenticate("alice", PASSWORD, &app.code(NOON + 60)))), "the stop does not hold");
    daemon.rest(900);
    let begin = Call::Begin { account: account("alice"), context: Context::default() };
    assert!(matches!(ask(&daemon, begin), Reply::Need(Need::Locked)));
    assert!(matches!(ask(&daemon, Call::Unlock { account: account("alice") }), Reply::Done));
    assert!(accepted(&ask(&daemon, authenticate("alice", PASSWORD, &app.code(NOON + 60)))));
}

#[test]
fn a_wrong_password_as_proof_waits_at_most_a_minute_and_never_for_ever() {
    let daemon = Daemon::start_clocked(KEPT);
    let app = enroll(&daemon, "alice");
    let reset = |typed: &str, text: &str| Call::Reset {
        account: account("alice"),
        proof: Proof::Password(password(typed)),
        code: code(text),
        context: Context::default(),
    };
    let right = app.code(NOON + 30);
    for failures in 1..=30 {
        assert!(denied(&ask(&daemon, reset(WRONG, &right))), "a wrong password reset the factor");
        if failures >= 3 {
            assert!(waits(&ask(&daemon, reset(PASSWORD, &right))).is_some_and(|seconds| seconds <= 60));
        }
        daemon.rest(60);
    }
    assert!(accepted(&ask(&daemon, authenticate("alice", PASSWORD, &right))), "logins have a count of their own");
    assert!(matches!(ask(&daemon, reset(PASSWORD, &app.code(NOON + 60))), Reply::Refused(Refusal::Denied)));
    daemon.set_time(NOON + 60);
    assert!(matches!(ask(&daemon, reset(PASSWORD, &app.code(NOON + 60))), Reply::Done));
}

#[test]
fn right_passwords_at_once_near_a_delay_lock_nobody_out_and_wrong_ones_are_all_counted() {
    let daemon = Daemon::start_clocked(KEPT);
    set_password(&daemon, "alice");
    let at_once = |typed: &'static str, clients: usize| {
        let barrier = Barrier::new(clients);
        let attempt = || {
            let mut client: Client = daemon.client();
            barrier.wait();
            client.call(authenticate("alice", typed, "")).unwrap()
        };
        std::thread::scope(|scope| {
            let tries: Vec<_> = (0..clients).map(|_| scope.spawn(attempt)).collect();
            tries.into_iter().map(|tried| tried.join().unwrap()).collect::<Vec<_>>()
        })
    };
    assert_eq!(at_once(WRONG, 2).iter().filter(|reply| denied(reply)).count(), 2);
    assert!(at_once(PASSWORD, 12).iter().all(accepted), "a right password in progress counted against another");
    let wrong = at_once(WRONG, 12);
    assert_eq!(wrong.iter().filter(|reply| denied(reply)).count(), 3, "more were looked at than are free");
    assert_eq!(wrong.iter().filter(|reply| waits(reply).is_some()).count(), 9);
    // Two hashes at a time, whoever asks: 19 MiB each, and not one for each of the clients.
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    let peak: u64 = peak.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(peak < 100 * 1024, "the peak of memory was {peak} KiB");
}

#[test]
fn a_new_password_takes_the_old_one_and_a_code_and_outlives_a_restart_a_new_key_and_a_restore() {
    let mut daemon = Daemon::start_clocked(KEPT);
    let app = enroll(&daemon, "alice");
    let change = |old: &str, text: &str| Call::Passwd {
        account: account("alice"),
        old: password(old),
        code: code(text),
        new: password("a new one"),
    };
    assert!(denied(&ask(&daemon, change(WRONG, &app.code(NOON + 30)))));
    assert!(denied(&ask(&daemon, change(PASSWORD, ""))), "no code is no code");
    let empty = Call::Passwd { account: account("alice"), old: password(PASSWORD), code: code(""), new: password("") };
    assert!(matches!(ask(&daemon, empty), Reply::Refused(Refusal::Malformed)));
    assert!(matches!(ask(&daemon, change(PASSWORD, &app.code(NOON + 30))), Reply::Done));
    daemon.set_time(NOON + 60);
    assert!(denied(&ask(&daemon, authenticate("alice", PASSWORD, &app.code(NOON + 60)))), "the old one still works");

    let backup = daemon.folder().join("backup");
    assert!(daemon.mfactl(&["backup", backup.to_str().unwrap()], "passphrase\n").status.success());
    assert!(daemon.mfactl(&["key", "rotate"], "").status.success());
    daemon.kill();
    daemon.spawn();
    assert!(accepted(&ask(&daemon, authenticate("alice", "a new one", &app.code(NOON + 60)))));
    daemon.stop();
    let restored = std::process::Command::new(mfad_tests::programs::built("mfad"))
        .args(["restore", backup.to_str().unwrap(), "--state", daemon.state().to_str().unwrap()])
        .arg("--passphrase-file")
        .arg({
            let file = daemon.folder().join("passphrase");
            fs::write(&file, "passphrase\n").unwrap();
            file
        })
        .output()
        .unwrap();
    assert!(restored.status.success(), "{restored:?}");
    daemon.spawn();
    // What the restore has used up is today's; this clock stands long before.
    let status = ask(&daemon, authenticate("alice", "a new one", "000000"));
    assert!(denied(&status));
    assert!(matches!(ask(&daemon, Call::Disable { account: account("alice"), reason: note() }), Reply::Done));
    assert!(accepted(&ask(&daemon, authenticate("alice", "a new one", ""))), "the password did not come back");
}

fn note() -> mfad_proto::Note {
    mfad_proto::Note::new("a test").unwrap()
}

#[test]
fn only_hashes_below_the_caps_are_hashes() {
    let made = Hash::make(&password(PASSWORD), &[7; Hash::SALT]).unwrap();
    assert!(made.is_of(&password(PASSWORD)).unwrap() && !made.is_of(&password(WRONG)).unwrap());
    assert!(!Hash::of_nobody().is_of(&password("")).unwrap());
    let costs = |text: &str| text.split('$').nth(3).unwrap().to_owned();
    assert_eq!(costs(made.expose()), "m=19456,t=2,p=1");
    assert_eq!(costs(made.expose()), costs(Hash::of_nobody().expose()), "it would take another time");
    let (head, tail) = made.expose().split_once("m=19456,t=2,p=1").unwrap();
    for (costs, legal) in [
        ("m=19456,t=2,p=1", true),
        ("m=65536,t=4,p=4", true),
        ("m=65537,t=2,p=1", false),
        ("m=4294967295,t=2,p=1", false),
        ("m=19456,t=200,p=1", false),
        ("m=19456,t=2,p=64", false),
        ("m=19456,t=0,p=1", false),
    ] {
        assert_eq!(Hash::parse(&format!("{head}{costs}{tail}")).is_some(), legal, "{costs}");
    }
    for text in
        ["", "$", PASSWORD, &made.expose().replace("argon2id", "argon2i"), &made.expose().replace("v=19", "v=16")]
    {
        assert!(Hash::parse(text).is_none(), "{text}");
    }
}
