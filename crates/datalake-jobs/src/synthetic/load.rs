//! What a customer draws in a day.

use std::f64::consts::TAU;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::home::{Home, Schedule};
use super::random::{Purpose, between, log_normal, mixed, mixed_normal, normal, poisson, stream, unit};
use super::weather::{Weather, sun, winter};

/// The day as all customers meet it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Today {
    pub(crate) day: i32,
    /// Weekend, or a holiday that is lived like one.
    pub(crate) free: bool,
    pub(crate) temperature: f64,
    pub(crate) clearness: f64,
    /// Hours that legal time is ahead of the standard clock.
    pub(crate) shift_hours: f64,
}

impl Today {
    pub(crate) fn new(day: i32, weather: &Weather, shift_hours: f64) -> Self {
        let date = super::clock::date(day);
        let holiday = matches!((date.month(), date.day()), (12, 24..=26) | (1, 1));
        // Day 0 was a Thursday.
        let weekday = (day + 3).rem_euclid(7);
        Self {
            day,
            free: holiday || weekday >= 5,
            temperature: weather.temperature(day),
            clearness: weather.clearness(day),
            shift_hours,
        }
    }
}

/// How this day differs from the customer's usual ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Circumstances {
    /// 1 at home, 0 away.
    pub(crate) occupied: f64,
    /// Factor on everything but heating.
    pub(crate) level: f64,
    /// Factor on what is always on.
    pub(crate) base: f64,
    /// Factor on heating.
    pub(crate) heating: f64,
    pub(crate) car: bool,
    /// Solar panels beyond the home's own.
    pub(crate) solar_kwp: f64,
}

impl Circumstances {
    pub(crate) const USUAL: Self = Self {
        occupied: 1.0,
        level: 1.0,
        base: 1.0,
        heating: 1.0,
        car: true,
        solar_kwp: 0.0,
    };
}

/// Energy of each slot, kWh, as the meter's two registers see it.
#[derive(Debug, Clone, Default)]
pub(crate) struct DayLoad {
    pub(crate) delivered: Vec<f64>,
    pub(crate) received: Vec<f64>,
}

/// Who draws: the random streams belong to the pair.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Who {
    pub(crate) seed: u64,
    /// Number of the service point.
    pub(crate) site: u64,
    /// Which of the customers of the service point.
    pub(crate) purpose: Purpose,
}

/// Draws a day in `slots` slots; long slots are made of half-hours, so that they look like sums.
pub(crate) fn day_load(home: &Home, who: Who, today: &Today, now: &Circumstances, slots: usize) -> DayLoad {
    let fine = if slots < 48 && 48 % slots == 0 { 48 } else { slots };
    let mut rng = stream(who.seed, who.purpose, who.site, i64::from(today.day));
    let load = draw(home, who, today, now, fine, &mut rng);
    let kwp = home.solar_kwp + now.solar_kwp;
    let hours = 24.0 / fine as f64;
    let per = fine / slots;
    let mut result = DayLoad {
        delivered: vec![0.0; slots],
        received: vec![0.0; slots],
    };
    for (i, kwh) in load.into_iter().enumerate() {
        let mut net = kwh;
        if kwp > 0.0 {
            let passing_clouds = between(&mut rng, 0.8, 1.2);
            net -= kwp * hours * sun(today.day, (i as f64 + 0.5) * hours, today.clearness) * passing_clouds;
        }
        result.delivered[i / per] += net.max(0.0);
        result.received[i / per] += (-net).max(0.0);
    }
    result
}

fn draw(
    home: &Home,
    who: Who,
    today: &Today,
    now: &Circumstances,
    slots: usize,
    rng: &mut ChaCha8Rng,
) -> Vec<f64> {
    let hours = 24.0 / slots as f64;
    let curve = &home.curve[usize::from(today.free)];
    let level = now.level * day_level(home, who, today.day);
    let mut occupied = if on_trip(home, who, today.day) {
        0.0
    } else {
        now.occupied
    };
    if rng.random_bool(0.05) {
        // Out for the day.
        occupied *= 0.4;
    }
    let people = level * (0.05 + 0.95 * occupied) * (1.0 + home.winter * winter(today.day));
    let phase: f64 = rng.random();
    // Noise forgets at the same pace whatever the slot: 0.6 from half-hour to half-hour.
    let memory = 0.6_f64.powf(hours / 0.5);
    let step = (1.0 - memory * memory).sqrt();
    let mut noise = normal(rng);
    let heating_level = now.heating * (0.25 + 0.75 * occupied);
    let mut load: Vec<f64> = (0..slots)
        .map(|slot| {
            let standard = (slot as f64 + 0.5) * hours;
            let hour = (standard + today.shift_hours).rem_euclid(24.0);
            noise = memory * noise + step * normal(rng);
            let warmth = today.temperature - 3.0 * (TAU * (standard - 3.0) / 24.0).cos();
            let mut kw = home.base_kw * now.base * now.level * (1.0 + 0.1 * home.sigma_slot * noise);
            kw += home.fridge_kw
                * now.base
                * (1.0 + 0.5 * (TAU * (standard / home.fridge_hours + phase)).sin());
            kw += at_hour(curve, hour) * people * (home.sigma_slot * noise).exp();
            if let Some(heating) = home.heating {
                let missing = (15.5 - warmth).max(0.0);
                kw += heating.kw_per_degree * missing * runs(heating.schedule, hour) * heating_level;
            }
            kw += home.cooling_kw_per_degree * (warmth - 21.0).max(0.0) * people;
            kw.max(0.0) * hours
        })
        .collect();

    for _ in 0..poisson(rng, (home.spells_a_day * occupied * now.level).min(20.0)) {
        let start = busy_hour(curve, rng) - today.shift_hours;
        let (length, kw) = (between(rng, 0.2, 1.6), between(rng, 0.4, 2.4));
        add(&mut load, start, length, kw);
    }
    if let Some(car) = home.car.filter(|_| now.car && occupied > 0.5)
        && rng.random_bool(car.chance)
    {
        let kwh = log_normal(rng, car.kwh_a_charge, 0.3).min(40.0);
        let start = car.hour + 0.6 * normal(rng) - today.shift_hours;
        add(&mut load, start, kwh / car.kw, car.kw);
    }
    load
}

/// The curve between its hours.
fn at_hour(curve: &[f64; 24], hour: f64) -> f64 {
    let low = hour.floor();
    let i = low as usize % 24;
    curve[i] + (curve[(i + 1) % 24] - curve[i]) * (hour - low)
}

/// Factor on the heating's power; each schedule has a mean of about 1 over the day.
fn runs(schedule: Schedule, hour: f64) -> f64 {
    match schedule {
        Schedule::AllDay => 1.0,
        Schedule::MorningAndEvening if (6.0..9.0).contains(&hour) || (16.0..22.0).contains(&hour) => 2.4,
        Schedule::NightStorage if (0.5..7.5).contains(&hour) => 3.4,
        Schedule::MorningAndEvening | Schedule::NightStorage => 0.05,
    }
}

/// An hour drawn by how busy it is.
fn busy_hour(curve: &[f64; 24], rng: &mut ChaCha8Rng) -> f64 {
    let mut at = rng.random::<f64>() * curve.iter().sum::<f64>();
    for (hour, kw) in curve.iter().enumerate() {
        if at < *kw {
            return hour as f64 + rng.random::<f64>();
        }
        at -= kw;
    }
    between(rng, 0.0, 24.0)
}

/// Adds a block of power; what passes midnight comes back in the morning.
fn add(load: &mut [f64], start: f64, length: f64, kw: f64) {
    let hours = 24.0 / load.len() as f64;
    // In slots from here on.
    let from = start.rem_euclid(24.0) / hours;
    let until = from + length.min(24.0) / hours;
    for slot in from as usize..until.ceil() as usize {
        let inside = until.min((slot + 1) as f64) - from.max(slot as f64);
        load[slot % load.len()] += kw * hours * inside.max(0.0);
    }
}

/// Factor of the day: habits that drift over months, and good and bad days with a memory.
///
/// Both are functions of the day alone (the memory is cut after ten days), so that no state goes from day to day.
fn day_level(home: &Home, who: Who, day: i32) -> f64 {
    const BLOCK: i32 = 60;
    const MEMORY: f64 = 0.6;
    let drift = |block: i32| 0.07 * mixed_normal(who.seed, Purpose::Drift, who.site, i64::from(block));
    let block = day.div_euclid(BLOCK);
    let way = f64::from(day.rem_euclid(BLOCK)) / f64::from(BLOCK);
    let slow = drift(block) * (1.0 - way) + drift(block + 1) * way;
    let mut fast = 0.0;
    for back in (0..10).rev() {
        fast = MEMORY * fast + mixed_normal(who.seed, Purpose::Level, who.site, i64::from(day - back));
    }
    (slow + home.sigma_day * (1.0 - MEMORY * MEMORY).sqrt() * fast).exp()
}

/// Whether the customer is on one of the year's ordinary trips: at most one in 60 days, 2 to 16 days long.
fn on_trip(home: &Home, who: Who, day: i32) -> bool {
    const BLOCK: i64 = 60;
    let day = i64::from(day);
    let draw = mixed(who.seed, Purpose::Trip, who.site, day.div_euclid(BLOCK));
    if unit(draw) >= home.trips_a_year * BLOCK as f64 / 365.0 {
        return false;
    }
    let length = 2 + (draw & 0xff) as i64 % 15;
    let start = ((draw >> 8) & 0xff) as i64 % (BLOCK - 16);
    (start..start + length).contains(&day.rem_euclid(BLOCK))
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::super::home::{Archetype, Demands};
    use super::*;

    const FIRST: i32 = 19_723;

    fn homes(n: u64) -> Vec<(Home, Who)> {
        (0..n)
            .map(|site| {
                let home = Home::draw(&mut stream(9, Purpose::Home, site, 0), Demands::default());
                (
                    home,
                    Who {
                        seed: 9,
                        site,
                        purpose: Purpose::Load,
                    },
                )
            })
            .collect()
    }

    fn today(day: i32) -> Today {
        Today::new(day, &Weather::draw(1, FIRST, 366), 0.0)
    }

    fn mean_kwh(days: &[i32], filter: impl Fn(&Home) -> bool) -> f64 {
        let homes: Vec<_> = homes(300).into_iter().filter(|(h, _)| filter(h)).collect();
        let mut sum = 0.0;
        for day in days {
            let today = today(*day);
            for (home, who) in &homes {
                let load = day_load(home, *who, &today, &Circumstances::USUAL, 48);
                sum += load.delivered.iter().sum::<f64>();
            }
        }
        sum / (homes.len() * days.len()) as f64
    }

    #[test]
    fn households_use_what_households_use() {
        let household = |h: &Home| !h.archetype.is_business();
        let winter = mean_kwh(&[FIRST + 10, FIRST + 17, FIRST + 23], household);
        let summer = mean_kwh(&[FIRST + 190, FIRST + 200, FIRST + 210], household);
        assert!((10.0..22.0).contains(&winter), "{winter}");
        assert!((5.0..12.0).contains(&summer), "{summer}");
        let electric = mean_kwh(&[FIRST + 15], |h| household(h) && h.heating.is_some());
        assert!(electric > 1.5 * winter, "{electric} {winter}");
    }

    #[test]
    fn the_empty_house_keeps_its_base_load() {
        let families: Vec<_> = homes(50)
            .into_iter()
            .filter(|(h, _)| h.archetype == Archetype::Family)
            .collect();
        let (home, who) = &families[0];
        let away = Circumstances {
            occupied: 0.0,
            ..Circumstances::USUAL
        };
        let at_home: f64 = day_load(home, *who, &today(FIRST + 180), &Circumstances::USUAL, 48)
            .delivered
            .iter()
            .sum();
        let empty: f64 = day_load(home, *who, &today(FIRST + 180), &away, 48)
            .delivered
            .iter()
            .sum();
        assert!(empty > 0.2 && empty < 0.6 * at_home, "{empty} {at_home}");
    }

    #[test]
    fn a_day_is_the_sum_of_its_half_hours() {
        for (home, who) in homes(20) {
            let day = today(FIRST + 5);
            let fine = day_load(&home, who, &day, &Circumstances::USUAL, 48);
            let hourly = day_load(&home, who, &day, &Circumstances::USUAL, 24);
            let daily = day_load(&home, who, &day, &Circumstances::USUAL, 1);
            let total: f64 = fine.delivered.iter().sum();
            assert!((hourly.delivered.iter().sum::<f64>() - total).abs() < 1e-9);
            assert!((daily.delivered[0] - total).abs() < 1e-9);
            assert!((hourly.delivered[3] - fine.delivered[6] - fine.delivered[7]).abs() < 1e-12);
        }
    }

    #[test]
    fn the_sun_is_fed_in_at_noon_only() {
        let (mut home, who) = homes(1).remove(0);
        home.solar_kwp = 30.0;
        let load = day_load(&home, who, &today(FIRST + 170), &Circumstances::USUAL, 48);
        assert!(load.received[24] > 1.0 && load.received[0] == 0.0);
        assert_eq!(load.delivered[24], 0.0);
    }

    #[test]
    fn blocks_of_power_keep_their_energy() {
        for slots in [24, 48, 96, 144, 288] {
            for tenth in -300..600 {
                let mut load = vec![0.0; slots];
                add(&mut load, f64::from(tenth) / 10.0, 1.25, 2.0);
                assert!((load.iter().sum::<f64>() - 2.5).abs() < 1e-9, "{slots} {tenth}");
            }
        }
        let mut load = vec![0.0; 4];
        add(&mut load, 23.0, 2.0, 1.0);
        assert!(
            load.iter()
                .zip([1.0, 0.0, 0.0, 1.0])
                .all(|(a, b)| (a - b).abs() < 1e-9),
            "{load:?}"
        );
    }

    #[test]
    fn weekends_and_holidays() {
        // 1 January 2024 was a Monday and a holiday; the 6th a Saturday.
        assert!(
            today(FIRST).free && !today(FIRST + 1).free && today(FIRST + 5).free && today(FIRST + 6).free
        );
        assert!(!today(FIRST + 7).free);
    }
}
