//! The words of the data model: units, directions, kinds, conditions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Energy and readings are integers of 10^-6 units: a sum of them never rounds.
pub const MICRO: i64 = 1_000_000;

/// Seconds of a day of the measurement clock, which knows no daylight saving.
pub const DAY_SECONDS: i64 = 86_400;

/// A meter whose rows go on for so many days after all others is not believed to be ahead of them.
pub(crate) const DAYS_AHEAD: i32 = 62;

/// Which way energy flows through a measuring component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the grid to the customer.
    Delivered,
    /// From the customer to the grid.
    Received,
}

/// How a measuring component measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One value per interval of fixed length.
    Interval,
    /// A register that is read now and then; a value covers the period since the reading before.
    Scalar,
}

/// What a component type code stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ComponentType {
    /// Unit of measure, for instance `kWh`; only `kWh` components take part in the detections.
    pub uom: String,
    /// Delivered to or received from the customer.
    pub direction: Direction,
    /// Interval or scalar.
    pub kind: Kind,
    /// Length of an interval, 300 to 86,400 seconds and a divisor of a day; absent for scalar registers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_seconds: Option<u32>,
}

impl ComponentType {
    /// Whether it counts energy: only kWh takes part in the detections.
    #[must_use]
    pub fn is_energy(&self) -> bool {
        self.uom.eq_ignore_ascii_case("kWh")
    }

    /// Whether it is a register of gas, heat or water: what else a place uses tells whether it is lived in.
    #[must_use]
    pub fn is_other_use(&self) -> bool {
        const UNITS: [&str; 10] = ["m3", "m³", "ft3", "cf", "ccf", "mcf", "therm", "mj", "gj", "l"];
        let uom = self.uom.to_lowercase();
        self.kind == Kind::Scalar && self.direction == Direction::Delivered && UNITS.contains(&uom.as_str())
    }
}

/// What a condition code says of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Condition {
    /// Read from the meter.
    Actual = 0,
    /// Estimated by the head end or the MDM.
    Estimated = 1,
    /// No value was to be had; what stands in the value column is a placeholder.
    Missing = 2,
    /// Set by an operator: treated as actual, counted apart.
    Override = 3,
    /// A code outside every known range: counted apart; actual unless the config says otherwise.
    Unknown = 4,
}

/// A range of condition codes, both ends included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConditionRange {
    /// First code of the range.
    pub from: u32,
    /// Last code of the range.
    pub to: u32,
    /// What the codes of the range mean.
    pub condition: Condition,
}

/// What a status code of an install event stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InstallStatus {
    /// Installed and connected.
    On,
    /// Installed and disconnected.
    Off,
    /// Taken away.
    Removed,
    /// Not yet installed: such an event covers nothing.
    Pending,
}
