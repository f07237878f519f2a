//! The pipe that a backup goes through: written by a thread of its own, to a reader that may stop at any time.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::thread;

use mfad_proto::Password;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::pipe2;

use super::{Costs, Error, Snapshot, write};
use crate::keyring::Keyring;
use crate::residue::wiped;

/// Starts a thread that writes the backup, and returns the end to read it from. `ended` hears how it went.
///
/// # Errors
/// When there can be no pipe or no thread.
pub fn pour(
    snapshot: Snapshot,
    keyring: Arc<Keyring>,
    passphrase: Password,
    ended: impl FnOnce(Result<(), Error>) + Send + 'static,
) -> io::Result<OwnedFd> {
    let (read, written) = pipe2(OFlag::O_CLOEXEC)?;
    let pipe = Patient(File::from(written));
    thread::Builder::new()
        .name("backup".to_owned())
        .spawn(move || ended(wiped(|| write(&snapshot, &keyring, &passphrase, Costs::USUAL, pipe))))?;
    Ok(read)
}

/// The write end, which gives up on a reader that reads nothing for [`PATIENCE`].
struct Patient(File);

impl Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut ready = [PollFd::new(self.0.as_fd(), PollFlags::POLLOUT)];
        if poll(&mut ready, PollTimeout::from(PATIENCE))? == 0 {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "nobody reads the backup"));
        }
        // A pipe that is ready takes a page at once, so that this does not wait.
        self.0.write(bytes.get(..PAGE.min(bytes.len())).unwrap_or_default())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Milliseconds for a reader to read something.
const PATIENCE: u16 = 60_000;

/// PIPE_BUF on Linux.
const PAGE: usize = 4096;
