//! How the daemon starts: whose folder, whose socket, which key, and what it refuses to start on.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};

use mfad_proto::{Call, Reply};
use mfad_tests::daemon::{Daemon, accepted};
use mfad_tests::programs::{built, tool};

fn mode(path: &Path) -> u32 {
    path.symlink_metadata().unwrap().permissions().mode() & 0o777
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

/// Starts a stopped daemon once more, and returns what it said when it gave up.
fn refuses(daemon: &Daemon) -> String {
    std::fs::write(daemon.folder().join("log"), "").unwrap();
    let status = daemon.command().status().unwrap();
    assert!(!status.success(), "it started");
    assert_eq!(status.code(), Some(1), "{}", daemon.log());
    daemon.log()
}

#[test]
fn the_socket_is_open_to_all_and_the_state_to_nobody_else_under_any_umask() {
    let daemon = Daemon::start();
    let socket = daemon.socket();
    assert_eq!(mode(&socket), 0o666);
    let mut pending = vec![daemon.folder().join("state")];
    while let Some(path) = pending.pop() {
        let folder = path.is_dir();
        assert_eq!(mode(&path), if folder { 0o700 } else { 0o600 }, "{}", path.display());
        if folder {
            pending.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    let mut loose = Daemon::start();
    loose.stop();
    let run = format!(
        "umask 0; exec {} serve --state {} --socket {}",
        built("mfad").display(),
        loose.folder().join("fresh").display(),
        loose.folder().join("fresh.sock").display()
    );
    let mut child = Command::new("sh").args(["-c", &run]).stderr(Stdio::null()).spawn().unwrap();
    while !loose.folder().join("fresh.sock").exists() || mode(&loose.folder().join("fresh.sock")) != 0o666 {
        assert!(child.try_wait().unwrap().is_none(), "it ended");
        std::thread::yield_now();
    }
    assert_eq!(mode(&loose.folder().join("fresh/root.key")), 0o600);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn the_socket_goes_with_the_daemon_and_a_stale_one_is_replaced() {
    let mut daemon = Daemon::start();
    daemon.stop();
    assert!(!daemon.socket().exists(), "a stopped daemon left its socket");
    daemon.spawn();
    daemon.kill();
    assert!(daemon.socket().exists());
    daemon.spawn();
    assert!(matches!(daemon.client().call(Call::Ping), Ok(Reply::Pong(_))));
}

#[test]
fn a_live_listener_and_a_plain_file_are_left_alone() {
    let mut daemon = Daemon::start();
    daemon.stop();
    let other = UnixListener::bind(daemon.socket()).unwrap();
    assert!(refuses(&daemon).contains("another server listens"));
    drop(other);
    std::fs::remove_file(daemon.socket()).unwrap();
    std::fs::write(daemon.socket(), "somebody's notes").unwrap();
    assert!(refuses(&daemon).contains("no socket"));
    assert_eq!(std::fs::read(daemon.socket()).unwrap(), b"somebody's notes");
    std::fs::remove_file(daemon.socket()).unwrap();
    symlink("/nowhere", daemon.socket()).unwrap();
    assert!(refuses(&daemon).contains("no socket"));
}

#[test]
fn a_second_daemon_on_one_state_ends_at_once_and_names_the_first() {
    let daemon = Daemon::start();
    let mut command = Command::new(built("mfad"));
    command.arg("serve").arg("--state").arg(daemon.folder().join("state"));
    let output = command.arg("--socket").arg(daemon.folder().join("second.sock")).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(&format!("in use by process {}", daemon.pid())), "{said}");
    assert!(matches!(daemon.client().call(Call::Ping), Ok(Reply::Pong(_))));
}

#[test]
fn a_state_folder_that_others_could_have_touched_is_refused() {
    let mut daemon = Daemon::start();
    daemon.stop();
    let state = daemon.folder().join("state");
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert!(refuses(&daemon).contains("chmod 0700"));
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o700)).unwrap();
    std::fs::rename(&state, daemon.folder().join("elsewhere")).unwrap();
    symlink(daemon.folder().join("elsewhere"), &state).unwrap();
    assert!(refuses(&daemon).contains("symlink is not followed"));
    std::fs::remove_file(&state).unwrap();
    std::fs::write(&state, "").unwrap();
    assert!(refuses(&daemon).contains("is no folder"));
}

#[test]
fn a_symlink_in_place_of_a_state_file_is_not_followed() {
    let mut daemon = Daemon::start();
    daemon.stop();
    for name in ["lock", "keyring", "root.key"] {
        let (file, moved) = (daemon.folder().join("state").join(name), daemon.folder().join(name));
        std::fs::rename(&file, &moved).unwrap();
        symlink(&moved, &file).unwrap();
        refuses(&daemon);
        std::fs::remove_file(&file).unwrap();
        std::fs::rename(&moved, &file).unwrap();
    }
    daemon.spawn();
}

#[test]
fn an_empty_folder_is_closed_and_used() {
    let mut daemon = Daemon::start();
    daemon.stop();
    let state = daemon.folder().join("state");
    std::fs::remove_dir_all(&state).unwrap();
    std::fs::create_dir(&state).unwrap();
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o755)).unwrap();
    daemon.spawn();
    assert_eq!(mode(&state), 0o700);
}

#[test]
fn without_its_key_or_its_keyring_the_daemon_makes_no_new_one() {
    let mut daemon = Daemon::start();
    let app = daemon.enroll("alice", now());
    daemon.stop();
    for (name, words) in [("root.key", "--key-file"), ("keyring", "put the file keyring back")] {
        let (file, moved) = (daemon.folder().join("state").join(name), daemon.folder().join(name));
        std::fs::rename(&file, &moved).unwrap();
        let said = refuses(&daemon);
        assert!(said.contains(words), "{said}");
        assert!(!file.exists(), "a new {name} was made beside the old state");
        std::fs::rename(&moved, &file).unwrap();
    }
    daemon.spawn();
    assert!(accepted(&daemon.verify("alice", &app.code(now() + 30))));
}

#[test]
fn a_first_start_that_was_cut_off_begins_again() {
    let mut daemon = Daemon::start();
    daemon.stop();
    let state = daemon.folder().join("state");
    // What is left when a crash falls between the new store and the new keyring.
    std::fs::write(state.join("unfinished"), "").unwrap();
    std::fs::remove_file(state.join("keyring")).unwrap();
    std::fs::remove_file(state.join("head")).unwrap();
    daemon.spawn();
    assert!(!state.join("unfinished").exists());
    let app = daemon.enroll("alice", now());
    daemon.stop();
    daemon.spawn();
    assert!(accepted(&daemon.verify("alice", &app.code(now() + 30))));
}

#[test]
fn a_key_file_is_judged_before_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).into_os_string().into_string().unwrap();
    let serve = |key: &str| {
        let args = ["serve", "--state", &at("state"), "--socket", &at("s.sock"), "--key-file", key];
        let output = Command::new(built("mfad")).args(args).stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(serve(&at("missing")).contains("cannot be read"));
    assert!(serve("-").contains("neither 32 bytes nor 64 hex digits"));
    std::fs::write(at("key"), "ab".repeat(32)).unwrap();
    std::fs::set_permissions(at("key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(serve(&at("key")).contains("chmod 0600"));
    std::fs::set_permissions(at("key"), std::fs::Permissions::from_mode(0o600)).unwrap();
    symlink(at("key"), at("link")).unwrap();
    assert!(serve(&at("link")).contains("plain file"));
    std::fs::write(at("key"), "ab".repeat(31)).unwrap();
    assert!(serve(&at("key")).contains("neither 32 bytes nor 64 hex digits"));
}

#[test]
fn a_state_of_a_newer_mfad_is_refused_as_such() {
    let mut daemon = Daemon::start();
    daemon.stop();
    let keyring = daemon.state().join("keyring");
    let own = std::fs::read(&keyring).unwrap();
    let rest = own.strip_prefix(b"mfad keyring 1\n").unwrap();
    for (magic, words) in
        [("mfad keyring 2\n", "written by a newer mfad"), ("mfad keyring 0\n", "no keyring of this version")]
    {
        std::fs::write(&keyring, [magic.as_bytes(), rest].concat()).unwrap();
        let said = refuses(&daemon);
        assert!(said.contains(words), "{magic:?}: {said}");
    }
    std::fs::write(&keyring, own).unwrap();
    daemon.spawn();
}

#[test]
fn a_key_file_in_either_form_opens_the_same_state_and_no_key_is_left_in_it() {
    let mut daemon = Daemon::start();
    daemon.stop();
    let (state, key) = (daemon.folder().join("state"), daemon.folder().join("key"));
    std::fs::remove_dir_all(&state).unwrap();
    let config = format!("key_file = {:?}\n", key.to_str().unwrap());
    std::fs::write(daemon.folder().join("mfad.toml"), config).unwrap();
    std::fs::write(&key, [0xab; 32]).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    daemon.spawn();
    assert!(!state.join("root.key").exists());
    let app = daemon.enroll("alice", now());
    daemon.stop();
    std::fs::write(&key, "AB".repeat(32) + "\n").unwrap();
    daemon.spawn();
    assert!(accepted(&daemon.verify("alice", &app.code(now() + 30))));
    daemon.stop();
    std::fs::write(&key, [0xac; 32]).unwrap();
    assert!(refuses(&daemon).contains("does not open the keyring"));
}

#[test]
fn a_new_root_key_beside_the_old_one_wraps_the_keyring_anew() {
    let mut daemon = Daemon::start();
    daemon.stop();
    let (state, folder) = (daemon.state().to_owned(), daemon.folder().to_owned());
    let at = |name: &str| folder.join(name);
    let (key, old, kept) = (at("key"), at("key.old"), at("kept"));
    std::fs::remove_dir_all(&state).unwrap();
    std::fs::write(at("mfad.toml"), format!("key_file = {:?}\n", key.to_str().unwrap())).unwrap();
    let write = |path: &Path, byte: u8| {
        std::fs::write(path, [byte; 32]).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    write(&key, 1);
    daemon.spawn();
    let app = daemon.enroll("alice", now());
    daemon.stop();

    std::fs::rename(&key, &old).unwrap();
    write(&key, 2);
    let before = std::fs::read(state.join("keyring")).unwrap();
    let check = || {
        let mut command = Command::new(built("mfad"));
        command.arg("check").arg("--config").arg(at("mfad.toml")).arg("--state").arg(&state).output().unwrap()
    };
    let checked = check();
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success() && said.contains("opens with the old root key"), "{said}");
    assert_eq!(std::fs::read(state.join("keyring")).unwrap(), before, "check has changed something");

    // An old key that is no key of this keyring, or that others can read, opens nothing.
    std::fs::rename(&old, &kept).unwrap();
    assert!(refuses(&daemon).contains("does not open the keyring"));
    write(&old, 3);
    assert!(refuses(&daemon).contains("does not open the keyring"));
    std::fs::rename(&kept, &old).unwrap();
    std::fs::set_permissions(&old, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(refuses(&daemon).contains("chmod 0600"));
    std::fs::set_permissions(&old, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(std::fs::read(state.join("keyring")).unwrap(), before);

    daemon.spawn();
    daemon.says("the keyring is wrapped by the new root key now");
    assert!(accepted(&daemon.verify("alice", &app.code(now() + 30))));
    daemon.stop();
    std::fs::remove_file(&old).unwrap();
    daemon.spawn();
    daemon.stop();
    write(&key, 1);
    assert!(refuses(&daemon).contains("does not open the keyring"), "the old root key still opens it");
}

#[test]
fn a_credential_of_systemd_is_the_key_and_the_process_cannot_be_dumped() {
    let mut daemon = Daemon::start();
    daemon.stop();
    std::fs::remove_dir_all(daemon.folder().join("state")).unwrap();
    let credentials = daemon.folder().join("credentials");
    std::fs::create_dir(&credentials).unwrap();
    std::fs::write(credentials.join("mfad.key"), "cd".repeat(32)).unwrap();
    std::fs::set_permissions(credentials.join("mfad.key"), std::fs::Permissions::from_mode(0o400)).unwrap();
    let mut child = daemon.command().env("CREDENTIALS_DIRECTORY", &credentials).spawn().unwrap();
    while std::os::unix::net::UnixStream::connect(daemon.socket()).is_err() {
        assert!(child.try_wait().unwrap().is_none(), "it ended: {}", daemon.log());
        std::thread::yield_now();
    }
    assert!(!daemon.folder().join("state/root.key").exists(), "the credential was not taken");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn systemd_hands_sockets_over_and_keeps_them() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).into_os_string().into_string().unwrap();
    let mut command = tool("systemd-socket-activate");
    command.args(["-l", &at("public.sock"), "-l", &at("system.sock"), "--fdname=mfad:system"]);
    command.arg(built("mfad")).args(["serve", "--state", &at("state")]);
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    while !Path::new(&at("system.sock")).exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended");
        std::thread::yield_now();
    }
    let mfactl = |socket: &str, args: &[&str]| {
        let output = Command::new(built("mfactl")).args(["--socket", &at(socket), "--json"]).args(args).output();
        let output = output.unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    for socket in ["public.sock", "system.sock"] {
        let (status, answer) = mfactl(socket, &["status", "alice"]);
        if socket == "public.sock" && !nix::unistd::geteuid().is_root() {
            assert_eq!(status, Some(5), "an owner's rights are not served yet");
        } else {
            assert_eq!(status, Some(0), "{answer}");
            assert!(answer.contains("\"state\":\"none\""), "{answer}");
        }
    }
    assert_eq!(mfactl("system.sock", &["--realm", "other", "status", "alice"]).0, Some(5));
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(child.id().try_into().unwrap()),
        nix::sys::signal::Signal::SIGTERM,
    )
    .unwrap();
    assert!(child.wait().unwrap().success());
    assert!(Path::new(&at("public.sock")).exists(), "the daemon removed a socket that is not its own");
}

#[test]
fn commands_without_arguments_help_on_standard_error() {
    for program in ["mfad", "mfactl"] {
        let output = Command::new(built(program)).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{program}");
        assert!(output.stdout.is_empty());
        assert!(String::from_utf8(output.stderr).unwrap().contains("Usage:"), "{program}");
        let version = Command::new(built(program)).arg("--version").output().unwrap();
        assert!(version.status.success());
        assert!(String::from_utf8(version.stdout).unwrap().contains(env!("CARGO_PKG_VERSION")));
    }
}
