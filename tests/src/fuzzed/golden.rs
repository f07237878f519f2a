//! The golden frames of `proto/vectors` as seeds.

use std::fs;
use std::path::Path;

use data_encoding::HEXLOWER;
use mfad_proto::frame::PREFIX;
use serde_json::Value;

/// The whole frames of one kind, good and bad.
pub fn frames(kind: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto/vectors");
    let files = ["good", "bad"].map(|half| fs::read_dir(folder.join(half)).expect("a folder of vectors"));
    let vectors = files.into_iter().flatten().map(|file| {
        let text = fs::read_to_string(file.expect("an entry").path()).expect("a readable file");
        serde_json::from_str::<Value>(&text).expect("a vector")
    });
    let frame = |vector: Value| HEXLOWER.decode(vector["frame"].as_str()?.as_bytes()).ok();
    vectors.filter(|vector| vector["kind"] == kind).map(|vector| frame(vector).expect("a frame")).collect()
}

/// Their bodies; a frame that is too short for one has an empty body.
pub fn bodies(kind: &str) -> Vec<Vec<u8>> {
    frames(kind).iter().map(|frame| frame.get(PREFIX + 1..).unwrap_or_default().to_vec()).collect()
}
