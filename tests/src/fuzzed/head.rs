//! Marks and heads: only what this installation sealed opens, as what it was sealed as.

use std::sync::LazyLock;

use mfad_daemon::keyring::Keyring;
use mfad_daemon::ledger::{Ledger, Mark};

use super::edits::{edited, scripts};

/// Takes the bytes for a mark, for two sealed ones, and for edits of genuine ones.
///
/// # Panics
/// When it does not hold.
pub fn check(bytes: &[u8]) {
    match Mark::from_bytes(bytes) {
        Some(mark) => assert_eq!(mark.to_bytes(), bytes),
        None => assert_ne!(bytes.len(), Mark::default().to_bytes().len(), "a mark's bytes are no mark"),
    }
    let Sealed { ledger, mark, head } = &*SEALED;
    for sealed in [bytes.to_vec(), edited(mark, bytes), edited(head, bytes)] {
        assert_eq!(ledger.open_mark(&sealed).ok(), (sealed == *mark).then(genuine));
        assert_eq!(ledger.open_head(&sealed).ok(), (sealed == *head).then_some(SEQUENCE));
    }
}

/// Edits, and the bytes of a mark.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    [scripts(), vec![genuine().to_bytes()]].concat()
}

/// What the edits begin with, under keys that no input was made for.
struct Sealed {
    ledger: Ledger,
    mark: Vec<u8>,
    head: Vec<u8>,
}

static SEALED: LazyLock<Sealed> = LazyLock::new(|| {
    let ledger = Ledger::new(&Keyring::generate(0).expect("random keys")).expect("locked memory");
    let (mark, head) = (ledger.seal_mark(&genuine()), ledger.seal_head(SEQUENCE));
    Sealed { mark: mark.expect("a sealed mark"), head: head.expect("a sealed head"), ledger }
});

fn genuine() -> Mark {
    Mark { sequence: SEQUENCE, head: SEQUENCE - 1, records: 3, ..Mark::default() }
}

const SEQUENCE: u64 = 1_000;
