//! Logins of who has a factor, or needs none.

use std::io;

use mfad_client::{Error, ServerUid};
use mfad_proto::{Accepted, Factor, Failure, Label, Need, Refusal, Reply};

use super::script::Step::{Asks, AsksInVain, Calls, Logs, Warns};
use super::script::{BEGIN, DENIED, Script, Step, play, refused};
use crate::application::{Echo, Severity};
use crate::outcome::ReturnCode;

const CODE: &str = "Verification code: ";

fn begin(need: Need) -> Step {
    Calls(BEGIN, Ok(Reply::Need(need)))
}

fn ask(answer: &'static [u8]) -> Step {
    Asks(CODE, Echo::Off, answer)
}

fn accepted() -> Accepted {
    Accepted { factor: Factor::Totp, recovery_left: 10, failures_since: 0, last_failure: None }
}

fn right(call: &'static str) -> Step {
    Calls(call, Ok(Reply::Accepted(accepted())))
}

fn wrong(call: &'static str) -> Step {
    Calls(call, refused(Refusal::Denied))
}

fn later(call: &'static str, seconds: u32) -> Step {
    Calls(call, refused(Refusal::TryLater { seconds }))
}

fn denied_in_log() -> Step {
    Logs(Severity::Notice, "second factor denied; user=alice rhost=192.0.2.7 tty=ssh")
}

#[test]
fn a_right_code_lets_in() {
    let steps = vec![begin(Need::Code), ask(b"123456"), right("verify system/alice 123456")];
    assert_eq!(play("", steps), ReturnCode::Success);
}

#[test]
fn a_wrong_code_may_be_corrected_twice() {
    let steps = vec![
        begin(Need::Code),
        ask(b"1"),
        wrong("verify system/alice 1"),
        DENIED,
        // Whatever was typed is for the daemon to judge, and to count.
        ask(b" "),
        wrong("verify system/alice  "),
        DENIED,
        ask(b" 123456"),
        right("verify system/alice  123456"),
    ];
    assert_eq!(play("", steps), ReturnCode::Success);
}

#[test]
fn the_third_miss_denies() {
    let mut steps = vec![begin(Need::Code)];
    for _ in 0..3 {
        steps.extend([ask(b"000000"), wrong("verify system/alice 000000"), DENIED]);
    }
    steps.push(denied_in_log());
    assert_eq!(play("", steps), ReturnCode::AuthErr);
}

#[test]
fn what_nobody_has_typed_is_a_miss_and_costs_no_try() {
    let mut steps = vec![begin(Need::Code)];
    for _ in 0..3 {
        steps.extend([ask(b""), DENIED]);
    }
    steps.push(denied_in_log());
    assert_eq!(play("", steps), ReturnCode::AuthErr);
}

#[test]
fn a_delay_is_told_and_a_long_one_ends_the_login() {
    let told = || Warns("Too many failures: no code is looked at before ");
    let steps = vec![
        begin(Need::Code),
        ask(b"1"),
        later("verify system/alice 1", 30),
        told(),
        ask(b"2"),
        right("verify system/alice 2"),
    ];
    assert_eq!(play("", steps), ReturnCode::Success);
    let too_soon = || Logs(Severity::Notice, "second factor denied: too many failures, too soon");
    let steps = vec![begin(Need::Code), ask(b"1"), later("verify system/alice 1", 31), told(), too_soon()];
    assert_eq!(play("", steps), ReturnCode::MaxTries);
    let mut steps = vec![begin(Need::Code)];
    for _ in 0..3 {
        steps.extend([ask(b"1"), later("verify system/alice 1", 5), told()]);
    }
    steps.push(too_soon());
    assert_eq!(play("", steps), ReturnCode::MaxTries);
}

#[test]
fn what_came_before_a_success_is_told() {
    let last_failure = Some(Failure { time: 1_800_000_000, service: Label::cut("su\u{1b}do") });
    let accepted = |factor, recovery_left, failures_since, last_failure| {
        let accepted = Accepted { factor, recovery_left, failures_since, last_failure };
        Calls("verify system/alice 1", Ok(Reply::Accepted(accepted)))
    };
    for (step, told) in [
        (
            accepted(Factor::Totp, 4, 2, last_failure.clone()),
            vec![Warns("2 failed tries since the last success, the latest 2027-01-15T08:00:00Z from su\\u{1b}do.")],
        ),
        (
            accepted(Factor::Totp, 4, 1, last_failure),
            vec![Warns("1 failed try since the last success, the latest 2027-01-15T08:00:00Z from")],
        ),
        (accepted(Factor::Totp, 4, 0, None), vec![]),
        (
            accepted(Factor::Recovery, 3, 0, None),
            vec![Warns("3 recovery codes are left. Make new ones with: mfactl recovery")],
        ),
        (accepted(Factor::Totp, 1, 0, None), vec![Warns("1 recovery code is left. ")]),
        (accepted(Factor::Totp, 0, 0, None), vec![Warns("0 recovery codes are left. ")]),
    ] {
        let mut steps = vec![begin(Need::Code), ask(b"1"), step];
        steps.extend(told);
        assert_eq!(play("", steps), ReturnCode::Success);
    }
}

#[test]
fn who_needs_nothing_is_asked_nothing() {
    assert_eq!(play("", vec![begin(Need::Nothing)]), ReturnCode::Ignore);
    let told = Logs(Severity::Debug, "second factor: no second factor is needed");
    assert_eq!(play("debug", vec![begin(Need::Nothing), told]), ReturnCode::Ignore);
}

#[test]
fn a_locked_factor_is_told_and_asked_nothing() {
    let steps = vec![
        begin(Need::Locked),
        Warns("This second factor is locked. Ask the administrator."),
        Logs(Severity::Notice, "second factor denied: locked"),
    ];
    assert_eq!(play("", steps), ReturnCode::MaxTries);
}

#[test]
fn the_daemons_own_question_for_a_password_is_ignored() {
    let mut script = Script::new(vec![]);
    script.service = "mfad";
    assert_eq!(script.play(""), ReturnCode::Ignore);
}

#[test]
fn who_breaks_off_is_denied() {
    let broken = || Logs(Severity::Notice, "second factor broken off");
    assert_eq!(play("", vec![begin(Need::Code), AsksInVain(CODE), broken()]), ReturnCode::AuthErr);
    let steps = vec![begin(Need::Code), ask(b"1"), wrong("verify system/alice 1"), DENIED, AsksInVain(CODE), broken()];
    assert_eq!(play("fail=open", steps), ReturnCode::AuthErr);
    let mut nameless = Script::new(vec![broken()]);
    nameless.user = b"";
    assert_eq!(nameless.play(""), ReturnCode::AuthErr);
}

/// Every way to have no answer but that nobody listens.
fn unanswered() -> Vec<Result<Reply, Error>> {
    let path = || "/run/mfad/system/mfad.sock".into();
    vec![
        refused(Refusal::Unavailable),
        refused(Refusal::Malformed),
        refused(Refusal::Unsupported),
        refused(Refusal::EnrollmentRequired),
        Err(Error::Connect { path: path(), error: io::ErrorKind::PermissionDenied.into() }),
        Err(Error::WrongServer { path: path(), uid: ServerUid(1000) }),
        Err(Error::Deadline),
        Err(Error::Gone),
        Err(Error::UnknownFate),
        Err(Error::Version { min: 2, max: 3 }),
        Err(Error::Protocol("nonsense")),
        Ok(Reply::GoingAway),
        Ok(Reply::Done),
    ]
}

#[test]
fn without_an_answer_nobody_gets_in() {
    let told = || {
        [
            Warns("The second factor cannot be checked now. Try again later."),
            Logs(Severity::Error, "second factor cannot be checked: "),
        ]
    };
    for options in ["", "fail=open", "use_first_pass", "forward_pass"] {
        for answer in unanswered() {
            let mut steps = vec![Calls(BEGIN, answer)];
            steps.extend(told());
            assert_eq!(play(options, steps), ReturnCode::AuthInfoUnavail, "{options}");
        }
    }
    for answer in unanswered() {
        let mut steps = vec![begin(Need::Code), ask(b"1"), Calls("verify system/alice 1", answer)];
        steps.extend(told());
        assert_eq!(play("fail=open", steps), ReturnCode::AuthInfoUnavail);
    }
}

#[test]
fn who_may_not_ask_is_told_so() {
    let steps = vec![
        Calls(BEGIN, refused(Refusal::NotPermitted)),
        Warns("The second factor cannot be used here. Ask the administrator."),
        Logs(Severity::Error, "second factor cannot be checked: the daemon says NotPermitted"),
    ];
    assert_eq!(play("", steps), ReturnCode::AuthInfoUnavail);
}

#[test]
fn while_nobody_listens_only_fail_open_lets_in_and_loudly() {
    let down = || {
        let error = io::Error::from_raw_os_error(2);
        Calls(BEGIN, Err(Error::NotRunning { path: "/s".into(), error }))
    };
    let why = "second factor cannot be checked: no mfad listens on /s: No such file or directory";
    let steps =
        vec![down(), Warns("The second factor cannot be checked now. Try again later."), Logs(Severity::Error, why)];
    assert_eq!(play("", steps), ReturnCode::AuthInfoUnavail);
    // The daemon has said that this account needs a code: whoever ends it meanwhile opens nothing.
    let steps = vec![
        begin(Need::Code),
        ask(b"1"),
        Calls(
            "verify system/alice 1",
            Err(Error::NotRunning { path: "/s".into(), error: io::Error::from_raw_os_error(111) }),
        ),
        Warns("The second factor cannot be checked now."),
        Logs(Severity::Error, "second factor cannot be checked: no mfad listens on /s: Connection refused"),
    ];
    assert_eq!(play("fail=open", steps), ReturnCode::AuthInfoUnavail);
    let loud =
        "LET IN WITHOUT A SECOND FACTOR, as fail=open says: it cannot be checked: no mfad listens on /s: No such";
    assert_eq!(play("fail=open", vec![down(), Logs(Severity::Alert, loud)]), ReturnCode::Ignore);
}

#[test]
fn a_name_that_no_account_can_have_is_never_let_in() {
    for user in [b"al:ice".as_slice(), b"\xff", b"a/b", b"a\n", &[b'a'; 256]] {
        let mut script = Script::new(vec![
            Warns("The second factor cannot be used here. Ask the administrator."),
            Logs(Severity::Error, "second factor cannot be checked: the name is none that the daemon knows"),
        ]);
        script.user = user;
        assert_eq!(script.play("fail=open"), ReturnCode::AuthInfoUnavail);
    }
}

#[test]
fn realm_prompt_and_echo_are_the_administrators() {
    let steps = vec![
        Calls("begin town/alice sshd 192.0.2.7 ssh", Ok(Reply::Need(Need::Code))),
        Asks("Token, please: ", Echo::On, b"123456"),
        right("verify town/alice 123456"),
    ];
    assert_eq!(play("realm=town|prompt=Token, please: |echo", steps), ReturnCode::Success);
}

#[test]
fn what_is_longer_than_any_code_is_cut() {
    const LONG: &[u8] = &[b'7'; 500];
    const CUT: &str = "verify system/alice 7777777777777777777777777777777777777777777777777777777777777777";
    assert_eq!(play("", vec![begin(Need::Code), ask(LONG), right(CUT)]), ReturnCode::Success);
}

#[test]
fn use_first_pass_asks_nobody() {
    let given = |steps: Vec<Step>| {
        let mut script = Script::new(steps);
        script.password = Some(b"123456");
        script.play("use_first_pass")
    };
    const CALL: &str = "verify system/alice 123456";
    assert_eq!(given(vec![begin(Need::Code), right(CALL)]), ReturnCode::Success);
    assert_eq!(given(vec![begin(Need::Code), wrong(CALL), DENIED, denied_in_log()]), ReturnCode::AuthErr);
    let told = Warns("Too many failures: ");
    let too_soon = Logs(Severity::Notice, "second factor denied: too many");
    assert_eq!(given(vec![begin(Need::Code), later(CALL, 5), told, too_soon]), ReturnCode::MaxTries);
    assert_eq!(play("use_first_pass", vec![begin(Need::Code), denied_in_log()]), ReturnCode::AuthErr);
}

#[test]
fn try_first_pass_takes_what_looks_like_a_code_and_no_password() {
    let given = |password, steps: Vec<Step>| {
        let mut script = Script::new(steps);
        script.password = password;
        script.play("try_first_pass")
    };
    for (code, call) in [
        (b"123456".as_slice(), "verify system/alice 123456"),
        (b"12345678", "verify system/alice 12345678"),
        (b"abcd-EFGH-2345-ijkl", "verify system/alice abcd-EFGH-2345-ijkl"),
    ] {
        assert_eq!(given(Some(code), vec![begin(Need::Code), right(call)]), ReturnCode::Success);
        let steps = vec![begin(Need::Code), wrong(call), DENIED, ask(b"654321"), right("verify system/alice 654321")];
        assert_eq!(given(Some(code), steps), ReturnCode::Success);
    }
    for password in [b"12345".as_slice(), b"123456789", b"correct horse", b"12345x", b"", b"abcd-EFGH-2345-ijk-"] {
        let steps = vec![begin(Need::Code), ask(b"654321"), right("verify system/alice 654321")];
        assert_eq!(given(Some(password), steps), ReturnCode::Success);
    }
    let steps = vec![begin(Need::Code), ask(b"654321"), right("verify system/alice 654321")];
    assert_eq!(given(None, steps), ReturnCode::Success);
}

#[test]
fn a_password_given_for_a_code_goes_nowhere() {
    let told = || Logs(Severity::Notice, "the password was given for a code");
    let given = |steps: Vec<Step>| {
        let mut script = Script::new(steps);
        script.password = Some(b"correct horse");
        script.play("")
    };
    let mut steps = vec![begin(Need::Code)];
    for _ in 0..3 {
        steps.extend([ask(b"correct horse"), told(), DENIED]);
    }
    steps.push(denied_in_log());
    assert_eq!(given(steps), ReturnCode::AuthErr);
    let steps = vec![
        begin(Need::Code),
        ask(b"correct horse"),
        told(),
        DENIED,
        ask(b"123456"),
        right("verify system/alice 123456"),
    ];
    assert_eq!(given(steps), ReturnCode::Success);
}
