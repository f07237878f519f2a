//! A server that a test plays, one function a connection: for clients before servers that do not behave.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::thread::{self, JoinHandle};

use mfad_proto::frame::MAX_FRAME;
use mfad_proto::{Reply, Response};
use tempfile::TempDir;

/// A server with a socket of its own.
pub struct Played {
    folder: TempDir,
    thread: Option<JoinHandle<usize>>,
}

/// What it does with one connection, which ends with it.
pub type Play = Box<dyn FnOnce(UnixStream) + Send>;

impl Played {
    /// Plays these connections one after the other.
    ///
    /// # Panics
    /// When nothing can listen.
    #[must_use]
    pub fn new(connections: Vec<Play>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let listener = UnixListener::bind(folder.path().join("s")).expect("a socket");
        let thread = thread::spawn(move || {
            let mut served = 0;
            for play in connections {
                let Ok((stream, _)) = listener.accept() else { break };
                play(stream);
                served += 1;
            }
            served
        });
        Self { folder, thread: Some(thread) }
    }

    /// Its socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    /// Waits until all connections were played, and returns how many there were.
    ///
    /// # Panics
    /// When one of them panicked.
    #[must_use]
    pub fn served(mut self) -> usize {
        self.thread.take().expect("a thread").join().expect("a server without panic")
    }
}

/// What follows the length of the next frame: version, id, call, ...
///
/// # Panics
/// When none comes.
pub fn read_frame(stream: &mut UnixStream) -> Vec<u8> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).expect("a length");
    let mut frame = vec![0; u32::from_le_bytes(length) as usize];
    stream.read_exact(&mut frame).expect("a whole frame");
    frame
}

/// Sends a reply to the request of this id.
///
/// # Panics
/// When it cannot be sent.
pub fn answer(stream: &mut UnixStream, id: u64, reply: Reply) {
    let mut buffer = [0; MAX_FRAME];
    let length = Response { id, reply }.write(&mut buffer).expect("a frame");
    stream.write_all(&buffer[..length]).expect("a client that reads");
}
