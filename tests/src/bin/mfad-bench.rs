//! The load generator of `tests/bench`, which builds it and runs it on a folder that goes afterwards.

use clap::Parser;

fn main() {
    mfad_tests::bench::run(&mfad_tests::bench::Args::parse());
}
