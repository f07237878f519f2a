//! Power cuts: what the daemon acknowledged is on the disk, whatever the kernel and the disk had only in memory. And the
//! control, which shows that these cuts do take something away.

use std::fs::File;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::time::Duration;

use mfad_tests::daemon::{Daemon, NOON, accepted};
use mfad_tests::load::{Load, Tally, Whose};
use mfad_tests::loopdev::private_mounts;
use mfad_tests::power::{Cache, Disk, Remains};
use mfad_tests::random::Random;
use nix::fcntl::OFlag;
use nix::sys::signal::Signal;

/// When the power goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// Some time after so many answers, with others under way.
    Busy(usize),
    /// Right after the last of at least so many answers: nothing comes behind it that could carry it to the disk.
    Calm(usize),
}

/// Cuts the power of a daemon under load.
fn cut(daemon: &mut Daemon, disk: &Disk, load: &mut Load, (cache, moment): (Cache, Moment)) -> (Remains, Tally) {
    let rest = load.random().span(LONGEST_REST);
    let mut remains = None;
    let tally = load.run(daemon, |traffic| {
        match moment {
            Moment::Busy(answers) => {
                traffic.wait_for_answers(answers);
                std::thread::sleep(rest);
            }
            Moment::Calm(answers) => {
                traffic.wait_for_answers(answers);
                traffic.calm();
            }
        }
        daemon.pause();
        remains = Some(disk.cut(cache));
        daemon.signal(Signal::SIGKILL);
    });
    daemon.kill();
    println!(
        "{moment:?}, cache {cache:?}: {} answered, {} in flight, {} flushes",
        tally.answered,
        tally.unanswered,
        disk.flushes()
    );
    (remains.expect("a cut"), tally)
}

fn state(disk: &Disk) -> std::path::PathBuf {
    disk.path().join("state")
}

#[test]
fn twenty_power_cuts_under_load_lose_nothing_that_was_acknowledged() {
    private_mounts();
    let mut disk = Disk::new();
    let mut daemon = Daemon::unstarted("mfad-clocked", "");
    let mut load = Load::new(CLIENTS, ACCOUNTS);
    daemon.set_state(state(&disk));
    daemon.spawn();
    let mut answered = 0;
    for round in 0..ROUNDS {
        let cache = if round % 2 == 0 { Cache::Lost } else { Cache::Kept };
        let answers = load.random().below(MOST_ANSWERS);
        let moment = if round % 4 < 2 { Moment::Busy(answers) } else { Moment::Calm(answers) };
        let (remains, tally) = cut(&mut daemon, &disk, &mut load, (cache, moment));
        answered += tally.answered;
        disk = remains.start();
        daemon.set_state(state(&disk));
        daemon.spawn();
        assert_eq!(load.losses(&daemon, Whose::All), [""; 0], "round {round}: {}", daemon.last_words());
        load.renew(ACCOUNTS / 8);
    }
    println!("{answered} answers, {} accounts are enrolled", load.enrolled());
    assert!(answered > ROUNDS * CLIENTS * ACCOUNTS, "so little was acknowledged that nothing is proved");
}

#[test]
fn a_power_cut_during_the_first_start_leaves_a_state_that_starts() {
    private_mounts();
    let (mut disk, mut random) = (Disk::new(), Random::default());
    for round in 0..FIRST_STARTS {
        let mut daemon = Daemon::unstarted("mfad-clocked", "");
        let name = format!("state{round}");
        daemon.set_state(disk.path().join(&name));
        daemon.begin();
        std::thread::sleep(random.span(LONGEST_START));
        daemon.pause();
        let remains = disk.cut(if round % 2 == 0 { Cache::Lost } else { Cache::Kept });
        daemon.kill();
        disk = remains.start();
        daemon.set_state(disk.path().join(&name));
        daemon.spawn();
        let app = daemon.enroll("alice", NOON);
        assert!(accepted(&daemon.verify("alice", &app.code(NOON + 30))));
    }
}

#[test]
fn a_cut_takes_what_was_not_synced_and_the_disks_cache_what_was_not_flushed() {
    const OLD: u8 = 1;
    const NEW: u8 = 2;
    private_mounts();
    let mut disk = Disk::new();
    for (cache, flushed) in [(Cache::Lost, OLD), (Cache::Kept, NEW)] {
        let [in_memory, on_device] = ["in-memory", "on-device"].map(|name| disk.path().join(name));
        for path in [&in_memory, &on_device] {
            std::fs::write(path, [OLD; BLOCK]).unwrap();
            File::open(path).unwrap().sync_all().unwrap();
        }
        std::fs::write(&in_memory, [NEW; BLOCK]).unwrap();
        // Past the kernel's memory to the device, which is not told to flush.
        let direct = File::options().write(true).custom_flags(OFlag::O_DIRECT.bits()).open(&on_device).unwrap();
        let block = vec![NEW; 2 * BLOCK];
        let aligned = block.as_ptr().align_offset(BLOCK);
        direct.write_at(&block[aligned..aligned + BLOCK], 0).unwrap();
        disk = disk.cut(cache).start();
        let [in_memory, on_device] = ["in-memory", "on-device"].map(|name| disk.path().join(name));
        assert_ne!(std::fs::read(in_memory).unwrap(), [NEW; BLOCK], "{cache:?}");
        assert_eq!(std::fs::read(on_device).unwrap(), [flushed; BLOCK], "{cache:?}");
    }
}

#[test]
fn without_the_sync_a_power_cut_loses_something() {
    private_mounts();
    for round in 0..CONTROL_ROUNDS {
        let mut disk = Disk::new();
        let mut daemon = Daemon::unstarted("mfad-flush-only", "");
        let mut load = Load::new(CLIENTS, ACCOUNTS);
        daemon.set_state(state(&disk));
        daemon.spawn();
        // Mostly something is lost even when the disk keeps all that it was given, but the kernel may have synced by itself.
        let cache = if round % 2 == 0 { Cache::Kept } else { Cache::Lost };
        let (remains, _) = cut(&mut daemon, &disk, &mut load, (cache, Moment::Busy(CONTROL_ANSWERS)));
        disk = remains.start();
        daemon.set_state(state(&disk));
        let losses = match daemon.try_spawn() {
            Ok(()) => load.losses(&daemon, Whose::All),
            Err(why) => vec![format!("{why}: {}", daemon.last_words())],
        };
        if let Some(first) = losses.first() {
            return println!("{} losses, the first: {first}", losses.len());
        }
    }
    panic!("{CONTROL_ROUNDS} power cuts took nothing from a store that is never synced: they prove nothing");
}

const ROUNDS: usize = 20;
const CONTROL_ROUNDS: usize = 12;
const BLOCK: usize = 4096;
const FIRST_STARTS: usize = 10;
/// About as long as a first start takes on such a disk.
const LONGEST_START: Duration = Duration::from_millis(150);
const CLIENTS: usize = 6;
/// Of each client.
const ACCOUNTS: usize = 16;
/// Before a cut, besides what the rest of the time brings.
const MOST_ANSWERS: usize = 500;
const CONTROL_ANSWERS: usize = 1500;
const LONGEST_REST: Duration = Duration::from_millis(500);
