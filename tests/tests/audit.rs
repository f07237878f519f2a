//! What the log says: one line a request, and never a secret or a name that does not exist.

use mfad_proto::{Call, Proof};
use mfad_tests::app::App;
use mfad_tests::daemon::{Daemon, NOON, account, begin_enrollment, code, context, verify};
use mfad_tests::raw::{Raw, frame};
use serde_json::Value;

fn lines(daemon: &mut Daemon) -> Vec<Value> {
    daemon.stop();
    let log = daemon.log();
    log.lines().filter(|line| line.starts_with('{')).map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_request_leaves_one_line_with_its_outcome_and_reason() {
    let mut daemon = Daemon::start_clocked("");
    let mut client = daemon.client();
    let enrollment = begin_enrollment(&mut client, "alice");
    let app = App::scan(enrollment.uri.expose());
    let confirm = |text: &str| Call::Confirm { account: account("alice"), enrollment: enrollment.id, code: code(text) };
    let reset = Call::Reset {
        account: account("alice"),
        proof: Proof::Asserted,
        code: code(&app.code(NOON)),
        context: context(),
    };
    let calls = vec![
        confirm("no code"),
        confirm(&app.code(NOON)),
        verify("alice", &app.code(NOON)),
        verify("alice", &app.code(NOON + 90)),
        verify("alice", "000"),
        verify("alice", &app.code(NOON + 30)),
        verify("nobody", "123456"),
        Call::Begin { account: account("alice"), context: context() },
        Call::Status { account: account("alice") },
        reset,
        Call::Ping,
    ];
    for call in calls {
        client.call(call).unwrap();
    }
    let mut raw = Raw::connect(&daemon.socket());
    raw.send(&frame(&[7, 99]));
    let _unsupported = raw.receive();

    let found: Vec<_> = lines(&mut daemon)
        .iter()
        .map(|line| {
            assert_eq!(line["uid"], nix::unistd::geteuid().as_raw());
            assert!(line["pid"].is_number() && line["micros"].is_number() && line["socket"] == "by-hand");
            let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
            (text("call"), text("outcome"), text("reason"))
        })
        .collect();
    let expected = [
        ("enroll", "enrollment_begun", ""),
        ("confirm", "denied", "wrong code"),
        ("confirm", "enrolled", ""),
        ("verify", "denied", "replayed: this code's step is used"),
        ("verify", "denied", "right code of another step: +3 steps"),
        ("verify", "denied", "wrong code"),
        ("verify", "accepted", ""),
        ("verify", "denied", "not enrolled"),
        ("begin", "answered", ""),
        ("status", "answered", ""),
        ("reset", "denied", "replayed: this code's step is used"),
        ("ping", "answered", ""),
        ("?", "unsupported", ""),
    ];
    assert_eq!(found, expected.map(|(call, outcome, reason)| (call.into(), outcome.into(), reason.into())));
}

#[test]
fn secrets_and_unknown_names_are_in_no_log_and_not_in_the_state() {
    let mut daemon = Daemon::start_clocked("");
    let app = daemon.enroll("alice", NOON);
    let _accepted = daemon.verify("alice", &app.code(NOON + 30));
    let _denied = daemon.verify("hunter2-typed-as-a-name", "314159");
    let enrollment = begin_enrollment(&mut daemon.client(), "carol");
    let uri = enrollment.uri.expose().to_owned();
    let (_, key) = uri.split_once("secret=").unwrap();
    let key = key.split('&').next().unwrap();
    let raw_key = data_encoding::BASE32_NOPAD.decode(key.as_bytes()).unwrap();
    daemon.stop();

    let mut everything = vec![daemon.log().into_bytes()];
    let mut pending = vec![daemon.folder().join("state")];
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            pending.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            everything.push(std::fs::read(&path).unwrap());
        }
    }
    let hex = data_encoding::HEXLOWER.encode(&raw_key);
    let base64 = data_encoding::BASE64_NOPAD.encode(&raw_key);
    let codes = [app.code(NOON), app.code(NOON + 30), "314159".to_owned(), "hunter2".to_owned()];
    let needles = [key.as_bytes(), &raw_key, hex.as_bytes(), base64.as_bytes()];
    for bytes in &everything {
        for needle in needles.into_iter().chain(codes.iter().map(String::as_bytes)) {
            let found = bytes.windows(needle.len()).any(|window| window == needle);
            // Six digits can stand in a time or a random file; only the log is text that could mean them.
            let telling = needle.len() > 6 || bytes == &everything[0];
            assert!(!(found && telling), "{} is written somewhere", String::from_utf8_lossy(needle));
        }
    }
}

#[test]
fn what_a_client_says_of_itself_cannot_break_a_line() {
    let mut daemon = Daemon::start_clocked("");
    let mut context = context();
    context.service = mfad_proto::Label::new("x\"}\n{\"outcome\":\"accepted\"}\u{1b}[2J").unwrap();
    let call = Call::Verify { account: account("alice"), code: code("000000"), context };
    daemon.client().call(call).unwrap();
    let lines = lines(&mut daemon);
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["outcome"], "denied");
    assert!(!daemon.log().contains('\u{1b}'));
}

#[test]
fn a_log_that_nobody_reads_stops_no_login() {
    let mut daemon = Daemon::start_clocked("");
    let app = daemon.enroll("alice", NOON);
    daemon.stop();
    // A pipe that is never read: it takes 64 KiB, some 300 lines.
    let mut command = daemon.command();
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    while std::os::unix::net::UnixStream::connect(daemon.socket()).is_err() {
        assert!(child.try_wait().unwrap().is_none(), "it ended");
        std::thread::yield_now();
    }
    let mut client = daemon.client();
    // Pings would be summed up.
    let looks = client.call_all((0..2_000).map(|_| Call::Status { account: account("alice") }).collect());
    assert!(looks.iter().all(Result::is_ok));
    assert!(mfad_tests::daemon::accepted(&client.call(verify("alice", &app.code(NOON + 30))).unwrap()));
    child.kill().unwrap();
    child.wait().unwrap();
}
