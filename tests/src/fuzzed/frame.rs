//! Frames: a prefix is judged by itself, wherever the stream is cut, and nothing is taken but what it announces.

use mfad_proto::VERSION;
use mfad_proto::frame::{Content, Header, MAX_LENGTH, PREFIX};

use super::golden;

/// Judges a stream at every cut, and takes the frames that begin it.
///
/// # Panics
/// When it does not hold.
pub fn check(stream: &[u8]) {
    for cut in 0..=stream.len() {
        assert_eq!(Header::judge(&stream[..cut]), announced(&stream[..cut]), "cut at {cut}");
    }
    assert_content(stream);
    let mut rest = stream;
    while let Header::Frame(length) = Header::judge(rest) {
        let Some((frame, others)) = rest.split_at_checked(length) else { break };
        assert_content(frame);
        rest = others;
    }
}

/// Golden frames, one by one and one behind the other.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = [golden::frames("request"), golden::frames("response")].concat();
    seeds.push(seeds.iter().take(8).flatten().copied().collect());
    seeds
}

/// What `PROTOCOL.md` says of a prefix.
fn announced(stream: &[u8]) -> Header {
    let [first, second, third, fourth, ..] = stream else { return Header::Incomplete };
    match u32::from_be_bytes([*fourth, *third, *second, *first]) as usize {
        length @ 1..=MAX_LENGTH => Header::Frame(length + PREFIX),
        _ => Header::BadLength,
    }
}

/// What `PROTOCOL.md` says of the bytes behind it.
fn assert_content(frame: &[u8]) {
    let expected = match frame.get(PREFIX..).unwrap_or_default() {
        [] => Content::Broken,
        [VERSION, body @ ..] => Content::Body(body),
        [0, min, max] => Content::VersionRefused { min: *min, max: *max },
        [version, ..] => Content::OtherVersion(*version),
    };
    assert_eq!(Content::of(frame), expected);
}
