//! The golden frames of `proto/vectors`: text, frames, library and daemon must agree on every byte.
//!
//! Messages are compared by their bytes, and by the JSON that `proto/PROTOCOL.md` describes.

use std::collections::BTreeSet;

use data_encoding::HEXLOWER;
use mfad_proto::frame::{Content, Header, MAX_FRAME, MAX_LENGTH, PREFIX, version_refusal};
use mfad_proto::{BadRequest, Metric, Refusal, Reply, Request, Response};
use mfad_tests::daemon::Daemon;
use mfad_tests::raw::{self, Answer, Raw};
use mfad_tests::render;
use mfad_tests::vectors::{Kind, Vector, bad, good, proto};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

#[test]
fn good_frames_are_read_and_written_as_they_stand() {
    for vector in good() {
        let name = &vector.name;
        let (rendered, written) = match vector.kind {
            Kind::Request => {
                let request = judge_request(&vector.frame).unwrap_or_else(|answer| panic!("{name}: {answer}"));
                (render::request(&request), write_request(&request))
            }
            Kind::Response => {
                let response = judge_response(&vector.frame).unwrap_or_else(|| panic!("{name} is rejected"));
                (render::response(&response), write_response(&response))
            }
        };
        assert_eq!(rendered, vector.expected, "{name}");
        assert_eq!(HEXLOWER.encode(&written), HEXLOWER.encode(&vector.frame), "{name}");
    }
}

#[test]
fn bad_frames_are_refused_for_their_fault() {
    for vector in bad() {
        let name = &vector.name;
        let answer = match vector.kind {
            Kind::Request => judge_request(&vector.frame).err().unwrap_or_else(|| panic!("{name} is read")),
            Kind::Response => json!({ "reject": judge_response(&vector.frame).is_none() }),
        };
        assert_eq!(answer, vector.expected, "{name}");
    }
}

#[test]
fn every_call_and_every_reply_has_a_good_frame() {
    let names = |key: &str| good().iter().filter_map(|vector| vector.expected[key].as_str()).collect::<BTreeSet<_>>();
    let is_known = |number: &u8| !matches!(Request::read(&[1, *number]), Err(BadRequest::UnknownCall { .. }));
    assert_eq!(names("call").len(), (0..=250).filter(is_known).count());
    assert_eq!(names("reply").len(), REPLIES);
    assert_eq!(names("refusal").len(), REFUSALS);
}

/// What a reader of the text copies from it must be right.
#[test]
fn the_examples_in_the_text_are_good_frames() {
    let text = std::fs::read_to_string(proto().join("PROTOCOL.md")).expect("the protocol's text");
    let mut examples = 0;
    for block in text.split("```frame\n").skip(1) {
        let (lines, _) = block.split_once("```").expect("an end of the block");
        let digits = lines.lines().filter_map(|line| line.split('#').next()).collect::<String>().replace(' ', "");
        let frame = HEXLOWER.decode(digits.as_bytes()).expect("hexadecimal bytes");
        assert!(good().iter().any(|vector| vector.frame == frame), "no good frame: {digits}");
        examples += 1;
    }
    assert!(examples >= 4, "only {examples} examples");
}

/// The table of metrics is for clients that do not link the library.
#[test]
fn the_metrics_in_the_text_are_those_of_the_library() {
    let text = std::fs::read_to_string(proto().join("PROTOCOL.md")).expect("the protocol's text");
    let (_, after) =
        text.split_once("\n| No. | Name | Type | Labels | Scale | Meaning |\n").expect("the table of metrics");
    let rows: Vec<_> = after.lines().skip(1).take_while(|line| line.starts_with('|')).collect();
    let metrics: Vec<_> = (0..).map_while(Metric::of).collect();
    assert_eq!(rows.len(), metrics.len());
    for ((number, Metric { name, kind, labels, help, scale }), row) in (0_u32..).zip(metrics).zip(rows) {
        let labels = if labels.is_empty() { "none".to_owned() } else { labels.join(", ") };
        assert_eq!(row, format!("| {number} | `{name}` | {kind:?} | {labels} | {scale} | {help} |"));
    }
}

/// Items of a list that take the least room in a frame take the most in memory.
#[test]
fn a_frame_that_is_full_of_the_shortest_items_is_read() {
    let full = |head: &[u8], item: &[u8], tail: &[u8]| {
        let count = (MAX_LENGTH - 1 - head.len() - 3 - tail.len()) / item.len();
        let length = u16::try_from(count).expect("a count below 2^16").to_le_bytes();
        raw::frame(&[head, &[0xfb], &length, &item.repeat(count), tail].concat())
    };
    let frames = [
        // A page of accounts: a user of one byte, and eight fields that are 0, false or absent.
        full(&[1, 14], &[1, b'u', 0, 0, 0, 0, 0, 0, 0, 0], &[0]),
        // A page of the log: empty lines; then findings.
        full(&[1, 17], &[0], &[0, 0, 0]),
        full(&[1, 17, 0], &[0, 0, 0], &[0, 0]),
        // A page of measurements: samples without labels; then one with empty ones.
        full(&[1, 18], &[0, 0, 0], &[0]),
        full(&[1, 18, 1, 0], &[0], &[0, 0]),
    ];
    for frame in frames {
        let response = judge_response(&frame).unwrap_or_else(|| panic!("rejected: {:?}...", &frame[..12]));
        assert_eq!(write_response(&response), frame);
    }
}

/// A writer uses the shortest form, a reader takes any: no golden frame, since those are written as they were read.
#[test]
fn integers_in_a_longer_form_mean_the_same() {
    // Id 5, call 2, account by name, and two lengths.
    let long = b"\xfb\x05\x00\xfc\x02\x00\x00\x00\xfb\x00\x00\xfd\x06\0\0\0\0\0\0\0system\xfb\x05\x00alice";
    let request = judge_request(&raw::frame(long)).expect("a request");
    assert_eq!(write_request(&request), raw::frame(b"\x05\x02\x00\x06system\x05alice"));
}

#[test]
fn a_daemon_answers_every_good_request() {
    let daemon = Daemon::start();
    for vector in good().iter().filter(|vector| vector.kind == Kind::Request) {
        let mut connection = Raw::connect(&daemon.socket());
        connection.send(&vector.frame);
        let Answer::Frame(content) = connection.receive() else { panic!("{}: closed", vector.name) };
        let response = judge_response(&prefixed(&content)).expect("a response");
        assert_eq!(response.id, vector.expected["id"], "{}", vector.name);
        assert!(!matches!(response.reply, Reply::Refused(Refusal::Malformed)), "{} is malformed", vector.name);
    }
}

#[test]
fn a_daemon_refuses_bad_requests_and_serves_on() {
    let daemon = Daemon::start();
    let requests = bad().iter().filter(|vector| vector.kind == Kind::Request);
    let (waiting, whole): (Vec<_>, Vec<_>) = requests.partition(|vector| vector.expected == wait());
    let send = |vector: &&Vector| {
        let mut connection = Raw::connect(&daemon.socket());
        connection.send(&vector.frame);
        connection
    };
    // Sent before all others, and looked at after them: their deadlines pass side by side.
    let waiting: Vec<_> = waiting.iter().map(|vector| (&vector.name, send(vector))).collect();
    for vector in whole {
        expect_answer(&mut send(&vector), vector);
        expect_pong(&mut Raw::connect(&daemon.socket()), &vector.name);
    }
    for (name, mut connection) in waiting {
        assert_eq!(connection.receive(), Answer::Frame(vec![1, 0, 0, 5]), "{name}");
        assert_eq!(connection.receive(), Answer::Closed, "{name}");
    }
    expect_pong(&mut Raw::connect(&daemon.socket()), "all");
}

proptest! {
    #[test]
    fn no_bytes_panic_a_reader(body in vec(any::<u8>(), 0..MAX_LENGTH)) {
        read_and_write_again(&body)?;
    }

    #[test]
    fn damaged_messages_are_refused_or_mean_something(
        vector in any::<Index>(), damages in vec((any::<Index>(), any::<u8>(), 0..3_u8), 1..4)
    ) {
        let readable: Vec<_> = good().iter().collect();
        let mut body = body_of(&vector.get(&readable).frame).to_vec();
        for (place, byte, kind) in damages {
            let place = place.index(body.len().max(1));
            match kind {
                0 => body.splice(place..place, [byte]).for_each(drop),
                1 => body.truncate(place),
                _ => if let Some(damaged) = body.get_mut(place) { *damaged = byte },
            }
        }
        body.truncate(MAX_LENGTH - 1);
        read_and_write_again(&body)?;
    }
}

/// What can be read can be written, and means the same then.
fn read_and_write_again(body: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(request) = Request::read(body) {
        let written = write_request(&request);
        let again = judge_request(&written).map_err(|answer| TestCaseError::fail(answer.to_string()))?;
        prop_assert_eq!(render::request(&again), render::request(&request));
    }
    if let Ok(response) = Response::read(body) {
        let written = write_response(&response);
        let again = judge_response(&written).ok_or_else(|| TestCaseError::fail("rejected"))?;
        prop_assert_eq!(render::response(&again), render::response(&response));
    }
    Ok(())
}

/// Reads a request as a server does; the error is the answer that a bad vector names.
fn judge_request(frame: &[u8]) -> Result<Request, Value> {
    match Header::judge(frame) {
        Header::Incomplete => return Err(wait()),
        Header::BadLength => return Err(stream_refused()),
        Header::Frame(length) if frame.len() < length => return Err(wait()),
        Header::Frame(length) => assert_eq!(frame.len(), length, "a vector is one frame"),
    }
    match Content::of(frame) {
        Content::Body(body) => Request::read(body).map_err(|fault| match fault {
            BadRequest::NoId(_) => stream_refused(),
            BadRequest::UnknownCall { id } => json!({ "id": id, "refusal": "unsupported" }),
            BadRequest::Malformed { id, .. } => json!({ "id": id, "refusal": "malformed" }),
        }),
        Content::OtherVersion(_) | Content::VersionRefused { .. } => Err(version_refused()),
        Content::Broken => Err(stream_refused()),
    }
}

/// Reads a response as a client does.
fn judge_response(frame: &[u8]) -> Option<Response> {
    match (Header::judge(frame), Content::of(frame)) {
        (Header::Frame(length), Content::Body(body)) if length == frame.len() => Response::read(body).ok(),
        _ => None,
    }
}

fn wait() -> Value {
    json!({ "wait": true })
}

fn stream_refused() -> Value {
    json!({ "id": 0, "refusal": "malformed", "close": true })
}

fn version_refused() -> Value {
    json!({ "version_refusal": true, "close": true })
}

fn write_request(request: &Request) -> Vec<u8> {
    let (mut buffer, mut other) = ([0; MAX_FRAME], [0; MAX_FRAME]);
    let length = request.write(&mut buffer).expect("a written request");
    assert_eq!(Request::write_call(request.id, &request.call, &mut other), Ok(length));
    assert_eq!(buffer, other, "both ways of writing a request are the same");
    buffer[..length].to_vec()
}

fn write_response(response: &Response) -> Vec<u8> {
    let mut buffer = [0; MAX_FRAME];
    let length = response.write(&mut buffer).expect("a written response");
    buffer[..length].to_vec()
}

fn body_of(frame: &[u8]) -> &[u8] {
    &frame[PREFIX + 1..]
}

fn prefixed(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("a short frame");
    [length.to_le_bytes().as_slice(), content].concat()
}

/// Checks the bytes that a bad request is answered with, and whether the connection ends.
fn expect_answer(connection: &mut Raw, vector: &Vector) {
    let name = &vector.name;
    let content = if vector.expected == version_refused() {
        version_refusal()[PREFIX..].to_vec()
    } else {
        let id = vector.expected["id"].as_u64().and_then(|id| u8::try_from(id).ok()).expect("a small id");
        let refusal = if vector.expected["refusal"] == "malformed" { 5 } else { 6 };
        // Version 1, the id, reply 0, the refusal.
        vec![1, id, 0, refusal]
    };
    assert_eq!(connection.receive(), Answer::Frame(content), "{name}");
    if vector.expected["close"] == true {
        assert_eq!(connection.receive(), Answer::Closed, "{name}");
    } else {
        expect_pong(connection, name);
    }
}

fn expect_pong(connection: &mut Raw, name: &str) {
    connection.send(&raw::frame(&[99, 0]));
    match connection.receive() {
        Answer::Frame(content) => assert_eq!(content[..3], [1, 99, 2], "after {name}"),
        Answer::Closed => panic!("after {name}: closed"),
    }
}

/// How many replies and refusals there are: the matches of `render` do not compile with one more, and bring its author here.
const REPLIES: usize = 20;
const REFUSALS: usize = 7;
