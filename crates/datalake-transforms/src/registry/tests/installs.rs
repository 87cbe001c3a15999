//! Install events: clocks, statuses, switches, dirt, and stays that contradict each other.

use super::*;
use crate::clock::ClockConfig;
use crate::model::DAY_SECONDS;

const COLUMNS: &str = "install_event_id | device_id | service_point_id | installed_at | removed_at | status | status_updated_at";

/// One meter with these install events, written below [`COLUMNS`].
fn installed(rows: &str) -> Lake {
    one_meter().install(&format!("{COLUMNS}\n{}", rows.trim()))
}

#[test]
fn statuses_and_dates() {
    let lake = installed(
        "E1 | D1 | SP1 | 2020-01-01 | 2020-06-01 | REMOVED  |
         E2 | D1 | SP2 | 2020-07-01 | 2020-08-01 | ON       |
         E3 | D1 | SP3 | 2020-09-01 |            | REMOVE   |
         E4 | D1 | SP4 | 2020-10-01 | 2020-11-01 |          |
         E5 | D1 | SP5 | 2020-12-01 | 2020-12-31 | LIMBO    |
         E6 | D1 | SP6 | 2021-01-01 |            | OFF      | 2021-03-01
         E7 | D1 | SP7 | 2021-06-01 |            | PENDING  |",
    );
    insta::assert_snapshot!(lake.show(), @r"
    M1 of D1, kWh Delivered 1800
      E1 at SP1: 2020-01-01 .. 2020-06-01 recorded: on 2020-01-01
      E2 at SP2: 2020-07-01 .. 2020-08-01: on 2020-07-01
      E3 at SP3: 2020-09-01 .. 2020-10-01: on 2020-09-01
      E4 at SP4: 2020-10-01 .. 2020-11-01: on 2020-10-01
      E5 at SP5: 2020-12-01 .. 2020-12-31: on 2020-12-01
      E6 at SP6: 2021-01-01 .. ...: on 2021-01-01, off 2021-03-01
      in doubt at SP7 from 2021-06-01
    note install_event.pending_install 1 E7
    warning install_event.removal_date_without_status 1 E2
    warning install_event.status_removed_without_date 1 E3
    warning install_event.unmapped_install_status 1 E5
    ");
}

#[test]
fn removed_without_a_date_or_a_next_stay_stays_open() {
    insta::assert_snapshot!(installed("E1 | D1 | SP1 | 2020-01-01 | | REMOVED |").show(), @r"
    M1 of D1, kWh Delivered 1800
      E1 at SP1: 2020-01-01 .. ...: on 2020-01-01
    warning install_event.status_removed_without_date 1 E1
    ");
}

#[test]
fn off_without_a_time_counts_as_on() {
    insta::assert_snapshot!(installed("E1 | D1 | SP1 | 2020-01-01 | | OFF |").show(), @r"
    M1 of D1, kWh Delivered 1800
      E1 at SP1: 2020-01-01 .. ...: on 2020-01-01
    warning install_event.off_without_time 1 E1
    ");
}

#[test]
fn rows_that_cannot_be_used() {
    let lake = installed(
        "   | D1 | SP1 | 2020-01-01 |            | ON |
         E2 |    | SP1 | 2020-01-01 |            | ON |
         E3 | D1 |     | 2020-01-01 |            | ON |
         E4 | D1 | SP1 |            |            | ON |
         E5 | D1 | SP1 | 2020-01-02 | 2020-01-01 | ON |
         E6 | D1 | SP1 | 2201-01-01 |            | ON |
         E7 | D1 | SP1 | 2020-01-02 | 2020-01-02 | ON |
         E8 | D1 | SP8 | 2020-01-02 | 9999-12-30 | ON |",
    );
    insta::assert_snapshot!(lake.show(), @r"
    M1 of D1, kWh Delivered 1800
      E8 at SP8: 2020-01-02 .. ...: on 2020-01-02
      in doubt at SP1 from ...
    rejected install_event.device_missing 1 E2
    rejected install_event.install_time_missing 1 E4
    rejected install_event.install_time_out_of_range 1 E6
    rejected install_event.key_missing 1 -
    note install_event.open_end_date 1 E8
    rejected install_event.removed_before_installed 1 E5
    rejected install_event.service_point_missing 1 E3
    note install_event.zero_length_stay 1 E7
    aside install_event 0:0 key_missing install_event_id=``
    aside install_event 0:1 device_missing device_config_id=``
    aside install_event 0:2 service_point_missing service_point_id=``
    aside install_event 0:3 install_time_missing installed_at=``
    aside install_event 0:4 removed_before_installed removed_at=`2020-01-01 00:00:00`
    aside install_event 0:5 install_time_out_of_range installed_at=`2201-01-01 00:00:00`
    ");
}

#[test]
fn a_meter_whose_only_event_is_of_no_use_is_in_doubt() {
    for (event, expected) in [
        ("2020-01-01 | 2019-06-01 | REMOVE", "SP1 from ..."),
        ("           |            | ON", "SP1 from ..."),
        ("2204-01-01 |            | ON", "SP1 from ..."),
        ("2020-01-01 |            | PENDING", "SP1 from ..."),
        ("2020-01-01 | 2020-01-01 | REMOVE", "SP1 from ..."),
    ] {
        let shown = installed(&format!("E1 | D1 | SP1 | {event} |")).show();
        assert!(
            shown.contains(&format!("  in doubt at {expected}\n")),
            "{event}: {shown}"
        );
        let found = "warning measuring_component.component_without_usable_install_event 1 M1\n";
        assert!(shown.contains(found), "{event}: {shown}");
        assert!(!shown.contains("incomplete"), "{event}: {shown}");
    }
    let homeless = installed("E1 | D1 |  | 2020-01-01 | | ON |").show();
    assert!(
        homeless.contains("  in doubt at nowhere from ...\n"),
        "{homeless}"
    );
}

#[test]
fn beside_good_events_one_of_no_use_counts_from_its_start_where_that_is_known() {
    let good = "E1 | D1 | SP1 | 2020-01-01 | 2020-06-01 | REMOVED |";
    let with = |event: &str| {
        let shown = installed(&format!("{good}\n{event}")).show();
        let line = shown.lines().find(|line| line.contains("in doubt"));
        line.map(|line| line.trim().to_owned())
    };
    for (event, expected) in [
        (
            "E2 | D1 | SP2 | 2020-08-01 |            | PENDING |",
            "in doubt at SP2 from 2020-08-01",
        ),
        (
            "E2 | D1 | SP2 | 2020-09-01 | 2020-09-01 | ON |",
            "in doubt at SP2 from 2020-09-01",
        ),
        (
            "E2 | D1 | SP2 | 2020-09-01 | 2020-08-01 | ON |",
            "in doubt at SP2 from ...",
        ),
        (
            "E2 | D1 | SP2 |            |            | ON |",
            "in doubt at SP2 from ...",
        ),
        (
            "E2 | D1 | SP2 | 2020-09-01 | | PENDING |\nE3 | D1 | SP3 | 2020-08-01 | | PENDING |",
            "in doubt at SP3 from 2020-08-01",
        ),
    ] {
        assert_eq!(with(event).as_deref(), Some(expected), "{event}");
    }
    assert_eq!(with("E2 | D2 | SP2 | | | ON |"), None, "another device");
}

#[test]
fn events_that_the_reader_refused_leave_doubt_too() {
    let lake = Lake::default()
        .device("device_id\nD1\nD2\nD3")
        .component(
            "measuring_component_id | device_id | component_type
             M1 | D1 | E-KWH-30-DEL
             M2 | D2 | E-KWH-30-DEL
             M3 | D3 | E-KWH-30-DEL",
        )
        .install(&format!(
            "{COLUMNS}\nE1 | D1 | SP1 | 2020-01-01 | | ON |\nE3 | D3 | SP3 | 2020-01-01 | | ON |"
        ))
        .unreadable_install("install_event_id | device_id | service_point_id\nE2 | D2 | SP2");
    insta::assert_snapshot!(lake.show(), @r"
    M1 of D1, kWh Delivered 1800
      E1 at SP1: 2020-01-01 .. ...: on 2020-01-01
    M2 of D2, kWh Delivered 1800
      in doubt at SP2 from ...
    M3 of D3, kWh Delivered 1800
      E3 at SP3: 2020-01-01 .. ...: on 2020-01-01
    warning measuring_component.component_without_usable_install_event 1 M2
    ");
    // A row without a device may have been anybody's: whoever has none is not judged.
    let none = "install_event_id | device_id | service_point_id\nE2 | | SP2";
    let mut lost = lake;
    lost.unreadable_install_event = vec![table(none)];
    let (registry, ..) = lost.build(&RegistryConfig::default()).unwrap();
    assert!(registry.install_events_incomplete);
    lost.unreadable_install_event.clear();
    lost.lost_install_events = 1;
    let (registry, ..) = lost.build(&RegistryConfig::default()).unwrap();
    assert!(registry.install_events_incomplete);
    // All have one: nothing was lost that matters.
    let (registry, ..) = lost
        .install(&format!("{COLUMNS}\nE2 | D2 | SP2 | 2020-01-01 | | ON |"))
        .build(&RegistryConfig::default())
        .unwrap();
    assert!(!registry.install_events_incomplete);
}

#[test]
fn times_at_the_ends_of_what_can_be_said() {
    let mut lake = one_meter();
    let first = micro("0001-01-01");
    let last = micro("2200-12-31") + 86_399_999_999;
    let installs = [
        ("E1", i64::MIN),
        ("E2", first - 1),
        ("E3", first),
        ("E4", last),
        ("E5", last + 1),
        ("E6", i64::MAX),
    ];
    for (id, installed_at) in installs {
        let columns: Vec<(&str, ArrayRef, bool)> = vec![
            ("install_event_id", Arc::new(StringArray::from(vec![id])), true),
            ("device_id", Arc::new(StringArray::from(vec!["D1"])), true),
            ("service_point_id", Arc::new(StringArray::from(vec!["SP1"])), true),
            (
                "installed_at",
                Arc::new(TimestampMicrosecondArray::from(vec![installed_at])),
                true,
            ),
            (
                "removed_at",
                Arc::new(TimestampMicrosecondArray::from(vec![i64::MAX])),
                true,
            ),
            (
                "status_updated_at",
                Arc::new(TimestampMicrosecondArray::from(vec![i64::MIN])),
                true,
            ),
            ("status", Arc::new(StringArray::from(vec!["OFF"])), true),
        ];
        lake.install_event
            .push(RecordBatch::try_from_iter_with_nullable(columns).unwrap());
    }
    insta::assert_snapshot!(lake.show(), @r"
    M1 of D1, kWh Delivered 1800
      E3 at SP1: 0001-01-01 .. ...: on 0001-01-01
      E4 at SP1: 2200-12-31 23:59:59Z .. ...: on 2200-12-31 23:59:59Z
      in doubt at SP1 from ...
    rejected install_event.install_time_out_of_range 4 E1
    warning install_event.off_without_time 2 E3
    note install_event.open_end_date 2 E3
    aside install_event 0:0 install_time_out_of_range installed_at=`-9223372036854775808 us`
    aside install_event 1:0 install_time_out_of_range installed_at=`0000-12-31 23:59:59.999999`
    aside install_event 4:0 install_time_out_of_range installed_at=`2201-01-01 00:00:00`
    aside install_event 5:0 install_time_out_of_range installed_at=`9223372036854775807 us`
    ");
}

#[test]
fn of_contradicting_events_the_newest_status_counts() {
    let lake = installed(
        "E1 | D1 | SP1 | 2020-01-01 |            | ON  | 2020-01-01
         E1 | D1 | SP1 | 2020-01-01 |            | OFF | 2020-05-01
         E1 | D1 | SP1 | 2020-01-01 | 2020-03-01 | ON  | 2020-03-01",
    );
    insta::assert_snapshot!(lake.show(), @r"
    M1 of D1, kWh Delivered 1800
      E1 at SP1: 2020-01-01 .. ...: on 2020-01-01, off 2020-05-01
    warning install_event.contradicting_duplicate 2 E1
    ");
}

/// The periods of one meter with these rows, in any order of them, as text.
fn periods_of(rows: &[&str]) -> String {
    let build = |rows: &[&str]| {
        let text = rows.join("\n");
        let lake = one_meter().install(&format!("{COLUMNS} | delivered_at\n{text}"));
        let (registry, ..) = lake.build(&RegistryConfig::default()).unwrap();
        let shown = show_registry(&registry);
        let lines: Vec<&str> = shown.lines().skip(1).map(str::trim).collect();
        lines.join("; ")
    };
    let mut reversed = rows.to_vec();
    reversed.reverse();
    assert_eq!(build(rows), build(&reversed), "order decides nothing");
    build(rows)
}

#[test]
fn of_contradicting_deliveries_the_newest_counts() {
    let there = "E1 | D1 | SP1 | 2020-01-01 |            | ON     |            |";
    let gone = "E1 | D1 | SP1 | 2020-01-01 | 2020-03-01 | REMOVE | 2020-03-01 |";
    let stays = "E1 at SP1: 2020-01-01 .. ...: on 2020-01-01";
    let ends = "E1 at SP1: 2020-01-01 .. 2020-03-01 recorded: on 2020-01-01";
    let of = |first: (&str, &str), second: (&str, &str)| {
        periods_of(&[
            &format!("{} {}", first.0, first.1),
            &format!("{} {}", second.0, second.1),
        ])
    };
    assert_eq!(
        of((gone, "2020-04-01"), (there, "2020-05-01")),
        stays,
        "a removal taken back"
    );
    assert_eq!(of((there, "2020-04-01"), (gone, "2020-05-01")), ends, "a removal");
    assert_eq!(
        of((there, ""), (gone, "2020-05-01")),
        ends,
        "dated rows are newer than others"
    );
    // A delivery that repeats what is known contradicts nothing.
    let lake = one_meter().install(&format!(
        "{COLUMNS} | delivered_at\n{there} 2020-04-01\n{there} 2020-05-01"
    ));
    let (_, findings, _) = lake.build(&RegistryConfig::default()).unwrap();
    assert_eq!(
        show_findings(&findings),
        "note install_event.duplicate_row 1 E1\n"
    );
}

#[test]
fn of_contradicting_events_as_new_as_each_other_the_reading_that_accuses_nobody() {
    let rows = [
        "E1 | D1 | SP1 | 2020-01-05 | 2020-03-01 | REMOVE | |",
        "E1 | D1 | SP1 | 2020-01-01 | 2020-04-01 | ON     | |",
        "E1 | D1 | SP1 | 2020-01-09 | 2020-02-01 | OFF    | |",
    ];
    let longest = "E1 at SP1: 2020-01-01 .. 2020-04-01: on 2020-01-01";
    assert_eq!(periods_of(&rows), longest);
    let open = "E1 | D1 | SP1 | 2020-01-07 | | PENDING | |";
    assert_eq!(
        periods_of(&[rows[0], rows[1], open]),
        "E1 at SP1: 2020-01-01 .. ...: on 2020-01-01"
    );
    // A status without a time may be as new as one with it.
    let timed = "E1 | D1 | SP1 | 2020-01-01 | 2020-02-01 | REMOVE | 2020-02-01 |";
    assert_eq!(periods_of(&[timed, rows[1]]), longest);
    // A row that names another device leaves that one in doubt.
    let other = Lake::default()
        .device("device_id\nD1\nD2")
        .component("measuring_component_id | device_id | component_type\nM1 | D1 | E-KWH-30-DEL\nM2 | D2 | E-KWH-30-DEL")
        .install(&format!("{COLUMNS}\nE1 | D1 | SP1 | 2020-01-01 | | ON |\nE1 | D2 | SP1 | 2020-01-01 | | ON |"));
    insta::assert_snapshot!(other.show(), @r"
    M1 of D1, kWh Delivered 1800
      in doubt at SP1 from ...
    M2 of D2, kWh Delivered 1800
      E1 at SP1: 2020-01-01 .. ...: on 2020-01-01
    warning install_event.contradicting_duplicate 1 E1
    warning measuring_component.component_without_usable_install_event 1 M1
    ");
}

#[test]
fn a_newer_row_settles_what_a_faulty_one_left_in_doubt() {
    let good = "E1 | D1 | SP1 | 2020-01-01 | 2020-03-01 | REMOVE | 2020-03-01 |";
    let faulty = "E1 | D1 | SP1 | 2020-01-01 | 2019-03-01 | REMOVE | 2020-02-01 |";
    let period = "E1 at SP1: 2020-01-01 .. 2020-03-01 recorded: on 2020-01-01";
    let doubtful = format!("{period}; in doubt at SP1 from ...");
    let of = |good_at: &str, faulty_at: &str| {
        periods_of(&[&format!("{good} {good_at}"), &format!("{faulty} {faulty_at}")])
    };
    assert_eq!(of("2020-05-01", "2020-04-01"), period);
    assert_eq!(of("2020-04-01", "2020-05-01"), doubtful);
    assert_eq!(of("", ""), period, "its status is the newer one");
    let untimed = faulty.replace("2020-02-01", "");
    assert_eq!(periods_of(&[good, &untimed]), doubtful);
}

#[test]
fn the_history_of_switches() {
    let lake = installed(
        "E1 | D1 | SP1 | 2020-01-01 | 2020-06-01 | REMOVED |
         E2 | D1 | SP1 | 2020-07-01 |            | OFF     | 2020-07-15",
    )
    .on_off(
        "install_event_id | at | state
         E1 | 2020-02-01 | D1OF
         E1 | 2020-03-01 | on
         E1 | 2020-03-01 | on
         E1 | 2020-04-01 | off
         E1 | 2020-04-01 | D1ON
         E1 | 2020-06-02 | off
         E2 | 2020-08-01 | OFF
         E9 | 2020-08-01 | OFF
         E9 | 2020-09-01 | OFF
         E0 | 2020-08-01 | OFF
            | 2020-08-01 | OFF
         E1 |            | OFF
         E1 | 2020-08-01 | MAYBE",
    );
    insta::assert_snapshot!(lake.show(), @r"
    M1 of D1, kWh Delivered 1800
      E1 at SP1: 2020-01-01 .. 2020-06-01 recorded: on 2020-01-01, off 2020-02-01, on 2020-03-01
      E2 at SP1: 2020-07-01 .. ...: on 2020-07-01, off 2020-08-01
    warning on_off_history.contradicting_switch 1 E1
    note on_off_history.duplicate_row 1 E1
    rejected on_off_history.key_missing 1 -
    note on_off_history.switch_after_removal 1 E1
    rejected on_off_history.switch_time_missing 1 E1
    warning on_off_history.unknown_install_event 3 E0
    rejected on_off_history.unmapped_on_off_state 1 E1
    aside on_off_history 0:10 key_missing install_event_id=``
    aside on_off_history 0:11 switch_time_missing at=``
    aside on_off_history 0:12 unmapped_on_off_state state=`MAYBE`
    ");
}

/// Half-hours on the meter's clock around a disconnection at 10:00 legal time on a summer's day.
#[test]
fn an_hour_wrong_all_summer() {
    let lake = installed("E1 | D1 | SP1 | 2024-03-31 01:30 | 2024-10-27 01:30 | REMOVED |")
        .on_off("install_event_id | at | state\n E1 | 2024-07-15 10:00 | OFF");
    let legal = RegistryConfig {
        clocks: ClockConfig {
            measurement_time_zone: "UTC".to_owned(),
            install_time_zone: Some("Europe/London".to_owned()),
        },
        ..RegistryConfig::default()
    };
    insta::assert_snapshot!(lake.show_with(&legal), @r"
    M1 of D1, kWh Delivered 1800
      E1 at SP1: 2024-03-31 01:00 .. 2024-10-27 00:30 recorded: on 2024-03-31 01:00, off 2024-07-15 09:00
    note install_event.ambiguous_legal_time 1 E1
    note install_event.nonexistent_legal_time 1 E1
    ");
    // The half-hour that ends at 09:30 on the meter's clock is the one after 10:00 legal time: off.
    let coverage = |config: &RegistryConfig, end: &str| {
        let (registry, ..) = lake.build(config).unwrap();
        let end = micro(end) / 1_000_000;
        registry.components[0].coverage(end - 1800, end)
    };
    assert_eq!(
        coverage(&legal, "2024-07-15 09:00"),
        super::super::Coverage::On(0)
    );
    assert_eq!(
        coverage(&legal, "2024-07-15 09:30"),
        super::super::Coverage::Off(0)
    );
    // Compared raw, the meter seems to run on for an hour.
    assert_eq!(
        coverage(&RegistryConfig::default(), "2024-07-15 09:30"),
        super::super::Coverage::On(0)
    );
}

#[test]
fn one_device_at_two_places() {
    let lake = Lake::default()
        .device("device_id\nD1")
        .component(
            "measuring_component_id | device_id | component_type
             M1 | D1 | E-KWH-30-DEL
             M2 | D1 | E-KWH-30-REC",
        )
        .install(&format!(
            "{COLUMNS}
             E1 | D1 | SP1 | 2020-01-01 |            | ON |
             E2 | D1 | SP2 | 2020-03-01 | 2020-04-01 |    |
             E3 | D1 | SP1 | 2020-05-01 |            | ON |",
        ));
    insta::assert_snapshot!(lake.show(), @r"
    M1 of D1, kWh Delivered 1800
      E1 at SP1: 2020-01-01 .. ...: on 2020-01-01
      E2 at SP2: 2020-03-01 .. 2020-04-01: on 2020-03-01
      E3 at SP1: 2020-05-01 .. ...: on 2020-05-01
    M2 of D1, kWh Received 1800
      E1 at SP1: 2020-01-01 .. ...: on 2020-01-01
      E2 at SP2: 2020-03-01 .. 2020-04-01: on 2020-03-01
      E3 at SP1: 2020-05-01 .. ...: on 2020-05-01
    DeviceAtTwoPlaces: M1 at SP2, M1 at SP1: 2020-03-01 .. 2020-04-01
    DeviceAtTwoPlaces: M2 at SP2, M2 at SP1: 2020-03-01 .. 2020-04-01
    warning install_event.device_at_two_places 1 E2
    ");
}

#[test]
fn two_devices_at_one_place() {
    let devices = |second: &str, removed: &str| {
        Lake::default()
            .device("device_id\nD1\nD2")
            .component(&format!(
                "measuring_component_id | device_id | component_type
                 M1 | D1 | E-KWH-30-DEL
                 M2 | D2 | {second}"
            ))
            .install(&format!(
                "{COLUMNS}
                 E1 | D1 | SP1 | 2020-01-01 | {removed} | |
                 E2 | D2 | SP1 | 2020-03-01 |           | |"
            ))
    };
    let overlaps = |lake: Lake| {
        let (registry, ..) = lake.build(&RegistryConfig::default()).unwrap();
        let shown = show_registry(&registry);
        shown
            .lines()
            .filter(|line| line.starts_with("Two"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    insta::assert_snapshot!(overlaps(devices("E-KWH-15-DEL", "2020-04-01")), @"TwoDevicesAtOnePlace: M2 at SP1, M1 at SP1: 2020-03-01 .. 2020-04-01");
    insta::assert_snapshot!(overlaps(devices("E-KWH-15-DEL", "")), @"TwoDevicesAtOnePlace: M2 at SP1, M1 at SP1: 2020-03-01 .. ...");
    assert_eq!(overlaps(devices("E-KWH-15-DEL", "2020-03-01")), "", "an exchange");
    assert_eq!(overlaps(devices("E-KWH-15-REC", "")), "", "another direction");
    assert_eq!(overlaps(devices("G-VOLUME-REGISTER", "")), "", "another unit");
    assert_eq!(overlaps(devices("LIMBO", "")), "", "not known which unit");
}

#[test]
fn a_removal_whose_date_is_missing_makes_no_overlap() {
    let lake = Lake::default()
        .device("device_id\nD1\nD2")
        .component(
            "measuring_component_id | device_id | component_type
             M1 | D1 | E-KWH-30-DEL
             M2 | D2 | E-KWH-30-DEL",
        )
        .install(&format!(
            "{COLUMNS}
             E1 | D1 | SP1 | 2020-01-01 | | REMOVED |
             E2 | D2 | SP1 | 2020-03-01 | | ON      |
             E3 | D1 | SP2 | 2020-04-01 | | ON      |"
        ));
    insta::assert_snapshot!(lake.show(), @r"
    M1 of D1, kWh Delivered 1800
      E1 at SP1: 2020-01-01 .. 2020-04-01: on 2020-01-01
      E3 at SP2: 2020-04-01 .. ...: on 2020-04-01
    M2 of D2, kWh Delivered 1800
      E2 at SP1: 2020-03-01 .. ...: on 2020-03-01
    warning install_event.status_removed_without_date 1 E1
    ");
}

#[test]
fn service_points_are_joined() {
    let lake = installed(
        "E1 | D1 | SP1 | 2020-01-01 | 2020-02-01 | REMOVED |
         E2 | D1 | SP2 | 2020-03-01 |            | ON      |",
    )
    .service_point(
        "service_point_id | premise_id | rate_class | transformer_id | district | region | connected_at
         SP0 | P0 | R0 | T0 | | |
         SP2 | P2 | R2 |    | | |
         SP2 | P2 | R3 |    | D1 | N | 1970-01-03
             | P3 | R3 | T3 | | |",
    );
    insta::assert_snapshot!(lake.show(), @r"
    M1 of D1, kWh Delivered 1800
      E1 at SP1: 2020-01-01 .. 2020-02-01 recorded: on 2020-01-01
      E2 at SP2: 2020-03-01 .. ...: on 2020-03-01
    note install_event.unknown_service_point 1 SP1
    warning service_point.contradicting_duplicate 1 SP2
    rejected service_point.key_missing 1 -
    note service_point.service_point_without_install_event 1 SP0
    aside service_point 0:3 key_missing service_point_id=``
    ");
    let (registry, ..) = lake.build(&RegistryConfig::default()).unwrap();
    let point = &registry.service_points[1];
    let known = (
        point.premise_id.as_deref(),
        point.rate_class.as_deref(),
        point.transformer_id.as_deref(),
    );
    assert_eq!(known, (Some("P2"), Some("R3"), None));
    let lies = (
        point.district.as_deref(),
        point.region.as_deref(),
        point.connected_at,
    );
    assert_eq!(lies, (Some("D1"), Some("N"), Some(2 * DAY_SECONDS)));
    assert_eq!(registry.service_points[0].premise_id, None);
    assert_eq!(registry.components[0].last_service_point(), Some(1));
}

#[test]
fn a_received_channel_at_its_time() {
    let lake = Lake::default()
        .device("device_id\nD1")
        .component(
            "measuring_component_id | device_id | component_type
             M1 | D1 | E-KWH-30-DEL
             M2 | D1 | E-KWH-30-REC",
        )
        .install(&format!(
            "{COLUMNS}
             E1 | D1 | SP1 | 2020-01-01 | 2020-02-01 | REMOVED |
             E2 | D1 | SP2 | 2020-03-01 |            | ON      |"
        ));
    let (registry, ..) = lake.build(&RegistryConfig::default()).unwrap();
    let received = |point: u32, from: &str, to: &str| {
        let channels = registry.received_channels(point, micro(from) / 1_000_000, micro(to) / 1_000_000);
        channels.count() == 1
    };
    assert!(received(0, "2020-01-31", "2020-03-05"));
    assert!(!received(0, "2020-02-01", "2020-12-01"), "removed by then");
    assert!(!received(1, "2020-01-01", "2020-03-01"), "not there yet");
    assert!(received(1, "2020-03-01", "2020-03-02"));
    assert!(!received(9, "2020-03-01", "2020-03-02"), "no such place");
    let (delivered_only, ..) = installed("E1 | D1 | SP1 | 2020-01-01 | | |")
        .build(&RegistryConfig::default())
        .unwrap();
    assert_eq!(delivered_only.received_channels(0, 0, i64::MAX).count(), 0);
}
