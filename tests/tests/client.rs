//! The client against servers that do not behave: an error in time, and a code never sent twice.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use mfad_client::{Client, Error, Options, ServerUid, Trusted};
use mfad_proto::frame::version_refusal;
use mfad_proto::{Call, Refusal, Reply};
use mfad_tests::daemon::{account, context, verify};
use mfad_tests::played::{Play, Played, answer, read_frame};

const DENIED: Reply = Reply::Refused(Refusal::Denied);
const UNAVAILABLE: Reply = Reply::Refused(Refusal::Unavailable);

fn options(server: &Played) -> Options {
    let mut options = Options::new(server.socket(), Trusted::OWN);
    options.deadline = Duration::from_millis(500);
    options
}

fn code() -> Call {
    verify("alice", "123456")
}

/// Sends one call to a server that sends these bytes after it has read the request, then closes.
fn after_bytes(bytes: &'static [u8], call: Call) -> Error {
    let server = Played::new(vec![Box::new(move |mut stream| {
        read_frame(&mut stream);
        stream.write_all(bytes).unwrap();
    })]);
    let mut client = Client::connect(options(&server)).unwrap();
    client.call(call).err().expect("no answer")
}

#[test]
fn garbage_is_an_error_and_the_code_counts_as_sent() {
    for bytes in [
        b"\xff\xff\xff\xff".as_slice(),
        b"\0\0\0\0",
        b"\x03\0\0\0\x01",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x04\0\0\0\x02\x01\x00\x00",
        b"\x04\0\0\0\x01\x01\x63\x00",
        b"\x05\0\0\0\x01\x01\x00\x00\x00",
        b"",
    ] {
        let error = after_bytes(bytes, code());
        assert!(matches!(error, Error::UnknownFate), "{bytes:?}: {error}");
    }
}

#[test]
fn another_version_is_told_and_no_code_is_lost_by_it() {
    for call in [Call::Ping, verify("alice", "123456")] {
        let server = Played::new(vec![Box::new(|mut stream| {
            read_frame(&mut stream);
            stream.write_all(&version_refusal()).unwrap();
        })]);
        let mut client = Client::connect(options(&server)).unwrap();
        assert!(matches!(client.call(call), Err(Error::Version { min: 1, max: 1 })));
    }
}

#[test]
fn silence_ends_at_the_deadline() {
    let server = Played::new(vec![Box::new(|mut stream| {
        read_frame(&mut stream);
        stream.read_to_end(&mut Vec::new()).unwrap();
    })]);
    let mut client = Client::connect(options(&server)).unwrap();
    let start = Instant::now();
    assert!(matches!(client.call(Call::Ping), Err(Error::Deadline)));
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_server_that_does_not_accept_is_waited_for_until_the_deadline_and_no_longer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let _listener = UnixListener::bind(&path).unwrap();
    let mut options = Options::new(&path, Trusted::OWN);
    options.deadline = Duration::from_millis(200);
    // The kernel queues connections that nobody accepts, up to its backlog.
    let mut queued = Vec::new();
    let error = loop {
        match Client::connect(options.clone()) {
            Ok(client) => queued.push(client),
            Err(error) => break error,
        }
        assert!(queued.len() < 10_000);
    };
    assert!(matches!(error, Error::Deadline), "{error}");
}

#[test]
fn a_code_of_unknown_fate_is_not_sent_again() {
    let server = Played::new(vec![
        Box::new(|mut stream| {
            read_frame(&mut stream);
        }),
        Box::new(|mut stream| {
            let frame = read_frame(&mut stream);
            assert_eq!(frame[2], 0, "something else than a Ping was sent again");
            answer(&mut stream, frame[1].into(), DENIED);
        }),
    ]);
    let mut client = Client::connect(options(&server)).unwrap();
    assert!(matches!(client.call(code()), Err(Error::UnknownFate)));
    assert!(client.call(Call::Ping).is_ok(), "the next call did not connect again");
    assert_eq!(server.served(), 2);
}

#[test]
fn what_was_sent_after_the_farewell_is_sent_again() {
    let server = Played::new(vec![
        Box::new(|mut stream| {
            let first = read_frame(&mut stream);
            answer(&mut stream, first[1].into(), DENIED);
            answer(&mut stream, 0, Reply::GoingAway);
        }),
        Box::new(|mut stream| {
            let frame = read_frame(&mut stream);
            answer(&mut stream, frame[1].into(), DENIED);
        }),
    ]);
    let mut client = Client::connect(options(&server)).unwrap();
    let replies = client.call_all(vec![code(), code()]);
    assert!(replies.iter().all(|reply| matches!(reply, Ok(Reply::Refused(Refusal::Denied)))));
    assert_eq!(server.served(), 2);
}

#[test]
fn a_call_that_changes_nothing_is_sent_again() {
    let server = Played::new(vec![
        Box::new(|mut stream| {
            read_frame(&mut stream);
        }),
        Box::new(|mut stream| {
            let frame = read_frame(&mut stream);
            answer(&mut stream, frame[1].into(), DENIED);
        }),
    ]);
    let mut client = Client::connect(options(&server)).unwrap();
    assert!(client.call(Call::Begin { account: account("alice"), context: context() }).is_ok());
    assert_eq!(server.served(), 2);
}

#[test]
fn a_server_that_always_goes_away_is_given_up() {
    let plays = (0..10).map(|_| Box::new(|mut stream: UnixStream| answer(&mut stream, 0, Reply::GoingAway)) as Play);
    let server = Played::new(plays.collect());
    let mut client = Client::connect(options(&server)).unwrap();
    assert!(matches!(client.call(Call::Ping), Err(Error::Gone)));
}

#[test]
fn answers_out_of_order_find_their_requests_and_answers_to_none_are_an_error() {
    let server = Played::new(vec![Box::new(|mut stream| {
        let ids = [read_frame(&mut stream)[1], read_frame(&mut stream)[1]].map(u64::from);
        answer(&mut stream, ids[1], DENIED);
        answer(&mut stream, ids[0], UNAVAILABLE);
        let third = read_frame(&mut stream)[1];
        answer(&mut stream, u64::from(third) + 100, DENIED);
    })]);
    let mut client = Client::connect(options(&server)).unwrap();
    let replies = client.call_all(vec![Call::Ping, Call::Ping]);
    let [Ok(Reply::Refused(first)), Ok(Reply::Refused(second))] = &replies[..] else { panic!("two refusals") };
    assert_eq!((*first, *second), (Refusal::Unavailable, Refusal::Denied));
    assert!(matches!(client.call(Call::Ping), Err(Error::Protocol(_))));
}

#[test]
fn an_answer_to_another_call_is_an_error() {
    for (call, is_lost) in [(Call::Ping, false), (code(), true)] {
        let server = Played::new(vec![Box::new(|mut stream| {
            let id = read_frame(&mut stream)[1].into();
            answer(&mut stream, id, Reply::Done);
        })]);
        let answered = Client::connect(options(&server)).unwrap().call(call);
        assert!(
            matches!(answered, Err(Error::UnknownFate)) == is_lost && answered.is_err(),
            "it was taken for an answer"
        );
    }
}

#[test]
fn nobody_there_is_told_apart_from_something_in_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let connect = |name: &str| Client::connect(Options::new(folder.path().join(name), Trusted::OWN)).err();
    assert!(matches!(connect("missing"), Some(Error::NotRunning { .. })));
    drop(UnixListener::bind(folder.path().join("stale")).unwrap());
    assert!(matches!(connect("stale"), Some(Error::NotRunning { .. })));
    assert!(matches!(connect(&"x".repeat(200)), Some(Error::Connect { .. })));
}

#[test]
fn a_server_of_an_untrusted_uid_gets_nothing() {
    let own = nix::unistd::geteuid().as_raw();
    let server = Played::new(vec![Box::new(|mut stream| {
        assert_eq!(stream.read(&mut [0]).unwrap(), 0, "something was sent");
    })]);
    let mut options = options(&server);
    // Root is always trusted, so that this says something only of another user; tests/tests/root.rs covers root.
    options.trusted = Trusted { own: false, named: Some(own + 1) };
    match Client::connect(options) {
        Err(Error::WrongServer { uid: ServerUid(uid), .. }) => assert_eq!(uid, own),
        Ok(_) => assert_eq!(own, 0, "an untrusted server was accepted"),
        Err(error) => panic!("{error}"),
    }
    assert_eq!(server.served(), 1);
}
