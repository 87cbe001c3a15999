//! Meter features: one row per measuring component, computed from its day profiles.
//!
//! Unless it says usable, a feature is over all rows, whatever their condition; days are days that have a row. A
//! feature is null where it is undefined: nothing to divide by, too few days, nothing that varies.
//!
//! | column | unit | meaning |
//! |---|---|---|
//! | measuring_component_id, device_id | | ids; null where unknown |
//! | service_point_id | | where it hung last; null if it never hung anywhere |
//! | days | days | days with a row |
//! | total_kwh | kWh | sum of all values |
//! | mean_kwh, stddev_kwh | kWh per day | mean and sample standard deviation of the days |
//! | zero_days | days | days whose energy is exactly 0 |
//! | longest_zero_run_days | days | longest run of such rows; a gap between days does not end it |
//! | recent_ratio | | median of the last 30 calendar days over the median of the days before |
//! | p95_kwh | kWh per day | 95th percentile of the days, interpolated |
//! | night_share | | energy of intervals that start before 06:00 over all; null for intervals longer than an hour |
//! | min_interval_kwh, max_interval_kwh | kWh | least and greatest value of an interval |
//! | lag7_corr, lag1_corr | -1 to 1 | correlation of a day with the one 7 rows, or 1 row, earlier |
//! | slope_kwh_per_day | kWh per day, per day | slope of the least-squares line through the days |
//! | kwh_not_installed, kwh_off | kWh | energy of the days after the last removal's, or disconnection's, day: see [`CoreInstall`] |
//! | first_day, last_day | date | first and last day with a row |
//! | gap_days, longest_gap_days | days | days without a row in between; the longest stretch of them |
//! | days_since_actual | days | from the last day with an actual or overridden interval to the last day |
//! | actual_share, estimated_share, missing_share, unknown_share | 0 to 1 | of the intervals, by condition; actual with override |
//! | usable_days | days | days with an interval that a rule may rest on |
//! | usable_share | 0 to 1 | of the intervals, those that a rule may rest on |
//! | cut_intervals | intervals | cut by an install, a removal or a switch |
//! | zero_interval_share | 0 to 1 | of the intervals with a value, zeros |
//! | negative_days | days | days whose energy is below 0 |
//! | negative_kwh | kWh | energy (below 0) of the usable negative intervals |
//! | off_kwh, uninstalled_kwh | kWh | energy of actual intervals while off; while no install event covers them |
//! | median_kwh, p05_kwh | kWh per day | median and 5th percentile of the days |
//! | variation | | standard deviation over mean |
//! | load_factor | 0 to 1 | mean interval over greatest interval |
//! | base_load_kw | kW | 5th percentile of the wholly usable hours; for longer intervals, of the usable days / 24 |
//! | weekend_ratio | | mean of Saturdays and Sundays over the mean of the other days |
//! | night_share_change | -1 to 1 | night share of the last 30 calendar days less that of the days before |
//! | lowest_month_ratio | | least mean of 30 days one after another over the median of the days |
//! | year_ratio | | the last 30 calendar days over the same days 364 days before; at least 20 pairs |
//! | longest_flat_run_days | days | longest run of calendar days with one usable energy, not 0 |
//! | longest_equal_run_intervals | intervals | longest run within a day of one usable value, not 0 |
//!
//! Sums are exact integers, rounded once; means, moments and quantiles are floats, added in the order of the days.

mod core;
mod days;
mod further;
mod statistics;

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Date32Array, Float64Array, RecordBatch, StringArray, UInt16Array, UInt32Array,
};
use arrow::datatypes::{Field, Schema};

use crate::error::TransformError;
use crate::registry::{Component, Registry};
use crate::series::SeriesBlock;

use self::core::Core;
use days::Days;
use further::Further;

pub use self::core::CoreInstall;

/// Name of the table.
pub const TABLE: &str = "meter_features";

struct Features<'r> {
    component: &'r Component,
    service_point_id: Option<&'r str>,
    core: Core,
    further: Further,
}

/// The features of every component of the block, by dense index; the columns stand in the module's table.
///
/// Fails as a bug where the block holds a component that the registry lacks.
pub fn meter_features(registry: &Registry, block: &SeriesBlock) -> Result<RecordBatch, TransformError> {
    let rows = block.par_map(|series| {
        let component = registry.components.get(series.component as usize).ok_or_else(|| {
            TransformError::Bug(format!("day profiles of component {}, which the registry lacks", series.component))
        })?;
        let days = Days::of(&series);
        let service_point = component.last_service_point();
        Ok(Features {
            component,
            service_point_id: service_point
                .and_then(|index| registry.service_points.get(index as usize))
                .map(|service_point| service_point.id.as_str()),
            core: Core::of(&series, &days, CoreInstall::of(component)),
            further: Further::of(block, &series, &days),
        })
    });
    let rows = rows.into_iter().collect::<Result<Vec<_>, TransformError>>()?;
    to_batch(&rows)
}

fn to_batch(rows: &[Features<'_>]) -> Result<RecordBatch, TransformError> {
    let text = |get: fn(&Features<'_>) -> Option<String>| -> ArrayRef {
        Arc::new(rows.iter().map(get).collect::<StringArray>())
    };
    let count = |get: fn(&Features<'_>) -> u32| -> ArrayRef {
        Arc::new(UInt32Array::from_iter_values(rows.iter().map(get)))
    };
    let number = |get: fn(&Features<'_>) -> f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(rows.iter().map(get)))
    };
    let maybe = |get: fn(&Features<'_>) -> Option<f64>| -> ArrayRef {
        Arc::new(rows.iter().map(get).collect::<Float64Array>())
    };
    let date = |get: fn(&Features<'_>) -> i32| -> ArrayRef {
        Arc::new(Date32Array::from_iter_values(rows.iter().map(get)))
    };
    let since_actual = rows.iter().map(|f| f.further.days_since_actual).collect::<UInt32Array>();
    let equal_run = rows.iter().map(|f| f.further.longest_equal_run_intervals);
    // Name, whether it may be null, values.
    let columns: Vec<(&str, bool, ArrayRef)> = vec![
        ("measuring_component_id", false, text(|f| Some(f.component.id.clone()))),
        ("device_id", true, text(|f| f.component.device_id.clone())),
        ("service_point_id", true, text(|f| f.service_point_id.map(str::to_owned))),
        ("days", false, count(|f| f.core.days)),
        ("total_kwh", false, number(|f| f.core.total_kwh)),
        ("mean_kwh", true, maybe(|f| f.core.mean_kwh)),
        ("stddev_kwh", true, maybe(|f| f.core.stddev_kwh)),
        ("zero_days", false, count(|f| f.core.zero_days)),
        ("longest_zero_run_days", false, count(|f| f.core.longest_zero_run_days)),
        ("recent_ratio", true, maybe(|f| f.core.recent_ratio)),
        ("p95_kwh", true, maybe(|f| f.core.p95_kwh)),
        ("night_share", true, maybe(|f| f.core.night_share)),
        ("min_interval_kwh", true, maybe(|f| f.core.min_interval_kwh)),
        ("max_interval_kwh", true, maybe(|f| f.core.max_interval_kwh)),
        ("lag7_corr", true, maybe(|f| f.core.lag7_corr)),
        ("slope_kwh_per_day", true, maybe(|f| f.core.slope_kwh_per_day)),
        ("kwh_not_installed", false, number(|f| f.core.kwh_not_installed)),
        ("kwh_off", false, number(|f| f.core.kwh_off)),
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
        ("zero_interval_share", true, maybe(|f| f.further.zero_interval_share)),
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
        ("night_share_change", true, maybe(|f| f.further.night_share_change)),
        ("lag1_corr", true, maybe(|f| f.further.lag1_corr)),
        ("lowest_month_ratio", true, maybe(|f| f.further.lowest_month_ratio)),
        ("year_ratio", true, maybe(|f| f.further.year_ratio)),
        ("longest_flat_run_days", false, count(|f| f.further.longest_flat_run_days)),
        ("longest_equal_run_intervals", false, Arc::new(UInt16Array::from_iter_values(equal_run))),
    ];
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, nullable, array)| Field::new(*name, array.data_type().clone(), *nullable))
        .collect();
    let arrays = columns.into_iter().map(|(_, _, array)| array).collect();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
}

#[cfg(test)]
mod tests;
