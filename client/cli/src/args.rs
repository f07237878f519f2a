//! The command line. Secrets are never on it.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Parser, Subcommand};
use clap_complete::Shell;
use mfad_proto::{EnrollmentId, Note, OUTCOMES, Realm, UserName};

/// Second factors of this machine: enrol, verify, look, reset.
///
/// Secrets are read from the terminal without echo, or one per line from standard input, in the order password, ticket,
/// code, new code or new password.
#[derive(Parser)]
#[command(name = "mfactl", version, arg_required_else_help = true, subcommand_required = true, after_help = statuses())]
pub(crate) struct Args {
    /// The server's socket [default: the realm's below /run/mfad where it may be opened, else the public one]
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// The realm of the user [default: system; admin audit: all]
    #[arg(long, global = true, value_name = "R", value_parser = realm)]
    pub(crate) realm: Option<Realm>,
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
    /// Look for what keeps mfad from working or from protecting, and say what to do
    Doctor,
    /// Print a script that completes mfactl's words in a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page
    #[command(hide = true)]
    Man,
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
            | Self::Backup { .. }
            | Self::Doctor
            | Self::Completions { .. }
            | Self::Man => false,
        }
    }
}

#[derive(Subcommand)]
pub(crate) enum Admin {
    /// List the accounts of a realm
    List(List),
    /// Show everything about an account that is no secret
    Show {
        /// The user
        #[arg(value_parser = user)]
        user: UserName,
    },
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
    /// Take over factors that other programs have kept; without --apply only say what would be done
    ///
    /// The keys become the accounts' working factors at once. A code that the old program has accepted within the last
    /// minute may be accepted here once more; recovery codes and counters are not taken over. The old file still holds
    /// the keys until it is deleted. An import that was cut off can be run again.
    Import(Import),
    /// Show what has happened, and verify that nothing of it was changed
    Audit(Audit),
    /// Show what the daemon measures of itself
    Stats {
        /// In the text format of Prometheus
        #[arg(long)]
        prometheus: bool,
    },
}

#[derive(clap::Args)]
pub(crate) struct List {
    /// Only accounts in this state
    #[arg(long, value_name = "S")]
    pub(crate) state: Option<StateWord>,
    /// Only accounts whose Unix user is gone or has another uid
    #[arg(long)]
    pub(crate) orphans: bool,
    /// The handles that the accounts bear, instead of the accounts
    #[arg(long, conflicts_with_all = ["state", "orphans"])]
    pub(crate) handles: bool,
    /// Begin after this user
    #[arg(long, value_name = "U", value_parser = user)]
    pub(crate) after: Option<UserName>,
    /// At most so many
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
}

/// The state of a factor, as a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum StateWord {
    None,
    Pending,
    Active,
    Locked,
}

#[derive(clap::Args)]
pub(crate) struct Import {
    /// The file
    pub(crate) file: PathBuf,
    /// What the file is [default: what it looks like]
    #[arg(long, value_name = "F")]
    pub(crate) format: Option<Format>,
    /// Whose the one factor in the file is [default: as an otpauth URI says; else the file's owner]
    #[arg(long, value_name = "U", value_parser = user)]
    pub(crate) user: Option<UserName>,
    /// Put each account's handle in the place of its key in the Netmaker database, all at once at the end. Stop
    /// Netmaker before, and start it with mfad's drop-in afterwards: its own verifier knows no handles
    #[arg(long, requires = "apply")]
    pub(crate) rewrite: bool,
    /// Do it [default: only say what would be done]
    #[arg(long)]
    pub(crate) apply: bool,
}

/// Where factors come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// A user's ~/.google_authenticator
    GoogleAuthenticator,
    /// The users file of pam_oath
    PamOath,
    /// otpauth URIs, one a line
    Otpauth,
    /// The sqlite database of a Netmaker server
    Netmaker,
}

#[derive(clap::Args)]
pub(crate) struct Audit {
    /// Only lines about this user
    #[arg(long, value_name = "U", value_parser = user)]
    pub(crate) user: Option<UserName>,
    /// Only lines from this moment on: YYYY-MM-DD (00:00 UTC), YYYY-MM-DDTHH:MM:SSZ, Unix seconds, or how long ago, such
    /// as 2h or 7d
    #[arg(long, value_name = "T")]
    pub(crate) since: Option<String>,
    /// Only lines before this moment
    #[arg(long, value_name = "T")]
    pub(crate) until: Option<String>,
    /// Only lines with this outcome
    #[arg(long, value_name = "O", value_parser = PossibleValuesParser::new(OUTCOMES))]
    pub(crate) outcome: Option<String>,
    /// Look for edits, cuts and losses in the whole log, after the lines that are asked for; status 1 when there are any
    #[arg(long)]
    pub(crate) verify: bool,
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

/// The exit statuses in one sentence.
fn statuses() -> String {
    let all: Vec<_> = STATUSES.iter().map(|(status, meaning)| format!("{status} {meaning}")).collect();
    format!("Exit status: {}.", all.join(", "))
}

/// What each exit status says.
pub(crate) const STATUSES: &[(&str, &str)] = &[
    ("0", "accepted or done"),
    ("1", "denied, or something is found to be wrong"),
    ("2", "usage"),
    ("3", "try later"),
    ("4", "unavailable"),
    ("5", "not permitted"),
    ("6", "enrolment required"),
    ("7", "anything else"),
];
