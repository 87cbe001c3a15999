//! Reason codes of rows that are rejected or out of scope, each with a sentence that says what to do.

/// The component is not in the `measuring_component` table.
pub const UNKNOWN_COMPONENT: &str = "unknown_component";
/// The component's type code is not in the config.
pub const UNMAPPED_COMPONENT_TYPE: &str = "unmapped_component_type";
/// The interval does not start at a multiple of its length.
pub const OFF_GRID: &str = "off_grid";
/// The time is outside 1970 to 2200.
pub const MEASURED_AT_OUT_OF_RANGE: &str = "measured_at_out_of_range";
/// There is no value, and the condition does not say that it is missing.
pub const VALUE_MISSING: &str = "value_missing";
/// The value is greater than the config allows.
pub const VALUE_OUT_OF_RANGE: &str = "value_out_of_range";
/// A key column is null.
pub const KEY_MISSING: &str = "key_missing";
/// A register's period ends before it starts, or at once.
pub const PERIOD_NOT_POSITIVE: &str = "period_not_positive";
/// A register's period is longer than [`super::MAX_PERIOD_DAYS`].
pub const PERIOD_TOO_LONG: &str = "period_too_long";
/// Out of scope: the component does not measure kWh.
pub const NOT_ENERGY: &str = "not_energy";
/// Out of scope: the row's use flag forbids its use.
pub const DO_NOT_USE: &str = "do_not_use";

/// What the code means and what to do about it; `None` for a code of another module.
#[must_use]
pub fn describe(reason: &str) -> Option<&'static str> {
    Some(match reason {
        UNKNOWN_COMPONENT => "the component is not in measuring_component: deliver the table anew",
        UNMAPPED_COMPONENT_TYPE => {
            "the component's type code has no entry in the config's component_types: add one"
        }
        OFF_GRID => {
            "the interval does not start at a multiple of its length: check the component type's interval_seconds \
             and that measured_at is the end of the interval in standard time"
        }
        MEASURED_AT_OUT_OF_RANGE => "the time lies outside 1970 to 2200: check the date format",
        VALUE_MISSING => {
            "there is no value although the condition is not `missing`: check the value column's mapping"
        }
        VALUE_OUT_OF_RANGE => {
            "the value is greater than the config's conditions.max_kwh_per_interval (400 times as much for a \
             register): check its unit"
        }
        KEY_MISSING => "a key column is null",
        PERIOD_NOT_POSITIVE => "the period ends before it starts: check period_start and measured_at",
        PERIOD_TOO_LONG => "the period is longer than 400 days: check period_start and measured_at",
        NOT_ENERGY => "the component measures something else than kWh",
        DO_NOT_USE => "the row's use flag is one of the config's unusable_use_flags",
        _ => return None,
    })
}
