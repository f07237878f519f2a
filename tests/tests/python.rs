//! The client in plain Python, which was written from `proto/PROTOCOL.md` alone: it understands the daemon, and falls for
//! no server.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use mfad_proto::frame::MAX_FRAME;
use mfad_proto::{Accepted, Call, Context, Factor, Failure, Label, Refusal, Reply, Request};
use mfad_tests::app::other_than;
use mfad_tests::calls::{account, code};
use mfad_tests::daemon::{Daemon, NOON};
use mfad_tests::impostor;
use mfad_tests::python::{run, verify};
use mfad_tests::raw::frame;
use tempfile::TempDir;

const DENIED: &str = "Not accepted. Each code works once: wait for the next one.\n";

/// The exit status, and what was said to the person.
fn outcome(output: &Output) -> (i32, String) {
    let said = if output.status.success() { &output.stdout } else { &output.stderr };
    let silent = if output.status.success() { &output.stderr } else { &output.stdout };
    assert!(silent.is_empty(), "{output:?}");
    (output.status.code().expect("a status"), String::from_utf8(said.clone()).expect("text"))
}

#[test]
fn a_code_is_accepted_once_and_a_wrong_one_never() {
    let daemon = Daemon::start_clocked("");
    let app = daemon.enroll("alice", NOON);
    let ask = |code: &str| outcome(&verify(&daemon.socket(), "alice", code));
    assert_eq!(ask(&app.code(NOON)), (1, DENIED.to_owned()), "the code that enrolled was accepted again");
    let wrong = other_than(&(0..10).map(|n| app.code(NOON - 120 + 30 * n)).collect::<Vec<_>>());
    assert_eq!(ask(&wrong), (1, DENIED.to_owned()));
    let (status, said) = ask(&app.code(NOON + 30));
    assert_eq!((status, said.as_str()), (0, "Accepted. Recovery codes left: 10. Failed tries: 1.\n"));
    assert_eq!(ask(&app.code(NOON + 30)), (1, DENIED.to_owned()), "a used code was accepted");
    assert_eq!(outcome(&verify(&daemon.socket(), "nobody-of-that-name", "123456")), (1, DENIED.to_owned()));
}

#[test]
fn guesses_must_wait() {
    let daemon = Daemon::start_clocked("");
    let app = daemon.enroll("alice", NOON);
    let wrong = other_than(&(0..10).map(|n| app.code(NOON - 120 + 30 * n)).collect::<Vec<_>>());
    for _ in 0..3 {
        assert_eq!(verify(&daemon.socket(), "alice", &wrong).status.code(), Some(1));
    }
    let (status, said) = outcome(&verify(&daemon.socket(), "alice", &app.code(NOON + 30)));
    assert_eq!((status, said.as_str()), (3, "Too many failures: wait 5 seconds.\n"));
}

#[test]
fn without_a_daemon_there_is_no_answer() {
    let mut daemon = Daemon::start_clocked("");
    let nowhere = daemon.folder().join("nowhere");
    assert_eq!(verify(&nowhere, "alice", "123456").status.code(), Some(4));
    daemon.kill();
    assert_eq!(verify(&daemon.socket(), "alice", "123456").status.code(), Some(4));
    daemon.spawn();
    assert_eq!(verify(&daemon.socket(), "alice", "123456").status.code(), Some(1));
}

#[test]
fn wrong_usage_is_told() {
    let (long, longest) = ("u".repeat(256), "u".repeat(255));
    let cases: [&[&str]; 9] = [
        &[],
        &["s"],
        &["s", "verify"],
        &["s", "status", "alice"],
        &["s", "verify", "alice", "123456"],
        &["s", "verify", ""],
        &["s", "verify", "a/b"],
        &["s", "verify", "a\u{85}b"],
        &["s", "verify", &long],
    ];
    for arguments in cases {
        let (status, said) = outcome(&run(arguments, "123456\n"));
        assert_eq!(status, 2, "{arguments:?}: {said}");
        assert!(!said.contains("Traceback"), "{said}");
    }
    assert_eq!(run(&["nowhere", "verify", &longest], "123456\n").status.code(), Some(4));
    let (status, said) = outcome(&run(&["nowhere", "verify", "alice"], ""));
    assert_eq!((status, said.as_str()), (2, "a code is expected on standard input\n"));
    assert_eq!(run(&["nowhere", "verify", "alice"], &"1".repeat(65)).status.code(), Some(7));
}

/// A server that answers every Verify of alice with this.
fn answered(reply: impl Fn() -> Reply + Clone + Send + 'static) -> (i32, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let socket = folder.path().join("s");
    impostor::serve(&socket, move |call| {
        let context = Context { service: Label::cut("mfad.py"), ..Context::default() };
        let wanted = Call::Verify { account: account("alice"), code: code("12 34"), context };
        (written(call) == written(wanted)).then(&reply)
    });
    outcome(&verify(&socket, "alice", "12 34"))
}

/// Calls are compared by their bytes.
fn written(call: Call) -> Vec<u8> {
    let mut buffer = [0; MAX_FRAME];
    let length = Request::write_call(1, &call, &mut buffer).expect("a legal call");
    buffer[..length].to_vec()
}

#[test]
fn every_answer_has_its_status() {
    let refusals = [
        (Refusal::Denied, 1),
        (Refusal::TryLater { seconds: 900 }, 3),
        (Refusal::EnrollmentRequired, 6),
        (Refusal::NotPermitted, 5),
        (Refusal::Unavailable, 4),
        (Refusal::Malformed, 7),
        (Refusal::Unsupported, 7),
    ];
    for (refusal, wanted) in refusals {
        let (status, said) = answered(move || Reply::Refused(refusal));
        assert_eq!(status, wanted, "{said}");
        assert!(!said.contains("Traceback") && !matches!(refusal, Refusal::TryLater { .. }) | said.contains("900"));
    }
    let accepted = |factor| {
        let last_failure = Some(Failure { time: NOON, service: Label::cut("login") });
        Reply::Accepted(Accepted { factor, recovery_left: 9, failures_since: 251, last_failure })
    };
    for factor in [Factor::Totp, Factor::Recovery] {
        let (status, said) = answered(move || accepted(factor));
        assert_eq!((status, said.as_str()), (0, "Accepted. Recovery codes left: 9. Failed tries: 251.\n"));
    }
    assert_eq!(answered(move || accepted(Factor::Password)).0, 4, "a password alone was taken for a code");
    assert_eq!(answered(|| Reply::Done).0, 4);
}

/// A server that reads one frame of each connection, and sends these bytes: those of the last to all that come after.
struct Server {
    folder: TempDir,
    connections: Arc<AtomicUsize>,
}

impl Server {
    fn play(said: Vec<Vec<u8>>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let listener = UnixListener::bind(folder.path().join("s")).expect("a socket");
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let number = count.fetch_add(1, Ordering::SeqCst);
                let said = said[number.min(said.len() - 1)].clone();
                thread::spawn(move || answer(stream, &said));
            }
        });
        Self { folder, connections }
    }

    fn verify(&self) -> Output {
        verify(&self.socket(), "alice", "123456")
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    fn served(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn answer(mut stream: UnixStream, said: &[u8]) {
    let mut length = [0; 4];
    stream.read_exact(&mut length).expect("a length");
    let mut body = vec![0; u32::from_le_bytes(length).try_into().expect("a length")];
    stream.read_exact(&mut body).expect("a whole frame");
    // The client may have seen enough before all is sent.
    stream.write_all(said).ok();
    if said == SILENCE {
        stream.read_to_end(&mut Vec::new()).ok();
    }
}

/// What the server sends that then keeps the connection: the beginning of a frame.
const SILENCE: &[u8] = &[3, 0];

const ACCEPTED: &[u8] = &[1, 5, 0, 10, 0, 0];

#[test]
fn a_server_that_does_not_behave_is_never_a_yes() {
    let long = [frame(ACCEPTED), vec![0; 100_000]].concat();
    let cut = frame(ACCEPTED)[..8].to_vec();
    for said in [
        vec![],
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        vec![0xff; 4],
        [vec![0xff; 4], vec![0; 100_000]].concat(),
        vec![0; 4],
        vec![0x01, 0x10, 0, 0],
        cut,
        vec![3, 0, 0, 0, 0, 1, 1],
        vec![4, 0, 0, 0, 2, 1, 8, 0],
        frame(&[]),
        frame(&[1]),
        frame(&[1, 99]),
        frame(&[2, 5, 0, 10, 0, 0]),
        frame(&[0, 5, 0, 10, 0, 0]),
        frame(&[1, 1]),
        frame(&[0, 0, 5]),
        frame(&[1, 5, 0, 10, 0, 0, 0]),
        frame(&[1, 5, 0, 10, 0, 2]),
        frame(&[1, 5, 0, 10, 0, 1, 7, 65]),
        frame(&[1, 5, 0, 10, 0, 1, 7, 1, 0xff]),
        frame(&[1, 5, 0, 10, 0, 1, 7, 0xfd, 0, 0, 0, 0, 0, 1, 0, 0]),
        frame(&[1, 5, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0]),
        frame(&[1, 5, 3, 10, 0, 0]),
        frame(&[1, 0, 7]),
        frame(&[1, 0, 1]),
    ] {
        let server = Server::play(vec![said.clone()]);
        let (status, words) = outcome(&server.verify());
        assert_eq!(status, 4, "{:?}: {words}", &said[..said.len().min(20)]);
        assert!(!words.contains("Traceback"), "{words}");
        assert_eq!(server.served(), 1, "a code of unknown fate was sent again");
    }
    // What comes behind the answer is nobody's.
    assert_eq!(Server::play(vec![long]).verify().status.code(), Some(0));
}

#[test]
fn silence_ends_at_the_deadline() {
    let server = Server::play(vec![SILENCE.to_vec()]);
    assert_eq!(outcome(&server.verify()).0, 4);
    assert_eq!(server.served(), 1);
}

#[test]
fn what_was_not_looked_at_is_sent_again() {
    let farewell = frame(&[0, 1]);
    let server = Server::play(vec![farewell.clone(), farewell.clone(), frame(ACCEPTED)]);
    assert_eq!((outcome(&server.verify()).0, server.served()), (0, 3));
    let server = Server::play(vec![farewell]);
    assert_eq!((outcome(&server.verify()).0, server.served()), (4, 3));
}
