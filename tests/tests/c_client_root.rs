//! `libmfad` under valgrind, in C++, linked as its README says, and before a server of another uid. Run with the feature
//! `root`.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mfad_tests::app::App;
use mfad_tests::c_program::{Driver, Installed, STRICT, succeeds, value};
use mfad_tests::daemon::Daemon;
use mfad_tests::header;
use mfad_tests::nobody::{as_nobody, home};
use mfad_tests::people::run;
use mfad_tests::programs::tool;
use serde_json::{Value, json};

const REALMS: &str = "[realm.town]\n";

/// Compiles the example with this compiler, by the command of the README that has these marks.
fn example(installed: &Installed, name: &str, compiler: &[&str], marks: &str) -> PathBuf {
    let readme = std::fs::read_to_string(header::folder().join("README.md")).unwrap();
    let line =
        readme.split(['`', '\n']).find(|line| line.starts_with("cc example.c ") && line.contains(marks)).unwrap();
    let program = installed.prefix().join(name);
    for needed in [compiler[0], "pkg-config"] {
        drop(tool(needed));
    }
    let script = format!("{} -o {} {}", compiler.join(" "), program.display(), line.strip_prefix("cc ").unwrap());
    let mut shell = tool("bash");
    shell.args(["-euo", "pipefail", "-c", &script]).current_dir(header::folder());
    succeeds(shell.env("PKG_CONFIG_PATH", installed.prefix().join("lib/pkgconfig")));
    program
}

/// The example's command, in valgrind.
fn watched(installed: &Installed, program: &Path) -> Command {
    let mut command = tool("valgrind");
    command.args(["--quiet", "--error-exitcode=99", "--leak-check=full"]);
    command.args(["--show-leak-kinds=all", "--errors-for-leak-kinds=all"]);
    command.arg(program).env("LD_LIBRARY_PATH", installed.prefix().join("lib"));
    command
}

/// Runs the example for ann, who types these lines.
fn logs_in(mut command: Command, daemon: &Daemon, typed: &str) -> (Option<i32>, String, String) {
    command.args(["system", "ann"]).arg(daemon.socket());
    let output = run(&mut command, typed);
    let [said, complained] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    (output.status.code(), said, complained)
}

#[test]
fn the_example_logs_in_and_valgrind_finds_nothing() {
    let daemon = Daemon::start_clocked("");
    let installed = Installed::new();
    let program = example(&installed, "example", &[&["cc"], &STRICT[..]].concat(), "--libs mfad");
    let logs_in = |typed: &str| logs_in(watched(&installed, &program), &daemon, typed);
    assert_eq!(logs_in(""), (Some(0), "Welcome. You need no code.\n".into(), String::new()));

    let app = daemon.enroll("ann", daemon.time());
    let next = || {
        daemon.set_time(daemon.time() + 30);
        app.code(daemon.time())
    };
    let code = next();
    assert_eq!(logs_in(&format!("{code}\n")), (Some(0), "Verification code: Welcome.\n".into(), String::new()));
    let words = mfad_proto::DENIED_TEXT;
    let question = "Verification code: ";
    let fresh = next();
    let twice = logs_in(&format!("{code}\n{fresh}\n"));
    // A used code is no failure.
    assert_eq!(twice, (Some(0), format!("{question}{words}\n{question}Welcome.\n"), String::new()));
    assert_eq!(logs_in(""), (Some(1), question.into(), String::new()));
    let (status, said, complained) = logs_in("no code\nno code\nno code\n");
    assert_eq!((status, said), (Some(1), format!("{question}{words}\n").repeat(3)));
    assert_eq!(complained, format!("{words}\n(MFAD_RESULT_DENIED: {words})\n"));
    let (status, _, complained) = logs_in(&format!("{}\n", next()));
    assert_eq!(status, Some(1));
    assert!(complained.contains("\nWait 5 seconds.\n(MFAD_RESULT_TRY_LATER: "), "{complained}");
    daemon.rest(5);
    let (status, said, _) = logs_in(&format!("{}\n", next()));
    assert_eq!((status, said), (Some(0), format!("{question}3 tries have failed since the last login.\nWelcome.\n")));
}

#[test]
fn the_example_is_cpp_as_well_and_needs_no_shared_library() {
    let daemon = Daemon::start_clocked("");
    let installed = Installed::new();
    let cpp = ["c++", "-x", "c++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-pedantic"];
    let program = example(&installed, "example++", &cpp, "--libs mfad");
    assert_eq!(logs_in(installed.command(&program), &daemon, "").0, Some(0));
    let program = example(&installed, "static", &[&["cc"], &STRICT[..]].concat(), "libmfad.a");
    let needed = succeeds(tool("ldd").arg(&program));
    assert!(!needed.contains("libmfad"), "{needed}");
    assert_eq!(logs_in(Command::new(&program), &daemon, "").0, Some(0));
}

#[test]
fn valgrind_finds_nothing_over_every_call_and_a_thousand_connections() {
    let daemon = Daemon::start_clocked(REALMS);
    let installed = Installed::new();
    let program = installed.compile(&["driver.c"]);
    let mut command = watched(&installed, &program);
    let mut c = Driver::start(command.arg("town").arg(daemon.socket()));
    c.does("deadline 60000");
    assert!(c.does("ping").starts_with("OK"));
    let begun = c.does("enroll ann test asserted -");
    let app = App::scan(value(&begun, "uri"));
    let confirmed = c.does(&format!("confirm ann {} {}", value(&begun, "id"), app.code(daemon.time())));
    let mut spare = value(&confirmed, "codes").split(',');
    let mut spare = || spare.next().unwrap().to_owned();
    assert!(c.does("begin ann test").starts_with("OK"));
    assert!(c.does("status ann").starts_with("OK"));
    assert!(c.does("issuer Town").starts_with("OK"));
    assert!(c.does(&format!("verify ann test {}", spare())).starts_with("OK"));
    assert!(c.does("verify ann test wrong").starts_with("DENIED"));
    let [first, second] = [60, 90].map(|ahead| app.code(daemon.time() + ahead));
    assert_eq!(c.does(&format!("resync ann asserted {first} {second}")), "OK");
    let renewed = c.does(&format!("recovery ann asserted {}", spare()));
    assert!(renewed.starts_with("OK"));
    assert!(c.does("authenticate ann test horse -").starts_with("UNSUPPORTED"));
    assert!(c.does("passwd ann old - new").starts_with("UNSUPPORTED"));
    let last = value(&renewed, "codes").split(',').next().unwrap().to_owned();
    assert!(c.does(&format!("reset ann test asserted {last}")).starts_with("OK"));
    assert!(c.does("cycle 1000").starts_with("good=1000 "));
    assert_eq!(c.does("close"), "connected=0");
    assert!(c.finish().success());
}

#[test]
fn valgrind_finds_nothing_where_every_argument_is_wrong() {
    let daemon = Daemon::start_clocked(REALMS);
    let installed = Installed::new();
    let mut c = installed.driver("town", &daemon.socket());
    let begun = c.does("enroll alice test asserted -");
    let code = App::scan(value(&begun, "uri")).code(daemon.time());
    assert!(c.does(&format!("confirm alice {} {code}", value(&begun, "id"))).starts_with("OK"));
    let program = installed.compile(&["misuse.c"]);
    succeeds(watched(&installed, &program).arg(daemon.socket()));
}

#[test]
fn valgrind_finds_nothing_in_the_adapter_of_the_conformance_program() {
    let daemon = Daemon::start_clocked(REALMS);
    let installed = Installed::new();
    let mut adapter = Driver::start(watched(&installed, &installed.adapter()).arg(daemon.socket()));
    let mut does = |line: Value| -> Value { serde_json::from_str(&adapter.does(&line.to_string())).unwrap() };
    let refused = json!({"message": {"reply": "refused", "refusal": "denied"}});
    let ann = json!({"realm": "town", "user": "ann"});
    let context = json!({"service": "test", "rhost": "", "tty": ""});
    let verify = |code: Value| json!({"message": {"call": "verify", "account": ann, "code": code, "context": context}});

    assert_eq!(does(json!({"message": {"call": "ping"}, "times": 3}))["message"]["ready"], true);
    let enroll = json!({"call": "enroll", "account": ann, "proof": "asserted", "ticket": null, "issuer": "Town",
        "context": context});
    let begun = does(json!({"message": enroll, "times": 2}));
    let app = App::scan(begun["message"]["uri"].as_str().unwrap());
    let confirm = json!({"call": "confirm", "account": ann, "enrollment": begun["message"]["enrollment"],
        "code": app.code(daemon.time())});
    let confirmed = does(json!({"message": confirm}));
    let spare = confirmed["message"]["recovery_codes"].as_array().unwrap();
    assert_eq!(does(verify(spare[0].clone()))["message"]["factor"], "recovery");
    assert_eq!(does(verify(json!({"hex": "ff00"}))), refused);
    let status = |realm: &str| json!({"message": {"call": "status", "account": {"realm": realm, "user": "ann"}}});
    assert_eq!(does(status("town"))["message"]["failures_since"], 1);
    assert_eq!(does(status("system"))["message"]["state"], "none");
    assert!(does(status("No realm"))["error"].is_string());
    let reset = json!({"call": "reset", "account": ann, "proof": {"password": "horse"}, "code": spare[1],
        "context": context});
    assert_eq!(does(json!({"message": reset}))["message"]["refusal"], "unsupported");
    let largest = json!({"call": "set_policy", "realm": "town", "enforcement": {"after": u64::MAX}});
    let by_handle = json!({"call": "status", "account": {"handle": "mfad1:AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQT"}});
    let with_nul = json!({"call": "begin", "account": ann, "context": {"service": "a\0b", "rhost": "", "tty": ""}});
    for message in [largest, by_handle, with_nul] {
        assert!(does(json!({"message": message}))["lacks"].is_string(), "{message}");
    }
    assert!(adapter.finish().success());
}

#[test]
fn no_file_no_thread_and_no_handler_is_made_of_whatever_the_environment_says() {
    let daemon = Daemon::start_clocked(REALMS);
    let installed = Installed::new();
    let (program, log) = (installed.compile(&["driver.c"]), installed.prefix().join("strace"));
    let mut command = tool("strace");
    command.args(["-f", "-qq", "-e", "signal=none", "-o"]).arg(&log).arg(&program).arg("town").arg(daemon.socket());
    command.env("LD_LIBRARY_PATH", installed.prefix().join("lib")).env("RUST_BACKTRACE", "full");
    command.env("MFAD_SERVER_UID", "12345").env("MFAD_SOCKET", "/planted/socket").env("RUST_MIN_STACK", "1");
    let mut c = Driver::start(&mut command);
    assert!(c.does("verify ann test 123456").starts_with("DENIED"));
    assert!(c.does("begin ann test").starts_with("OK"));
    assert_eq!(c.does("close"), "connected=0");
    assert!(c.finish().success());
    let log = std::fs::read_to_string(log).unwrap();
    let calls = log.lines().map(|line| line.split_once(' ').map_or(line, |(_, call)| call.trim_start()));
    let name = |call: &str| call.split('(').next().unwrap_or_default().to_owned();
    let made: BTreeSet<_> = calls.skip_while(|call| !call.starts_with("socket(")).map(name).collect();
    let known = [
        "socket",
        "setsockopt",
        "getsockopt",
        "connect",
        "sendto",
        "recvfrom",
        "close",
        "geteuid",
        "getrandom",
        "brk",
        "mmap",
        "munmap",
        "mremap",
        "fstat",
        "newfstatat",
        "fcntl",
        "read",
        "write",
        "exit_group",
    ];
    let foreign: Vec<_> = made.iter().filter(|name| !known.contains(&name.as_str())).collect();
    assert!(!log.contains("/planted"), "{log}");
    assert!(foreign.is_empty() && made.contains("sendto"), "{foreign:?} of {made:?}");
}

#[test]
fn a_server_of_another_uid_is_sent_nothing_until_its_uid_is_named() {
    let folder = home();
    let socket = folder.path().join("s");
    // Debian's own: another user may not be able to enter root's folders.
    let mut server = as_nobody(Path::new("/usr/bin/python3"));
    server.args(["-c", LISTENER]).arg(&socket).stdout(Stdio::piped());
    let mut server = server.spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().as_deref(), Some("listens"));
    let installed = Installed::new();
    let program = installed.compile(&["driver.c"]);
    let mut c = Driver::start(installed.command(&program).arg("system").arg(&socket));
    assert_eq!(c.does("verify ann test 123456"), "WRONG_SERVER factor=0 left=0 failures=0");
    assert_eq!(lines.next().as_deref(), Some("0 bytes"));
    assert!(c.does("message").contains("is served by uid 65534, who may not: nothing was sent"));
    assert_eq!(c.does("connect"), "WRONG_SERVER connected=0 server=0");
    assert_eq!(lines.next().as_deref(), Some("0 bytes"));
    let mut c = Driver::start(installed.command(&program).arg("system").arg(&socket).arg("65534"));
    assert_eq!(c.does("connect"), "OK connected=1 server=65534");
    c.does("close");
    assert_eq!(lines.next().as_deref(), Some("0 bytes"));
    assert!(server.wait().unwrap().success());
}

/// Takes three connections, and tells how much it was sent on each.
const LISTENER: &str = "
import socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
print('listens', flush=True)
for _ in range(3):
    connection, _ = listener.accept()
    print(len(connection.recv(4096)), 'bytes', flush=True)
    connection.close()
";
