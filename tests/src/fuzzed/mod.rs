//! What must hold for any bytes at all: each reader of the project gives back what was written, or refuses within bounds.
//!
//! The programs of `tests/fuzz` look for bytes that break a [`Target`]; `tests/fuzzed.rs` tries the seeds, and what was
//! once found. Where bytes cannot get past a seal, they are a script that edits something genuine instead.

pub mod backup;
pub mod config;
mod edits;
pub mod frame;
mod golden;
pub mod head;
pub mod log;
pub mod message;
pub mod otpauth;
pub mod record;

use std::path::{Path, PathBuf};

/// One reader, and what holds for it.
pub struct Target {
    /// The name of its program in `tests/fuzz`, and of its folders of inputs.
    pub name: &'static str,
    /// Panics when it does not hold for these bytes.
    pub check: fn(&[u8]),
    /// Inputs that lead far into it.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: [Target; 10] = [
    Target { name: "frame", check: frame::check, seeds: frame::seeds },
    Target { name: "request", check: message::request, seeds: message::requests },
    Target { name: "response", check: message::response, seeds: message::responses },
    Target { name: "record", check: record::check, seeds: record::seeds },
    Target { name: "log", check: log::check, seeds: log::seeds },
    Target { name: "head", check: head::check, seeds: head::seeds },
    Target { name: "backup", check: backup::check, seeds: backup::seeds },
    Target { name: "otpauth", check: otpauth::check, seeds: otpauth::seeds },
    Target { name: "qr", check: otpauth::draw, seeds: otpauth::texts },
    Target { name: "config", check: config::check, seeds: config::seeds },
];

/// The package of the programs.
#[must_use]
pub fn package() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// What a person is told fits one line of a log, whatever the input was.
fn assert_bounded(message: &str) {
    assert!(message.len() <= LONGEST_MESSAGE, "{} bytes: {message}", message.len());
    assert!(!message.chars().any(char::is_control), "more than a line of text: {message:?}");
}

/// Bytes of the longest message.
const LONGEST_MESSAGE: usize = 400;
