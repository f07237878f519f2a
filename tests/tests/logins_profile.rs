//! The profile for pam-auth-update, as Debian's own program takes it in and out, and what the doctor says of it and of the lines
//! of `client/pam/README.md`. Run with the feature `root`.

use mfad_proto::{Call, Password};
use mfad_tests::calls::{accepted, account, code, context, denied};
use mfad_tests::diagnosis::Diagnosis;
use mfad_tests::front::{ALICE, Front, LOGIN, PASSWORD};
use mfad_tests::people::run;
use mfad_tests::snippets::commands;
use mfad_tests::visitor::QUESTION;
use mfad_tests::way::Way;
use zeroize::Zeroizing;

const COMMON: &str = "/etc/pam.d/common-auth";

/// A daemon, users, and no stack that asks for a code yet.
fn unguarded() -> Front {
    let mut front = Front::unguarded(Way::Su);
    front.perform(DEBIANS);
    front.start_daemon();
    front
}

/// Takes the profile in, or out, as `README.md` says.
fn update(front: &Front, number: usize) {
    let lines = commands("### Everything that includes common-auth")[number];
    front.perform(&format!("export DEBIAN_FRONTEND=noninteractive\n{lines}"));
}

/// What the doctor says of these checks.
fn diagnose(front: &Front, checks: &[&str]) -> Diagnosis {
    let output = front.mfactl("--json doctor");
    let prose = String::from_utf8(output.stderr).unwrap();
    let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let mut lines: Vec<serde_json::Value> = lines.map(|line| serde_json::from_slice(line).unwrap()).collect();
    lines.retain(|line| checks.iter().any(|check| line["check"] == *check));
    Diagnosis { status: output.status.code().unwrap(), lines, prose }
}

#[test]
fn the_profile_puts_the_code_behind_a_right_password() {
    let front = unguarded();
    let factor = front.enroll(ALICE);
    front.visit_with_password().gets_in();
    update(&front, 0);
    let text = front.read(COMMON);
    let lines: Vec<Vec<_>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    let place =
        |line: &[&str]| lines.iter().position(|found| found == line).unwrap_or_else(|| panic!("{line:?}: {text}"));
    assert!(place(&["auth", "requisite", "pam_deny.so"]) < place(&["auth", "required", "pam_mfad.so"]), "{text}");

    let mut visitor = front.visit_with_password();
    visitor.gives(&front.code(&factor));
    visitor.gets_in();
    let mut visitor = front.visit();
    visitor.passes_first_factor("galt-hest-43");
    let shown = visitor.is_turned_away();
    assert!(!shown.contains(QUESTION), "{shown}");
    assert_eq!(front.judged().len(), 1);
}

#[test]
fn with_the_profile_the_daemon_still_judges_passwords() {
    let front = unguarded();
    let factor = front.enroll(ALICE);
    update(&front, 0);
    let authenticate = |password: &str| {
        let (account, context) = (account(ALICE), context());
        let password = Password::new(Zeroizing::new(password.as_bytes().to_vec())).unwrap();
        let call = Call::Authenticate { account, password, code: code(&front.code(&factor)), context };
        front.client(LOGIN).call(call).unwrap()
    };
    assert!(denied(&authenticate("galt-hest-43")));
    assert!(accepted(&authenticate(PASSWORD)));
    for (password, is_right) in [(PASSWORD, true), ("galt-hest-43", false)] {
        let line = "pamtester mfad alice authenticate acct_mgmt";
        let said = run(&mut front.machine().command(None, line), &format!("{password}\n"));
        assert_eq!(said.status.success(), is_right, "{said:?}");
    }
}

#[test]
fn the_doctor_has_nothing_against_the_profile() {
    let front = unguarded();
    update(&front, 0);
    let diagnosis = diagnose(&front, &["pam"]);
    assert_eq!(diagnosis.findings(), Vec::<String>::new(), "{}", diagnosis.prose);
    let asking = diagnosis.at("ok").concat();
    assert!(["sshd", "su", "sudo", "login"].iter().all(|service| asking.contains(service)), "{asking}");
}

#[test]
fn the_doctor_has_nothing_against_the_lines_of_the_readme() {
    for ssh in [Way::SshPassword, Way::SshKey, Way::SshOneField] {
        let front = Front::new(ssh);
        [Way::Sudo, Way::Su, Way::Login].iter().for_each(|way| front.guard(*way, ""));
        let sudo = front.read("/etc/pam.d/sudo");
        front.write("/etc/pam.d/sudo-i", &sudo);
        let diagnosis = diagnose(&front, &["pam", "sshd", "sudo"]);
        // What else lets somebody in here, such as polkit-1, is the machine's.
        let is_ours = |found: &String| {
            let ways = ["login", "sshd", "su", "su-l", "sudo", "sudo-i"];
            !found.ends_with(" goes around: it asks for no code")
                || ways.iter().any(|way| found.starts_with(&format!("pam: {way} ")))
        };
        let findings: Vec<_> = diagnosis.findings().into_iter().filter(is_ours).collect();
        assert_eq!(findings, Vec::<String>::new(), "{ssh:?}: {}", diagnosis.prose);
    }
}

#[test]
fn without_the_profile_all_is_as_before() {
    let front = unguarded();
    let before = front.read(COMMON);
    let _factor = front.enroll(ALICE);
    update(&front, 0);
    assert_ne!(front.read(COMMON), before);
    update(&front, 1);
    assert_eq!(front.read(COMMON), before);
    let shown = front.visit_with_password().gets_in();
    assert!(!shown.contains(QUESTION), "{shown}");
}

/// Debian's own `common-auth`, as it is made in a new machine.
const DEBIANS: &str = "mkdir -p /var/lib/pam && DEBIAN_FRONTEND=noninteractive pam-auth-update --package --force";
