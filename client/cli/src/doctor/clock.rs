//! The clock: codes are right only where it is.

use super::Machine;
use super::adjtimex::largest_error;
use super::report::Said;

/// Check: something keeps the clock right. The flag `STA_UNSYNC` alone would not tell: chrony leaves it set where it may not
/// write the hardware's clock, so the largest error decides, as for systemd.
pub(super) fn judge(_machine: &Machine) -> Vec<Said> {
    let check = "clock";
    vec![match largest_error() {
        Ok(error) if error < UNKNOWN => Said::ok(check, "the kernel says that the clock is synchronised"),
        Ok(_) => Said::finding(
            check,
            "the kernel says that nothing synchronises the clock: once it is a minute off, right codes are refused",
            "systemctl enable --now systemd-timesyncd, or install chrony; in a container, do so on its host",
        ),
        Err(error) => Said::note(check, format!("the kernel does not say whether the clock is synchronised: {error}")),
    }]
}

/// The error, in microseconds, at which the kernel gives the clock up.
const UNKNOWN: i64 = 16_000_000;
