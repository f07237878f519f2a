//! mfad.toml(5), read from the commented sample: paragraphs of comments, each before the settings that it explains.

use clap_mangen::roff::{Roff, bold, roman};
use mfad_client::manual::Page;

/// The page.
pub(super) fn page(version: &str) -> Vec<u8> {
    let mut roff = Roff::new();
    let source = format!("mfad {version}");
    roff.control("TH", ["MFAD.TOML", "5", "\"\"", &source, "mfad"]);
    roff.control("SH", ["NAME"]).text([roman("mfad.toml - the configuration of mfad")]);
    roff.control("SH", ["DESCRIPTION"]);
    for (number, block) in SAMPLE.split("\n\n").map(Block::read).enumerate() {
        block.write(&mut roff);
        if number == 0 {
            roff.control("SH", ["SETTINGS"]);
        }
    }
    PAGE.end(&mut roff);
    roff.render().into_bytes()
}

/// Lines without an empty one between them.
struct Block<'t> {
    /// The comment, each line without its `# `.
    comment: Vec<&'t str>,
    /// Settings and the heads of tables; those that are switched off without their `#`.
    settings: Vec<&'t str>,
}

impl<'t> Block<'t> {
    fn read(text: &'t str) -> Self {
        let is_comment = |line: &&str| *line == "#" || line.starts_with("# ");
        let (comment, settings): (Vec<_>, Vec<_>) = text.lines().filter(|line| !line.is_empty()).partition(is_comment);
        let bare = |line: &'t str| line.strip_prefix('#').unwrap_or(line);
        Self {
            comment: comment.into_iter().map(bare).map(|line| line.strip_prefix(' ').unwrap_or(line)).collect(),
            settings: settings.into_iter().map(bare).collect(),
        }
    }

    fn write(&self, roff: &mut Roff) {
        match self.settings.as_slice() {
            [] => self.explain(roff, "PP"),
            [table, settings @ ..] if table.starts_with('[') => {
                if !self.comment.is_empty() {
                    roff.control("SS", []).text([roman(*table)]);
                    self.explain(roff, "PP");
                }
                // A table is explained with its head; others of it, and what is in it, are examples.
                if self.comment.is_empty() || !settings.is_empty() {
                    example(roff, &self.settings);
                }
            }
            settings => {
                for (number, setting) in settings.iter().enumerate() {
                    // Several settings may have one explanation.
                    roff.control(if number == 0 { "TP" } else { "TQ" }, []).text([bold(*setting)]);
                }
                self.explain(roff, "IP");
            }
        }
    }

    /// The comment: what a setting means, then its default, then its price. A line that is set in begins with a word of a
    /// list, or goes on with what that means.
    fn explain(&self, roff: &mut Roff, paragraph: &str) {
        for (number, line) in self.comment.iter().enumerate() {
            let listed = line.strip_prefix("  ").and_then(|line| line.split_once("  "));
            match listed {
                Some(("", meaning)) => {
                    if meaning.trim_start().starts_with('"') {
                        roff.control("br", []);
                    }
                    roff.text([roman(meaning.trim_start())]);
                }
                Some((word, meaning)) => {
                    roff.control("TP", []).text([bold(word)]).text([roman(meaning.trim_start())]);
                }
                None if line.is_empty() => {
                    roff.control(paragraph, []);
                }
                None => {
                    if number > 0 && (line.starts_with("Default: ") || line.starts_with("Price")) {
                        roff.control(paragraph, []);
                    }
                    roff.text([roman(*line)]);
                }
            }
        }
    }
}

fn example(roff: &mut Roff, lines: &[&str]) {
    roff.control("PP", []).control("nf", []);
    for line in lines {
        roff.text([roman(*line)]);
    }
    roff.control("fi", []);
}

const SAMPLE: &str = include_str!("../../mfad.toml");

const PAGE: Page<'_> = Page {
    section: "5",
    statuses: &[
        ("0", "Of mfad check: nothing is wrong with the configuration."),
        ("1", "Of mfad check: something is; it is named by its line."),
    ],
    files: &[("/etc/mfad/mfad.toml", "The configuration. Without it, realm system is served with the defaults.")],
    environment: &[(
        "CREDENTIALS_DIRECTORY",
        "Where systemd has put the credential mfad.key, which comes before key_file.",
    )],
    see_also: &["mfad(8)", "mfactl(1)"],
};
