//! Records and their seals: what goes in comes out, and only for the account it was sealed for.

use data_encoding::BASE64_NOPAD;
use mfad_daemon::keyring::{Error as KeyringError, Keyring, SecretKey};
use mfad_daemon::password::Hash;
use mfad_daemon::realm_record::RealmRecord;
use mfad_daemon::record::{Factor, Failures, Pending, Plain, Record, Seed};
use mfad_daemon::recovery::{Issued, Tag, Tags};
use mfad_daemon::seal::{Error, SEALED, Sealer, Subject};
use mfad_daemon::throttle::{Counter, Moment, Tries};
use mfad_daemon::totp::{Algorithm, Digits, SEARCH, Step, TotpKey};
use mfad_daemon::used::UsedSteps;
use mfad_proto::{AccountName, Enforcement, EnrollmentId, Failure, Handle, Label, Realm, UserName};
use proptest::prelude::*;

/// What a record is made of. Records themselves cannot be printed, so that no log ever shows one.
#[derive(Debug)]
struct Parts {
    generation: u64,
    factor: Option<FactorParts>,
    superseded: Option<FactorParts>,
    pending: Option<([u8; 16], SeedParts, u64, bool, u8)>,
    failures: (u32, Option<(u64, String)>),
    last_success: Option<u64>,
    tries: [(u32, u32, u64, u64); 5],
    recovery: Vec<[u8; 16]>,
    issued: Option<([u8; 16], u64)>,
    /// A salt.
    password: Option<[u8; 16]>,
    uid: Option<u32>,
    holder: Option<[u8; 16]>,
}

type FactorParts = (SeedParts, u64, [u64; 4], i64, bool);

#[derive(Debug)]
struct SeedParts {
    key: Vec<u8>,
    algorithm: Algorithm,
    digits: u8,
    handle: [u8; 20],
}

impl SeedParts {
    fn build(&self) -> Seed {
        Seed {
            key: TotpKey::copied(&self.key).unwrap(),
            algorithm: self.algorithm,
            digits: Digits::new(self.digits).unwrap(),
            handle: Handle::from_random(self.handle),
        }
    }
}

impl Parts {
    fn build(&self) -> Record {
        let factor = |(seed, enrolled_at, used, offset, proved): &FactorParts| {
            let mut used = *used;
            used.sort_by(|one, other| other.cmp(one));
            let used = UsedSteps::from_array(used.map(Step)).unwrap();
            Factor { seed: seed.build(), enrolled_at: *enrolled_at, used, offset: *offset, proved: *proved }
        };
        let pending = |(id, seed, expires_at, proved, misses): &([u8; 16], SeedParts, u64, bool, u8)| Pending {
            id: EnrollmentId::from_random(*id),
            seed: seed.build(),
            expires_at: *expires_at,
            proved: *proved,
            misses: *misses,
        };
        let last = |(time, service): &(u64, String)| Failure { time: *time, service: Label::cut(service) };
        Record {
            generation: self.generation,
            factor: self.factor.as_ref().map(factor),
            superseded: self.superseded.as_ref().map(factor),
            pending: self.pending.as_ref().map(pending),
            failures: Failures { count: self.failures.0, last: self.failures.1.as_ref().map(last) },
            last_success: self.last_success,
            tries: self.tries(),
            recovery: Tags::new(self.recovery.iter().copied().map(Tag::from_bytes).collect()).unwrap(),
            issued: self.issued.map(|(tag, expires_at)| Issued { tag: Tag::from_bytes(tag), expires_at }),
            password: self.password.map(hash),
            uid: self.uid,
            holder: self.holder,
            is_entered: true,
        }
    }

    fn tries(&self) -> Tries {
        let [codes, passwords, logins, own, own_passwords] = self
            .tries
            .map(|(in_a_row, in_all, run, millis)| Counter { in_a_row, in_all, last: Moment { run, millis } });
        Tries { codes, passwords, logins, own, own_passwords }
    }
}

/// The longest that is taken, of this salt: hashing a password for each case would take minutes.
fn hash(salt: [u8; 16]) -> Hash {
    let (salt, hash) = (BASE64_NOPAD.encode(&salt), BASE64_NOPAD.encode(&[7; 48]));
    Hash::parse(&format!("$argon2id$v=19$m=65536,t=4,p=4${salt}${hash}")).unwrap()
}

fn seed() -> impl Strategy<Value = SeedParts> {
    let key = prop::collection::vec(any::<u8>(), TotpKey::MIN..=TotpKey::MAX);
    let algorithm = prop::sample::select(vec![Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512]);
    (key, algorithm, 6_u8..=8, any::<[u8; 20]>()).prop_map(|(key, algorithm, digits, handle)| SeedParts {
        key,
        algorithm,
        digits,
        handle,
    })
}

fn parts() -> impl Strategy<Value = Parts> {
    let factor = || prop::option::of((seed(), any::<u64>(), any::<[u64; 4]>(), -SEARCH..=SEARCH, any::<bool>()));
    let factors = (factor(), factor());
    let pending = prop::option::of((any::<[u8; 16]>(), seed(), any::<u64>(), any::<bool>(), any::<u8>()));
    // Longer than a label may be: it is cut.
    let failures = (any::<u32>(), prop::option::of((any::<u64>(), "\\PC{0,80}")));
    let recovery = prop::collection::vec(any::<[u8; 16]>(), 0..=Tags::MOST);
    let rest = (
        any::<[(u32, u32, u64, u64); 5]>(),
        recovery,
        any::<Option<([u8; 16], u64)>>(),
        any::<Option<[u8; 16]>>(),
        any::<Option<[u8; 16]>>(),
        any::<Option<u32>>(),
    );
    (any::<u64>(), factors, pending, failures, any::<Option<u64>>(), rest).prop_map(
        |(
            generation,
            (factor, superseded),
            pending,
            failures,
            last_success,
            (tries, recovery, issued, holder, password, uid),
        )| {
            Parts {
                generation,
                factor,
                superseded,
                pending,
                failures,
                last_success,
                tries,
                recovery,
                issued,
                password,
                uid,
                holder,
            }
        },
    )
}

fn bytes(record: &Record) -> [u8; Plain::LENGTH] {
    *record.encode().unwrap().expose()
}

fn name(realm: &str, user: &str) -> AccountName {
    AccountName { realm: Realm::new(realm).unwrap(), user: UserName::new(user).unwrap() }
}

fn sealer() -> Sealer {
    Sealer::new(&Keyring::generate(0).unwrap()).unwrap()
}

proptest! {
    #[test]
    fn a_record_survives_its_bytes(parts in parts()) {
        let record = parts.build();
        let again = Record::decode(&record.encode().unwrap()).unwrap();
        prop_assert_eq!(bytes(&again), bytes(&record));
        prop_assert_eq!(again.generation, record.generation);
        prop_assert_eq!(again.factor.as_ref().map(|f| (f.used, f.offset)), record.factor.as_ref().map(|f| (f.used, f.offset)));
        prop_assert_eq!(again.handles(), record.handles());
        prop_assert_eq!(again.pending.as_ref().map(|p| p.id), record.pending.as_ref().map(|p| p.id));
        prop_assert_eq!(&again.failures, &record.failures);
        prop_assert_eq!(again.last_success, record.last_success);
        prop_assert_eq!(again.tries, record.tries);
        let tags = |record: &Record| record.recovery.as_slice().iter().map(|tag| *tag.as_bytes()).collect::<Vec<_>>();
        prop_assert_eq!(tags(&again), tags(&record));
        let issued = |issued: &Issued| (*issued.tag.as_bytes(), issued.expires_at);
        prop_assert_eq!(again.issued.as_ref().map(issued), record.issued.as_ref().map(issued));
        prop_assert_eq!(again.holder, record.holder);
        prop_assert_eq!(again.uid, record.uid);
        prop_assert_eq!(again.password.map(|hash| hash.expose().to_owned()), record.password.map(|hash| hash.expose().to_owned()));
    }

    #[test]
    fn what_is_set_for_a_realm_comes_back_and_opens_for_that_realm_alone(time in any::<u64>()) {
        let (keyring, one, other) = (Keyring::generate(1).unwrap(), Realm::new("one").unwrap(), Realm::new("other").unwrap());
        let sealer = Sealer::new(&keyring).unwrap();
        for enforcement in [Enforcement::Off, Enforcement::On, Enforcement::After { time }] {
            let sealed = sealer.seal_plain(Subject::Realm(&one), 0, RealmRecord { enforcement }.encode()).unwrap();
            prop_assert_eq!(sealed.len(), SEALED);
            let (_, plain) = sealer.open_plain(Subject::Realm(&one), &sealed).unwrap();
            prop_assert_eq!(RealmRecord::decode(&plain).unwrap().enforcement, enforcement);
            prop_assert!(sealer.open_plain(Subject::Realm(&other), &sealed).is_err());
            prop_assert!(sealer.open(Subject::Slot(1), &sealed).is_err());
        }
    }

    #[test]
    fn any_bytes_are_a_record_or_an_error(random in prop::collection::vec(any::<u8>(), Plain::LENGTH)) {
        let mut plain = Plain::zeroed();
        plain.expose_mut().copy_from_slice(&random);
        if let Ok(record) = Record::decode(&plain) && record.is_entered {
            prop_assert_eq!(bytes(&record), *plain.expose());
        }
    }

    #[test]
    fn a_seal_opens_for_its_own_account_alone(parts in parts(), bit in 0..SEALED * 8) {
        let (sealer, alice, record) = (sealer(), name("system", "alice"), parts.build());
        let sealed = sealer.seal(Subject::Account(&alice), &record).unwrap();
        prop_assert_eq!(sealed.len(), SEALED);
        prop_assert_eq!(bytes(&sealer.open(Subject::Account(&alice), &sealed).unwrap()), bytes(&record));

        for other in [name("system", "alicf"), name("netmaker", "alice"), name("systema", "lice")] {
            prop_assert!(matches!(sealer.open(Subject::Account(&other), &sealed), Err(Error::Broken)));
        }
        prop_assert!(matches!(sealer.open(Subject::Slot(0), &sealed), Err(Error::Broken)));

        let mut flipped = sealed.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(matches!(sealer.open(Subject::Account(&alice), &flipped), Err(Error::Broken)));
        prop_assert!(matches!(sealer.open(Subject::Account(&alice), &sealed[..bit / 8]), Err(Error::Broken)));
    }
}

#[test]
fn one_record_sealed_twice_looks_different() {
    let (sealer, alice, record) = (sealer(), name("system", "alice"), Record::default());
    let seal = || sealer.seal(Subject::Account(&alice), &record).unwrap();
    assert_ne!(seal(), seal());
}

#[test]
fn a_keyring_opens_with_its_root_key_alone() {
    let (root, other) = (SecretKey::random().unwrap(), SecretKey::random().unwrap());
    let keyring = Keyring::generate(0).unwrap();
    let wrapped = keyring.wrap(&root).unwrap();
    let again = Keyring::unwrap(&wrapped, &root).unwrap();
    assert_eq!(again.data().key.expose(), keyring.data().key.expose());
    assert_eq!(again.base().expose(), keyring.base().expose());
    assert!(matches!(Keyring::unwrap(&wrapped, &other), Err(KeyringError::WrongKey)));
    for bit in 0..wrapped.len() * 8 {
        let mut flipped = wrapped.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(Keyring::unwrap(&flipped, &root).is_err(), "bit {bit}");
    }
    assert!(!wrapped.windows(32).any(|window| window == keyring.base().expose()), "a key stands there as it is");
}
