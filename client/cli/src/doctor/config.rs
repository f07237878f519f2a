//! The configuration and the state folder: whoever may write the one decides the rules, and the other holds the secrets.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Machine;
use super::owners::name;
use super::report::Said;
use super::text;

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
const STATE: &str = "/var/lib/mfad";
const PRIVATE: u32 = 0o700;
