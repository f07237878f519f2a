//! Configurations: what parses holds legal values alone, and the rest is refused with one line that says where.

use std::fmt::{Display, Write};

use mfad_daemon::config::{Config, Grantee};
use mfad_daemon::locked::Memory;
use mfad_daemon::policy::{Right, Rules};
use mfad_daemon::totp::Algorithm;
use mfad_proto::{FirstFactor, Issuer, Realm};

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
            for (realm, rules) in &config.realms {
                let of_unix = rules.first_factor == FirstFactor::Pam || !rules.except.groups.is_empty();
                assert!(!of_unix || config.has_unix_users(realm), "{realm} asks this machine about its users");
            }
            for grant in &config.grants {
                assert!(config.realms.contains_key(&grant.realm), "a grant in no realm");
                if let Grantee::Socket(name) = &grant.to {
                    assert!(grant.right == Right::Login, "a socket has more than logins");
                    let is_realm = Realm::new(name).is_some_and(|name| config.realms.contains_key(&name));
                    assert!(!is_realm && name != "mfad" && name != "unknown", "{name} has a meaning of its own");
                }
            }
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
        "key_file = \"/etc/mfad/root.key\"\nkey_memory = \"memfd_secret\"\n[realm.netmaker]\nissuer = \"Net Maker\"\n\
         digits = 8\nalgorithm = \"SHA256\"\nreplace = \"asserted\"\nfirst_factor = \"password\"\nenroll = \"ticket\"\n\
         stack = [\"required password\", \"required totp\"]\nenforce = true\nexcept_users = [\"a b\"]\n\
         except_services = [\"cron\"]\n[[grant]]\nrealm = \"netmaker\"\nright = \"login\"\nsocket = \"portal\"\n",
        "[realm.people]\nfirst_factor = \"pam\"\nexcept_groups = [\"staff\"]\nenroll = \"closed\"\n\
         enforce = \"after 2027-01-01\"\n[[grant]]\nrealm = \"people\"\nright = \"owner\"\ngroup = \"staff\"\n\
         [[grant]]\nrealm = \"people\"\nright = \"admin\"\nuser = \"root\"\n",
        "realm = { system = { digits = 7 }, a-1 = { algorithm = 'SHA-512', replace = \"code\" } } # one line",
        "realm.system.issuer = '''\nhost'''\r\nrealm.other = {}\nrealm.system.enforce = 9999-12-31",
        "[realm.system]\nstack = [\"requisite password\", \"sufficient totp\", \"required recovery\"]\nenforce = \"off\"",
        "[realm.system]\ndigits = 9",
        "[realm.System]\nissuer = \"a:b\"\n",
        "[realm.system]\nenforce = \"2026-02-30\"\n",
        "[realm.system]\nstack = [\"sufficient pasword\"]\n",
        "[realm.a]\nexcept_groups = [\"x\"]\n",
        "grant = [{ realm = \"system\", right = \"login\", socket = \"mfad\" }]",
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
        say(&mut text, "key_file", quoted(path.to_str().expect("it came from a text")));
    }
    let memory = match config.key_memory {
        Memory::Mlock => "mlock",
        Memory::MemfdSecret => "memfd_secret",
    };
    say(&mut text, "key_memory", quoted(memory));
    for (realm, rules) in &config.realms {
        writeln!(text, "[realm.{realm}]").expect("memory");
        write_rules(&mut text, rules);
    }
    for grant in &config.grants {
        let right = match grant.right {
            Right::Login => "login",
            Right::Owner => "owner",
            Right::Admin => "admin",
        };
        writeln!(text, "[[grant]]\nrealm = \"{}\"\nright = \"{right}\"", grant.realm).expect("memory");
        match &grant.to {
            Grantee::User(user) => say(&mut text, "user", quoted(user.as_str())),
            Grantee::Group(group) => say(&mut text, "group", quoted(group)),
            Grantee::Socket(socket) => say(&mut text, "socket", quoted(socket)),
        }
    }
    text
}

fn write_rules(text: &mut String, rules: &Rules) {
    let algorithm = match rules.algorithm {
        Algorithm::Sha1 => "SHA1",
        Algorithm::Sha256 => "SHA256",
        Algorithm::Sha512 => "SHA512",
    };
    say(text, "first_factor", quoted(rules.first_factor.as_str()));
    say(text, "stack", list(rules.stack.to_string().split(", ")));
    say(text, "issuer", quoted(rules.issuer.as_str()));
    say(text, "digits", rules.digits.count());
    say(text, "algorithm", quoted(algorithm));
    say(text, "enroll", quoted(rules.enroll.as_str()));
    say(text, "replace", quoted(rules.replace.as_str()));
    say(text, "enforce", quoted(&rules.enforce.to_string()));
    say(text, "except_users", list(rules.except.users.iter().map(|user| user.as_str())));
    say(text, "except_groups", list(rules.except.groups.iter().map(String::as_str)));
    say(text, "except_services", list(rules.except.services.iter().map(|service| service.as_str())));
}

fn say(text: &mut String, key: &str, value: impl Display) {
    writeln!(text, "{key} = {value}").expect("memory");
}

fn list<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    format!("[{}]", texts.map(quoted).collect::<Vec<_>>().join(", "))
}

/// A TOML string that needs no thought about which characters must be escaped.
fn quoted(text: &str) -> String {
    let escaped: String = text.chars().map(|c| format!("\\U{:08x}", u32::from(c))).collect();
    format!("\"{escaped}\"")
}
