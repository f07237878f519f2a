//! What the doctor says of the root key's place, for each source that a server can name. Run with the feature `root`.

use std::fs;
use std::path::PathBuf;

use data_encoding::BASE64;
use mfad_proto::{Call, Keys, Label, Metric, Pong, Reply, Sample, StatsPage};
use mfad_tests::impostor::serve;
use mfad_tests::patient::Patient;
use tempfile::TempDir;

/// A server that is well, and names this source.
fn naming(source: &'static str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("mfad.sock");
    serve(&socket, move |call| match call {
        Call::Ping => {
            Some(Reply::Pong(Pong { version: env!("CARGO_PKG_VERSION").to_owned(), ready: true, why: String::new() }))
        }
        Call::KeyStatus => Some(Reply::Keys(Keys { id: 1, made_at: 1, old: None, records: 0, left: 0 })),
        Call::Stats { .. } => {
            let sample = Sample { metric: Metric::KEY_INFO, labels: vec![Label::cut(source)], value: 1 };
            Some(Reply::Stats(StatsPage { samples: vec![sample], next: None }))
        }
        _ => None,
    });
    (folder, socket)
}

/// What is said of the key after these commands, with its level.
fn said(patient: &Patient, source: &'static str, commands: &str) -> (String, String) {
    let (_folder, socket) = naming(source);
    let diagnosis = patient.run(commands, &["--socket", socket.to_str().unwrap()]);
    let line = diagnosis.lines.iter().find(|line| line["check"] == "key").unwrap();
    (line["level"].as_str().unwrap().to_owned(), line["text"].as_str().unwrap().to_owned())
}

#[test]
fn a_key_file_is_well_where_its_permissions_keep_it() {
    let patient = Patient::healthy();
    let (level, text) = said(&patient, "file", "");
    assert_eq!(
        (
            level.as_str(),
            text.starts_with("the root key comes from /etc/mfad/root.key, protected by its permissions alone")
        ),
        ("ok", true),
        "{text}"
    );
    assert_eq!(said(&patient, "file", "chmod 400 /etc/mfad/root.key").0, "ok");
    patient.write("/etc/mfad/mfad.toml", "realm = {}\n");
    assert_eq!(said(&patient, "file", "").0, "note");
    patient.write("/etc/mfad/mfad.toml", "key_file = \u{1b}\n");
    assert_eq!(
        said(&patient, "file", ""),
        (
            "note".to_owned(),
            "which file the root key came from is not known: /etc/mfad/mfad.toml is no TOML: run mfad check".to_owned()
        )
    );
    patient.write("/etc/mfad/mfad.toml", "key_file = \"/etc/mfad/gone\"\n");
    assert_eq!(said(&patient, "file", "").0, "note");
}

#[test]
fn a_key_file_that_others_can_read_or_replace_is_a_finding() {
    let patient = Patient::healthy();
    for (commands, why) in [
        ("chmod 640 /etc/mfad/root.key", "it has mode 0640"),
        ("chmod 604 /etc/mfad/root.key", "it has mode 0604"),
        ("chown 65534 /etc/mfad/root.key; chmod 600 /etc/mfad/root.key", "it belongs to nobody"),
        ("chown 0 /etc/mfad/root.key; chmod 777 /etc/mfad", "/etc/mfad may be written by everybody"),
        (
            "chmod 755 /etc/mfad; mkdir -m 777 /run/keys; mv /etc/mfad/root.key /run/keys/; ln -s /run/keys/root.key /etc/mfad/root.key",
            "/run/keys may be written by everybody",
        ),
    ] {
        let (level, text) = said(&patient, "file", commands);
        assert_eq!(
            (level.as_str(), text),
            ("finding", format!("the root key in /etc/mfad/root.key is not kept: {why}"))
        );
    }
}

#[test]
fn a_credential_is_well_unless_nothing_seals_it() {
    let patient = Patient::healthy();
    fs::remove_dir_all(patient.place("/etc/credstore.encrypted")).ok();
    fs::remove_dir_all(patient.place("/etc/credstore")).ok();
    let by = "the root key is a credential: systemd hands it to the daemon alone";
    assert_eq!(said(&patient, "credential", ""), ("ok".to_owned(), by.to_owned()));
    let plain =
        said(&patient, "credential", "mkdir -m 700 /etc/credstore; cp -p /etc/mfad/root.key /etc/credstore/mfad.key");
    assert_eq!(
        plain,
        ("ok".to_owned(), format!("{by}; /etc/credstore/mfad.key is protected by its permissions alone"))
    );

    // Sealed by systemd itself: what it makes of a key is in /var/lib, which is the patient's own.
    let path = "/etc/credstore.encrypted/mfad.key";
    let sealing = |key: &str| {
        format!(
            "mkdir -p -m 700 /etc/credstore.encrypted; systemd-creds encrypt --with-key={key} --name=mfad.key /etc/mfad/root.key {path} 2>/dev/null"
        )
    };
    let (level, text) = said(&patient, "credential", &sealing("host"));
    assert_eq!((level.as_str(), text.contains("is sealed by a key of this host")), ("ok", true), "{text}");
    // There is no TPM to seal by here: the kinds that one makes begin so.
    for kind in ["DHzAexF2RZGcSwvqCLwg/g==", "k6iUCUh0RJCQyvL8k8q1Uw=="] {
        patient.write(path, &format!("{kind}\n"));
        let (level, text) = said(&patient, "credential", "");
        assert_eq!((level.as_str(), text.contains("is sealed to this machine's TPM")), ("ok", true), "{text}");
    }
    let nothing = 0x0584_69da_f6f5_4324_8005_49da_0f8e_a2fb_u128.to_be_bytes();
    patient.write(path, &format!("{}\n", BASE64.encode(&nothing)));
    let (level, text) = said(&patient, "credential", "");
    assert_eq!(
        (level.as_str(), text),
        ("finding", format!("{path} is sealed by nothing: whoever reads it has the root key"))
    );
    patient.write(path, "nonsense \u{1b}");
    assert_eq!(
        said(&patient, "credential", ""),
        ("ok".to_owned(), format!("{by}; what seals {path} is not known here"))
    );
}

#[test]
fn a_plain_copy_that_the_installation_has_left_is_told_until_it_is_gone() {
    let patient = Patient::healthy();
    let (_folder, socket) = naming("credential");
    let told = |commands: &str| {
        let diagnosis = patient.run(commands, &["--socket", socket.to_str().unwrap()]);
        let lines = diagnosis.lines.into_iter().filter(|line| line["check"] == "key" && line["level"] == "note");
        lines.map(|line| line["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let left = told("mount -t tmpfs tmpfs /root; touch /root/mfad.key.recovery");
    assert!(left.len() == 1 && left[0].starts_with("/root/mfad.key.recovery is the root key in plain"), "{left:?}");
    assert_eq!(told("mount -t tmpfs tmpfs /root"), Vec::<String>::new());
}
