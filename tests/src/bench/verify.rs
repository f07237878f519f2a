//! What a verify costs, beside what its machine asks for the same bare work.

use super::benched::{Benched, Store};
use super::disk::Disk;
use super::echo::{Echo, MESSAGE};
use super::load;
use super::plan::Plan;
use super::row::Target::{AtLeast, AtMost};
use super::row::{Row, Unit};
use super::spread::median_micros;

/// One round: times in microseconds, rates a second.
struct Round {
    /// P: an echo.
    echo: f64,
    /// F: a durable write.
    disk: f64,
    /// E64: echoes over [`LANES`] connections.
    echo_rate: f64,
    memory: f64,
    durable: f64,
    /// Durable verifies over one connection, two, and [`LANES`].
    one_rate: f64,
    two_rate: f64,
    many_rate: f64,
}

/// The rows of all rounds.
pub(crate) fn rows(plan: &Plan) -> Vec<Row> {
    let mut bench = Bench::start(plan);
    // The first one warms up.
    bench.round(plan);
    let rounds: Vec<_> = (1..=plan.rounds()).map(|number| bench.numbered_round(plan, number)).collect();
    let row = |name: &str, unit: Unit, value: fn(&Round) -> f64| Row::new(name, unit, rounds.iter().map(value));
    vec![
        row("P: echo of 64 bytes", Unit::Micros, |r| r.echo),
        row("F: write and fdatasync", Unit::Micros, |r| r.disk),
        row("E64: echoes, 64 connections", Unit::PerSecond, |r| r.echo_rate),
        row("verify in memory", Unit::Micros, |r| r.memory),
        row("verify in memory / P", Unit::Ratio, |r| r.memory / r.echo).target(AtMost(1.5)),
        row("verify", Unit::Micros, |r| r.durable),
        row("verify / (P + F)", Unit::Ratio, |r| r.durable / (r.echo + r.disk)).target(AtMost(2.3)),
        row("verify, 1 connection", Unit::PerSecond, |r| r.one_rate),
        row("verify, 2 connections", Unit::PerSecond, |r| r.two_rate),
        row("verify, 2 connections / 1", Unit::Ratio, |r| r.two_rate / r.one_rate).target(AtLeast(0.9)),
        row("verify, 64 connections", Unit::PerSecond, |r| r.many_rate),
        row("verify, 64 connections / (1/F)", Unit::Ratio, |r| r.many_rate * r.disk / 1e6).target(AtLeast(8.0)),
        row("verify, 64 connections / 1", Unit::Ratio, |r| r.many_rate / r.one_rate).target(AtLeast(10.0)),
    ]
}

/// Everything that is measured in turns.
struct Bench {
    echo: Echo,
    disk: Disk,
    memory: Benched,
    durable: Benched,
}

impl Bench {
    fn start(plan: &Plan) -> Self {
        let accounts = plan.count(MANY);
        Self {
            echo: Echo::start(plan),
            disk: Disk::prepare(plan),
            memory: Benched::start(plan, Store::Memory, accounts),
            durable: Benched::start(plan, Store::Disk, accounts),
        }
    }

    fn numbered_round(&mut self, plan: &Plan, number: u64) -> Round {
        eprintln!("verify: round {number} of {}", plan.rounds());
        self.round(plan)
    }

    fn round(&mut self, plan: &Plan) -> Round {
        let echo = median_micros(&self.echo.round_trips(plan.count(ECHOES)));
        let calls = self.memory.fresh(plan.count(IN_MEMORY));
        let memory = median_micros(&load::one(&mut self.memory.connect(), calls));

        let disk = median_micros(&self.disk.writes(plan.count(DURABLE)));
        let calls = self.durable.fresh(plan.count(DURABLE));
        let times = load::one(&mut self.durable.connect(), calls);
        let (durable, one_rate) = (median_micros(&times), load::rate(times.len(), times.iter().sum()));

        let calls = self.durable.fresh(plan.count(2 * DURABLE));
        let two_rate = load::side_by_side(vec![self.durable.connect(), self.durable.connect()], calls);

        let frames = self.durable.fresh(plan.count(MANY)).iter().map(load::frame).collect();
        let many_rate = load::many(&self.durable.folder().socket(), LANES, frames, load::accepts);

        let mut message = vec![7; MESSAGE];
        message[..4].copy_from_slice(&u32::try_from(MESSAGE - 4).expect("a small number").to_le_bytes());
        let messages = vec![message.clone(); plan.count(MANY)];
        let echo_rate = load::many(&self.echo.socket(), LANES, messages, |echo| *echo == *message);
        Round { echo, disk, echo_rate, memory, durable, one_rate, two_rate, many_rate }
    }
}

/// Connections of a busy server.
const LANES: usize = 64;

/// Of each kind of work in one round: each takes between a tenth and half of a second.
const ECHOES: usize = 8_192;
const IN_MEMORY: usize = 4_096;
const DURABLE: usize = 512;
const MANY: usize = 8_192;
