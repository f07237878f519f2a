//! Modules that ask, say and do what modules of this world may.

use mfad_proto::passwd::Answer::{self, Right, Unavailable, Wrong};
use tempfile::TempDir;

use super::helper::{Talk, question, send, talk};
use super::world::{World, module};

const USER: &str = "mfad-alice";
const PASSWORD: &str = "opensesame";

/// What is answered when these lines are the service. `TEST` stands for the module of these tests.
fn with_service(lines: &str) -> Talk {
    let folder = TempDir::new().unwrap();
    let world = World::with_service(&lines.replace("TEST", &module(folder.path())));
    world.ask(USER, PASSWORD)
}

/// The same where nothing judges the account.
fn with_auth(lines: &str) -> Talk {
    with_service(&format!("{lines}\naccount required TEST\n"))
}

#[test]
fn the_first_hidden_question_gets_the_password() {
    with_auth("auth required TEST password opensesame").assert_answer(Right.to_byte());
    with_auth("auth required TEST password opensesam").assert_answer(Wrong.to_byte());
    with_auth("auth required TEST informed").assert_answer(Right.to_byte());
    with_auth("auth required TEST texts\nauth required TEST password opensesame").assert_answer(Right.to_byte());
}

#[test]
fn no_other_question_gets_anything() {
    for does in ["echo", "radio", "binary", "pair", "mixed", "none", "again"] {
        let talk = with_auth(&format!("auth required TEST {does}")).about(&does);
        talk.assert_answer(Unavailable.to_byte());
        assert!(talk.stderr.contains("asked for more than one password"), "{talk:?}");
    }
}

#[test]
fn a_question_that_found_no_answer_is_not_taken_for_a_wrong_password() {
    // As Debian's common-auth ends: whatever went wrong, pam_deny says.
    let denies = "auth [success=1 default=ignore] TEST again\nauth requisite pam_deny.so\nauth required pam_permit.so";
    with_auth(denies).assert_answer(Unavailable.to_byte());
    // Here the password alone decides, and whoever asks for more has no say.
    let passes = "auth required TEST password opensesame\nauth optional TEST echo";
    with_auth(passes).assert_answer(Right.to_byte());
    // It may be the wrong password, or the lack of a code: nobody can tell.
    let unclear = "auth required TEST password wrong\nauth optional TEST echo";
    with_auth(unclear).assert_answer(Unavailable.to_byte());
}

#[test]
fn codes_come_through_libpam_as_the_table_says() {
    let codes: [(i32, Answer); 6] =
        [(0, Right), (6, Wrong), (9, Unavailable), (12, Wrong), (13, Wrong), (24, Unavailable)];
    for (code, expected) in codes {
        let authenticated = "auth required TEST password opensesame";
        with_service(&format!("{authenticated}\naccount required TEST code {code}\n"))
            .about(&code)
            .assert_answer(expected.to_byte());
        with_auth(&format!("auth required TEST code {code}")).about(&code).assert_answer(expected.to_byte());
    }
}

#[test]
fn modules_find_a_bare_process() {
    let folder = TempDir::new().unwrap();
    let service = format!("auth required {0} surroundings\naccount required {0}\n", module(folder.path()));
    let world = World::with_service(&service);
    // As a careless starter would have it.
    let mut command = world.command("sh");
    command.args(["-c", "umask 0; KRB5_CONFIG=/tmp/x exec \"$0\" >&0", env!("CARGO_BIN_EXE_mfad-passwd")]);
    let talk = talk(command, |stream| send(stream, &question(USER, PASSWORD)));
    talk.assert_answer(Right.to_byte());
    assert_eq!(talk.stderr, "");
}

#[test]
fn what_a_module_writes_is_no_answer() {
    let folder = TempDir::new().unwrap();
    let service = format!("auth required {0} shout\naccount required {0}\n", module(folder.path()));
    let world = World::with_service(&service);
    let mut command = world.command("sh");
    command.args(["-c", "exec \"$0\" >&0", env!("CARGO_BIN_EXE_mfad-passwd")]);
    let talk = talk(command, |stream| send(stream, &question(USER, PASSWORD)));
    talk.assert_answer(Wrong.to_byte());
}

#[test]
fn a_module_that_ends_the_process_gives_no_answer() {
    for (does, expected) in [("hang", libc::SIGALRM), ("crash", libc::SIGABRT)] {
        let talk = with_auth(&format!("auth required TEST {does}"));
        assert_eq!(talk.answer, b"", "{does}: {talk:?}");
        // As `timeout` says it, which passes the signal on, or as a shell would.
        let signal = std::os::unix::process::ExitStatusExt::signal(&talk.status)
            .or_else(|| talk.status.code()?.checked_sub(128));
        assert_eq!(signal, Some(expected), "{does}: {talk:?}");
    }
    let talk = with_auth("auth required TEST exit");
    assert_eq!(talk.answer, b"", "{talk:?}");
}

#[test]
fn pam_is_not_asked_what_nobody_has_for_a_password() {
    let folder = TempDir::new().unwrap();
    let service = format!("auth required {0} code 0\naccount required {0}\n", module(folder.path()));
    // A service that takes every password.
    let world = World::with_service(&service);
    world.ask(USER, "x").assert_answer(Right.to_byte());
    world.ask(USER, &"x".repeat(511)).assert_answer(Right.to_byte());
    for password in ["", "\0", "x\0", "\0x"] {
        world.ask(USER, password).assert_answer(Wrong.to_byte());
    }
    world.ask(USER, &"x".repeat(512)).assert_answer(Wrong.to_byte());
    world.ask(USER, &"x".repeat(1024)).assert_answer(Wrong.to_byte());
}
