//! What computing with a key leaves on the stack: compilers spill and move, and nobody wipes what they left.
//!
//! MUST: whatever makes a cipher or a keyed hash, or computes with a key by code that does not wipe its own frames, does
//! so in [`wiped`].

use std::hint::black_box;

/// Computes in frames of its own, and overwrites them. What it returns passes through them, and should be no secret.
pub(crate) fn wiped<T>(compute: impl FnOnce() -> T) -> T {
    let result = apart(compute);
    overwrite();
    result
}

/// Never inlined, like [`overwrite`]: both frames begin at the same place.
#[inline(never)]
fn apart<T>(compute: impl FnOnce() -> T) -> T {
    compute()
}

#[inline(never)]
fn overwrite() {
    black_box(&mut [0_u8; DEPTH]);
}

/// Bytes overwritten. What was found of keys lay at most 1.7 KiB deep, in debug and in release builds.
const DEPTH: usize = 4096;
