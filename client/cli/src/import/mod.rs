//! `mfactl admin import`: factors that other programs have kept, read one by one; the daemon judges each and takes it over.
//!
//! MUST: memory does not grow with the file; a key lies only in buffers that are wiped, and stands in no message; what is
//! refused keeps nothing else out; without `--apply` nothing changes anywhere.

mod format;
mod google_authenticator;
mod key;
mod netmaker;
mod otpauth;
mod pam_oath;
mod plain_file;
mod report;
mod transfer;

use std::path::Path;

use mfad_client::Options;
use mfad_proto::{Digits, ForeignFactor, Realm, UserName};

use self::google_authenticator::GoogleAuthenticator;
use self::netmaker::{Netmaker, Row};
use self::otpauth::Otpauth;
use self::pam_oath::PamOath;
use self::plain_file::PlainFile;
use self::transfer::Transfer;
use crate::args::{Format, Import};
use crate::failure::Failure;
use crate::output::Output;

/// A file of one of the formats.
trait Source {
    /// What comes next in it.
    fn next(&mut self) -> Result<Option<Found>, Failure>;

    /// How much of it was read, and how much there is.
    fn progress(&self) -> (u64, u64);
}

/// One thing in the file.
struct Found {
    place: Place,
    what: Result<Entry, Refused>,
}

/// Where it stands.
enum Place {
    Line(u64),
    Row(Row),
}

/// A factor that the daemon may take over.
struct Entry {
    user: UserName,
    factor: ForeignFactor,
    /// What of it stays behind.
    note: Option<&'static str>,
}

/// What can be no factor of mfad's.
struct Refused {
    /// Whose it is, as far as the file says, in a form that can be shown.
    user: Option<String>,
    why: &'static str,
}

impl Refused {
    fn new(user: &str, why: &'static str) -> Self {
        Self { user: Some(report::shown(user)), why }
    }
}

/// Runs the command.
pub(crate) fn run(import: Import, (server, realm): (Options, &Realm), output: &Output) -> Result<(), Failure> {
    let Import { file, format, user, rewrite, apply } = import;
    let format = match format {
        Some(format) => format,
        None => format::recognise(&PlainFile::open(&file)?)?,
    };
    if rewrite && format != Format::Netmaker {
        return Err(Failure::Usage("--rewrite is for a Netmaker database"));
    }
    if user.is_some() && matches!(format, Format::PamOath | Format::Netmaker) {
        return Err(Failure::Usage("--user is for a file of one factor: this one names its users itself"));
    }
    if format == Format::Netmaker && *realm == Realm::system() {
        return Err(Failure::Usage(
            "Netmaker's users are not those of this machine: name their realm with --realm netmaker",
        ));
    }
    let mut source = open(format, &file, user)?;
    let mut transfer = Transfer::begin((server, realm), (apply, rewrite), (&file, output))?;
    transfer.all(&mut *source)?;
    let rewritten = rewrite.then(|| netmaker::rewrite(&file, transfer.taken())).transpose();
    transfer.close(rewritten)
}

fn open(format: Format, path: &Path, user: Option<UserName>) -> Result<Box<dyn Source>, Failure> {
    let file = PlainFile::open(path)?;
    Ok(match format {
        Format::GoogleAuthenticator => Box::new(GoogleAuthenticator::open(file, user)?),
        Format::PamOath => Box::new(PamOath::open(file)?),
        Format::Otpauth => Box::new(Otpauth::open(file, user)?),
        Format::Netmaker => Box::new(Netmaker::open(path)?),
    })
}

/// How many digits a code has, where that is said.
fn digits(said: Option<&str>) -> Result<Digits, &'static str> {
    let count = match said {
        None => return Ok(Digits::default()),
        Some("6") => 6,
        Some("7") => 7,
        Some("8") => 8,
        Some(_) => 0,
    };
    Digits::new(count).ok_or("its codes have another number of digits than 6 to 8")
}

/// What no name of a user may be.
const NO_NAME: &str = "a user's name has 1 to 255 bytes, without control characters, ':' and '/'";

/// Why nothing of an event-based factor can be taken over.
const COUNTED: &str = "its codes are counted (HOTP), and mfad judges codes by the time alone";

/// Why nothing of another period can be taken over.
const OTHER_PERIOD: &str = "its codes do not change every 30 seconds";
