//! `OVERLAPPING_INSTALL`: install events that contradict each other: one device at two places, or two devices at one.
//!
//! The registry finds them; this rule lays them at the door of the service points concerned. Mostly it is
//! paperwork, and a place may well have two meters: by its weight it never opens a case alone.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Rule, RuleEvidence, StayContext, Verdict};
use crate::model::DAY_SECONDS;
use crate::registry::{OverlapKind, Registry};

/// Weight of `OVERLAPPING_INSTALL`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OverlappingInstallConfig {
    /// Weight in the score, 0..1; from `case_threshold` on it opens cases alone.
    pub weight: f64,
}

impl Default for OverlappingInstallConfig {
    fn default() -> Self {
        Self { weight: 0.3 }
    }
}

pub(crate) fn judge(context: &StayContext<'_>) -> RuleEvidence {
    // Events may reach back years before the first row; what is contradicted is what was measured.
    let measured = (context.series.day[context.rows.start], context.last_actual_day());
    let component = context.series.component;
    found(context.registry, component, context.stay.service_point, measured)
}

/// What contradicts the stay of a component at a service point between its first and its last day with an actual value.
pub(crate) fn found(
    registry: &Registry,
    component: u32,
    service_point: Option<u32>,
    (first_day, last_day): (i32, i32),
) -> RuleEvidence {
    let overlaps = &registry.overlaps;
    let first = overlaps.partition_point(|overlap| overlap.component < component);
    let mut days = 0_i64;
    let mut span = (i32::MAX, i32::MIN);
    let mut strength = 0.0_f32;
    for overlap in overlaps[first..]
        .iter()
        .take_while(|overlap| overlap.component == component)
    {
        let (place, other) = overlap.service_points;
        if service_point != Some(place) && service_point != Some(other) {
            continue;
        }
        let from = overlap.from.div_euclid(DAY_SECONDS).max(i64::from(first_day));
        let to = (overlap.to - 1).div_euclid(DAY_SECONDS).min(i64::from(last_day));
        if to < from {
            continue;
        }
        days = days.max(to - from + 1);
        span = (span.0.min(from as i32), span.1.max(to as i32));
        strength = strength.max(match overlap.kind {
            OverlapKind::DeviceAtTwoPlaces => 1.0,
            OverlapKind::TwoDevicesAtOnePlace => 0.5,
        });
    }
    let hit = days > 0;
    RuleEvidence {
        rule: Rule::OverlappingInstall,
        verdict: if hit { Verdict::Hit } else { Verdict::Miss },
        value: days as f32,
        threshold: 1.0,
        onset_day: if hit { span.0 } else { 0 },
        end_day: if hit { span.1 } else { 0 },
        strength,
        kwh_micro: 0,
    }
}

#[cfg(test)]
mod tests {
    use crate::model::DAY_SECONDS;
    use crate::registry::{Overlap, OverlapKind};
    use crate::rules::testing::{FIRST_DAY, Profiles, World, home, installed};
    use crate::rules::{Rule, Verdict};

    fn judged(kind: OverlapKind, places: (u32, u32)) -> crate::rules::RuleEvidence {
        judged_from(kind, places, FIRST_DAY + 100)
    }

    fn judged_from(kind: OverlapKind, places: (u32, u32), from: i32) -> crate::rules::RuleEvidence {
        let mut world = World::steady(installed(), 120);
        world.registry.overlaps.push(Overlap {
            component: 0,
            other: 0,
            kind,
            service_points: places,
            from: i64::from(from) * DAY_SECONDS,
            to: i64::MAX,
        });
        let profiles = Profiles::daily(0, FIRST_DAY, &home(1, 120, 8.0));
        world.rule(&profiles, Rule::OverlappingInstall).0
    }

    #[test]
    fn one_device_at_two_places_hits_for_the_days_with_data() {
        let evidence = judged(OverlapKind::DeviceAtTwoPlaces, (7, 0));
        assert_eq!(evidence.verdict, Verdict::Hit);
        assert!((evidence.value - 20.0).abs() < 1e-6 && (evidence.strength - 1.0).abs() < 1e-6);
        assert_eq!(
            (evidence.onset_day, evidence.end_day),
            (FIRST_DAY + 100, FIRST_DAY + 119)
        );
    }

    #[test]
    fn an_overlap_from_long_ago_begins_with_the_data() {
        let evidence = judged_from(OverlapKind::DeviceAtTwoPlaces, (7, 0), FIRST_DAY - 2000);
        assert!((evidence.value - 120.0).abs() < 1e-6, "{evidence:?}");
        assert_eq!(
            (evidence.onset_day, evidence.end_day),
            (FIRST_DAY, FIRST_DAY + 119)
        );
    }

    #[test]
    fn two_devices_at_one_place_weigh_half() {
        let evidence = judged(OverlapKind::TwoDevicesAtOnePlace, (0, 0));
        assert!(evidence.is_hit() && (evidence.strength - 0.5).abs() < 1e-6);
    }

    #[test]
    fn an_overlap_elsewhere_is_none_here() {
        assert_eq!(
            judged(OverlapKind::DeviceAtTwoPlaces, (7, 8)).verdict,
            Verdict::Miss
        );
    }

    #[test]
    fn it_never_opens_a_case_alone() {
        let config = crate::rules::RuleConfig::default();
        assert!(config.weight(Rule::OverlappingInstall) < config.case_threshold);
        assert!(config.weight(Rule::ProlongedEstimation) < config.case_threshold);
        assert!(config.weight(Rule::PeerLow) < config.case_threshold);
    }
}
