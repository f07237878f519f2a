//! What the rounds said: their median, and how far they lie apart.

use std::time::Duration;

/// The median of all rounds, the smallest and the largest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Of one value a round.
    pub(crate) fn of(rounds: impl IntoIterator<Item = f64>) -> Self {
        let mut rounds: Vec<f64> = rounds.into_iter().collect();
        rounds.sort_by(f64::total_cmp);
        Self {
            median: middle(&rounds),
            min: *rounds.first().expect("at least one round"),
            max: *rounds.last().expect("at least one round"),
        }
    }
}

/// The median in microseconds.
pub(crate) fn median_micros(times: &[Duration]) -> f64 {
    middle(&sorted_micros(times))
}

/// The median and the quartiles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Quartiles {
    pub(crate) p25: f64,
    pub(crate) p50: f64,
    pub(crate) p75: f64,
}

impl Quartiles {
    /// Of these times, in microseconds. Between two of them it is as far as the place is.
    pub(crate) fn of_micros(times: &[Duration]) -> Self {
        let sorted = sorted_micros(times);
        let last = sorted.len().checked_sub(1).expect("at least one time");
        let at = |quarters: usize| {
            let (place, rest) = (last * quarters / 4, last * quarters % 4);
            let share = [0.0, 0.25, 0.5, 0.75][rest];
            sorted[place] + share * (sorted[(place + 1).min(last)] - sorted[place])
        };
        Self { p25: at(1), p50: at(2), p75: at(3) }
    }
}

fn sorted_micros(times: &[Duration]) -> Vec<f64> {
    let mut micros: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e6).collect();
    micros.sort_by(f64::total_cmp);
    micros
}

fn middle(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[half] } else { f64::midpoint(sorted[half - 1], sorted[half]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_does_not_heed_the_order() {
        assert_eq!(Spread::of([3.0, 1.0, 9.0]), Spread { median: 3.0, min: 1.0, max: 9.0 });
        assert_eq!(Spread::of([4.0, 1.0, 9.0, 2.0]), Spread { median: 3.0, min: 1.0, max: 9.0 });
        assert_eq!(median_micros(&[5, 1, 4].map(Duration::from_micros)), 4.0);
    }

    #[test]
    fn quartiles_lie_a_quarter_of_the_way_from_each_end() {
        let quartiles = |micros: &[u64]| {
            let times: Vec<_> = micros.iter().copied().map(Duration::from_micros).collect();
            Quartiles::of_micros(&times)
        };
        assert_eq!(quartiles(&[5, 1, 4, 2, 3]), Quartiles { p25: 2.0, p50: 3.0, p75: 4.0 });
        assert_eq!(quartiles(&[4, 0]), Quartiles { p25: 1.0, p50: 2.0, p75: 3.0 });
        assert_eq!(quartiles(&[7]), Quartiles { p25: 7.0, p50: 7.0, p75: 7.0 });
    }
}
