//! A server that answers one request after the other with the bytes that it is told.

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use mfad_proto::Call;
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use tempfile::TempDir;

use super::{Outcome, Subject};

/// The server, until it is dropped.
pub(super) struct Stage {
    folder: TempDir,
    play: Arc<Mutex<Play>>,
}

/// What it does with the next request, and what it has heard since it was told so.
#[derive(Default)]
struct Play {
    cue: Option<Cue>,
    heard: Vec<Vec<u8>>,
}

/// What it answers.
pub(super) struct Cue {
    pub(super) frame: Frame,
    pub(super) after: After,
}

/// The bytes of an answer.
#[derive(Clone)]
pub(super) enum Frame {
    /// A frame, which gets the request's id.
    OfTheRequest(Vec<u8>),
    /// Bytes that are sent as they stand.
    AsItStands(Vec<u8>),
}

impl Frame {
    fn bytes(self, id: &[u8]) -> Vec<u8> {
        match self {
            Self::OfTheRequest(frame) => with_id(&frame, id),
            Self::AsItStands(bytes) => bytes,
        }
    }
}

/// What it does when it has answered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// It reads the next request.
    Stays,
    /// It closes.
    Closes,
    /// It stays, and a pipe came with the answer.
    HandsAPipeOver,
}

/// What came of a call: what the client tells, and the frames that it has sent.
pub(super) struct Scene {
    pub(super) outcome: Outcome,
    pub(super) heard: Vec<Vec<u8>>,
}

impl Stage {
    pub(super) fn open() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let listener = UnixListener::bind(folder.path().join("s")).expect("a socket");
        let play = Arc::<Mutex<Play>>::default();
        let shared = Arc::clone(&play);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let play = Arc::clone(&shared);
                thread::spawn(move || serve(stream, &play));
            }
        });
        Self { folder, play }
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    /// Lets the client make one call.
    pub(super) fn play(&self, client: &mut dyn Subject, call: Call, cue: Cue) -> Scene {
        *lock(&self.play) = Play { cue: Some(cue), heard: Vec::new() };
        let outcome = client.ask(call);
        Scene { outcome, heard: std::mem::take(&mut *lock(&self.play)).heard }
    }
}

fn lock(play: &Mutex<Play>) -> MutexGuard<'_, Play> {
    play.lock().expect("a server without panic")
}

/// Serves one connection. A request that nobody has told what to do with ends it.
fn serve(mut stream: UnixStream, play: &Mutex<Play>) {
    while let Some(frame) = read_frame(&mut stream) {
        let id = id_of(&frame).to_vec();
        let cue = {
            let mut play = lock(play);
            play.heard.push(frame);
            play.cue.take()
        };
        let Some(Cue { frame, after }) = cue else { return };
        let bytes = frame.bytes(&id);
        // The client may have seen enough before all is sent.
        let sent = match after {
            After::HandsAPipeOver => send_with_pipe(&stream, &bytes),
            After::Stays | After::Closes => stream.write_all(&bytes).is_ok(),
        };
        if !sent || after == After::Closes {
            return;
        }
    }
}

fn read_frame(stream: &mut UnixStream) -> Option<Vec<u8>> {
    let mut frame = vec![0; 4];
    stream.read_exact(&mut frame).ok()?;
    let length = u32::from_le_bytes(frame[..4].try_into().expect("four bytes"));
    // One that is longer is read as far as a legal one goes, and told from it by its head.
    frame.resize(4 + usize::try_from(length).expect("a number").min(4096), 0);
    stream.read_exact(&mut frame[4..]).ok()?;
    Some(frame)
}

/// The bytes of a frame's id: none where it has none.
pub(super) fn id_of(frame: &[u8]) -> &[u8] {
    let Some(body) = frame.get(5..) else { return &[] };
    let length = match body.first() {
        Some(0..=0xfa) => 1,
        Some(0xfb) => 3,
        Some(0xfc) => 5,
        Some(0xfd) => 9,
        _ => 0,
    };
    body.get(..length).unwrap_or_default()
}

/// A frame with another id, and the length that it has then. One whose id cannot be told stays as it is.
pub(super) fn with_id(frame: &[u8], id: &[u8]) -> Vec<u8> {
    let old = id_of(frame).len();
    if old == 0 || id.is_empty() {
        return frame.to_vec();
    }
    let length = u32::from_le_bytes(frame[..4].try_into().expect("four bytes"));
    let grown = usize::try_from(length).expect("a number") + id.len() - old;
    let length = u32::try_from(grown).expect("a length").to_le_bytes();
    [&length, &frame[4..5], id, &frame[5 + old..]].concat()
}

/// Sends a frame with the read end of a pipe, in which a backup of the smallest kind lies.
fn send_with_pipe(stream: &UnixStream, frame: &[u8]) -> bool {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    writer.write_all(b"a backup's first bytes, and its last: mfad end").expect("a pipe with room");
    let rights = [reader.as_raw_fd()];
    let message = [ControlMessage::ScmRights(&rights)];
    let bytes = [std::io::IoSlice::new(frame)];
    sendmsg::<()>(stream.as_raw_fd(), &bytes, &message, MsgFlags::MSG_NOSIGNAL, None) == Ok(frame.len())
}
