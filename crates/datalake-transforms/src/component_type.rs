//! What component type codes stand for: unit, direction, kind and interval length.
//!
//! The measurement data has none of these; a code that no map knows is a finding, never a guess.

use std::collections::BTreeMap;

use crate::error::TransformError;
use crate::model::{ComponentType, DAY_SECONDS, Direction, Kind};

/// Shortest interval in seconds.
pub const MIN_INTERVAL_SECONDS: u32 = 300;

/// The codes known without any config.
#[must_use]
pub fn default_component_types() -> BTreeMap<String, ComponentType> {
    let interval = |uom: &str, direction, seconds| ComponentType {
        uom: uom.to_owned(),
        direction,
        kind: Kind::Interval,
        interval_seconds: Some(seconds),
    };
    let register = |uom: &str| ComponentType {
        uom: uom.to_owned(),
        direction: Direction::Delivered,
        kind: Kind::Scalar,
        interval_seconds: None,
    };
    let mut types = BTreeMap::new();
    let lengths = [
        ("5", 300),
        ("10", 600),
        ("15", 900),
        ("30", 1800),
        ("60", 3600),
        ("DAILY", 86_400),
    ];
    for (length, seconds) in lengths {
        for (suffix, direction) in [("DEL", Direction::Delivered), ("REC", Direction::Received)] {
            types.insert(
                format!("E-KWH-{length}-{suffix}"),
                interval("kWh", direction, seconds),
            );
        }
    }
    for (code, component_type) in [
        ("E-KWH-REGISTER", register("kWh")),
        ("E-RES-KWH-60", interval("kWh", Direction::Delivered, 3600)),
        ("E-V2HVHA-15", interval("V", Direction::Delivered, 900)),
        (
            "ES-KWH-TOT-1P-DAILY",
            interval("kWh", Direction::Delivered, 86_400),
        ),
        (
            "ES-KWH-TOT-FWD-3P-DAILY",
            interval("kWh", Direction::Delivered, 86_400),
        ),
        ("G-VOLUME-REGISTER", register("m3")),
    ] {
        types.insert(code.to_owned(), component_type);
    }
    types
}

/// The defaults with a site's own entries over them, each checked.
pub fn merged_component_types(
    site: &BTreeMap<String, ComponentType>,
) -> Result<BTreeMap<String, ComponentType>, TransformError> {
    let mut types = default_component_types();
    for (code, component_type) in site {
        if let Err(why) = check(component_type) {
            return Err(TransformError::Parameter {
                name: format!("component_types.{code}"),
                value: describe(component_type),
                why,
            });
        }
        types.insert(code.clone(), component_type.clone());
    }
    Ok(types)
}

/// Whether a type makes sense: an interval has a length that divides a day, a register has none.
pub(crate) fn check(component_type: &ComponentType) -> Result<(), String> {
    if component_type.uom.trim().is_empty() {
        return Err("`uom` must not be empty".to_owned());
    }
    match (component_type.kind, component_type.interval_seconds) {
        (Kind::Interval, None) => Err("an interval component needs `interval_seconds`".to_owned()),
        (Kind::Scalar, Some(_)) => Err("a scalar component has no `interval_seconds`".to_owned()),
        (Kind::Interval, Some(seconds))
            if seconds < MIN_INTERVAL_SECONDS || DAY_SECONDS % i64::from(seconds) != 0 =>
        {
            Err(format!(
                "`interval_seconds` must divide a day ({DAY_SECONDS}) and be at least {MIN_INTERVAL_SECONDS}"
            ))
        }
        _ => Ok(()),
    }
}

/// One line for messages, such as `kWh delivered interval 900 s`.
fn describe(component_type: &ComponentType) -> String {
    let direction = match component_type.direction {
        Direction::Delivered => "delivered",
        Direction::Received => "received",
    };
    let kind = match component_type.kind {
        Kind::Interval => "interval",
        Kind::Scalar => "scalar",
    };
    let seconds = component_type
        .interval_seconds
        .map(|s| format!(" {s} s"))
        .unwrap_or_default();
    format!("`{} {direction} {kind}{seconds}`", component_type.uom)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_default_codes() {
        let lines: Vec<String> = default_component_types()
            .iter()
            .map(|(code, component_type)| format!("{code} = {}", describe(component_type)))
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        E-KWH-10-DEL = `kWh delivered interval 600 s`
        E-KWH-10-REC = `kWh received interval 600 s`
        E-KWH-15-DEL = `kWh delivered interval 900 s`
        E-KWH-15-REC = `kWh received interval 900 s`
        E-KWH-30-DEL = `kWh delivered interval 1800 s`
        E-KWH-30-REC = `kWh received interval 1800 s`
        E-KWH-5-DEL = `kWh delivered interval 300 s`
        E-KWH-5-REC = `kWh received interval 300 s`
        E-KWH-60-DEL = `kWh delivered interval 3600 s`
        E-KWH-60-REC = `kWh received interval 3600 s`
        E-KWH-DAILY-DEL = `kWh delivered interval 86400 s`
        E-KWH-DAILY-REC = `kWh received interval 86400 s`
        E-KWH-REGISTER = `kWh delivered scalar`
        E-RES-KWH-60 = `kWh delivered interval 3600 s`
        E-V2HVHA-15 = `V delivered interval 900 s`
        ES-KWH-TOT-1P-DAILY = `kWh delivered interval 86400 s`
        ES-KWH-TOT-FWD-3P-DAILY = `kWh delivered interval 86400 s`
        G-VOLUME-REGISTER = `m3 delivered scalar`
        ");
        assert!(
            default_component_types()
                .values()
                .all(|component_type| check(component_type).is_ok())
        );
    }

    #[test]
    fn a_site_adds_and_overrides() {
        let gas = ComponentType {
            uom: "m3".to_owned(),
            direction: Direction::Delivered,
            kind: Kind::Interval,
            interval_seconds: Some(1800),
        };
        let site = BTreeMap::from([
            ("G-30".to_owned(), gas.clone()),
            ("E-KWH-15-DEL".to_owned(), gas.clone()),
        ]);
        let types = merged_component_types(&site).unwrap();
        assert_eq!(types.len(), default_component_types().len() + 1);
        assert_eq!((&types["G-30"], &types["E-KWH-15-DEL"]), (&gas, &gas));
    }

    #[test]
    fn impossible_types_are_named() {
        let refuse = |uom: &str, kind, interval_seconds| {
            let component_type = ComponentType {
                uom: uom.to_owned(),
                direction: Direction::Delivered,
                kind,
                interval_seconds,
            };
            merged_component_types(&BTreeMap::from([("X".to_owned(), component_type)]))
                .map_or_else(|error| error.to_string(), |_| "fine".to_owned())
        };
        insta::assert_snapshot!(refuse("kWh", Kind::Interval, Some(7000)), @"parameter `component_types.X` is `kWh delivered interval 7000 s`: `interval_seconds` must divide a day (86400) and be at least 300");
        insta::assert_snapshot!(refuse("kWh", Kind::Interval, None), @"parameter `component_types.X` is `kWh delivered interval`: an interval component needs `interval_seconds`");
        insta::assert_snapshot!(refuse("kWh", Kind::Scalar, Some(900)), @"parameter `component_types.X` is `kWh delivered scalar 900 s`: a scalar component has no `interval_seconds`");
        insta::assert_snapshot!(refuse(" ", Kind::Scalar, None), @"parameter `component_types.X` is `  delivered scalar`: `uom` must not be empty");
        assert!(refuse("kWh", Kind::Interval, Some(0)).contains("interval_seconds"));
        assert!(refuse("kWh", Kind::Interval, Some(240)).contains("at least 300"));
        assert!(refuse("kWh", Kind::Interval, Some(172_800)).contains("divide a day"));
        assert_eq!(refuse("kWh", Kind::Interval, Some(300)), "fine");
        assert_eq!(refuse("kWh", Kind::Interval, Some(86_400)), "fine");
    }
}
