//! What makes a lost, old, swapped or extra record visible: a keyed hash over all of them, a sequence number, and the
//! file `head` outside the store (promise P4 of the design).
//!
//! MUST: pure. The set-hash is the XOR of one PRF output a record, so that a commit changes it by the old record's and
//! the new one's alone. It is stored sealed: whoever saw many of its values could otherwise find, by linear algebra, a
//! set of old records that hashes to the same.

use std::fmt;

use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::keyring::Keyring;
use crate::locked::{self, Locked};
use crate::residue::wiped;

/// The hash over a set of records, in any order. An empty set has all zeros.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum([u8; 32]);

impl Sum {
    /// Puts a record's print in, or takes it out: both are the same.
    pub fn toggle(&mut self, print: Self) {
        self.0.iter_mut().zip(print.0).for_each(|(byte, other)| *byte ^= other);
    }
}

/// What every batch carries about the whole store as it is after that batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mark {
    /// Counts the batches.
    pub sequence: u64,
    /// The sequence that the file `head` held when the batch was written.
    pub head: u64,
    /// How many records there are.
    pub records: u64,
    /// The hash over them.
    pub sum: Sum,
    /// What is known of the audit log.
    pub log: LogHead,
}

/// What a batch knows of the audit log: its last line that was safe on the disk, and how many lines were to follow it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogHead {
    /// The line's number.
    pub number: u64,
    /// Its tag in the chain.
    pub tag: Tag,
    /// How many lines followed it, or waited to, when the batch was written.
    pub following: u64,
}

/// The tag of a line of the audit log.
pub type Tag = [u8; 16];

impl Mark {
    /// Its plain bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let numbers = [self.sequence, self.head, self.records].map(u64::to_le_bytes);
        let log = [self.log.number, self.log.following].map(u64::to_le_bytes);
        [numbers.as_flattened(), &self.sum.0, log.as_flattened(), &self.log.tag].concat()
    }

    /// Reads what [`Self::to_bytes`] wrote.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (sequence, rest) = number(bytes).ok()?;
        let (head, rest) = number(rest).ok()?;
        let (records, rest) = number(rest).ok()?;
        let (sum, rest) = rest.split_first_chunk()?;
        let (log, rest) = number(rest).ok()?;
        let (following, tag) = number(rest).ok()?;
        let log = LogHead { number: log, tag: tag.try_into().ok()?, following };
        Some(Self { sequence, head, records, sum: Sum(*sum), log })
    }
}

/// Computes prints, and seals marks and heads.
pub struct Ledger {
    /// Keyed once: cloning it is cheaper than the key schedule.
    prints: Locked<Hmac<Sha256>>,
    cipher: Locked<XChaCha20Poly1305>,
}

impl Ledger {
    /// Derives its keys. They are of the keyring's base, so that a new data key leaves every print as it is.
    ///
    /// # Errors
    /// When no memory can be locked.
    #[expect(clippy::expect_used, reason = "INVARIANT: HMAC takes keys of any length")]
    pub fn new(keyring: &Keyring) -> Result<Self, locked::Error> {
        let prints = keyring.base().derive(b"mfad record print 1");
        let mark = keyring.base().derive(b"mfad mark seal 1");
        Ok(Self {
            prints: Locked::new(|| KeyInit::new_from_slice(prints.expose()).expect("any length"))?,
            cipher: Locked::new(|| XChaCha20Poly1305::new(mark.expose().into()))?,
        })
    }

    /// The print of one record: a PRF of its key and its sealed value.
    #[must_use]
    pub fn print(&self, key: &[u8], value: &[u8]) -> Sum {
        wiped(|| {
            let mut prints = Hmac::clone(&self.prints);
            // Without the length, a byte could move from the key to the value.
            prints.update(&u64::try_from(key.len()).unwrap_or(u64::MAX).to_le_bytes());
            prints.update(key);
            prints.update(value);
            Sum(prints.finalize().into_bytes().into())
        })
    }

    /// Seals a mark.
    ///
    /// # Errors
    /// When the kernel gives no randomness.
    pub fn seal_mark(&self, mark: &Mark) -> Result<Vec<u8>, getrandom::Error> {
        self.seal(MARK, &mark.to_bytes())
    }

    /// Opens a mark.
    ///
    /// # Errors
    /// [`Broken`] when it was changed, or sealed by another key.
    pub fn open_mark(&self, sealed: &[u8]) -> Result<Mark, Broken> {
        Mark::from_bytes(&self.open(MARK, sealed)?).ok_or(Broken)
    }

    /// Seals the content of the file `head`.
    ///
    /// # Errors
    /// When the kernel gives no randomness.
    pub fn seal_head(&self, sequence: u64) -> Result<Vec<u8>, getrandom::Error> {
        self.seal(HEAD, &sequence.to_le_bytes())
    }

    /// Opens the content of the file `head`.
    ///
    /// # Errors
    /// [`Broken`] when it was changed, or sealed by another key.
    pub fn open_head(&self, sealed: &[u8]) -> Result<u64, Broken> {
        match number(&self.open(HEAD, sealed)?)? {
            (sequence, []) => Ok(sequence),
            (_, _) => Err(Broken),
        }
    }

    #[expect(clippy::expect_used, reason = "INVARIANT: XChaCha20-Poly1305 seals anything below 256 GiB")]
    fn seal(&self, kind: &[u8], plain: &[u8]) -> Result<Vec<u8>, getrandom::Error> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce)?;
        let sealed = self.cipher.encrypt((&nonce).into(), Payload { msg: plain, aad: kind }).expect("a short text");
        Ok([nonce.as_slice(), &sealed].concat())
    }

    fn open(&self, kind: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Broken> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>().ok_or(Broken)?;
        self.cipher.decrypt(nonce.into(), Payload { msg: sealed, aad: kind }).map_err(|_e| Broken)
    }
}

/// Bytes that were not sealed as what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sealed mark does not open")
    }
}

impl std::error::Error for Broken {}

fn number(bytes: &[u8]) -> Result<(u64, &[u8]), Broken> {
    let (number, rest) = bytes.split_first_chunk().ok_or(Broken)?;
    Ok((u64::from_le_bytes(*number), rest))
}

/// The key that the mark is stored under. No record's key begins with it.
pub const MARK_KEY: &[u8] = b"m";

const MARK: &[u8] = b"mfad mark 1";
const HEAD: &[u8] = b"mfad head 1";
const NONCE: usize = 24;
