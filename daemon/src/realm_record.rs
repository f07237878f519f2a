//! What an administrator has set for a realm at run time, and its plain bytes before they are sealed.
//!
//! MUST: pure; as long as every other record, so that the disk does not tell them apart.

use mfad_proto::Enforcement;

use crate::record::{Error, Plain};

/// The record of one realm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RealmRecord {
    /// Whether everybody is asked for a second factor. It wins over the configuration.
    pub enforcement: Enforcement,
}

impl RealmRecord {
    /// Its bytes: layout, a word, and a moment in Unix seconds where the word asks for one.
    #[must_use]
    pub fn encode(self) -> Plain {
        let (word, time) = match self.enforcement {
            Enforcement::Off => (0, 0),
            Enforcement::On => (1, 0),
            Enforcement::After { time } => (2, time),
        };
        let mut plain = Plain::zeroed();
        if let Some((head, _)) = plain.expose_mut().split_first_chunk_mut() {
            *head = [LAYOUT, word];
        }
        if let Some((_, rest)) = plain.expose_mut().split_first_chunk_mut::<2>()
            && let Some((moment, _)) = rest.split_first_chunk_mut()
        {
            *moment = u64::to_le_bytes(time);
        }
        plain
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`Error`] when the bytes are no such record, padding included.
    pub fn decode(plain: &Plain) -> Result<Self, Error> {
        let ([layout, word], rest) = plain.expose().split_first_chunk().ok_or(Error)?;
        let (time, padding) = rest.split_first_chunk().ok_or(Error)?;
        let enforcement = match (*word, u64::from_le_bytes(*time)) {
            (0, 0) => Enforcement::Off,
            (1, 0) => Enforcement::On,
            (2, time) => Enforcement::After { time },
            (_, _) => return Err(Error),
        };
        let legal = *layout == LAYOUT && padding.iter().all(|byte| *byte == 0);
        if legal { Ok(Self { enforcement }) } else { Err(Error) }
    }
}

/// The first byte: no account's record begins so.
const LAYOUT: u8 = 0x81;
