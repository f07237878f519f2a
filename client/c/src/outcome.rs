//! What a function answers, and its names.
#![expect(unreachable_pub, reason = "cbindgen reads what is public")]

use std::ffi::{CStr, c_int};

use mfad_client::Error;
use mfad_proto::Refusal;

/// What a function answers. Only MFAD_RESULT_OK is a yes. Numbers are never changed; new ones may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum Outcome {
    /// It went well.
    Ok = 0,
    /// Wrong, used or unknown: one answer for all. Show the words of mfad_result_text, and no others.
    Denied = 1,
    /// Too many failures: the request was not judged. mfad_retry_after says how long to wait.
    TryLater = 2,
    /// The password was right, and a second factor must be set up first. Only from mfad_authenticate.
    EnrollmentRequired = 3,
    /// This process may not ask this.
    NotPermitted = 4,
    /// The server cannot answer now.
    Unavailable = 5,
    /// The server finds that the request breaks the protocol, such as an empty new password.
    Malformed = 6,
    /// The server does not know or does not serve this, in this realm.
    Unsupported = 7,
    /// Nobody listens on the socket. mfad_os_error says ENOENT or ECONNREFUSED.
    NotRunning = 16,
    /// The socket is there, and cannot be used. mfad_os_error says why.
    CannotConnect = 17,
    /// Somebody else serves there: nothing was sent. See mfad_set_server_uid.
    WrongServer = 18,
    /// The time is up, and nothing was judged, or the call changes nothing.
    Deadline = 19,
    /// The server closed, and nothing was judged, or the call changes nothing.
    Gone = 20,
    /// The request was sent, and no answer came: it may have been judged. Never send it again: ask for a new code.
    UnknownFate = 21,
    /// The server speaks other versions of the protocol.
    Version = 22,
    /// The server broke the protocol.
    Protocol = 23,
    /// An argument is NULL, too long or not legal: nothing was sent.
    Invalid = 24,
    /// A defect of this library: nothing is known of the request.
    Defect = 25,
}

impl Outcome {
    const ALL: [Self; 18] = [
        Self::Ok,
        Self::Denied,
        Self::TryLater,
        Self::EnrollmentRequired,
        Self::NotPermitted,
        Self::Unavailable,
        Self::Malformed,
        Self::Unsupported,
        Self::NotRunning,
        Self::CannotConnect,
        Self::WrongServer,
        Self::Deadline,
        Self::Gone,
        Self::UnknownFate,
        Self::Version,
        Self::Protocol,
        Self::Invalid,
        Self::Defect,
    ];

    #[expect(clippy::as_conversions, reason = "an enum without fields has no other way to its number")]
    const fn number(self) -> c_int {
        self as c_int
    }

    /// The one of this number, if there is one.
    pub(crate) fn of(number: c_int) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.number() == number)
    }

    /// Its name in C.
    pub(crate) const fn name(self) -> &'static CStr {
        match self {
            Self::Ok => c"MFAD_RESULT_OK",
            Self::Denied => c"MFAD_RESULT_DENIED",
            Self::TryLater => c"MFAD_RESULT_TRY_LATER",
            Self::EnrollmentRequired => c"MFAD_RESULT_ENROLLMENT_REQUIRED",
            Self::NotPermitted => c"MFAD_RESULT_NOT_PERMITTED",
            Self::Unavailable => c"MFAD_RESULT_UNAVAILABLE",
            Self::Malformed => c"MFAD_RESULT_MALFORMED",
            Self::Unsupported => c"MFAD_RESULT_UNSUPPORTED",
            Self::NotRunning => c"MFAD_RESULT_NOT_RUNNING",
            Self::CannotConnect => c"MFAD_RESULT_CANNOT_CONNECT",
            Self::WrongServer => c"MFAD_RESULT_WRONG_SERVER",
            Self::Deadline => c"MFAD_RESULT_DEADLINE",
            Self::Gone => c"MFAD_RESULT_GONE",
            Self::UnknownFate => c"MFAD_RESULT_UNKNOWN_FATE",
            Self::Version => c"MFAD_RESULT_VERSION",
            Self::Protocol => c"MFAD_RESULT_PROTOCOL",
            Self::Invalid => c"MFAD_RESULT_INVALID",
            Self::Defect => c"MFAD_RESULT_DEFECT",
        }
    }

    /// What a person is told.
    pub(crate) const fn text(self) -> &'static CStr {
        match self {
            Self::Ok => c"It went well.",
            // The protocol's own words; a test compares them.
            Self::Denied => c"Not accepted. Each code works once: wait for the next one.",
            Self::TryLater => c"Too many failures: nothing is looked at now. Try again later.",
            Self::EnrollmentRequired => c"A second factor is required, and none is set up.",
            Self::NotPermitted => c"mfad does not let this program ask this.",
            Self::Unavailable => c"The second factor cannot be checked now. Try again later.",
            Self::Malformed => c"mfad finds something in the request that is not legal.",
            Self::Unsupported => c"mfad does not serve this.",
            Self::NotRunning => c"mfad is not running.",
            Self::CannotConnect => c"mfad cannot be reached.",
            Self::WrongServer => c"Somebody else serves in the place of mfad: nothing was sent.",
            Self::Deadline => c"mfad did not answer in time.",
            Self::Gone => c"mfad closed the connection.",
            Self::UnknownFate => c"No answer came: the request may have been judged. Use a new code.",
            Self::Version => c"mfad speaks other versions of the protocol than this program.",
            Self::Protocol => c"mfad broke the protocol.",
            Self::Invalid => c"The program gave something that nobody can be asked about.",
            Self::Defect => c"The library has a defect.",
        }
    }
}

impl From<Refusal> for Outcome {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Denied => Self::Denied,
            Refusal::TryLater { .. } => Self::TryLater,
            Refusal::EnrollmentRequired => Self::EnrollmentRequired,
            Refusal::NotPermitted => Self::NotPermitted,
            Refusal::Unavailable => Self::Unavailable,
            Refusal::Malformed => Self::Malformed,
            Refusal::Unsupported => Self::Unsupported,
        }
    }
}

impl From<&Error> for Outcome {
    fn from(error: &Error) -> Self {
        match error {
            Error::NotRunning { .. } => Self::NotRunning,
            Error::Connect { .. } => Self::CannotConnect,
            Error::WrongServer { .. } => Self::WrongServer,
            Error::Deadline => Self::Deadline,
            Error::Gone => Self::Gone,
            Error::UnknownFate => Self::UnknownFate,
            Error::Version { .. } => Self::Version,
            // Every field was judged before: what cannot be written or read is the server's.
            Error::Malformed(_) | Error::Protocol(_) => Self::Protocol,
            // One that came after this was written, and no yes.
            _ => Self::Defect,
        }
    }
}

#[cfg(test)]
mod tests {
    use mfad_proto::DENIED_TEXT;

    use super::Outcome;

    #[test]
    fn each_is_found_by_its_number_and_no_other_number_is_one() {
        assert!(Outcome::ALL.iter().all(|outcome| Outcome::of(outcome.number()) == Some(*outcome)));
        assert!([-1, 8, 15, 26, i32::MAX, i32::MIN].iter().all(|number| Outcome::of(*number).is_none()));
    }

    #[test]
    fn names_differ_and_say_what_cbindgen_calls_them() {
        for outcome in Outcome::ALL {
            let mut name = String::from("MFAD_RESULT");
            for letter in format!("{outcome:?}").chars() {
                name.extend(letter.is_uppercase().then_some('_'));
                name.push(letter.to_ascii_uppercase());
            }
            assert_eq!(outcome.name().to_str().unwrap(), name);
        }
    }

    #[test]
    fn a_denial_has_the_words_of_the_protocol() {
        assert_eq!(Outcome::Denied.text().to_str().unwrap(), DENIED_TEXT);
    }
}
