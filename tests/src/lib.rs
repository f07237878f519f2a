//! What the tests share: the built programs, a private daemon for one test, the outside tools that judge it, and the
//! faults that it must live through.

pub mod app;
pub mod bench;
pub mod calls;
pub mod clocked;
pub mod daemon;
pub mod faults;
pub mod flush_only;
pub mod fuzzed;
pub mod inprocess;
pub mod journal;
pub mod listed;
pub mod load;
pub mod loopdev;
pub mod measured;
pub mod model;
pub mod needles;
pub mod nobody;
pub mod peers;
pub mod people;
pub mod phone;
pub mod power;
pub mod programs;
pub mod random;
pub mod raw;
pub mod render;
pub mod rights;
pub mod sequence;
pub mod standing;
pub mod terminal;
pub mod town;
