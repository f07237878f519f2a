//! One connection: connect, check the server, and exchange a batch of requests for their answers.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use mfad_proto::frame::{Content, Header, MAX_FRAME, PREFIX};
use mfad_proto::{Call, Reply, Request, Response};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, UnixAddr, connect, setsockopt, socket, sockopt::SendTimeout,
};
use nix::sys::time::TimeVal;
use zeroize::{Zeroize, Zeroizing};

use crate::Options;
use crate::deadline::Deadline;
use crate::error::Error;
use crate::server::ServerUid;

/// A connection whose server was checked.
pub(crate) struct Connection {
    stream: UnixStream,
    server: ServerUid,
    next_id: u64,
    /// Holds one frame at a time, in either direction, and is wiped after each.
    buffer: Box<Zeroizing<[u8; MAX_FRAME]>>,
}

impl Connection {
    /// Connects, also through a full queue, until the deadline.
    pub(crate) fn open(options: &Options, deadline: Deadline) -> Result<Self, Error> {
        let refused = |errno: Errno| {
            let (path, error) = (options.path.clone(), io::Error::from(errno));
            if matches!(errno, Errno::ENOENT | Errno::ECONNREFUSED) {
                Error::NotRunning { path, error }
            } else if errno == Errno::EAGAIN {
                Error::Deadline
            } else {
                Error::Connect { path, error }
            }
        };
        let address = UnixAddr::new(&options.path).map_err(refused)?;
        let socket = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).map_err(refused)?;
        loop {
            // The kernel bounds a Unix socket's connect by its send timeout.
            let left = deadline.left()?;
            let seconds = left.as_secs().try_into().unwrap_or(i64::MAX);
            let wait = TimeVal::new(seconds, left.subsec_micros().max(1).into());
            setsockopt(&socket, SendTimeout, &wait).map_err(refused)?;
            match connect(socket.as_raw_fd(), &address) {
                Ok(()) => break,
                // A signal of the program's: a Unix socket is not connected then, and may try again.
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(refused(errno)),
            }
        }
        let server = ServerUid::of(&socket).ok_or(Error::Protocol("the kernel does not say who serves"))?;
        if !options.trusted.includes(server) {
            return Err(Error::WrongServer { path: options.path.clone(), uid: server });
        }
        let buffer = Box::new(Zeroizing::new([0; MAX_FRAME]));
        Ok(Self { stream: UnixStream::from(socket), server, next_id: 1, buffer })
    }

    pub(crate) const fn server(&self) -> ServerUid {
        self.server
    }

    /// Sends the next requests of the batch that have no answer yet, as many as the server works on at once, and takes
    /// in the answers.
    ///
    /// On an error the connection is of no more use; what the batch still holds was not judged, or may be sent again.
    pub(crate) fn exchange(&mut self, batch: &mut Batch, deadline: Deadline) -> Result<(), Error> {
        let mut sent = HashMap::new();
        let result = self.send(batch, &mut sent, deadline).and_then(|()| {
            while !sent.is_empty() {
                let Response { id, reply } = self.receive(deadline)?;
                match (id, reply) {
                    // What has no answer yet was not looked at.
                    (0, Reply::GoingAway) => {
                        sent.clear();
                        return Err(Error::Gone);
                    }
                    (0, _) => return Err(Error::Protocol("the server could not read a frame")),
                    (id, reply) => {
                        let place = *sent.get(&id).ok_or(Error::Protocol("an answer to no request"))?;
                        if !batch.awaits(place, &reply) {
                            return Err(Error::Protocol("an answer to another call"));
                        }
                        sent.remove(&id);
                        batch.answer(place, Ok(reply));
                    }
                }
            }
            Ok(())
        });
        // A server that speaks other versions has looked at nothing. Without such a word, what it was sent may have been judged.
        if result.as_ref().is_err_and(|error| !matches!(error, Error::Version { .. })) {
            for place in sent.into_values() {
                batch.lose(place);
            }
        }
        result
    }

    fn send(&mut self, batch: &Batch, sent: &mut HashMap<u64, usize>, deadline: Deadline) -> Result<(), Error> {
        for (place, request) in batch.open().take(WINDOW) {
            let id = self.next_id;
            self.next_id = self.next_id.wrapping_add(1).max(1);
            let length = Request::write_call(id, request, &mut self.buffer).map_err(Error::Malformed)?;
            self.stream.set_write_timeout(Some(deadline.left()?)).map_err(|_e| Error::Gone)?;
            let frame = self.buffer.get_mut(..length).unwrap_or_default();
            // Once the last byte is written the server may have the whole frame, whatever comes after.
            sent.insert(id, place);
            let written = self.stream.write_all(frame);
            frame.zeroize();
            match written {
                Ok(()) => {}
                Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                    // The server had closed before it could read this one to its end. Its farewell may wait to be read.
                    sent.remove(&id);
                    return if sent.is_empty() { Err(Error::Gone) } else { Ok(()) };
                }
                Err(error) => return Err(fault(&error)),
            }
        }
        Ok(())
    }

    /// Sends one request that is never sent again, and takes its answer in with `read`, which is called as a socket is read.
    #[cfg(feature = "backup")]
    pub(crate) fn ask(
        &mut self,
        call: &Call,
        deadline: Deadline,
        read: impl FnMut(&UnixStream, &mut [u8]) -> io::Result<usize>,
    ) -> Result<Reply, Error> {
        let length = Request::write_call(1, call, &mut self.buffer).map_err(Error::Malformed)?;
        self.stream.set_write_timeout(Some(deadline.left()?)).map_err(|_e| Error::Gone)?;
        let frame = self.buffer.get_mut(..length).unwrap_or_default();
        let written = self.stream.write_all(frame);
        frame.zeroize();
        written.map_err(|error| fault(&error))?;
        match self.receive_by(deadline, read)? {
            Response { id: 1, reply } if reply.answers(call.kind()) => Ok(reply),
            Response { reply: Reply::GoingAway, .. } => Err(Error::Gone),
            Response { .. } => Err(Error::Protocol("an answer to no request, or to another call")),
        }
    }

    fn receive(&mut self, deadline: Deadline) -> Result<Response, Error> {
        self.receive_by(deadline, |mut socket, bytes| socket.read(bytes))
    }

    fn receive_by(
        &mut self,
        deadline: Deadline,
        mut read: impl FnMut(&UnixStream, &mut [u8]) -> io::Result<usize>,
    ) -> Result<Response, Error> {
        self.fill(0, PREFIX, deadline, &mut read)?;
        let length = match Header::judge(self.buffer.get(..PREFIX).unwrap_or_default()) {
            Header::Frame(length) => length,
            Header::Incomplete | Header::BadLength => return Err(Error::Protocol("a frame of no legal length")),
        };
        self.fill(PREFIX, length, deadline, &mut read)?;
        let frame = self.buffer.get_mut(..length).unwrap_or_default();
        let response = match Content::of(frame) {
            Content::Body(body) => Response::read(body).map_err(Error::Malformed),
            Content::VersionRefused { min, max } => Err(Error::Version { min, max }),
            Content::OtherVersion(_) | Content::Broken => Err(Error::Protocol("an answer of another version")),
        };
        frame.zeroize();
        response
    }

    /// Reads until the buffer holds `to` bytes.
    fn fill(
        &mut self,
        mut from: usize,
        to: usize,
        deadline: Deadline,
        read: &mut impl FnMut(&UnixStream, &mut [u8]) -> io::Result<usize>,
    ) -> Result<(), Error> {
        while from < to {
            self.stream.set_read_timeout(Some(deadline.left()?)).map_err(|_e| Error::Gone)?;
            match read(&self.stream, self.buffer.get_mut(from..to).unwrap_or_default()) {
                Ok(0) => return Err(Error::Gone),
                Ok(count) => from = from.saturating_add(count),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(fault(&error)),
            }
        }
        Ok(())
    }
}

/// Requests in the order they were given, and what became of each.
pub(crate) struct Batch(Vec<(Call, Option<Result<Reply, Error>>)>);

impl Batch {
    pub(crate) fn new(calls: Vec<Call>) -> Self {
        Self(calls.into_iter().map(|call| (call, None)).collect())
    }

    pub(crate) fn is_answered(&self) -> bool {
        self.open().next().is_none()
    }

    /// The results, with this error for what has none.
    pub(crate) fn finish(self, error: &Error) -> Vec<Result<Reply, Error>> {
        self.0.into_iter().map(|(_, result)| result.unwrap_or_else(|| Err(error.again()))).collect()
    }

    fn open(&self) -> impl Iterator<Item = (usize, &Call)> {
        self.0.iter().enumerate().filter(|(_, (_, result))| result.is_none()).map(|(place, (call, _))| (place, call))
    }

    fn awaits(&self, place: usize, reply: &Reply) -> bool {
        self.0.get(place).is_some_and(|(call, _)| reply.answers(call.kind()))
    }

    fn answer(&mut self, place: usize, result: Result<Reply, Error>) {
        if let Some((_, slot)) = self.0.get_mut(place) {
            *slot = Some(result);
        }
    }

    /// The request was sent and nothing is known of it: only one that changes nothing stays to be sent again.
    fn lose(&mut self, place: usize) {
        if self.0.get(place).is_some_and(|(call, _)| !call.kind().is_read_only()) {
            self.answer(place, Err(Error::UnknownFate));
        }
    }
}

/// Requests that are sent before the first answer is awaited: what a server takes in at once, so that neither side
/// waits for the other to read.
const WINDOW: usize = 64;

fn fault(error: &io::Error) -> Error {
    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) { Error::Deadline } else { Error::Gone }
}
