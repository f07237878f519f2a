//! The sockets: bound here or handed over by systemd, and the guards around both.
//!
//! MUST: a live listener's path is never taken, a file that is no socket is never removed, the mode of a new socket is
//! closed until it is opened on purpose, and is checked afterwards; the caller holds the state's lock, so that two
//! daemons of one state cannot race here.

use std::fmt;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net;
use std::path::{Path, PathBuf};

use interprocess::local_socket::prelude::*;
use interprocess::local_socket::traits::tokio::Listener as _;
use interprocess::local_socket::{GenericFilePath, ListenerOptions};
use interprocess::os::unix::uds_local_socket;
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, getsockname, socket};
use nix::unistd::{Gid, Group, chown};
use tokio::net::UnixStream;
use tokio::sync::mpsc;

use crate::policy::{Peer, Role};

/// A socket that is ready to accept, and what it is for.
pub struct Listener {
    source: Source,
    role: Role,
}

enum Source {
    Socket(uds_local_socket::Listener),
    Introduced(mpsc::UnboundedReceiver<(net::UnixStream, Peer)>),
}

/// Hands over connections whose peers the calling program knows: see [`Listener::introduced`].
#[derive(Clone)]
pub struct Introducer(mpsc::UnboundedSender<(net::UnixStream, Peer)>);

impl Introducer {
    /// Hands over one connection, as if this peer had made it.
    ///
    /// # Errors
    /// When the server has ended.
    pub fn introduce(&self, socket: net::UnixStream, peer: Peer) -> io::Result<()> {
        self.0.send((socket, peer)).map_err(|_closed| io::ErrorKind::NotConnected.into())
    }
}

impl Listener {
    /// Makes a socket at `path`. Its name is removed when the listener is dropped.
    ///
    /// # Errors
    /// [`Error`], which names the path and says what to do.
    pub fn bind(path: &Path, role: Role, access: &Access) -> Result<Self, Error> {
        let fail = |error| Error::Io { path: path.to_owned(), error };
        clear_stale(path)?;
        let name = path.to_fs_name::<GenericFilePath>().map_err(fail)?;
        let socket = ListenerOptions::new().name(name).try_overwrite(false).create_sync_as().map_err(fail)?;
        // The umask has closed it; only now, and only as far as asked, is it opened.
        if let Some(group) = &access.group {
            chown(path, None, Some(gid(group)?)).map_err(|errno| fail(errno.into()))?;
        }
        fs::set_permissions(path, fs::Permissions::from_mode(access.mode)).map_err(fail)?;
        let metadata = path.symlink_metadata().map_err(fail)?;
        if metadata.file_type().is_socket() && metadata.mode() & 0o777 == access.mode {
            Ok(Self { source: Source::Socket(socket), role })
        } else {
            Err(Error::Replaced(path.to_owned()))
        }
    }

    /// Takes a listening socket over that somebody else made and will remove.
    #[must_use]
    pub fn adopt(socket: OwnedFd, role: Role) -> Self {
        Self { source: Source::Socket(uds_local_socket::Listener::from(socket)), role }
    }

    /// Takes connections over one by one, whose peers the program that this is a library of has found out by itself.
    #[must_use]
    pub fn introduced(role: Role) -> (Introducer, Self) {
        let (introduce, introduced) = mpsc::unbounded_channel();
        (Introducer(introduce), Self { source: Source::Introduced(introduced), role })
    }

    /// The socket's path, when it has one.
    #[must_use]
    pub fn path(&self) -> Option<PathBuf> {
        let Source::Socket(socket) = &self.source else { return None };
        let address: UnixAddr = getsockname(socket.as_fd().as_raw_fd()).ok()?;
        address.path().map(Path::to_owned)
    }

    /// Hands the socket to the running reactor.
    pub(crate) fn activate(self) -> io::Result<(Acceptor, Role)> {
        let acceptor = match self.source {
            Source::Socket(socket) => Acceptor::Socket(socket.try_into()?),
            Source::Introduced(arrivals) => Acceptor::Introduced(arrivals),
        };
        Ok((acceptor, self.role))
    }
}

/// A listener that the reactor watches.
pub(crate) enum Acceptor {
    Socket(uds_local_socket::tokio::Listener),
    Introduced(mpsc::UnboundedReceiver<(net::UnixStream, Peer)>),
}

impl Acceptor {
    /// The next connection, and who is at the other end where somebody has said so.
    ///
    /// # Errors
    /// When the kernel has none to give now.
    pub(crate) async fn accept(&mut self) -> io::Result<(UnixStream, Option<Peer>)> {
        match self {
            Self::Socket(listener) => Ok((listener.accept().await?.into(), None)),
            Self::Introduced(arrivals) => match arrivals.recv().await {
                Some((socket, peer)) => {
                    socket.set_nonblocking(true)?;
                    Ok((UnixStream::from_std(socket)?, Some(peer)))
                }
                // Nobody will come any more.
                None => std::future::pending().await,
            },
        }
    }
}

/// Who may open a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Its permission bits.
    pub mode: u32,
    /// Its group, when it is not the process's own.
    pub group: Option<String>,
}

/// Why there is no socket.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// Somebody listens there.
    Live(PathBuf),
    /// Something else is in the way.
    NotASocket(PathBuf),
    /// The group of a realm's socket does not exist.
    NoGroup(String),
    /// The socket was replaced while it was made.
    Replaced(PathBuf),
    /// The operating system refused.
    Io {
        /// The socket's path.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Live(path) => write!(f, "another server listens on {}: stop it first", path.display()),
            Self::NotASocket(path) => {
                write!(f, "{} is in the way and is no socket: it was left alone, remove it first", path.display())
            }
            Self::NoGroup(group) => write!(f, "there is no group {group}: make it with groupadd --system {group}"),
            Self::Replaced(path) => write!(f, "{} was replaced while the socket was made", path.display()),
            Self::Io { path, .. } => write!(f, "cannot listen on {}", path.display()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { error, .. } => Some(error),
            Self::Live(_) | Self::NotASocket(_) | Self::NoGroup(_) | Self::Replaced(_) => None,
        }
    }
}

/// Removes the socket of a daemon that is gone.
fn clear_stale(path: &Path) -> Result<(), Error> {
    let fail = |error| Error::Io { path: path.to_owned(), error };
    let metadata = match path.symlink_metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(fail(error)),
    };
    if !metadata.file_type().is_socket() {
        return Err(Error::NotASocket(path.to_owned()));
    }
    match probe(path) {
        Err(Errno::ECONNREFUSED) => fs::remove_file(path).map_err(fail),
        Err(Errno::ENOENT) => Ok(()),
        Ok(()) | Err(_) => Err(Error::Live(path.to_owned())),
    }
}

/// Tries to connect. It never waits: a listener whose queue is full is a live one.
fn probe(path: &Path) -> Result<(), Errno> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    connect(socket.as_raw_fd(), &UnixAddr::new(path)?)
}

/// The group of a socket.
///
/// # Errors
/// [`Error::NoGroup`], with the command that makes it.
pub fn gid(group: &str) -> Result<Gid, Error> {
    let found = Group::from_name(group).ok().flatten();
    found.map(|group| group.gid).ok_or_else(|| Error::NoGroup(group.to_owned()))
}
