//! Second reading: the thieves' values, and what the attacks make of them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};
use rayon::prelude::*;

use datalake_deps::session::StopFlag;

use super::plan::{Plan, Thief};
use super::survey::{Measurements, TABLE};
use crate::synthetic::error::ToolError;
use crate::synthetic::files::FileBatches;
use crate::synthetic::random::{Purpose, stream};
use crate::synthetic::theft::{Reference, TheftKind};

/// True values of one component: seconds of `measured_at` and millionths, ascending, one row a moment.
type Series = Vec<(i64, i64)>;

/// What the attacks report.
pub(super) struct Injected {
    /// Component to its new values, ascending by seconds.
    pub(super) reported: HashMap<String, Reported>,
    /// Energy lost per thief of the plan, millionths, net.
    pub(super) lost_micro: Vec<i64>,
}

/// New values of one component.
pub(super) struct Reported {
    /// Seconds of `measured_at` and millionths of the new value.
    pub(super) values: Series,
    /// Whether the rows are marked as estimated.
    pub(super) estimated: bool,
}

/// A row as it lies in the lake; of rows of one moment the last in this order is the one that holds.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    at: i64,
    updated: Option<i64>,
    version: Option<i64>,
    micro: i64,
}

/// Whether a condition code says that the value is a placeholder.
pub(super) fn is_missing(code: &str) -> bool {
    code.trim()
        .parse::<u32>()
        .is_ok_and(|c| (100_000..300_000).contains(&c))
}

/// The true values of some components, by id.
pub(super) fn read(
    files: &[PathBuf],
    components: &[&str],
    stop: &StopFlag,
) -> Result<HashMap<String, Series>, ToolError> {
    let parts = files
        .par_iter()
        .map(|file| read_file(file, components, stop))
        .collect::<Result<Vec<_>, _>>()?;
    let mut rows: Vec<Vec<Row>> = components.iter().map(|_| Vec::new()).collect();
    for part in parts {
        for (component, row) in part {
            rows[component].push(row);
        }
    }
    Ok(components
        .iter()
        .zip(rows)
        .map(|(id, mut rows)| {
            rows.sort_unstable();
            let mut series: Series = Vec::with_capacity(rows.len());
            for row in rows {
                match series.last_mut() {
                    Some(last) if last.0 == row.at => last.1 = row.micro,
                    _ => series.push((row.at, row.micro)),
                }
            }
            ((*id).to_owned(), series)
        })
        .collect())
}

fn read_file(file: &Path, components: &[&str], stop: &StopFlag) -> Result<Vec<(usize, Row)>, ToolError> {
    let index: HashMap<&str, usize> = components.iter().enumerate().map(|(i, id)| (*id, i)).collect();
    let mut found = Vec::new();
    for batch in FileBatches::open(file, TABLE)? {
        stop.check()?;
        let batch = batch?;
        let id = batch.text("measuring_component_id")?;
        if !id.iter().flatten().any(|id| index.contains_key(id.trim())) {
            continue;
        }
        let rows = Measurements::of(&batch)?;
        let condition = batch.optional_text("condition_code")?;
        let updated = batch.moments("updated_at")?;
        let version = batch.optional("version", &DataType::Int64)?;
        for i in 0..batch.rows() {
            let Some(&component) = index.get(rows.id.value(i).trim()) else {
                continue;
            };
            let Some((at, micro)) = rows.get(i) else { continue };
            if condition.as_ref().is_some_and(|c| is_missing(c.value(i))) {
                continue;
            }
            let updated = updated
                .as_ref()
                .map(AsArray::as_primitive::<TimestampMicrosecondType>);
            let version = version.as_ref().map(AsArray::as_primitive::<Int64Type>);
            found.push((
                component,
                Row {
                    at,
                    updated: updated.filter(|a| a.is_valid(i)).map(|a| a.value(i)),
                    version: version.filter(|a| a.is_valid(i)).map(|a| a.value(i)),
                    micro,
                },
            ));
        }
    }
    Ok(found)
}

/// Applies each thief's attack from the onset on.
pub(super) fn inject(plan: &Plan, recorded: &HashMap<String, Series>, seed: u64) -> Injected {
    let mut injected = Injected {
        reported: HashMap::new(),
        lost_micro: Vec::new(),
    };
    for (number, thief) in plan.thieves.iter().enumerate() {
        let mut lost = 0;
        for (channel, id) in thief.components.iter().enumerate() {
            let Some(series) = recorded.get(id) else { continue };
            let donor = thief.donor.as_ref().and_then(|d| recorded.get(d));
            let (values, component_lost) = attack(thief, number as u64, channel as i64, series, donor, seed);
            lost += component_lost;
            let estimated = thief.kind == TheftKind::EstimatedForever;
            injected
                .reported
                .insert(id.clone(), Reported { values, estimated });
        }
        injected.lost_micro.push(lost);
    }
    injected
}

/// New values of one component from the onset on, and the energy lost.
fn attack(
    thief: &Thief,
    number: u64,
    channel: i64,
    series: &Series,
    donor: Option<&Series>,
    seed: u64,
) -> (Series, i64) {
    let interval = i64::from(thief.interval_seconds);
    let slots = (86_400 / interval) as usize;
    let day_of = |at: i64| (at - interval).div_euclid(86_400) as i32;
    let start = series.partition_point(|row| day_of(row.0) < thief.onset);
    let before = if start == 0 { &series[..] } else { &series[..start] };
    let reference = Reference {
        mean_kwh: before.iter().map(|r| r.1 as f64).sum::<f64>() / before.len().max(1) as f64 / 1e6,
        max_kwh: before.iter().map(|r| r.1).max().unwrap_or(0) as f64 / 1e6,
        slots,
    };
    // Reported values have the meter's own resolution, or their digits would betray them.
    let resolution = series.iter().fold(0, |g, row| gcd(g, row.1)).max(1);
    let mut rng = stream(seed, Purpose::Theft, number, channel);
    let attack = thief.kind.draw(reference, &mut rng);

    let mut reported = Vec::with_capacity(series.len() - start);
    let mut lost = 0;
    for rows in series[start..].chunk_by(|a, b| day_of(a.0) == day_of(b.0)) {
        let day = day_of(rows[0].0);
        let mean = rows.iter().map(|r| r.1 as f64).sum::<f64>() / rows.len() as f64 / 1e6;
        let slot_of = |at: i64| ((at - interval).rem_euclid(86_400) / interval) as usize;
        // Slots without a row stand at the day's mean, so that they do not drag it.
        let mut values = vec![mean; slots];
        for (at, micro) in rows {
            values[slot_of(*at)] = *micro as f64 / 1e6;
        }
        let mut donated: Vec<f64> = Vec::new();
        if let Some(donor) = donor {
            // Where the smaller customer has no row, a third of the own value stands in.
            donated = values.iter().map(|v| v / 3.0).collect();
            let from = donor.partition_point(|row| day_of(row.0) < day);
            for (at, micro) in donor[from..].iter().take_while(|row| day_of(row.0) == day) {
                donated[slot_of(*at)] = *micro as f64 / 1e6;
            }
        }
        let mut rng = stream(seed, Purpose::Attack, number, i64::from(day));
        attack.apply((day - thief.onset) as u32, &mut values, &donated, &mut rng);
        for (at, micro) in rows {
            let new = (values[slot_of(*at)] * 1e6 / resolution as f64).round() as i64 * resolution;
            lost += if thief.kind.is_unbilled() {
                *micro
            } else {
                *micro - new
            };
            reported.push((*at, new));
        }
    }
    (reported, lost)
}

fn gcd(a: i64, b: i64) -> i64 {
    let (mut a, mut b) = (a.abs(), b.abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thief(kind: TheftKind, onset: i32, interval_seconds: u32) -> Thief {
        Thief {
            customer: 0,
            kind,
            onset,
            interval_seconds,
            components: vec!["MC".to_owned()],
            donor: None,
            event: None,
        }
    }

    #[test]
    fn daily_values_from_the_onset_on() {
        // Days 0 to 9, measured at the following midnight; 2 kWh each, resolution 0.5 kWh.
        let mut series: Series = (1..=10).map(|d| (d * 86_400, 2_000_000)).collect();
        series[0].1 = 2_500_000;
        let (reported, lost) = attack(&thief(TheftKind::ZeroWhileOn, 6, 86_400), 0, 0, &series, None, 1);
        assert_eq!(reported, (7..=10).map(|d| (d * 86_400, 0)).collect::<Series>());
        assert_eq!(lost, 8_000_000);

        // 2 kWh times a factor from 0.1 to 0.8, on the grid of half a kilowatt-hour.
        let (reported, lost) = attack(&thief(TheftKind::JokarH1, 6, 86_400), 0, 0, &series, None, 1);
        assert!(
            reported
                .iter()
                .all(|r| r.1 % 500_000 == 0 && (0..=1_500_000).contains(&r.1))
        );
        assert_eq!(lost, 8_000_000 - reported.iter().map(|r| r.1).sum::<i64>());
    }

    #[test]
    fn the_midnight_row_belongs_to_the_day_before() {
        let series: Series = (1..=24 * 4)
            .map(|h| (h * 3_600, i64::from(h as i32) * 1_000))
            .collect();
        let (reported, lost) = attack(&thief(TheftKind::JokarH6, 2, 3_600), 0, 0, &series, None, 1);
        assert_eq!(reported[0], (49 * 3_600, 72_000), "the first hour shows the last");
        assert_eq!(reported[23], (72 * 3_600, 49_000));
        assert_eq!((reported.len(), lost), (48, 0), "a mirror loses no energy");
    }

    #[test]
    fn a_gap_stays_a_gap_and_unbilled_energy_is_lost_whole() {
        let series: Series = [1, 2, 3, 5].map(|d| (d * 86_400, 3_000)).to_vec();
        let (reported, lost) = attack(
            &thief(TheftKind::UsageAfterRemoval, 2, 86_400),
            0,
            0,
            &series,
            None,
            1,
        );
        assert_eq!(reported, [(3 * 86_400, 3_000), (5 * 86_400, 3_000)]);
        assert_eq!(lost, 6_000);
    }

    #[test]
    fn the_smaller_customer_stands_in() {
        let series: Series = (1..=4).map(|d| (d * 86_400, 9_000)).collect();
        let donor: Series = vec![(3 * 86_400, 1_000)];
        let (reported, _) = attack(
            &thief(TheftKind::SmallerProfile, 2, 86_400),
            0,
            0,
            &series,
            Some(&donor),
            1,
        );
        // Resolution is 9,000: the donor's 1,000 rounds to 0, the missing day's 3,000 too.
        assert_eq!(reported, [(3 * 86_400, 0), (4 * 86_400, 0)]);
    }

    #[test]
    fn placeholders() {
        assert!(is_missing("201000") && is_missing(" 100000 "));
        assert!(!is_missing("301000") && !is_missing("99999") && !is_missing("") && !is_missing("x"));
    }
}
