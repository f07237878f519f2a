//! sudo: rules that ask for no password ask PAM nothing, and so for no code.

use std::path::Path;

use super::report::Said;
use super::{Machine, is_root, text};

/// Check: which rules of sudo go around.
pub(super) fn judge(_machine: &Machine) -> Vec<Said> {
    if !Path::new(FILE).exists() {
        return vec![Said::ok(CHECK, "there is no sudo here")];
    }
    if !is_root() {
        return vec![Said::note(CHECK, "whether rules of sudo go around the code: only root can read them")];
    }
    let mut files = vec![Path::new(FILE).to_owned()];
    // sudo passes over names with a dot or a tilde at the end.
    let is_read = |path: &Path| {
        path.file_name()
            .is_some_and(|name| !name.to_string_lossy().contains('.') && !name.to_string_lossy().ends_with('~'))
    };
    files.extend(text::files(Path::new(FOLDER)).unwrap_or_default().into_iter().filter(|path| is_read(path)));
    let mut said: Vec<_> = files.iter().flat_map(|file| judge_file(file)).collect();
    if said.is_empty() {
        said.push(Said::ok(CHECK, "no rule of sudo spares the password"));
    }
    said
}

fn judge_file(path: &Path) -> Vec<Said> {
    let text = match text::read(path) {
        Ok(text) => text,
        Err(error) => return vec![Said::note(CHECK, format!("{} cannot be read: {error}", path.display()))],
    };
    let lines = unasked(&text).into_iter().map(|line| {
        let text = format!("{} line {line} lets sudo run without a password, and so without a code", path.display());
        Said::advice(CHECK, text, "where that is not meant, take NOPASSWD or !authenticate out, with visudo")
    });
    lines.collect()
}

/// The numbers of the lines that spare the password.
fn unasked(text: &str) -> Vec<usize> {
    let spares = |line: &str| {
        let rule = line.get(..comment(line)).unwrap_or_default();
        rule.contains("NOPASSWD") || (rule.trim_start().starts_with("Defaults") && rule.contains("!authenticate"))
    };
    (1..).zip(text.lines()).filter(|(_, line)| spares(line)).map(|(number, _)| number).collect()
}

/// Where the comment of a line begins: at a `#` that is no uid's.
fn comment(line: &str) -> usize {
    let is_comment = |rest: &str| !rest.chars().nth(1).is_some_and(|next| next.is_ascii_digit());
    let mut marks = line.match_indices('#').map(|(at, _)| at);
    marks.find(|at| line.get(*at..).is_some_and(is_comment)).unwrap_or(line.len())
}

const CHECK: &str = "sudo";
const FILE: &str = "/etc/sudoers";
const FOLDER: &str = "/etc/sudoers.d";
