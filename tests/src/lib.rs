//! What the tests share: the built programs, a private daemon for one test, and the outside tools that judge it.

pub mod app;
pub mod bench;
pub mod daemon;
pub mod faults;
pub mod inprocess;
pub mod programs;
pub mod raw;
pub mod render;
pub mod terminal;
