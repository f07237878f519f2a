//! The clocked daemon on an engine that never syncs: the control of `tests/powercut.rs`, which must see it lose something.

use std::sync::Arc;

use mfad_daemon::Config;
use mfad_tests::flush_only::FlushOnlyHome;

fn main() {
    mfad_tests::clocked::serve(|config, state| {
        let home = Arc::new(FlushOnlyHome::new(Arc::clone(&config.home), state));
        Config { home, ..config }
    });
}
