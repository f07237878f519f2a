//! Which steps of a factor were accepted: only a later one is accepted again (RFC 6238 section 5.2).
//!
//! MUST: pure; a step that was accepted is never below the last one again, except where [`UsedSteps::forget_after`] says.

use crate::totp::Step;

/// The newest accepted steps, the last one first. All that were accepted above the oldest of these are among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsedSteps([Step; Self::KEPT]);

impl UsedSteps {
    /// How many are kept.
    pub const KEPT: usize = 4;

    /// Of a factor that comes from elsewhere: none is known.
    #[must_use]
    pub const fn none() -> Self {
        Self([Step(0); Self::KEPT])
    }

    /// Of a new factor, whose first code was of this step.
    #[must_use]
    pub const fn first(step: Step) -> Self {
        Self([step, Step(0), Step(0), Step(0)])
    }

    /// Takes over what [`Self::as_array`] gave; `None` when the steps do not fall.
    #[must_use]
    pub fn from_array(steps: [Step; Self::KEPT]) -> Option<Self> {
        steps.is_sorted_by(|newer, older| newer >= older).then_some(Self(steps))
    }

    /// The steps, the last one first.
    #[must_use]
    pub const fn as_array(&self) -> &[Step; Self::KEPT] {
        &self.0
    }

    /// The last one.
    #[must_use]
    pub const fn last(&self) -> Step {
        let [last, ..] = self.0;
        last
    }

    /// Adds a step that was accepted: one above the last.
    pub fn add(&mut self, step: Step) {
        let [last, second, third, _] = self.0;
        if step > last {
            self.0 = [step, last, second, third];
        }
    }

    /// Uses up every step up to this one, whichever of them were accepted.
    pub fn use_up(&mut self, step: Step) {
        self.0 = self.0.map(|used| used.max(step));
    }

    /// Forgets the steps above `bound`, which a clock that was wrong brought about, and says whether there were any. Those
    /// up to `bound` stay used; where it is not known which of them were, all are.
    pub fn forget_after(&mut self, bound: Step) -> bool {
        if self.last() <= bound {
            return false;
        }
        let [.., oldest] = self.0;
        let oldest = oldest.min(bound);
        let mut kept = self.0.into_iter().filter(|step| *step <= bound);
        // Nothing is known of what lies below the oldest.
        self.0 = std::array::from_fn(|_| kept.next().unwrap_or(oldest));
        true
    }
}
