//! Who lives or works at a service point: habits, appliances, heating, size.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::random::{between, log_normal, normal};

/// A way of using electricity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Archetype {
    Worker,
    Family,
    Retired,
    HomeWorker,
    NightShift,
    Student,
    Shop,
    Office,
    Restaurant,
    Workshop,
    /// Telecoms cabinets, signs, pumps: almost constant.
    Unmanned,
}

/// Archetypes and their share in a hundred.
const MIX: [(Archetype, u32); 11] = [
    (Archetype::Worker, 26),
    (Archetype::Family, 24),
    (Archetype::Retired, 16),
    (Archetype::HomeWorker, 10),
    (Archetype::NightShift, 4),
    (Archetype::Student, 6),
    (Archetype::Shop, 5),
    (Archetype::Office, 4),
    (Archetype::Restaurant, 2),
    (Archetype::Workshop, 2),
    (Archetype::Unmanned, 1),
];

/// A time of the day that is busy: hour of legal time, width in hours, kW.
type Bump = (f64, f64, f64);

impl Archetype {
    fn draw(rng: &mut ChaCha8Rng) -> Self {
        let mut at = rng.random_range(0..MIX.iter().map(|m| m.1).sum());
        for (archetype, share) in MIX {
            if at < share {
                return archetype;
            }
            at -= share;
        }
        Self::Worker
    }

    pub(crate) fn is_business(self) -> bool {
        matches!(
            self,
            Self::Shop | Self::Office | Self::Restaurant | Self::Workshop | Self::Unmanned
        )
    }

    /// Busy times on weekdays and at weekends.
    fn bumps(self) -> [&'static [Bump]; 2] {
        const WEEKEND: &[Bump] = &[(9.5, 1.6, 0.5), (13.0, 2.0, 0.45), (19.0, 2.4, 0.8)];
        const RETIRED: &[Bump] = &[
            (8.5, 1.3, 0.5),
            (12.5, 1.6, 0.65),
            (17.5, 1.8, 0.7),
            (20.5, 1.8, 0.4),
        ];
        const STUDENT: &[Bump] = &[(11.0, 2.0, 0.35), (18.0, 3.0, 0.5), (23.5, 2.0, 0.6)];
        match self {
            Self::Worker => [&[(7.0, 0.9, 0.45), (19.0, 2.0, 0.9), (22.0, 1.2, 0.35)], WEEKEND],
            Self::Family => [
                &[
                    (7.3, 0.9, 0.6),
                    (16.5, 1.5, 0.6),
                    (19.0, 2.0, 1.1),
                    (21.5, 1.2, 0.4),
                ],
                &[(9.0, 1.5, 0.7), (13.0, 2.2, 0.7), (18.5, 2.3, 1.0)],
            ],
            Self::Retired => [RETIRED, RETIRED],
            Self::HomeWorker => [
                &[
                    (8.0, 1.0, 0.4),
                    (11.0, 2.5, 0.35),
                    (13.0, 1.0, 0.5),
                    (16.0, 2.0, 0.35),
                    (19.0, 2.0, 0.8),
                ],
                WEEKEND,
            ],
            Self::NightShift => [&[(7.5, 1.0, 0.4), (15.5, 1.8, 0.6), (20.0, 1.5, 0.7)], WEEKEND],
            Self::Student => [STUDENT, STUDENT],
            Self::Shop => [&[(13.5, 3.2, 2.5)], &[(14.0, 2.8, 2.0)]],
            Self::Office => [&[(12.5, 3.0, 3.0)], &[(13.0, 3.0, 0.25)]],
            Self::Restaurant => [
                &[(12.5, 1.8, 2.0), (19.5, 2.6, 3.5)],
                &[(13.0, 2.0, 2.6), (19.5, 2.8, 4.2)],
            ],
            Self::Workshop => [
                &[(8.5, 1.2, 3.0), (11.0, 2.0, 4.0), (15.0, 1.6, 3.5)],
                &[(10.0, 2.0, 0.4)],
            ],
            Self::Unmanned => [&[], &[]],
        }
    }
}

/// When electric heating runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Schedule {
    AllDay,
    MorningAndEvening,
    NightStorage,
}

/// Electric heating below 15.5 degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Heating {
    pub(crate) kw_per_degree: f64,
    pub(crate) schedule: Schedule,
}

/// A car that is charged at home.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Car {
    pub(crate) kw: f64,
    pub(crate) kwh_a_charge: f64,
    /// Chance of a charge on a day.
    pub(crate) chance: f64,
    /// Hour of legal time.
    pub(crate) hour: f64,
}

/// Everything that lasts about a customer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Home {
    pub(crate) archetype: Archetype,
    /// What is always on, kW.
    pub(crate) base_kw: f64,
    pub(crate) fridge_kw: f64,
    /// Length of the fridge's cycle.
    pub(crate) fridge_hours: f64,
    /// kW of what people do, by hour of legal time, weekdays and weekends.
    pub(crate) curve: [[f64; 24]; 2],
    /// Washing, cooking, ironing: spells of high power.
    pub(crate) spells_a_day: f64,
    /// How much more is done at home in winter.
    pub(crate) winter: f64,
    pub(crate) heating: Option<Heating>,
    pub(crate) cooling_kw_per_degree: f64,
    pub(crate) car: Option<Car>,
    pub(crate) solar_kwp: f64,
    pub(crate) sigma_day: f64,
    pub(crate) sigma_slot: f64,
    pub(crate) trips_a_year: f64,
}

/// What a customer may have and lose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Appliance {
    ElectricHeating,
    Car,
}

/// What a story demands of the customer.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Demands {
    pub(crate) appliance: Option<Appliance>,
    pub(crate) household: bool,
    pub(crate) no_solar: bool,
    /// Factor on the size; 0 stands for 1.
    pub(crate) size: f64,
}

impl Home {
    /// Draws a customer.
    pub(crate) fn draw(rng: &mut ChaCha8Rng, demands: Demands) -> Self {
        let mut archetype = Archetype::draw(rng);
        let household = demands.household || demands.appliance.is_some();
        if household && archetype.is_business() {
            archetype = Archetype::Family;
        }
        let business = archetype.is_business();
        let demanded = if demands.size > 0.0 { demands.size } else { 1.0 };
        let size = log_normal(
            rng,
            if business { 1.3 } else { 0.8 },
            if business { 0.8 } else { 0.45 },
        ) * demanded;
        let curve = archetype.bumps().map(|bumps| curve(bumps, size, rng));
        let heating = (demands.appliance == Some(Appliance::ElectricHeating)
            || rng.random_bool(if business { 0.1 } else { 0.16 }))
        .then(|| Heating {
            kw_per_degree: log_normal(rng, 0.09, 0.35) * size.min(3.0),
            schedule: match rng.random_range(0..3) {
                0 => Schedule::AllDay,
                1 => Schedule::MorningAndEvening,
                _ => Schedule::NightStorage,
            },
        });
        let car =
            (demands.appliance == Some(Appliance::Car) || (!business && rng.random_bool(0.07))).then(|| {
                Car {
                    kw: if rng.random_bool(0.5) { 3.6 } else { 7.2 },
                    kwh_a_charge: log_normal(rng, 9.0, 0.35),
                    chance: between(rng, 0.35, 0.9),
                    hour: if rng.random_bool(0.5) {
                        between(rng, 17.0, 20.0)
                    } else {
                        between(rng, 0.0, 2.0)
                    },
                }
            });
        let solar = !demands.no_solar && rng.random_bool(0.06);
        let unmanned = archetype == Archetype::Unmanned;
        Self {
            archetype,
            base_kw: log_normal(rng, if unmanned { 0.5 } else { 0.09 }, 0.4) * size.sqrt(),
            fridge_kw: if unmanned {
                0.0
            } else {
                log_normal(rng, 0.045, 0.3) * size.sqrt()
            },
            fridge_hours: between(rng, 0.6, 1.6),
            curve,
            spells_a_day: if business {
                0.0
            } else {
                between(rng, 0.8, 4.5) * size.sqrt()
            },
            winter: between(rng, 0.05, 0.4),
            heating,
            cooling_kw_per_degree: if rng.random_bool(if business { 0.4 } else { 0.05 }) {
                between(rng, 0.02, 0.08) * size
            } else {
                0.0
            },
            car,
            solar_kwp: if solar { between(rng, 1.5, 5.0) } else { 0.0 },
            sigma_day: if unmanned { 0.01 } else { between(rng, 0.08, 0.3) },
            sigma_slot: if unmanned { 0.01 } else { between(rng, 0.2, 0.55) },
            trips_a_year: if business { 0.0 } else { between(rng, 0.5, 5.0) },
        }
    }
}

/// A personal variant of the archetype's busy times, sampled at each hour.
fn curve(bumps: &[Bump], size: f64, rng: &mut ChaCha8Rng) -> [f64; 24] {
    let own: Vec<Bump> = bumps
        .iter()
        .map(|(centre, width, kw)| {
            (
                centre + 0.7 * normal(rng),
                log_normal(rng, *width, 0.2),
                log_normal(rng, *kw, 0.35) * size * 0.6,
            )
        })
        .collect();
    std::array::from_fn(|hour| {
        own.iter()
            .map(|(centre, width, kw)| {
                let away = (hour as f64 - centre).rem_euclid(24.0);
                let away = away.min(24.0 - away);
                kw * (-0.5 * (away / width).powi(2)).exp()
            })
            .sum()
    })
}

#[cfg(test)]
mod tests {
    use super::super::random::{Purpose, stream};
    use super::*;

    #[test]
    fn demands_are_met_and_the_mix_is_varied() {
        let mut seen = std::collections::BTreeSet::new();
        let (mut heated, mut businesses) = (0, 0);
        for i in 0..2_000 {
            let home = Home::draw(&mut stream(1, Purpose::Home, i, 0), Demands::default());
            seen.insert(format!("{:?}", home.archetype));
            heated += i32::from(home.heating.is_some());
            businesses += i32::from(home.archetype.is_business());
            assert!(home.curve.iter().flatten().all(|kw| kw.is_finite() && *kw >= 0.0));
        }
        assert_eq!(seen.len(), MIX.len());
        assert!((220..420).contains(&heated), "{heated}");
        assert!((210..350).contains(&businesses), "{businesses}");
        for i in 0..200 {
            let demands = |appliance| Demands {
                appliance: Some(appliance),
                household: false,
                no_solar: true,
                size: 0.0,
            };
            let draw = |appliance| Home::draw(&mut stream(2, Purpose::Home, i, 0), demands(appliance));
            assert!(draw(Appliance::ElectricHeating).heating.is_some());
            let home = draw(Appliance::Car);
            assert!(home.car.is_some());
            assert!(!home.archetype.is_business() && home.solar_kwp.abs() < 1e-12);
        }
    }

    #[test]
    fn a_curve_wraps_around_midnight() {
        let mut rng = stream(1, Purpose::Home, 0, 0);
        let curve = curve(&[(23.5, 2.0, 1.0)], 1.0, &mut rng);
        assert!(curve[0] > 0.1 && curve[12] < 0.01, "{curve:?}");
    }
}
