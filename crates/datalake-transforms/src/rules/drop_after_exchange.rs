//! `DROP_AFTER_EXCHANGE`: the new meter at a service point reads far less than the one it replaced.
//!
//! Compares the last 60 whole days of the old meter with the first 60 of the new one, each as the median of ln kWh a day, and
//! the same less the peers' index; the milder fall counts: what the peers fell is no fall of the home, and what they
//! rose is none either. A home that follows the season more than its peers do falls within 60 days by itself, so the fall must
//! also be there at the exchange, between the last and the first 14 days. Meters that hang side by side are no exchange.

use std::ops::Range;

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

/// Days at the very end of a stay, and the whole days among them that it takes to know their level.
const NEAR: (i32, usize) = (14, 7);

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

/// Level of some days: medians of ln kWh a day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EdgeLevel {
    /// As it was counted.
    pub counted: f32,
    /// Less the peers' index.
    pub adjusted: f32,
}

impl EdgeLevel {
    /// `None` of no days.
    fn new(levels: &Levels, days: Range<usize>) -> Option<Self> {
        let index = |position: usize| Some(levels.index[position]).filter(|index| index.is_finite());
        let mut adjusted: Vec<f64> = days
            .clone()
            .map(|position| levels.ln_kwh[position] - index(position).unwrap_or(0.0))
            .collect();
        Some(Self {
            counted: median(&mut levels.ln_kwh[days].to_vec())? as f32,
            adjusted: median(&mut adjusted)? as f32,
        })
    }

    /// ln of `after` / this level, with and without the peers whichever fell less.
    fn change(self, after: Self) -> f64 {
        f64::from((after.counted - self.counted).max(after.adjusted - self.adjusted))
    }
}

/// One end of a stay.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edge {
    /// Of up to 60 whole days.
    pub level: EdgeLevel,
    /// Of the 14 days at the very end; `None` where too few of them are whole.
    pub near: Option<EdgeLevel>,
}

/// Both ends of a stay, for the comparison with the meter before and after.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edges {
    /// First and last whole day.
    pub days: (i32, i32),
    /// The first whole days.
    pub head: Edge,
    /// The last whole days.
    pub tail: Edge,
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
        let days = (*levels.day.first()?, *levels.day.last()?);
        let end = |far: Range<usize>, near: Range<i32>| {
            let near = Some(levels.positions(near)).filter(|near| near.len() >= NEAR.1);
            Some(Edge {
                level: EdgeLevel::new(levels, far)?,
                near: near.and_then(|near| EdgeLevel::new(levels, near)),
            })
        };
        Some(Self {
            days,
            head: end(0..edge, days.0..days.0.saturating_add(NEAR.0))?,
            tail: end(
                n - edge..n,
                days.1.saturating_sub(NEAR.0 - 1)..days.1.saturating_add(1),
            )?,
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
        (f64::from(self.tail.level.adjusted).exp() * f64::from(new.index_sum) * MICRO as f64).round() as i64
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
    let Some((near_old, near_new)) = old.tail.near.zip(new.head.near) else {
        return not_judged(Gap::TooFewDays);
    };
    // What is left at the new meter's own end counts as well, months later and so as its peers go: a home that fills up again
    // lost nothing.
    let left = |old: EdgeLevel, new: EdgeLevel| f64::from(new.adjusted - old.adjusted);
    let ratio = old
        .tail
        .level
        .change(new.head.level)
        .max(near_old.change(near_new))
        .max(left(old.tail.level, new.tail.level))
        .max(
            new.tail
                .near
                .map_or(f64::NEG_INFINITY, |near| left(near_old, near)),
        )
        .exp();
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
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A meter's whole days from `first` on, as (kWh, peers' index).
    fn meter(first: i32, days: &[(f64, f64)]) -> Edges {
        let kwh: Vec<f64> = days.iter().map(|day| day.0).collect();
        let mut levels = Levels::of(first, &kwh);
        for (position, &(_, index)) in days.iter().enumerate() {
            levels.index[position] = index;
            levels.factor[position] = index.exp();
        }
        Edges::new(&levels).unwrap()
    }

    /// At one level all the time, peers at their usual level.
    fn steady(days: (i32, i32), kwh: f64) -> Edges {
        meter(days.0, &vec![(kwh, 0.0); (days.1 - days.0 + 1) as usize])
    }

    fn judged(old: &Edges, new: &Edges) -> RuleEvidence {
        judge(Some(old), Some(new), &DropAfterExchangeConfig::default())
    }

    #[test]
    fn half_of_the_old_level_hits() {
        let evidence = judged(&steady((0, 99), 10.0), &steady((100, 199), 5.0));
        assert_eq!(evidence.verdict, Verdict::Hit);
        assert!((evidence.value - 0.5).abs() < 1e-5);
        // 100 days at 10 kWh expected, 500 kWh counted.
        assert!((evidence.kwh_micro - 500_000_000).abs() < 1_000);
        assert_eq!((evidence.onset_day, evidence.end_day), (100, 199));
    }

    #[test]
    fn seven_tenths_are_a_near_miss() {
        let evidence = judged(&steady((0, 99), 10.0), &steady((100, 199), 7.0));
        assert_eq!(evidence.verdict, Verdict::Miss);
        assert!((f64::from(evidence.strength) - 0.6 * 0.75).abs() < 1e-5);
    }

    #[test]
    fn twenty_days_are_too_few() {
        let evidence = judged(&steady((0, 99), 10.0), &steady((100, 119), 2.0));
        assert_eq!(evidence.verdict, Verdict::NotJudged(Gap::TooFewDays));
    }

    #[test]
    fn a_home_that_fills_up_again_lost_nothing() {
        let new = [vec![(4.0, 0.0); 140], vec![(9.0, 0.0); 60]].concat();
        let evidence = judged(&steady((0, 99), 10.0), &meter(100, &new));
        assert_eq!(evidence.verdict, Verdict::Miss);
        assert!((evidence.value - 0.9).abs() < 1e-5, "{evidence:?}");
        // A term that began ten days before the data end.
        let new = [vec![(1.0, 0.0); 100], vec![(9.0, 0.0); 10]].concat();
        let evidence = judged(&steady((0, 99), 10.0), &meter(100, &new));
        assert!((evidence.value - 0.9).abs() < 1e-5, "{evidence:?}");
    }

    #[test]
    fn a_winter_at_the_end_does_not_hide_a_fall() {
        // To 40 % at the exchange; in the winter after it home and peers use twice as much.
        let new = [vec![(4.0, 0.0); 80], vec![(8.0, 2.0_f64.ln()); 80]].concat();
        let evidence = judged(&steady((0, 99), 10.0), &meter(100, &new));
        assert_eq!(evidence.verdict, Verdict::Hit);
        assert!((evidence.value - 0.4).abs() < 1e-5, "{evidence:?}");
    }

    #[test]
    fn a_spring_that_goes_on_through_the_exchange_is_no_fall_at_it() {
        // The home's heating follows the season more than its peers do: 1 % less a day, 120 days, no step on day 60.
        let day = |day: i32| (20.0 * (-0.01 * f64::from(day)).exp(), -0.002 * f64::from(day));
        let old: Vec<(f64, f64)> = (0..60).map(day).collect();
        let new: Vec<(f64, f64)> = (60..200).map(day).collect();
        let evidence = judged(&meter(0, &old), &meter(60, &new));
        assert_eq!(evidence.verdict, Verdict::Miss);
        // Fourteen days of 1 % less what the peers fell: exp(-0.14 x 0.8).
        assert!((evidence.value - 0.894).abs() < 0.002, "{evidence:?}");
    }

    #[test]
    fn what_the_peers_rise_is_no_fall_of_the_home() {
        // Peers that heat use three times as much from the exchange on; the home goes on as before.
        let new = vec![(10.0, 3.0_f64.ln()); 100];
        let evidence = judged(&steady((0, 99), 10.0), &meter(100, &new));
        assert_eq!(evidence.verdict, Verdict::Miss);
        assert!((evidence.value - 1.0).abs() < 1e-5, "{evidence:?}");
        // What the peers fall is none either.
        let new = vec![(5.0, 0.5_f64.ln()); 100];
        assert_eq!(
            judged(&steady((0, 99), 10.0), &meter(100, &new)).verdict,
            Verdict::Miss
        );
    }

    #[test]
    fn without_whole_days_at_the_exchange_there_is_nothing_to_judge_by() {
        // One whole day in three: 34 in a hundred, but five in a fortnight.
        let mut levels = Levels::of(0, &[10.0; 34]);
        for (day, position) in levels.day.iter_mut().zip(0..) {
            *day = 3 * position;
        }
        let old = Edges::new(&levels).unwrap();
        let evidence = judged(&old, &steady((100, 199), 2.0));
        assert_eq!(evidence.verdict, Verdict::NotJudged(Gap::TooFewDays));
    }

    #[test]
    fn meters_side_by_side_are_no_exchange() {
        let old = steady((0, 99), 1.0);
        assert!(old.replaced_by(&steady((100, 199), 1.0)));
        assert!(old.replaced_by(&steady((99, 199), 1.0)));
        assert!(!old.replaced_by(&steady((50, 199), 1.0)));
        assert!(!old.replaced_by(&steady((160, 199), 1.0)));
    }

    #[test]
    fn a_level_half_way_to_three_tenths_is_half_as_sure_again() {
        let found = judged(&steady((0, 99), 10.0), &steady((100, 199), 4.5));
        assert!((found.strength - 0.85).abs() < 1e-5, "{found:?}");
        let found = judged(&steady((0, 99), 10.0), &steady((100, 199), 3.0));
        assert!((found.strength - 1.0).abs() < 1e-5, "{found:?}");
    }

    #[test]
    fn the_level_of_an_end_is_that_of_sixty_days() {
        // At 5 kWh but for so many days at the end, which are at 10: more than half of sixty, or less.
        let level = |last: usize| {
            let days = [vec![(5.0, 0.0); 100 - last], vec![(10.0, 0.0); last]].concat();
            meter(0, &days).tail.level.counted.exp()
        };
        assert!((level(31) - 10.0).abs() < 1e-4 && (level(29) - 5.0).abs() < 1e-4);
    }

    #[test]
    fn seven_whole_days_of_the_first_fortnight_are_a_level() {
        let known = |first: &[i32]| {
            let mut levels = Levels::of(0, &[10.0; 60]);
            for (at, day) in levels.day.iter_mut().enumerate() {
                *day = first.get(at).copied().unwrap_or(14 + at as i32);
            }
            Edges::new(&levels).unwrap().head.near.is_some()
        };
        assert!(known(&[0, 1, 2, 3, 4, 5, 13]));
        assert!(!known(&[0, 1, 2, 3, 4, 5, 14]));
        assert!(!known(&[0, 1, 2, 3, 4, 13]));
    }

    #[test]
    fn sixty_days_may_lie_between_and_two_may_be_shared() {
        let old = steady((0, 99), 1.0);
        assert!(old.replaced_by(&steady((159, 199), 1.0)));
        assert!(!old.replaced_by(&steady((97, 199), 1.0)));
        assert!(old.replaced_by(&steady((98, 199), 1.0)));
    }
}
