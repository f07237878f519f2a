//! How one account stands after any calls about it: the rules of the design in plain words of their own, without time,
//! for a test that makes every sequence of calls.

use mfad_proto::{Factor, Need, Refusal, State};

/// A call about one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each bears the name of its call")]
pub enum Letter {
    Begin,
    Status,
    /// With the code of now of the account's newest key.
    VerifyRight,
    VerifyWrong,
    /// With what an administrator issued, or else with a recovery code that is left.
    VerifySpare,
    Enroll,
    /// With a right first code of the newest key.
    Confirm,
    Reset,
    Recovery,
    Resync,
    /// With the right password and the code of now.
    Authenticate,
    Disable,
    Unlock,
    Recover,
    Remove,
    /// Of the account's realm.
    EnforceOff,
    EnforceOn,
}

impl Letter {
    /// The row of the table of rights. `proof` is how the first factor is shown.
    #[must_use]
    pub fn row(self, proof: &str) -> String {
        match self {
            Self::VerifyRight | Self::VerifyWrong | Self::VerifySpare => "Verify".to_owned(),
            Self::EnforceOff | Self::EnforceOn => "SetPolicy".to_owned(),
            Self::Enroll | Self::Reset | Self::Recovery | Self::Resync => format!("{self:?}, {proof}"),
            Self::Begin
            | Self::Status
            | Self::Confirm
            | Self::Authenticate
            | Self::Disable
            | Self::Unlock
            | Self::Recover
            | Self::Remove => format!("{self:?}"),
        }
    }
}

/// How an account stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether anything was ever begun here.
    pub known: bool,
    /// Which key works.
    pub factor: Option<usize>,
    /// Which key waits for its first code, and whether a code of the working one was given for it.
    pub pending: Option<(usize, bool)>,
    /// Recovery codes.
    pub spare: u32,
    /// Whether a code of the administrator is good.
    pub issued: bool,
    /// Whether the server keeps a password.
    pub password: bool,
    /// Whether the realm enforces a second factor.
    pub enforced: bool,
    /// How many keys there were.
    pub keys: usize,
    /// Counts what else changes.
    pub moves: u32,
}

/// What should be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each bears the name of its reply")]
pub enum Expected {
    Refused(Refusal),
    Need(Need),
    State(State),
    Accepted(Factor),
    Enrollment,
    Enrolled,
    RecoveryCodes,
    Done,
    Issued,
    /// Whether it is enforced then.
    Policy(bool),
}

const DENIED: Expected = Expected::Refused(Refusal::Denied);

impl Standing {
    /// What a call that is permitted is answered, and what becomes of the account.
    pub fn judge(&mut self, letter: Letter) -> Expected {
        match (letter, self.factor) {
            (Letter::Begin, _) => Expected::Need(self.need()),
            (Letter::Status, _) => Expected::State(self.state()),
            (Letter::EnforceOff | Letter::EnforceOn, _) => {
                self.enforced = letter == Letter::EnforceOn;
                Expected::Policy(self.enforced)
            }
            (Letter::Enroll, Some(_)) => Expected::Refused(Refusal::NotPermitted),
            (Letter::Enroll, None) => self.open(false),
            (Letter::Confirm, _) => self.confirm(),
            (Letter::Disable, _) => self.disable(),
            (Letter::Recover, _) => {
                (self.issued, self.pending, self.known, self.moves) = (true, None, true, self.moves + 1);
                Expected::Issued
            }
            (Letter::Remove, _) if self.known => {
                *self = Self { enforced: self.enforced, keys: self.keys, ..Self::default() };
                Expected::Done
            }
            (Letter::Unlock, None) if self.password => Expected::Done,
            (Letter::Authenticate, None) if self.password && self.enforced => {
                Expected::Refused(Refusal::EnrollmentRequired)
            }
            (Letter::Authenticate, None) if self.password => Expected::Accepted(Factor::Password),
            (_, None) | (Letter::VerifyWrong | Letter::Remove, _) => DENIED,
            (_, Some(_)) => self.prove(letter),
        }
    }

    /// What takes a working factor, which is there.
    fn prove(&mut self, letter: Letter) -> Expected {
        let before = *self;
        self.moves += 1;
        match letter {
            Letter::VerifyRight | Letter::Authenticate => Expected::Accepted(Factor::Totp),
            Letter::VerifySpare if std::mem::take(&mut self.issued) => Expected::Accepted(Factor::Recovery),
            Letter::VerifySpare if self.spare > 0 => {
                self.spare -= 1;
                Expected::Accepted(Factor::Recovery)
            }
            Letter::Resync => Expected::Done,
            Letter::Recovery => {
                self.spare = 10;
                Expected::RecoveryCodes
            }
            Letter::Reset if self.enforced => self.open(true),
            Letter::Reset => {
                self.drop_factor();
                Expected::Done
            }
            _ => {
                *self = before;
                if letter == Letter::Unlock { Expected::Done } else { DENIED }
            }
        }
    }

    /// Begins an enrolment, or goes on with the one that was begun in the same way.
    fn open(&mut self, proved: bool) -> Expected {
        let resumed = self.pending.filter(|(_, with)| *with == proved);
        self.pending = resumed.or(Some((self.keys, proved)));
        self.keys += usize::from(resumed.is_none());
        (self.known, self.moves) = (true, self.moves + 1);
        Expected::Enrollment
    }

    fn confirm(&mut self) -> Expected {
        let Some((key, proved)) = self.pending else { return DENIED };
        if self.factor.is_some() && !proved {
            return Expected::Refused(Refusal::NotPermitted);
        }
        self.drop_factor();
        (self.factor, self.spare) = (Some(key), 10);
        Expected::Enrolled
    }

    fn disable(&mut self) -> Expected {
        if self.factor.is_none() && self.pending.is_none() && !self.issued {
            return DENIED;
        }
        self.drop_factor();
        Expected::Done
    }

    fn drop_factor(&mut self) {
        (self.factor, self.pending, self.spare, self.issued) = (None, None, 0, false);
    }

    /// What a login needs.
    #[must_use]
    pub const fn need(&self) -> Need {
        match (self.factor, self.enforced) {
            (Some(_), _) => Need::Code,
            (None, true) => Need::Enroll { ticket: false },
            (None, false) => Need::Nothing,
        }
    }

    /// What `Status` says.
    #[must_use]
    pub const fn state(&self) -> State {
        match (self.factor, self.pending) {
            (Some(_), _) => State::Active,
            (None, Some(_)) => State::Pending,
            (None, None) => State::None,
        }
    }

    /// The key whose codes a person would type.
    #[must_use]
    pub fn key(&self) -> Option<usize> {
        self.factor.or(self.pending.map(|(key, _)| key)).or(self.keys.checked_sub(1))
    }
}
