//! Configurations: what parses holds legal values alone, and the rest is refused with one line that says where.

use std::fmt::Write;

use mfad_daemon::config::Config;
use mfad_daemon::policy::Replace;
use mfad_daemon::totp::Algorithm;
use mfad_proto::{Issuer, Realm};

use super::assert_bounded;

/// Parses a text, and what is written of that.
///
/// # Panics
/// When it does not hold.
pub fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let host = Issuer::new("host").expect("a legal issuer");
    match Config::parse(&text, &host) {
        Ok(config) => {
            assert!(config.realms.contains_key(&Realm::system()), "system is always served");
            let written = written(&config);
            assert_eq!(Config::parse(&written, &host).ok(), Some(config), "{written}");
        }
        Err(error) => {
            let message = error.to_string();
            assert_bounded(&message);
            let line = message.strip_prefix("line ").and_then(|rest| rest.split_once(": ")?.0.parse().ok());
            assert!((1..=text.lines().count() + 1).contains(&line.expect("a line")), "{message}");
        }
    }
}

/// Texts with every key, and with faults.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    [
        "key_file = \"/etc/mfad/root.key\"\n[realm.netmaker]\nissuer = \"Net Maker\"\n\
         digits = 8\nalgorithm = \"SHA256\"\nreplace = \"asserted\"\n",
        "realm = { system = { digits = 7 }, a-1 = { algorithm = 'SHA-512', replace = \"code\" } } # one line",
        "realm.system.issuer = '''\nhost'''\r\nrealm.other = {}\n",
        "[realm.system]\ndigits = 9",
        "[realm.System]\nissuer = \"a:b\"\n",
        "key_file = \"root.key\"\n\u{1b}[31m = 1979-05-27T07:32:00Z",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

/// The configuration as a file that says everything; whatever in it is illegal cannot be parsed again.
fn written(config: &Config) -> String {
    let mut text = String::new();
    if let Some(path) = &config.key_file {
        assert!(path.is_absolute(), "{} means another file elsewhere", path.display());
        writeln!(text, "key_file = {}", quoted(path.to_str().expect("it came from a text"))).expect("memory");
    }
    for (realm, rules) in &config.realms {
        let algorithm = match rules.algorithm {
            Algorithm::Sha1 => "SHA1",
            Algorithm::Sha256 => "SHA256",
            Algorithm::Sha512 => "SHA512",
        };
        let replace = match rules.replace {
            Replace::Code => "code",
            Replace::Asserted => "asserted",
        };
        let (issuer, digits) = (quoted(rules.issuer.as_str()), rules.digits.count());
        writeln!(text, "[realm.{realm}]\nissuer = {issuer}\ndigits = {digits}").expect("memory");
        writeln!(text, "algorithm = \"{algorithm}\"\nreplace = \"{replace}\"").expect("memory");
    }
    text
}

/// A TOML string that needs no thought about which characters must be escaped.
fn quoted(text: &str) -> String {
    let escaped: String = text.chars().map(|c| format!("\\U{:08x}", u32::from(c))).collect();
    format!("\"{escaped}\"")
}
