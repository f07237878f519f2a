//! What the doctor says of the stacks of PAM, and of the ways that sshd has beside them. Linux-PAM itself, asked about
//! random stacks, is the judge of its judgement. Run with the feature `root`.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;

use mfad_tests::diagnosis::Diagnosis;
use mfad_tests::patient::Patient;
use mfad_tests::random::Random;

/// A stack as it should be, in one file.
const GOOD: &str = "auth requisite pam_unix.so\nauth required pam_mfad.so\n";

/// What is found about a service `sudo` with these lines, on a machine where nothing else is wrong but that no daemon runs.
fn examine(patient: &Patient, lines: &str) -> Diagnosis {
    patient.write("/etc/pam.d/sudo", lines);
    let mut diagnosis = patient.examine_alone(&[]);
    diagnosis.lines.retain(|line| line["check"] != "socket");
    diagnosis
}

#[test]
fn stacks_that_keep_their_promise_have_no_findings() {
    let patient = Patient::healthy();
    patient.write("/etc/pam.d/passwords", "auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\n");
    // What was put aside is no service.
    patient.write("/etc/pam.d/sudo.dpkg-old", "auth optional pam_mfad.so\n");
    for lines in [
        GOOD,
        "auth sufficient pam_rootok.so\nauth requisite pam_unix.so\nauth required pam_mfad.so realm=system enroll=off [prompt=One code: ]\n",
        "auth [success=2 default=ignore] pam_unix.so nullok\nauth [success=1 default=ignore] pam_sss.so use_first_pass\nauth requisite pam_deny.so\nauth required pam_permit.so\nauth required pam_mfad.so\n",
        "auth requisite pam_nologin.so # auth sufficient pam_permit.so\nauth\trequisite  pam_unix.so \\\n   nullok\n-AUTH Required pam_mfad.so\n",
        "auth include passwords\nauth required pam_permit.so\nauth requisite pam_mfad.so try_first_pass debug echo\n",
        "auth [success=ok new_authtok_reqd=ok ignore=ignore default=die] pam_unix.so\nauth [success=ok ignore=ignore default=bad] pam_mfad.so server_uid=0\n",
        "@include passwords\nauth required pam_permit.so\nauth substack more\nauth required pam_permit.so\n",
        // Password and code come in one field.
        "auth requisite pam_mfad.so forward_pass\nauth required pam_unix.so use_first_pass\n",
        // Denied, all of them: nobody gets around.
        "auth sufficient pam_deny.so\nauth requisite pam_unix.so\nauth required pam_mfad.so\n",
    ] {
        patient.write("/etc/pam.d/more", "auth sufficient pam_permit.so\nauth required pam_mfad.so\n");
        if lines.contains("substack") {
            patient.write("/etc/pam.d/more", "auth required pam_mfad.so\nauth sufficient pam_permit.so\n");
        }
        let findings = examine(&patient, lines).findings();
        let about_sudo: Vec<_> = findings.iter().filter(|found| found.contains("sudo")).collect();
        assert!(about_sudo.is_empty(), "{lines}: {about_sudo:#?}");
    }
}

#[test]
fn stacks_that_do_not_are_found_line_by_line() {
    let patient = Patient::healthy();
    patient.write("/etc/pam.d/passwords", "auth sufficient pam_unix.so\nauth requisite pam_deny.so\n");
    for (lines, finding) in [
        // Around.
        (
            "auth sufficient pam_fprintd.so\nauth requisite pam_unix.so\nauth required pam_mfad.so\n",
            "sudo: /etc/pam.d/sudo line 1 can let somebody in before pam_mfad.so",
        ),
        (
            "auth requisite pam_unix.so\nauth [success=1 default=ignore] pam_succeed_if.so user ingroup staff\nauth required pam_mfad.so\nauth required pam_permit.so\n",
            "sudo: /etc/pam.d/sudo line 2 can let somebody in",
        ),
        (
            "auth include passwords\nauth required pam_mfad.so\n",
            "sudo: /etc/pam.d/passwords line 1 can let somebody in",
        ),
        ("@include passwords\nauth required pam_mfad.so\n", "sudo: /etc/pam.d/passwords line 1 can let somebody in"),
        (
            "auth requisite pam_unix.so\nauth [success=done\\\n default=ignore] pam_u2f.so\nauth required pam_mfad.so\n",
            "sudo: /etc/pam.d/sudo line 2 can let somebody in",
        ),
        ("auth requisite pam_unix.so\n", "sudo goes around: it asks for no code"),
        (
            "auth requisite pam_unix.so\n# auth required pam_mfad.so\naccount required pam_mfad.so\n",
            "sudo goes around: it asks for no code",
        ),
        // Early.
        (
            "auth required pam_mfad.so\nauth required pam_unix.so\n",
            "sudo: /etc/pam.d/sudo line 1 asks for a code before any password or key",
        ),
        (
            "auth requisite pam_nologin.so\nauth requisite pam_mfad.so\nauth required pam_unix.so\n",
            "sudo: /etc/pam.d/sudo line 2 asks for a code before any password or key",
        ),
        (
            "auth required pam_unix.so\nauth required pam_mfad.so\n",
            "sudo: /etc/pam.d/sudo line 2 asks for a code also after a wrong password",
        ),
        (
            "auth substack passwords\nauth required pam_mfad.so\n",
            "sudo: /etc/pam.d/sudo line 2 asks for a code also after a wrong password",
        ),
        // A denial that does not count.
        (
            "auth requisite pam_unix.so\nauth optional pam_mfad.so\n",
            "sudo: /etc/pam.d/sudo line 2 lets in whom pam_mfad.so does not accept (auth_err, maxtries, authinfo_unavail, service_err)",
        ),
        (
            "auth requisite pam_unix.so\nauth [success=ok default=ignore] pam_mfad.so\n",
            "lets in whom pam_mfad.so does not accept (auth_err, maxtries, authinfo_unavail, service_err)",
        ),
        (
            "auth requisite pam_unix.so\nauth [success=ok authinfo_unavail=ignore ignore=ignore default=die] pam_mfad.so\n",
            "lets in whom pam_mfad.so does not accept (authinfo_unavail)",
        ),
        (
            "auth requisite pam_unix.so\nauth sufficient pam_mfad.so\nauth required pam_permit.so\n",
            "sudo: /etc/pam.d/sudo line 2 lets in whom pam_mfad.so does not accept",
        ),
        (
            "auth requisite pam_unix.so\nauth required pam_mfad.so\nauth [success=reset default=bad] pam_permit.so\nauth required pam_permit.so\n",
            "lets in whom pam_mfad.so does not accept",
        ),
        // Options.
        (
            "auth requisite pam_unix.so\nauth required pam_mfad.so nullok\n",
            "sudo: /etc/pam.d/sudo line 2 has the option \"nullok\", which pam_mfad.so does not know",
        ),
        ("auth requisite pam_unix.so\nauth required pam_mfad.so realm=No\n", "has the option \"realm=No\""),
        ("auth requisite pam_unix.so\nauth required pam_mfad.so fail=soft\n", "has the option \"fail=soft\""),
        ("auth requisite pam_unix.so\nauth required pam_mfad.so enroll=on\n", "has the option \"enroll=on\""),
        (
            "auth requisite pam_unix.so\nauth required pam_mfad.so server_uid=mfad\n",
            "has the option \"server_uid=mfad\"",
        ),
        (
            "auth requisite pam_unix.so\nauth required pam_mfad.so a\u{1b}[31mb\u{202e}\n",
            "has the option \"a\\u{1b}[31mb\\u{202e}\"",
        ),
        // The module.
        ("auth requisite pam_unix.so\nauth required /opt/pam_mfad.so\n", "sudo: PAM does not find /opt/pam_mfad.so"),
    ] {
        let diagnosis = examine(&patient, lines);
        diagnosis.finds(finding);
        assert!(!diagnosis.prose.contains('\u{1b}') && !diagnosis.prose.contains('\u{202e}'), "{}", diagnosis.prose);
    }
    let open = examine(&patient, "auth requisite pam_unix.so\nauth required pam_mfad.so fail=open\n");
    assert_eq!(open.findings(), Vec::<String>::new());
    assert!(
        open.notes().iter().any(|note| note.contains("sudo: /etc/pam.d/sudo line 2 has fail=open")),
        "{:?}",
        open.notes()
    );
}

#[test]
fn files_that_pam_cannot_read_end_the_reading_and_let_nobody_in() {
    let patient = Patient::healthy();
    // Files that include each other, many times over, a pipe, a link to itself, and one that is too large.
    patient.write("/etc/pam.d/loop", "auth required pam_unix.so\n@include loop\nauth substack loop\n");
    patient.write("/etc/pam.d/many", &"@include many\n@include common-auth\n".repeat(5000));
    fs::remove_file(patient.place("/etc/pam.d/other")).unwrap();
    std::os::unix::fs::symlink("other", patient.place("/etc/pam.d/other")).unwrap();
    patient.write("/etc/pam.d/large", &"# comment\n".repeat(100_000));
    nix::unistd::mkfifo(&patient.place("/etc/pam.d/pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    for part in [
        "@include loop",
        "@include many",
        "auth include pipe",
        "auth include large",
        "auth substack nowhere",
        "@include",
        "nonsense",
        "auth",
        "auth [success=x] pam_permit.so",
    ] {
        // Whoever cannot get in does not get around.
        let diagnosis = examine(&patient, &format!("auth sufficient pam_rootok.so\n{part}\n{GOOD}"));
        assert!(
            diagnosis.findings().iter().all(|found| !found.contains("can let somebody in")),
            "{part}: {:#?}",
            diagnosis.findings()
        );
        // Linux-PAM makes something of the last.
        let told = part.contains("success=x")
            || diagnosis.findings().iter().any(|found| found.contains("and so denies every login through"));
        assert!(told, "{part}: {:#?}", diagnosis.findings());
    }
}

#[test]
fn a_module_that_pam_does_not_find_is_found_and_one_in_common_auth_is_well() {
    let patient = Patient::healthy();
    let module = format!("{}/pam_mfad.so", patient.modules());
    patient.remove(&module);
    let diagnosis = patient.examine("");
    diagnosis.finds("pam: login, sshd, su, su-l: PAM does not find pam_mfad.so, and denies every login through them");
    let remedy = diagnosis.lines.iter().find(|line| line["level"] == "finding").unwrap()["remedy"].clone();
    assert!(remedy.as_str().unwrap().contains("/security/pam_mfad.so"), "{remedy}");
    patient.write(&module, "");
    patient.mode(&module, 0o666);
    let expected = "/pam_mfad.so may be written by everybody, and what is in pam_mfad.so runs as root at every login";
    let findings = patient.examine("").findings();
    assert!(findings.len() == 1 && findings[0].ends_with(expected), "{findings:#?}");
    patient.mode(&module, 0o644);

    let common = patient.read("/etc/pam.d/common-auth");
    patient.write("/etc/pam.d/common-auth", &format!("{common}auth required pam_mfad.so\n"));
    for service in ["login", "su", "sshd"] {
        let path = format!("/etc/pam.d/{service}");
        patient.write(&path, &patient.read(&path).replace("\nauth required pam_mfad.so", ""));
    }
    // The service mfad includes it as well, where the module has no opinion.
    let diagnosis = patient.examine("");
    diagnosis.finds_nothing();
    // What is only included is no service.
    assert!(
        diagnosis.at("ok").contains(&"pam: these services ask for a code: login, other, sshd, su, su-l".to_owned()),
        "{:?}",
        diagnosis.at("ok")
    );

    patient.write("/etc/pam.d/common-auth", &common);
    let diagnosis = patient.examine("");
    diagnosis.finds_nothing();
    assert!(
        diagnosis.notes().contains(&"pam: no service of PAM asks mfad for a code".to_owned()),
        "{:?}",
        diagnosis.notes()
    );
}

/// The controls that random stacks are made of. None tells one failure from another.
const CONTROLS: [&str; 11] = [
    "required",
    "requisite",
    "sufficient",
    "optional",
    "[success=1 default=ignore]",
    "[success=2 default=bad]",
    "[success=ok default=1]",
    "[success=done default=die]",
    "[success=ignore default=reset]",
    "[success=ok default=ok]",
    "[default=ignore]",
];

/// Random lines: `?` stands for a check that may say yes or no, and a part may lie in a stack of its own.
fn random_stack(random: &mut Random) -> (Vec<String>, Vec<String>) {
    let mut line = |module: &str| format!("auth {} {module}", CONTROLS[random.below(CONTROLS.len())]);
    let mut inner = vec![line("?"), line("pam_permit.so")];
    let mut outer = vec![line("?"), line("pam_mfad.so"), line("?")];
    let last = line("pam_permit.so");
    if random.below(2) == 0 {
        inner.push(outer.remove(1));
    }
    let part = ["include", "substack"][random.below(2)];
    outer.insert(random.below(outer.len() + 1), format!("auth {part} PART"));
    if random.below(2) == 0 {
        outer.push(last);
    }
    (outer, inner)
}

/// The same lines with a yes or a no for each check.
fn decided(lines: &[String], answers: &mut impl Iterator<Item = bool>, part: &str) -> String {
    let decide = |line: &String| {
        let module = if line.contains('?') && answers.next().unwrap() { "pam_yes.so" } else { "pam_no.so" };
        line.replace('?', module).replace("PART", part) + "\n"
    };
    lines.iter().map(decide).collect()
}

/// Linux-PAM runs each stack with every combination of answers, and a code that is always wrong. The doctor must find
/// something exactly where it lets somebody in.
#[test]
fn the_doctor_finds_a_way_in_exactly_where_linux_pam_has_one() {
    let (patient, mut random) = (Patient::healthy(), Random::default());
    let modules = patient.modules();
    for (from, to) in [("permit", "yes"), ("deny", "no"), ("deny", "mfad")] {
        fs::copy(patient.place(&format!("{modules}/pam_{from}.so")), patient.place(&format!("{modules}/pam_{to}.so")))
            .unwrap();
    }
    let (mut script, mut stacks) = (String::new(), Vec::new());
    for number in 0..60 {
        let (outer, inner) = random_stack(&mut random);
        let judged = |lines: &[String]| {
            lines.join("\n").replace('?', "pam_check.so").replace("PART", &format!("part{number}")) + "\n"
        };
        patient.write(&format!("/etc/pam.d/judged{number}"), &judged(&outer));
        patient.write(&format!("/etc/pam.d/part{number}"), &judged(&inner));
        for answers in 0..8_u32 {
            let (service, mut answers) =
                (format!("run{number}-{answers}"), (0..3).map(|bit| answers & (1 << bit) != 0));
            let own = format!("of-{service}");
            // In the order in which the lines are asked for answers, whatever the order in which PAM comes to them.
            let text = decided(&outer, &mut answers, &own);
            let part = decided(&inner, &mut answers, &own);
            script.push_str(&format!("pam {service}\n"));
            patient.write(&format!("/etc/pam.d/{service}"), &text);
            patient.write(&format!("/etc/pam.d/{own}"), &part);
        }
        stacks.push((outer, inner));
    }
    let pam =
        format!("pam() {{ if pamtester \"$1\" root authenticate >/dev/null 2>&1; then echo \"$1\"; fi; }}\n{script}");
    let output = patient.shell(&pam, &[]);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    let ways_in: BTreeSet<usize> =
        said.lines().map(|line| line.trim_start_matches("run").split('-').next().unwrap().parse().unwrap()).collect();
    let findings = patient.examine_alone(&[]).findings();
    let found: Vec<_> = findings
        .iter()
        .filter(|found| found.contains("can let somebody in") || found.contains("lets in whom"))
        .collect();
    let mut wrong = String::new();
    for (number, (outer, inner)) in stacks.iter().enumerate() {
        let is_found = found.iter().any(|found| {
            let services = found.trim_start_matches("pam: ").split(": ").next().unwrap();
            services.split(", ").any(|service| service == format!("judged{number}"))
        });
        if is_found != ways_in.contains(&number) {
            writeln!(wrong, "found: {is_found}\n{}\nPART:\n{}\n", outer.join("\n"), inner.join("\n")).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(!ways_in.is_empty() && ways_in.len() < stacks.len(), "every stack is like the others: {ways_in:?}");
}
