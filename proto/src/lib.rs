//! What travels between `mfad` and its clients: frames, requests and responses, and the types of their fields.
//!
//! No sockets, files or clock here. `PROTOCOL.md` beside this crate is the normative text; `vectors/` holds golden
//! frames that every client in every language must pass. The layout is bincode 2 `standard()`, and this crate is the
//! only one that knows it.
//!
//! A reader judges a frame in this order: length ([`frame::Header`]), version, id, call, fields, and that no byte is
//! left over. Every field is a type that cannot hold what the protocol forbids.
#![forbid(unsafe_code)]

mod account;
mod call;
mod codec;
mod enrollment;
pub mod frame;
mod import;
mod listing;
mod log;
pub mod passwd;
mod policy;
mod printable;
mod reply;
mod secret;
mod stats;
mod text;

pub use account::{Account, AccountName, Handle, Realm, UserName};
pub use call::{Call, CallKind, Context, Proof, Request};
pub use codec::{BadRequest, Malformed};
pub use enrollment::{Enrollment, EnrollmentId, QrMatrix};
pub use import::{Algorithm, Digits, ForeignFactor, Imported, TotpKey};
pub use listing::{AccountPage, FactorProfile, HandlePage, Holder, Listed, ListedHandle, Profile, Stage};
pub use log::{LogFault, LogFilter, LogFinding, LogLine, LogPage, LogPlace, OUTCOMES};
pub use policy::{BadEnforcement, Enforcement, Enrolling, FirstFactor, RealmPolicy, Replacing};
pub use printable::{is_printable, printable};
pub use reply::{Accepted, Factor, Failure, Issued, Keys, Need, Pong, Refusal, Reply, Response, State, Status};
pub use secret::{Code, Password, RecoveryCodes, SecretText};
pub use stats::{Kind, Metric, Sample, StatsPage, StatsPlace};
pub use text::{Issuer, Label, Note, RemoteHost};

/// The only protocol version this crate speaks.
pub const VERSION: u8 = 1;

/// The words shown to a person with every denial: they say nothing about the reason.
pub const DENIED_TEXT: &str = "Not accepted. Each code works once: wait for the next one.";
