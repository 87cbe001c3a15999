use super::*;
use crate::rules::testing::{
    FIRST_DAY, Profiles, from_day, hour_change, hourly_home, noise, period, side, typed,
};
use crate::stays::stays;
use proptest::prelude::*;

fn changes(days: &[Vec<f64>]) -> Vec<HourChange> {
    let profiles = Profiles::intervals(0, FIRST_DAY, days);
    let component = typed("MC-0", Some(3600), &[period(0, 0, i64::MAX)]);
    let series = profiles.series();
    let levels = Levels::new(
        &series,
        0..series.day.len(),
        &stays(&component)[0],
        24,
        crate::levels::Around::default(),
    );
    let mut found = Vec::new();
    HourChange::find(&series, &levels, &mut HourScratch::default(), &mut found);
    found
}

fn times(factor: f64) -> Vec<Vec<f64>> {
    from_day(hourly_home(1, 160), 80, |_, day| {
        for kwh in day.iter_mut() {
            *kwh *= factor;
        }
    })
}

#[test]
fn quantiles_of_a_histogram_by_hand() {
    let mut histogram = Histogram::new();
    (0..=30).for_each(|wh| histogram.add(wh));
    for (q, wh) in [(0.0, 0.0), (0.5, 15.0), (1.0, 30.0)] {
        assert!((histogram.quantile(q) - wh).abs() < 1e-9);
    }
    // Bins of a sixteenth of an octave: 1,000 Wh lie in 992 to 1,024, in the middle of which they count.
    let mut histogram = Histogram::new();
    histogram.add(1_000);
    assert!((histogram.quantile(0.5) - 1_008.0).abs() < 1e-9);
    assert_eq!(Histogram::bin(u32::MAX), Histogram::BINS - 1);
    assert_eq!(
        (Histogram::bin(31), Histogram::bin(32), Histogram::bin(33)),
        (31, 32, 32)
    );
}

#[test]
fn the_day_of_a_change_is_found() {
    let found = changes(&times(0.5));
    assert_eq!(
        (found[0].onset_day, found[0].last_day),
        (FIRST_DAY + 80, FIRST_DAY + 159)
    );
    assert_eq!((found[0].before.days, found[0].after.days), (80, 80));
    assert!((found[0].level() + std::f64::consts::LN_2).abs() < 0.05);
}

#[test]
fn half_of_everything_falls_evenly_and_stays_lively() {
    let found = changes(&times(0.5));
    assert!(
        (found[0].even_fall(1.0) - 0.69).abs() < 0.12,
        "{}",
        found[0].even_fall(1.0)
    );
    assert!(found[0].liveliness().abs() < 0.1);
    let (least, most) = found[0].falls();
    assert!(most - least < 0.15, "{least} {most}");
}

#[test]
fn who_leaves_takes_the_peaks_and_leaves_the_base_load() {
    let empty = from_day(hourly_home(1, 160), 80, |day, hours| {
        for (hour, kwh) in hours.iter_mut().enumerate() {
            *kwh = 0.2 * (0.9 + 0.2 * noise(2, day * 24 + hour));
        }
    });
    let found = changes(&empty);
    assert!(found[0].even_fall(1.0) < 0.1, "{}", found[0].even_fall(1.0));
    assert!(found[0].liveliness() < -0.8, "{}", found[0].liveliness());
}

#[test]
fn what_peers_rose_is_not_added_to_a_fall() {
    let mut change = changes(&times(0.9))[0];
    let plain = change.even_fall(1.0);
    change.peers = 0.5;
    assert!((change.even_fall(1.0) - plain).abs() < 1e-12);
    change.peers = -0.5;
    assert!((change.even_fall(1.0) - (plain - 0.5)).abs() < 1e-12);
    assert!((change.even_fall(2.0) - (plain - 1.0)).abs() < 1e-12);
}

#[test]
fn a_theft_within_a_season_is_the_second_change() {
    // Heating in the morning until day 100; half of everything from day 150 on.
    let days = from_day(hourly_home(1, 220), 0, |day, hours| {
        if day < 100 {
            for kwh in &mut hours[4..10] {
                *kwh += 1.5;
            }
        }
        if day >= 150 {
            for kwh in hours.iter_mut() {
                *kwh *= 0.5;
            }
        }
    });
    let onsets: Vec<i32> = changes(&days)
        .iter()
        .map(|change| change.onset_day - FIRST_DAY)
        .collect();
    assert_eq!(onsets, [100, 150]);
}

#[test]
fn thirty_four_days_are_too_few() {
    let days = hourly_home(1, LEAST_DAYS);
    assert_eq!(changes(&days[1..]), []);
    assert_eq!(changes(&days).len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn the_size_of_the_home_does_not_matter(size in 2.0_f64..20.0, factor in 0.2_f64..0.9) {
        let big: Vec<Vec<f64>> = times(factor).iter().map(|day| day.iter().map(|kwh| kwh * size).collect()).collect();
        let (small, big) = (changes(&times(factor))[0], changes(&big)[0]);
        prop_assert_eq!(small.onset_day, big.onset_day);
        prop_assert!((small.even_fall(1.0) - big.even_fall(1.0)).abs() < 0.05);
        prop_assert!((small.moved() - big.moved()).abs() < 0.01);
        prop_assert!((small.turned_round() - big.turned_round()).abs() < 0.02);
    }
}

#[test]
fn weeks_that_follow_are_empty_if_they_are_low_and_calm() {
    let after = |factor: f64, calm: f64| {
        let days = from_day(hourly_home(1, 160), 80, |_, hours| {
            let mean = hours.iter().sum::<f64>() / 24.0;
            for kwh in hours.iter_mut() {
                *kwh = factor * (calm * mean + (1.0 - calm) * *kwh);
            }
        });
        changes(&days)[0].empty_at_first()
    };
    // The peak of 4.6 times the mean becomes 1 + (1 - calm) x 3.6: three quarters calm is ln (1.9 / 4.6) = -0.88.
    assert!((after(0.3, 0.75) - 1.0).abs() < 1e-12);
    // Two fifths calm is ln (3.2 / 4.6) = -0.36 by the peaks, the noise of which makes them a little more: in part.
    let part = after(0.3, 0.4);
    assert!((0.05..0.5).contains(&part), "{part}");
    assert!(after(0.3, 0.2).abs() < 1e-12);
    // At 40 % of the level somebody is at home.
    assert!(after(0.4, 0.75).abs() < 1e-12);
}

#[test]
fn what_the_peers_fell_is_not_missing() {
    // Six hours at three tenths of the base load: missing, below 0.35 of it.
    let days = from_day(hourly_home(1, 160), 80, |_, hours| {
        for kwh in &mut hours[0..6] {
            *kwh *= 0.3;
        }
    });
    let mut change = changes(&days)[0];
    assert_eq!(change.missing_block().0, 6);
    // Where the peers fell to 0.8, they would have to be below 0.28.
    change.peers = 0.8_f64.ln();
    assert_eq!(change.missing_block().0, 0);
    // What the peers rose does not make more of it.
    change.peers = 0.5;
    assert_eq!(change.missing_block().0, 6);
}

#[test]
fn values_are_coarse_from_a_tenth_of_a_kilowatt_hour_and_ten_times_as_before() {
    let coarser = |before, after| {
        let mut change = hour_change(&side([100.0; HOURS]), &side([100.0; HOURS]));
        (change.before.step, change.after.step) = (before, after);
        change.coarser()
    };
    assert!(coarser(10, 100) && coarser(1, 1000));
    assert!(!coarser(9, 99) && !coarser(11, 100));
}

#[test]
fn three_hours_may_be_spared_by_a_fall_of_all() {
    let fall = |spared: usize| {
        let after = std::array::from_fn(|hour| if hour < spared { 100.0 } else { 50.0 });
        let mut change = hour_change(&side([100.0; HOURS]), &side(after));
        change.after.quantiles = change.after.quantiles.map(|_| 50.0);
        change.even_fall(1.0)
    };
    assert!((fall(3) - (100.1_f64 / 50.1).ln()).abs() < 1e-9);
    assert!(fall(4).abs() < 1e-9);
}

#[test]
fn quantiles_of_less_than_two_watt_hours_say_nothing() {
    let least = |wh: f64| {
        let mut change = hour_change(&side([100.0; HOURS]), &side([50.0; HOURS]));
        (change.before.quantiles[0], change.after.quantiles[0]) = (wh, wh);
        change.falls().0
    };
    assert!(least(2.0).abs() < 1e-9);
    assert!((least(1.9) - (100.1_f64 / 50.1).ln()).abs() < 1e-9);
    // A tenth of a watt-hour stands on both sides: from 2.9 to nothing it is thirty times less.
    let mut change = hour_change(&side([100.0; HOURS]), &side([50.0; HOURS]));
    (change.before.quantiles[0], change.after.quantiles[0]) = (2.9, 0.0);
    assert!((change.falls().1 - 30.0_f64.ln()).abs() < 1e-9);
}

#[test]
fn three_hours_that_are_always_missing_are_a_block() {
    let misses = |hours: usize| {
        let after = std::array::from_fn(|hour| if hour < hours { 0.0 } else { 100.0 });
        hour_change(&side([100.0; HOURS]), &side(after)).misses_always()
    };
    assert!(misses(3) && !misses(2));
}
