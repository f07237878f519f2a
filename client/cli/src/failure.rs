//! Why a command did not succeed: the word for a program, the sentence for a person, and the exit status.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::process::ExitCode;

use mfad_client::Error as ClientError;
use mfad_proto::{DENIED_TEXT, Refusal, Reply, UserName};

/// Why a command did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The user has a factor already.
    Enrolled(UserName),
    /// The user has no factor that an administrator could help with.
    NothingToHelp(UserName),
    /// An enrolment was not begun: the password, or a ticket that is missing.
    NotBegun,
    /// Only an administrator enrols there.
    Closed,
    /// There is no such account.
    NotKnown(UserName),
    /// What is stored belongs to somebody who bore the name before.
    OtherUser(UserName),
    /// The server said no.
    Refused(Refusal),
    /// There is no answer.
    NoAnswer(ClientError),
    /// The server does not get on with a change of keys.
    Stalled,
    /// The server answered another question.
    Unexpected(&'static str),
    /// Something was looked at, and so much is wrong with it.
    Findings(u64),
    /// What was typed or piped in cannot be used.
    Usage(&'static str),
    /// The caller has no user name, and named none.
    NoUser,
    /// Something typed is longer than the protocol carries.
    TooLong(&'static str),
    /// Some of what was to be imported was refused, and said so; the rest was taken.
    SomeRefused(u64),
    /// A file or stream cannot be read or written.
    Io(String, io::Error),
}

impl Failure {
    pub(crate) fn unexpected(reply: &Reply) -> Self {
        match reply {
            Reply::Refused(refusal) => Self::Refused(*refusal),
            Reply::GoingAway => Self::NoAnswer(ClientError::Gone),
            Reply::Pong(_)
            | Reply::Need(_)
            | Reply::Status(_)
            | Reply::Accepted(_)
            | Reply::Enrollment(_)
            | Reply::Enrolled(_)
            | Reply::Done
            | Reply::Backup { .. }
            | Reply::RecoveryCodes(_)
            | Reply::Issued(_)
            | Reply::Keys(_)
            | Reply::Policy(_)
            | Reply::Accounts(_)
            | Reply::Profile(_)
            | Reply::Imported(_)
            | Reply::Log(_)
            | Reply::Stats(_)
            | Reply::Handles(_) => Self::Unexpected("an answer to another question"),
        }
    }

    /// The word that `--json` prints as `result`; a usage error has none.
    pub(crate) const fn result(&self) -> Option<&'static str> {
        match self {
            Self::Refused(Refusal::Denied)
            | Self::NothingToHelp(_)
            | Self::OtherUser(_)
            | Self::NotKnown(_)
            | Self::NotBegun => Some("denied"),
            Self::Refused(Refusal::TryLater { .. }) => Some("try_later"),
            Self::Refused(Refusal::EnrollmentRequired) => Some("enrollment_required"),
            Self::Refused(Refusal::NotPermitted) | Self::Enrolled(_) | Self::Closed => Some("not_permitted"),
            Self::Refused(Refusal::Unavailable) | Self::NoAnswer(_) | Self::Unexpected(_) | Self::Stalled => {
                Some("unavailable")
            }
            Self::Refused(Refusal::Malformed) | Self::TooLong(_) => Some("malformed"),
            Self::Refused(Refusal::Unsupported) => Some("unsupported"),
            // What was found has been printed.
            Self::Findings(_) | Self::SomeRefused(_) | Self::Usage(_) | Self::NoUser | Self::Io(..) => None,
        }
    }

    pub(crate) const fn retry_after(&self) -> Option<u32> {
        if let Self::Refused(Refusal::TryLater { seconds }) = self { Some(*seconds) } else { None }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Refused(Refusal::Denied)
            | Self::NothingToHelp(_)
            | Self::OtherUser(_)
            | Self::NotKnown(_)
            | Self::NotBegun
            | Self::Findings(_)
            | Self::SomeRefused(_) => 1,
            Self::Usage(_) | Self::NoUser => 2,
            Self::Refused(Refusal::TryLater { .. }) => 3,
            Self::Refused(Refusal::Unavailable) | Self::NoAnswer(_) | Self::Unexpected(_) | Self::Stalled => 4,
            Self::Refused(Refusal::NotPermitted) | Self::Enrolled(_) | Self::Closed => 5,
            Self::Refused(Refusal::EnrollmentRequired) => 6,
            Self::Refused(Refusal::Malformed | Refusal::Unsupported) | Self::TooLong(_) | Self::Io(..) => 7,
        })
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::NoAnswer(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enrolled(user) => {
                write!(
                    f,
                    "{user} has a second factor. To replace it, run mfactl reset {user} first, with a code of it."
                )
            }
            Self::NothingToHelp(user) => write!(f, "{user} has no second factor."),
            Self::NotKnown(user) => write!(f, "mfad does not know {user}."),
            Self::OtherUser(user) => write!(
                f,
                "{user} had another uid when it was enrolled: mfactl admin disable {user} --reason T lets go of what is left."
            ),
            Self::NotBegun => write!(
                f,
                "{DENIED_TEXT} Where the realm asks for a ticket, run mfactl enroll --ticket with the one that the administrator has issued."
            ),
            Self::Closed => {
                f.write_str("Only an administrator enrols in this realm, or this name may not be asked about here.")
            }
            Self::Refused(Refusal::Denied) => f.write_str(DENIED_TEXT),
            Self::Refused(Refusal::TryLater { seconds }) => {
                write!(f, "Too many failed tries: nothing is looked at for {seconds} s.")
            }
            Self::Refused(Refusal::EnrollmentRequired) => {
                f.write_str("A second factor must be set up first: run mfactl enroll.")
            }
            Self::Refused(Refusal::NotPermitted) => {
                f.write_str("You may not ask this of mfad on this socket, or it does not serve the realm.")
            }
            Self::Refused(Refusal::Unavailable) => {
                f.write_str("mfad cannot answer now: its log says why, and so does mfad check.")
            }
            Self::Refused(Refusal::Malformed) => f.write_str("mfad could not read the request."),
            Self::Refused(Refusal::Unsupported) => {
                f.write_str("mfad does not serve this request here: in this realm it does not keep or judge passwords.")
            }
            Self::NoAnswer(error) => no_answer(f, error),
            Self::Stalled => f.write_str(
                "The change of keys does not get on: mfad's log says why. It goes on by itself, and mfactl key status \
                 shows how far it is.",
            ),
            Self::Unexpected(what) => write!(f, "mfad gave {what}."),
            Self::Findings(1) => f.write_str("1 finding: see above."),
            Self::Findings(findings) => write!(f, "{findings} findings: see above."),
            Self::Usage(what) => f.write_str(what),
            Self::NoUser => f.write_str("your uid has no user name: name the user"),
            Self::TooLong(what) => write!(f, "{what} is longer than any is"),
            Self::SomeRefused(count) => write!(f, "{count} refused: the lines above say why."),
            Self::Io(what, error) => write!(f, "{what}: {error}"),
        }
    }
}

fn no_answer(f: &mut fmt::Formatter<'_>, error: &ClientError) -> fmt::Result {
    write!(f, "{error}")?;
    if matches!(error, ClientError::WrongServer { .. }) {
        f.write_str(" (if that is right, name the uid with --server-uid)")?;
    }
    if let Some(source) = error.source() {
        write!(f, ": {source}")?;
    }
    match error {
        ClientError::NotRunning { .. } => f.write_str(". Is mfad running?"),
        _ => f.write_str("."),
    }
}
