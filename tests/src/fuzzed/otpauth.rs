//! Enrolment URIs: another reader finds in one what the daemon put there, and with its picture it fits a message.

use data_encoding::BASE32_NOPAD;
use mfad_daemon::otpauth::{qr, uri};
use mfad_daemon::totp::{Algorithm, Digits, TotpKey};
use mfad_proto::frame::MAX_FRAME;
use mfad_proto::{Enrollment, EnrollmentId, Handle, Issuer, Reply, Response, SecretText, UserName};

use crate::app::percent_decode;

/// What an authenticator app finds in a URI.
#[derive(Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each bears the name of its part")]
pub struct Scanned {
    pub issuer: String,
    pub user: String,
    pub key: Vec<u8>,
    pub algorithm: String,
    pub digits: u8,
}

/// Makes the URI of an enrolment that these bytes describe, and has it read by a reader of our own.
///
/// # Panics
/// When it does not hold.
pub fn check(bytes: &[u8]) {
    check_with(bytes, scan);
}

/// As [`check`], with this reader.
///
/// # Panics
/// When it does not hold.
pub fn check_with(bytes: &[u8], scan: impl Fn(&str) -> Scanned) {
    let Some(Parts { issuer, user, key, algorithm, digits }) = Parts::of(bytes) else { return };
    let uri = uri(&key, &issuer, &user, (algorithm, digits)).expect("no legal parts are too long");
    let expected = Scanned {
        issuer: issuer.to_string(),
        user: user.to_string(),
        key: key.expose().to_vec(),
        algorithm: format!("{algorithm:?}").to_uppercase(),
        digits: digits.count(),
    };
    assert_eq!(scan(uri.expose()), expected, "{}", uri.expose());
}

/// Draws a text as a QR code: an enrolment with both fits a frame.
///
/// # Panics
/// When it does not hold.
pub fn draw(bytes: &[u8]) {
    let text = bytes.iter().take(SecretText::MAX).map(|byte| char::from(byte & 0x7f)).collect::<String>();
    let uri = SecretText::new(text.into()).expect("ASCII of legal length");
    let qr = qr(&uri).expect("no secret text is too long for a picture");
    assert!((21..=177).contains(&qr.size()) && qr.size() % 4 == 1, "{} modules a side", qr.size());
    let (id, handle) = (EnrollmentId::from_random([0; 16]), Handle::from_random([0; 20]));
    let enrollment = Enrollment { id, uri, qr, expires_at: u64::MAX, handle };
    let response = Response { id: u64::MAX, reply: Reply::Enrollment(enrollment) };
    assert!(response.write(&mut [0; MAX_FRAME]).is_ok(), "the enrolment does not fit a frame");
}

/// The longest of everything, and names that need care.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let seed = |algorithm: u8, key: usize, issuer: &str, user: &str| {
        let length = |length| u8::try_from(length).expect("a short part");
        let kind = [algorithm, algorithm, length(key - TotpKey::MIN), length(issuer.len())];
        [&kind, vec![0xA5; key].as_slice(), issuer.as_bytes(), user.as_bytes()].concat()
    };
    vec![
        seed(0, 20, "Example Corp", "alice"),
        seed(1, TotpKey::MIN, "100% sure & more?", "a@b.example"),
        seed(2, 32, "a%20b", "50%=half#+"),
        seed(1, 20, ".", ".."),
        seed(2, TotpKey::MAX, &"\u{fc}".repeat(32), &"\u{e9}".repeat(127)),
    ]
}

/// A URI, and the longest text of each kind that a QR code knows.
#[must_use]
pub fn texts() -> Vec<Vec<u8>> {
    let uri = "otpauth://totp/Example:alice?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Example";
    let mut texts = vec![uri.into()];
    texts.extend(["7", "A", "%c3%bc"].map(|part| part.bytes().cycle().take(SecretText::MAX).collect()));
    texts
}

/// The parts of an enrolment.
struct Parts {
    issuer: Issuer,
    user: UserName,
    key: TotpKey,
    algorithm: Algorithm,
    digits: Digits,
}

impl Parts {
    /// Two bytes choose the kind, two the lengths of key and issuer; what no name may hold is left out.
    fn of(bytes: &[u8]) -> Option<Self> {
        let [algorithm, digits, key, issuer, rest @ ..] = bytes else { return None };
        let (key, rest) =
            rest.split_at_checked(TotpKey::MIN + usize::from(*key) % (TotpKey::MAX - TotpKey::MIN + 1))?;
        let (issuer, user) = rest.split_at_checked(usize::from(*issuer))?;
        Some(Self {
            issuer: Issuer::new(&legal(issuer, 64, ":"))?,
            user: UserName::new(&legal(user, 255, ":/"))?,
            key: TotpKey::copied(key)?,
            algorithm: [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512][usize::from(algorithm % 3)],
            digits: Digits::new(6 + digits % 3)?,
        })
    }
}

fn legal(bytes: &[u8], longest: usize, forbidden: &str) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut text: String = text.chars().filter(|c| !c.is_control() && !forbidden.contains(*c)).collect();
    text.truncate(text.floor_char_boundary(longest));
    text
}

/// Reads a URI as the text of its format says.
fn scan(uri: &str) -> Scanned {
    let (label, query) = uri.strip_prefix("otpauth://totp/").expect("a TOTP URI").split_once('?').expect("parameters");
    let (issuer, user) = label.split_once(':').expect("an issuer");
    let parameter = |name| query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name);
    let value = |name, default| parameter(name).map_or(default, |(_, value)| value);
    assert_eq!(value("issuer", ""), issuer, "two issuers");
    assert_eq!(value("period", "30"), "30");
    Scanned {
        issuer: percent_decode(issuer),
        user: percent_decode(user),
        key: BASE32_NOPAD.decode(value("secret", "").as_bytes()).expect("base32"),
        algorithm: value("algorithm", "SHA1").to_owned(),
        digits: value("digits", "6").parse().expect("a number"),
    }
}
