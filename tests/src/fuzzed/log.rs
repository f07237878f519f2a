//! The audit log: bytes that nobody with the key has written are no log, and are read within bounds.

use std::sync::{LazyLock, Mutex, PoisonError};

use mfad_daemon::audit::{Limits, inspect};
use mfad_daemon::keyring::Keyring;
use mfad_daemon::ledger::LogHead;
use tempfile::TempDir;

/// Takes the bytes for the log's only file, under a key that no input was made for.
///
/// # Panics
/// When it does not hold.
pub fn check(bytes: &[u8]) {
    let place = PLACE.lock().unwrap_or_else(PoisonError::into_inner);
    std::fs::write(place.folder.path().join("1"), bytes).expect("a written file");
    let folder = place.folder.path().to_owned();
    let found =
        inspect(folder, Limits::default(), &place.keyring, LogHead::default()).expect("a file that can be read");
    assert_eq!(found.findings.is_empty(), bytes.is_empty(), "{:?}", found.findings);
    assert!(found.findings.len() <= 21 && found.lines <= bytes.len() as u64);
}

/// Lines of every kind, each with a tag of another key, alone and together.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let tag = "\"tag\":\"00112233445566778899aabbccddeeff\"}\n";
    let members = [
        "\"event\":\"file\",\"file\":1,\"previous\":\"00000000000000000000000000000000\",",
        "\"time\":1700000055,\"event\":\"start\",\"version\":\"0.1.0\",\"after\":\"crash\",",
        "\"time\":1700000055,\"event\":\"lost\",\"lines\":18446744073709551615,",
        "\"time\":1700000055,\"event\":\"stop\",",
        "\"time\":1,\"call\":\"verify\",\"realm\":\"system\",\"user\":\"alice\",\"outcome\":\"denied\",\"uid\":0,\"pid\":1,",
    ];
    let lines: Vec<_> =
        (0_u64..).zip(members).map(|(number, members)| format!("{{\"n\":{number},{members}{tag}")).collect();
    let together = lines.concat();
    lines.into_iter().chain([together]).map(String::into_bytes).collect()
}

struct Place {
    folder: TempDir,
    keyring: Keyring,
}

/// One folder for all inputs, and one input at a time in it.
static PLACE: LazyLock<Mutex<Place>> = LazyLock::new(|| {
    let (folder, keyring) = (tempfile::tempdir(), Keyring::generate(0));
    Mutex::new(Place { folder: folder.expect("a folder"), keyring: keyring.expect("random keys") })
});
