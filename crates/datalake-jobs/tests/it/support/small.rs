//! A small lake for tests that break it in one place.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::job::table;
use super::{Folder, Outcome, job};

/// Three homes over 120 days: 360 rows, so that one bad row is 0.3 %.
pub(crate) fn small() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut put = |path: &str, text: &str| files.insert(path.to_owned(), text.to_owned());
    put("device/device.csv", "device_id\nD-1\nD-2\nD-3\n");
    put(
        "measuring_component/measuring_component.csv",
        "measuring_component_id,device_config_id,device_id,component_type\n\
         MC-1,DC-1,D-1,E-KWH-DAILY-DEL\nMC-2,DC-2,D-2,E-KWH-DAILY-DEL\nMC-3,DC-3,D-3,E-KWH-DAILY-DEL\n",
    );
    put(
        "install_event/install_event.csv",
        "install_event_id,device_config_id,service_point_id,installed_at,removed_at,status\n\
         IE-1,DC-1,SP-1,2021-05-04 09:30:00,,ON\n\
         IE-2,DC-2,SP-2,2021-05-04 09:30:00,,ON\n\
         IE-3,DC-3,SP-3,2021-05-04 09:30:00,,ON\n",
    );
    let mut text = "measuring_component_id,measured_at,value,condition_code\n".to_owned();
    for day in 0..120 {
        let end = jiff::civil::date(2024, 1, 2) + jiff::Span::new().days(day);
        for home in 1..=3 {
            let _ = writeln!(
                text,
                "MC-{home},{end} 00:00:00,{home}.{:03},501000",
                100 + day * 37 % 300
            );
        }
    }
    put("measurements/2024.csv", &text);
    files
}

/// The small lake with `text` in place of the file `path`.
pub(crate) fn small_with(path: &str, text: &str) -> Folder {
    let mut files = small();
    files.insert(path.to_owned(), text.to_owned());
    Folder::with_lake(&files)
}

/// The small lake with one line more in a file.
pub(crate) fn small_and(path: &str, line: &str) -> Folder {
    let mut files = small();
    files.get_mut(path).unwrap().push_str(line);
    Folder::with_lake(&files)
}

pub(crate) fn run(folder: &Folder) -> Outcome {
    job(&folder.lake(), &folder.output())
        .hide(folder.path(), "[folder]")
        .run()
}

/// What was kept aside and what was found, one line each.
pub(crate) fn aside(folder: &Folder) -> String {
    let rejected = table(&folder.output(), "rejected_rows");
    let findings = table(&folder.output(), "findings");
    rejected.lines(&rejected.columns().iter().map(String::as_str).collect::<Vec<_>>())
        + &findings.lines(&["table", "code", "severity", "rows", "example_key"])
}

pub(crate) const MEASUREMENTS: &str = "measurements/2024.csv";
pub(crate) const INSTALLS: &str = "install_event/install_event.csv";
pub(crate) const COMPONENTS: &str = "measuring_component/measuring_component.csv";
