//! Peers: what the others did on the same day, and where a component stands among them.
//!
//! A group is delivered kWh of one interval length (or registers), split by the service point's rate class or, where
//! that is not given, the device type. Groups of fewer than `min_peers` components use the wider group: the interval
//! length, then all of delivered kWh; if that is small too there is no index.
//!
//! First pass: [`PeerBuilder`] counts, per group and day, log2 of (a day's usable kWh / the component's own median) into
//! an integer histogram. Second pass: [`Peers`] answers with the median of it, the *peer index* of the day. Counts add
//! up in any order, so the index does not depend on how the work was shared out.
//!
//! The own median is taken over a stay's last 365 days, so that it holds every season once where there is a
//! whole year: components that began at different times of year do not bend the index.

mod builder;
mod histogram;
mod silent;

use silent::SilentDays;

pub use builder::PeerBuilder;

/// Days that a component's own usual level is taken from, counted back from its last day.
pub(crate) const YEAR_DAYS: i32 = 365;

/// The peers' level by day.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DayIndex {
    first_day: i32,
    /// ln of the median ratio; NaN where fewer than `min_peers` have one.
    ln: Vec<f32>,
    /// exp of the same.
    factor: Vec<f64>,
    /// Factors below which the lowest and the highest tenth of the peers begin; NaN where `ln` is.
    tenths: Vec<[f32; 2]>,
    /// Share of the components that were silent though their series had begun and not ended.
    silent: Vec<f32>,
}

impl DayIndex {
    fn position(&self, day: i32) -> Option<usize> {
        usize::try_from(i64::from(day) - i64::from(self.first_day)).ok()
    }

    fn at(&self, values: &[f32], day: i32) -> Option<f64> {
        let value = values.get(self.position(day)?).copied();
        value.filter(|value| value.is_finite()).map(f64::from)
    }

    /// ln of the peers' level of the day against their usual level, and that level.
    pub(crate) fn level(&self, day: i32) -> Option<(f64, f64)> {
        let position = self.position(day)?;
        let ln = self.ln.get(position).copied().filter(|ln| ln.is_finite())?;
        Some((f64::from(ln), self.factor[position]))
    }

    /// ln of the peers' level of the day against their usual level.
    #[must_use]
    pub fn ln(&self, day: i32) -> Option<f64> {
        self.at(&self.ln, day)
    }

    /// 10th and 90th percentile of the peers' day against their own usual day: 1 is a usual day.
    #[must_use]
    pub fn tenths(&self, day: i32) -> Option<(f64, f64)> {
        let &[low, high] = self.tenths.get(self.position(day)?)?;
        low.is_finite().then_some((f64::from(low), f64::from(high)))
    }

    /// Share of the components without energy that day, 0..1.
    #[must_use]
    pub fn silent_share(&self, day: i32) -> Option<f64> {
        self.at(&self.silent, day)
    }
}

/// One peer group, as it is used.
#[derive(Debug, Clone, PartialEq)]
pub struct PeerGroup {
    /// Name, for instance `kWh/1800s/Std`.
    pub name: String,
    /// Stays that were counted.
    pub members: u64,
    /// Level by day; `None` for a group too small to have one.
    pub index: Option<DayIndex>,
    /// Median over the group of ln(mean kWh a day); `None` for a group too small.
    pub ln_mean_median: Option<f64>,
    /// 1.4826 x median absolute deviation of the same.
    pub ln_mean_spread: f64,
}

/// The finished first pass.
#[derive(Debug, Clone, Default)]
pub struct Peers {
    groups: Vec<PeerGroup>,
    /// Group in use by component; `u32::MAX` for components that are no delivered kWh.
    group_of: Vec<u32>,
    /// Transformer by service point; `u32::MAX` where not given.
    transformer_of: Vec<u32>,
    /// Components counted under each transformer.
    transformer_members: Vec<u32>,
    /// Silent components by (transformer, day).
    transformer_silent: SilentDays,
    /// Channels of received energy with data, by component, and the first day on which each received some.
    received: Vec<(u32, Option<i32>)>,
}

impl Peers {
    /// The group that a component is compared with; `None` for components that are not delivered kWh.
    #[must_use]
    pub fn group(&self, component: u32) -> Option<&PeerGroup> {
        let group = *self.group_of.get(component as usize)?;
        self.groups.get(group as usize)
    }

    /// First day (since 1970-01-01) on which a component received 0.1 kWh or more; `None` within where it never did, and `None`
    /// without where it has no data, or receives nothing by its type.
    #[must_use]
    pub fn first_received(&self, component: u32) -> Option<Option<i32>> {
        let at = self
            .received
            .binary_search_by_key(&component, |&(component, _)| component);
        at.ok().map(|at| self.received[at].1)
    }

    /// All groups that are in use or were counted, by name.
    #[must_use]
    pub fn groups(&self) -> &[PeerGroup] {
        &self.groups
    }

    /// Share of the components under the service point's transformer that were silent that day; `None` where
    /// the transformer is not given or feeds fewer than three counted components.
    #[must_use]
    pub fn transformer_silent_share(&self, service_point: u32, day: i32) -> Option<f64> {
        let transformer = *self.transformer_of.get(service_point as usize)?;
        let members = *self.transformer_members.get(transformer as usize)?;
        let silent = self.transformer_silent.at(transformer, day);
        (members >= 3).then(|| f64::from(silent) / f64::from(members))
    }
}
