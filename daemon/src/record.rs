//! What the daemon keeps of one account, and its plain bytes before they are sealed.
//!
//! MUST: pure; every record has the same length, so that neither disk nor time tells what is in it; the bytes live only
//! in buffers that are wiped.

use std::fmt;

use mfad_proto::{EnrollmentId, Failure, Handle, Label};
use zeroize::Zeroizing;

use crate::totp::{Algorithm, Digits, Generator, Key, Step};

/// One account's record.
#[derive(Default)]
pub struct Record {
    /// Counts the enrolments that were confirmed; it stays when a factor goes.
    pub generation: u64,
    /// The working factor.
    pub factor: Option<Factor>,
    /// The enrolment that waits for its first code. It never touches `factor`.
    pub pending: Option<Pending>,
    /// Tries since the last accepted code.
    pub failures: Failures,
    /// The last accepted code, in Unix seconds.
    pub last_success: Option<u64>,
}

impl Record {
    /// Whether nothing was ever enrolled or begun here: the name is as good as unknown.
    #[must_use]
    pub const fn is_vacant(&self) -> bool {
        self.generation == 0 && self.factor.is_none() && self.pending.is_none()
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
            out.u64(factor.last_step.0)
        })?;
        out.option(self.pending.as_ref(), |out, pending| {
            out.bytes(pending.id.as_bytes())?;
            pending.seed.write(out)?;
            out.u64(pending.expires_at)
        })?;
        out.bytes(&self.failures.count.to_le_bytes())?;
        out.option(self.failures.last.as_ref(), |out, last| {
            out.u64(last.time)?;
            out.sized(last.service.as_str().as_bytes())
        })?;
        out.option(self.last_success.as_ref(), |out, time| out.u64(*time))?;
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
                Ok(Factor { seed: Seed::read(from)?, enrolled_at: from.u64()?, last_step: Step(from.u64()?) })
            })?,
            pending: from.option(|from| {
                let id = EnrollmentId::from_random(from.array()?);
                Ok(Pending { id, seed: Seed::read(from)?, expires_at: from.u64()? })
            })?,
            failures: Failures {
                count: u32::from_le_bytes(from.array()?),
                last: from.option(|from| Ok(Failure { time: from.u64()?, service: from.label()? }))?,
            },
            last_success: from.option(Reader::u64)?,
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
    /// The newest step that was accepted: only a later one is accepted again.
    pub last_step: Step,
}

/// An enrolment that waits for its first code.
pub struct Pending {
    /// What `Confirm` must name.
    pub id: EnrollmentId,
    /// The key and how codes are made of it.
    pub seed: Seed,
    /// When it lapses, in Unix seconds.
    pub expires_at: u64,
}

/// A key, how codes are made of it, and the public name of the enrolment that made it.
pub struct Seed {
    /// The shared key.
    pub key: Key,
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
            key: Key::new(from.sized()?).ok_or(Error)?,
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
#[derive(Default, PartialEq, Eq, Debug)]
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
    pub const LENGTH: usize = 512;

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

/// The first byte of every record of this layout.
const LAYOUT: u8 = 1;
