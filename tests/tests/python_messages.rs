//! All messages and calls in plain Python, which were written from `proto/PROTOCOL.md` alone: they agree with every golden
//! frame, write nothing that breaks a rule, and take no answer to another call.

use data_encoding::HEXLOWER;
use mfad_proto::{Accepted, Call, Factor, Refusal, Reply};
use mfad_tests::daemon::Daemon;
use mfad_tests::impostor;
use mfad_tests::python;
use mfad_tests::vectors::{Kind, Vector, bad, good};
use serde_json::{Value, json};

/// What Python makes of each of these vectors.
fn read(vectors: &[Vector]) -> impl Iterator<Item = (Value, &Vector)> {
    let kind = |vector: &Vector| if vector.kind == Kind::Request { "request" } else { "response" };
    let line = |vector: &Vector| json!({ "kind": kind(vector), "frame": HEXLOWER.encode(&vector.frame) });
    python::read(&vectors.iter().map(line).collect::<Vec<_>>()).into_iter().zip(vectors)
}

#[test]
fn the_text_suffices_to_read_and_write_every_good_frame() {
    for (read, vector) in read(good()) {
        let wanted = json!({ "message": vector.expected, "frame": HEXLOWER.encode(&vector.frame) });
        assert_eq!(read, wanted, "{}", vector.name);
    }
}

#[test]
fn the_text_suffices_to_refuse_every_bad_frame() {
    for (read, vector) in read(bad()) {
        assert_eq!(read, json!({ "answer": vector.expected }), "{}", vector.name);
    }
}

#[test]
fn what_breaks_a_rule_is_never_written() {
    let daemon = Daemon::start_clocked("");
    let alice = json!({ "realm": "system", "user": "alice" });
    let status = |account: &Value| json!({ "message": { "call": "status", "account": account } });
    let disable = |reason: &str| json!({ "message": { "call": "disable", "account": alice, "reason": reason } });
    let list =
        |limit: &Value| json!({ "message": { "call": "list", "realm": "system", "after": null, "limit": limit } });
    let factor = |key: &str, digits: u8| {
        let factor = json!({ "key": key, "algorithm": "SHA1", "digits": digits });
        json!({ "message": { "call": "import_one", "account": alice, "factor": factor, "apply": false } })
    };
    let recovery = |proof: &Value, code: &Value| {
        let call = json!({ "call": "recovery", "account": alice, "proof": proof, "code": code });
        json!({ "message": call })
    };
    let (asserted, code) = (json!("asserted"), json!("123456"));
    let lines = [
        status(&json!({ "realm": "System", "user": "alice" })),
        status(&json!({ "realm": "system", "user": "a:b" })),
        status(&json!({ "realm": "system", "user": "\u{e9}".repeat(128) })),
        status(&json!({ "realm": "system", "user": 1000 })),
        status(&json!({ "realm": "system" })),
        status(&json!({ "realm": "system", "user": "alice", "uid": 0 })),
        status(&json!({ "handle": format!("mfad1:{}", "a".repeat(32)) })),
        status(&json!(null)),
        disable(""),
        disable("lost\n"),
        list(&json!(-1)),
        list(&json!(1_u64 << 32)),
        list(&json!(true)),
        list(&json!(1.5)),
        factor(&"00".repeat(15), 6),
        factor(&"00".repeat(65), 6),
        factor(&"00".repeat(20), 9),
        factor(&"0 ".repeat(20), 6),
        recovery(&asserted, &json!("1".repeat(65))),
        recovery(&asserted, &json!({ "hex": "0" })),
        recovery(&asserted, &json!(null)),
        recovery(&json!({ "asserted": null }), &code),
        recovery(&json!("password"), &code),
        recovery(&json!({ "password": "a".repeat(1025) }), &code),
    ];
    for (answer, line) in python::converse(&daemon.socket(), &lines).iter().zip(&lines) {
        assert!(answer["error"].is_string(), "{line}: {answer}");
    }
    let legal = [status(&alice), json!({ "message": { "call": "fly" } }), recovery(&asserted, &code)];
    let answers = python::converse(&daemon.socket(), &legal);
    assert_eq!(answers[0]["message"]["state"], "none");
    assert!(answers[1]["lacks"].is_string());
    assert_eq!(answers[2], json!({ "message": { "reply": "refused", "refusal": "denied" } }));
}

#[test]
fn a_reply_that_does_not_answer_the_call_is_none() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let socket = folder.path().join("s");
    let accepted = Accepted { factor: Factor::Password, recovery_left: 0, failures_since: 0, last_failure: None };
    impostor::serve(&socket, move |call| match call {
        Call::Ping => Some(Reply::Done),
        Call::Verify { .. } => Some(Reply::Accepted(accepted.clone())),
        // Nothing comes beside it.
        Call::Backup { .. } => Some(Reply::Backup { records: 1 }),
        Call::KeyRotate => None,
        _ => Some(Reply::Refused(Refusal::NotPermitted)),
    });
    let (account, context) =
        (json!({ "realm": "system", "user": "alice" }), json!({ "service": "", "rhost": "", "tty": "" }));
    let calls = [
        json!({ "call": "ping" }),
        json!({ "call": "verify", "account": account, "code": "123456", "context": context }),
        json!({ "call": "backup", "passphrase": "correct horse" }),
        json!({ "call": "key_rotate" }),
        json!({ "call": "key_status" }),
    ];
    let answers = python::converse(&socket, &calls.map(|call| json!({ "message": call })));
    assert!(answers[..4].iter().all(|answer| answer["error"].is_string()), "{answers:?}");
    assert_eq!(answers[4], json!({ "message": { "reply": "refused", "refusal": "not_permitted" } }));
}
