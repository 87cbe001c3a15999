//! What the weather makes of a home's use: energy a day against degree days.
//!
//! `kWh a day = base + heating x max(0, below - t) + cooling x max(0, t - above)`, `t` the mean temperature of the day. That is the
//! change-point model of PRISM (Fels 1986) and of the daily method of `CalTRACK` 2.0 (section 3): least squares for every
//! pair of balance points of a fixed grid, in the order of days; a candidate whose slopes are not above zero, or whose balance
//! points leave fewer than ten days or twenty degree days, is no candidate; of the others the one with the greatest adjusted
//! R squared counts. A model is good if that is at least one half, over sixty days or more of temperatures far enough apart.

use crate::quantiles::quantile;

/// Balance points of heating, degrees Celsius.
const HEATING: [f64; 5] = [10.0, 12.0, 14.0, 16.0, 18.0];

/// Balance points of cooling, degrees Celsius.
const COOLING: [f64; 4] = [18.0, 20.0, 22.0, 24.0];

/// Days that a fit needs.
const MIN_DAYS: usize = 60;

/// Kelvin between the 5th and the 95th percentile of the days.
const MIN_RANGE: f64 = 8.0;

/// Days and degree days that a balance point needs on its side.
const MIN_SIDE: (usize, f64) = (10, 20.0);

/// Adjusted R squared of a good model.
const GOOD: f64 = 0.5;

/// Share of the mean that the base may lie below zero by, for the noise of a meter that heats and does nothing else.
const BELOW_ZERO: f64 = 0.05;

/// Kelvin beyond the days of the fit up to which the model is trusted.
const BEYOND: f64 = 3.0;

/// A home's use by temperature.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct WeatherModel {
    /// kWh a day without heating and cooling.
    base: f64,
    /// kWh a day and Kelvin below the balance point.
    heating: f64,
    /// Balance point of heating, degrees Celsius.
    below: f64,
    /// kWh a day and Kelvin above the balance point.
    cooling: f64,
    /// Balance point of cooling, degrees Celsius.
    above: f64,
    /// Adjusted R squared.
    explained: f64,
    /// Coldest and warmest day of the fit, degrees Celsius.
    range: (f64, f64),
}

/// Sums over the days, each around its mean.
#[derive(Default)]
struct Moments {
    heat: f64,
    cool: f64,
    heat_heat: f64,
    heat_cool: f64,
    cool_cool: f64,
    heat_y: f64,
    cool_y: f64,
}

impl WeatherModel {
    /// The model of days given as (degrees Celsius, kWh); `None` where there is no good one.
    pub(crate) fn fit(days: &[(f64, f64)]) -> Option<Self> {
        if days.len() < MIN_DAYS {
            return None;
        }
        let mut celsius: Vec<f64> = days.iter().map(|&(celsius, _)| celsius).collect();
        let (low, high) = (quantile(&mut celsius, 0.05)?, quantile(&mut celsius, 0.95)?);
        if high - low < MIN_RANGE {
            return None;
        }
        let coldest = celsius.iter().copied().fold(f64::INFINITY, f64::min);
        let warmest = celsius.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let n = days.len() as f64;
        let mean = days.iter().map(|&(_, kwh)| kwh).sum::<f64>() / n;
        let total: f64 = days.iter().map(|&(_, kwh)| (kwh - mean) * (kwh - mean)).sum();
        if total <= 0.0 {
            return None;
        }
        let enough = |degrees: &dyn Fn(f64) -> f64| {
            let side = days
                .iter()
                .map(|&(celsius, _)| degrees(celsius))
                .filter(|&d| d > 0.0);
            let (count, sum) = side.fold((0, 0.0), |(count, sum), d| (count + 1, sum + d));
            count >= MIN_SIDE.0 && sum >= MIN_SIDE.1
        };
        let heating = HEATING
            .into_iter()
            .filter(|below| enough(&|celsius| below - celsius));
        let cooling = COOLING
            .into_iter()
            .filter(|above| enough(&|celsius| celsius - above));
        // Infinities stand for a side that the model does without.
        let heating: Vec<f64> = std::iter::once(f64::NEG_INFINITY).chain(heating).collect();
        let cooling: Vec<f64> = std::iter::once(f64::INFINITY).chain(cooling).collect();
        let mut best: Option<Self> = None;
        for &below in &heating {
            for &above in cooling.iter().filter(|&&above| above >= below) {
                let sides = f64::from(u8::from(below.is_finite())) + f64::from(u8::from(above.is_finite()));
                let Some((slopes, unexplained)) = candidate(days, mean, (below, above)) else {
                    continue;
                };
                let (heating, cooling, base) = slopes;
                let explained = 1.0 - unexplained / total * (n - 1.0) / (n - sides - 1.0);
                if base >= -BELOW_ZERO * mean && best.is_none_or(|best| explained > best.explained) {
                    best = Some(Self {
                        base: base.max(0.0),
                        heating,
                        below,
                        cooling,
                        above,
                        explained,
                        range: (coldest, warmest),
                    });
                }
            }
        }
        best.filter(|best| best.explained >= GOOD)
    }

    /// What the home uses on a day of that temperature, kWh.
    pub(crate) fn kwh(&self, celsius: f64) -> f64 {
        let (heat, cool) = degrees((self.below, self.above), celsius);
        self.base + self.heating * heat + self.cooling * cool
    }

    /// Whether the model was fitted on days like that.
    pub(crate) fn knows(&self, celsius: f64) -> bool {
        (self.range.0 - BEYOND..=self.range.1 + BEYOND).contains(&celsius)
    }
}

/// Degree days of heating and of cooling of one day; 0 of a side that is not there.
fn degrees((below, above): (f64, f64), celsius: f64) -> (f64, f64) {
    ((below - celsius).max(0.0), (celsius - above).max(0.0))
}

/// Slopes of heating and cooling and the base by least squares, and the squared error; `None` where a slope is not above zero.
fn candidate(days: &[(f64, f64)], mean: f64, points: (f64, f64)) -> Option<((f64, f64, f64), f64)> {
    let n = days.len() as f64;
    let mut sums = (0.0, 0.0);
    for &(celsius, _) in days {
        let (heat, cool) = degrees(points, celsius);
        sums = (sums.0 + heat, sums.1 + cool);
    }
    let mut m = Moments {
        heat: sums.0 / n,
        cool: sums.1 / n,
        ..Moments::default()
    };
    for &(celsius, kwh) in days {
        let (heat, cool) = degrees(points, celsius);
        let (heat, cool, y) = (heat - m.heat, cool - m.cool, kwh - mean);
        m.heat_heat += heat * heat;
        m.heat_cool += heat * cool;
        m.cool_cool += cool * cool;
        m.heat_y += heat * y;
        m.cool_y += cool * y;
    }
    let (heating, cooling) = match (points.0.is_finite(), points.1.is_finite()) {
        (true, true) => {
            let determinant = m.heat_heat * m.cool_cool - m.heat_cool * m.heat_cool;
            let heating = (m.heat_y * m.cool_cool - m.cool_y * m.heat_cool) / determinant;
            let cooling = (m.cool_y * m.heat_heat - m.heat_y * m.heat_cool) / determinant;
            (heating, cooling)
        }
        (true, false) => (m.heat_y / m.heat_heat, 0.0),
        (false, true) => (0.0, m.cool_y / m.cool_cool),
        (false, false) => return None,
    };
    let sound = |slope: f64, there: bool| slope.is_finite() && (slope > 0.0 || !there);
    if !sound(heating, points.0.is_finite()) || !sound(cooling, points.1.is_finite()) {
        return None;
    }
    let base = mean - heating * m.heat - cooling * m.cool;
    let mut unexplained = 0.0;
    for &(celsius, kwh) in days {
        let (heat, cool) = degrees(points, celsius);
        let error = kwh - base - heating * heat - cooling * cool;
        unexplained += error * error;
    }
    Some(((heating, cooling, base), unexplained))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::rules::testing::noise;
    use proptest::prelude::*;

    /// A year from the coldest day on: 8 degrees up and down around 10.
    fn year() -> Vec<f64> {
        (0..365)
            .map(|day| 10.0 - 8.0 * (f64::from(day) / 365.0 * std::f64::consts::TAU).cos())
            .collect()
    }

    fn days(celsius: &[f64], kwh: impl Fn(usize, f64) -> f64) -> Vec<(f64, f64)> {
        let days = celsius.iter().enumerate();
        days.map(|(day, &celsius)| (celsius, kwh(day, celsius))).collect()
    }

    #[test]
    fn the_parameters_that_made_the_days_are_found() {
        // 5 kWh a day, and 1.5 for each degree below 14.
        let model = WeatherModel::fit(&days(&year(), |_, t| 5.0 + 1.5 * (14.0 - t).max(0.0))).unwrap();
        assert!((model.base - 5.0).abs() < 1e-9, "{model:?}");
        assert!((model.heating - 1.5).abs() < 1e-9 && (model.below - 14.0).abs() < 1e-9);
        assert!(model.cooling.abs() < 1e-9 && model.explained > 0.999_999);
        // At 4 degrees: 5 + 1.5 x 10.
        assert!((model.kwh(4.0) - 20.0).abs() < 1e-9);
        assert!((model.kwh(25.0) - 5.0).abs() < 1e-9);
    }

    #[test]
    fn heating_and_cooling_are_told_apart() {
        let celsius: Vec<f64> = year().iter().map(|t| t + 8.0).collect();
        let kwh = |_, t: f64| 6.0 + 1.0 * (12.0 - t).max(0.0) + 2.0 * (t - 22.0_f64).max(0.0);
        let model = WeatherModel::fit(&days(&celsius, kwh)).unwrap();
        assert!((model.heating - 1.0).abs() < 1e-9 && (model.cooling - 2.0).abs() < 1e-9);
        assert!((model.below - 12.0).abs() < 1e-9 && (model.above - 22.0).abs() < 1e-9);
        assert!((model.kwh(26.0) - 14.0).abs() < 1e-9);
    }

    #[test]
    fn a_home_that_the_weather_does_not_move_has_no_model() {
        assert_eq!(
            WeatherModel::fit(&days(&year(), |day, _| 8.0 + noise(1, day))),
            None
        );
        // Less in the cold is no heating.
        assert_eq!(
            WeatherModel::fit(&days(&year(), |_, t| 10.0 + (t - 17.0).min(0.0))),
            None
        );
    }

    #[test]
    fn few_days_or_a_narrow_range_are_no_basis() {
        let heated = |_: usize, t: f64| 5.0 + 1.5 * (14.0 - t).max(0.0);
        let up_and_down: Vec<f64> = (0..60).map(|day| f64::from(day % 20)).collect();
        assert!(WeatherModel::fit(&days(&up_and_down, heated)).is_some());
        assert_eq!(WeatherModel::fit(&days(&up_and_down[1..], heated)), None);
        // The coldest 60 days of a year are within a few degrees.
        assert_eq!(WeatherModel::fit(&days(&year()[..60], heated)), None);
    }

    #[test]
    fn every_balance_point_of_the_grid_is_found() {
        for point in [10.0, 12.0, 14.0, 16.0, 18.0_f64] {
            let heated = WeatherModel::fit(&days(&year(), |_, t| 5.0 + (point - t).max(0.0))).unwrap();
            assert!((heated.below - point).abs() < 1e-9, "{heated:?}");
        }
        let warm: Vec<f64> = year().iter().map(|t| t + 10.0).collect();
        for point in [18.0, 20.0, 22.0, 24.0_f64] {
            let cooled = WeatherModel::fit(&days(&warm, |_, t| 5.0 + (t - point).max(0.0))).unwrap();
            assert!((cooled.above - point).abs() < 1e-9, "{cooled:?}");
        }
    }

    #[test]
    fn nine_tenths_of_the_days_must_lie_eight_degrees_apart() {
        let fitted = |degrees: f64| {
            let ladder: Vec<f64> = (0..=100).map(|day| f64::from(day) / 100.0 * degrees).collect();
            WeatherModel::fit(&days(&ladder, |_, t| 5.0 + (10.0 - t).max(0.0))).is_some()
        };
        assert!(fitted(8.9) && !fitted(8.88));
    }

    #[test]
    fn ten_days_and_twenty_degree_days_make_a_side() {
        // `cold` days at a temperature, the others far from any balance point.
        let fitted = |cold: usize, celsius: f64| {
            let all: Vec<f64> = (0..70)
                .map(|day| if day < cold { celsius } else { 30.0 })
                .collect();
            WeatherModel::fit(&days(&all, |_, t| 5.0 + (18.0 - t).max(0.0))).is_some()
        };
        assert!(fitted(10, 4.0) && !fitted(9, 4.0));
        assert!(fitted(10, 16.0) && !fitted(10, 16.1));
    }

    #[test]
    fn a_good_model_explains_half() {
        // 9 and 11 kWh by two temperatures, and `off` up and down: 1 / (1 + off^2) of the squares, less one of 99 days for the slope.
        let fitted = |off: f64| {
            let all: Vec<f64> = (0..100).map(|day| if day < 50 { 0.0 } else { 20.0 }).collect();
            let kwh = |day: usize, t: f64| {
                let middle = if t < 10.0 { 11.0 } else { 9.0 };
                middle + if day.is_multiple_of(2) { off } else { -off }
            };
            WeatherModel::fit(&days(&all, kwh)).is_some()
        };
        // 0.515 and 0.485 of them.
        assert!(fitted(0.97) && !fitted(1.03));
    }

    #[test]
    fn a_base_a_little_below_zero_is_noise_and_one_far_below_no_base() {
        // 5 kWh a day; at 0 degrees `more`, at 8 as much less: at the balance point of 10 degrees 5 - 1.5 x more are left.
        let fitted = |more: f64| {
            let all: Vec<f64> = (0..80).map(|day| if day < 40 { 0.0 } else { 8.0 }).collect();
            WeatherModel::fit(&days(&all, |_, t| if t < 4.0 { 5.0 + more } else { 5.0 - more }))
        };
        // 0.235 below zero, and 0.28; a twentieth of 5 is 0.25.
        assert!(fitted(3.49).unwrap().base.abs() < 1e-9);
        assert_eq!(fitted(3.52), None);
    }

    #[test]
    fn beyond_the_days_of_the_fit_little_is_known() {
        let model = WeatherModel::fit(&days(&year(), |_, t| 5.0 + 1.5 * (14.0 - t).max(0.0))).unwrap();
        assert!(model.knows(-0.9) && !model.knows(-1.1));
        assert!(model.knows(20.9) && !model.knows(21.1));
    }

    proptest! {
        /// Twice the energy is twice the model, and noise moves it little.
        #[test]
        fn the_model_scales_and_bears_noise(seed in 0_u64..500, size in 0.5_f64..5.0) {
            let kwh = |day: usize, t: f64| size * (4.0 + (16.0 - t).max(0.0)) * (0.9 + 0.2 * noise(seed, day));
            let model = WeatherModel::fit(&days(&year(), kwh)).unwrap();
            let double = WeatherModel::fit(&days(&year(), |day, t| 2.0 * kwh(day, t))).unwrap();
            for t in [2.0, 8.0, 14.0, 18.0] {
                let expected = size * (4.0 + (16.0_f64 - t).max(0.0));
                prop_assert!((model.kwh(t) / expected - 1.0).abs() < 0.1, "{} for {expected} at {t}", model.kwh(t));
                prop_assert!((double.kwh(t) / model.kwh(t) - 2.0).abs() < 1e-6);
            }
        }
    }
}
