//! The command line. Secrets are never on it.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use mfad_proto::{EnrollmentId, Note, Realm, UserName};

/// Second factors of this machine: enrol, verify, look, reset.
///
/// Secrets are read from the terminal without echo, or one per line from standard input, in the order password, ticket,
/// code, new code or new password.
#[derive(Parser)]
#[command(name = "mfactl", version, arg_required_else_help = true, subcommand_required = true, after_help = STATUSES)]
pub(crate) struct Args {
    /// The server's socket [default: the realm's below /run/mfad where it may be opened, else the public one]
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// The realm of the user
    #[arg(long, global = true, value_name = "R", default_value = "system", value_parser = realm)]
    pub(crate) realm: Realm,
    /// Print JSON on standard output, and prose on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// A uid that may serve, besides root, the user mfad, and for --socket your own
    #[arg(long, global = true, value_name = "N", env = "MFAD_SERVER_UID")]
    pub(crate) server_uid: Option<u32>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show how an account stands
    Status {
        /// The user [default: you]
        #[arg(value_parser = user)]
        user: Option<UserName>,
    },
    /// Set up a second factor
    Enroll(Enroll),
    /// Judge one code
    Verify {
        /// The user [default: you]
        #[arg(value_parser = user)]
        user: Option<UserName>,
        /// Judge the password as well, both at once
        #[arg(long)]
        password: bool,
    },
    /// Give up the current second factor, with a code of it; where one is enforced, set up the next
    Reset {
        /// The user [default: you]
        #[arg(value_parser = user)]
        user: Option<UserName>,
    },
    /// Get new recovery codes, with a code; the old ones are void
    Recovery {
        /// The user [default: you]
        #[arg(value_parser = user)]
        user: Option<UserName>,
    },
    /// Follow an app's clock, 90 s behind to 120 s ahead, with two of its codes in a row
    Resync {
        /// The user [default: you]
        #[arg(value_parser = user)]
        user: Option<UserName>,
    },
    /// Change the password that mfad keeps, in a realm where it does
    Passwd {
        /// The user [default: you]
        #[arg(value_parser = user)]
        user: Option<UserName>,
    },
    /// Help another user, as an administrator
    #[command(subcommand, arg_required_else_help = true)]
    Admin(Admin),
    /// Look at the key that seals the records, or change it
    #[command(subcommand, arg_required_else_help = true)]
    Key(Key),
    /// Write everything the daemon keeps into a file, sealed under a passphrase
    Backup {
        /// The file; it appears when it is complete, and replaces an older one
        file: PathBuf,
        /// Read the passphrase from the first line of this file [default: the terminal, else standard input]
        #[arg(long, value_name = "F")]
        passphrase_file: Option<PathBuf>,
    },
}

impl Command {
    /// Whether only a program calls this, so that it prints JSON in any case.
    pub(crate) const fn is_for_a_program(&self) -> bool {
        match self {
            Self::Enroll(enroll) => enroll.begin || enroll.confirm.is_some(),
            Self::Status { .. }
            | Self::Verify { .. }
            | Self::Reset { .. }
            | Self::Recovery { .. }
            | Self::Resync { .. }
            | Self::Passwd { .. }
            | Self::Admin(_)
            | Self::Key(_)
            | Self::Backup { .. } => false,
        }
    }
}

#[derive(Subcommand)]
pub(crate) enum Admin {
    /// Take a lost factor away, and whatever was begun or issued
    Disable {
        /// The user
        #[arg(value_parser = user)]
        user: UserName,
        /// Why, for the audit
        #[arg(long, value_name = "T", value_parser = note)]
        reason: Note,
    },
    /// Lift the stop that too many failures brought
    Unlock {
        /// The user
        #[arg(value_parser = user)]
        user: UserName,
    },
    /// Issue a recovery code that works once within 24 hours, and lift the stop; without a factor it is an enrolment's ticket
    Recover {
        /// The user
        #[arg(value_parser = user)]
        user: UserName,
    },
    /// Forget a user: factor, password and all
    Remove {
        /// The user
        #[arg(value_parser = user)]
        user: UserName,
    },
    /// Ask everybody in the realm for a second factor: on, off, or after YYYY-MM-DD (00:00 UTC) [default: show the rules]
    Enforce {
        /// The word, and the day where it is `after`
        #[arg(value_name = "on|off|after YYYY-MM-DD", num_args = 0..=2)]
        words: Vec<String>,
    },
    /// Set the password that mfad keeps, in a realm where it does
    SetPassword {
        /// The user
        #[arg(value_parser = user)]
        user: UserName,
    },
}

#[derive(Subcommand)]
pub(crate) enum Key {
    /// Show which key seals the records
    Status,
    /// Make a new key, and seal every record with it while the daemon serves
    Rotate,
}

#[derive(clap::Args)]
pub(crate) struct Enroll {
    /// The user [default: you]
    #[arg(value_parser = user)]
    pub(crate) user: Option<UserName>,
    /// Also write the QR code as a PNG picture to this file
    #[arg(long, value_name = "F", conflicts_with = "confirm")]
    pub(crate) png: Option<PathBuf>,
    /// The name that the authenticator app shows [default: the realm's]
    #[arg(long, value_name = "NAME", value_parser = issuer, conflicts_with = "confirm")]
    pub(crate) issuer: Option<mfad_proto::Issuer>,
    /// Give the ticket that the administrator has issued, in a realm that asks for one
    #[arg(long, conflicts_with = "confirm")]
    pub(crate) ticket: bool,
    /// Only begin, for a program: print the enrolment as JSON
    #[arg(long, conflicts_with = "confirm")]
    pub(crate) begin: bool,
    /// Only finish the enrolment of this id, with its first code
    #[arg(long, value_name = "ID", value_parser = enrollment_id)]
    pub(crate) confirm: Option<EnrollmentId>,
}

fn realm(text: &str) -> Result<Realm, &'static str> {
    Realm::new(text).ok_or("a realm's name is a to z, then up to 31 of a to z, 0 to 9 and -")
}

fn user(text: &str) -> Result<UserName, &'static str> {
    UserName::new(text).ok_or("a user's name has 1 to 255 bytes, without control characters, ':' and '/'")
}

fn note(text: &str) -> Result<Note, &'static str> {
    Note::new(text).ok_or("a reason has 1 to 255 bytes, without control characters")
}

fn issuer(text: &str) -> Result<mfad_proto::Issuer, &'static str> {
    mfad_proto::Issuer::new(text).ok_or("an issuer has 1 to 64 bytes, without control characters and ':'")
}

fn enrollment_id(text: &str) -> Result<EnrollmentId, &'static str> {
    EnrollmentId::new(text).ok_or("an enrolment's id has 32 hex digits, as --begin printed it")
}

const STATUSES: &str = "Exit status: 0 accepted or done, 1 denied, 2 usage, 3 try later, 4 unavailable, \
5 not permitted, 6 enrolment required, 7 anything else.";
