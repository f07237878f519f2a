//! Rules that change while the daemon runs: by its configuration, by an administrator, and by what became of a socket.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mfad_tests::daemon::Daemon;
use mfad_tests::programs::{built, tool};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

fn reload(daemon: &Daemon, config: &str, until: &str) {
    let before = daemon.log().matches(until).count();
    std::fs::write(daemon.folder().join("mfad.toml"), config).unwrap();
    daemon.signal(Signal::SIGHUP);
    let end = Instant::now() + Duration::from_secs(20);
    while daemon.log().matches(until).count() == before {
        assert!(Instant::now() < end, "it does not say {until:?}: {}", daemon.last_words());
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn asked(daemon: &Daemon, args: &[&str]) -> (Option<i32>, Value) {
    let said = daemon.mfactl(&[&["--json"], args].concat(), "");
    (said.status.code(), serde_json::from_slice(&said.stdout).unwrap_or(Value::Null))
}

const AGAIN: &str = "the configuration was read again";
const STAYS: &str = "the rules from before stay in force";

#[test]
fn a_signal_puts_new_rules_in_force_and_a_bad_file_leaves_the_old_ones() {
    let daemon = Daemon::start_with("[realm.system]\nenroll = \"closed\"\n");
    let mut client = daemon.client();
    assert_eq!(asked(&daemon, &["admin", "enforce"]).1["enroll"], "closed");
    reload(&daemon, "[realm.system]\nenroll = \"ticket\"\nenforce = \"on\"\n[realm.later]\n", AGAIN);
    let (_, rules) = asked(&daemon, &["admin", "enforce"]);
    assert_eq!((&rules["enroll"], &rules["enforcement"]), (&"ticket".into(), &"on".into()));
    assert_eq!((&rules["stored"], &rules["enforced"]), (&false.into(), &true.into()));
    // A connection that was there before is judged by the new rules as well.
    assert_eq!(
        mfad_tests::calls::begin(&mut client, "alice"),
        mfad_proto::Need::Enroll { ticket: true },
        "an old connection has old rules"
    );
    assert_eq!(asked(&daemon, &["--realm", "later", "status", "alice"]).0, Some(0));

    for (bad, why) in [
        ("[realm.system]\nenrol = \"open\"\n", "did you mean `enroll`?"),
        ("[realm.system]\nstack = [\"sufficient password\"]\n", "the stack is weak"),
        ("not toml", "line 1"),
    ] {
        reload(&daemon, bad, STAYS);
        daemon.says(why);
        assert_eq!(asked(&daemon, &["admin", "enforce"]).1, rules, "a bad file changed the rules");
    }
    std::fs::remove_file(daemon.folder().join("mfad.toml")).unwrap();
    let before = daemon.log().matches(STAYS).count();
    daemon.signal(Signal::SIGHUP);
    while daemon.log().matches(STAYS).count() == before {
        std::thread::yield_now();
    }
    reload(&daemon, "", AGAIN);
    assert_eq!(asked(&daemon, &["admin", "enforce"]).1["enforcement"], "off");
    assert_eq!(
        asked(&daemon, &["--realm", "later", "status", "alice"]).0,
        Some(5),
        "a realm that is not served any more"
    );
}

#[test]
fn what_an_administrator_enforces_wins_over_the_file_is_audited_and_stays() {
    let mut daemon = Daemon::start_with("[realm.system]\nenforce = \"on\"\nexcept_users = [\"carol\"]\n");
    let enforced = |daemon: &Daemon, user: &str| asked(daemon, &["status", user]).1["enforced"].clone();
    assert_eq!((enforced(&daemon, "alice"), enforced(&daemon, "carol")), (true.into(), false.into()));
    assert_eq!(asked(&daemon, &["admin", "enforce", "off"]).1["result"], "done");
    assert_eq!(enforced(&daemon, "alice"), false);
    reload(&daemon, "[realm.system]\nenforce = \"on\"\n", AGAIN);
    assert_eq!(enforced(&daemon, "alice"), false, "the file won");
    daemon.kill();
    daemon.spawn();
    let (_, rules) = asked(&daemon, &["admin", "enforce"]);
    assert_eq!((&rules["enforcement"], &rules["stored"]), (&"off".into(), &true.into()), "it did not stay");
    assert_eq!(asked(&daemon, &["admin", "enforce", "after", "2001-02-03"]).1["result"], "done");
    assert_eq!(enforced(&daemon, "alice"), true);
    assert_eq!(asked(&daemon, &["admin", "enforce", "after", "2999-12-31"]).1["result"], "done");
    assert_eq!(enforced(&daemon, "alice"), false);
    assert_eq!(asked(&daemon, &["admin", "enforce"]).1["enforcement"], "after 2999-12-31");
    daemon.says("\"said\":\"enforce after 2999-12-31\"");
    for words in [&["maybe"][..], &["after"], &["after", "2026-02-30"], &["after", "tomorrow"], &["on", "2026-01-01"]] {
        let said = daemon.mfactl(&[&["admin", "enforce"], words].concat(), "");
        assert_eq!(said.status.code(), Some(2), "{words:?}");
    }
}

#[test]
fn a_socket_of_another_name_carries_what_a_grant_gives_it_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).into_os_string().into_string().unwrap();
    let config = "[realm.kept]\nfirst_factor = \"password\"\n\
        [[grant]]\nrealm = \"kept\"\nright = \"login\"\nsocket = \"gateway\"\n";
    std::fs::write(at("mfad.toml"), config).unwrap();
    let mut command = tool("systemd-socket-activate");
    command.args(["-l", &at("public.sock"), "-l", &at("gateway.sock"), "--fdname=mfad:gateway"]);
    command.arg(built("mfad")).args(["serve", "--state", &at("state"), "--config", &at("mfad.toml")]);
    let mut child = Activated(command.stderr(Stdio::null()).spawn().unwrap());
    while !Path::new(&at("gateway.sock")).exists() {
        assert!(child.0.try_wait().unwrap().is_none(), "it ended");
        std::thread::yield_now();
    }
    let mfactl = |args: &[&str]| {
        let output =
            Command::new(built("mfactl")).args(["--socket", &at("gateway.sock"), "--json"]).args(args).output();
        output.unwrap().status.code()
    };
    assert_eq!(mfactl(&["--realm", "kept", "enroll", "--begin", "alice"]), Some(0));
    assert_eq!(mfactl(&["--realm", "kept", "status", "alice"]), Some(0));
    for args in [
        &["--realm", "system", "status", "root"][..],
        &["--realm", "kept", "admin", "unlock", "alice"],
        &["--realm", "kept", "admin", "enforce", "on"],
        &["key", "status"],
    ] {
        assert_eq!(mfactl(args), Some(5), "{args:?}");
    }
}

struct Activated(Child);

impl Drop for Activated {
    fn drop(&mut self) {
        kill(Pid::from_raw(self.0.id().try_into().unwrap()), Signal::SIGTERM).ok();
        self.0.wait().ok();
    }
}
