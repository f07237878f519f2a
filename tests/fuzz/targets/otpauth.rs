#![no_main]

use mfad_tests::fuzzed::otpauth::{Scanned, check_with};
use totp_rs::Totp;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check_with(bytes, scan));

fn scan(uri: &str) -> Scanned {
    let totp = Totp::from_url(uri).expect("a TOTP URI");
    assert_eq!(totp.step(), 30);
    Scanned {
        issuer: totp.issuer().expect("an issuer").to_owned(),
        user: totp.account_name().to_owned(),
        key: totp.secret().as_bytes().to_vec(),
        algorithm: totp.algorithm().to_string(),
        digits: totp.digits(),
    }
}
