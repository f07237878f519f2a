//! Secrets from a person or a pipe: from the terminal without echo, or one per line from standard input.
//!
//! MUST: never from the command line or the environment; never more bytes than the line in question, since what follows
//! belongs to the next question or the next program.

use std::io::{self, IsTerminal};

use mfad_proto::{Code, Password};
use zeroize::Zeroizing;

use crate::failure::Failure;

/// Whether a person can be asked.
pub(crate) fn is_terminal() -> bool {
    io::stdin().is_terminal()
}

/// Asks for a code. It is passed on exactly as typed: only the server judges it.
pub(crate) fn code(prompt: &str) -> Result<Code, Failure> {
    Code::new(secret(prompt, "a code is expected on standard input")?).ok_or(Failure::TooLong("the code"))
}

/// Asks for a password.
pub(crate) fn password(prompt: &str) -> Result<Password, Failure> {
    let missing = "a password is expected on standard input";
    Password::new(secret(prompt, missing)?).ok_or(Failure::TooLong("the password"))
}

fn secret(prompt: &str, missing: &'static str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    if is_terminal() {
        let typed = rpassword::prompt_password(prompt);
        return typed.map(|typed| Zeroizing::new(typed.into_bytes())).map_err(unreadable);
    }
    line().map_err(unreadable)?.ok_or(Failure::Usage(missing))
}

/// One line without its end, read a byte at a time; `None` when there is not even an empty one.
fn line() -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST));
    let mut byte = Zeroizing::new([0_u8; 1]);
    loop {
        let ended = nix::unistd::read(io::stdin(), byte.as_mut_slice())? == 0;
        if ended && line.is_empty() {
            return Ok(None);
        }
        if ended || *byte == *b"\n" {
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            return Ok(Some(line));
        }
        if line.len() == LONGEST {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is longer than 1024 bytes"));
        }
        line.extend_from_slice(byte.as_slice());
    }
}

fn unreadable(error: io::Error) -> Failure {
    Failure::Io("the secret cannot be read".to_owned(), error)
}

/// Bytes of the longest line.
const LONGEST: usize = 1024;
