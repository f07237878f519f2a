//! The load: requests that were all made before the first is sent, and answers that are all looked at.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use mfad_client::Client;
use mfad_proto::frame::{Content, Header, MAX_FRAME};
use mfad_proto::{Call, Reply, Request, Response};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// How long each call took, one after the other through the client.
pub(crate) fn one(client: &mut Client, calls: Vec<Call>) -> Vec<Duration> {
    let time = |call| {
        let began = Instant::now();
        let reply = client.call(call);
        let took = began.elapsed();
        assert!(matches!(reply, Ok(Reply::Accepted(_))), "a fresh code was not accepted");
        took
    };
    calls.into_iter().map(time).collect()
}

/// How long all calls take, with each client in a thread of its own and an equal share.
pub(crate) fn side_by_side(clients: &mut [Client], mut calls: Vec<Call>) -> Duration {
    let share = calls.len() / clients.len();
    let start = Barrier::new(clients.len());
    let times: Vec<_> = thread::scope(|scope| {
        let work = |client| {
            let (calls, start) = (calls.split_off(calls.len() - share), &start);
            scope.spawn(move || {
                start.wait();
                let began = Instant::now();
                one(client, calls);
                (began, Instant::now())
            })
        };
        let threads: Vec<_> = clients.iter_mut().map(work).collect();
        threads.into_iter().map(|thread| thread.join().expect("an ended thread")).collect()
    });
    let began = times.iter().map(|(began, _)| *began).min().expect("at least one client");
    times.iter().map(|(_, ended)| *ended - began).max().expect("at least one client")
}

/// Many connections, of which each waits for one answer at a time. One thread with `poll` drives them all: that costs
/// the measured server less of the machine than a thread for each would.
pub(crate) struct Lanes(Vec<UnixStream>);

impl Lanes {
    /// Connects all.
    pub(crate) fn connect(socket: &Path, count: usize) -> Self {
        Self((0..count).map(|_| UnixStream::connect(socket).expect("a connection")).collect())
    }

    /// How long it takes until all frames are answered, and well.
    pub(crate) fn exchange(&self, frames: Vec<Vec<u8>>, good: impl Fn(&[u8]) -> bool) -> Duration {
        let mut fds: Vec<_> = self.0.iter().map(|stream| PollFd::new(stream.as_fd(), PollFlags::POLLIN)).collect();
        let mut inboxes = vec![Vec::new(); self.0.len()];
        let (mut waiting, mut frames) = (frames.len(), frames.into_iter());
        let began = Instant::now();
        for (mut stream, frame) in self.0.iter().zip(&mut frames) {
            stream.write_all(&frame).expect("a sent frame");
        }
        while waiting > 0 {
            poll(&mut fds, PollTimeout::NONE).expect("a poll");
            let ready = |fd: &PollFd<'_>| fd.revents().is_some_and(|events| !events.is_empty());
            for ((mut stream, inbox), _) in self.0.iter().zip(&mut inboxes).zip(&fds).filter(|(_, fd)| ready(fd)) {
                let mut buffer = [0; MAX_FRAME];
                let count = stream.read(&mut buffer).expect("an answer");
                assert!(count > 0, "the server closed a connection");
                inbox.extend_from_slice(&buffer[..count]);
                if !matches!(Header::judge(inbox), Header::Frame(length) if length == inbox.len()) {
                    continue;
                }
                assert!(good(inbox), "a wrong answer");
                inbox.clear();
                waiting -= 1;
                if let Some(frame) = frames.next() {
                    stream.write_all(&frame).expect("a sent frame");
                }
            }
        }
        began.elapsed()
    }
}

/// The whole frame of a request.
pub(crate) fn frame(call: &Call) -> Vec<u8> {
    let mut buffer = [0; MAX_FRAME];
    let length = Request::write_call(1, call, &mut buffer).expect("a short request");
    buffer[..length].to_vec()
}

/// Whether this frame says that a code was accepted.
pub(crate) fn accepts(frame: &[u8]) -> bool {
    let Content::Body(body) = Content::of(frame) else { return false };
    matches!(Response::read(body), Ok(Response { reply: Reply::Accepted(_), .. }))
}
