//! The way to `mfad-passwd`, the root helper that asks the system's PAM: one connection, one question, one answer.
//!
//! MUST: a password goes only to a helper of root's or of this process's own user; every wait ends; what is no answer is
//! an error.

use std::fmt;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mfad_proto::passwd::{Answer, Question};
use mfad_proto::{Password, UserName};
use nix::sys::socket::sockopt::PeerCredentials;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, getsockopt, socket};
use nix::unistd::geteuid;

/// Where the helper is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Helper {
    /// The socket that a helper is started by.
    pub socket: PathBuf,
    /// The program, for a server that is root itself and finds nobody at the socket.
    pub program: Option<PathBuf>,
}

impl Helper {
    /// The usual places: the socket, and for root the program, beside this one or in the `libexec` of its own tree.
    #[must_use]
    pub fn usual() -> Self {
        let program = || {
            let own = std::env::current_exe().ok()?;
            let beside = own.with_file_name(PROGRAM);
            let installed = own.parent()?.with_file_name(LIBEXEC).join(PROGRAM);
            Some(if beside.exists() { beside } else { installed })
        };
        Self { socket: PathBuf::from(SOCKET), program: if geteuid().is_root() { program() } else { None } }
    }

    /// Asks whether this is the password of this user. It takes its time.
    ///
    /// # Errors
    /// When nobody can tell.
    pub(crate) fn ask(&self, user: &UserName, password: &Password) -> Result<bool, Error> {
        let answer = match (reach(&self.socket), &self.program) {
            (Ok(stream), _) => converse(stream, user, password)?,
            (Err(error), Some(program)) if is_nobody(&error) => {
                let (ours, theirs) = UnixStream::pair().map_err(Error::Unreached)?;
                let _ended_at_last = Running::start(program, theirs.into()).map_err(Error::Unreached)?;
                converse(ours, user, password)?
            }
            (Err(error), _) => return Err(Error::Unreached(error)),
        };
        match answer {
            Answer::Right => Ok(true),
            Answer::Wrong => Ok(false),
            Answer::Unavailable => Err(Error::Unavailable),
        }
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Error {
    /// There is no helper: nobody has seen the password.
    Unreached(io::Error),
    /// It was asked, and does not answer.
    Unanswered(io::Error),
    /// PAM cannot tell.
    Unavailable,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreached(_) => "mfad-passwd cannot be reached",
            Self::Unanswered(_) => "mfad-passwd does not answer",
            Self::Unavailable => "PAM cannot tell",
        })
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreached(error) | Self::Unanswered(error) => Some(error),
            Self::Unavailable => None,
        }
    }
}

/// Connects, and looks who is there. A queue that is full is an error: it never waits.
fn reach(path: &Path) -> io::Result<UnixStream> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    connect(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    let stream = UnixStream::from(socket);
    stream.set_nonblocking(false)?;
    let uid = getsockopt(&stream, PeerCredentials)?.uid();
    if uid == 0 || uid == geteuid().as_raw() {
        Ok(stream)
    } else {
        Err(io::Error::new(io::ErrorKind::PermissionDenied, "the helper's socket is neither root's nor mine"))
    }
}

fn is_nobody(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

fn converse(mut stream: UnixStream, user: &UserName, password: &Password) -> Result<Answer, Error> {
    stream.set_read_timeout(Some(PATIENCE)).map_err(Error::Unreached)?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(Error::Unreached)?;
    let mut answer = [0];
    let asked = stream.write_all(&Question::to_bytes(user, password));
    asked.and_then(|()| stream.read_exact(&mut answer)).map_err(Error::Unanswered)?;
    let [answer] = answer;
    Ok(Answer::from_byte(answer))
}

/// A helper that this process has started.
struct Running(Child);

impl Running {
    fn start(program: &Path, socket: OwnedFd) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.env_clear().stdin(Stdio::from(socket)).stdout(Stdio::null()).stderr(Stdio::inherit());
        command.spawn().map(Self)
    }
}

impl Drop for Running {
    /// It has answered, or does not: either way it is over.
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// For PAM to answer: shorter than the 15 s that a client waits.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where systemd listens for the helper.
pub const SOCKET: &str = "/run/mfad-passwd.sock";

/// The folder beside the programs' own that holds programs which nobody calls by hand.
const LIBEXEC: &str = "libexec";

/// The helper's name.
const PROGRAM: &str = "mfad-passwd";
