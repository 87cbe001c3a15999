//! Evidence packs: the days of one stay of a case as an inspector wants to see them.
//!
//! What was counted, beside what the home's own baseline says it would have used (the expectation that energy lost is
//! counted by, see [`crate::loss`]) and what four fifths of its peers would have used with its usual day: the 10th and 90th
//! percentile of the peers' day against their usual day, times the home's. The usual day is the median of its whole
//! days in the year before the onset, each divided by what the peers did on it.

use std::ops::Range;

use crate::day_profile::{HOURS, UNKNOWN_HOUR};
use crate::judge::{LEVEL_RULES, StayEvidence};
use crate::levels::{Around, Levels, intervals_of_a_day};
use crate::loss::Expectation;
use crate::model::MICRO;
use crate::peers::{Peers, YEAR_DAYS};
use crate::quantiles::median;
use crate::registry::Registry;
use crate::rules::Rule;
use crate::series::DaySeries;
use crate::stays::{Stay, rows_of, stays};

/// Whole days that a usual day is taken from at least.
const MIN_DAYS: usize = 14;

/// The days of one stay.
#[derive(Debug, Clone, PartialEq)]
pub struct EvidencePack {
    /// First onset of a hit that says when use fell away: of a level, or else of any rule; `None` without one.
    pub onset_day: Option<i32>,
    /// The days that have a row, ascending.
    pub days: Vec<PackDay>,
    /// kWh of a usual day; `None` where there are too few days or peers.
    pub usual_kwh: Option<f64>,
    /// Energy by hour of the day in watt-hours, a row for each of `days`, [`UNKNOWN_HOUR`] where unknown; empty where
    /// the component has none.
    pub hourly_wh: Vec<[i32; HOURS]>,
}

/// One day that has a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PackDay {
    /// Since 1970-01-01.
    pub day: i32,
    /// What kind of data the day has.
    pub state: DayState,
    /// Usable energy of a whole day, kWh; of a day off or not installed, what was counted all the same.
    pub kwh: Option<f64>,
    /// What the home's baseline expects; `None` where it has none, and on days that are not whole.
    pub expected_kwh: Option<f64>,
    /// What the lowest and the highest tenth of the peers begin at, times the usual day.
    pub peers_kwh: Option<(f64, f64)>,
}

/// What kind of data a day has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DayState {
    /// Enough of it is usable to judge by.
    Whole,
    /// Some is missing, cut, or not usable.
    Partial,
    /// Most of it is estimated.
    Estimated,
    /// Counted while switched off.
    Off,
    /// Counted while no install event covers it.
    Uninstalled,
    /// Rows without a usable value.
    Missing,
}

/// Gathers the days of the stay that `evidence` is of; `series` are those of its component. `None` where the series is not that
/// component's, or none of its rows belong to the stay.
#[must_use]
pub fn evidence_pack(
    series: &DaySeries<'_>,
    evidence: &StayEvidence,
    registry: &Registry,
    peers: &Peers,
) -> Option<EvidencePack> {
    let component = registry.components.get(series.component as usize)?;
    if series.component != evidence.component {
        return None;
    }
    let there = || {
        stays(component)
            .into_iter()
            .filter(|stay| stay.service_point == evidence.service_point)
            .map(|stay| (rows_of(&stay, series.day), stay))
            .filter(|(rows, _)| !rows.is_empty())
    };
    let begins = |(rows, _): &(Range<usize>, Stay)| series.day[rows.start] == evidence.first_day;
    // Bills may have been put right, so that their days are not quite those of the rows.
    let (rows, stay) = there().find(begins).or_else(|| {
        let by_bills = evidence.edges.is_none();
        there().next().filter(|_| by_bills)
    })?;
    Some(gather(
        series,
        &stay,
        rows,
        evidence,
        intervals_of_a_day(component),
        registry,
        peers,
    ))
}

fn gather(
    series: &DaySeries<'_>,
    stay: &Stay,
    rows: Range<usize>,
    evidence: &StayEvidence,
    intervals: u16,
    registry: &Registry,
    peers: &Peers,
) -> EvidencePack {
    let index = peers
        .group(series.component)
        .and_then(|group| group.index.as_ref());
    let around = Around {
        index,
        weather: registry.weather.at(stay.service_point),
    };
    let levels = Levels::new(series, rows.clone(), stay, intervals, around);
    let is_register = registry
        .components
        .get(series.component as usize)
        .is_some_and(|component| component.interval_seconds().is_none());
    let onset_day = onset(evidence);
    let expectation =
        onset_day.and_then(|onset| Expectation::fit(&levels, &levels.blocks(is_register), onset));
    let usual_kwh = usual_kwh(&levels, onset_day);
    let mut position = 0;
    let days = rows.clone().map(|row| {
        let day = series.day[row];
        let whole = levels
            .row
            .get(position)
            .is_some_and(|&whole| whole as usize == row);
        let at = position;
        position += usize::from(whole);
        let state = state(series, row, whole);
        let micro = |micro: i64| micro as f64 / MICRO as f64;
        let kwh = match state {
            DayState::Whole => Some(levels.kwh[at]),
            DayState::Off => Some(micro(series.off_kwh[row])),
            DayState::Uninstalled => Some(micro(series.uninstalled_kwh[row])),
            _ => None,
        };
        let expected = expectation.as_ref().filter(|_| whole);
        let tenths = index.and_then(|index| index.tenths(day));
        PackDay {
            day,
            state,
            kwh,
            expected_kwh: expected.map(|expectation| expectation.kwh(&levels, at)),
            peers_kwh: usual_kwh
                .zip(tenths)
                .map(|(usual, (low, high))| (usual * low, usual * high)),
        }
    });
    EvidencePack {
        onset_day,
        days: days.collect(),
        usual_kwh,
        hourly_wh: hours(series, rows),
    }
}

/// First onset of the hits of level rules; without one, of the others, but for those whose window moves on with every day.
fn onset(evidence: &StayEvidence) -> Option<i32> {
    let first = |keep: &dyn Fn(Rule) -> bool| {
        let hits = evidence
            .rules
            .iter()
            .filter(|rule| rule.is_hit() && keep(rule.rule));
        hits.map(|hit| hit.onset_day).min()
    };
    first(&|rule| LEVEL_RULES.contains(&rule)).or_else(|| first(&|rule| rule != Rule::PeerLow))
}

fn usual_kwh(levels: &Levels, onset: Option<i32>) -> Option<f64> {
    if !levels.has_peers {
        return None;
    }
    let before = onset.map_or(0..levels.len(), |onset| {
        levels.positions(onset.saturating_sub(YEAR_DAYS)..onset)
    });
    let mut days: Vec<f64> = before
        .filter(|&position| levels.index[position].is_finite())
        .map(|position| levels.kwh[position] / levels.factor[position])
        .collect();
    if days.len() < MIN_DAYS {
        return None;
    }
    median(&mut days)
}

fn state(series: &DaySeries<'_>, row: usize, whole: bool) -> DayState {
    let half = |count: u16| 2 * u32::from(count) >= u32::from(series.intervals[row].max(1));
    if whole {
        DayState::Whole
    } else if half(series.off[row]) {
        DayState::Off
    } else if half(series.uninstalled[row]) {
        DayState::Uninstalled
    } else if half(series.estimated[row]) {
        DayState::Estimated
    } else if series.valued[row] == 0 {
        DayState::Missing
    } else {
        DayState::Partial
    }
}

fn hours(series: &DaySeries<'_>, rows: Range<usize>) -> Vec<[i32; HOURS]> {
    let (days, _) = series.hourly_wh.as_chunks::<HOURS>();
    let days = days.get(rows).unwrap_or_default();
    if days.iter().flatten().all(|&hour| hour == UNKNOWN_HOUR) {
        return Vec::new();
    }
    days.to_vec()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::DAY_SECONDS;
    use crate::rules::testing::{FIRST_DAY, Profiles, World, component, installed, period, typed};

    fn pack(world: &World, profiles: &Profiles, stay: usize) -> (EvidencePack, StayEvidence) {
        let evidence = world.judge(profiles).remove(stay);
        let pack = evidence_pack(&profiles.series(), &evidence, &world.registry, &world.peers).unwrap();
        (pack, evidence)
    }

    #[test]
    fn the_days_expected_add_up_to_the_loss() {
        // 8 kWh a day, from day 150 on 2, with 10 % up and down so that no value repeats.
        let kwh: Vec<f64> = (0..240)
            .map(|day| (if day < 150 { 8.0 } else { 2.0 }) * (0.9 + 0.05 * f64::from(day % 5)))
            .collect();
        let (pack, evidence) = pack(
            &World::steady(installed(), 240),
            &Profiles::daily(0, FIRST_DAY, &kwh),
            0,
        );
        let onset = pack.onset_day.unwrap();
        assert!((onset - FIRST_DAY - 150).abs() < 7, "{onset}");
        assert_eq!(pack.days.len(), 240);
        assert!(pack.days.iter().all(|day| day.state == DayState::Whole));
        let lost: f64 = pack
            .days
            .iter()
            .filter(|day| day.day >= onset)
            .map(|day| (day.expected_kwh.unwrap() - day.kwh.unwrap()).max(0.0))
            .sum();
        let loss = evidence.loss.unwrap();
        assert!(
            (lost - loss.lost_micro as f64 / 1e6).abs() < 1e-3,
            "{lost} {loss:?}"
        );
        // The peers stand at their usual day, give or take the width of a bin: so does the home before the onset.
        let usual = pack.usual_kwh.unwrap();
        assert!((usual - 8.0).abs() < 0.4, "{usual}");
        let (low, high) = pack.days[200].peers_kwh.unwrap();
        assert!(
            low < high && (7.0..8.6).contains(&low) && (7.4..9.0).contains(&high),
            "{low} {high}"
        );
        assert_eq!(pack.hourly_wh, Vec::<[i32; HOURS]>::new());
    }

    #[test]
    fn a_day_says_what_kind_of_data_it_has() {
        let kwh = vec![6.0; 100];
        let mut profiles = Profiles::daily(0, FIRST_DAY, &kwh)
            .estimate(10..12)
            .switch_off(20..22)
            .uninstall(30..31);
        profiles.usable[40] = 0;
        let (pack, _) = pack(&World::steady(installed(), 100), &profiles, 0);
        let states: Vec<(usize, DayState, Option<f64>)> = pack
            .days
            .iter()
            .enumerate()
            .filter(|(_, day)| day.state != DayState::Whole)
            .map(|(at, day)| (at, day.state, day.kwh))
            .collect();
        assert_eq!(
            states,
            [
                (10, DayState::Estimated, None),
                (11, DayState::Estimated, None),
                (20, DayState::Off, Some(6.0)),
                (21, DayState::Off, Some(6.0)),
                (30, DayState::Uninstalled, Some(6.0)),
                (40, DayState::Partial, None),
            ]
        );
        assert_eq!(pack.days[9].kwh, Some(6.0));
    }

    #[test]
    fn of_a_meter_that_moved_each_place_has_its_own_days() {
        let at = |day: i32| i64::from(FIRST_DAY + day) * DAY_SECONDS;
        let world = World::steady(
            component(&[period(3, at(0), at(100)), period(4, at(120), i64::MAX)]),
            240,
        );
        let profiles = Profiles::daily(0, FIRST_DAY, &vec![5.0; 240]).uninstall(100..120);
        let (first, _) = pack(&world, &profiles, 0);
        let (second, _) = pack(&world, &profiles, 1);
        assert_eq!((first.days.len(), second.days.len()), (120, 120));
        assert_eq!(second.days[0].day, FIRST_DAY + 120);
        // Of another component there is nothing to say.
        let mut evidence = world.judge(&profiles).remove(0);
        evidence.component = 1;
        assert_eq!(
            evidence_pack(&profiles.series(), &evidence, &world.registry, &world.peers),
            None
        );
    }

    #[test]
    fn hours_stand_beside_their_days() {
        let days: Vec<Vec<f64>> = (0..40)
            .map(|day| {
                (0..24)
                    .map(|hour| 0.1 * f64::from(hour) + f64::from(day))
                    .collect()
            })
            .collect();
        let meter = typed("MC-0", Some(3600), &[period(0, 0, i64::MAX)]);
        let profiles = Profiles::intervals(0, FIRST_DAY, &days);
        let (pack, _) = pack(&World::steady(meter, 40), &profiles, 0);
        assert_eq!(pack.hourly_wh.len(), 40);
        assert_eq!(pack.hourly_wh[3][12], 4200);
    }

    #[test]
    fn two_weeks_of_days_tell_the_usual_one() {
        let usual = |days: usize| usual_kwh(&Levels::of(FIRST_DAY, &vec![6.0; days]), None);
        assert_eq!((usual(14), usual(13)), (Some(6.0), None));
    }
}
