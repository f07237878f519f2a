//! The `otpauth://` URI that carries a new key to an authenticator app, and its QR code.
//!
//! MUST: pure; the key's text stands only in buffers that are wiped.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use mfad_proto::{Issuer, QrMatrix, SecretText, UserName};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use qrcode::{Color, EcLevel, QrCode};
use zeroize::Zeroizing;

use crate::totp::{Algorithm, Digits, TotpKey};

/// Writes the URI: label `issuer:user`, then the key, the issuer, and what differs from the defaults of every app
/// (SHA-1, 6 digits, 30 s), so that the QR code stays small.
///
/// # Errors
/// [`Error`] when it is longer than a message may carry; no issuer and user of legal length does that.
pub fn uri(key: &TotpKey, issuer: &Issuer, user: &UserName, kind: (Algorithm, Digits)) -> Result<SecretText, Error> {
    // Allocated once at full size: a string that grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(SecretText::MAX));
    let encode = |text: &mut String, part: &str| text.extend(utf8_percent_encode(part, RESERVED));

    text.push_str("otpauth://totp/");
    encode(&mut text, issuer.as_str());
    text.push(':');
    encode(&mut text, user.as_str());
    text.push_str("?secret=");
    BASE32_NOPAD.encode_append(key.expose(), &mut text);
    text.push_str("&issuer=");
    encode(&mut text, issuer.as_str());
    let (algorithm, digits) = kind;
    match algorithm {
        Algorithm::Sha1 => {}
        Algorithm::Sha256 => text.push_str("&algorithm=SHA256"),
        Algorithm::Sha512 => text.push_str("&algorithm=SHA512"),
    }
    if digits != Digits::default() {
        text.push_str("&digits=");
        text.push(char::from(b'0'.saturating_add(digits.count())));
    }
    SecretText::new(text).ok_or(Error)
}

/// Draws the QR code at error correction level L, which keeps it small enough for a terminal.
///
/// # Errors
/// [`Error`] when the text is too long for any QR code; no [`SecretText`] is.
pub fn qr(uri: &SecretText) -> Result<QrMatrix, Error> {
    let code = QrCode::with_error_correction_level(uri.expose(), EcLevel::L).map_err(|_e| Error)?;
    let size = u8::try_from(code.width()).map_err(|_e| Error)?;
    // Taken over, not copied, so that it is wiped.
    let colors = Zeroizing::new(code.into_colors().into_iter().map(|c| c == Color::Dark).collect::<Vec<bool>>());
    let pack = |eight: &[bool]| {
        eight.iter().zip(0_u8..).fold(0, |byte, (dark, bit)| byte | (u8::from(*dark) << (7_u8.saturating_sub(bit))))
    };
    let bits = Zeroizing::new(colors.chunks(8).map(pack).collect::<Vec<u8>>());
    QrMatrix::new(size, bits).ok_or(Error)
}

/// The URI or its QR code does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Error;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the otpauth URI does not fit")
    }
}

impl std::error::Error for Error {}

/// Everything but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
