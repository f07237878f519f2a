//! Who serves: the uid that the kernel names at the other end of the socket, judged before anything is sent.

use std::fmt;
use std::os::fd::AsFd;

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::{User, geteuid};

/// The uid of the process that made the listening socket. On a socket that systemd made, it is root's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerUid(pub u32);

impl ServerUid {
    /// Asks the kernel.
    pub(crate) fn of(socket: &impl AsFd) -> Option<Self> {
        getsockopt(socket, PeerCredentials).ok().map(|credentials| Self(credentials.uid()))
    }
}

impl fmt::Display for ServerUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "uid {}", self.0)
    }
}

/// Which uids may serve, besides root and the user `mfad`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Trusted {
    /// This process's own uid: for a path that was given explicitly, never for the usual ones.
    pub own: bool,
    /// One uid that was named.
    pub named: Option<u32>,
}

impl Trusted {
    /// For a path that was given explicitly.
    pub const OWN: Self = Self { own: true, named: None };

    pub(crate) fn includes(self, server: ServerUid) -> bool {
        let own = self.own && server.0 == geteuid().as_raw();
        // The look-up comes last: it may ask a directory on the network.
        server.0 == ROOT || own || self.named == Some(server.0) || is_user_mfad(server)
    }
}

fn is_user_mfad(server: ServerUid) -> bool {
    User::from_name("mfad").ok().flatten().is_some_and(|user| user.uid.as_raw() == server.0)
}

const ROOT: u32 = 0;
