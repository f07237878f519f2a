//! The program at one end of a connection, and the test at the other.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use mfad_proto::passwd::Question;
use mfad_proto::{Password, UserName};
use zeroize::Zeroizing;

/// What came of one connection.
#[derive(Debug)]
pub(crate) struct Talk {
    /// All that the program wrote to the socket.
    pub(crate) answer: Vec<u8>,
    pub(crate) status: ExitStatus,
    pub(crate) stderr: String,
    /// What it was about, for whoever reads a failure.
    about: String,
}

impl Talk {
    /// The same, and what it was about.
    pub(crate) fn about(self, about: &impl ToString) -> Self {
        Self { about: about.to_string(), ..self }
    }

    /// That the program said nothing to its peer and told why on standard error, in one line.
    #[track_caller]
    pub(crate) fn assert_no_answer(&self, why: &str) {
        assert_eq!(self.answer, b"", "{}: {self:?}", self.about);
        assert_eq!(self.status.code(), Some(1), "{}: {self:?}", self.about);
        assert!(self.stderr.contains(why), "{}: {self:?}", self.about);
        assert_eq!(self.stderr.lines().count(), 1, "{}: {self:?}", self.about);
    }

    /// That it answered this byte.
    #[track_caller]
    pub(crate) fn assert_answer(&self, byte: u8) {
        assert_eq!(self.answer, [byte], "{}: {self:?}", self.about);
        assert_eq!(self.status.code(), Some(0), "{}: {self:?}", self.about);
    }
}

/// A command that ends within a minute, whatever it runs.
pub(crate) fn bounded(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", "60"]).arg(program);
    command
}

/// The bytes of a question.
pub(crate) fn question(user: &str, password: &str) -> Zeroizing<Vec<u8>> {
    let password = Password::new(Zeroizing::new(password.as_bytes().to_vec())).unwrap();
    Question::to_bytes(&UserName::new(user).unwrap(), &password)
}

/// Runs the command with one end of a new connection as standard input.
pub(crate) fn talk(command: Command, say: impl FnOnce(&UnixStream)) -> Talk {
    let (ours, theirs) = UnixStream::pair().unwrap();
    talk_over(command, &ours, theirs, say)
}

/// The same over a connection that is there.
pub(crate) fn talk_over(
    mut command: Command,
    ours: &UnixStream,
    theirs: impl Into<OwnedFd>,
    say: impl FnOnce(&UnixStream),
) -> Talk {
    command.stdin(theirs.into()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    // It holds the program's end.
    drop(command);
    say(ours);
    let answer = answer(ours);
    let output = child.wait_with_output().unwrap();
    Talk { answer, status: output.status, stderr: String::from_utf8(output.stderr).unwrap(), about: String::new() }
}

/// All that comes in until the other end is closed.
pub(crate) fn answer(mut ours: &UnixStream) -> Vec<u8> {
    ours.set_read_timeout(Some(Duration::from_secs(90))).unwrap();
    let mut answer = Vec::new();
    match ours.read_to_end(&mut answer) {
        // So ends a connection whose other end has not read everything.
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        result => drop(result.unwrap()),
    }
    answer
}

/// Says these bytes and stays connected. A program that has ended hears them no more.
pub(crate) fn send(mut stream: &UnixStream, bytes: &[u8]) {
    stream.write_all(bytes).ok();
}
