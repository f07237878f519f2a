//! The module as valgrind and strace see it, and before a daemon of another uid. Run with the feature `root`.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mfad_client::{Client, Options, Trusted};
use mfad_proto::Call;
use mfad_tests::applicant::{LINE, SERVED, Services, enroll, next_code};
use mfad_tests::candidate::Candidate;
use mfad_tests::daemon::Daemon;
use mfad_tests::nobody::{NOBODY, as_nobody, home, stage};
use mfad_tests::pam::{AUTH_ERR, AUTHINFO_UNAVAIL, PERM_DENIED, SUCCESS};
use mfad_tests::phone::Phone;
use mfad_tests::programs::{built, tool};

const PROMPT: &str = "Verification code: ";

#[test]
fn valgrind_finds_no_error_and_no_leak_over_an_enrolment_and_the_logins_after_it() {
    let daemon = Daemon::start_clocked(&format!("{SERVED}enforce = true\n"));
    let services = Services::of(&daemon, LINE);
    let log = daemon.folder().join("valgrind");
    let mut command = tool("valgrind");
    command.args(["--leak-check=full", "--errors-for-leak-kinds=definite,indirect"]);
    command.args(["--track-fds=yes", "--trace-children=no"]).arg(format!("--log-file={}", log.display()));
    command.arg(built("mfad-login"));
    let mut candidate = Candidate::by(command, &services, "ann", 6);

    let shown = candidate.wait_for("First code from the app: ");
    let key = shown.iter().find_map(|line| line.strip_prefix("Key (time-based):")).expect("a key");
    let mut phone = Phone::scan(&format!("otpauth://totp/ann?secret={}", key.replace(' ', "")));
    candidate.type_line("000000");
    candidate.wait_for("First code from the app: ");
    candidate.type_line(&phone.code(daemon.time() / 30));
    let question = "Type one of these recovery codes to go on; it is not used up: ";
    let recovery = candidate.wait_for(question).pop().expect("recovery codes");
    candidate.type_line("none");
    candidate.wait_for(question);
    candidate.type_line(recovery.trim());
    assert_eq!(candidate.code(), SUCCESS);
    for missed in [0, 2] {
        let used = phone.code(daemon.time() / 30);
        for _ in 0..missed {
            candidate.wait_for(PROMPT);
            candidate.type_line(&used);
        }
        candidate.wait_for(PROMPT);
        candidate.type_line(&next_code(&daemon, &mut phone));
        assert_eq!(candidate.code(), SUCCESS);
    }
    candidate.wait_for(PROMPT);
    candidate.type_line(recovery.trim());
    assert_eq!(candidate.code(), SUCCESS);
    candidate.misses(PROMPT, &phone.code(daemon.time() / 30));
    assert_eq!(candidate.code(), AUTH_ERR);
    candidate.leave();
    assert_eq!(candidate.code(), AUTH_ERR);

    let report = candidate.report();
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("ERROR SUMMARY: 0 errors"), "{log}");
    assert!(log.contains("definitely lost: 0 bytes") || log.contains("All heap blocks were freed"), "{log}");
    let opened = log.lines().filter(|line| line.contains("Open ")).count();
    let inherited = log.matches("<inherited from parent>").count();
    assert_eq!(opened, inherited, "{log}");
    assert_eq!(report.value("signals"), "unchanged");
}

/// What an accepted login does after libpam has opened its service, with these variables around.
fn traced(daemon: &Daemon, phone: &mut Phone, variables: &[&str]) -> Vec<String> {
    let services = Services::of(daemon, LINE);
    let log = daemon.folder().join("strace");
    let mut command = tool("strace");
    command.args(["-f", "-qq", "-e", "signal=none", "-o"]).arg(&log);
    command.args(variables.iter().flat_map(|variable| ["-E", variable])).arg(built("mfad-login"));
    let mut candidate = Candidate::by(command, &services, "ann", 1);
    candidate.wait_for(PROMPT);
    candidate.type_line(&next_code(daemon, phone));
    assert_eq!(candidate.code(), SUCCESS);
    assert_eq!(candidate.report().value("environment"), "unchanged");
    let service = services.path().join("login");
    let text = std::fs::read_to_string(log).unwrap();
    let calls = text.lines().map(|line| line.split_once(' ').map_or(line, |(_, call)| call.trim_start()).to_owned());
    let calls: Vec<_> = calls.skip_while(|call| !call.contains(service.to_str().unwrap())).collect();
    // Its own look at itself comes after the login.
    let end = calls.iter().position(|call| call.contains("/proc/self/status")).expect("the end");
    let path = services.path().to_str().unwrap();
    calls[..end].iter().map(|call| call.replace(path, "SERVICES")).collect()
}

#[test]
fn no_variable_leads_to_a_file_and_no_thread_or_handler_is_made() {
    let daemon = Daemon::start_clocked(SERVED);
    let mut phone = enroll(&daemon, "ann");
    let hostile = [
        "MFAD_SERVER_UID=12345",
        "MFAD_SOCKET=/planted/socket",
        "RUST_BACKTRACE=full",
        "RUST_MIN_STACK=1",
        "LD_LIBRARY_PATH=/planted",
        "LOCPATH=/planted",
        "TZ=:/planted/zone",
        "TZDIR=/planted",
        "HOME=/planted",
        "TMPDIR=/planted",
        "NLSPATH=/planted/%N",
        "GCONV_PATH=/planted",
        "RESOLV_HOST_CONF=/planted/host",
        "HOSTALIASES=/planted/aliases",
    ];
    let opened = |calls: &[String]| -> BTreeSet<String> {
        let paths = calls.iter().filter(|call| call.starts_with("open") || call.starts_with("connect"));
        paths.filter_map(|call| call.split('"').nth(1).map(str::to_owned)).collect()
    };
    let (usual, planted) = (traced(&daemon, &mut phone, &[]), traced(&daemon, &mut phone, &hostile));
    assert!(opened(&usual).contains(built("libpam_mfad.so").to_str().unwrap()), "{usual:#?}");
    assert!(opened(&usual).contains(daemon.socket().to_str().unwrap()), "{usual:#?}");
    assert_eq!(opened(&usual), opened(&planted));
    for call in usual.iter().chain(&planted) {
        assert!(!call.contains("/planted"), "{call}");
        let name = call.split('(').next().unwrap_or_default();
        let foreign = [
            "clone",
            "clone3",
            "fork",
            "vfork",
            "execve",
            "kill",
            "rt_sigaction",
            "rt_sigprocmask",
            "sigaltstack",
            "chdir",
            "umask",
            "prctl",
            "setuid",
            "setresuid",
            "nanosleep",
            "clock_nanosleep",
            "dup",
            "dup2",
        ];
        assert!(!foreign.contains(&name), "{call}");
    }
    // One connection for the whole login, which no program that is executed inherits. libpam has one to the kernel's audit.
    let opens: Vec<_> = usual.iter().filter(|call| call.starts_with("socket(AF_UNIX")).collect();
    assert_eq!(opens.len(), 1, "{opens:?}");
    assert!(opens[0].contains("SOCK_CLOEXEC"), "{opens:?}");
}

#[test]
fn a_daemon_of_another_uid_is_asked_only_where_the_stack_names_it() {
    let (stage, home) = (stage(), home());
    let socket = home.path().join("mfad.sock");
    let mut command = as_nobody(&stage.path().join("mfad"));
    std::fs::write(home.path().join("mfad.toml"), SERVED).unwrap();
    std::fs::set_permissions(home.path().join("mfad.toml"), PermissionsExt::from_mode(0o644)).unwrap();
    command.arg("serve").arg("--config").arg(home.path().join("mfad.toml"));
    command.arg("--state").arg(home.path().join("state")).arg("--socket").arg(&socket);
    let mut daemon = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until_ready(&socket);

    let services = Services::asking(&socket);
    let log_in = |options: &str| {
        services.write("login", &LINE.replace("realm=", &format!("{options} realm=")));
        let mut command = Command::new(built("mfad-login"));
        command.env("MFAD_SERVER_UID", NOBODY.to_string());
        let mut candidate = Candidate::by(command, &services, "bob", 1);
        candidate.leave();
        candidate.code()
    };
    let codes = ["", "fail=open", "server_uid=1", &format!("server_uid={NOBODY}")].map(log_in);
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    // Nobody has a factor: who is believed says that none is needed.
    assert_eq!(codes, [AUTHINFO_UNAVAIL, AUTHINFO_UNAVAIL, AUTHINFO_UNAVAIL, PERM_DENIED]);
}

fn wait_until_ready(socket: &Path) {
    let end = Instant::now() + Duration::from_secs(20);
    let trusted = Trusted { own: true, named: Some(NOBODY) };
    while Client::connect(Options::new(socket, trusted)).and_then(|mut client| client.call(Call::Ping)).is_err() {
        assert!(Instant::now() < end, "the daemon does not get ready");
        std::thread::sleep(Duration::from_millis(10));
    }
}
