#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mfad_tests::fuzzed::log::check(bytes));
