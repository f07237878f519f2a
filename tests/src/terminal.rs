//! A person at a terminal: a program on a pseudo-terminal of its own, what it shows, and what is typed.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{Winsize, openpty};

use crate::programs::tool;

/// A program on a pseudo-terminal.
pub struct Terminal {
    child: Child,
    screen: File,
    shown: String,
    /// The begin of a character, whose rest was not read yet.
    begun: Vec<u8>,
}

impl Terminal {
    /// Starts a program with its own controlling terminal of 80 by 24.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(program: &Path, args: &[&str]) -> Self {
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None).expect("a pseudo-terminal");
        for end in [&pty.master, &pty.slave] {
            // Whoever inherits the master's end keeps the terminal from hanging up.
            fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).expect("a closed-on-exec end");
        }
        let end = |fd: &OwnedFd| Stdio::from(fd.try_clone().expect("a copy"));
        // A person's terminal ignores no signal, but whatever runs the tests in the background ignores SIGINT.
        let mut command: Command = tool("env");
        command.args(["--default-signal", "setsid", "--ctty", "--wait"]).arg(program).args(args);
        command.stdin(end(&pty.slave)).stdout(end(&pty.slave)).stderr(end(&pty.slave));
        let child = command.spawn().expect("a started program");
        Self { child, screen: File::from(pty.master), shown: String::new(), begun: Vec::new() }
    }

    /// Waits until the program has shown this text, and returns what it has shown up to there since
    /// the last wait.
    ///
    /// # Panics
    /// When it does not within 20 seconds, or ends before.
    pub fn wait_for(&mut self, text: &str) -> String {
        let end = Instant::now() + Duration::from_secs(20);
        while !self.shown.contains(text) {
            let mut wait = [PollFd::new(std::os::fd::AsFd::as_fd(&self.screen), PollFlags::POLLIN)];
            // A signal that interrupts it is as good as a timeout.
            let ready = poll(&mut wait, PollTimeout::from(200_u16)).unwrap_or(0);
            assert!(Instant::now() < end, "{text:?} was not shown: {}", self.shown);
            let mut bytes = [0; 8192];
            let count = if ready > 0 { self.screen.read(&mut bytes).unwrap_or(0) } else { continue };
            assert!(count > 0, "the program ended before it showed {text:?}: {}", self.shown);
            self.show(&bytes[..count]);
        }
        let end = self.shown.find(text).map_or(self.shown.len(), |start| start + text.len());
        self.shown.drain(..end).collect()
    }

    /// Takes in what was read, up to the last whole character.
    fn show(&mut self, bytes: &[u8]) {
        self.begun.extend(bytes);
        let whole = match std::str::from_utf8(&self.begun) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => self.begun.len(),
        };
        let whole: Vec<_> = self.begun.drain(..whole).collect();
        self.shown.push_str(&String::from_utf8_lossy(&whole));
    }

    /// Types a line.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn type_line(&mut self, line: &str) {
        self.screen.write_all(format!("{line}\n").as_bytes()).expect("a typed line");
    }

    /// Types these keys, and no Enter.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn type_keys(&mut self, keys: &str) {
        self.screen.write_all(keys.as_bytes()).expect("typed keys");
    }

    /// Waits for the end, and returns what was shown last, with the exit status.
    ///
    /// # Panics
    /// When there is none.
    pub fn finish(mut self) -> (String, ExitStatus) {
        let mut bytes = Vec::new();
        // The other end of an ended pseudo-terminal reads as an error.
        self.screen.read_to_end(&mut bytes).ok();
        self.show(&bytes);
        (std::mem::take(&mut self.shown), self.child.wait().expect("an ended program"))
    }
}

impl Drop for Terminal {
    /// A test that has failed hangs up: the program gets SIGHUP, as from a terminal that is closed.
    fn drop(&mut self) {
        self.screen = File::open("/dev/null").expect("/dev/null");
        self.child.wait().ok();
    }
}

/// Makes a picture of the QR code among these lines of a terminal, as the glyphs stand there: full and half blocks are
/// lit, the rest is dark.
///
/// # Panics
/// When no line has a block, or the file cannot be written.
pub fn photograph(shown: &str, picture: &Path) {
    let lines: Vec<Vec<char>> = shown.lines().map(|line| without_escapes(line).trim_end().chars().collect()).collect();
    let lines: Vec<_> = lines.into_iter().filter(|line: &Vec<char>| line.iter().any(|c| "█▀▄".contains(*c))).collect();
    let width = lines.iter().map(Vec::len).max().expect("a QR code");
    assert!(width <= 80 && lines.len() <= 24, "the code has {width} columns and {} lines", lines.len());
    let lit = |row: usize, column: usize| {
        let glyph = lines[row / 2].get(column).copied().unwrap_or(' ');
        matches!((glyph, row % 2), ('█', _) | ('▀', 0) | ('▄', 1))
    };
    let mut image = format!("P5\n{} {}\n255\n", width * SCALE, lines.len() * 2 * SCALE).into_bytes();
    for row in 0..lines.len() * 2 * SCALE {
        image.extend((0..width * SCALE).map(|column| if lit(row / SCALE, column / SCALE) { u8::MAX } else { 0 }));
    }
    std::fs::write(picture, image).expect("a written picture");
}

/// The text of the only QR code in a picture.
///
/// # Panics
/// When `zbarimg` finds none.
#[must_use]
pub fn decode(picture: &Path) -> String {
    let mut command = tool("zbarimg");
    let output = command.args(["--quiet", "--raw", "-Sdisable", "-Sqrcode.enable"]).arg(picture).output();
    let output = output.expect("an ended zbarimg");
    assert!(output.status.success(), "zbarimg finds no code in {}", picture.display());
    String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
}

/// A line without the colours that a terminal would show.
fn without_escapes(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let mut text = parts.next().unwrap_or_default().to_owned();
    parts.for_each(|part| text.push_str(part.split_once('m').map_or("", |(_, after)| after)));
    text
}

/// Pixels a module.
const SCALE: usize = 6;
