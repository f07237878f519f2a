//! What more accounts cost: a start, and memory.

use std::path::Path;

use mfad_daemon::home::STORE;
use mfad_daemon::store::{SledStore, Store};
use mfad_proto::Reply;
use nix::sys::stat::{Mode, umask};

use super::accounts;
use super::folder::{self, Folder};
use super::plan::Plan;
use super::process::{self, Process, program};
use super::row::Target::AtMost;
use super::row::{Row, Unit};

/// A store with accounts in it, which the measures may start and stop as they like.
struct Filled<'a> {
    folder: &'a Folder,
    accounts: u64,
    rounds: u64,
    /// What a daemon with one account occupies.
    least_memory: f64,
}

/// What is measured at each size.
const MEASURES: [fn(&Filled<'_>) -> Vec<Row>; 2] = [start, backup_and_restore];

/// The rows of all sizes.
pub(crate) fn rows(plan: &Plan) -> Vec<Row> {
    let least_memory = {
        let folder = Folder::new(plan);
        accounts::fill_apart(&folder, 1);
        let (daemon, _time) = first_answer(&folder);
        bytes(&daemon)
    };
    let rows_at = |accounts: u64| {
        eprintln!("growth: filling a store with {accounts} accounts");
        let folder = Folder::new(plan);
        accounts::fill_apart(&folder, accounts);
        let filled = Filled { folder: &folder, accounts, rounds: plan.rounds(), least_memory };
        MEASURES.iter().flat_map(|measure| measure(&filled)).collect::<Vec<_>>()
    };
    plan.users().into_iter().flat_map(rows_at).collect()
}

/// The released program, from exec to the first answer about an account, beside one scan of the same store.
fn start(filled: &Filled<'_>) -> Vec<Row> {
    let (mut starts, mut scans, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=filled.rounds {
        eprintln!("growth: start {round} of {} with {} accounts", filled.rounds, filled.accounts);
        scans.push(scan_apart(filled));
        let (daemon, time) = first_answer(filled.folder);
        starts.push(time);
        memory.push(bytes(&daemon));
        daemon.stop();
    }
    let accounts = filled.accounts;
    let number = f64::from(u32::try_from(accounts).expect("fewer than four billion"));
    let ratios = starts.iter().zip(&scans).map(|(start, scan)| start / scan);
    let each = memory.iter().map(|memory| (memory - filled.least_memory) / number);
    let name = |what: &str| format!("{what}, {accounts} accounts");
    vec![
        Row::new(name("scan"), Unit::Millis, scans.iter().copied()),
        Row::new(name("start"), Unit::Millis, starts.iter().copied()),
        Row::new(name("start / scan"), Unit::Ratio, ratios).target(AtMost(2.0)),
        Row::new(name("memory"), Unit::Mebibytes, memory.iter().map(|bytes| bytes / MEBIBYTE))
            .target((accounts == FEW).then_some(AtMost(8.0))),
        // Among few accounts, what the daemon occupies anyway hides what they add.
        Row::new(name("memory an account"), Unit::Bytes, each).target((accounts >= ENOUGH).then_some(AtMost(250.0))),
    ]
}

/// A backup from the running daemon into a file, and the way back into an empty folder. Most of the time at few accounts is
/// what the passphrase costs.
fn backup_and_restore(filled: &Filled<'_>) -> Vec<Row> {
    let (mut backups, mut restores) = (Vec::new(), Vec::new());
    let file = filled.folder.path().join("backup");
    let passphrase = filled.folder.path().join("passphrase");
    std::fs::write(&passphrase, "benchmark").expect("a passphrase file");
    for round in 1..=filled.rounds {
        eprintln!("growth: backup {round} of {} with {} accounts", filled.rounds, filled.accounts);
        let (daemon, _time) = first_answer(filled.folder);
        let mut backup = program("mfactl");
        backup.arg("--socket").arg(filled.folder.socket()).arg("backup").arg(&file);
        backup.arg("--passphrase-file").arg(&passphrase);
        backups.push(process::time(backup));
        daemon.stop();
        let target = filled.folder.path().join("restored");
        let mut restore = program("mfad");
        restore.arg("restore").arg(&file).arg("--state").arg(&target).arg("--passphrase-file").arg(&passphrase);
        restores.push(process::time(restore));
        std::fs::remove_dir_all(&target).expect("a removed folder");
    }
    std::fs::remove_file(&file).expect("a removed backup");
    let name = |what: &str| format!("{what}, {} accounts", filled.accounts);
    vec![Row::new(name("backup"), Unit::Millis, backups), Row::new(name("restore"), Unit::Millis, restores)]
}

/// Starts the released program. It counts as started when it says so and has answered about an account: whatever a
/// start leaves for later would be seen here. Returns the milliseconds that this took.
fn first_answer(folder: &Folder) -> (Process, f64) {
    let mut command = program("mfad");
    command.arg("serve");
    let daemon = Process::start(process::serve(command, folder), folder);
    let reply = accounts::connect(folder).call(accounts::status(0));
    let time = daemon.age();
    assert!(matches!(reply, Ok(Reply::Status(_))), "no status after a start");
    (daemon, time.as_secs_f64() * 1e3)
}

/// Milliseconds from exec to the end of one scan, in a process of its own like the daemon's.
fn scan_apart(filled: &Filled<'_>) -> f64 {
    let mut command = program("mfad-bench");
    command.arg("scan").arg(filled.folder.path()).arg(filled.accounts.to_string());
    let scan = Process::start(command, filled.folder);
    let time = scan.age();
    scan.finish();
    time.as_secs_f64() * 1e3
}

/// The other half of [`scan_apart`].
pub(crate) fn scan(folder: &Path, accounts: u64) {
    umask(Mode::from_bits_truncate(0o077));
    let store = SledStore::open(&folder::state(folder).join(STORE)).expect("an open store");
    let (mut values, mut bytes) = (0, 0);
    store
        .scan(&mut |key, value| {
            values += 1;
            bytes += key.len() + value.len();
        })
        .expect("a whole scan");
    process::say_ready();
    assert!(values >= accounts && bytes > 0, "the store has {values} values");
}

fn bytes(daemon: &Process) -> f64 {
    f64::from(u32::try_from(daemon.resident_bytes()).expect("less than 4 GiB"))
}

/// The size at which the design limits the whole memory.
const FEW: u64 = 1_000;

/// From this size on, memory is limited by account.
const ENOUGH: u64 = 1_000_000;

const MEBIBYTE: f64 = 1024.0 * 1024.0;
