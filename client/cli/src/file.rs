//! A new file that only its owner can read, and that appears whole or not at all.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A file that is being written beside its place.
pub(crate) struct NewFile {
    place: PathBuf,
    file: NamedTempFile,
}

impl NewFile {
    /// Begins a file. It may take an empty place or that of a plain file: a device, a pipe or a symlink would be replaced,
    /// and not written to.
    pub(crate) fn begin(place: &Path) -> io::Result<Self> {
        match place.symlink_metadata() {
            Ok(metadata) if metadata.is_file() => {}
            Ok(_) => {
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, "something else than a plain file is there"));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(Self { place: place.to_owned(), file: NamedTempFile::new_in(folder_of(place))? })
    }

    /// Puts the file in its place when it is on the disk.
    pub(crate) fn put(self) -> io::Result<()> {
        self.file.as_file().sync_all()?;
        self.file.persist(&self.place)?;
        File::open(folder_of(&self.place))?.sync_all()
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn folder_of(place: &Path) -> &Path {
    place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}
