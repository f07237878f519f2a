//! One sequence of calls about one account of its own, each compared with what [`Standing`] says and with what is stored.

use mfad_daemon::record::Record;
use mfad_daemon::totp::STEP_SECONDS;
use mfad_proto::{
    Accepted, AccountName, Call, Context, Enforcement, EnrollmentId, Need, Note, Proof, Realm, Refusal, Reply,
};

use crate::calls::{code, texts};
use crate::peers::{Hall, Kind, Line, Rights, Socket, account, enforce, name};
use crate::phone::Phone;
use crate::random::Random;
use crate::rights::{Cell, Table, password};
use crate::standing::{Expected, Letter, Standing};
use crate::town::Town;

/// Who makes the calls, where, about an account of which realm, and how the first factor is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The peer.
    pub kind: Kind,
    /// The socket.
    pub socket: Socket,
    /// The account's realm.
    pub realm: Realm,
    /// Whether the account is the peer's own.
    pub own: bool,
    /// `Asserted`, or `Password`: then the right one is given.
    pub proof: &'static str,
}

impl Place {
    /// The rights that are to be had there.
    #[must_use]
    pub fn rights(&self) -> Rights {
        Rights::of(self.kind, self.socket, &self.realm, self.own)
    }
}

/// How the account stands before the first call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Nobody has heard of it.
    Unknown,
    /// Somebody with the right to has begun an enrolment.
    Begun,
    /// It has a factor.
    Enrolled,
}

impl Start {
    /// What root does for it.
    const fn letters(self) -> &'static [Letter] {
        match self {
            Self::Unknown => &[],
            Self::Begun => &[Letter::Enroll],
            Self::Enrolled => &[Letter::Enroll, Letter::Confirm],
        }
    }

    /// How it stands then.
    #[must_use]
    pub fn standing(self, place: &Place) -> Standing {
        let kept = place.proof == "Password";
        let mut standing = Standing { enforced: true, password: kept, known: kept, ..Standing::default() };
        for letter in self.letters() {
            standing.judge(*letter);
        }
        standing
    }
}

/// A sequence that goes on.
pub struct Sequence<'h> {
    hall: &'h Hall,
    table: &'h Table,
    place: Place,
    line: Line,
    root: Line,
    /// The account.
    pub name: AccountName,
    /// How it should stand now.
    pub standing: Standing,
    phones: Vec<Phone>,
    ids: Vec<EnrollmentId>,
    spare: Vec<String>,
    issued: Option<String>,
    /// As it was looked at last.
    stored: Option<Stored>,
    random: Random,
    /// How many calls were made.
    pub calls: u32,
}

/// What is stored of an account.
#[derive(Clone, PartialEq, Eq)]
struct Stored {
    /// As it is.
    sealed: Vec<u8>,
    /// Opened, without its counts of failures, which have tests of their own.
    plain: Vec<u8>,
    factor: bool,
    pending: Option<bool>,
    spare: u32,
    issued: bool,
}

impl<'h> Sequence<'h> {
    /// Makes an account, of which so much is known.
    ///
    /// # Panics
    /// When root may not do that.
    #[must_use]
    pub fn begin(hall: &'h Hall, table: &'h Table, place: &Place, start: Start) -> Self {
        let number = hall.number();
        // Who is not the owner is the user of number 0 all along.
        let peer = place.kind.peer(if place.own { number } else { 0 });
        let name = name(&place.realm, &Town::name(number));
        let (line, root, place) = (hall.line(place.socket, peer), hall.root(), place.clone());
        let begun = Start::Unknown.standing(&place);
        let mut sequence = Self {
            hall,
            table,
            place,
            line,
            root,
            name,
            standing: begun,
            phones: Vec::new(),
            ids: Vec::new(),
            spare: Vec::new(),
            issued: None,
            stored: None,
            random: Random::default(),
            calls: 0,
        };
        sequence.enforce();
        if begun.password {
            let set = Call::SetPassword { account: account(&sequence.name), password: password(PASSWORD) };
            assert!(matches!(sequence.ask_as_root(&set), Reply::Done));
        }
        for letter in start.letters() {
            let call = sequence.call(*letter, "Asserted");
            let expected = sequence.standing.judge(*letter);
            let reply = sequence.ask_as_root(&call);
            sequence.compare(*letter, reply, expected);
            sequence.hall.pass(PAUSE);
        }
        sequence
    }

    /// Switches enforcement on where an earlier sequence has left it off.
    fn enforce(&mut self) {
        let ask = Call::GetPolicy { realm: self.place.realm.clone() };
        let on = enforce(self.place.realm.clone(), Enforcement::On);
        if !matches!(self.ask_as_root(&ask), Reply::Policy(policy) if policy.enforced) {
            assert!(matches!(self.ask_as_root(&on), Reply::Policy(policy) if policy.enforced && policy.stored));
        }
    }

    fn ask_as_root(&mut self, call: &Call) -> Reply {
        self.calls += 1;
        self.root.ask(call)
    }

    /// Makes one call as the peer of the place, and looks at everything that may have come of it.
    ///
    /// # Panics
    /// When anything is not as it should be.
    pub fn play(&mut self, letter: Letter) {
        let row = self.table.row(&letter.row(self.place.proof));
        let permitted = row.cell(self.place.rights()) != Cell::NotPermitted;
        let (before, stored, commits) = (self.standing, self.stored(), self.hall.home.commits());
        let call = self.call(letter, self.place.proof);
        let expected = if permitted { self.standing.judge(letter) } else { Expected::Refused(Refusal::NotPermitted) };
        self.hall.rest();
        let reply = self.ask(&call);
        self.nobody_gets_past(letter, &before, &reply);
        self.compare(letter, reply, expected);
        let after = self.stored();
        if !permitted {
            assert_eq!(self.hall.home.commits(), commits, "{letter:?}: what is not permitted is stored");
            assert!(after == stored, "{letter:?}: what is not permitted changes the record");
        }
        let plain = |stored: &Option<Stored>| stored.as_ref().map(|stored| stored.plain.clone());
        if self.standing == before {
            assert!(plain(&after) == plain(&stored), "{letter:?} changes what it should leave, {before:?}");
        } else {
            self.hall.pass(PAUSE);
        }
        self.is_stored(after.as_ref());
        let (had, has) = (before.factor.is_some(), after.is_some_and(|after| after.factor));
        assert!(had || !has || (permitted && letter == Letter::Confirm), "{letter:?} has brought a factor");
    }

    /// What is stored must be what the standing says.
    fn is_stored(&self, stored: Option<&Stored>) {
        let Standing { known, factor, pending, spare, issued, .. } = self.standing;
        let expected = known.then_some((factor.is_some(), pending.map(|(_, with)| with), spare, issued));
        let got = stored.map(|stored| (stored.factor, stored.pending, stored.spare, stored.issued));
        assert_eq!(got, expected, "of {:?}", self.standing);
    }

    /// What must hold whatever the standing says.
    fn nobody_gets_past(&self, letter: Letter, before: &Standing, reply: &Reply) {
        let passed = matches!(reply, Reply::Accepted(_) | Reply::Need(Need::Nothing));
        let through = passed && before.enforced && before.factor.is_none();
        assert!(!through, "{:?} gets past enforcement by {letter:?}: {before:?}", self.place);
    }

    /// Makes any call as the peer of the place.
    pub fn ask(&mut self, call: &Call) -> Reply {
        self.calls += 1;
        self.line.ask(call)
    }

    /// The place.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// A code that would be accepted now.
    #[must_use]
    pub fn right_code(&mut self) -> String {
        self.right(0)
    }

    /// Root's own look at the account.
    ///
    /// # Panics
    /// When it does not stand as it should.
    pub fn look(&mut self) {
        let Reply::Status(status) = self.ask_as_root(&Call::Status { account: account(&self.name) }) else {
            panic!("no status")
        };
        let Standing { enforced, spare, .. } = self.standing;
        let said = (status.state, status.enforced, status.recovery_left);
        assert_eq!(said, (self.standing.state(), enforced, spare), "{:?}", self.place);
    }

    fn compare(&mut self, letter: Letter, reply: Reply, expected: Expected) {
        let got = match reply {
            Reply::Refused(refusal) => Expected::Refused(refusal),
            Reply::Need(need) => Expected::Need(need),
            Reply::Status(status) => Expected::State(status.state),
            Reply::Accepted(Accepted { factor, .. }) => Expected::Accepted(factor),
            Reply::Enrollment(begun) => {
                // The same key again, or a new one.
                let place = self.ids.iter().position(|id| *id == begun.id).unwrap_or(self.ids.len());
                assert_eq!(
                    self.standing.pending.map(|(key, _)| key),
                    Some(place),
                    "{letter:?}: not the key to go on with"
                );
                if place == self.ids.len() {
                    self.ids.push(begun.id);
                    self.phones.push(Phone::scan(begun.uri.expose()));
                }
                Expected::Enrollment
            }
            Reply::Enrolled(codes) => {
                (self.spare, self.issued) = (texts(&codes), None);
                Expected::Enrolled
            }
            Reply::RecoveryCodes(codes) => {
                self.spare = texts(&codes);
                Expected::RecoveryCodes
            }
            Reply::Done => Expected::Done,
            Reply::Issued(issued) => {
                self.issued = Some(issued.code.expose().to_owned());
                Expected::Issued
            }
            Reply::Policy(policy) => {
                assert!(policy.stored, "what was set is not stored");
                Expected::Policy(policy.enforced)
            }
            _ => panic!("{letter:?} has an answer of another kind"),
        };
        assert_eq!(got, expected, "{letter:?} at {:?}", self.place);
        if got == Expected::Accepted(mfad_proto::Factor::Recovery) && self.issued.take().is_none() {
            self.spare.remove(0);
        }
    }

    fn stored(&mut self) -> Option<Stored> {
        let sealed = self.hall.stored(&self.name)?;
        if self.stored.as_ref().is_none_or(|stored| stored.sealed != sealed) {
            let record = self.hall.open_record(&self.name, &sealed);
            let (factor, pending) = (record.factor.is_some(), record.pending.as_ref().map(|pending| pending.proved));
            let (spare, issued) = (record.recovery.left(), record.issued.is_some());
            let plain = Record { tries: Default::default(), failures: Default::default(), ..record }.encode();
            let plain = plain.expect("a record that was stored").expose().to_vec();
            self.stored = Some(Stored { sealed, plain, factor, pending, spare, issued });
        }
        self.stored.clone()
    }

    fn call(&mut self, letter: Letter, proof: &str) -> Call {
        let account = account(&self.name);
        let proof = if proof == "Password" { Proof::Password(password(PASSWORD)) } else { Proof::Asserted };
        let realm = self.place.realm.clone();
        let context = Context::default();
        match letter {
            Letter::Begin => Call::Begin { account, context },
            Letter::Status => Call::Status { account },
            Letter::VerifyRight => Call::Verify { account, code: code(&self.right(0)), context },
            Letter::VerifyWrong => Call::Verify { account, code: code(&self.wrong()), context },
            Letter::VerifySpare => {
                let spare = self.issued.as_ref().or(self.spare.first());
                Call::Verify { account, code: code(spare.map_or("AAAA-BBBB-CCCC-DDDD", |spare| spare)), context }
            }
            Letter::Enroll => Call::Enroll { account, proof, ticket: None, issuer: None, context },
            Letter::Confirm => {
                let key = self.standing.pending.map(|(key, _)| key).or(self.ids.len().checked_sub(1));
                let id = key.map_or(EnrollmentId::from_random([7; 16]), |key| self.ids[key]);
                Call::Confirm { account, enrollment: id, code: code(&self.right_of(key, 0)) }
            }
            Letter::Reset => Call::Reset { account, proof, code: code(&self.right(0)), context },
            Letter::Recovery => Call::Recovery { account, proof, code: code(&self.right(0)) },
            Letter::Resync => {
                let (first, second) = (code(&self.right(1)), code(&self.right(0)));
                Call::Resync { account, proof, first, second }
            }
            Letter::Authenticate => {
                Call::Authenticate { account, password: password(PASSWORD), code: code(&self.right(0)), context }
            }
            Letter::Disable => Call::Disable { account, reason: Note::new("a test").expect("a legal note") },
            Letter::Unlock => Call::Unlock { account },
            Letter::Recover => Call::Recover { account },
            Letter::Remove => Call::Remove { account },
            Letter::EnforceOff => enforce(realm, Enforcement::Off),
            Letter::EnforceOn => enforce(realm, Enforcement::On),
        }
    }

    /// The code of this many steps before now of the key that a person has.
    fn right(&mut self, before: u64) -> String {
        self.right_of(self.standing.key(), before)
    }

    fn right_of(&mut self, key: Option<usize>, before: u64) -> String {
        let Some(phone) = key.map(|key| &mut self.phones[key]) else { return "000000".to_owned() };
        // Another step may have the same code, once in many thousand: then what becomes of it is not certain.
        let now = || self.hall.now() / STEP_SECONDS;
        let counts = self.standing.factor.is_some() || self.standing.pending.is_some();
        while counts && !(phone.is_alone(now()) && phone.is_alone(now() - 1)) {
            self.hall.pass(PAUSE);
        }
        phone.code(now() - before)
    }

    fn wrong(&mut self) -> String {
        let Some(key) = self.standing.key() else { return "000000".to_owned() };
        self.phones[key].wrong(self.hall.now() / STEP_SECONDS, &mut self.random)
    }
}

/// Seconds after each call that has changed something: two new steps.
const PAUSE: u64 = 2 * STEP_SECONDS;

/// Of every account whose password the server keeps.
const PASSWORD: &str = "the right one";
