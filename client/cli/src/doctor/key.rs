//! Where the root key comes from, and what protects it there.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use mfad_proto::Refusal;

use super::Machine;
use super::config;
use super::credential::{self, Seal};
use super::owners::name;
use super::report::Said;
use super::server::Answer;

/// Check: the root key does not lie beside what it protects, nor open to others.
pub(super) fn judge(machine: &Machine) -> Vec<Said> {
    let source = match &machine.server.key {
        Answer::Given(source) => source.as_str(),
        Answer::Refused(Refusal::Unsupported) => return vec![unknown("this daemon does not say")],
        Answer::Refused(Refusal::NotPermitted) => return vec![unknown("only an administrator is told")],
        Answer::Refused(_) => return vec![unknown("mfad does not say now")],
        Answer::Missing(why) => return vec![unknown(why)],
    };
    vec![match source {
        "state" => Said::finding(
            CHECK,
            "the root key lies in the state folder, beside what it protects: whoever copies the folder has both",
            "move it: systemd-creds encrypt --with-key=auto --tpm2-pcrs= --name=mfad.key root.key \
             /etc/credstore.encrypted/mfad.key, where mfad.service looks for it, and remove root.key; or name a key_file \
             elsewhere in mfad.toml",
        ),
        "file" => file(machine),
        "credential" => return [Some(credential()), copy()].into_iter().flatten().collect(),
        "stdin" => Said::note(CHECK, "the root key came by standard input: what keeps it until then is not known here"),
        other => Said::note(CHECK, format!("the root key came from {other:?}, which this mfactl does not know")),
    }]
}

fn unknown(why: &str) -> Said {
    Said::note(CHECK, format!("where the root key comes from is not known: {why}"))
}

fn file(machine: &Machine) -> Said {
    let path = match config::key_file() {
        Ok(Some(path)) => path,
        Ok(None) => return Said::note(CHECK, "the root key came from a file that the configuration does not name"),
        Err(why) => return Said::note(CHECK, format!("which file the root key came from is not known: {why}")),
    };
    let shown = path.display();
    let remedy = format!("chown root: {shown}, chmod 600 it, and put it where nobody else may write the folders");
    match exposed(&path, machine) {
        Ok(None) => Said::ok(
            CHECK,
            format!(
                "the root key comes from {shown}, protected by its permissions alone: a copy of the disk holds it as well"
            ),
        ),
        Ok(Some(how)) => Said::finding(CHECK, format!("the root key in {shown} is not kept: {how}"), remedy),
        Err(error) => Said::note(CHECK, format!("the root key's file {shown} cannot be looked at: {error}")),
    }
}

/// How others could read or replace a key file.
fn exposed(path: &Path, machine: &Machine) -> std::io::Result<Option<String>> {
    let metadata = path.metadata()?;
    let mode = metadata.mode() & 0o777;
    if !machine.owners.include(metadata.uid()) {
        return Ok(Some(format!("it belongs to {}", name(metadata.uid()))));
    }
    if mode & OTHERS != 0 {
        return Ok(Some(format!("it has mode {mode:04o}")));
    }
    machine.owners.outsider_on_the_way(path)
}

fn credential() -> Said {
    let by = "the root key is a credential: systemd hands it to the daemon alone";
    match credential::seal() {
        None => Said::ok(CHECK, by),
        Some((path, Seal::Tpm)) => Said::ok(CHECK, format!("{by}, and {path} is sealed to this machine's TPM")),
        Some((path, Seal::Host)) => Said::ok(
            CHECK,
            format!("{by}, and {path} is sealed by a key of this host, which a copy of the whole disk holds as well"),
        ),
        Some((path, Seal::Nothing)) => Said::finding(
            CHECK,
            format!("{path} is sealed by nothing: whoever reads it has the root key"),
            format!("systemd-creds decrypt it, and encrypt it anew with --with-key=auto into {path}"),
        ),
        Some((path, Seal::Plain)) => Said::ok(CHECK, format!("{by}; {path} is protected by its permissions alone")),
        Some((path, Seal::Unknown)) => Said::ok(CHECK, format!("{by}; what seals {path} is not known here")),
    }
}

/// What the installation has left for the administrator to take away.
fn copy() -> Option<Said> {
    Path::new(COPY).exists().then(|| {
        Said::advice(
            CHECK,
            format!("{COPY} is the root key in plain: a copy of the disk holds it, whatever seals the other"),
            format!("put it where this machine is not, print it for one, and then: shred -u {COPY}"),
        )
    })
}

const CHECK: &str = "key";

/// Where `mfad-root-key` puts it.
const COPY: &str = "/root/mfad.key.recovery";

/// What a key file's group and everybody else may do.
const OTHERS: u32 = 0o077;
