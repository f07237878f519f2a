//! The units as they are shipped: systemd knows every word of theirs, and they are as closed as they say.
#[cfg(test)]
mod units {
    use std::path::Path;
    use std::process::{Command, Output};

    use tempfile::TempDir;

    fn shipped() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../systemd"))
    }

    /// Copies of both units, with the program that was built in the place of the installed one.
    fn copies() -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let script = "cp \"$0/mfad-passwd.socket\" \"$1\" && \
            sed \"s|^ExecStart=.*|ExecStart=$2|\" \"$0/mfad-passwd@.service\" >\"$1/mfad-passwd@.service\"";
        let mut command = Command::new("sh");
        command.args(["-c", script]).arg(shipped()).arg(folder.path()).arg(env!("CARGO_BIN_EXE_mfad-passwd"));
        assert!(command.status().unwrap().success());
        folder
    }

    fn analyze(args: &[&str], folder: &TempDir, unit: &str) -> Output {
        let mut command = Command::new("timeout");
        command.args(["60", "systemd-analyze"]).args(args).arg(folder.path().join(unit));
        command.output().unwrap()
    }

    #[test]
    fn systemd_understands_the_units() {
        let folder = copies();
        for unit in ["mfad-passwd.socket", "mfad-passwd@.service"] {
            let output = analyze(&["verify", "--man=no", "--recursive-errors=one"], &folder, unit);
            assert!(output.status.success(), "{unit}: {output:?}");
            assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{unit}");
        }
    }

    #[test]
    fn the_service_is_no_more_exposed_than_its_exceptions_need() {
        let output = analyze(&["security", "--offline=true", "--threshold=30"], &copies(), "mfad-passwd@.service");
        assert!(output.status.success(), "{}", String::from_utf8(output.stdout).unwrap());
    }
}
