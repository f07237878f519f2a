//! The daemon as `tests/bench` measures it: on a clock that can be put ahead, and from memory if asked.
//!
//! A code is accepted once, so the load generator needs a later step before it can use an account again, and cannot wait
//! for it. Its clock is the machine's, asked at every request as in the released program, plus the seconds that were last
//! written to standard input. They are one number in memory, which is read without a lock and changes only between
//! two measurements: that load is all it costs more than the real clock. Each order is answered when it holds.
//! The released program has no such switch.

use std::io::{Write, stdin, stdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use clap::Parser;
use mfad_daemon::clock::{Clock, SystemClock};
use mfad_daemon::home::{Home, MemoryHome};
use mfad_daemon::setup::{Prepared, ServeOptions, prepare};
use tokio::signal::unix::{SignalKind, signal};

#[derive(Parser)]
struct Args {
    #[command(flatten)]
    options: ServeOptions,
    /// Copy the store into memory, and forget what is written
    #[arg(long)]
    memory: bool,
}

#[derive(Default)]
struct AheadClock(AtomicU64);

impl Clock for AheadClock {
    fn unix(&self) -> u64 {
        SystemClock.unix() + self.0.load(Ordering::Relaxed)
    }

    fn monotonic(&self) -> Duration {
        SystemClock.monotonic()
    }
}

impl AheadClock {
    fn obey(&self) {
        for line in stdin().lines() {
            let seconds = line.expect("a line").parse().expect("seconds");
            self.0.store(seconds, Ordering::SeqCst);
            writeln!(stdout(), "{seconds}").expect("a listening load generator");
        }
        // Whoever gave the orders is gone, and nobody else wants this daemon.
        std::process::exit(0);
    }
}

fn main() {
    let Args { options, memory } = Args::parse();
    let Prepared { mut config, listeners, .. } =
        prepare(&options, &mut |line| eprintln!("{line}")).expect("a prepared daemon");
    if memory {
        config.home = Arc::new(copied(&*config.home));
    }
    let clock = Arc::new(AheadClock::default());
    let orders = Arc::clone(&clock);
    thread::spawn(move || orders.obey());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).expect("a signal handler");
        let shutdown = async {
            terminate.recv().await;
        };
        mfad_daemon::run(config, listeners, clock, shutdown).await.expect("a served daemon");
    });
}

fn copied(home: &dyn Home) -> MemoryHome {
    let copy = MemoryHome::default();
    let mut values = Vec::new();
    let store = home.open().expect("an open store");
    store.scan(&mut |key, value| values.push((key.to_vec(), Some(value.to_vec())))).expect("a whole scan");
    copy.open().and_then(|store| store.commit(values)).expect("memory");
    let head = home.read_head().expect("a readable head").expect("a head");
    copy.write_head(&head).expect("memory");
    copy
}
