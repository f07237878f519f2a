//! The configuration file: what it may say, and what it is told when it says something else.

use mfad_daemon::config::{Config, host_issuer};
use mfad_daemon::locked::Memory;
use mfad_daemon::policy::Replace;
use mfad_daemon::totp::Algorithm;
use mfad_proto::{Issuer, Realm};
use mfad_tests::daemon::Daemon;
use mfad_tests::programs::built;

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(text, &Issuer::new("host").unwrap()).map_err(|error| error.to_string())
}

#[test]
fn nothing_means_realm_system_with_the_defaults() {
    let config = parse("").unwrap();
    assert_eq!(config.realms.keys().collect::<Vec<_>>(), [&Realm::system()]);
    let rules = &config.realms[&Realm::system()];
    assert_eq!(rules.issuer.as_str(), "host");
    assert_eq!(config.key_memory, Memory::Mlock);
    assert_eq!((rules.digits.count(), rules.algorithm, rules.replace), (6, Algorithm::Sha1, Replace::Code));
    assert_eq!(config, Config::without_file(&Issuer::new("host").unwrap()));
}

#[test]
fn every_key_is_understood() {
    let text = "key_file = \"/etc/mfad/root.key\"\nkey_memory = \"memfd_secret\"\n\
        [realm.netmaker]\nissuer = \"Net Maker\"\ndigits = 8\nalgorithm = \"SHA256\"\nreplace = \"asserted\"\n";
    let config = parse(text).unwrap();
    assert_eq!(config.key_file.unwrap().to_str(), Some("/etc/mfad/root.key"));
    assert_eq!(config.key_memory, Memory::MemfdSecret);
    assert_eq!(config.realms.len(), 2, "system is always served");
    let rules = &config.realms[&Realm::new("netmaker").unwrap()];
    assert_eq!(rules.issuer.as_str(), "Net Maker");
    assert_eq!((rules.digits.count(), rules.algorithm, rules.replace), (8, Algorithm::Sha256, Replace::Asserted));
}

#[test]
fn the_example_in_the_readme_is_valid() {
    let readme = include_str!("../../README.md");
    let (_, after) = readme.split_once("```toml\n").expect("an example in README.md");
    let (example, _) = after.split_once("```").expect("the end of the example");
    parse(example).unwrap();
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    for (text, words) in [
        ("[realm.system]\ndigitz = 6\n", "digitz"),
        ("keyfile = \"x\"\n", "keyfile"),
        ("key_memory = \"swap\"\n", "swap"),
        ("[realm.system]\ndigits = 5\n", "6, 7 or 8"),
        ("[realm.system]\nalgorithm = \"MD5\"\n", "MD5"),
        ("[realm.system]\nissuer = \"a:b\"\n", "issuer"),
        ("[realm.system]\nreplace = \"never\"\n", "never"),
        ("[realm.System]\n", "realm's name"),
        ("[realm.system]\ndigits = \"six\"\n", "line 2"),
        ("not toml", "line 1"),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.contains(words), "{text:?} gave: {error}");
        assert!(error.contains("line ") && !error.contains('\n'), "{error}");
    }
}

#[test]
fn the_hosts_name_is_a_legal_issuer() {
    assert!(!host_issuer().as_str().is_empty());
}

#[test]
fn a_daemon_with_a_wrong_configuration_does_not_start_and_says_why() {
    let mut daemon = Daemon::start();
    daemon.stop();
    std::fs::write(daemon.folder().join("mfad.toml"), "[realm.system]\ndigitz = 6\n").unwrap();
    let status = daemon.command().status().unwrap();
    assert!(!status.success());
    assert!(daemon.log().contains("digitz"), "{}", daemon.log());
}

#[test]
fn check_explains_and_finds() {
    let mut daemon = Daemon::start();
    let check = |daemon: &Daemon, config: &str| {
        std::fs::write(daemon.folder().join("mfad.toml"), config).unwrap();
        let mut command = std::process::Command::new(built("mfad"));
        command.arg("check").arg("--config").arg(daemon.folder().join("mfad.toml"));
        let output = command.arg("--state").arg(daemon.folder().join("state")).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let _app = daemon.enroll("alice", now);
    let (status, text) = check(&daemon, "");
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("holds the state and is ready"), "{text}");

    daemon.stop();
    let store = |daemon: &Daemon| std::fs::read(daemon.folder().join("state/store/db")).unwrap();
    let before = store(&daemon);
    let (status, text) = check(&daemon, "[realm.system]\nreplace = \"asserted\"\n");
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("1 accounts: 1 active"), "{text}");
    assert!(text.contains("whoever has the password can replace the phone"), "{text}");
    assert_eq!(store(&daemon), before, "check wrote to the store");

    let (status, text) = check(&daemon, "digits = 6\n");
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("FINDING"), "{text}");

    std::fs::remove_file(daemon.folder().join("state/root.key")).unwrap();
    let (status, text) = check(&daemon, "");
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("without the key"), "{text}");
}
