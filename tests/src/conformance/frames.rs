//! The golden frames: what a client must write, what it must understand, and what it must not take for an answer.

use data_encoding::HEXLOWER;
use mfad_proto::{Call, CallKind, Request, Response};
use serde_json::Value;

use super::stage::{After, Cue, Frame, Scene, Stage, id_of, with_id};
use super::{Candidate, Outcome, Report, Subject};
use crate::vectors::{Kind, Vector, bad, good};

/// Lets the client write every golden request.
pub(super) fn requests(candidate: &Candidate<'_>, report: &mut Report) {
    let stage = Stage::open();
    let mut client = (candidate.start)(&stage.socket());
    for vector in good().iter().filter(|vector| vector.kind == Kind::Request) {
        let cue = Cue { frame: Frame::OfTheRequest(UNSUPPORTED.to_vec()), after: After::Stays };
        let Scene { outcome, heard } = stage.play(client.as_mut(), call_of(vector), cue);
        if matches!(outcome, Outcome::Lacks(_)) {
            report.lacks(&vector.name);
            report.skipped += 1;
            continue;
        }
        let refused = serde_json::json!({ "reply": "refused", "refusal": "unsupported" });
        let written = is_golden(&heard, vector).and_then(|()| is_reply(&outcome, &refused));
        report.note(&vector.name, written);
    }
}

/// Answers with every golden response: to the call that it is for, and to another one.
pub(super) fn responses(candidate: &Candidate<'_>, report: &mut Report) {
    let stage = Stage::open();
    let mut client = (candidate.start)(&stage.socket());
    // The longest first: there is no room in them for the bytes of a larger id.
    let mut vectors: Vec<_> = good().iter().filter(|vector| is_answer(vector)).collect();
    vectors.sort_by_key(|vector| std::cmp::Reverse(vector.frame.len()));
    for vector in vectors {
        let reply = vector.expected["reply"].as_str().expect("a reply");
        let pipe = reply == "backup";
        let after = if pipe { After::HandsAPipeOver } else { After::Stays };
        let cue = || Cue { frame: Frame::OfTheRequest(vector.frame.clone()), after };
        let calls = calls_for(reply).iter().map(|call| call_named(call)).filter(|call| answers(vector, call)).collect();
        let Some((Scene { outcome, .. }, _)) = first(&stage, client.as_mut(), calls, cue, report) else { continue };
        let mut expected = without_id(&vector.expected);
        (candidate.shown)(&mut expected);
        report.note(&vector.name, is_reply(&outcome, &expected));
        // A refusal answers whatever was asked. A pipe that nobody asked for would stay with the server.
        if reply != "refused" && !pipe {
            let other = if reply == "pong" { "status" } else { "ping" };
            let Scene { outcome, .. } = stage.play(client.as_mut(), call_named(other), cue());
            report.note(&format!("{}, in answer to another call", vector.name), is_no_answer(&outcome));
        }
    }
}

/// Answers with every bad response, and with good ones that answer nothing: no client takes one for an answer, sends again
/// what may have been judged, or is of no use afterwards.
pub(super) fn faults(candidate: &Candidate<'_>, report: &mut Report) {
    let stage = Stage::open();
    let mut client = (candidate.start)(&stage.socket());
    for (name, calls, frame) in faulty() {
        // A client may rest before it connects again to a server that has never answered.
        let cue = Cue { frame: Frame::OfTheRequest(PONG.to_vec()), after: After::Stays };
        let well = is_reply(&stage.play(client.as_mut(), Call::Ping, cue).outcome, &pong());
        report.note(&format!("a ping before {name}"), well);
        let calls = calls.iter().map(|call| call_named(call)).collect();
        let cue = || Cue { frame: frame.clone(), after: After::Closes };
        let Some((Scene { outcome, heard }, kind)) = first(&stage, client.as_mut(), calls, cue, report) else {
            continue;
        };
        let often = heard.len() > 1 && !kind.is_read_only();
        let once = if often { Err(format!("it was sent {} times", heard.len())) } else { Ok(()) };
        report.note(&name, is_no_answer(&outcome).and(once));
    }
    let cue = Cue { frame: Frame::AsItStands(Vec::new()), after: After::Stays };
    let silent = stage.play(client.as_mut(), Call::Ping, cue).outcome;
    report.note("a server that says nothing", is_no_answer(&silent));
}

/// Makes the first of these calls that the client has, and says which.
fn first(
    stage: &Stage,
    client: &mut dyn Subject,
    calls: Vec<Call>,
    cue: impl Fn() -> Cue,
    report: &mut Report,
) -> Option<(Scene, CallKind)> {
    let kinds: Vec<_> = calls.iter().map(Call::kind).collect();
    for (call, kind) in calls.into_iter().zip(kinds.iter().copied()) {
        let scene = stage.play(client, call, cue());
        if !matches!(scene.outcome, Outcome::Lacks(_)) {
            return Some((scene, kind));
        }
    }
    kinds.iter().for_each(|kind| report.lacks(kind.as_str()));
    report.skipped += 1;
    None
}

/// Names, the calls of which one is answered so, and the bytes.
fn faulty() -> Vec<(String, &'static [&'static str], Frame)> {
    let mut all: Vec<_> = bad()
        .iter()
        .filter(|vector| vector.kind == Kind::Response)
        .map(|vector| (vector.name.clone(), claimed(&vector.frame), Frame::OfTheRequest(vector.frame.clone())))
        .collect();
    let frame_of = |reply: &str| {
        let name = format!("response-{reply}.json");
        good().iter().find(|vector| vector.name == name).unwrap_or_else(|| panic!("there is no {name}")).frame.clone()
    };
    let accepted = frame_of("accepted");
    let mut add = |name: &str, call, reply| all.push((name.to_owned(), call, Frame::OfTheRequest(frame_of(reply))));
    add("a password's acceptance", &["verify"], "accepted-password");
    add("a backup without a pipe", &["backup"], "backup");
    let mut add = |name: &str, frame| all.push((name.to_owned(), calls_for("accepted"), frame));
    add("an acceptance of another id", Frame::AsItStands(with_id(&accepted, &[0xfb, 0x39, 0x30])));
    add("an acceptance of id 0", Frame::AsItStands(with_id(&accepted, &[0])));
    add("a refusal of other versions", Frame::AsItStands(vec![3, 0, 0, 0, 0, 2, 3]));
    add("half an acceptance", Frame::AsItStands(accepted[..accepted.len() / 2].to_vec()));
    add("no byte", Frame::AsItStands(Vec::new()));
    add("another protocol", Frame::AsItStands(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()));
    add("two gigabytes", Frame::AsItStands([[0xff, 0xff, 0xff, 0x7f].as_slice(), &[1; 60_000]].concat()));
    all
}

/// The calls that what a bad frame claims to be may answer.
fn claimed(frame: &[u8]) -> &'static [&'static str] {
    let number = frame.get(5..).and_then(|body| body.get(id_of(frame).len()));
    let number = number.map_or(usize::MAX, |number| usize::from(*number));
    REPLIES.get(number).map_or(calls_for("refused"), |(_, calls)| *calls)
}

fn is_golden(heard: &[Vec<u8>], vector: &Vector) -> Result<(), String> {
    let [frame] = heard else { return Err(format!("it sent {} frames", heard.len())) };
    let id = id_of(frame);
    let value =
        id.iter().skip(usize::from(id.len() > 1)).rev().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    let shortest = match id.len() {
        1 => value > 0,
        3 => value > 250,
        5 => value > 0xffff,
        _ => value > 0xffff_ffff,
    };
    let golden = with_id(&vector.frame, id);
    match (shortest, *frame == golden) {
        (true, true) => Ok(()),
        (false, _) => Err(format!("the id {id:02x?} is 0, or not in its shortest form")),
        (_, false) => Err(format!("it wrote {}, and golden is {}", HEXLOWER.encode(frame), HEXLOWER.encode(&golden))),
    }
}

fn is_reply(outcome: &Outcome, expected: &Value) -> Result<(), String> {
    match outcome {
        Outcome::Reply(reply) if reply == expected => Ok(()),
        Outcome::Broken(why) => Err(why.clone()),
        other => Err(format!("it told {other:?}, and the answer was {expected}")),
    }
}

fn is_no_answer(outcome: &Outcome) -> Result<(), String> {
    match outcome {
        Outcome::NoAnswer(_) => Ok(()),
        Outcome::Broken(why) => Err(why.clone()),
        other => Err(format!("it took this for an answer: {other:?}")),
    }
}

/// Whether a response answers a request.
fn is_answer(vector: &Vector) -> bool {
    vector.kind == Kind::Response && vector.expected["id"] != 0
}

fn call_of(vector: &Vector) -> Call {
    Request::read(&vector.frame[5..]).expect("a good request").call
}

/// The calls that this reply may answer.
fn calls_for(reply: &str) -> &'static [&'static str] {
    REPLIES.iter().find(|(known, _)| *known == reply).expect("a reply").1
}

/// Whether a golden response may answer this very call.
fn answers(vector: &Vector, call: &Call) -> bool {
    Response::read(&vector.frame[5..]).expect("a good response").reply.answers(call.kind())
}

/// A golden request of this name.
fn call_named(call: &str) -> Call {
    let name = format!("request-{call}.json");
    call_of(good().iter().find(|vector| vector.name == name).unwrap_or_else(|| panic!("there is no {name}")))
}

pub(super) fn without_id(message: &Value) -> Value {
    let mut message = message.clone();
    message.as_object_mut().expect("an object").remove("id");
    message
}

fn pong() -> Value {
    serde_json::json!({ "reply": "pong", "version": "1", "ready": true, "why": "" })
}

/// The replies by their numbers, each with the calls that it may answer, as the golden frames are named: the first that the
/// client has is made.
const REPLIES: [(&str, &[&str]); 20] = [
    ("refused", &["authenticate", "verify", "begin", "status", "ping"]),
    ("going_away", &["ping"]),
    ("pong", &["ping"]),
    ("need", &["begin"]),
    ("status", &["status"]),
    ("accepted", &["authenticate", "verify"]),
    ("enrollment", &["enroll", "reset"]),
    ("enrolled", &["confirm"]),
    ("done", &["resync", "passwd", "reset", "disable", "unlock", "remove", "set-password"]),
    ("backup", &["backup"]),
    ("recovery_codes", &["recovery"]),
    ("issued", &["recover"]),
    ("keys", &["key-status", "key-rotate"]),
    ("policy", &["get-policy", "set-policy-off"]),
    ("accounts", &["list"]),
    ("profile", &["show"]),
    ("imported", &["import-one"]),
    ("log", &["audit"]),
    ("stats", &["stats"]),
    ("handles", &["list-handles"]),
];

/// Refusal 6 of request 1.
const UNSUPPORTED: [u8; 8] = [4, 0, 0, 0, 1, 1, 0, 6];

/// A healthy server of version "1", in answer to request 1.
const PONG: [u8; 11] = [7, 0, 0, 0, 1, 1, 2, 1, b'1', 1, 0];
