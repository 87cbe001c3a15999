//! Random numbers that depend on what they are drawn for, and on nothing else.
//!
//! Each draw belongs to a purpose, a service point (or another entity) and a day; a stream is keyed by the three
//! and the seed. So every day of every service point can be made on its own, in any order and on any thread.

use std::f64::consts::TAU;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What a stream is drawn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Purpose {
    Weather = 1,
    Home,
    NextHome,
    Donor,
    Site,
    Story,
    Load,
    DonorLoad,
    Level,
    Trip,
    Drift,
    Theft,
    Reading,
    Dirt,
    Shuffle,
    Outage,
    Voltage,
    Inject,
    Attack,
}

/// The stream of a purpose, an entity and a day.
pub(crate) fn stream(seed: u64, purpose: Purpose, entity: u64, day: i64) -> ChaCha8Rng {
    let mut key = [0_u8; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&(purpose as u64).to_le_bytes());
    key[16..24].copy_from_slice(&entity.to_le_bytes());
    key[24..].copy_from_slice(&day.to_le_bytes());
    ChaCha8Rng::from_seed(key)
}

/// A well-mixed number for a purpose, an entity and a day: a stream's first draw where one is enough.
pub(crate) fn mixed(seed: u64, purpose: Purpose, entity: u64, day: i64) -> u64 {
    let mut x = seed;
    for part in [purpose as u64, entity, day as u64] {
        x = mix(x ^ part.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    }
    x
}

/// The finalizer of `SplitMix64` (Steele, Lea, Flood 2014).
pub(crate) fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// Uniform in `[0, 1)` from 53 bits.
pub(crate) fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// A standard normal number by Box and Muller's transformation of two mixed numbers.
pub(crate) fn mixed_normal(seed: u64, purpose: Purpose, entity: u64, day: i64) -> f64 {
    let a = mixed(seed, purpose, entity, day);
    box_muller(unit(a), unit(mix(a)))
}

/// A standard normal number.
pub(crate) fn normal(rng: &mut ChaCha8Rng) -> f64 {
    box_muller(rng.random(), rng.random())
}

fn box_muller(u: f64, v: f64) -> f64 {
    // 1 - u lies in (0, 1]: the logarithm is finite.
    (-2.0 * (1.0 - u).ln()).sqrt() * (TAU * v).cos()
}

/// A log-normal number with the given median.
pub(crate) fn log_normal(rng: &mut ChaCha8Rng, median: f64, sigma: f64) -> f64 {
    median * (sigma * normal(rng)).exp()
}

/// A Poisson number by Knuth's product of uniforms; meant for means below 30.
pub(crate) fn poisson(rng: &mut ChaCha8Rng, mean: f64) -> u32 {
    let limit = (-mean).exp();
    let mut product: f64 = rng.random();
    let mut count = 0;
    while product > limit {
        product *= rng.random::<f64>();
        count += 1;
    }
    count
}

/// Uniform in `[low, high)`; `low` where the range is empty.
pub(crate) fn between(rng: &mut ChaCha8Rng, low: f64, high: f64) -> f64 {
    low + (high - low).max(0.0) * rng.random::<f64>()
}

/// Uniform in `low..=high`; `low` where the range is empty.
pub(crate) fn days_between(rng: &mut ChaCha8Rng, low: i32, high: i32) -> i32 {
    if high <= low {
        low
    } else {
        rng.random_range(low..=high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_each_part_of_their_key_and_repeat() {
        let first = |s, p, e, d| stream(s, p, e, d).random::<u64>();
        let base = first(1, Purpose::Load, 2, 3);
        assert_eq!(base, first(1, Purpose::Load, 2, 3));
        for other in [
            first(2, Purpose::Load, 2, 3),
            first(1, Purpose::Home, 2, 3),
            first(1, Purpose::Load, 3, 3),
            first(1, Purpose::Load, 2, 4),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn distributions_have_their_means() {
        let mut rng = stream(5, Purpose::Load, 0, 0);
        let n = 20_000;
        let mean = |f: &mut dyn FnMut() -> f64| (0..n).map(|_| f()).sum::<f64>() / f64::from(n);
        let m = mean(&mut || normal(&mut rng));
        assert!(m.abs() < 0.03, "{m}");
        let mut rng = stream(6, Purpose::Load, 0, 0);
        let m = mean(&mut || f64::from(poisson(&mut rng, 2.5)));
        assert!((m - 2.5).abs() < 0.05, "{m}");
        let m: f64 = (0..n)
            .map(|i| mixed_normal(1, Purpose::Level, 7, i64::from(i)).powi(2))
            .sum::<f64>()
            / f64::from(n);
        assert!((m - 1.0).abs() < 0.05, "{m}");
    }
}
