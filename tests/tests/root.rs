//! What only root can show: other users at both ends of the socket, and the usual paths. Run with the feature `root`.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use mfad_tests::daemon::{Daemon, NOON};
use mfad_tests::nobody::{NOBODY, as_nobody, home, stage};
use mfad_tests::programs::{built, tool};
use mfad_tests::python;

fn run(command: &mut Command, input: &str) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).ok();
    child.wait_with_output().unwrap()
}

#[test]
fn a_stranger_may_ask_nothing_of_any_account() {
    let (stage, daemon) = (stage(), Daemon::start_clocked(""));
    let app = daemon.enroll("alice", NOON);
    std::fs::set_permissions(daemon.folder(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let code = app.code(NOON + 30);
    let socket = daemon.socket();
    let socket = socket.to_str().unwrap();
    let id = "00".repeat(16);
    let calls: [&[&str]; 6] = [
        &["status", "alice"],
        &["verify", "alice"],
        &["verify", "root"],
        &["enroll", "--confirm", &id, "alice"],
        &["verify", "no such user"],
        &["status", "Nobody"],
    ];
    for call in calls {
        let mut command = as_nobody(&stage.path().join("mfactl"));
        let output = run(command.args(["--socket", socket, "--json"]).args(call), &format!("{code}\n"));
        assert_eq!(output.status.code(), Some(5), "{call:?}: {output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "{\"result\":\"not_permitted\"}\n", "{call:?}");
    }
    assert!(mfad_tests::daemon::accepted(&daemon.verify("alice", &code)), "a stranger used up the code");
}

#[test]
fn a_stranger_gets_32_connections_and_others_are_served() {
    let (_stage, daemon) = (stage(), Daemon::start());
    std::fs::set_permissions(daemon.folder(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let script = "import socket, sys\n\
        held = [socket.socket(socket.AF_UNIX) for _ in range(40)]\n\
        refused = 0\n\
        for s in held:\n    s.connect(sys.argv[1])\n    s.sendall(bytes([3, 0, 0, 0, 1, 7, 0]))\n    \
        refused += s.recv(64)[4:7] == bytes([1, 0, 1])\n\
        print(refused, flush=True)\nsys.stdin.read()\n";
    let mut command = as_nobody(&which("python3"));
    let mut child =
        command.args(["-c", script]).arg(daemon.socket()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
    assert_eq!(line.trim(), "8", "of 40 connections of one user 8 are too many");
    assert_eq!(daemon.mfactl(&["status", "alice"], "").status.code(), Some(0), "root is not served meanwhile");
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

/// The system's own copy of a tool: another user may not be able to enter root's folders.
fn which(name: &str) -> PathBuf {
    let found = ["/usr/bin", "/bin", "/usr/local/bin"].map(|folder| Path::new(folder).join(name));
    found.into_iter().find(|path| path.exists()).unwrap_or_else(|| panic!("{name} is not installed"))
}

#[test]
fn a_server_of_another_user_gets_no_code() {
    let stage = stage();
    let folder = home();
    let at = |name: &str| folder.path().join(name).into_os_string().into_string().unwrap();
    let mut serve = as_nobody(&stage.path().join("mfad"));
    serve.args(["serve", "--state", &at("state"), "--socket", &at("s")]).stderr(Stdio::null());
    let mut child = serve.spawn().unwrap();
    while std::os::unix::net::UnixStream::connect(at("s")).is_err() {
        assert!(child.try_wait().unwrap().is_none(), "it ended");
        std::thread::yield_now();
    }
    let mfactl = |args: &[&str]| run(Command::new(built("mfactl")).args(["--socket", &at("s")]).args(args), "");
    let refused = mfactl(&["--json", "status", "alice"]);
    assert_eq!(refused.status.code(), Some(4), "{refused:?}");
    assert_eq!(String::from_utf8_lossy(&refused.stdout), "{\"result\":\"unavailable\"}\n");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("uid 65534"), "{refused:?}");
    assert_eq!(mfactl(&["--server-uid", "65534", "status", "alice"]).status.code(), Some(0));
    let mut command = Command::new(built("mfactl"));
    command.env("MFAD_SERVER_UID", "65534").args(["--socket", &at("s"), "status", "alice"]);
    assert_eq!(run(&mut command, "").status.code(), Some(0));
    // Its own user trusts a server that it runs itself.
    let mut own = as_nobody(&stage.path().join("mfactl"));
    assert_eq!(run(own.args(["--socket", &at("s"), "status", "alice"]), "").status.code(), Some(0));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_restore_by_root_belongs_to_the_folders_owner_and_touches_nothing_else() {
    let (daemon, elsewhere) = (Daemon::start(), tempfile::tempdir().unwrap());
    let backup = daemon.folder().join("backup");
    assert!(daemon.mfactl(&["backup", backup.to_str().unwrap()], "secret\n").status.success());
    let state = elsewhere.path().join("state");
    std::fs::create_dir(&state).unwrap();
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o700)).unwrap();
    // What an owner could lay out, so that root gives him something of its own.
    let victim = elsewhere.path().join("roots");
    std::fs::write(&victim, "root's").unwrap();
    for trap in ["trap", "lock", "restoring"] {
        std::os::unix::fs::symlink(&victim, state.join(trap)).unwrap();
        std::os::unix::fs::lchown(state.join(trap), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    std::os::unix::fs::chown(&state, Some(NOBODY), Some(NOBODY)).unwrap();
    std::fs::set_permissions(elsewhere.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let restore = || {
        let args = ["restore", backup.to_str().unwrap(), "--state", state.to_str().unwrap()];
        run(Command::new(built("mfad")).args(args), "secret\n")
    };
    assert!(!restore().status.success(), "a lock that is a symlink was followed");
    std::fs::remove_file(state.join("lock")).unwrap();
    let restored = restore();
    assert!(restored.status.success(), "{restored:?}");
    let mut pending = vec![state.clone()];
    while let Some(path) = pending.pop() {
        let metadata = path.symlink_metadata().unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (NOBODY, NOBODY), "{}", path.display());
        if metadata.is_dir() {
            pending.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    assert!(state.join("store/db").exists() && state.join("keyring").exists() && state.join("head").exists());
    assert_eq!(victim.metadata().unwrap().uid(), 0, "a file of root's was given away");
    assert_eq!(std::fs::read(&victim).unwrap(), b"root's");
}

#[test]
fn the_demo_needs_no_root() {
    let stage = stage();
    let output = run(as_nobody(&stage.path().join("mfad")).arg("demo").env("TMPDIR", "/tmp"), "");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn the_usual_paths_work_without_an_option() {
    // In a mount namespace of its own: the machine's /run and /var/lib stay as they are.
    let script = r#"
        set -eu
        mount -t tmpfs -o mode=755 tmpfs /run
        mount -t tmpfs -o mode=755 tmpfs /var/lib
        "$1" serve 2>/run/log & pid=$!
        until [ -S /run/mfad/system/mfad.sock ] && [ "$(stat -c %a /run/mfad/mfad.sock)" = 666 ]; do
            kill -0 $pid
        done
        stat -c '%a %U %n' /run/mfad /run/mfad/mfad.sock /run/mfad/system /run/mfad/system/mfad.sock /var/lib/mfad
        "$2" --json status root
        "$1" check >&2
        rm /run/mfad/system/mfad.sock
        "$2" --json status root
        kill $pid
        wait $pid
        ls /run/mfad /run/mfad/system
    "#;
    let mut command = tool("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", script, "sh"]);
    let output = run(command.arg(built("mfad")).arg(built("mfactl")), "");
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    let status = "{\"realm\":\"system\",\"user\":\"root\",\"state\":\"none\",\"enforced\":false,\"recovery_left\":0,\
        \"enrolled_at\":null,\"last_success\":null,\"failures_since\":0,\"retry_after\":null}\n";
    let expected = format!(
        "755 root /run/mfad\n666 root /run/mfad/mfad.sock\n755 root /run/mfad/system\n\
         600 root /run/mfad/system/mfad.sock\n700 root /var/lib/mfad\n{status}{status}\
         /run/mfad:\nsystem\n\n/run/mfad/system:\n"
    );
    assert_eq!(shown, expected);
}

/// It checks who serves before it sends anything, as every client must.
#[test]
fn a_python_client_sends_nothing_to_a_server_of_another_user() {
    let home = home();
    let socket = home.path().join("s");
    let script = "import socket, sys\n\
        listener = socket.socket(socket.AF_UNIX)\n\
        listener.bind(sys.argv[1])\n\
        listener.listen()\n\
        print(flush=True)\n\
        print(len(listener.accept()[0].recv(64)))\n";
    let mut command = as_nobody(&which("python3"));
    let mut server = command.args(["-c", script]).arg(&socket).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = std::io::BufReader::new(server.stdout.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut said, &mut line).unwrap();
    let output = python::verify(&socket, "alice", "123456");
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("nothing was sent"), "{output:?}");
    std::io::BufRead::read_line(&mut said, &mut line).unwrap();
    assert_eq!(line.trim(), "0", "bytes were sent");
    assert!(server.wait().unwrap().success());
}
