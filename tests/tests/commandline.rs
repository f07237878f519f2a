//! What a person meets at the command line: help with what was mistyped, and colours where they are wanted.

use std::process::{Command, Output};

use mfad_tests::daemon::Daemon;
use mfad_tests::programs::built;
use mfad_tests::terminal::Terminal;

/// What a terminal takes for colours, and nothing else of `mfactl`'s.
const ESCAPE: char = '\u{1b}';

fn run(program: &str, args: &[&str]) -> Output {
    Command::new(built(program)).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn what_was_mistyped_is_named_with_what_was_probably_meant() {
    let cases: [(&str, &[&str], &str); 9] = [
        ("mfactl", &["stauts"], "'status'"),
        ("mfactl", &["admin", "dissable", "alice"], "'disable'"),
        ("mfactl", &["admin", "disable", "alice", "--resaon", "x"], "'--reason'"),
        ("mfactl", &["--jsno", "status"], "'--json'"),
        ("mfactl", &["admin", "import", "f", "--format", "pam-oat"], "'pam-oath'"),
        ("mfactl", &["completions", "bsah"], "'bash'"),
        ("mfad", &["sevre"], "'serve'"),
        ("mfad", &["serve", "--sokcet", "x"], "'--socket'"),
        ("mfad", &["check", "--confg", "x"], "'--config'"),
    ];
    for (program, args, meant) in cases {
        let output = run(program, args);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{program} {args:?}: {said}");
        assert!(said.contains("similar") && said.contains(meant), "{program} {args:?}: {said}");
    }
}

#[test]
fn what_is_wrong_with_an_argument_is_said_without_what_a_terminal_would_obey() {
    let output = run("mfactl", &["status", "ev\u{1b}[31mil\u{202e}"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("il\\u{202e}") && !said.contains(['\u{1b}', '\u{202e}']), "{said:?}");
    // Words of the log that do not exist would find nothing for ever.
    let output = run("mfactl", &["admin", "audit", "--outcome", "deneid"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("'denied'"));
}

/// A program tells by the status: an object would have to say what only a person can mend.
#[test]
fn a_usage_error_leaves_standard_output_empty() {
    let cases: [&[&str]; 7] = [
        &["--json"],
        &["--json", "stauts"],
        &["--json", "admin"],
        &["--json", "admin", "disable", "alice"],
        &["--json", "--realm", "No Realm", "status"],
        &["--json", "enroll", "--begin", "--confirm", "00000000000000000000000000000000"],
        &["--json", "admin", "enforce", "sometimes"],
    ];
    for args in cases {
        let output = run("mfactl", args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {output:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{args:?}: {output:?}");
    }
}

/// What `mfactl` shows at a terminal, with these variables in its environment.
fn shown(daemon: &Daemon, variables: &[&str], args: &[&str]) -> String {
    let (socket, mfactl) = (daemon.socket(), built("mfactl"));
    // Nothing of the environment of whoever runs the tests: a log of CI takes colours whatever its terminal is called.
    let mut all = vec!["-u", "CI", "-u", "NO_COLOR", "-u", "CLICOLOR", "-u", "CLICOLOR_FORCE", "TERM=xterm"];
    all.extend(variables);
    all.extend([mfactl.to_str().unwrap(), "--socket", socket.to_str().unwrap()]);
    all.extend(args);
    let (shown, _) = Terminal::start("env".as_ref(), &all).finish();
    shown
}

#[test]
fn a_terminal_shows_states_and_failures_in_colour_unless_it_may_not() {
    let daemon = Daemon::start();
    let green = |word: &str| format!("{ESCAPE}[32m{word}{ESCAPE}[0m");
    let faint = format!("{ESCAPE}[2mnone{ESCAPE}[0m");
    let failed = format!("{ESCAPE}[1m{ESCAPE}[31mmfactl:{ESCAPE}[0m");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let app = daemon.enroll("alice", now);

    assert!(shown(&daemon, &[], &["status", "alice"]).contains(&format!(": {}", green("active"))));
    assert!(shown(&daemon, &[], &["status", "bob"]).contains(&faint));
    assert!(shown(&daemon, &[], &["admin", "remove", "bob"]).contains(&failed));
    let quiet: [&[&str]; 2] = [&["NO_COLOR=1"], &["TERM=dumb"]];
    for variables in quiet {
        for args in [["status", "alice"].as_slice(), &["status", "bob"], &["admin", "remove", "bob"]] {
            let shown = shown(&daemon, variables, args);
            assert!(!shown.contains(ESCAPE) && !shown.is_empty(), "{variables:?} {args:?}: {shown:?}");
        }
    }

    let socket = daemon.socket();
    let mut terminal = Terminal::start(
        "env".as_ref(),
        &[
            "-u",
            "NO_COLOR",
            "TERM=xterm",
            built("mfactl").to_str().unwrap(),
            "--socket",
            socket.to_str().unwrap(),
            "verify",
            "alice",
        ],
    );
    terminal.wait_for("Code: ");
    terminal.type_line(&app.code(now + 30));
    let (shown, status) = terminal.finish();
    assert!(status.success() && shown.contains(&green("Accepted.")), "{shown:?}");
}

#[test]
fn a_pipe_gets_no_colours_unless_somebody_insists() {
    let daemon = Daemon::start();
    let ask = |variable: Option<(&str, &str)>, args: &[&str]| {
        let mut command = Command::new(built("mfactl"));
        command.arg("--socket").arg(daemon.socket()).args(args).env("TERM", "xterm");
        command.env_remove("NO_COLOR").env_remove("CLICOLOR").env_remove("CLICOLOR_FORCE");
        let output = command.envs(variable).output().unwrap();
        (text(&output.stdout), text(&output.stderr))
    };
    for args in [["status", "bob"].as_slice(), &["admin", "remove", "bob"], &["--json", "status", "bob"]] {
        let (out, error) = ask(None, args);
        assert!(!out.contains(ESCAPE) && !error.contains(ESCAPE), "{args:?}: {out:?} {error:?}");
    }
    let forced = Some(("CLICOLOR_FORCE", "1"));
    assert!(ask(forced, &["status", "bob"]).0.contains(ESCAPE));
    assert!(ask(forced, &["admin", "remove", "bob"]).1.contains(ESCAPE));
    // An object is for a program, whatever the prose beside it looks like.
    let (object, prose) = ask(forced, &["--json", "status", "bob"]);
    assert!(!object.contains(ESCAPE) && prose.contains(ESCAPE), "{object:?} {prose:?}");
    serde_json::from_str::<serde_json::Value>(&object).unwrap();
}
