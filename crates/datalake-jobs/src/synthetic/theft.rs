//! Kinds of theft and how each is drawn for a customer.
//!
//! The false-data attacks FDI1 to FDI6, the functions h1 to h6 of Jokar, Arianpoo and Leung (2016), the ramps,
//! shifts and replacements of Altamimi (2023), and what the rules of meter-data systems look for. Constants
//! that the literature writes without the index `t` are drawn once a customer, those with it once a slot.

use clap::ValueEnum;
use clap::builder::PossibleValue;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::attack::Attack;
use super::random::between;

/// A kind of theft.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TheftKind {
    /// `y_t = a_t x_t`, `a_t ~ U(.2, .8)`.
    Fdi1,
    /// `y_t = max(x_t - g, 0)`.
    Fdi2,
    /// `y_t = min(x_t, g)`.
    Fdi3,
    /// `y_t = 0` in a recurring block of the day.
    Fdi4,
    /// `y_t = a mean(x)`, `a ~ U(.2, .8)`.
    Fdi5,
    /// `y_t = x_{n-t}`.
    Fdi6,
    /// `y_t = a x_t`, `a ~ U(.1, .8)`.
    JokarH1,
    /// Zero for at least four hours, at another time each day.
    JokarH2,
    /// `y_t = a_t x_t`, `a_t ~ U(.1, .8)`.
    JokarH3,
    /// `y_t = a_t mean(x)`.
    JokarH4,
    /// `y_t = mean(x)`.
    JokarH5,
    /// The mirrored day.
    JokarH6,
    /// A share of the load that is lost grows slowly to its full size.
    Ramp,
    /// Energy of the evening is reported as energy of the night.
    LoadShift,
    /// A smaller customer's profile stands in for the own one.
    SmallerProfile,
    /// Slots at random are zero.
    RandomZeros,
    /// Usage goes on after the removal of the meter.
    UsageAfterRemoval,
    /// Usage goes on after the disconnection.
    UsageWhileDisconnected,
    /// One value repeated.
    Flatline,
    /// The meter runs backwards in a part of the day.
    ReverseFlow,
    /// Nothing is registered.
    ZeroWhileOn,
    /// A new meter reads a fraction of what passes.
    SlowExchange,
    /// Values step by one of the fractions that wrong multipliers make.
    MultiplierChange,
    /// The meter is bypassed at night.
    NightBypass,
    /// Nothing actual arrives any more; the estimates are low.
    EstimatedForever,
}

/// What the attack is measured by: the customer's honest load, kWh of one slot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reference {
    /// Mean of a slot.
    pub mean_kwh: f64,
    /// Greatest slot.
    pub max_kwh: f64,
    /// Slots of a day.
    pub slots: usize,
}

/// Steps that a wrong multiplier makes.
const MULTIPLIER_STEPS: [f64; 6] = [
    1.0 / 2.0,
    1.0 / 3.0,
    2.0 / 3.0,
    1.0 / 10.0,
    1.0 / 20.0,
    1.0 / 40.0,
];

impl TheftKind {
    /// All kinds.
    pub const ALL: [Self; 25] = [
        Self::Fdi1,
        Self::Fdi2,
        Self::Fdi3,
        Self::Fdi4,
        Self::Fdi5,
        Self::Fdi6,
        Self::JokarH1,
        Self::JokarH2,
        Self::JokarH3,
        Self::JokarH4,
        Self::JokarH5,
        Self::JokarH6,
        Self::Ramp,
        Self::LoadShift,
        Self::SmallerProfile,
        Self::RandomZeros,
        Self::UsageAfterRemoval,
        Self::UsageWhileDisconnected,
        Self::Flatline,
        Self::ReverseFlow,
        Self::ZeroWhileOn,
        Self::SlowExchange,
        Self::MultiplierChange,
        Self::NightBypass,
        Self::EstimatedForever,
    ];

    /// The name in options and in the truth table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fdi1 => "fdi1",
            Self::Fdi2 => "fdi2",
            Self::Fdi3 => "fdi3",
            Self::Fdi4 => "fdi4",
            Self::Fdi5 => "fdi5",
            Self::Fdi6 => "fdi6",
            Self::JokarH1 => "jokar_h1",
            Self::JokarH2 => "jokar_h2",
            Self::JokarH3 => "jokar_h3",
            Self::JokarH4 => "jokar_h4",
            Self::JokarH5 => "jokar_h5",
            Self::JokarH6 => "jokar_h6",
            Self::Ramp => "ramp",
            Self::LoadShift => "load_shift",
            Self::SmallerProfile => "smaller_profile",
            Self::RandomZeros => "random_zeros",
            Self::UsageAfterRemoval => "usage_after_removal",
            Self::UsageWhileDisconnected => "usage_while_disconnected",
            Self::Flatline => "flatline",
            Self::ReverseFlow => "reverse_flow",
            Self::ZeroWhileOn => "zero_while_on",
            Self::SlowExchange => "slow_exchange",
            Self::MultiplierChange => "multiplier_change",
            Self::NightBypass => "night_bypass",
            Self::EstimatedForever => "estimated_forever",
        }
    }

    /// Whether the kind means anything with so many slots a day: a daily value has no shape to tamper with.
    #[must_use]
    pub fn suits(self, slots: usize) -> bool {
        match self {
            Self::Fdi4
            | Self::Fdi5
            | Self::Fdi6
            | Self::JokarH2
            | Self::JokarH4
            | Self::JokarH5
            | Self::JokarH6
            | Self::LoadShift
            | Self::NightBypass => slots >= 12,
            _ => slots >= 1,
        }
    }

    /// Whether what passes the meter is registered as it is, and the theft is that nobody pays for it.
    #[must_use]
    pub fn is_unbilled(self) -> bool {
        matches!(self, Self::UsageAfterRemoval | Self::UsageWhileDisconnected)
    }

    /// Draws the constants for one customer.
    #[must_use]
    pub fn draw(self, reference: Reference, rng: &mut ChaCha8Rng) -> Attack {
        let Reference {
            mean_kwh,
            max_kwh,
            slots,
        } = reference;
        match self {
            Self::Fdi1 => Attack::ScaleEach { low: 0.2, high: 0.8 },
            Self::Fdi2 => Attack::Subtract {
                kwh: mean_kwh * between(rng, 0.3, 0.9),
            },
            Self::Fdi3 => {
                let cap = mean_kwh * between(rng, 0.5, 1.5);
                Attack::Cap {
                    kwh: cap.min(0.6 * max_kwh),
                }
            }
            Self::Fdi4 => {
                let length = (between(rng, 0.2, 0.8) * slots as f64) as usize;
                Attack::ZeroBlock {
                    start: rng.random_range(0..=slots - length),
                    length,
                }
            }
            Self::Fdi5 => Attack::Mean {
                factor: between(rng, 0.2, 0.8),
            },
            Self::Fdi6 | Self::JokarH6 => Attack::Mirror,
            Self::JokarH1 => Attack::Scale {
                factor: between(rng, 0.1, 0.8),
            },
            Self::JokarH2 => Attack::ZeroSpell {
                at_least: (slots / 6).max(1),
            },
            Self::JokarH3 => Attack::ScaleEach { low: 0.1, high: 0.8 },
            Self::JokarH4 => Attack::MeanEach { low: 0.1, high: 0.8 },
            Self::JokarH5 => Attack::Mean { factor: 1.0 },
            Self::Ramp => Attack::Ramp {
                floor: between(rng, 0.1, 0.5),
                days: rng.random_range(30..=120),
            },
            Self::LoadShift => Attack::Shift {
                share: between(rng, 0.4, 0.9),
            },
            Self::SmallerProfile => Attack::Replace,
            Self::RandomZeros => Attack::RandomZeros {
                share: between(rng, 0.2, 0.6),
            },
            Self::UsageAfterRemoval | Self::UsageWhileDisconnected => Attack::None,
            Self::Flatline => Attack::Flat {
                kwh: mean_kwh * between(rng, 0.3, 0.8),
            },
            Self::ReverseFlow => {
                let length = (slots / 4).max(1);
                let start = rng.random_range(0..=slots - length);
                Attack::Reverse {
                    start,
                    length,
                    factor: between(rng, 0.3, 1.0),
                }
            }
            Self::ZeroWhileOn => Attack::Scale { factor: 0.0 },
            Self::SlowExchange => Attack::Scale {
                factor: between(rng, 0.15, 0.6),
            },
            Self::MultiplierChange => Attack::Scale {
                factor: MULTIPLIER_STEPS[rng.random_range(0..MULTIPLIER_STEPS.len())],
            },
            Self::NightBypass => Attack::ScaleNight {
                factor: between(rng, 0.0, 0.2),
            },
            Self::EstimatedForever => Attack::Flat {
                kwh: mean_kwh * between(rng, 0.3, 0.7),
            },
        }
    }
}

impl ValueEnum for TheftKind {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::random::{Purpose, stream};
    use super::*;

    const HALF_HOURLY: Reference = Reference {
        mean_kwh: 0.2,
        max_kwh: 2.0,
        slots: 48,
    };

    #[test]
    fn every_kind_is_listed_once() {
        let names: std::collections::BTreeSet<_> = TheftKind::ALL.iter().map(|k| k.name()).collect();
        assert_eq!(names.len(), TheftKind::ALL.len());
    }

    #[test]
    fn a_daily_value_has_no_shape_to_tamper_with() {
        let daily: Vec<_> = TheftKind::ALL
            .iter()
            .filter(|k| k.suits(1))
            .map(|k| k.name())
            .collect();
        assert!(!daily.contains(&"fdi6") && !daily.contains(&"night_bypass") && daily.contains(&"jokar_h1"));
        assert_eq!(daily.len(), 16);
        assert!(TheftKind::ALL.iter().all(|k| k.suits(24)));
    }

    #[test]
    fn constants_stay_in_their_ranges() {
        for i in 0..200 {
            let mut rng = stream(1, Purpose::Theft, i, 0);
            match TheftKind::Fdi4.draw(HALF_HOURLY, &mut rng) {
                Attack::ZeroBlock { start, length } => {
                    assert!((9..=38).contains(&length) && start + length <= 48);
                }
                other => unreachable!("{other:?}"),
            }
            match TheftKind::JokarH1.draw(HALF_HOURLY, &mut rng) {
                Attack::Scale { factor } => assert!((0.1..0.8).contains(&factor)),
                other => unreachable!("{other:?}"),
            }
            match TheftKind::Fdi3.draw(HALF_HOURLY, &mut rng) {
                Attack::Cap { kwh } => assert!((0.1..0.3).contains(&kwh)),
                other => unreachable!("{other:?}"),
            }
            match TheftKind::JokarH2.draw(HALF_HOURLY, &mut rng) {
                Attack::ZeroSpell { at_least } => assert_eq!(at_least, 8),
                other => unreachable!("{other:?}"),
            }
        }
        // One slot a day: no range is empty.
        for kind in TheftKind::ALL.iter().filter(|k| k.suits(1)) {
            let _ = kind.draw(
                Reference {
                    slots: 1,
                    ..HALF_HOURLY
                },
                &mut stream(1, Purpose::Theft, 0, 0),
            );
        }
    }
}
