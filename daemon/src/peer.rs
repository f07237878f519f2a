//! Who is at the other end of a connection, as the kernel tells: uid, groups and process at the time of `connect`.
#![expect(unsafe_code, reason = "no crate wraps SO_PEERGROUPS")]

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;

use crate::policy::Peer;

/// Asks the kernel.
///
/// # Errors
/// When it does not say.
pub(crate) fn of(socket: &impl AsFd) -> io::Result<Peer> {
    let credentials = getsockopt(socket, PeerCredentials)?;
    let (uid, gid, pid) = (credentials.uid(), credentials.gid(), credentials.pid());
    Ok(Peer { uid, gid, groups: groups(socket)?, pid })
}

/// The supplementary groups.
fn groups(socket: &impl AsFd) -> io::Result<Vec<u32>> {
    let mut groups = vec![0_u32; USUAL];
    loop {
        let room = groups.len().saturating_mul(size_of::<u32>());
        let mut length = libc::socklen_t::try_from(room).map_err(io::Error::other)?;
        // SAFETY: the pointer leads to `length` bytes that are ours to write, and the descriptor lives through the call.
        let result = unsafe {
            libc::getsockopt(
                socket.as_fd().as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERGROUPS,
                groups.as_mut_ptr().cast(),
                &raw mut length,
            )
        };
        let length = usize::try_from(length).map_err(io::Error::other)?;
        let count = length.checked_div(size_of::<u32>()).unwrap_or_default();
        if result == 0 {
            groups.truncate(count);
            return Ok(groups);
        }
        let error = io::Error::last_os_error();
        // The kernel has said how many there are.
        if error.raw_os_error() != Some(libc::ERANGE) || count <= groups.len() {
            return Err(error);
        }
        groups.resize(count, 0);
    }
}

/// As many groups as most users are in.
const USUAL: usize = 32;
