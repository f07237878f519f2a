//! A factor is set up in the middle of a login through Debian's own programs: the QR code is read from the terminal, a login
//! that breaks off is resumed, and nothing that is shown is lost. Run with the feature `root`.

use mfad_proto::{DENIED_TEXT, State};
use mfad_tests::app::App;
use mfad_tests::calls::status;
use mfad_tests::front::{ALICE, Front, LOGIN, PASSWORD};
use mfad_tests::terminal::{decode, photograph};
use mfad_tests::visitor::{PROOF, Visitor};
use mfad_tests::way::Way;

const SET_UP: &str = "A second factor is required here. Set it up now with any authenticator app.";
const FIRST_CODE: &str = "First code from the app: ";
const ONE_OF_THEM: &str = "Type one of these recovery codes to go on; it is not used up: ";

/// What stands before the key.
const KEY: &str = "Key (time-based):";

/// A machine on which everybody needs a factor, and nobody has one.
fn enforcing(way: Way, options: &str) -> Front {
    let front = Front::with_options(way, options);
    let said = front.mfactl("admin enforce on");
    assert!(said.status.success(), "{said:?}");
    front
}

/// The key as it stands above the question.
fn key(shown: &str) -> String {
    let (_, after) = shown.split_once(KEY).expect("a key");
    let key = after.lines().next().expect("the rest of its line").trim();
    assert!(key.split(' ').all(|group| group.len() == 4), "{key}");
    key.replace(' ', "")
}

/// Scans the QR code on a screen that shows these lines last.
fn scan(front: &Front, shown: &str) -> App {
    let lines: Vec<_> = shown.lines().collect();
    let screen = lines[lines.len().saturating_sub(24)..].join("\n");
    assert!(screen.ends_with(FIRST_CODE) && screen.contains(KEY), "{screen}");
    let picture = front.machine().folder().join("screen.pgm");
    photograph(&screen, &picture);
    let uri = decode(&picture);
    assert!(uri.contains(&format!("secret={}&", key(shown))), "the key as text is another one: {uri}");
    App::scan(&uri)
}

/// The ten recovery codes, each in a line of its own.
fn recovery_codes(shown: &str) -> Vec<String> {
    let (_, after) = shown.split_once("Keep these recovery codes apart from the phone.").expect("recovery codes");
    let codes: Vec<_> = after.lines().filter_map(|line| line.strip_prefix("    ")).map(str::trim_end).collect();
    assert_eq!(codes.len(), 10, "{shown}");
    codes.into_iter().map(str::to_owned).collect()
}

/// Goes on from the first code to the end, and returns the recovery codes.
fn go_on(front: &Front, mut visitor: Visitor, app: &App) -> Vec<String> {
    visitor.types(&app.code(front.time()));
    let codes = recovery_codes(&visitor.sees(ONE_OF_THEM));
    visitor.types("ABCD-EFGH");
    assert!(visitor.sees(ONE_OF_THEM).contains("That is none of them."));
    visitor.types(&codes[7].to_lowercase().replace('-', " "));
    visitor.gets_in();
    assert_eq!(status(&mut front.client(LOGIN), ALICE).recovery_left, 10);
    codes
}

fn a_factor_is_set_up_in_the_middle_of_a_login(way: Way) {
    let front = enforcing(way, "");
    let mut visitor = front.visit_for_shell();
    let shown = visitor.sees(FIRST_CODE);
    assert!(shown.contains(SET_UP) && shown.contains("Scan this with it, or type the key into it:"), "{shown}");
    let app = scan(&front, &shown);
    visitor.types("000 000");
    assert!(visitor.sees(FIRST_CODE).contains(DENIED_TEXT));
    let spares = go_on(&front, visitor, &app);

    front.turn();
    let mut visitor = front.visit_with_password();
    visitor.gives(&app.code(front.time()));
    visitor.gets_in();
    let mut visitor = front.visit_with_password();
    visitor.gives(&spares[7]);
    visitor.gets_in();
}

#[test]
fn a_factor_is_set_up_over_ssh_with_a_password() {
    a_factor_is_set_up_in_the_middle_of_a_login(Way::SshPassword);
}

#[test]
fn a_factor_is_set_up_over_ssh_with_a_key() {
    a_factor_is_set_up_in_the_middle_of_a_login(Way::SshKey);
}

#[test]
fn a_factor_is_set_up_by_sudo() {
    a_factor_is_set_up_in_the_middle_of_a_login(Way::Sudo);
}

#[test]
fn a_factor_is_set_up_by_su() {
    a_factor_is_set_up_in_the_middle_of_a_login(Way::Su);
}

#[test]
fn a_factor_is_set_up_at_a_login() {
    a_factor_is_set_up_in_the_middle_of_a_login(Way::Login);
}

fn a_factor_is_set_up_for_one_command(way: Way) {
    let front = enforcing(way, "");
    let mut visitor = front.visit_with_password();
    let app = scan(&front, &visitor.sees(FIRST_CODE));
    go_on(&front, visitor, &app);
}

#[test]
fn a_factor_is_set_up_over_ssh_for_one_command() {
    a_factor_is_set_up_for_one_command(Way::SshPassword);
}

#[test]
fn a_factor_is_set_up_by_su_for_one_command() {
    a_factor_is_set_up_for_one_command(Way::Su);
}

#[test]
fn a_login_that_breaks_off_is_resumed_with_the_same_key() {
    let front = enforcing(Way::SshPassword, "");
    let mut visitor = front.visit_for_shell();
    let before = scan(&front, &visitor.sees(FIRST_CODE));
    visitor.leaves();
    assert_eq!(status(&mut front.client(LOGIN), ALICE).state, State::Pending);
    let mut visitor = front.visit_for_shell();
    let after = scan(&front, &visitor.sees(FIRST_CODE));
    assert_eq!(before.code(front.time()), after.code(front.time()));
    go_on(&front, visitor, &before);
}

#[test]
fn a_login_that_breaks_off_at_the_recovery_codes_has_set_the_factor_up() {
    let front = enforcing(Way::SshPassword, "");
    let mut visitor = front.visit_for_shell();
    let app = scan(&front, &visitor.sees(FIRST_CODE));
    visitor.types(&app.code(front.time()));
    let codes = recovery_codes(&visitor.sees(ONE_OF_THEM));
    visitor.leaves();
    front.turn();
    let mut visitor = front.visit_with_password();
    visitor.gives(&app.code(front.time()));
    visitor.gets_in();
    let mut visitor = front.visit_with_password();
    visitor.gives(&codes[0]);
    visitor.gets_in();
}

#[test]
fn whoever_types_no_recovery_code_gets_in_all_the_same() {
    let front = enforcing(Way::SshPassword, "");
    let mut visitor = front.visit_for_shell();
    let app = scan(&front, &visitor.sees(FIRST_CODE));
    visitor.types(&app.code(front.time()));
    for _ in 0..3 {
        visitor.sees(ONE_OF_THEM);
        visitor.types("");
    }
    let shown = visitor.gets_in();
    assert!(shown.contains("Make new recovery codes with: mfactl recovery"), "{shown}");
}

#[test]
fn three_wrong_first_codes_end_the_login() {
    let front = enforcing(Way::SshPassword, "");
    let mut visitor = front.visit_for_shell();
    for _ in 0..3 {
        visitor.sees(FIRST_CODE);
        visitor.types("00000");
    }
    assert!(visitor.is_turned_away().contains(DENIED_TEXT));
}

#[test]
fn the_largest_qr_code_that_is_shown_is_scanned_from_a_screen_of_24_lines() {
    let mut front = enforcing(Way::SshPassword, "");
    set_issuer(&mut front, "A company name");
    let mut visitor = front.visit_for_shell();
    let shown = visitor.sees(FIRST_CODE);
    assert_eq!(shown.lines().filter(|line| line.contains(['█', '▀', '▄'])).count(), 23, "{shown}");
    let app = scan(&front, &shown);
    visitor.types("000 000");
    visitor.sees(FIRST_CODE);
    go_on(&front, visitor, &app);
}

fn set_issuer(front: &mut Front, issuer: &str) {
    front.stop_daemon();
    front.perform("install -d -m 755 /etc/mfad");
    front.write("/etc/mfad/mfad.toml", &format!("[realm.system]\nissuer = \"{issuer}\"\n"));
    front.start_daemon();
}

#[test]
fn a_key_whose_qr_code_is_too_large_for_a_screen_is_shown_as_text_with_a_hint() {
    let mut front = enforcing(Way::SshPassword, "");
    let name = "somebody-with-a-long-name-of-32b";
    front.add_users(&[name]);
    set_issuer(&mut front, "A company with a long name");
    let mut visitor = front.visit_of(name);
    visitor.passes_first_factor(PASSWORD);
    let shown = visitor.sees(FIRST_CODE);
    assert!(shown.contains("(Its QR code does not fit on a screen of 24 lines.)"), "{shown}");
    assert!(!shown.contains(['█', '▀', '▄']), "{shown}");
    let app = App::scan(&format!("otpauth://totp/{name}?secret={}", key(&shown)));
    visitor.types(&app.code(front.time()));
    let codes = recovery_codes(&visitor.sees(ONE_OF_THEM));
    visitor.types(&codes[0]);
    visitor.gets_in();
}

/// The module cannot know: only the client's terminal shows what becomes of the QR code.
#[test]
fn the_key_as_text_is_good_where_the_client_of_ssh_shows_no_utf_8() {
    let front = enforcing(Way::SshPassword, "");
    let line = Way::SshPassword.line(ALICE, Some(PROOF)).replace("LC_ALL=C.UTF-8", "LC_ALL=C");
    let mut visitor = Visitor::by_line(front.machine(), (Way::SshPassword, ALICE), &line);
    visitor.passes_first_factor(PASSWORD);
    let shown = visitor.sees(FIRST_CODE);
    assert!(shown.contains(r"\342\226\210") && !shown.contains('█'), "{shown}");
    let app = App::scan(&format!("otpauth://totp/alice?secret={}", key(&shown)));
    go_on(&front, visitor, &app);
}

fn enroll_off_denies_and_says_what_to_do(way: Way) {
    let front = enforcing(way, "enroll=off");
    let shown = front.visit_with_password().is_turned_away();
    let advice = "A second factor is required, and none is set up: run mfactl enroll, or ask the administrator.";
    assert!(shown.contains(advice), "{shown}");
    assert_eq!(status(&mut front.client(LOGIN), ALICE).state, State::None);
}

#[test]
fn enroll_off_denies_over_ssh() {
    enroll_off_denies_and_says_what_to_do(Way::SshPassword);
}

#[test]
fn enroll_off_denies_at_a_login() {
    enroll_off_denies_and_says_what_to_do(Way::Login);
}

#[test]
fn enroll_off_denies_su() {
    enroll_off_denies_and_says_what_to_do(Way::Su);
}
