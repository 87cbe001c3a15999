//! The lake's tables, declared: canonical columns, their types, and which of them a table cannot do without.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// What a canonical column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// Text; ids are text, because leading zeros matter.
    Text,
    /// A moment on the table's clock, in microseconds, without a zone.
    Timestamp,
    /// A decimal as an integer of 10^-6 units; the canonical column's name ends in `_micro`.
    Decimal6,
    /// A whole number.
    Integer,
    /// A measured number that nobody adds up.
    Float,
}

impl ColumnType {
    /// The Arrow type of the canonical column; text is a dictionary where `dictionary` says so.
    #[must_use]
    pub fn data_type(self, dictionary: bool) -> DataType {
        match self {
            Self::Text if dictionary => {
                DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
            }
            Self::Text => DataType::Utf8,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Decimal6 | Self::Integer => DataType::Int64,
            Self::Float => DataType::Float64,
        }
    }
}

/// How much a table depends on a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The column must be there, and a row without a value is rejected.
    Key,
    /// The column must be there; a row may lack the value.
    Required,
    /// The column may be absent.
    Optional,
}

/// One canonical column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnSpec {
    /// Canonical name, as in the config's `columns`.
    pub name: &'static str,
    /// What it holds.
    pub column_type: ColumnType,
    /// How much the table depends on it.
    pub need: Need,
}

impl ColumnSpec {
    /// Name of the column in canonical batches: decimals carry their unit.
    #[must_use]
    pub fn canonical_name(&self) -> String {
        match self.column_type {
            ColumnType::Decimal6 => format!("{}_micro", self.name),
            _ => self.name.to_owned(),
        }
    }
}

/// Which clock a table's canonical timestamps are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableClock {
    /// A fixed offset, never shifted for daylight saving.
    Measurement,
    /// Legal time of the install zone.
    Legal,
}

/// One table of the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableSpec {
    /// Name of the table and of its folder, whatever the preset.
    pub name: &'static str,
    /// Whether a job cannot run without it.
    pub required: bool,
    /// The clock of its canonical timestamps.
    pub clock: TableClock,
    /// Its columns, in canonical order.
    pub columns: &'static [ColumnSpec],
    /// Groups of alternatives: of each group, all columns of at least one alternative must be there.
    pub one_of: &'static [&'static [&'static [&'static str]]],
}

impl TableSpec {
    /// Schema of the table's canonical batches: every column, in this order, all nullable.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        let fields: Vec<Field> = self
            .columns
            .iter()
            .map(|column| Field::new(column.canonical_name(), column.column_type.data_type(false), true))
            .collect();
        Arc::new(Schema::new(fields))
    }

    /// The column of that canonical name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&'static ColumnSpec> {
        self.columns.iter().find(|column| column.name == name)
    }
}

const fn column(name: &'static str, column_type: ColumnType, need: Need) -> ColumnSpec {
    ColumnSpec {
        name,
        column_type,
        need,
    }
}

use ColumnType::{Decimal6, Float, Integer, Text, Timestamp};
use Need::{Key, Optional, Required};

const CONFIG_OR_DEVICE: &[&[&str]] = &[&["device_config_id"], &["device_id"]];

/// Meters.
pub static DEVICE: TableSpec = TableSpec {
    name: "device",
    required: true,
    clock: TableClock::Legal,
    columns: &[
        column("device_id", Text, Key),
        column("device_type", Text, Optional),
        column("status", Text, Optional),
        column("manufacturer", Text, Optional),
        column("model", Text, Optional),
        column("serial_number", Text, Optional),
    ],
    one_of: &[],
};

/// Channels of meters.
pub static MEASURING_COMPONENT: TableSpec = TableSpec {
    name: "measuring_component",
    required: true,
    clock: TableClock::Legal,
    columns: &[
        column("measuring_component_id", Text, Key),
        column("device_config_id", Text, Optional),
        column("device_id", Text, Optional),
        column("component_type", Text, Optional),
        column("uom", Text, Optional),
        column("direction", Text, Optional),
        column("kind", Text, Optional),
        column("interval_seconds", Integer, Optional),
        column("multiplier", Decimal6, Optional),
        column("register_digits", Integer, Optional),
    ],
    one_of: &[
        CONFIG_OR_DEVICE,
        &[
            &["component_type"],
            &["uom", "direction", "kind", "interval_seconds"],
        ],
    ],
};

/// Values of channels, one row an interval or a register reading.
pub static MEASUREMENTS: TableSpec = TableSpec {
    name: "measurements",
    required: true,
    clock: TableClock::Measurement,
    columns: &[
        column("measuring_component_id", Text, Key),
        column("measured_at", Timestamp, Key),
        column("value", Decimal6, Required),
        column("condition_code", Text, Optional),
        column("use_flag", Text, Optional),
        column("reading", Decimal6, Optional),
        column("previous_reading", Decimal6, Optional),
        column("period_start", Timestamp, Optional),
        column("combined_multiplier", Decimal6, Optional),
        column("updated_at", Timestamp, Optional),
        column("version", Integer, Optional),
        column("tariff", Text, Optional),
        column("meter_status", Text, Optional),
    ],
    one_of: &[],
};

/// Stays of meters at service points.
pub static INSTALL_EVENT: TableSpec = TableSpec {
    name: "install_event",
    required: true,
    clock: TableClock::Legal,
    columns: &[
        column("install_event_id", Text, Key),
        column("device_config_id", Text, Optional),
        column("device_id", Text, Optional),
        column("service_point_id", Text, Required),
        column("installed_at", Timestamp, Required),
        column("removed_at", Timestamp, Optional),
        column("status", Text, Optional),
        column("status_updated_at", Timestamp, Optional),
        column("install_constant", Decimal6, Optional),
    ],
    one_of: &[CONFIG_OR_DEVICE],
};

/// Joins device configurations to devices.
pub static DEVICE_CONFIG: TableSpec = TableSpec {
    name: "device_config",
    required: false,
    clock: TableClock::Legal,
    columns: &[
        column("device_config_id", Text, Key),
        column("device_id", Text, Required),
    ],
    one_of: &[],
};

/// Connections and disconnections of install events.
pub static ON_OFF_HISTORY: TableSpec = TableSpec {
    name: "on_off_history",
    required: false,
    clock: TableClock::Legal,
    columns: &[
        column("install_event_id", Text, Key),
        column("at", Timestamp, Key),
        column("state", Text, Required),
    ],
    one_of: &[],
};

/// Places where meters hang.
pub static SERVICE_POINT: TableSpec = TableSpec {
    name: "service_point",
    required: false,
    clock: TableClock::Legal,
    columns: &[
        column("service_point_id", Text, Key),
        column("premise_id", Text, Optional),
        column("rate_class", Text, Optional),
        column("transformer_id", Text, Optional),
        column("area_id", Text, Optional),
        column("latitude", Float, Optional),
        column("longitude", Float, Optional),
        column("district", Text, Optional),
        column("region", Text, Optional),
        column("connected_at", Timestamp, Optional),
    ],
    one_of: &[],
};

/// Tamper and power events of meters.
pub static DEVICE_EVENT: TableSpec = TableSpec {
    name: "device_event",
    required: false,
    clock: TableClock::Legal,
    columns: &[
        column("device_id", Text, Key),
        column("at", Timestamp, Key),
        column("event_code", Text, Required),
    ],
    one_of: &[],
};

/// Weather. A date is the timestamp of its midnight.
pub static TEMPERATURE: TableSpec = TableSpec {
    name: "temperature",
    required: false,
    clock: TableClock::Measurement,
    columns: &[
        column("at", Timestamp, Optional),
        column("date", Timestamp, Optional),
        column("degrees_celsius", Float, Required),
        column("area_id", Text, Optional),
    ],
    one_of: &[&[&["at"], &["date"]]],
};

/// Outcomes of inspections.
pub static INSPECTION: TableSpec = TableSpec {
    name: "inspection",
    required: false,
    clock: TableClock::Legal,
    columns: &[
        column("service_point_id", Text, Key),
        column("inspected_at", Timestamp, Optional),
        column("outcome", Text, Required),
        column("recovered_kwh", Float, Optional),
    ],
    one_of: &[],
};

/// All tables, the required ones first.
pub static TABLES: [&TableSpec; 10] = [
    &DEVICE,
    &MEASURING_COMPONENT,
    &MEASUREMENTS,
    &INSTALL_EVENT,
    &DEVICE_CONFIG,
    &ON_OFF_HISTORY,
    &SERVICE_POINT,
    &DEVICE_EVENT,
    &TEMPERATURE,
    &INSPECTION,
];

/// The table of that name.
#[must_use]
pub fn table(name: &str) -> Option<&'static TableSpec> {
    TABLES.iter().copied().find(|spec| spec.name == name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn groups_and_lookups_name_columns_that_exist() {
        for spec in TABLES {
            for name in spec
                .one_of
                .iter()
                .flat_map(|group| group.iter().flat_map(|all| all.iter()))
            {
                assert!(spec.column(name).is_some(), "{}.{name}", spec.name);
            }
            assert_eq!(table(spec.name), Some(spec));
        }
        assert_eq!(table("no_such_table"), None);
    }

    #[test]
    fn decimals_carry_their_unit_in_the_canonical_name() {
        assert_eq!(
            MEASUREMENTS
                .column("combined_multiplier")
                .unwrap()
                .canonical_name(),
            "combined_multiplier_micro"
        );
        assert_eq!(
            MEASUREMENTS.column("version").unwrap().canonical_name(),
            "version"
        );
        let schema = INSTALL_EVENT.schema();
        let names: Vec<_> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        assert_eq!(
            names,
            [
                "install_event_id",
                "device_config_id",
                "device_id",
                "service_point_id",
                "installed_at",
                "removed_at",
                "status",
                "status_updated_at",
                "install_constant_micro"
            ]
        );
    }
}
