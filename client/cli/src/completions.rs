//! What is generated from the definition of the command line: shell completions and the manual page.

use clap_complete::Shell;

use crate::failure::Failure;

pub(crate) fn print(_shell: Shell) -> Result<(), Failure> {
    Err(Failure::Refused(mfad_proto::Refusal::Unsupported))
}

pub(crate) fn manual() -> Result<(), Failure> {
    Err(Failure::Refused(mfad_proto::Refusal::Unsupported))
}
