//! What is generated from definitions: manual pages that a reader of them takes without a word, and that leave nothing out;
//! and completions that work in a real shell.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use mfad_client::module::ModuleOptions;
use mfad_daemon::config::{Config, host_issuer};
use mfad_tests::programs::{built, tool};

/// What this prints.
fn printed(program: &str, args: &[&str]) -> String {
    let output = Command::new(built(program)).args(args).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{program} {args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The pages, by their names.
fn pages() -> [(&'static str, String); 3] {
    [
        ("mfactl.1", printed("mfactl", &["man"])),
        ("mfad.8", printed("mfad", &["man"])),
        ("mfad.toml.5", printed("mfad", &["man", "mfad.toml"])),
    ]
}

/// The page as a person reads it, in one line.
fn read(page: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page");
    std::fs::write(&path, page).unwrap();
    let output = tool("mandoc").args(["-Tascii", "-Owidth=1000"]).arg(path).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    // A letter in bold is struck twice, one in italics over a line.
    let mut letters: Vec<char> = Vec::new();
    let mut text = text.chars();
    while let Some(letter) = text.next() {
        if letter == '\u{8}' {
            letters.pop();
            letters.extend(text.next());
        } else {
            letters.push(letter);
        }
    }
    letters.into_iter().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_reader_of_manuals_has_nothing_to_say_against_them() {
    let folder = tempfile::tempdir().unwrap();
    for (name, page) in pages().into_iter().chain([("pam_mfad.8", MODULE.to_owned())]) {
        let path = folder.path().join(name);
        std::fs::write(&path, page).unwrap();
        let output = tool("mandoc").args(["-Tlint", "-Wwarning"]).arg(&path).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        // They have no date, on purpose: the same version is the same page.
        let said: Vec<_> = said.lines().filter(|line| !line.contains("missing date")).collect();
        assert!(said.is_empty(), "{said:#?}");
    }
}

#[test]
fn every_page_ends_with_the_usual_sections() {
    for (name, page) in pages() {
        let sections: Vec<_> = page.lines().filter_map(|line| line.strip_prefix(".SH ")).collect();
        let last = [r#""EXIT STATUS""#, "FILES", "ENVIRONMENT", r#""SEE ALSO""#];
        assert!(sections.ends_with(&last), "{name}: {sections:?}");
        assert_eq!(sections[0], "NAME", "{name}");
    }
}

/// What `--help` shows of a command: the commands below it, and its options. Each is followed by what it means.
fn help(program: &str, path: &[&str]) -> (Vec<String>, Vec<String>) {
    let text = printed(program, &[path, &["--help"]].concat());
    let below = text.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let commands = below.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let word = |line: &str| line.split_whitespace().next().unwrap().to_owned();
    let options = text.lines().filter(|line| line.trim_start().starts_with('-')).flat_map(|line| {
        let shown = line.trim_start().split("  ").next().unwrap();
        shown.split(", ").map(word).collect::<Vec<_>>()
    });
    (commands.map(word).collect(), options.collect())
}

/// Checks a command and all below it, and counts what was found.
fn expect_on_page(page: &str, program: &str, path: &[&str]) -> usize {
    let (commands, options) = help(program, path);
    assert!(options.contains(&"--help".to_owned()), "{program} {path:?} was not read: {options:?}");
    for option in &options {
        assert!(page.contains(option), "{program} {path:?}: {option} is not on the page");
    }
    let below = commands.iter().filter(|command| *command != "help").map(|command| {
        let path = [path, &[command.as_str()]].concat();
        let name = format!("{program} {}", path.join(" "));
        assert!(page.contains(&name), "{name} is not on the page");
        expect_on_page(page, program, &path)
    });
    below.sum::<usize>() + commands.len() + options.len()
}

#[test]
fn every_command_and_every_option_of_the_help_is_on_the_page() {
    let [(_, mfactl), (_, mfad), _] = pages().map(|(name, page)| (name, read(&page)));
    let found = [expect_on_page(&mfactl, "mfactl", &[]), expect_on_page(&mfad, "mfad", &[])];
    assert!(found[0] > 100 && found[1] > 20, "little was read: {found:?}");
    for hidden in ["mfactl man", "mfad man", "mfad completions"] {
        assert!(!mfactl.contains(hidden) && !mfad.contains(hidden), "{hidden} is for packagers");
    }
}

/// The keys that a table takes, as the daemon names them when it is given another.
fn keys(table: &str) -> Vec<String> {
    let refused = Config::parse(&format!("{table}zzz = 1\n"), &host_issuer()).unwrap_err().to_string();
    let (_, expected) = refused.split_once("expected one of ").unwrap_or_else(|| panic!("{refused}"));
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_key_of_the_configuration_is_in_its_page() {
    let page = printed("mfad", &["man", "mfad.toml"]).replace("\\-", "-");
    let settings: BTreeSet<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix("\\fB")?.split([' ', '\\']).next())
        .map(str::to_owned)
        .collect();
    let tables: Vec<_> = page.lines().filter(|line| line.starts_with('[')).collect();
    let all = [keys(""), keys("[realm.system]\n"), keys("[[grant]]\n")];
    assert_eq!(all.iter().map(Vec::len).collect::<Vec<_>>(), [4, 11, 5], "{all:?}");
    for key in all.iter().flatten() {
        let table =
            tables.iter().any(|table| table.starts_with(&format!("[{key}")) || table.starts_with(&format!("[[{key}")));
        assert!(table || settings.contains(key), "{key} is not in mfad.toml(5): {settings:?}");
    }
    // What the sample says is there, word for word.
    let (sample, page) = (include_str!("../../daemon/mfad.toml"), read(&printed("mfad", &["man", "mfad.toml"])));
    for line in sample.lines() {
        let words = line.trim_start_matches('#').split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(page.contains(&words), "{words:?} is not in mfad.toml(5)");
    }
}

#[test]
fn every_shell_has_completions() {
    for program in ["mfactl", "mfad"] {
        for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
            let script = printed(program, &["completions", shell]);
            assert!(script.contains(program) && script.len() > 1000, "{program} for {shell}: {script}");
        }
    }
}

/// What a real bash makes of words, the last of which is not finished.
fn completed(folder: &Path, words: &[&str]) -> BTreeSet<String> {
    let ask = "source \"$1\"; shift; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); COMP_LINE=\"$*\"; COMP_POINT=${#COMP_LINE}\n\
        how=$(complete -p \"$1\"); how=${how##*-F }; \"${how%% *}\" \"$1\" \"${@: -1}\" \"${@: -2:1}\"\n\
        printf '%s\\n' \"${COMPREPLY[@]}\"";
    let script = folder.join(words[0]);
    let output = tool("bash").args(["--norc", "-c", ask, "bash"]).arg(script).args(words).output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_and_options() {
    let folder = tempfile::tempdir().unwrap();
    for program in ["mfactl", "mfad"] {
        let path = folder.path().join(program);
        std::fs::write(&path, printed(program, &["completions", "bash"])).unwrap();
        assert!(tool("bash").arg("-n").arg(&path).status().unwrap().success(), "{program}");
    }
    let expect = |words: &[&str], all: &[&str]| {
        assert_eq!(completed(folder.path(), words), all.iter().map(|word| (*word).to_owned()).collect(), "{words:?}");
    };
    expect(&["mfactl", "adm"], &["admin"]);
    expect(&["mfactl", "re"], &["recovery", "reset", "resync"]);
    expect(&["mfactl", "admin", "dis"], &["disable"]);
    expect(&["mfactl", "admin", "disable", "--rea"], &["--realm", "--reason"]);
    expect(&["mfactl", "admin", "import", "--format", "pam"], &["pam-oath"]);
    expect(&["mfad", "ser"], &["serve"]);
    expect(&["mfad", "serve", "--passwd"], &["--passwd-socket"]);
}

/// The page of the PAM module, which is no program that could print it.
const MODULE: &str = include_str!("../../client/pam/pam_mfad.8");

#[test]
fn the_modules_page_has_its_options_and_no_others() {
    let page = read(MODULE);
    let (_, after) = page.split_once("SYNOPSIS pam_mfad.so ").unwrap();
    let (synopsis, _) = after.split_once(" DESCRIPTION ").unwrap();
    let mut expected: BTreeSet<&str> = DESIGNED.split(' ').collect();
    for option in synopsis.split(['[', ']']).filter(|option| !option.trim().is_empty()) {
        assert!(expected.remove(option), "{option} is not in the design");
        let (key, values) = option.split_once('=').map_or(("", option), |(key, values)| (key, values));
        for value in values.split('|') {
            let value = match value {
                "REALM" => "town",
                "PATH" => "/socket",
                "UID" => "7",
                value => value,
            };
            let word = if key.is_empty() { value.to_owned() } else { format!("{key}={value}") };
            assert!(ModuleOptions::parse([word.as_str()]).is_ok(), "the module refuses {word}");
        }
        let (_, options) = page.split_once(" OPTIONS ").unwrap();
        let explained = option.split('|').filter(|_| key.is_empty()).all(|word| options.contains(word));
        assert!(explained && options.contains(key), "{option} is not explained");
    }
    assert!(expected.is_empty(), "not on the page: {expected:?}");
    for code in ["SUCCESS", "IGNORE", "AUTH_ERR", "MAXTRIES", "AUTHINFO_UNAVAIL", "SERVICE_ERR"] {
        assert!(page.contains(&format!("PAM_{code}")), "{code} is not on the page");
    }
}

/// What others script against.
const DESIGNED: &str = "realm=REALM socket=PATH server_uid=UID enroll=prompt|off fail=closed|open prompt=TEXT echo \
                        try_first_pass|use_first_pass|forward_pass debug";
