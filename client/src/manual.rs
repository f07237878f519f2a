//! The manual page of a command line, made of the definition that parses it: one page, with every subcommand on it.

use std::io;

use clap::{Arg, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, italic, roman};

/// A list of words, each with what it means.
pub type Words<'t> = &'t [(&'t str, &'t str)];

/// What a page says besides the definition.
pub struct Page<'t> {
    /// The section of the manual.
    pub section: &'t str,
    /// Exit statuses.
    pub statuses: Words<'t>,
    /// Files.
    pub files: Words<'t>,
    /// Variables of the environment.
    pub environment: Words<'t>,
    /// Other pages.
    pub see_also: &'t [&'t str],
}

impl Page<'_> {
    /// The page, in the roff that `man` reads.
    ///
    /// # Errors
    /// Those of writing to memory: none.
    pub fn write(&self, mut command: Command) -> io::Result<Vec<u8>> {
        command.build();
        let mut page = Vec::new();
        let man = man(command.clone(), self.section);
        man.render_title(&mut page)?;
        man.render_name_section(&mut page)?;
        man.render_synopsis_section(&mut page)?;
        man.render_description_section(&mut page)?;
        man.render_options_section(&mut page)?;
        let mut rest = Roff::new();
        rest.control("SH", ["COMMANDS"]);
        subcommands(&mut rest, &command);
        self.end(&mut rest);
        rest.to_writer(&mut page)?;
        Ok(page)
    }

    /// The sections that every page ends with.
    pub fn end(&self, roff: &mut Roff) {
        let sections = [("EXIT STATUS", self.statuses), ("FILES", self.files), ("ENVIRONMENT", self.environment)];
        for (title, words) in sections.into_iter().filter(|(_, words)| !words.is_empty()) {
            roff.control("SH", [title]);
            for (word, meaning) in words {
                roff.control("TP", []).text([bold(*word)]).text([roman(*meaning)]);
            }
        }
        roff.control("SH", ["SEE ALSO"]).text([roman(self.see_also.join(", "))]);
    }
}

/// The head of a page: without a date, so that the same version is the same page.
fn man(command: Command, section: &str) -> Man {
    let title = command.get_name().to_uppercase();
    let source = format!("mfad {}", command.get_version().unwrap_or_default());
    // The quotation marks hold the place.
    Man::new(command).title(title).section(section).date("\"\"").source(source).manual("mfad")
}

/// Every subcommand below this one, each before its own.
fn subcommands(roff: &mut Roff, command: &Command) {
    for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        let usage = command.clone().render_usage().to_string();
        roff.control("SS", []).text([roman(usage.trim_start_matches("Usage: "))]);
        description(roff, command);
        // `help` repeats all the others.
        if command.get_name() != "help" {
            command.get_arguments().filter(|argument| is_own(argument)).for_each(|argument| option(roff, argument));
            subcommands(roff, command);
        }
    }
}

fn description(roff: &mut Roff, command: &Command) {
    let Some(about) = command.get_long_about().or_else(|| command.get_about()) else { return };
    let about = about.to_string();
    for (number, paragraph) in about.split("\n\n").enumerate() {
        if number > 0 {
            roff.control("PP", []);
        }
        roff.text([roman(paragraph)]);
    }
}

/// What stands among the options of the whole program is not told again.
fn is_own(argument: &Arg) -> bool {
    !argument.is_hide_set() && !argument.is_global_set() && !matches!(argument.get_id().as_str(), "help" | "version")
}

fn option(roff: &mut Roff, argument: &Arg) {
    roff.control("TP", []).text([bold(argument.to_string())]);
    let help = argument.get_long_help().or_else(|| argument.get_help());
    let takes_value = argument.get_action().takes_values();
    let default = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect::<Vec<_>>();
    let default =
        if default.is_empty() || !takes_value { String::new() } else { format!(" [default: {}]", default.join(" ")) };
    roff.text([roman(format!("{}{default}", help.map(ToString::to_string).unwrap_or_default()))]);
    for value in argument.get_possible_values().iter().filter(|value| !value.is_hide_set()) {
        if takes_value {
            let help = value.get_help().map(|help| format!(": {help}")).unwrap_or_default();
            roff.control("br", []).text([italic(value.get_name()), roman(help)]);
        }
    }
}
