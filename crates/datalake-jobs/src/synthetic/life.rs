//! Honest but odd: what happens to customers that looks like theft and is none.

use clap::ValueEnum;
use clap::builder::PossibleValue;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::home::{Appliance, Demands};
use super::load::Circumstances;
use super::random::{Purpose, between, days_between, mixed, unit};

/// A kind of honest oddity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LifeKind {
    /// Away for two to six weeks.
    Vacation,
    /// Moved out; nobody follows.
    Vacancy,
    /// Moved out; another household follows.
    TenantChange,
    /// LED lamps, insulation, new appliances: a modest drop that stays.
    Efficiency,
    /// Solar panels with a received channel.
    SolarInstall,
    /// Electric heating replaced by gas.
    HeatingSwitched,
    /// A new meter that reads on where the old one stopped.
    Exchange,
    /// A transformer fails for hours or days.
    AreaOutage,
    /// Weeks of estimates, then actual values again.
    EstimationSpell,
    /// Connected in the middle of the data.
    NewInstall,
    /// Whole days without data.
    DataGaps,
    /// Lived in for half of the year.
    SeasonalPremise,
    /// The electric car moves away.
    CarRemoved,
    /// Disconnected, without usage; some come back.
    Disconnection,
    /// The meter is taken away, without usage after.
    Removal,
}

impl LifeKind {
    /// All kinds.
    pub const ALL: [Self; 15] = [
        Self::Vacation,
        Self::Vacancy,
        Self::TenantChange,
        Self::Efficiency,
        Self::SolarInstall,
        Self::HeatingSwitched,
        Self::Exchange,
        Self::AreaOutage,
        Self::EstimationSpell,
        Self::NewInstall,
        Self::DataGaps,
        Self::SeasonalPremise,
        Self::CarRemoved,
        Self::Disconnection,
        Self::Removal,
    ];

    /// The name in the truth table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Vacation => "vacation",
            Self::Vacancy => "vacancy",
            Self::TenantChange => "tenant_change",
            Self::Efficiency => "efficiency",
            Self::SolarInstall => "solar_install",
            Self::HeatingSwitched => "heating_switched",
            Self::Exchange => "exchange",
            Self::AreaOutage => "area_outage",
            Self::EstimationSpell => "estimation_spell",
            Self::NewInstall => "new_install",
            Self::DataGaps => "data_gaps",
            Self::SeasonalPremise => "seasonal_premise",
            Self::CarRemoved => "car_removed",
            Self::Disconnection => "disconnection",
            Self::Removal => "removal",
        }
    }

    /// What the customer must have for this to happen.
    pub(crate) fn demands(self) -> Demands {
        let none = Demands::default();
        match self {
            Self::HeatingSwitched => Demands {
                appliance: Some(Appliance::ElectricHeating),
                ..none
            },
            Self::CarRemoved => Demands {
                appliance: Some(Appliance::Car),
                ..none
            },
            Self::SolarInstall => Demands {
                household: true,
                no_solar: true,
                ..none
            },
            Self::Vacation | Self::Vacancy | Self::TenantChange | Self::SeasonalPremise => Demands {
                household: true,
                ..none
            },
            _ => none,
        }
    }
}

impl ValueEnum for LifeKind {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
}

/// An oddity with its days. Days are counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Life {
    pub(crate) kind: LifeKind,
    /// First day.
    pub(crate) onset: i32,
    /// Last day; `None` where it lasts to the end of the data.
    pub(crate) end: Option<i32>,
    /// What the kind makes of it: a level, kWp, a month.
    strength: f64,
}

impl Life {
    pub(crate) fn draw(kind: LifeKind, first_day: i32, days: i32, rng: &mut ChaCha8Rng) -> Self {
        let last_day = first_day + days - 1;
        let mut onset = days_between(rng, first_day + days / 5, first_day + days * 4 / 5);
        let mut length = |low, high| Some((onset + days_between(rng, low, high)).min(last_day));
        let end = match kind {
            LifeKind::Vacation => length(14, 45),
            LifeKind::TenantChange | LifeKind::EstimationSpell => length(10, 60),
            LifeKind::DataGaps => length(20, 60),
            LifeKind::AreaOutage => length(0, 2),
            LifeKind::Disconnection if rng.random_bool(0.5) => {
                Some((onset + days_between(rng, 15, 90)).min(last_day))
            }
            _ => None,
        };
        let strength = match kind {
            LifeKind::Efficiency => between(rng, 0.7, 0.92),
            LifeKind::SolarInstall => between(rng, 1.5, 5.0),
            LifeKind::Vacancy | LifeKind::TenantChange => between(rng, 0.2, 0.7),
            LifeKind::SeasonalPremise => {
                onset = first_day;
                // The first month of the half year that is lived in; the sign says whether the main switch is off.
                between(rng, 3.0, 7.0).floor() * if rng.random_bool(0.5) { -1.0 } else { 1.0 }
            }
            _ => 0.0,
        };
        Self {
            kind,
            onset,
            end,
            strength,
        }
    }

    /// Whether a day belongs to it.
    pub(crate) fn covers(&self, day: i32) -> bool {
        day >= self.onset && self.end.is_none_or(|end| day <= end)
    }

    /// Whether the household that came after the change lives there.
    pub(crate) fn next_home(&self, day: i32) -> bool {
        self.kind == LifeKind::TenantChange && self.end.is_some_and(|end| day > end)
    }

    /// Whether the whole day is lost on its way.
    pub(crate) fn loses(&self, seed: u64, site: u64, day: i32) -> bool {
        self.kind == LifeKind::DataGaps
            && self.covers(day)
            && unit(mixed(seed, Purpose::Dirt, site, i64::from(day))) < 0.4
    }

    /// How the customer lives on a day.
    pub(crate) fn circumstances(&self, day: i32) -> Circumstances {
        let usual = Circumstances::USUAL;
        if !self.covers(day) {
            return usual;
        }
        match self.kind {
            LifeKind::Vacation => Circumstances {
                occupied: 0.0,
                ..usual
            },
            LifeKind::Vacancy | LifeKind::TenantChange => Circumstances {
                occupied: 0.0,
                base: self.strength,
                heating: 0.3,
                ..usual
            },
            LifeKind::Efficiency => Circumstances {
                level: self.strength,
                base: self.strength,
                ..usual
            },
            LifeKind::SolarInstall => Circumstances {
                solar_kwp: self.strength,
                ..usual
            },
            LifeKind::HeatingSwitched => Circumstances {
                heating: 0.0,
                ..usual
            },
            LifeKind::CarRemoved => Circumstances { car: false, ..usual },
            LifeKind::SeasonalPremise => {
                let month = i32::from(super::clock::date(day).month());
                if (month - self.strength.abs() as i32).rem_euclid(12) < 6 {
                    usual
                } else if self.strength < 0.0 {
                    Circumstances {
                        occupied: 0.0,
                        level: 0.0,
                        base: 0.0,
                        heating: 0.0,
                        ..usual
                    }
                } else {
                    Circumstances {
                        occupied: 0.0,
                        heating: 0.2,
                        ..usual
                    }
                }
            }
            _ => usual,
        }
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::super::random::stream;
    use super::*;

    const FIRST: i32 = 19_723;

    #[test]
    fn every_kind_is_listed_once() {
        let names: std::collections::BTreeSet<_> = LifeKind::ALL.iter().map(|k| k.name()).collect();
        assert_eq!(names.len(), LifeKind::ALL.len());
    }

    #[test]
    fn oddities_lie_inside_the_data() {
        for kind in LifeKind::ALL {
            for i in 0..100 {
                for days in [5, 90, 400] {
                    let life = Life::draw(kind, FIRST, days, &mut stream(1, Purpose::Story, i, 0));
                    assert!(life.onset >= FIRST && life.onset < FIRST + days);
                    assert!(life.end.is_none_or(|e| e >= life.onset && e < FIRST + days));
                }
            }
        }
    }

    #[test]
    fn circumstances_by_hand() {
        let life = |kind, strength| Life {
            kind,
            onset: FIRST + 10,
            end: Some(FIRST + 20),
            strength,
        };
        let away = life(LifeKind::Vacation, 0.0);
        assert_eq!(away.circumstances(FIRST + 9), Circumstances::USUAL);
        assert_eq!(away.circumstances(FIRST + 10).occupied, 0.0);
        assert_eq!(away.circumstances(FIRST + 20).occupied, 0.0);
        assert_eq!(away.circumstances(FIRST + 21), Circumstances::USUAL);
        let tenant = life(LifeKind::TenantChange, 0.5);
        assert!(!tenant.next_home(FIRST + 20) && tenant.next_home(FIRST + 21));
        assert_eq!(tenant.circumstances(FIRST + 15).base, 0.5);
        // April to September; 10 January lies outside, 10 July inside.
        let summer_house = Life {
            kind: LifeKind::SeasonalPremise,
            onset: FIRST,
            end: None,
            strength: -4.0,
        };
        assert_eq!(summer_house.circumstances(FIRST + 9).level, 0.0);
        assert_eq!(summer_house.circumstances(FIRST + 191), Circumstances::USUAL);
    }
}
