//! The reference for what is not the disk: an echo on a bare Unix socket, between two processes that wait in `read`.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use mfad_proto::frame::PREFIX;

use super::folder::Folder;
use super::plan::Plan;
use super::process::{Process, program, say_ready};

/// A running echo server.
pub(crate) struct Echo {
    // In this order: the process ends before its folder goes.
    _process: Process,
    folder: Folder,
}

impl Echo {
    /// Starts one.
    pub(crate) fn start(plan: &Plan) -> Self {
        let folder = Folder::new(plan);
        let mut command = program("mfad-bench");
        command.arg("echo").arg(socket(&folder));
        Self { _process: Process::start(command, &folder), folder }
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> PathBuf {
        socket(&self.folder)
    }
}

/// How long each of `count` round trips of [`MESSAGE`] bytes took.
pub(crate) fn round_trips(stream: &mut UnixStream, count: usize) -> Vec<Duration> {
    let mut message = [7; MESSAGE];
    let mut round_trip = || {
        let began = Instant::now();
        stream.write_all(&message).expect("a sent message");
        stream.read_exact(&mut message).expect("an echo");
        began.elapsed()
    };
    (0..count).map(|_| round_trip()).collect()
}

/// A message that is a frame, too.
pub(crate) fn frame() -> Vec<u8> {
    let length = u32::try_from(MESSAGE - PREFIX).expect("a small number");
    [length.to_le_bytes().as_slice(), &[7; MESSAGE - PREFIX]].concat()
}

/// The server: one thread a connection, until it is killed.
pub(crate) fn serve(socket: &Path) {
    let listener = UnixListener::bind(socket).expect("a socket");
    say_ready();
    for stream in listener.incoming() {
        let mut stream = stream.expect("a connection");
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                if stream.write_all(&buffer[..count]).is_err() {
                    break;
                }
            }
        });
    }
}

fn socket(folder: &Folder) -> PathBuf {
    folder.path().join("echo.sock")
}

/// Bytes of one message: about those of a `Verify`.
const MESSAGE: usize = 64;
