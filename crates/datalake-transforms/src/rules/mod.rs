//! Rules: what is judged of every stay, one file a rule.
//!
//! A rule yields [`RuleEvidence`] whether it hits or not, so that an explanation can show how near it came. Rules rest
//! on usable intervals only; those about usage without a contract rest on actual intervals while off or uninstalled.

pub mod clipped_peaks;
mod config;
mod context;
pub mod drop_after_exchange;
pub(crate) mod fall;
pub mod flatline;
pub mod gradual_decline;
pub mod load_shifted;
pub mod mean_shape;
pub mod missing_before_drop;
pub mod multiplier_changed;
pub mod overlapping_install;
pub mod partial_bypass;
pub mod pattern_lost;
pub mod peer_low;
pub mod prolonged_estimation;
pub mod register_mismatch;
pub mod repeated_day;
pub mod reverse_flow;
pub mod sibling_mismatch;
pub mod sustained_drop;
pub mod tamper_then_drop;
#[cfg(test)]
pub(crate) mod testing;
mod thresholds;
pub mod transformer_balance;
mod usage;
pub mod usage_disconnected;
pub mod usage_not_installed;
pub mod zero_while_on;

pub use config::RuleConfig;
pub(crate) use config::{whole, within};
pub(crate) use context::StayContext;
pub use thresholds::Threshold;

/// The rules, in the order in which explanations show them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Rule {
    /// See [`usage_not_installed`].
    UsageNotInstalled,
    /// See [`usage_disconnected`].
    UsageDisconnected,
    /// See [`zero_while_on`].
    ZeroWhileOn,
    /// See [`sustained_drop`].
    SustainedDrop,
    /// See [`gradual_decline`].
    GradualDecline,
    /// See [`multiplier_changed`].
    MultiplierChanged,
    /// See [`missing_before_drop`].
    MissingBeforeDrop,
    /// See [`partial_bypass`].
    PartialBypass,
    /// See [`clipped_peaks`].
    ClippedPeaks,
    /// See [`mean_shape`].
    MeanShape,
    /// See [`load_shifted`].
    LoadShifted,
    /// See [`pattern_lost`].
    PatternLost,
    /// See [`flatline`].
    Flatline,
    /// See [`repeated_day`].
    RepeatedDay,
    /// See [`reverse_flow`].
    ReverseFlow,
    /// See [`overlapping_install`].
    OverlappingInstall,
    /// See [`drop_after_exchange`].
    DropAfterExchange,
    /// See [`sibling_mismatch`].
    SiblingMismatch,
    /// See [`register_mismatch`].
    RegisterMismatch,
    /// See [`tamper_then_drop`].
    TamperThenDrop,
    /// See [`transformer_balance`].
    TransformerBalance,
    /// See [`prolonged_estimation`].
    ProlongedEstimation,
    /// See [`peer_low`].
    PeerLow,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 23] = [
        Self::UsageNotInstalled,
        Self::UsageDisconnected,
        Self::ZeroWhileOn,
        Self::SustainedDrop,
        Self::GradualDecline,
        Self::MultiplierChanged,
        Self::MissingBeforeDrop,
        Self::PartialBypass,
        Self::ClippedPeaks,
        Self::MeanShape,
        Self::LoadShifted,
        Self::PatternLost,
        Self::Flatline,
        Self::RepeatedDay,
        Self::ReverseFlow,
        Self::OverlappingInstall,
        Self::DropAfterExchange,
        Self::SiblingMismatch,
        Self::RegisterMismatch,
        Self::TamperThenDrop,
        Self::TransformerBalance,
        Self::ProlongedEstimation,
        Self::PeerLow,
    ];

    /// The code in `reasons` and `reason_codes`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::UsageNotInstalled => "USAGE_NOT_INSTALLED",
            Self::UsageDisconnected => "USAGE_DISCONNECTED",
            Self::ZeroWhileOn => "ZERO_WHILE_ON",
            Self::SustainedDrop => "SUSTAINED_DROP",
            Self::GradualDecline => "GRADUAL_DECLINE",
            Self::MultiplierChanged => "MULTIPLIER_CHANGED",
            Self::MissingBeforeDrop => "MISSING_BEFORE_DROP",
            Self::PartialBypass => "PARTIAL_BYPASS",
            Self::ClippedPeaks => "CLIPPED_PEAKS",
            Self::MeanShape => "MEAN_SHAPE",
            Self::LoadShifted => "LOAD_SHIFTED",
            Self::PatternLost => "PATTERN_LOST",
            Self::Flatline => "FLATLINE",
            Self::RepeatedDay => "REPEATED_DAY",
            Self::ReverseFlow => "REVERSE_FLOW",
            Self::OverlappingInstall => "OVERLAPPING_INSTALL",
            Self::DropAfterExchange => "DROP_AFTER_EXCHANGE",
            Self::SiblingMismatch => "SIBLING_MISMATCH",
            Self::RegisterMismatch => "REGISTER_MISMATCH",
            Self::TamperThenDrop => "TAMPER_THEN_DROP",
            Self::TransformerBalance => "TRANSFORMER_BALANCE",
            Self::ProlongedEstimation => "PROLONGED_ESTIMATION",
            Self::PeerLow => "PEER_LOW",
        }
    }

    /// Whether the onset is a day on which something changed, not the start of a window.
    #[must_use]
    pub fn dates(self) -> bool {
        !matches!(
            self,
            Self::PeerLow | Self::GradualDecline | Self::MissingBeforeDrop | Self::MultiplierChanged
        )
    }

    /// What the rule looks at: rules of one family see the same fact from several sides, and do not add up as if
    /// each were a fact of its own.
    #[must_use]
    pub fn family(self) -> Family {
        match self {
            Self::ZeroWhileOn
            | Self::SustainedDrop
            | Self::GradualDecline
            | Self::MultiplierChanged
            | Self::MissingBeforeDrop
            | Self::DropAfterExchange
            | Self::SiblingMismatch
            | Self::PeerLow => Family::Level,
            Self::PartialBypass
            | Self::ClippedPeaks
            | Self::MeanShape
            | Self::LoadShifted
            | Self::PatternLost
            | Self::Flatline
            | Self::RepeatedDay => Family::Shape,
            Self::ReverseFlow => Family::Reverse,
            Self::RegisterMismatch => Family::Register,
            Self::TamperThenDrop => Family::Device,
            Self::TransformerBalance => Family::Network,
            Self::UsageNotInstalled | Self::UsageDisconnected | Self::OverlappingInstall => Family::Contract,
            Self::ProlongedEstimation => Family::Data,
        }
    }

    /// What `value` and `threshold` measure, and how a hit compares them.
    #[must_use]
    pub fn measure(self) -> Measure {
        match self {
            Self::UsageNotInstalled | Self::UsageDisconnected => Measure::at_least("days with usage"),
            Self::ZeroWhileOn => Measure::at_least("days at zero"),
            Self::SustainedDrop => Measure::at_most("of the level before"),
            Self::Flatline => Measure::at_least("flat days"),
            Self::GradualDecline => Measure::at_most("of the level at the start of the slope"),
            Self::MultiplierChanged => Measure::at_most("off a fraction that wrong multipliers make"),
            Self::MissingBeforeDrop => Measure::more_than("of the reads missing beyond the usual share"),
            Self::PartialBypass => Measure::at_least("hours a day missing"),
            Self::ClippedPeaks => Measure::at_least("of the days end at a cap passed before"),
            Self::MeanShape => {
                Measure::at_least("more like the mirrored former day than like the former day")
            }
            Self::LoadShifted => Measure::at_least("of the day's energy moved to other hours"),
            Self::PatternLost => Measure::at_least("of correlation lost"),
            Self::RepeatedDay => Measure::at_least("days that repeat others"),
            Self::ReverseFlow => Measure::at_least("days with negative energy"),
            Self::OverlappingInstall => Measure::at_least("days of contradicting install events"),
            Self::DropAfterExchange => Measure::at_most("of the old meter's level"),
            Self::SiblingMismatch => Measure::at_most(
                "of the fall made up by the other meters (of gas, heat or water: their own change)",
            ),
            Self::RegisterMismatch => {
                Measure::at_least("of the register's energy missing in what was counted beside it")
            }
            Self::TamperThenDrop => Measure::at_most("days from a tamper or power event to the fall"),
            Self::TransformerBalance => Measure::at_least("of the fall is still supplied by the transformer"),
            Self::ProlongedEstimation => Measure::more_than("days without an actual value"),
            Self::PeerLow => Measure::at_most("robust z among the peers"),
        }
    }
}

/// What rules look at, see [`Rule::family`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Family {
    /// How much is used.
    Level,
    /// When it is used.
    Shape,
    /// Less than nothing is.
    Reverse,
    /// What the device's own register counts.
    Register,
    /// What the device says of itself.
    Device,
    /// What the network supplies.
    Network,
    /// What install events say.
    Contract,
    /// Whether there is data.
    Data,
}

impl Family {
    /// Number of families.
    pub const COUNT: usize = 8;
}

/// What a rule's value measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measure {
    /// Unit, as text after the number.
    pub unit: &'static str,
    /// How a hit compares the value with the threshold: `at least`, `more than` or `at most`.
    pub hit_is: &'static str,
}

impl Measure {
    const fn at_least(unit: &'static str) -> Self {
        Self {
            unit,
            hit_is: "at least",
        }
    }

    const fn more_than(unit: &'static str) -> Self {
        Self {
            unit,
            hit_is: "more than",
        }
    }

    const fn at_most(unit: &'static str) -> Self {
        Self {
            unit,
            hit_is: "at most",
        }
    }
}

/// What came of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Its condition holds.
    Hit,
    /// It does not.
    Miss,
    /// The number would do, but something else that a hit needs is lacking.
    MissFor(Lack),
    /// There was nothing to judge by.
    NotJudged(Gap),
}

/// What a near miss lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// The home's own noise is as great.
    Unclear,
    /// The home has shown such a level before.
    ShownBefore,
    /// It did not last.
    TooShort,
    /// Some hours fell more than others.
    Uneven,
    /// A level that an empty home may have.
    TooLow,
    /// The load did so from the first day on.
    NotNew,
}

impl Lack {
    /// As text.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Unclear => "too unclear against the home's own noise",
            Self::ShownBefore => "such a level was shown before",
            Self::TooShort => "too short",
            Self::Uneven => "not everything fell alike",
            Self::TooLow => "no more than an empty home draws",
            Self::NotNew => "nothing else was seen before",
        }
    }
}

/// Why a rule could not be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// Too few whole days, before or after.
    TooFewDays,
    /// Too few peers.
    TooFewPeers,
    /// Nothing else hung at the service point before.
    NoPredecessor,
    /// A channel for received energy explains negative values.
    ReceivedChannel,
    /// The meter counts in steps so coarse that it repeats values anyway.
    CoarseSteps,
    /// An install event that cannot be used may cover the usage.
    InstallInDoubt,
    /// So many components lack install events that having none means nothing.
    InstallEventsIncomplete,
    /// The hours of the days are not known.
    NoHours,
    /// No other meter or channel hangs at the service point, or none fell.
    NoSiblings,
    /// The device has no register beside its intervals.
    NoRegister,
    /// The level did not fall.
    NoFall,
    /// No meter of the transformer, or too few days on which all its meters have actual values.
    NoBalance,
    /// No tamper or power event of the device before a fall.
    NoEvents,
    /// The load is the same at all times.
    NeverVaried,
    /// A register whose readings lie weeks or months apart: its bills are judged, not its days.
    LongPeriods,
    /// Half of the days or more are at zero, which another rule judges.
    MostlyZeros,
}

impl Gap {
    /// As text.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::TooFewDays => "too few whole days",
            Self::TooFewPeers => "too few peers",
            Self::NoHours => "the hours of the days are not known on enough days",
            Self::NeverVaried => "the load is nearly the same at all times",
            Self::NoSiblings => "no fall beside other meters or channels",
            Self::NoRegister => "no register beside the intervals",
            Self::NoFall => "the level did not fall",
            Self::NoBalance => "the transformer cannot be balanced",
            Self::NoEvents => "no tamper or power event of the meter alone before a fall",
            Self::NoPredecessor => "no meter hung there before",
            Self::CoarseSteps => "the meter counts in coarse steps",
            Self::InstallInDoubt => "an install event of the meter cannot be used",
            Self::InstallEventsIncomplete => "install events are incomplete",
            Self::MostlyZeros => "mostly zeros, see ZERO_WHILE_ON",
            Self::LongPeriods => "readings lie weeks or months apart",
            Self::ReceivedChannel => "the service point has a channel for received energy",
        }
    }
}

/// What one rule found at one stay.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RuleEvidence {
    /// Which rule.
    pub rule: Rule,
    /// Hit, miss or not judged.
    pub verdict: Verdict,
    /// The measured value, see [`Rule::measure`]; NaN where there is none.
    pub value: f32,
    /// What a hit needs.
    pub threshold: f32,
    /// First day (since 1970-01-01) of what was found; meaningful for hits.
    pub onset_day: i32,
    /// Last day of it, included.
    pub end_day: i32,
    /// 0..1. Of a hit: how sure. Of a miss: how near it came.
    pub strength: f32,
    /// Energy at stake, 10^-6 kWh.
    pub kwh_micro: i64,
}

impl RuleEvidence {
    pub(crate) fn not_judged(rule: Rule, gap: Gap, threshold: f64) -> Self {
        Self {
            rule,
            verdict: Verdict::NotJudged(gap),
            value: f32::NAN,
            threshold: threshold as f32,
            onset_day: 0,
            end_day: 0,
            strength: 0.0,
            kwh_micro: 0,
        }
    }

    /// Whether the rule's condition holds.
    #[must_use]
    pub fn is_hit(&self) -> bool {
        self.verdict == Verdict::Hit
    }
}

/// 0 at or below `from`, 1 at or above `to`, straight in between; `from > to` turns it round.
pub(crate) fn ramp(x: f64, from: f64, to: f64) -> f64 {
    // Adding zero makes a negative zero a plain one.
    ((x - from) / (to - from)).clamp(0.0, 1.0) + 0.0
}
