//! The daemon with clocks that a test sets: `MFAD_TEST_CLOCK` names a file with the Unix time in it, and the seconds of the
//! monotonic clock. The released program has no such switch.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand};
use mfad_daemon::Config;
use mfad_daemon::audit::Limits;
use mfad_daemon::clock::{Clock, SystemClock};
use mfad_daemon::setup::{Prepared, ServeOptions, prepare};
use tokio::signal::unix::{SignalKind, signal};

#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Serve(ServeOptions),
}

struct FileClock(PathBuf);

impl Clock for FileClock {
    fn unix(&self) -> u64 {
        read_clocks(&self.0).0
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(read_clocks(&self.0).1)
    }
}

/// The wall clock and the monotonic clock in a file, in seconds.
///
/// # Panics
/// When the file does not hold them.
#[must_use]
pub fn read_clocks(file: &Path) -> (u64, u64) {
    let text = std::fs::read_to_string(file).expect("the test's time");
    let (unix, monotonic) = text.trim().split_once(' ').expect("two clocks");
    (unix.parse().expect("Unix seconds"), monotonic.parse().expect("seconds"))
}

/// Sets both clocks.
///
/// # Panics
/// When the file cannot be written.
pub fn write_clocks(file: &Path, unix: u64, monotonic: u64) {
    // Replaced whole, so that the daemon never reads half a time.
    let new = file.with_extension("new");
    std::fs::write(&new, format!("{unix} {monotonic}")).expect("a written time");
    std::fs::rename(&new, file).expect("a replaced time");
}

/// The machine's own wall clock, in Unix seconds.
#[must_use]
pub fn now() -> u64 {
    SystemClock.unix()
}

/// The file that names the time. It lies beside the state folder, and never on a disk that a test cuts off.
///
/// # Panics
/// When the test has named none.
#[must_use]
pub fn clock_file() -> PathBuf {
    std::env::var_os("MFAD_TEST_CLOCK").expect("MFAD_TEST_CLOCK").into()
}

/// The file that names the limits of the audit log, beside the one of the time: how many files, and their bytes.
#[must_use]
pub fn log_limits(clock: &Path) -> PathBuf {
    clock.with_file_name("log-limits")
}

/// The whole program. `change` may replace parts of what would be served from this state folder.
///
/// # Panics
/// When the daemon cannot start, or fails.
pub fn serve(change: impl FnOnce(Config, &Path) -> Config) {
    let Args { command: Command::Serve(options) } = Args::parse();
    let clock = FileClock(clock_file());
    let prepared = prepare(&options, &mut |line| eprintln!("{line}")).expect("a prepared daemon");
    let Prepared { mut config, listeners, reloader } = prepared;
    if let Ok(limits) = std::fs::read_to_string(log_limits(&clock.0)) {
        let (files, bytes) = limits.trim().split_once(' ').expect("two limits");
        config.log_limits = Limits { files: files.parse().expect("files"), bytes: bytes.parse().expect("bytes") };
    }
    let config = change(config, &options.places.state);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).expect("a signal handler");
        let mut hangup = signal(SignalKind::hangup()).expect("a signal handler");
        let shutdown = async {
            loop {
                tokio::select! {
                    _ = terminate.recv() => return,
                    _ = hangup.recv() => {
                        let reloaded = reloader.reload(&mut |line| eprintln!("mfad: {line}"));
                        reloaded.unwrap_or_else(|error| eprintln!("mfad: not read: {error}"));
                    }
                }
            }
        };
        mfad_daemon::run(config, listeners, Arc::new(clock), shutdown).await.expect("a served daemon");
    });
}
