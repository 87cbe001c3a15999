//! The table of features: its columns, in order.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Date32Array, Float64Array, RecordBatch, StringArray, UInt16Array, UInt32Array,
};
use arrow::datatypes::{Field, Schema};

use super::Features;
use crate::error::TransformError;

/// Name, whether it may be null, values.
type Column = (&'static str, bool, ArrayRef);

type Rows<'a, 'r> = &'a [Features<'r>];

pub(super) fn to_batch(rows: Rows<'_, '_>) -> Result<RecordBatch, TransformError> {
    let mut columns = core_columns(rows);
    columns.extend(further_columns(rows));
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, nullable, array)| Field::new(*name, array.data_type().clone(), *nullable))
        .collect();
    let arrays = columns.into_iter().map(|(_, _, array)| array).collect();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
}

fn core_columns(rows: Rows<'_, '_>) -> Vec<Column> {
    let count = |get: fn(&Features<'_>) -> u32| counts(rows, get);
    let number = |get: fn(&Features<'_>) -> f64| numbers(rows, get);
    let maybe = |get: fn(&Features<'_>) -> Option<f64>| nullable(rows, get);
    let text = |get: for<'a> fn(&'a Features<'_>) -> Option<&'a str>| -> ArrayRef {
        Arc::new(rows.iter().map(get).collect::<StringArray>())
    };
    vec![
        ("measuring_component_id", false, text(|f| Some(&f.component.id))),
        ("device_id", true, text(|f| f.component.device_id.as_deref())),
        ("service_point_id", true, text(|f| f.service_point_id)),
        ("days", false, count(|f| f.core.days)),
        ("total_kwh", false, number(|f| f.core.total_kwh)),
        ("mean_kwh", true, maybe(|f| f.core.mean_kwh)),
        ("stddev_kwh", true, maybe(|f| f.core.stddev_kwh)),
        ("zero_days", false, count(|f| f.core.zero_days)),
        (
            "longest_zero_run_days",
            false,
            count(|f| f.core.longest_zero_run_days),
        ),
        ("recent_ratio", true, maybe(|f| f.core.recent_ratio)),
        ("p95_kwh", true, maybe(|f| f.core.p95_kwh)),
        ("night_share", true, maybe(|f| f.core.night_share)),
        ("min_interval_kwh", true, maybe(|f| f.core.min_interval_kwh)),
        ("max_interval_kwh", true, maybe(|f| f.core.max_interval_kwh)),
        ("lag7_corr", true, maybe(|f| f.core.lag7_corr)),
        ("slope_kwh_per_day", true, maybe(|f| f.core.slope_kwh_per_day)),
        ("kwh_not_installed", false, number(|f| f.core.kwh_not_installed)),
        ("kwh_off", false, number(|f| f.core.kwh_off)),
    ]
}

fn further_columns(rows: Rows<'_, '_>) -> Vec<Column> {
    let count = |get: fn(&Features<'_>) -> u32| counts(rows, get);
    let number = |get: fn(&Features<'_>) -> f64| numbers(rows, get);
    let maybe = |get: fn(&Features<'_>) -> Option<f64>| nullable(rows, get);
    let date = |get: fn(&Features<'_>) -> i32| -> ArrayRef {
        Arc::new(Date32Array::from_iter_values(rows.iter().map(get)))
    };
    let since_actual = rows
        .iter()
        .map(|f| f.further.days_since_actual)
        .collect::<UInt32Array>();
    let equal_run = rows.iter().map(|f| f.further.longest_equal_run_intervals);
    vec![
        ("first_day", false, date(|f| f.further.first_day)),
        ("last_day", false, date(|f| f.further.last_day)),
        ("gap_days", false, count(|f| f.further.gap_days)),
        ("longest_gap_days", false, count(|f| f.further.longest_gap_days)),
        ("days_since_actual", true, Arc::new(since_actual)),
        ("actual_share", true, maybe(|f| f.further.actual_share)),
        ("estimated_share", true, maybe(|f| f.further.estimated_share)),
        ("missing_share", true, maybe(|f| f.further.missing_share)),
        ("unknown_share", true, maybe(|f| f.further.unknown_share)),
        ("usable_days", false, count(|f| f.further.usable_days)),
        ("usable_share", true, maybe(|f| f.further.usable_share)),
        ("cut_intervals", false, count(|f| f.further.cut_intervals)),
        (
            "zero_interval_share",
            true,
            maybe(|f| f.further.zero_interval_share),
        ),
        ("negative_days", false, count(|f| f.further.negative_days)),
        ("negative_kwh", false, number(|f| f.further.negative_kwh)),
        ("off_kwh", false, number(|f| f.further.off_kwh)),
        ("uninstalled_kwh", false, number(|f| f.further.uninstalled_kwh)),
        ("median_kwh", true, maybe(|f| f.further.median_kwh)),
        ("p05_kwh", true, maybe(|f| f.further.p05_kwh)),
        ("variation", true, maybe(|f| f.further.variation)),
        ("load_factor", true, maybe(|f| f.further.load_factor)),
        ("base_load_kw", true, maybe(|f| f.further.base_load_kw)),
        ("weekend_ratio", true, maybe(|f| f.further.weekend_ratio)),
        (
            "night_share_change",
            true,
            maybe(|f| f.further.night_share_change),
        ),
        ("lag1_corr", true, maybe(|f| f.further.lag1_corr)),
        (
            "lowest_month_ratio",
            true,
            maybe(|f| f.further.lowest_month_ratio),
        ),
        ("year_ratio", true, maybe(|f| f.further.year_ratio)),
        (
            "longest_flat_run_days",
            false,
            count(|f| f.further.longest_flat_run_days),
        ),
        (
            "longest_equal_run_intervals",
            false,
            Arc::new(UInt16Array::from_iter_values(equal_run)),
        ),
    ]
}

fn counts(rows: Rows<'_, '_>, get: fn(&Features<'_>) -> u32) -> ArrayRef {
    Arc::new(UInt32Array::from_iter_values(rows.iter().map(get)))
}

fn numbers(rows: Rows<'_, '_>, get: fn(&Features<'_>) -> f64) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(rows.iter().map(get)))
}

fn nullable(rows: Rows<'_, '_>, get: fn(&Features<'_>) -> Option<f64>) -> ArrayRef {
    Arc::new(rows.iter().map(get).collect::<Float64Array>())
}
