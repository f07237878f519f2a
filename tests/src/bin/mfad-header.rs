//! Prints `mfad.h` as it would be made today.

fn main() {
    print!("{}", mfad_tests::header::fresh());
}
