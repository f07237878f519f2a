//! All messages in plain Python, which were written from `proto/PROTOCOL.md` alone: they agree with every golden frame.

use data_encoding::HEXLOWER;
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
