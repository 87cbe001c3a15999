//! The `day_profile` table: one row per measuring component and day, exact integers only.
//!
//! A day is the day of an interval's *start* on the measurement clock. `usable` intervals are those that a rule
//! may rest on: condition actual, override or (unless configured otherwise) unknown, a value present, and the
//! whole interval covered by one install event that was on.

mod builder;
pub mod column;

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

pub use builder::{DayProfile, DayProfileBuilder, hours_array};

/// Name of the table.
pub const TABLE: &str = "day_profile";

/// Hours of a day; the length of `hourly_wh`.
pub const HOURS: usize = 24;

/// Stands for a null hour in plain slices of `hourly_wh`.
pub const UNKNOWN_HOUR: i32 = i32::MIN;

/// Energy of an hour as `hourly_wh` has it.
#[must_use]
pub const fn watt_hours(micro_kwh: i64) -> i32 {
    const MICRO_KWH: i64 = 1_000;
    let half = if micro_kwh < 0 {
        -MICRO_KWH / 2
    } else {
        MICRO_KWH / 2
    };
    let wh = micro_kwh.saturating_add(half) / MICRO_KWH;
    // The least number of 32 bits is the unknown hour itself.
    if wh as i32 as i64 == wh {
        wh as i32
    } else {
        UNKNOWN_HOUR
    }
}

/// Columns, in this order. Energy is Int64 in 10^-6 kWh, but for the hours: they show the shape of a day and are never
/// added up.
///
/// | column | meaning |
/// |---|---|
/// | `component` | dense index of the component in the registry |
/// | `day` | day of the intervals' start |
/// | `intervals` | rows left after newest-wins, whatever their condition |
/// | `valued` | of those, rows with a value |
/// | `actual`, `estimated`, `missing`, `overridden`, `unknown` | of `intervals`, by condition |
/// | `zero`, `negative` | of `valued`, value = 0, value < 0 |
/// | `kwh` | sum of all values; null where `valued` is 0 |
/// | `night_kwh` | of `kwh`, intervals that start before 06:00; null for intervals longer than an hour and registers |
/// | `min_kwh`, `max_kwh` | least and greatest value of an interval; null where `valued` is 0 |
/// | `usable`, `usable_zero`, `usable_negative` | intervals that a rule may rest on; of those, zeros and negatives |
/// | `usable_kwh`, `usable_negative_kwh` | their energy; the (negative) energy of the negative ones |
/// | `off`, `off_kwh` | actual intervals while installed but off, and their energy |
/// | `uninstalled`, `uninstalled_kwh` | actual intervals that no install event covers, and their energy |
/// | `cut` | intervals that an install, a removal or a switch cuts: used by no rule |
/// | `longest_equal_run` | longest run of consecutive usable slots with one non-zero value |
/// | `shape_hash` | hash of the day's values in slot order; null unless every slot is usable |
/// | `hourly_wh` | energy by hour of the day in watt-hours, rounded half away from zero; an item is null unless the hour is wholly usable, and within 2 gigawatt-hours; null for registers and for intervals that no hour is a multiple of |
/// | `spread` | the row is a share of a register's period, not a sum of intervals |
///
/// In a `spread` row each period that touches the day counts as one interval of it, with its share of the
/// period's energy as the value; `longest_equal_run` is 0, because equal shares are the spreading's doing.
pub static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let item = Arc::new(Field::new("item", DataType::Int32, true));
    Arc::new(Schema::new(vec![
        Field::new("component", DataType::UInt32, false),
        Field::new("day", DataType::Date32, false),
        Field::new("intervals", DataType::UInt16, false),
        Field::new("valued", DataType::UInt16, false),
        Field::new("actual", DataType::UInt16, false),
        Field::new("estimated", DataType::UInt16, false),
        Field::new("missing", DataType::UInt16, false),
        Field::new("overridden", DataType::UInt16, false),
        Field::new("unknown", DataType::UInt16, false),
        Field::new("zero", DataType::UInt16, false),
        Field::new("negative", DataType::UInt16, false),
        Field::new("kwh", DataType::Int64, true),
        Field::new("night_kwh", DataType::Int64, true),
        Field::new("min_kwh", DataType::Int64, true),
        Field::new("max_kwh", DataType::Int64, true),
        Field::new("usable", DataType::UInt16, false),
        Field::new("usable_zero", DataType::UInt16, false),
        Field::new("usable_negative", DataType::UInt16, false),
        Field::new("usable_kwh", DataType::Int64, false),
        Field::new("usable_negative_kwh", DataType::Int64, false),
        Field::new("off", DataType::UInt16, false),
        Field::new("off_kwh", DataType::Int64, false),
        Field::new("uninstalled", DataType::UInt16, false),
        Field::new("uninstalled_kwh", DataType::Int64, false),
        Field::new("cut", DataType::UInt16, false),
        Field::new("longest_equal_run", DataType::UInt16, false),
        Field::new("shape_hash", DataType::UInt64, true),
        Field::new("hourly_wh", DataType::FixedSizeList(item, HOURS as i32), true),
        Field::new("spread", DataType::Boolean, false),
    ]))
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_rounded_half_away_from_zero() {
        for (micro, wh) in [
            (0, 0),
            (499, 0),
            (500, 1),
            (-499, 0),
            (-500, -1),
            (-1_500, -2),
            (2_499, 2),
        ] {
            assert_eq!(watt_hours(micro), wh, "{micro}");
        }
        let most = i64::from(i32::MAX) * 1_000;
        assert_eq!((watt_hours(most + 499), watt_hours(-most)), (i32::MAX, -i32::MAX));
        for beyond in [most + 500, -most - 500, i64::MAX, i64::MIN] {
            assert_eq!(watt_hours(beyond), UNKNOWN_HOUR, "{beyond}");
        }
    }
}
