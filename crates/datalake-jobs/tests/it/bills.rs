//! Registers that are read by the quarter: from bills to a case, its explanation and its page.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::support::job::{bundled_config, published, table};
use crate::support::{Folder, Outcome, job};

const MEASUREMENTS: &str = "measurements/bills.csv";

/// Bills of `quarters` quarters from a year on, at so many kWh a day by quarter.
fn bills(text: &mut String, component: &str, year: i16, rates: &[i64]) {
    let start = jiff::civil::date(year, 1, 1);
    let quarter = |n: usize| start + jiff::Span::new().months(3 * n as i64);
    for (n, rate) in rates.iter().enumerate() {
        let (from, to) = (quarter(n), quarter(n + 1));
        let kwh = rate * i64::from((to - from).get_days());
        writeln!(text, "{component},{from} 00:00:00,{to} 00:00:00,{kwh},501000").unwrap();
    }
}

/// A home of 10 kWh a day whose register counts 3 from October 2020 on until it is exchanged at the end of 2021, and one that
/// used 10 throughout; each with gas.
fn lake() -> BTreeMap<String, String> {
    let mut measurements =
        "measuring_component_id,period_start,measured_at,value,condition_code\n".to_owned();
    let old = [[10; 7].as_slice(), &[3; 5]].concat();
    bills(&mut measurements, "MC-OLD", 2019, &old);
    bills(&mut measurements, "MC-STEADY", 2019, &[10; 16]);
    for gas in ["MC-GAS-1", "MC-GAS-2"] {
        bills(&mut measurements, gas, 2019, &[2; 16]);
    }
    bills(&mut measurements, "MC-NEW", 2022, &[10; 4]);
    let mut files = BTreeMap::new();
    let mut put = |path: &str, text: &str| files.insert(path.to_owned(), text.to_owned());
    put(MEASUREMENTS, &measurements);
    let (mut devices, mut components) = ("device_id\n".to_owned(), String::new());
    let mut installs =
        "install_event_id,device_config_id,service_point_id,installed_at,removed_at,status\n".to_owned();
    components += "measuring_component_id,device_config_id,device_id,component_type\n";
    for (name, kind, place, from, to) in [
        ("OLD", "E-KWH", "SP-BILLS", 2019, "2022-01-01 00:00:00,REMOVE"),
        ("NEW", "E-KWH", "SP-BILLS", 2022, ",ON"),
        ("GAS-1", "G-VOLUME", "SP-BILLS", 2019, ",ON"),
        ("STEADY", "E-KWH", "SP-STEADY", 2019, ",ON"),
        ("GAS-2", "G-VOLUME", "SP-STEADY", 2019, ",ON"),
    ] {
        writeln!(devices, "D-{name}").unwrap();
        writeln!(components, "MC-{name},DC-{name},D-{name},{kind}-REGISTER").unwrap();
        writeln!(installs, "IE-{name},DC-{name},{place},{from}-01-01 00:00:00,{to}").unwrap();
    }
    put("device/device.csv", &devices);
    put("measuring_component/measuring_component.csv", &components);
    put("install_event/install_event.csv", &installs);
    files
}

fn run(folder: &Folder, args: &[&str]) -> Outcome {
    job(&folder.lake(), &folder.output())
        .config(&bundled_config())
        .hide(folder.path(), "[folder]")
        .args(args)
        .run()
        .ok()
}

#[test]
fn a_fall_that_ended_with_its_register_is_a_case_that_can_be_looked_into() {
    let folder = Folder::with_lake(&lake());
    let page = folder.path().join("report.html");
    run(&folder, &["--report", page.to_str().unwrap()]);
    let cases = table(&folder.output(), "theft_cases");
    assert_eq!(cases.rows(), 1);
    assert_eq!(cases.text(0, "service_point_id"), "SP-BILLS");
    assert_eq!(cases.text(0, "measuring_component_id"), "MC-OLD");
    assert_eq!(cases.text(0, "onset_date"), "2020-10-01");
    assert_eq!(cases.text(0, "last_date"), "2021-12-31");
    // 7 of 10 kWh on the 365 days of the billable year.
    assert!((cases.number(0, "lost_kwh") - 2_555.0).abs() < 1e-3);
    assert!((cases.number(0, "actual_kwh") - 1_095.0).abs() < 1e-6);

    // Every register of electricity has features, those of gas have none.
    let features = table(&folder.output(), "meter_features");
    assert_eq!(features.rows(), 3);
    let total: f64 = (0..3).map(|row| features.number(row, "total_kwh")).sum();
    // 639 days of 10 and 457 of 3, a year of 10, and four years of 10.
    let days = (639 * 10 + 457 * 3) + 365 * 10 + 1_461 * 10;
    assert!((total - f64::from(days)).abs() < 1e-6, "{total}");

    let explained = run(&folder, &["explain", "SP-BILLS"]).stdout;
    assert!(explained.contains("SUSTAINED_DROP        HIT "), "{explained}");
    assert!(
        explained.contains("CLIPPED_PEAKS         not judged: readings lie weeks or months apart"),
        "{explained}"
    );
    // 365 days after the exchange; 639 days at 10 before the fall, and 457 at 3 from it on.
    let afterwards = "the register fitted next, MC-NEW, read 10.0 kWh a day in its first 365 days; in such seasons 10.0 had \
                      been read before the fall and 3.0 after it";
    assert!(explained.contains(afterwards), "{explained}");
    let steady = run(&folder, &["explain", "SP-STEADY"]).stdout;
    assert!(steady.contains("no case"), "{steady}");
    assert!(
        steady.contains("ZERO_WHILE_ON         miss 0 days at zero"),
        "{steady}"
    );

    let html = fs_err::read_to_string(page).unwrap();
    assert!(html.contains("SP-BILLS"));
}

#[test]
fn a_bill_that_comes_later_gives_what_a_run_from_scratch_gives() {
    let all = lake();
    let (first, rest): (Vec<&str>, Vec<&str>) = all[MEASUREMENTS]
        .lines()
        .partition(|line| !line.contains(",2022-"));
    let mut files = all.clone();
    files.insert(MEASUREMENTS.to_owned(), first.join("\n") + "\n");
    let folder = Folder::with_lake(&files);
    run(&folder, &[]);
    assert_eq!(
        table(&folder.output(), "theft_cases").rows(),
        0,
        "nothing followed yet"
    );
    let header = first[0];
    folder.write(
        "lake/measurements/later.csv",
        (header.to_owned() + "\n" + &rest.join("\n") + "\n").as_bytes(),
    );
    run(&folder, &[]);
    let scratch = Folder::with_lake(&all);
    run(&scratch, &[]);
    assert_eq!(table(&folder.output(), "theft_cases").rows(), 1);
    assert_eq!(published(&folder.output()), published(&scratch.output()));
    // As of a day before the exchange there is no case.
    run(&folder, &["--as-of", "2021-12-31", "--force"]);
    assert_eq!(table(&folder.output(), "theft_cases").rows(), 0);
}
