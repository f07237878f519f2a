//! The clocked daemon on an engine that never syncs: the control of `tests/powercut.rs`, which must see it lose something.

use std::sync::Arc;

use mfad_daemon::Config;
use mfad_tests::clocked::{clock_file, serve};
use mfad_tests::flush_only::FlushOnlyHome;

fn main() {
    serve(|config, state| {
        let head = clock_file().with_file_name("flush-only-head");
        let home = Arc::new(FlushOnlyHome::new(Arc::clone(&config.home), state, head));
        Config { home, ..config }
    });
}
