//! Backup and restore, with real files and processes: complete, sealed, and no code works twice because of it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use mfad_client::backup::{Stream, receive};
use mfad_client::{Options, Trusted};
use mfad_daemon::totp::{SEARCH, STEP_SECONDS, WINDOW};
use mfad_proto::{Call, Password, Proof, Refusal, Reply};
use mfad_tests::app::App;
use mfad_tests::calls::{recovery, resync, texts};
use mfad_tests::daemon::{Daemon, accepted, account, code, context, denied, verify};
use mfad_tests::programs::built;
use zeroize::Zeroizing;

const PASSPHRASE: &str = "correct horse battery staple";

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn backup(daemon: &Daemon, file: &Path) -> Output {
    daemon.mfactl(&["backup", file.to_str().unwrap()], &format!("{PASSPHRASE}\n"))
}

fn restore(state: &Path, file: &Path, passphrase: &str) -> Output {
    let mut command = Command::new(built("mfad"));
    command.arg("restore").arg(file).arg("--state").arg(state);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{passphrase}\n").as_bytes()).ok();
    child.wait_with_output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn tree(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(tree(&path)) } else { found.push((path.clone(), fs::read(&path).unwrap())) }
    }
    found.sort();
    found
}

/// The first code that a restored daemon can accept: everything up to the widest step of the restore is used.
fn first_after_restore(restored_at: u64) -> u64 {
    // A resync may have moved a factor's clock by as much as is searched.
    restored_at + STEP_SECONDS * (SEARCH.unsigned_abs() + WINDOW.unsigned_abs() + 1)
}

#[test]
fn a_backup_is_restored_elsewhere_and_no_old_code_works() {
    let mut daemon = Daemon::start_clocked("");
    let start = now();
    daemon.set_time(start);
    let apps: Vec<_> = (0..5).map(|n| daemon.enroll(&format!("user{n}"), start)).collect();
    let mut client = daemon.client();
    let Ok(Reply::RecoveryCodes(codes)) = client.call(recovery("user0", &apps[0].code(start + 30))) else { panic!() };
    let Ok(Reply::Issued(issued)) = client.call(Call::Recover { account: account("user0") }) else { panic!() };
    let file = daemon.folder().join("backup");
    let made = backup(&daemon, &file);
    assert!(made.status.success(), "{}", said(&made));

    let bytes = fs::read(&file).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    assert!(!text.contains("user0") && !text.contains("system"), "a name stands in the backup");
    daemon.stop();
    fs::remove_dir_all(daemon.folder().join("state")).unwrap();
    // A step may end while the restore runs: it has seen some moment between these two.
    let before = now();
    let restored = restore(&daemon.folder().join("state"), &file, PASSPHRASE);
    let after = now();
    assert!(restored.status.success(), "{}", said(&restored));
    assert!(said(&restored).contains("5 accounts are restored."), "{}", said(&restored));

    daemon.set_time(before);
    daemon.spawn();
    for (n, app) in apps.iter().enumerate() {
        let user = format!("user{n}");
        for used in [start, before, before + STEP_SECONDS] {
            assert!(denied(&daemon.verify(&user, &app.code(used))), "a code from before the restore is accepted");
        }
    }
    for code in [texts(&codes)[0].as_str(), issued.code.expose()] {
        daemon.rest(900);
        assert!(denied(&daemon.verify("user0", code)), "a recovery code from before the restore is accepted");
    }
    // Between backup and restore a resync could have made the newest of these good, and somebody used it.
    for ahead in 2..=4 {
        daemon.rest(900);
        let pair = resync("user1", &apps[1].code(after + 30 * (ahead - 1)), &apps[1].code(after + 30 * ahead));
        assert!(denied(&daemon.client().call(pair).unwrap()), "{ahead} steps");
    }
    daemon.rest(900);
    let later = first_after_restore(after);
    daemon.set_time(later);
    for (n, app) in apps.iter().enumerate() {
        assert!(accepted(&daemon.verify(&format!("user{n}"), &app.code(later))), "user{n} cannot log in any more");
    }
}

#[test]
fn a_backup_under_load_is_one_moment() {
    const USERS: usize = 400;
    let daemon = Arc::new(Daemon::start_clocked(""));
    let start = now();
    daemon.set_time(start);
    for n in 0..USERS {
        let mut client = daemon.client();
        // Pending is enough: each is a record, and quickly made.
        let _pending = mfad_tests::daemon::begin_enrollment(&mut client, &format!("user{n}"));
    }
    let app = daemon.enroll("alice", start);
    let stop = Arc::new(AtomicBool::new(false));
    let load: Vec<_> = (0..4)
        .map(|thread| {
            let (daemon, stop) = (Arc::clone(&daemon), Arc::clone(&stop));
            std::thread::spawn(move || {
                let mut client = daemon.client();
                let mut sent = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    let calls = (0..USERS).map(|n| match n % 3 {
                        0 => mfad_tests::daemon::enroll(&format!("user{n}")),
                        1 => mfad_tests::daemon::enroll(&format!("new-{thread}-{sent}-{n}")),
                        _ => verify(&format!("user{n}"), "000000"),
                    });
                    assert!(client.call_all(calls.collect()).iter().all(Result::is_ok));
                    sent += 1;
                }
                sent
            })
        })
        .collect();
    let file = daemon.folder().join("backup");
    for round in 0..3 {
        let made = backup(&daemon, &file);
        assert!(made.status.success(), "{}", said(&made));
        // Reading it back proves the records against the mark of that moment.
        let state = daemon.folder().join(format!("elsewhere{round}"));
        let restored = restore(&state, &file, PASSPHRASE);
        assert!(restored.status.success(), "{}", said(&restored));
        let check = Command::new(built("mfad")).arg("check").arg("--state").arg(&state).output().unwrap();
        assert!(check.status.success(), "{}", said(&check));
        assert!(said(&check).contains("1 active"), "{}", said(&check));
    }
    stop.store(true, Ordering::Relaxed);
    for thread in load {
        assert!(thread.join().unwrap() > 0, "there was no load");
    }
    assert!(accepted(&daemon.verify("alice", &app.code(start + 30))));
}

#[test]
fn a_wrong_passphrase_or_a_changed_file_changes_nothing() {
    let mut daemon = Daemon::start_clocked("");
    daemon.set_time(now());
    let _app = daemon.enroll("alice", now());
    let file = daemon.folder().join("backup");
    assert!(backup(&daemon, &file).status.success());
    daemon.stop();
    let (state, whole) = (daemon.folder().join("state"), fs::read(&file).unwrap());
    let before = tree(&state);
    let refused = |bytes: &[u8], passphrase: &str, words: &str| {
        fs::write(&file, bytes).unwrap();
        let output = restore(&state, &file, passphrase);
        assert_eq!(output.status.code(), Some(1));
        assert!(said(&output).contains(words), "{} does not say {words:?}", said(&output));
        assert_eq!(tree(&state), before, "a refused restore changed something");
    };
    refused(&whole, "wrong", "does not open");
    refused(&whole, "", "does not open");
    refused(b"", PASSPHRASE, "no backup of mfad");
    refused(b"something else entirely, and long enough to hold a header of some kind", PASSPHRASE, "no backup of mfad");
    refused(&whole[..whole.len() - 1], PASSPHRASE, "not written to its end");
    refused(&[whole.as_slice(), b"more"].concat(), PASSPHRASE, "not written to its end");
    refused(&[&whole[..whole.len() - 20], &whole[whole.len() - 8..]].concat(), PASSPHRASE, "does not open");
    for place in [30, 50, 70, 100, whole.len() / 2, whole.len() - 20] {
        let mut flipped = whole.clone();
        flipped[place] ^= 1;
        refused(&flipped, PASSPHRASE, "does not open");
    }
    // What a file may ask of the machine that reads it has a limit.
    let mut greedy = whole.clone();
    greedy[14..18].copy_from_slice(&u32::MAX.to_le_bytes());
    refused(&greedy, PASSPHRASE, "more memory or time");
    fs::write(&file, &whole).unwrap();
    assert!(restore(&state, &file, PASSPHRASE).status.success());
}

#[test]
fn a_damaged_store_is_served_again_after_a_restore() {
    let mut daemon = Daemon::start_clocked("");
    daemon.set_time(now());
    let app = daemon.enroll("alice", now());
    let file = daemon.folder().join("backup");
    assert!(backup(&daemon, &file).status.success());
    let state = daemon.folder().join("state");
    let refused = restore(&state, &file, PASSPHRASE);
    assert!(!refused.status.success() && said(&refused).contains("in use by process"), "{}", said(&refused));
    daemon.stop();
    fs::remove_file(state.join("head")).unwrap();
    daemon.spawn();
    assert!(matches!(daemon.verify("alice", &app.code(now())), Reply::Refused(Refusal::Unavailable)));
    daemon.stop();
    let restored = restore(&state, &file, PASSPHRASE);
    assert!(restored.status.success(), "{}", said(&restored));
    assert!(state.join("before-restore-1/store").is_dir(), "the old state is gone");
    let later = first_after_restore(now());
    daemon.set_time(later);
    daemon.spawn();
    assert!(accepted(&daemon.verify("alice", &app.code(later))));
}

#[test]
fn what_happened_since_the_backup_is_told() {
    let mut daemon = Daemon::start_clocked("[realm.system]\nreplace = \"asserted\"\n");
    let start = now();
    daemon.set_time(start);
    let apps: Vec<_> = ["alice", "bob", "carol"].iter().map(|user| daemon.enroll(user, start)).collect();
    let file = daemon.folder().join("backup");
    assert!(backup(&daemon, &file).status.success());
    let reset = Call::Reset {
        account: account("alice"),
        proof: Proof::Asserted,
        code: code(&apps[0].code(start + 30)),
        context: context(),
    };
    assert!(matches!(daemon.client().call(reset), Ok(Reply::Done)));
    let _new_phone: App = daemon.enroll("bob", start);
    assert!(accepted(&daemon.verify("carol", &apps[2].code(start + 30))));
    daemon.stop();
    let restored = said(&restore(&daemon.folder().join("state"), &file, PASSPHRASE));
    let (_, list) = restored.split_once("their old factors work again:\n").expect("no list");
    assert_eq!(list.lines().collect::<Vec<_>>(), ["  alice in realm system", "  bob in realm system"]);

    let again = said(&restore(&daemon.folder().join("state"), &file, PASSPHRASE));
    assert!(again.contains("No account was reset or enrolled anew"), "{again}");
    fs::write(daemon.folder().join("state/store/db"), b"nothing").unwrap();
    let unreadable = said(&restore(&daemon.folder().join("state"), &file, PASSPHRASE));
    assert!(unreadable.contains("nobody can tell"), "{unreadable}");
}

#[test]
fn a_restore_that_was_cut_off_is_finished_by_the_next_start() {
    let mut daemon = Daemon::start_clocked("");
    let start = now();
    daemon.set_time(start);
    let app = daemon.enroll("alice", start);
    let file = daemon.folder().join("backup");
    assert!(backup(&daemon, &file).status.success());
    daemon.stop();
    let state = daemon.folder().join("state");
    let elsewhere = daemon.folder().join("elsewhere");
    fs::copy(state.join("root.key"), daemon.folder().join("key")).unwrap();
    let key = daemon.folder().join("key");
    let mut command = Command::new(built("mfad"));
    command.args(["restore", file.to_str().unwrap(), "--state", elsewhere.to_str().unwrap()]);
    command.args(["--key-file", key.to_str().unwrap()]).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(PASSPHRASE.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());

    // As a crash leaves it: complete, and none, one, or two of its three parts in place.
    for moved in 0..3 {
        let ready = state.join("restored");
        fs::create_dir(&ready).unwrap();
        for name in ["keyring", "head", "store"] {
            let copied = Command::new("cp").arg("-a").arg(elsewhere.join(name)).arg(&ready).status().unwrap();
            assert!(copied.success());
        }
        let beside = state.join(format!("taken-{moved}"));
        fs::create_dir(&beside).unwrap();
        for name in ["keyring", "head"].iter().take(moved) {
            fs::rename(state.join(name), beside.join(name)).unwrap();
            fs::rename(ready.join(name), state.join(name)).unwrap();
        }
        let later = first_after_restore(now()) + 60 * moved as u64;
        daemon.set_time(later);
        daemon.spawn();
        assert!(!ready.exists(), "the restore is not finished");
        assert!(accepted(&daemon.verify("alice", &app.code(later))), "{}", daemon.log());
        daemon.stop();
    }
}

#[test]
fn a_reader_that_goes_away_costs_nothing_and_one_at_a_time_is_served() {
    let daemon = Daemon::start_clocked("");
    for n in 0..300 {
        let _pending = mfad_tests::daemon::begin_enrollment(&mut daemon.client(), &format!("user{n}"));
    }
    let options = Options::new(daemon.socket(), Trusted::OWN);
    let ask = || receive(&options, Password::new(Zeroizing::new(PASSPHRASE.as_bytes().to_vec())).unwrap()).unwrap();
    let Ok(Stream { records, pipe }) = ask() else { panic!("no backup") };
    assert_eq!(records, 600, "each account, and its handle");
    // The pipe is full by now or soon, and nobody reads it.
    assert!(matches!(ask(), Err(Reply::Refused(Refusal::TryLater { seconds: 60 }))));
    assert!(matches!(daemon.client().call(verify("user1", "000000")), Ok(Reply::Refused(Refusal::Denied))));
    drop(pipe);
    let file = daemon.folder().join("backup");
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !backup(&daemon, &file).status.success() {
        assert!(std::time::Instant::now() < end, "the abandoned backup is still being made: {}", daemon.log());
    }
    daemon.says("a backup was not finished");
}

#[test]
fn a_backup_needs_a_passphrase_and_a_place() {
    let daemon = Daemon::start();
    let file = daemon.folder().join("backup");
    let with = |input: &str, file: &Path| daemon.mfactl(&["backup", file.to_str().unwrap()], input);
    assert_eq!(with("\n", &file).status.code(), Some(2));
    assert_eq!(with("", &file).status.code(), Some(2));
    assert_eq!(with("x\n", &daemon.folder().join("missing/backup")).status.code(), Some(7));
    assert!(!file.exists());
    std::os::unix::fs::symlink("/dev/null", daemon.folder().join("link")).unwrap();
    assert_eq!(with("x\n", &daemon.folder().join("link")).status.code(), Some(7), "a symlink was replaced");
    let secret = daemon.folder().join("passphrase");
    fs::write(&secret, "from a file\nand no more\n").unwrap();
    let args = ["--json", "backup", file.to_str().unwrap(), "--passphrase-file", secret.to_str().unwrap()];
    let made = daemon.mfactl(&args, "");
    assert_eq!(String::from_utf8_lossy(&made.stdout), "{\"result\":\"done\"}\n");
    let restored = restore(&daemon.folder().join("elsewhere"), &file, "from a file");
    assert!(restored.status.success(), "{}", said(&restored));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}
