//! What the daemon keeps of one account, and its plain bytes before they are sealed.
//!
//! MUST: pure; every record has the same length, so that neither disk nor time tells what is in it; the bytes live only
//! in buffers that are wiped.

use std::fmt;

use mfad_proto::{EnrollmentId, Failure, Handle, Label};
use zeroize::Zeroizing;

use crate::password::Hash;
use crate::recovery::{Issued, Tag, Tags};
use crate::throttle::{Counter, Moment, Tries};
use crate::totp::{Algorithm, Digits, Generator, SEARCH, Step, TotpKey};
use crate::used::UsedSteps;

/// One account's record.
#[derive(Default)]
pub struct Record {
    /// Counts the enrolments that were confirmed; it stays when a factor goes.
    pub generation: u64,
    /// The working factor.
    pub factor: Option<Factor>,
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
        (self.factor, self.pending, self.recovery, self.issued) = Default::default();
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
        out.option(self.factor.as_ref(), |out, factor| {
            factor.seed.write(out)?;
            out.u64(factor.enrolled_at)?;
            factor.used.as_array().iter().try_for_each(|step| out.u64(step.0))?;
            out.bytes(&factor.offset.to_le_bytes())
        })?;
        out.option(self.pending.as_ref(), |out, pending| {
            out.bytes(pending.id.as_bytes())?;
            pending.seed.write(out)?;
            out.u64(pending.expires_at)?;
            out.byte(u8::from(pending.proved))
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
        if from.byte()? != LAYOUT {
            return Err(Error);
        }
        let record = Self {
            generation: from.u64()?,
            factor: from.option(|from| {
                Ok(Factor {
                    seed: Seed::read(from)?,
                    enrolled_at: from.u64()?,
                    used: UsedSteps::from_array([from.step()?, from.step()?, from.step()?, from.step()?])
                        .ok_or(Error)?,
                    offset: from.offset()?,
                })
            })?,
            pending: from.option(|from| {
                let id = EnrollmentId::from_random(from.array()?);
                Ok(Pending { id, seed: Seed::read(from)?, expires_at: from.u64()?, proved: from.flag()? })
            })?,
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
    /// How many steps the app's clock is ahead of this machine's, as a resync found: at most [`SEARCH`] either way.
    pub offset: i64,
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
    pub const LENGTH: usize = 832;

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

struct Writer<'a>(&'a mut [u8]);

impl Writer<'_> {
    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let (head, tail) = std::mem::take(&mut self.0).split_at_mut_checked(bytes.len()).ok_or(Error)?;
        head.copy_from_slice(bytes);
        self.0 = tail;
        Ok(())
    }

    fn byte(&mut self, byte: u8) -> Result<(), Error> {
        self.bytes(&[byte])
    }

    fn u64(&mut self, value: u64) -> Result<(), Error> {
        self.bytes(&value.to_le_bytes())
    }

    fn counter(&mut self, counter: &Counter) -> Result<(), Error> {
        self.bytes(&counter.in_a_row.to_le_bytes())?;
        self.bytes(&counter.in_all.to_le_bytes())?;
        self.u64(counter.last.run)?;
        self.u64(counter.last.millis)
    }

    fn sized(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.byte(u8::try_from(bytes.len()).map_err(|_e| Error)?)?;
        self.bytes(bytes)
    }

    fn option<T>(
        &mut self,
        value: Option<&T>,
        write: impl FnOnce(&mut Self, &T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.byte(u8::from(value.is_some()))?;
        value.map_or(Ok(()), |value| write(self, value))
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let (head, tail) = self.0.split_at_checked(count).ok_or(Error)?;
        self.0 = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        self.bytes(N)?.try_into().map_err(|_e| Error)
    }

    fn byte(&mut self) -> Result<u8, Error> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    fn u64(&mut self) -> Result<u64, Error> {
        self.array().map(u64::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_le_bytes)
    }

    fn flag(&mut self) -> Result<bool, Error> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Error),
        }
    }

    fn hash(&mut self) -> Result<Hash, Error> {
        std::str::from_utf8(self.sized()?).ok().and_then(Hash::parse).ok_or(Error)
    }

    fn step(&mut self) -> Result<Step, Error> {
        self.u64().map(Step)
    }

    fn offset(&mut self) -> Result<i64, Error> {
        let offset = i64::from_le_bytes(self.array()?);
        if (-SEARCH..=SEARCH).contains(&offset) { Ok(offset) } else { Err(Error) }
    }

    fn counter(&mut self) -> Result<Counter, Error> {
        let (in_a_row, in_all) = (self.u32()?, self.u32()?);
        Ok(Counter { in_a_row, in_all, last: Moment { run: self.u64()?, millis: self.u64()? } })
    }

    fn tags(&mut self) -> Result<Tags, Error> {
        let count = self.byte()?;
        let tags = (0..count).map(|_| self.array().map(Tag::from_bytes)).collect::<Result<_, _>>()?;
        Tags::new(tags).ok_or(Error)
    }

    fn sized(&mut self) -> Result<&'a [u8], Error> {
        let count = self.byte()?;
        self.bytes(usize::from(count))
    }

    fn label(&mut self) -> Result<Label, Error> {
        std::str::from_utf8(self.sized()?).ok().and_then(Label::new).ok_or(Error)
    }

    fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<Option<T>, Error> {
        match self.byte()? {
            0 => Ok(None),
            1 => read(self).map(Some),
            _ => Err(Error),
        }
    }
}

/// The first byte of every record of this layout. Layout 1 had no passwords and no uids, and was never released.
const LAYOUT: u8 = 2;
