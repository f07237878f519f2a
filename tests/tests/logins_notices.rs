//! What Debian's own programs show of the module's words after a success and after a denial, both factors in one field, and many
//! logins at once. Run with the feature `root`.

use std::sync::Barrier;

use mfad_proto::DENIED_TEXT;
use mfad_tests::calls::{accepted, status, verify};
use mfad_tests::front::{ALICE, Front, LOGIN, PASSWORD};
use mfad_tests::people::run;
use mfad_tests::visitor::{PROOF, QUESTION, Visitor};
use mfad_tests::way::Way;

/// The moment is the one at which every test's clock begins, one step later.
const FAILURES: &str = "2 failed tries since the last success, the latest 2023-11-14T22:14:45Z from test.";

fn failures_are_told(way: Way, visit: impl FnOnce(&Front) -> Visitor) {
    let (front, factor) = Front::enrolled(way);
    front.miss(ALICE, &factor, 2);
    let mut visitor = visit(&front);
    visitor.gives(&front.code(&factor));
    let shown = visitor.gets_in();
    assert!(shown.contains(FAILURES), "{shown}");
    assert_eq!(status(&mut front.client(LOGIN), ALICE).failures_since, 0);
}

#[test]
fn failures_are_told_after_an_interactive_ssh_login_with_a_password() {
    failures_are_told(Way::SshPassword, Front::visit_for_shell);
}

#[test]
fn failures_are_told_after_an_interactive_ssh_login_with_a_key() {
    failures_are_told(Way::SshKey, Front::visit_for_shell);
}

#[test]
fn failures_are_told_by_ssh_for_one_command() {
    failures_are_told(Way::SshPassword, Front::visit_with_password);
}

#[test]
fn failures_are_told_by_sudo() {
    failures_are_told(Way::Sudo, Front::visit_for_shell);
}

#[test]
fn failures_are_told_by_su() {
    failures_are_told(Way::Su, Front::visit_for_shell);
}

#[test]
fn failures_are_told_at_a_login() {
    failures_are_told(Way::Login, Front::visit_for_shell);
}

#[test]
fn few_recovery_codes_are_told() {
    let (front, factor) = Front::enrolled(Way::Su);
    let mut client = front.client(LOGIN);
    for spare in &factor.spares[..6] {
        assert!(accepted(&client.call(verify(ALICE, spare)).unwrap()));
    }
    let left = "recovery codes are left. Make new ones with: mfactl recovery";
    let mut visitor = front.visit_with_password();
    visitor.gives(&front.code(&factor));
    let shown = visitor.gets_in();
    assert!(!shown.contains(left), "{shown}");
    let mut visitor = front.visit_with_password();
    visitor.gives(&factor.spares[6]);
    let shown = visitor.gets_in();
    assert!(shown.contains(&format!("3 {left}")), "{shown}");
}

/// `README.md` warns of it: a lock reads like a question for a password there.
#[test]
fn the_ssh_client_asks_for_a_password_in_vain_after_a_lock() {
    let (front, factor) = Front::enrolled(Way::SshPassword);
    front.miss(ALICE, &factor, 20);
    let line = Way::SshPassword.line(ALICE, Some("id")).replace(" -o PasswordAuthentication=no", "");
    let mut visitor = Visitor::by_line(front.machine(), (Way::SshPassword, ALICE), &line);
    visitor.passes_first_factor(PASSWORD);
    assert!(visitor.sees("alice@127.0.0.1's password: ").contains("This second factor is locked."));
    visitor.types(PASSWORD);
    visitor.is_turned_away();
}

#[test]
fn both_factors_in_one_field_let_in() {
    let (front, factor) = Front::enrolled(Way::SshOneField);
    for code in [front.code(&factor), factor.spares[0].clone()] {
        let mut visitor = front.visit();
        visitor.passes_first_factor(&format!("{PASSWORD}{code}"));
        let shown = visitor.gets_in();
        assert!(!shown.contains("Password: ") && !shown.contains(QUESTION), "{shown}");
    }
    let lines: Vec<_> = front.judged().into_iter().map(|(outcome, _)| outcome).collect();
    assert_eq!(lines, ["accepted", "accepted"]);
}

/// A client that knows no other way than one password.
fn visit_with_one_password(front: &Front, way: Way, field: &str) -> Visitor {
    let line = way.line(ALICE, Some(PROOF)).replace("PasswordAuthentication=no", "PreferredAuthentications=password");
    let mut visitor = Visitor::by_line(front.machine(), (way, ALICE), &line);
    visitor.sees("alice@127.0.0.1's password: ");
    visitor.types(field);
    visitor
}

#[test]
fn both_factors_in_the_password_of_ssh_let_in() {
    let (front, factor) = Front::enrolled(Way::SshOneField);
    let field = format!("{PASSWORD}{}", front.code(&factor));
    visit_with_one_password(&front, Way::SshOneField, &field).gets_in();
    visit_with_one_password(&front, Way::SshOneField, &field).is_turned_away();
    visit_with_one_password(&front, Way::SshOneField, PASSWORD).is_turned_away();
}

#[test]
fn ssh_without_a_person_costs_no_try() {
    let (front, _factor) = Front::enrolled(Way::SshKey);
    front.write("/etc/ssh/unattended", &Way::SshKey.line(ALICE, Some(PROOF)));
    let output = run(&mut front.machine().command(None, "setsid --wait sh /etc/ssh/unattended"), "");
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("Permission denied"), "{output:?}");
    assert_eq!(front.judged(), []);
    assert_eq!(status(&mut front.client(LOGIN), ALICE).failures_since, 0);
}

#[test]
fn a_password_that_ssh_gives_for_everything_costs_no_try() {
    let (mut front, _factor) = Front::enrolled(Way::SshPassword);
    let path = "/etc/ssh/sshd_config.d/mfad.conf";
    front.write(path, "UsePAM yes\nPasswordAuthentication yes\n");
    front.restart_sshd();
    visit_with_one_password(&front, Way::SshPassword, PASSWORD).is_turned_away();
    assert_eq!(front.judged(), []);
    assert_eq!(status(&mut front.client(LOGIN), ALICE).failures_since, 0);
}

#[test]
fn one_wrong_factor_in_one_field_lets_nobody_in_and_is_not_told_apart() {
    let (front, factor) = Front::enrolled(Way::SshOneField);
    let (code, wrong) = (front.code(&factor), front.wrong_code(&factor));
    let fields = [format!("{PASSWORD}{wrong}"), format!("{PASSWORD}!{code}"), PASSWORD.to_owned()];
    let shown = fields.map(|field| {
        let mut visitor = front.visit();
        for _ in 0..3 {
            visitor.sees("Password and verification code: ");
            front.rest(900);
            visitor.types(&field);
        }
        let shown = visitor.is_turned_away();
        assert!(shown.contains(DENIED_TEXT), "{shown}");
        shown
    });
    assert!(shown[0] == shown[1] && shown[1] == shown[2], "{shown:?}");
    assert!(front.judged().iter().all(|(outcome, _)| outcome == "denied"), "{:?}", front.judged());
}

#[test]
fn who_needs_no_second_factor_is_asked_for_the_password_alone_in_one_field() {
    let front = Front::new(Way::SshOneField);
    let mut visitor = front.visit();
    visitor.sees("Password: ");
    visitor.types(PASSWORD);
    visitor.gets_in();
    let mut visitor = front.visit();
    visitor.sees("Password: ");
    visitor.types("galt-hest-43");
    visitor.is_turned_away();
}

#[test]
fn twenty_logins_at_once_are_all_let_in() {
    let front = Front::new(Way::SshPassword);
    let names: Vec<_> = (0..20).map(|number| format!("user{number}")).collect();
    front.add_users(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let factors: Vec<_> = names.iter().map(|name| front.enroll(name)).collect();
    let (front, together) = (&front, Barrier::new(names.len()));
    std::thread::scope(|scope| {
        for (name, factor) in names.iter().zip(&factors) {
            let together = &together;
            scope.spawn(move || {
                let code = front.code(factor);
                let mut visitor = front.visit_of(name);
                visitor.passes_first_factor(PASSWORD);
                visitor.sees(QUESTION);
                together.wait();
                visitor.types(&code);
                visitor.gets_in();
            });
        }
    });
    assert_eq!(front.judged(), vec![("accepted".to_owned(), String::new()); names.len()]);
}

#[test]
fn a_question_that_is_broken_off_lets_nobody_in_and_costs_no_try() {
    for way in [Way::Su, Way::Sudo, Way::Login] {
        let (front, _factor) = Front::enrolled(way);
        let mut visitor = front.visit_with_password();
        visitor.sees(QUESTION);
        visitor.presses("\u{4}");
        visitor.is_turned_away();
        assert_eq!(front.judged(), [], "{way:?}");
    }
}
