//! The daemon with a clock that a test sets: see `mfad_tests::clocked`.

fn main() {
    mfad_tests::clocked::serve(|config, _state| config);
}
