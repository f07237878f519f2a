//! Load: several clients, each with accounts of its own and all of their requests in flight at once, until the daemon is
//! gone; and the check of what the next one knows.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mfad_client::Client;

use crate::daemon::{Daemon, NOON};
use crate::journal::{Fate, Journal, Probe};
use crate::random::Random;

/// The clients' journals, and the time.
pub struct Load {
    workers: Vec<Vec<Journal>>,
    /// Accounts that nobody uses any more. They must be kept all the same.
    rested: Vec<Journal>,
    users: usize,
    step: u64,
    random: Random,
}

/// What one run came to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    /// Requests that were answered.
    pub answered: usize,
    /// Requests that were in flight when the daemon went.
    pub unanswered: usize,
    /// Requests that it was gone for.
    pub untouched: usize,
    /// Requests that were answered `Unavailable`.
    pub unavailable: usize,
}

/// Whose accounts are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Those that are in use.
    Active,
    /// Also those that rest.
    All,
}

impl Load {
    /// This many clients, each with this many accounts that are still to be enrolled.
    #[must_use]
    pub fn new(clients: usize, accounts: usize) -> Self {
        let (workers, random) = (Vec::new(), Random::default());
        let mut load = Self { workers, rested: Vec::new(), users: 0, step: NOON / 30, random };
        load.workers = (0..clients).map(|_| (0..accounts).map(|_| load.fresh()).collect()).collect();
        load
    }

    /// Sends requests until the daemon is gone or unavailable: `end` waits for its moment, and brings that about.
    ///
    /// # Panics
    /// When an answer is not the one that those before it ask for.
    pub fn run(&mut self, daemon: &Daemon, end: impl FnOnce(&Traffic<'_>)) -> Tally {
        let traffic = Traffic::new(daemon, self.step, self.workers.len());
        let clients: Vec<_> = self.workers.iter().map(|_| daemon.client()).collect();
        let tally = std::thread::scope(|scope| {
            let traffic = &traffic;
            let workers: Vec<_> = (self.workers.iter_mut().zip(clients).enumerate())
                .map(|(index, (journals, client))| scope.spawn(move || work(traffic, index, journals, client)))
                .collect();
            let stop = StopOnDrop(traffic);
            end(traffic);
            let tallies = workers.into_iter().map(|worker| worker.join().expect("a client without a complaint"));
            let tally = tallies.fold(Tally::default(), |sum, one| Tally {
                answered: sum.answered + one.answered,
                unanswered: sum.unanswered + one.unanswered,
                untouched: sum.untouched + one.untouched,
                unavailable: sum.unavailable + one.unavailable,
            });
            drop(stop);
            tally
        });
        self.step = traffic.pace().now;
        tally
    }

    /// Asks the next daemon for everything that the one before it has acknowledged, and says what is lost.
    ///
    /// First each account's last code, when the clock shows its time again; then what had no answer; and at last, when
    /// the clock has gone on, one good code of every account.
    pub fn losses(&mut self, daemon: &Daemon, whose: Whose) -> Vec<String> {
        let rested = self.rested.iter_mut().filter(|_| whose == Whose::All);
        let mut journals: Vec<_> = self.workers.iter_mut().flatten().chain(rested).collect();
        let mut probes: BTreeMap<u64, Vec<(Probe, usize)>> = BTreeMap::new();
        for (index, journal) in journals.iter().enumerate() {
            for (step, probe) in journal.probes(self.step) {
                probes.entry(step).or_default().push((probe, index));
            }
        }
        let mut client = match daemon.try_client() {
            Ok(client) => client,
            Err(error) => return vec![format!("everything: {error}")],
        };
        let mut losses = Vec::new();
        for (step, probes) in probes {
            losses.extend(probe(daemon, &mut client, &mut journals, step, &probes));
        }
        let mut step = self.step + 2;
        while !journals.iter_mut().all(|journal| journal.has_code(step)) {
            step += 1;
        }
        let enrolled = (0..journals.len()).filter(|index| journals[*index].is_enrolled());
        let probes: Vec<_> = enrolled.map(|index| (Probe::Next(step), index)).collect();
        losses.extend(probe(daemon, &mut client, &mut journals, step, &probes));
        journals.iter_mut().for_each(|journal| journal.settle());
        self.step = step;
        losses
    }

    /// Lets a part of every client's accounts rest, the oldest first, and puts new users in their place. An enrolment
    /// that is still pending would lapse: it is forgotten.
    pub fn renew(&mut self, accounts: usize) {
        for worker in 0..self.workers.len() {
            let fresh: Vec<_> = (0..accounts).map(|_| self.fresh()).collect();
            self.rested.extend(self.workers[worker].drain(..accounts).filter(Journal::is_enrolled));
            self.workers[worker].extend(fresh);
        }
    }

    /// How many accounts have a working factor.
    #[must_use]
    pub fn enrolled(&self) -> usize {
        self.workers.iter().flatten().chain(&self.rested).filter(|journal| journal.is_enrolled()).count()
    }

    /// Where the choices of this test come from.
    pub const fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    fn fresh(&mut self) -> Journal {
        self.users += 1;
        Journal::new(format!("user{}", self.users))
    }
}

/// What the clients do now, for the one who chooses the moment.
pub struct Traffic<'d> {
    daemon: &'d Daemon,
    in_flight: AtomicUsize,
    answered: AtomicUsize,
    running: AtomicUsize,
    stopped: AtomicBool,
    pace: Mutex<Pace>,
}

/// The daemon's time. It goes on only when every client has sent something since it last did: no code is ever more than
/// one step older than the daemon's clock.
struct Pace {
    now: u64,
    begun: Vec<u64>,
}

impl<'d> Traffic<'d> {
    fn new(daemon: &'d Daemon, step: u64, clients: usize) -> Self {
        let pace = Mutex::new(Pace { now: step, begun: vec![step; clients] });
        Self {
            daemon,
            in_flight: AtomicUsize::new(0),
            answered: AtomicUsize::new(0),
            running: AtomicUsize::new(clients),
            stopped: AtomicBool::new(false),
            pace,
        }
    }

    /// Lets every client have the answers that it waits for, and no more.
    ///
    /// # Panics
    /// When they do not come.
    pub fn calm(&self) {
        self.stopped.store(true, Ordering::Release);
        let end = Instant::now() + Duration::from_secs(60);
        while !self.is_over() {
            assert!(Instant::now() < end, "the clients do not end");
            std::thread::yield_now();
        }
    }

    /// Whether every client has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.running.load(Ordering::Acquire) == 0
    }

    /// Waits until so many requests were answered in this run.
    ///
    /// # Panics
    /// When that takes too long.
    pub fn wait_for_answers(&self, requests: usize) {
        self.wait(&self.answered, requests);
    }

    /// Waits until so many requests were sent by clients that wait for their answers.
    ///
    /// # Panics
    /// When that takes too long.
    pub fn wait_for_requests(&self, requests: usize) {
        self.wait(&self.in_flight, requests);
    }

    fn wait(&self, count: &AtomicUsize, least: usize) {
        let end = Instant::now() + Duration::from_secs(60);
        while count.load(Ordering::Acquire) < least {
            let (count, late) = (count.load(Ordering::Acquire), Instant::now() > end);
            if self.is_over() || late {
                let why = if late { "a minute has passed" } else { "no client is left" };
                let daemon = self.daemon;
                panic!("{why}, and it is not {least} but {count}: {}\n{}", daemon.last_words(), daemon.threads());
            }
            std::thread::yield_now();
        }
    }

    fn begin(&self, client: usize) -> u64 {
        let mut pace = self.pace();
        if pace.begun.iter().all(|step| *step == pace.now) {
            pace.now += 1;
            self.daemon.set_time(middle(pace.now));
        }
        pace.begun[client] = pace.now;
        pace.now
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the clients also when the test fails before it has ended the daemon.
struct StopOnDrop<'t, 'd>(&'t Traffic<'d>);

impl Drop for StopOnDrop<'_, '_> {
    fn drop(&mut self) {
        self.0.stopped.store(true, Ordering::Release);
    }
}

/// Says that a client has ended, for whatever reason.
struct Running<'t, 'd>(&'t Traffic<'d>);

impl Drop for Running<'_, '_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}

fn work(traffic: &Traffic<'_>, index: usize, journals: &mut [Journal], mut client: Client) -> Tally {
    let (mut random, mut tally) = (Random::default(), Tally::default());
    let _running = Running(traffic);
    while tally.unanswered + tally.untouched + tally.unavailable == 0 && !traffic.stopped.load(Ordering::Acquire) {
        let step = traffic.begin(index);
        let calls: Vec<_> = journals.iter_mut().map(|journal| journal.next(step, &mut random)).collect();
        traffic.in_flight.fetch_add(calls.len(), Ordering::AcqRel);
        let results = client.call_all(calls);
        traffic.in_flight.fetch_sub(journals.len(), Ordering::AcqRel);
        traffic.answered.fetch_add(results.iter().filter(|result| result.is_ok()).count(), Ordering::AcqRel);
        for (journal, result) in journals.iter_mut().zip(results) {
            match journal.note(result) {
                Fate::Acknowledged => tally.answered += 1,
                Fate::Unknown => tally.unanswered += 1,
                Fate::Untouched => tally.untouched += 1,
                Fate::Unavailable => tally.unavailable += 1,
            }
        }
    }
    tally
}

fn probe(
    daemon: &Daemon,
    client: &mut Client,
    journals: &mut [&mut Journal],
    step: u64,
    probes: &[(Probe, usize)],
) -> Vec<String> {
    daemon.set_time(middle(step));
    let calls = probes.iter().map(|(probe, index)| journals[*index].ask(*probe)).collect();
    let results = probes.iter().zip(client.call_all(calls));
    results.filter_map(|((probe, index), result)| journals[*index].judge(*probe, result).err()).collect()
}

/// The Unix time in the middle of a step.
const fn middle(step: u64) -> u64 {
    step * 30 + 15
}
