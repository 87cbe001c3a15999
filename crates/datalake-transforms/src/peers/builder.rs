//! The first pass over the series: counting.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::histogram::Scale;
use super::silent::SilentDays;
use super::{DayIndex, PeerGroup, Peers, YEAR_DAYS};
use crate::balance::BalanceBuilder;
use crate::levels::{intervals_of_a_day, whole_days};
use crate::model::{DAYS_AHEAD, MICRO};
use crate::quantiles::median;
use crate::registry::{Component, Registry};
use crate::series::{DaySeries, SeriesBlock};
use crate::stays::{Stay, rows_of, stays};

/// A day's kWh against the own median: 1/16 to 16 times.
const DAY_SCALE: Scale = Scale { half_octaves: 4 };

/// Mean kWh a day: 2^-12 to 2^12.
const MEAN_SCALE: Scale = Scale { half_octaves: 12 };

/// Energy of a day from which a channel has received some, 10^-6 kWh.
const RECEIVED_MICRO: i64 = MICRO / 10;

/// Whole days that a stay needs to be counted.
const MIN_DAYS: usize = 28;

const NONE: u32 = u32::MAX;

/// (interval seconds, 0 for registers; rate class or device type, empty where unknown)
type GroupKey = (u32, String);

/// Counts of one group.
#[derive(Debug, Clone, Default)]
struct Counts {
    members: u64,
    means: Vec<u32>,
    first_day: i32,
    days: Vec<DayCounts>,
    /// The histograms of the days, one after another.
    bins: Vec<u32>,
}

#[derive(Debug, Clone, Copy, Default)]
struct DayCounts {
    present: u32,
    silent: u32,
    /// Number of its histogram, counted from 1; 0 until the first value.
    histogram: u32,
}

impl DayCounts {
    /// Where its histogram stands among the bins; `None` until the first value.
    fn place(self) -> Option<Range<usize>> {
        let before = (self.histogram as usize).checked_sub(1)?;
        Some(before * DAY_SCALE.bins()..(before + 1) * DAY_SCALE.bins())
    }

    /// Its histogram, which is begun if need be.
    fn histogram<'b>(&mut self, bins: &'b mut Vec<u32>) -> &'b mut [u32] {
        let place = self.place().unwrap_or_else(|| {
            let from = bins.len();
            bins.resize(from + DAY_SCALE.bins(), 0);
            self.histogram = (bins.len() / DAY_SCALE.bins()) as u32;
            from..bins.len()
        });
        &mut bins[place]
    }
}

impl Counts {
    /// Makes room for the days from `first` to `last`, and says at which position `first` stands.
    fn reserve(&mut self, first: i32, last: i32) -> usize {
        if self.days.is_empty() {
            self.first_day = first;
        }
        if first < self.first_day {
            let missing = (self.first_day - first) as usize;
            self.days
                .splice(0..0, std::iter::repeat_n(DayCounts::default(), missing));
            self.first_day = first;
        }
        let end = (last - self.first_day) as usize + 1;
        if end > self.days.len() {
            self.days.resize(end, DayCounts::default());
        }
        (first - self.first_day) as usize
    }

    fn add(&mut self, other: &Self) {
        self.members += other.members;
        add_counts(&mut self.means, &other.means);
        if other.days.is_empty() {
            return;
        }
        let last = other.first_day + other.days.len() as i32 - 1;
        let from = self.reserve(other.first_day, last);
        for (mine, theirs) in self.days[from..].iter_mut().zip(&other.days) {
            mine.present += theirs.present;
            mine.silent += theirs.silent;
            if let Some(place) = theirs.place() {
                let histogram = mine.histogram(&mut self.bins);
                for (mine, theirs) in histogram.iter_mut().zip(&other.bins[place]) {
                    *mine += theirs;
                }
            }
        }
    }

    fn finish(&self, name: String, min_peers: u32) -> PeerGroup {
        let large = self.members >= u64::from(min_peers);
        let mut index = DayIndex {
            first_day: self.first_day,
            ..DayIndex::default()
        };
        for day in &self.days {
            let counts = day.place().map_or(&[][..], |place| &self.bins[place]);
            let (n, [low, middle, high]) = DAY_SCALE.quantiles(counts, [0.1, 0.5, 0.9]);
            let enough = |log2: Option<f64>| log2.filter(|_| n >= u64::from(min_peers));
            let ln = enough(middle).map_or(f32::NAN, |log2| (log2 * std::f64::consts::LN_2) as f32);
            index.ln.push(ln);
            index.factor.push(f64::from(ln).exp());
            let factor = |log2| enough(log2).map_or(f32::NAN, |log2: f64| log2.exp2() as f32);
            index.tenths.push([factor(low), factor(high)]);
            let known = day.present >= min_peers;
            index.silent.push(if known {
                (f64::from(day.silent) / f64::from(day.present)) as f32
            } else {
                f32::NAN
            });
        }
        let centre = MEAN_SCALE.median(&self.means).1.filter(|_| large);
        let spread = centre.and_then(|centre| MEAN_SCALE.mad(&self.means, centre));
        PeerGroup {
            name,
            members: self.members,
            index: large.then_some(index),
            ln_mean_median: centre.map(|log2| log2 * std::f64::consts::LN_2),
            ln_mean_spread: spread.unwrap_or(0.0) * 1.4826 * std::f64::consts::LN_2,
        }
    }
}

fn add_counts(mine: &mut Vec<u32>, theirs: &[u32]) {
    if mine.len() < theirs.len() {
        mine.resize(theirs.len(), 0);
    }
    for (mine, theirs) in mine.iter_mut().zip(theirs) {
        *mine += theirs;
    }
}

/// What depends on the registry alone, and is shared by all builders of it.
#[derive(Debug)]
struct Layout {
    keys: Vec<GroupKey>,
    /// Group by component.
    group_of: Vec<u32>,
    /// Transformer by service point.
    transformer_of: Vec<u32>,
    transformers: usize,
}

impl Layout {
    fn new(registry: &Registry) -> Self {
        let components = || registry.components.iter();
        let keys = components().filter_map(|component| group_key(component, registry));
        let mut groups: BTreeMap<(u32, &str), u32> = keys.map(|key| (key, 0)).collect();
        number(&mut groups);
        let mut transformers: BTreeMap<&str, u32> = registry
            .service_points
            .iter()
            .filter_map(|place| Some((place.transformer_id.as_deref()?, 0)))
            .collect();
        number(&mut transformers);
        Self {
            group_of: components()
                .map(|component| group_key(component, registry).map_or(NONE, |key| groups[&key]))
                .collect(),
            transformer_of: registry
                .service_points
                .iter()
                .map(|place| {
                    let id = place.transformer_id.as_deref();
                    id.map_or(NONE, |id| transformers[id])
                })
                .collect(),
            transformers: transformers.len(),
            keys: groups
                .into_keys()
                .map(|(interval, class)| (interval, class.to_owned()))
                .collect(),
        }
    }
}

/// Numbers the keys in their order.
fn number<K>(keys: &mut BTreeMap<K, u32>) {
    for (position, number) in (0..).zip(keys.values_mut()) {
        *number = position;
    }
}

/// Counts what the peers did; see the module's page.
#[derive(Debug)]
pub struct PeerBuilder {
    layout: Arc<Layout>,
    counts: Vec<Counts>,
    transformer_members: Vec<u32>,
    transformer_silent: SilentDays,
    /// Channels of received energy, and the first day on which each received some.
    received: Vec<(u32, Option<i32>)>,
    balance: BalanceBuilder,
    /// Memory that is used again for every stay.
    days: Vec<(i32, f64)>,
    kwh: Vec<f64>,
}

impl PeerBuilder {
    /// Nothing counted yet. Goes once through the registry.
    #[must_use]
    pub fn new(registry: &Registry) -> Self {
        Self::of(Arc::new(Layout::new(registry)), BalanceBuilder::new(registry))
    }

    /// Nothing counted yet, for the same registry, to be merged in the end. Cheap: the registry is not looked at again.
    #[must_use]
    pub fn another(&self) -> Self {
        Self::of(Arc::clone(&self.layout), self.balance.another())
    }

    fn of(layout: Arc<Layout>, balance: BalanceBuilder) -> Self {
        Self {
            balance,
            counts: vec![Counts::default(); layout.keys.len()],
            transformer_members: vec![0; layout.transformers],
            transformer_silent: SilentDays::default(),
            received: Vec::new(),
            layout,
            days: Vec::new(),
            kwh: Vec::new(),
        }
    }

    /// Counts all components of a block; every component is to be observed once, with all its days.
    pub fn observe(&mut self, block: &SeriesBlock, registry: &Registry) {
        for series in block.iter() {
            self.observe_series(&series, registry);
        }
    }

    /// Counts one component.
    pub fn observe_series(&mut self, series: &DaySeries<'_>, registry: &Registry) {
        let Some(component) = registry.components.get(series.component as usize) else {
            return;
        };
        if component.is_received() {
            let first = series
                .usable_kwh
                .iter()
                .position(|&micro| micro >= RECEIVED_MICRO);
            self.received
                .push((series.component, first.map(|row| series.day[row])));
        }
        self.balance.observe(series, registry);
        let group = self.layout.group_of[series.component as usize];
        if group == NONE {
            return;
        }
        let intervals = intervals_of_a_day(component);
        for stay in stays(component) {
            self.observe_stay(series, &stay, intervals, group);
        }
    }

    fn observe_stay(&mut self, series: &DaySeries<'_>, stay: &Stay, intervals: u16, group: u32) {
        let days = &mut self.days;
        days.clear();
        let whole = whole_days(series, rows_of(stay, series.day), stay, intervals);
        days.extend(whole.map(|(_, day, kwh)| (day, kwh)));
        drop_strays(days);
        let (Some(&(first, _)), Some(&(last, _))) = (days.first(), days.last()) else {
            return;
        };
        let transformer = stay
            .service_point
            .and_then(|place| self.layout.transformer_of.get(place as usize).copied())
            .unwrap_or(NONE);
        let counts = &mut self.counts[group as usize];

        let recent = days.partition_point(|&(day, _)| day <= last - YEAR_DAYS);
        let kwh = &mut self.kwh;
        kwh.clear();
        kwh.extend(days[recent..].iter().map(|&(_, kwh)| kwh));
        let mean = kwh.iter().sum::<f64>() / kwh.len() as f64;
        let usual = median(kwh).unwrap_or(0.0);
        let counted = days.len() >= MIN_DAYS && usual > 0.0;
        if counted {
            counts.members += 1;
            counts.means.resize(MEAN_SCALE.bins(), 0);
            counts.means[MEAN_SCALE.bin(mean)] += 1;
        }
        let from = counts.reserve(first, last);
        let inverse = 1.0 / usual;
        let mut silent = |slot: &mut DayCounts, day: i32| {
            slot.silent += 1;
            if transformer != NONE {
                self.transformer_silent.add(transformer, day);
            }
        };
        let mut slots = (first..=last).zip(&mut counts.days[from..]);
        for &(at, kwh) in &*days {
            // Days without a whole one are silent.
            for (day, slot) in slots.by_ref() {
                slot.present += 1;
                if day < at {
                    silent(slot, day);
                    continue;
                }
                if kwh <= 0.0 {
                    silent(slot, day);
                }
                if counted {
                    let bin = DAY_SCALE.bin_near(kwh * inverse, || kwh / usual);
                    slot.histogram(&mut counts.bins)[bin] += 1;
                }
                break;
            }
        }
        if transformer != NONE {
            self.transformer_members[transformer as usize] += 1;
        }
    }

    /// Adds what another builder of the same registry counted.
    pub fn merge(&mut self, other: Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            mine.add(theirs);
        }
        add_counts(&mut self.transformer_members, &other.transformer_members);
        self.transformer_silent.merge(other.transformer_silent);
        self.received.extend(other.received);
        self.balance.merge(other.balance);
    }

    /// The index of every group; groups of fewer than `min_peers` stays lean on the wider ones.
    #[must_use]
    pub fn finish(self, min_peers: u32) -> Peers {
        let min_peers = min_peers.max(1);
        let mut received = self.received;
        received.sort_unstable();
        let keys = &self.layout.keys;
        let mut wide: BTreeMap<u32, Counts> = BTreeMap::new();
        let mut all = Counts::default();
        for ((interval, _), counts) in keys.iter().zip(&self.counts) {
            wide.entry(*interval).or_default().add(counts);
            all.add(counts);
        }
        let large = |counts: &Counts| counts.members >= u64::from(min_peers);
        // Narrow groups keep their positions; the wider ones follow.
        let mut groups: Vec<PeerGroup> = Vec::with_capacity(keys.len() + wide.len() + 1);
        for (key, counts) in keys.iter().zip(&self.counts) {
            groups.push(counts.finish(group_name(key.0, &key.1), min_peers));
        }
        let mut wide_position: BTreeMap<u32, usize> = BTreeMap::new();
        for (&interval, counts) in &wide {
            wide_position.insert(interval, groups.len());
            groups.push(counts.finish(group_name(interval, ""), min_peers));
        }
        let all_position = groups.len();
        groups.push(all.finish("kWh".to_owned(), min_peers));
        let used: Vec<u32> = keys
            .iter()
            .zip(&self.counts)
            .map(|((interval, _), counts)| {
                let position = wide_position[interval];
                if large(counts) {
                    None
                } else if large(&wide[interval]) {
                    Some(position as u32)
                } else {
                    Some(all_position as u32)
                }
            })
            .enumerate()
            .map(|(narrow, wider)| wider.unwrap_or(narrow as u32))
            .collect();
        Peers {
            groups,
            group_of: self
                .layout
                .group_of
                .iter()
                .map(|&group| if group == NONE { NONE } else { used[group as usize] })
                .collect(),
            transformer_of: self.layout.transformer_of.clone(),
            transformer_members: self.transformer_members,
            transformer_silent: self.transformer_silent.finish(),
            received,
            balances: self.balance.finish(),
        }
    }
}

/// Takes away the last days where they are few and far from all others: a wrong clock would bend the home's usual level
/// and count it as silent all the while.
fn drop_strays(days: &mut Vec<(i32, f64)>) {
    loop {
        let late = days.len().saturating_sub(MIN_DAYS - 1).max(1);
        let stray = (late..days.len()).find(|&at| days[at].0 - days[at - 1].0 > DAYS_AHEAD);
        match stray {
            Some(at) => days.truncate(at),
            None => return,
        }
    }
}

/// The group by what is known today: the service point where the component hangs, or hung last.
fn group_key<'r>(component: &'r Component, registry: &'r Registry) -> Option<(u32, &'r str)> {
    let own = component
        .last_service_point()
        .and_then(|place| registry.transformers.metered_at(place));
    // A transformer's own meter is no peer of homes.
    if !component.is_delivered() || own.is_some() {
        return None;
    }
    let class = component
        .last_service_point()
        .and_then(|place| registry.service_points.get(place as usize))
        .and_then(|place| place.rate_class.as_deref())
        .or(component.device_type.as_deref())
        .unwrap_or_default();
    Some((component.interval_seconds().unwrap_or(0), class))
}

fn group_name(interval: u32, class: &str) -> String {
    let mut name = if interval == 0 {
        "kWh/register".to_owned()
    } else {
        format!("kWh/{interval}s")
    };
    if !class.is_empty() {
        name.push('/');
        name.push_str(class);
    }
    name
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::rules::testing::{FIRST_DAY, Profiles, noise, period, places, typed};
    use proptest::prelude::*;

    mod edges;

    /// `n` homes of `rate_class`, and their profiles: a home's own size times `level(day)`.
    fn lake(classes: &[(&str, usize)], level: &dyn Fn(usize) -> f64) -> (Registry, Vec<Profiles>) {
        let mut components = Vec::new();
        let mut service_points = Vec::new();
        let mut profiles = Vec::new();
        for &(class, n) in classes {
            for _ in 0..n {
                let index = components.len();
                components.push(typed(
                    &format!("MC-{index:03}"),
                    Some(86_400),
                    &[period(index as u32, 0, i64::MAX)],
                ));
                let mut place = places(1).remove(0);
                place.rate_class = Some(class.to_owned());
                place.transformer_id = Some(format!("T-{}", index % 4));
                service_points.push(place);
                let kwh: Vec<f64> = (0..60).map(|day| (1.0 + index as f64) * level(day)).collect();
                profiles.push(Profiles::daily(index as u32, FIRST_DAY, &kwh));
            }
        }
        (Registry::new(components, service_points), profiles)
    }

    fn count(registry: &Registry, profiles: &[Profiles]) -> PeerBuilder {
        let mut builder = PeerBuilder::new(registry);
        for profile in profiles {
            builder.observe_series(&profile.series(), registry);
        }
        builder
    }

    #[test]
    fn the_index_is_the_day_against_the_usual_day_whatever_the_size() {
        let (registry, profiles) = lake(&[("A", 25)], &|day| if day < 10 { 2.0 } else { 1.0 });
        let peers = count(&registry, &profiles).finish(20);
        let group = peers.group(0).unwrap();
        assert_eq!((group.name.as_str(), group.members), ("kWh/86400s/A", 25));
        let index = group.index.as_ref().unwrap();
        // Within a bin, 1/16 octave.
        assert!((index.ln(FIRST_DAY).unwrap() - 2.0_f64.ln()).abs() < 0.05);
        assert!(index.ln(FIRST_DAY + 10).unwrap().abs() < 0.05);
        assert_eq!(index.ln(FIRST_DAY - 1), None);
        // All peers alike: the tenths are the ends of the one bin, in which the values count as spread evenly.
        let (low, high) = index.tenths(FIRST_DAY).unwrap();
        assert!(
            2.0 <= low && low < high && high < 2.0 * 2.0_f64.powf(1.0 / 16.0),
            "{low} {high}"
        );
        assert_eq!(index.tenths(FIRST_DAY - 1), None);
        assert_eq!(index.tenths(FIRST_DAY + 60), None);
        assert_eq!(index.ln(FIRST_DAY + 60), None);
        // Sizes 1 to 25 kWh, mean 70/60 of the usual day.
        let median = group.ln_mean_median.unwrap();
        assert!((median - (13.0_f64 * 70.0 / 60.0).ln()).abs() < 0.05, "{median}");
    }

    #[test]
    fn the_tenths_hold_four_fifths_of_the_peers() {
        // On day 30 home n of 40 uses 0.5 + n / 40 of its usual day.
        let (registry, mut profiles) = lake(&[("A", 40)], &|_| 1.0);
        for (home, profile) in profiles.iter_mut().enumerate() {
            let mut kwh = vec![4.0; 60];
            kwh[30] = 4.0 * (0.5 + home as f64 / 40.0);
            *profile = Profiles::daily(home as u32, FIRST_DAY, &kwh);
        }
        let peers = count(&registry, &profiles).finish(20);
        let (low, high) = peers
            .group(0)
            .unwrap()
            .index
            .as_ref()
            .unwrap()
            .tenths(FIRST_DAY + 30)
            .unwrap();
        // Bins of a sixteenth of an octave. Four homes of forty: up to 0.575, at the upper end of its bin, which is -12. And 36: one of
        // the two in the bin from 7 to 8.
        let at = |bin: f64| (bin / 16.0).exp2();
        assert!((low - at(-12.0)).abs() < 1e-5, "{low}");
        assert!((high - at(7.5)).abs() < 1e-5, "{high}");
    }

    #[test]
    fn small_groups_lean_on_wider_ones() {
        let (registry, profiles) = lake(&[("A", 25), ("B", 5)], &|_| 1.0);
        let peers = count(&registry, &profiles).finish(20);
        assert_eq!(peers.group(0).unwrap().name, "kWh/86400s/A");
        assert_eq!(peers.group(27).unwrap().name, "kWh/86400s");
        let few = count(&registry, &profiles).finish(31);
        assert_eq!(few.group(0).unwrap().name, "kWh");
        assert_eq!(few.group(0).unwrap().index, None);
        assert_eq!(few.group(0).unwrap().ln_mean_median, None);
    }

    #[test]
    fn silence_is_counted_by_group_and_transformer() {
        let (registry, mut profiles) = lake(&[("A", 24)], &|_| 1.0);
        // Homes 0, 4, 8 hang at transformer 0 with three others: one at zero, two without a row.
        profiles[0].usable_kwh[5] = 0;
        for home in [4, 8] {
            let mut kwh = vec![3.0; 60];
            kwh[5] = f64::NAN;
            profiles[home] = Profiles::daily(home as u32, FIRST_DAY, &kwh);
        }
        let peers = count(&registry, &profiles).finish(20);
        let index = peers.group(0).unwrap().index.as_ref().unwrap();
        assert!((index.silent_share(FIRST_DAY + 5).unwrap() - 3.0 / 24.0).abs() < 1e-6);
        assert!(index.silent_share(FIRST_DAY + 6).unwrap().abs() < 1e-6);
        assert_eq!(peers.transformer_silent_share(0, FIRST_DAY + 5), Some(0.5));
        assert_eq!(peers.transformer_silent_share(1, FIRST_DAY + 5), Some(0.0));
    }

    #[test]
    fn a_day_far_ahead_changes_nothing_for_the_others() {
        let (registry, mut profiles) = lake(&[("A", 25)], &|_| 1.0);
        let groups = |profiles: &[Profiles]| format!("{:?}", count(&registry, profiles).finish(20).groups());
        let expected = groups(&profiles);
        let with = |day: usize| {
            let mut kwh = vec![1.0; 60];
            kwh.resize(day, f64::NAN);
            kwh.push(77.0);
            Profiles::daily(0, FIRST_DAY, &kwh)
        };
        profiles[0] = with(60 + 62);
        assert_eq!(groups(&profiles), expected);
        profiles[0] = with(60 + 61);
        assert_ne!(groups(&profiles), expected, "that near it may be so");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn any_order_and_any_split_count_alike(seed in 0_u64..1_000, cut in 0_usize..30) {
            let (registry, mut profiles) = lake(&[("A", 15), ("B", 15)], &|day| 1.0 + noise(seed, day));
            let once = count(&registry, &profiles).finish(10);
            let second = profiles.split_off(cut);
            let mut merged = count(&registry, &second);
            profiles.reverse();
            merged.merge(count(&registry, &profiles));
            let merged = merged.finish(10);
            prop_assert_eq!(format!("{:?}", once.groups()), format!("{:?}", merged.groups()));
        }

        #[test]
        fn the_unit_of_the_homes_does_not_matter(scale in 0.1_f64..10.0) {
            let (registry, profiles) = lake(&[("A", 25)], &|day| 1.0 + noise(3, day));
            let (_, scaled) = lake(&[("A", 25)], &|day| scale * (1.0 + noise(3, day)));
            let index = |profiles: &[Profiles], day: i32| {
                let peers = count(&registry, profiles).finish(20);
                peers.group(0).unwrap().index.as_ref().unwrap().ln(FIRST_DAY + day).unwrap()
            };
            for day in [0, 7, 31] {
                prop_assert!((index(&profiles, day) - index(&scaled, day)).abs() < 1e-3);
            }
        }
    }
}
