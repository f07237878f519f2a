//! The bytes of a record's parts, in their order.

use mfad_proto::Label;

use super::Error;
use crate::password::Hash;
use crate::recovery::{Tag, Tags};
use crate::throttle::{Counter, Moment};
use crate::totp::{SEARCH, Step};

/// Writes parts one after the other.
pub(super) struct Writer<'a>(pub(super) &'a mut [u8]);

impl Writer<'_> {
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let (head, tail) = std::mem::take(&mut self.0).split_at_mut_checked(bytes.len()).ok_or(Error)?;
        head.copy_from_slice(bytes);
        self.0 = tail;
        Ok(())
    }

    pub(super) fn byte(&mut self, byte: u8) -> Result<(), Error> {
        self.bytes(&[byte])
    }

    pub(super) fn u64(&mut self, value: u64) -> Result<(), Error> {
        self.bytes(&value.to_le_bytes())
    }

    pub(super) fn counter(&mut self, counter: &Counter) -> Result<(), Error> {
        self.bytes(&counter.in_a_row.to_le_bytes())?;
        self.bytes(&counter.in_all.to_le_bytes())?;
        self.u64(counter.last.run)?;
        self.u64(counter.last.millis)
    }

    pub(super) fn sized(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.byte(u8::try_from(bytes.len()).map_err(|_e| Error)?)?;
        self.bytes(bytes)
    }

    pub(super) fn option<T>(
        &mut self,
        value: Option<&T>,
        write: impl FnOnce(&mut Self, &T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.byte(u8::from(value.is_some()))?;
        value.map_or(Ok(()), |value| write(self, value))
    }
}

/// Reads what [`Writer`] wrote.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let (head, tail) = self.0.split_at_checked(count).ok_or(Error)?;
        self.0 = tail;
        Ok(head)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        self.bytes(N)?.try_into().map_err(|_e| Error)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Error> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Error> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn flag(&mut self) -> Result<bool, Error> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Error),
        }
    }

    pub(super) fn hash(&mut self) -> Result<Hash, Error> {
        std::str::from_utf8(self.sized()?).ok().and_then(Hash::parse).ok_or(Error)
    }

    pub(super) fn step(&mut self) -> Result<Step, Error> {
        self.u64().map(Step)
    }

    pub(super) fn offset(&mut self) -> Result<i64, Error> {
        let offset = i64::from_le_bytes(self.array()?);
        if (-SEARCH..=SEARCH).contains(&offset) { Ok(offset) } else { Err(Error) }
    }

    pub(super) fn counter(&mut self) -> Result<Counter, Error> {
        let (in_a_row, in_all) = (self.u32()?, self.u32()?);
        Ok(Counter { in_a_row, in_all, last: Moment { run: self.u64()?, millis: self.u64()? } })
    }

    pub(super) fn tags(&mut self) -> Result<Tags, Error> {
        let count = self.byte()?;
        let tags = (0..count).map(|_| self.array().map(Tag::from_bytes)).collect::<Result<_, _>>()?;
        Tags::new(tags).ok_or(Error)
    }

    pub(super) fn sized(&mut self) -> Result<&'a [u8], Error> {
        let count = self.byte()?;
        self.bytes(usize::from(count))
    }

    pub(super) fn label(&mut self) -> Result<Label, Error> {
        std::str::from_utf8(self.sized()?).ok().and_then(Label::new).ok_or(Error)
    }

    pub(super) fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<Option<T>, Error> {
        match self.byte()? {
            0 => Ok(None),
            1 => read(self).map(Some),
            _ => Err(Error),
        }
    }
}
