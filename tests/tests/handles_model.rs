//! Random histories of enrolments and codes under several handles of one account agree with a plain model: which key each
//! handle has, at which stage it is, and which of its steps were accepted last.

use mfad_daemon::clock::Now;
use mfad_daemon::policy::Rules;
use mfad_daemon::record::{Factor, Record};
use mfad_daemon::recovery::Tags;
use mfad_daemon::throttle::Moment;
use mfad_daemon::totp::{STEP_SECONDS, Step, TotpKey};
use mfad_daemon::vault::{self, Fresh, Opening, Try};
use mfad_proto::{EnrollmentId, FirstFactor, Handle, Label, Replacing};
use mfad_tests::daemon::NOON;
use mfad_tests::peers::rules;
use proptest::prelude::*;

/// One thing that happens. An enrolment is named by its number among all that were begun.
#[derive(Debug, Clone)]
enum Event {
    Enroll,
    /// By handle, with the code of this enrolment's key of so many steps from now.
    Verify {
        of: usize,
        key: usize,
        offset: i64,
    },
    /// By name.
    ByName {
        key: usize,
        offset: i64,
    },
    /// By the id of the enrolment.
    Confirm {
        of: usize,
    },
    Pass {
        seconds: u64,
    },
    /// The record is written and read.
    Store,
}

fn event() -> impl Strategy<Value = Event> {
    let recent = || 0..4_usize;
    prop_oneof![
        3 => Just(Event::Enroll),
        8 => (recent(), -2_i64..=2).prop_map(|(of, offset)| Event::Verify { of, key: of, offset }),
        1 => (recent(), recent(), -1_i64..=1).prop_map(|(of, key, offset)| Event::Verify { of, key, offset }),
        2 => (recent(), -1_i64..=1).prop_map(|(key, offset)| Event::ByName { key, offset }),
        1 => recent().prop_map(|of| Event::Confirm { of }),
        5 => prop_oneof![8 => 0..70_u64, 1 => Just(700)].prop_map(|seconds| Event::Pass { seconds }),
        1 => Just(Event::Store),
    ]
}

/// What the model knows of an enrolment that is a factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    number: usize,
    last: u64,
}

/// The model.
#[derive(Debug, Default)]
struct Model {
    pending: Option<(usize, u64)>,
    current: Option<(Known, bool)>,
    superseded: Option<Known>,
}

impl Model {
    /// Whether a code of this key's step is accepted by this handle at this time, and what it leaves.
    fn verify(&mut self, of: usize, is_right_key: bool, step: u64, now: u64) -> bool {
        let is_near = step.abs_diff(now / STEP_SECONDS) <= 1 && is_right_key;
        let takes = |known: &mut Known| {
            let is_new = is_near && step > known.last;
            known.last = if is_new { step } else { known.last };
            is_new
        };
        if let Some((number, end)) = self.pending
            && number == of
        {
            if !is_near || now >= end {
                return false;
            }
            let current = self.current.take();
            self.superseded = match (self.superseded, current) {
                (Some(before), Some((_, false))) => Some(before),
                (_, current) => current.map(|(known, _)| known),
            };
            (self.pending, self.current) = (None, Some((Known { number, last: step }, false)));
            return true;
        }
        if let Some((known, proved)) = &mut self.current
            && known.number == of
        {
            let accepted = takes(known);
            *proved |= accepted;
            self.superseded = self.superseded.filter(|_| !accepted);
            return accepted;
        }
        self.superseded.as_mut().filter(|known| known.number == of).is_some_and(takes)
    }
}

/// The daemon's record, and what was begun.
struct World {
    record: Record,
    rules: Rules,
    keys: Vec<[u8; 20]>,
    now: u64,
    model: Model,
}

fn key(number: usize) -> [u8; 20] {
    let mut key = [0x33; 20];
    key[..8].copy_from_slice(&number.to_le_bytes());
    key
}

fn handle(number: usize) -> Handle {
    Handle::from_random(key(number + 1_000))
}

fn id(number: usize) -> EnrollmentId {
    EnrollmentId::from_random(key(number)[..16].try_into().unwrap())
}

impl World {
    fn new() -> Self {
        let rules = Rules { replace: Replacing::Asserted, ..rules(FirstFactor::Asserted) };
        Self { record: Record::default(), rules, keys: Vec::new(), now: NOON, model: Model::default() }
    }

    fn moment(&self) -> Now {
        // Far apart: no delay is left when the next try comes.
        Now { unix: self.now, moment: Moment { run: 1, millis: u64::MAX / 2 } }
    }

    /// The enrolment that was the last but so many.
    fn number(&self, back: usize) -> Option<usize> {
        self.keys.len().checked_sub(back + 1)
    }

    fn code(&self, number: usize, step: u64) -> String {
        let seed = mfad_daemon::record::Seed {
            key: TotpKey::from(&self.keys[number]),
            algorithm: self.rules.algorithm,
            digits: self.rules.digits,
            handle: handle(number),
        };
        seed.generator().code(Step(step)).to_string()
    }

    /// Whether the code is one of its own key's step alone: others would make it uncertain what becomes of it.
    fn is_alone(&self, code: &str) -> bool {
        let steps = || (self.now / STEP_SECONDS - 6)..=(self.now / STEP_SECONDS + 6);
        let all = (0..self.keys.len()).flat_map(|number| steps().map(move |step| (number, step)));
        all.filter(|(number, step)| self.code(*number, *step) == code).count() == 1
    }

    fn play(&mut self, event: &Event) {
        // Guesses are for other tests.
        self.record.tries = Default::default();
        let present = self.now / STEP_SECONDS;
        match event {
            Event::Enroll => {
                let number = self.keys.len();
                self.keys.push(key(number));
                let fresh = Fresh { id: id(number), key: TotpKey::from(&key(number)), handle: handle(number) };
                let opening = Opening { fresh, rules: &self.rules };
                let now = self.moment();
                let pending = vault::enroll(&mut self.record, opening, None, false, now).ok().unwrap();
                let resumed = self.model.pending.filter(|(_, end)| self.now < *end).map(|(number, _)| number);
                self.model.pending = Some((resumed.unwrap_or(number), self.now + 600));
                assert_eq!(pending.seed.handle, handle(resumed.unwrap_or(number)));
            }
            Event::Verify { of, key, offset } => {
                let (Some(of), Some(key)) = (self.number(*of), self.number(*key)) else { return };
                let step = present.saturating_add_signed(*offset);
                let code = self.code(key, step);
                if self.is_alone(&code) {
                    let (replace, now) = (Replacing::Asserted, self.moment());
                    let judged = self.judged(&code, |record, typed| {
                        vault::verify_by_handle(record, &handle(of), typed, replace, now).is_ok()
                    });
                    assert_eq!(judged, self.model.verify(of, of == key, step, self.now), "{event:?}");
                }
            }
            Event::ByName { key, offset } => {
                let Some(key) = self.number(*key) else { return };
                let step = present.saturating_add_signed(*offset);
                let code = self.code(key, step);
                if self.is_alone(&code) {
                    let now = self.moment();
                    let judged = self.judged(&code, |record, typed| vault::verify(record, typed, now).is_ok());
                    let expected = self.model.current.as_mut().is_some_and(|(known, _)| {
                        let accepted = known.number == key && step.abs_diff(present) <= 1 && step > known.last;
                        known.last = if accepted { step } else { known.last };
                        accepted
                    });
                    assert_eq!(judged, expected, "{event:?}");
                }
            }
            Event::Confirm { of } => {
                let Some(of) = self.number(*of) else { return };
                let (code, now) = (self.code(of, present), self.moment());
                let tags = Tags::new(Vec::new()).unwrap();
                let confirmed =
                    vault::confirm(&mut self.record, (id(of), code.as_bytes()), tags, Replacing::Asserted, now);
                let expected = self.model.pending.is_some_and(|(number, end)| number == of && self.now < end);
                assert_eq!(confirmed.is_ok(), expected);
                if expected {
                    let known = Known { number: of, last: self.now / STEP_SECONDS };
                    self.model = Model { current: Some((known, false)), ..Model::default() };
                }
            }
            Event::Pass { seconds } => self.now += seconds,
            Event::Store => self.record = Record::decode(&self.record.encode().unwrap()).unwrap(),
        }
        self.compare();
    }

    fn judged(&mut self, code: &str, judge: impl FnOnce(&mut Record, &Try<'_>) -> bool) -> bool {
        let service = Label::cut("test");
        let lane = mfad_daemon::throttle::Lane::Codes;
        let stack = self.rules.stack.clone();
        judge(&mut self.record, &Try { stack: &stack, code: code.as_bytes(), recovery: None, lane, service: &service })
    }

    fn compare(&self) {
        let known = |factor: &Factor| (factor.seed.handle, factor.used.last().0);
        let expected = |known: Known| (handle(known.number), known.last);
        assert_eq!(self.record.factor.as_ref().map(known), self.model.current.map(|(known, _)| expected(known)));
        assert_eq!(self.record.superseded.as_ref().map(known), self.model.superseded.map(expected));
        let pending = self.record.pending.as_ref().map(|pending| pending.seed.handle);
        assert_eq!(pending, self.model.pending.map(|(number, _)| handle(number)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn a_history_under_handles_goes_as_the_model_says(events in prop::collection::vec(event(), 1..60)) {
        let mut world = World::new();
        events.iter().for_each(|event| world.play(event));
    }
}
