//! The contract that every engine of the store keeps, run against each.

use mfad_daemon::store::{Change, Error, MemoryStore, SledStore, Store};

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
fn pages_go_over_everything_once_in_the_order_of_the_keys() {
    engines(|store| {
        let keys: Vec<_> = (0..25).map(|n| format!("k{n:02}")).collect();
        store.commit(keys.iter().map(|key| put(key, key)).collect()).unwrap();
        for most in [1, 7, 25, 26] {
            let (mut above, mut seen) = (Vec::new(), Vec::new());
            loop {
                let page = store.page(&above, most).unwrap();
                assert!(page.len() <= most && page.iter().all(|(key, value)| key == value));
                let Some((last, _)) = page.last() else { break };
                above.clone_from(last);
                seen.extend(page.into_iter().map(|(key, _)| String::from_utf8(key).unwrap()));
            }
            assert_eq!(seen, keys, "{most} at a time");
        }
        assert_eq!(store.page(b"k10", 1).unwrap()[0].0, b"k11");
        assert!(store.page(b"k24", 1).unwrap().is_empty());
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
    assert!(matches!(SledStore::open(folder.path()), Err(Error::InUse)));
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
