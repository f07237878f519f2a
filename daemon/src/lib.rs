//! The local second-factor verifier as a library: [`run`] is the daemon, and `mfad` only builds its arguments.
//!
//! A request passes six rooms in one direction: `listener` and `connection` (accept, caps, deadlines, kernel
//! credentials), `mfad_proto` (bounded frame to typed request), `handler` (one match, no rules), [`policy`] (may this
//! peer ask this?), [`vault`] (one decision about one record), [`store`] (seal, commit durably). `ARCHITECTURE.md` has
//! the map and the decisions.
#![deny(unsafe_code)]

mod accounts;
pub mod audit;
pub mod backup;
pub mod clock;
pub mod config;
mod connection;
mod credential;
mod first_factor;
pub mod grants;
mod handler;
pub mod helper;
pub mod home;
pub mod inventory;
pub mod keyring;
mod keys;
pub mod ledger;
pub mod listener;
#[expect(unsafe_code, reason = "the kernel locks pages for whoever owns them, and no crate here wraps that safely")]
pub mod locked;
mod locks;
pub mod metrics;
mod names;
pub mod otpauth;
pub mod password;
mod peer;
mod place;
pub mod places;
pub mod policy;
pub mod proof;
pub mod realm_record;
pub mod reason;
pub mod record;
pub mod recovery;
pub mod reload;
mod residue;
pub mod restore;
pub mod root_key;
mod rotation;
pub mod seal;
mod server;
mod service;
pub mod setup;
mod slots;
pub mod sockets;
pub mod stack;
pub mod state;
pub mod store;
pub mod sweep;
pub mod throttle;
pub mod totp;
pub mod used;
pub mod users;
pub mod vault;
pub mod verifiers;
mod watchdog;

pub use listener::{Access, Introducer, Listener};
pub use server::{Config, Error, run};
