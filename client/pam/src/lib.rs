//! `pam_mfad.so`: asks the daemon what a login needs, asks the person for it, and tells PAM how it went.
//!
//! It is loaded into sshd, sudo, su and login. MUST: no threads, no signal handlers, nothing of the environment, no
//! descriptor that outlives a call, no state from one call to the next; nothing sleeps; the user is never changed; whatever
//! goes wrong denies.
#![expect(clippy::wildcard_enum_match_arm, reason = "every answer that a question does not wait for is one failure")]

mod application;
mod clock;
mod code;
mod daemon;
mod enrollment;
mod ffi;
mod joint;
mod login;
mod outcome;
#[cfg(test)]
mod tests;
mod tries;
mod words;
