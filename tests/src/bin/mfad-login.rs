//! A program that somebody logs in through, as sshd, sudo and login are: for tests that need many processes, or count what
//! one holds.
//!
//! `mfad-login FOLDER SERVICE USER LOGINS` starts and ends as many PAM transactions of a service in that folder. Questions
//! and messages go to standard error; answers come from standard input, a line each, and its end breaks a login off. After
//! each login one line says PAM's code, and the last line what the process holds besides what it held before.

use std::fmt;
use std::io::{BufRead, Write, stdin, stdout};
use std::path::PathBuf;

use clap::Parser;
use mfad_tests::pam::{Answer, Conversation, Step, Transaction, dispositions, let_broken_pipes_kill};

#[derive(Parser)]
struct Args {
    folder: PathBuf,
    service: String,
    user: String,
    logins: u32,
}

fn main() {
    let Args { folder, service, user, logins } = Args::parse();
    let_broken_pipes_kill();
    let before = Standing::now();
    for _ in 0..logins {
        let code = log_in(&folder, &service, &user);
        writeln!(stdout(), "{code}").expect("a listening test");
    }
    let after = Standing::now();
    println!("{after}");
    let same = |name: &str, same: bool| println!("{name} {}", if same { "unchanged" } else { "CHANGED" });
    same("environment", before.environment == after.environment);
    same("signals", before.signals == after.signals);
}

fn log_in(folder: &std::path::Path, service: &str, user: &str) -> i32 {
    let conversation = Conversation::new(|style, text| {
        eprintln!("{text}");
        if !style.asks() {
            return Answer::Nothing;
        }
        let mut answer = String::new();
        let length = stdin().lock().read_line(&mut answer).expect("readable answers");
        if length == 0 { Answer::Refusal } else { Answer::Text(answer.trim_end_matches('\n').to_owned()) }
    });
    let mut transaction = Transaction::start(folder, service, Some(user), &conversation);
    transaction.take(Step::Authenticate, 0)
}

/// What a process holds.
struct Standing {
    kibibytes: String,
    threads: String,
    descriptors: Vec<String>,
    environment: Vec<(std::ffi::OsString, std::ffi::OsString)>,
    signals: (Vec<(usize, i32)>, Vec<String>),
}

impl Standing {
    fn now() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").expect("a status");
        let value = |name: &str| {
            let found = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line of the status");
            found.trim_matches([':', '\t', ' ']).to_owned()
        };
        let entries = std::fs::read_dir("/proc/self/fd").expect("descriptors");
        let mut descriptors: Vec<_> =
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        descriptors.sort();
        Self {
            kibibytes: value("VmRSS").trim_end_matches(" kB").to_owned(),
            threads: value("Threads"),
            descriptors,
            environment: std::env::vars_os().collect(),
            signals: (dispositions(), ["SigBlk", "SigIgn", "SigCgt"].map(value).into()),
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One of the descriptors is that of the list itself.
        writeln!(f, "kibibytes {}", self.kibibytes)?;
        writeln!(f, "descriptors {}", self.descriptors.len() - 1)?;
        write!(f, "threads {}", self.threads)
    }
}
