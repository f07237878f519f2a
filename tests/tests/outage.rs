//! A disk that fails under a running daemon: refused, nothing lost, and back by itself where it can be.

use mfad_daemon::home::Home;
use mfad_daemon::ledger::MARK_KEY;
use mfad_proto::{Call, Refusal, Reply};
use mfad_tests::app::App;
use mfad_tests::daemon::{NOON, accepted, account, begin_enrollment, code, denied, verify};
use mfad_tests::faults::{Disk, FaultyHome};
use mfad_tests::inprocess::{InProcess, SetClock};

fn enroll(daemon: &InProcess) -> App {
    let mut client = daemon.client();
    let enrollment = begin_enrollment(&mut client, "alice");
    let app = App::scan(enrollment.uri.expose());
    let confirm = Call::Confirm { account: account("alice"), enrollment: enrollment.id, code: code(&app.code(NOON)) };
    assert!(matches!(client.call(confirm), Ok(Reply::Enrolled(_))));
    app
}

fn send(daemon: &InProcess, text: &str) -> Reply {
    daemon.client().call(verify("alice", text)).unwrap()
}

fn unavailable(reply: &Reply) -> bool {
    matches!(reply, Reply::Refused(Refusal::Unavailable))
}

#[test]
fn a_full_or_read_only_disk_is_waited_out() {
    for (disk, words) in [(Disk::Full, "the disk is full"), (Disk::ReadOnly, "read-only"), (Disk::FullForHead, "full")]
    {
        let (home, clock) = (FaultyHome::new(), SetClock::at(NOON));
        let daemon = InProcess::start(&home, &clock);
        let app = enroll(&daemon);
        home.set(disk);
        let reply = send(&daemon, &app.code(NOON + 30));
        // With the head alone in trouble the store itself can still say yes, once.
        assert!(unavailable(&reply) || (disk == Disk::FullForHead && accepted(&reply)), "{disk:?}");
        while daemon.ping().ready {
            std::thread::yield_now();
        }
        let pong = daemon.ping();
        assert!(pong.why.contains(words) && !pong.why.contains("alice"), "{}", pong.why);
        for call in [verify("alice", "000000"), Call::Status { account: account("alice") }] {
            assert!(unavailable(&daemon.client().call(call).unwrap()));
        }
        home.set(Disk::Well);
        daemon.wait_until_ready();
        assert!(denied(&send(&daemon, &app.code(NOON))), "a used code works again");
        if unavailable(&reply) {
            assert!(accepted(&send(&daemon, &app.code(NOON + 30))), "what was never accepted is used");
        }
        assert!(denied(&send(&daemon, &app.code(NOON + 30))));
        daemon.stop().unwrap();
    }
}

#[test]
fn any_other_failed_sync_ends_the_daemon_and_says_yes_to_nobody() {
    for disk in [Disk::LosesNext, Disk::LosesNextAnswer] {
        let (home, clock) = (FaultyHome::new(), SetClock::at(NOON));
        let daemon = InProcess::start(&home, &clock);
        let app = enroll(&daemon);
        home.set(disk);
        assert!(unavailable(&send(&daemon, &app.code(NOON + 30))));
        let error = daemon.wait().unwrap_err().to_string();
        assert!(error.contains("input/output error of the test"), "{error}");

        let daemon = InProcess::start(&home, &clock);
        let again = send(&daemon, &app.code(NOON + 30));
        // Whether the batch was there is for the disk to say; it is one of both, and never twice.
        assert_eq!(accepted(&again), disk == Disk::LosesNext);
        assert!(denied(&send(&daemon, &app.code(NOON + 30))));
    }
}

#[test]
fn a_backup_that_nobody_reads_does_not_keep_the_store_down() {
    let (home, clock) = (FaultyHome::new(), SetClock::at(NOON));
    let daemon = InProcess::start(&home, &clock);
    let app = enroll(&daemon);
    for n in 0..300 {
        let _pending = begin_enrollment(&mut daemon.client(), &format!("user{n}"));
    }
    let passphrase = mfad_proto::Password::new(zeroize::Zeroizing::new(b"secret".to_vec())).unwrap();
    let unread = mfad_client::backup::receive(&daemon.options(), passphrase).unwrap();
    assert!(unread.is_ok());
    home.set(Disk::Full);
    assert!(unavailable(&send(&daemon, &app.code(NOON + 30))));
    home.set(Disk::Well);
    daemon.wait_until_ready();
    assert!(accepted(&send(&daemon, &app.code(NOON + 30))));
}

#[test]
fn a_daemon_that_starts_on_a_full_disk_waits_for_room() {
    let (home, clock) = (FaultyHome::new(), SetClock::at(NOON));
    let daemon = InProcess::start(&home, &clock);
    let app = enroll(&daemon);
    daemon.stop().unwrap();
    home.set(Disk::Full);
    let daemon = InProcess::start(&home, &clock);
    assert!(unavailable(&send(&daemon, &app.code(NOON + 30))));
    home.set(Disk::Well);
    daemon.wait_until_ready();
    assert!(accepted(&send(&daemon, &app.code(NOON + 30))));
}

#[test]
fn a_store_that_is_damaged_under_the_daemon_is_never_called_not_enrolled() {
    let (home, clock) = (FaultyHome::new(), SetClock::at(NOON));
    let daemon = InProcess::start(&home, &clock);
    let app = enroll(&daemon);
    let store = home.inner().open().unwrap();
    let mut keys = Vec::new();
    store.scan(&mut |key, _| keys.push(key.to_vec())).unwrap();
    keys.retain(|key| key != MARK_KEY);
    store.commit(keys.into_iter().map(|key| (key, None)).collect()).unwrap();
    assert!(unavailable(&send(&daemon, &app.code(NOON + 30))));
    let status = daemon.client().call(Call::Status { account: account("alice") }).unwrap();
    assert!(unavailable(&status), "an account that is gone was called not enrolled");
    let why = daemon.ping().why;
    assert!(why.contains("gone") && why.contains("mfad restore"), "{why}");
    daemon.stop().unwrap();
    let daemon = InProcess::start(&home, &clock);
    assert!(unavailable(&send(&daemon, &app.code(NOON + 30))));
    assert!(daemon.ping().why.contains("missing from the store"), "{}", daemon.ping().why);
}

#[test]
fn a_record_that_does_not_open_is_never_taken_for_a_missing_one() {
    let (home, clock) = (FaultyHome::new(), SetClock::at(NOON));
    let daemon = InProcess::start(&home, &clock);
    let app = enroll(&daemon);
    let broken = vec![(b"asystem\0alice".to_vec(), Some(vec![1; 565]))];
    home.inner().open().unwrap().commit(broken).unwrap();
    let begin = Call::Begin { account: account("alice"), context: mfad_tests::daemon::context() };
    for call in [begin, verify("alice", &app.code(NOON + 30)), mfad_tests::daemon::enroll("alice")] {
        assert!(unavailable(&daemon.client().call(call).unwrap()));
    }
    assert!(daemon.ping().why.contains("does not open"), "{}", daemon.ping().why);
}

#[test]
fn requests_that_come_while_the_store_is_checked_wait_for_it() {
    let (home, clock) = (FaultyHome::new(), SetClock::at(NOON));
    let app = {
        let daemon = InProcess::start(&home, &clock);
        enroll(&daemon)
    };
    home.set(Disk::Held);
    let daemon = InProcess::start(&home, &clock);
    let mut client = daemon.client();
    let waiting = std::thread::spawn(move || client.call(verify("alice", &app.code(NOON + 30))).unwrap());
    for _ in 0..50 {
        let pong = daemon.ping();
        assert!(!pong.ready && pong.why.contains("being checked"), "{}", pong.why);
        assert!(!waiting.is_finished(), "a request was answered before the store was proved");
    }
    home.set(Disk::Well);
    assert!(accepted(&waiting.join().unwrap()));
    assert!(daemon.ping().ready);
}
