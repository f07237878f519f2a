//! Bytes that are no requests, and clients that do not behave: a refusal or a close, and everybody else is served.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use mfad_proto::{Call, Reply};
use mfad_tests::daemon::{Daemon, NOON, accepted};
use mfad_tests::raw::{Answer, Raw, frame};
use proptest::prelude::*;

/// Id 7, `Ping`.
const PING: &[u8] = &[7, 0];
/// Id 0, `Refused`, `Malformed`, as the server says of its own accord.
const MALFORMED: &[u8] = &[1, 0, 0, 5];

fn is_pong(answer: &Answer) -> bool {
    matches!(answer, Answer::Frame(bytes) if bytes.starts_with(&[1, 7, 2]))
}

fn still_serves(daemon: &Daemon) {
    assert!(matches!(daemon.client().call(Call::Ping), Ok(Reply::Pong(pong)) if pong.ready), "{}", daemon.log());
}

#[test]
fn a_length_of_nothing_or_too_much_ends_the_connection_before_anything_is_read() {
    let daemon = Daemon::start();
    for length in [0_u32, 4097, 65_536, 0x7fff_ffff, u32::MAX] {
        let mut raw = Raw::connect(&daemon.socket());
        raw.send(&length.to_le_bytes());
        assert_eq!(raw.receive(), Answer::Frame(MALFORMED.to_vec()), "length {length}");
        assert_eq!(raw.receive(), Answer::Closed, "length {length}");
    }
    still_serves(&daemon);
}

#[test]
fn another_version_is_told_which_ones_are_spoken() {
    let daemon = Daemon::start();
    for version in [0, 2, 9, 255] {
        let mut raw = Raw::connect(&daemon.socket());
        raw.send(&[3, 0, 0, 0, version, 7, 0]);
        assert_eq!(raw.receive(), Answer::Frame(vec![0, 1, 1]), "version {version}");
        assert_eq!(raw.receive(), Answer::Closed, "version {version}");
    }
    still_serves(&daemon);
}

#[test]
fn a_bad_request_with_an_id_is_refused_by_that_id_and_the_next_one_is_served() {
    let daemon = Daemon::start();
    let mut raw = Raw::connect(&daemon.socket());
    // Unknown call, unknown account form, a text cut short, a byte left over.
    let bad: [(&[u8], u8); 4] = [(&[9, 200], 6), (&[9, 2, 7], 5), (&[9, 2, 0, 6, b's'], 5), (&[9, 0, 0], 5)];
    for (body, refusal) in bad {
        raw.send(&frame(body));
        assert_eq!(raw.receive(), Answer::Frame(vec![1, 9, 0, refusal]), "{body:?}");
    }
    raw.send(&frame(PING));
    assert!(is_pong(&raw.receive()));
}

#[test]
fn requests_without_a_readable_id_end_the_connection() {
    let daemon = Daemon::start();
    // No id at all, a marker that no integer has, and the server's own id.
    for body in [[].as_slice(), &[255, 0], &[0, 0]] {
        let mut raw = Raw::connect(&daemon.socket());
        raw.send(&frame(body));
        assert_eq!(raw.receive(), Answer::Frame(MALFORMED.to_vec()), "{body:?}");
        assert_eq!(raw.receive(), Answer::Closed, "{body:?}");
    }
}

#[test]
fn a_frame_that_does_not_end_is_cut_off_and_others_do_not_wait() {
    let daemon = Daemon::start_clocked("");
    let app = daemon.enroll("alice", NOON);
    let mut slow: Vec<_> = (0..8).map(|_| Raw::connect(&daemon.socket())).collect();
    slow.iter_mut().for_each(|raw| raw.send(&[200, 0, 0, 0, 1, 7]));
    assert!(accepted(&daemon.verify("alice", &app.code(NOON + 30))));
    for raw in &mut slow {
        assert_eq!(raw.receive(), Answer::Frame(MALFORMED.to_vec()));
        assert_eq!(raw.receive(), Answer::Closed);
    }
}

#[test]
fn a_frame_that_comes_byte_by_byte_in_time_is_served() {
    let daemon = Daemon::start();
    let mut raw = Raw::connect(&daemon.socket());
    for byte in [frame(PING), frame(PING)].concat() {
        raw.send(&[byte]);
    }
    assert!(is_pong(&raw.receive()));
    assert!(is_pong(&raw.receive()));
}

#[test]
fn a_client_that_sends_nothing_more_gets_its_answers() {
    let daemon = Daemon::start_clocked("");
    let app = daemon.enroll("alice", NOON);
    let mut raw = Raw::connect(&daemon.socket());
    let verify =
        [b"\x08\x03\x00\x06system\x05alice\x06".as_slice(), app.code(NOON + 30).as_bytes(), &[0, 0, 0]].concat();
    raw.send(&[frame(PING), frame(&verify)].concat());
    raw.0.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answers = [raw.receive(), raw.receive()];
    answers.sort_by_key(|answer| !is_pong(answer));
    assert!(is_pong(&answers[0]));
    assert!(matches!(&answers[1], Answer::Frame(bytes) if bytes.starts_with(&[1, 8, 5])), "{answers:?}");
    assert_eq!(raw.receive(), Answer::Closed);
}

#[test]
fn a_client_that_goes_in_the_middle_leaves_nothing_behind() {
    let daemon = Daemon::start();
    let request = frame(PING);
    for cut in 0..request.len() {
        Raw::connect(&daemon.socket()).send(&request[..cut]);
    }
    still_serves(&daemon);
}

#[test]
fn a_client_that_never_reads_is_dropped_and_its_memory_is_bounded() {
    let daemon = Daemon::start();
    let before = resident(&daemon);
    let mut greedy: Vec<_> = (0..8).map(|_| Raw::connect(&daemon.socket())).collect();
    let many = frame(PING).repeat(1_000);
    let end = Instant::now() + Duration::from_secs(15);
    for raw in &mut greedy {
        raw.0.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
        while raw.0.write(&many).is_ok_and(|written| written > 0) {
            assert!(Instant::now() < end, "the daemon reads without end from a client that reads nothing");
        }
    }
    still_serves(&daemon);
    for raw in &greedy {
        hung_up(&raw.0);
    }
    let grown = resident(&daemon).saturating_sub(before);
    assert!(grown < 4 << 20, "{grown} bytes for eight clients that read nothing");
}

#[test]
fn a_frame_that_only_trickles_in_is_cut_off_all_the_same() {
    let daemon = Daemon::start();
    let mut raw = Raw::connect(&daemon.socket());
    raw.0.set_nonblocking(true).unwrap();
    let end = Instant::now() + Duration::from_secs(15);
    raw.send(&[200, 0, 0, 0]);
    // A byte now and then: each one must not buy the frame more time.
    while raw.0.write(&[1]).is_ok() {
        assert!(Instant::now() < end, "a frame that never ends is waited for");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Waits until the other side has closed, without reading what it has sent.
fn hung_up(stream: &std::os::unix::net::UnixStream) {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::os::fd::AsFd;
    let mut wait = [PollFd::new(stream.as_fd(), PollFlags::empty())];
    let closed = poll(&mut wait, PollTimeout::from(10_000_u16)).unwrap();
    assert_eq!(closed, 1, "a client that reads nothing is kept");
}

#[test]
fn one_connection_too_many_is_told_to_go_and_the_others_are_served() {
    raise_open_files();
    let daemon = Daemon::start();
    // The tests run as the daemon's own user, so that only the limit for all binds them.
    let mut all: Vec<_> = (0..1024).map(|_| Raw::connect(&daemon.socket())).collect();
    for raw in &mut all {
        raw.send(&frame(PING));
        assert!(is_pong(&raw.receive()));
    }
    let mut late = Raw::connect(&daemon.socket());
    assert_eq!(late.receive(), Answer::Frame(vec![1, 0, 1]), "no GoingAway");
    assert_eq!(late.receive(), Answer::Closed);
    all[0].send(&frame(PING));
    assert!(is_pong(&all[0].receive()));
    drop(all);
    still_serves(&daemon);
}

fn raise_open_files() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
}

fn resident(daemon: &Daemon) -> u64 {
    let mut status = String::new();
    let path = format!("/proc/{}/status", daemon.pid());
    std::fs::File::open(path).unwrap().read_to_string(&mut status).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn any_bytes_are_answered_or_refused_and_never_stop_the_daemon() {
    let daemon = Daemon::start();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(300));
    let framed = prop::collection::vec(any::<u8>(), 0..200).prop_map(|body| frame(&body));
    let bytes = prop_oneof![prop::collection::vec(any::<u8>(), 0..300), framed];
    let before = resident(&daemon);
    runner
        .run(&bytes, |bytes| {
            let mut raw = Raw::connect(&daemon.socket());
            raw.send(&bytes);
            raw.0.shutdown(std::net::Shutdown::Write).ok();
            // Whatever comes back is whole frames, and then the end.
            while let Answer::Frame(_) = raw.receive() {}
            Ok(())
        })
        .unwrap();
    still_serves(&daemon);
    assert!(!daemon.log().contains("panicked"), "{}", daemon.log());
    let grown = resident(&daemon).saturating_sub(before);
    assert!(grown < 8 << 20, "{grown} bytes after 300 connections");
}
