#![allow(clippy::unwrap_used, clippy::float_cmp)]
use super::*;
use crate::features::meter_features;
use crate::ranking::assemble;
use crate::register_periods::BilledPeriod;
use crate::rules::testing::{FIRST_DAY, Profiles, World, home, installed, scaled};
use crate::series::collate;

/// A home of 8 kWh a day that falls to a third; its neighbour that does not.
fn world() -> (World, Vec<Profiles>) {
    let world = World::steady(installed(), 240);
    let fallen = Profiles::daily(0, FIRST_DAY, &scaled(home(1, 240, 8.0), 150..240, 0.3));
    let steady = Profiles::daily(1, FIRST_DAY, &home(2, 200, 8.0));
    (world, vec![fallen, steady])
}

fn matrix(world: &World, profiles: &[Profiles], bills: &[BilledPeriod]) -> (Matrix, Assessment) {
    let batches: Vec<RecordBatch> = profiles.iter().map(Profiles::batch).collect();
    let features = meter_features(&world.registry, &collate(&batches).unwrap()).unwrap();
    let stays = profiles
        .iter()
        .flat_map(|profiles| world.judge(profiles))
        .collect();
    let assessment = assemble(stays, &world.registry, &world.peers, &world.config).unwrap();
    let data = SubjectData {
        registry: &world.registry,
        meter_features: &features,
        bills: &Bills::of_periods(bills, &world.registry),
    };
    (subject_matrix(&assessment, &data).unwrap(), assessment)
}

fn value(matrix: &Matrix, id: &str, feature: &str) -> f32 {
    let column = matrix.names().iter().position(|name| name == feature).unwrap();
    matrix.column(column)[matrix.position(id).unwrap()]
}

#[test]
fn a_home_that_fell_has_the_numbers_of_its_rules_and_its_meter() {
    let (world, profiles) = world();
    let bill = BilledPeriod {
        component: 0,
        service_point: Some(0),
        start: 0,
        end: 86_400 * 100,
        value_micro: Some(250_000_000),
        previous_reading_micro: None,
        reading_micro: None,
        is_actual: true,
        condition: crate::model::Condition::Actual,
        codes: crate::resolve::Codes::default(),
        coverage: crate::registry::Coverage::On(0),
        overlaps: false,
        by_readings_micro: None,
    };
    let (matrix, assessment) = matrix(&world, &profiles, &[bill]);
    let id = &world.registry.service_points[0].id;
    let of = |feature: &str| value(&matrix, id, feature);
    let stays = world.judge(&profiles[0]);
    let drop = stays[0]
        .rules
        .iter()
        .find(|rule| rule.rule == Rule::SustainedDrop)
        .unwrap();
    assert!(drop.is_hit());
    assert_eq!(of("sustained_drop_value"), drop.value);
    assert_eq!(of("sustained_drop_strength"), drop.strength);
    assert_eq!((of("sustained_drop_hit"), of("sustained_drop_left")), (1.0, 1.0));
    assert_eq!(of("zero_while_on_hit"), 0.0);
    assert!(
        of("drop_after_exchange_value").is_nan(),
        "nothing hung there before"
    );
    // The last 30 of 240 days at 0.3 of the 210 before, of which 60 are low too.
    assert!((of("recent_ratio") - 0.3).abs() < 0.05, "{}", of("recent_ratio"));
    assert_eq!((of("meters"), of("devices"), of("stays")), (1.0, 1.0, 1.0));
    assert_eq!((of("days"), of("gap_days"), of("gap_share")), (240.0, 0.0, 0.0));
    assert_eq!(
        (of("first_day"), of("last_day")),
        (FIRST_DAY as f32, (FIRST_DAY + 239) as f32)
    );
    assert_eq!(of("bill_total_kwh"), 250.0);
    assert!((of("bill_ln_median") - 2.6_f32.ln()).abs() < 1e-6);
    let other = &world.registry.service_points[11].id;
    assert!(value(&matrix, other, "bill_total_kwh").is_nan());
    assert_eq!(value(&matrix, other, "days"), 200.0);
    let last = last_days(&assessment, &world.registry, matrix.ids());
    assert_eq!(last[matrix.position(id).unwrap()], FIRST_DAY + 239);
    assert_eq!(last[matrix.position(other).unwrap()], FIRST_DAY + 199);
}

#[test]
fn neither_the_order_of_rows_nor_threads_change_a_bit() {
    let (world, profiles) = world();
    let (expected, _) = matrix(&world, &profiles, &[]);
    let reversed: Vec<Profiles> = profiles.into_iter().rev().collect();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let (found, _) = pool.install(|| matrix(&world, &reversed, &[]));
    assert_eq!(format!("{found:?}"), format!("{expected:?}"));
}

#[test]
fn when_it_all_happened_matters_only_to_counts_and_dates() {
    let (world, profiles) = world();
    let (expected, _) = matrix(&world, &profiles, &[]);
    let without: Vec<String> = features(false).into_iter().map(|feature| feature.name).collect();
    let all = features(true);
    assert_eq!(
        all.len(),
        without.len() + meter::DATED.len() + billing::DATED.len() + billing::further::DATED.len()
    );
    let kept = expected.with_columns(|name| without.iter().any(|known| known == name));
    // In the order of the list, which is what a model relies on.
    assert_eq!(kept.names(), without);
    let names: Vec<String> = all.into_iter().map(|feature| feature.name).collect();
    assert_eq!(expected.names(), names);
    assert!(!without.contains(&"first_day".to_owned()) && !without.contains(&"bills".to_owned()));
}

#[test]
fn a_meter_that_never_hung_anywhere_meets_no_service_point() {
    let (mut world, profiles) = world();
    world.registry.components[0].periods.clear();
    world.registry.service_points[11].id = "MC-0".to_owned();
    let (matrix, _) = matrix(&world, &profiles, &[]);
    assert_eq!(matrix.ids(), ["\u{1}MC-0", "MC-0"]);
    assert_eq!(value(&matrix, "MC-0", "days"), 200.0);
}
