//! Records: the plain bytes of one are the only ones that mean it.

use mfad_daemon::password::Hash;
use mfad_daemon::realm_record::RealmRecord;
use mfad_daemon::record::{Factor, Failures, Pending, Plain, Record, Seed};
use mfad_daemon::recovery::{Issued, Tag, Tags};
use mfad_daemon::throttle::{Counter, Moment, Tries};
use mfad_daemon::totp::{Algorithm, Digits, Step, TotpKey};
use mfad_daemon::used::UsedSteps;
use mfad_proto::{Enforcement, EnrollmentId, Failure, Handle, Label};

/// Reads plain bytes, filled up with zeros as every record is.
///
/// # Panics
/// When what was read is written otherwise.
pub fn check(bytes: &[u8]) {
    let mut plain = Plain::zeroed();
    plain.expose_mut().iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    if let Ok(record) = Record::decode(&plain) {
        let again = record.encode().expect("what was read fits");
        // What an older layout has left is written in the new one.
        assert!(!record.is_entered || again.expose() == plain.expose(), "what was read is written otherwise");
        assert!(RealmRecord::decode(&plain).is_err(), "an account's record is also a realm's");
    }
    if let Ok(record) = RealmRecord::decode(&plain) {
        assert_eq!(record.encode().expose(), plain.expose());
    }
}

/// Records of every shape.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let factor = || {
        let used = UsedSteps::first(Step(2));
        Some(Factor { seed: seed(20, Algorithm::Sha1), enrolled_at: 1, used, offset: -3, proved: true })
    };
    let pending = || {
        let id = EnrollmentId::from_random([3; 16]);
        Some(Pending { id, seed: seed(TotpKey::MAX, Algorithm::Sha512), expires_at: 4, proved: true, misses: 5 })
    };
    let last = || Some(Failure { time: 5, service: Label::cut("sshd") });
    let counter = Counter { in_a_row: 12, in_all: 13, last: Moment { run: 14, millis: 15 } };
    let tries = Tries { codes: counter, logins: counter, own_passwords: counter, ..Tries::default() };
    let tags = || Tags::new(vec![Tag::from_bytes([16; 16]); Tags::MOST]).expect("as many as are allowed");
    let issued = || Some(Issued { tag: Tag::from_bytes([17; 16]), expires_at: 18 });
    let password = || Some(Hash::of_nobody());
    let records = [
        Record::default(),
        Record { generation: 1, factor: factor(), last_success: Some(6), ..Record::default() },
        Record { pending: pending(), failures: Failures { count: 7, last: last() }, ..Record::default() },
        Record { generation: 8, factor: factor(), superseded: factor(), pending: pending(), ..Record::default() },
        Record { generation: 9, factor: factor(), tries, recovery: tags(), issued: issued(), ..Record::default() },
        Record { uid: Some(12), password: password(), issued: issued(), ..Record::default() },
        Record { tries, holder: Some([11; 16]), ..Record::default() },
    ];
    let accounts = records.iter().map(|record| record.encode().expect("legal parts").expose().to_vec());
    let realms = [Enforcement::Off, Enforcement::On, Enforcement::After { time: 19 }];
    let realms = realms.map(|enforcement| RealmRecord { enforcement }.encode().expose().to_vec());
    accounts.chain(realms).collect()
}

fn seed(length: usize, algorithm: Algorithm) -> Seed {
    let key = TotpKey::copied(&vec![9; length]).expect("a legal length");
    Seed { key, algorithm, digits: Digits::default(), handle: Handle::from_random([10; 20]) }
}
