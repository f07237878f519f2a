//! What a code looks like. Whether it is right, only the daemon knows.

/// Whether this is as long as a code and made of what codes are made of: what a password hardly ever is.
pub(crate) fn is_likely(typed: &[u8]) -> bool {
    (LEAST_DIGITS..=MOST_DIGITS).contains(&typed.len()) && typed.iter().all(u8::is_ascii_digit) || is_recovery(typed)
}

/// Parts what was typed in one field into password and code: the six digits or the recovery code, with its hyphens, at its
/// end. Without either there is no code.
pub(crate) fn part(field: &[u8]) -> (&[u8], &[u8]) {
    let end = |length: usize| field.len().checked_sub(length).and_then(|start| field.split_at_checked(start));
    let digits = end(LEAST_DIGITS).filter(|(_, code)| code.iter().all(u8::is_ascii_digit));
    let recovery = || end(RECOVERY).filter(|(_, code)| is_recovery(code));
    digits.or_else(recovery).unwrap_or((field, &[]))
}

/// Whether two texts are the same recovery code: case, spaces and hyphens do not matter, nor do digits in the place of the
/// letters that they look like.
pub(crate) fn is_same(typed: &[u8], code: &str) -> bool {
    letters(typed).eq(letters(code.as_bytes()))
}

/// Four groups of four letters and digits, as the daemon shows a recovery code.
fn is_recovery(text: &[u8]) -> bool {
    text.len() == RECOVERY
        && text.split(|byte| *byte == b'-').all(|group| group.len() == 4 && group.iter().all(u8::is_ascii_alphanumeric))
}

fn letters(text: &[u8]) -> impl Iterator<Item = u8> {
    text.iter().filter(|byte| !matches!(byte, b' ' | b'-')).map(|byte| match byte {
        b'0' => b'O',
        b'1' => b'I',
        b'8' => b'B',
        byte => byte.to_ascii_uppercase(),
    })
}

const LEAST_DIGITS: usize = 6;
const MOST_DIGITS: usize = 8;
/// Bytes of a recovery code with its hyphens.
const RECOVERY: usize = 19;
