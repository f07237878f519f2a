//! Very many accounts: administrators import, list and count them all, neither side's memory grows with their looks, and
//! logins go on meanwhile.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use data_encoding::BASE32_NOPAD;
use mfad_client::Client;
use mfad_proto::{Call, Reply};
use mfad_tests::calls::{accepted, account, begin_enrollment, confirm, verify};
use mfad_tests::clocked::now;
use mfad_tests::daemon::Daemon;
use mfad_tests::importing::Import;
use mfad_tests::logbook;
use mfad_tests::measured::scraped;
use mfad_tests::phone::Phone;
use mfad_tests::programs::built;
use serde_json::Value;

/// Accounts: a hundred thousand where the programs are optimized (`cargo test --release`), and else a tenth of them, since
/// opening a record takes fifty times as long then.
const ACCOUNTS: usize = if cfg!(debug_assertions) { 10_000 } else { 100_000 };

/// Accounts besides, of those who log in meanwhile.
const PEOPLE: usize = 50;

/// All that are not filled in: one of them has no factor.
const MORE: usize = PEOPLE + 1;

/// A daemon on a store that was filled straight through the library.
fn filled() -> Daemon {
    let mut daemon = Daemon::unstarted("mfad", "");
    let mut fill = Command::new(built("mfad-bench"));
    let status = fill.arg("fill").arg(daemon.folder()).arg(ACCOUNTS.to_string()).stdout(Stdio::null()).status();
    assert!(status.unwrap().success(), "the store cannot be filled");
    daemon.spawn();
    daemon
}

/// Enrols this user, and returns what it can log in with at any time: its recovery codes.
fn enrolled(client: &mut Client, user: &str) -> Vec<(String, String)> {
    let enrollment = begin_enrollment(client, user);
    let first = Phone::scan(enrollment.uri.expose()).code(now() / 30);
    confirm(client, user, &enrollment, &first).into_iter().map(|code| (user.to_owned(), code)).collect()
}

/// The most memory that a process has occupied until now, in KiB.
fn most_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a process that runs");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

fn mfactl(daemon: &Daemon, args: &[&str]) -> String {
    let output = daemon.mfactl(args, "");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Reads a list as it comes, and looks at how much memory its printer has needed at the beginning and near the end.
fn read_list(daemon: &Daemon) {
    let mut command = Command::new(built("mfactl"));
    command.arg("--socket").arg(daemon.socket()).args(["--json", "admin", "list"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let (mut last, mut count, mut memory) = (String::new(), 0, Vec::new());
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let object: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let user = object["user"].as_str().unwrap().to_owned();
        assert!(last < user, "{user} comes after {last}");
        assert_eq!(object["holder"], "gone", "{user}");
        last = user;
        count += 1;
        // What is left then does not fit into a pipe: it still has to print.
        if count == ACCOUNTS / 10 || count == ACCOUNTS / 10 * 9 {
            memory.push(most_memory(child.id()));
        }
    }
    assert!(child.wait().unwrap().success());
    assert_eq!(count, ACCOUNTS + MORE);
    println!("mfactl: {memory:?} KiB");
    assert!(memory[1] <= memory[0] + 1024 && memory[1] < 32 * 1024, "mfactl keeps what it prints: {memory:?} KiB");
}

/// Everything that administrators see of all accounts.
fn look(daemon: &Daemon) {
    read_list(daemon);
    let none = mfactl(daemon, &["admin", "list", "--state", "none"]);
    assert_eq!(none.lines().count(), 2, "{none}");
    let lines = scraped(&mfactl(daemon, &["admin", "stats", "--prometheus"]));
    let accounts = lines.iter().filter(|line| line.name == "mfad_accounts").map(|line| line.value).sum::<f64>();
    let expected = f64::from(u32::try_from(ACCOUNTS + MORE).unwrap());
    assert!((accounts - expected).abs() < 0.5, "{accounts} accounts are counted");
}

/// Works while people log in, and says how many did.
fn while_logins_go_on(client: &mut Client, spare: Vec<(String, String)>, work: impl FnOnce()) -> usize {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let logins = scope.spawn(|| {
            let mut logins = 0;
            for (user, code) in spare {
                if done.load(Ordering::SeqCst) {
                    break;
                }
                assert!(accepted(&client.call(verify(&user, &code)).expect("an answer")), "login {logins} of {user}");
                logins += 1;
                // Spread over the whole time.
                std::thread::sleep(Duration::from_millis(50));
            }
            logins
        });
        // What panics in there would leave the other thread running.
        let worked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        done.store(true, Ordering::SeqCst);
        let logins = logins.join().expect("logins without a panic");
        worked.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        logins
    })
}

fn people(client: &mut Client) -> Vec<(String, String)> {
    (0..PEOPLE).flat_map(|number| enrolled(client, &format!("login-{number:02}"))).collect()
}

#[test]
fn all_accounts_are_listed_and_counted_in_flat_memory_while_logins_go_on() {
    let daemon = filled();
    let mut client = daemon.client();
    let issued = client.call(Call::Recover { account: account("somebody") });
    assert!(matches!(issued, Ok(Reply::Issued(_))));
    let spare = people(&mut client);
    let at_first = most_memory(daemon.pid());
    let logins = while_logins_go_on(&mut client, spare, || {
        look(&daemon);
        let once = most_memory(daemon.pid());
        look(&daemon);
        let twice = most_memory(daemon.pid());
        println!("mfad: {at_first} KiB at first, {once} KiB after one look at all, {twice} KiB after two");
        assert!(twice < once + 8 * 1024, "it grows with each look: {once} and {twice} KiB");
        // The engine's cache lags behind its limit, by 64 pages in each of 256 parts, and no further.
        assert!(twice < at_first + 128 * 1024, "it has grown from {at_first} to {twice} KiB");
    });
    println!("{logins} logins meanwhile");
    assert!(logins > 10, "{logins} logins");
}

#[test]
fn all_accounts_are_imported_in_flat_memory_while_logins_go_on() {
    let daemon = Daemon::start_with("[realm.netmaker]\n[realm.small]\n");
    let mut client = daemon.client();
    let spare = people(&mut client);
    let import = |realm: &str, entries: usize| {
        let path = daemon.folder().join(realm);
        let mut file = BufWriter::new(File::create(&path).unwrap());
        for number in 0..entries {
            let key = BASE32_NOPAD.encode(&[number.to_le_bytes(); 2].concat());
            writeln!(file, "otpauth://totp/ACME:user{number}?secret={key}").unwrap();
        }
        file.flush().unwrap();
        let import = Import::run(&daemon, realm, &path, &["--apply"]);
        assert_eq!(import.status, Some(0), "{}", import.prose);
        let last = import.objects.last().unwrap();
        assert_eq!((&last["new"], &last["refused"]), (&entries.into(), &0.into()), "{last}");
        import.peak
    };
    let logins = while_logins_go_on(&mut client, spare, || {
        let (few, many) = (import("small", ACCOUNTS / 10), import("netmaker", ACCOUNTS));
        println!("mfactl: {few} KiB for {} entries, {many} KiB for {ACCOUNTS}", ACCOUNTS / 10);
        // One hash a user is kept, so that a second entry of one is told.
        assert!(many < few + 8 * 1024, "mfactl keeps what it reads: {few} and {many} KiB");
    });
    println!("{logins} logins meanwhile");
    assert!(logins > 10, "{logins} logins");
    assert_eq!(logbook::faults(&mut client), []);
}
