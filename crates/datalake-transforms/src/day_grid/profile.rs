//! From the cells of a component's day to its row of the day profile.

use super::Cell;
use crate::day_profile::{DayProfile, HOURS, UNKNOWN_HOUR, watt_hours};
use crate::measured::Measured;
use crate::model::DAY_SECONDS;
use crate::registry::{Component, Coverage};
use crate::resolve::{MIN_INTERVAL_SECONDS, ResolveConfig};

const HOUR_SECONDS: u32 = 3600;
/// The night ends at 06:00.
const NIGHT_SECONDS: u32 = 6 * HOUR_SECONDS;

pub(super) struct Summary {
    pub(super) profile: DayProfile,
    /// Cells that hold a row that may not be used: they count as absent.
    pub(super) unusable: u64,
}

/// Adds up a day. `cells` are all slots of the day, in order; their number is the day's length over the interval's.
/// `values` are overwritten.
///
/// No sum can leave 64 bits: at most 288 values below 10^16.
pub(super) fn summarize(
    component: &Component,
    index: u32,
    day: i32,
    cells: &[Cell],
    config: &ResolveConfig,
    values: &mut [i64; MAX_SLOTS],
) -> Summary {
    let seconds = DAY_SECONDS as u32 / cells.len().max(1) as u32;
    let mut fold = Fold::new(config);
    let shape = Shape::of(seconds, cells.len());
    match component.uniform_day(day) {
        // Nearly every day, so it has loops of its own.
        Some(Coverage::On(_)) if plain_values(cells, values) => {
            fold.add_plain(&values[..cells.len()], shape);
        }
        Some(Coverage::On(position)) => fold.add_all::<true>(cells, shape, |_| Coverage::On(position)),
        Some(uniform) => fold.add_all::<false>(cells, shape, |_| uniform),
        None => {
            let start = i64::from(day) * DAY_SECONDS;
            let seconds = i64::from(seconds);
            fold.add_all::<false>(cells, shape, |slot| {
                let from = start + slot as i64 * seconds;
                component.coverage(from, from + seconds)
            });
        }
    }
    let unusable = fold.forbidden;
    Summary {
        profile: fold.finish(index, day, cells, seconds),
        unusable,
    }
}

/// Slots of a day at most.
pub(super) const MAX_SLOTS: usize = DAY_SECONDS as usize / MIN_INTERVAL_SECONDS as usize;

/// The values of cells into the first of `values`; whether all cells have a plain one, else `values` are anything.
fn plain_values(cells: &[Cell], values: &mut [i64; MAX_SLOTS]) -> bool {
    let mut others = 0;
    for (value, cell) in values.iter_mut().zip(cells) {
        let (plain, is_other) = cell.measured.as_plain();
        others |= is_other;
        *value = plain;
    }
    // Lengths that no resolver takes have more.
    others == 0 && cells.len() <= MAX_SLOTS
}

/// Where the night ends and how long an hour is, in slots.
#[derive(Clone, Copy)]
struct Shape {
    night: usize,
    /// The whole day where hours are not whole slots.
    hour: usize,
}

impl Shape {
    fn of(seconds: u32, slots: usize) -> Self {
        Self {
            night: NIGHT_SECONDS.div_ceil(seconds) as usize,
            hour: if has_hours(seconds) {
                (HOUR_SECONDS / seconds) as usize
            } else {
                slots.max(1)
            },
        }
    }
}

fn has_hours(seconds: u32) -> bool {
    HOUR_SECONDS.is_multiple_of(seconds)
}

/// Sums over values.
#[derive(Clone, Copy)]
struct Values {
    count: u16,
    kwh: i64,
    zero: u16,
    negative: u16,
    negative_kwh: i64,
}

impl Values {
    const NONE: Self = Self {
        count: 0,
        kwh: 0,
        zero: 0,
        negative: 0,
        negative_kwh: 0,
    };

    #[inline]
    fn add(&mut self, value: i64) {
        self.count += 1;
        self.kwh += value;
        self.zero += u16::from(value == 0);
        if value < 0 {
            self.negative += 1;
            self.negative_kwh += value;
        }
    }
}

/// Energy by hours of `SLOTS` slots, and of them all.
fn sum_hours<const SLOTS: usize>(values: &[i64], hours: &mut [i32; HOURS]) -> i64 {
    let mut kwh = 0;
    for (hour, values) in hours.iter_mut().zip(values.as_chunks::<SLOTS>().0) {
        let of_hour: i64 = values.iter().sum();
        kwh += of_hour;
        *hour = watt_hours(of_hour);
    }
    kwh
}

/// Longest run of one value other than 0.
fn longest_run(values: &[i64]) -> u16 {
    if values.len() > u64::BITS as usize {
        let mut runs = Runs::NONE;
        for &value in values {
            runs.extend(value);
        }
        return runs.longest;
    }
    // A bit for each value that repeats the one before; a run of n values is n - 1 of them.
    let mut repeats = 0_u64;
    let mut before = 0;
    for (place, &value) in values.iter().enumerate() {
        repeats |= u64::from(value == before && value != 0) << place;
        before = value;
    }
    let mut longest = u16::from(values.iter().any(|&value| value != 0));
    while repeats != 0 {
        longest += 1;
        repeats &= repeats << 1;
    }
    longest
}

/// Longest run of one value other than 0, value by value.
#[derive(Clone, Copy)]
struct Runs {
    value: i64,
    length: u16,
    longest: u16,
}

impl Runs {
    const NONE: Self = Self {
        value: 0,
        length: 0,
        longest: 0,
    };

    #[inline]
    fn extend(&mut self, value: i64) {
        // The value before is 0 after a break, and 0 makes no run.
        self.length = if value == self.value { self.length + 1 } else { 1 };
        self.value = value;
        if value != 0 {
            self.longest = self.longest.max(self.length);
        }
    }

    fn end(&mut self) {
        self.value = 0;
    }
}

/// Sums of a day while its slots go by. What is usable is what is there less what is excluded, because hardly
/// anything is excluded.
struct Fold<'a> {
    config: &'a ResolveConfig,
    /// Rows that are not [`Measured::plain_value`] while on, by rank of the condition.
    others: [u16; 5],
    /// Rows that may not be used at all.
    forbidden: u64,
    /// Slots whose value is not usable, or that have none.
    gaps: u16,
    cut: u16,
    plain: u16,
    all: Values,
    excluded: Values,
    off: Values,
    uninstalled: Values,
    night_kwh: i64,
    min_kwh: i64,
    max_kwh: i64,
    runs: Runs,
    hours: [i32; HOURS],
    /// Hash of the values, where they are known to be whole.
    shape_hash: Option<u64>,
}

impl<'a> Fold<'a> {
    fn new(config: &'a ResolveConfig) -> Self {
        Self {
            config,
            others: [0; 5],
            forbidden: 0,
            gaps: 0,
            cut: 0,
            plain: 0,
            all: Values::NONE,
            excluded: Values::NONE,
            off: Values::NONE,
            uninstalled: Values::NONE,
            night_kwh: 0,
            min_kwh: i64::MAX,
            max_kwh: i64::MIN,
            runs: Runs::NONE,
            hours: [UNKNOWN_HOUR; HOURS],
            shape_hash: None,
        }
    }

    /// A day whose every slot has a plain value while on: sum after sum, without a branch a slot.
    fn add_plain(&mut self, values: &[i64], shape: Shape) {
        let mut all = Values::NONE;
        all.count = values.len() as u16;
        all.kwh = match shape.hour {
            1 => sum_hours::<1>(values, &mut self.hours),
            2 => sum_hours::<2>(values, &mut self.hours),
            4 => sum_hours::<4>(values, &mut self.hours),
            slots => {
                for (hour, values) in self.hours.iter_mut().zip(values.chunks(slots)) {
                    *hour = watt_hours(values.iter().sum());
                }
                values.iter().sum()
            }
        };
        let (mut min, mut max) = (i64::MAX, i64::MIN);
        for &value in values {
            min = min.min(value);
            max = max.max(value);
            all.zero += u16::from(value == 0);
        }
        if min < 0 {
            for value in values.iter().filter(|value| **value < 0) {
                all.negative += 1;
                all.negative_kwh += value;
            }
        }
        self.runs.longest = longest_run(values);
        self.night_kwh = values.iter().take(shape.night).sum();
        (self.min_kwh, self.max_kwh) = (min, max);
        self.plain = all.count;
        self.all = all;
        self.shape_hash = Some(shape_hash(values));
    }

    fn add_all<const ON: bool>(
        &mut self,
        cells: &[Cell],
        shape: Shape,
        coverage: impl Fn(usize) -> Coverage,
    ) {
        let (night, day) = cells.split_at(shape.night.min(cells.len()));
        self.add_part::<ON>(night, 0, shape, &coverage);
        self.night_kwh = self.all.kwh;
        self.add_part::<ON>(day, night.len(), shape, &coverage);
    }

    fn add_part<const ON: bool>(
        &mut self,
        cells: &[Cell],
        first: usize,
        shape: Shape,
        coverage: &impl Fn(usize) -> Coverage,
    ) {
        for (hour, (slot, cells)) in
            (first / shape.hour..).zip((first..).step_by(shape.hour).zip(cells.chunks(shape.hour)))
        {
            let (kwh, gaps) = (self.all.kwh, self.gaps);
            for (slot, cell) in (slot..).zip(cells) {
                match cell.measured.plain_value() {
                    Some(value) if ON => {
                        self.plain += 1;
                        self.add_value(value);
                        self.runs.extend(value);
                    }
                    _ => self.add_other(cell.measured, coverage(slot)),
                }
            }
            if self.gaps == gaps {
                self.hours[hour] = watt_hours(self.all.kwh - kwh);
            }
        }
    }

    #[inline]
    fn add_value(&mut self, value: i64) {
        self.all.add(value);
        self.min_kwh = self.min_kwh.min(value);
        self.max_kwh = self.max_kwh.max(value);
    }

    /// A slot that needs a closer look.
    fn add_other(&mut self, measured: Measured, coverage: Coverage) {
        if !measured.is_allowed() {
            self.forbidden += u64::from(measured.is_present());
            return self.gap();
        }
        self.others[measured.rank()] += 1;
        self.cut += u16::from(coverage == Coverage::Cut);
        let Some(value) = measured.value_micro() else {
            return self.gap();
        };
        self.add_value(value);
        let actual = self.config.is_actual(measured.condition());
        if actual && matches!(coverage, Coverage::On(_)) {
            return self.runs.extend(value);
        }
        self.excluded.add(value);
        if actual {
            match coverage {
                Coverage::Off(_) => self.off.add(value),
                Coverage::Uninstalled => self.uninstalled.add(value),
                Coverage::On(_) | Coverage::Cut => {}
            }
        }
        self.gap();
    }

    /// A slot that is not usable ends a run of equal values.
    fn gap(&mut self) {
        self.gaps += 1;
        self.runs.end();
    }

    fn finish(self, component: u32, day: i32, cells: &[Cell], seconds: u32) -> DayProfile {
        let [missing, estimated, unknown, other_actual, overridden] = self.others;
        let has_value = self.all.count > 0;
        DayProfile {
            component,
            day,
            intervals: self.plain + self.others.iter().sum::<u16>(),
            valued: self.all.count,
            actual: self.plain + other_actual,
            estimated,
            missing,
            overridden,
            unknown,
            zero: self.all.zero,
            negative: self.all.negative,
            kwh: self.all.kwh,
            night_kwh: (seconds <= HOUR_SECONDS).then_some(self.night_kwh),
            min_kwh: if has_value { self.min_kwh } else { 0 },
            max_kwh: if has_value { self.max_kwh } else { 0 },
            usable: self.all.count - self.excluded.count,
            usable_zero: self.all.zero - self.excluded.zero,
            usable_negative: self.all.negative - self.excluded.negative,
            usable_kwh: self.all.kwh - self.excluded.kwh,
            usable_negative_kwh: self.all.negative_kwh - self.excluded.negative_kwh,
            off: self.off.count,
            off_kwh: self.off.kwh,
            uninstalled: self.uninstalled.count,
            uninstalled_kwh: self.uninstalled.kwh,
            cut: self.cut,
            longest_equal_run: self.runs.longest,
            shape_hash: (self.gaps == 0).then(|| self.shape_hash.unwrap_or_else(|| hash_of_cells(cells))),
            hourly_wh: has_hours(seconds).then_some(self.hours),
            spread: false,
        }
    }
}

/// Hash of a day's values in slot order, the same on every machine and in every version: equal shapes have equal
/// hashes, and two different ones collide with a chance of about 2^-64.
///
/// Two values at a time go into a 64 x 64 bit multiplication whose halves are xored, as in the hashes of the wyhash
/// family; no value comes near the constants (the first digits of pi and of the golden ratio), so that no factor
/// is 0 by design.
fn shape_hash(values: &[i64]) -> u64 {
    const PI: u64 = 0x2436_a885_a308_d313;
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        (product as u64) ^ (product >> 64) as u64
    };
    let (pairs, rest) = values.as_chunks::<2>();
    let mix_pair = |hash, [first, second]: [i64; 2]| mix(first as u64 ^ GOLDEN, second as u64 ^ hash);
    let of_pairs = pairs
        .iter()
        .fold(PI ^ values.len() as u64, |hash, &pair| mix_pair(hash, pair));
    let of_values = rest
        .first()
        .map_or(of_pairs, |&last| mix_pair(of_pairs, [last, 0]));
    mix(of_values ^ GOLDEN, PI)
}

fn hash_of_cells(cells: &[Cell]) -> u64 {
    let values: Vec<i64> = cells
        .iter()
        .map(|cell| cell.measured.value_micro().unwrap_or(0))
        .collect();
    shape_hash(&values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measured::Mark;
    use crate::model::Condition;

    fn shape(values: &[i64], condition: Condition) -> u64 {
        let cells: Vec<_> = values
            .iter()
            .map(|v| Cell {
                measured: Measured::new(Mark::new(condition, true), *v),
                age: 0,
            })
            .collect();
        hash_of_cells(&cells)
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
    fn the_longest_run_is_of_one_value_other_than_0() {
        for (values, longest) in [
            (&[][..], 0),
            (&[0, 0, 0], 0),
            (&[5], 1),
            (&[0, 5, 0, 0], 1),
            (&[5, 5, 0, 5, 5, 5, 0, 0, 0, 0], 3),
            (&[1, 2, 2, 3, 3, 3], 3),
            (&[7; 64], 64),
            (&[7; 65], 65),
            (&[-1; 288], 288),
        ] {
            assert_eq!(longest_run(values), longest, "{values:?}");
        }
    }

    #[test]
    fn the_shape_hash_never_changes() {
        // Stored day profiles are compared with new ones. The number was worked out in Python from the definition.
        assert_eq!(shape(&[1, 2, 3], Condition::Actual), 13_072_506_652_212_817_319);
    }
}
