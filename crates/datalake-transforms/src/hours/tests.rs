use super::*;
use crate::rules::testing::{
    FIRST_DAY, Profiles, from_day, hour_change, hourly_home, noise, period, side as side_at, typed,
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
        let mut change = hour_change(&side_at([100.0; HOURS]), &side_at([100.0; HOURS]));
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
        let mut change = hour_change(&side_at([100.0; HOURS]), &side_at(after));
        change.after.quantiles = change.after.quantiles.map(|_| 50.0);
        change.even_fall(1.0)
    };
    assert!((fall(3) - (100.1_f64 / 50.1).ln()).abs() < 1e-9);
    assert!(fall(4).abs() < 1e-9);
}

#[test]
fn quantiles_of_less_than_two_watt_hours_say_nothing() {
    let least = |wh: f64| {
        let mut change = hour_change(&side_at([100.0; HOURS]), &side_at([50.0; HOURS]));
        (change.before.quantiles[0], change.after.quantiles[0]) = (wh, wh);
        change.falls().0
    };
    assert!(least(2.0).abs() < 1e-9);
    assert!((least(1.9) - (100.1_f64 / 50.1).ln()).abs() < 1e-9);
    // A tenth of a watt-hour stands on both sides: from 2.9 to nothing it is thirty times less.
    let mut change = hour_change(&side_at([100.0; HOURS]), &side_at([50.0; HOURS]));
    (change.before.quantiles[0], change.after.quantiles[0]) = (2.9, 0.0);
    assert!((change.falls().1 - 30.0_f64.ln()).abs() < 1e-9);
}

#[test]
fn three_hours_that_are_always_missing_are_a_block() {
    let misses = |hours: usize| {
        let after = std::array::from_fn(|hour| if hour < hours { 0.0 } else { 100.0 });
        hour_change(&side_at([100.0; HOURS]), &side_at(after)).misses_always()
    };
    assert!(misses(3) && !misses(2));
}

/// Hourly days in Wh, looked at day by day.
fn with_hours<T>(days: &[[i32; HOURS]], look: impl Fn(&Hours<'_>) -> T) -> T {
    let kwh: Vec<Vec<f64>> = days
        .iter()
        .map(|day| day.iter().map(|&wh| f64::from(wh) / 1e3).collect())
        .collect();
    let profiles = Profiles::intervals(0, FIRST_DAY, &kwh);
    let component = typed("MC-0", Some(3600), &[period(0, 0, i64::MAX)]);
    let series = profiles.series();
    let around = crate::levels::Around::default();
    let levels = Levels::new(&series, 0..series.day.len(), &stays(&component)[0], 24, around);
    let positions: Vec<u32> = (0..levels.len() as u32).collect();
    look(&Hours {
        series: &series,
        levels: &levels,
        positions: &positions,
    })
}

/// Stretches of so many days at so many Wh in every hour.
fn stretches(of: &[(usize, i32)]) -> Vec<Vec<f64>> {
    let days = of
        .iter()
        .flat_map(|&(days, wh)| vec![vec![f64::from(wh) / 1e3; HOURS]; days]);
    days.collect()
}

fn onsets(days: &[Vec<f64>]) -> Vec<i32> {
    let found = changes(days);
    found.iter().map(|change| change.onset_day - FIRST_DAY).collect()
}

fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found} {expected}");
}

#[test]
fn a_part_of_the_day_in_spreads_by_hand() {
    // 100 Wh in every hour; the first hour goes from 50 to 150 in steps of one.
    let mut days: Vec<[i32; HOURS]> = (0..101)
        .map(|day| std::array::from_fn(|hour| if hour == 0 { 50 + day } else { 100 }))
        .collect();
    // Two days of another part stand out by 105 Wh and by 110.
    days[70][5] += 105;
    days[80][5] += 110;
    let parts = with_hours(&days, |hours| {
        let mut parts = Vec::new();
        scale_parts(hours, &mut parts, &mut Vec::new());
        parts
    });
    // The first part is at 300 Wh in the middle, half of the days within 25 of it. The floor is a tenth of that, and two percent of
    // an eighth of the 2.4 kWh of a day: 36.
    let spread = 1.4826 * 25.0 + 36.0;
    near(parts[50][0], 0.0);
    near(parts[0][0], -50.0 / spread);
    near(parts[100][0], 50.0 / spread);
    // The other one does not vary but for those days: 105 of 36 are 2.92, more than three counts as three.
    near(parts[70][1], 105.0 / 36.0);
    near(parts[80][1], 3.0);
}

#[test]
fn five_weeks_are_needed_and_two_on_each_side() {
    assert_eq!(changes(&hourly_home(1, 34)), []);
    assert_eq!(changes(&hourly_home(1, 35)).len(), 1);
    // What changed on the tenth day, or ten days before the end, is parted as near to that as two weeks allow.
    assert_eq!(onsets(&stretches(&[(10, 500), (90, 300)])), [14]);
    assert_eq!(onsets(&stretches(&[(90, 500), (10, 300)])), [86]);
}

#[test]
fn the_second_change_explains_a_fifth_of_what_the_first_does() {
    // Forty days each at levels 0, 1 and 1 + e apart. The first split gains 80/3 (1 + e/2)^2, the second 20 e^2: a fifth of it from
    // e = 0.7 on.
    assert_eq!(onsets(&stretches(&[(40, 600), (40, 500), (40, 428)])), [40, 80]);
    assert_eq!(onsets(&stretches(&[(40, 600), (40, 500), (40, 432)])), [40]);
}

#[test]
fn a_tenth_of_a_kilowatt_hour_a_day_has_a_shape() {
    let found = |kwh: f64| !changes(&vec![vec![kwh / 24.0; HOURS]; 60]).is_empty();
    assert!(found(0.101) && !found(0.099));
}

#[test]
fn one_day_in_ten_lies_below_the_low_of_an_hour() {
    let days: Vec<[i32; HOURS]> = (0..101).map(|day| [100 + day; HOURS]).collect();
    let side = with_hours(&days, |hours| {
        side(hours, 0..101, None, &mut Vec::new(), &mut Vec::new()).0
    });
    assert_eq!((side.low[7], side.median[7], side.high[7]), (110.0, 150.0, 190.0));
}

#[test]
fn a_day_with_zeros_has_eight_in_a_hundred_and_is_lived_in_from_three_tenths_of_the_peak() {
    // Days of 96 values, all of them 0.25 kWh but for one of 1 kWh; on half of the days some are at zero and the greatest is
    // so much.
    let zeros = |zeros: usize, greatest: f64| {
        let day = |day: usize| -> Vec<f64> {
            let changed = day.is_multiple_of(2);
            let value = |at: usize| match at {
                95 if changed => greatest,
                95 => 1.0,
                _ if changed && at < zeros => 0.0,
                _ => 0.25,
            };
            (0..96).map(value).collect()
        };
        let days: Vec<Vec<f64>> = (1..42).map(day).collect();
        let profiles = Profiles::intervals(0, FIRST_DAY, &days);
        let component = typed("MC-0", Some(900), &[period(0, 0, i64::MAX)]);
        let series = profiles.series();
        let around = crate::levels::Around::default();
        let levels = Levels::new(&series, 0..41, &stays(&component)[0], 96, around);
        let positions: Vec<u32> = (0..41).collect();
        let hours = Hours {
            series: &series,
            levels: &levels,
            positions: &positions,
        };
        let found = side(&hours, 0..41, None, &mut Vec::new(), &mut Vec::new()).0;
        (found.zeros, found.zeros_lived_in)
    };
    let some = 20.0 / 41.0;
    assert_eq!(zeros(8, 0.31), (some, some));
    assert_eq!(zeros(7, 0.31), (0.0, 0.0));
    assert_eq!(zeros(8, 0.29), (some, 0.0));
}

#[test]
fn two_halves_lie_apart_by_hand() {
    // 100 Wh, then 120: 20 of 110 in each hour, and half of that.
    let days: Vec<[i32; HOURS]> = (0..80)
        .map(|day| [if day < 40 { 100 } else { 120 }; HOURS])
        .collect();
    let noise = with_hours(&days, |hours| {
        let before = side(hours, 0..80, None, &mut Vec::new(), &mut Vec::new()).0;
        super::noise(hours, 0..80, &before)
    });
    near(noise, 20.0 / 110.0 / 2.0);
}

#[test]
fn roughness_looks_at_every_hour_but_the_first_and_the_last() {
    // Only the last hour differs: the one before it lies 120 from the middle of its neighbours, one of 22.
    let day = std::array::from_fn(|hour| if hour == 23 { 340 } else { 100 });
    let (peak, roughness) = with_hours(&[day; 5], |hours| lively(hours, 0..5, &mut Vec::new()));
    near(peak, 340.0 / 111.0);
    near(roughness, 120.0 / 22.0 / 111.0);
}

#[test]
fn sixteenths_of_an_octave_begin_at_thirty_two() {
    // 34 and 35 share a bin, in the middle of which they count; 31 has one of its own.
    let of = |wh: i32| {
        let mut histogram = Histogram::new();
        histogram.add(wh);
        histogram.quantile(0.5)
    };
    near(of(34), 35.0);
    near(of(31), 31.0);
}

#[test]
fn the_first_four_weeks_are_those_that_follow_a_change() {
    // Empty for so many days of the first 28: their median level.
    let level = |empty: usize| {
        let found = changes(&stretches(&[(60, 500), (empty, 100), (60 - empty, 300)]));
        let first = found.iter().find(|change| change.onset_day == FIRST_DAY + 60);
        first.map_or(0.0, |change| change.first_weeks.kwh)
    };
    near(level(15), 2.4);
    near(level(13), 7.2);
}

#[test]
fn a_home_was_left_at_a_third_of_its_level_and_without_its_peaks() {
    let empty = |kwh: f64, calmer: f64| {
        let mut change = hour_change(&side_at([100.0; HOURS]), &side_at([100.0; HOURS]));
        change.before.kwh = 10.0;
        (change.before.peak, change.before.roughness) = (4.0, 1.0);
        change.first_weeks = FirstWeeks {
            peak: 4.0 * (-calmer).exp(),
            roughness: 1.0,
            kwh,
        };
        change.empty_at_first()
    };
    // Calmer by 0.35 in part, by 0.6 wholly.
    near(empty(3.4, 0.475), 0.5);
    near(empty(3.4, 0.35), 0.0);
    near(empty(3.4, 0.4), 0.2);
    near(empty(3.4, 0.6), 1.0);
    near(empty(3.6, 0.6), 0.0);
}

#[test]
fn what_heats_every_night_hides_the_base_load() {
    // Hours from midnight to four never were below `low`, all others never below 100 Wh; then those are at `after`.
    let missing = |low: f64, after: f64| {
        let night = |night: f64| std::array::from_fn(|hour| if hour < 4 { night } else { 100.0 });
        hour_change(&side_at(night(low)), &side_at(night(after)))
            .missing_block()
            .0
    };
    // Of people who are up twice the base load may be left: 35 % of 200. From four times the base load on no more than the base.
    assert_eq!((missing(390.0, 69.0), missing(390.0, 71.0)), (4, 0));
    assert_eq!((missing(410.0, 34.0), missing(410.0, 36.0)), (4, 0));
    // What was lower than twice the base load itself.
    assert_eq!((missing(120.0, 41.0), missing(120.0, 43.0)), (4, 0));
}

#[test]
fn an_hour_comes_to_zero_that_was_at_two_watt_hours_or_more() {
    let came = |before: f64, after: f64| {
        let at = |wh: f64| std::array::from_fn(|hour| if hour == 5 { wh } else { 100.0 });
        hour_change(&side_at(at(before)), &side_at(at(after))).zeros_came_to(0..12)
    };
    assert!(came(2.0, 1.9));
    assert!(!came(1.9, 0.0) && !came(100.0, 2.0));
}

#[test]
fn how_much_flatter_the_mean_day_became_by_hand() {
    let half = |apart: f64| {
        side_at(std::array::from_fn(|hour| {
            if hour < 12 { 100.0 - apart } else { 100.0 + apart }
        }))
    };
    let mut change = hour_change(&half(50.0), &half(10.0));
    // From 0.5 of the mean to 0.1, three hundredths on both sides.
    near(change.flattened(), (0.53_f64 / 0.13).ln());
    // Days that became calmer by ln 2, of which 0.2 are free.
    (change.before.within, change.after.within) = (0.48, 0.23);
    near(change.flattened(), (0.53_f64 / 0.13).ln() - (2.0_f64.ln() - 0.2));
}
