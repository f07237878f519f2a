//! Files that PAM modules have just worked with: pam_oath.so rewrites its own after each code, and so does
//! pam_google_authenticator.so. A code that the old module has accepted is accepted once more by mfad, since nothing in the
//! files says reliably which were used. Run as root: the modules' services lie in an `/etc/pam.d` of the test's own.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use mfad_tests::app::App;
use mfad_tests::clocked::now;
use mfad_tests::daemon::Daemon;
use mfad_tests::importing::{Import, app, lets_in};
use mfad_tests::programs::tool;

/// Users that every Debian has, with the accounts of which nobody logs in.
const USERS: [&str; 2] = ["daemon", "bin"];

/// 20 bytes: in hexadecimal digits, and in base32.
const HEX: &str = "3132333435363738393031323334353637383930";
const BASE32: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/// Logs in at a PAM service of this one line. Says whether the module lets the user in.
fn logs_in(folder: &Path, line: &str, user: &str, code: &str) -> bool {
    let services = folder.join("pam.d");
    std::fs::create_dir_all(&services).unwrap();
    std::fs::write(services.join("old"), line).unwrap();
    let script = "mount --bind \"$0\" /etc/pam.d && exec pamtester old \"$1\" authenticate";
    // `sh` would only say that it is not found.
    assert!(tool("pamtester").arg("-h").output().is_ok());
    let mut command = tool("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", script]).arg(&services).arg(user);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{code}\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("successfully authenticated") || said.contains("Authentication failure"), "{said}");
    output.status.success()
}

/// A code that was used once in the old program, at a moment that leaves time to use it once more.
fn used(app: &App, mut try_old: impl FnMut(&str) -> bool) -> String {
    loop {
        let (time, code) = (now(), app.code(now()));
        if try_old(&code) && now() / 30 == time / 30 {
            return code;
        }
        assert!(now() / 30 > time / 30, "the old program refuses {code}");
    }
}

#[test]
fn a_users_file_that_pam_oath_has_rewritten_is_read() {
    let daemon = Daemon::start();
    let path = daemon.folder().join("users.oath");
    let [first, second] = USERS;
    let begun = format!("HOTP/T30/6\t{first}\t-\t{HEX}\nHOTP/T30 {second} 1234 {HEX}\nHOTP {second} - {HEX} 5\n");
    std::fs::write(&path, begun).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let line = format!("auth required pam_oath.so usersfile={} window=2 digits=6\n", path.display());
    let app = app(BASE32);
    let code = used(&app, |code| logs_in(daemon.folder(), &line, first, code));
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(written.contains(&format!("\t{HEX}\t0\t{code}\t2")), "not rewritten: {written}");
    assert!(!logs_in(daemon.folder(), &line, first, &code), "pam_oath accepts a code twice");

    let import = Import::run(&daemon, "system", &path, &["--apply"]);
    assert_eq!((import.status, import.counts()), (Some(1), [2, 0, 1]), "{import:?}");
    assert_eq!(
        import.entries(),
        [(Some(first), "new", Some(1)), (Some(second), "new", Some(2)), (Some(second), "refused", Some(3))]
    );
    assert_eq!(import.objects[1]["note"], "its PIN is not taken over");
    assert!(lets_in(&daemon, "system", first, &code), "a code that was used elsewhere is not known here");
    assert!(!lets_in(&daemon, "system", first, &code), "a code is good twice here");
    assert_eq!(Import::run(&daemon, "system", &path, &["--apply"]).counts(), [0, 2, 1]);
}

#[test]
fn a_file_that_pam_google_authenticator_has_rewritten_is_read() {
    let daemon = Daemon::start();
    let path = daemon.folder().join("ga");
    let mut command = tool("google-authenticator");
    command.args([
        "--force",
        "--no-confirm",
        "--no-rate-limit",
        "--time-based",
        "--disallow-reuse",
        "--minimal-window",
    ]);
    assert!(command.arg("--quiet").arg("--secret").arg(&path).status().unwrap().success());
    let line = format!("auth required pam_google_authenticator.so user=root secret={}\n", path.display());
    let text = || std::fs::read_to_string(&path).unwrap();
    let app = app(text().lines().next().unwrap());
    let [user, _] = USERS;
    let code = used(&app, |code| logs_in(daemon.folder(), &line, user, code));
    assert!(
        text().contains(&format!("\" DISALLOW_REUSE {}", &(now() / 30).to_string()[..6])),
        "not rewritten: {}",
        text()
    );

    let import = Import::run(&daemon, "system", &path, &["--user", user, "--apply"]);
    assert_eq!((import.status, import.counts()), (Some(0), [1, 0, 0]), "{import:?}");
    assert!(lets_in(&daemon, "system", user, &code), "a code that was used elsewhere is not known here");
    assert!(!lets_in(&daemon, "system", user, &code), "a code is good twice here");
}

#[test]
fn a_name_that_no_user_has_is_refused() {
    let mut daemon = Daemon::start();
    let path = daemon.folder().join("users.oath");
    std::fs::write(&path, format!("HOTP/T30 no-such-user - {HEX}\n")).unwrap();
    for args in [&[][..], &["--apply"]] {
        let import = Import::run(&daemon, "system", &path, args);
        assert_eq!((import.status, import.counts()), (Some(1), [0, 0, 1]), "{import:?}");
    }
    daemon.stop();
    assert_eq!(daemon.log().matches("no user of this machine has this name").count(), 2, "{}", daemon.log());
}
