//! What the tests share: the built programs, a private daemon for one test, the outside tools that judge it, and the
//! faults that it must live through.

pub mod app;
pub mod bench;
pub mod calls;
pub mod clocked;
pub mod daemon;
pub mod faults;
pub mod inprocess;
pub mod programs;
pub mod raw;
pub mod render;
pub mod terminal;
