//! The weather: mean temperature by day and area, hung onto service points.
//!
//! Rows are moments (`at`) or whole days (`date`), on the measurement clock; a moment belongs to the day that it lies in. The
//! mean of a day is taken over its rows, in whole thousandths of a degree, so that their order says nothing; a day with
//! fewer than half of the area's usual number of rows has none (`CalTRACK` 2.0, 2.2.2.3, asks for half of the hours). A
//! service point has the weather of its area, else of the rows without an area, else of the only area that there is.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use rayon::slice::ParallelSliceMut as _;

use super::ServicePoint;
use super::columns::Columns;
use super::faults;
use super::notes::{Notes, Origin};
use super::tables::{DELIVERED_AT, FIRST_MICRO, LAST_MICRO, ServicePointRow, show_time};
use crate::error::TransformError;
use crate::model::{DAY_SECONDS, MICRO};

/// Air temperatures beyond these were never measured where people live, or are in Fahrenheit.
const CELSIUS: (f64, f64) = (-75.0, 60.0);

const NONE: u32 = u32::MAX;

/// Daily mean temperatures of all areas.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Weather {
    areas: Vec<DayTemperatures>,
    /// Area by service point; `NONE` where its weather is not known.
    area_of: Vec<u32>,
}

/// Mean temperatures of one area, by day.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DayTemperatures {
    /// Day and degrees Celsius, ascending; the days that are known and no others, so that a stray date costs nothing.
    days: Vec<(i32, f32)>,
}

impl DayTemperatures {
    /// Mean temperature of a day since 1970-01-01, degrees Celsius; `None` where it is not known.
    #[must_use]
    pub fn celsius(&self, day: i32) -> Option<f64> {
        let &(first, _) = self.days.first()?;
        // Mostly every day from the first one on is known.
        let position = usize::try_from(i64::from(day) - i64::from(first)).ok()?;
        let found = match self.days.get(position) {
            Some(found) if found.0 == day => position,
            _ => self.days.binary_search_by_key(&day, |&(day, _)| day).ok()?,
        };
        Some(f64::from(self.days[found].1))
    }

    /// Days from `first_day` on.
    #[cfg(test)]
    pub(crate) fn of(first_day: i32, celsius: &[f64]) -> Self {
        let celsius = celsius.iter().map(|&celsius| celsius as f32);
        Self {
            days: (first_day..).zip(celsius).collect(),
        }
    }
}

impl Weather {
    /// The weather at a service point; `None` where it is not known.
    #[must_use]
    pub fn at(&self, service_point: Option<u32>) -> Option<&DayTemperatures> {
        let area = *self.area_of.get(service_point? as usize)?;
        self.areas.get(area as usize)
    }

    /// One weather for so many service points.
    #[cfg(test)]
    pub(crate) fn everywhere(temperatures: DayTemperatures, service_points: usize) -> Self {
        Self {
            areas: vec![temperatures],
            area_of: vec![0; service_points],
        }
    }
}

/// Sorted by area (empty: none) and moment, and of each the newest delivery last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TemperatureRow<'a> {
    area: &'a str,
    at: i64,
    delivered_at: Option<i64>,
    /// 10^-3 degrees.
    milli: i64,
}

/// One row for each area and moment, sorted.
pub(super) fn rows<'a>(
    batches: &'a [RecordBatch],
    notes: &mut Notes<'a>,
) -> Result<Vec<TemperatureRow<'a>>, TransformError> {
    const TABLE: &str = "temperature";
    let mut rows: Vec<TemperatureRow<'a>> = Vec::new();
    for (batch_index, batch) in batches.iter().enumerate() {
        let columns = Columns::new(TABLE, batch);
        columns.require(&["degrees_celsius"])?;
        let (at, date) = (columns.time("at")?, columns.time("date")?);
        let (celsius, area) = (columns.float("degrees_celsius")?, columns.text("area_id")?);
        let delivered_at = columns.time(DELIVERED_AT)?;
        for row in 0..batch.num_rows() {
            let origin = Origin {
                table: TABLE,
                batch: batch_index,
                row,
            };
            let area = area.get(row).unwrap_or("");
            let time = at.get(row).or(date.get(row));
            let Some(at) = time.filter(|at| (FIRST_MICRO..LAST_MICRO).contains(at)) else {
                let shown = time.map(show_time).unwrap_or_default();
                notes.reject(origin, faults::TEMPERATURE_TIME_MISSING, "at", shown, Some(area));
                continue;
            };
            let value = celsius.get(row);
            let Some(celsius) = value.filter(|value| (CELSIUS.0..=CELSIUS.1).contains(value)) else {
                let shown = value.map(|value| value.to_string()).unwrap_or_default();
                let fault = faults::TEMPERATURE_OUT_OF_RANGE;
                notes.reject(origin, fault, "degrees_celsius", shown, Some(area));
                continue;
            };
            rows.push(TemperatureRow {
                area,
                at,
                delivered_at: delivered_at.get(row),
                milli: (celsius * 1000.0).round() as i64,
            });
        }
    }
    rows.par_sort_unstable();
    rows.dedup_by(|row, kept| {
        if (row.area, row.at) != (kept.area, kept.at) {
            return false;
        }
        let fault = if row.milli == kept.milli {
            faults::DUPLICATE_ROW
        } else {
            faults::CONTRADICTING_DUPLICATE
        };
        notes.add(TABLE, fault, row.area);
        *kept = *row;
        true
    });
    Ok(rows)
}

/// Daily means, and which service point has which.
pub(super) fn weather<'a>(
    rows: &[TemperatureRow<'a>],
    places: &[ServicePoint],
    points: &[ServicePointRow<'a>],
    notes: &mut Notes<'a>,
) -> Weather {
    if rows.is_empty() {
        return Weather::default();
    }
    let mut areas = Vec::new();
    let mut numbers: BTreeMap<&str, u32> = BTreeMap::new();
    for group in rows.chunk_by(|a, b| a.area == b.area) {
        numbers.insert(group[0].area, areas.len() as u32);
        areas.push(daily_means(group));
    }
    let otherwise = match numbers.get("") {
        Some(&number) => Some(number),
        None if areas.len() == 1 => Some(0),
        None => None,
    };
    let number = |area: Option<&str>| match area {
        Some(area) if numbers.contains_key(area) => Some(numbers[area]),
        _ => otherwise,
    };
    // Rows that name no area are meant for everybody.
    let has_areas = numbers.keys().any(|area| !area.is_empty());
    for point in points.iter().filter(|_| has_areas) {
        let area = point.area_id;
        if number(area).is_none() || area.is_some_and(|area| !numbers.contains_key(area)) {
            notes.add("service_point", faults::AREA_WITHOUT_WEATHER, point.id);
        }
    }
    let of = |place: &ServicePoint| number(place.area_id.as_deref()).unwrap_or(NONE);
    Weather {
        area_of: places.iter().map(of).collect(),
        areas,
    }
}

/// Of the rows of one area.
fn daily_means(rows: &[TemperatureRow<'_>]) -> DayTemperatures {
    let day = |row: &TemperatureRow<'_>| row.at.div_euclid(DAY_SECONDS * MICRO) as i32;
    let mut counts: Vec<usize> = rows.chunk_by(|a, b| day(a) == day(b)).map(<[_]>::len).collect();
    let middle = counts.len() / 2;
    let usual = *counts.select_nth_unstable(middle).1;
    let groups = rows.chunk_by(|a, b| day(a) == day(b));
    let mean = |group: &[TemperatureRow<'_>]| {
        let sum: i64 = group.iter().map(|row| row.milli).sum();
        (day(&group[0]), (sum as f64 / (1000 * group.len()) as f64) as f32)
    };
    let days = groups.filter(|group| 2 * group.len() >= usual).map(mean);
    DayTemperatures { days: days.collect() }
}
