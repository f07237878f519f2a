//! Who may ask, and the ways in which the helper is started.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, Command, Stdio};

use mfad_proto::passwd::Answer::{Right, Wrong};
use tempfile::TempDir;

use super::helper::{Talk, answer, bounded, question, send, talk_over};
use super::world::World;

const USER: &str = "mfad-alice";
const PASSWORD: &str = "opensesame";
const STRANGER: u32 = 65_534;

fn world() -> World {
    let world = World::new();
    world.account(USER, PASSWORD);
    world
}

/// A folder that everybody may enter.
fn open_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    folder
}

/// Another user's program, which connects to the socket, sends what it reads, and prints what comes back as numbers.
fn client(uid: u32, socket: &std::path::Path) -> Child {
    let script = "import socket, sys\n\
        s = socket.socket(socket.AF_UNIX)\n\
        s.settimeout(60)\n\
        s.connect(sys.argv[1])\n\
        try:\n    s.sendall(sys.stdin.buffer.read())\n\
        except BrokenPipeError: pass\n\
        answer = b''\n\
        try:\n    while part := s.recv(64): answer += part\n\
        except ConnectionResetError: pass\n\
        print(list(answer))\n";
    let mut command = bounded("setpriv");
    command.args([format!("--reuid={uid}"), format!("--regid={uid}"), "--clear-groups".to_owned(), "--".to_owned()]);
    // The system's own: root's may lie where nobody else can go.
    command.args(["/usr/bin/python3", "-c", script]).arg(socket);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

/// What another user's right question comes to: what the program said, and what the user heard.
fn asked_by(uid: u32, command: Command) -> (Talk, String) {
    let folder = open_folder();
    let path = folder.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).unwrap();
    let mut client = client(uid, &path);
    let (connection, _) = listener.accept().unwrap();
    std::io::Write::write_all(&mut client.stdin.take().unwrap(), &question(USER, PASSWORD)).unwrap();
    // The test has no end of this connection: what the client heard is its output.
    let (nobody, other) = UnixStream::pair().unwrap();
    drop(other);
    let talk = talk_over(command, &nobody, connection, |_| {});
    let output = client.wait_with_output().unwrap();
    (talk, String::from_utf8(output.stdout).unwrap())
}

fn heard(byte: u8) -> String {
    format!("[{byte}]\n")
}

#[test]
fn a_stranger_gets_no_byte() {
    let world = world();
    let (talk, heard) = asked_by(STRANGER, world.helper());
    talk.assert_no_answer("uid 65534 is not the daemon");
    assert_eq!(heard, "[]\n");
    assert!(!talk.stderr.contains(USER) && !talk.stderr.contains(PASSWORD), "{talk:?}");
}

#[test]
fn a_stranger_is_refused_before_he_has_said_anything() {
    let (world, folder) = (world(), open_folder());
    let path = folder.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).unwrap();
    let mut client = client(STRANGER, &path);
    let (connection, _) = listener.accept().unwrap();
    let (nobody, _other) = UnixStream::pair().unwrap();
    drop(_other);
    // He is silent, and yet no deadline is waited for.
    talk_over(world.helper(), &nobody, connection, |_| {}).assert_no_answer("uid 65534 is not the daemon");
    drop(client.stdin.take());
    assert!(client.wait().unwrap().success());
}

#[test]
fn the_user_of_the_option_is_the_daemon() {
    let world = world();
    let mut command = world.helper();
    command.args(["--daemon-uid", "65534"]);
    let (talk, said) = asked_by(STRANGER, command);
    assert_eq!((talk.status.code(), said), (Some(0), heard(Right.to_byte())), "{}", talk.stderr);
    let mut command = world.helper();
    command.args(["--daemon-uid", "65533"]);
    let (talk, said) = asked_by(STRANGER, command);
    talk.assert_no_answer("uid 65534 is not the daemon");
    assert_eq!(said, "[]\n");
}

#[test]
fn the_user_mfad_is_the_daemon_once_there_is_one() {
    let (world, uid) = (world(), 64_321);
    let (talk, said) = asked_by(uid, world.helper());
    talk.assert_no_answer("uid 64321 is not the daemon");
    assert_eq!(said, "[]\n");
    world.shell(&format!("useradd --system --no-create-home --no-log-init --uid {uid} mfad"), "");
    let (talk, said) = asked_by(uid, world.helper());
    assert_eq!((talk.status.code(), said), (Some(0), heard(Right.to_byte())), "{}", talk.stderr);
    // The option names one more, and takes nobody's place.
    let mut command = world.helper();
    command.args(["--daemon-uid", "65533"]);
    let (talk, said) = asked_by(uid, command);
    assert_eq!((talk.status.code(), said), (Some(0), heard(Right.to_byte())), "{}", talk.stderr);
    asked_by(STRANGER, world.helper()).0.assert_no_answer("uid 65534 is not the daemon");
}

/// systemd's stand-in, killed when dropped.
struct Activation(Child);

impl Drop for Activation {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn systemd_starts_one_for_each_connection() {
    let (world, folder) = (world(), open_folder());
    let path = folder.path().join("s");
    // The word after `timeout` is its own: it passes the end on to what it runs, so it is left out here.
    let mut command = Command::new("nsenter");
    let entered = world.command("true");
    command.args(entered.get_args().skip_while(|arg| !arg.to_string_lossy().starts_with("--mount=")).take(2));
    command.args(["systemd-socket-activate", "--accept", "--inetd", "--listen"]).arg(&path);
    command.arg(env!("CARGO_BIN_EXE_mfad-passwd")).stdin(Stdio::null()).stderr(Stdio::null());
    let mut activation = Activation(command.spawn().unwrap());
    let connect = |activation: &mut Activation| loop {
        match UnixStream::connect(&path) {
            Ok(stream) => break stream,
            Err(_) => assert!(activation.0.try_wait().unwrap().is_none(), "it ended"),
        }
        std::thread::yield_now();
    };
    let streams: Vec<_> = (0..4).map(|_| connect(&mut activation)).collect();
    for (stream, password) in streams.iter().zip([PASSWORD, "wrong", PASSWORD, ""]) {
        send(stream, &question(USER, password));
    }
    for (stream, expected) in streams.iter().zip([Right, Wrong, Right, Wrong]) {
        assert_eq!(answer(stream), [expected.to_byte()]);
    }
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).unwrap();
    let mut client = client(STRANGER, &path);
    std::io::Write::write_all(&mut client.stdin.take().unwrap(), &question(USER, PASSWORD)).unwrap();
    assert_eq!(String::from_utf8(client.wait_with_output().unwrap().stdout).unwrap(), "[]\n");
}
