//! What the package's scripts do on a machine without booting it: they lock nobody out, and lose nobody's enrolments or key.
//! Run with the feature `root`.

use std::fs;
use std::path::{Path, PathBuf};

use mfad_tests::machine::Machine;
use mfad_tests::people::run;

const SEALED: &str = "/etc/credstore.encrypted/mfad.key";
const COPY: &str = "/root/mfad.key.recovery";
const COMMON: &str = "/etc/pam.d/common-auth";

/// A machine on which the package's files lie as after an install that has asked nothing.
struct Site(Machine);

impl Site {
    fn new() -> Self {
        let site = Self(Machine::new());
        // As they are shipped but for what debhelper adds, whose place in them is a comment.
        let status = std::process::Command::new("cp").arg("-a").arg(shipped()).arg(site.0.work()).status().unwrap();
        assert!(status.success());
        // systemd seals by a key of the host's only on a disk that stays.
        site.does(
            "mkdir -p secrets /var/lib/systemd /var/lib/pam /var/lib/dpkg/info && mount --bind secrets /var/lib/systemd && \
             cp systemd/pam-configs/mfad /usr/share/pam-configs && cp systemd/debian/mfad.* /var/lib/dpkg/info && \
             chmod 755 /var/lib/dpkg/info/mfad.p* && \
             pam-auth-update --package --force",
        );
        site
    }

    /// The status of a line of a shell, and what it says on standard error.
    fn tries(&self, line: &str) -> (Option<i32>, String) {
        let output = run(&mut self.0.command(None, &format!("export DEBIAN_FRONTEND=noninteractive; {line}")), "");
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }

    fn does(&self, line: &str) -> String {
        let (status, said) = self.tries(line);
        assert_eq!(status, Some(0), "{line}: {said}");
        said
    }

    fn refuses(&self, line: &str) -> String {
        let (status, said) = self.tries(line);
        assert_eq!(status, Some(1), "{line}: {said}");
        said
    }

    fn place(&self, path: &str) -> PathBuf {
        self.0.root().join(&path[1..])
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.place(path)).unwrap()
    }

    fn found_state(&self, number: u32) {
        self.does(&format!(
            "mkdir -p /var/lib/mfad && printf 'mfad keyring {number}\\n\\377\\376' >/var/lib/mfad/keyring"
        ));
    }
}

const KEY: &str = "systemd/mfad-root-key";

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../systemd")
}

#[test]
fn the_first_install_makes_a_sealed_root_key_and_a_copy_that_opens_it() {
    let site = Site::new();
    let said = site.does(KEY);
    assert!(said.contains(SEALED) && said.contains(COPY), "{said}");
    let key = site.read(COPY);
    assert!(key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit()), "no key: {} bytes", key.len());
    assert!(!said.contains(&key) && !site.read(SEALED).contains(&key), "the key itself is shown");
    site.does(&format!("systemd-creds decrypt --name=mfad.key {SEALED} - | cmp - {COPY}"));
    for (path, mode) in [(SEALED, "600"), (COPY, "600"), ("/etc/credstore.encrypted", "700")] {
        site.does(&format!("test $(stat -c %a:%u {path}) = {mode}:0"));
    }
    assert_eq!(
        site.does("ls -A /etc/credstore.encrypted /root | grep -v -e '^mfad.key' -e ':$' -e '^$' >&2 || true"),
        ""
    );
    // Again, with and without its copy.
    let sealed = site.read(SEALED);
    assert_eq!(site.does(KEY), "");
    site.does(&format!("rm {COPY}"));
    assert_eq!(site.does(KEY), "");
    assert!(site.read(SEALED) == sealed && !site.place(COPY).exists(), "a key was made anew");
}

#[test]
fn no_second_root_key_is_made_beside_a_state_that_has_one() {
    let site = Site::new();
    site.found_state(1);
    let said = site.refuses(KEY);
    assert!(said.contains("systemd-creds encrypt") && said.contains(SEALED), "{said}");
    assert!(!site.place(SEALED).exists() && !site.place(COPY).exists());
    site.does("rm -r /var/lib/mfad; mkdir -p /etc/mfad; echo 'key_file = \"/etc/mfad/root.key\"' >/etc/mfad/mfad.toml");
    site.refuses(KEY);
    assert!(!site.place(SEALED).exists() && !site.place(COPY).exists());
    // What was saved of a lost disk is sealed, and not replaced.
    let key = "ab".repeat(32);
    site.does(&format!("rm /etc/mfad/mfad.toml; printf {key} >{COPY}; chmod 600 {COPY}"));
    site.does(KEY);
    site.does(&format!("systemd-creds decrypt --name=mfad.key {SEALED} - | cmp - {COPY}"));
    assert_eq!(site.read(COPY), key);
}

#[test]
fn a_removal_takes_the_module_out_of_every_stack_or_is_refused() {
    let site = Site::new();
    let prerm = "sh /var/lib/dpkg/info/mfad.prerm remove";
    let names = |path: &str| site.read(path).lines().any(|line| !line.starts_with('#') && line.contains("pam_mfad.so"));
    site.does("pam-auth-update --enable mfad");
    assert!(names(COMMON));
    // An upgrade changes no stack.
    site.does("sh /var/lib/dpkg/info/mfad.prerm upgrade 9");
    assert!(names(COMMON));
    // By hand, in a file of its own: nothing is changed before that is out.
    site.does("cp /etc/pam.d/su su && echo 'auth required pam_mfad.so' >>/etc/pam.d/su");
    let said = site.refuses(prerm);
    assert!(said.contains("/etc/pam.d/su\n") && names(COMMON), "{said}");
    site.does("cp su /etc/pam.d/su && cp /etc/pam.d/su /etc/pam.d/su.dpkg-old && echo 'auth required pam_mfad.so' >>/etc/pam.d/su.dpkg-old");
    site.does(prerm);
    assert!(!names(COMMON));
    site.does(prerm);
    // By hand, in a file that pam-auth-update does not touch any more.
    site.does(&format!("pam-auth-update --enable mfad && sed -i 's/pam_unix.so/pam_unix.so audit/; s/^# end of pam-auth-update/#/; s/^# here are/#/' {COMMON} && echo 'auth required pam_mfad.so' >>{COMMON}"));
    let said = site.refuses(prerm);
    assert!(said.contains(&format!("{COMMON}\n")), "{said}");
}

#[test]
fn a_state_of_a_newer_version_stops_an_install_before_it_replaces_anything() {
    let site = Site::new();
    let preinst = "sh /var/lib/dpkg/info/mfad.preinst";
    site.does(&format!("{preinst} install"));
    site.found_state(1);
    site.does(&format!("{preinst} upgrade 9"));
    site.found_state(2);
    for action in ["install", "install 9", "upgrade 9"] {
        let said = site.refuses(&format!("{preinst} {action}"));
        assert!(said.contains("written by a newer mfad"), "{said}");
    }
    site.does(&format!("{preinst} abort-upgrade 9"));
    // Both name the same number.
    let daemon = fs::read_to_string(shipped().join("../daemon/src/keyring.rs")).unwrap();
    let ours = fs::read_to_string(shipped().join("debian/mfad.preinst")).unwrap();
    let number: u32 = ours.lines().find_map(|line| line.strip_prefix("ours=")).unwrap().parse().unwrap();
    assert!(daemon.contains(&format!("b\"mfad keyring {number}\\n\"")));
}

#[test]
fn a_purge_deletes_enrolments_only_when_it_was_told_so() {
    let site = Site::new();
    let purge = "sh /var/lib/dpkg/info/mfad.postrm purge";
    let keyring = "/var/lib/mfad/keyring";
    // dpkg has run the postinst, and so debconf knows the question.
    let load = "debconf-loadtemplate mfad /var/lib/dpkg/info/mfad.templates";
    site.does(&format!("{load}; mkdir -p /etc/credstore.encrypted && echo sealed >{SEALED}"));
    site.found_state(1);
    let said = site.does(purge);
    assert!(said.contains("are kept"), "{said}");
    assert!(site.place(keyring).exists() && site.place(SEALED).exists());
    site.does(&format!("{load}; echo 'mfad mfad/delete-enrolments boolean true' | debconf-set-selections"));
    site.does(purge);
    assert!(!site.place("/var/lib/mfad").exists() && !site.place(SEALED).exists());
}
