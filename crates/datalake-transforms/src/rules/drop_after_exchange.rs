//! `DROP_AFTER_EXCHANGE`: the new meter at a service point reads far less than the one it replaced.
//!
//! Compares the last 60 whole days of the old meter with the first 60 of the new one, each as the median of
//! ln kWh a day less the peers' index: a season between them does not count. Meters that hang side by side are no exchange.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::{whole, within};
use super::{Gap, Rule, RuleEvidence, Verdict, ramp};
use crate::error::TransformError;
use crate::levels::Levels;
use crate::model::MICRO;
use crate::quantiles::median;

/// Whole days at each end of a stay that its level is taken from.
const EDGE_DAYS: usize = 60;

/// Days that may lie between the old meter's last and the new one's first whole day.
const CHANGE_DAYS: i32 = 60;

/// Whole days that both meters may have in common.
const SHARED_DAYS: i32 = 2;

/// Thresholds of `DROP_AFTER_EXCHANGE`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DropAfterExchangeConfig {
    /// Level of the new meter / of the old one that a hit must not exceed.
    pub max_ratio: f64,
    /// Whole days that each meter needs.
    pub min_days: u32,
    /// Weight in the score, 0..1.
    pub weight: f64,
}

impl Default for DropAfterExchangeConfig {
    fn default() -> Self {
        Self {
            max_ratio: 0.6,
            min_days: 21,
            weight: 0.8,
        }
    }
}

impl DropAfterExchangeConfig {
    pub(super) fn validate(&self) -> Result<(), TransformError> {
        within("drop_after_exchange.max_ratio", self.max_ratio, 0.05, 0.95)?;
        whole("drop_after_exchange.min_days", self.min_days, 7, 365)
    }
}

/// Both ends of a stay, for the comparison with the meter before and after.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edges {
    /// First and last whole day.
    pub days: (i32, i32),
    /// Level of the first whole days, ln kWh a day less the peers' index.
    pub head: f32,
    /// Level of the last whole days.
    pub tail: f32,
    /// Whole days in each edge.
    pub edge_days: u16,
    /// Whole days of the stay.
    pub whole_days: u32,
    /// Sum over the whole days of exp(peers' index).
    pub index_sum: f32,
    /// Energy of the whole days, 10^-6 kWh.
    pub kwh_micro: i64,
}

impl Edges {
    /// `None` without whole days.
    pub(crate) fn new(levels: &Levels) -> Option<Self> {
        let n = levels.len();
        let edge = n.min(EDGE_DAYS);
        let index = |position: usize| {
            let index = levels.index[position];
            if index.is_finite() { index } else { 0.0 }
        };
        let level = |range: std::ops::Range<usize>| {
            let mut edge = [0.0; EDGE_DAYS];
            let edge = &mut edge[..range.len()];
            for (level, position) in edge.iter_mut().zip(range) {
                *level = levels.ln_kwh[position] - index(position);
            }
            median(edge)
        };
        let head = level(0..edge)?;
        Some(Self {
            days: (*levels.day.first()?, *levels.day.last()?),
            head: head as f32,
            // Of a short stay both ends are all of it.
            tail: if edge == n { head } else { level(n - edge..n)? } as f32,
            edge_days: edge as u16,
            whole_days: n as u32,
            index_sum: levels.factor.iter().sum::<f64>() as f32,
            kwh_micro: (levels.kwh.iter().sum::<f64>() * MICRO as f64).round() as i64,
        })
    }

    /// Whether `new` took over from this one.
    #[must_use]
    pub fn replaced_by(&self, new: &Self) -> bool {
        new.days.0 > self.days.1 - SHARED_DAYS && new.days.0 - self.days.1 <= CHANGE_DAYS
    }

    /// What the new meter should have counted at the old one's level, 10^-6 kWh.
    #[must_use]
    pub fn expected_micro(&self, new: &Self) -> i64 {
        (f64::from(self.tail).exp() * f64::from(new.index_sum) * MICRO as f64).round() as i64
    }
}

/// Judges the new meter's stay against the one before it, if there is one.
#[must_use]
pub fn judge(old: Option<&Edges>, new: Option<&Edges>, config: &DropAfterExchangeConfig) -> RuleEvidence {
    let not_judged = |gap| RuleEvidence::not_judged(Rule::DropAfterExchange, gap, config.max_ratio);
    let Some(old) = old else {
        return not_judged(Gap::NoPredecessor);
    };
    let Some(new) = new else {
        return not_judged(Gap::TooFewDays);
    };
    if u32::from(old.edge_days.min(new.edge_days)) < config.min_days {
        return not_judged(Gap::TooFewDays);
    }
    let drop = f64::from(old.tail) - f64::from(new.head);
    let ratio = (-drop).exp();
    // What is left at the new meter's own end counts as well: a home that fills up again lost nothing.
    let ratio = ratio.max((f64::from(new.tail) - f64::from(old.tail)).exp());
    let hit = ratio <= config.max_ratio;
    let strength = if hit {
        0.7 + 0.3 * ramp(ratio, config.max_ratio, 0.5 * config.max_ratio)
    } else {
        0.6 * ramp(ratio, 1.0, config.max_ratio)
    };
    RuleEvidence {
        rule: Rule::DropAfterExchange,
        verdict: if hit { Verdict::Hit } else { Verdict::Miss },
        value: ratio as f32,
        threshold: config.max_ratio as f32,
        onset_day: new.days.0,
        end_day: new.days.1,
        strength: strength as f32,
        kwh_micro: old.expected_micro(new).saturating_sub(new.kwh_micro).max(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A meter at a steady level over days, peers at their usual level.
    fn meter(days: (i32, i32), kwh: f64) -> Edges {
        let n = days.1 - days.0 + 1;
        Edges {
            days,
            head: kwh.ln() as f32,
            tail: kwh.ln() as f32,
            edge_days: n.min(60) as u16,
            whole_days: n as u32,
            index_sum: n as f32,
            kwh_micro: (kwh * f64::from(n) * 1e6).round() as i64,
        }
    }

    fn judged(old: &Edges, new: &Edges) -> RuleEvidence {
        judge(Some(old), Some(new), &DropAfterExchangeConfig::default())
    }

    #[test]
    fn half_of_the_old_level_hits() {
        let evidence = judged(&meter((0, 99), 10.0), &meter((100, 199), 5.0));
        assert_eq!(evidence.verdict, Verdict::Hit);
        assert!((evidence.value - 0.5).abs() < 1e-5);
        // 100 days at 10 kWh expected, 500 kWh counted.
        assert!((evidence.kwh_micro - 500_000_000).abs() < 1_000);
        assert_eq!((evidence.onset_day, evidence.end_day), (100, 199));
    }

    #[test]
    fn seven_tenths_are_a_near_miss() {
        let evidence = judged(&meter((0, 99), 10.0), &meter((100, 199), 7.0));
        assert_eq!(evidence.verdict, Verdict::Miss);
        assert!((f64::from(evidence.strength) - 0.6 * 0.75).abs() < 1e-5);
    }

    #[test]
    fn twenty_days_are_too_few() {
        let evidence = judged(&meter((0, 99), 10.0), &meter((100, 119), 2.0));
        assert_eq!(evidence.verdict, Verdict::NotJudged(Gap::TooFewDays));
    }

    #[test]
    fn a_home_that_fills_up_again_lost_nothing() {
        let mut new = meter((100, 299), 4.0);
        new.tail = 9.0_f32.ln();
        assert_eq!(judged(&meter((0, 99), 10.0), &new).verdict, Verdict::Miss);
    }

    #[test]
    fn meters_side_by_side_are_no_exchange() {
        assert!(meter((0, 99), 1.0).replaced_by(&meter((100, 199), 1.0)));
        assert!(meter((0, 99), 1.0).replaced_by(&meter((99, 199), 1.0)));
        assert!(!meter((0, 99), 1.0).replaced_by(&meter((50, 199), 1.0)));
        assert!(!meter((0, 99), 1.0).replaced_by(&meter((160, 199), 1.0)));
    }
}
