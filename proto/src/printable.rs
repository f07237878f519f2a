//! Text from strangers, as it can be shown to a person.

/// Whether a terminal prints this character, and does not obey it: it is no control character, and none that hides or turns
/// the text around it.
#[must_use]
pub fn is_printable(c: char) -> bool {
    let obeyed = c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    !obeyed
}

/// The text with every other character written as its number, as in `\u{1b}`.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_printable(c) { shown.push(c) } else { shown.extend(c.escape_default()) }
    }
    shown
}
