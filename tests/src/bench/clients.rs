//! What a round trip costs in each client: `Ping`, which asks nothing of the store, over one connection.
//!
//! The clients in other languages stand behind their adapters, which make many calls for one line; what the line costs is
//! spread over them. A client whose tools are not installed has no rows.

use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use mfad_client::Client;
use mfad_proto::{Call, Reply};

use super::benched::{Benched, Store};
use super::echo::{self, Echo};
use super::plan::Plan;
use super::row::{Row, Unit};
use super::spread::median_micros;
use crate::adapters::Language;
use crate::conformance::{Adapter, Outcome};
use crate::programs::is_installed;

/// The rows of all rounds.
pub(crate) fn rows(plan: &Plan) -> Vec<Row> {
    let mut bench = Bench::start(plan);
    let rounds = plan.measured("clients", || bench.round(plan));
    let names = ["Rust"].into_iter().chain(bench.others.iter().map(|(name, ..)| *name));
    let rows = names.enumerate().flat_map(|(number, name)| {
        let took = || rounds.iter().map(move |round| round.clients[number]);
        let over = took().zip(&rounds).map(|(took, round)| took / round.echo);
        [
            Row::new(format!("ping by the client in {name}"), Unit::Micros, took()),
            Row::new(format!("ping by the client in {name} / P"), Unit::Ratio, over),
        ]
    });
    rows.collect()
}

/// Medians in microseconds.
struct Round {
    echo: f64,
    clients: Vec<f64>,
}

/// Everything that is measured in turns.
struct Bench {
    echo: Echo,
    // The clients end before their server.
    rust: Client,
    others: Vec<(&'static str, Adapter, Language)>,
    _server: Benched,
}

impl Bench {
    fn start(plan: &Plan) -> Self {
        let server = Benched::start(plan, Store::Memory, 1);
        let mut others = Vec::new();
        for (name, tools, prepare) in OTHERS {
            match tools.iter().find(|tool| !is_installed(tool)) {
                None => {
                    let language = prepare();
                    others.push((name, language.start(&server.folder().socket()), language));
                }
                Some(missing) => eprintln!("clients: nothing of {name}: {missing} is not installed"),
            }
        }
        Self { echo: Echo::start(plan), rust: server.connect(), others, _server: server }
    }

    fn round(&mut self, plan: &Plan) -> Round {
        let (mut echoes, mut clients) = (Vec::new(), vec![Vec::new(); 1 + self.others.len()]);
        let mut echo = UnixStream::connect(self.echo.socket()).expect("a connection");
        let count = plan.count(PINGS);
        for _ in 0..TURNS {
            echoes.extend(echo::round_trips(&mut echo, count));
            clients[0].push(each(count, || {
                (0..count).for_each(|_| assert!(matches!(self.rust.call(Call::Ping), Ok(Reply::Pong(_))), "no pong"));
            }));
            for ((name, adapter, _), times) in self.others.iter_mut().zip(&mut clients[1..]) {
                times.push(each(count, || match adapter.ask_often(Call::Ping, count) {
                    Outcome::Reply(reply) if reply["reply"] == "pong" => {}
                    other => panic!("{name}: {other:?}"),
                }));
            }
        }
        Round { echo: median_micros(&echoes), clients: clients.iter().map(|times| median_micros(times)).collect() }
    }
}

/// How long one of so many takes.
fn each(count: usize, work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed() / u32::try_from(count).expect("a small number")
}

/// A client in another language: its name, the tools that it takes, and how it is made ready.
type Other = (&'static str, &'static [&'static str], fn() -> Language);

const OTHERS: [Other; 3] = [
    ("Go", &["go"], Language::go),
    ("C", &["cc", "pkg-config", "jansson.h"], Language::c),
    ("Python", &["python3"], || Language::Python),
];

/// Turns in one round.
const TURNS: usize = 8;

/// Round trips of each client in one turn.
const PINGS: usize = 512;
