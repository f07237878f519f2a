//! Whatever somebody does to the files of the audit log, while the daemon runs or not, is found.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use mfad_proto::{LogFault, LogFilter};
use mfad_tests::daemon::{Daemon, NOON, verify};
use mfad_tests::logbook::{self, Offline, REALM, afternoon, faults, files, lines, overwrite};
use mfad_tests::programs::built;
use mfad_tests::random::Random;

#[test]
fn any_single_byte_that_is_changed_is_found() {
    let mut daemon = Daemon::start_clocked(REALM);
    afternoon(&daemon);
    let path = files(daemon.state()).pop().unwrap();
    assert_eq!(faults(&mut daemon.client()), []);
    let file = File::options().write(true).open(&path).unwrap();
    let change = |place: usize, byte: u8| {
        // In its place: a look at the log of a running daemon adds a line at its end.
        file.write_all_at(&[byte ^ 1 << (place % 8)], place as u64).unwrap();
    };
    let content = fs::read(&path).unwrap();
    for (place, byte) in content.iter().enumerate().step_by(content.len() / 16) {
        change(place, *byte);
        assert_ne!(faults(&mut daemon.client()), [], "byte {place} of {}, while it runs", content.len());
        file.write_all_at(&[*byte], place as u64).unwrap();
    }
    assert_eq!(faults(&mut daemon.client()), [], "everything was put back");
    daemon.stop();
    let look = Offline::open(daemon.state());
    let content = fs::read(&path).unwrap();
    for (place, byte) in content.iter().enumerate() {
        change(place, *byte);
        assert_ne!(look.faults(), [], "byte {place} of {}", content.len());
        file.write_all_at(&[*byte], place as u64).unwrap();
    }
    assert_eq!(look.faults(), [], "everything was put back");
}

#[test]
fn lines_that_are_removed_moved_doubled_or_made_up_are_found() {
    let mut daemon = Daemon::start_clocked(REALM);
    afternoon(&daemon);
    daemon.stop();
    let look = Offline::open(daemon.state());
    assert_eq!(look.faults(), []);
    let path = files(daemon.state()).pop().unwrap();
    let content = fs::read(&path).unwrap();
    let whole = lines(&content);
    let mut tried = 0;
    let mut is_found = |lines: &[&[u8]], what: &str| {
        overwrite(&path, &lines.concat());
        let found = look.faults();
        assert_ne!(found, [], "{what}");
        tried += 1;
        found
    };
    for line in 0..whole.len() {
        let mut without = whole.clone();
        without.remove(line);
        let found = is_found(&without, &format!("line {line} removed"));
        let is_last = line + 1 == whole.len();
        let tells = |fault: &LogFault| match fault {
            LogFault::Missing { lines: 1 } => !is_last,
            LogFault::Cut { .. } => is_last,
            // The first line of a file is missed as a change of what comes after it.
            _ => line == 0,
        };
        assert!(found.iter().any(tells), "line {line}: {found:?}");
        let mut doubled = whole.clone();
        doubled.insert(line, whole[line]);
        is_found(&doubled, &format!("line {line} doubled"));
        if line > 0 {
            let mut moved = whole.clone();
            moved.swap(line - 1, line);
            is_found(&moved, &format!("lines {} and {line} swapped", line - 1));
        }
        is_found(&whole[..line], &format!("cut before line {line}"));
        let mut cut_within = whole[..=line].to_vec();
        *cut_within.last_mut().unwrap() = &whole[line][..whole[line].len() / 2];
        is_found(&cut_within, &format!("cut within line {line}"));
    }
    let made_up = br#"{"n":4,"time":1700000055,"call":"verify","outcome":"accepted","uid":0,"pid":1,"socket":"public","micros":1,"tag":"00000000000000000000000000000000"}"#;
    let mut with = whole.clone();
    with.insert(3, made_up);
    is_found(&with, "a line made up");
    assert!(tried > 50, "{tried}");
}

#[test]
fn a_log_that_was_cut_while_the_daemon_was_stopped_is_found_at_the_next_start() {
    let mut daemon = Daemon::start_clocked(REALM);
    afternoon(&daemon);
    daemon.stop();
    let path = files(daemon.state()).pop().unwrap();
    let content = fs::read(&path).unwrap();
    let whole = lines(&content);
    let state = daemon.state().to_owned();
    let kept = daemon.folder().join("kept");
    let copy = |from: &PathBuf, to: &PathBuf| {
        let copied = std::process::Command::new("cp").args(["-a", "-T"]).arg(from).arg(to).status().unwrap();
        assert!(copied.success());
    };
    copy(&state, &kept);
    for left in [0, 1, whole.len() / 2, whole.len() - 1] {
        overwrite(&path, &whole[..left].concat());
        daemon.spawn();
        let found = faults(&mut daemon.client());
        let lost = (whole.len() - left.max(1)) as u64;
        // The first line of a file has no number of its own.
        assert!(found.contains(&LogFault::Lost { lines: lost }), "{left} of {} lines left: {found:?}", whole.len());
        daemon.stop();
        fs::remove_dir_all(&state).unwrap();
        copy(&kept, &state);
    }
    fs::remove_dir_all(state.join("audit")).unwrap();
    daemon.spawn();
    assert!(matches!(faults(&mut daemon.client())[..], [LogFault::Lost { .. }]), "the whole log was removed");
    daemon.stop();
    fs::remove_dir_all(&state).unwrap();
    copy(&kept, &state);
    daemon.spawn();
    assert_eq!(faults(&mut daemon.client()), [], "nothing was changed");
}

#[test]
fn a_log_that_nobody_writes_is_judged_by_check() {
    let mut daemon = Daemon::start_clocked(REALM);
    afternoon(&daemon);
    daemon.stop();
    let check = || {
        let mut command = std::process::Command::new(built("mfad"));
        command.arg("check").arg("--config").arg(daemon.folder().join("mfad.toml"));
        let checked = command.arg("--state").arg(daemon.state()).output().unwrap();
        (checked.status.code(), String::from_utf8(checked.stdout).unwrap())
    };
    let (status, said) = check();
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("the audit log is whole"), "{said}");
    let path = files(daemon.state()).pop().unwrap();
    let content = fs::read(&path).unwrap();
    let whole = lines(&content);
    let mut changed = content.clone();
    changed[content.len() / 2] ^= 1;
    let without_last = whole[..whole.len() - 1].concat();
    for (tampered, finding) in
        [(changed, "is not what was written there"), (without_last, "the end is missing, 1 line after")]
    {
        overwrite(&path, &tampered);
        let (status, said) = check();
        assert_eq!(status, Some(1), "{said}");
        assert!(said.contains("FINDING  the audit log: audit/1: ") && said.contains(finding), "{said}");
    }
    fs::remove_file(&path).unwrap();
    let (status, said) = check();
    assert_eq!(status, Some(1), "{said}");
}

#[test]
fn a_log_of_garbage_is_read_in_bounded_pages_and_found_to_be_none() {
    let daemon = Daemon::start_clocked(REALM);
    let mut client = daemon.client();
    client.call(verify("alice", "123456")).unwrap();
    let path = files(daemon.state()).pop().unwrap();
    assert_eq!(faults(&mut client), []);
    let good = fs::read(&path).unwrap();
    let mut random = Random::default();
    let noise: Vec<u8> = (0..300_000).map(|_| random.below(256) as u8).collect();
    let endless = vec![b'x'; 3_000_000];
    let nothing = vec![0; 1_000_000];
    let many = b"{}\n".repeat(20_000);
    let deep = format!("{{\"n\":{}1{}}}\n", "[".repeat(4_000), "]".repeat(4_000)).into_bytes();
    for garbage in [noise, endless, nothing, many, deep, vec![b'\n'; 10_000]] {
        overwrite(&path, &[good.as_slice(), &garbage].concat());
        assert_ne!(faults(&mut client), []);
        let lines = logbook::read(&mut client, &LogFilter::default());
        assert!(lines.iter().any(|line| line["call"] == "verify"), "what is good is still shown");
    }
}

#[test]
fn an_older_log_put_back_is_found() {
    let mut daemon = Daemon::start_clocked(REALM);
    let _app = daemon.enroll("alice", NOON);
    daemon.stop();
    let path = files(daemon.state()).pop().unwrap();
    let old = fs::read(&path).unwrap();
    daemon.spawn();
    (0..5).for_each(|_| drop(daemon.verify("alice", "123456")));
    daemon.stop();
    fs::write(&path, old).unwrap();
    daemon.spawn();
    assert!(matches!(faults(&mut daemon.client())[..], [LogFault::Lost { lines: 7 }]));
}

#[test]
fn a_log_whose_file_is_taken_away_goes_on_in_another_and_tells_how_much_is_gone() {
    let mut daemon = Daemon::start_clocked(REALM);
    let mut client = daemon.client();
    client.call(verify("alice", "123456")).unwrap();
    assert_eq!(faults(&mut client), []);
    fs::remove_file(files(daemon.state()).pop().unwrap()).unwrap();
    client.call(verify("bob", "123456")).unwrap();
    // The look at the log makes it safe, and that is when its writer sees that the file is gone.
    let _found = faults(&mut client);
    client.call(verify("carol", "123456")).unwrap();
    // The start, three tries, and two looks at the log by then.
    let is_told = |faults: &[LogFault]| {
        faults.contains(&LogFault::NoFile) && faults.iter().any(|f| matches!(f, LogFault::Lost { lines: 4 | 5 }))
    };
    let found = faults(&mut client);
    assert!(is_told(&found), "{found:?}");
    let lines = logbook::read(&mut client, &LogFilter::default());
    assert!(lines.iter().any(|line| line["call"] == "verify"), "the log has ended: {lines:?}");
    daemon.says("somebody has taken a file of the audit log away");
    daemon.stop();
    daemon.spawn();
    let found = faults(&mut daemon.client());
    assert!(is_told(&found), "{found:?}");
}

/// Both were written with one key, and bear the same numbers: only the chain tells them apart.
#[test]
fn a_line_of_another_history_of_the_same_keys_is_found() {
    let mut daemon = Daemon::start_clocked(REALM);
    afternoon(&daemon);
    daemon.stop();
    let (state, kept) = (daemon.state().to_owned(), daemon.folder().join("kept"));
    let copied = std::process::Command::new("cp").args(["-a", "-T"]).args([&state, &kept]).status().unwrap();
    assert!(copied.success());
    let mut history = |names: [&str; 3]| {
        daemon.spawn();
        names.iter().for_each(|name| drop(daemon.verify(name, "123456")));
        daemon.stop();
        fs::read(files(daemon.state()).pop().unwrap()).unwrap()
    };
    let other = history(["x", "y", "z"]);
    fs::remove_dir_all(&state).unwrap();
    fs::rename(&kept, &state).unwrap();
    let own = history(["a", "b", "c"]);
    let look = Offline::open(&state);
    assert_eq!(look.faults(), []);
    let (own, other) = (lines(&own), lines(&other));
    assert_eq!(own.len(), other.len());
    // The last three tries, before the line that tells of the stop.
    for place in own.len() - 4..own.len() - 1 {
        let mut mixed = own.clone();
        mixed[place] = other[place];
        overwrite(&files(&state).pop().unwrap(), &mixed.concat());
        assert_ne!(look.faults(), [], "line {place}");
    }
}
