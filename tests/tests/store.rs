//! The contract that every engine of the store keeps, run against each; and the one writer in front of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mfad_daemon::store::{Change, Committer, Error, MemoryStore, SledStore, Store};

fn engines(test: impl Fn(&dyn Store)) {
    test(&MemoryStore::default());
    let folder = tempfile::tempdir().unwrap();
    test(&SledStore::open(&folder.path().join("store")).unwrap());
}

fn put(key: &str, value: &str) -> Change {
    (key.into(), Some(value.into()))
}

fn all(store: &dyn Store) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    store.scan(&mut |key, value| found.push((text(key), text(value)))).unwrap();
    found
}

#[test]
fn what_was_committed_is_there_and_nothing_else() {
    engines(|store| {
        assert_eq!(store.get(b"a").unwrap(), None);
        store.commit(vec![put("a", "1"), put("b", "2")]).unwrap();
        assert_eq!(store.get(b"a").unwrap().as_deref(), Some(b"1".as_slice()));
        assert_eq!(store.get(b"c").unwrap(), None);
        assert_eq!(all(store), [("a".into(), "1".into()), ("b".into(), "2".into())]);
    });
}

#[test]
fn a_batch_is_one_change_and_its_last_word_counts() {
    engines(|store| {
        store.commit(vec![put("a", "1"), put("b", "1")]).unwrap();
        store.commit(vec![put("a", "2"), ("b".into(), None), put("a", "3"), put("c", "1")]).unwrap();
        assert_eq!(all(store), [("a".into(), "3".into()), ("c".into(), "1".into())]);
    });
}

#[test]
fn a_scan_goes_in_the_order_of_the_keys() {
    engines(|store| {
        store.commit(["c", "a", "b", "aa"].map(|key| put(key, "x")).to_vec()).unwrap();
        assert_eq!(all(store).into_iter().map(|(key, _)| key).collect::<Vec<_>>(), ["a", "aa", "b", "c"]);
    });
}

#[test]
fn sled_keeps_what_was_committed_when_it_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    for round in 0..5 {
        let store = SledStore::open(&path).unwrap();
        assert_eq!(all(&store).len(), round);
        store.commit(vec![put(&format!("key {round}"), "x")]).unwrap();
    }
}

#[test]
fn a_second_opener_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let _first = SledStore::open(folder.path()).unwrap();
    assert!(SledStore::open(folder.path()).is_err());
}

#[test]
fn a_snapshot_that_was_cut_off_does_not_keep_the_store_closed() {
    let folder = tempfile::tempdir().unwrap();
    SledStore::open(folder.path()).unwrap().commit(vec![put("a", "1")]).unwrap();
    std::fs::write(folder.path().join("snap.00000000000000FF.generating"), b"half").unwrap();
    assert_eq!(all(&SledStore::open(folder.path()).unwrap()), [("a".into(), "1".into())]);
}

#[test]
fn damage_is_an_error_and_not_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = SledStore::open(&path).unwrap();
    (0..50).for_each(|n| store.commit(vec![put(&format!("{n:040}"), &"x".repeat(600))]).unwrap());
    drop(store);
    std::fs::write(path.join("conf"), b"not a configuration of sled").unwrap();
    assert!(matches!(SledStore::open(&path), Err(Error::Damaged(_) | Error::Io(_))));
}

/// Fails from the given commit on, and counts the commits.
struct Failing {
    inner: MemoryStore,
    commits: AtomicUsize,
    good: usize,
}

impl Store for Failing {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.inner.get(key)
    }

    fn scan(&self, each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), Error> {
        self.inner.scan(each)
    }

    fn commit(&self, batch: Vec<Change>) -> Result<(), Error> {
        if self.commits.fetch_add(1, Ordering::SeqCst) >= self.good {
            return Err(Error::Io(std::io::Error::from(std::io::ErrorKind::StorageFull)));
        }
        self.inner.commit(batch)
    }

    fn waits(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn after_one_failed_commit_nothing_is_written_or_read_any_more() {
    let store = Arc::new(Failing { inner: MemoryStore::default(), commits: AtomicUsize::new(0), good: 1 });
    let committer = Committer::start(Arc::clone(&store) as Arc<dyn Store>).unwrap();
    committer.put(b"a".to_vec(), b"1".to_vec()).await.unwrap();
    assert!(matches!(committer.put(b"a".to_vec(), b"2".to_vec()).await, Err(Error::Stopped)));
    committer.failed().await;
    assert!(matches!(committer.put(b"a".to_vec(), b"3".to_vec()).await, Err(Error::Stopped)));
    assert!(matches!(committer.get(b"a"), Err(Error::Stopped)));
    assert_eq!(store.commits.load(Ordering::SeqCst), 2, "a failed commit was tried again");
}

#[tokio::test]
async fn changes_that_come_together_are_written_together() {
    const CHANGES: usize = 200;
    let store = Arc::new(Failing { inner: MemoryStore::default(), commits: AtomicUsize::new(0), good: CHANGES });
    let committer = Arc::new(Committer::start(Arc::clone(&store) as Arc<dyn Store>).unwrap());
    // All are queued before the runtime's one thread waits for the first.
    let puts: Vec<_> = (0..CHANGES)
        .map(|n| {
            let committer = Arc::clone(&committer);
            tokio::spawn(async move { committer.put(n.to_be_bytes().to_vec(), b"x".to_vec()).await })
        })
        .collect();
    for put in puts {
        put.await.unwrap().unwrap();
    }
    assert_eq!(all_keys(&store.inner), CHANGES);
    assert!(store.commits.load(Ordering::SeqCst) < CHANGES, "each change was committed alone");
}

fn all_keys(store: &dyn Store) -> usize {
    let mut keys = 0;
    store.scan(&mut |_, _| keys += 1).unwrap();
    keys
}
