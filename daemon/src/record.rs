//! What the daemon keeps of one account, and its plain bytes before they are sealed.
//!
//! MUST: pure; every record has the same length, so that neither disk nor time tells what is in it; the bytes live only
//! in buffers that are wiped.

mod codec;

use std::fmt;

use mfad_proto::{EnrollmentId, Failure, Handle, Stage};
use zeroize::Zeroizing;

use self::codec::{Reader, Writer};
use crate::password::Hash;
use crate::recovery::{Issued, Tag, Tags};
use crate::throttle::Tries;
use crate::totp::{Algorithm, Digits, Generator, TotpKey};
use crate::used::UsedSteps;

/// One account's record.
#[derive(Default)]
pub struct Record {
    /// Counts the enrolments that were confirmed; it stays when a factor goes.
    pub generation: u64,
    /// The working factor.
    pub factor: Option<Factor>,
    /// The factor before, where an application may still know nothing but its handle. It goes with `factor`.
    pub superseded: Option<Factor>,
    /// The enrolment that waits for its first code. It never touches `factor`.
    pub pending: Option<Pending>,
    /// Failed tries that the owner was not told of yet.
    pub failures: Failures,
    /// The last accepted code, in Unix seconds.
    pub last_success: Option<u64>,
    /// What slows guessing down.
    pub tries: Tries,
    /// The unused recovery codes of the working factor.
    pub recovery: Tags,
    /// The recovery code that an administrator issued last, until it is used.
    pub issued: Option<Issued>,
    /// The password, in a realm where the server keeps it.
    pub password: Option<Hash>,
    /// The uid of the user of this machine whose factor, enrolment or password this is; none where names were not those of
    /// users here when it was made.
    pub uid: Option<u32>,
    /// In a slot: the hash of the unknown name whose tries these are.
    pub holder: Option<Holder>,
    /// Whether it was read with its handles entered in the store, as this layout has it.
    pub is_entered: bool,
}

/// The first bytes of a name's keyed hash.
pub type Holder = [u8; 16];

impl Record {
    /// Whether nothing was ever enrolled or begun here: the name is as good as unknown.
    #[must_use]
    pub const fn is_vacant(&self) -> bool {
        self.generation == 0 && !self.is_held() && self.issued.is_none()
    }

    /// Whether something here belongs to somebody.
    #[must_use]
    pub const fn is_held(&self) -> bool {
        self.factor.is_some() || self.pending.is_some() || self.password.is_some()
    }

    /// Whether what is here belongs to another user than the one who bears the name now.
    #[must_use]
    pub fn is_of_another(&self, uid: Option<u32>) -> bool {
        self.is_held() && self.uid.zip(uid).is_some_and(|(was, is)| was != is)
    }

    /// Forgets what failed under a name that was nobody's until now: it was a slot's.
    pub fn begin_anew_when_vacant(&mut self) {
        if self.is_vacant() {
            *self = Self::default();
        }
    }

    /// Takes the factor away, and with it all that could bring one or stand for one.
    pub fn drop_factor(&mut self) {
        (self.factor, self.superseded, self.pending, self.recovery, self.issued) = Default::default();
    }

    /// Whether nothing would be lost with it: nobody's factor, code or password, and no count of failed tries.
    #[must_use]
    pub fn is_void(&self) -> bool {
        self.is_vacant() && self.tries == Tries::default() && self.failures == Failures::default()
    }

    /// The enrolments that bear a handle, each with its stage.
    pub fn enrolments(&self) -> impl Iterator<Item = (Stage, &Seed)> {
        let pending = self.pending.as_ref().map(|pending| (Stage::Pending, &pending.seed));
        let current = self.factor.as_ref().map(|factor| (Stage::Current, &factor.seed));
        let superseded = self.superseded.as_ref().map(|factor| (Stage::Superseded, &factor.seed));
        [pending, current, superseded].into_iter().flatten()
    }

    /// The stage of the enrolment that bears this handle.
    #[must_use]
    pub fn stage_of(&self, handle: &Handle) -> Option<Stage> {
        self.enrolments().find(|(_, seed)| seed.handle == *handle).map(|(stage, _)| stage)
    }

    /// The handles that it bears.
    #[must_use]
    pub fn handles(&self) -> Vec<Handle> {
        self.enrolments().map(|(_, seed)| seed.handle).collect()
    }

    /// Writes the record into bytes of one length.
    ///
    /// # Errors
    /// [`Error`] when it does not fit; no record of legal parts does that.
    pub fn encode(&self) -> Result<Plain, Error> {
        let mut plain = Plain::zeroed();
        let mut out = Writer(plain.0.as_mut_slice());
        out.byte(LAYOUT)?;
        out.u64(self.generation)?;
        out.option(self.factor.as_ref(), |out, factor| factor.write(out))?;
        out.option(self.superseded.as_ref(), |out, factor| factor.write(out))?;
        out.option(self.pending.as_ref(), |out, pending| {
            out.bytes(pending.id.as_bytes())?;
            pending.seed.write(out)?;
            out.u64(pending.expires_at)?;
            out.byte(u8::from(pending.proved))?;
            out.byte(pending.misses)
        })?;
        out.bytes(&self.failures.count.to_le_bytes())?;
        out.option(self.failures.last.as_ref(), |out, last| {
            out.u64(last.time)?;
            out.sized(last.service.as_str().as_bytes())
        })?;
        out.option(self.last_success.as_ref(), |out, time| out.u64(*time))?;
        let Tries { codes, passwords, logins, own, own_passwords } = &self.tries;
        [codes, passwords, logins, own, own_passwords].into_iter().try_for_each(|counter| out.counter(counter))?;
        out.byte(u8::try_from(self.recovery.as_slice().len()).map_err(|_e| Error)?)?;
        self.recovery.as_slice().iter().try_for_each(|tag| out.bytes(tag.as_bytes()))?;
        out.option(self.issued.as_ref(), |out, issued| {
            out.bytes(issued.tag.as_bytes())?;
            out.u64(issued.expires_at)
        })?;
        out.option(self.password.as_ref(), |out, hash| out.sized(hash.expose().as_bytes()))?;
        out.option(self.uid.as_ref(), |out, uid| out.bytes(&uid.to_le_bytes()))?;
        out.option(self.holder.as_ref(), |out, holder| out.bytes(holder))?;
        Ok(plain)
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`Error`] when the bytes are no record of this layout, padding included.
    pub fn decode(plain: &Plain) -> Result<Self, Error> {
        let mut from = Reader(plain.0.as_slice());
        let is_entered = match from.byte()? {
            LAYOUT => true,
            WITHOUT_ENTRIES => false,
            _ => return Err(Error),
        };
        let record = Self {
            generation: from.u64()?,
            factor: from.option(|from| Factor::read(from, is_entered))?,
            superseded: if is_entered { from.option(|from| Factor::read(from, true))? } else { None },
            pending: from.option(|from| Pending::read(from, is_entered))?,
            failures: Failures {
                count: from.u32()?,
                last: from.option(|from| Ok(Failure { time: from.u64()?, service: from.label()? }))?,
            },
            last_success: from.option(Reader::u64)?,
            tries: Tries {
                codes: from.counter()?,
                passwords: from.counter()?,
                logins: from.counter()?,
                own: from.counter()?,
                own_passwords: from.counter()?,
            },
            recovery: from.tags()?,
            issued: from.option(|from| Ok(Issued { tag: Tag::from_bytes(from.array()?), expires_at: from.u64()? }))?,
            password: from.option(Reader::hash)?,
            uid: from.option(Reader::u32)?,
            holder: from.option(Reader::array)?,
            is_entered,
        };
        if from.0.iter().any(|byte| *byte != 0) { Err(Error) } else { Ok(record) }
    }
}

/// A working factor.
pub struct Factor {
    /// The key and how codes are made of it.
    pub seed: Seed,
    /// When it was confirmed, in Unix seconds.
    pub enrolled_at: u64,
    /// The steps that were accepted last: only a later one is accepted again.
    pub used: UsedSteps,
    /// How many steps the app's clock is ahead of this machine's, as a resync found: at most
    /// [`SEARCH`](crate::totp::SEARCH) either way.
    pub offset: i64,
    /// Whether it was accepted by its own handle after it became the factor: an application knows that handle.
    pub proved: bool,
}

impl Factor {
    fn write(&self, out: &mut Writer<'_>) -> Result<(), Error> {
        self.seed.write(out)?;
        out.u64(self.enrolled_at)?;
        self.used.as_array().iter().try_for_each(|step| out.u64(step.0))?;
        out.bytes(&self.offset.to_le_bytes())?;
        out.byte(u8::from(self.proved))
    }

    fn read(from: &mut Reader<'_>, is_whole: bool) -> Result<Self, Error> {
        Ok(Self {
            seed: Seed::read(from)?,
            enrolled_at: from.u64()?,
            used: UsedSteps::from_array([from.step()?, from.step()?, from.step()?, from.step()?]).ok_or(Error)?,
            offset: from.offset()?,
            proved: is_whole && from.flag()?,
        })
    }
}

/// An enrolment that waits for its first code.
pub struct Pending {
    /// What `Confirm` must name.
    pub id: EnrollmentId,
    /// The key and how codes are made of it.
    pub seed: Seed,
    /// When it lapses, in Unix seconds.
    pub expires_at: u64,
    /// Whether who began it gave a code of the working factor.
    pub proved: bool,
    /// How many wrong codes were given under its handle, which is no secret.
    pub misses: u8,
}

impl Pending {
    fn read(from: &mut Reader<'_>, is_whole: bool) -> Result<Self, Error> {
        Ok(Self {
            id: EnrollmentId::from_random(from.array()?),
            seed: Seed::read(from)?,
            expires_at: from.u64()?,
            proved: from.flag()?,
            misses: if is_whole { from.byte()? } else { 0 },
        })
    }
}

/// A key, how codes are made of it, and the public name of the enrolment that made it.
pub struct Seed {
    /// The shared key.
    pub key: TotpKey,
    /// The hash.
    pub algorithm: Algorithm,
    /// The length of a code.
    pub digits: Digits,
    /// The public name.
    pub handle: Handle,
}

impl Seed {
    /// Prepares to make codes.
    #[must_use]
    pub fn generator(&self) -> Generator {
        Generator::new(&self.key, self.algorithm, self.digits)
    }

    fn write(&self, out: &mut Writer<'_>) -> Result<(), Error> {
        out.sized(self.key.expose())?;
        out.byte(match self.algorithm {
            Algorithm::Sha1 => 1,
            Algorithm::Sha256 => 2,
            Algorithm::Sha512 => 3,
        })?;
        out.byte(self.digits.count())?;
        out.bytes(self.handle.as_bytes())
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(Self {
            key: TotpKey::copied(from.sized()?).ok_or(Error)?,
            algorithm: match from.byte()? {
                1 => Algorithm::Sha1,
                2 => Algorithm::Sha256,
                3 => Algorithm::Sha512,
                _ => return Err(Error),
            },
            digits: Digits::new(from.byte()?).ok_or(Error)?,
            handle: Handle::from_random(from.array()?),
        })
    }
}

/// Failed tries.
#[derive(Default, Clone, PartialEq, Eq, Debug)]
pub struct Failures {
    /// How many in a row.
    pub count: u32,
    /// The latest.
    pub last: Option<Failure>,
}

/// The plain bytes of a record, always [`Plain::LENGTH`] of them. Wiped when dropped.
pub struct Plain(Box<Zeroizing<[u8; Self::LENGTH]>>);

impl Plain {
    /// Bytes of every record.
    pub const LENGTH: usize = 960;

    /// All zeros, to be filled in place.
    #[must_use]
    pub fn zeroed() -> Self {
        Self(Box::new(Zeroizing::new([0; Self::LENGTH])))
    }

    /// The bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// The bytes, to be filled in place.
    pub fn expose_mut(&mut self) -> &mut [u8; Self::LENGTH] {
        &mut self.0
    }
}

/// The bytes are no record of this layout, or a record does not fit into them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Error;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes are no record of this layout")
    }
}

impl std::error::Error for Error {}

/// The first byte of every record of this layout.
const LAYOUT: u8 = 3;

/// Layout 2 had no superseded factors, and its handles had no entries of their own. (Layout 1 was never released.)
const WITHOUT_ENTRIES: u8 = 2;
