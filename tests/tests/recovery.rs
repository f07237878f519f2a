//! Recovery codes: ten that come with an enrolment, a new set, and the one that an administrator issues.

use std::collections::BTreeSet;

use mfad_daemon::keyring::Keyring;
use mfad_daemon::recovery::{RecoveryCode, Tagger};
use mfad_proto::{AccountName, Call, Factor, Need, Realm, Reply, State, UserName};
use mfad_tests::app::{App, other_than};
use mfad_tests::calls::{begin, confirm, recovery, reset, status, texts};
use mfad_tests::daemon::{Daemon, NOON, accepted, account, begin_enrollment, denied, verify};
use serde_json::{Value, json};

/// Enrols alice, and returns her app and her codes.
fn enrolled(daemon: &Daemon) -> (App, Vec<String>) {
    let mut client = daemon.client();
    let enrollment = begin_enrollment(&mut client, "alice");
    let app = App::scan(enrollment.uri.expose());
    let codes = confirm(&mut client, "alice", &enrollment, &app.code(NOON));
    (app, codes)
}

fn left(daemon: &Daemon) -> u32 {
    status(&mut daemon.client(), "alice").recovery_left
}

/// Has a code issued for alice.
fn issue(daemon: &Daemon) -> (String, u64) {
    issue_for(daemon, "alice")
}

/// Has a code issued.
fn issue_for(daemon: &Daemon, user: &str) -> (String, u64) {
    match daemon.client().call(Call::Recover { account: account(user) }).unwrap() {
        Reply::Issued(issued) => (issued.code.expose().to_owned(), issued.expires_at),
        _ => panic!("no code was issued"),
    }
}

#[test]
fn an_enrolment_brings_ten_codes_and_each_works_once() {
    let mut daemon = Daemon::start_clocked("");
    let (app, codes) = enrolled(&daemon);
    assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), 10, "ten different codes");
    for code in &codes {
        let groups: Vec<_> = code.split('-').collect();
        assert!(groups.len() == 4 && groups.iter().all(|group| group.len() == 4), "{code}");
        assert!(code.bytes().all(|byte| byte == b'-' || byte.is_ascii_uppercase() || (b'2'..=b'7').contains(&byte)));
    }
    assert_eq!(left(&daemon), 10);
    for (used, code) in (1..).zip(&codes) {
        daemon.rest(900);
        let Reply::Accepted(accepted) = daemon.verify("alice", code) else { panic!("{code} was denied") };
        assert_eq!((accepted.factor, accepted.recovery_left), (Factor::Recovery, 10 - used));
        assert_eq!(left(&daemon), 10 - used);
        if used % 3 == 0 {
            daemon.kill();
            daemon.spawn();
        }
        assert!(denied(&daemon.verify("alice", code)), "{code} was accepted twice");
    }
    daemon.rest(900);
    let Reply::Accepted(accepted) = daemon.verify("alice", &app.code(NOON + 30)) else { panic!("the app was denied") };
    assert_eq!((accepted.factor, accepted.recovery_left), (Factor::Totp, 0));
}

#[test]
fn case_separators_and_look_alikes_are_forgiven_and_nothing_else() {
    let daemon = Daemon::start_clocked("");
    let (_, codes) = enrolled(&daemon);
    let with_look_alikes = |code: &str| code.replace('O', "0").replace('I', "1").replace('B', "8");
    let spellings = [
        codes[0].to_lowercase(),
        codes[1].replace('-', ""),
        codes[2].replace('-', " "),
        format!(" {}  ", codes[3]),
        codes[4].chars().flat_map(|c| [c, '-']).collect(),
        with_look_alikes(&codes[5]),
    ];
    for spelling in spellings {
        assert!(accepted(&daemon.verify("alice", &spelling)), "{spelling:?}");
        assert!(denied(&daemon.verify("alice", &spelling)), "{spelling:?} twice");
    }
    let code = &codes[6];
    let wrong = [
        code[1..].to_owned(),
        format!("{code}A"),
        format!("{code}="),
        code.replace('-', "_"),
        format!("{code}\n"),
        format!("9{}", &code[1..]),
        code.chars().rev().collect(),
        format!("{code}{code}"),
    ];
    for spelling in wrong {
        daemon.rest(900);
        assert!(denied(&daemon.verify("alice", &spelling)), "{spelling:?}");
    }
    daemon.rest(900);
    assert_eq!(left(&daemon), 4);
    assert!(accepted(&daemon.verify("alice", code)));
}

#[test]
fn a_code_is_good_for_its_own_account_alone() {
    let daemon = Daemon::start_clocked("");
    let (_, codes) = enrolled(&daemon);
    let _bob = daemon.enroll("bob", NOON);
    assert!(denied(&daemon.verify("bob", &codes[0])));
    assert!(denied(&daemon.verify("nobody", &codes[0])));
    assert!(accepted(&daemon.verify("alice", &codes[0])));
}

#[test]
fn the_tag_of_a_code_is_the_accounts_and_the_installations_own() {
    let tagger = || Tagger::new(&Keyring::generate(0).unwrap()).unwrap();
    let (one, other) = (tagger(), tagger());
    let name = |realm, user| AccountName { realm: Realm::new(realm).unwrap(), user: UserName::new(user).unwrap() };
    let (alice, code) = (name("system", "alice"), RecoveryCode::random().unwrap());
    let again = RecoveryCode::parse(code.text().expose().as_bytes()).unwrap();
    assert!(one.tag(&alice, &code).is(&one.tag(&alice, &again)));
    let others = [
        one.tag(&name("system", "bob"), &code),
        one.tag(&name("netmaker", "alice"), &code),
        one.tag(&alice, &RecoveryCode::random().unwrap()),
        other.tag(&alice, &code),
    ];
    assert!(!others.iter().any(|tag| tag.is(&one.tag(&alice, &code))));
}

#[test]
fn a_new_set_takes_a_code_and_voids_the_old_one() {
    let daemon = Daemon::start_clocked("");
    let (app, old) = enrolled(&daemon);
    let mut client = daemon.client();
    let wrong = other_than(&(0..10).map(|n| app.code(NOON - 120 + 30 * n)).collect::<Vec<_>>());
    assert!(denied(&client.call(recovery("alice", &wrong)).unwrap()));
    assert!(denied(&client.call(recovery("alice", &app.code(NOON))).unwrap()), "a used code made new ones");
    assert!(denied(&client.call(recovery("nobody", &app.code(NOON + 30))).unwrap()));
    assert_eq!(status(&mut client, "alice").failures_since, 1, "a wrong code was not counted");

    let Ok(Reply::RecoveryCodes(new)) = client.call(recovery("alice", &app.code(NOON + 30))) else { panic!("refused") };
    let new = texts(&new);
    assert!(denied(&daemon.verify("alice", &old[0])), "an old code is still good");
    assert!(denied(&daemon.verify("alice", &app.code(NOON + 30))), "the code was not used up");
    assert!(accepted(&daemon.verify("alice", &new[0])));
    // With the last things at hand: one code of the set makes the next set.
    let Ok(Reply::RecoveryCodes(newest)) = client.call(recovery("alice", &new[1])) else { panic!("refused") };
    assert_eq!((newest.as_slice().len(), left(&daemon)), (10, 10));
    assert!(denied(&daemon.verify("alice", &new[2])));
    assert!(accepted(&daemon.verify("alice", &texts(&newest)[0])));
}

#[test]
fn a_recovery_code_resets_and_goes_with_the_factor() {
    let daemon = Daemon::start_clocked("");
    let (_, codes) = enrolled(&daemon);
    let mut client = daemon.client();
    let (issued, _) = issue(&daemon);
    assert!(matches!(client.call(reset("alice", &codes[0])), Ok(Reply::Done)));
    assert_eq!((status(&mut client, "alice").state, left(&daemon)), (State::None, 0));
    let again = daemon.enroll("alice", NOON);
    for code in [&codes[1], &issued] {
        assert!(denied(&daemon.verify("alice", code)), "a code of the factor before is good");
    }
    assert!(accepted(&daemon.verify("alice", &again.code(NOON + 30))));
}

#[test]
fn an_administrator_issues_one_code_for_24_hours_and_lifts_the_stop() {
    let daemon = Daemon::start_clocked("");
    let (app, _) = enrolled(&daemon);
    let wrong = other_than(&(0..10).map(|n| app.code(NOON - 120 + 30 * n)).collect::<Vec<_>>());
    for _ in 0..20 {
        daemon.rest(900);
        assert!(denied(&daemon.verify("alice", &wrong)));
    }
    assert_eq!(begin(&mut daemon.client(), "alice"), Need::Locked);
    let (first, _) = issue(&daemon);
    assert_eq!(begin(&mut daemon.client(), "alice"), Need::Code, "the stop was not lifted");
    let (second, expires_at) = issue(&daemon);
    assert_eq!((expires_at, left(&daemon)), (NOON + 24 * 60 * 60, 10));
    assert!(denied(&daemon.verify("alice", &first)), "the code before the last is good");
    let Reply::Accepted(told) = daemon.verify("alice", &second.to_lowercase()) else { panic!("denied") };
    assert_eq!((told.factor, told.failures_since, told.recovery_left), (Factor::Recovery, 21, 10));
    assert!(denied(&daemon.verify("alice", &second)), "an issued code was accepted twice");
    assert_eq!(status(&mut daemon.client(), "alice").failures_since, 1);

    let (late, expires_at) = issue(&daemon);
    daemon.set_time(expires_at);
    assert!(denied(&daemon.verify("alice", &late)), "after 24 hours");
    assert_eq!(status(&mut daemon.client(), "alice").failures_since, 1, "who has a lapsed code does not guess");
    let (good, expires_at) = issue(&daemon);
    daemon.set_time(expires_at - 1);
    assert!(accepted(&daemon.verify("alice", &good)), "one second before its end");
    let (ticket, _) = issue_for(&daemon, "bob");
    assert!(denied(&daemon.verify("bob", &ticket)), "a ticket is no code");
}

fn printed(output: &std::process::Output, code: i32) -> Value {
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("an object")
}

#[test]
fn the_command_line_renews_and_issues() {
    let daemon = Daemon::start_clocked("");
    let (app, old) = enrolled(&daemon);
    let renewed = printed(&daemon.mfactl(&["--json", "recovery", "alice"], &app.code(NOON + 30)), 0);
    assert_eq!(renewed["result"], "done");
    let new = renewed["recovery_codes"].as_array().unwrap();
    assert_eq!(new.len(), 10);
    assert_eq!(printed(&daemon.mfactl(&["--json", "recovery", "alice"], &old[0]), 1), json!({"result": "denied"}));
    let said = daemon.mfactl(&["recovery", "alice"], new[0].as_str().unwrap());
    let shown = String::from_utf8(said.stdout).unwrap();
    assert!(said.status.success() && shown.lines().filter(|line| line.starts_with("    ")).count() == 10, "{shown}");

    let issued = printed(&daemon.mfactl(&["--json", "admin", "recover", "alice"], ""), 0);
    assert_eq!((&issued["result"], &issued["expires_at"]), (&json!("done"), &json!(NOON + 24 * 60 * 60)));
    let code = issued["recovery_code"].as_str().unwrap();
    let verified = printed(&daemon.mfactl(&["--json", "verify", "alice"], code), 0);
    assert_eq!((&verified["factor"], &verified["recovery_left"]), (&json!("recovery"), &json!(10)));
    let nobody = daemon.mfactl(&["--json", "admin", "unlock", "bob"], "");
    assert_eq!(printed(&nobody, 1), json!({"result": "denied"}));
    assert_eq!(daemon.mfactl(&["admin"], "").status.code(), Some(2));
}

#[test]
fn a_code_that_was_accepted_before_kill_9_stays_used() {
    let mut daemon = Daemon::start_clocked("");
    let (_, codes) = enrolled(&daemon);
    for code in &codes {
        assert!(accepted(&daemon.client().call(verify("alice", code)).unwrap()));
        daemon.kill();
        daemon.spawn();
        daemon.rest(900);
        assert!(denied(&daemon.verify("alice", code)));
        daemon.rest(900);
    }
}
