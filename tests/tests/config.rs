//! The configuration file: what it may say, and what it is told when it says something else.

use mfad_daemon::config::{Config, Grant, Grantee, host_issuer};
use mfad_daemon::grants;
use mfad_daemon::locked::Memory;
use mfad_daemon::policy::{self, Right, Rules};
use mfad_daemon::totp::Algorithm;
use mfad_proto::{Enforcement, Enrolling, FirstFactor, Issuer, Realm, Replacing, UserName};
use mfad_tests::daemon::Daemon;

const EXAMPLE: &str = include_str!("../../daemon/mfad.toml");

/// A name that no user and no group of any machine has.
const NOBODY: &str = "mfad-none-such";

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(text, &Issuer::new("host").unwrap()).map_err(|error| error.to_string())
}

fn realm(name: &str) -> Realm {
    Realm::new(name).unwrap()
}

fn rules(config: &Config, name: &str) -> Rules {
    config.realms[&realm(name)].clone()
}

#[test]
fn nothing_means_realm_system_with_the_defaults() {
    let config = parse("").unwrap();
    assert_eq!(config.realms.keys().collect::<Vec<_>>(), [&realm("system")]);
    let rules = rules(&config, "system");
    assert_eq!(rules.issuer.as_str(), "host");
    assert_eq!((config.key_memory, config.key_file, config.grants), (Memory::Mlock, None, vec![]));
    assert_eq!((rules.digits.count(), rules.algorithm, rules.replace), (6, Algorithm::Sha1, Replacing::Code));
    assert_eq!((rules.first_factor, rules.enroll), (FirstFactor::Pam, Enrolling::Open));
    assert_eq!((rules.enforce, rules.except), (Enforcement::Off, policy::Exceptions::default()));
    assert_eq!(rules.stack.to_string(), "requisite password, sufficient totp, required recovery");
    assert_eq!(parse("").unwrap(), Config::without_file(&Issuer::new("host").unwrap()));
}

#[test]
fn every_key_is_understood() {
    let text = "key_file = \"/etc/mfad/root.key\"\nkey_memory = \"memfd_secret\"\n\
        [realm.netmaker]\nissuer = \"Net Maker\"\ndigits = 8\nalgorithm = \"SHA256\"\nreplace = \"asserted\"\n\
        first_factor = \"password\"\nstack = [\"required password\", \"required totp\"]\nenroll = \"ticket\"\n\
        enforce = \"on\"\nexcept_users = [\"alice\", \"bob\"]\nexcept_services = [\"cron\"]\n\
        [realm.people]\nfirst_factor = \"pam\"\nexcept_groups = [\"staff\"]\n\
        [[grant]]\nrealm = \"people\"\nright = \"owner\"\ngroup = \"staff\"\n\
        [[grant]]\nrealm = \"netmaker\"\nright = \"admin\"\nuser = \"carol\"\n\
        [[grant]]\nrealm = \"netmaker\"\nright = \"login\"\nsocket = \"The portal\"\n";
    let config = parse(text).unwrap();
    assert_eq!(config.key_file.as_ref().unwrap().to_str(), Some("/etc/mfad/root.key"));
    assert_eq!(config.key_memory, Memory::MemfdSecret);
    assert_eq!(config.realms.len(), 3, "system is always served");
    let netmaker = rules(&config, "netmaker");
    assert_eq!(netmaker.issuer.as_str(), "Net Maker");
    assert_eq!((netmaker.digits.count(), netmaker.algorithm), (8, Algorithm::Sha256));
    assert_eq!((netmaker.replace, netmaker.first_factor), (Replacing::Asserted, FirstFactor::Password));
    assert_eq!((netmaker.enroll, netmaker.enforce), (Enrolling::Ticket, Enforcement::On));
    assert_eq!(netmaker.stack.to_string(), "required password, required totp");
    assert_eq!(netmaker.except.users.iter().map(UserName::as_str).collect::<Vec<_>>(), ["alice", "bob"]);
    assert_eq!(netmaker.except.services.iter().map(|label| label.as_str()).collect::<Vec<_>>(), ["cron"]);
    assert_eq!(rules(&config, "people").except.groups, ["staff"]);
    assert_eq!(rules(&config, "people").first_factor, FirstFactor::Pam);
    let grant = |name, right, to| Grant { realm: realm(name), right, to };
    let expected = [
        grant("people", Right::Owner, Grantee::Group("staff".into())),
        grant("netmaker", Right::Admin, Grantee::User(UserName::new("carol").unwrap())),
        grant("netmaker", Right::Login, Grantee::Socket("The portal".into())),
    ];
    assert_eq!(config.grants, expected);
    assert!(config.has_socket("The portal") && !config.has_socket("carol") && !config.has_socket("netmaker"));
    assert_eq!(rules(&parse("[realm.netmaker]").unwrap(), "netmaker").first_factor, FirstFactor::Asserted);
}

/// Names the keys that the parser knows in a table, by asking for one that it does not.
fn known_keys(table: &str) -> Vec<String> {
    let fault = parse(&format!("{table}\nzzz = 1\n")).unwrap_err();
    let words: Vec<_> = fault.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    assert_eq!(words[0], "zzz", "{fault}");
    assert!(fault.ends_with('`'), "the list was cut: {fault}");
    words[1..].to_vec()
}

/// The example with every setting switched on.
fn all_of_the_example() -> String {
    let is_setting = |line: &str| {
        let key: String = line.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
        line == "[[grant]]" || (!key.is_empty() && line[key.len()..].starts_with(" = "))
    };
    let on = |line: &'static str| line.strip_prefix('#').filter(|rest| is_setting(rest)).unwrap_or(line);
    EXAMPLE.lines().map(on).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_examples_are_valid_as_they_stand_and_with_everything_switched_on() {
    let readme = include_str!("../../README.md");
    let (_, after) = readme.split_once("```toml\n").expect("an example in README.md");
    parse(after.split_once("```").expect("the end of the example").0).unwrap();
    let (some, all) = (parse(EXAMPLE).unwrap(), parse(&all_of_the_example()).unwrap());
    assert!(some.grants.is_empty() && all.grants.len() == 3);
    assert_eq!(rules(&some, "system").enforce, "after 2027-01-01".parse().unwrap());
    // What the example says of the defaults holds: only what it calls its own example differs.
    assert_eq!(rules(&some, "system").stack, rules(&all, "system").stack);
    assert_eq!(rules(&some, "system").first_factor, rules(&all, "system").first_factor);
}

#[test]
fn the_example_has_every_key() {
    let all = all_of_the_example();
    for table in ["", "[realm.system]", "[[grant]]"] {
        let keys = known_keys(table);
        assert!(keys.len() > 3, "{keys:?}");
        for key in keys {
            let stands = [format!("\n{key} = "), format!("\n[{key}."), format!("\n[[{key}]]")];
            assert!(stands.iter().any(|form| all.contains(form)), "{key} of {table:?} is not in the example");
        }
    }
}

#[test]
fn what_is_wrong_is_named_with_its_line_and_what_was_probably_meant() {
    let long = format!("[realm.system]\n{} = 6\n", "d".repeat(5000));
    let far = format!("enforce = \"{}\"", "\\u0007".repeat(500));
    for (line, text, words) in [
        (2, "[realm.system]\ndigitz = 6\n", "did you mean `digits`?"),
        (1, "keyfile = \"/x\"\n", "did you mean `key_file`?"),
        (3, "\n\n[realms.system]\n", "did you mean `realm`?"),
        (1, "[[grants]]\n", "did you mean `grant`?"),
        (1, "key_memory = \"memfd-secret\"\n", "did you mean `memfd_secret`?"),
        (1, "key_memory = \"swap\"\n", "unknown variant `swap`"),
        (1, "key_file = \"root.key\"\n", "begins with /"),
        (2, "[realm.system]\nfirst_factor = \"PAM\"\n", "did you mean `pam`?"),
        (2, "[realm.system]\nenroll = \"tickets\"\n", "did you mean `ticket`?"),
        (2, "[realm.system]\nreplace = \"never\"\n", "unknown word `never`, expected one of `code`, `asserted`"),
        (2, "[realm.system]\nenforce = \"of\"\n", "did you mean `off`?"),
        (2, "[realm.system]\nenforce = 1\n", "enforce is true, false"),
        (2, "[realm.system]\nenforce = 2027-01-01T12:00:00Z\n", "it begins at 00:00 UTC"),
        (2, "[realm.system]\nexcept_user = [\"root\"]\n", "did you mean `except_users`?"),
        (2, "[realm.system]\nexcept_users = [\"a\", \"b/c\"]\n", "a user's name"),
        (2, "[realm.system]\nexcept_groups = [\"a,b\"]\n", "a group's name"),
        (2, "[realm.system]\nexcept_services = [\"\"]\n", "a service's name"),
        (3, "[realm.a]\n\nexcept_groups = [\"staff\"]\n", "nobody of this realm is in a Unix group"),
        (2, "[realm.a]\nfirst_factor = \"pam\"\n", "judged by the Unix password of root"),
        (2, "[realm.system]\ndigits = 5\n", "6, 7 or 8"),
        (2, "[realm.system]\ndigits = -1\n", "6, 7 or 8"),
        (2, "[realm.system]\ndigits = \"six\"\n", "invalid type"),
        (2, "[realm.system]\nalgorithm = \"sha256\"\n", "did you mean `SHA256`?"),
        (2, "[realm.system]\nalgorithm = \"MD5\"\n", "MD5"),
        (2, "[realm.system]\nissuer = \"a:b\"\n", "issuer"),
        (1, "[realm.System]\n", "realm's name"),
        (2, "[realm.a]\n[realm.a]\n", "duplicate key"),
        (1, "not toml", ""),
        (2, &long, "unknown field `ddd"),
        (2, &format!("[realm.system]\n{far}"), "unknown word `  "),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.starts_with(&format!("line {line}: ")) && error.contains(words), "{text:?} gave: {error}");
        assert!(!error.chars().any(char::is_control) && error.len() < 320, "{error}");
        assert_eq!(error.contains("did you mean"), words.contains("did you mean"), "{text:?} gave: {error}");
    }
}

#[test]
fn a_stack_that_one_factor_passes_or_nobody_is_refused() {
    for (stack, words) in [
        (r#"["required password"]"#, "weak: it accepts a first factor alone"),
        (r#"["sufficient password", "required totp"]"#, "weak: it accepts a first factor alone"),
        (r#"["sufficient totp", "required password", "required recovery"]"#, "weak: it accepts a code alone"),
        (r#"["required totp"]"#, "weak: it accepts a code alone"),
        (r#"["requisite password", "required recovery"]"#, "impossible"),
        (r#"["required password", "required totp", "required recovery"]"#, "impossible"),
        ("[]", "impossible"),
        (r#"["requisite password", "required sms"]"#, "unknown verifier `sms`"),
        (r#"["requisite pasword", "required totp"]"#, "did you mean `password`?"),
        (r#"["requisit password", "required totp"]"#, "did you mean `requisite`?"),
        (r#"["optional password", "required totp"]"#, "unknown control `optional`"),
        (r#"["required password", "required totp", "required totp"]"#, "`totp` stands twice"),
        (r#"["password", "totp"]"#, "`password` is no line of a stack"),
        (r#""requisite password""#, "invalid type"),
    ] {
        let error = parse(&format!("[realm.system]\nstack = {stack}\n")).unwrap_err();
        assert!(error.starts_with("line 2: ") && error.contains(words), "{stack} gave: {error}");
    }
    for stack in [
        r#"["requisite password", "required totp"]"#,
        r#"["required password", "sufficient totp", "required recovery"]"#,
        r#"["required  password", "required totp"]"#,
    ] {
        parse(&format!("[realm.system]\nstack = {stack}\n")).unwrap();
    }
}

#[test]
fn a_grant_gives_one_right_to_one_grantee() {
    for (line, grant, words) in [
        (2, "realm = \"netmakr\"\nright = \"login\"\nuser = \"a\"", "did you mean `netmaker`?"),
        (3, "realm = \"netmaker\"\nright = \"owners\"\nuser = \"a\"", "did you mean `owner`?"),
        (1, "realm = \"netmaker\"\nright = \"login\"", "names one of user, group and socket"),
        (1, "realm = \"netmaker\"\nright = \"login\"\nuser = \"a\"\ngroup = \"b\"", "names one of"),
        (1, "right = \"login\"\nuser = \"a\"", "missing field `realm`"),
        (1, "realm = \"netmaker\"\nuser = \"a\"", "missing field `right`"),
        (4, "realm = \"netmaker\"\nright = \"login\"\nusers = \"a\"", "did you mean `user`?"),
        (4, "realm = \"netmaker\"\nright = \"owner\"\nsocket = \"a\"", "need not be anybody here"),
        (4, "realm = \"netmaker\"\nright = \"admin\"\nsocket = \"a\"", "whose root would administer"),
        (4, "realm = \"netmaker\"\nright = \"login\"\nsocket = \"system\"", "is that of realm system"),
        (4, "realm = \"netmaker\"\nright = \"login\"\nsocket = \"mfad\"", "is the public one"),
        (4, "realm = \"netmaker\"\nright = \"login\"\nsocket = \"unknown\"", "is the public one"),
        (4, "realm = \"netmaker\"\nright = \"login\"\nsocket = \"a:b\"", "a socket's name"),
        (4, "realm = \"netmaker\"\nright = \"login\"\nsocket = \"\"", "a socket's name"),
        (4, "realm = \"netmaker\"\nright = \"login\"\ngroup = \"a:b\"", "a group's name"),
    ] {
        let error = parse(&format!("[[grant]]\n{grant}\n[realm.netmaker]\n")).unwrap_err();
        assert!(error.starts_with(&format!("line {line}: ")) && error.contains(words), "{grant} gave: {error}");
    }
}

#[test]
fn a_grant_to_nobody_gives_nobody_anything() {
    let grant = |right, to| Grant { realm: realm("people"), right, to };
    let (found, missing) = grants::resolve(&[
        grant(Right::Admin, Grantee::User(UserName::new("root").unwrap())),
        grant(Right::Owner, Grantee::Group(NOBODY.into())),
        grant(Right::Login, Grantee::User(UserName::new(NOBODY).unwrap())),
        grant(Right::Login, Grantee::Socket("portal".into())),
    ]);
    assert_eq!(found[0].to, policy::Grantee::User(0));
    // They stay: that the realm's names are Unix users must not hang on a group that is there.
    assert_eq!(found[1].to, policy::Grantee::Group(u32::MAX));
    assert_eq!(found[2].to, policy::Grantee::User(u32::MAX));
    assert_eq!(found[3].to, policy::Grantee::Socket("portal".into()));
    assert_eq!(missing.len(), 2, "{missing:?}");
    assert_eq!(missing[0], format!("there is no group {NOBODY}: its grant in realm people gives nobody anything"));
    assert!(missing[1].contains(&format!("no user {NOBODY}")), "{missing:?}");
}

#[test]
fn a_file_that_is_too_long_is_not_read_in_part() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mfad.toml");
    let read = |length: usize| {
        std::fs::write(&path, "#".repeat(length)).unwrap();
        Config::read(&path, &Issuer::new("host").unwrap())
    };
    assert!(read(1024 * 1024).is_ok());
    assert!(read(1024 * 1024 + 1).unwrap_err().to_string().contains("cannot be read"));
}

#[test]
fn the_hosts_name_is_a_legal_issuer() {
    assert!(!host_issuer().as_str().is_empty());
}

#[test]
fn a_daemon_with_a_wrong_configuration_does_not_start_and_says_why() {
    let mut daemon = Daemon::start();
    daemon.stop();
    for (config, why) in [
        ("[realm.system]\ndigitz = 6\n", "line 2: unknown field `digitz`"),
        ("[realm.system]\nstack = [\"required totp\"]\n", "line 2: the stack is weak: it accepts a code alone"),
        ("[realm.system]\nstack = [\"required password\"]\n", "the stack is weak: it accepts a first factor alone"),
    ] {
        std::fs::write(daemon.folder().join("mfad.toml"), config).unwrap();
        assert!(!daemon.command().status().unwrap().success(), "{config}");
        assert!(daemon.log().contains(why), "{}", daemon.log());
    }
}
