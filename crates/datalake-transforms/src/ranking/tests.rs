//! Cases worked by hand: evidence in, tables and explanations out.
#![allow(clippy::unwrap_used)]

mod edges;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Date32Type, Decimal128Type, Float64Type};
use proptest::prelude::*;

use super::{Assessment, assemble, case_id};
use crate::judge::StayEvidence;
use crate::loss::Loss;
use crate::model::DAY_SECONDS;
use crate::peers::Peers;
use crate::registry::Registry;
use crate::rules::drop_after_exchange::{Edge, EdgeLevel, Edges};
use crate::rules::testing::{FIRST_DAY, Profiles, World, home, installed, period, places, scaled, typed};
use crate::rules::{Lack, Rule, RuleConfig, RuleEvidence, Verdict};
use crate::suppressors::{Suppression, Suppressor};

fn registry(components: usize) -> Registry {
    let all = (0..components)
        .map(|i| {
            typed(
                &format!("MC-{i:03}"),
                Some(86_400),
                &[period(i as u32, 0, i64::MAX)],
            )
        })
        .collect();
    Registry::new(all, places(components))
}

fn evidence(rule: Rule, verdict: Verdict, strength: f32) -> RuleEvidence {
    RuleEvidence {
        rule,
        verdict,
        value: 20.0,
        threshold: 14.0,
        onset_day: FIRST_DAY + 10,
        end_day: FIRST_DAY + 30,
        strength,
        kwh_micro: 1_500_000,
    }
}

fn stay(component: u32, rules: &[RuleEvidence]) -> StayEvidence {
    StayEvidence {
        component,
        service_point: Some(component),
        first_day: FIRST_DAY,
        last_day: FIRST_DAY + 99,
        last_actual_day: FIRST_DAY + 99,
        days_observed: 100,
        actual_share: 1.0,
        rules: rules.to_vec(),
        suppressions: Vec::new(),
        edges: None,
        weeks: Vec::new(),
        loss: None,
        taken_back: None,
        usage_micro: 0,
    }
}

fn assembled(stays: Vec<StayEvidence>) -> Assessment {
    assemble(stays, &registry(9), &Peers::default(), &RuleConfig::default()).unwrap()
}

fn scores(assessment: &Assessment) -> Vec<(String, f64)> {
    let ids = assessment.scores["service_point_id"].as_string::<i32>();
    let scores = assessment.scores["score"].as_primitive::<Float64Type>();
    (0..ids.len())
        .map(|row| (ids.value(row).to_owned(), scores.value(row)))
        .collect()
}

#[test]
fn hits_join_by_noisy_or_after_their_suppressors() {
    let mut found = stay(
        0,
        &[
            evidence(Rule::ZeroWhileOn, Verdict::Hit, 1.0),
            evidence(Rule::ReverseFlow, Verdict::Hit, 0.75),
            evidence(Rule::PeerLow, Verdict::Miss, 0.5),
        ],
    );
    found.suppressions.push(Suppression {
        suppressor: Suppressor::Resumed,
        rule: Rule::ZeroWhileOn,
        factor: 0.5,
        measured: 12.0,
    });
    // 0.8 x 1 x 0.5 = 0.4; 0.8 x 0.75 = 0.6; 0.1 x 0.5 x 0.5 = 0.025, of which 0.15, because zeros are a level, too.
    let expected = 1.0 - (1.0 - 0.4) * (1.0 - 0.6) * (1.0 - 0.15 * 0.025);
    let assessment = assembled(vec![found]);
    assert!((scores(&assessment)[0].1 - expected).abs() < 1e-6);
    let codes = assessment.scores["reason_codes"].as_list::<i32>().value(0);
    let codes: Vec<&str> = codes.as_string::<i32>().iter().flatten().collect();
    assert_eq!(codes, ["REVERSE_FLOW", "ZERO_WHILE_ON"]);
    let against = assessment.cases["suppressors"].as_list::<i32>().value(0);
    assert_eq!(
        against.as_string::<i32>().value(0),
        "ZERO_WHILE_ON: resumed: use came back by itself, 12 whole days of it follow"
    );
}

#[test]
fn a_sure_hit_of_one_rule_alone_scores() {
    let expected = |rule| match rule {
        Rule::UsageNotInstalled | Rule::UsageDisconnected => 0.9,
        Rule::ZeroWhileOn
        | Rule::SustainedDrop
        | Rule::RepeatedDay
        | Rule::ReverseFlow
        | Rule::DropAfterExchange => 0.8,
        Rule::ClippedPeaks | Rule::MeanShape | Rule::RegisterMismatch => 0.75,
        Rule::PartialBypass | Rule::Flatline => 0.7,
        Rule::TransformerBalance => 0.6,
        // What follows opens no case.
        Rule::LoadShifted | Rule::PatternLost => 0.48,
        Rule::ProlongedEstimation | Rule::TamperThenDrop => 0.45,
        Rule::GradualDecline | Rule::MultiplierChanged => 0.35,
        Rule::OverlappingInstall => 0.3,
        Rule::MissingBeforeDrop => 0.25,
        Rule::SiblingMismatch => 0.2,
        Rule::PeerLow => 0.1,
    };
    for rule in Rule::ALL {
        let assessment = assembled(vec![stay(0, &[evidence(rule, Verdict::Hit, 1.0)])]);
        let score = scores(&assessment)[0].1;
        assert!((score - expected(rule)).abs() < 1e-9, "{rule:?} {score}");
        assert_eq!(assessment.cases.num_rows() == 1, expected(rule) > 0.5, "{rule:?}");
    }
}

#[test]
fn what_each_explanation_leaves_of_sure_zeros() {
    let config = RuleConfig::default();
    let expected = |suppressor| match suppressor {
        Suppressor::DataGap => 0.56,
        // Half of a register's fall: 0.8 x 0.55, no case.
        Suppressor::BillingRegister => 0.44,
        Suppressor::Vacancy
        | Suppressor::MainsOffBefore
        | Suppressor::Resumed
        | Suppressor::Season
        | Suppressor::NewInstall
        | Suppressor::HoursKept => 0.4,
        Suppressor::AreaOutage | Suppressor::SiblingRose => 0.16,
        _ => 0.24,
    };
    for suppressor in Suppressor::ALL {
        let mut found = stay(0, &[evidence(Rule::ZeroWhileOn, Verdict::Hit, 1.0)]);
        found.suppressions.push(Suppression {
            suppressor,
            rule: Rule::ZeroWhileOn,
            factor: config.suppressors.factor(suppressor) as f32,
            measured: 1.0,
        });
        let score = scores(&assembled(vec![found]))[0].1;
        assert!(
            (score - expected(suppressor)).abs() < 1e-6,
            "{suppressor:?} {score}"
        );
    }
}

#[test]
fn near_misses_rank_and_never_open_a_case() {
    let misses: Vec<RuleEvidence> = Rule::ALL.map(|rule| evidence(rule, Verdict::Miss, 1.0)).to_vec();
    let hit = [evidence(Rule::ProlongedEstimation, Verdict::Hit, 1.0)];
    let assessment = assembled(vec![stay(0, &misses), stay(1, &hit), stay(2, &[])]);
    assert_eq!(assessment.cases.num_rows(), 0);
    let scores = scores(&assessment);
    assert_eq!(scores[0], ("SP-000".to_owned(), 0.49));
    assert_eq!(scores[1], ("SP-001".to_owned(), 0.45));
    assert_eq!(scores[2], ("SP-002".to_owned(), 0.0));
}

#[test]
fn rules_that_open_no_case_alone_open_none_together() {
    let weak = [
        evidence(Rule::LoadShifted, Verdict::Hit, 1.0),
        evidence(Rule::OverlappingInstall, Verdict::Hit, 1.0),
        evidence(Rule::PeerLow, Verdict::Hit, 1.0),
    ];
    // 1 - 0.52 x 0.7 x 0.9 = 0.67, and no case.
    let assessment = assembled(vec![stay(0, &weak)]);
    assert_eq!((assessment.cases.num_rows(), scores(&assessment)[0].1), (0, 0.49));
    // Beside a hit that could open one they count: 0.8 x 0.26 is more than 40 % of the threshold, 0.8 x 0.24 is less.
    for (strength, cases) in [(0.26, 1), (0.24, 0)] {
        let mut rules = weak.to_vec();
        rules.push(evidence(Rule::ZeroWhileOn, Verdict::Hit, strength));
        assert_eq!(assembled(vec![stay(0, &rules)]).cases.num_rows(), cases);
    }
}

#[test]
fn the_threshold_is_met_at_the_threshold() {
    let hit = |strength| [evidence(Rule::ZeroWhileOn, Verdict::Hit, strength)];
    assert_eq!(assembled(vec![stay(0, &hit(0.626))]).cases.num_rows(), 1);
    assert_eq!(assembled(vec![stay(0, &hit(0.624))]).cases.num_rows(), 0);
}

#[test]
fn the_moving_window_of_peer_low_dates_no_case() {
    let mut low = evidence(Rule::PeerLow, Verdict::Hit, 1.0);
    low.onset_day = FIRST_DAY + 2;
    let assessment = assembled(vec![stay(
        0,
        &[evidence(Rule::ZeroWhileOn, Verdict::Hit, 1.0), low],
    )]);
    let onsets = assessment.cases["onset_date"].as_primitive::<arrow::datatypes::Date32Type>();
    assert_eq!(onsets.value(0), FIRST_DAY + 10);
    let ids = assessment.cases["case_id"].as_string::<i32>();
    assert_eq!(ids.value(0), case_id("SP-000", FIRST_DAY + 10));
}

#[test]
fn energy_too_large_for_a_column_is_an_error_and_not_a_wrong_number() {
    const MOST: i64 = 999_999_999_999_999_999;
    let hit = [evidence(Rule::ZeroWhileOn, Verdict::Hit, 1.0)];
    let assembled = |lost_micro, at_stake| {
        let mut found = stay(0, &hit);
        found.rules[0].kwh_micro = at_stake;
        found.loss = Some(Loss {
            lost_micro,
            ..Loss::default()
        });
        assemble(
            vec![found],
            &registry(1),
            &Peers::default(),
            &RuleConfig::default(),
        )
    };
    assert!(assembled(MOST, MOST).is_ok());
    let error = |lost, at_stake| assembled(lost, at_stake).unwrap_err().to_string();
    assert_eq!(
        error(MOST + 1, 0),
        "the sum of energy lost for SP-000 is too large to be exact"
    );
    // What sums that saturate end at.
    assert_eq!(
        error(i64::MAX, 0),
        "the sum of energy lost for SP-000 is too large to be exact"
    );
    assert_eq!(
        error(0, i64::MAX),
        "the sum of energy at stake for SP-000 is too large to be exact"
    );
}

#[test]
fn ties_go_by_energy_lost_and_then_by_id() {
    let hit = [evidence(Rule::ZeroWhileOn, Verdict::Hit, 1.0)];
    let with_loss = |component, lost_micro| {
        let mut found = stay(component, &hit);
        found.loss = Some(Loss {
            lost_micro,
            ..Loss::default()
        });
        found
    };
    let assessment = assembled(vec![
        with_loss(3, 5),
        stay(1, &hit),
        with_loss(2, 7),
        with_loss(4, 5),
        stay(0, &hit),
    ]);
    let order: Vec<String> = scores(&assessment).into_iter().map(|(id, _)| id).collect();
    assert_eq!(order, ["SP-002", "SP-003", "SP-004", "SP-000", "SP-001"]);
}

#[test]
fn channels_of_one_place_count_their_strongest_and_lose_once() {
    let registry = Registry::new(
        vec![
            typed("MC-000", Some(86_400), &[period(0, 0, i64::MAX)]),
            typed("MC-001", Some(86_400), &[period(0, 0, i64::MAX)]),
        ],
        places(1),
    );
    let channel = |component, strength, lost_micro| {
        let mut found = stay(component, &[evidence(Rule::ZeroWhileOn, Verdict::Hit, strength)]);
        found.service_point = Some(0);
        found.loss = Some(Loss {
            expected_micro: lost_micro,
            lost_micro,
            ..Loss::default()
        });
        found
    };
    let found = assemble(
        vec![channel(0, 0.9, 100_000_000), channel(1, 1.0, 90_000_000)],
        &registry,
        &Peers::default(),
        &RuleConfig::default(),
    )
    .unwrap();
    assert_eq!(found.cases.num_rows(), 1);
    assert!((scores(&found)[0].1 - 0.8).abs() < 1e-6);
    assert_eq!(
        found.cases["measuring_component_id"].as_string::<i32>().value(0),
        "MC-001"
    );
    assert_eq!(
        found.cases["lost_kwh"].as_primitive::<Decimal128Type>().value(0),
        90_000_000
    );
}

#[test]
fn a_meter_never_installed_has_no_service_point_and_an_id_all_the_same() {
    let mut found = stay(5, &[evidence(Rule::UsageNotInstalled, Verdict::Hit, 1.0)]);
    found.service_point = None;
    found.usage_micro = 12_000_000;
    let assessment = assembled(vec![found]);
    assert!(assessment.cases["service_point_id"].is_null(0));
    let id = assessment.cases["case_id"].as_string::<i32>().value(0).to_owned();
    assert_eq!(id, case_id("MC-005", FIRST_DAY + 10));
    assert_eq!(
        assessment.cases["lost_kwh"]
            .as_primitive::<Decimal128Type>()
            .value(0),
        12_000_000
    );
    assert_eq!(
        assessment.cases["actual_kwh"]
            .as_primitive::<Decimal128Type>()
            .value(0),
        0
    );
}

#[test]
fn the_case_id_is_fnv_1a() {
    // FNV-1a of "a", 0 and 0, 0, 0, 0, worked out by hand from its definition.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in [b'a', 0, 0, 0, 0, 0] {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    assert_eq!(case_id("a", 0), format!("{hash:016x}"));
    assert_ne!(case_id("a", 0), case_id("a", 1));
    assert_eq!(case_id("SP-1", 15_000), case_id("SP-1", 15_000));
}

#[test]
fn a_tariff_makes_an_amount() {
    let mut found = stay(0, &[evidence(Rule::ZeroWhileOn, Verdict::Hit, 1.0)]);
    found.loss = Some(Loss {
        lost_micro: 100_000_001,
        ..Loss::default()
    });
    let config = RuleConfig {
        tariff_per_kwh: Some(0.25),
        ..RuleConfig::default()
    };
    let priced = assemble(vec![found.clone()], &registry(1), &Peers::default(), &config).unwrap();
    assert_eq!(
        priced.cases["lost_amount"]
            .as_primitive::<Decimal128Type>()
            .value(0),
        25_000_000
    );
    assert!(assembled(vec![found]).cases["lost_amount"].is_null(0));
}

/// Two meters at service point 0: `old` for the first 100 days, then `new`.
fn exchanged(old: &[f64], new: &[f64]) -> (Assessment, World) {
    let day = |day: usize| i64::from(FIRST_DAY + day as i32) * DAY_SECONDS;
    let mut world = World::steady(installed(), 300);
    let mut components = world.registry.components.clone();
    components[0] = typed("MC-000", Some(86_400), &[period(0, 0, day(old.len()))]);
    components.push(typed(
        "MC-900",
        Some(86_400),
        &[period(0, day(old.len()), i64::MAX)],
    ));
    let last = components.len() as u32 - 1;
    world.registry = Registry::new(components, places(50));
    world.peers = {
        let mut builder = crate::peers::PeerBuilder::new(&world.registry);
        for peer in 1..last {
            let kwh = vec![10.0; 300];
            builder.observe_series(&Profiles::daily(peer, FIRST_DAY, &kwh).series(), &world.registry);
        }
        builder.finish(20)
    };
    let mut stays = world.judge(&Profiles::daily(0, FIRST_DAY, old));
    stays.extend(world.judge(&Profiles::daily(last, FIRST_DAY + old.len() as i32, new)));
    let found = assemble(stays, &world.registry, &world.peers, &world.config).unwrap();
    (found, world)
}

#[test]
fn a_new_meter_that_reads_a_third_is_a_case_against_the_new_meter() {
    let (found, _) = exchanged(&home(1, 100, 9.0), &home(2, 100, 3.0));
    assert_eq!(found.cases.num_rows(), 1);
    assert_eq!(
        found.cases["measuring_component_id"].as_string::<i32>().value(0),
        "MC-900"
    );
    let reasons = found.cases["reasons"].as_list::<i32>().value(0);
    assert_eq!(
        reasons.as_struct().column(0).as_string::<i32>().value(0),
        "DROP_AFTER_EXCHANGE"
    );
    // 100 days at 6 kWh less than before.
    let lost = found.cases["lost_kwh"].as_primitive::<Decimal128Type>().value(0);
    assert!((lost - 600_000_000).abs() < 60_000_000, "{lost}");
}

#[test]
fn an_exchange_with_continuity_is_no_case() {
    let (found, _) = exchanged(&home(1, 100, 9.0), &home(2, 100, 8.5));
    assert_eq!(found.cases.num_rows(), 0);
}

#[test]
fn a_dead_meter_that_was_exchanged_is_a_fault_that_was_mended() {
    let (found, world) = exchanged(&scaled(home(1, 200, 9.0), 180..200, 0.0), &home(2, 100, 9.0));
    assert_eq!(found.cases.num_rows(), 0);
    let text = found
        .explain("SP-000", &world.registry, &world.peers, &world.config)
        .unwrap()
        .to_string();
    assert!(
        text.contains("against: exchange_with_continuity x 0.30"),
        "{text}"
    );
}

/// The removal and the install of the next meter were recorded together and too early: the old meter counted on until
/// the new one did.
#[test]
fn usage_up_to_the_first_data_of_the_next_meter_is_paperwork() {
    // Days of the old meter's usage, and of the data of the meters beside it.
    let judged = |used: (i32, i32), others: &[(i32, i32)]| {
        let mut old = stay(0, &[evidence(Rule::UsageNotInstalled, Verdict::Hit, 1.0)]);
        old.rules[0].value = (used.1 - used.0 + 1) as f32;
        (old.rules[0].onset_day, old.rules[0].end_day) = (FIRST_DAY + used.0, FIRST_DAY + used.1);
        let mut stays = vec![old];
        for (&(first, last), component) in others.iter().zip(1..) {
            let mut other = stay(component, &[]);
            other.service_point = Some(0);
            (other.first_day, other.last_day) = (FIRST_DAY + first, FIRST_DAY + last);
            stays.push(other);
        }
        assembled(stays).cases.num_rows()
    };
    assert_eq!(judged((10, 18), &[]), 1, "no other meter");
    assert_eq!(judged((10, 18), &[(19, 99)]), 0);
    assert_eq!(judged((10, 18), &[(18, 99)]), 1, "both counted on one day");
    assert_eq!(judged((10, 18), &[(24, 99)]), 0);
    assert_eq!(judged((10, 18), &[(25, 99)]), 1, "15 days after the removal");
    assert_eq!(
        judged((10, 18), &[(19, 99), (0, 99)]),
        1,
        "a meter was there all along"
    );
    assert_eq!(judged((10, 18), &[(19, 99), (0, 9)]), 0);
    assert_eq!(judged((10, 18), &[(0, 9)]), 1, "none followed");
}

#[test]
fn replaced_by_needs_another_device() {
    // Two channels of one device, the second begins where the first ends.
    let (found, _) = exchanged(&home(1, 100, 9.0), &home(2, 100, 3.0));
    assert_eq!(found.cases.num_rows(), 1);
    let edge = |ln_kwh: f32| {
        let level = EdgeLevel {
            counted: ln_kwh,
            adjusted: ln_kwh,
        };
        Edge {
            level,
            near: Some(level),
        }
    };
    let edges = |days| Edges {
        days,
        head: edge(2.0),
        tail: edge(2.0),
        edge_days: 60,
        whole_days: 100,
        index_sum: 100.0,
        kwh_micro: 0,
    };
    let mut old = stay(0, &[]);
    old.edges = Some(edges((0, 99)));
    let mut new = stay(1, &[]);
    new.service_point = Some(0);
    new.edges = Some(Edges {
        head: edge(0.5),
        tail: edge(0.5),
        ..edges((100, 199))
    });
    let mut registry = registry(2);
    let judged = |registry: &Registry| {
        let stays = vec![old.clone(), new.clone()];
        assemble(stays, registry, &Peers::default(), &RuleConfig::default())
            .unwrap()
            .cases
            .num_rows()
    };
    assert_eq!(judged(&registry), 1);
    registry.components[1].device_id = registry.components[0].device_id.clone();
    assert_eq!(judged(&registry), 0);
}

#[test]
fn a_case_ends_with_the_reasons_that_count() {
    let last = |last_actual_day: i32| {
        // One that hardly counts, to the end of the data.
        let mut low = evidence(Rule::PeerLow, Verdict::Hit, 1.0);
        low.end_day = FIRST_DAY + 99;
        let mut found = stay(0, &[evidence(Rule::ZeroWhileOn, Verdict::Hit, 1.0), low]);
        found.last_actual_day = last_actual_day;
        let cases = assembled(vec![found]).cases;
        cases["last_date"].as_primitive::<Date32Type>().value(0)
    };
    assert_eq!(last(FIRST_DAY + 99), FIRST_DAY + 30);
    // Not beyond the last actual value, and not before the onset.
    assert_eq!(last(FIRST_DAY + 20), FIRST_DAY + 20);
    assert_eq!(last(FIRST_DAY + 5), FIRST_DAY + 10);
}

#[test]
fn a_near_miss_says_what_it_lacks() {
    let lacking = evidence(Rule::SustainedDrop, Verdict::MissFor(Lack::ShownBefore), 0.5);
    let found = assembled(vec![stay(0, &[lacking])]);
    // It counts as any miss: 0.5 of 0.8, and a half of that.
    assert!((scores(&found)[0].1 - 0.2).abs() < 1e-6);
    let explanation = found
        .explain("SP-000", &registry(9), &Peers::default(), &RuleConfig::default())
        .unwrap()
        .to_string();
    assert!(
        explanation.contains("(needs at most 14), but such a level was shown before; strength 0.50"),
        "{explanation}"
    );
}

#[test]
fn an_explanation_shows_hits_misses_and_what_speaks_against() {
    let world = World::steady(installed(), 300);
    let kwh = scaled(scaled(home(1, 300, 8.0), 250..280, 0.0), 100..102, 0.0);
    let stays = world.judge(&Profiles::daily(0, FIRST_DAY, &kwh));
    let found = assemble(stays, &world.registry, &world.peers, &world.config).unwrap();
    let explanation = found
        .explain("SP-000", &world.registry, &world.peers, &world.config)
        .unwrap();
    assert_eq!(explanation.stays[0].rules.len(), Rule::ALL.len());
    // 1 - (1 - 0.161) (1 - 0.15 x 0.022) = 0.164
    insta::assert_snapshot!(explanation.to_string(), @r"
    SP-000: score 0.164, rank 1, no case (threshold 0.5)
    energy lost: 236.6 kWh (p10 206.2, p90 269.6)

    MC-0 (device D-MC-0, peers kWh/86400s), 2012-01-02 to 2012-10-27, 300 days with data
      USAGE_NOT_INSTALLED   miss 0 days with usage (needs at least 2); strength 0.00 x weight 0.90 -> 0.000
      USAGE_DISCONNECTED    miss 0 days with usage (needs at least 2); strength 0.00 x weight 0.90 -> 0.000
      ZERO_WHILE_ON         HIT  30 days at zero (needs at least 14), 2012-09-08 to 2012-10-07, 236.0 kWh at stake; strength 0.80 x weight 0.80 -> 0.161
        against: mains_off_before x 0.50: the home was at zero on 2 days of the year before as well
        against: resumed x 0.50: use came back by itself, 20 whole days of it follow
      SUSTAINED_DROP        not judged: mostly zeros, see ZERO_WHILE_ON
      GRADUAL_DECLINE       miss 1 of the level at the start of the slope (needs at most 0.6); strength 0.00 x weight 0.35 -> 0.000
      MULTIPLIER_CHANGED    not judged: too few whole days
      MISSING_BEFORE_DROP   not judged: the level did not fall
      PARTIAL_BYPASS        not judged: the hours of the days are not known on enough days
      CLIPPED_PEAKS         miss 0 of the days end at a cap passed before (needs at least 0.3); strength 0.00 x weight 0.75 -> 0.000
      MEAN_SHAPE            not judged: the hours of the days are not known on enough days
      LOAD_SHIFTED          not judged: the hours of the days are not known on enough days
      PATTERN_LOST          not judged: too few whole days
      FLATLINE              miss 0 flat days (needs at least 10); strength 0.00 x weight 0.70 -> 0.000
      REPEATED_DAY          miss 0 days that repeat others (needs at least 14); strength 0.00 x weight 0.80 -> 0.000
      REVERSE_FLOW          miss 0 days with negative energy (needs at least 2); strength 0.00 x weight 0.80 -> 0.000
      OVERLAPPING_INSTALL   miss 0 days of contradicting install events (needs at least 1); strength 0.00 x weight 0.30 -> 0.000
      DROP_AFTER_EXCHANGE   not judged: no meter hung there before
      SIBLING_MISMATCH      not judged: no fall beside other meters or channels
      REGISTER_MISMATCH     not judged: no register beside the intervals
      TAMPER_THEN_DROP      not judged: no tamper or power event of the meter alone before a fall
      TRANSFORMER_BALANCE   not judged: the transformer cannot be balanced
      PROLONGED_ESTIMATION  miss 0 days without an actual value (needs more than 30); strength 0.00 x weight 0.45 -> 0.000
      PEER_LOW              miss -2.62 robust z among the peers (needs at most -3.5); strength 0.45 x weight 0.10 -> 0.022
    ");
    assert_eq!(
        found.explain("SP-049", &world.registry, &world.peers, &world.config),
        None
    );
}

proptest! {
    #[test]
    fn scores_stay_in_their_bounds_and_rank(strengths in prop::collection::vec((0.0_f32..=1.0, any::<bool>()), 9)) {
        let stays: Vec<StayEvidence> = strengths
            .iter()
            .zip(0..)
            .map(|(&(strength, hit), component)| {
                let verdict = if hit { Verdict::Hit } else { Verdict::Miss };
                stay(component, &Rule::ALL.map(|rule| evidence(rule, verdict, strength)))
            })
            .collect();
        let assessment = assembled(stays.clone());
        let found = scores(&assessment);
        prop_assert!(found.iter().all(|(_, score)| (0.0..=1.0).contains(score)));
        prop_assert!(found.windows(2).all(|pair| pair[0].1 >= pair[1].1));
        // A case scores at least the threshold, all others less.
        let cases = assessment.cases.num_rows();
        prop_assert!(found[..cases].iter().all(|(_, score)| *score >= 0.5));
        prop_assert!(found[cases..].iter().all(|(_, score)| *score < 0.5));
        let mut reversed = stays;
        reversed.reverse();
        prop_assert_eq!(assembled(reversed).scores, assessment.scores);
    }
}
