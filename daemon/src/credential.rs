//! The root key as systemd keeps it for the daemon's unit, for commands that root runs without systemd: `systemd-creds`
//! unseals it.
//!
//! MUST: what was unsealed is in no argument, file or variable of the environment; nothing of the caller's environment
//! reaches the other program.

use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use zeroize::Zeroizing;

/// Unseals a credential, at most `most` bytes of it.
///
/// # Errors
/// When it cannot be unsealed, with what `systemd-creds` says.
pub(crate) fn unseal(path: &Path, name: &str, most: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut command = Command::new(PROGRAM);
    command.arg("decrypt").arg(format!("--name={name}")).arg(path).arg("-");
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let mut content = Zeroizing::new(Vec::with_capacity(most));
    let longest = u64::try_from(most).unwrap_or(u64::MAX);
    // Its end is seen before its status: it writes what it has to say at once, and little.
    let read = child.stdout.take().map_or(Ok(0), |pipe| pipe.take(longest).read_to_end(&mut content));
    let mut said = String::new();
    let heard = child.stderr.take().map_or(Ok(0), |pipe| pipe.take(LONGEST_WORD).read_to_string(&mut said));
    let status = child.wait()?;
    read.and(heard)?;
    if status.success() { Ok(content) } else { Err(io::Error::other(format!("systemd-creds says: {}", said.trim()))) }
}

/// Where Debian and all that have merged `/bin` have it: never by the caller's `PATH`.
const PROGRAM: &str = "/usr/bin/systemd-creds";

/// Bytes that are kept of what it says.
const LONGEST_WORD: u64 = 512;
