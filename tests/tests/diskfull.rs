//! A disk that takes nothing more, because it is full or read-only: refused with the reason, nothing lost, and served
//! again by the same process when there is room.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mfad_proto::{Call, Pong, Refusal, Reply};
use mfad_tests::daemon::{Daemon, verify};
use mfad_tests::load::{Load, Whose};
use mfad_tests::loopdev::{LoopDisk, private_mounts};
use nix::errno::Errno;
use nix::sys::signal::Signal;
use tempfile::TempDir;

/// A daemon on a small disk, and what its clients know.
struct Scene {
    // In this order: the daemon uses the disk, and the disk lies in the folder.
    daemon: Daemon,
    disk: LoopDisk,
    load: Load,
    _folder: TempDir,
}

impl Scene {
    /// Puts load on the daemon, and fills the disk until every client is refused.
    fn full() -> Self {
        private_mounts();
        let folder = tempfile::tempdir().unwrap();
        LoopDisk::format(&folder.path().join("image"), DISK_BYTES);
        let disk = LoopDisk::mount(&folder.path().join("image"), &folder.path().join("disk"));
        let mut daemon = Daemon::unstarted("mfad-clocked", "");
        daemon.set_state(disk.path().join("state"));
        daemon.spawn();
        let mut load = Load::new(CLIENTS, ACCOUNTS);
        let tally = load.run(&daemon, |traffic| {
            traffic.wait_for_answers(ANSWERS);
            let end = Instant::now() + Duration::from_secs(60);
            while !traffic.is_over() {
                // Again and again: a file that is replaced makes room for another.
                fill(&ballast(&disk));
                assert!(Instant::now() < end, "requests are still answered on a full disk");
            }
        });
        println!("{tally:?}");
        let mut scene = Self { daemon, disk, load, _folder: folder };
        assert!(scene.daemon.is_running(), "the daemon has ended: {}", scene.daemon.last_words());
        assert_eq!(tally.unanswered, 0, "the daemon left requests without an answer: {}", scene.daemon.last_words());
        scene.stays_refused("disk is full");
        scene
    }

    /// Asserts that nothing is served for longer than a recovery may take, and that the reason is the right one.
    fn stays_refused(&self, why: &str) {
        let start = Instant::now();
        // The daemon may not have seen the newest reason yet.
        while !self.refused().why.contains(why) {
            assert!(start.elapsed() < RECOVERY, "not what is wrong: {:?}", self.refused());
            std::thread::sleep(POLL);
        }
        while start.elapsed() < RECOVERY {
            let pong = self.refused();
            assert!(pong.why.contains(why), "not what is wrong: {pong:?}: {}", self.daemon.last_words());
            std::thread::sleep(POLL);
        }
    }

    /// Asserts that nothing is served, and returns what `Ping` says of it.
    fn refused(&self) -> Pong {
        let mut client = self.daemon.client();
        let verified = client.call(verify("nobody", "000000"));
        assert!(matches!(verified, Ok(Reply::Refused(Refusal::Unavailable))), "{}", self.daemon.last_words());
        let Ok(Reply::Pong(pong)) = client.call(Call::Ping) else { panic!("no pong: {}", self.daemon.last_words()) };
        assert!(!pong.ready && !pong.why.is_empty(), "{pong:?}");
        pong
    }

    /// Waits until the same process serves again, and asks it for everything; then the next one.
    fn recovers(mut self) {
        let start = Instant::now();
        loop {
            let Ok(Reply::Pong(pong)) = self.daemon.client().call(Call::Ping) else { panic!("no pong") };
            if pong.ready {
                break;
            }
            assert!(start.elapsed() < RECOVERY, "not ready again: {pong:?}: {}", self.daemon.last_words());
            std::thread::sleep(POLL);
        }
        println!("ready again after {:?}", start.elapsed());
        assert_eq!(self.load.losses(&self.daemon, Whose::All), [""; 0], "{}", self.daemon.last_words());
        assert!(self.daemon.is_running(), "it was not the same process: {}", self.daemon.last_words());
        assert!(self.daemon.stop().success(), "{}", self.daemon.last_words());
        self.daemon.spawn();
        assert_eq!(self.load.losses(&self.daemon, Whose::All), [""; 0], "{}", self.daemon.last_words());
    }

    /// Frees the disk and makes it read-only in one moment of the daemon's. The store is closed while the disk is full,
    /// but for the moments in which the daemon looks whether there is room.
    fn make_read_only(&self) {
        for _ in 0..TRIES {
            self.daemon.pause();
            std::fs::remove_file(ballast(&self.disk)).unwrap();
            let remounted = self.disk.remount(true);
            if remounted == Err(Errno::EBUSY) {
                fill(&ballast(&self.disk));
            }
            self.daemon.signal(Signal::SIGCONT);
            match remounted {
                Ok(()) => return,
                Err(Errno::EBUSY) => std::thread::sleep(POLL),
                Err(error) => panic!("the disk cannot be made read-only: {error}"),
            }
        }
        panic!("the daemon keeps a file of the full disk open for writing");
    }
}

#[test]
fn a_full_disk_is_refused_with_the_reason_and_passes_by_itself() {
    let scene = Scene::full();
    std::fs::remove_file(ballast(&scene.disk)).unwrap();
    scene.recovers();
}

#[test]
fn a_daemon_that_starts_on_a_full_disk_waits_for_room() {
    let mut scene = Scene::full();
    assert!(scene.daemon.stop().success(), "{}", scene.daemon.last_words());
    fill(&ballast(&scene.disk));
    scene.daemon.spawn();
    scene.stays_refused("disk is full");
    std::fs::remove_file(ballast(&scene.disk)).unwrap();
    scene.recovers();
}

#[test]
fn a_read_only_disk_is_refused_with_the_reason_and_passes_by_itself() {
    let scene = Scene::full();
    scene.make_read_only();
    scene.stays_refused("read-only");
    scene.disk.remount(false).unwrap();
    scene.recovers();
}

/// Takes all the room that is left.
fn fill(ballast: &Path) {
    let mut file = File::options().create(true).append(true).open(ballast).expect("a ballast");
    // What ext4 has only reserved becomes certain with the sync; a block at a time takes the rest.
    for block in [1 << 20, 1 << 12] {
        while file.write_all(&vec![0; block]).is_ok() {}
        file.sync_all().ok();
    }
}

fn ballast(disk: &LoopDisk) -> PathBuf {
    disk.path().join("ballast")
}

const DISK_BYTES: u64 = 48 * 1024 * 1024;
const CLIENTS: usize = 4;
/// Of each client.
const ACCOUNTS: usize = 12;
const ANSWERS: usize = 300;
/// From there being room again to being served.
const RECOVERY: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(20);
const TRIES: usize = 100;
