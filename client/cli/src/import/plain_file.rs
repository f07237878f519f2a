//! A plain file of lines. Where keys lie, somebody else may have put a symlink, a device, or a line without an end.
//!
//! MUST: no symlink is followed at the path's end; memory is one buffer, whatever the file holds, and it is wiped.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Take};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// An open file.
pub(super) struct PlainFile {
    file: File,
    shown: String,
    length: u64,
    owner: u32,
}

impl PlainFile {
    /// Opens it.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let shown = super::report::shown(&path.to_string_lossy());
        let failed = |error: io::Error| {
            let is_symlink = error.raw_os_error().map(Errno::from_raw) == Some(Errno::ELOOP);
            let error = if is_symlink { io::Error::other("it is a symlink") } else { error };
            Failure::Io(format!("{shown} cannot be read"), error)
        };
        // A pipe that nobody writes to would never open.
        let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(failed(io::Error::other("it is no plain file")));
        }
        Ok(Self { file, length: metadata.len(), owner: metadata.uid(), shown })
    }

    /// The uid of its owner.
    pub(super) const fn owner(&self) -> u32 {
        self.owner
    }

    /// Its size when it was opened, in bytes.
    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    /// Its first bytes.
    pub(super) fn head(&self) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let mut head = Zeroizing::new(vec![0; MAX_LINE]);
        let count = self.file.read_at(&mut head, 0).map_err(|error| self.failed(error))?;
        head.truncate(count);
        Ok(head)
    }

    /// Its lines.
    pub(super) fn lines(self) -> Result<Lines, Failure> {
        if self.length > MOST {
            return Err(self.failed(io::ErrorKind::FileTooLarge.into()));
        }
        let Self { file, length, shown, .. } = self;
        let buffer = Zeroizing::new(vec![0; BUFFER]);
        // What is added meanwhile is not read: it might never end.
        Ok(Lines { rest: file.take(length), shown, buffer, start: 0, end: 0, number: 0, length })
    }

    fn failed(&self, error: io::Error) -> Failure {
        Failure::Io(format!("{} cannot be read", self.shown), error)
    }
}

/// The lines of a file, one after the other.
pub(super) struct Lines {
    rest: Take<File>,
    shown: String,
    buffer: Zeroizing<Vec<u8>>,
    /// What of the buffer was read and not given out yet.
    start: usize,
    end: usize,
    number: u64,
    length: u64,
}

/// One line.
pub(super) struct Line<'l> {
    /// Counted from 1.
    pub(super) number: u64,
    /// Without its end and white space around it; or why it cannot be looked at.
    pub(super) text: Result<&'l str, &'static str>,
}

impl Lines {
    pub(super) fn next(&mut self) -> Result<Option<Line<'_>>, Failure> {
        let mut too_long = false;
        let range = loop {
            let waiting = self.buffer.get(self.start..self.end).unwrap_or_default();
            if let Some(length) = waiting.iter().position(|byte| *byte == b'\n') {
                let (from, to) = (self.start, self.start.saturating_add(length));
                self.start = to.saturating_add(1);
                break from..to;
            }
            if waiting.len() > MAX_LINE {
                (too_long, self.start, self.end) = (true, 0, 0);
            } else {
                self.buffer.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end.saturating_sub(self.start));
            }
            if !self.fill()? {
                let range = self.start..self.end;
                if range.is_empty() && !too_long {
                    return Ok(None);
                }
                self.start = self.end;
                break range;
            }
        };
        self.number = self.number.saturating_add(1);
        let line = self.buffer.get(range).unwrap_or_default();
        let text = match std::str::from_utf8(line) {
            _ if too_long || line.len() > MAX_LINE => Err("the line has more than 4096 bytes"),
            Err(_) => Err("the line is no text"),
            Ok(text) => Ok(text.trim_matches(|c: char| c.is_ascii_whitespace())),
        };
        Ok(Some(Line { number: self.number, text }))
    }

    /// How many bytes were read, and how many there are.
    pub(super) fn progress(&self) -> (u64, u64) {
        (self.length.saturating_sub(self.rest.limit()), self.length)
    }

    /// Reads more behind what waits. `false` at the end.
    fn fill(&mut self) -> Result<bool, Failure> {
        loop {
            match self.rest.read(self.buffer.get_mut(self.end..).unwrap_or_default()) {
                Ok(0) => return Ok(false),
                Ok(count) => {
                    self.end = self.end.saturating_add(count);
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Failure::Io(format!("{} cannot be read", self.shown), error)),
            }
        }
    }
}

/// No list of accounts is larger, in bytes.
const MOST: u64 = 1 << 30;

/// Longer than a URI with the longest names and key, in bytes.
const MAX_LINE: usize = 4096;

const BUFFER: usize = 1 << 16;
