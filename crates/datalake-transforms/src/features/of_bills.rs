//! The features of registers whose periods are weeks or months long, from their bills.
//!
//! A bill counts as many days as it touches, each with its mean kWh a day; so the numbers are those that its days would give,
//! give or take the days that two bills meet in. What days alone tell (rhythm, slope, weekends) is null.

use arrow::array::RecordBatch;

use super::core::{Core, CoreInstall, kwh, micro_sum};
use super::further::Further;
use super::{Features, last_service_point_id, table};
use crate::error::TransformError;
use crate::model::{Condition, DAY_SECONDS};
use crate::register_periods::BilledPeriod;
use crate::registry::{Coverage, Registry};

/// The features of every component among the periods, by dense index; `periods` are sorted by component and end.
///
/// Fails as a bug where a component is not in the registry.
pub fn features_of_bills(
    registry: &Registry,
    periods: &[BilledPeriod],
) -> Result<RecordBatch, TransformError> {
    let of_component = |bills: &[BilledPeriod]| {
        let index = bills[0].component;
        let component = registry.components.get(index as usize).ok_or_else(|| {
            TransformError::Bug(format!("bills of component {index}, which the registry lacks"))
        })?;
        let bills = Bills::of(bills);
        Ok(Features {
            component,
            service_point_id: last_service_point_id(component, registry),
            core: bills.core(CoreInstall::of(component)),
            further: bills.further(),
        })
    };
    let rows: Vec<Features<'_>> = periods
        .chunk_by(|a, b| a.component == b.component)
        .map(of_component)
        .collect::<Result<_, TransformError>>()?;
    table::to_batch(&rows)
}

/// A bill with energy.
#[derive(Debug, Clone, Copy)]
struct Valued<'a> {
    bill: &'a BilledPeriod,
    micro: i64,
    days: f64,
}

impl Valued<'_> {
    fn kwh_a_day(&self) -> f64 {
        kwh(self.micro) / self.days
    }
}

struct Bills<'a> {
    all: &'a [BilledPeriod],
    valued: Vec<Valued<'a>>,
}

/// First day of a bill and its last.
fn span(bill: &BilledPeriod) -> (i32, i32) {
    let day = |at: i64| i32::try_from(at.div_euclid(DAY_SECONDS)).unwrap_or(i32::MAX);
    (day(bill.start), day(bill.end - 1))
}

fn days(bill: &BilledPeriod) -> u32 {
    let (first, last) = span(bill);
    (i64::from(last) - i64::from(first) + 1).unsigned_abs() as u32
}

fn over(part: f64, all: f64) -> Option<f64> {
    (all != 0.0).then(|| part / all)
}

impl<'a> Bills<'a> {
    fn of(all: &'a [BilledPeriod]) -> Self {
        let valued = |bill: &'a BilledPeriod| {
            Some(Valued {
                bill,
                micro: bill.value_micro?,
                days: (bill.end - bill.start) as f64 / DAY_SECONDS as f64,
            })
        };
        Self {
            all,
            valued: all
                .iter()
                .filter_map(valued)
                .filter(|bill| bill.days > 0.0)
                .collect(),
        }
    }

    /// Days of the bills for which `holds`.
    fn days_of(&self, holds: impl Fn(&BilledPeriod) -> bool) -> u32 {
        let bills = self.all.iter().filter(|bill| holds(bill));
        bills.map(days).fold(0, u32::saturating_add)
    }

    /// Energy of the bills for which `holds`, kWh.
    fn kwh_of(&self, holds: impl Fn(&BilledPeriod) -> bool) -> f64 {
        let bills = self.valued.iter().filter(|valued| holds(valued.bill));
        micro_sum(&bills.map(|valued| valued.micro).collect::<Vec<_>>())
    }

    /// Mean kWh a day below which so much of the days of `bills` lie.
    fn quantile(bills: &[Valued<'_>], q: f64) -> Option<f64> {
        let mut rates: Vec<(f64, f64)> = bills.iter().map(|bill| (bill.kwh_a_day(), bill.days)).collect();
        rates.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let wanted = q * rates.iter().map(|(_, days)| days).sum::<f64>();
        let mut passed = 0.0;
        for (rate, days) in &rates {
            passed += days;
            if passed >= wanted {
                return Some(*rate);
            }
        }
        rates.last().map(|(rate, _)| *rate)
    }

    /// The mean kWh a day, and its standard deviation over the days.
    fn moments(&self) -> (Option<f64>, Option<f64>) {
        let all: f64 = self.valued.iter().map(|bill| bill.days).sum();
        let Some(mean) = over(self.kwh_of(|_| true), all) else {
            return (None, None);
        };
        let square = |bill: &Valued<'_>| bill.days * (bill.kwh_a_day() - mean).powi(2);
        let squares: f64 = self.valued.iter().map(square).sum();
        (Some(mean), (all > 1.0).then(|| (squares / (all - 1.0)).sqrt()))
    }

    /// Energy after a day, that of the bill which it lies in by the share of its time.
    fn kwh_after(&self, day: Option<i32>) -> f64 {
        let Some(day) = day else { return 0.0 };
        let from = (i64::from(day) + 1) * DAY_SECONDS;
        let after = |bill: &Valued<'_>| {
            let all = (bill.bill.end - bill.bill.start) as f64;
            let share = (bill.bill.end - bill.bill.start.max(from)).max(0) as f64 / all;
            share * kwh(bill.micro)
        };
        self.valued.iter().map(after).sum()
    }

    fn longest_zero_run_days(&self) -> u32 {
        let (mut longest, mut run) = (0, 0_u32);
        for bill in self.all {
            run = if bill.value_micro == Some(0) {
                run.saturating_add(days(bill))
            } else {
                0
            };
            longest = longest.max(run);
        }
        longest
    }

    /// Days that no bill touches between the first and the last, and the longest stretch of them.
    fn gaps(&self) -> (u32, u32, u32) {
        let mut spans: Vec<(i32, i32)> = self.all.iter().map(span).collect();
        spans.sort_unstable();
        let (mut covered, mut gaps, mut longest) = (0, 0, 0);
        let mut end: Option<i32> = None;
        for (first, last) in spans {
            let from = end.map_or(first, |end| first.max(end.saturating_add(1)));
            if let Some(end) = end {
                let gap = (i64::from(from) - i64::from(end) - 1).unsigned_abs() as u32;
                gaps += gap;
                longest = longest.max(gap);
            }
            covered += (i64::from(last) - i64::from(from) + 1).max(0) as u32;
            end = Some(end.map_or(last, |end| end.max(last)));
        }
        (covered, gaps, longest)
    }

    fn core(&self, install: CoreInstall) -> Core {
        let (mean_kwh, stddev_kwh) = self.moments();
        let rates = || self.valued.iter().map(Valued::kwh_a_day);
        let last = self.valued.last().map(Valued::kwh_a_day);
        let before = &self.valued[..self.valued.len().saturating_sub(1)];
        let median_before = Self::quantile(before, 0.5);
        Core {
            days: self.gaps().0,
            total_kwh: self.kwh_of(|_| true),
            mean_kwh,
            stddev_kwh,
            zero_days: self.days_of(|bill| bill.value_micro == Some(0)),
            longest_zero_run_days: self.longest_zero_run_days(),
            recent_ratio: last
                .zip(median_before)
                .and_then(|(last, before)| over(last, before)),
            p95_kwh: Self::quantile(&self.valued, 0.95),
            night_share: None,
            min_interval_kwh: rates().min_by(f64::total_cmp),
            max_interval_kwh: rates().max_by(f64::total_cmp),
            lag7_corr: None,
            slope_kwh_per_day: None,
            kwh_not_installed: self.kwh_after(install.removed_day),
            kwh_off: self.kwh_after(install.off_day),
        }
    }

    fn further(&self) -> Further {
        let (first_day, last_day) = self
            .all
            .iter()
            .map(span)
            .fold((i32::MAX, i32::MIN), |found, (first, last)| {
                (found.0.min(first), found.1.max(last))
            });
        let (_, gap_days, longest_gap_days) = self.gaps();
        let all = f64::from(self.days_of(|_| true));
        let share = |holds: &dyn Fn(&BilledPeriod) -> bool| over(f64::from(self.days_of(holds)), all);
        let is_actual =
            |bill: &BilledPeriod| matches!(bill.condition, Condition::Actual | Condition::Override);
        let last_actual = self
            .all
            .iter()
            .filter(|bill| is_actual(bill))
            .map(|bill| span(bill).1)
            .max();
        let (mean, deviation) = self.moments();
        let (median_kwh, p05_kwh) = (
            Self::quantile(&self.valued, 0.5),
            Self::quantile(&self.valued, 0.05),
        );
        let valued = f64::from(self.days_of(|bill| bill.value_micro.is_some()));
        let zero_days = f64::from(self.days_of(|bill| bill.value_micro == Some(0)));
        let greatest = self.valued.iter().map(Valued::kwh_a_day).max_by(f64::total_cmp);
        let lowest = self.valued.iter().map(Valued::kwh_a_day).min_by(f64::total_cmp);
        let load_factor = mean.zip(greatest).and_then(|(mean, most)| over(mean, most));
        let is_negative = |bill: &BilledPeriod| bill.value_micro.is_some_and(|value| value < 0);
        let energy_of =
            |covered: fn(&Coverage) -> bool| self.kwh_of(|bill| bill.is_actual && covered(&bill.coverage));
        Further {
            first_day,
            last_day,
            gap_days,
            longest_gap_days,
            days_since_actual: last_actual.map(|day| (last_day - day).unsigned_abs()),
            actual_share: share(&is_actual),
            estimated_share: share(&|bill| bill.condition == Condition::Estimated),
            missing_share: share(&|bill| bill.condition == Condition::Missing),
            unknown_share: share(&|bill| bill.condition == Condition::Unknown),
            usable_days: self.days_of(BilledPeriod::is_usable),
            usable_share: share(&BilledPeriod::is_usable),
            cut_intervals: self.days_of(|bill| bill.coverage == Coverage::Cut),
            zero_interval_share: over(zero_days, valued),
            negative_days: self.days_of(is_negative),
            negative_kwh: self.kwh_of(|bill| bill.is_usable() && is_negative(bill)),
            off_kwh: energy_of(|coverage| matches!(coverage, Coverage::Off(_))),
            uninstalled_kwh: energy_of(|coverage| *coverage == Coverage::Uninstalled),
            median_kwh,
            p05_kwh,
            variation: deviation
                .zip(mean)
                .and_then(|(deviation, mean)| over(deviation, mean)),
            load_factor: load_factor.filter(|factor| (0.0..=1.0).contains(factor)),
            base_load_kw: p05_kwh.map(|kwh| kwh / 24.0),
            weekend_ratio: None,
            night_share_change: None,
            lag1_corr: None,
            lowest_month_ratio: lowest
                .zip(median_kwh)
                .and_then(|(least, median)| over(least, median)),
            year_ratio: None,
            longest_flat_run_days: 0,
            longest_equal_run_intervals: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use arrow::array::AsArray;
    use arrow::datatypes::{Float64Type, UInt32Type};

    use super::*;
    use crate::resolve::Codes;

    fn bill(days: (i64, i64), kwh: Option<i64>) -> BilledPeriod {
        BilledPeriod {
            component: 0,
            service_point: None,
            start: days.0 * DAY_SECONDS,
            end: days.1 * DAY_SECONDS,
            value_micro: kwh.map(|kwh| kwh * 1_000_000),
            previous_reading_micro: None,
            reading_micro: None,
            is_actual: true,
            condition: Condition::Actual,
            codes: Codes::default(),
            coverage: Coverage::On(0),
            overlaps: false,
            by_readings_micro: None,
        }
    }

    #[test]
    fn three_bills_by_hand() {
        let component = crate::registry::Component {
            id: "MC".to_owned(),
            ..Default::default()
        };
        let registry = Registry::new(vec![component], Vec::new());
        // 4 kWh on each of 100 days, nothing for 50, ten days unknown, and 8 kWh on each of 50.
        let mut off = bill((160, 210), Some(400));
        off.coverage = Coverage::Off(0);
        let bills = [bill((0, 100), Some(400)), bill((100, 150), Some(0)), off];
        let found = features_of_bills(&registry, &bills).unwrap();
        let number = |name: &str| {
            let column = found.column_by_name(name).unwrap();
            match column.as_primitive_opt::<Float64Type>() {
                Some(numbers) => numbers.value(0),
                None => f64::from(column.as_primitive::<UInt32Type>().value(0)),
            }
        };
        for (name, expected) in [
            ("days", 200.0),
            ("total_kwh", 800.0),
            ("mean_kwh", 4.0),
            ("median_kwh", 4.0),
            ("p95_kwh", 8.0),
            ("p05_kwh", 0.0),
            // Squares of 50 days at -4 and 50 at 4, over 199.
            ("stddev_kwh", (1600.0_f64 / 199.0).sqrt()),
            ("zero_days", 50.0),
            ("longest_zero_run_days", 50.0),
            ("gap_days", 10.0),
            ("longest_gap_days", 10.0),
            // 8 over the median of 100 days at 4 and 50 at 0.
            ("recent_ratio", 2.0),
            ("load_factor", 0.5),
            ("usable_days", 150.0),
            ("usable_share", 0.75),
            ("off_kwh", 400.0),
            ("zero_interval_share", 0.25),
        ] {
            assert_eq!(number(name), expected, "{name}");
        }
        // Bills that overlap count their days once; those without energy have no mean.
        let twice = [bill((0, 100), None), bill((90, 110), None)];
        let found = features_of_bills(&registry, &twice).unwrap();
        assert_eq!(found["days"].as_primitive::<UInt32Type>().value(0), 110);
        assert_eq!(found["mean_kwh"].null_count(), 1);
    }
}
