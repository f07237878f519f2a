//! The module in processes of their own: many at once, one that lives long, and one whose daemon is killed under it.

use mfad_tests::applicant::{LINE, SERVED, Services, enroll, next_code};
use mfad_tests::candidate::Candidate;
use mfad_tests::daemon::Daemon;
use mfad_tests::pam::{AUTH_ERR, AUTHINFO_UNAVAIL, PERM_DENIED, SUCCESS};
use mfad_tests::programs::{built, tool};

const PROMPT: &str = "Verification code: ";

fn daemon() -> Daemon {
    Daemon::start_clocked(SERVED)
}

/// Starts processes, one for each user, and waits until each has its question.
fn crowd<'u>(services: &Services, users: impl Iterator<Item = &'u str>) -> Vec<Candidate> {
    let mut candidates: Vec<_> = users.map(|user| Candidate::start(services, user, 1)).collect();
    for candidate in &mut candidates {
        candidate.wait_for(PROMPT);
    }
    candidates
}

#[test]
fn of_200_right_codes_in_200_processes_none_is_refused() {
    let daemon = daemon();
    let services = Services::of(&daemon, LINE);
    let users: Vec<_> = (0..200).map(|number| format!("user-{number}")).collect();
    let mut phones: Vec<_> = users.iter().map(|user| enroll(&daemon, user)).collect();
    daemon.set_time(daemon.time() + 30);
    let codes: Vec<_> = phones.iter_mut().map(|phone| phone.code(daemon.time() / 30)).collect();
    let mut candidates = crowd(&services, users.iter().map(String::as_str));
    for (candidate, code) in candidates.iter_mut().zip(&codes) {
        candidate.type_line(code);
    }
    let said: Vec<_> = candidates.iter_mut().map(Candidate::code).collect();
    assert_eq!(said, [SUCCESS; 200], "{}", daemon.last_words());
}

#[test]
fn one_code_in_32_processes_is_accepted_once() {
    let daemon = daemon();
    let services = Services::of(&daemon, LINE);
    let mut phone = enroll(&daemon, "ann");
    for round in 0..6 {
        let code = next_code(&daemon, &mut phone);
        let mut candidates = crowd(&services, std::iter::repeat_n("ann", 32));
        for candidate in &mut candidates {
            candidate.type_line(&code);
            candidate.leave();
        }
        let mut said: Vec<_> = candidates.iter_mut().map(Candidate::code).collect();
        said.sort_unstable();
        assert_eq!((said[0], &said[1..]), (SUCCESS, &[AUTH_ERR; 31][..]), "round {round}: {}", daemon.last_words());
    }
}

#[test]
fn thousands_of_logins_in_one_process_leave_nothing_behind() {
    let daemon = daemon();
    let services = Services::of(&daemon, LINE);
    let mut phone = enroll(&daemon, "ann");
    let mut candidate = Candidate::start(&services, "ann", LOGINS);
    let mut early = None;
    for login in 1..=LOGINS {
        candidate.wait_for(PROMPT);
        if login == LOGINS / 10 || login == LOGINS {
            let holds = (["VmRSS", "VmData"].map(|name| candidate.status(name)), candidate.descriptors());
            let held = early.get_or_insert(holds);
            let grown = [0, 1].map(|index| holds.0[index].saturating_sub(held.0[index]));
            assert!(grown.iter().all(|grown| *grown <= SLACK), "it has grown by {grown:?} KiB from {held:?}");
            assert_eq!(holds.1, held.1, "it holds other descriptors");
        }
        candidate.type_line(&next_code(&daemon, &mut phone));
        assert_eq!(candidate.code(), SUCCESS, "login {login}: {}", daemon.last_words());
    }
    let report = candidate.report();
    assert_eq!(["threads", "environment", "signals"].map(|name| report.value(name)), ["1", "unchanged", "unchanged"]);
}

/// Ten thousand, so that a leak of eight bytes a login shows. Where nothing is optimized the daemon takes a minute for them,
/// and there it is a tenth.
const LOGINS: u32 = if cfg!(debug_assertions) { 1_000 } else { 10_000 };

/// In KiB. Less than 9,000 leaks of eight bytes make.
const SLACK: u64 = 64;

#[test]
fn however_a_login_ends_its_descriptor_is_closed() {
    let daemon = daemon();
    let services = Services::of(&daemon, LINE);
    let mut phone = enroll(&daemon, "ann");
    let wrong = LINE.replace("socket=", "socket=GONE");
    let open = LINE.replace("socket=", "socket=GONE fail=open");
    for (user, stack, types, code) in [
        ("ann", LINE, "right", SUCCESS),
        ("ann", LINE, "used", AUTH_ERR),
        ("ann", LINE, "", AUTH_ERR),
        ("bob", LINE, "", PERM_DENIED),
        ("ann", &*wrong, "", AUTHINFO_UNAVAIL),
        ("ann", &*open, "", PERM_DENIED),
    ] {
        services.write("login", stack);
        let mut hold = |logins: u32| {
            let mut candidate = Candidate::start(&services, user, logins);
            if types.is_empty() {
                candidate.leave();
            }
            for _ in 0..logins {
                let right = (types == "right").then(|| next_code(&daemon, &mut phone));
                let used = phone.code(daemon.time() / 30);
                let typed = match types {
                    "right" => right.as_slice(),
                    "used" => &[used.clone(), used.clone(), used],
                    _ => &[],
                };
                for line in typed {
                    candidate.wait_for(PROMPT);
                    candidate.type_line(line);
                }
                assert_eq!(candidate.code(), code, "{user} {stack} {types}");
            }
            let report = candidate.report();
            let standing =
                ["descriptors", "threads", "environment", "signals"].map(|name| report.value(name).to_owned());
            assert_eq!(standing[1..], ["1", "unchanged", "unchanged"], "{user} {stack} {types}");
            standing
        };
        // The first one may leave the system log's behind, which libc keeps.
        assert_eq!(hold(1), hold(5), "{user} {stack} {types}");
    }
}

#[test]
fn a_daemon_that_is_killed_while_the_question_stands_costs_a_login_nothing_but_a_new_connection() {
    let mut daemon = daemon();
    let services = Services::of(&daemon, LINE);
    let mut phone = enroll(&daemon, "ann");
    // Killed; and asked to stop, which it says to whoever is connected.
    for end in [Daemon::kill, Daemon::stop] {
        let mut candidate = Candidate::start(&services, "ann", 1);
        candidate.wait_for(PROMPT);
        end(&mut daemon);
        daemon.spawn();
        candidate.type_line(&next_code(&daemon, &mut phone));
        assert_eq!(candidate.code(), SUCCESS, "{}", daemon.last_words());
        assert_eq!(candidate.report().value("signals"), "unchanged");
    }
}

#[test]
fn a_daemon_that_does_not_come_back_denies_and_no_broken_pipe_kills_the_program() {
    for end in [Daemon::kill, Daemon::stop] {
        let mut daemon = daemon();
        // It has said that this account needs a code: ending it opens nothing.
        let services = Services::asking(&daemon.socket());
        let mut phone = enroll(&daemon, "ann");
        for options in ["fail=closed", "fail=open"] {
            services.write("login", &LINE.replace("realm=", &format!("{options} realm=")));
            let mut candidate = Candidate::start(&services, "ann", 1);
            candidate.wait_for(PROMPT);
            end(&mut daemon);
            candidate.type_line(&next_code(&daemon, &mut phone));
            assert_eq!(candidate.code(), AUTHINFO_UNAVAIL, "{options}");
            assert_eq!(candidate.report().value("signals"), "unchanged");
            daemon.spawn();
        }
    }
}

#[test]
fn a_daemon_that_does_not_answer_is_no_outage_and_opens_nothing() {
    let daemon = daemon();
    let services = Services::of(&daemon, &LINE.replace("realm=", "fail=open realm="));
    let mut phone = enroll(&daemon, "ann");
    let mut candidate = Candidate::start(&services, "ann", 2);
    candidate.wait_for(PROMPT);
    daemon.pause();
    candidate.type_line(&next_code(&daemon, &mut phone));
    assert_eq!(candidate.code(), AUTHINFO_UNAVAIL, "in the middle");
    assert_eq!(candidate.code(), AUTHINFO_UNAVAIL, "from the beginning");
}

#[test]
fn nothing_of_the_environment_is_asked_for() {
    let daemon = daemon();
    let services = Services::of(&daemon, LINE);
    let mut phone = enroll(&daemon, "ann");
    let folder = tempfile::tempdir().unwrap();
    let [source, library, asked] = ["spy.c", "spy.so", "asked"].map(|name| folder.path().join(name));
    std::fs::write(&source, SPY).unwrap();
    let compile = tool("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).output().unwrap();
    assert!(compile.status.success(), "{compile:?}");
    let spied = |program: &str| {
        let mut command = tool("env");
        command.arg(format!("LD_PRELOAD={}", library.display())).arg(format!("SPY={}", asked.display()));
        command.args(HOSTILE).arg(built(program));
        command
    };
    assert!(spied("mfactl").arg("--version").output().unwrap().status.success());
    let by_mfactl = std::fs::read_to_string(&asked).unwrap();
    assert!(by_mfactl.contains("mfactl MFAD_SERVER_UID"), "the spy sees nothing: {by_mfactl}");
    let mut candidate = Candidate::by(spied("mfad-login"), &services, "ann", 3);
    candidate.wait_for(PROMPT);
    candidate.type_line(&next_code(&daemon, &mut phone));
    assert_eq!(candidate.code(), SUCCESS);
    candidate.misses(PROMPT, &phone.code(daemon.time() / 30));
    assert_eq!(candidate.code(), AUTH_ERR);
    candidate.leave();
    assert_eq!(candidate.code(), AUTH_ERR);
    assert_eq!(candidate.report().value("environment"), "unchanged");
    let asked = std::fs::read_to_string(asked).unwrap();
    let by_module: Vec<_> = asked.lines().filter(|line| line.contains("pam_mfad")).collect();
    assert!(by_module.is_empty(), "{by_module:?}");
}

/// Variables that change what programs of this project do, or what libraries open.
const HOSTILE: [&str; 9] = [
    "MFAD_SERVER_UID=12345",
    "MFAD_SOCKET=/planted/socket",
    "RUST_BACKTRACE=full",
    "RUST_LIB_BACKTRACE=1",
    "RUST_LOG=trace",
    "TZ=:/planted/zone",
    "HOME=/planted/home",
    "TMPDIR=/planted/tmp",
    "LOCPATH=/planted/locale",
];

/// Stands in for what asks for a variable, and notes who has asked.
const SPY: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

extern char **environ;

static char *find(const char *name) {
    size_t length = strlen(name);
    for (char **entry = environ; entry && *entry; entry++)
        if (!strncmp(*entry, name, length) && (*entry)[length] == '=') return *entry + length + 1;
    return NULL;
}

static char *note(const char *name, void *caller) {
    Dl_info who;
    const char *file = find("SPY");
    FILE *notes = file ? fopen(file, "a") : NULL;
    if (notes) {
        fprintf(notes, "%s %s\n", dladdr(caller, &who) ? who.dli_fname : "?", name);
        fclose(notes);
    }
    return find(name);
}

char *getenv(const char *name) { return note(name, __builtin_return_address(0)); }
char *secure_getenv(const char *name) { return note(name, __builtin_return_address(0)); }
"#;
