//! The reference for the disk: a small write and fdatasync, on the file system that the state folders are on.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use super::plan::Plan;

/// A file whose blocks are all written, so that a write changes no metadata: the least that being durable costs.
pub(crate) struct Disk(File);

impl Disk {
    /// Makes the file.
    pub(crate) fn prepare(plan: &Plan) -> Self {
        let file = tempfile::tempfile_in(&plan.folder).expect("a temporary file");
        file.write_all_at(&vec![1; FILE], 0).expect("a written file");
        file.sync_all().expect("a durable file");
        Self(file)
    }

    /// How long each of `count` writes of [`WRITE`] bytes took until it was durable. They follow one another as in a log.
    pub(crate) fn writes(&self, count: usize) -> Vec<Duration> {
        let content = [2; WRITE];
        let places = (0..FILE - WRITE).step_by(WRITE).cycle();
        let write = |place: usize| {
            let began = Instant::now();
            self.0.write_all_at(&content, u64::try_from(place).expect("a small number")).expect("a write");
            self.0.sync_data().expect("a sync");
            began.elapsed()
        };
        places.take(count).map(write).collect()
    }
}

/// Bytes of one write.
const WRITE: usize = 300;

/// Bytes of the file.
const FILE: usize = 1024 * 1024;
