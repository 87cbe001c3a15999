//! Two homes whose registers are read by the quarter: one stole until its meter was exchanged, in the other people left.

use std::fmt::Write as _;

use jiff::civil::{Date, date};

use super::calendar::{self, Week};
use super::tables::time;

/// First reading, fall of both, exchange of both, last reading.
const FIRST: Date = date(2018, 10, 1);
const FELL: Date = date(2021, 1, 1);
const EXCHANGED: Date = date(2023, 1, 1);
const LAST: Date = date(2024, 4, 1);

/// Components of the meters before and after, level in Wh, place in the ripple, and percent that the new meter counts.
const HOMES: [(&str, i64, i64, i64); 2] = [("BILLS-HIT", 10_000, 3, 100), ("BILLS-HOUSEHOLD", 9_000, 7, 40)];

/// What both count of their use since they fell, percent.
const FALLEN: i64 = 40;

pub(crate) const DEVICES: &str = "\
D-BILLS-HIT,DIAL,RETIRED,ACME,99999993
D-BILLS-HIT-2,DIAL,ACTIVE,ACME,99999992
D-BILLS-HOUSEHOLD,DIAL,RETIRED,ACME,99999991
D-BILLS-HOUSEHOLD-2,DIAL,ACTIVE,ACME,99999990
";

pub(crate) const COMPONENTS: &str = "\
MC-BILLS-HIT,DC-BILLS-HIT,D-BILLS-HIT,E-KWH-REGISTER,1,
MC-BILLS-HIT-2,DC-BILLS-HIT-2,D-BILLS-HIT-2,E-KWH-REGISTER,1,
MC-BILLS-HOUSEHOLD,DC-BILLS-HOUSEHOLD,D-BILLS-HOUSEHOLD,E-KWH-REGISTER,1,
MC-BILLS-HOUSEHOLD-2,DC-BILLS-HOUSEHOLD-2,D-BILLS-HOUSEHOLD-2,E-KWH-REGISTER,1,
";

pub(crate) const INSTALL_EVENTS: &str = "\
IE-BILLS-HIT-1,DC-BILLS-HIT,SP-BILLS-HIT,2018-05-04 09:30:00,2023-01-01 00:00:00,REMOVE,2023-01-01 00:00:00
IE-BILLS-HIT-2-1,DC-BILLS-HIT-2,SP-BILLS-HIT,2023-01-01 00:00:00,,ON,
IE-BILLS-HOUSEHOLD-1,DC-BILLS-HOUSEHOLD,SP-BILLS-HOUSEHOLD,2018-05-04 09:30:00,2023-01-01 00:00:00,REMOVE,2023-01-01 00:00:00
IE-BILLS-HOUSEHOLD-2-1,DC-BILLS-HOUSEHOLD-2,SP-BILLS-HOUSEHOLD,2023-01-01 00:00:00,,ON,
";

pub(crate) const SERVICE_POINTS: &str = "\
SP-BILLS-HIT,P-BILLS-HIT,DOMESTIC,T-1
SP-BILLS-HOUSEHOLD,P-BILLS-HOUSEHOLD,DOMESTIC,T-1
";

/// The first days of quarters from one to another, both included.
fn quarters(from: Date, to: Date) -> Vec<Date> {
    from.series(jiff::ToSpan::months(3))
        .take_while(|day| *day <= to)
        .collect()
}

/// Readings in whole kWh, each with the one before.
pub(crate) fn measurements() -> String {
    let mut text =
        "measuring_component_id,measured_at,value,condition_code,reading,previous_reading,period_start\n"
            .to_owned();
    for (name, level_wh, phase, after) in HOMES {
        let meters = [
            (format!("MC-{name}"), FIRST, EXCHANGED),
            (format!("MC-{name}-2"), EXCHANGED, LAST),
        ];
        for (component, from, to) in meters {
            let (mut wh, mut before) = (0, 0);
            for quarter in quarters(from, to).windows(2) {
                let (start, end) = (quarter[0], quarter[1]);
                let percent = match start {
                    start if start >= EXCHANGED => after,
                    start if start >= FELL => FALLEN,
                    _ => 100,
                };
                for day in calendar::days(start, end).take_while(|day| *day < end) {
                    wh += calendar::honest_wh(level_wh, Week::Even, 1, phase, day) * percent / 100;
                }
                let reading = wh / 1_000;
                let at = |day: Date| time(day.at(0, 0, 0, 0));
                // Writing to a String cannot fail.
                let _ = writeln!(
                    text,
                    "{component},{},,501000,{reading}.000,{before}.000,{}",
                    at(end),
                    at(start)
                );
                before = reading;
            }
        }
    }
    text
}
