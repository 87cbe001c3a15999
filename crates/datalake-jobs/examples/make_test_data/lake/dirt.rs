//! What real extracts hold beside good rows: broken values, strangers, duplicates, other units, registers.

use std::fmt::Write as _;

use jiff::civil::date;

use super::home::Home;
use super::tables::{MEASUREMENTS, kwh, time};

/// A device given twice alike, one given twice with contradicting statuses, one without a component, and the
/// devices of the registers and strangers below.
pub(crate) const DEVICES: &str = "\
D-HONEST-01,SMART-1P,ACTIVE,ACME,00000001
D-HONEST-02,SMART-1P,RETIRED,ACME,00000002
D-SPARE,SMART-1P,ACTIVE,ACME,99999999
D-NEVER,SMART-1P,ACTIVE,ACME,99999998
D-UNMAPPED,SMART-1P,ACTIVE,ACME,99999997
D-REGISTER,DIAL,ACTIVE,ACME,99999996
D-GAS,GAS,ACTIVE,ACME,99999995
D-VOLTAGE,SMART-1P,ACTIVE,ACME,99999994
";

/// A component whose device was never installed, one of a type that nobody mapped, a register of five digits, gas,
/// volts, and one that names no device that is known.
pub(crate) const COMPONENTS: &str = "\
MC-NEVER,DC-NEVER,D-NEVER,E-KWH-DAILY-DEL,1,
MC-UNMAPPED,DC-UNMAPPED,D-UNMAPPED,E-KWH-7-DEL,1,
MC-REGISTER,DC-REGISTER,D-REGISTER,E-KWH-REGISTER,1,5
MC-GAS,DC-GAS,D-GAS,G-VOLUME-REGISTER,1,6
MC-VOLTAGE,DC-VOLTAGE,D-VOLTAGE,E-V2HVHA-15,1,
MC-ORPHAN,DC-ORPHAN,D-ORPHAN,E-KWH-DAILY-DEL,1,
";

/// A removal before its install, an event that is only planned, one of a device that nobody knows, one row twice.
pub(crate) const INSTALL_EVENTS: &str = "\
IE-BACKWARDS,DC-HONEST-04,SP-HONEST-04,2020-06-02 09:00:00,2020-06-01 09:00:00,REMOVE,2020-06-01 09:00:00
IE-PENDING,DC-HONEST-05,SP-HONEST-06,2024-01-10 09:00:00,,PENDING,
IE-NOBODY,DC-NOBODY,SP-HONEST-07,2019-01-10 09:00:00,2019-02-10 09:00:00,REMOVE,2019-02-10 09:00:00
IE-HONEST-01-1,DC-HONEST-01,SP-HONEST-01,2021-05-04 09:30:00,,ON,
IE-UNMAPPED-1,DC-UNMAPPED,SP-UNMAPPED,2021-05-04 09:30:00,,ON,
IE-REGISTER-1,DC-REGISTER,SP-REGISTER,2021-05-04 09:30:00,,ON,
IE-GAS-1,DC-GAS,SP-GAS,2021-05-04 09:30:00,,ON,
IE-VOLTAGE-1,DC-VOLTAGE,SP-VOLTAGE,2021-05-04 09:30:00,,ON,
";

/// A code that nobody mapped, twice, and an event of a device without a component.
pub(crate) const DEVICE_EVENTS: &str = "\
D-HONEST-05,2024-02-10 14:00:00,42
D-HONEST-06,2024-02-10 14:00:00,42
D-SPARE,2024-02-10 14:00:00,TAMPER_DETECTED
";

/// The places of the meters above.
pub(crate) const SERVICE_POINTS: &str = "\
SP-UNMAPPED,P-UNMAPPED,DOMESTIC,T-1
SP-REGISTER,P-REGISTER,DOMESTIC,T-1
SP-GAS,P-GAS,DOMESTIC,T-1
SP-VOLTAGE,P-VOLTAGE,DOMESTIC,T-1
";

/// Rows that cannot be used, or not as they stand; the last column, which no job reads, says why.
const ROWS: [(&str, &str); 22] = [
    (
        "MC-NOBODY,2024-01-02 00:00:00,5.000,501000,,",
        "unknown component",
    ),
    (
        "MC-NOBODY,2024-01-03 00:00:00,5.000,501000,,",
        "unknown component",
    ),
    (
        "MC-UNMAPPED,2024-01-02 00:00:00,5.000,501000,,",
        "component type that nobody mapped",
    ),
    (
        "MC-UNMAPPED,2024-01-03 00:00:00,5.000,501000,,",
        "component type that nobody mapped",
    ),
    (
        "MC-HONEST-01,2024-01-10 07:30:00,1.000,501000,,",
        "a day does not end at 07:30",
    ),
    (
        "MC-HONEST-01,9999-12-31 00:00:00,1.000,501000,,",
        "no meter lives that long",
    ),
    ("MC-HONEST-01,2024-13-45 00:00:00,1.000,501000,,", "no such day"),
    ("MC-HONEST-01,yesterday,1.000,501000,,", "no time at all"),
    ("MC-HONEST-01,,1.000,501000,,", "time is empty"),
    (",2024-01-02 00:00:00,1.000,501000,,", "id is empty"),
    ("MC-HONEST-02,2024-06-02 00:00:00,12.3.4,501000,,", "no number"),
    ("MC-HONEST-02,2024-06-03 00:00:00,NaN,501000,,", "not a number"),
    ("MC-HONEST-02,2024-06-04 00:00:00,Infinity,501000,,", "infinite"),
    (
        "MC-HONEST-02,2024-06-05 00:00:00,1e30,501000,,",
        "more than a meter can count",
    ),
    (
        "MC-HONEST-02,2024-06-06 00:00:00,,501000,,",
        "actual but without a value",
    ),
    (
        "MC-DO-NOT-USE,2024-02-06 00:00:00,999.000,501000,D101,",
        "not to be used",
    ),
    (
        "MC-DO-NOT-USE,2024-02-07 00:00:00,999.000,501000,D101,",
        "not to be used",
    ),
    (
        "MC-DO-NOT-USE,2024-02-08 00:00:00,999.000,501000,D101,",
        "not to be used",
    ),
    ("MC-NEVER,2024-01-02 00:00:00,2.000,501000,,", "never installed"),
    ("MC-NEVER,2024-01-03 00:00:00,2.000,501000,,", "never installed"),
    ("MC-NEVER,2024-01-04 00:00:00,2.000,501000,,", "never installed"),
    (
        "MC-ORPHAN,2024-01-02 00:00:00,3.000,501000,,",
        "its device is not known",
    ),
];

/// The file of dirt: the rows above, one that breaks off, and five rows of `HONEST-03` over again.
pub(crate) fn measurements(homes: &[Home]) -> String {
    let mut text = MEASUREMENTS.replace('\n', ",why\n");
    for (row, why) in ROWS {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{row},{why}");
    }
    text.push_str("MC-HONEST-02,2024-06-07 00:00:00,1.000\n");
    let again = homes
        .iter()
        .filter(|home| home.name == "HONEST-03")
        .flat_map(|home| &home.meters);
    for meter in again {
        for reading in meter.series.readings().iter().take(5) {
            let value = reading.wh.map(kwh).unwrap_or_default();
            let _ = writeln!(
                text,
                "{},{},{value},501000,,,the same again",
                meter.component,
                time(reading.measured_at)
            );
        }
    }
    text
}

/// Gas by the month and volts by the quarter of an hour: read, and out of scope.
pub(crate) fn other_units() -> String {
    let mut text = MEASUREMENTS.to_owned();
    for month in 1..=5 {
        let _ = writeln!(text, "MC-GAS,2024-0{month}-01 00:00:00,120.000,501000,,");
    }
    for slot in 1..=96 {
        let end = date(2024, 2, 1).at(0, 0, 0, 0) + jiff::Span::new().minutes(15 * slot);
        let _ = writeln!(text, "MC-VOLTAGE,{},230.{:03},501000,,", time(end), slot % 7);
    }
    text
}

/// A register of five digits read on the first of the month; it rolls over in January. 310 kWh in a month of 31
/// days, so 10 a day. The first row has no start.
pub(crate) fn registers() -> String {
    let mut text =
        "measuring_component_id,measured_at,value,condition_code,reading,previous_reading,period_start\n"
            .to_owned();
    let mut reading = 99_000;
    let mut start = None;
    for month in [
        "2023-10", "2023-11", "2023-12", "2024-01", "2024-02", "2024-03", "2024-04", "2024-05",
    ] {
        let Ok(day) = format!("{month}-01").parse::<jiff::civil::Date>() else {
            continue;
        };
        let at = day.at(0, 0, 0, 0);
        match start {
            None => {
                let _ = writeln!(text, "MC-REGISTER,{},,501000,{reading}.000,,", time(at));
            }
            Some((since, before)) => {
                let _ = writeln!(
                    text,
                    "MC-REGISTER,{},,501000,{reading}.000,{before}.000,{}",
                    time(at),
                    time(since)
                );
            }
        }
        start = Some((at, reading));
        reading = (reading + 10 * i64::from(day.days_in_month())) % 100_000;
    }
    text
}
