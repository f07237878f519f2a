//! The connection that this process was started for: whose it is, the question that comes in on it, the answer.
//!
//! MUST: nothing is read from a peer that was not admitted; the buffer is bounded and wiped; the deadline is for the whole
//! question, so that no peer holds a process by sending slowly.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use mfad_proto::passwd::{Answer, NoQuestion, Question};
use nix::errno::Errno;
use nix::sys::socket::{SockType, getsockopt, sockopt};
use nix::sys::stat::fstat;
use nix::time::ClockId;
use nix::unistd::{User, dup2_stderr, dup2_stdin, dup2_stdout};
use zeroize::Zeroizing;

/// The socket, moved out of the way of whoever reads standard input or writes standard output.
pub(crate) struct Connection(UnixStream);

impl Connection {
    /// Takes the socket that standard input is. Modules and what they start get none of it: inetd's way makes it standard
    /// output, too, where a module's greeting would be an answer.
    ///
    /// # Errors
    /// [`Error::NoSocket`], or [`Error::Process`].
    pub(crate) fn take() -> Result<Self, Error> {
        let process = |errno: Errno| Error::Process(errno.into());
        let (input, errors) = (io::stdin(), io::stderr());
        let identity = |stat: nix::sys::stat::FileStat| (stat.st_dev, stat.st_ino);
        let socket = fstat(&input).map(identity).map_err(process)?;
        let stream = UnixStream::from(input.as_fd().try_clone_to_owned().map_err(Error::Process)?);
        let null = File::options().read(true).write(true).open("/dev/null").map_err(Error::Process)?;
        if fstat(&errors).map(identity) == Ok(socket) {
            dup2_stderr(&null).map_err(process)?;
        }
        dup2_stdin(&null).map_err(process)?;
        dup2_stdout(&null).map_err(process)?;
        // The address says that it is a socket of this machine, the type that a question's bytes stay in order.
        stream.local_addr().map_err(Error::NoSocket)?;
        match getsockopt(&stream, sockopt::SockType) {
            Ok(SockType::Stream) => Ok(Self(stream)),
            Ok(_) => Err(Error::NoSocket(io::ErrorKind::InvalidInput.into())),
            Err(errno) => Err(Error::NoSocket(errno.into())),
        }
    }

    /// Whether the peer is the daemon, by what the kernel says of him: root, the user `mfad`, or the user of the option.
    ///
    /// # Errors
    /// [`Error::Stranger`], or [`Error::Process`] when the kernel does not say.
    pub(crate) fn admit(&self, daemon: Option<u32>) -> Result<(), Error> {
        let peer = getsockopt(&self.0, sockopt::PeerCredentials).map_err(|errno| Error::Process(errno.into()))?.uid();
        // Names are looked up last: whoever serves them may be slow.
        let admitted = peer == 0
            || daemon == Some(peer)
            || User::from_name("mfad").ok().flatten().is_some_and(|user| user.uid.as_raw() == peer);
        if admitted { Ok(()) } else { Err(Error::Stranger(peer)) }
    }

    /// The one question, whole.
    ///
    /// # Errors
    /// [`Error::Question`], [`Error::Cut`], [`Error::Late`] or [`Error::Read`].
    pub(crate) fn question(&self) -> Result<Question, Error> {
        // One byte more than the longest, which shows that there is one too many.
        let mut buffer = Zeroizing::new([0; Question::LONGEST.saturating_add(1)]);
        let mut used = 0_usize;
        let deadline = Deadline::after(QUESTION_DEADLINE)?;
        // A socket that was left non-blocking would be late at once.
        self.0.set_nonblocking(false).map_err(Error::Read)?;
        loop {
            self.0.set_read_timeout(Some(deadline.left()?)).map_err(Error::Read)?;
            // What the buffer cannot hold is no question, and was judged so below.
            let free = buffer.get_mut(used..).unwrap_or_default();
            let read = match (&self.0).read(free) {
                Ok(0) => return Err(Error::Cut),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(Error::Late),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Error::Read(error)),
            };
            used = used.saturating_add(read);
            let bytes = buffer.get(..used).unwrap_or_default();
            if let Some(question) = Question::read(bytes).map_err(Error::Question)? {
                return Ok(question);
            }
        }
    }

    /// Says the answer, and that there is no more.
    ///
    /// # Errors
    /// [`Error::Write`] when the peer is gone.
    pub(crate) fn answer(mut self, answer: Answer) -> Result<(), Error> {
        self.0.write_all(&[answer.to_byte()]).map_err(Error::Write)
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Error {
    /// Standard input is something else.
    NoSocket(io::Error),
    /// The peer is another user.
    Stranger(u32),
    /// The kernel refused this process something that it needs.
    Process(io::Error),
    /// What came in is no question.
    Question(NoQuestion),
    /// The peer closed before the question was whole.
    Cut,
    /// The question was not whole in time.
    Late,
    /// Reading failed.
    Read(io::Error),
    /// The answer could not be written.
    Write(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSocket(_) => {
                f.write_str("standard input is no connected Unix stream socket: mfad-passwd.socket starts this program")
            }
            Self::Stranger(uid) => write!(f, "uid {uid} is not the daemon: name it with --daemon-uid if it is"),
            Self::Process(_) => f.write_str("the kernel refuses what this process needs"),
            Self::Question(_) => f.write_str("the peer asked something else"),
            Self::Cut => f.write_str("the peer closed before its question was whole"),
            Self::Late => f.write_str("the peer's question was not whole in time"),
            Self::Read(_) => f.write_str("the question cannot be read"),
            Self::Write(_) => f.write_str("the answer cannot be written"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NoSocket(error) | Self::Process(error) | Self::Read(error) | Self::Write(error) => Some(error),
            Self::Question(error) => Some(error),
            Self::Stranger(_) | Self::Cut | Self::Late => None,
        }
    }
}

/// A moment on the monotonic clock.
struct Deadline(Duration);

impl Deadline {
    fn after(wait: Duration) -> Result<Self, Error> {
        Ok(Self(Self::now()?.saturating_add(wait)))
    }

    /// What is left of the wait, never zero: a zero timeout would mean to wait for ever.
    fn left(&self) -> Result<Duration, Error> {
        let left = self.0.saturating_sub(Self::now()?);
        if left.is_zero() { Err(Error::Late) } else { Ok(left) }
    }

    fn now() -> Result<Duration, Error> {
        ClockId::CLOCK_MONOTONIC.now().map(Duration::from).map_err(|errno| Error::Process(errno.into()))
    }
}

/// For the whole question: the daemon has it at hand when it connects.
const QUESTION_DEADLINE: Duration = Duration::from_secs(5);
