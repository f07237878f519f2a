//! The configuration and the state folder: whoever may write the one decides the rules, and the other holds the secrets.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::owners::name;
use super::report::Said;
use super::{Machine, is_root, program, text};

/// Check: nobody else may write the configuration.
pub(super) fn file(machine: &Machine) -> Vec<Said> {
    let check = "config";
    // Where there is none yet, the folder decides who may make one.
    let outsider = match machine.owners.outsider(Path::new(FILE)) {
        Err(error) if error.kind() == ErrorKind::NotFound => machine.owners.outsider(Path::new(FOLDER)),
        looked => looked,
    };
    vec![match outsider {
        Ok(None) => Said::ok(check, format!("nobody else may write {FILE}")),
        Ok(Some(outsider)) => Said::finding(
            check,
            format!("whoever may write {FILE} decides the rules: {outsider}"),
            "chown root: that file or folder, and chmod go-w it",
        ),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Said::ok(check, format!("there is no {FOLDER}: the defaults hold"))
        }
        Err(error) => Said::note(check, format!("{FILE} cannot be looked at: {error}")),
    }]
}

/// Check: the daemon can read the configuration. What it means, and what its weakenings cost, `mfad check` explains.
pub(super) fn meaning(machine: &Machine) -> Vec<Said> {
    let check = "rules";
    match text::read(Path::new(FILE)) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return vec![Said::ok(check, "the defaults hold")],
        Err(error) => return vec![Said::note(check, format!("{FILE} cannot be read: {error}"))],
    }
    let own =
        std::env::current_exe().ok().and_then(|own| Some(own.parent()?.join("mfad"))).filter(|mfad| mfad.is_file());
    let Some(mfad) = own.or_else(|| program::find("mfad")) else {
        return vec![Said::note(check, "there is no mfad here that could judge the configuration")];
    };
    if is_root() && !matches!(machine.owners.outsider(&mfad), Ok(None)) {
        return vec![Said::note(check, format!("{} is not run: others could have written it", mfad.display()))];
    }
    // Of the state, the daemon itself has spoken.
    let said = match program::output(&mfad, &["check", "--config", FILE, "--state", NOWHERE]) {
        Ok(said) => said,
        Err(error) => return vec![Said::note(check, format!("{} cannot judge {FILE}: {error}", mfad.display()))],
    };
    if said.lines().any(|line| line.starts_with("ok") && line.ends_with(VALID)) {
        return vec![Said::ok(check, format!("{FILE} is valid"))];
    }
    let wrong =
        said.lines().find_map(|line| line.strip_prefix("FINDING")).unwrap_or("it says nothing that is known here");
    vec![Said::finding(
        check,
        format!("the next start of mfad fails: {}", wrong.trim()),
        "correct the file; mfad check says when it is right, and what it means",
    )]
}

/// Check: the state folder is its owner's alone.
pub(super) fn state(machine: &Machine) -> Vec<Said> {
    let (check, path) = ("state", Path::new(STATE));
    let metadata = match path.metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return vec![Said::note(
                check,
                format!("there is no {STATE}: no daemon has run here with the usual state"),
            )];
        }
        Err(error) => return vec![Said::note(check, format!("{STATE} cannot be looked at: {error}"))],
    };
    let (mode, owner) = (metadata.mode() & 0o777, metadata.uid());
    let mut said = Vec::new();
    if mode != PRIVATE {
        let text = format!("{STATE} has mode {mode:04o}, and holds what only mfad may see");
        said.push(Said::finding(check, text, format!("chmod 700 {STATE}")));
    }
    if !machine.owners.include(owner) {
        let text = format!("{STATE} belongs to {}, and neither to root nor to mfad", name(owner));
        said.push(Said::finding(
            check,
            text,
            format!("give it to the user that the daemon runs as: chown -R mfad: {STATE}"),
        ));
    } else if let Ok(Some(outsider)) = machine.owners.outsider_on_the_way(path) {
        let text = format!("{STATE} can be replaced by others: {outsider}");
        said.push(Said::finding(check, text, "chown root: that folder, and chmod go-w it"));
    }
    if said.is_empty() {
        said.push(Said::ok(check, format!("{STATE} is {}'s alone", name(owner))));
    }
    said
}

/// The key file that the configuration names; `Ok(None)` when it names none.
///
/// # Errors
/// Why it cannot be known.
pub(super) fn key_file() -> Result<Option<PathBuf>, String> {
    let text = match text::read(Path::new(FILE)) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("{FILE} cannot be read: {error}")),
    };
    // Whether the rest is right is for `mfad check` to say.
    let table: toml::Table = text.parse().map_err(|_e| format!("{FILE} is no TOML: run mfad check"))?;
    Ok(table.get("key_file").and_then(toml::Value::as_str).map(PathBuf::from))
}

const FILE: &str = "/etc/mfad/mfad.toml";
const FOLDER: &str = "/etc/mfad";
/// No state lies there, whoever looks.
const NOWHERE: &str = "/dev/null/mfad";
const VALID: &str = "the configuration is valid";
const STATE: &str = "/var/lib/mfad";
const PRIVATE: u32 = 0o700;
