//! The files of the audit log: `audit/N` in the state folder, N counted from 1, the newest of them written to.
//!
//! MUST: a file is only ever added to; so many are kept and no more; a symlink is not followed; nobody else may read.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

/// How much of the log is kept.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Files.
    pub files: u64,
    /// Bytes after which a file is full.
    pub bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { files: 8, bytes: 16 * 1024 * 1024 }
    }
}

/// The folder.
#[derive(Debug, Clone)]
pub(super) struct Files {
    folder: PathBuf,
    limits: Limits,
}

impl Files {
    pub(super) const fn new(folder: PathBuf, limits: Limits) -> Self {
        Self { folder, limits }
    }

    /// Makes the folder where it is missing.
    pub(super) fn prepare(&self) -> io::Result<()> {
        match DirBuilder::new().mode(0o700).create(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            Ok(()) | Err(_) => self.sync(),
        }
    }

    /// The numbers of the files that are there, from the oldest on.
    pub(super) fn numbers(&self) -> io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(numbers),
            entries => entries?,
        };
        for entry in entries {
            numbers.extend(entry?.file_name().to_str().and_then(|name| name.parse::<u64>().ok()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The number of the oldest file that must be there when this one is the newest.
    pub(super) fn oldest(&self, newest: u64) -> u64 {
        newest.saturating_sub(self.limits.files.saturating_sub(1)).max(1)
    }

    /// Whether a file of so many bytes takes no more lines.
    pub(super) const fn is_full(&self, bytes: u64) -> bool {
        bytes >= self.limits.bytes
    }

    /// Opens a file to write at its end, and makes it where it is missing.
    pub(super) fn append(&self, number: u64) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(0o600).custom_flags(OFlag::O_NOFOLLOW.bits());
        let file = options.open(self.path(number))?;
        self.sync()?;
        Ok(file)
    }

    /// Removes the files that are too old when this one is the newest.
    pub(super) fn prune(&self, newest: u64) -> io::Result<()> {
        let oldest = self.oldest(newest);
        self.numbers()?
            .into_iter()
            .filter(|number| *number < oldest)
            .try_for_each(|old| fs::remove_file(self.path(old)))
    }

    /// Reads a file from this place on; `None` when it is not there.
    pub(super) fn lines(&self, number: u64, offset: u64) -> io::Result<Option<Lines>> {
        let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
        let mut file = match OpenOptions::new().read(true).custom_flags(flags).open(self.path(number)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        file.seek(SeekFrom::Start(offset))?;
        Ok(Some(Lines { reader: BufReader::with_capacity(64 * 1024, file), offset, line: Vec::new() }))
    }

    /// The last whole line of a file that ends at this place, line feed included, or at the file's end.
    pub(super) fn line_before(&self, number: u64, end: Option<u64>) -> io::Result<Option<Vec<u8>>> {
        let length = match fs::symlink_metadata(self.path(number)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            metadata => metadata?.len(),
        };
        let end = end.unwrap_or(length);
        let start = end.saturating_sub(LONGEST);
        let Some(lines) = self.lines(number, start)? else { return Ok(None) };
        let mut bytes = Vec::new();
        lines.reader.take(end.saturating_sub(start)).read_to_end(&mut bytes)?;
        Ok(bytes.split_inclusive(|byte| *byte == b'\n').rfind(|line| line.ends_with(b"\n")).map(<[u8]>::to_vec))
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(number.to_string())
    }

    fn sync(&self) -> io::Result<()> {
        let sync = |folder: &Path| File::open(folder)?.sync_all();
        self.folder.parent().map_or(Ok(()), sync)?;
        sync(&self.folder)
    }
}

/// The lines of a file.
pub(super) struct Lines {
    reader: BufReader<File>,
    offset: u64,
    line: Vec<u8>,
}

impl Lines {
    /// The next line with its line feed; what has none is too long for a line, or the unfinished end. `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        self.line.clear();
        let read = (&mut self.reader).take(LONGEST).read_until(b'\n', &mut self.line)?;
        self.offset = self.offset.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        Ok((read > 0).then_some(&self.line))
    }

    /// Where the line that was read last ends.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }
}

/// Whether a line that was read may get its end yet.
pub(super) fn is_unfinished(line: &[u8]) -> bool {
    !line.ends_with(b"\n") && u64::try_from(line.len()).is_ok_and(|length| length < LONGEST)
}

/// Bytes of the longest line that is read as one: more than any that is written.
const LONGEST: u64 = 8192;
