//! A pending enrolment as it is shown to the person who enrols.

use std::fmt;

use bincode::de::Decoder;
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};
use bincode::{Decode, Encode, impl_borrow_decode};
use data_encoding::HEXLOWER;
use zeroize::Zeroizing;

use crate::account::Handle;
use crate::secret::SecretText;

/// A pending enrolment: what an authenticator app needs, once.
#[derive(Encode, Decode)]
pub struct Enrollment {
    /// Names this enrolment in `Confirm`.
    pub id: EnrollmentId,
    /// The `otpauth://totp/` URI with the key.
    pub uri: SecretText,
    /// The same URI as a QR code.
    pub qr: QrMatrix,
    /// When it lapses, in Unix seconds.
    pub expires_at: u64,
    /// The public name of this enrolment.
    pub handle: Handle,
}

/// 16 random bytes that name one pending enrolment; in text 32 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct EnrollmentId([u8; 16]);

impl EnrollmentId {
    /// Makes the id of 16 random bytes.
    #[must_use]
    pub const fn from_random(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// `None` when the text is not 32 lower-case hex digits.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok().map(Self)
    }
}

impl fmt::Display for EnrollmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// A QR code as a square of modules without its quiet zone (ISO/IEC 18004). It carries the key: wiped when dropped.
pub struct QrMatrix {
    size: u8,
    bits: Zeroizing<Vec<u8>>,
}

impl QrMatrix {
    /// `size` modules a side (1..=177), row by row, the first module in the highest bit, no padding between rows and
    /// zeros behind the last module. `None` when the bytes are not that.
    #[must_use]
    pub fn new(size: u8, bits: Zeroizing<Vec<u8>>) -> Option<Self> {
        let modules = usize::from(size).saturating_mul(usize::from(size));
        let unused = 0xff_u8.checked_shr(u32::try_from(modules % 8).ok()?).filter(|_| modules % 8 > 0).unwrap_or(0);
        let padded = bits.last().is_some_and(|last| last & unused == 0);
        let legal = (1..=177).contains(&size) && bits.len() == modules.div_ceil(8) && padded;
        legal.then_some(Self { size, bits })
    }

    /// Modules a side.
    #[must_use]
    pub const fn size(&self) -> u8 {
        self.size
    }

    /// Whether the module in this row and column is dark; outside the square all is light.
    #[must_use]
    pub fn is_dark(&self, row: u8, column: u8) -> bool {
        if row >= self.size || column >= self.size {
            return false;
        }
        let module = usize::from(row).saturating_mul(usize::from(self.size)).saturating_add(usize::from(column));
        let (byte, bit) = (module / 8, module % 8);
        self.bits.get(byte).is_some_and(|b| b & (0x80_u8 >> bit) != 0)
    }
}

impl Encode for QrMatrix {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.size.encode(encoder)?;
        self.bits.as_slice().encode(encoder)
    }
}

impl<C> Decode<C> for QrMatrix {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let size = u8::decode(decoder)?;
        Self::new(size, Zeroizing::new(Vec::decode(decoder)?)).ok_or(DecodeError::Other("qr matrix"))
    }
}

impl_borrow_decode!(QrMatrix);
