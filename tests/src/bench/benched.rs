//! A daemon whose clock is moved from here, so that each of its accounts has a fresh code whenever one is needed.

use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use mfad_client::Client;
use mfad_proto::Call;

use super::accounts;
use super::folder::Folder;
use super::plan::Plan;
use super::process::{Process, program, serve};

/// `mfad-benched` on a filled store.
pub(crate) struct Benched {
    // In this order: the process ends before its folder goes.
    _process: Process,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    folder: Folder,
    /// How far its clock is ahead of the machine's, in seconds.
    ahead: u64,
}

/// Where a daemon keeps its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    Memory,
    Disk,
}

impl Benched {
    /// Starts one with so many accounts.
    pub(crate) fn start(plan: &Plan, store: Store, accounts: usize) -> Self {
        let folder = Folder::new(plan);
        accounts::fill_apart(&folder, u64::try_from(accounts).expect("a small number"));
        let mut command = serve(program("mfad-benched"), &folder);
        if store == Store::Memory {
            command.arg("--memory");
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::start(command, &folder);
        let (orders, answers) = process.pipes();
        Self { _process: process, orders, answers: BufReader::new(answers), folder, ahead: 0 }
    }

    /// A new connection.
    pub(crate) fn connect(&self) -> Client {
        accounts::connect(&self.folder)
    }

    /// The folder that it serves from.
    pub(crate) const fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Moves the clock on, and returns a `Verify` with a fresh code for each of the first `count` accounts.
    pub(crate) fn fresh(&mut self, count: usize) -> Vec<Call> {
        let now = self.move_on();
        (0..).map(|index| accounts::verify(index, now)).take(count).collect()
    }

    /// The same as the names of the accounts and the codes that their apps show.
    pub(crate) fn fresh_codes(&mut self, count: usize) -> Vec<(String, String)> {
        let now = self.move_on();
        (0..).map(|index| accounts::shown(index, now)).take(count).collect()
    }

    /// Moves the clock on, and returns its time.
    fn move_on(&mut self) -> u64 {
        self.ahead += PASS_SECONDS;
        writeln!(self.orders, "{}", self.ahead).expect("a running daemon");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("an answer");
        assert_eq!(answer.trim(), self.ahead.to_string(), "the daemon's clock was not moved");
        SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs() + self.ahead
    }
}

/// Three steps: also an account that was accepted one step ahead, because two steps share a code, has a fresh one then.
const PASS_SECONDS: u64 = 90;
