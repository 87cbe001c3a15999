//! Of `meter_features`: what may be compared between meters of any size.

use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Date32Type, Float64Type, UInt16Type, UInt32Type};

use super::Named;
use crate::error::TransformError;

/// Of the meter with the strongest evidence.
pub(super) const NAMES: [Named; 27] = [
    (
        "ln_median_kwh",
        "ln of the median kWh a day, of 0.01 where it is less",
    ),
    ("variation", "standard deviation of the days over their mean"),
    ("p95_over_median", "95th percentile of the days over their median"),
    ("p05_over_median", "5th percentile of the days over their median"),
    ("load_factor", "mean interval over greatest interval"),
    ("base_load_share", "base load over the median of the days"),
    ("night_share", "energy before 06:00 over all"),
    (
        "night_share_change",
        "night share of the last 30 days less that of the days before",
    ),
    (
        "weekend_ratio",
        "mean of Saturdays and Sundays over the mean of the other days",
    ),
    ("lag1_corr", "correlation of a day with the day before"),
    (
        "lag7_corr",
        "correlation of a day with the same day a week before",
    ),
    (
        "recent_ratio",
        "median of the last 30 days over the median of the days before",
    ),
    ("year_ratio", "the last 30 days over the same days a year before"),
    (
        "lowest_month_ratio",
        "least mean of 30 days over the median of the days",
    ),
    (
        "trend_per_year",
        "slope of the line through the days, a year, over their mean",
    ),
    ("zero_day_share", "share of days at exactly 0"),
    (
        "longest_zero_run_share",
        "longest run of such days, share of all days",
    ),
    (
        "zero_interval_share",
        "share of intervals with a value that are 0",
    ),
    (
        "flat_run_share",
        "longest run of one energy a day, share of all days",
    ),
    ("negative_day_share", "share of days below 0"),
    ("off_share", "energy while off over all"),
    ("uninstalled_share", "energy while not installed over all"),
    ("actual_share", "share of intervals that are actual"),
    ("estimated_share", "share of intervals that are estimated"),
    ("missing_share", "share of intervals that are missing"),
    ("usable_share", "share of intervals that rules may rest on"),
    ("gap_share", "share of days without a row, first to last"),
];

/// Counts and dates of the same meter.
pub(super) const DATED: [Named; 6] = [
    ("days", "days with a row"),
    ("gap_days", "days without a row, first to last"),
    ("longest_gap_days", "longest run of them"),
    (
        "days_since_actual",
        "days from the last actual value to the last row",
    ),
    ("first_day", "first day with a row, days since 1970-01-01"),
    ("last_day", "last day with a row, days since 1970-01-01"),
];

/// Least kWh a day that a logarithm is taken of.
const LEAST_KWH: f64 = 0.01;

const DAYS_OF_A_YEAR: f64 = 365.0;

/// The table, by component.
pub(super) struct MeterTable<'a> {
    batch: &'a RecordBatch,
    ids: &'a StringArray,
}

impl<'a> MeterTable<'a> {
    pub(super) fn of(batch: &'a RecordBatch) -> Result<Self, TransformError> {
        let table = Self {
            batch,
            ids: batch
                .column_by_name("measuring_component_id")
                .and_then(|column| column.as_string_opt::<i32>())
                .ok_or_else(|| missing("measuring_component_id"))?,
        };
        for column in COLUMNS {
            if batch.column_by_name(column).is_none() {
                return Err(missing(column));
            }
        }
        Ok(table)
    }

    /// Row of a component; ids ascend, because dense indices follow them.
    pub(super) fn position(&self, id: &str) -> Option<usize> {
        let (mut from, mut to) = (0, self.ids.len());
        while from < to {
            let middle = usize::midpoint(from, to);
            match self.ids.value(middle).cmp(id) {
                std::cmp::Ordering::Less => from = middle + 1,
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Greater => to = middle,
            }
        }
        None
    }

    fn get(&self, row: Option<usize>, column: &str) -> Option<f64> {
        let row = row?;
        let column = self.batch.column_by_name(column)?;
        if column.is_null(row) {
            return None;
        }
        match column.data_type() {
            DataType::Float64 => Some(column.as_primitive::<Float64Type>().value(row)),
            DataType::UInt32 => Some(f64::from(column.as_primitive::<UInt32Type>().value(row))),
            DataType::UInt16 => Some(f64::from(column.as_primitive::<UInt16Type>().value(row))),
            DataType::Date32 => Some(f64::from(column.as_primitive::<Date32Type>().value(row))),
            _ => None,
        }
    }

    pub(super) fn numbers(&self, row: Option<usize>) -> [Option<f64>; NAMES.len()] {
        let get = |column: &str| self.get(row, column);
        let over = |a: Option<f64>, b: Option<f64>| {
            let (a, b) = a.zip(b)?;
            (b > 0.0).then(|| a / b)
        };
        let (days, median, total) = (get("days"), get("median_kwh"), get("total_kwh"));
        let span = days.zip(get("gap_days")).map(|(days, gaps)| days + gaps);
        [
            median.map(|kwh| kwh.max(LEAST_KWH).ln()),
            get("variation"),
            over(get("p95_kwh"), median),
            over(get("p05_kwh"), median),
            get("load_factor"),
            over(get("base_load_kw").map(|kw| kw * 24.0), median),
            get("night_share"),
            get("night_share_change"),
            get("weekend_ratio"),
            get("lag1_corr"),
            get("lag7_corr"),
            get("recent_ratio"),
            get("year_ratio"),
            get("lowest_month_ratio"),
            over(
                get("slope_kwh_per_day").map(|slope| slope * DAYS_OF_A_YEAR),
                get("mean_kwh"),
            ),
            over(get("zero_days"), days),
            over(get("longest_zero_run_days"), days),
            get("zero_interval_share"),
            over(get("longest_flat_run_days"), days),
            over(get("negative_days"), days),
            over(get("off_kwh"), total),
            over(get("uninstalled_kwh"), total),
            get("actual_share"),
            get("estimated_share"),
            get("missing_share"),
            get("usable_share"),
            over(get("gap_days"), span),
        ]
    }

    pub(super) fn dated(&self, row: Option<usize>) -> [Option<f64>; DATED.len()] {
        DATED.map(|(name, _)| self.get(row, name))
    }
}

/// The columns that are read.
const COLUMNS: [&str; 34] = [
    "days",
    "gap_days",
    "longest_gap_days",
    "days_since_actual",
    "first_day",
    "last_day",
    "median_kwh",
    "total_kwh",
    "mean_kwh",
    "p95_kwh",
    "p05_kwh",
    "base_load_kw",
    "variation",
    "load_factor",
    "night_share",
    "night_share_change",
    "weekend_ratio",
    "lag1_corr",
    "lag7_corr",
    "recent_ratio",
    "year_ratio",
    "lowest_month_ratio",
    "slope_kwh_per_day",
    "zero_days",
    "longest_zero_run_days",
    "zero_interval_share",
    "longest_flat_run_days",
    "negative_days",
    "off_kwh",
    "uninstalled_kwh",
    "actual_share",
    "estimated_share",
    "missing_share",
    "usable_share",
];

fn missing(column: &str) -> TransformError {
    TransformError::MissingColumn {
        table: crate::features::TABLE.to_owned(),
        column: column.to_owned(),
    }
}
