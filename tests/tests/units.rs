//! The units as they are shipped: systemd knows every word of theirs, the daemon is as closed as they say, and they name
//! what else is shipped.

use std::fs;
use std::path::{Path, PathBuf};

use mfad_daemon::helper;
use mfad_proto::Realm;
use mfad_tests::programs::{built, tool};
use tempfile::TempDir;

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../systemd")
}

fn text(name: &str) -> String {
    fs::read_to_string(shipped().join(name)).unwrap()
}

/// The value of a key that stands once.
fn value(unit: &str, key: &str) -> String {
    let text = text(unit);
    let values: Vec<_> = text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect();
    let [value] = values[..] else { panic!("{unit}: {key}= stands {} times", values.len()) };
    value.to_owned()
}

/// Copies of all units, with programs that are there in the place of the installed ones.
fn copies() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for unit in fs::read_dir(shipped()).unwrap().map(|entry| entry.unwrap().path()) {
        if unit.extension().is_none_or(|kind| kind != "service" && kind != "socket") {
            continue;
        }
        let text = fs::read_to_string(&unit).unwrap();
        let text = text
            .replace("ExecStart=/usr/bin/mfad", &format!("ExecStart={}", built("mfad").display()))
            .replace("ExecStart=/usr/libexec/mfad-passwd", &format!("ExecStart={}", built("mfad-passwd").display()))
            .replace("ExecStart=/usr/libexec/", &format!("ExecStart={}/", shipped().canonicalize().unwrap().display()));
        fs::write(folder.path().join(unit.file_name().unwrap()), text).unwrap();
    }
    folder
}

const UNITS: [&str; 8] = [
    "mfad.service",
    "mfad.socket",
    "mfad-system.socket",
    "mfad-realm@.socket",
    "mfad-realm@netmaker.socket",
    "mfad-root-key.service",
    "mfad-passwd.socket",
    "mfad-passwd@.service",
];

#[test]
fn systemd_understands_every_unit() {
    let folder = copies();
    for unit in UNITS {
        if let Some((template, _)) = unit.split_once("netmaker.") {
            // An instance is a name of its own.
            fs::copy(folder.path().join(format!("{template}.socket")), folder.path().join(unit)).unwrap();
        }
        let mut command = tool("systemd-analyze");
        command.args(["verify", "--man=no", "--recursive-errors=one"]).arg(folder.path().join(unit));
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && said.is_empty(), "{unit}: {said}");
    }
    let files = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files, UNITS.len(), "a unit is not looked at");
}

#[test]
fn the_daemon_is_exposed_to_half_a_point_at_most() {
    let folder = copies();
    let mut command = tool("systemd-analyze");
    command.args(["security", "--offline=true", "--threshold=5"]).arg(folder.path().join("mfad.service"));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8(output.stdout).unwrap());
    // The control: what an administrator adds is seen.
    let open = folder.path().join("open.service");
    let text = fs::read_to_string(folder.path().join("mfad.service")).unwrap();
    fs::write(&open, text.replace("PrivateNetwork=yes", "").replace("CapabilityBoundingSet=\n", "")).unwrap();
    let mut command = tool("systemd-analyze");
    let status = command.args(["security", "--offline=true", "--threshold=5"]).arg(open).output().unwrap().status;
    assert_eq!(status.code(), Some(1));
}

#[test]
fn no_unit_gives_up_on_the_daemon() {
    for unit in ["mfad.socket", "mfad-system.socket", "mfad-realm@.socket"] {
        assert_eq!(value(unit, "Service"), "mfad.service");
        assert_eq!(value(unit, "TriggerLimitIntervalSec"), "0", "{unit}");
        assert_eq!(value(unit, "RemoveOnStop"), "yes", "{unit}");
    }
    assert_eq!(value("mfad-passwd.socket", "TriggerLimitIntervalSec"), "0");
    assert_eq!(value("mfad.service", "StartLimitIntervalSec"), "0");
    assert_eq!(value("mfad.service", "Restart"), "always");
    // systemd would take the folders away with the daemon, also from containers.
    assert!(!text("mfad.service").contains("\nRuntimeDirectory"));
}

#[test]
fn every_socket_lies_and_is_open_as_its_clients_expect() {
    let places = [
        ("mfad.socket", "mfad", "0666", mfad_client::places::public()),
        ("mfad-system.socket", "system", "0600", mfad_client::places::of_realm(&Realm::system())),
        ("mfad-realm@.socket", "%i", "0660", PathBuf::from("/run/mfad/%i/mfad.sock")),
    ];
    for (unit, name, mode, path) in places {
        assert_eq!(value(unit, "FileDescriptorName"), name);
        assert_eq!(value(unit, "SocketMode"), mode);
        assert_eq!(value(unit, "ListenStream"), path.to_str().unwrap());
    }
    let netmaker = mfad_daemon::sockets::group_of(&Realm::new("netmaker").unwrap());
    assert_eq!(Some(value("mfad-realm@.socket", "SocketGroup").replace("%i", "netmaker")), netmaker);
    assert_eq!(value("mfad-passwd.socket", "ListenStream"), helper::SOCKET);
}

#[test]
fn users_groups_and_folders_are_made_as_the_units_need_them() {
    let mut command = tool("systemd-sysusers");
    let output = command.arg("--dry-run").arg(shipped().join("sysusers.d/mfad.conf")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    for line in ["u mfad ", "g mfad-admin "] {
        assert!(text("sysusers.d/mfad.conf").lines().any(|found| found.starts_with(line)));
    }
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("etc")).unwrap();
    for (file, lines) in [("passwd", "root:x:0:0::/:\nmfad:x:4711:4712::/:\n"), ("group", "root:x:0:\nmfad:x:4712:\n")]
    {
        fs::write(root.path().join("etc").join(file), lines).unwrap();
    }
    let mut command = tool("systemd-tmpfiles");
    command.arg("--create").arg(format!("--root={}", root.path().display()));
    let output = command.arg(shipped().join("tmpfiles.d/mfad.conf").canonicalize().unwrap()).output().unwrap();
    let made = |path: &str| root.path().join(path).is_dir();
    assert!(made("run/mfad/system") && made("var/lib/mfad"), "{output:?}");
}

#[test]
fn what_refers_to_a_unit_names_one_that_is_shipped() {
    let tree = shipped().join("..");
    for file in
        ["systemd/README.md", "client/pam/README.md", "daemon/src/manual/mod.rs", "client/cli/src/doctor/socket.rs"]
    {
        let text = fs::read_to_string(tree.join(file)).unwrap();
        let is_part = |c: char| c.is_ascii_alphanumeric() || "-@.".contains(c);
        let words = text.split(|c| !is_part(c)).map(|word| word.trim_end_matches('.'));
        for word in words
            .filter(|word| word.starts_with("mfad") && [".service", ".socket"].iter().any(|end| word.ends_with(end)))
        {
            assert!(UNITS.contains(&word) || word == "mfad-realm@REALM.socket", "{file} names {word}");
        }
    }
}
