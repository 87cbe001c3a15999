//! The rows that one service point yields on one day.

use datalake_transforms::model::Condition;
use rand::RngExt;

use super::attack::Attack;
use super::clock::DAY;
use super::dirt::{Dirt, Soiler};
use super::life::LifeKind;
use super::load::{DayLoad, Today, Who, day_load};
use super::random::{Purpose, mixed, normal, stream, unit};
use super::site::{Dark, Site, Story};
use super::theft::TheftKind;

/// One row of the measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) component: u32,
    /// `measured_at`, seconds since 1970-01-01 on the measurement clock.
    pub(crate) end: i64,
    /// 10^-6 of the component's unit.
    pub(crate) micro: i64,
    pub(crate) condition: Condition,
    pub(crate) do_not_use: bool,
    /// `updated_at`, seconds.
    pub(crate) updated: i64,
    pub(crate) version: u8,
    /// The id carries blanks.
    pub(crate) padded: bool,
    /// Reading and start of its period, for scalar registers.
    pub(crate) register: Option<(i64, i64)>,
}

/// Energy of each slot in 10^-6 kWh: what passed, what is reported, what is fed in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Metered {
    pub(crate) passed: Vec<i64>,
    pub(crate) reported: Vec<i64>,
    pub(crate) received: Vec<i64>,
}

/// Length of the voltage component's interval.
const VOLTAGE_SECONDS: i64 = 900;

/// What the meters of a service point see on a day.
pub(crate) fn metered(site: &Site, seed: u64, today: &Today, slots: usize) -> Metered {
    let number = u64::from(site.number);
    let day = today.day;
    let mut who = Who {
        seed,
        site: number,
        purpose: Purpose::Load,
    };
    let home = match (&site.story, &site.next_home) {
        (Story::Odd(life), Some(next)) if life.next_home(day) => {
            who.purpose = Purpose::NextHome;
            next
        }
        _ => &site.home,
    };
    let DayLoad {
        mut delivered,
        mut received,
    } = day_load(home, who, today, &site.circumstances(day), slots);
    if let Some(dark) = &site.dark {
        for slot in 0..slots {
            let lit = 1.0 - share(day, slot, slots, dark.from, dark.until);
            delivered[slot] *= lit;
            received[slot] *= lit;
        }
    }
    let carry = unit(mixed(seed, Purpose::Reading, number, i64::from(day)));
    let passed = steps(&delivered, site.resolution_micro, carry);
    let reported = match &site.story {
        Story::Theft(theft) if theft.covers(day) => {
            let donated = theft.donor.as_ref().map_or_else(Vec::new, |donor| {
                let who = Who {
                    purpose: Purpose::DonorLoad,
                    ..who
                };
                day_load(donor, who, today, &site.circumstances(day), slots).delivered
            });
            let mut rng = stream(seed, Purpose::Attack, number, i64::from(day));
            theft
                .attack
                .apply((day - theft.onset) as u32, &mut delivered, &donated, &mut rng);
            match theft.attack {
                // One value repeated: no remainder is carried from slot to slot.
                Attack::Flat { .. } | Attack::Mean { .. } => delivered
                    .iter()
                    .map(|kwh| round(*kwh, site.resolution_micro))
                    .collect(),
                _ => steps(&delivered, site.resolution_micro, carry),
            }
        }
        _ => passed.clone(),
    };
    let received = steps(&received, site.resolution_micro, carry);
    Metered {
        passed,
        reported,
        received,
    }
}

/// Adds the day's rows; returns the energy lost to theft, 10^-6 kWh, net.
pub(crate) fn site_day(
    site: &Site,
    seed: u64,
    today: &Today,
    slots: usize,
    dirt: &Dirt,
    rows: &mut Vec<Row>,
) -> i64 {
    let day = today.day;
    let metered = metered(site, seed, today, slots);
    let (estimated, lost_day, received_from) = match &site.story {
        Story::Odd(life) => (
            life.kind == LifeKind::EstimationSpell && life.covers(day),
            life.loses(seed, u64::from(site.number), day),
            if life.kind == LifeKind::SolarInstall {
                life.onset
            } else {
                i32::MIN
            },
        ),
        Story::Theft(theft) => (
            theft.kind == TheftKind::EstimatedForever && theft.covers(day),
            false,
            i32::MIN,
        ),
        Story::Plain => (false, false, i32::MIN),
    };
    if !lost_day {
        let mut soiler = Soiler::new(dirt, seed, u64::from(site.number), day, rows);
        let honest_estimate = estimated && matches!(site.story, Story::Odd(_));
        let estimate = estimate_of(&metered.reported, site.resolution_micro);
        for meter in &site.meters {
            let mut channel = |component: u32, values: &[i64]| {
                for (slot, micro) in values.iter().enumerate() {
                    let covered = share(day, slot, slots, meter.from, meter.until);
                    if covered <= 0.0
                        || site
                            .dark
                            .is_some_and(|d| d.silent && touches(&d, day, slot, slots))
                    {
                        continue;
                    }
                    let mut value = if covered < 1.0 {
                        round(*micro as f64 / 1e6 * covered, site.resolution_micro)
                    } else {
                        *micro
                    };
                    if honest_estimate {
                        value = estimate;
                    }
                    let condition = if estimated {
                        Condition::Estimated
                    } else {
                        Condition::Actual
                    };
                    soiler.push(component, slot_end(day, slot, slots), value, condition);
                }
            };
            channel(meter.components.delivered, &metered.reported);
            if let Some(received) = meter.components.received
                && day >= received_from
            {
                channel(received, &metered.received);
            }
            if let Some(voltage) = meter.components.voltage {
                volts(voltage, site.number, seed, day, &mut soiler);
            }
        }
    }
    lost(site, day, &metered)
}

fn lost(site: &Site, day: i32, metered: &Metered) -> i64 {
    match &site.story {
        Story::Theft(theft) if theft.covers(day) => {
            let passed: i64 = metered.passed.iter().sum();
            if theft.kind.is_unbilled() {
                passed
            } else {
                passed - metered.reported.iter().sum::<i64>()
            }
        }
        _ => 0,
    }
}

fn volts(component: u32, site: u32, seed: u64, day: i32, soiler: &mut Soiler<'_>) {
    let mut rng = stream(seed, Purpose::Voltage, u64::from(site), i64::from(day));
    let level = 234.0 + 2.0 * normal(&mut rng);
    for slot in 0..DAY / VOLTAGE_SECONDS {
        let volts = level + 1.5 * normal(&mut rng) + 0.2 * rng.random::<f64>();
        let end = i64::from(day) * DAY + (slot + 1) * VOLTAGE_SECONDS;
        soiler.push(
            component,
            end,
            (volts * 10.0).round() as i64 * 100_000,
            Condition::Actual,
        );
    }
}

/// An estimate as billing systems make it: the day's mean in every slot.
fn estimate_of(values: &[i64], resolution: i64) -> i64 {
    let mean = values.iter().sum::<i64>() / values.len().max(1) as i64;
    mean / resolution * resolution
}

fn slot_end(day: i32, slot: usize, slots: usize) -> i64 {
    i64::from(day) * DAY + (slot as i64 + 1) * (DAY / slots as i64)
}

/// Share of a slot that lies between two moments.
fn share(day: i32, slot: usize, slots: usize, from: i64, until: i64) -> f64 {
    let seconds = DAY / slots as i64;
    let end = slot_end(day, slot, slots);
    let inside = until.min(end).saturating_sub(from.max(end - seconds)).max(0);
    inside as f64 / seconds as f64
}

fn touches(dark: &Dark, day: i32, slot: usize, slots: usize) -> bool {
    share(day, slot, slots, dark.from, dark.until) > 0.0
}

fn round(kwh: f64, resolution: i64) -> i64 {
    (kwh * 1e6 / resolution as f64).round() as i64 * resolution
}

/// Whole steps of the meter's resolution; what is left is carried on. `carry` is the share of a step at the start.
fn steps(kwh: &[f64], resolution: i64, carry: f64) -> Vec<i64> {
    let mut total = carry;
    let mut counted = 0;
    kwh.iter()
        .map(|kwh| {
            total += kwh * 1e6 / resolution as f64;
            let steps = total.floor() as i64 - counted;
            counted += steps;
            steps * resolution
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_counts_whole_steps_and_loses_nothing() {
        assert_eq!(steps(&[0.004; 5], 10_000, 0.0), [0, 0, 10_000, 0, 10_000]);
        assert_eq!(steps(&[0.004; 5], 10_000, 0.7), [10_000, 0, 0, 10_000, 0]);
        assert_eq!(steps(&[0.01, -0.02, 0.03], 1_000, 0.5), [10_000, -20_000, 30_000]);
    }

    #[test]
    fn shares_of_a_slot() {
        // Two slots a day; the second one starts at noon.
        let noon = DAY / 2;
        assert!((share(0, 1, 2, i64::MIN, i64::MAX) - 1.0).abs() < 1e-12);
        assert!((share(0, 1, 2, noon + DAY / 4, i64::MAX) - 0.5).abs() < 1e-12);
        assert!(share(0, 0, 2, noon, i64::MAX).abs() < 1e-12);
        assert!(share(0, 0, 2, i64::MIN, 0).abs() < 1e-12);
        assert_eq!(slot_end(1, 1, 2), 2 * DAY);
    }

    #[test]
    fn an_estimate_is_the_mean_in_whole_steps() {
        assert_eq!(estimate_of(&[1_000, 2_000, 6_000], 1_000), 3_000);
        assert_eq!(estimate_of(&[1_000, 2_000], 1_000), 1_000);
    }
}
