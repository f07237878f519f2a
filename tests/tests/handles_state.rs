//! Handles in the store: swept up with what was never confirmed, carried by backups and new keys, missed when they are
//! lost, and entered where an older layout has not.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mfad_daemon::home::Home;
use mfad_daemon::inventory::{self, Inventory};
use mfad_daemon::ledger::{Ledger, MARK_KEY, Mark};
use mfad_daemon::record::{Plain, Record};
use mfad_daemon::seal::{Sealer, Subject};
use mfad_daemon::store::Change;
use mfad_proto::{Account, Call, Handle, Refusal, Reply, State};
use mfad_tests::bearer::{Bearer, RULES, name, named, no, verify, verify_named, yes};
use mfad_tests::calls::{keys, wait_for_keys};
use mfad_tests::daemon::{Daemon, NOON};
use mfad_tests::faults::FaultyHome;
use mfad_tests::inprocess::{InProcess, SetClock};
use mfad_tests::programs::built;

const STEP: u64 = NOON / 30;

/// The key of a handle's entry, as `daemon/ARCHITECTURE.md` has it.
fn entry(handle: &Handle) -> Vec<u8> {
    [b"h", handle.as_bytes().as_slice()].concat()
}

/// The key of the account's record.
fn place(user: &str) -> Vec<u8> {
    [b"anetmaker\0", user.as_bytes()].concat()
}

fn records(daemon: &Daemon) -> u64 {
    keys(&mut daemon.client(), Call::KeyStatus).records
}

/// Waits until there are so many records.
fn wait_for_records(daemon: &Daemon, count: u64) {
    let end = Instant::now() + Duration::from_secs(30);
    while records(daemon) != count {
        assert!(Instant::now() < end, "there are {} records: {}", records(daemon), daemon.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_was_never_confirmed_is_swept_up_and_nothing_else() {
    let daemon = Daemon::start_clocked(RULES);
    let mut client = daemon.client();
    let mut ask = |call| client.call(call).unwrap();
    let mut alice = Bearer::begin(&mut ask, "alice");
    yes(ask(alice.verify(STEP)));
    // More than a page of those that go.
    for number in 0..40 {
        let _forgotten = Bearer::begin(&mut ask, &format!("user{number}"));
    }
    let again = Bearer::begin(&mut ask, "alice");
    // What somebody has tried under this name is not forgotten.
    let tried = Bearer::begin(&mut ask, "tried");
    no(&ask(verify_named("tried", "000000")));
    no(&ask(verify_named("tried", "000000")));
    assert_eq!(records(&daemon), 2 + 80 + 1 + 2);
    // Lapsed, and kept for a while.
    daemon.set_time(NOON + 700);
    assert!(matches!(ask(Call::Status { account: Account::Handle(tried.handle) }), Reply::Status(_)));
    daemon.set_time(NOON + 8_000);
    wait_for_records(&daemon, 2 + 1);
    daemon.says("42 enrolments that were never confirmed are gone");
    for handle in [again.handle, tried.handle] {
        assert!(matches!(ask(Call::Status { account: Account::Handle(handle) }), Reply::Refused(Refusal::Denied)));
    }
    no(&ask(verify_named("tried", "000000")));
    assert!(matches!(ask(verify_named("tried", "000000")), Reply::Refused(Refusal::TryLater { .. })));
    yes(ask(alice.verify((NOON + 8_000) / 30)));
    let mut late = Bearer::begin(&mut ask, "user7");
    yes(ask(late.verify((NOON + 8_000) / 30)));
}

#[test]
fn a_backup_and_a_new_key_carry_handles() {
    let daemon = Daemon::start_clocked(RULES);
    let mut client = daemon.client();
    let mut ask = |call| client.call(call).unwrap();
    let mut old = Bearer::begin(&mut ask, "alice");
    yes(ask(old.verify(STEP)));
    daemon.set_time(NOON + 30);
    let mut new = Bearer::begin(&mut ask, "alice");
    yes(ask(new.verify(STEP + 1)));
    let pending = Bearer::begin(&mut ask, "bob");
    assert_eq!(keys(&mut client, Call::KeyRotate).old, Some(1));
    assert_eq!(wait_for_keys(&mut client).old, None);
    let mut ask = |call| client.call(call).unwrap();
    daemon.set_time(NOON + 60);
    yes(ask(old.verify(STEP + 2)));
    let file = daemon.folder().join("backup");
    let made = daemon.mfactl(&["backup", file.to_str().unwrap()], "correct horse\n");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

    let mut elsewhere = Daemon::unstarted("mfad-clocked", RULES);
    let state = elsewhere.folder().join("restored-state");
    let mut command = Command::new(built("mfad"));
    command.arg("restore").arg(&file).arg("--state").arg(&state).stdin(Stdio::piped());
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"correct horse\n").unwrap();
    let restored = child.wait_with_output().unwrap();
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    elsewhere.set_state(state);
    // A restore uses up all steps until now, by the machine's clock.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() + 600;
    elsewhere.set_time(now);
    elsewhere.spawn();
    let mut client = elsewhere.client();
    let mut ask = |call| client.call(call).unwrap();
    yes(ask(old.verify(now / 30)));
    yes(ask(new.verify(now / 30)));
    elsewhere.set_time(now + 30);
    no(&ask(old.verify(now / 30 + 1)));
    assert!(matches!(ask(Call::Status { account: Account::Handle(pending.handle) }), Reply::Refused(Refusal::Denied)));
    // The account of a name that was only begun came along, and bears nothing.
    assert!(
        matches!(ask(Call::Status { account: named("bob") }), Reply::Status(status) if status.state == State::None)
    );
}

/// Changes the store of an installation, as only who has its keys can.
fn change(home: &FaultyHome, changes: Vec<Change>) {
    let (store, ledger) = (home.inner().open().unwrap(), Ledger::new(&home.keyring()).unwrap());
    let mut mark: Mark = ledger.open_mark(&store.get(MARK_KEY).unwrap().unwrap()).unwrap();
    for (key, value) in &changes {
        if let Some(old) = store.get(key).unwrap() {
            mark.sum.toggle(ledger.print(key, &old));
            mark.records -= 1;
        }
        if let Some(new) = value {
            mark.sum.toggle(ledger.print(key, new));
            mark.records += 1;
        }
    }
    let sealed = ledger.seal_mark(&mark).unwrap();
    store.commit(changes.into_iter().chain([(MARK_KEY.to_vec(), Some(sealed))]).collect()).unwrap();
}

/// An installation with one account, which bears a handle.
fn installation() -> (Arc<FaultyHome>, SetClock, Bearer) {
    let (home, clock) = (FaultyHome::new(), SetClock::at(NOON));
    let daemon = InProcess::start_with_policy(&home, &clock, InProcess::policy(RULES));
    let mut client = daemon.client();
    let mut alice = Bearer::begin(&mut |call| client.call(call).unwrap(), "alice");
    yes(client.call(alice.verify(STEP)).unwrap());
    daemon.stop().unwrap();
    clock.set(NOON + 30);
    (home, clock, alice)
}

#[test]
fn a_lost_entry_is_found_like_any_lost_record() {
    let (home, clock, mut alice) = installation();
    let store = home.inner().open().unwrap();
    assert!(store.get(&entry(&alice.handle)).unwrap().is_some(), "it stands elsewhere");
    let daemon = InProcess::start_with_policy(&home, &clock, InProcess::policy(RULES));
    daemon.wait_until_ready();
    store.commit(vec![(entry(&alice.handle), None)]).unwrap();
    let mut client = daemon.client();
    assert!(matches!(client.call(alice.verify(STEP + 1)).unwrap(), Reply::Refused(Refusal::Unavailable)));
    assert!(daemon.ping().why.contains("mfad restore"), "{}", daemon.ping().why);
    drop(client);
    daemon.stop().unwrap();
    let again = InProcess::start_with_policy(&home, &clock, InProcess::policy(RULES));
    assert!(matches!(again.client().call(alice.verify(STEP + 1)).unwrap(), Reply::Refused(Refusal::Unavailable)));
    assert!(again.ping().why.contains("missing from the store"), "{}", again.ping().why);
}

#[test]
fn an_entry_does_not_open_for_another_handle() {
    let (home, clock, alice) = installation();
    let store = home.inner().open().unwrap();
    let sealed = store.get(&entry(&alice.handle)).unwrap();
    let other = Handle::from_random([7; 20]);
    change(&home, vec![(entry(&other), sealed)]);
    let daemon = InProcess::start_with_policy(&home, &clock, InProcess::policy(RULES));
    daemon.wait_until_ready();
    let reply = daemon.client().call(verify(&other, "000000")).unwrap();
    assert!(matches!(reply, Reply::Refused(Refusal::Unavailable)));
}

#[test]
fn an_entry_that_leads_to_a_record_without_its_handle_lets_nobody_in() {
    let (home, clock, mut alice) = installation();
    let other = Handle::from_random([7; 20]);
    let sealed = Sealer::new(&home.keyring()).unwrap().seal_entry(&other, &name("alice")).unwrap();
    change(&home, vec![(entry(&other), Some(sealed))]);
    let daemon = InProcess::start_with_policy(&home, &clock, InProcess::policy(RULES));
    daemon.wait_until_ready();
    let mut client = daemon.client();
    no(&client.call(verify(&other, &alice.phone.code(STEP + 1))).unwrap());
    yes(client.call(alice.verify(STEP + 1)).unwrap());
}

#[test]
fn an_inventory_opens_entries_and_entries_of_all_names_have_one_length() {
    let (home, _, alice) = installation();
    let sealer = Sealer::new(&home.keyring()).unwrap();
    let store = home.inner().open().unwrap();
    let found = inventory::take(&*store, &sealer).unwrap();
    assert_eq!(found, Inventory { accounts: 1, active: 1, pending: 0, unreadable: 0 });
    change(&home, vec![(entry(&Handle::from_random([7; 20])), store.get(&entry(&alice.handle)).unwrap())]);
    assert_eq!(inventory::take(&*store, &sealer).unwrap().unreadable, 1);
    let lengths = ["a", "alice", &"u".repeat(255)].map(|user| {
        let sealed = sealer.seal_entry(&alice.handle, &name(user)).unwrap();
        assert_eq!(sealer.open_entry(&alice.handle, &sealed).unwrap(), name(user));
        sealed.len()
    });
    assert!(lengths.iter().all(|length| *length == lengths[0]));
}

/// The plain bytes of layout 2, of an account with a factor of a key of 20 bytes, which the newer layout has as these.
fn older(newer: &Plain) -> Vec<u8> {
    let bytes = newer.expose();
    // Layout, generation, the factor's presence, its seed, when it was confirmed, used steps, offset.
    let factor = 1 + 8 + 1 + (1 + 20 + 1 + 1 + 20) + 8 + 32 + 8;
    // Then come whether it was accepted by its handle, and that none is superseded.
    assert_eq!((bytes[0], &bytes[factor + 1..factor + 2]), (3, &[0][..]));
    let mut older = [&[2], &bytes[1..factor], &bytes[factor + 2..]].concat();
    older.truncate(832);
    older
}

#[test]
fn a_record_of_the_layout_before_is_served_and_its_handle_is_entered_with_the_next_change() {
    let (home, clock, mut alice) = installation();
    let (store, sealer) = (home.inner().open().unwrap(), Sealer::new(&home.keyring()).unwrap());
    let sealed = store.get(&place("alice")).unwrap().unwrap();
    let newer = sealer.open(Subject::Account(&name("alice")), &sealed).unwrap();
    let generation = newer.generation;
    let mut padded = Plain::zeroed();
    let older = older(&newer.encode().unwrap());
    padded.expose_mut()[..older.len()].copy_from_slice(&older);
    assert!(!Record::decode(&padded).unwrap().is_entered);
    let sealed = sealer.seal_plain(Subject::Account(&name("alice")), generation, padded).unwrap();
    change(&home, vec![(place("alice"), Some(sealed)), (entry(&alice.handle), None)]);

    let daemon = InProcess::start_with_policy(&home, &clock, InProcess::policy(RULES));
    daemon.wait_until_ready();
    let mut client = daemon.client();
    no(&client.call(alice.verify(STEP + 1)).unwrap());
    yes(client.call(verify_named("alice", &alice.phone.code(STEP + 1))).unwrap());
    clock.set(NOON + 60);
    yes(client.call(alice.verify(STEP + 2)).unwrap());
}
