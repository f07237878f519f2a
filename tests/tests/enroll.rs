//! Enrolment end to end, with the authenticator and the camera of somebody else: `oathtool` and `zbarimg`.

use std::os::unix::fs::PermissionsExt;
use std::time::{SystemTime, UNIX_EPOCH};

use mfad_tests::app::{App, percent_decode};
use mfad_tests::daemon::Daemon;
use mfad_tests::programs::built;
use mfad_tests::terminal::{Terminal, decode, photograph};
use serde_json::Value;

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(bytes)))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// `enroll --begin`, as a program calls it.
fn begin(daemon: &Daemon, args: &[&str]) -> Value {
    let output = daemon.mfactl(&[&["enroll", "--begin"], args].concat(), "");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    json(&output.stdout)
}

#[test]
fn codes_of_oathtool_are_accepted_by_the_real_clock() {
    let daemon = Daemon::start();
    let enrollment = begin(&daemon, &["alice"]);
    assert_eq!(enrollment.as_object().unwrap().len(), 4);
    let app = App::scan(enrollment["uri"].as_str().unwrap());
    assert!(enrollment["uri"].as_str().unwrap().contains(enrollment["secret"].as_str().unwrap()));
    let left = enrollment["expires_at"].as_u64().unwrap().abs_diff(now() + 600);
    assert!(left <= 5, "an enrolment lasts 600 s");

    let id = enrollment["enrollment"].as_str().unwrap();
    let confirmed = daemon.mfactl(&["enroll", "--confirm", id, "alice"], &app.code(now()));
    let confirmed = json(&confirmed.stdout);
    assert_eq!(confirmed["result"], "enrolled");
    assert_eq!(confirmed["recovery_codes"].as_array().unwrap().len(), 10);

    // The next step's code is inside the window, whatever second it is.
    let accepted = daemon.mfactl(&["verify", "--json", "alice"], &format!("{}\n", app.code(now() + 30)));
    assert_eq!(accepted.status.code(), Some(0), "{}", daemon.log());
    let accepted = json(&accepted.stdout);
    assert_eq!(accepted["result"], "accepted");
    assert_eq!(accepted["factor"], "totp");
    assert_eq!(accepted["recovery_left"], 10);
    assert_eq!(accepted["failures_since"], 0);
    assert_eq!(accepted["last_failure"], Value::Null);
}

#[test]
fn names_survive_uri_picture_and_authenticator() {
    let daemon = Daemon::start();
    let names = [
        ("Example Corp", "ann lee"),
        ("100% sure & more?", "a@b.example"),
        ("Bäckerei Müller", "jürgen+özil"),
        ("暗号", "ユーザー"),
        ("a%20b", "50%=half#"),
    ];
    for (issuer, user) in names {
        let picture = daemon.folder().join("qr.png");
        let enrollment = begin(&daemon, &["--issuer", issuer, "--png", picture.to_str().unwrap(), user]);
        let uri = enrollment["uri"].as_str().unwrap();
        assert_eq!(decode(&picture), uri);
        assert_eq!(picture.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let (label, query) = uri.strip_prefix("otpauth://totp/").unwrap().split_once('?').unwrap();
        let (of_issuer, of_user) = label.split_once(':').unwrap();
        assert_eq!((percent_decode(of_issuer), percent_decode(of_user)), (issuer.to_owned(), user.to_owned()));
        let parameter = query.split('&').find_map(|pair| pair.strip_prefix("issuer=")).unwrap();
        assert_eq!(percent_decode(parameter), issuer);
    }
}

#[test]
fn the_longest_names_still_fit_a_message_and_a_picture() {
    let daemon = Daemon::start_with("[realm.system]\nalgorithm = \"SHA512\"\ndigits = 8\n");
    let (issuer, user) = ("ü".repeat(32), "é".repeat(127));
    let picture = daemon.folder().join("qr.png");
    let enrollment = begin(&daemon, &["--issuer", &issuer, "--png", picture.to_str().unwrap(), &user]);
    assert_eq!(decode(&picture), enrollment["uri"].as_str().unwrap());
}

#[test]
fn a_person_enrols_at_a_terminal() {
    let daemon = Daemon::start_with("[realm.system]\nissuer = \"Example\"\n");
    let socket = daemon.socket();
    let mut terminal = Terminal::start(&built("mfactl"), &["--socket", socket.to_str().unwrap(), "enroll", "alice"]);
    let shown = terminal.wait_for("First code from the app:");

    let picture = daemon.folder().join("screen.pgm");
    photograph(&shown, &picture);
    let uri = decode(&picture);
    let key = shown.lines().find_map(|line| line.trim_end().strip_prefix("    ")).unwrap().to_owned();
    assert!(key.split(' ').all(|group| group.len() == 4), "{key}");
    assert!(uri.contains(&format!("secret={}&", key.replace(' ', ""))), "the key as text is another one");

    let app = App::scan(&uri);
    terminal.type_line("000 000");
    terminal.wait_for("Not accepted. Each code works once: wait for the next one.");
    terminal.wait_for("First code from the app:");
    let code = app.code(now());
    terminal.type_line(&code);
    let (shown, status) = terminal.finish();
    assert_eq!(status.code(), Some(0), "{shown}");
    assert!(shown.contains("alice is enrolled"), "{shown}");
    assert!(!shown.contains(&code), "the code was shown while it was typed: {shown}");

    let status = json(&daemon.mfactl(&["--json", "status", "alice"], "").stdout);
    assert_eq!(status["state"], "active");
    assert_eq!(status["realm"], "system");
}

#[test]
fn a_picture_replaces_a_plain_file_and_nothing_else() {
    let daemon = Daemon::start();
    let at = |name: &str| daemon.folder().join(name);
    std::fs::write(at("plain"), "an older picture").unwrap();
    std::os::unix::fs::symlink(at("plain"), at("link")).unwrap();
    nix::unistd::mkfifo(&at("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    for refused in ["link", "pipe", "state", "missing/picture"] {
        let path = at(refused);
        let output = daemon.mfactl(&["enroll", "--begin", "--png", path.to_str().unwrap(), "alice"], "");
        assert_eq!(output.status.code(), Some(7), "{refused}");
        assert!(output.stdout.is_empty(), "{refused}: something was begun");
    }
    assert_eq!(json(&daemon.mfactl(&["--json", "status", "alice"], "").stdout)["state"], "none");
    let enrollment = begin(&daemon, &["--png", at("plain").to_str().unwrap(), "alice"]);
    assert_eq!(decode(&at("plain")), enrollment["uri"].as_str().unwrap());
}

#[test]
fn an_interrupted_question_leaves_the_terminal_as_it_was() {
    let daemon = Daemon::start();
    let program = built("mfactl");
    let script = format!(
        "stty -a; {} --socket {} verify alice; stty -a; echo the end",
        program.display(),
        daemon.socket().display()
    );
    let mut terminal = Terminal::start(std::path::Path::new("/bin/sh"), &["-c", &format!("trap : INT; {script}")]);
    let before = terminal.wait_for("Code: ");
    terminal.type_keys("12\u{3}");
    let after = terminal.wait_for("the end");
    assert!(!after.contains("12"), "what was typed is shown: {after}");
    for setting in ["isig", "icanon", "echo"] {
        let is_on = |shown: &str| shown.split_whitespace().any(|word| word.trim_end_matches(';') == setting);
        assert!(is_on(&before) && is_on(&after), "{setting} is off: {after}");
    }
    terminal.finish();
}

#[test]
fn without_a_terminal_enroll_says_what_to_do() {
    let daemon = Daemon::start();
    let output = daemon.mfactl(&["enroll", "alice"], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--begin"));
    assert_eq!(json(&daemon.mfactl(&["--json", "status", "alice"], "").stdout)["state"], "none");
}

#[test]
fn other_digits_and_hashes_are_made_and_accepted() {
    let algorithms = [("SHA1", 7), ("SHA256", 6), ("SHA512", 8)];
    for (algorithm, digits) in algorithms {
        let config = format!("[realm.system]\nalgorithm = \"{algorithm}\"\ndigits = {digits}\n");
        let daemon = Daemon::start_with(&config);
        let enrollment = begin(&daemon, &["alice"]);
        let app = App::scan(enrollment["uri"].as_str().unwrap());
        let code = app.code(now());
        assert_eq!(code.len(), digits);
        let id = enrollment["enrollment"].as_str().unwrap();
        let confirmed = daemon.mfactl(&["enroll", "--confirm", id, "alice"], &code);
        assert_eq!(confirmed.status.code(), Some(0), "{algorithm} with {digits} digits");
    }
}
