//! What a file is, by what it holds.

use super::plain_file::PlainFile;
use crate::args::Format;
use crate::failure::Failure;

/// Tells which of the formats the file has.
pub(super) fn recognise(file: &PlainFile) -> Result<Format, Failure> {
    let head = file.head()?;
    if head.starts_with(SQLITE) {
        return Ok(Format::Netmaker);
    }
    of_text(&head).ok_or(Failure::Usage(
        "the file does not show what it is: name its --format, google-authenticator, pam-oath, otpauth or netmaker",
    ))
}

fn of_text(head: &[u8]) -> Option<Format> {
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let first = lines.clone().find(|line| !line.is_empty() && !line.starts_with(b"#"))?;
    let word = first.split(u8::is_ascii_whitespace).next().unwrap_or_default();
    if first.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"otpauth")) {
        Some(Format::Otpauth)
    } else if word == b"HOTP" || word.starts_with(b"HOTP/") {
        Some(Format::PamOath)
    } else if lines.next().is_some_and(is_base32) && lines.next().is_some_and(|line| line.starts_with(b"\" ")) {
        Some(Format::GoogleAuthenticator)
    } else {
        None
    }
}

fn is_base32(line: &[u8]) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'2'..=b'7' | b' ' | b'-' | b'=');
    !line.is_empty() && line.iter().all(is_part)
}

/// How every database of sqlite begins.
const SQLITE: &[u8] = b"SQLite format 3\0";
