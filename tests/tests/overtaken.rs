//! A password that was judged right, and changed before the decision: it decides nothing any more.

use mfad_daemon::clock::Now;
use mfad_daemon::password::Hash;
use mfad_daemon::reason::Reason;
use mfad_daemon::record::Record;
use mfad_daemon::stack::Stack;
use mfad_daemon::throttle::{Lane, Moment};
use mfad_daemon::vault::{self, First, Try};
use mfad_proto::{Label, Password};
use zeroize::Zeroizing;

const NOW: Now = Now { unix: 1_800_000_000, moment: Moment { run: 1, millis: 60_000 } };

/// With another salt each: the same password is another hash when it is set again.
fn hash(salt: u8) -> Hash {
    let password = Password::new(Zeroizing::new(b"correct horse".to_vec())).unwrap();
    Hash::make(&password, &[salt; Hash::SALT]).unwrap()
}

/// An account with a password, of which one try was charged and judged right.
fn proved() -> (Record, First) {
    let mut record = Record { password: Some(hash(1)), ..Record::default() };
    let charge = vault::charge(&mut record, Lane::Passwords, None, NOW).unwrap();
    (record, First::Right(charge))
}

fn log_in(record: &mut Record, first: &First) -> Result<(), Reason> {
    let (stack, service) = (Stack::default(), Label::default());
    let typed = Try { stack: &stack, code: b"", recovery: None, lane: Lane::Codes, service: &service };
    vault::authenticate(record, &typed, first, false, NOW).map(|_granted| ())
}

#[test]
fn what_stands_is_decided_behind() {
    let (mut record, first) = proved();
    assert_eq!(vault::behind(&mut record, &first, |_record| Ok("decided")), Ok("decided"));
    let (mut record, first) = proved();
    assert_eq!(log_in(&mut record, &first), Ok(()));
}

#[test]
fn a_password_that_was_set_meanwhile_is_not_changed_by_the_old_one() {
    let (mut record, first) = proved();
    vault::set_password(&mut record, hash(2));
    let change = |record: &mut Record| {
        vault::set_password(record, hash(3));
        Ok(())
    };
    assert_eq!(vault::behind(&mut record, &first, change), Err(Reason::Overtaken));
    assert_eq!(record.password.as_ref().map(Hash::expose), Some(hash(2).expose()));
    assert_eq!(log_in(&mut record, &first), Err(Reason::Overtaken));
}

#[test]
fn a_password_that_was_taken_away_meanwhile_lets_nobody_in() {
    let (mut record, first) = proved();
    record.password = None;
    assert_eq!(log_in(&mut record, &first), Err(Reason::Overtaken));
    assert_eq!(vault::behind(&mut record, &first, |_record| Ok(())), Err(Reason::Overtaken));
}

#[test]
fn a_right_password_that_was_overtaken_leaves_the_counts_alone() {
    let (mut record, first) = proved();
    vault::set_password(&mut record, hash(2));
    record.tries.fail(Lane::Passwords, NOW.moment);
    let counted = record.tries.count(Lane::Passwords);
    assert_eq!(log_in(&mut record, &first), Err(Reason::Overtaken));
    assert_eq!(record.tries.count(Lane::Passwords), counted);
}
