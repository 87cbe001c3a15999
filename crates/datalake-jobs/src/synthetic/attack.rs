//! What an attack makes of a day: the slots that passed the meter in, the slots that are reported out.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::random::between;

/// An attack with its constants drawn. Values are kWh of one slot; slots are counted from midnight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Attack {
    /// Values stay as they are.
    None,
    /// `y_t = a x_t`.
    Scale {
        /// `a`.
        factor: f64,
    },
    /// `y_t = a_t x_t`, `a_t` uniform.
    ScaleEach {
        /// Least `a_t`.
        low: f64,
        /// Greatest `a_t`.
        high: f64,
    },
    /// `y_t = max(x_t - g, 0)`.
    Subtract {
        /// `g`.
        kwh: f64,
    },
    /// `y_t = min(x_t, g)`.
    Cap {
        /// `g`.
        kwh: f64,
    },
    /// Zero in one block of every day.
    ZeroBlock {
        /// First slot.
        start: usize,
        /// Slots.
        length: usize,
    },
    /// Zero in one block a day, drawn anew each day, up to half a day long.
    ZeroSpell {
        /// Least number of slots.
        at_least: usize,
    },
    /// `y_t = a mean(x)`.
    Mean {
        /// `a`.
        factor: f64,
    },
    /// `y_t = a_t mean(x)`, `a_t` uniform.
    MeanEach {
        /// Least `a_t`.
        low: f64,
        /// Greatest `a_t`.
        high: f64,
    },
    /// `y_t = x_{n-t}`.
    Mirror,
    /// `y_t = a(d) x_t`; `a` falls in a straight line from 1 to the floor.
    Ramp {
        /// Last `a`.
        floor: f64,
        /// Days until it is reached.
        days: u32,
    },
    /// A share of the energy from 16:00 to 22:00 is spread evenly over 00:00 to 06:00.
    Shift {
        /// The share.
        share: f64,
    },
    /// Another customer's day.
    Replace,
    /// Each slot is zero with this probability.
    RandomZeros {
        /// The probability.
        share: f64,
    },
    /// One value.
    Flat {
        /// The value.
        kwh: f64,
    },
    /// `y_t = -a x_t` in one block of every day.
    Reverse {
        /// First slot.
        start: usize,
        /// Slots.
        length: usize,
        /// `a`.
        factor: f64,
    },
    /// `y_t = a x_t` from 22:00 to 06:00.
    ScaleNight {
        /// `a`.
        factor: f64,
    },
}

impl Attack {
    /// Turns the day's true values into the reported ones.
    ///
    /// `day` counts from the onset (0); `donor` is the same day of a smaller customer, which
    /// [`Attack::Replace`] reports (where there is none, or it is shorter, slots stay as they are).
    pub fn apply(&self, day: u32, values: &mut [f64], donor: &[f64], rng: &mut ChaCha8Rng) {
        let slots = values.len();
        match *self {
            Self::None => {}
            Self::Scale { factor } => scale(values, factor),
            Self::ScaleEach { low, high } => {
                for v in values {
                    *v *= between(rng, low, high);
                }
            }
            Self::Subtract { kwh } => values.iter_mut().for_each(|v| *v = (*v - kwh).max(0.0)),
            Self::Cap { kwh } => values.iter_mut().for_each(|v| *v = v.min(kwh)),
            Self::ZeroBlock { start, length } => block(values, start, length).fill(0.0),
            Self::ZeroSpell { at_least } => {
                let length = rng.random_range(at_least..=at_least.max(slots / 2)).min(slots);
                let start = rng.random_range(0..=slots - length);
                block(values, start, length).fill(0.0);
            }
            Self::Mean { factor } => values.fill(factor * mean(values)),
            Self::MeanEach { low, high } => {
                let mean = mean(values);
                for v in values {
                    *v = mean * between(rng, low, high);
                }
            }
            Self::Mirror => values.reverse(),
            Self::Ramp { floor, days } => {
                let way = (f64::from(day + 1) / f64::from(days.max(1))).min(1.0);
                scale(values, 1.0 - way * (1.0 - floor));
            }
            Self::Shift { share } => shift(values, share),
            Self::Replace => values.iter_mut().zip(donor).for_each(|(v, d)| *v = *d),
            Self::RandomZeros { share } => {
                for v in values {
                    if rng.random_bool(share) {
                        *v = 0.0;
                    }
                }
            }
            Self::Flat { kwh } => values.fill(kwh),
            Self::Reverse {
                start,
                length,
                factor,
            } => scale(block(values, start, length), -factor),
            Self::ScaleNight { factor } => {
                scale(&mut values[..slots / 4], factor);
                scale(&mut values[slots - slots / 12..], factor);
            }
        }
    }
}

fn block(values: &mut [f64], start: usize, length: usize) -> &mut [f64] {
    let end = (start + length).min(values.len());
    &mut values[start.min(end)..end]
}

fn scale(values: &mut [f64], factor: f64) {
    for v in values {
        *v *= factor;
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn shift(values: &mut [f64], share: f64) {
    let slots = values.len();
    let night = slots / 4;
    if night == 0 {
        return;
    }
    let mut moved = 0.0;
    for v in &mut values[slots * 16 / 24..slots * 22 / 24] {
        moved += *v * share;
        *v *= 1.0 - share;
    }
    values[..night]
        .iter_mut()
        .for_each(|v| *v += moved / night as f64);
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::super::random::{Purpose, stream};
    use super::*;
    use proptest::prelude::*;

    /// Two-hourly slots: night is slots 0 to 2 and 11, the evening slots 8 to 10.
    const DAY: [f64; 12] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0];

    fn reported(attack: Attack, day: u32) -> Vec<f64> {
        let mut values = DAY.to_vec();
        attack.apply(
            day,
            &mut values,
            &[0.5; 12],
            &mut stream(3, Purpose::Attack, 0, 0),
        );
        values
    }

    #[test]
    fn fixed_attacks_by_hand() {
        assert_eq!(reported(Attack::None, 0), DAY);
        assert_eq!(reported(Attack::Scale { factor: 0.5 }, 0)[..3], [0.5, 1.0, 1.5]);
        assert_eq!(
            reported(Attack::Subtract { kwh: 9.5 }, 0),
            [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 1.5, 2.5]
        );
        assert_eq!(
            reported(Attack::Cap { kwh: 3.0 }, 0),
            [1.0, 2.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0]
        );
        assert_eq!(
            reported(Attack::ZeroBlock { start: 2, length: 3 }, 0),
            [1.0, 2.0, 0.0, 0.0, 0.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0]
        );
        // The mean of 1..=12 is 6.5.
        assert_eq!(reported(Attack::Mean { factor: 0.5 }, 0), [3.25; 12]);
        assert_eq!(
            reported(Attack::Mirror, 0),
            [12.0, 11.0, 10.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0]
        );
        assert_eq!(reported(Attack::Replace, 0), [0.5; 12]);
        assert_eq!(reported(Attack::Flat { kwh: 0.3 }, 0), [0.3; 12]);
        assert_eq!(
            reported(
                Attack::Reverse {
                    start: 10,
                    length: 2,
                    factor: 0.5
                },
                0
            )[9..],
            [10.0, -5.5, -6.0]
        );
        assert_eq!(
            reported(Attack::ScaleNight { factor: 0.0 }, 0),
            [0.0, 0.0, 0.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 0.0]
        );
        // Half of 9 + 10 + 11 moves: 15 over three slots of the night.
        assert_eq!(
            reported(Attack::Shift { share: 0.5 }, 0),
            [6.0, 7.0, 8.0, 4.0, 5.0, 6.0, 7.0, 8.0, 4.5, 5.0, 5.5, 12.0]
        );
    }

    #[test]
    fn a_ramp_falls_to_its_floor_and_stays_there() {
        let ramp = Attack::Ramp { floor: 0.2, days: 4 };
        let first: Vec<_> = [0, 1, 3, 100].map(|day| reported(ramp, day)[9]).to_vec();
        assert!(
            first
                .iter()
                .zip([8.0, 6.0, 2.0, 2.0])
                .all(|(a, b)| (a - b).abs() < 1e-12),
            "{first:?}"
        );
    }

    #[test]
    fn a_spell_of_zeros_has_at_least_its_length_and_at_most_half_a_day() {
        for seed in 0..200 {
            let mut values = DAY.to_vec();
            Attack::ZeroSpell { at_least: 2 }.apply(
                0,
                &mut values,
                &[],
                &mut stream(seed, Purpose::Attack, 0, 0),
            );
            let zeros: Vec<_> = (0..12).filter(|&t| values[t] == 0.0).collect();
            assert!((2..=6).contains(&zeros.len()));
            assert_eq!(zeros[zeros.len() - 1] - zeros[0] + 1, zeros.len(), "one block");
        }
    }

    #[test]
    fn random_attacks_stay_in_their_ranges() {
        for (y, x) in reported(Attack::ScaleEach { low: 0.2, high: 0.8 }, 0)
            .iter()
            .zip(DAY)
        {
            assert!((0.2 * x..0.8 * x).contains(y));
        }
        let each = reported(Attack::MeanEach { low: 0.1, high: 0.8 }, 0);
        assert!(each.iter().all(|y| (0.65..5.2).contains(y)) && each[0] != each[1]);
        let zeros = reported(Attack::RandomZeros { share: 0.5 }, 0);
        assert!(zeros.iter().zip(DAY).all(|(y, x)| *y == 0.0 || *y == x));
        assert!(zeros.contains(&0.0) && zeros.iter().any(|y| *y > 0.0));
    }

    proptest! {
        /// Whatever the number of slots, nothing panics, and energy is never invented but by a mean or a flat line.
        #[test]
        fn any_number_of_slots(slots in 1_usize..300, seed: u64) {
            let all = [
                Attack::None,
                Attack::Scale { factor: 0.4 },
                Attack::ScaleEach { low: 0.1, high: 0.8 },
                Attack::Subtract { kwh: 0.1 },
                Attack::Cap { kwh: 0.2 },
                Attack::ZeroBlock { start: slots / 2, length: slots },
                Attack::ZeroSpell { at_least: (slots / 6).max(1) },
                Attack::Mean { factor: 0.5 },
                Attack::MeanEach { low: 0.1, high: 0.8 },
                Attack::Mirror,
                Attack::Ramp { floor: 0.3, days: 0 },
                Attack::Shift { share: 0.6 },
                Attack::RandomZeros { share: 0.3 },
                Attack::Reverse { start: 0, length: 1, factor: 0.5 },
                Attack::ScaleNight { factor: 0.1 },
            ];
            let x: Vec<f64> = (0..slots).map(|t| 0.1 + (t % 7) as f64 * 0.05).collect();
            for attack in all {
                let mut y = x.clone();
                attack.apply(3, &mut y, &[], &mut stream(seed, Purpose::Attack, 0, 0));
                prop_assert!(y.iter().sum::<f64>() <= x.iter().sum::<f64>() + 1e-9, "{attack:?}");
            }
        }
    }
}
