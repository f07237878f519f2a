//! Texts in the form of C.

use std::ffi::c_char;

use mfad_proto::is_printable;
use zeroize::Zeroizing;

/// The text in so many bytes, cut at the end of a character, with zeros behind it. What a terminal would obey stands there as
/// `?`: the text is a stranger's.
pub(crate) fn fixed<const SIZE: usize>(text: &str) -> [c_char; SIZE] {
    let text: String = text.chars().map(|c| if is_printable(c) { c } else { '?' }).collect();
    let end = text.floor_char_boundary(SIZE.saturating_sub(1));
    let mut bytes = text.bytes().take(end);
    std::array::from_fn(|_| c_char::from_ne_bytes([bytes.next().unwrap_or(0)]))
}

/// The text with a NUL behind it, wiped when dropped. No secret text has one within, since it is a URI or base32.
pub(crate) fn terminated(text: &str) -> Zeroizing<Vec<u8>> {
    let mut copy = Zeroizing::new(Vec::with_capacity(text.len().saturating_add(1)));
    copy.extend(text.bytes().take_while(|byte| *byte != 0));
    copy.push(0);
    copy
}

#[cfg(test)]
mod tests {
    use std::ffi::c_char;

    use super::{fixed, terminated};

    fn read(text: &[c_char]) -> String {
        let bytes: Vec<_> = text.iter().map(|c| c.to_ne_bytes()[0]).take_while(|byte| *byte != 0).collect();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_text_is_cut_where_a_character_ends_and_always_has_an_end() {
        assert_eq!(read(&fixed::<8>("sshd")), "sshd");
        assert_eq!(read(&fixed::<8>("12345678")), "1234567");
        assert_eq!(read(&fixed::<8>("123456é")), "123456");
        assert_eq!(read(&fixed::<1>("x")), "");
    }

    #[test]
    fn what_a_terminal_would_obey_is_not_handed_on() {
        assert_eq!(read(&fixed::<32>("a\u{1b}[2Jb\0c\u{202e}d\n")), "a?[2Jb?c?d?");
    }

    #[test]
    fn a_nul_ends_a_text() {
        assert_eq!(*terminated("otpauth"), b"otpauth\0");
        assert_eq!(*terminated("a\0b"), b"a\0");
    }
}
