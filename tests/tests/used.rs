//! Which steps are used, through any history of logins, restores and clocks that were wrong.

use std::collections::BTreeSet;

use mfad_daemon::totp::Step;
use mfad_daemon::used::UsedSteps;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Event {
    /// A code of this many steps above the last is accepted.
    Accept(u64),
    /// A restore uses up everything to here.
    UseUp(u64),
    /// An administrator unlocks, when the clock allows for steps up to here.
    Unlock(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        5 => (1..40_u64).prop_map(Event::Accept),
        1 => (0..200_u64).prop_map(Event::UseUp),
        2 => (0..200_u64).prop_map(Event::Unlock),
    ]
}

proptest! {
    /// The plain model: the set of all steps that were accepted or used up. Whatever an unlock forgets lay above its bound.
    #[test]
    fn what_is_used_stays_used_but_above_the_bound_of_an_unlock(
        first in 0..100_u64, events in prop::collection::vec(event(), 0..40)
    ) {
        let mut used = UsedSteps::first(Step(first));
        let mut model = BTreeSet::from([first]);
        for event in events {
            match event {
                Event::Accept(above) => {
                    let step = used.last().0 + above;
                    used.add(Step(step));
                    model.insert(step);
                    prop_assert_eq!(used.last(), Step(step));
                }
                Event::UseUp(to) => {
                    used.use_up(Step(to));
                    model.extend(0..=to);
                }
                Event::Unlock(bound) => {
                    let future = model.iter().any(|step| *step > bound);
                    let above = used.last().0 > bound;
                    prop_assert!(above || !future);
                    prop_assert_eq!(used.forget_after(Step(bound)), above);
                    model.retain(|step| *step <= bound);
                }
            }
            let newest = model.last().copied().unwrap_or(0);
            prop_assert!(used.last().0 >= newest, "{newest} is no longer used: {used:?}");
            prop_assert!(UsedSteps::from_array(*used.as_array()) == Some(used), "not in order: {used:?}");
        }
    }
}

#[test]
fn an_unlock_forgets_just_what_a_wrong_clock_has_brought() {
    let mut used = UsedSteps::first(Step(100));
    used.add(Step(110));
    used.add(Step(9_000));
    assert!(used.forget_after(Step(115)));
    assert_eq!(used.last(), Step(110), "the login before the clock was wrong stays used, and no more");
    assert!(!used.forget_after(Step(115)), "there was nothing left to forget");

    let mut only = UsedSteps::first(Step(9_000));
    assert!(only.forget_after(Step(115)));
    assert_eq!(only.last(), Step(0), "enrolled by the wrong clock: no step of today was used");

    let mut many = UsedSteps::first(Step(100));
    (0..4).for_each(|n| many.add(Step(9_000 + n)));
    assert!(many.forget_after(Step(115)));
    assert_eq!(many.last(), Step(115), "what is not known any more counts as used");
}

#[test]
fn an_older_step_changes_nothing() {
    let mut used = UsedSteps::first(Step(100));
    used.add(Step(99));
    used.add(Step(100));
    assert_eq!(used, UsedSteps::first(Step(100)));
    assert_eq!(UsedSteps::from_array([1, 2, 0, 0].map(Step)), None);
}
