//! Keys as text.

use data_encoding::{Encoding, HEXLOWER_PERMISSIVE, Specification};
use mfad_proto::TotpKey;
use zeroize::Zeroizing;

/// Reads base32 as google-authenticator does: in either case, with spaces, hyphens and padding.
pub(super) fn of_base32(text: &str) -> Result<TotpKey, &'static str> {
    let text = text.trim_end_matches(['=', ' ']);
    let bytes = lenient_base32().and_then(|encoding| encoding.decode(text.as_bytes()).ok());
    judge(bytes.map(Zeroizing::new).ok_or("the key is no base32")?)
}

/// Reads hexadecimal digits in either case.
pub(super) fn of_hex(text: &str) -> Result<TotpKey, &'static str> {
    let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes());
    judge(Zeroizing::new(bytes.map_err(|_e| "the key is no row of hexadecimal pairs")?))
}

fn judge(bytes: Zeroizing<Vec<u8>>) -> Result<TotpKey, &'static str> {
    let is_short = bytes.len() < TotpKey::MIN;
    TotpKey::new(bytes).ok_or(if is_short {
        "the key has less than 16 bytes, the least that RFC 4226 allows"
    } else {
        "the key has more than 64 bytes"
    })
}

fn lenient_base32() -> Option<Encoding> {
    let mut specification = Specification::new();
    specification.symbols.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
    specification.translate.from.push_str("abcdefghijklmnopqrstuvwxyz");
    specification.translate.to.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    specification.ignore.push_str(" -");
    // Bits behind the last byte are no part of the key: apps leave them out.
    specification.check_trailing_bits = false;
    specification.encoding().ok()
}
