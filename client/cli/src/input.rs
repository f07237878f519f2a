//! The secrets of this program, each with the sentence that asks for it.

use std::path::Path;

pub(crate) use mfad_client::input::is_terminal;
use mfad_client::input::{self, Error};
use mfad_proto::{Code, Password};
use zeroize::Zeroizing;

use crate::failure::Failure;

/// Asks for a code. It is passed on exactly as typed: only the server judges it.
pub(crate) fn code(prompt: &str) -> Result<Code, Failure> {
    let typed = input::secret(prompt).map_err(|error| failure(error, "a code is expected on standard input"))?;
    as_code(typed)
}

/// Asks for a code from who may have none: nothing, or no line at all, is no code.
pub(crate) fn code_if_any(prompt: &str) -> Result<Code, Failure> {
    match input::secret(prompt) {
        Err(Error::Missing) => Ok(Code::default()),
        Err(error) => Err(failure(error, "a code is expected on standard input")),
        Ok(typed) => as_code(typed),
    }
}

/// Asks for a password.
pub(crate) fn password(prompt: &str) -> Result<Password, Failure> {
    let typed = input::secret(prompt).map_err(|error| failure(error, "a password is expected on standard input"))?;
    Password::new(typed).ok_or(Failure::TooLong("the password"))
}

/// Asks for a new password: a person types it twice, a program gives it once. `empty` says why it may not be empty.
pub(crate) fn new_password(prompt: &str, empty: &'static str) -> Result<Password, Failure> {
    let new = password(prompt)?;
    if new.expose().is_empty() {
        return Err(Failure::Usage(empty));
    }
    if is_terminal() && password("The same once more: ")?.expose() != new.expose() {
        return Err(Failure::Usage("the two are not the same: nothing was changed"));
    }
    Ok(new)
}

/// The password in the first line of a file.
pub(crate) fn password_from(path: &Path) -> Result<Password, Failure> {
    let read = input::from_file(path).map_err(|error| failure(error, "the passphrase file is empty"))?;
    Password::new(read).ok_or(Failure::TooLong("the passphrase"))
}

fn as_code(mut typed: Zeroizing<Vec<u8>>) -> Result<Code, Failure> {
    // No code is longer: what is cut off could not make it right.
    typed.truncate(Code::MAX);
    Code::new(typed).ok_or(Failure::TooLong("the code"))
}

fn failure(error: Error, missing: &'static str) -> Failure {
    match error {
        Error::Missing => Failure::Usage(missing),
        Error::TooLong => Failure::TooLong("the line"),
        Error::Io(error) => Failure::Io("the secret cannot be read".to_owned(), error),
        _ => Failure::Usage("the secret cannot be read"),
    }
}
