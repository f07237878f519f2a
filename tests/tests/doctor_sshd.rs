//! What the doctor says of the ways that a real sshd has beside PAM. Run with the feature `root`.

use mfad_tests::diagnosis::Diagnosis;
use mfad_tests::patient::Patient;

/// What is found with these lines in front of `sshd_config`, or behind it from `Match` on.
fn examine(patient: &Patient, lines: &str) -> Diagnosis {
    patient.sshd(lines);
    let mut diagnosis = patient.examine_alone(&[]);
    diagnosis.lines.retain(|line| line["check"] != "socket");
    diagnosis
}

#[test]
fn ways_in_that_ask_pam_nothing_are_found() {
    let patient = Patient::healthy();
    let everybody = "sshd: sshd, for everybody and root from this machine: ";
    for (lines, finding) in [
        ("UsePAM no\n", format!("{everybody}it does not use PAM")),
        (
            "KbdInteractiveAuthentication no\nAuthenticationMethods any\nPubkeyAuthentication no\nPasswordAuthentication yes\n",
            format!("{everybody}it can ask nobody for a code"),
        ),
        ("AuthenticationMethods any\n", format!("{everybody}a key alone is enough, without a code")),
        (
            "AuthenticationMethods any\nPubkeyAuthentication no\nHostbasedAuthentication yes\n",
            format!("{everybody}a host's key alone is enough"),
        ),
        (
            "AuthenticationMethods any\nPubkeyAuthentication no\nGSSAPIAuthentication yes\n",
            format!("{everybody}a Kerberos ticket alone is enough"),
        ),
        (
            "AuthenticationMethods publickey,keyboard-interactive publickey,publickey\n",
            format!("{everybody}publickey,publickey is enough"),
        ),
        (
            "Match User root\nAuthenticationMethods publickey\n",
            "sshd: sshd, for root from this machine: publickey is enough".to_owned(),
        ),
        (
            "Match Address 127.0.0.1\nAuthenticationMethods publickey\n",
            "sshd: sshd, for root from this machine: publickey is enough".to_owned(),
        ),
    ] {
        examine(&patient, lines).finds(&finding);
    }
}

#[test]
fn ways_in_that_ask_pam_are_well() {
    let patient = Patient::healthy();
    for lines in [
        "",
        "AuthenticationMethods any\nPubkeyAuthentication no\n",
        "AuthenticationMethods password publickey,keyboard-interactive:pam\nPasswordAuthentication yes\n",
    ] {
        let diagnosis = examine(&patient, lines);
        assert_eq!(diagnosis.findings(), Vec::<String>::new(), "{lines}");
        assert!(!diagnosis.notes().iter().any(|note| note.starts_with("sshd:")), "{:?}", diagnosis.notes());
    }
    let matching = examine(&patient, "Match User git\nAuthenticationMethods publickey\n");
    assert_eq!(matching.findings(), Vec::<String>::new());
    assert!(
        matching.notes().iter().any(|note| note.contains("rules for some connections alone (Match)")),
        "{:?}",
        matching.notes()
    );
}

#[test]
fn an_sshd_that_says_nothing_is_noted() {
    let patient = Patient::healthy();
    let diagnosis = examine(&patient, "Nonsense \u{1b}[2J\n");
    assert_eq!(diagnosis.findings(), Vec::<String>::new());
    let note = diagnosis.notes().into_iter().find(|note| note.starts_with("sshd:")).unwrap();
    assert!(note.starts_with("sshd: how sshd is configured is not known: /usr/sbin/sshd -T said "), "{note}");
    assert!(!diagnosis.prose.contains('\u{1b}'), "{}", diagnosis.prose);
}

#[test]
fn sshd_is_asked_without_anything_of_the_callers_and_only_where_it_is_roots() {
    let patient = Patient::healthy();
    patient.write(
        "/run/sshd/fake",
        "#!/bin/sh\nprintf 'usepam yes\\nauthenticationmethods %s\\n' \"${CLOCK:-hostbased}\"\n",
    );
    patient.mode("/run/sshd/fake", 0o755);
    let fake = "mount --bind /run/sshd/fake /usr/sbin/sshd; PATH=/run/sshd:$PATH";
    let findings = patient.run(fake, &[]).findings();
    let expected = "sshd: sshd, for everybody and root from this machine: hostbased is enough, without a code";
    assert!(findings.iter().any(|found| found == expected), "{findings:#?}");
    let diagnosis = patient.run(&format!("{fake}; chown 65534 /usr/sbin/sshd"), &[]);
    let expected =
        "sshd: how sshd is configured is not known: it was not asked, since /usr/sbin/sshd belongs to nobody";
    assert!(diagnosis.notes().iter().any(|note| note == expected), "{:#?}", diagnosis.notes());
    // One that never ends is not waited for.
    patient.give("/run/sshd/fake", 0);
    patient.write("/run/sshd/fake", "#!/bin/sh\nexec sleep 1000\n");
    patient.mode("/run/sshd/fake", 0o755);
    let notes = patient.run(fake, &[]).notes();
    assert!(notes.iter().any(|note| note == "sshd: how sshd is configured is not known: timed out"), "{notes:#?}");
}

#[test]
fn a_code_may_come_first_in_pam_where_a_key_has_come_before() {
    let patient = Patient::healthy();
    let path = "/etc/pam.d/sshd";
    patient.write(path, &patient.read(path).replace("@include common-auth\n", ""));
    assert_eq!(examine(&patient, "").findings(), Vec::<String>::new());
    let early = "pam: sshd: /etc/pam.d/sshd line";
    for lines in [
        "AuthenticationMethods keyboard-interactive\n",
        "AuthenticationMethods publickey,keyboard-interactive password\n",
    ] {
        let findings = examine(&patient, lines).findings();
        let is_early = |found: &&String| found.starts_with(early) && found.contains("before any password or key");
        assert_eq!(findings.iter().filter(is_early).count(), 1, "{lines}: {findings:#?}");
    }
    // Where its service asks nothing, how sshd is configured makes no difference.
    patient.write(path, "auth required pam_unix.so\n");
    let diagnosis = examine(&patient, "UsePAM no\n");
    diagnosis.finds("pam: sshd goes around: it asks for no code");
    assert!(diagnosis.notes().iter().any(|note| note.starts_with("sshd: its PAM service does not ask mfad")));
}
