//! Names of realm `system` are those of users of this machine: whose uid they lead to decides. With real users, made and
//! removed. Run with the feature `root`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use mfad_proto::{Need, State};
use mfad_tests::app::App;
use mfad_tests::calls::{begin, status};
use mfad_tests::daemon::{Daemon, NOON, accepted, denied};
use mfad_tests::nobody::stage;
use mfad_tests::people::{Person, run};
use tempfile::TempDir;

const PASSWORD: &str = "nummer-en-1";

fn daemon() -> (TempDir, Daemon) {
    let (stage, daemon) = (stage(), Daemon::start_clocked(""));
    fs::set_permissions(daemon.folder(), fs::Permissions::from_mode(0o755)).unwrap();
    (stage, daemon)
}

/// The exit status of `mfactl` as this user runs it.
fn own(stage: &TempDir, daemon: &Daemon, person: &Person, args: &[&str], input: &str) -> i32 {
    let mut command = person.runs(&stage.path().join("mfactl"));
    let socket = daemon.socket();
    command.args(["--json", "--socket", socket.to_str().unwrap()]).args(args);
    run(&mut command, input).status.code().unwrap()
}

#[test]
fn an_owner_acts_on_the_account_of_his_own_name_alone() {
    let (stage, daemon) = daemon();
    let (one, other) = (Person::new(PASSWORD, &[]), Person::new(PASSWORD, &[]));
    let app = daemon.enroll(&one.name, NOON);
    let right = app.code(NOON + 30);
    assert_eq!(own(&stage, &daemon, &one, &["status"], ""), 0);
    for args in [
        &["status", &one.name][..],
        &["verify", &one.name],
        &["verify", "--password", &one.name],
        &["reset", &one.name],
        &["recovery", &one.name],
        &["admin", "unlock", &other.name],
        &["admin", "disable", &one.name, "--reason", "mine"],
        &["admin", "remove", &other.name],
        &["admin", "recover", &other.name],
        &["admin", "enforce", "off"],
        &["key", "status"],
    ] {
        assert_eq!(own(&stage, &daemon, &other, args, &format!("{PASSWORD}\n{right}\n")), 5, "{args:?}");
    }
    // His own tries are his own: they stop neither him nor his logins.
    for _ in 0..25 {
        let status = own(&stage, &daemon, &one, &["verify"], "000000\n");
        assert!(matches!(status, 1), "{status}");
        daemon.rest(900);
    }
    assert_eq!(own(&stage, &daemon, &one, &["verify"], &format!("{right}\n")), 1, "his own stop does not hold");
    assert_eq!(begin(&mut daemon.client(), &one.name), Need::Code, "he has stopped his own logins");
    assert!(accepted(&daemon.verify(&one.name, &right)));
}

#[test]
fn a_member_of_mfad_admin_administers_and_is_no_login_service() {
    let circle = mfad_tests::people::Circle::new("mfad-admin");
    let (stage, daemon) = daemon();
    let (admin, other) = (Person::new(PASSWORD, &["mfad-admin"]), Person::new(PASSWORD, &[]));
    let app = daemon.enroll(&other.name, NOON);
    for args in [
        &["status", &other.name][..],
        &["admin", "unlock", &other.name],
        &["admin", "recover", &other.name],
        &["admin", "enforce"],
        &["key", "status"],
        &["admin", "disable", &other.name, "--reason", "lost"],
    ] {
        assert_eq!(own(&stage, &daemon, &admin, args, ""), 0, "{args:?}");
    }
    assert_eq!(own(&stage, &daemon, &admin, &["verify", &other.name], &app.code(NOON + 30)), 5);
    // He vouches where he enrols somebody, and nowhere else.
    assert_eq!(own(&stage, &daemon, &admin, &["enroll", "--begin", &other.name], ""), 0);
    drop((admin, circle));
}

#[test]
fn a_name_that_comes_back_under_another_uid_is_refused_until_an_administrator_acts() {
    let (stage, daemon) = daemon();
    let first = Person::new(PASSWORD, &[]);
    let (name, uid) = (first.name.clone(), first.uid);
    let app = daemon.enroll(&name, NOON);
    let next = |app: &App, step: u64| app.code(NOON + 30 * step);
    assert!(accepted(&daemon.verify(&name, &next(&app, 1))));
    daemon.set_time(NOON + 60);
    drop(first);
    assert!(denied(&daemon.verify(&name, &next(&app, 2))), "a user who is gone was let in");

    let second = Person::named(name.clone(), Some(uid + 4000), PASSWORD, &[]);
    let mut client = daemon.client();
    assert!(denied(&daemon.verify(&name, &next(&app, 2))), "the code of another user was accepted");
    assert_eq!((begin(&mut client, &name), status(&mut client, &name).state), (Need::Locked, State::Locked));
    assert_eq!(status(&mut client, &name).enrolled_at, None, "it tells of somebody else");
    assert_eq!(own(&stage, &daemon, &second, &["verify"], &format!("{}\n", next(&app, 2))), 1);
    assert_eq!(own(&stage, &daemon, &second, &["enroll", "--begin"], &format!("{PASSWORD}\n")), 1);
    for args in [&["admin", "unlock", &name][..], &["admin", "recover", &name]] {
        assert_eq!(daemon.mfactl(args, "").status.code(), Some(1), "{args:?}");
    }
    assert!(daemon.mfactl(&["admin", "disable", &name, "--reason", "he has left"], "").status.success());
    assert_eq!(begin(&mut client, &name), Need::Nothing);
    let own_app = daemon.enroll(&name, NOON + 60);
    daemon.set_time(NOON + 90);
    assert!(accepted(&daemon.verify(&name, &next(&own_app, 3))));
    drop(second);
    // The first one again, by his old uid: now it is he who is another.
    let _first = Person::named(name.clone(), Some(uid), PASSWORD, &[]);
    assert!(denied(&daemon.verify(&name, &next(&own_app, 4))));
    assert!(daemon.mfactl(&["admin", "remove", &name], "").status.success());
    assert_eq!(begin(&mut client, &name), Need::Nothing);
}

#[test]
fn two_names_of_one_uid_are_one_account() {
    let (_stage, daemon) = daemon();
    let person = Person::new(PASSWORD, &[]);
    let alias = format!("{}-too", person.name);
    let mut add = mfad_tests::programs::tool("useradd");
    add.args(["--no-create-home", "--non-unique", "--uid", &person.uid.to_string(), "--gid", &person.gid.to_string()]);
    assert!(run(add.arg(&alias), "").status.success());
    let app = daemon.enroll(&alias, NOON);
    let said = status(&mut daemon.client(), &alias);
    assert_eq!((said.user.as_str(), said.state), (person.name.as_str(), State::Active));
    assert!(accepted(&daemon.verify(&person.name, &app.code(NOON + 30))));
    assert!(denied(&daemon.verify(&alias, &app.code(NOON + 30))), "one code was accepted under two names");
    assert!(run(mfad_tests::programs::tool("userdel").args(["--force", &alias]), "").status.success());
}
