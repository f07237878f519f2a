//! A connection that sends whatever bytes a test wants, and reads whole frames back.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// A bare connection.
pub struct Raw(pub UnixStream);

/// What came back.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// What follows the length of one frame.
    Frame(Vec<u8>),
    /// The end of the connection.
    Closed,
}

impl Raw {
    /// Connects; reads wait at most ten seconds.
    ///
    /// # Panics
    /// When nobody listens.
    #[must_use]
    pub fn connect(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).expect("a listening daemon");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        Self(stream)
    }

    /// Sends bytes as they are. The daemon may have closed already.
    pub fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).ok();
    }

    /// Reads one frame, or the end of the connection.
    ///
    /// # Panics
    /// When neither comes in time.
    #[must_use]
    pub fn receive(&mut self) -> Answer {
        let mut length = [0; 4];
        match self.0.read_exact(&mut length) {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {
                return Answer::Closed;
            }
            Err(error) => panic!("neither an answer nor an end: {error}"),
        }
        let mut frame = vec![0; u32::from_le_bytes(length) as usize];
        self.0.read_exact(&mut frame).expect("a whole frame");
        Answer::Frame(frame)
    }
}

/// A frame of version 1 around this body.
#[must_use]
pub fn frame(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 1).expect("a short body");
    [length.to_le_bytes().as_slice(), &[1], body].concat()
}
