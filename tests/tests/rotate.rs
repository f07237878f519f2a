//! A new key for the records: while the daemon serves, through kills at any point, and without a record or the way to read
//! one being lost.

use std::path::Path;
use std::sync::Arc;

use mfad_client::Client;
use mfad_daemon::home::{Home, STORE};
use mfad_daemon::inventory;
use mfad_daemon::keyring::{Keyring, SecretKey};
use mfad_daemon::seal::Sealer;
use mfad_daemon::store::{SledStore, Store, copy};
use mfad_proto::{Call, Refusal, Reply};
use mfad_tests::calls::{begin_enrollment, keys, wait_for_keys};
use mfad_tests::daemon::{Daemon, NOON, accepted, denied, verify};
use mfad_tests::faults::{Disk, FaultyHome};
use mfad_tests::inprocess::{InProcess, SetClock};
use mfad_tests::load::{Load, Whose};
use mfad_tests::phone::Phone;
use nix::sys::signal::Signal;

/// The keyring that lies in a state folder, whose root key lies there as well.
fn keyring(state: &Path) -> Keyring {
    let text = std::fs::read_to_string(state.join("root.key")).unwrap();
    let root: [u8; 32] = data_encoding::HEXLOWER.decode(text.trim().as_bytes()).unwrap().try_into().unwrap();
    Keyring::unwrap(&std::fs::read(state.join("keyring")).unwrap(), &SecretKey::from_bytes(&root).unwrap()).unwrap()
}

/// Checks that the one key in the keyring opens every record, and returns how many accounts there are.
fn one_key_opens_all(store: &dyn Store, keyring: &Keyring) -> u64 {
    assert!(keyring.old().is_none(), "the old key is still there");
    let found = inventory::take(store, &Sealer::new(keyring).unwrap()).unwrap();
    assert_eq!(found.unreadable, 0, "records need another key: {found:?}");
    found.accounts
}

fn one_key_opens_the_folder(state: &Path) -> u64 {
    let copied = copy(&state.join(STORE)).unwrap();
    one_key_opens_all(&SledStore::open(copied.path()).unwrap(), &keyring(state))
}

#[test]
fn a_new_key_seals_every_record_and_the_old_one_goes() {
    let mut daemon = Daemon::start_clocked("");
    let mut client = daemon.client();
    let mut phones: Vec<_> = (0..200).map(|n| Phone::enroll(&mut client, &format!("user{n}"), NOON)).collect();
    // A slot, and an account that is only pending. Each account has a handle, which is a record of its own.
    assert!(denied(&client.call(verify("nobody", "123456")).unwrap()));
    let pending = begin_enrollment(&mut client, "pending");
    let before = keys(&mut client, Call::KeyStatus);
    assert_eq!((before.id, before.old, before.records, before.left), (1, None, 403, 0));
    let old = keyring(daemon.state()).data().key.expose().to_vec();

    daemon.set_time(NOON + 30);
    let begun = keys(&mut client, Call::KeyRotate);
    assert_eq!((begun.id, begun.made_at, begun.old), (2, NOON + 30, Some(1)));
    // While it runs, a second one begins nothing, and everybody is served.
    assert_eq!(keys(&mut client, Call::KeyRotate).id, 2);
    for (n, phone) in phones.iter_mut().enumerate() {
        assert!(accepted(&client.call(verify(&format!("user{n}"), &phone.code(NOON / 30 + 1))).unwrap()));
    }
    let after = wait_for_keys(&mut client);
    assert_eq!((after.id, after.old, after.records, after.left), (2, None, 403, 0));
    let again = begin_enrollment(&mut client, "pending");
    assert_eq!((again.id, again.uri.expose()), (pending.id, pending.uri.expose()));

    daemon.stop();
    assert_eq!(one_key_opens_the_folder(daemon.state()), 201);
    assert_ne!(keyring(daemon.state()).data().key.expose().as_slice(), old);
    daemon.spawn();
    daemon.set_time(NOON + 60);
    let mut client = daemon.client();
    for (n, phone) in phones.iter_mut().enumerate() {
        let user = format!("user{n}");
        assert!(denied(&client.call(verify(&user, &phone.code(NOON / 30 + 1))).unwrap()), "a used code is good again");
        assert!(accepted(&client.call(verify(&user, &phone.code(NOON / 30 + 2))).unwrap()), "{user} is lost");
    }
    assert!(denied(&client.call(verify("nobody", "123456")).unwrap()));
    assert!(matches!(client.call(verify("nobody", "123456")), Ok(Reply::Refused(Refusal::Denied))));
    assert!(matches!(client.call(verify("nobody", "123456")), Ok(Reply::Refused(Refusal::TryLater { .. }))));
}

#[test]
fn mfactl_shows_and_changes_the_key() {
    let daemon = Daemon::start_clocked("");
    let _app = daemon.enroll("alice", NOON);
    let object = |args: &[&str]| -> serde_json::Value {
        let output = daemon.mfactl(&[&["--json"], args].concat(), "");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let status = object(&["key", "status"]);
    assert_eq!((&status["key"], &status["old"], &status["records"]), (&1.into(), &serde_json::Value::Null, &2.into()));
    assert_eq!(object(&["key", "rotate"])["result"], "done");
    let status = object(&["key", "status"]);
    assert_eq!((&status["key"], &status["old"], &status["left"]), (&2.into(), &serde_json::Value::Null, &0.into()));
    assert_eq!(status["made_at"], NOON);
    let said = daemon.mfactl(&["key", "status"], "");
    assert!(String::from_utf8_lossy(&said.stdout).starts_with("key 2, made 2023-11-14T22:14:15Z, seals 2 records"));
    assert_eq!(daemon.mfactl(&["key"], "").status.code(), Some(2));
}

/// Each account's code of a new step is accepted, and its used one is not.
fn all_are_there(client: &mut Client, phones: &mut [Phone], step: u64) {
    let mut ask = |step: u64| {
        let calls = phones.iter_mut().enumerate().map(|(n, phone)| verify(&format!("user{n}"), &phone.code(step)));
        client.call_all(calls.collect()).into_iter().map(|reply| reply.expect("an answer")).collect::<Vec<_>>()
    };
    assert!(ask(step - 1).iter().all(denied), "a used code is good again");
    assert!(ask(step).iter().all(accepted), "an account is lost");
}

/// The disk takes every write up to one, and nothing after it: as if the daemon had been killed there. This is done for
/// each write of a change of keys, from before the first to behind the last.
#[test]
fn a_change_of_keys_goes_on_from_wherever_it_was_cut_off() {
    const USERS: usize = 90;
    let (home, clock) = (FaultyHome::new(), SetClock::at(NOON));
    let mut daemon = InProcess::start(&home, &clock);
    let mut client = daemon.client();
    let mut phones: Vec<_> = (0..USERS).map(|n| Phone::enroll(&mut client, &format!("user{n}"), NOON)).collect();
    let (mut step, mut cut, mut finished) = (NOON / 30, 0, 0);
    while finished < 3 {
        step += 1;
        clock.set(step * 30 + 15);
        let before = keys(&mut client, Call::KeyStatus);
        assert_eq!(before.old, None);
        home.set(Disk::Cut(cut));
        let begun = client.call(Call::KeyRotate);
        let ended = matches!(begun, Ok(Reply::Keys(_))) && {
            // Until the disk takes nothing more, or there is nothing more to write.
            loop {
                match client.call(Call::KeyStatus) {
                    Ok(Reply::Keys(now)) if now.old.is_some() => {}
                    Ok(Reply::Keys(_)) => break true,
                    _ => break false,
                }
                std::thread::sleep(std::time::Duration::from_millis(1));
                if home.is_cut_off() {
                    break false;
                }
            }
        };
        finished += usize::from(ended);
        drop(client);
        // It may have stopped by itself, since a write failed.
        daemon.stop().ok();
        home.set(Disk::Well);
        daemon = InProcess::start(&home, &clock);
        daemon.wait_until_ready();
        client = daemon.client();
        all_are_there(&mut client, &mut phones, step);
        let after = wait_for_keys(&mut client);
        assert_eq!(after.id, before.id + u32::from(cut > 0), "cut after {cut} writes");
        assert_eq!(one_key_opens_all(&*home.inner().open().unwrap(), &home.keyring()), USERS as u64);
        cut += 1;
    }
    println!("cut off at {} places", cut - 3);
    // One keyring, a few batches of records, another keyring.
    assert!(cut > 5, "only {cut} places: the change was no change");
}

#[test]
fn a_change_of_keys_survives_kill_9_under_load() {
    let mut daemon = Daemon::start_clocked("");
    let mut load = Load::new(4, 25);
    let (mut during, mut rounds, mut id) = (0, 0, 1);
    while during < 20 {
        rounds += 1;
        assert!(rounds <= 120, "only {during} kills met a change of keys");
        let (answers, delay) = (load.random().below(60), load.random().span(std::time::Duration::from_millis(20)));
        let mut admin = daemon.client();
        load.run(&daemon, |traffic| {
            traffic.wait_for_answers(answers);
            assert_eq!(keys(&mut admin, Call::KeyRotate).id, id + 1);
            std::thread::sleep(delay);
            daemon.signal(Signal::SIGKILL);
        });
        daemon.kill();
        let cut_off = keyring(daemon.state()).old().is_some();
        during += usize::from(cut_off);
        id += 1;
        assert_eq!(keyring(daemon.state()).data().id, id);
        daemon.spawn();
        if rounds % 3 == 0 {
            // Also while the next one has just begun to go on.
            daemon.kill();
            daemon.spawn();
        }
        assert_eq!(load.losses(&daemon, Whose::All), [""; 0], "round {rounds}: {}", daemon.last_words());
        assert_eq!(wait_for_keys(&mut daemon.client()).id, id);
        load.renew(2);
    }
    daemon.stop();
    one_key_opens_the_folder(daemon.state());
    println!("{during} of {rounds} kills met a change of keys, {} accounts are enrolled", load.enrolled());
}

/// What was sealed before a change and is still on its way to the disk must not come behind the sweep.
#[test]
fn a_change_waits_for_what_is_being_committed() {
    let (home, clock) = (FaultyHome::new(), SetClock::at(NOON));
    let daemon = InProcess::start(&home, &clock);
    daemon.wait_until_ready();
    home.set(Disk::Slow);
    let (commits, options) = (home.commits(), daemon.options());
    let mut others = [(); 2].map(|()| Client::connect(options.clone()).unwrap());
    std::thread::scope(|scope| {
        let [enrolling, rotating] = &mut others;
        let enrolled = scope.spawn(|| begin_enrollment(enrolling, "alice"));
        while home.commits() == commits {
            std::thread::yield_now();
        }
        // The record is sealed with the first key, and not in the store yet.
        let begun = scope.spawn(|| keys(rotating, Call::KeyRotate));
        std::thread::sleep(std::time::Duration::from_millis(300));
        let under_a_commit = begun.is_finished();
        home.set(Disk::Well);
        enrolled.join().unwrap();
        assert_eq!(begun.join().unwrap().id, 2);
        assert!(!under_a_commit, "the key was changed under a commit");
    });
    wait_for_keys(&mut daemon.client());
    assert_eq!(one_key_opens_all(&*home.inner().open().unwrap(), &home.keyring()), 1);
}

#[test]
fn nothing_is_sealed_with_a_key_that_is_not_durable_yet() {
    let (home, clock) = (FaultyHome::new(), SetClock::at(NOON));
    let daemon = InProcess::start(&home, &clock);
    let (mut client, mut other) = (daemon.client(), daemon.client());
    let mut phone = Phone::enroll(&mut client, "user0", NOON);
    home.set(Disk::SlowForKeyring);
    std::thread::scope(|scope| {
        let refused = scope.spawn(|| other.call(Call::KeyRotate));
        std::thread::sleep(std::time::Duration::from_millis(300));
        let accepted = client.call(verify("user0", &phone.code(NOON / 30 + 1)));
        home.set(Disk::Full);
        assert!(matches!(refused.join().unwrap(), Ok(Reply::Refused(Refusal::Unavailable))));
        assert!(matches!(accepted, Ok(Reply::Accepted(_))));
    });
    home.set(Disk::Well);
    // What the disk holds now is all that the next daemon has.
    drop((client, other));
    daemon.stop().ok();
    let daemon = InProcess::start(&home, &clock);
    daemon.wait_until_ready();
    clock.set(NOON + 60);
    all_are_there(&mut daemon.client(), std::slice::from_mut(&mut phone), NOON / 30 + 2);
    assert_eq!(one_key_opens_all(&*home.inner().open().unwrap(), &home.keyring()), 1);
}

#[test]
fn a_disk_that_takes_no_keyring_changes_nothing() {
    let (home, clock) = (FaultyHome::new(), SetClock::at(NOON));
    let daemon = InProcess::start(&home, &clock);
    let mut client = daemon.client();
    let mut phone = Phone::enroll(&mut client, "user0", NOON);
    for disk in [Disk::Full, Disk::ReadOnly] {
        home.set(disk);
        assert!(matches!(client.call(Call::KeyRotate), Ok(Reply::Refused(Refusal::Unavailable))), "{disk:?}");
        home.set(Disk::Well);
        assert_eq!(keys(&mut client, Call::KeyStatus).id, 1);
    }
    clock.set(NOON + 30);
    all_are_there(&mut client, std::slice::from_mut(&mut phone), NOON / 30 + 1);
    assert_eq!(keys(&mut client, Call::KeyRotate).id, 2);
    wait_for_keys(&mut client);
    assert!(home.keyring().old().is_none());
}

#[test]
fn a_backup_that_is_made_during_a_change_opens_whole() {
    let daemon = Daemon::start_clocked("");
    let mut client = daemon.client();
    let mut phones: Vec<_> = (0..300).map(|n| Phone::enroll(&mut client, &format!("user{n}"), NOON)).collect();
    let passphrase = daemon.folder().join("passphrase");
    std::fs::write(&passphrase, "a passphrase\n").unwrap();
    let mut open = |name: &str, daemon: &Daemon| {
        let (file, state) = (daemon.folder().join(name), daemon.folder().join(format!("{name}-state")));
        let words = ["backup", file.to_str().unwrap(), "--passphrase-file", passphrase.to_str().unwrap()];
        let made = daemon.mfactl(&words, "");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut restore = std::process::Command::new(mfad_tests::programs::built("mfad"));
        restore.arg("restore").arg(&file).arg("--state").arg(&state).arg("--passphrase-file").arg(&passphrase);
        assert!(restore.output().unwrap().status.success());
        assert_eq!(one_key_opens_the_folder(&state), 300, "{name}");
        // Every code is used up, but the factors are those of the backup.
        let mut restored = Daemon::unstarted("mfad-clocked", "");
        restored.set_state(state);
        let later = mfad_tests::clocked::now() + 600;
        restored.set_time(later);
        restored.spawn();
        let mut client = restored.client();
        let step = (later / 30..).find(|step| phones.iter_mut().all(|phone| phone.is_alone(*step))).unwrap();
        restored.set_time(step * 30 + 15);
        for (n, phone) in phones.iter_mut().enumerate() {
            assert!(accepted(&client.call(verify(&format!("user{n}"), &phone.code(step))).unwrap()), "{name}: user{n}");
        }
    };
    open("before", &daemon);
    for round in 0..3 {
        keys(&mut client, Call::KeyRotate);
        open(&format!("during{round}"), &daemon);
    }
    wait_for_keys(&mut client);
    open("after", &daemon);
}

#[test]
fn a_restore_tells_what_was_reset_since_also_when_the_key_was_changed_since() {
    let mut daemon = Daemon::start_clocked("");
    let app = daemon.enroll("alice", NOON);
    let _bob = daemon.enroll("bob", NOON);
    let file = daemon.folder().join("backup");
    assert!(daemon.mfactl(&["backup", file.to_str().unwrap()], "a passphrase\n").status.success());
    assert!(daemon.mfactl(&["key", "rotate"], "").status.success());
    let reset = mfad_tests::calls::reset("alice", &app.code(NOON + 30));
    assert!(matches!(daemon.client().call(reset), Ok(Reply::Done)));
    daemon.stop();
    let mut restore = std::process::Command::new(mfad_tests::programs::built("mfad"));
    restore.arg("restore").arg(&file).arg("--state").arg(daemon.state()).stdin(std::process::Stdio::piped());
    let mut child = restore.stdout(std::process::Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"a passphrase\n").unwrap();
    let said = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    assert!(said.contains("alice in realm system") && !said.contains("bob"), "{said}");
}

#[test]
fn a_daemon_whose_change_was_cut_off_finishes_it_by_itself() {
    let (home, clock) = (FaultyHome::new(), SetClock::at(NOON));
    let daemon = InProcess::start(&home, &clock);
    let mut client = daemon.client();
    let _phone = Phone::enroll(&mut client, "user0", NOON);
    daemon.stop().unwrap();
    // As the first write of a change leaves it.
    let renewed = home.keyring().renewed(NOON).unwrap();
    home.inner().write_keyring(&renewed.wrap(&home.root()).unwrap()).unwrap();
    let daemon = InProcess::start(&Arc::clone(&home), &clock);
    daemon.wait_until_ready();
    assert_eq!(wait_for_keys(&mut daemon.client()).id, 2);
    assert!(home.keyring().old().is_none());
}
