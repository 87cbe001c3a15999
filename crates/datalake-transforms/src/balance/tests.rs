#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::*;
use crate::model::Direction;
use crate::registry::{InstallPeriod, ServicePoint};
use crate::rules::testing::{FIRST_DAY, Profiles, noise, period, typed};

/// 2012-01-05, the first Thursday of the tests' days: weeks begin on it.
const THURSDAY: i32 = FIRST_DAY + 3;

fn places(transformers: &[(&str, Option<&str>)]) -> Vec<ServicePoint> {
    let place = |&(id, transformer): &(&str, Option<&str>)| ServicePoint {
        id: id.to_owned(),
        transformer_id: transformer.map(str::to_owned),
        ..ServicePoint::default()
    };
    transformers.iter().map(place).collect()
}

fn daily(id: &str, periods: &[InstallPeriod]) -> Component {
    typed(id, Some(86_400), periods)
}

/// S0 and S1 behind T, whose own meter hangs at T; S1 has a channel for what it feeds in.
fn street() -> Registry {
    let mut solar = daily("M3", &[period(1, 0, i64::MAX)]);
    solar.component_type.as_mut().unwrap().direction = Direction::Received;
    let components = vec![
        daily("M0", &[period(0, 0, i64::MAX)]),
        daily("M1", &[period(1, 0, i64::MAX)]),
        daily("M2", &[period(2, 0, i64::MAX)]),
        solar,
    ];
    Registry::new(
        components,
        places(&[("S0", Some("T")), ("S1", Some("T")), ("T", None)]),
    )
}

fn gathered(registry: &Registry, profiles: &[Profiles]) -> Balances {
    let mut builder = BalanceBuilder::new(registry);
    for profiles in profiles {
        builder.observe(&profiles.series(), registry);
    }
    builder.finish()
}

fn week(number: i32, days: u8, supplied_kwh: i64, residual_kwh: i64) -> BalanceWeek {
    BalanceWeek {
        number,
        days,
        supplied_micro: supplied_kwh * MICRO,
        residual_micro: residual_kwh * MICRO,
    }
}

#[test]
fn a_street_by_hand() {
    let registry = street();
    let days = |component, kwh: [f64; 8]| Profiles::daily(component, THURSDAY, &kwh);
    let mut profiles = [
        days(0, [6.0; 8]),
        days(1, [5.0, 5.0, f64::NAN, 5.0, 5.0, 5.0, 5.0, 5.0]),
        days(2, [10.0; 8]),
        days(3, [2.0; 8]),
    ];
    // Of seven days of the first week the third has no value of M1 and the fifth an estimate: five times 10 kWh, of which
    // 6 + 5 - 2 were counted.
    profiles[0] = profiles[0].clone().estimate(4..5);
    let balances = gathered(&registry, &profiles);
    let number = THURSDAY / WEEK;
    assert_eq!(
        balances.weeks(0),
        [week(number, 5, 50, 5), week(number + 1, 1, 10, 1)]
    );
    assert_eq!(balances.weeks(1), []);
    assert_eq!(balances.weeks(0)[0].share(), Some(0.1));
    assert_eq!(balances.weeks(0)[1].share(), None, "one day is no week");
}

#[test]
fn a_meter_counts_from_its_install_to_its_removal() {
    let at = |day: i32| i64::from(THURSDAY + day) * DAY_SECONDS;
    let components = vec![
        daily("M0", &[period(0, 0, i64::MAX)]),
        // Hung up at noon of the second day, taken down at noon of the fifth.
        daily("M1", &[period(1, at(1) + 43_200, at(4) + 43_200)]),
        daily("M2", &[period(2, 0, i64::MAX)]),
    ];
    let registry = Registry::new(
        components,
        places(&[("S0", Some("T")), ("S1", Some("T")), ("T", None)]),
    );
    let kwh = [f64::NAN, f64::NAN, 3.0, 3.0, f64::NAN, f64::NAN, f64::NAN];
    let balances = gathered(
        &registry,
        &[
            Profiles::daily(0, THURSDAY, &[6.0; 7]),
            Profiles::daily(1, THURSDAY, &kwh),
            Profiles::daily(2, THURSDAY, &[10.0; 7]),
        ],
    );
    // Five of the days: those on which it was hung up and taken down do not count.
    assert_eq!(
        balances.weeks(0),
        [week(THURSDAY / WEEK, 5, 50, 50 - 5 * 6 - 2 * 3)]
    );
}

#[test]
fn a_silent_meter_and_one_that_only_a_register_counts_keep_their_group_from_being_balanced() {
    let mut components = vec![
        daily("M0", &[period(0, 0, i64::MAX)]),
        daily("M1", &[period(1, 0, i64::MAX)]),
        daily("M2", &[period(2, 0, i64::MAX)]),
    ];
    let rows = [
        Profiles::daily(0, THURSDAY, &[6.0; 7]),
        Profiles::daily(2, THURSDAY, &[10.0; 7]),
    ];
    let behind = || places(&[("S0", Some("T")), ("S1", Some("T")), ("T", None)]);
    assert_eq!(
        gathered(&Registry::new(components.clone(), behind()), &rows).weeks(0),
        []
    );
    components[1] = typed("M1", None, &[period(1, 0, i64::MAX)]);
    assert_eq!(
        gathered(&Registry::new(components.clone(), behind()), &rows).weeks(0),
        []
    );
    // A register beside the intervals of the same device counts the same once more, and is left out.
    components[1].device_id = components[0].device_id.clone();
    components[1].periods = vec![period(0, 0, i64::MAX)];
    let balances = gathered(&Registry::new(components, behind()), &rows);
    assert_eq!(balances.weeks(0), [week(THURSDAY / WEEK, 7, 70, 28)]);
}

#[test]
fn a_transformer_without_a_meter_of_its_own_is_not_balanced() {
    let components = vec![daily("M0", &[period(0, 0, i64::MAX)])];
    let registry = Registry::new(components, places(&[("S0", Some("T"))]));
    assert!(registry.transformers.is_empty());
    assert_eq!(
        gathered(&registry, &[Profiles::daily(0, THURSDAY, &[6.0; 7])]),
        Balances::default()
    );
}

#[test]
fn four_days_make_a_week() {
    assert_eq!(week(1, 4, 100, 5).share(), Some(0.05));
    assert_eq!(week(1, 3, 100, 5).share(), None);
    assert_eq!(week(1, 7, 0, 5).share(), None);
}

#[test]
fn three_quarters_of_a_day_are_filled_up_and_less_is_no_day() {
    let whole = |usable: u16, off: u16| {
        let mut profiles = Profiles::intervals(0, THURSDAY, &[vec![0.5; 24]]);
        (profiles.usable[0], profiles.off[0]) = (usable, off);
        profiles.usable_kwh[0] = i64::from(usable) * MICRO / 2;
        whole_micro(&profiles.series(), 0, 24)
    };
    assert_eq!(whole(24, 0), Some(12 * MICRO));
    assert_eq!(whole(18, 0), Some(12 * MICRO));
    assert_eq!(whole(17, 0), None);
    // Six hours off count nothing: 6 kWh in 18 of 24 hours.
    assert_eq!(whole(12, 6), Some(8 * MICRO));
}

#[test]
fn ten_million_kilowatt_hours_a_day_are_a_measurement_and_more_are_none() {
    let days = |kwh: f64| {
        let registry = street();
        let profiles = [(0, 6.0), (1, 5.0), (2, kwh), (3, 2.0)]
            .map(|(component, kwh)| Profiles::daily(component, THURSDAY, &[kwh; 7]));
        gathered(&registry, &profiles).weeks(0).len()
    };
    assert_eq!((days(10_000_000.0), days(10_000_001.0)), (1, 0));
}

#[test]
fn the_finding_lists_the_ten_that_miss_the_most() {
    let ids: Vec<(String, String)> = (0..12)
        .map(|at| (format!("S{at:02}"), format!("T{at:02}")))
        .collect();
    let homes = ids
        .iter()
        .map(|(home, transformer)| (home.as_str(), Some(transformer.as_str())));
    let own = ids.iter().map(|(_, transformer)| (transformer.as_str(), None));
    let places = places(&homes.chain(own).collect::<Vec<_>>());
    let components = (0..24).map(|at| daily(&format!("M{at}"), &[period(at, 0, i64::MAX)]));
    let registry = Registry::new(components.collect(), places);
    // Twelve transformers supply 100 kWh a week for four weeks; of it 10, 11, 12 kWh and so on are missing.
    let mut balances = Balances::default();
    for at in 0..12 {
        balances.start(at);
        balances
            .weeks
            .extend((100..104).map(|number| week(number, 7, 100, 10 + i64::from(at))));
    }
    let config = TransformerBalanceConfig::default();
    let findings = balance_findings(&balances, &registry, &config);
    let found = findings
        .iter()
        .find(|finding| finding.code == "transformer_balance")
        .unwrap();
    // Of 400 kWh 6 percent are technical: of T11 84 - 24 are left.
    let listed: Vec<String> = (2..12)
        .rev()
        .map(|at| format!("T{at:02} {}.0 % since 1971-12-02 ({} kWh)", 10 + at, 16 + 4 * at))
        .collect();
    assert_eq!(
        found.message,
        format!(
            "transformers that supply more than their meters count and technical losses of 6 % take: {}, ...",
            listed.join(", ")
        )
    );
    assert_eq!((found.rows, found.example_key.as_str()), (12, "T00"));
}

#[test]
fn an_excess_lasts_to_the_end() {
    let config = TransformerBalanceConfig::default();
    let weeks = |residuals: &[i64]| -> Vec<BalanceWeek> {
        (100..)
            .zip(residuals)
            .map(|(number, &kwh)| week(number, 7, 100, kwh))
            .collect()
    };
    // 5 % at first, then 16: ten percent of five weeks' 500 kWh beyond the 6 that are technical.
    let found = excess(&weeks(&[5, 5, 5, 16, 16, 16, 16, 16]), &config).unwrap();
    assert_eq!(found.onset_day, 103 * WEEK);
    assert!(
        (found.share - 0.16).abs() < 1e-12 && (found.kwh - 50.0).abs() < 1e-9,
        "{found:?}"
    );
    // One week in five may be lower; two weeks are too few; what ended is over.
    assert_eq!(
        excess(&weeks(&[5, 16, 16, 5, 16, 16]), &config)
            .unwrap()
            .onset_day,
        101 * WEEK
    );
    // Four of five are enough, six of eight are not.
    for (residuals, onset) in [
        (&[16, 5, 16, 16, 16][..], 100),
        (&[16, 5, 5, 16, 16, 16, 16, 16], 103),
    ] {
        let found = excess(&weeks(residuals), &config).unwrap();
        assert_eq!(found.onset_day, onset * WEEK);
    }
    assert_eq!(excess(&weeks(&[5, 5, 5, 5, 5, 5, 5, 16, 16]), &config), None);
    assert_eq!(excess(&weeks(&[16, 16, 16, 16, 5, 5, 5]), &config), None);
    assert_eq!(excess(&weeks(&[6, 6, 6, 6]), &config), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    /// Any order of the components, and any way to share them out, gathers the same; and so does adding up day by day.
    #[test]
    fn any_order_and_any_split_gather_alike(seed in 0_u64..1_000, turn in 0_usize..4, cut in 0_usize..5) {
        let registry = street();
        let missing = |component: u32, day: usize| noise(seed + 7, day * 4 + component as usize) < 0.1;
        let value = |component: u32, day: usize| (noise(seed, day * 4 + component as usize) * 1e3).round() / 1e3;
        let days = 300;
        let mut profiles: Vec<Profiles> = (0..4)
            .map(|component| {
                let kwh = (0..days).map(|day| {
                    if missing(component, day) { f64::NAN } else { value(component, day) }
                });
                Profiles::daily(component, THURSDAY, &kwh.collect::<Vec<f64>>())
            })
            .collect();
        let once = gathered(&registry, &profiles);
        let mut expected: BTreeMap<i32, (u8, i64, i64)> = BTreeMap::new();
        for day in (0..days).filter(|&day| (0..4).all(|component| !missing(component, day))) {
            let [m0, m1, own, solar] = [0, 1, 2, 3].map(|c| (value(c, day) * 1e6).round() as i64);
            let week = expected.entry((THURSDAY + day as i32).div_euclid(WEEK)).or_default();
            *week = (week.0 + 1, week.1 + own, week.2 + own - m0 - m1 + solar);
        }
        let found = once.weeks(0).iter().map(|week| (week.number, (week.days, week.supplied_micro, week.residual_micro)));
        prop_assert_eq!(found.collect::<BTreeMap<_, _>>(), expected);

        profiles.rotate_left(turn);
        let second = profiles.split_off(cut.min(4));
        let mut merged = BalanceBuilder::new(&registry);
        let mut other = merged.another();
        for profiles in &profiles {
            other.observe(&profiles.series(), &registry);
        }
        for profiles in &second {
            merged.observe(&profiles.series(), &registry);
        }
        merged.merge(other);
        prop_assert_eq!(merged.finish(), once);
    }
}
