//! What is handed out with secrets in it: a pending enrolment and recovery codes. Freed, they are wiped.
#![expect(unreachable_pub, reason = "cbindgen reads what is public")]

use mfad_client::{qr, words};
use mfad_proto::{Enrollment, QrMatrix, RecoveryCodes, SecretText};
use zeroize::Zeroizing;

use crate::text::terminated;

/// A pending enrolment: what an authenticator app needs, once. Free it with mfad_enrollment_free.
pub struct Pending {
    pub(crate) id: Zeroizing<Vec<u8>>,
    pub(crate) uri: Zeroizing<Vec<u8>>,
    pub(crate) key: Zeroizing<Vec<u8>>,
    pub(crate) handle: Zeroizing<Vec<u8>>,
    pub(crate) picture: Zeroizing<Vec<u8>>,
    pub(crate) qr: QrMatrix,
    pub(crate) expires_at: u64,
}

impl From<Enrollment> for Pending {
    fn from(enrollment: Enrollment) -> Self {
        Self {
            id: terminated(&enrollment.id.to_string()),
            uri: terminated(enrollment.uri.expose()),
            key: terminated(words::key(&enrollment)),
            handle: terminated(&enrollment.handle.to_string()),
            picture: terminated(&qr::terminal(&enrollment.qr, false)),
            qr: enrollment.qr,
            expires_at: enrollment.expires_at,
        }
    }
}

/// Recovery codes, to be shown this once. Free them with mfad_codes_free.
pub struct Codes(pub(crate) Vec<Zeroizing<Vec<u8>>>);

impl From<RecoveryCodes> for Codes {
    fn from(codes: RecoveryCodes) -> Self {
        Self(codes.as_slice().iter().map(SecretText::expose).map(terminated).collect())
    }
}
