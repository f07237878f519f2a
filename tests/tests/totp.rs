//! Codes and steps: the RFCs' own tables, and the rule that a step is accepted once.

use mfad_daemon::totp::{Algorithm, Digits, Generator, Step, TotpKey, Verdict};
use proptest::prelude::*;

fn generator(seed: &[u8], algorithm: Algorithm, digits: u8) -> Generator {
    Generator::new(&TotpKey::copied(seed).unwrap(), algorithm, Digits::new(digits).unwrap())
}

/// The seeds of RFC 6238 appendix B: the digits over and over, as long as the hash's output.
fn seed(length: usize) -> Vec<u8> {
    b"1234567890".iter().copied().cycle().take(length).collect()
}

#[test]
fn rfc_4226_appendix_d() {
    let codes = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];
    let generator = generator(&seed(20), Algorithm::Sha1, 6);
    for (counter, code) in (0..).zip(codes) {
        assert_eq!(generator.code(Step(counter)).as_str(), code, "counter {counter}");
    }
}

#[test]
fn rfc_6238_appendix_b() {
    let rows = [
        (59, "94287082", "46119246", "90693936"),
        (1_111_111_109, "07081804", "68084774", "25091201"),
        (1_111_111_111, "14050471", "67062674", "99943326"),
        (1_234_567_890, "89005924", "91819424", "93441116"),
        (2_000_000_000, "69279037", "90698825", "38618901"),
        // The year 2603: a step that no 32-bit clock reaches.
        (20_000_000_000, "65353130", "77737706", "47863826"),
    ];
    for (unix, sha1, sha256, sha512) in rows {
        let step = Step::at(unix);
        assert_eq!(generator(&seed(20), Algorithm::Sha1, 8).code(step).as_str(), sha1, "SHA-1 at {unix}");
        assert_eq!(generator(&seed(32), Algorithm::Sha256, 8).code(step).as_str(), sha256, "SHA-256 at {unix}");
        assert_eq!(generator(&seed(64), Algorithm::Sha512, 8).code(step).as_str(), sha512, "SHA-512 at {unix}");
    }
}

#[test]
fn steps_beyond_2038_and_beyond_32_bits_are_accepted() {
    let generator = generator(&seed(20), Algorithm::Sha1, 6);
    for unix in [2_147_483_648, 4_294_967_296, 30 * (u64::from(u32::MAX) + 5)] {
        let now = Step::at(unix);
        assert_eq!(generator.judge(generator.code(now).as_bytes(), now, None), Verdict::Right(now), "at {unix}");
    }
}

#[test]
fn the_window_is_one_step_on_each_side_and_a_wrong_clock_is_told() {
    let (generator, now) = (generator(&seed(20), Algorithm::Sha1, 8), Step(1_000));
    for offset in -6..=6_i64 {
        let step = Step(now.0.checked_add_signed(offset).unwrap());
        let expected = match offset {
            -1..=1 => Verdict::Right(step),
            -4..=4 => Verdict::OtherStep(offset),
            _ => Verdict::Wrong,
        };
        assert_eq!(generator.judge(generator.code(step).as_bytes(), now, None), expected, "offset {offset}");
    }
}

#[test]
fn the_first_steps_after_1970_have_no_step_before_them() {
    let generator = generator(&seed(20), Algorithm::Sha1, 6);
    assert_eq!(generator.judge(generator.code(Step(0)).as_bytes(), Step(0), None), Verdict::Right(Step(0)));
}

#[test]
fn two_steps_with_one_code_are_used_up_together() {
    // Steps 910737 and 910738 of the RFC's seed have the same six digits.
    let (generator, older, newer) = (generator(&seed(20), Algorithm::Sha1, 6), Step(910_737), Step(910_738));
    let code = generator.code(older);
    assert_eq!(code.as_str(), generator.code(newer).as_str());
    assert_eq!(generator.judge(code.as_bytes(), older, None), Verdict::Right(newer));
    assert_eq!(generator.judge(code.as_bytes(), newer, Some(newer)), Verdict::Used);
}

#[test]
fn only_digits_of_the_right_number_are_a_code() {
    let (generator, now) = (generator(&seed(20), Algorithm::Sha1, 6), Step(5));
    let code = generator.code(now).to_string();
    let wide: String = code.chars().map(|digit| char::from_u32(digit as u32 + 0xfee0).unwrap()).collect();
    let mangled = ["", " ", "\n", "+12345", &format!(" {code}"), &format!("{code} "), &format!("{code}\n"), &wide]
        .map(str::to_owned)
        .into_iter()
        .chain([format!("0{code}"), code[1..].to_owned(), format!("{}\t{}", &code[..3], &code[3..])]);
    for text in mangled {
        assert_eq!(generator.judge(text.as_bytes(), now, None), Verdict::Wrong, "{text:?}");
    }
    assert_eq!(generator.judge(b"\xff\xfe\x00123", now, None), Verdict::Wrong);
    assert_eq!(generator.judge(code.as_bytes(), now, None), Verdict::Right(now));
}

#[test]
fn keys_shorter_than_the_rfc_allows_are_refused() {
    assert!(TotpKey::copied(&[7; 15]).is_none());
    assert!(TotpKey::copied(&[7; 16]).is_some());
    assert!(TotpKey::copied(&[7; 64]).is_some());
    assert!(TotpKey::copied(&[7; 65]).is_none());
}

proptest! {
    /// Whatever was accepted last, no step at or below it is accepted, and no step outside the window.
    #[test]
    fn an_accepted_step_is_new_and_near(
        key in prop::collection::vec(any::<u8>(), 16..=64),
        now in 10_u64..1 << 40,
        shown in -6_i64..=6,
        last in -6_i64..=6,
    ) {
        let generator = generator(&key, Algorithm::Sha1, 6);
        let at = |offset: i64| Step(now.checked_add_signed(offset).unwrap());
        let verdict = generator.judge(generator.code(at(shown)).as_bytes(), Step(now), Some(at(last)));
        if let Verdict::Right(step) = verdict {
            prop_assert!(step > at(last) && step.0.abs_diff(now) <= 1);
        }
        if shown.abs() <= 1 && shown > last {
            prop_assert!(matches!(verdict, Verdict::Right(_)), "{verdict:?}");
        }
    }
}
