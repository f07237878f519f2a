//! The Debian package as one command builds it: everything is in it, in its place, and Debian's own judge has nothing
//! against it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::LazyLock;

use mfad_tests::package::Package;
use mfad_tests::programs::tool;

static PACKAGE: LazyLock<Package> = LazyLock::new(Package::build);

/// Every file below a folder, with its mode; a link has none.
fn files(folder: &Path, below: &Path, found: &mut BTreeMap<String, Option<u32>>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let metadata = path.symlink_metadata().unwrap();
        if metadata.is_dir() {
            files(&path, below, found);
            continue;
        }
        let name = path.strip_prefix(below).unwrap().to_str().unwrap().to_owned();
        let mode = (!metadata.is_symlink()).then(|| metadata.permissions().mode() & 0o7777);
        found.insert(name.replace(&multiarch(), "MULTIARCH"), mode);
    }
}

fn multiarch() -> String {
    let output = tool("dpkg-architecture").args(["-q", "DEB_HOST_MULTIARCH"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn everything_is_in_its_place() {
    let mut found = BTreeMap::new();
    files(&PACKAGE.files(), &PACKAGE.files(), &mut found);
    let mut expected: BTreeMap<_, _> = PROGRAMS.iter().map(|name| ((*name).to_owned(), Some(0o755))).collect();
    expected.extend(FILES.iter().map(|name| ((*name).to_owned(), Some(0o644))));
    expected.insert("usr/lib/MULTIARCH/libmfad.so".to_owned(), None);
    assert_eq!(found, expected);
    assert!(PACKAGE.files().join("etc/mfad").is_dir(), "there is no folder for a configuration");
    let library = PACKAGE.files().join("usr/lib").join(multiarch());
    assert_eq!(fs::read_link(library.join("libmfad.so")).unwrap(), Path::new("libmfad.so.0"));
    let described = fs::read_to_string(library.join("pkgconfig/mfad.pc")).unwrap();
    assert!(described.starts_with(&format!("prefix=/usr\nlibdir=${{prefix}}/lib/{}\n", multiarch())), "{described}");
}

#[test]
fn units_and_programs_find_each_other() {
    for unit in ["mfad.service", "mfad-passwd@.service", "mfad-root-key.service"] {
        let text = fs::read_to_string(PACKAGE.files().join("lib/systemd/system").join(unit)).unwrap();
        let program = text.lines().find_map(|line| line.strip_prefix("ExecStart=/")).unwrap();
        let program = program.split_whitespace().next().unwrap();
        assert!(PROGRAMS.contains(&program), "{unit} starts {program}");
    }
}

#[test]
fn debians_judge_finds_nothing() {
    let output =
        tool("lintian").args(["--display-info", "--fail-on", "error,warning"]).arg(PACKAGE.path()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    // Exceptions that nothing needs any more are told as a hint alone.
    assert!(output.status.success() && !said.contains("unused-override"), "{said}");
}

#[test]
fn its_scripts_are_shell_and_small() {
    for name in ["preinst", "postinst", "prerm", "postrm"] {
        let path = PACKAGE.scripts().join(name);
        assert!(tool("dash").arg("-n").arg(&path).status().unwrap().success(), "{name}");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("#!/bin/sh\n") && text.contains("\nset -e\n"), "{name} goes on after an error");
        assert!(!text.contains("#DEBHELPER#"), "{name}");
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../systemd/debian").join(format!("mfad.{name}"));
        assert!(fs::read_to_string(own).unwrap().lines().count() <= 45, "{name} has grown");
    }
    assert_eq!(fs::read_to_string(PACKAGE.scripts().join("conffiles")).unwrap(), "/etc/pam.d/mfad\n");
}

#[test]
fn an_upgrade_leaves_the_sockets_alone_and_starts_the_daemon_anew() {
    let script = |name: &str| fs::read_to_string(PACKAGE.scripts().join(name)).unwrap();
    let stops: Vec<_> = script("prerm").lines().filter(|line| line.contains(" stop ")).map(str::to_owned).collect();
    assert!(!stops.is_empty());
    let (before, _) = script("prerm").split_once(" stop ").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    assert!(before.contains("if [ \"$1\" = remove ]"), "the prerm stops something in an upgrade, too");
    for name in ["preinst", "postinst"] {
        let text = script(name);
        let touched =
            text.lines().find(|line| line.contains(".socket'") && (line.contains("restart") || line.contains(" stop")));
        assert_eq!(touched, None, "{name}");
    }
    assert!(script("postinst").contains("systemctl try-restart mfad.service"));
    assert!(
        script("postinst").contains("deb-systemd-invoke start 'mfad-passwd.socket' 'mfad-system.socket' 'mfad.socket'")
    );
}

const PROGRAMS: [&str; 4] = ["usr/bin/mfad", "usr/bin/mfactl", "usr/libexec/mfad-passwd", "usr/libexec/mfad-root-key"];

const FILES: [&str; 38] = [
    "etc/pam.d/mfad",
    "lib/MULTIARCH/security/pam_mfad.so",
    "lib/systemd/system/mfad-passwd.socket",
    "lib/systemd/system/mfad-passwd@.service",
    "lib/systemd/system/mfad-realm@.socket",
    "lib/systemd/system/mfad-root-key.service",
    "lib/systemd/system/mfad-system.socket",
    "lib/systemd/system/mfad.service",
    "lib/systemd/system/mfad.socket",
    "usr/include/mfad.h",
    "usr/lib/MULTIARCH/libmfad.so.0",
    "usr/lib/MULTIARCH/pkgconfig/mfad.pc",
    "usr/lib/sysusers.d/mfad.conf",
    "usr/lib/tmpfiles.d/mfad.conf",
    "usr/share/bash-completion/completions/mfactl",
    "usr/share/bash-completion/completions/mfad",
    "usr/share/doc/mfad/PROTOCOL.md.gz",
    "usr/share/doc/mfad/README.Debian.md.gz",
    "usr/share/doc/mfad/README.md.gz",
    "usr/share/doc/mfad/THREATS.md.gz",
    "usr/share/doc/mfad/changelog.Debian.gz",
    "usr/share/doc/mfad/changelog.gz",
    "usr/share/doc/mfad/copyright",
    "usr/share/doc/mfad/examples/example.c",
    "usr/share/doc/mfad/examples/mfad.py",
    "usr/share/doc/mfad/examples/mfad.toml",
    "usr/share/doc/mfad/libmfad.md",
    "usr/share/doc/mfad/pam.md.gz",
    "usr/share/fish/vendor_completions.d/mfactl.fish",
    "usr/share/fish/vendor_completions.d/mfad.fish",
    "usr/share/lintian/overrides/mfad",
    "usr/share/man/man1/mfactl.1.gz",
    "usr/share/man/man5/mfad.toml.5.gz",
    "usr/share/man/man8/mfad.8.gz",
    "usr/share/man/man8/pam_mfad.8.gz",
    "usr/share/pam-configs/mfad",
    "usr/share/zsh/vendor-completions/_mfactl",
    "usr/share/zsh/vendor-completions/_mfad",
];
