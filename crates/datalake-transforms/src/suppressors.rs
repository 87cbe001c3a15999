//! Suppressors: reasons that explain a hit without theft. Each names itself, the rules it lowers, by what factor, and why.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::TransformError;
use crate::rules::Rule;

mod find;
mod hours;
mod vacancy;
mod weather;

pub(crate) use find::{PAPERWORK_DAYS, suppress};

/// Factors of the suppressors: what is left of a rule's strength, 0 (nothing) to 1 (all of it).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SuppressorConfig {
    /// The home looks empty: its days vary far less, or far more, than they did.
    pub vacancy: f64,
    /// The home was at zero now and then before: the mains are switched off when nobody is there.
    pub mains_off_before: f64,
    /// Zeros ended by themselves.
    pub resumed: f64,
    /// Many meters were silent on the same days.
    pub area_outage: f64,
    /// The peers fell alike.
    pub season: f64,
    /// The temperatures explain the fall, by how the home followed them before.
    pub weather: f64,
    /// The same pattern a year before.
    pub seasonal_premise: f64,
    /// Solar: a channel for received energy, or energy that fell around midday alone.
    pub solar: f64,
    /// The meter was exchanged and its successor reads as it had read before.
    pub exchange_with_continuity: f64,
    /// Few of the values since the onset are actual.
    pub mostly_estimated: f64,
    /// Too short a time before the onset, in part; half of the time will do where all hours of the day fell alike.
    pub new_install: f64,
    /// No data around the onset: what happened then was not seen.
    pub data_gap: f64,
    /// The removal of the meter was recorded soon after.
    pub planned_removal: f64,
    /// Usage before the first install event, up to it, or between a removal and an install soon after: the paperwork is
    /// late, or was early. The same of a few days between two places: a test of the meter.
    pub late_paperwork: f64,
    /// A register: months between its readings hide when and how a level fell, so levels of registers open no case alone.
    pub billing_register: f64,
    /// Another channel or meter of the service point rose by what this one fell.
    pub sibling_rose: f64,
    /// The level fell, but not all hours fell alike: people or appliances left, not a share of everything.
    pub hours_kept: f64,
}

impl Default for SuppressorConfig {
    fn default() -> Self {
        Self {
            vacancy: 0.5,
            mains_off_before: 0.5,
            resumed: 0.5,
            area_outage: 0.2,
            season: 0.5,
            weather: 0.3,
            seasonal_premise: 0.3,
            solar: 0.3,
            exchange_with_continuity: 0.3,
            mostly_estimated: 0.3,
            new_install: 0.5,
            data_gap: 0.7,
            planned_removal: 0.3,
            late_paperwork: 0.3,
            billing_register: 0.55,
            sibling_rose: 0.2,
            hours_kept: 0.5,
        }
    }
}

impl SuppressorConfig {
    /// The factor of a suppressor.
    #[must_use]
    pub fn factor(&self, suppressor: Suppressor) -> f64 {
        match suppressor {
            Suppressor::Vacancy => self.vacancy,
            Suppressor::MainsOffBefore => self.mains_off_before,
            Suppressor::Resumed => self.resumed,
            Suppressor::AreaOutage => self.area_outage,
            Suppressor::Season => self.season,
            Suppressor::Weather => self.weather,
            Suppressor::SeasonalPremise => self.seasonal_premise,
            Suppressor::Solar => self.solar,
            Suppressor::ExchangeWithContinuity => self.exchange_with_continuity,
            Suppressor::MostlyEstimated => self.mostly_estimated,
            Suppressor::NewInstall => self.new_install,
            Suppressor::DataGap => self.data_gap,
            Suppressor::PlannedRemoval => self.planned_removal,
            Suppressor::LatePaperwork => self.late_paperwork,
            Suppressor::BillingRegister => self.billing_register,
            Suppressor::SiblingRose => self.sibling_rose,
            Suppressor::HoursKept => self.hours_kept,
        }
    }

    pub(crate) fn validate(&self) -> Result<(), TransformError> {
        for suppressor in Suppressor::ALL {
            let value = self.factor(suppressor);
            if !(0.0..=1.0).contains(&value) {
                return Err(TransformError::Parameter {
                    name: format!("rules.suppressors.{}", suppressor.name()),
                    value: value.to_string(),
                    why: "must be a number from 0 (silences the rule) to 1 (changes nothing)".to_owned(),
                });
            }
        }
        Ok(())
    }
}

/// The suppressors, in the order in which explanations show them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Suppressor {
    /// See [`SuppressorConfig::vacancy`]; the same for those that follow.
    Vacancy,
    /// Zeros before.
    MainsOffBefore,
    /// Zeros ended.
    Resumed,
    /// Others silent too.
    AreaOutage,
    /// Peers fell alike.
    Season,
    /// The temperatures explain it.
    Weather,
    /// The same a year before.
    SeasonalPremise,
    /// Received energy.
    Solar,
    /// Exchanged, and as before.
    ExchangeWithContinuity,
    /// Few actual values.
    MostlyEstimated,
    /// Short baseline.
    NewInstall,
    /// Nothing seen around the onset.
    DataGap,
    /// Removed soon after.
    PlannedRemoval,
    /// Usage up to the first install event, or between two.
    LatePaperwork,
    /// Totals of months only.
    BillingRegister,
    /// Energy moved to a sibling.
    SiblingRose,
    /// Some hours kept their level.
    HoursKept,
}

impl Suppressor {
    /// All suppressors.
    pub const ALL: [Self; 17] = [
        Self::Vacancy,
        Self::MainsOffBefore,
        Self::Resumed,
        Self::AreaOutage,
        Self::Season,
        Self::Weather,
        Self::SeasonalPremise,
        Self::Solar,
        Self::ExchangeWithContinuity,
        Self::MostlyEstimated,
        Self::NewInstall,
        Self::DataGap,
        Self::PlannedRemoval,
        Self::LatePaperwork,
        Self::BillingRegister,
        Self::SiblingRose,
        Self::HoursKept,
    ];

    /// Name, as in the config.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Vacancy => "vacancy",
            Self::MainsOffBefore => "mains_off_before",
            Self::Resumed => "resumed",
            Self::AreaOutage => "area_outage",
            Self::Season => "season",
            Self::Weather => "weather",
            Self::SeasonalPremise => "seasonal_premise",
            Self::Solar => "solar",
            Self::ExchangeWithContinuity => "exchange_with_continuity",
            Self::MostlyEstimated => "mostly_estimated",
            Self::NewInstall => "new_install",
            Self::DataGap => "data_gap",
            Self::PlannedRemoval => "planned_removal",
            Self::LatePaperwork => "late_paperwork",
            Self::BillingRegister => "billing_register",
            Self::SiblingRose => "sibling_rose",
            Self::HoursKept => "hours_kept",
        }
    }
}

/// A suppressor at work.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Suppression {
    /// Which one.
    pub suppressor: Suppressor,
    /// The one rule that it lowers.
    pub rule: Rule,
    /// What is left of the rule's strength.
    pub factor: f32,
    /// What was measured, for the text.
    pub measured: f32,
}

impl Suppression {
    /// Why, as text with the numbers that it rests on.
    #[must_use]
    pub fn text(&self) -> String {
        let x = self.measured;
        match self.suppressor {
            Suppressor::Vacancy if x < 0.0 => {
                format!(
                    "other use of the service point fell as well, to {:.2} of what it was before",
                    -x
                )
            }
            Suppressor::Vacancy => {
                format!("the home looks empty: its days vary {x:.2} times as much as before")
            }
            Suppressor::MainsOffBefore => {
                format!("the home was at zero on {x:.0} days of the year before as well")
            }
            Suppressor::Resumed => format!("use came back by itself, {x:.0} whole days of it follow"),
            Suppressor::AreaOutage => {
                format!("{:.0} % of the days fall into an outage of the area", 100.0 * x)
            }
            Suppressor::Season => {
                format!("the peers fell alike: against them the level is {x:.2} of that before")
            }
            Suppressor::Weather if self.rule == Rule::ZeroWhileOn => {
                format!(
                    "the weather explains it: at such temperatures {x:.2} of the level before is to be expected"
                )
            }
            Suppressor::Weather => {
                format!("the weather explains it: the level is {x:.2} of what it was at such temperatures")
            }
            Suppressor::SeasonalPremise => {
                format!("the same happened a year before: the level is {x:.2} of that in the same season")
            }
            Suppressor::Solar if x < 0.0 => "a channel receives energy at the service point".to_owned(),
            Suppressor::Solar => {
                format!("energy fell around midday alone: nights keep {x:.2} of their level")
            }
            Suppressor::ExchangeWithContinuity => {
                format!("the meter was exchanged and the new one reads {x:.2} of the level before the onset")
            }
            Suppressor::MostlyEstimated => {
                format!("{:.0} % of the values since the onset are actual", 100.0 * x)
            }
            Suppressor::NewInstall => format!("{x:.0} days before the onset are few to know the home by"),
            Suppressor::DataGap => format!("no whole day was seen for {x:.0} days around the onset"),
            Suppressor::PlannedRemoval => {
                format!("the meter was removed as planned {x:.0} days after the onset")
            }
            Suppressor::LatePaperwork if x < 0.0 => {
                format!(
                    "the usage fills {:.0} days between a removal and the next install: paperwork, or a test",
                    -x
                )
            }
            Suppressor::LatePaperwork => {
                format!("the usage runs up to the first install event, {x:.0} days: it was recorded late")
            }
            Suppressor::BillingRegister => {
                format!(
                    "of {x:.0} days from the onset only the totals between readings of a register are known"
                )
            }
            Suppressor::HoursKept => {
                format!("not all hours fell: those that fell least are at {x:.2} of their level before")
            }
            Suppressor::SiblingRose => {
                format!(
                    "other meters of the service point made up for {:.0} % of the fall",
                    100.0 * x
                )
            }
        }
    }
}
