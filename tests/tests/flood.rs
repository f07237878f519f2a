//! One local user who opens all the connections that he gets, and keeps each of them full of requests, does not stop the
//! logins of others. Run with the feature `root`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use mfad_proto::{Account, AccountName, Call, Context, LogFilter, Password, Realm, Reply, UserName};
use mfad_tests::app::App;
use mfad_tests::calls::code;
use mfad_tests::daemon::{Daemon, NOON};
use mfad_tests::logbook;
use mfad_tests::nobody::stage;
use mfad_tests::people::Person;
use serde_json::Value;
use zeroize::Zeroizing;

const PASSWORD: &str = "a password of the flooder's own";

fn account(user: &str) -> Account {
    let realm = Realm::new("kept").unwrap();
    Account::Name(AccountName { realm, user: UserName::new(user).unwrap() })
}

fn password(text: &str) -> Password {
    Password::new(Zeroizing::new(text.as_bytes().to_vec())).unwrap()
}

/// Enrols a user of realm `kept` with a password.
fn enroll(daemon: &Daemon, user: &str) -> App {
    let set = daemon.mfactl(&["--realm", "kept", "admin", "set-password", user], &format!("{PASSWORD}\n"));
    assert!(set.status.success(), "{set:?}");
    let begun = daemon.mfactl(&["--realm", "kept", "enroll", "--begin", user], "");
    let begun: Value = serde_json::from_slice(&begun.stdout).unwrap();
    let app = App::scan(begun["uri"].as_str().unwrap());
    let id = begun["enrollment"].as_str().unwrap();
    let args = ["--realm", "kept", "enroll", "--confirm", id, user];
    assert!(daemon.mfactl(&args, &app.code(daemon.time())).status.success());
    app
}

#[test]
fn a_user_who_floods_with_all_his_connections_stops_nobodys_login() {
    let (stage, flooder) = (stage(), Person::new(PASSWORD, &[]));
    let config = format!(
        "[realm.kept]\nfirst_factor = \"password\"\n[[grant]]\nrealm = \"kept\"\nright = \"owner\"\nuser = \"{}\"\n",
        flooder.name
    );
    let daemon = Daemon::start_clocked(&config);
    fs::set_permissions(daemon.folder(), fs::Permissions::from_mode(0o755)).unwrap();
    let (app, _) = (enroll(&daemon, "alice"), enroll(&daemon, &flooder.name));
    let mut command = flooder.runs(&stage.path().join("mfad-flood"));
    command.arg(daemon.socket()).args(["kept", &flooder.name, PASSWORD, "alice"]);
    let mut flood = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut counts = BufReader::new(flood.stdout.take().unwrap()).lines();
    let mut answered = || counts.next().unwrap().unwrap().parse::<u64>().unwrap();
    while answered() < 64 {}
    let before = answered();
    for step in 1..=12 {
        daemon.set_time(NOON + 30 * step);
        // A connection of its own for each, as a login makes it.
        let (account, password) = (account("alice"), password(PASSWORD));
        let code = code(&app.code(NOON + 30 * step));
        let call = Call::Authenticate { account, password, code, context: Context::default() };
        let reply = daemon.client().call(call);
        assert!(matches!(reply, Ok(Reply::Accepted(_))), "login {step} under the flood: {:?}", reply.err());
    }
    // It goes on all the while: a batch that was sent before the logins, or among them, is answered to its end.
    let goes_on = (0..600).any(|_| answered() > before);
    assert!(goes_on, "there was no flood");
    flood.kill().unwrap();
    flood.wait().unwrap();
    // Nor does he wash the log out: a minute of his is summed up. The clock of this daemon has not moved.
    let uid = u64::from(flooder.uid);
    let of_flooder = |lines: &[Value], is_sum: bool| {
        lines
            .iter()
            .filter(|line| line["uid"] == uid && (line["event"] == "summed") == is_sum)
            .cloned()
            .collect::<Vec<_>>()
    };
    let mut admin = daemon.client();
    let written = of_flooder(&logbook::read(&mut admin, &LogFilter::default()), false).len();
    assert_eq!(written, 60);
    daemon.rest(60);
    admin.call(Call::Ping).unwrap();
    let sums = of_flooder(&logbook::read(&mut admin, &LogFilter::default()), true);
    let summed: u64 = sums.iter().map(|sum| sum["lines"].as_u64().unwrap()).sum();
    assert!(summed >= before, "{summed} of more than {before}: {sums:?}");
    assert_eq!(logbook::faults(&mut admin), []);
    let said = daemon.mfactl(&["--realm", "kept", "--json", "status", "alice"], "");
    let status: Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!((&status["state"], &status["failures_since"]), (&"active".into(), &0.into()), "alice was touched");
}
