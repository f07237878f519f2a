//! Logins of who must set up a factor first.

use mfad_client::Error;
use mfad_proto::{Need, RecoveryCodes, Refusal, Reply, SecretText};
use zeroize::Zeroizing;

use super::script::Step::{Asks, AsksInVain, Calls, Logs, Shows, Warns};
use super::script::{BEGIN, DENIED, Script, Step, enrollment, play, refused};
use crate::application::{Echo, Severity};
use crate::outcome::ReturnCode;

const ENROLL: &str = "enroll system/alice asserted ";
const CONFIRM: &str = "confirm system/alice 07070707070707070707070707070707 123456";
const TICKET: &str = "Ticket from the administrator: ";
const FIRST_CODE: &str = "First code from the app: ";
const ONE_OF_THEM: &str = "Type one of these recovery codes to go on; it is not used up: ";

fn begin(ticket: bool) -> Step {
    Calls(BEGIN, Ok(Reply::Need(Need::Enroll { ticket })))
}

fn begun(call: &'static str, side: u8) -> Step {
    Calls(call, Ok(Reply::Enrollment(enrollment(side))))
}

fn shown() -> Step {
    Shows(&[
        "",
        "A second factor is required here. Set it up now with any authenticator app.",
        "Scan this with it, or type the key into it:",
        "Key (time-based): GEZD GNBV",
    ])
}

fn first(answer: &'static [u8]) -> Step {
    Asks(FIRST_CODE, Echo::Off, answer)
}

fn enrolled() -> Result<Reply, Error> {
    let codes = ["ABCD-EFGH-2345-6OIB", "BCDE-FGHI-2345-67AB"];
    let codes = codes.map(|code| SecretText::new(Zeroizing::new(code.to_owned())).expect("a code"));
    Ok(Reply::Enrolled(RecoveryCodes::new(codes.into()).expect("two codes")))
}

fn codes() -> Step {
    Shows(&[
        "The app is set up. That code is used: the next one is good for a login.",
        "Keep these recovery codes apart from the phone. Each works once:",
        "    ABCD-EFGH-2345-6OIB",
        "    BCDE-FGHI-2345-67AB",
    ])
}

fn one_of_them(answer: &'static [u8]) -> Step {
    Asks(ONE_OF_THEM, Echo::On, answer)
}

fn denied_in_log() -> Step {
    Logs(Severity::Notice, "second factor denied")
}

fn broken_off() -> Step {
    Logs(Severity::Notice, "second factor broken off")
}

/// Up to the right first code.
fn set_up() -> Vec<Step> {
    vec![begin(false), begun(ENROLL, 21), shown(), first(b"123456"), Calls(CONFIRM, enrolled()), codes()]
}

#[test]
fn who_sets_up_a_factor_is_let_in() {
    for typed in [b"ABCD-EFGH-2345-6OIB".as_slice(), b"bcdefghi234567ab", b" abcd efgh 2345 601 8 "] {
        let mut steps = set_up();
        steps.push(one_of_them(typed));
        assert_eq!(play("", steps), ReturnCode::Success);
    }
}

#[test]
fn who_types_no_recovery_code_is_let_in_after_three_questions() {
    let mut steps = set_up();
    for typed in [b"".as_slice(), b"123456", b"ABCD-EFGH-2345-6OI"] {
        steps.extend([one_of_them(typed), Warns("That is none of them.")]);
    }
    steps.push(Warns("Make new recovery codes with: mfactl recovery"));
    assert_eq!(play("", steps), ReturnCode::Success);
}

#[test]
fn a_wrong_first_code_may_be_corrected_twice() {
    let wrong = || Calls(CONFIRM, refused(Refusal::Denied));
    let mut steps = vec![begin(false), begun(ENROLL, 21), shown()];
    steps.extend([first(b"123456"), wrong(), DENIED, first(b"123456"), wrong(), DENIED]);
    steps.extend([first(b"123456"), Calls(CONFIRM, Ok(Reply::Enrolled(RecoveryCodes::default())))]);
    assert_eq!(play("", steps), ReturnCode::Success);
    let mut steps = vec![begin(false), begun(ENROLL, 21), shown()];
    for _ in 0..3 {
        steps.extend([first(b"123456"), wrong(), DENIED]);
    }
    steps.push(denied_in_log());
    assert_eq!(play("fail=open", steps), ReturnCode::AuthErr);
}

#[test]
fn whoever_breaks_off_is_denied_wherever_that_is() {
    let steps = vec![begin(false), begun(ENROLL, 21), shown(), AsksInVain(FIRST_CODE), broken_off()];
    assert_eq!(play("fail=open", steps), ReturnCode::AuthErr);
    let mut steps = set_up();
    steps.extend([AsksInVain(ONE_OF_THEM), broken_off()]);
    assert_eq!(play("", steps), ReturnCode::AuthErr);
    assert_eq!(play("", vec![begin(true), AsksInVain(TICKET), broken_off()]), ReturnCode::AuthErr);
}

#[test]
fn a_ticket_is_asked_for_where_one_is_needed() {
    const CALL: &str = "enroll system/alice asserted ABCD";
    let ask = || Asks(TICKET, Echo::On, b"ABCD");
    let mut steps = vec![begin(true), ask(), Calls(CALL, refused(Refusal::Denied)), DENIED];
    steps.extend([ask(), begun(CALL, 21), shown(), Asks(FIRST_CODE, Echo::On, b"123456")]);
    steps.extend([Calls(CONFIRM, Ok(Reply::Enrolled(RecoveryCodes::default())))]);
    assert_eq!(play("echo", steps), ReturnCode::Success);
    let mut steps = vec![begin(true)];
    for _ in 0..3 {
        steps.extend([ask(), Calls(CALL, refused(Refusal::Denied)), DENIED]);
    }
    steps.push(denied_in_log());
    assert_eq!(play("echo", steps), ReturnCode::AuthErr);
}

#[test]
fn where_nobody_may_set_one_up_who_has_none_is_denied() {
    let told = Warns("A second factor is required, and none is set up: run mfactl enroll, or ask the administrator.");
    assert_eq!(play("enroll=off", vec![begin(false), told, denied_in_log()]), ReturnCode::AuthErr);
}

#[test]
fn an_enrolment_that_cannot_begin_lets_nobody_in() {
    let denied = vec![begin(false), Calls(ENROLL, refused(Refusal::Denied)), DENIED, denied_in_log()];
    assert_eq!(play("", denied), ReturnCode::AuthErr);
    let unavailable = vec![
        begin(false),
        Calls(ENROLL, refused(Refusal::Unavailable)),
        Warns("The second factor cannot be checked now."),
        Logs(Severity::Error, "second factor cannot be checked: the daemon says Unavailable"),
    ];
    assert_eq!(play("fail=open", unavailable), ReturnCode::AuthInfoUnavail);
}

#[test]
fn a_qr_code_is_shown_where_it_fits_under_it_a_question() {
    // With its quiet zone, and two rows of modules a line: 23 lines, and 25.
    for (side, fits) in [(37, true), (41, false)] {
        let shown = if fits {
            shown()
        } else {
            Shows(&[
                "",
                "A second factor is required here. …",
                "Type the key into it. (Its QR code does not fit on a screen of 24 lines.)",
                "Key (time-based): GEZD GNBV",
            ])
        };
        let steps = vec![begin(false), begun(ENROLL, side), shown, AsksInVain(FIRST_CODE), broken_off()];
        assert_eq!(play("", steps), ReturnCode::AuthErr);
    }
}

#[test]
fn a_program_that_is_not_believed_shows_the_password_that_it_has() {
    let steps = vec![
        begin(false),
        Calls("enroll system/alice secret ", refused(Refusal::NotPermitted)),
        Warns("The second factor cannot be used here. Ask the administrator."),
        Logs(Severity::Error, "second factor cannot be checked: the daemon says NotPermitted"),
    ];
    let mut script = Script::new(steps);
    script.password = Some(b"secret");
    script.told = false;
    assert_eq!(script.play(""), ReturnCode::AuthInfoUnavail);
}
