//! The doctor on whole machines: one where all is well, and the same with one thing wrong each. Run with the feature `root`.

use std::fs;

use mfad_tests::nobody::NOBODY;
use mfad_tests::patient::{GROUP, Patient};
use mfad_tests::programs::built;

const SOCKET: &str = "/run/mfad/mfad.sock";

#[test]
fn where_all_is_well_nothing_is_found_and_each_check_says_so() {
    let patient = Patient::healthy();
    let diagnosis = patient.examine("");
    diagnosis.finds_nothing();
    let checks: Vec<_> = diagnosis.lines.iter().map(|line| line["check"].as_str().unwrap()).collect();
    let all = [
        "socket",
        "realm-sockets",
        "server",
        "rights",
        "version",
        "store",
        "log",
        "clock",
        "key",
        "config",
        "rules",
        "state",
        "pam",
        "sshd",
        "sudo",
    ];
    assert_eq!(checks, all);
    let pam = diagnosis.at("ok").into_iter().find(|line| line.starts_with("pam:")).unwrap();
    assert_eq!(pam, "pam: these services ask for a code: login, sshd, su, su-l");
    let notes: Vec<_> = diagnosis.notes().into_iter().filter(|note| !note.starts_with("key:")).collect();
    assert!(notes.is_empty(), "{notes:?}");
    assert!(diagnosis.prose.contains("ok      store: the store is proved, and served\n"), "{}", diagnosis.prose);
    assert!(diagnosis.prose.ends_with("No findings.\n"), "{}", diagnosis.prose);
}

#[test]
fn without_a_daemon_that_is_found_and_the_other_checks_go_on() {
    let patient = Patient::healthy();
    let diagnosis = patient.examine_alone(&[]);
    diagnosis.finds("socket: there is no /run/mfad/mfad.sock");
    assert!(diagnosis.at("ok").iter().any(|line| line.starts_with("pam:")), "{}", diagnosis.prose);
    assert!(diagnosis.prose.contains("FINDING socket: "), "{}", diagnosis.prose);
    assert!(diagnosis.prose.contains("        remedy: start mfad"), "{}", diagnosis.prose);
    assert!(diagnosis.prose.ends_with("mfactl: 1 finding: see above.\n"), "{}", diagnosis.prose);
    // A socket that a killed daemon has left.
    let findings = patient.examine("kill -9 $pid; wait $pid || :").findings();
    assert!(findings.iter().any(|found| found.contains("no mfad listens on /run/mfad/mfad.sock")), "{findings:#?}");
}

#[test]
fn sockets_that_are_closed_or_can_be_replaced_are_found() {
    let patient = Patient::healthy();
    let groups = patient.read("/etc/group");
    let (system, realm) = ("/run/mfad/system/mfad.sock", "/run/mfad/netmaker/mfad.sock");
    for (commands, finding) in [
        (format!("chmod 660 {SOCKET}"), "socket: /run/mfad/mfad.sock has mode 0660, and should have 0666"),
        (format!("chown {NOBODY} {SOCKET}"), "socket: /run/mfad/mfad.sock belongs to nobody, who may not serve there"),
        ("chmod 777 /run/mfad".to_owned(), "/run/mfad may be written by everybody"),
        (format!("chgrp {GROUP} /run/mfad; chmod 775 /run/mfad"), "/run/mfad may be written by its group"),
        (format!("chown {NOBODY} /run/mfad"), "/run/mfad belongs to nobody"),
        ("chmod 700 /run/mfad".to_owned(), "socket: /run/mfad cannot be entered"),
        (format!("chmod 666 {system}"), "/run/mfad/system/mfad.sock has mode 0666, and should have 0600"),
        (format!("chown {NOBODY} {system}"), "/run/mfad/system/mfad.sock belongs to nobody"),
        (format!("chmod 666 {realm}"), "/run/mfad/netmaker/mfad.sock has mode 0666, and should have 0660"),
        (
            format!("chgrp 0 {realm}"),
            "/run/mfad/netmaker/mfad.sock belongs to gid 0, and should belong to group mfad-netmaker",
        ),
        ("sed -i /^mfad-netmaker/d /etc/group".to_owned(), "there is no group mfad-netmaker"),
        (
            "chmod 777 /run/mfad/netmaker".to_owned(),
            "realm-sockets: /run/mfad/netmaker/mfad.sock can be replaced by others",
        ),
        (format!("rm {realm}"), "realm-sockets: /run/mfad/netmaker/mfad.sock cannot be reached"),
        (format!("rm {realm}; touch {realm}"), "realm-sockets: /run/mfad/netmaker/mfad.sock is no socket"),
        (
            format!(
                "rm {realm}; python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"{realm}\")'; chmod 660 {realm}; chgrp {GROUP} {realm}"
            ),
            "realm-sockets: no mfad listens on /run/mfad/netmaker/mfad.sock",
        ),
    ] {
        let findings = patient.examine(&commands).findings();
        assert!(findings.iter().any(|found| found.contains(finding)), "{commands}: {findings:#?}");
        patient.write("/etc/group", &groups);
        patient.mode("/run/mfad", 0o755);
        patient.mode("/run/mfad/netmaker", 0o755);
        patient.give("/run/mfad", 0);
    }
    patient.examine("").finds_nothing();
    let diagnosis = patient.examine(&format!("rm {SOCKET}; touch {SOCKET}"));
    diagnosis.finds("socket: /run/mfad/mfad.sock is no socket");
}

#[test]
fn a_server_of_another_user_is_found_and_asked_nothing_unless_it_is_named() {
    let patient = Patient::healthy();
    let other = format!(
        "mkdir -m 755 /run/mfad /var/lib/other; chown {NOBODY} /var/lib/other /run/mfad; cp \"$MFAD\" /run/serve; chmod 755 /run/serve
         setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups /run/serve serve --config /dev/null --state /var/lib/other/mfad --socket {SOCKET} 2>/dev/null & pid=$!
         until \"$MFACTL\" --server-uid {NOBODY} status root >/dev/null 2>&1; do kill -0 $pid; done"
    );
    let diagnosis = patient.run(&other, &[]);
    let findings = diagnosis.findings();
    assert!(
        findings.iter().any(|found| found.starts_with("server: nobody serves on /run/mfad/mfad.sock, who may not")),
        "{findings:#?}"
    );
    let notes = diagnosis.notes();
    assert!(notes.iter().any(|note| note == "version: there is no mfad to ask"), "{notes:?}");
    let _again = fs::remove_dir_all(patient.place("/var/lib/other"));
    let _again = fs::remove_dir_all(patient.place("/run/mfad"));
    // Started by hand without a key of its own, it has made one.
    let findings = patient.run(&other, &["--server-uid", &NOBODY.to_string()]).findings();
    assert!(
        matches!(&findings[..], [found] if found.starts_with("key: the root key lies in the state folder")),
        "{findings:#?}"
    );
}

#[test]
fn whoever_is_not_root_learns_what_could_not_be_looked_at() {
    let patient = Patient::healthy();
    fs::copy(built("mfactl"), patient.place("/run/mfactl")).unwrap();
    patient.mode("/run/mfactl", 0o755);
    patient.mode("/etc/pam.d/su", 0o600);
    let diagnosis =
        patient.examine(&format!("AS='setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups' DOCTOR=/run/mfactl"));
    diagnosis.finds_nothing();
    let notes = diagnosis.notes();
    for note in [
        "rights: you may not administer on this socket",
        "realm-sockets: whether somebody listens there: only root can try",
        "sshd: how sshd is configured is not known: only root can ask it",
        "sudo: whether rules of sudo go around the code: only root can read them",
        "pam: /etc/pam.d/su cannot be read, nor what it does where it is included: Permission denied (os error 13)",
        "pam: whether su-l asks for a code is not known: /etc/pam.d/su-l line",
    ] {
        assert!(notes.iter().any(|said| said.starts_with(note)), "{note}: {notes:#?}");
    }
    let rights = diagnosis.lines.iter().find(|line| line["check"] == "rights").unwrap();
    assert!(rights["remedy"].as_str().unwrap().contains("usermod -aG mfad-admin nobody"), "{rights}");
}

#[test]
fn a_clock_that_nothing_sets_is_found_by_the_kernels_word() {
    let patient = Patient::healthy();
    patient.examine("CLOCK_ERROR=16000000").finds("clock: the kernel says that nothing synchronises the clock");
    // The interposer's kernel has the flag set all the time, as chrony leaves it.
    patient.examine("CLOCK_ERROR=15999999").finds_nothing();
    let diagnosis = patient.examine("CLOCK_ERROR=x");
    diagnosis.finds_nothing();
    assert!(
        diagnosis.notes().iter().any(|note| note.starts_with("clock: the kernel does not say")),
        "{:?}",
        diagnosis.notes()
    );
}

#[test]
fn a_configuration_that_the_next_start_cannot_read_is_found() {
    let patient = Patient::healthy();
    let findings = patient.examine("printf '[realm.system]\\nenforce = \"onn\"\\n' >>/etc/mfad/mfad.toml").findings();
    assert!(findings.iter().any(|found| found.starts_with("rules: the next start of mfad fails: ")), "{findings:#?}");
}

#[test]
fn a_log_that_was_changed_or_takes_no_lines_is_found() {
    let patient = Patient::healthy();
    let ask = "for n in 1 2 3; do echo 123456 | \"$MFACTL\" verify root; done >/dev/null 2>&1 || :";
    let cut = format!("{ask}; sleep 1.2; sed -i 3d /var/lib/mfad/audit/1");
    let findings = patient.examine(&cut).findings();
    assert!(findings.iter().any(|found| found.starts_with("log: the log is not whole, ")), "{findings:#?}");
    let taken = format!("{ask}; rm /var/lib/mfad/audit/1; {ask}; sleep 1.2; {ask}");
    let findings = Patient::healthy().examine(&taken).findings();
    assert!(findings.iter().any(|found| found.contains("lines could not be written")), "{findings:#?}");
}

#[test]
fn a_configuration_that_others_may_write_is_found() {
    let patient = Patient::healthy();
    for (commands, finding) in [
        (
            "chmod 666 /etc/mfad/mfad.toml",
            "config: whoever may write /etc/mfad/mfad.toml decides the rules: /etc/mfad/mfad.toml may be written by everybody",
        ),
        ("chown 65534 /etc/mfad/mfad.toml", "/etc/mfad/mfad.toml belongs to nobody"),
        ("chmod 777 /etc/mfad", "/etc/mfad may be written by everybody"),
        ("mv /etc/mfad/mfad.toml /etc/mfad/elsewhere; chmod 777 /etc/mfad", "/etc/mfad may be written by everybody"),
        (
            "mkdir -m 777 /run/conf; mv /etc/mfad/mfad.toml /run/conf; ln -s /run/conf/mfad.toml /etc/mfad",
            "/run/conf may be written by everybody",
        ),
    ] {
        let text = patient.read("/etc/mfad/mfad.toml");
        let findings = patient.examine(commands).findings();
        assert!(
            findings.iter().any(|found| found.starts_with("config: ") && found.contains(finding)),
            "{commands}: {findings:#?}"
        );
        fs::remove_file(patient.place("/etc/mfad/mfad.toml")).ok();
        patient.write("/etc/mfad/mfad.toml", &text);
        patient.give("/etc/mfad/mfad.toml", 0);
        patient.mode("/etc/mfad", 0o755);
    }
    fs::remove_dir_all(patient.place("/etc/mfad")).unwrap();
    let diagnosis = patient.examine_alone(&[]);
    diagnosis.finds("socket: ");
    assert!(
        diagnosis.at("ok").iter().any(|said| said == "config: there is no /etc/mfad: the defaults hold"),
        "{}",
        diagnosis.prose
    );
}

#[test]
fn a_state_folder_that_others_may_see_is_found() {
    let patient = Patient::healthy();
    patient.examine("chmod 755 /var/lib/mfad").finds("state: /var/lib/mfad has mode 0755");
    patient.mode("/var/lib/mfad", 0o700);
    patient.examine("chown 65534 /var/lib/mfad").finds("state: /var/lib/mfad belongs to nobody");
    patient.give("/var/lib/mfad", 0);
    patient
        .examine("chmod 777 /var/lib")
        .finds("state: /var/lib/mfad can be replaced by others: /var/lib may be written by everybody");
}

#[test]
fn rules_of_sudo_that_spare_the_password_are_noted() {
    let patient = Patient::healthy();
    fs::create_dir(patient.place("/etc/sudoers.d")).unwrap();
    patient.write("/etc/sudoers.d/deploy", "# NOPASSWD in a comment\n#1000 ALL = ALL # NOPASSWD\ndeploy ALL=(ALL) NOPASSWD: ALL\n#1001 ALL=(ALL) NOPASSWD: ALL\n");
    patient.write("/etc/sudoers.d/ask", "Defaults:ops !authenticate\n");
    patient.write("/etc/sudoers.d/passed.over", "deploy ALL=(ALL) NOPASSWD: ALL\n");
    let diagnosis = patient.examine("");
    diagnosis.finds_nothing();
    let notes: Vec<_> = diagnosis.notes().into_iter().filter(|note| note.starts_with("sudo:")).collect();
    let expected = [("ask", 1), ("deploy", 3), ("deploy", 4)];
    let expected = expected.map(|(file, line)| {
        format!("sudo: /etc/sudoers.d/{file} line {line} lets sudo run without a password, and so without a code")
    });
    assert_eq!(notes, expected);
    patient.remove("/etc/sudoers");
    assert!(patient.examine("").at("ok").contains(&"sudo: there is no sudo here".to_owned()));
}
