//! Meter features: one row per measuring component, computed from its day profiles.
//!
//! Unless it says usable, a feature is over all rows, whatever their condition; days are days that have a row. A
//! feature is null where it is undefined: nothing to divide by, too few days, nothing that varies.
//!
//! | column | unit | meaning |
//! |---|---|---|
//! | `measuring_component_id`, `device_id` | | ids; null where unknown |
//! | `service_point_id` | | where it hung last; null if it never hung anywhere |
//! | `days` | days | days with a row |
//! | `total_kwh` | kWh | sum of all values |
//! | `mean_kwh`, `stddev_kwh` | kWh per day | mean and sample standard deviation of the days |
//! | `zero_days` | days | days whose energy is exactly 0 |
//! | `longest_zero_run_days` | days | longest run of such rows; a gap between days does not end it |
//! | `recent_ratio` | | median of the last 30 calendar days over the median of the days before |
//! | `p95_kwh` | kWh per day | 95th percentile of the days, interpolated |
//! | `night_share` | | energy of intervals that start before 06:00 over all; null for intervals longer than an hour |
//! | `min_interval_kwh`, `max_interval_kwh` | kWh | least and greatest value of an interval |
//! | `lag7_corr`, `lag1_corr` | -1 to 1 | correlation of a day with the one 7 rows, or 1 row, earlier |
//! | `slope_kwh_per_day` | kWh per day, per day | slope of the least-squares line through the days |
//! | `kwh_not_installed`, `kwh_off` | kWh | energy of the days after the last removal's, or disconnection's, day: see [`CoreInstall`] |
//! | `first_day`, `last_day` | date | first and last day with a row |
//! | `gap_days`, `longest_gap_days` | days | days without a row in between; the longest stretch of them |
//! | `days_since_actual` | days | from the last day with an actual or overridden interval to the last day |
//! | `actual_share`, `estimated_share`, `missing_share`, `unknown_share` | 0 to 1 | of the intervals, by condition; actual with override |
//! | `usable_days` | days | days with an interval that a rule may rest on |
//! | `usable_share` | 0 to 1 | of the intervals, those that a rule may rest on |
//! | `cut_intervals` | intervals | cut by an install, a removal or a switch |
//! | `zero_interval_share` | 0 to 1 | of the intervals with a value, zeros |
//! | `negative_days` | days | days whose energy is below 0 |
//! | `negative_kwh` | kWh | energy (below 0) of the usable negative intervals |
//! | `off_kwh`, `uninstalled_kwh` | kWh | energy of actual intervals while off; while no install event covers them |
//! | `median_kwh`, `p05_kwh` | kWh per day | median and 5th percentile of the days |
//! | `variation` | | standard deviation over mean |
//! | `load_factor` | 0 to 1 | mean interval over greatest interval |
//! | `base_load_kw` | kW | 5th percentile of the wholly usable hours; for longer intervals, of the usable days / 24 |
//! | `weekend_ratio` | | mean of Saturdays and Sundays over the mean of the other days |
//! | `night_share_change` | -1 to 1 | night share of the last 30 calendar days less that of the days before |
//! | `lowest_month_ratio` | | least mean of 30 days one after another over the median of the days |
//! | `year_ratio` | | the last 30 calendar days over the same days 364 days before; at least 20 pairs |
//! | `longest_flat_run_days` | days | longest run of calendar days with one usable energy, not 0 |
//! | `longest_equal_run_intervals` | intervals | longest run within a day of one usable value, not 0 |
//!
//! Of registers with periods of weeks or months they are made of bills, see [`features_of_bills`].
//!
//! Sums are exact integers, rounded once; means, moments and quantiles are floats, added in the order of the days.

mod core;
mod days;
mod ends;
mod further;
mod of_bills;
mod statistics;
mod table;

use arrow::array::RecordBatch;

use crate::error::TransformError;
use crate::registry::{Component, Registry};
use crate::series::SeriesBlock;

use self::core::Core;
use days::{Days, Scratch};
use further::Further;

pub use self::core::CoreInstall;
pub use ends::ahead_of_the_lake;
pub use of_bills::features_of_bills;

/// Name of the table.
pub const TABLE: &str = "meter_features";

struct Features<'r> {
    component: &'r Component,
    service_point_id: Option<&'r str>,
    core: Core,
    further: Further,
}

/// Id of the service point that a component was at last.
fn last_service_point_id<'r>(component: &Component, registry: &'r Registry) -> Option<&'r str> {
    let at = component.last_service_point()?;
    let service_point = registry.service_points.get(at as usize)?;
    Some(service_point.id.as_str())
}

/// The features of every component of the block, by dense index; the columns stand in the module's table.
///
/// Fails as a bug where the block holds a component that the registry lacks.
pub fn meter_features(registry: &Registry, block: &SeriesBlock) -> Result<RecordBatch, TransformError> {
    let rows = block.par_map_with(Scratch::default, |scratch, series| {
        let component = registry
            .components
            .get(series.component as usize)
            .ok_or_else(|| {
                TransformError::Bug(format!(
                    "day profiles of component {}, which the registry lacks",
                    series.component
                ))
            })?;
        let days = Days::of(&series, &mut scratch.kwh, &mut scratch.buffer);
        let moments = days.moments();
        let core = Core::of(&series, &days, moments.as_ref(), CoreInstall::of(component));
        let further = Further::of(
            block,
            &series,
            &days,
            (moments.as_ref(), &core),
            &mut scratch.hours,
        );
        Ok(Features {
            component,
            service_point_id: last_service_point_id(component, registry),
            core,
            further,
        })
    });
    let rows = rows.into_iter().collect::<Result<Vec<_>, TransformError>>()?;
    table::to_batch(&rows)
}

#[cfg(test)]
mod tests;
