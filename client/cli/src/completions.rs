//! What is generated from the definition of the command line: shell completions and the manual page.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::Shell;
use mfad_client::manual::Page;

use crate::args::{Args, STATUSES};
use crate::failure::Failure;

/// Prints a script for a shell.
pub(crate) fn print(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "mfactl", &mut script);
    shown(&script)
}

/// Prints mfactl(1).
pub(crate) fn manual() -> Result<(), Failure> {
    let page = PAGE.write(Args::command()).map_err(unwritable)?;
    shown(&page)
}

fn shown(text: &[u8]) -> Result<(), Failure> {
    io::stdout().lock().write_all(text).map_err(unwritable)
}

fn unwritable(error: io::Error) -> Failure {
    Failure::Io("the text cannot be printed".to_owned(), error)
}

const PAGE: Page<'_> = Page {
    section: "1",
    statuses: STATUSES,
    files: &[
        ("/run/mfad/mfad.sock", "The public socket: owners and administrators."),
        ("/run/mfad/REALM/mfad.sock", "The socket of a realm: its login services."),
    ],
    environment: &[
        ("MFAD_SERVER_UID", "As --server-uid."),
        ("NO_COLOR", "When it is set and not empty, nothing is printed in colour."),
        ("CLICOLOR_FORCE", "When it is set and not 0, colours are printed into pipes and files as well."),
    ],
    see_also: &["mfad(8)", "mfad.toml(5)"],
};
