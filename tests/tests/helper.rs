//! Who asks PAM, and does not answer: a password that nobody saw is no try, one that PAM may have judged is.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;

use mfad_tests::daemon::Daemon;

#[test]
fn a_password_that_nobody_can_judge_is_unavailable_and_not_counted() {
    let mut daemon = Daemon::unstarted("mfad-clocked", "");
    let mut command = daemon.command();
    let child = command.arg("--passwd-socket").arg(daemon.folder().join("nobody-listens")).spawn().unwrap();
    let mut child = Running(child);
    daemon.wait_for(&mut child.0);
    for _ in 0..8 {
        let said = daemon.mfactl(&["--json", "verify", "--password", "root"], "any\n000000\n");
        assert_eq!(String::from_utf8_lossy(&said.stdout), "{\"result\":\"unavailable\"}\n");
    }
    drop(child);
    daemon.spawn();
}

#[test]
fn a_password_that_pam_cannot_tell_of_counts_as_a_try() {
    let mut daemon = Daemon::unstarted("mfad-clocked", "");
    let helper = daemon.folder().join("helper.sock");
    let listener = UnixListener::bind(&helper).unwrap();
    // It says by turns that PAM cannot tell, and nothing at all.
    let answers = thread::spawn(move || {
        let mut asked = 0;
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut question = [0; 4096];
            if stream.read(&mut question).unwrap() == 0 {
                break;
            }
            asked += 1;
            if asked % 2 == 1 {
                stream.write_all(&[3]).unwrap();
            }
        }
        asked
    });
    let child = daemon.command().arg("--passwd-socket").arg(&helper).spawn().unwrap();
    let mut child = Running(child);
    daemon.wait_for(&mut child.0);
    let tries: Vec<_> = (0..5)
        .map(|_| {
            let said = daemon.mfactl(&["--json", "verify", "--password", "root"], "any\n000000\n");
            let object: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
            object["result"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(tries, ["unavailable", "unavailable", "unavailable", "try_later", "try_later"]);
    drop(UnixStream::connect(&helper).unwrap());
    assert_eq!(answers.join().unwrap(), 3, "PAM was asked though the tries were used up");
    drop(child);
    daemon.spawn();
}

struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
