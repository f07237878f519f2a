//! The one writer, and the proof of what it wrote: batches, marks and the file `head`.

use std::sync::Arc;

use mfad_daemon::clock::SystemClock;
use mfad_daemon::home::Home;
use mfad_daemon::ledger::{Ledger, MARK_KEY, Mark};
use mfad_daemon::metrics::Metrics;
use mfad_daemon::proof::{Damage, Progress, Proven, prove};
use mfad_daemon::store::{Committer, Error, Failure, Store};
use mfad_tests::faults::{Disk, FaultyHome};
use proptest::prelude::*;

fn proven(home: &FaultyHome) -> Result<Proven, Damage> {
    let head = home.read_head().unwrap();
    prove(&*home.inner().open().unwrap(), &Ledger::new(&home.keyring()).unwrap(), head.as_deref(), &Progress::default())
}

fn open(home: &Arc<FaultyHome>) -> Committer {
    let ledger = Arc::new(Ledger::new(&home.keyring()).unwrap());
    let (store, metrics) = (home.open().unwrap(), Arc::new(Metrics::begin(Arc::new(SystemClock))));
    let (log, proven) = (Arc::default(), proven(home).ok().unwrap());
    Committer::start(store, Arc::<FaultyHome>::clone(home), (ledger, log), proven, metrics).unwrap()
}

async fn put(committer: &Committer, key: &str, value: &str) -> Result<(), Error> {
    committer.put(key.into(), value.into()).await
}

#[tokio::test]
async fn after_one_failed_commit_nothing_is_written_or_read_any_more() {
    for (disk, failure) in [(Disk::Full, Failure::DiskFull), (Disk::ReadOnly, Failure::ReadOnly)] {
        let home = FaultyHome::new();
        let committer = open(&home);
        put(&committer, "a", "1").await.unwrap();
        home.set(disk);
        assert!(matches!(put(&committer, "a", "2").await, Err(Error::Stopped)));
        assert_eq!(committer.failed().await, failure);
        let tried = home.commits();
        home.set(Disk::Well);
        assert!(matches!(put(&committer, "a", "3").await, Err(Error::Stopped)));
        assert!(matches!(committer.get(b"a"), Err(Error::Stopped)));
        assert_eq!(home.commits(), tried, "a failed commit was tried again");
    }
}

#[tokio::test]
async fn any_other_failed_sync_is_lost_for_good() {
    let home = FaultyHome::new();
    let committer = open(&home);
    home.set(Disk::LosesNext);
    assert!(matches!(put(&committer, "a", "1").await, Err(Error::Stopped)));
    assert!(matches!(committer.failed().await, Failure::Lost(_)));
}

#[tokio::test]
async fn a_head_that_cannot_be_written_stops_the_store_too() {
    let home = FaultyHome::new();
    let committer = open(&home);
    home.set(Disk::FullForHead);
    put(&committer, "a", "1").await.ok();
    assert_eq!(committer.failed().await, Failure::DiskFull);
}

#[tokio::test]
async fn changes_that_come_together_are_written_together_and_counted_exactly() {
    const CHANGES: u64 = 200;
    let home = FaultyHome::new();
    let committer = Arc::new(open(&home));
    let before = home.commits();
    // All are queued before the runtime's one thread waits for the first. Some meet under one key.
    let puts: Vec<_> = (0..CHANGES)
        .map(|n| {
            let committer = Arc::clone(&committer);
            tokio::spawn(async move { put(&committer, &format!("{}", n % 70), &format!("{n}")).await })
        })
        .collect();
    for put in puts {
        put.await.unwrap().unwrap();
    }
    assert!(home.commits() - before < CHANGES, "each change was committed alone");
    drop(committer);
    assert_eq!(proven(&home).ok().unwrap().mark.records, 70);
}

#[tokio::test]
async fn the_head_follows_and_is_never_ahead() {
    let home = FaultyHome::new();
    let ledger = Ledger::new(&home.keyring()).unwrap();
    let committer = open(&home);
    let store = home.inner().open().unwrap();
    for n in 0..50 {
        put(&committer, &format!("{n}"), "x").await.unwrap();
        // Read in this order: the head may move on while the mark is read, and not the other way round.
        let head = ledger.open_head(&home.read_head().unwrap().unwrap()).unwrap();
        let mark = ledger.open_mark(&store.get(MARK_KEY).unwrap().unwrap()).unwrap();
        assert!(head <= mark.sequence && mark.head <= head, "{head} {mark:?}");
    }
    drop(committer);
    let mark = proven(&home).ok().unwrap().mark;
    assert_eq!(
        ledger.open_head(&home.read_head().unwrap().unwrap()).unwrap(),
        mark.sequence,
        "the last word is missing"
    );
}

#[tokio::test]
async fn a_record_that_goes_missing_while_it_is_served_is_damage() {
    let home = FaultyHome::new();
    let committer = open(&home);
    put(&committer, "a", "1").await.unwrap();
    assert_eq!(committer.get(b"never there").unwrap(), None);
    home.inner().open().unwrap().commit(vec![("a".into(), None)]).unwrap();
    assert!(matches!(committer.get(b"a"), Err(Error::Damaged(_))));
    assert!(matches!(committer.failed().await, Failure::Damaged(_)));
}

/// A store with these records, tampered with in one way: which damage is found?
async fn damage(tamper: impl Fn(&dyn Store, &FaultyHome)) -> Damage {
    let home = FaultyHome::new();
    let committer = open(&home);
    for (key, value) in [("a", "1"), ("b", "2"), ("c", "3")] {
        put(&committer, key, value).await.unwrap();
    }
    drop(committer);
    assert!(proven(&home).is_ok());
    tamper(&*home.inner().open().unwrap(), &home);
    proven(&home).err().expect("the damage was not found")
}

#[tokio::test]
async fn every_kind_of_damage_is_found_and_named() {
    let set = |key: &str, value: &str| (key.into(), Some(value.into()));
    let changed = [
        vec![set("a", "9")],
        vec![set("a", "2"), set("b", "1")],
        vec![set("d", "4")],
        vec![("a".into(), None), set("d", "1")],
    ];
    for tampered in changed {
        assert!(matches!(damage(|store, _| store.commit(tampered.clone()).unwrap()).await, Damage::Changed));
    }
    let lost = damage(|store, _| store.commit(vec![("a".into(), None)]).unwrap()).await;
    assert!(matches!(lost, Damage::Lost { records: 1 }));
    let unmarked = damage(|store, _| store.commit(vec![(MARK_KEY.to_vec(), None)]).unwrap()).await;
    assert!(matches!(unmarked, Damage::NoMark));
    let broken = damage(|store, _| store.commit(vec![(MARK_KEY.to_vec(), Some(b"x".to_vec()))]).unwrap()).await;
    assert!(matches!(broken, Damage::BrokenMark));
    assert!(matches!(damage(|_, home| home.write_head(b"x").unwrap()).await, Damage::BrokenHead));
    let newer =
        damage(|_, home| home.write_head(&Ledger::new(&home.keyring()).unwrap().seal_head(99).unwrap()).unwrap()).await;
    assert!(matches!(newer, Damage::OldStore { .. }));
}

#[tokio::test]
async fn an_old_head_is_found_when_the_store_knows_a_later_one() {
    let home = FaultyHome::new();
    let old = home.read_head().unwrap().unwrap();
    for key in ["a", "b"] {
        // Each closing writes the head, and each opening commits what it holds.
        let committer = open(&home);
        put(&committer, key, "1").await.unwrap();
    }
    home.write_head(&old).unwrap();
    assert!(matches!(proven(&home), Err(Damage::OldHead { .. })));
}

#[tokio::test]
async fn an_empty_message_is_answered_behind_what_is_being_written_and_writes_nothing_itself() {
    let home = FaultyHome::new();
    let committer = Arc::new(open(&home));
    let before = home.commits();
    committer.answers().await;
    assert_eq!(home.commits(), before, "the message was written");
    home.set(Disk::Slow);
    let writer = Arc::clone(&committer);
    let written = tokio::spawn(async move { put(&writer, "a", "1").await });
    while home.commits() == before {
        tokio::task::yield_now().await;
    }
    let asking = Arc::clone(&committer);
    let answered = tokio::spawn(async move { asking.answers().await });
    for _turn in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert!(!answered.is_finished(), "a writer that hangs has answered");
    home.set(Disk::Well);
    answered.await.unwrap();
    written.await.unwrap().unwrap();
    home.set(Disk::Full);
    put(&committer, "a", "2").await.unwrap_err();
    committer.answers().await;
}

#[test]
fn marks_and_heads_open_as_what_they_are_alone() {
    let home = FaultyHome::new();
    let (ledger, other) = (Ledger::new(&home.keyring()).unwrap(), Ledger::new(&FaultyHome::new().keyring()).unwrap());
    let mark = Mark { sequence: 7, head: 6, records: 5, ..Mark::default() };
    let (sealed, head) = (ledger.seal_mark(&mark).unwrap(), ledger.seal_head(7).unwrap());
    assert_eq!(ledger.open_mark(&sealed), Ok(mark));
    assert_eq!(ledger.open_head(&head), Ok(7));
    assert!(ledger.open_mark(&head).is_err() && ledger.open_head(&sealed).is_err());
    assert!(other.open_mark(&sealed).is_err() && other.open_head(&head).is_err());
    for bit in 0..sealed.len() * 8 {
        let mut flipped = sealed.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(ledger.open_mark(&flipped).is_err(), "bit {bit}");
    }
}

proptest! {
    /// The hash does not depend on the order, and tells any two different sets apart.
    #[test]
    fn the_sum_is_of_the_set(mut records in prop::collection::hash_set(("[a-c]{0,3}", "[a-c]{0,3}"), 1..8)) {
        let ledger = Ledger::new(&FaultyHome::new().keyring()).unwrap();
        let sum = |records: Vec<&(String, String)>| {
            let mut sum = mfad_daemon::ledger::Sum::default();
            records.iter().for_each(|(key, value)| sum.toggle(ledger.print(key.as_bytes(), value.as_bytes())));
            sum
        };
        let forwards = sum(records.iter().collect());
        prop_assert_eq!(forwards, sum(records.iter().collect::<Vec<_>>().into_iter().rev().collect()));
        let one = records.iter().next().cloned().unwrap();
        records.remove(&one);
        prop_assert_ne!(forwards, sum(records.iter().collect()));
    }
}
