//! From the cells of a component's day to its row of the day profile.

use crate::day_profile::{DayProfile, HOURS, UNKNOWN_HOUR};
use crate::measured::Measured;
use crate::model::{Condition, DAY_SECONDS};
use crate::registry::{Component, Coverage};
use crate::resolve::ResolveConfig;

const HOUR_SECONDS: u32 = 3600;
/// The night ends at 06:00.
const NIGHT_SECONDS: u32 = 6 * HOUR_SECONDS;

pub(super) struct Summary {
    pub(super) profile: DayProfile,
    /// Cells that hold a row that may not be used: they count as absent.
    pub(super) unusable: u64,
}

/// Adds up a day. `cells` are all slots of the day, in order; their number is the day's length over the interval's.
///
/// No sum can leave 64 bits: at most 288 values below 10^16.
pub(super) fn summarize(
    component: &Component,
    index: u32,
    day: i32,
    cells: &[Measured],
    config: &ResolveConfig,
) -> Summary {
    let seconds = DAY_SECONDS as u32 / cells.len().max(1) as u32;
    let mut fold = Fold::new(index, day);
    let night_slots = NIGHT_SECONDS.div_ceil(seconds) as usize;
    let uniform = component.uniform_day(day);
    let start = i64::from(day) * DAY_SECONDS;
    let mut unusable = 0;
    for (slot, cell) in cells.iter().enumerate() {
        if !cell.is_allowed() {
            unusable += u64::from(cell.is_present());
            fold.skip();
            continue;
        }
        let coverage = uniform.unwrap_or_else(|| {
            let from = start + slot as i64 * i64::from(seconds);
            component.coverage(from, from + i64::from(seconds))
        });
        let condition = cell.condition();
        fold.count(condition);
        if coverage == Coverage::Cut {
            fold.profile.cut += 1;
        }
        let Some(value) = cell.value_micro() else {
            fold.skip();
            continue;
        };
        fold.add(value, slot < night_slots);
        match coverage {
            _ if !config.is_actual(condition) => fold.skip(),
            Coverage::On(_) => fold.add_usable(slot, value),
            Coverage::Off(_) => {
                fold.profile.off += 1;
                fold.profile.off_kwh += value;
                fold.skip();
            }
            Coverage::Uninstalled => {
                fold.profile.uninstalled += 1;
                fold.profile.uninstalled_kwh += value;
                fold.skip();
            }
            Coverage::Cut => fold.skip(),
        }
    }
    Summary {
        profile: fold.finish(cells, seconds),
        unusable,
    }
}

/// Sums of a day while its slots go by.
struct Fold {
    profile: DayProfile,
    night_kwh: i64,
    /// Bit `slot` of the day: usable.
    usable: [u64; 5],
    run_value: i64,
    run: u16,
}

impl Fold {
    fn new(component: u32, day: i32) -> Self {
        let profile = DayProfile {
            component,
            day,
            min_kwh: i64::MAX,
            max_kwh: i64::MIN,
            ..DayProfile::default()
        };
        Self {
            profile,
            night_kwh: 0,
            usable: [0; 5],
            run_value: 0,
            run: 0,
        }
    }

    fn count(&mut self, condition: Condition) {
        let profile = &mut self.profile;
        profile.intervals += 1;
        *match condition {
            Condition::Actual => &mut profile.actual,
            Condition::Estimated => &mut profile.estimated,
            Condition::Missing => &mut profile.missing,
            Condition::Override => &mut profile.overridden,
            Condition::Unknown => &mut profile.unknown,
        } += 1;
    }

    fn add(&mut self, value: i64, night: bool) {
        let profile = &mut self.profile;
        profile.valued += 1;
        profile.kwh += value;
        profile.min_kwh = profile.min_kwh.min(value);
        profile.max_kwh = profile.max_kwh.max(value);
        profile.zero += u16::from(value == 0);
        profile.negative += u16::from(value < 0);
        if night {
            self.night_kwh += value;
        }
    }

    fn add_usable(&mut self, slot: usize, value: i64) {
        let profile = &mut self.profile;
        profile.usable += 1;
        profile.usable_kwh += value;
        if value < 0 {
            profile.usable_negative += 1;
            profile.usable_negative_kwh += value;
        }
        self.usable[slot / 64] |= 1 << (slot % 64);
        if value == 0 {
            profile.usable_zero += 1;
            self.run = 0;
        } else {
            self.run = if self.run > 0 && value == self.run_value {
                self.run + 1
            } else {
                1
            };
            self.run_value = value;
            profile.longest_equal_run = profile.longest_equal_run.max(self.run);
        }
    }

    /// A slot that is not usable ends a run of equal values.
    fn skip(&mut self) {
        self.run = 0;
    }

    fn finish(mut self, cells: &[Measured], seconds: u32) -> DayProfile {
        let profile = &mut self.profile;
        if profile.valued == 0 {
            (profile.min_kwh, profile.max_kwh) = (0, 0);
        }
        if seconds <= HOUR_SECONDS {
            profile.night_kwh = Some(self.night_kwh);
        }
        if usize::from(profile.usable) == cells.len() {
            profile.shape_hash = Some(shape_hash(cells));
        }
        if HOUR_SECONDS.is_multiple_of(seconds) {
            let hours = self.hours(cells, (HOUR_SECONDS / seconds) as usize);
            self.profile.hourly_kwh = Some(hours);
        }
        self.profile
    }

    /// Energy of the hours all of whose slots are usable.
    fn hours(&self, cells: &[Measured], slots_per_hour: usize) -> [i64; HOURS] {
        let mut hours = [UNKNOWN_HOUR; HOURS];
        for (hour, (kwh, cells)) in hours.iter_mut().zip(cells.chunks(slots_per_hour)).enumerate() {
            let first = hour * slots_per_hour;
            let usable =
                (first..first + slots_per_hour).all(|slot| self.usable[slot / 64] >> (slot % 64) & 1 == 1);
            if usable {
                *kwh = cells.iter().filter_map(|cell| cell.value_micro()).sum();
            }
        }
        hours
    }
}

/// Hash of a day's values in slot order, the same on every machine and in every version: equal shapes have equal
/// hashes, and two different ones collide with a chance of about 2^-64.
///
/// Per value a 64 x 64 bit multiplication, whose halves are xored, as in the hashes of the wyhash family; the
/// constants are the first digits of pi and the golden ratio.
fn shape_hash(cells: &[Measured]) -> u64 {
    const PI: u64 = 0x2436_a885_a308_d313;
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        (product as u64) ^ (product >> 64) as u64
    };
    let of_values = cells
        .iter()
        .filter_map(|cell| cell.value_micro())
        .fold(PI ^ cells.len() as u64, |hash, value| {
            mix(hash ^ value as u64, GOLDEN).wrapping_add(PI)
        });
    mix(of_values ^ GOLDEN, PI)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measured::Mark;

    fn shape(values: &[i64], condition: Condition) -> u64 {
        let cells: Vec<_> = values
            .iter()
            .map(|v| Measured::new(Mark::new(condition, true), *v))
            .collect();
        shape_hash(&cells)
    }

    #[test]
    fn the_shape_hash_is_of_the_values_in_their_order() {
        let hash = shape(&[1, 2, 3], Condition::Actual);
        assert_eq!(
            hash,
            shape(&[1, 2, 3], Condition::Override),
            "the condition does not matter"
        );
        for other in [&[1, 3, 2][..], &[1, 2], &[1, 2, 3, 0], &[0, 1, 2, 3], &[-1, 2, 3]] {
            assert_ne!(hash, shape(other, Condition::Actual), "{other:?}");
        }
        assert_ne!(
            shape(&[0; 24], Condition::Actual),
            shape(&[0; 48], Condition::Actual)
        );
    }

    #[test]
    fn the_shape_hash_never_changes() {
        // Stored day profiles are compared with new ones. The number was worked out in Python from the definition.
        assert_eq!(shape(&[1, 2, 3], Condition::Actual), 5_826_198_734_252_532_382);
    }
}
