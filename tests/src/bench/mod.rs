//! The benchmark: what a verify and a start cost, as ratios to what this machine needs for the bare work.
//!
//! References and daemon are measured in turns in the same run, several rounds of them, each in a process of its own.
//! What is told of each row is the median of the rounds, with the smallest and the largest. Nothing is asserted: a
//! missed target is printed as missed. How long denials take is told by their reasons, in tables of its own.

mod accounts;
mod benched;
mod clients;
mod denials;
mod disk;
mod echo;
mod folder;
mod growth;
mod load;
mod machine;
mod pam;
mod plan;
mod process;
mod row;
mod spread;
mod verify;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use self::plan::Plan;
use self::row::Row;

/// Measure mfad on this machine; it must be idle for numbers worth keeping
#[derive(Parser)]
#[command(bin_name = "tests/bench", args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(flatten)]
    plan: Plan,
    #[command(subcommand)]
    part: Option<Part>,
}

/// The processes beside the load generator and the daemon.
#[derive(Subcommand)]
enum Part {
    /// Send back whatever comes in on a socket
    #[command(hide = true)]
    Echo { socket: PathBuf },
    /// Put accounts into the store of a folder
    #[command(hide = true)]
    Fill { folder: PathBuf, accounts: u64 },
    /// Put the accounts that are denied something into the store of a folder
    #[command(hide = true)]
    FillDenials { folder: PathBuf, samples: usize },
    /// Open the store of a folder, and read it once
    #[command(hide = true)]
    Scan { folder: PathBuf, accounts: u64 },
}

/// Measures and prints, or is one of the processes that this takes.
pub fn run(args: &Args) {
    match &args.part {
        None => measure(&args.plan),
        Some(Part::Echo { socket }) => echo::serve(socket),
        Some(Part::Fill { folder, accounts }) => accounts::fill(folder, *accounts),
        Some(Part::FillDenials { folder, samples }) => denials::fill(folder, *samples),
        Some(Part::Scan { folder, accounts }) => growth::scan(folder, *accounts),
    }
}

fn measure(plan: &Plan) {
    let machine = machine::describe(plan);
    row::print_head(&machine, plan.json);
    let denials = denials::tables(plan);
    if !plan.denials {
        let rows: Vec<Row> =
            [verify::rows, pam::rows, clients::rows, growth::rows].iter().flat_map(|rows| rows(plan)).collect();
        row::print(&rows, plan.json);
    }
    denials.iter().for_each(|table| table.print(plan.json));
}
