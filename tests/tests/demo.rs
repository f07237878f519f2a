//! `mfad demo`, as a new user runs it.

use std::path::Path;
use std::process::{Command, Stdio};

use mfad_tests::programs::built;
use mfad_tests::terminal::{Terminal, decode, photograph};

fn demo(folder: &Path) -> Command {
    let mut command = Command::new(built("mfad"));
    command.arg("demo").env("TMPDIR", folder);
    command
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

fn daemons_below(folder: &Path) -> usize {
    let mut found = 0;
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        found += usize::from(String::from_utf8_lossy(&command).contains(folder.to_str().unwrap()));
    }
    found
}

#[test]
fn the_demo_shows_the_whole_flow_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let output = demo(folder.path()).output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{shown}{}", String::from_utf8_lossy(&output.stderr));
    let said = [
        "nothing more is asked of her yet",
        "alice is enrolled",
        "password and next code are right",
        "the same code a second time is refused",
        "a wrong code is refused, and so is a wrong password",
        "a new daemon process on the same state",
        "a recovery code lets her in",
        "alice gives up the second factor",
        "the administrator enforces a second factor",
        "nothing is left behind",
    ];
    let mut rest = shown.as_str();
    for line in said {
        rest = rest.split_once(line).unwrap_or_else(|| panic!("{line:?} is missing or out of order: {shown}")).1;
    }
    let pictures = tempfile::tempdir().unwrap();
    let picture = pictures.path().join("qr.pgm");
    photograph(&shown, &picture);
    assert!(decode(&picture).starts_with("otpauth://totp/mfad%20demo:alice?secret="));
    assert!(is_empty(folder.path()));
    assert_eq!(daemons_below(folder.path()), 0);
}

#[test]
fn an_interrupted_demo_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = demo(folder.path());
    let mut child = command.arg("--interactive").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    // It asks for a code, which never comes.
    let mut shown = child.stdout.take().unwrap();
    let mut text = Vec::new();
    while !String::from_utf8_lossy(&text).contains("Type the first code") {
        let mut byte = [0];
        assert_eq!(std::io::Read::read(&mut shown, &mut byte).unwrap(), 1, "the demo ended");
        text.push(byte[0]);
    }
    assert_eq!(daemons_below(folder.path()), 1);
    let pid = nix::unistd::Pid::from_raw(child.id().try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(is_empty(folder.path()));
    assert_eq!(daemons_below(folder.path()), 0);
}

#[test]
fn a_demo_whose_terminal_is_closed_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!("TMPDIR={} exec {} demo --interactive", folder.path().display(), built("mfad").display());
    let mut terminal = Terminal::start(Path::new("/bin/sh"), &["-c", &script]);
    terminal.wait_for("Type the first code:");
    assert_eq!(daemons_below(folder.path()), 1);
    // Hangs up, and waits for the demo to end.
    drop(terminal);
    assert!(is_empty(folder.path()));
    assert_eq!(daemons_below(folder.path()), 0);
}

#[test]
fn a_person_can_play_the_authenticator() {
    let mut terminal = Terminal::start(&built("mfad"), &["demo", "--interactive"]);
    let shown = terminal.wait_for("Type the first code:");
    let pictures = tempfile::tempdir().unwrap();
    let picture = pictures.path().join("qr.pgm");
    photograph(&shown, &picture);
    let app = mfad_tests::app::App::scan(&decode(&picture));
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    // Three steps are typed by hand here; none may end in between.
    while now() % 30 > 20 {
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    let start = now();
    terminal.type_line("oops");
    terminal.wait_for("Not accepted.");
    terminal.wait_for("Type the first code:");
    // As somebody with a clock half a minute slow, right, and half a minute fast would: no step has to be waited for.
    let steps = [start - 30, start, start + 30];
    terminal.type_line(&app.code(steps[0]));
    terminal.wait_for("Type the next code");
    terminal.type_line(&app.code(steps[1]));
    terminal.wait_for("Type once more the next code");
    terminal.type_line(&app.code(steps[2]));
    let (shown, status) = terminal.finish();
    assert!(status.success(), "{shown}");
}
