//! A disk whose power can be cut.
//!
//! The daemon's file system lies on a loop device, and that one's image lies on a file system of its own, on a second
//! loop device. What ext4 has only in memory is in neither image. What it has handed to the inner device, and not asked
//! it to flush, is in the memory of the outer file system: there it is what a real disk has in its cache. A cut takes the
//! outer image as it is: only what was flushed comes back. A cut that spares the disk's cache syncs the inner image first.

use std::fs::File;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::loopdev::{Counters, LoopDisk};

/// A running disk. Dropping it unmounts it and removes its images.
pub struct Disk {
    // In this order: the inner file system lies on the outer one, and that one in the folder.
    inner: LoopDisk,
    outer: LoopDisk,
    folder: TempDir,
    flushes_before: u64,
}

/// What was on a disk when its power went.
pub struct Remains(TempDir);

/// What becomes of what the disk was given and not told to flush.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cache {
    /// It is on the disk after all.
    Kept,
    /// It is gone.
    Lost,
}

impl Disk {
    /// A new, empty disk.
    ///
    /// # Panics
    /// When this machine cannot have one.
    #[must_use]
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        LoopDisk::format(&image(folder.path()), OUTER_BYTES);
        let outer = LoopDisk::mount(&image(folder.path()), &folder.path().join("outer"));
        LoopDisk::format(&image(outer.path()), INNER_BYTES);
        drop(outer);
        Remains(folder).start()
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.inner.path()
    }

    /// How often it was told to flush since it was started.
    #[must_use]
    pub fn flushes(&self) -> u64 {
        self.inner.counters().flushes - self.flushes_before
    }

    /// What would be on the disk if its power went now. Nobody may be writing: whoever did is stopped.
    ///
    /// # Panics
    /// When it does not come to rest.
    #[must_use]
    pub fn cut(&self, cache: Cache) -> Remains {
        let remains = tempfile::tempdir().expect("a temporary folder");
        for _ in 0..TRIES {
            if cache == Cache::Kept {
                File::open(image(self.outer.path())).and_then(|image| image.sync_all()).expect("a synced image");
            }
            // The kernel may write of its own accord. A copy is one moment's only when nothing was written during it.
            let before = self.counters();
            std::fs::copy(image(self.folder.path()), image(remains.path())).expect("a copied image");
            if before == self.counters() && before.iter().all(|device| device.in_flight == 0) {
                return Remains(remains);
            }
        }
        panic!("the disk was written to during each of {TRIES} copies");
    }

    fn counters(&self) -> [Counters; 2] {
        [self.inner.counters(), self.outer.counters()]
    }
}

impl Default for Disk {
    fn default() -> Self {
        Self::new()
    }
}

impl Remains {
    /// Starts the disk again.
    ///
    /// # Panics
    /// When its file systems cannot be mounted.
    #[must_use]
    pub fn start(self) -> Disk {
        let folder = self.0;
        let outer = LoopDisk::mount(&image(folder.path()), &folder.path().join("outer"));
        let inner = LoopDisk::mount(&image(outer.path()), &folder.path().join("inner"));
        // The kernel counts on when a device is used again.
        let flushes_before = inner.counters().flushes;
        Disk { inner, outer, folder, flushes_before }
    }
}

fn image(folder: &Path) -> PathBuf {
    folder.join("image")
}

const INNER_BYTES: u64 = 40 * 1024 * 1024;

/// The inner image, the journal, and the tables.
const OUTER_BYTES: u64 = INNER_BYTES + 24 * 1024 * 1024;

/// Copies that may be disturbed by the kernel's own writing.
const TRIES: usize = 50;
