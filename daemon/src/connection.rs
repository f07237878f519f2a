//! One connection: bytes to bounded frames, frames to requests, and replies back as they come.
//!
//! MUST: the length is judged before the body is read; a frame that has begun has [`FRAME_DEADLINE`] to end; a whole
//! frame that was read is answered, also when the server stops; what held a frame is wiped.

use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

use mfad_proto::frame::{Content, Header, MAX_FRAME, version_refusal};
use mfad_proto::{BadRequest, Refusal, Reply, Request, Response};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, timeout, timeout_at};
use zeroize::{Zeroize, Zeroizing};

use crate::handler::{Caller, Handler};

/// Serves one connection until either side ends it.
pub(crate) async fn serve(stream: UnixStream, caller: Caller, handler: Arc<Handler>, stop: watch::Receiver<bool>) {
    let mut connection = Connection {
        stream,
        caller: Arc::new(caller),
        handler,
        inbox: Inbox::default(),
        outbox: Box::new(Zeroizing::new([0; MAX_FRAME])),
        running: JoinSet::new(),
    };
    let end = connection.serve(stop).await;
    if matches!(end, End::Malformed | End::Version) {
        connection.handler.refused(&connection.caller, Refusal::Malformed);
    }
    let farewell = match end {
        End::GoingAway => Some(Reply::GoingAway),
        End::Malformed => Some(Reply::Refused(Refusal::Malformed)),
        End::Version | End::Input | End::Closed => None,
    };
    let mut open = !matches!(end, End::Closed);
    // Also when the peer is gone: what was begun ends, and is audited, though nobody reads the answer.
    while let Some(done) = connection.running.join_next().await {
        // A request that ended without an answer may have been judged: then no farewell may follow.
        open = match done {
            Ok((response, descriptor)) if open => connection.write(&response, descriptor).await.is_ok(),
            Ok(_) | Err(_) => false,
        };
    }
    if open && matches!(end, End::Version) {
        timeout(WRITE_DEADLINE, connection.stream.write_all(&version_refusal())).await.ok();
    }
    if let (true, Some(reply)) = (open, farewell) {
        connection.write(&Response { id: 0, reply }, None).await.ok();
    }
}

/// Says that the server has no room, and closes.
pub(crate) fn turn_away(stream: &UnixStream) {
    let mut frame = [0; MAX_FRAME];
    let going = Response { id: 0, reply: Reply::GoingAway };
    if let Ok(length) = going.write(&mut frame) {
        // A new socket's buffer is empty, so a short frame goes out at once or not at all.
        stream.try_write(frame.get(..length).unwrap_or_default()).ok();
    }
}

/// Why a connection ends.
enum End {
    /// The peer has gone, or does not read.
    Closed,
    /// The peer sends nothing more; it may still read.
    Input,
    /// The server stops, or the connection was idle: what is not answered was not looked at.
    GoingAway,
    /// No further frame can be found in the bytes.
    Malformed,
    /// The peer speaks another version.
    Version,
}

struct Connection {
    stream: UnixStream,
    caller: Arc<Caller>,
    handler: Arc<Handler>,
    inbox: Inbox,
    outbox: Box<Zeroizing<[u8; MAX_FRAME]>>,
    running: JoinSet<(Response, Option<OwnedFd>)>,
}

impl Connection {
    async fn serve(&mut self, mut stop: watch::Receiver<bool>) -> End {
        let mut active = Instant::now();
        loop {
            if let Some(end) = self.take_frames() {
                return end;
            }
            if *stop.borrow() && !self.inbox.has_whole_frame() {
                return End::GoingAway;
            }
            let full = self.running.len() >= PIPELINE;
            let begun = self.inbox.begun;
            let deadline = begun.map_or(active.checked_add(IDLE), |begun| begun.checked_add(FRAME_DEADLINE));
            let deadline = deadline.unwrap_or(active);
            tokio::select! {
                Some(done) = self.running.join_next() => {
                    active = Instant::now();
                    let Ok((response, descriptor)) = done else { return End::Closed };
                    if self.write(&response, descriptor).await.is_err() {
                        return End::Closed;
                    }
                }
                read = timeout_at(deadline, self.stream.read(self.inbox.room())), if !full => {
                    active = Instant::now();
                    match read {
                        Ok(Ok(0)) => return End::Input,
                        Ok(Err(_)) => return End::Closed,
                        Ok(Ok(count)) => self.inbox.add(count, active),
                        Err(_late) if begun.is_some() => return End::Malformed,
                        Err(_late) if self.running.is_empty() => return End::GoingAway,
                        Err(_late) => {}
                    }
                }
                changed = stop.changed() => if changed.is_err() { return End::GoingAway },
            }
        }
    }

    /// Starts a task for every whole frame, as far as the pipeline has room.
    fn take_frames(&mut self) -> Option<End> {
        while self.running.len() < PIPELINE {
            let length = match self.inbox.header() {
                Header::Incomplete => return None,
                Header::BadLength => return Some(End::Malformed),
                Header::Frame(length) => length,
            };
            let frame = self.inbox.front(length)?;
            match Content::of(frame) {
                Content::Body(body) => match Request::read(body) {
                    Ok(request) => {
                        let (handler, caller) = (Arc::clone(&self.handler), Arc::clone(&self.caller));
                        self.running.spawn(async move {
                            let answer = handler.answer(&caller, request.call).await;
                            (Response { id: request.id, reply: answer.reply }, answer.descriptor)
                        });
                    }
                    Err(BadRequest::UnknownCall { id }) => self.refuse(id, Refusal::Unsupported),
                    Err(BadRequest::Malformed { id, .. }) => self.refuse(id, Refusal::Malformed),
                    Err(BadRequest::NoId(_)) => return Some(End::Malformed),
                },
                Content::OtherVersion(_) | Content::VersionRefused { .. } => return Some(End::Version),
                Content::Broken => return Some(End::Malformed),
            }
            self.inbox.consume(length, Instant::now());
        }
        None
    }

    /// Answers a frame that is no request this server can serve.
    fn refuse(&mut self, id: u64, refusal: Refusal) {
        self.handler.refused(&self.caller, refusal);
        self.running.spawn(async move { (Response { id, reply: Reply::Refused(refusal) }, None) });
    }

    async fn write(&mut self, response: &Response, descriptor: Option<OwnedFd>) -> io::Result<()> {
        let length = response.write(&mut self.outbox).map_err(io::Error::other)?;
        let frame = self.outbox.get_mut(..length).unwrap_or_default();
        let stream = &mut self.stream;
        let written = timeout(WRITE_DEADLINE, async {
            let sent = match descriptor {
                Some(descriptor) => send_with(stream, frame, &descriptor).await?,
                None => 0,
            };
            stream.write_all(frame.get(sent..).unwrap_or_default()).await
        })
        .await;
        frame.zeroize();
        written.unwrap_or_else(|late| Err(late.into()))
    }
}

/// Sends the first bytes of a frame with a descriptor, and says how many.
async fn send_with(stream: &UnixStream, frame: &[u8], descriptor: &OwnedFd) -> io::Result<usize> {
    loop {
        stream.writable().await?;
        let sent = stream.try_io(Interest::WRITABLE, || {
            let rights = [descriptor.as_raw_fd()];
            let message = [ControlMessage::ScmRights(&rights)];
            let sent =
                sendmsg::<()>(stream.as_raw_fd(), &[IoSlice::new(frame)], &message, MsgFlags::MSG_NOSIGNAL, None);
            Ok(sent?)
        });
        match sent {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            sent => return sent,
        }
    }
}

/// The bytes that have come and are not handed on yet: never more than one largest frame.
struct Inbox {
    bytes: Box<Zeroizing<[u8; MAX_FRAME]>>,
    filled: usize,
    /// When the first byte of the frame in front came.
    begun: Option<Instant>,
}

impl Default for Inbox {
    fn default() -> Self {
        Self { bytes: Box::new(Zeroizing::new([0; MAX_FRAME])), filled: 0, begun: None }
    }
}

impl Inbox {
    fn filled(&self) -> &[u8] {
        self.bytes.get(..self.filled).unwrap_or_default()
    }

    fn room(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.filled..).unwrap_or_default()
    }

    fn header(&self) -> Header {
        Header::judge(self.filled())
    }

    fn front(&self, length: usize) -> Option<&[u8]> {
        self.filled().get(..length)
    }

    fn has_whole_frame(&self) -> bool {
        match self.header() {
            Header::Frame(length) => length <= self.filled,
            Header::Incomplete | Header::BadLength => false,
        }
    }

    fn add(&mut self, count: usize, now: Instant) {
        self.filled = self.filled.saturating_add(count).min(MAX_FRAME);
        self.begun.get_or_insert(now);
    }

    /// Wipes the frame in front, and moves what follows to the front.
    fn consume(&mut self, length: usize, now: Instant) {
        let length = length.min(self.filled);
        self.bytes.copy_within(length..self.filled, 0);
        let left = self.filled.saturating_sub(length);
        self.bytes.get_mut(left..self.filled).unwrap_or_default().zeroize();
        self.filled = left;
        self.begun = (left > 0).then_some(now);
    }
}

/// From the first byte of a frame to its last.
const FRAME_DEADLINE: Duration = Duration::from_secs(2);

/// For a peer to take an answer.
const WRITE_DEADLINE: Duration = Duration::from_secs(2);

/// Without a frame or an answer.
const IDLE: Duration = Duration::from_secs(300);

/// Requests of one connection that are worked on at once; further ones wait in the socket.
const PIPELINE: usize = 64;
