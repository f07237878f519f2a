//! What an account goes through, by a clock that the test sets: enrol, log in, expire, replace, reset.

use mfad_proto::{Call, Need, Proof, Refusal, Reply, State, Status};
use mfad_tests::app::{App, other_than};
use mfad_tests::calls::{self, reset};
use mfad_tests::daemon::{Daemon, NOON, accepted, account, begin_enrollment, code, context, denied, enroll, verify};

fn status(daemon: &Daemon, user: &str) -> Status {
    calls::status(&mut daemon.client(), user)
}

fn need(daemon: &Daemon, user: &str) -> Need {
    calls::begin(&mut daemon.client(), user)
}

#[test]
fn a_step_is_accepted_once_and_never_after_a_newer_one() {
    let daemon = Daemon::start_clocked("");
    let app = daemon.enroll("alice", NOON);
    assert!(denied(&daemon.verify("alice", &app.code(NOON))), "the code that enrolled was accepted again");
    assert!(accepted(&daemon.verify("alice", &app.code(NOON + 30))));
    assert!(denied(&daemon.verify("alice", &app.code(NOON + 30))), "a used code was accepted");
    daemon.set_time(NOON + 60);
    assert!(accepted(&daemon.verify("alice", &app.code(NOON + 90))));
    assert!(denied(&daemon.verify("alice", &app.code(NOON + 60))), "an older step was accepted after a newer one");
}

#[test]
fn failures_are_told_at_the_next_success_and_used_codes_are_no_failures() {
    let daemon = Daemon::start_clocked("");
    let app = daemon.enroll("alice", NOON);
    let wrong = other_than(&(0..10).map(|n| app.code(NOON - 120 + 30 * n)).collect::<Vec<_>>());
    assert!(denied(&daemon.verify("alice", &wrong)));
    daemon.set_time(NOON + 1);
    assert!(denied(&daemon.verify("alice", "")), "an empty code");
    assert!(denied(&daemon.verify("alice", &app.code(NOON))), "a used code");
    assert_eq!(status(&daemon, "alice").failures_since, 2);
    let Reply::Accepted(accepted) = daemon.verify("alice", &app.code(NOON + 30)) else { panic!("denied") };
    assert_eq!(accepted.failures_since, 2);
    let last = accepted.last_failure.unwrap();
    assert_eq!((last.time, last.service.as_str()), (NOON + 1, "test"));
    let after = status(&daemon, "alice");
    assert_eq!((after.failures_since, after.last_success), (0, Some(NOON + 1)));
}

#[test]
fn status_and_begin_follow_the_account() {
    let daemon = Daemon::start_clocked("");
    assert_eq!((status(&daemon, "alice").state, need(&daemon, "alice")), (State::None, Need::Nothing));
    let enrollment = begin_enrollment(&mut daemon.client(), "alice");
    assert_eq!((status(&daemon, "alice").state, need(&daemon, "alice")), (State::Pending, Need::Nothing));
    assert!(denied(&daemon.verify("alice", &App::scan(enrollment.uri.expose()).code(NOON))), "not confirmed yet");
    daemon.set_time(NOON + 600);
    assert_eq!(status(&daemon, "alice").state, State::None);
    daemon.set_time(NOON);
    let app = daemon.enroll("alice", NOON);
    assert_eq!((status(&daemon, "alice").state, need(&daemon, "alice")), (State::Active, Need::Code));
    assert_eq!(status(&daemon, "alice").enrolled_at, Some(NOON));
    assert!(matches!(daemon.client().call(reset("alice", &app.code(NOON + 30))), Ok(Reply::Done)));
    assert_eq!((status(&daemon, "alice").state, need(&daemon, "alice")), (State::None, Need::Nothing));
}

#[test]
fn a_pending_enrolment_is_resumed_with_its_key_until_it_lapses() {
    let daemon = Daemon::start_clocked("");
    let mut client = daemon.client();
    let first = begin_enrollment(&mut client, "alice");
    assert_eq!(first.expires_at, NOON + 600);
    daemon.set_time(NOON + 599);
    let resumed = begin_enrollment(&mut client, "alice");
    assert_eq!((resumed.id, resumed.uri.expose()), (first.id, first.uri.expose()));
    assert_eq!(resumed.expires_at, NOON + 1_199);

    daemon.set_time(NOON + 1_199);
    let app = App::scan(first.uri.expose());
    let confirm = |id| Call::Confirm { account: account("alice"), enrollment: id, code: code(&app.code(NOON + 1_199)) };
    assert!(denied(&client.call(confirm(first.id)).unwrap()), "a lapsed enrolment was confirmed");
    let fresh = begin_enrollment(&mut client, "alice");
    assert_ne!((fresh.id, fresh.uri.expose()), (first.id, first.uri.expose()));
    assert!(denied(&client.call(confirm(fresh.id)).unwrap()), "a code of the old key confirmed the new one");
    assert!(denied(&client.call(confirm(first.id)).unwrap()), "the id of a lapsed enrolment was confirmed");
}

#[test]
fn an_enrolment_is_confirmed_by_its_own_account_alone() {
    let daemon = Daemon::start_clocked("");
    let mut client = daemon.client();
    let enrollment = begin_enrollment(&mut client, "alice");
    let text = App::scan(enrollment.uri.expose()).code(NOON);
    let call = Call::Confirm { account: account("bob"), enrollment: enrollment.id, code: code(&text) };
    assert!(denied(&client.call(call).unwrap()));
    assert_eq!(status(&daemon, "bob").state, State::None);
    assert_eq!(status(&daemon, "alice").state, State::Pending);
}

#[test]
fn a_working_factor_is_replaced_only_by_a_confirmed_one() {
    let daemon = Daemon::start_clocked("[realm.system]\nreplace = \"asserted\"\n");
    let old = daemon.enroll("alice", NOON);
    let mut client = daemon.client();
    let enrollment = begin_enrollment(&mut client, "alice");
    let new = App::scan(enrollment.uri.expose());
    assert_eq!(status(&daemon, "alice").state, State::Active);
    assert!(denied(&daemon.verify("alice", &new.code(NOON + 30))), "the new key works before it is confirmed");
    assert!(accepted(&daemon.verify("alice", &old.code(NOON + 30))), "the old key stopped working");

    let confirm = |text: &str| Call::Confirm { account: account("alice"), enrollment: enrollment.id, code: code(text) };
    assert!(denied(&client.call(confirm(&old.code(NOON))).unwrap()));
    daemon.set_time(NOON + 60);
    assert!(accepted(&daemon.verify("alice", &old.code(NOON + 60))), "a wrong first code touched the old key");
    assert!(matches!(client.call(confirm(&new.code(NOON + 60))), Ok(Reply::Enrolled(_))));
    assert!(denied(&daemon.verify("alice", &old.code(NOON + 90))), "the old key still works");
    assert!(accepted(&daemon.verify("alice", &new.code(NOON + 90))));
}

#[test]
fn replacing_a_working_factor_takes_a_code_unless_configured_otherwise() {
    let daemon = Daemon::start_clocked("");
    let app = daemon.enroll("alice", NOON);
    assert!(matches!(daemon.client().call(enroll("alice")), Ok(Reply::Refused(Refusal::NotPermitted))));
    assert!(accepted(&daemon.verify("alice", &app.code(NOON + 30))));
    let output = daemon.mfactl(&["--json", "enroll", "--begin", "alice"], "");
    assert_eq!(output.status.code(), Some(5));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "{\"result\":\"not_permitted\"}\n");
    assert!(String::from_utf8_lossy(&output.stderr).contains("mfactl reset alice"));
}

#[test]
fn a_reset_takes_a_right_code_and_uses_it_up() {
    let daemon = Daemon::start_clocked("");
    let app = daemon.enroll("alice", NOON);
    let mut client = daemon.client();
    assert!(denied(&client.call(reset("alice", &app.code(NOON))).unwrap()), "a used code removed the factor");
    assert!(denied(&client.call(reset("bob", &app.code(NOON + 30))).unwrap()));
    assert!(matches!(client.call(reset("alice", &app.code(NOON + 30))), Ok(Reply::Done)));
    assert!(denied(&client.call(reset("alice", &app.code(NOON + 60))).unwrap()));
    let again = daemon.enroll("alice", NOON);
    assert!(accepted(&daemon.verify("alice", &again.code(NOON + 30))));
}

#[test]
fn a_password_or_a_ticket_that_nobody_can_judge_is_never_believed() {
    let daemon = Daemon::start_clocked("[realm.system]\nfirst_factor = \"asserted\"\n");
    let app = daemon.enroll("alice", NOON);
    let mut client = daemon.client();
    let password = || Proof::Password(mfad_proto::Password::new(zeroize::Zeroizing::new(b"secret".to_vec())).unwrap());
    let enroll =
        |user, proof, ticket| Call::Enroll { account: account(user), proof, ticket, issuer: None, context: context() };
    let unsupported = |reply| matches!(reply, Ok(Reply::Refused(Refusal::Unsupported)));
    assert!(unsupported(client.call(enroll("bob", password(), None))));
    let code = code(&app.code(NOON + 30));
    let reset = Call::Reset { account: account("alice"), proof: password(), code, context: context() };
    assert!(unsupported(client.call(reset)));
    let ticket = Some(mfad_tests::daemon::code("any ticket"));
    assert!(denied(&client.call(enroll("bob", Proof::Asserted, ticket)).unwrap()));
    assert_eq!(status(&daemon, "bob").state, State::None);
    assert!(accepted(&daemon.verify("alice", &app.code(NOON + 30))), "the reset was done, or the code is used");
}

#[test]
fn a_used_code_is_no_failure_however_late_it_comes() {
    let daemon = Daemon::start_clocked("");
    let app = daemon.enroll("alice", NOON);
    for later in [0, 30, 60, 90, 120] {
        daemon.set_time(NOON + later);
        assert!(denied(&daemon.verify("alice", &app.code(NOON))));
        assert_eq!(status(&daemon, "alice").failures_since, 0, "after {later} s");
    }
}

#[test]
fn denials_are_the_same_bytes_whatever_the_reason() {
    let daemon = Daemon::start_clocked("");
    let app = daemon.enroll("alice", NOON);
    let pending = begin_enrollment(&mut daemon.client(), "carol");
    let all = (0..10).map(|n| app.code(NOON - 120 + 30 * n)).collect::<Vec<_>>();
    let texts = [
        ("alice", app.code(NOON)),
        ("alice", other_than(&all)),
        ("alice", app.code(NOON + 90)),
        ("alice", "not a code".to_owned()),
        ("nobody", app.code(NOON)),
        ("carol", App::scan(pending.uri.expose()).code(NOON)),
    ];
    for (user, text) in texts {
        let output = daemon.mfactl(&["--json", "verify", user], &format!("{text}\n"));
        assert_eq!(output.status.code(), Some(1), "{user} {text}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "{\"result\":\"denied\"}\n");
        let said = "mfactl: Not accepted. Each code works once: wait for the next one.\n";
        assert_eq!(String::from_utf8_lossy(&output.stderr), said);
    }
}

#[test]
fn accounts_do_not_touch_each_other() {
    let daemon = Daemon::start_clocked("[realm.netmaker]\n");
    let names = ["alice", "alice2", "Alice", "alic", "ålice", "alice "];
    let apps: Vec<_> = names.iter().map(|name| (name, daemon.enroll(name, NOON))).collect();
    for (name, app) in &apps {
        for (other, _) in apps.iter().filter(|(other, _)| other != name) {
            daemon.rest(900);
            assert!(denied(&daemon.verify(other, &app.code(NOON + 30))), "a code of {name} was accepted for {other}");
        }
        daemon.rest(900);
        assert!(accepted(&daemon.verify(name, &app.code(NOON + 30))));
    }
    let output = daemon.mfactl(&["--realm", "netmaker", "--json", "verify", "alice"], &apps[0].1.code(NOON + 30));
    assert_eq!(output.status.code(), Some(1), "a code of one realm was accepted in another");
}

#[test]
fn answers_come_to_the_requests_they_belong_to() {
    let daemon = Daemon::start_clocked("");
    let apps: Vec<_> = (0..40).map(|n| (format!("user{n}"), daemon.enroll(&format!("user{n}"), NOON))).collect();
    let calls = apps.iter().enumerate().map(|(n, (user, app))| match n % 3 {
        0 => verify(user, &app.code(NOON + 30)),
        1 => verify(user, &app.code(NOON)),
        _ => Call::Status { account: account(user) },
    });
    let replies = daemon.client().call_all(calls.collect());
    for (n, reply) in replies.into_iter().enumerate() {
        match (n % 3, reply.unwrap()) {
            (0, Reply::Accepted(_)) | (1, Reply::Refused(Refusal::Denied)) => {}
            (2, Reply::Status(status)) => assert_eq!(status.user.as_str(), apps[n].0),
            (_, _) => panic!("request {n} got an answer of another kind"),
        }
    }
}
