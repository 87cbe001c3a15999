//! `SIBLING_MISMATCH`: one meter or channel of a service point falls, and no other rises or falls with it.
//!
//! People who leave fall on all channels, energy that moves rises on another one. What falls on one alone, by what
//! another rule found, is that channel's matter. Shares of a fall as [`crate::ranking`] takes them: 1 where the siblings
//! made up for all of it, 0 where they stood still, below 0 where they fell too.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::within;
use super::{Gap, Rule, RuleEvidence, Verdict, ramp};
use crate::error::TransformError;

/// Siblings that fell by more than this share of the fall fell too.
const FELL_TOO: f64 = -0.3;

/// Thresholds of `SIBLING_MISMATCH`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SiblingMismatchConfig {
    /// Share of the fall that the siblings may make up for, for a hit.
    pub max_share: f64,
    /// Weight in the score, 0..1.
    pub weight: f64,
}

impl Default for SiblingMismatchConfig {
    fn default() -> Self {
        Self {
            max_share: 0.2,
            weight: 0.2,
        }
    }
}

impl SiblingMismatchConfig {
    pub(super) fn validate(&self) -> Result<(), TransformError> {
        within("sibling_mismatch.max_share", self.max_share, 0.0, 0.5)
    }
}

/// `fall`: the fall of the stay and the share of it that its siblings made up for; `None` without siblings or a fall.
pub(crate) fn judge(fall: Option<(&RuleEvidence, f64)>, config: &SiblingMismatchConfig) -> RuleEvidence {
    let Some((fall, share)) = fall else {
        return RuleEvidence::not_judged(Rule::SiblingMismatch, Gap::NoSiblings, config.max_share);
    };
    let hit = (FELL_TOO..=config.max_share).contains(&share);
    RuleEvidence {
        rule: Rule::SiblingMismatch,
        verdict: if hit { Verdict::Hit } else { Verdict::Miss },
        value: share as f32,
        threshold: config.max_share as f32,
        onset_day: fall.onset_day,
        end_day: fall.end_day,
        strength: if hit {
            (f64::from(fall.strength) * ramp(share.abs(), -FELL_TOO, 0.0)) as f32
        } else {
            0.0
        },
        kwh_micro: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(share: f64) -> RuleEvidence {
        let mut fall = RuleEvidence::not_judged(Rule::SustainedDrop, Gap::NoFall, 0.6);
        fall.verdict = Verdict::Hit;
        fall.strength = 0.9;
        fall.onset_day = 40;
        judge(Some((&fall, share)), &SiblingMismatchConfig::default())
    }

    #[test]
    fn siblings_that_stood_still_speak_against_the_meter() {
        let found = judged(0.0);
        assert_eq!((found.verdict, found.onset_day), (Verdict::Hit, 40));
        assert!((found.strength - 0.9).abs() < 1e-6);
        // A third of the way to where they would have fallen too.
        assert!((judged(-0.1).strength - 0.6).abs() < 1e-6);
    }

    #[test]
    fn siblings_that_rose_or_fell_too_do_not() {
        assert_eq!(judged(0.21).verdict, Verdict::Miss);
        assert_eq!(judged(-0.31).verdict, Verdict::Miss);
        let alone = judge(None, &SiblingMismatchConfig::default());
        assert_eq!(alone.verdict, Verdict::NotJudged(Gap::NoSiblings));
    }
}
