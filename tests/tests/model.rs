//! Random histories of calls, restarts, clock moves and failed commits agree with a plain model of what should happen.

use std::collections::HashMap;
use std::sync::Arc;

use mfad_client::Client;
use mfad_daemon::totp::{Algorithm, Digits, Generator, Key, Step};
use mfad_proto::{Call, EnrollmentId, Proof, Refusal, Reply, State};
use mfad_tests::app::other_than;
use mfad_tests::daemon::{NOON, account, code, context, enroll, verify};
use mfad_tests::faults::{Disk, FaultyHome};
use mfad_tests::inprocess::{InProcess, SetClock};
use proptest::prelude::*;

const USERS: [&str; 3] = ["alice", "bob", "carol"];

/// One thing that happens.
#[derive(Debug, Clone)]
enum Event {
    Enroll {
        user: usize,
    },
    Confirm {
        user: usize,
        shown: Shown,
    },
    Verify {
        user: usize,
        shown: Shown,
    },
    Reset {
        user: usize,
        shown: Shown,
    },
    Status {
        user: usize,
    },
    /// The clock moves, also backwards.
    Clock {
        seconds: i64,
    },
    Restart,
    /// The next commit fails, and is there all the same or not.
    Fail {
        there: bool,
    },
}

/// Which code is typed.
#[derive(Debug, Clone, Copy)]
enum Shown {
    /// The one of this many steps from now.
    Step(i64),
    Wrong,
}

fn event() -> impl Strategy<Value = Event> {
    let user = 0..USERS.len();
    let shown = || prop_oneof![6 => (-6_i64..=6).prop_map(Shown::Step), 1 => Just(Shown::Wrong)];
    prop_oneof![
        3 => user.clone().prop_map(|user| Event::Enroll { user }),
        4 => (user.clone(), shown()).prop_map(|(user, shown)| Event::Confirm { user, shown }),
        8 => (user.clone(), shown()).prop_map(|(user, shown)| Event::Verify { user, shown }),
        2 => (user.clone(), shown()).prop_map(|(user, shown)| Event::Reset { user, shown }),
        3 => user.prop_map(|user| Event::Status { user }),
        3 => prop_oneof![0_i64..=90, -60_i64..=0, 500_i64..=700].prop_map(|seconds| Event::Clock { seconds }),
        1 => Just(Event::Restart),
        1 => any::<bool>().prop_map(|there| Event::Fail { there }),
    ]
}

/// What an account should be. `apps` is where the keys are, by enrolment.
#[derive(Default, Clone)]
struct Model {
    factor: Option<Factor>,
    pending: Option<(EnrollmentId, u64)>,
    failures: u32,
    last_success: Option<u64>,
    /// Whether anything was ever begun: before that, its failures are nobody's.
    known: bool,
}

#[derive(Clone, Copy)]
struct Factor {
    enrollment: EnrollmentId,
    enrolled_at: u64,
    last_step: i64,
}

/// What should be answered.
#[derive(Debug, PartialEq, Eq)]
enum Expected {
    Accepted { failures: u32 },
    Denied,
    NotPermitted,
    Enrollment { resumed: Option<EnrollmentId>, expires_at: u64 },
    Enrolled,
    Done,
}

impl Model {
    fn enroll(&mut self, now: u64) -> Expected {
        if self.factor.is_some() {
            return Expected::NotPermitted;
        }
        if !self.known {
            (self.known, self.failures) = (true, 0);
        }
        let resumed = self.pending.filter(|(_, expires_at)| now < *expires_at).map(|(id, _)| id);
        Expected::Enrollment { resumed, expires_at: now + 600 }
    }

    fn confirm(&mut self, shown: Shown, now: u64) -> Expected {
        let Some((enrollment, expires_at)) = self.pending else { return Expected::Denied };
        match shown {
            Shown::Step(offset) if offset.abs() <= 1 && now < expires_at => {
                self.factor = Some(Factor { enrollment, enrolled_at: now, last_step: step(now) + offset });
                self.pending = None;
                self.failures = 0;
                Expected::Enrolled
            }
            Shown::Step(_) | Shown::Wrong => Expected::Denied,
        }
    }

    fn verify(&mut self, shown: Shown, now: u64) -> Expected {
        let newer = |factor: &Factor, offset: i64| step(now) + offset > factor.last_step;
        match (&mut self.factor, shown) {
            // A code that was used, or passed by a newer one, is no guess.
            (Some(factor), Shown::Step(offset)) if offset.abs() <= 4 && !newer(factor, offset) => Expected::Denied,
            (Some(factor), Shown::Step(offset)) if offset.abs() <= 1 => {
                factor.last_step = step(now) + offset;
                self.last_success = Some(now);
                Expected::Accepted { failures: std::mem::take(&mut self.failures) }
            }
            _ => {
                self.failures += u32::from(self.known);
                Expected::Denied
            }
        }
    }

    fn reset(&mut self, shown: Shown, now: u64) -> Expected {
        match self.verify(shown, now) {
            Expected::Accepted { .. } => {
                (self.factor, self.pending) = (None, None);
                Expected::Done
            }
            denied => denied,
        }
    }

    fn state(&self, now: u64) -> State {
        match (&self.factor, self.pending) {
            (Some(_), _) => State::Active,
            (None, Some((_, expires_at))) if now < expires_at => State::Pending,
            (None, _) => State::None,
        }
    }
}

fn step(unix: u64) -> i64 {
    i64::try_from(unix / 30).unwrap()
}

/// The daemon and the models, side by side.
struct World {
    home: Arc<FaultyHome>,
    clock: SetClock,
    now: u64,
    daemon: Option<InProcess>,
    client: Option<Client>,
    models: [Model; USERS.len()],
    apps: HashMap<[u8; 16], Generator>,
    /// Whether the next commit fails, and whether it is there all the same.
    fault: Option<bool>,
}

impl World {
    fn new() -> Self {
        let (home, clock) = (FaultyHome::new(), SetClock::at(NOON));
        let mut world = Self {
            home,
            clock,
            now: NOON,
            daemon: None,
            client: None,
            models: Default::default(),
            apps: HashMap::new(),
            fault: None,
        };
        world.start();
        world
    }

    fn start(&mut self) {
        self.home.set(Disk::Well);
        self.fault = None;
        let daemon = InProcess::start(&self.home, &self.clock);
        // The start commits as well: a fault that is set later must not meet that.
        daemon.wait_until_ready();
        self.client = Some(daemon.client());
        self.daemon = Some(daemon);
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::Clock { seconds } => {
                self.now = self.now.checked_add_signed(*seconds).unwrap();
                self.clock.set(self.now);
            }
            Event::Restart => {
                self.client = None;
                self.daemon.take().unwrap().stop().unwrap();
                self.start();
            }
            Event::Fail { there } => {
                self.fault = Some(*there);
                self.home.set(if *there { Disk::LosesNextAnswer } else { Disk::LosesNext });
            }
            Event::Status { user } => self.status(*user),
            Event::Enroll { user } => self.change(*user, enroll(USERS[*user]), Model::enroll),
            Event::Confirm { user, shown } => {
                let pending = self.models[*user].pending.map(|(id, _)| id);
                let id = pending.unwrap_or(EnrollmentId::from_random([7; 16]));
                let code = self.code(pending, *shown);
                let call = Call::Confirm { account: account(USERS[*user]), enrollment: id, code: code_of(&code) };
                self.change(*user, call, |model, now| model.confirm(*shown, now));
            }
            Event::Verify { user, shown } => {
                let code = self.code(self.models[*user].factor.map(|factor| factor.enrollment), *shown);
                self.change(*user, verify(USERS[*user], &code), |model, now| model.verify(*shown, now));
            }
            Event::Reset { user, shown } => {
                let code = self.code(self.models[*user].factor.map(|factor| factor.enrollment), *shown);
                let (account, code) = (account(USERS[*user]), code_of(&code));
                let call = Call::Reset { account, proof: Proof::Asserted, code, context: context() };
                self.change(*user, call, |model, now| model.reset(*shown, now));
            }
        }
    }

    fn code(&self, enrollment: Option<EnrollmentId>, shown: Shown) -> String {
        let Some(app) = enrollment.and_then(|id| self.apps.get(id.as_bytes())) else { return "123456".to_owned() };
        let at = |offset: i64| app.code(Step(u64::try_from(step(self.now) + offset).unwrap())).to_string();
        match shown {
            Shown::Step(offset) => at(offset),
            Shown::Wrong => other_than(&(-8..=8).map(at).collect::<Vec<_>>()),
        }
    }

    /// Sends a call that is stored, and compares the answer with what the model says.
    fn change(&mut self, user: usize, call: Call, decide: impl FnOnce(&mut Model, u64) -> Expected) {
        let mut after = self.models[user].clone();
        let expected = decide(&mut after, self.now);
        let reply = self.client.as_mut().unwrap().call(call);
        if let Some(there) = self.fault {
            assert!(matches!(reply, Ok(Reply::Refused(Refusal::Unavailable))), "a failed commit was answered");
            self.client = None;
            assert!(self.daemon.take().unwrap().wait().is_err());
            self.start();
            if !there {
                return;
            }
            // What was begun is there, and its key can only be asked for again.
            if matches!(expected, Expected::Enrollment { .. }) {
                self.models[user] = after;
                return self.resume(user);
            }
        } else {
            self.compare(&mut after, reply.unwrap(), &expected);
        }
        self.models[user] = after;
    }

    /// Takes up an enrolment whose answer was lost.
    fn resume(&mut self, user: usize) {
        let Ok(Reply::Enrollment(begun)) = self.client.as_mut().unwrap().call(enroll(USERS[user])) else {
            panic!("the lost enrolment is gone")
        };
        if let Some((id, expires_at)) = self.models[user].pending.filter(|(_, expires_at)| self.now < *expires_at) {
            assert_eq!(id, begun.id, "the lost enrolment was begun anew, after {expires_at}");
        }
        self.scan(&begun);
        self.models[user].pending = Some((begun.id, begun.expires_at));
    }

    fn compare(&mut self, model: &mut Model, reply: Reply, expected: &Expected) {
        let got = match reply {
            Reply::Accepted(accepted) => Expected::Accepted { failures: accepted.failures_since },
            Reply::Refused(Refusal::Denied) => Expected::Denied,
            Reply::Refused(Refusal::NotPermitted) => Expected::NotPermitted,
            Reply::Enrolled(_) => Expected::Enrolled,
            Reply::Done => Expected::Done,
            Reply::Enrollment(begun) => {
                self.scan(&begun);
                model.pending = Some((begun.id, begun.expires_at));
                let resumed = match expected {
                    Expected::Enrollment { resumed: Some(_), .. } => Some(begun.id),
                    _ => None,
                };
                Expected::Enrollment { resumed, expires_at: begun.expires_at }
            }
            _ => panic!("an answer of another kind"),
        };
        assert_eq!(got, *expected);
    }

    fn scan(&mut self, begun: &mfad_proto::Enrollment) {
        let (_, after) = begun.uri.expose().split_once("secret=").unwrap();
        let key = data_encoding::BASE32_NOPAD.decode(after.split('&').next().unwrap().as_bytes()).unwrap();
        let app = Generator::new(&Key::new(&key).unwrap(), Algorithm::Sha1, Digits::default());
        self.apps.insert(*begun.id.as_bytes(), app);
    }

    fn status(&mut self, user: usize) {
        let Ok(Reply::Status(status)) =
            self.client.as_mut().unwrap().call(Call::Status { account: account(USERS[user]) })
        else {
            panic!("no status")
        };
        let model = &self.models[user];
        assert_eq!(status.state, model.state(self.now));
        assert_eq!(status.enrolled_at, model.factor.map(|factor| factor.enrolled_at));
        assert_eq!(status.last_success, model.last_success);
        assert_eq!(status.failures_since, if model.known { model.failures } else { 0 });
    }
}

fn code_of(text: &str) -> mfad_proto::Code {
    code(text)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_history_goes_as_the_model_says(events in prop::collection::vec(event(), 1..80)) {
        let mut world = World::new();
        for event in &events {
            world.happen(event);
        }
        for user in 0..USERS.len() {
            world.status(user);
        }
    }
}
