//! How much is measured.

use std::path::PathBuf;

use clap::Args;

/// The options of `tests/bench`.
#[derive(Args)]
pub(crate) struct Plan {
    /// Print one JSON object a row on standard output, and prose on standard error
    #[arg(long)]
    pub(crate) json: bool,
    /// Rounds, at least 5 [default: 9, or 5 with --quick]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(5..))]
    rounds: Option<u64>,
    /// Sizes of the store at which starts are measured [default: 1000,100000,1000000, or 1000,10000 with --quick]
    #[arg(long, value_name = "N,N,...", value_delimiter = ',', value_parser = clap::value_parser!(u64).range(1..))]
    users: Option<Vec<u64>>,
    /// Less of everything, in under a minute: to see that it works
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only how long denials take
    #[arg(long)]
    pub(crate) denials: bool,
    /// Where all state goes, which decides what disk is measured; tests/bench makes it and removes it
    #[arg(long, value_name = "DIR", default_value = ".", hide = true)]
    pub(crate) folder: PathBuf,
}

impl Plan {
    /// How often everything is measured.
    pub(crate) fn rounds(&self) -> u64 {
        self.rounds.unwrap_or(if self.quick { 5 } else { 9 })
    }

    /// What each round of this work tells, after one that warms up.
    pub(crate) fn measured<R>(&self, work: &str, mut round: impl FnMut() -> R) -> Vec<R> {
        round();
        let numbered = |number| {
            eprintln!("{work}: round {number} of {}", self.rounds());
            round()
        };
        (1..=self.rounds()).map(numbered).collect()
    }

    /// The numbers of accounts in the stores that are started.
    pub(crate) fn users(&self) -> Vec<u64> {
        let default: &[u64] = if self.quick { &[1_000, 10_000] } else { &[1_000, 100_000, 1_000_000] };
        self.users.clone().unwrap_or_else(|| default.to_vec())
    }

    /// So many of one kind of work in one round.
    pub(crate) fn count(&self, count: usize) -> usize {
        if self.quick { count / 8 } else { count }
    }
}
