//! What root does by hand with the state of the daemon's unit: its root key is a credential that systemd seals, and is found.
//! Run with the feature `root`.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use mfad_tests::machine::Machine;
use mfad_tests::people::run;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const MFAD: &str = "../programs/mfad";
const SEALED: &str = "/etc/credstore.encrypted/mfad.key";
const COPY: &str = "/root/mfad.key.recovery";

fn does(machine: &Machine, line: &str, expected: i32) -> String {
    let output = run(&mut machine.command(None, line), "");
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(expected), "{line}: {said}");
    said
}

/// A daemon with the key as systemd would hand it over, until it is ended.
fn serve(machine: &Machine) -> Child {
    let line = format!("CREDENTIALS_DIRECTORY=$PWD/credentials exec {MFAD} serve 2>log");
    let child = machine.command(None, &line).stdin(Stdio::null()).spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    while !run(&mut machine.command(None, "../programs/mfactl status root"), "").status.success() {
        let log = fs::read_to_string(machine.work().join("log")).unwrap_or_default();
        assert!(Instant::now() < end, "it does not get ready: {log}");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

fn stop(mut child: Child) {
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    child.wait().unwrap();
}

#[test]
fn root_checks_and_restores_the_units_state_with_the_units_key() {
    let machine = Machine::new();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../systemd/mfad-root-key");
    fs::copy(shipped, machine.work().join("mfad-root-key")).unwrap();
    // systemd seals by a key of the host's only on a disk that stays.
    does(&machine, "mkdir secrets credentials /var/lib/systemd && mount --bind secrets /var/lib/systemd", 0);
    does(&machine, "mkdir -m 700 /var/lib/mfad && ./mfad-root-key", 0);
    does(&machine, &format!("umask 077; cp {COPY} credentials/mfad.key"), 0);
    let daemon = serve(&machine);
    does(&machine, "umask 077; echo 'some words' >words; ../programs/mfactl backup backup --passphrase-file words", 0);
    stop(daemon);
    // Nothing but the sealed key is left.
    does(&machine, &format!("mkdir away && mv {COPY} credentials away"), 0);

    let said = does(&machine, &format!("{MFAD} check"), 0);
    assert!(said.contains("the store is proved"), "{said}");
    does(&machine, &format!("{MFAD} restore backup --passphrase-file words"), 0);
    let said = does(&machine, &format!("{MFAD} check"), 0);
    assert!(said.contains("the store is proved"), "{said}");
    assert!(!machine.root().join("var/lib/mfad/root.key").exists(), "a second root key was made");
    does(&machine, "mv away/credentials .", 0);
    stop(serve(&machine));

    // One that cannot be unsealed is told, and nothing takes its place.
    does(&machine, &format!("echo nonsense >{SEALED}"), 0);
    for line in ["check", "restore backup --passphrase-file words"] {
        let said = does(&machine, &format!("{MFAD} {line}"), 1);
        assert!(said.contains(&format!("the root key cannot be read from {SEALED}")), "{said}");
        assert!(said.contains("systemd-creds says"), "{said}");
    }
    assert!(!machine.root().join("var/lib/mfad/root.key").exists(), "a second root key was made");
    // Elsewhere it is not asked for.
    does(&machine, &format!("{MFAD} check --state ./elsewhere"), 0);
}
