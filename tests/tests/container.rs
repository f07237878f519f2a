//! Root in a container that was handed the folder of one realm: a login service there, and nothing else. Run with the
//! feature `root`.

use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mfad_tests::people::{Circle, run};
use mfad_tests::programs::{built, tool};

/// What happens in mount namespaces of its own: the daemon's, with the usual paths, and the container's, where of all of
/// /run there is the one folder. Each answer is a line: what was asked, and the exit status.
const SCRIPT: &str = r#"
    set -eu
    mfad=$1 mfactl=$2 oathtool=$3 pid= box=
    trap 'kill $pid $box 2>/dev/null; cat /run/log >&2' EXIT
    mount -t tmpfs -o mode=755 tmpfs /run
    mount -t tmpfs -o mode=755 tmpfs /var/lib
    mkdir /run/etc
    printf '[realm.netmaker]\nfirst_factor = "password"\n[realm.other]\nfirst_factor = "asserted"\n' >/run/etc/mfad.toml
    serve() {
        "$mfad" serve --config /run/etc/mfad.toml 2>>/run/log & pid=$!
        until "$mfactl" --realm netmaker --socket /run/mfad/netmaker/mfad.sock status bob >/dev/null 2>&1; do kill -0 $pid; done
    }
    serve
    mkdir -p /var/lib/box/netmaker
    unshare --mount --propagation private sh -ec '
        mount --bind /run/mfad/netmaker /var/lib/box/netmaker
        mount -t tmpfs -o mode=755 box /run
        mkdir -p /run/mfad/netmaker
        mount --bind /var/lib/box/netmaker /run/mfad/netmaker
        umount /var/lib/box/netmaker
        : >/var/lib/box/ready
        exec sleep 1000' & box=$!
    until [ -e /var/lib/box/ready ]; do kill -0 $box; done
    inside() { nsenter -t $box -m "$@"; }
    say() { name=$1; shift; status=0; inside "$mfactl" --json "$@" >/run/out </run/in 2>/run/err || status=$?; echo "$name $status"; }

    echo "sees $(inside sh -c 'id -u; echo /run/mfad/*' | tr '\n' ' ')"
    : >/run/in
    say begin --realm netmaker enroll --begin bob
    id=$(sed 's/.*"enrollment":"\([0-9a-f]*\)".*/\1/' /run/out); key=$(sed 's/.*"secret":"\([A-Z2-7]*\)".*/\1/' /run/out)
    printf %s "$key" | "$oathtool" --totp --base32 - >/run/in
    say confirm --realm netmaker enroll --confirm "$id" bob
    echo 000000 >/run/in
    say verify --realm netmaker verify bob
    say status --realm netmaker status bob
    s=/run/mfad/netmaker/mfad.sock
    say other-status --socket $s --realm other status bob
    say other-enroll --socket $s --realm other enroll --begin bob
    say system-status --socket $s status root
    say system-enroll --socket $s enroll --begin root
    say unlock --socket $s --realm netmaker admin unlock bob
    say recover --socket $s --realm netmaker admin recover bob
    say disable --socket $s --realm netmaker admin disable bob --reason none
    say remove --socket $s --realm netmaker admin remove bob
    say enforce --socket $s --realm netmaker admin enforce off
    say policy --socket $s --realm netmaker admin enforce
    say set-password --socket $s --realm netmaker admin set-password bob
    say key-status --socket $s key status
    say key-rotate --socket $s key rotate
    say backup --socket $s backup /run/backup
    say public --socket /run/mfad/mfad.sock status root
    # A new daemon makes its socket anew, and the container finds it by the mount that it has.
    kill $pid; wait $pid
    say stopped --realm netmaker status bob
    serve
    say again --realm netmaker status bob
"#;

#[test]
fn root_in_a_container_with_one_realms_folder_is_a_login_service_there_and_nothing_else() {
    let (_turn, _groups) = (turn(), [Circle::new("mfad-netmaker"), Circle::new("mfad-other")]);
    let mut command = tool("timeout");
    command.args(["100", "unshare", "--mount", "--propagation", "private", "sh", "-c", SCRIPT, "sh"]);
    let oathtool = which("oathtool");
    let output = run(command.arg(built("mfad")).arg(built("mfactl")).arg(oathtool), "");
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{shown}{output:?}");
    let refused = [
        "other-status",
        "other-enroll",
        "system-status",
        "system-enroll",
        "unlock",
        "recover",
        "disable",
        "remove",
        "enforce",
        "policy",
        "set-password",
        "key-status",
        "key-rotate",
        "backup",
    ];
    let refused: String = refused.iter().map(|what| format!("{what} 5\n")).collect();
    let expected = format!(
        "sees 0 /run/mfad/netmaker \nbegin 0\nconfirm 0\nverify 1\nstatus 0\n{refused}public 4\nstopped 4\nagain 0\n"
    );
    assert_eq!(shown, expected);
}

/// The groups are the machine's: one test at a time makes and removes them.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn which(name: &str) -> String {
    let found = Command::new("sh").args(["-c", &format!("command -v {name}")]).output().unwrap();
    String::from_utf8(found.stdout).unwrap().trim().to_owned()
}

/// A container's root opens all the connections that it gets, and root's own logins go on.
const HOARD: &str = r#"
    set -eu
    mfad=$1 mfactl=$2 pid=
    trap 'kill $pid 2>/dev/null; cat /run/log >&2' EXIT
    mount -t tmpfs -o mode=755 tmpfs /run
    mount -t tmpfs -o mode=755 tmpfs /var/lib
    mkdir /run/etc
    printf '[realm.netmaker]\n' >/run/etc/mfad.toml
    "$mfad" serve --config /run/etc/mfad.toml 2>>/run/log & pid=$!
    until "$mfactl" --realm netmaker --socket /run/mfad/netmaker/mfad.sock status bob >/dev/null 2>&1; do kill -0 $pid; done
    python3 - <<'HOLD'
import socket, subprocess
def connect(path):
    s = socket.socket(socket.AF_UNIX); s.connect(path)
    try: s.sendall(bytes([3, 0, 0, 0, 1, 7, 0]))
    except BrokenPipeError: pass # Turned away already: the word is still to be read.
    return s, s.recv(64)[4:7] == bytes([1, 0, 1])
def open_all(path, count):
    held = [connect(path) for _ in range(count)]
    return held, sum(away for _, away in held)
hoard, away = open_all("/run/mfad/netmaker/mfad.sock", 300)
print("of 300 connections over a realm's socket", away, "are too many")
logins, away = open_all("/run/mfad/system/mfad.sock", 300)
print("of 300 connections of root's logins", away, "are too many")
HOLD
    "$mfactl" status root >/dev/null && echo served
"#;

#[test]
fn a_containers_root_gets_256_connections_and_roots_own_logins_are_not_counted_with_them() {
    let (_turn, _group) = (turn(), Circle::new("mfad-netmaker"));
    let mut command = tool("timeout");
    command.args(["100", "unshare", "--mount", "--propagation", "private", "sh", "-c", HOARD, "sh"]);
    let output = run(command.arg(built("mfad")).arg(built("mfactl")), "");
    assert!(output.status.success(), "{output:?}");
    let expected = "of 300 connections over a realm's socket 44 are too many\n\
        of 300 connections of root's logins 0 are too many\nserved\n";
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}
