//! The golden frames of `proto/vectors`, as PROTOCOL.md section 13 describes them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use data_encoding::HEXLOWER;
use serde_json::Value;

/// One file.
pub struct Vector {
    /// The file's name.
    pub name: String,
    /// Who sends the frame.
    pub kind: Kind,
    /// The whole frame, its length included.
    pub frame: Vec<u8>,
    /// The `message` of a good one, the `answer` to a bad one.
    pub expected: Value,
}

/// Who sends a frame: a client or a server.
#[derive(PartialEq, Eq, Clone, Copy, Debug)]
pub enum Kind {
    /// A client.
    Request,
    /// A server.
    Response,
}

/// Those that have a meaning.
#[must_use]
pub fn good() -> &'static [Vector] {
    static GOOD: LazyLock<Vec<Vector>> = LazyLock::new(|| Vector::all("good", "message"));
    &GOOD
}

/// Those that are refused.
#[must_use]
pub fn bad() -> &'static [Vector] {
    static BAD: LazyLock<Vec<Vector>> = LazyLock::new(|| Vector::all("bad", "answer"));
    &BAD
}

/// Where the protocol lies.
#[must_use]
pub fn proto() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto")
}

impl Vector {
    fn read(path: &Path, expected: &str) -> Self {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        assert!(name.ends_with(".json"), "{name} is no vector");
        let text = std::fs::read_to_string(path).expect("a readable file");
        let file: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let keys: BTreeSet<_> = file.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(keys, BTreeSet::from(["note", "kind", "frame", expected]), "{name}");
        let text = |key: &str| file[key].as_str().unwrap_or_else(|| panic!("{name}: {key} is no text"));
        assert!(!text("note").is_empty(), "{name} says nothing");
        let kind = match text("kind") {
            "request" => Kind::Request,
            "response" => Kind::Response,
            other => panic!("{name}: {other} is no kind"),
        };
        let frame = HEXLOWER.decode(text("frame").as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
        Self { kind, frame, expected: file[expected].clone(), name }
    }

    /// All files of a folder: a list kept by hand would forget some.
    fn all(folder: &str, expected: &str) -> Vec<Self> {
        let folder = proto().join("vectors").join(folder);
        let entries = std::fs::read_dir(&folder).expect("a folder of vectors");
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
        paths.sort();
        assert!(paths.len() >= FEWEST, "{} holds {} vectors", folder.display(), paths.len());
        paths.iter().map(|path| Self::read(path, expected)).collect()
    }
}

/// A folder with fewer vectors has lost some.
const FEWEST: usize = 100;
