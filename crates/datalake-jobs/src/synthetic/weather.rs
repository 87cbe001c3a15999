//! Temperature and clearness of the sky, the same for the whole lake.

use std::f64::consts::TAU;

use super::random::{Purpose, normal, stream};

/// Mean of the year and half of the span between winter and summer, degrees Celsius: an oceanic climate.
const MEAN: f64 = 10.5;
const SWING: f64 = 6.5;
/// Spells of weather: standard deviation in degrees and memory from day to day.
const SPELL: f64 = 3.0;
const MEMORY: f64 = 0.75;

/// One value a day from the first day on.
#[derive(Debug, Clone)]
pub(crate) struct Weather {
    first_day: i32,
    temperature: Vec<f64>,
    clearness: Vec<f64>,
}

impl Weather {
    pub(crate) fn draw(seed: u64, first_day: i32, days: i32) -> Self {
        let mut rng = stream(seed, Purpose::Weather, 0, 0);
        let step = (1.0 - MEMORY * MEMORY).sqrt();
        let (mut warm, mut clear) = (normal(&mut rng), normal(&mut rng));
        let (mut temperature, mut clearness) = (Vec::new(), Vec::new());
        for day in first_day..first_day + days {
            warm = MEMORY * warm + step * normal(&mut rng);
            clear = 0.4 * clear + 0.9165 * normal(&mut rng);
            temperature.push(MEAN - SWING * winter(day) + SPELL * warm);
            clearness.push(0.12 + 0.88 / (1.0 + (-1.2 * clear).exp()));
        }
        Self {
            first_day,
            temperature,
            clearness,
        }
    }

    /// Mean of the day, degrees Celsius.
    pub(crate) fn temperature(&self, day: i32) -> f64 {
        self.temperature[self.index(day)]
    }

    /// Share of the clear sky's sun, 0 to 1.
    pub(crate) fn clearness(&self, day: i32) -> f64 {
        self.clearness[self.index(day)]
    }

    fn index(&self, day: i32) -> usize {
        ((day - self.first_day).max(0) as usize).min(self.temperature.len() - 1)
    }
}

/// 1 at the coldest time of the year (20 January), -1 at the warmest.
pub(crate) fn winter(day: i32) -> f64 {
    (TAU * (f64::from(day) - 19.0) / 365.2425).cos()
}

/// Output of a solar array as a share of its peak, at an hour of standard time, for 52 degrees north.
pub(crate) fn sun(day: i32, hour: f64, clearness: f64) -> f64 {
    // Declination: zero at the equinox around day 80 of the year.
    let declination = 23.44_f64.to_radians() * (TAU * (f64::from(day) - 79.0) / 365.2425).sin();
    let latitude = 52.0_f64.to_radians();
    let angle = TAU * (hour - 12.0) / 24.0;
    let height = latitude.sin() * declination.sin() + latitude.cos() * declination.cos() * angle.cos();
    0.85 * height.max(0.0).powf(1.2) * clearness
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn winters_are_cold_and_nights_dark() {
        let first = 19_723;
        let weather = Weather::draw(1, first, 366);
        let mean = |from: i32, to: i32| {
            (from..to).map(|d| weather.temperature(first + d)).sum::<f64>() / f64::from(to - from)
        };
        let (january, july) = (mean(0, 31), mean(182, 213));
        assert!(
            (0.0..9.0).contains(&january) && (12.0..22.0).contains(&july),
            "{january} {july}"
        );
        assert!(sun(first, 0.0, 1.0) < 1e-9 && sun(first, 12.0, 1.0) > 0.1);
        assert!(sun(first + 172, 12.0, 1.0) > 3.0 * sun(first, 12.0, 1.0));
        assert!((0..366).all(|d| (0.0..=1.0).contains(&weather.clearness(first + d))));
        // 1 January 2024 lies 19 days before the coldest.
        assert!((winter(first + 19) - 1.0).abs() < 1e-3);
    }
}
