//! Colours for a person at a terminal: what is well, what needs a look, what is wrong. Each is the plain text where the prose
//! does not go to a terminal, or whoever reads it wants no colours (`NO_COLOR`, `CLICOLOR`, `CLICOLOR_FORCE`, `TERM`).

use std::io;
use std::sync::OnceLock;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use mfad_proto::State;

/// Says once where the prose goes: to standard error when standard output is for a program.
pub(crate) fn follow_prose(json: bool) {
    let choice = if json { AutoStream::choice(&io::stderr()) } else { AutoStream::choice(&io::stdout()) };
    // Whoever says it again says the same.
    PROSE.get_or_init(|| choice);
}

/// All is well.
pub(crate) fn good(text: &str) -> String {
    in_prose(AnsiColor::Green.on_default(), text)
}

/// Somebody should have a look.
pub(crate) fn warn(text: &str) -> String {
    in_prose(AnsiColor::Yellow.on_default(), text)
}

/// Something is wrong.
pub(crate) fn bad(text: &str) -> String {
    in_prose(AnsiColor::Red.on_default(), text)
}

/// Of less weight than what stands around it.
pub(crate) fn faint(text: &str) -> String {
    in_prose(Style::new().dimmed(), text)
}

/// Of more weight.
pub(crate) fn bold(text: &str) -> String {
    in_prose(Style::new().bold(), text)
}

/// The word for a state. `width` is that of its column, which colours would not count for.
pub(crate) fn state(state: State, width: usize) -> String {
    let word = format!("{:width$}", state.as_str());
    match state {
        State::Active => good(&word),
        State::Pending => warn(&word),
        State::Locked => bad(&word),
        State::None => faint(&word),
    }
}

/// The beginning of a line on standard error that says what failed.
pub(crate) fn failure(text: &str) -> String {
    let style = AnsiColor::Red.on_default().bold();
    painted(AutoStream::choice(&io::stderr()), style, text)
}

fn in_prose(style: Style, text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    painted(*PROSE.get_or_init(|| AutoStream::choice(&io::stdout())), style, text)
}

fn painted(choice: ColorChoice, style: Style, text: &str) -> String {
    if choice == ColorChoice::Never { text.to_owned() } else { format!("{style}{text}{style:#}") }
}

/// How the prose may look.
static PROSE: OnceLock<ColorChoice> = OnceLock::new();
