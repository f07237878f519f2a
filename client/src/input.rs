//! Secrets from a person or a pipe: from the terminal without echo, or one per line from standard input.
//!
//! MUST: never from the command line or the environment; never more bytes than the line in question, since what follows
//! belongs to the next question or the next program.

use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::path::Path;

use nix::errno::Errno;
use zeroize::Zeroizing;

use crate::terminal::hidden;

/// Whether a person can be asked.
#[must_use]
pub fn is_terminal() -> bool {
    io::stdin().is_terminal()
}

/// Asks for a secret, and takes it exactly as it was typed.
///
/// # Errors
/// [`Error`].
pub fn secret(prompt: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    if is_terminal() {
        return hidden(prompt);
    }
    line(io::stdin())
}

/// The first line of a file.
///
/// # Errors
/// [`Error`].
pub fn from_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    line(File::open(path).map_err(Error::Io)?)
}

/// Why there is no secret.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The input has ended, and not even an empty line was there.
    Missing,
    /// The line is longer than any secret.
    TooLong,
    /// It cannot be read.
    Io(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("a line is missing"),
            Self::TooLong => write!(f, "a line is longer than {LONGEST} bytes"),
            Self::Io(_) => f.write_str("a secret cannot be read"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Missing | Self::TooLong => None,
        }
    }
}

/// One line without its end, read a byte at a time.
pub(crate) fn line(input: impl AsFd) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST));
    let mut byte = Zeroizing::new([0_u8; 1]);
    loop {
        let ended = match nix::unistd::read(&input, byte.as_mut_slice()) {
            Err(Errno::EINTR) => continue,
            read => read.map_err(|errno| Error::Io(errno.into()))? == 0,
        };
        if ended && line.is_empty() {
            return Err(Error::Missing);
        }
        if ended || *byte == *b"\n" {
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            return Ok(line);
        }
        if line.len() == LONGEST {
            return Err(Error::TooLong);
        }
        line.extend_from_slice(byte.as_slice());
    }
}

/// Bytes of the longest line.
const LONGEST: usize = 1024;
