//! Receiving a backup: the answer to one request carries the read end of a pipe, and the backup comes there.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use mfad_proto::{Call, Password, Reply};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use crate::connection::Connection;
use crate::deadline::Deadline;
use crate::{Error, Options};

/// A backup that is on its way.
pub struct Stream {
    /// How many records it will hold.
    pub records: u64,
    /// Where it comes from.
    pub pipe: File,
}

/// Asks for a backup on a connection of its own. The deadline is for the answer; the backup takes as long as it takes.
///
/// # Errors
/// [`Error`]; a refusal is the `Ok(Err(…))`.
pub fn receive(options: &Options, passphrase: Password) -> Result<Result<Stream, Reply>, Error> {
    let deadline = Deadline::after(options.deadline);
    let mut connection = Connection::open(options, deadline)?;
    let mut pipe = None;
    let reply = connection.ask(&Call::Backup { passphrase }, deadline, |socket, bytes| {
        let (count, descriptor) = receive_with_descriptor(socket, bytes)?;
        pipe = descriptor.or(pipe.take());
        Ok(count)
    })?;
    match (reply, pipe) {
        (Reply::Backup { records }, Some(pipe)) => Ok(Ok(Stream { records, pipe: File::from(pipe) })),
        (Reply::Backup { .. }, None) => Err(Error::Protocol("a backup without a pipe")),
        (other, _) => Ok(Err(other)),
    }
}

/// Receives bytes, and the descriptor that came with the first of them, if any.
fn receive_with_descriptor(socket: impl AsFd, bytes: &mut [u8]) -> io::Result<(usize, Option<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(socket, &mut [IoSliceMut::new(bytes)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let mut descriptor = None;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(mut rights) = message {
            // Whatever comes besides the one that was promised is closed here.
            descriptor = rights.next().or(descriptor.take());
        }
    }
    Ok((received.bytes, descriptor))
}
