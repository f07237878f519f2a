//! The secrets of this program, each with the sentence that asks for it.

use std::path::Path;

pub(crate) use mfad_client::input::is_terminal;
use mfad_client::input::{self, Error};
use mfad_proto::{Code, Password};

use crate::failure::Failure;

/// Asks for a code. It is passed on exactly as typed: only the server judges it.
pub(crate) fn code(prompt: &str) -> Result<Code, Failure> {
    let mut typed = input::secret(prompt).map_err(|error| failure(error, "a code is expected on standard input"))?;
    // No code is longer: what is cut off could not make it right.
    typed.truncate(Code::MAX);
    Code::new(typed).ok_or(Failure::TooLong("the code"))
}

/// Asks for a password.
pub(crate) fn password(prompt: &str) -> Result<Password, Failure> {
    let typed = input::secret(prompt).map_err(|error| failure(error, "a password is expected on standard input"))?;
    Password::new(typed).ok_or(Failure::TooLong("the password"))
}

/// The password in the first line of a file.
pub(crate) fn password_from(path: &Path) -> Result<Password, Failure> {
    let read = input::from_file(path).map_err(|error| failure(error, "the passphrase file is empty"))?;
    Password::new(read).ok_or(Failure::TooLong("the passphrase"))
}

fn failure(error: Error, missing: &'static str) -> Failure {
    match error {
        Error::Missing => Failure::Usage(missing),
        Error::TooLong => Failure::TooLong("the line"),
        Error::Io(error) => Failure::Io("the secret cannot be read".to_owned(), error),
        _ => Failure::Usage("the secret cannot be read"),
    }
}
