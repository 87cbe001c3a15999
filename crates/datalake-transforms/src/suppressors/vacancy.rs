//! Homes that people left.

use super::Suppressor;
use super::find::Suppressing;
use crate::change_point::{DEEP, Step};
use crate::rules::{Rule, ramp};

/// Scatter of the days after / before: calmer days than the first mean that fewer people live there, the second leaves no
/// doubt. Theft takes from the level and leaves the days as uneven as they were.
const CALM: (f64, f64) = (0.8, 0.55);

/// A drop that deep (ln) leaves an empty home's standby.
const STANDBY_DROP: f64 = 2.5;

/// A deep drop with a spread that grew by so much: a home that is visited now and then.
const VISITED: f64 = 2.5;

/// Spread of the days in kWh after / before from which they only moved.
const SPREAD_KEPT: f64 = 0.6;

/// Days between an onset and a change of the hours that may be the same change.
const SAME_CHANGE_DAYS: i32 = 21;

impl Suppressing<'_, '_> {
    pub(super) fn vacancy(&mut self, rule: Rule, step: &Step) {
        let calm = step.scatter_after.max(0.02) / step.scatter_before.max(0.02);
        let grown = step.spread_after / step.spread_before.max(0.02);
        // Where a fixed part of every day is gone, the days lie as far from each other, in kWh, as they did.
        let shifted = step.spread_kept >= SPREAD_KEPT;
        // Who visits now and then stays for days in a row; restless days have no memory.
        let restless = step.noise.is_some_and(|noise| noise.restless() >= 0.5);
        let visited = -step.drop >= DEEP && grown >= VISITED && !shifted && !restless;
        let standby = -step.drop >= STANDBY_DROP;
        let part = if visited {
            1.0
        } else {
            ramp(calm, CALM.0, CALM.1).max(if standby { 0.5 } else { 0.0 })
        };
        let empty = self.empty_at_first(step.onset_day);
        if let Some((empty, lively)) = empty.filter(|(empty, _)| *empty > part) {
            self.add_in_part(Suppressor::Vacancy, rule, lively, empty);
        } else if part > 0.0 {
            let measured = if visited { grown } else { calm };
            self.add_in_part(Suppressor::Vacancy, rule, measured, part);
        }
    }

    /// Weeks in which nobody seemed to live there followed the onset, by the hours alone.
    pub(super) fn left_at_first(&mut self, rule: Rule, onset: i32) {
        if let Some((part, lively)) = self.empty_at_first(onset) {
            self.add_in_part(Suppressor::Vacancy, rule, lively, part);
        }
    }

    /// How empty the home looked after a change of the hours about the onset, above 0, and how lively against before.
    fn empty_at_first(&self, onset: i32) -> Option<(f64, f64)> {
        let near = |day: i32| (day - onset).abs() <= SAME_CHANGE_DAYS;
        let changes = self.context.hours.iter().filter(|hours| near(hours.onset_day));
        changes
            .map(|hours| (hours.empty_at_first(), hours.liveliness_at_first().exp()))
            .filter(|(part, _)| *part > 0.0)
            .max_by(|(a, _), (b, _)| a.total_cmp(b))
    }
}
