//! Series, registries and peers made by hand, for tests.
#![allow(clippy::unwrap_used)]

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, FixedSizeListArray, Int64Array, RecordBatch, UInt16Array,
    UInt32Array, UInt64Array,
};
use arrow::datatypes::{DataType, Field};

use crate::change_point::Step;
use crate::day_profile::{self, HOURS, watt_hours};
use crate::hours::{FirstWeeks, HourChange, Side};
use crate::judge::{Scratch, StayEvidence, each_stay, judge_series};
use crate::model::{ComponentType, DAY_SECONDS, Direction, Kind, MICRO};
use crate::peers::{PeerBuilder, Peers};
use crate::registry::{Component, InstallPeriod, Registry, ServicePoint, Switch};
use crate::rules::{Rule, RuleConfig, RuleEvidence, StayContext};
use crate::series::DaySeries;
use crate::suppressors::Suppressor;

/// 2012-01-02, a Monday.
pub(crate) const FIRST_DAY: i32 = 15341;

/// Peers beside the component under test.
pub(crate) const PEERS: usize = 30;

pub(crate) fn period(service_point: u32, start: i64, end: i64) -> InstallPeriod {
    InstallPeriod {
        event_id: format!("IE-{service_point}-{start}"),
        service_point,
        start,
        end,
        switches: vec![Switch { at: start, on: true }],
        constant_micro: MICRO,
        removal_recorded: end != i64::MAX,
    }
}

/// A delivered daily component.
pub(crate) fn component(periods: &[InstallPeriod]) -> Component {
    typed("MC-0", Some(DAY_SECONDS as u32), periods)
}

/// A delivered component of the given interval; a register without one.
pub(crate) fn typed(id: &str, interval_seconds: Option<u32>, periods: &[InstallPeriod]) -> Component {
    Component {
        id: id.to_owned(),
        device_id: Some(format!("D-{id}")),
        component_type: Some(ComponentType {
            uom: "kWh".to_owned(),
            direction: Direction::Delivered,
            kind: if interval_seconds.is_some() {
                Kind::Interval
            } else {
                Kind::Scalar
            },
            interval_seconds,
        }),
        multiplier_micro: MICRO,
        periods: periods.to_vec(),
        ..Component::default()
    }
}

/// A hash of small numbers, spread over 0..1: noise that never changes.
pub(crate) fn noise(seed: u64, i: usize) -> f64 {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (i as u64).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^= x >> 31;
    x = x.wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^= x >> 29;
    (x >> 11) as f64 / (1_u64 << 53) as f64
}

/// `days` of about `kwh` a day, 20 % up and down.
pub(crate) fn home(seed: u64, days: usize, kwh: f64) -> Vec<f64> {
    (0..days).map(|i| kwh * (0.8 + 0.4 * noise(seed, i))).collect()
}

/// An hourly home: 0.2 kWh all day, 1.4 kWh more in the evening (18 to 22), 0.6 more at 7; each hour 40 % up and down but
/// for the base load, which varies by 10 %.
pub(crate) fn hourly_home(seed: u64, days: usize) -> Vec<Vec<f64>> {
    let day = |day: usize| -> Vec<f64> {
        (0..24)
            .map(|hour| {
                let people = match hour {
                    7 => 0.6,
                    18..22 => 1.4,
                    _ => 0.0,
                };
                let spread =
                    |share: f64, part| 1.0 - share + 2.0 * share * noise(seed + part, day * 24 + hour);
                0.2 * spread(0.1, 7) + people * spread(0.4, 8)
            })
            .collect()
    };
    (0..days).map(day).collect()
}

/// Changes the days from `first` on.
pub(crate) fn from_day(
    mut days: Vec<Vec<f64>>,
    first: usize,
    change: impl Fn(usize, &mut Vec<f64>),
) -> Vec<Vec<f64>> {
    for (day, hours) in days.iter_mut().enumerate().skip(first) {
        change(day, hours);
    }
    days
}

/// A hundred days that are all alike, Wh by hour.
pub(crate) fn side(wh: [f64; HOURS]) -> Side {
    let least = wh.iter().copied().fold(f64::INFINITY, f64::min);
    Side {
        days: 100,
        median: wh,
        mean: wh,
        low: wh,
        high: wh,
        quantiles: Side::default().quantiles.map(|_| least),
        kwh: wh.iter().sum::<f64>() / 1e3,
        ..Side::default()
    }
}

/// From a hundred days to a hundred others, among peers that stay as they are.
pub(crate) fn hour_change(before: &Side, after: &Side) -> HourChange {
    HourChange {
        onset_day: FIRST_DAY + 100,
        last_day: FIRST_DAY + 199,
        before: *before,
        after: *after,
        first_weeks: FirstWeeks::like(after),
        peers: 0.0,
        noise: 0.0,
    }
}

/// A step of a hundred days to a hundred others at so much of their level, of which nothing else is known.
pub(crate) fn step_to(ratio: f64) -> Step {
    Step {
        onset_day: FIRST_DAY + 100,
        last_day: FIRST_DAY + 199,
        days_before: 100,
        elasticity: 0.0,
        drop: ratio.ln(),
        raw_drop: ratio.ln(),
        upper_drop: ratio.ln(),
        year_drop: None,
        below_shown: -1.0,
        explained: 0.9,
        earlier_step: 0.0,
        spread_before: 0.1,
        spread_after: 0.1,
        spread_kept: 0.3,
        scatter_before: 0.1,
        scatter_after: 0.1,
        noise: None,
    }
}

/// What a rule says of an hourly meter without peers.
pub(crate) fn judge_hourly(days: &[Vec<f64>], rule: Rule) -> (RuleEvidence, Vec<Suppressor>) {
    let world = World::steady(typed("MC-0", Some(3600), &[period(0, 0, i64::MAX)]), 3);
    world.rule(&Profiles::intervals(0, FIRST_DAY, days), rule)
}

/// Times `factor` from `from` on.
pub(crate) fn scaled(mut kwh: Vec<f64>, days: Range<usize>, factor: f64) -> Vec<f64> {
    for value in &mut kwh[days] {
        *value *= factor;
    }
    kwh
}

/// Day profiles of one component, as columns.
#[derive(Debug, Clone, Default)]
pub(crate) struct Profiles {
    pub(crate) component: u32,
    pub(crate) day: Vec<i32>,
    pub(crate) intervals: Vec<u16>,
    pub(crate) actual: Vec<u16>,
    pub(crate) estimated: Vec<u16>,
    pub(crate) usable: Vec<u16>,
    pub(crate) usable_zero: Vec<u16>,
    pub(crate) usable_negative: Vec<u16>,
    pub(crate) kwh: Vec<i64>,
    min_kwh: Vec<i64>,
    max_kwh: Vec<i64>,
    pub(crate) usable_kwh: Vec<i64>,
    pub(crate) usable_negative_kwh: Vec<i64>,
    pub(crate) off: Vec<u16>,
    pub(crate) off_kwh: Vec<i64>,
    pub(crate) uninstalled: Vec<u16>,
    pub(crate) uninstalled_kwh: Vec<i64>,
    pub(crate) longest_equal_run: Vec<u16>,
    pub(crate) shape_hash: Vec<u64>,
    pub(crate) hourly_wh: Vec<i32>,
    zeros: Vec<u16>,
    no_energy: Vec<i64>,
}

impl Profiles {
    /// One interval a day; NaN stands for a day without a row.
    pub(crate) fn daily(component: u32, first_day: i32, kwh: &[f64]) -> Self {
        let days: Vec<Vec<f64>> = kwh.iter().map(|&kwh| vec![kwh]).collect();
        Self::intervals(component, first_day, &days)
    }

    /// Any number of intervals a day, all of them actual and usable.
    pub(crate) fn intervals(component: u32, first_day: i32, days: &[Vec<f64>]) -> Self {
        let mut all = Self {
            component,
            ..Self::default()
        };
        for (offset, values) in days.iter().enumerate() {
            if values.iter().any(|value| value.is_nan()) {
                continue;
            }
            let micro: Vec<i64> = values
                .iter()
                .map(|kwh| (kwh * MICRO as f64).round() as i64)
                .collect();
            let count = |keep: fn(i64) -> bool| micro.iter().filter(|&&value| keep(value)).count() as u16;
            let n = micro.len() as u16;
            all.day.push(first_day + offset as i32);
            all.intervals.push(n);
            all.actual.push(n);
            all.estimated.push(0);
            all.usable.push(n);
            all.usable_zero.push(count(|value| value == 0));
            all.usable_negative.push(count(|value| value < 0));
            all.kwh.push(micro.iter().sum());
            all.min_kwh.push(*micro.iter().min().unwrap());
            all.max_kwh.push(*micro.iter().max().unwrap());
            all.usable_kwh.push(micro.iter().sum());
            all.usable_negative_kwh
                .push(micro.iter().filter(|&&value| value < 0).sum());
            all.off.push(0);
            all.off_kwh.push(0);
            all.uninstalled.push(0);
            all.uninstalled_kwh.push(0);
            let runs = micro.chunk_by(|a, b| a == b).filter(|run| run[0] != 0);
            all.longest_equal_run
                .push(runs.map(<[i64]>::len).max().unwrap_or(0) as u16);
            if micro.len() >= 24 {
                let hour = micro.len() / 24;
                all.hourly_wh
                    .extend(micro.chunks(hour).map(|values| watt_hours(values.iter().sum())));
            }
            let mix = |hash: u64, value: &i64| (hash ^ *value as u64).wrapping_mul(0x0100_0000_01b3);
            all.shape_hash.push(micro.iter().fold(0xcbf2_9ce4_8422_2325, mix));
            all.zeros.push(0);
            all.no_energy.push(0);
        }
        all
    }

    /// Marks rows as estimated: no longer usable.
    pub(crate) fn estimate(mut self, rows: Range<usize>) -> Self {
        for row in rows {
            self.estimated[row] = self.actual[row];
            self.take(row);
            self.actual[row] = 0;
        }
        self
    }

    /// Marks rows as measured while off.
    pub(crate) fn switch_off(mut self, rows: Range<usize>) -> Self {
        for row in rows {
            self.off[row] = self.usable[row];
            self.off_kwh[row] = self.take(row);
        }
        self
    }

    /// Marks rows as measured while nothing covers them.
    pub(crate) fn uninstall(mut self, rows: Range<usize>) -> Self {
        for row in rows {
            self.uninstalled[row] = self.usable[row];
            self.uninstalled_kwh[row] = self.take(row);
        }
        self
    }

    fn take(&mut self, row: usize) -> i64 {
        self.usable[row] = 0;
        self.usable_zero[row] = 0;
        self.usable_negative[row] = 0;
        self.usable_negative_kwh[row] = 0;
        std::mem::take(&mut self.usable_kwh[row])
    }

    pub(crate) fn series(&self) -> DaySeries<'_> {
        DaySeries {
            component: self.component,
            day: &self.day,
            intervals: &self.intervals,
            valued: &self.intervals,
            actual: &self.actual,
            estimated: &self.estimated,
            missing: &self.zeros,
            kwh: &self.kwh,
            night_kwh: &self.no_energy,
            has_night: false,
            min_kwh: &self.min_kwh,
            max_kwh: &self.max_kwh,
            usable: &self.usable,
            usable_zero: &self.usable_zero,
            usable_negative: &self.usable_negative,
            usable_kwh: &self.usable_kwh,
            usable_negative_kwh: &self.usable_negative_kwh,
            off: &self.off,
            off_kwh: &self.off_kwh,
            uninstalled: &self.uninstalled,
            uninstalled_kwh: &self.uninstalled_kwh,
            cut: &self.zeros,
            longest_equal_run: &self.longest_equal_run,
            shape_hash: &self.shape_hash,
            hourly_wh: &self.hourly_wh,
            rows: (0, self.day.len()),
        }
    }

    /// The same as a `day_profile` batch; columns that no rule reads are zero.
    pub(crate) fn batch(&self) -> RecordBatch {
        let n = self.day.len();
        let counts = |values: &Vec<u16>| -> ArrayRef { Arc::new(UInt16Array::from(values.clone())) };
        let energy = |values: &Vec<i64>| -> ArrayRef { Arc::new(Int64Array::from(values.clone())) };
        let item = Arc::new(Field::new("item", DataType::Int32, true));
        let hourly = FixedSizeListArray::new_null(item, day_profile::HOURS as i32, n);
        let columns = day_profile::SCHEMA.fields().iter().map(|field| -> ArrayRef {
            match field.name().as_str() {
                "component" => Arc::new(UInt32Array::from(vec![self.component; n])),
                "day" => Arc::new(Date32Array::from(self.day.clone())),
                "intervals" | "valued" => counts(&self.intervals),
                "actual" => counts(&self.actual),
                "estimated" => counts(&self.estimated),
                "usable" => counts(&self.usable),
                "usable_zero" => counts(&self.usable_zero),
                "usable_negative" => counts(&self.usable_negative),
                "kwh" => energy(&self.kwh),
                "min_kwh" => energy(&self.min_kwh),
                "max_kwh" => energy(&self.max_kwh),
                "usable_kwh" => energy(&self.usable_kwh),
                "usable_negative_kwh" => energy(&self.usable_negative_kwh),
                "off" => counts(&self.off),
                "off_kwh" => energy(&self.off_kwh),
                "uninstalled" => counts(&self.uninstalled),
                "uninstalled_kwh" => energy(&self.uninstalled_kwh),
                "longest_equal_run" => counts(&self.longest_equal_run),
                "shape_hash" => Arc::new(UInt64Array::new_null(n)),
                "hourly_wh" => Arc::new(hourly.clone()),
                "spread" => Arc::new(BooleanArray::from(vec![false; n])),
                other if field.data_type() == &DataType::UInt16 => {
                    assert!(["missing", "overridden", "unknown", "zero", "negative", "cut"].contains(&other));
                    counts(&self.zeros)
                }
                _ => energy(&self.no_energy),
            }
        });
        RecordBatch::try_new(day_profile::SCHEMA.clone(), columns.collect()).unwrap()
    }
}

/// A registry, its peers and the thresholds; component 0 is the one under test.
pub(crate) struct World {
    pub(crate) registry: Registry,
    pub(crate) peers: Peers,
    pub(crate) config: RuleConfig,
}

impl World {
    /// Daily peers that use 10 kWh every day for `days` days.
    pub(crate) fn steady(component: Component, days: usize) -> Self {
        Self::new(component, &|_, i| 10.0 + 0.5 * noise(9, i), days)
    }

    /// Peers that use `kwh(peer, day)`.
    pub(crate) fn new(component: Component, kwh: &dyn Fn(usize, usize) -> f64, days: usize) -> Self {
        let interval = component.interval_seconds();
        let mut components = vec![component];
        for peer in 1..=PEERS {
            let place = 10 + peer as u32;
            components.push(typed(
                &format!("MC-{peer:03}"),
                interval,
                &[period(place, 0, i64::MAX)],
            ));
        }
        let registry = Registry::new(components, places(10 + PEERS + 1));
        let mut builder = PeerBuilder::new(&registry);
        for peer in 1..=PEERS {
            let slots = interval.map_or(1, |seconds| DAY_SECONDS as usize / seconds as usize);
            let profile: Vec<Vec<f64>> = (0..days)
                .map(|day| vec![kwh(peer, day) / slots as f64; slots])
                .collect();
            let profiles = Profiles::intervals(peer as u32, FIRST_DAY, &profile);
            builder.observe_series(&profiles.series(), &registry);
        }
        Self {
            registry,
            peers: builder.finish(20),
            config: RuleConfig::default(),
        }
    }

    pub(crate) fn judge(&self, profiles: &Profiles) -> Vec<StayEvidence> {
        judge_series(&profiles.series(), &self.registry, &self.peers, &self.config)
    }

    /// Looks at the only stay as the rules do.
    pub(crate) fn at_stay<T>(&self, profiles: &Profiles, mut look: impl FnMut(&StayContext<'_>) -> T) -> T {
        let lake = (&self.registry, &self.peers, &self.config);
        let mut seen = Vec::new();
        each_stay(&mut Scratch::default(), &profiles.series(), lake, |context| {
            seen.push(look(context));
        });
        assert_eq!(seen.len(), 1);
        seen.remove(0)
    }

    /// The evidence of one rule at the only stay, and what was found against it.
    pub(crate) fn rule(&self, profiles: &Profiles, rule: Rule) -> (RuleEvidence, Vec<Suppressor>) {
        let stays = self.judge(profiles);
        assert_eq!(stays.len(), 1);
        find(&stays[0], rule)
    }
}

pub(crate) fn find(stay: &StayEvidence, rule: Rule) -> (RuleEvidence, Vec<Suppressor>) {
    let evidence = *stay.rules.iter().find(|evidence| evidence.rule == rule).unwrap();
    let against = stay
        .suppressions
        .iter()
        .filter(|suppression| suppression.rule == rule)
        .map(|suppression| suppression.suppressor)
        .collect();
    (evidence, against)
}

pub(crate) fn places(n: usize) -> Vec<ServicePoint> {
    (0..n)
        .map(|place| ServicePoint {
            id: format!("SP-{place:03}"),
            ..ServicePoint::default()
        })
        .collect()
}

/// Installed at service point 0 since ever.
pub(crate) fn installed() -> Component {
    component(&[period(0, 0, i64::MAX)])
}
