//! What a verify costs, beside what its machine asks for the same bare work.

use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::benched::{Benched, Store};
use super::disk::Disk;
use super::echo::{self, Echo};
use super::load::{self, Lanes};
use super::plan::Plan;
use super::row::Target::{AtLeast, AtMost};
use super::row::{Row, Unit};
use super::spread::median_micros;

/// The rows of all rounds.
pub(crate) fn rows(plan: &Plan) -> Vec<Row> {
    let mut bench = Bench::start(plan);
    let rounds = plan.measured("verify", || bench.round(plan));
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

/// One round: medians in microseconds, rates a second.
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

/// The times of one round, gathered turn by turn.
#[derive(Default)]
struct Times {
    echo: Vec<Duration>,
    disk: Vec<Duration>,
    memory: Vec<Duration>,
    durable: Vec<Duration>,
    two: Vec<Duration>,
    many: Vec<Duration>,
    many_echoes: Vec<Duration>,
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
        Self {
            echo: Echo::start(plan),
            disk: Disk::prepare(plan),
            memory: Benched::start(plan, Store::Memory, plan.count(IN_MEMORY)),
            durable: Benched::start(plan, Store::Disk, plan.count(MANY)),
        }
    }

    /// Short turns, so that what else happens on the machine meets all of them alike.
    fn round(&mut self, plan: &Plan) -> Round {
        let mut times = Times::default();
        let mut echo = UnixStream::connect(self.echo.socket()).expect("a connection");
        let (mut memory, mut durable) = (self.memory.connect(), self.durable.connect());
        let mut two = [self.durable.connect(), self.durable.connect()];
        let many = Lanes::connect(&self.durable.folder().socket(), LANES);
        let many_echoes = Lanes::connect(&self.echo.socket(), LANES);
        let message = echo::frame();
        for _ in 0..TURNS {
            times.echo.extend(echo::round_trips(&mut echo, plan.count(ECHOES)));
            times.memory.extend(load::one(&mut memory, self.memory.fresh(plan.count(IN_MEMORY))));
            times.disk.extend(self.disk.writes(plan.count(WRITES)));
            times.durable.extend(load::one(&mut durable, self.durable.fresh(plan.count(DURABLE))));
            times.two.push(load::side_by_side(&mut two, self.durable.fresh(2 * plan.count(DURABLE))));
            let frames = self.durable.fresh(plan.count(MANY)).iter().map(load::frame).collect();
            times.many.push(many.exchange(frames, load::accepts));
            let messages = vec![message.clone(); plan.count(MANY)];
            times.many_echoes.push(many_echoes.exchange(messages, |echo| echo == message));
        }
        Round {
            echo: median_micros(&times.echo),
            disk: median_micros(&times.disk),
            echo_rate: rate(TURNS * plan.count(MANY), &times.many_echoes),
            memory: median_micros(&times.memory),
            durable: median_micros(&times.durable),
            one_rate: rate(times.durable.len(), &times.durable),
            two_rate: rate(TURNS * 2 * plan.count(DURABLE), &times.two),
            many_rate: rate(TURNS * plan.count(MANY), &times.many),
        }
    }
}

/// So many a second, in all these times.
fn rate(count: usize, times: &[Duration]) -> f64 {
    f64::from(u32::try_from(count).expect("a small number")) / times.iter().sum::<Duration>().as_secs_f64()
}

/// Connections of a busy server.
const LANES: usize = 64;

/// Turns in one round.
const TURNS: usize = 8;

/// Of each kind of work in one turn: each takes some ten milliseconds.
const ECHOES: usize = 1_024;
const IN_MEMORY: usize = 512;
const WRITES: usize = 128;
const DURABLE: usize = 64;
const MANY: usize = 1_024;
