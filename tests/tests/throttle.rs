//! The throttle by itself: delays and stops as tables, and what an attacker can do with the tries that are left.

use mfad_daemon::throttle::{Gate, Lane, Moment, Tries};
use mfad_daemon::totp::{Digits, WINDOW};
use proptest::prelude::*;

const RUN: u64 = 7;

fn at(seconds: u64) -> Moment {
    Moment { run: RUN, millis: seconds * 1000 }
}

/// Tries that failed in a row, all at this moment.
fn failed(lane: Lane, times: u32, moment: Moment) -> Tries {
    let mut tries = Tries::default();
    (0..times).for_each(|_| tries.fail(lane, moment));
    tries
}

#[test]
fn delays_double_from_the_third_failure_on_up_to_the_longest() {
    let codes = [
        (0, 0),
        (1, 0),
        (2, 0),
        (3, 5),
        (4, 10),
        (5, 20),
        (6, 40),
        (7, 80),
        (8, 160),
        (9, 320),
        (10, 640),
        (11, 900),
        (12, 900),
        (19, 900),
    ];
    let passwords =
        [(2, 0), (3, 5), (4, 10), (5, 20), (6, 40), (7, 60), (8, 60), (40, 60), (67, 60), (5_000, 60), (1_000_000, 60)];
    let cases = codes.map(|case| (Lane::Codes, case)).into_iter();
    let cases = cases.chain(codes.map(|case| (Lane::Own, case))).chain(passwords.map(|case| (Lane::Passwords, case)));
    for (lane, (failures, delay)) in cases {
        let tries = failed(lane, failures, at(100));
        if delay > 0 {
            assert_eq!(tries.gate(lane, at(100)), Gate::Wait(delay), "{lane:?} after {failures}");
            assert_eq!(tries.gate(lane, at(100 + u64::from(delay) - 1)), Gate::Wait(1), "{lane:?} after {failures}");
        }
        assert_eq!(tries.gate(lane, at(100 + u64::from(delay))), Gate::Open, "{lane:?} after {failures}");
    }
}

#[test]
fn a_part_of_a_second_is_waited_for_as_a_whole_one() {
    let tries = failed(Lane::Codes, 3, Moment { run: RUN, millis: 1_500 });
    let gate = |millis| tries.gate(Lane::Codes, Moment { run: RUN, millis });
    assert_eq!([gate(1_500), gate(1_501), gate(2_500)], [Gate::Wait(5), Gate::Wait(5), Gate::Wait(4)]);
    assert_eq!([gate(6_499), gate(6_500)], [Gate::Wait(1), Gate::Open]);
    // A request that waited for the account's lock brings an older moment with it.
    assert_eq!(gate(1_000), Gate::Wait(5));
}

#[test]
fn twenty_in_a_row_stop_codes_and_no_number_stops_passwords() {
    for lane in [Lane::Codes, Lane::Own] {
        assert_eq!(failed(lane, 19, at(0)).gate(lane, at(1_000_000)), Gate::Open, "{lane:?}");
        assert_eq!(failed(lane, 20, at(0)).gate(lane, at(1_000_000)), Gate::Stopped, "{lane:?}");
    }
    assert_eq!(failed(Lane::Passwords, 100_000, at(0)).gate(Lane::Passwords, at(60)), Gate::Open);
}

#[test]
fn a_thousand_in_all_stop_codes_however_often_the_owner_logs_in_between() {
    let mut tries = Tries::default();
    for failures in 1..=1_000 {
        assert_eq!(tries.gate(Lane::Codes, at(0)), Gate::Open, "after {} failures", failures - 1);
        tries.fail(Lane::Codes, at(0));
        if failures % 2 == 0 {
            tries.succeed(Lane::Codes);
        }
    }
    assert_eq!(tries.gate(Lane::Codes, at(1_000_000)), Gate::Stopped);
    tries.succeed(Lane::Codes);
    assert_eq!(tries.gate(Lane::Codes, at(1_000_000)), Gate::Stopped);
}

#[test]
fn a_restart_begins_a_delay_anew_and_forgets_no_failure() {
    let tries = failed(Lane::Codes, 4, at(5_000));
    let restarted = |seconds: u64| Moment { run: RUN + 1, millis: seconds * 1000 };
    assert_eq!(tries.gate(Lane::Codes, restarted(0)), Gate::Wait(10));
    assert_eq!(tries.gate(Lane::Codes, restarted(9)), Gate::Wait(1));
    assert_eq!(tries.gate(Lane::Codes, restarted(10)), Gate::Open);
    assert_eq!(failed(Lane::Codes, 20, at(5_000)).gate(Lane::Codes, restarted(1_000_000)), Gate::Stopped);
}

#[test]
fn lanes_do_not_touch_each_other() {
    for lane in [Lane::Codes, Lane::Passwords, Lane::Own] {
        let tries = failed(lane, 30, at(0));
        for other in [Lane::Codes, Lane::Passwords, Lane::Own].into_iter().filter(|other| *other != lane) {
            assert_eq!(tries.gate(other, at(0)), Gate::Open, "{lane:?} stops {other:?}");
        }
        let mut succeeded = tries;
        succeeded.succeed(lane);
        assert_eq!(succeeded.gate(lane, at(0)), Gate::Open, "a row ends");
    }
}

proptest! {
    #[test]
    fn nothing_but_time_or_a_success_opens_a_gate(failures in 0..40_u32, seconds in 0..2_000_u64, more in 0..2_000_u64) {
        let open = |failures, seconds| failed(Lane::Codes, failures, at(0)).gate(Lane::Codes, at(seconds)) == Gate::Open;
        prop_assert!(!open(failures + 1, seconds) || open(failures, seconds), "one more failure opened it");
        prop_assert!(!open(failures, seconds) || open(failures, seconds + more), "time closed it");
    }
}

/// How many guesses get through in so many seconds, when the owner logs in after every `patience` of them, if at all.
fn guesses(seconds: u64, patience: Option<u32>) -> u32 {
    let (mut tries, mut now, mut made) = (Tries::default(), 0, 0);
    loop {
        match tries.gate(Lane::Codes, at(now)) {
            Gate::Stopped => return made,
            Gate::Wait(wait) => now += u64::from(wait),
            Gate::Open if now > seconds => return made,
            Gate::Open => {
                tries.fail(Lane::Codes, at(now));
                made += 1;
                if patience.is_some_and(|patience| made % patience == 0) {
                    tries.succeed(Lane::Codes);
                }
            }
        }
    }
}

/// The chance, in percent, that one of these guesses is right.
fn chance(guesses: u32) -> f64 {
    let codes = f64::from(10_u32.pow(Digits::default().count().into()));
    let live = f64::from(u32::try_from(2 * WINDOW + 1).unwrap());
    100.0 * (1.0 - (1.0 - live / codes).powi(i32::try_from(guesses).unwrap()))
}

/// The rows of the table in THREATS.md, computed from what the daemon really does.
#[test]
fn the_chance_to_guess_in_is_what_the_text_says() {
    let day = 24 * 60 * 60;
    let rows = [
        ("in an hour, the owner away", guesses(60 * 60, None)),
        ("in a day, the owner away", guesses(day, None)),
        ("ever, the owner away", guesses(u64::MAX, None)),
        ("ever, the owner logging in after every second guess", guesses(u64::MAX, Some(2))),
    ];
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../daemon/THREATS.md")).unwrap();
    for (when, guesses) in rows {
        let row = format!("| {when} | {guesses} | {:.4} % |", chance(guesses));
        println!("{row}");
        assert!(text.contains(&row), "THREATS.md does not say: {row}");
    }
    assert_eq!((rows[2].1, rows[3].1), (20, 1_000));
}
