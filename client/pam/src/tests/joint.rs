//! `forward_pass`: password and code in one field.

use mfad_proto::{Accepted, Factor, Need, RecoveryCodes, Refusal, Reply};
use proptest::prelude::*;

use super::script::Step::{Asks, AsksInVain, Calls, Leaves, Logs, Shows, Warns};
use super::script::{BEGIN, DENIED, Script, Step, enrollment, play, refused};
use crate::application::{Echo, Severity};
use crate::code::part;
use crate::outcome::ReturnCode;

const BOTH: &str = "Password and verification code: ";
const PASSWORD: &str = "Password: ";

fn begin(need: Need) -> Step {
    Calls(BEGIN, Ok(Reply::Need(need)))
}

fn ask(field: &'static [u8]) -> Step {
    Asks(BOTH, Echo::Off, field)
}

fn accepted(factor: Factor) -> Result<Reply, mfad_client::Error> {
    Ok(Reply::Accepted(Accepted { factor, recovery_left: 10, failures_since: 0, last_failure: None }))
}

fn denied_in_log() -> Step {
    Logs(Severity::Notice, "second factor denied; user= rhost=192.0.2.7 tty=ssh")
}

#[test]
fn the_code_is_the_six_digits_or_the_recovery_code_at_the_end() {
    for (field, password, code) in [
        (b"secret123456".as_slice(), b"secret".as_slice(), b"123456".as_slice()),
        (b"secret78123456", b"secret78", b"123456"),
        (b"123456", b"", b"123456"),
        (b"correct horse 123456", b"correct horse ", b"123456"),
        (b"secretABCD-efgh-2345-7ABC", b"secret", b"ABCD-efgh-2345-7ABC"),
        (b"secretABCD-EFGH-2345-723456", b"secretABCD-EFGH-2345-", b"723456"),
        (b"secret12345", b"secret12345", b""),
        (b"secret12345 ", b"secret12345 ", b""),
        (b"secret", b"secret", b""),
        (b"", b"", b""),
        ("pässwörd123456".as_bytes(), "pässwörd".as_bytes(), b"123456"),
    ] {
        assert_eq!(part(field), (password, code));
    }
}

proptest! {
    #[test]
    fn nothing_of_the_field_is_lost(field in proptest::collection::vec(any::<u8>(), 0..40)) {
        let (password, code) = part(&field);
        prop_assert_eq!([password, code].concat(), field);
    }

    #[test]
    fn any_password_before_six_digits_is_found(password in ".{0,20}", code in "[0-9]{6}") {
        let field = [password.as_bytes(), code.as_bytes()].concat();
        prop_assert_eq!(part(&field), (password.as_bytes(), code.as_bytes()));
    }
}

#[test]
fn both_are_judged_at_once_and_the_password_goes_on() {
    let steps = vec![
        begin(Need::Code),
        ask(b"secret123456"),
        Calls("authenticate system/alice secret 123456", accepted(Factor::Totp)),
        Leaves(b"secret"),
    ];
    assert_eq!(play("forward_pass", steps), ReturnCode::Success);
}

#[test]
fn a_denial_leaves_nothing_behind() {
    const CALL: &str = "authenticate system/alice secret ";
    let mut steps = vec![begin(Need::Code)];
    for _ in 0..3 {
        steps.extend([ask(b"secret"), Calls(CALL, refused(Refusal::Denied)), DENIED]);
    }
    steps.push(denied_in_log());
    assert_eq!(play("forward_pass", steps), ReturnCode::AuthErr);
    let steps = vec![
        begin(Need::Code),
        ask(b"secret"),
        Calls(CALL, refused(Refusal::TryLater { seconds: 60 })),
        Warns("Too many failures: no code is looked at before "),
        Logs(Severity::Notice, "second factor denied: too many"),
    ];
    assert_eq!(play("forward_pass", steps), ReturnCode::MaxTries);
    let steps = vec![begin(Need::Code), AsksInVain(BOTH), Logs(Severity::Notice, "second factor broken off")];
    assert_eq!(play("forward_pass", steps), ReturnCode::AuthErr);
}

#[test]
fn a_lock_is_told_to_nobody_before_the_password() {
    let mut steps = vec![begin(Need::Locked)];
    for _ in 0..3 {
        let call = Calls("authenticate system/alice secret 123456", refused(Refusal::Denied));
        steps.extend([ask(b"secret123456"), call, DENIED]);
    }
    steps.push(denied_in_log());
    assert_eq!(play("forward_pass", steps), ReturnCode::AuthErr);
}

#[test]
fn who_needs_nothing_is_asked_by_the_next_module() {
    assert_eq!(play("forward_pass", vec![begin(Need::Nothing)]), ReturnCode::Ignore);
}

#[test]
fn a_password_longer_than_any_is_a_miss() {
    const LONG: &[u8] = &[b'p'; 1025];
    let steps = vec![
        begin(Need::Code),
        ask(LONG),
        DENIED,
        ask(b""),
        DENIED,
        ask(b"secret123456"),
        Calls("authenticate system/alice secret 123456", accepted(Factor::Totp)),
        Leaves(b"secret"),
    ];
    assert_eq!(play("forward_pass", steps), ReturnCode::Success);
}

#[test]
fn enforcement_that_has_ended_meanwhile_lets_in() {
    let steps = vec![
        begin(Need::Enroll { ticket: false }),
        Asks(PASSWORD, Echo::Off, b"secret123456"),
        Calls("authenticate system/alice secret123456 ", accepted(Factor::Password)),
        Leaves(b"secret123456"),
    ];
    assert_eq!(play("forward_pass|echo|prompt=Both: ", steps), ReturnCode::Success);
}

#[test]
fn an_enrolment_waits_for_the_password() {
    let password = || Asks(PASSWORD, Echo::Off, b"secret");
    const CALL: &str = "authenticate system/alice secret ";
    let begun =
        || [begin(Need::Enroll { ticket: false }), password(), Calls(CALL, refused(Refusal::EnrollmentRequired))];
    let mut steps: Vec<_> = begun().into();
    steps.extend([
        Leaves(b"secret"),
        Calls("enroll system/alice secret ", Ok(Reply::Enrollment(enrollment(1)))),
        Shows(&[
            "",
            "A second factor is required here. …",
            "Scan this with it, or type the key into it:",
            "Key (time-based): GEZD GNBV",
        ]),
        Asks("First code from the app: ", Echo::Off, b"123456"),
        Calls(
            "confirm system/alice 07070707070707070707070707070707 123456",
            Ok(Reply::Enrolled(RecoveryCodes::default())),
        ),
    ]);
    let mut script = Script::new(steps);
    script.told = false;
    assert_eq!(script.play("forward_pass"), ReturnCode::Success);

    let mut steps: Vec<_> = begun().into();
    steps.extend([Leaves(b"secret"), Warns("A second factor is required, and none is set up: "), denied_in_log()]);
    assert_eq!(play("forward_pass|enroll=off", steps), ReturnCode::AuthErr);

    let mut steps = vec![begin(Need::Enroll { ticket: false })];
    for _ in 0..3 {
        steps.extend([password(), Calls(CALL, refused(Refusal::Denied)), DENIED]);
    }
    steps.push(denied_in_log());
    assert_eq!(play("forward_pass", steps), ReturnCode::AuthErr);
}
