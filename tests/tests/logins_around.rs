//! The ways in of which `client/pam/README.md` says that they never ask the module: each lets in while no daemon runs. Run with
//! the feature `root`.

use std::path::Path;

use mfad_tests::front::{ALICE, Front, PASSWORD};
use mfad_tests::terminal::Terminal;
use mfad_tests::visitor::{PROOF, QUESTION, Visitor};
use mfad_tests::way::Way;

/// A machine on which nobody gets in who is asked.
fn stopped(way: Way) -> Front {
    let (mut front, _factor) = Front::enrolled(way);
    front.stop_daemon();
    front
}

/// Gets in by this line, as the way does, and is asked nothing.
fn gets_in_unasked(front: &Front, way: Way, line: &str) {
    let shown = Visitor::by_line(front.machine(), (way, ALICE), line).gets_in();
    assert!(!shown.contains(QUESTION) && !shown.contains("assword"), "{shown}");
}

#[test]
fn a_key_that_is_enough_for_sshd_asks_nothing() {
    let mut front = stopped(Way::SshKey);
    front.visit().is_turned_away();
    let path = "/etc/ssh/sshd_config.d/mfad.conf";
    front.write(path, &front.read(path).replace("publickey,keyboard-interactive", "publickey"));
    front.restart_sshd();
    gets_in_unasked(&front, Way::SshKey, &Way::SshKey.line(ALICE, Some(PROOF)));
}

#[test]
fn root_is_asked_nothing_by_su() {
    let front = stopped(Way::Su);
    front.visit_with_password().is_turned_away();
    front.perform("su - alice -c id | grep -q alice");
}

#[test]
fn a_rule_of_sudo_without_a_password_asks_nothing() {
    let front = stopped(Way::Sudo);
    front.visit_with_password().is_turned_away();
    front.perform("echo 'alice ALL=(ALL:ALL) NOPASSWD: ALL' >>/etc/sudoers");
    gets_in_unasked(&front, Way::Sudo, &Way::Sudo.line(ALICE, Some(PROOF)));
}

#[test]
fn one_code_covers_the_minutes_after_it_by_sudo() {
    let (mut front, factor) = Front::enrolled(Way::Sudo);
    let line = format!("sudo true && read -r && sudo sh -c '{PROOF}'");
    let mut visitor = Visitor::by_line(front.machine(), (Way::Sudo, ALICE), &line);
    visitor.passes_first_factor(PASSWORD);
    visitor.gives(&front.code(&factor));
    while front.judged().is_empty() {
        std::thread::yield_now();
    }
    front.stop_daemon();
    visitor.types("");
    let shown = visitor.gets_in();
    assert!(!shown.contains(QUESTION) && !shown.contains("assword"), "{shown}");
}

#[test]
fn login_with_f_asks_nothing() {
    let front = stopped(Way::Login);
    front.visit_with_password().is_turned_away();
    let words = front.machine().enter(None, "exec login -f alice");
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let mut terminal = Terminal::start(Path::new("nsenter"), &words);
    let shown = terminal.wait_for("$ ");
    assert!(!shown.contains(QUESTION) && !shown.contains("assword"), "{shown}");
    terminal.type_line(PROOF);
    terminal.wait_for("in-42-alice");
}
