//! Files that others have written: only plain ones, and only as much as any sane one holds.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

/// The text of a file. What is not UTF-8 is replaced.
///
/// # Errors
/// Why it cannot be read; a file that is too large, or none, is [`io::ErrorKind::InvalidData`].
pub(super) fn read(path: &Path) -> io::Result<String> {
    // Opening a pipe would wait for its other end.
    let file = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no plain file"));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= LARGEST) {
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidData, "it is larger than any such file should be"))
    }
}

/// The plain files of a folder, in the order of their names; not more than any sane folder has.
///
/// # Errors
/// Why it cannot be listed.
pub(super) fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = folder.read_dir()?.take(MOST).filter_map(Result::ok);
    let mut files: Vec<_> = entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    Ok(files)
}

const LARGEST: u64 = 1 << 18;
const MOST: usize = 10_000;
