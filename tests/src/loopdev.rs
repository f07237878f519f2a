//! Small ext4 file systems on loop devices, seen by one test alone, and gone with it.
//!
//! MUST: nothing outlives the test. Mounts are made in the test's own mount namespace, which ends with its last process;
//! a loop device is told to detach itself as soon as it is mounted, and does so when the mount goes.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Output;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

use crate::programs::tool;

/// A mounted file system. Dropping it unmounts it.
pub struct LoopDisk {
    device: String,
    at: PathBuf,
}

impl LoopDisk {
    /// Makes a file system in an image file of this many bytes, all of them written.
    ///
    /// # Panics
    /// When there is no room, or `mkfs.ext4` fails.
    pub fn format(image: &Path, bytes: u64) {
        let mut file = File::create_new(image).expect("a new image");
        io::copy(&mut io::repeat(0).take(bytes), &mut file).expect("room for an image");
        // Nothing is left for later, when it would write behind the test's back; no block is reserved.
        let options = ["-q", "-F", "-m", "0", "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0"];
        run("mkfs.ext4", &options, image);
        file.sync_all().expect("a written image");
    }

    /// Mounts the file system of an image in a folder, which is made. What a crash has left in its journal is replayed.
    ///
    /// # Panics
    /// When this machine has no loop device to give, or the file system is beyond repair.
    #[must_use]
    pub fn mount(image: &Path, at: &Path) -> Self {
        std::fs::create_dir_all(at).expect("a folder");
        let output = run("losetup", &["--find", "--show"], image);
        let device = String::from_utf8(output.stdout).expect("a path").trim().to_owned();
        let mounted = mount(Some(device.as_str()), at, Some("ext4"), MsFlags::MS_NOATIME, Some(OPTIONS));
        // From now on the mount alone keeps the device.
        run("losetup", &["--detach"], Path::new(&device));
        mounted.unwrap_or_else(|error| panic!("{device} with {} cannot be mounted: {error}", image.display()));
        Self { device, at: at.to_owned() }
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.at
    }

    /// Makes it read-only, or writable again.
    ///
    /// # Errors
    /// Those of the operating system: `EBUSY` when a file is open for writing.
    pub fn remount(&self, read_only: bool) -> nix::Result<()> {
        let flags = if read_only { MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY } else { MsFlags::MS_REMOUNT };
        mount(None::<&str>, &self.at, None::<&str>, flags, None::<&str>)
    }

    /// What the device has done so far.
    ///
    /// # Panics
    /// When the kernel does not say.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let name = self.device.trim_start_matches("/dev/");
        let text = std::fs::read_to_string(format!("/sys/block/{name}/stat")).expect("the device's counters");
        let numbers: Vec<u64> = text.split_whitespace().map(|number| number.parse().expect("a number")).collect();
        // Documentation/block/stat.rst of the kernel.
        Counters { writes: numbers[4], in_flight: numbers[8], discards: numbers[11], flushes: numbers[15] }
    }
}

impl Drop for LoopDisk {
    fn drop(&mut self) {
        // Whoever still has a file open, a killed process on its last way, loses sight of it.
        if umount2(&self.at, MntFlags::empty()).is_err() {
            umount2(&self.at, MntFlags::MNT_DETACH).ok();
        }
    }
}

/// Counters of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    /// Write requests that have ended.
    pub writes: u64,
    /// Requests that have not.
    pub in_flight: u64,
    /// Discards.
    pub discards: u64,
    /// Flushes of the device's cache: each belongs to a sync.
    pub flushes: u64,
}

/// Gives this thread, and the threads and processes that it starts, a mount namespace that nobody else sees.
///
/// # Panics
/// Without the right to.
pub fn private_mounts() {
    const NEEDED: &str = "this test needs root and CAP_SYS_ADMIN, to mount file systems on loop devices";
    unshare(CloneFlags::CLONE_NEWNS).unwrap_or_else(|error| panic!("{NEEDED}: {error}"));
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>).unwrap_or_else(|error| panic!("{NEEDED}: {error}"));
}

fn run(name: &str, args: &[&str], last: &Path) -> Output {
    let output = tool(name).args(args).arg(last).output().expect("a started tool");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} {args:?} {} fails on this machine: {said}", last.display());
    output
}

/// The journal's own timer, which would make durable what nobody has synced, is put off: what is not synced is lost.
const OPTIONS: &str = "data=ordered,commit=600";
