//! What only root can show: the real PAM with real accounts, and peers of other users. Run with the feature `root`.
//!
//! Each test has an `/etc` of its own in a mount namespace: the machine's stays as it is, also when a test is killed.

#[cfg(test)]
mod accounts;
#[cfg(test)]
#[path = "../helper/mod.rs"]
mod helper;
#[cfg(test)]
mod modules;
#[cfg(test)]
mod peers;
#[cfg(test)]
mod world;
