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
    let mut micros: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e6).collect();
    micros.sort_by(f64::total_cmp);
    middle(&micros)
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
}
