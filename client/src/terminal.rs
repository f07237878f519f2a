//! One hidden line from the controlling terminal.
//!
//! MUST: nothing that is typed is shown, not even while the prompt appears; the terminal is as it was afterwards, also when
//! the person interrupts, stops or hangs up in the middle.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::input::{Error, line};

/// Asks for a line on the terminal, and reads it without echo.
///
/// # Errors
/// [`Error`]; [`Error::Missing`] when the person ends the input instead.
pub(crate) fn hidden(prompt: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    loop {
        let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty").map_err(Error::Io)?;
        let quiet = Quiet::begin(&terminal).map_err(Error::Io)?;
        // Only now: what is typed as soon as the prompt shows is hidden already.
        (&terminal).write_all(prompt.as_bytes()).map_err(Error::Io)?;
        match quiet.wait().map_err(Error::Io)? {
            None => return line(&terminal),
            Some(signal) => {
                drop(quiet);
                // As it would have been without the prompt: mostly the end. After a stop, the question is asked again.
                raise(signal).map_err(|errno| Error::Io(errno.into()))?;
            }
        }
    }
}

/// A terminal that shows nothing, and signals that wait, until this is dropped.
struct Quiet<'t> {
    terminal: &'t File,
    usual: Termios,
    signals: SignalFd,
    mask: SigSet,
}

impl<'t> Quiet<'t> {
    fn begin(terminal: &'t File) -> io::Result<Self> {
        let usual = tcgetattr(terminal)?;
        let mut caught = SigSet::empty();
        CAUGHT.iter().for_each(|signal| caught.add(*signal));
        let signals = SignalFd::with_flags(&caught, SfdFlags::SFD_CLOEXEC)?;
        let mask = caught.thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_BLOCK)?;
        let quiet = Self { terminal, usual, signals, mask };
        let mut hidden = quiet.usual.clone();
        hidden.local_flags.remove(LocalFlags::ECHO);
        // The end of the line is shown, so that the next output stands on a line of its own.
        hidden.local_flags.insert(LocalFlags::ECHONL);
        tcsetattr(terminal, SetArg::TCSAFLUSH, &hidden)?;
        Ok(quiet)
    }

    /// Waits for a line, or for a signal.
    fn wait(&self) -> io::Result<Option<Signal>> {
        let mut ready = [
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.terminal.as_fd(), PollFlags::POLLIN),
        ];
        while let Err(errno) = poll(&mut ready, PollTimeout::NONE) {
            if errno != Errno::EINTR {
                return Err(errno.into());
            }
        }
        if ready.first().and_then(PollFd::any) != Some(true) {
            return Ok(None);
        }
        let number = self.signals.read_signal()?.and_then(|signal| i32::try_from(signal.ssi_signo).ok());
        Ok(number.and_then(|number| Signal::try_from(number).ok()))
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        tcsetattr(self.terminal, SetArg::TCSAFLUSH, &self.usual).ok();
        self.mask.thread_set_mask().ok();
    }
}

/// What ends or stops a program at its terminal.
const CAUGHT: [Signal; 5] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGTSTP];
