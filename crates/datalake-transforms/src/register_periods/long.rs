//! Which registers have periods so long that their bills say more than their days.

use std::collections::BTreeSet;

use crate::model::DAY_SECONDS;
use crate::registry::Registry;
use crate::resolve::RegisterRow;

/// Typical periods of more days than this are long.
const LONG_DAYS: i64 = 14;

/// The components whose typical period, the median of the times from reading to reading, is longer than two weeks, ascending.
///
/// They are judged by bills ([`crate::billing::rules`]). A register beside an interval channel of the same device is none of
/// them: it is there to be held against the intervals, day by day. `rows` as for [`super::register_periods`].
#[must_use]
pub fn long_registers(registry: &Registry, rows: &[RegisterRow]) -> Vec<u32> {
    let counted: BTreeSet<&str> = registry
        .components
        .iter()
        .filter(|component| component.is_energy() && component.interval_seconds().is_some())
        .filter_map(|component| component.device_id.as_deref())
        .collect();
    let mut lengths: Vec<i64> = Vec::new();
    let mut long = Vec::new();
    for of_component in rows.chunk_by(|a, b| a.component == b.component) {
        let index = of_component[0].component;
        let device = registry
            .components
            .get(index as usize)
            .and_then(|component| component.device_id.as_deref());
        if device.is_some_and(|device| counted.contains(device)) {
            continue;
        }
        lengths.clear();
        let mut before: Option<i64> = None;
        for row in of_component {
            if before == Some(row.measured_at) {
                continue;
            }
            lengths.extend(row.period_start.or(before).map(|start| row.measured_at - start));
            before = Some(row.measured_at);
        }
        lengths.sort_unstable();
        let typical = lengths.get(lengths.len().saturating_sub(1) / 2);
        if typical.is_some_and(|&typical| typical > LONG_DAYS * DAY_SECONDS) {
            long.push(index);
        }
    }
    long
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::resolve::{ResolvedRows, Resolver, sort_register_rows};
    use crate::test_lake::{self, Row, batch, config, interval, register, row};

    const DAY: i64 = DAY_SECONDS;

    fn long(registry: &Registry, rows: &[Row]) -> Vec<u32> {
        let mut out = ResolvedRows::default();
        let mut resolver = Resolver::new(registry, config()).unwrap();
        resolver.resolve(&batch(rows), &mut out).unwrap();
        sort_register_rows(&mut out.register_rows);
        long_registers(registry, &out.register_rows)
    }

    fn read_every(id: &'static str, days: &[i64]) -> Vec<Row> {
        let mut at = 10 * DAY;
        let mut reading = |days: &i64| {
            at += days * DAY;
            row(id, at, 1)
        };
        std::iter::once(&0).chain(days).map(&mut reading).collect()
    }

    #[test]
    fn the_median_time_between_readings_decides() {
        let registry = test_lake::registry(vec![register("A"), register("B"), interval("I", 1800)]);
        assert_eq!(long(&registry, &read_every("A", &[30, 31, 30])), [0]);
        // Two weeks are not longer than two weeks; one long silence among short periods is a silence.
        assert_eq!(long(&registry, &read_every("A", &[14, 14, 14])), [0_u32; 0]);
        assert_eq!(long(&registry, &read_every("A", &[15, 15, 14])), [0]);
        assert_eq!(long(&registry, &read_every("A", &[1, 120, 1])), [0_u32; 0]);
        // A single reading bounds nothing, unless it says where it began.
        assert_eq!(long(&registry, &[row("B", 90 * DAY, 1)]), [0_u32; 0]);
        let since = Row {
            period_start: Some(0),
            ..row("B", 90 * DAY, 1)
        };
        assert_eq!(long(&registry, &[since]), [1]);
        // Corrections of one reading are one reading.
        let twice: Vec<Row> = read_every("A", &[30, 30])
            .into_iter()
            .flat_map(|row| [row.clone(), row])
            .collect();
        assert_eq!(long(&registry, &twice), [0]);
    }

    #[test]
    fn a_register_beside_the_intervals_of_its_device_is_there_for_them() {
        let (mut beside, mut intervals) = (register("A"), interval("I", 1800));
        beside.device_id = Some("D".to_owned());
        intervals.device_id = Some("D".to_owned());
        let registry = test_lake::registry(vec![beside, intervals]);
        assert_eq!(long(&registry, &read_every("A", &[30, 31, 30])), [0_u32; 0]);
    }
}
