//! The types that C sees into. Their comments stand in `mfad.h`, and are written for its readers.
//!
//! MUST: no variant of an enum is 0, which is what a program finds where there is no answer; and no value of C's is ever
//! read as an enum.
#![expect(unreachable_pub, reason = "cbindgen reads what is public")]

use std::ffi::{c_char, c_int, c_void};

/// A proof that vouches for the first factor: the program has checked it by itself.
pub const MFAD_PROOF_ASSERTED: c_int = 1;

/// A proof that brings the password, for mfad to judge.
pub const MFAD_PROOF_PASSWORD: c_int = 2;

/// A secret that a person has typed: length bytes, no NUL needed. An empty one is "" and 0, never NULL.
///
/// A code has at most 64 bytes and a password 1024. Give a code as it was typed: the server judges it.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Secret {
    /// The first byte.
    pub data: *const c_void,
    /// How many bytes there are.
    pub length: usize,
}

/// Who logs in, and from where. The last three go to the audit log; each may be NULL, and one that is too long is cut.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Login {
    /// The user's name.
    pub user: *const c_char,
    /// The service, such as "sshd".
    pub service: *const c_char,
    /// The remote host.
    pub rhost: *const c_char,
    /// The terminal.
    pub tty: *const c_char,
}

/// That the first factor was given. One of zeros is none.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Proof {
    /// MFAD_PROOF_ASSERTED or MFAD_PROOF_PASSWORD.
    pub kind: c_int,
    /// The password. With MFAD_PROOF_ASSERTED it must be {NULL, 0}.
    pub password: Secret,
}

/// What a login needs next.
#[derive(Clone, Copy)]
#[repr(C)]
pub enum Need {
    /// A code: ask for it, then mfad_verify.
    Code = 1,
    /// A second factor must be set up before the login goes on: mfad_enroll, then mfad_confirm.
    Enroll = 2,
    /// The same, and mfad_enroll needs an administrator's ticket.
    EnrollWithTicket = 3,
    /// Nothing: there is no second factor, and none is enforced.
    Nothing = 4,
    /// Nobody gets in until an administrator acts: refuse the login.
    Locked = 5,
}

/// The state of a factor.
#[derive(Clone, Copy)]
#[repr(C)]
pub enum State {
    /// No factor.
    None = 1,
    /// No factor yet: an enrolment waits for its first code.
    Pending = 2,
    /// A working factor.
    Active = 3,
    /// Stopped until an administrator acts.
    Locked = 4,
}

/// What was accepted. Each of them is a yes.
#[derive(Clone, Copy)]
#[repr(C)]
pub enum Factor {
    /// A time-based code.
    Totp = 1,
    /// A recovery code.
    Recovery = 2,
    /// A password, where the account needs no more. Only from mfad_authenticate.
    Password = 3,
}

/// How the server is.
#[repr(C)]
pub struct Pong {
    /// Whether it answers requests.
    pub ready: bool,
    /// Its version, such as "0.1.0".
    pub version: [c_char; 64],
    /// One sentence on what is wrong; empty when all is well.
    pub why: [c_char; 512],
}

/// A right code, and what the person should know about tries before it. Times are in Unix seconds.
#[repr(C)]
pub struct Accepted {
    /// What was accepted.
    pub factor: Factor,
    /// Recovery codes that are left.
    pub recovery_left: u32,
    /// Tries that failed since the last success before this one.
    pub failures_since: u32,
    /// Whether the next two fields are set.
    pub has_last_failure: bool,
    /// When the latest of them was.
    pub last_failure_time: u64,
    /// What its service called itself. What is not printable stands there as '?'.
    pub last_failure_service: [c_char; 65],
}

/// How an account stands. Times are in Unix seconds.
#[repr(C)]
pub struct Status {
    /// Its realm.
    pub realm: [c_char; 33],
    /// Its user, by the account's own name.
    pub user: [c_char; 256],
    /// Its factor.
    pub state: State,
    /// Whether a second factor is enforced for it now.
    pub enforced: bool,
    /// Recovery codes that are left.
    pub recovery_left: u32,
    /// Codes that failed and nobody was told of yet.
    pub failures_since: u32,
    /// Whether enrolled_at is set.
    pub has_enrolled_at: bool,
    /// When the factor was confirmed.
    pub enrolled_at: u64,
    /// Whether last_success is set.
    pub has_last_success: bool,
    /// When a code was last accepted.
    pub last_success: u64,
    /// Seconds until the next code is judged; 0 when it need not wait.
    pub retry_after: u32,
}
