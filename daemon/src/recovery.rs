//! Recovery codes: 80 random bits each, for who has lost the phone. Kept as keyed hashes, accepted once.
//!
//! MUST: pure but for [`RecoveryCode::random`]; a code is never kept, only its [`Tag`]; comparing tags takes the same
//! time whichever of them is right.

use std::sync::LazyLock;

use data_encoding::{Encoding, Specification};
use hmac::{Hmac, KeyInit, Mac};
use mfad_proto::{AccountName, RecoveryCodes, SecretText};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::keyring::Keyring;
use crate::locked::{self, Locked};
use crate::names;
use crate::residue::wiped;

/// One code.
pub struct RecoveryCode(Zeroizing<Vec<u8>>);

impl RecoveryCode {
    /// Makes a code.
    ///
    /// # Errors
    /// When the kernel gives no randomness.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = Zeroizing::new(vec![0; BYTES]);
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Reads what a person typed: 16 letters and digits of base32 (RFC 4648 section 6) in either case, with spaces and
    /// hyphens anywhere, and 0, 1 and 8 for the letters that they look like. `None` when it is no such text.
    #[must_use]
    pub fn parse(typed: &[u8]) -> Option<Self> {
        let bytes = Zeroizing::new(FORM.decode(typed).ok()?);
        (bytes.len() == BYTES).then_some(Self(bytes))
    }

    /// The code as it is shown: four groups of four.
    #[must_use]
    #[expect(clippy::expect_used, reason = "INVARIANT: it is short, and base32 is ASCII")]
    pub fn text(&self) -> SecretText {
        let whole = Zeroizing::new(FORM.encode(&self.0));
        let mut text = Zeroizing::new(String::with_capacity(whole.len().saturating_mul(2)));
        for (place, character) in whole.chars().enumerate() {
            if place > 0 && place.is_multiple_of(4) {
                text.push('-');
            }
            text.push(character);
        }
        SecretText::new(text).expect("short ASCII")
    }
}

/// What is kept of a code: a keyed hash of it and of the account's name.
#[derive(Clone, Copy)]
pub struct Tag([u8; Self::LENGTH]);

impl Tag {
    /// Bytes of a tag.
    pub const LENGTH: usize = 16;

    /// Takes over what [`Self::as_bytes`] gave.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// Whether both are of the same code and account, in constant time.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// The unused codes of an account.
#[derive(Default)]
pub struct Tags(Vec<Tag>);

impl Tags {
    /// As many as an account gets.
    pub const MOST: usize = RecoveryCodes::MAX;

    /// `None` when there are more than [`Self::MOST`].
    #[must_use]
    pub fn new(tags: Vec<Tag>) -> Option<Self> {
        (tags.len() <= Self::MOST).then_some(Self(tags))
    }

    /// The tags.
    #[must_use]
    pub fn as_slice(&self) -> &[Tag] {
        &self.0
    }

    /// How many are left.
    #[must_use]
    pub fn left(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    /// Takes this one out, and says whether it was there.
    pub fn redeem(&mut self, tag: &Tag) -> bool {
        let before = self.0.len();
        self.0.retain(|kept| !kept.is(tag));
        self.0.len() < before
    }
}

/// A code that an administrator issued.
pub struct Issued {
    /// What is kept of it.
    pub tag: Tag,
    /// When it lapses, in Unix seconds.
    pub expires_at: u64,
}

/// Makes tags.
pub struct Tagger(Locked<Hmac<Sha256>>);

impl Tagger {
    /// Derives its key. It is of the keyring's base, so that a new data key leaves every tag as it is.
    ///
    /// # Errors
    /// When no memory can be locked.
    #[expect(clippy::expect_used, reason = "INVARIANT: HMAC takes keys of any length")]
    pub fn new(keyring: &Keyring) -> Result<Self, locked::Error> {
        let key = keyring.base().derive(b"mfad recovery code 1");
        Locked::new(|| Hmac::new_from_slice(key.expose()).expect("any length")).map(Self)
    }

    /// The tag of a code of this account.
    #[must_use]
    pub fn tag(&self, name: &AccountName, code: &RecoveryCode) -> Tag {
        let name = names::bytes(name);
        wiped(|| {
            let mut hash = Hmac::clone(&self.0);
            hash.update(&code.0);
            hash.update(&name);
            let whole: [u8; 32] = hash.finalize().into_bytes().into();
            Tag(whole.first_chunk().copied().unwrap_or_default())
        })
    }
}

/// New codes to be shown, and what is kept of them.
///
/// # Errors
/// When the kernel gives no randomness.
pub fn new_set(tagger: &Tagger, name: &AccountName) -> Result<(RecoveryCodes, Tags), getrandom::Error> {
    let codes: Vec<_> = (0..Tags::MOST).map(|_| RecoveryCode::random()).collect::<Result<_, _>>()?;
    let tags = codes.iter().map(|code| tagger.tag(name, code)).collect();
    let shown = RecoveryCodes::new(codes.iter().map(RecoveryCode::text).collect()).unwrap_or_default();
    Ok((shown, Tags(tags)))
}

/// How long a code that an administrator issued is good, in seconds.
pub const ISSUED_SECONDS: u64 = 24 * 60 * 60;

/// Bytes of a code.
const BYTES: usize = 10;

static FORM: LazyLock<Encoding> = LazyLock::new(form);

#[expect(clippy::expect_used, reason = "INVARIANT: the specification is legal, as every test of a code shows")]
fn form() -> Encoding {
    let mut form = Specification::new();
    form.symbols.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
    // 0, 1 and 8 are no symbols: whoever types one has read a letter so.
    form.translate.from.push_str("abcdefghijklmnopqrstuvwxyz018");
    form.translate.to.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZOIB");
    form.ignore.push_str(" -");
    form.encoding().expect("a legal specification")
}
