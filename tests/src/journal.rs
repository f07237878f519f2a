//! The journal that a client keeps of one account: what the daemon has acknowledged, and the one request that it has not
//! answered. From this alone it follows what must be true after a crash.

use mfad_client::Error;
use mfad_proto::{Call, EnrollmentId, Refusal, Reply, Response};

use crate::calls::{account, code, denied, enroll, verify};
use crate::phone::Phone;
use crate::random::Random;
use crate::render::response;

/// One account of realm `system`, used by one client.
pub struct Journal {
    user: String,
    /// The pending or finished enrolment, as it was acknowledged.
    enrollment: Option<(EnrollmentId, Phone)>,
    /// The last step whose code was accepted: the factor works since the first.
    used: Option<u64>,
    /// Failures since then.
    failures: u32,
    /// Wrong codes that were sent in all.
    wrong: u32,
    /// The request that was sent and not answered.
    open: Option<Request>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Request {
    Enroll,
    Confirm(u64),
    Right(u64),
    Wrong,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Answered, and noted.
    Acknowledged,
    /// The daemon may have judged it: nobody knows.
    Unknown,
    /// It never reached the daemon.
    Untouched,
    /// The daemon could not say: nobody knows.
    Unavailable,
}

/// A question that shows after a crash whether the daemon keeps its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Probe {
    /// The code that was accepted last must be denied.
    Used(u64),
    /// The pending enrolment must still be the same.
    Pending,
    /// The right code that was not answered: accepted now, or used up before.
    Again(u64),
    /// A code of a new step must be accepted, and tell the failures before it.
    Next(u64),
}

impl Journal {
    /// A user that the daemon has not seen yet.
    #[must_use]
    pub const fn new(user: String) -> Self {
        Self { user, enrollment: None, used: None, failures: 0, wrong: 0, open: None }
    }

    /// The next request at this step: it enrols, then sends right and wrong codes, of these never three in a row.
    ///
    /// # Panics
    /// When the last one has no answer yet.
    pub fn next(&mut self, step: u64, random: &mut Random) -> Call {
        assert_eq!(self.open, None, "{} has no answer yet", self.user);
        let alone = self.enrollment.as_mut().is_some_and(|(_, phone)| phone.is_alone(step));
        let request = match self.used {
            None if alone => Request::Confirm(step),
            None => Request::Enroll,
            Some(used) if used < step && alone && (random.below(2) == 0 || self.is_patient()) => Request::Right(step),
            // Refused, and stored all the same.
            Some(_) if self.is_patient() => Request::Enroll,
            Some(_) => Request::Wrong,
        };
        self.wrong += u32::from(request == Request::Wrong);
        self.open = Some(request);
        match (request, &mut self.enrollment) {
            (Request::Confirm(step), Some(_)) => self.confirm(step),
            (Request::Right(step), Some((_, phone))) => verify(&self.user, &phone.code(step)),
            (Request::Wrong, Some((_, phone))) => verify(&self.user, &phone.wrong(step, random)),
            (_, _) => enroll(&self.user),
        }
    }

    /// Whether one more wrong code could bring a delay, or a stop, that this account does not want to meet.
    const fn is_patient(&self) -> bool {
        self.failures >= 2 || self.wrong >= 900
    }

    /// Notes the answer.
    ///
    /// # Panics
    /// When it is not the one that the acknowledged past asks for.
    pub fn note(&mut self, result: Result<Reply, Error>) -> Fate {
        let request = self.open.take().expect("a request");
        match (request, result) {
            (Request::Enroll, Ok(Reply::Enrollment(new))) => match &self.enrollment {
                Some((id, _)) => assert_eq!(*id, new.id, "{}: another enrolment is pending", self.user),
                None => self.enrollment = Some((new.id, Phone::scan(new.uri.expose()))),
            },
            (Request::Confirm(step), Ok(Reply::Enrolled(_))) => self.succeed(step),
            (Request::Right(step), Ok(Reply::Accepted(accepted))) => {
                assert_eq!(accepted.failures_since, self.failures, "{}: failures were miscounted", self.user);
                self.succeed(step);
            }
            (Request::Enroll, Ok(Reply::Refused(Refusal::NotPermitted))) if self.used.is_some() => {}
            (Request::Wrong, Ok(Reply::Refused(Refusal::Denied))) => self.failures += 1,
            (_, Ok(Reply::Refused(Refusal::Unavailable))) => {
                self.open = Some(request);
                return Fate::Unavailable;
            }
            (_, Err(Error::UnknownFate)) => {
                self.open = Some(request);
                return Fate::Unknown;
            }
            (_, Err(_)) => return Fate::Untouched,
            (_, Ok(reply)) => panic!("{}: {request:?} was answered {}", self.user, shown(reply)),
        }
        Fate::Acknowledged
    }

    /// What to ask after a crash, each with the step that the daemon's clock must show, when its clock showed `now`.
    #[must_use]
    pub fn probes(&self, now: u64) -> Vec<(u64, Probe)> {
        let mut probes: Vec<_> = self.used.map(|used| (used, Probe::Used(used))).into_iter().collect();
        match self.open {
            Some(Request::Confirm(step) | Request::Right(step)) => probes.push((step, Probe::Again(step))),
            _ if self.used.is_none() && self.enrollment.is_some() => probes.push((now, Probe::Pending)),
            _ => {}
        }
        probes
    }

    /// Whether its factor works, and the step's code says what becomes of it.
    pub fn has_code(&mut self, step: u64) -> bool {
        self.used.is_none() || self.enrollment.as_mut().is_some_and(|(_, phone)| phone.is_alone(step))
    }

    /// Whether its factor works.
    #[must_use]
    pub const fn is_enrolled(&self) -> bool {
        self.used.is_some()
    }

    /// The call of a probe.
    ///
    /// # Panics
    /// When the probe is another account's.
    pub fn ask(&mut self, probe: Probe) -> Call {
        let (Probe::Used(step) | Probe::Again(step) | Probe::Next(step)) = probe else { return enroll(&self.user) };
        if self.used.is_none() {
            return self.confirm(step);
        }
        let (_, phone) = self.enrollment.as_mut().expect("an enrolled account");
        verify(&self.user, &phone.code(step))
    }

    /// Judges the answer to a probe, and goes on from it.
    ///
    /// # Errors
    /// What the daemon has lost.
    pub fn judge(&mut self, probe: Probe, result: Result<Reply, Error>) -> Result<(), String> {
        let lost = |what: &str, reply: Reply| Err(format!("{}: {what}: {}", self.user, shown(reply)));
        let reply = result.map_err(|error| format!("{}: {probe:?}: {error}", self.user))?;
        let counted = self.failures..=self.failures + u32::from(self.open == Some(Request::Wrong));
        match (probe, reply) {
            (Probe::Used(_), reply) if denied(&reply) => {}
            (Probe::Used(_), reply) => return lost("a used code is not denied", reply),
            (Probe::Pending, Reply::Enrollment(new))
                if self.enrollment.as_ref().is_some_and(|(id, _)| *id == new.id) => {}
            (Probe::Pending, reply) => return lost("the pending enrolment is gone", reply),
            (Probe::Again(step), Reply::Enrolled(_)) => self.succeed(step),
            // It was judged before the crash: whether it was accepted is what the next code shows.
            (Probe::Again(step), reply) if denied(&reply) => self.succeed(step),
            (Probe::Again(step) | Probe::Next(step), Reply::Accepted(accepted)) => {
                if !counted.contains(&accepted.failures_since) {
                    return Err(format!(
                        "{}: {probe:?}: {} failures are counted and {counted:?} were made",
                        self.user, accepted.failures_since
                    ));
                }
                self.succeed(step);
            }
            (Probe::Again(_), reply) => return lost("a right code that had no answer is refused", reply),
            (Probe::Next(_), reply) => return lost("a good code is refused", reply),
        }
        if !matches!(probe, Probe::Used(_)) {
            self.open = None;
        }
        Ok(())
    }

    /// Ends the checks after a crash. An enrolment whose beginning had no answer is nobody's loss.
    pub const fn settle(&mut self) {
        self.open = None;
    }

    fn confirm(&mut self, step: u64) -> Call {
        let (id, phone) = self.enrollment.as_mut().expect("a pending enrolment");
        Call::Confirm { account: account(&self.user), enrollment: *id, code: code(&phone.code(step)) }
    }

    fn succeed(&mut self, step: u64) {
        self.used = Some(step);
        self.failures = 0;
        self.open = None;
    }
}

fn shown(reply: Reply) -> String {
    response(&Response { id: 0, reply }).to_string()
}
