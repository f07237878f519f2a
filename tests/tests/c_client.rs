//! `libmfad` as programs in C use it: installed by its README, every call and every refusal by a daemon that lives, every
//! argument wrong, and no secret left behind. Servers that do not behave are for `c_client_hostile.rs`; valgrind, C++ and another
//! uid for `c_client_root.rs`.

use std::fs;

use mfad_proto::{Account, AccountName, Call, Enforcement, Proof, Reply, UserName};
use mfad_tests::app::{App, other_than};
use mfad_tests::c_program::{Driver, Installed, succeeds, value};
use mfad_tests::calls::context;
use mfad_tests::daemon::Daemon;
use mfad_tests::header;
use mfad_tests::listed::realm;
use mfad_tests::programs::tool;
use mfad_tests::rights::password;

/// Realm `town` vouches; `kept` keeps passwords, and enforces; `tickets` asks for tickets.
const REALMS: &str = "[realm.town]\n\
    [realm.kept]\nfirst_factor = \"password\"\nenforce = true\n\
    [realm.tickets]\nenroll = \"ticket\"\nenforce = true\n";

fn account(of: &str, user: &str) -> Account {
    Account::Name(AccountName { realm: realm(of), user: UserName::new(user).unwrap() })
}

/// Enrols by the driver, and returns the app and the recovery codes. The step of now is used.
fn enroll(driver: &mut Driver, daemon: &Daemon, user: &str, proof: &str) -> (App, Vec<String>) {
    let begun = driver.does(&format!("enroll {user} test {proof} -"));
    assert!(begun.starts_with("OK id="), "{begun}");
    let app = App::scan(value(&begun, "uri"));
    let confirmed = driver.does(&format!("confirm {user} {} {}", value(&begun, "id"), app.code(daemon.time())));
    assert!(confirmed.starts_with("OK count=10 "), "{confirmed}");
    (app, value(&confirmed, "codes").split(',').map(str::to_owned).collect())
}

fn next_code(daemon: &Daemon, app: &App) -> String {
    daemon.set_time(daemon.time() + 30);
    app.code(daemon.time())
}

fn wrong_code(daemon: &Daemon, app: &App) -> String {
    other_than(&(0..12).map(|n| app.code(daemon.time() - 150 + 30 * n)).collect::<Vec<_>>())
}

#[test]
fn the_header_is_the_one_that_the_sources_make() {
    let kept = fs::read_to_string(header::folder().join("mfad.h")).unwrap();
    assert_eq!(kept, header::fresh(), "run cargo run -p mfad-tests --bin mfad-header >client/c/mfad.h");
    let description = fs::read_to_string(header::folder().join("mfad.pc.in")).unwrap();
    assert!(description.contains(&format!("\nVersion: {}\n", env!("CARGO_PKG_VERSION"))), "{description}");
}

#[test]
fn the_library_exports_what_the_header_declares_and_needs_nothing_but_libc() {
    let installed = Installed::new();
    let library = installed.library();
    let symbols = succeeds(tool("nm").args(["-D", "--defined-only"]).arg(&library));
    let mut exported: Vec<_> = symbols.lines().filter_map(|line| line.split(' ').next_back()).collect();
    exported.sort_unstable();
    let header = header::fresh();
    let mut declared: Vec<_> = header
        .lines()
        .filter(|line| !line.starts_with([' ', '/', '#', '}']))
        .filter_map(|line| line.split_once('(')?.0.rsplit([' ', '*']).next())
        .collect();
    declared.sort_unstable();
    assert_eq!(exported, declared);
    assert!(declared.len() > 30 && declared.iter().all(|name| name.starts_with("mfad_")), "{declared:?}");
    let dynamic = succeeds(tool("readelf").arg("-d").arg(&library));
    assert!(dynamic.contains("soname: [libmfad.so.0]"), "{dynamic}");
    let needed = succeeds(tool("ldd").arg("-r").arg(&library));
    let known = ["linux-vdso", "libgcc_s", "libc.so", "ld-linux"];
    assert!(needed.lines().all(|line| known.iter().any(|known| line.contains(known))), "{needed}");
}

#[test]
fn every_call_of_a_login_service_is_answered() {
    let daemon = Daemon::start_clocked(REALMS);
    let installed = Installed::new();
    let mut c = installed.driver("town", &daemon.socket());
    let own = nix::unistd::geteuid();
    assert_eq!(c.does("connect"), format!("OK connected=1 server={own}"));
    assert_eq!(c.does("ping"), format!("OK ready=1 version={} why=", env!("CARGO_PKG_VERSION")));
    assert_eq!(c.does("begin ann test"), "OK need=4");
    let nobody = "realm=town user=ann state=1 enforced=0 left=0 failures=0 retry=0 enrolled=0:0 success=0:0";
    assert_eq!(c.does("status ann"), format!("OK {nobody}"));

    assert_eq!(c.does("issuer Town"), "OK");
    let begun = c.does("enroll ann test asserted -");
    assert!(value(&begun, "uri").contains("issuer=Town") && value(&begun, "handle").starts_with("mfad1:"), "{begun}");
    assert!(value(&begun, "uri").contains(&format!("secret={}", value(&begun, "key"))), "{begun}");
    assert_eq!(value(&begun, "expires"), (daemon.time() + 600).to_string());
    let [size, dark, drawn] = ["size", "dark", "drawn"].map(|name| value(&begun, name).parse::<u32>().unwrap());
    assert!(size >= 21 && (size * size / 3..size * size).contains(&dark) && drawn > size * size / 2, "{begun}");
    assert_eq!(c.does("status ann"), format!("OK {}", nobody.replace("state=1", "state=2")));
    let (app, spare) = enroll(&mut c, &daemon, "ann", "asserted");
    let enrolled = daemon.time();
    assert_eq!(c.does("begin ann test"), "OK need=1");

    let verify = |c: &mut Driver, code: &str| c.does(&format!("verify ann test {code}"));
    assert_eq!(verify(&mut c, &next_code(&daemon, &app)), "OK factor=1 left=10 failures=0");
    let wrong = wrong_code(&daemon, &app);
    assert_eq!(verify(&mut c, &wrong), "DENIED factor=0 left=0 failures=0");
    let (failed, then) = (daemon.time(), next_code(&daemon, &app));
    assert_eq!(verify(&mut c, &then), format!("OK factor=1 left=10 failures=1 last={failed} from=test"));
    assert_eq!(verify(&mut c, &spare[0]), "OK factor=2 left=9 failures=0");
    let now = daemon.time();
    assert_eq!(
        c.does("status ann"),
        format!(
            "OK realm=town user=ann state=3 enforced=0 left=9 failures=0 retry=0 enrolled=1:{enrolled} success=1:{now}"
        )
    );

    let renewed = c.does(&format!("recovery ann asserted {}", spare[1]));
    assert!(renewed.starts_with("OK count=10 "), "{renewed}");
    let spare: Vec<_> = value(&renewed, "codes").split(',').collect();
    let [first, second] = [90, 120].map(|ahead| app.code(daemon.time() + ahead));
    assert_eq!(c.does(&format!("resync ann asserted {first} {second}")), "OK");
    assert_eq!(c.does(&format!("reset ann test asserted {}", spare[0])), "OK", "a factor that is not enforced");
    assert_eq!(c.does("begin ann test"), "OK need=4");
    assert_eq!(c.does("close"), "connected=0");
    assert_eq!(c.does("begin ann test"), "OK need=4", "it does not connect again");
    assert!(c.finish().success());
}

#[test]
fn passwords_and_enforcement_are_asked_about() {
    let daemon = Daemon::start_clocked(REALMS);
    let set = Call::SetPassword { account: account("kept", "ann"), password: password("horse") };
    assert!(matches!(daemon.client().call(set), Ok(Reply::Done)));
    let installed = Installed::new();
    let mut c = installed.driver("kept", &daemon.socket());
    assert_eq!(c.does("begin ann test"), "OK need=2");
    assert_eq!(c.does("authenticate ann test horse -"), "ENROLLMENT_REQUIRED factor=0 left=0 failures=0");
    assert_eq!(c.does("authenticate ann test mule -"), "DENIED factor=0 left=0 failures=0");
    assert!(c.does("enroll ann test mule -").starts_with("DENIED"));
    let (app, spare) = enroll(&mut c, &daemon, "ann", "horse");
    let code = next_code(&daemon, &app);
    assert!(c.does(&format!("authenticate ann test horse {code}")).starts_with("OK factor=1 left=10"));
    assert_eq!(c.does(&format!("passwd ann horse {} goat", spare[0])), "OK");
    assert_eq!(c.does(&format!("passwd ann goat {} -", spare[1])), "MALFORMED");
    let reset = c.does(&format!("reset ann test goat {}", spare[1]));
    assert!(reset.starts_with("OK id="), "an enforced factor is not replaced: {reset}");
    let new = App::scan(value(&reset, "uri")).code(daemon.time());
    assert!(c.does(&format!("confirm ann {} {new}", value(&reset, "id"))).starts_with("OK count=10"));

    let relax = Call::SetPolicy { realm: realm("kept"), enforcement: Enforcement::Off };
    assert!(matches!(daemon.client().call(relax), Ok(Reply::Policy(_))));
    let set = Call::SetPassword { account: account("kept", "bob"), password: password("horse") };
    assert!(matches!(daemon.client().call(set), Ok(Reply::Done)));
    assert_eq!(c.does("authenticate bob test horse -"), "OK factor=3 left=0 failures=0");
}

#[test]
fn tickets_are_handed_on() {
    let daemon = Daemon::start_clocked(REALMS);
    let Ok(Reply::Issued(ticket)) = daemon.client().call(Call::Recover { account: account("tickets", "ann") }) else {
        panic!("no ticket")
    };
    let installed = Installed::new();
    let mut c = installed.driver("tickets", &daemon.socket());
    assert_eq!(c.does("begin ann test"), "OK need=3");
    assert!(c.does("enroll ann test asserted -").starts_with("DENIED"));
    assert!(c.does(&format!("enroll ann test asserted {}", ticket.code.expose())).starts_with("OK id="));
}

#[test]
fn every_refusal_is_told_apart() {
    let daemon = Daemon::start_clocked(REALMS);
    let installed = Installed::new();
    let mut c = installed.driver("town", &daemon.socket());
    let (app, _) = enroll(&mut c, &daemon, "ann", "asserted");
    let wrong = wrong_code(&daemon, &app);
    for _ in 0..3 {
        assert_eq!(c.does(&format!("verify ann test {wrong}")), "DENIED factor=0 left=0 failures=0");
    }
    assert_eq!(c.does("message"), "Not accepted. Each code works once: wait for the next one.");
    let late = format!("verify ann test {}", next_code(&daemon, &app));
    assert_eq!(c.does(&late), "TRY_LATER retry_after=5 factor=0 left=0 failures=0");
    assert_eq!(value(&c.does("status ann"), "retry"), "5");
    daemon.rest(5);
    assert!(c.does(&late).starts_with("OK factor=1"));
    assert_eq!(c.does("passwd ann old - new"), "UNSUPPORTED");
    assert!(c.does("authenticate ann test old -").starts_with("UNSUPPORTED "));
    for _ in 0..40 {
        c.does(&format!("verify ann test {wrong}"));
        daemon.rest(1_000);
    }
    assert_eq!(c.does("begin ann test"), "OK need=5", "it is locked");
    assert_eq!(value(&c.does("status ann"), "state"), "4");
    assert_eq!(installed.driver("elsewhere", &daemon.socket()).does("begin ann test"), "NOT_PERMITTED need=0");
}

#[test]
fn a_password_that_nobody_can_judge_is_unavailable() {
    let daemon = Daemon::unstarted("mfad", "");
    let gone = daemon.folder().join("gone");
    let mut child = daemon.command().arg("--passwd-socket").arg(gone).spawn().unwrap();
    daemon.wait_for(&mut child);
    let installed = Installed::new();
    let mut c = installed.driver("system", &daemon.socket());
    assert_eq!(c.does("authenticate root test old -"), "UNAVAILABLE factor=0 left=0 failures=0");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn whatever_is_wrong_with_an_argument_nothing_is_sent() {
    let daemon = Daemon::start_clocked(REALMS);
    let installed = Installed::new();
    enroll(&mut installed.driver("town", &daemon.socket()), &daemon, "alice", "asserted");
    let program = installed.compile(&["misuse.c"]);
    succeeds(installed.command(&program).arg(daemon.socket()));
}

#[test]
fn a_daemon_that_is_killed_costs_a_program_nothing_but_a_new_connection() {
    let mut daemon = Daemon::start_clocked(REALMS);
    let installed = Installed::new();
    let mut c = installed.driver("town", &daemon.socket());
    let (app, _) = enroll(&mut c, &daemon, "ann", "asserted");
    for end in [Daemon::kill, Daemon::stop] {
        assert_eq!(c.does("begin ann test"), "OK need=1");
        end(&mut daemon);
        assert!(c.does("begin ann test").starts_with("NOT_RUNNING "));
        daemon.spawn();
        let code = next_code(&daemon, &app);
        assert!(c.does(&format!("verify ann test {code}")).starts_with("OK factor=1"));
    }
}

#[test]
fn a_thousand_connections_leave_no_descriptor_behind() {
    let daemon = Daemon::start_clocked(REALMS);
    let installed = Installed::new();
    let mut c = installed.driver("town", &daemon.socket());
    let descriptors = value(&c.does("cycle 1"), "descriptors").to_owned();
    assert_eq!(c.does("cycle 1000"), format!("good=1000 descriptors={descriptors}"));
}

#[test]
fn no_secret_is_left_in_memory_that_is_given_back() {
    let daemon = Daemon::start_clocked(REALMS);
    let set = Call::SetPassword { account: account("kept", "ann"), password: password("battery-horse-42") };
    assert!(matches!(daemon.client().call(set), Ok(Reply::Done)));
    // The key is told here before the driver hears it: an Enroll resumes what is pending.
    let begin = Call::Enroll {
        account: account("kept", "ann"),
        proof: Proof::Password(password("battery-horse-42")),
        ticket: None,
        issuer: None,
        context: context(),
    };
    let Ok(Reply::Enrollment(pending)) = daemon.client().call(begin) else { panic!("no enrolment") };
    let uri = pending.uri.expose().to_owned();
    let key = uri.split("secret=").nth(1).and_then(|rest| rest.split('&').next()).unwrap();
    let installed = Installed::new();
    let program = installed.compile(&["driver.c", "watch.c"]);
    let mut command = installed.command(&program);
    // Else the loader, when it binds a function at its first call, leaves registers on the stack in which libc has held what
    // the driver has read, and they are copied from there with what a value leaves unused.
    command.env("LD_BIND_NOW", "1");
    let mut c = Driver::start(command.arg("kept").arg(daemon.socket()));
    for secret in ["battery-horse-42", "new-battery-43", key] {
        c.does(&format!("watch {secret}"));
    }
    let (app, spare) = enroll(&mut c, &daemon, "ann", "battery-horse-42");
    assert_eq!(app.code(7), App::scan(&uri).code(7), "another key than the one that is watched for");
    for secret in &spare {
        c.does(&format!("watch {secret}"));
    }
    let code = next_code(&daemon, &app);
    c.does(&format!("watch {code}"));
    assert!(c.does(&format!("authenticate ann test battery-horse-42 {code}")).starts_with("OK"));
    assert!(c.does(&format!("authenticate ann test battery-horse-42 {code}")).starts_with("DENIED"));
    let renewed = c.does(&format!("recovery ann battery-horse-42 {}", spare[0]));
    assert!(renewed.starts_with("OK"), "{renewed}");
    assert!(c.does(&format!("verify ann test {}", spare[1])).starts_with("DENIED"));
    let spare: Vec<_> = value(&renewed, "codes").split(',').collect();
    assert_eq!(c.does(&format!("passwd ann battery-horse-42 {} new-battery-43", spare[0])), "OK");
    c.does("close");
    assert_eq!(c.does("seen"), "0");
    // The control: one block that is given back with a secret in it.
    assert_eq!(c.does("leave battery-horse-42"), "");
    assert_eq!(c.does("seen"), "1");
}
