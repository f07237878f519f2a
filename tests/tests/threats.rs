//! `daemon/THREATS.md` names only tests that are there, and leaves no promise and no known defect without a word on it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const PROMISES: [&str; 9] = ["P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn document() -> String {
    std::fs::read_to_string(root().join("daemon/THREATS.md")).unwrap()
}

/// The tests of a file, by what stands before a function. One that is ignored shows nothing.
fn tests_in(source: &str) -> BTreeSet<&str> {
    let (mut found, mut is_test) = (BTreeSet::new(), false);
    for line in source.lines().map(str::trim_start) {
        if matches!(line, "#[test]" | "#[tokio::test]") {
            is_test = true;
        } else if line.starts_with("#[ignore") {
            is_test = false;
        } else if let Some((_, rest)) = line.split_once("fn ").filter(|(before, _)| matches!(*before, "" | "async ")) {
            if is_test {
                found.insert(rest.split('(').next().unwrap());
            }
            is_test = false;
        }
    }
    found
}

/// The text between backticks.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The tests that a text names, each as its file and its function.
fn references(text: &str) -> impl Iterator<Item = (&str, &str)> {
    spans(text).filter_map(|span| span.split_once(".rs: "))
}

/// The sections of a text that begin with this mark: each by its title, with all that comes before the next title.
fn sections<'t>(text: &'t str, mark: &str) -> Vec<(&'t str, &'t str)> {
    let begins: Vec<_> = text.match_indices('\n').map(|(place, _)| &text[place + 1..]).collect();
    let titled = begins.into_iter().filter_map(|rest| rest.strip_prefix(mark)?.split_once('\n'));
    titled.map(|(title, rest)| (title, rest.split("\n#").next().unwrap())).collect()
}

/// What is wrong with this text.
fn faults(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for span in spans(text).filter(|span| span.contains(".rs")) {
        let there = match span.split_once(": ") {
            Some((file, function)) => std::fs::read_to_string(root().join("tests/tests").join(file))
                .is_ok_and(|source| tests_in(&source).contains(function)),
            // Where code is, not what shows something.
            None => span.contains('/') && root().join(span).is_file(),
        };
        if !there {
            faults.push(format!("there is no {span}"));
        }
    }
    if let Some(loose) = text.split('`').step_by(2).find(|outside| outside.contains(".rs")) {
        faults.push(format!("a file is named outside of backticks: {loose}"));
    }
    let promises = sections(text, "### ");
    for promise in PROMISES {
        let mut rows = promises.iter().filter(|(title, _)| title.split(':').next() == Some(promise));
        match (rows.next(), rows.next()) {
            (Some((_, row)), None) if references(row).next().is_some() => {}
            (Some((_, _)), None) => faults.push(format!("no test shows {promise}")),
            (Some(_), Some(_)) => faults.push(format!("{promise} stands there twice")),
            (None, _) => faults.push(format!("{promise} is missing")),
        }
    }
    let rows = defects(text).filter(|row| references(row).next().is_none());
    faults.extend(rows.map(|row| format!("no test shows this: {row}")));
    faults
}

/// The rows of the table of what befell others.
fn defects(text: &str) -> impl Iterator<Item = &str> {
    let section = sections(text, "## What befell others").into_iter().next().map_or("", |(_, section)| section);
    section.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| who |"))
}

#[test]
fn the_document_names_only_what_is_there() {
    let text = document();
    assert_eq!(faults(&text), [""; 0]);
    let named: BTreeSet<_> = references(&text).collect();
    assert!(named.len() >= 70, "only {} tests were read", named.len());
    assert!(defects(&text).count() >= 20, "only {} defects were read", defects(&text).count());
}

#[test]
fn every_kind_of_fault_is_found() {
    let text = document();
    let found = |from: &str, to: &str| {
        assert!(text.contains(from), "{from} is not there to be changed");
        faults(&text.replace(from, to)).join("\n")
    };
    let reference = "`guess.rs: a_used_code_is_no_guess`";
    for (changed, words) in [
        ("`guess.rs: no_such_test`", "there is no guess.rs: no_such_test"),
        ("`no_such_file.rs: a_used_code_is_no_guess`", "there is no no_such_file.rs"),
        // It is there, and is no test.
        ("`guess.rs: fail`", "there is no guess.rs: fail"),
        ("`guess.rs`", "there is no guess.rs"),
        ("`daemon/src/no_such_file.rs`", "there is no daemon/src/no_such_file.rs"),
        ("guess.rs: a_used_code_is_no_guess", "outside of backticks"),
    ] {
        let found = found(reference, changed);
        assert!(found.contains(words), "{changed} gave: {found}");
    }
    for promise in PROMISES {
        assert_eq!(found(&format!("\n### {promise}: "), "\n### P0: "), format!("{promise} is missing"));
    }
    assert_eq!(found("\n### P8: ", "\n### P7: "), "P7 stands there twice\nP8 is missing");
    let emptied = found("\n### P5: ", "\n### P5: nothing\n\n### P0: ");
    assert_eq!(emptied, "no test shows P5");
    let last = "`pam_module.rs: a_name_that_libpam_asks_for_is_the_one_that_logs_in` |";
    assert!(found(last, "- |").contains("no test shows this: | CVE-2024-9313"));
}

#[test]
fn only_what_runs_is_a_test() {
    let source = "#[test]\nfn one() {}\n\nfn helper() {}\n\n#[tokio::test]\nasync fn two() {}\n\nproptest! {\n    #[test]\n    \
        /// Words.\n    #[expect(lint, reason = \"a reason\")]\n    fn three(n in 0..4) {}\n}\n// #[test]\nfn four() {}\n#[test]\n#[ignore = \"a reason\"]\n\
        fn five() {}\n";
    assert_eq!(tests_in(source), BTreeSet::from(["one", "two", "three"]));
}
