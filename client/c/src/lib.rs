//! `libmfad`: the client of mfad with the interface of C, as `mfad.h` declares it.
//!
//! It is loaded into programs of other people. MUST: no threads, no signal handlers, nothing of the environment; no type of
//! Rust in the interface; whatever a program passes, and whatever a server sends, is at worst an error.

mod answer;
mod ffi;
mod handle;
mod outcome;
mod shown;
mod text;
mod types;
