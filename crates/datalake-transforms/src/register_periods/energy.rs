//! What a register row says was consumed.

use crate::model::MICRO;
use crate::registry::{Component, Coverage};
use crate::resolve::RegisterRow;

/// Energy in 10^-6, not yet held against any limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Energy {
    /// As the row has it, or as the readings differ.
    pub(super) micro: i128,
    /// What it is if the register rolled over; `None` where it did not fall by more than half of its range.
    pub(super) rolled_micro: Option<i128>,
}

impl Energy {
    pub(super) fn plain(micro: i128) -> Self {
        Self {
            micro,
            rolled_micro: None,
        }
    }
}

/// The row's own energy; `previous` is the reading at the start where the row itself has none.
pub(super) fn own(component: &Component, row: &RegisterRow, previous: Option<i64>) -> Option<Energy> {
    if let Some(value) = row.measured.value_micro() {
        return Some(Energy::plain(i128::from(value)));
    }
    let previous = row.previous_reading_micro.or(previous)?;
    difference(component, row, previous)
}

/// From the reading before to the row's reading, times the multiplier, rounded down.
pub(super) fn difference(component: &Component, row: &RegisterRow, previous: i64) -> Option<Energy> {
    let delta = i128::from(row.reading_micro?) - i128::from(previous);
    let multiplier = i128::from(multiplier(component, row));
    let times = |delta: i128| delta.saturating_mul(multiplier).div_euclid(i128::from(MICRO));
    let range = range_micro(component).filter(|range| (-range..-range / 2).contains(&delta));
    Some(Energy {
        micro: times(delta),
        rolled_micro: range.map(|range| times(delta + range)),
    })
}

/// From reading to consumption: the row's own multiplier, else that of the install period in which the reading was
/// taken, else the component's.
pub(super) fn multiplier(component: &Component, row: &RegisterRow) -> i64 {
    row.combined_multiplier_micro.unwrap_or_else(|| {
        match component.coverage(row.measured_at - 1, row.measured_at) {
            Coverage::On(period) | Coverage::Off(period) => component
                .periods
                .get(period as usize)
                .map_or(component.multiplier_micro, |period| {
                    component.expected_multiplier_micro(period)
                }),
            Coverage::Cut | Coverage::Uninstalled => component.multiplier_micro,
        }
    })
}

/// Where the register returns to zero, in 10^-6.
fn range_micro(component: &Component) -> Option<i128> {
    let digits = u32::from(component.register_digits?);
    10_i128.checked_pow(digits)?.checked_mul(i128::from(MICRO))
}
