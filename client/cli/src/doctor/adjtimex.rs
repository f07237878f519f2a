//! What the kernel knows of its clock's error: adjtimex(2), which no crate of this workspace wraps for reading.
#![expect(unsafe_code, reason = "no crate reads it, and the design allows one small file: see daemon/ARCHITECTURE.md")]

use std::io;
use std::mem::MaybeUninit;

/// How far the clock may be off, in microseconds. The kernel lets it grow to 16 s while nobody sets the clock.
///
/// # Errors
/// When the kernel does not say.
pub(super) fn largest_error() -> io::Result<i64> {
    // All zeroes ask for nothing to be changed.
    let mut clock = MaybeUninit::<libc::timex>::zeroed();
    // SAFETY: the pointer is to a whole `timex` of this function's own, which lives longer than the call.
    if unsafe { libc::adjtimex(clock.as_mut_ptr()) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a `timex` holds nothing but integers, for which all bits are values, and all of it was zeroed before.
    let clock = unsafe { clock.assume_init() };
    Ok(clock.maxerror)
}
