//! Random histories of calls, restarts, clock moves and failed commits agree with a plain model of what should happen.

use std::collections::HashMap;
use std::sync::Arc;

use mfad_client::Client;
use mfad_daemon::totp::{Algorithm, Digits, Generator, Step, TotpKey};
use mfad_proto::{Call, EnrollmentId, Refusal, Reply};
use mfad_tests::app::other_than;
use mfad_tests::calls::{reset, resync, texts};
use mfad_tests::daemon::{NOON, account, code, enroll, verify};
use mfad_tests::faults::{Disk, FaultyHome};
use mfad_tests::inprocess::{InProcess, SetClock};
use mfad_tests::model::{Expected, Model, Now, Shown, step};
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
    /// One of the recovery codes that came with the enrolment.
    Recover {
        user: usize,
        which: usize,
    },
    /// Two codes of the app in a row, the second of this many steps from now.
    Resync {
        user: usize,
        second: i64,
    },
    Unlock {
        user: usize,
    },
    Status {
        user: usize,
    },
    /// The wall clock moves, also backwards.
    Clock {
        seconds: i64,
    },
    /// Time passes on the monotonic clock.
    Rest {
        seconds: u64,
    },
    Restart,
    /// The next commit fails, and is there all the same or not.
    Fail {
        there: bool,
    },
}

fn event() -> impl Strategy<Value = Event> {
    let user = 0..USERS.len();
    let near = || (-1_i64..=1).prop_map(Shown::Step);
    let shown = || prop_oneof![3 => near(), 5 => (-6_i64..=6).prop_map(Shown::Step), 1 => Just(Shown::Wrong)];
    prop_oneof![
        3 => user.clone().prop_map(|user| Event::Enroll { user }),
        4 => (user.clone(), shown()).prop_map(|(user, shown)| Event::Confirm { user, shown }),
        8 => (user.clone(), shown()).prop_map(|(user, shown)| Event::Verify { user, shown }),
        2 => (user.clone(), shown()).prop_map(|(user, shown)| Event::Reset { user, shown }),
        2 => (user.clone(), 0..10_usize).prop_map(|(user, which)| Event::Recover { user, which }),
        2 => (user.clone(), -5_i64..=5).prop_map(|(user, second)| Event::Resync { user, second }),
        1 => user.clone().prop_map(|user| Event::Unlock { user }),
        3 => user.prop_map(|user| Event::Status { user }),
        4 => prop_oneof![0_u64..=20, Just(900_u64)].prop_map(|seconds| Event::Rest { seconds }),
        3 => prop_oneof![0_i64..=90, -60_i64..=0, 500_i64..=700].prop_map(|seconds| Event::Clock { seconds }),
        1 => Just(Event::Restart),
        1 => any::<bool>().prop_map(|there| Event::Fail { there }),
    ]
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
    /// The recovery codes of the factor of each user, when they came.
    recovery: [Option<Vec<String>>; USERS.len()],
    /// Seconds on the monotonic clock since the daemon's start.
    monotonic: u64,
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
            recovery: Default::default(),
            monotonic: 0,
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
        // Delays begin anew.
        self.monotonic = 0;
        self.models.iter_mut().for_each(|model| model.failed_at = 0);
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::Clock { seconds } => {
                self.now = self.now.checked_add_signed(*seconds).unwrap();
                self.clock.set(self.now);
            }
            Event::Rest { seconds } => {
                self.monotonic += seconds;
                self.clock.pass(*seconds);
            }
            Event::Unlock { user } => {
                // What an unlock does about steps in the future has a test of its own.
                let newest = self.models[*user].factor.map_or(0, |factor| factor.last_step);
                if newest <= step(self.now) + 5 {
                    let call = Call::Unlock { account: account(USERS[*user]) };
                    self.change(*user, call, |model, _| model.unlock());
                }
            }
            Event::Recover { user, which } => {
                // Where the answer that brought them was lost, there is nobody who could type one.
                let Some(codes) = &self.recovery[*user] else { return };
                let call = verify(USERS[*user], &codes[*which]);
                self.change(*user, call, |model, now| model.recover(*which, now));
            }
            Event::Resync { user, second } => {
                let enrollment = self.models[*user].factor.map(|factor| factor.enrollment);
                let codes = [second - 1, *second].map(|steps| self.code(enrollment, Shown::Step(steps)));
                let call = resync(USERS[*user], &codes[0], &codes[1]);
                self.change(*user, call, |model, now| model.resync(*second, now));
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
                let text = self.code(pending, *shown);
                let call = Call::Confirm { account: account(USERS[*user]), enrollment: id, code: code(&text) };
                self.change(*user, call, |model, now| model.confirm(*shown, now));
            }
            Event::Verify { user, shown } => {
                let code = self.code(self.models[*user].factor.map(|factor| factor.enrollment), *shown);
                self.change(*user, verify(USERS[*user], &code), |model, now| model.verify(*shown, now));
            }
            Event::Reset { user, shown } => {
                let text = self.code(self.models[*user].factor.map(|factor| factor.enrollment), *shown);
                let call = reset(USERS[*user], &text);
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
    fn change(&mut self, user: usize, call: Call, decide: impl FnOnce(&mut Model, Now) -> Expected) {
        let mut after = self.models[user].clone();
        let expected = decide(&mut after, Now { unix: self.now, monotonic: self.monotonic });
        let reply = self.client.as_mut().unwrap().call(call);
        // A try that comes too soon is not stored, and so meets no fault.
        let fault = self.fault.filter(|_| !matches!(expected, Expected::TryLater(_)));
        if let Some(there) = fault {
            assert!(matches!(reply, Ok(Reply::Refused(Refusal::Unavailable))), "a failed commit was answered");
            self.client = None;
            assert!(self.daemon.take().unwrap().wait().is_err());
            self.start();
            if !there {
                return;
            }
            after.failed_at = 0;
            if expected == Expected::Enrolled {
                self.recovery[user] = None;
            }
            // What was begun is there, and its key can only be asked for again.
            if matches!(expected, Expected::Enrollment { .. }) {
                self.models[user] = after;
                return self.resume(user);
            }
        } else {
            self.compare(user, &mut after, reply.unwrap(), &expected);
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

    fn compare(&mut self, user: usize, model: &mut Model, reply: Reply, expected: &Expected) {
        let got = match reply {
            Reply::Accepted(accepted) => Expected::Accepted { failures: accepted.failures_since },
            Reply::Refused(Refusal::Denied) => Expected::Denied,
            Reply::Refused(Refusal::NotPermitted) => Expected::NotPermitted,
            Reply::Refused(Refusal::TryLater { seconds }) => Expected::TryLater(seconds),
            Reply::Enrolled(codes) => {
                self.recovery[user] = Some(texts(&codes));
                Expected::Enrolled
            }
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
        let app = Generator::new(&TotpKey::copied(&key).unwrap(), Algorithm::Sha1, Digits::default());
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
        assert_eq!(status.retry_after, model.wait(self.monotonic).filter(|_| model.known));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_history_goes_as_the_model_says(events in prop::collection::vec(event(), 1..80)) {
        let mut world = World::new();
        // All but one begin with a factor: most that can go wrong needs one.
        for user in 1..USERS.len() {
            world.happen(&Event::Enroll { user });
            world.happen(&Event::Confirm { user, shown: Shown::Step(0) });
        }
        for event in &events {
            world.happen(event);
        }
        for user in 0..USERS.len() {
            world.status(user);
        }
    }
}
