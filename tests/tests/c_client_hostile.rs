//! `libmfad` before servers that do not behave: an error in time, never a yes, and a code never sent twice.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};

use mfad_proto::frame::version_refusal;
use mfad_proto::{
    Accepted, Account, AccountName, Call, CallKind, Factor, Failure, Label, Refusal, Reply, Request, Response, UserName,
};
use mfad_tests::c_program::Installed;
use mfad_tests::calls::code;
use mfad_tests::listed::realm;
use mfad_tests::played::{Play, Played, answer, read_frame};
use mfad_tests::vectors::{Kind, bad, good};

/// A connection that ends with these bytes after a request has come.
fn after(bytes: &'static [u8]) -> Vec<Play> {
    vec![Box::new(move |mut stream| {
        read_frame(&mut stream);
        stream.write_all(bytes).unwrap();
    })]
}

/// What the driver says of this line, and in a message, before a server that plays this.
fn before(installed: &Installed, plays: Vec<Play>, line: &str) -> (String, String) {
    let server = Played::new(plays);
    let mut c = installed.driver("town", &server.socket());
    c.does("deadline 500");
    let said = c.does(line);
    let message = c.does("message");
    assert!(c.finish().success());
    (said, message)
}

#[test]
fn whatever_a_server_sends_is_an_error_and_a_code_counts_as_sent() {
    let installed = Installed::new();
    for bytes in [
        b"\xff\xff\xff\xff".as_slice(),
        b"\xff\xff\xff\x7f\x01\x01",
        b"\0\0\0\0",
        b"\x03\0\0\0\x01",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x04\0\0\0\x02\x01\x00\x00",
        b"\x04\0\0\0\x01\x01\x63\x00",
        b"\x05\0\0\0\x01\x01\x00\x00\x00",
        // An answer to a request that was never made, and one to another call.
        b"\x03\0\0\0\x01\x63\x08",
        b"\x03\0\0\0\x01\x01\x08",
        // Accepted, but with a password: no answer to Verify.
        b"\x07\0\0\0\x01\x01\x05\x02\x00\x00\x00",
        b"\x01",
        b"",
    ] {
        let (said, message) = before(&installed, after(bytes), "verify ann test 123456");
        assert_eq!(said, "UNKNOWN_FATE factor=0 left=0 failures=0", "{bytes:?}");
        assert!(message.contains("use a new code"), "{bytes:?}: {message}");
    }
}

#[test]
fn a_call_that_changes_nothing_is_not_mistaken_either() {
    let installed = Installed::new();
    for (bytes, said) in [
        (b"\xff\xff\xff\xff".as_slice(), "PROTOCOL"),
        (b"\x05\0\0\0\x01\x01\x00\x00\x00", "PROTOCOL"),
        (b"\x03\0\0\0\x01\x63\x08", "PROTOCOL"),
        (b"\x03\0\0\0\x01\x01\x08", "PROTOCOL"),
        (b"\x04\0\0\0\x01\x01\x03\x09", "PROTOCOL"),
        (b"\x03\0\0\0\x00\x01\x01", "VERSION"),
    ] {
        assert_eq!(before(&installed, after(bytes), "begin ann test").0, format!("{said} need=0"), "{bytes:?}");
    }
    assert_eq!(before(&installed, after(&VERSION_REFUSAL), "begin ann test").1, SPOKEN);
    let going = (0..9).map(|_| Box::new(|mut stream: UnixStream| answer(&mut stream, 0, Reply::GoingAway)) as Play);
    assert_eq!(before(&installed, going.collect(), "begin ann test").0, "GONE need=0");
}

const VERSION_REFUSAL: [u8; 7] = version_refusal();
const SPOKEN: &str = "mfad speaks protocol versions 1 to 1, and this program 1";

#[test]
fn silence_ends_at_the_deadline() {
    let installed = Installed::new();
    let silent = || -> Vec<Play> {
        vec![Box::new(|mut stream| {
            stream.read_to_end(&mut Vec::new()).unwrap();
        })]
    };
    assert_eq!(before(&installed, silent(), "begin ann test").0, "DEADLINE need=0");
    assert!(before(&installed, silent(), "verify ann test 1").0.starts_with("UNKNOWN_FATE "));
    // A server that accepts nobody: the kernel queues connections up to its backlog.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let _listener = UnixListener::bind(&path).unwrap();
    let mut c = installed.driver("town", &path);
    c.does("deadline 200");
    let ended = (0..10_000).map(|_| c.does("connect")).find(|said| !said.starts_with("OK "));
    assert_eq!(ended.as_deref(), Some("DEADLINE connected=0 server=0"));
}

#[test]
fn nobody_there_is_told_apart_from_something_in_the_way() {
    let installed = Installed::new();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| installed.driver("town", &folder.path().join(name)).does("verify ann test 1");
    drop(UnixListener::bind(folder.path().join("stale")).unwrap());
    fs::write(folder.path().join("file"), "").unwrap();
    assert_eq!(at("missing"), "NOT_RUNNING os_error=2 factor=0 left=0 failures=0");
    assert_eq!(at("stale"), "NOT_RUNNING os_error=111 factor=0 left=0 failures=0");
    assert_eq!(at("file/below"), "CANNOT_CONNECT os_error=20 factor=0 left=0 failures=0");
}

#[test]
fn what_a_server_says_of_a_service_cannot_rule_a_terminal() {
    let installed = Installed::new();
    let last = Failure { time: 7, service: Label::new("a\u{1b}[2J\0\u{202e}b").unwrap() };
    let accepted = Accepted { factor: Factor::Totp, recovery_left: 1, failures_since: 2, last_failure: Some(last) };
    let play: Play = Box::new(move |mut stream| {
        let id = read_frame(&mut stream)[1];
        answer(&mut stream, id.into(), Reply::Accepted(accepted));
    });
    let (said, _) = before(&installed, vec![play], "verify ann test 1");
    assert_eq!(said, "OK factor=1 left=1 failures=2 last=7 from=a?[2J??b");
}

#[test]
fn a_server_that_has_closed_kills_no_program_with_sigpipe() {
    let installed = Installed::new();
    let closing: Vec<Play> = (0..8).map(|_| Box::new(drop) as Play).collect();
    let server = Played::new(closing);
    let mut c = installed.driver("town", &server.socket());
    let status = fs::read_to_string(format!("/proc/{}/status", c.pid())).unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap().trim();
    assert_eq!(u64::from_str_radix(ignored, 16).unwrap() & 0x1000, 0, "SIGPIPE is ignored: this test shows nothing");
    c.does("connect");
    for _ in 0..2 {
        let said = c.does("verify ann test 1");
        assert!(["GONE ", "UNKNOWN_FATE "].iter().any(|begin| said.starts_with(begin)), "{said}");
    }
    assert!(c.finish().success());
}

#[test]
fn refusals_of_a_server_that_refuses_everything_have_their_names() {
    let installed = Installed::new();
    for (refusal, said) in [
        (Refusal::Denied, "DENIED"),
        (Refusal::TryLater { seconds: 4_294_967_295 }, "TRY_LATER retry_after=4294967295"),
        (Refusal::EnrollmentRequired, "ENROLLMENT_REQUIRED"),
        (Refusal::NotPermitted, "NOT_PERMITTED"),
        (Refusal::Unavailable, "UNAVAILABLE"),
        (Refusal::Malformed, "MALFORMED"),
        (Refusal::Unsupported, "UNSUPPORTED"),
    ] {
        for (line, rest) in [
            ("ping", " ready=0 version= why="),
            ("begin a b", " need=0"),
            ("verify a b c", " factor=0 left=0 failures=0"),
            ("authenticate a b c d", " factor=0 left=0 failures=0"),
            ("enroll a b asserted -", ""),
            ("reset a b asserted c", ""),
            ("confirm a 00112233445566778899aabbccddeeff c", " count=0 codes="),
            ("recovery a asserted c", " count=0 codes="),
            ("resync a asserted b c", ""),
            ("passwd a b c d", ""),
        ] {
            let play: Play = Box::new(move |mut stream| {
                let id = read_frame(&mut stream)[1];
                answer(&mut stream, id.into(), Reply::Refused(refusal));
            });
            assert_eq!(before(&installed, vec![play], line).0, format!("{said}{rest}"), "{line}");
        }
    }
}

#[test]
fn a_context_is_cut_and_sent() {
    let installed = Installed::new();
    let (sender, receiver) = std::sync::mpsc::channel();
    let play: Play = Box::new(move |mut stream| {
        let frame = read_frame(&mut stream);
        sender.send(Request::read(&frame[1..]).map(|request| request.call)).unwrap();
        answer(&mut stream, frame[1].into(), Reply::Refused(Refusal::Denied));
    });
    before(&installed, vec![play], &format!("verify ann {} 123456", "é".repeat(50)));
    let Ok(Call::Verify { account: asked, code: typed, context }) = receiver.recv().unwrap() else {
        panic!("another call")
    };
    assert_eq!(asked, Account::Name(AccountName { realm: realm("town"), user: UserName::new("ann").unwrap() }));
    assert_eq!(typed.expose(), code("123456").expose());
    assert_eq!(context.service.as_str(), "é".repeat(32));
    assert_eq!((context.rhost.as_str(), context.tty.as_str()), ("192.0.2.7", "pts/3"));
}

/// Every call, with what its driver's line says.
const CALLS: [(CallKind, &str); 10] = [
    (CallKind::Ping, "ping"),
    (CallKind::Begin, "begin a b"),
    (CallKind::Status, "status a"),
    (CallKind::Authenticate, "authenticate a b c d"),
    (CallKind::Enroll, "enroll a b asserted -"),
    (CallKind::Confirm, "confirm a 00112233445566778899aabbccddeeff c"),
    (CallKind::Resync, "resync a asserted b c"),
    (CallKind::Recovery, "recovery a asserted c"),
    (CallKind::Passwd, "passwd a b c d"),
    (CallKind::Reset, "reset a b asserted c"),
];

#[test]
fn every_golden_answer_is_read_and_only_by_the_call_that_waits_for_it() {
    let installed = Installed::new();
    let mut read = 0;
    for vector in good().iter().filter(|vector| vector.kind == Kind::Response) {
        // What a version says, and what a server says of its own accord, is no answer; a refusal answers any call.
        let Ok(Response { id: 1.., reply }) = Response::read(&vector.frame[5..]) else { continue };
        if matches!(reply, Reply::Refused(_)) {
            continue;
        }
        for (call, line) in CALLS {
            let reply = Response::read(&vector.frame[5..]).unwrap().reply;
            let play: Play = Box::new(move |mut stream| {
                let id = read_frame(&mut stream)[1];
                answer(&mut stream, id.into(), reply);
            });
            let (said, _) = before(&installed, vec![play], line);
            let fits = Response::read(&vector.frame[5..]).unwrap().reply.answers(call);
            assert_eq!(said.starts_with("OK"), fits, "{}: {line}: {said}", vector.name);
            read += usize::from(fits);
        }
    }
    assert!(read >= CALLS.len(), "of the golden answers only {read} are read");
}

#[test]
fn no_bad_golden_answer_is_taken_for_one() {
    let installed = Installed::new();
    for vector in bad().iter().filter(|vector| vector.kind == Kind::Response) {
        for (_, line) in CALLS {
            let play: Play = Box::new(move |mut stream| {
                read_frame(&mut stream);
                stream.write_all(&vector.frame).unwrap();
            });
            let (said, _) = before(&installed, vec![play], line);
            let told = ["UNKNOWN_FATE", "PROTOCOL", "GONE"].iter().any(|told| said.starts_with(told));
            assert!(told, "{}: {line}: {said}", vector.name);
        }
    }
}
