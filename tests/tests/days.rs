//! The days of enforcement, as a configuration and a command line write them.

use mfad_daemon::config::Config;
use mfad_proto::{Enforcement, Issuer, Realm};
use proptest::prelude::*;

/// The enforcement of realm `system` with this value.
fn configured(value: &str) -> Result<Enforcement, String> {
    let text = format!("[realm.system]\nenforce = {value}\n");
    let config = Config::parse(&text, &Issuer::new("host").unwrap()).map_err(|error| error.to_string())?;
    Ok(config.realms[&Realm::system()].enforce)
}

fn day(number: u64) -> Enforcement {
    Enforcement::After { time: number * 86_400 }
}

#[test]
fn a_day_of_enforcement_is_a_day_of_the_calendar() {
    for (date, number) in [
        ("1970-01-01", 0),
        ("1970-12-31", 364),
        ("1972-02-29", 789),
        ("2000-02-29", 11_016),
        ("2000-03-01", 11_017),
        ("2026-11-24", 20_781),
        ("2100-03-01", 47_541),
        ("9999-12-31", 2_932_896),
    ] {
        let text = format!("after {date}");
        assert_eq!(text.parse(), Ok(day(number)), "{text}");
        assert_eq!(day(number).to_string(), text);
        for value in [format!("\"{text}\""), format!("\"{date}\""), date.to_owned()] {
            assert_eq!(configured(&value), Ok(day(number)), "{value}");
        }
    }
    for word in ["on", "off"] {
        assert_eq!(word.parse::<Enforcement>().unwrap().to_string(), word);
    }
    for wrong in [
        "2026-02-30",
        "2027-02-29",
        "2100-02-29",
        "2026-00-10",
        "2026-13-01",
        "2026-04-31",
        "2026-01-00",
        "1969-12-31",
        "0000-01-01",
        "2026-1-01",
        "2026-01-1",
        "+026-01-01",
        "2026-01-01 ",
        "2026-01-01-",
        "2026-01",
        "02026-01-01",
        "2026/01/01",
        "20260101",
        "٢٠٢٦-01-01",
        "2026-01-01T00:00:00Z",
        "",
    ] {
        assert!(format!("after {wrong}").parse::<Enforcement>().is_err(), "{wrong}");
        let error = configured(&format!("\"after {wrong}\"")).unwrap_err();
        assert!(error.starts_with("line 2: ") && error.contains("YYYY-MM-DD"), "{wrong} gave: {error}");
    }
    for wrong in ["", "ON", "On", "true", "after", "after2026-01-01", " on", "before 2026-01-01"] {
        assert!(wrong.parse::<Enforcement>().is_err(), "{wrong:?}");
    }
    assert_eq!(Enforcement::After { time: 86_399 }.to_string(), "after 1970-01-01T23:59:59Z");
    assert_eq!(Enforcement::After { time: u64::MAX }.to_string(), "after 584554051223-11-09T07:00:15Z");
}

/// The calendar as a person keeps it: one day after the other.
fn next_day((year, month, day): (u64, u64, u64)) -> (u64, u64, u64) {
    let leap = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0);
    let last = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month as usize - 1];
    match (day < last, month < 12) {
        (true, _) => (year, month, day + 1),
        (false, true) => (year, month + 1, 1),
        (false, false) => (year + 1, 1, 1),
    }
}

#[test]
fn days_follow_one_another_for_1200_years() {
    let mut date = (1970, 1, 1);
    for number in 0..3 * 146_097 {
        let text = format!("after {:04}-{:02}-{:02}", date.0, date.1, date.2);
        assert_eq!((day(number).to_string(), text.parse()), (text, Ok(day(number))));
        date = next_day(date);
    }
}

proptest! {
    #[test]
    fn what_is_printed_is_read_again(number in 0_u64..=2_932_896) {
        prop_assert_eq!(day(number).to_string().parse(), Ok(day(number)));
    }

    #[test]
    fn any_text_is_judged(text in "(after )?[0-9+-]{0,12}|.*", time: u64) {
        if let Ok(enforcement) = text.parse::<Enforcement>() {
            prop_assert_eq!(enforcement.to_string(), text);
        }
        let printed = Enforcement::After { time }.to_string();
        prop_assert!(printed.starts_with("after "), "{}", printed);
    }
}
