//! Devices, components, their types, and how they join.

use super::*;

const INSTALL: &str = "install_event_id | device_id | service_point_id | installed_at
    E1 | D1 | SP1 | 2024-01-01";

#[test]
fn one_of_each() {
    insta::assert_snapshot!(one_meter().install(INSTALL).show(), @r"
    M1 of D1, kWh Delivered 1800
      E1 at SP1: 2024-01-01 .. ...: on 2024-01-01
    ");
}

#[test]
fn empty_tables_make_an_empty_registry() {
    assert_eq!(Lake::default().show(), "");
}

#[test]
fn the_device_config_table_joins() {
    let lake = Lake::default()
        .device("device_id | device_type\n D1 | TYPE-A\n D2 | ")
        .device_config("device_config_id | device_id\n C1 | D1\n C2 | D2\n C3 | D9")
        .component(
            "measuring_component_id | device_config_id | component_type
             M1 | C1 | E-KWH-15-DEL
             M2 | C1 | E-KWH-15-REC
             M3 | C2 | E-KWH-15-DEL
             M4 | C8 | E-KWH-15-DEL",
        )
        .install(
            "install_event_id | device_config_id | service_point_id | installed_at
             E1 | C1 | SP1 | 2024-01-01
             E2 | C2 | SP2 | 2024-01-01
             E9 | C9 | SP9 | 2024-01-01",
        );
    insta::assert_snapshot!(lake.show(), @r"
    M1 of D1, kWh Delivered 900
      E1 at SP1: 2024-01-01 .. ...: on 2024-01-01
    M2 of D1, kWh Received 900
      E1 at SP1: 2024-01-01 .. ...: on 2024-01-01
    M3 of D2, kWh Delivered 900
      E2 at SP2: 2024-01-01 .. ...: on 2024-01-01
    M4 of -, kWh Delivered 900
    warning device_config.unknown_device 1 C3
    warning install_event.install_event_without_component 1 E9
    warning install_event.install_events_incomplete 1 M4
    warning install_event.unknown_device_config 1 E9
    warning measuring_component.component_without_device 1 M4
    warning measuring_component.component_without_install_event 1 M4
    warning measuring_component.unknown_device_config 1 M4
    ");
    let (registry, ..) = lake.build(&RegistryConfig::default()).unwrap();
    assert_eq!(registry.components[0].device_type.as_deref(), Some("TYPE-A"));
    assert_eq!(registry.components[2].device_type, None);
    assert_eq!(registry.components_at(0), [0, 1]);
    assert_eq!(registry.components_at(1), [2]);
    assert_eq!(registry.components_at(2), [0_u32; 0]);
}

#[test]
fn ids_that_never_meet_are_an_error() {
    let lake = |component: &str, event: &str| {
        Lake::default()
            .device("device_id\nD1\nD2")
            .component(&format!(
                "measuring_component_id | device_config_id | device_id | component_type\n{component}"
            ))
            .install(&format!(
                "install_event_id | device_config_id | device_id | service_point_id | installed_at | status\n{event}"
            ))
            .show()
    };
    let meters = "M1 | DC-2 | D2 | E-KWH-15-DEL\n M2 | DC-1 | D1 | E-KWH-15-DEL";
    let two = "E1 | XX-2 | | SP1 | 2024-01-01 | ON\n E2 | XX-1 | | SP2 | 2024-01-01 | ON";
    insta::assert_snapshot!(lake(meters, two), @"error: no id of `install_event.device_config_id` (for example `XX-1`) is met by one of `measuring_component.device_config_id` (for example `DC-1`)");
    let by_device = "E1 | | X2 | SP1 | 2024-01-01 | ON";
    insta::assert_snapshot!(lake(meters, by_device), @"error: no id of `install_event.device_id` (for example `X2`) is met by one of `measuring_component.device_id` (for example `D1`)");
    // One is enough to show that the columns are the right ones, even if it covers nothing.
    for (status, start) in [("ON", "2024-01-01"), ("PENDING", "2024-01-01"), ("ON", "")] {
        let one = format!("{two}\n E3 | DC-1 | | SP1 | {start} | {status}");
        assert!(!lake(meters, &one).starts_with("error"), "{status} {start}");
    }
}

#[test]
fn too_many_components_without_install_events_are_a_fault_of_the_table() {
    let lake = |installed: u32| {
        let meters: Vec<String> = (0..10)
            .map(|n| format!("M{n} | D{n} | E-KWH-15-DEL"))
            .chain([
                "G0 | G | G-VOLUME-REGISTER".to_owned(),
                "G1 | G | LIMBO".to_owned(),
            ])
            .collect();
        let events: Vec<String> = (0..installed)
            .map(|n| format!("E{n} | D{n} | SP{n} | 2024-01-01"))
            .collect();
        let header = "install_event_id | device_id | service_point_id | installed_at";
        let lake = Lake::default()
            .component(&format!(
                "measuring_component_id | device_id | component_type\n{}",
                meters.join("\n")
            ))
            .install(&format!("{header}\n{}", events.join("\n")));
        let (registry, findings, _) = lake.build(&RegistryConfig::default()).unwrap();
        let found = findings
            .iter()
            .find(|finding| finding.code == "install_events_incomplete");
        let found = found.map(|finding| (finding.rows, finding.example_key.clone()));
        assert_eq!(registry.install_events_incomplete, found.is_some());
        found
    };
    assert_eq!(lake(10), None);
    assert_eq!(lake(8), None, "two of ten; gas and unmapped types do not count");
    assert_eq!(lake(7), Some((3, "M7".to_owned())));
}

#[test]
fn events_that_name_the_device_join_all_its_configurations() {
    let lake = Lake::default()
        .device("device_id\nD1")
        .device_config("device_config_id | device_id\n C1 | D1\n C2 | D1")
        .component(
            "measuring_component_id | device_config_id | component_type
             M1 | C1 | E-KWH-15-DEL
             M2 | C2 | E-KWH-15-DEL",
        )
        .install(
            "install_event_id | device_config_id | device_id | service_point_id | installed_at | removed_at
             E1 |    | D1 | SP1 | 2024-01-01 | 2024-02-01
             E2 | C2 |    | SP2 | 2024-02-01 | ",
        );
    insta::assert_snapshot!(lake.show(), @r"
    M1 of D1, kWh Delivered 900
      E1 at SP1: 2024-01-01 .. 2024-02-01: on 2024-01-01
    M2 of D1, kWh Delivered 900
      E1 at SP1: 2024-01-01 .. 2024-02-01: on 2024-01-01
      E2 at SP2: 2024-02-01 .. ...: on 2024-02-01
    ");
}

#[test]
fn configuration_and_device_declared_equal() {
    let lake = Lake::default()
        .device("device_id\nX1")
        .component("measuring_component_id | device_config_id | component_type\n M1 | X1 | E-KWH-15-DEL")
        .install(
            "install_event_id | device_id | service_point_id | installed_at\n E1 | X1 | SP1 | 2024-01-01",
        );
    insta::assert_snapshot!(lake.show(), @"error: parameter `device_config_is_device` is false: measuring_component has no `device_id`, so its rows cannot be joined to devices; give a device_config table, or map `measuring_component.device_id`, or set `device_config_is_device` to true if both ids are the same in this lake");
    let declared = RegistryConfig {
        device_config_is_device: true,
        ..RegistryConfig::default()
    };
    insta::assert_snapshot!(lake.show_with(&declared), @r"
    M1 of X1, kWh Delivered 900
      E1 at SP1: 2024-01-01 .. ...: on 2024-01-01
    ");
    let crossed = Lake::default()
        .device("device_id\nX1")
        .component("measuring_component_id | device_id | component_type\n M1 | X1 | E-KWH-15-DEL")
        .install("install_event_id | device_config_id | service_point_id | installed_at\n E1 | X1 | SP1 | 2024-01-01");
    assert!(
        crossed
            .show()
            .contains("install_event has only `device_config_id`")
    );
    assert_eq!(crossed.show_with(&declared), lake.show_with(&declared));
    let differing = Lake::default()
        .device("device_id\nX1\nX2")
        .component("measuring_component_id | device_config_id | device_id | component_type\n M1 | X1 | X2 | E-KWH-15-DEL")
        .install("install_event_id | device_id | service_point_id | installed_at\n E1 | X1 | SP1 | 2024-01-01");
    insta::assert_snapshot!(differing.show_with(&declared), @r"
    M1 of X1, kWh Delivered 900
      E1 at SP1: 2024-01-01 .. ...: on 2024-01-01
    note device.device_without_component 1 X2
    warning measuring_component.device_contradicts_device_config 1 M1
    ");
}

#[test]
fn ids_that_contradict_or_lead_nowhere() {
    let lake = Lake::default()
        .device("device_id | status\n D1 | ACTIVE\n D2 | RETIRED\n D3 | STOLEN\n | ACTIVE")
        .device_config("device_config_id | device_id\n C1 | D1\n | D1\n C5 | ")
        .component(
            "measuring_component_id | device_config_id | device_id | component_type
             M1 | C1 | D2 | E-KWH-15-DEL
             M2 |    | D7 | E-KWH-15-DEL
             M3 |    |    | E-KWH-15-DEL
             M4 |    | D2 | E-KWH-15-DEL
                | C1 |    | E-KWH-15-DEL",
        )
        .install(
            "install_event_id | device_config_id | device_id | service_point_id | installed_at
             E1 | C1 |    | SP1 | 2024-01-01
             E2 |    | D7 | SP2 | 2024-01-01
             E4 |    | D2 | SP4 | 2024-01-01",
        );
    insta::assert_snapshot!(lake.show(), @r"
    M1 of D1, kWh Delivered 900
      E1 at SP1: 2024-01-01 .. ...: on 2024-01-01
    M2 of D7, kWh Delivered 900
      E2 at SP2: 2024-01-01 .. ...: on 2024-01-01
    M3 of -, kWh Delivered 900
    M4 of D2, kWh Delivered 900
      E4 at SP4: 2024-01-01 .. ...: on 2024-01-01
    note device.device_without_component 1 D3
    rejected device.key_missing 1 -
    warning device.retired_device_installed 1 D2
    warning device.unmapped_device_status 1 D3
    rejected device_config.key_missing 2 -
    warning install_event.install_events_incomplete 1 M3
    warning install_event.unknown_device 1 E2
    warning measuring_component.component_without_device 1 M3
    warning measuring_component.component_without_install_event 1 M3
    warning measuring_component.device_contradicts_device_config 1 M1
    rejected measuring_component.key_missing 1 -
    warning measuring_component.unknown_device 1 M2
    aside device 0:3 key_missing device_id=``
    aside device_config 0:1 key_missing device_config_id=``
    aside device_config 0:2 key_missing device_id=``
    aside measuring_component 0:4 key_missing measuring_component_id=``
    ");
}

#[test]
fn types_by_code_or_by_columns() {
    let lake = Lake::default().device("device_id\nD1").component(
        "measuring_component_id | device_id | component_type | uom | direction | kind | interval_seconds
         M1 | D1 | E-KWH-REGISTER |     |           |          |
         M2 | D1 |                | kWh | Received  | INTERVAL | 600
         M3 | D1 | HOME-MADE      | V   | delivered | interval | 900
         M4 | D1 | HOME-MADE      |     |           |          |
         M5 | D1 | OTHER          | kWh | delivered | interval |
         M6 | D1 |                | kWh | delivered | interval | 7000
         M7 | D1 |                | kWh | sideways  | interval | 900
         M8 | D1 | E-KWH-15-DEL   | kWh | delivered | interval | 1800
         M9 | D1 | E-KWH-15-DEL   | KWH | delivered | interval | 900",
    );
    insta::assert_snapshot!(lake.show(), @r"
    M1 of D1, kWh Delivered
    M2 of D1, kWh Received 600
    M3 of D1, V Delivered 900
    M4 of D1, unmapped
    M5 of D1, unmapped
    M6 of D1, unmapped
    M7 of D1, unmapped
    M8 of D1, kWh Delivered 900
    M9 of D1, kWh Delivered 900
    warning install_event.install_events_incomplete 4 M1
    warning measuring_component.component_without_install_event 9 M1
    warning measuring_component.incomplete_component_type 2 M6
    warning measuring_component.type_contradicts_columns 1 M8
    warning measuring_component.unmapped_component_type 2 M4
    ");
    let (_, findings, _) = lake.build(&RegistryConfig::default()).unwrap();
    let message = &findings
        .iter()
        .find(|f| f.code == "unmapped_component_type")
        .unwrap()
        .message;
    insta::assert_snapshot!(message, @"type codes that `component_types` does not map: their measurements are rejected; map them in the config: `HOME-MADE`, `OTHER`");
}

#[test]
fn multipliers_and_digits() {
    let lake = Lake::default().device("device_id\nD1").component(
        "measuring_component_id | device_id | component_type | multiplier_micro | register_digits
         M1 | D1 | E-KWH-REGISTER |           | 5
         M2 | D1 | E-KWH-REGISTER | 40000000  | 12
         M3 | D1 | E-KWH-REGISTER | 0         | 13
         M4 | D1 | E-KWH-REGISTER | -20000000 | 0",
    );
    let lake = lake.install(
        "install_event_id | device_id | service_point_id | installed_at | install_constant_micro
         E1 | D1 | SP1 | 2024-01-01 | 1500000
         E2 | D1 | SP1 | 2025-01-01 | 0",
    );
    let (registry, findings, _) = lake.build(&RegistryConfig::default()).unwrap();
    let read: Vec<_> = registry
        .components
        .iter()
        .map(|component| {
            let period = &component.periods[0];
            (
                component.multiplier_micro,
                component.register_digits,
                component.expected_multiplier_micro(period),
            )
        })
        .collect();
    let expected = [
        (1_000_000, Some(5), 1_500_000),
        (40_000_000, Some(12), 60_000_000),
        (1_000_000, None, 1_500_000),
        (1_000_000, None, 1_500_000),
    ];
    assert_eq!(read, expected);
    assert_eq!(registry.components[0].periods[1].constant_micro, 1_000_000);
    insta::assert_snapshot!(show_findings(&findings), @r"
    warning install_event.non_positive_install_constant 1 E2
    warning measuring_component.invalid_register_digits 2 M3
    warning measuring_component.non_positive_multiplier 2 M3
    ");
}

#[test]
fn expected_multipliers_round_half_to_even() {
    let expected = |multiplier_micro, constant_micro| {
        let period = super::super::InstallPeriod {
            constant_micro,
            ..Default::default()
        };
        super::super::Component {
            multiplier_micro,
            ..Default::default()
        }
        .expected_multiplier_micro(&period)
    };
    // 0.000005 x 0.5 = 0.0000025 and 0.000007 x 0.5 = 0.0000035: the even neighbours are 2 and 4.
    assert_eq!(expected(5, 500_000), 2);
    assert_eq!(expected(7, 500_000), 4);
    assert_eq!(expected(5, 500_001), 3);
    assert_eq!(expected(i64::MAX, 2_000_000), i64::MAX);
}

#[test]
fn duplicates_of_ids() {
    let lake = Lake::default()
        .device("device_id | status | device_type\n D1 | ACTIVE | A\n D1 | ACTIVE | A\n D1 | ACTIVE | B")
        .component(
            "measuring_component_id | device_id | component_type
             M1 | D1 | E-KWH-15-DEL
             M1 | D1 | E-KWH-30-DEL
             M2 | D1 | E-KWH-15-REC",
        )
        .component("measuring_component_id | device_id | component_type\n M2 | D1 | E-KWH-15-REC");
    insta::assert_snapshot!(lake.show(), @r"
    M1 of D1, kWh Delivered 1800
    M2 of D1, kWh Received 900
    warning device.contradicting_duplicate 1 D1
    note device.duplicate_row 1 D1
    warning install_event.install_events_incomplete 2 M1
    warning measuring_component.component_without_install_event 2 M1
    warning measuring_component.contradicting_duplicate 1 M1
    note measuring_component.duplicate_row 1 M2
    ");
    let (registry, ..) = lake.build(&RegistryConfig::default()).unwrap();
    assert_eq!(registry.components[0].device_type.as_deref(), Some("B"));
}

#[test]
fn of_several_deliveries_the_newest_counts() {
    let lake = Lake::default()
        .device(
            "device_id | device_type | delivered_at
             D1 | B | 2024-01-01
             D1 | A | 2024-02-01",
        )
        .component(
            "measuring_component_id | device_id | component_type | delivered_at
             M1 | D1 | E-KWH-30-DEL | 2024-01-01
             M1 | D1 | E-KWH-15-DEL | 2024-02-01",
        )
        .install(INSTALL);
    let (registry, findings, _) = lake.build(&RegistryConfig::default()).unwrap();
    let component = &registry.components[0];
    assert_eq!(
        (component.device_type.as_deref(), component.interval_seconds()),
        (Some("A"), Some(900))
    );
    assert_eq!(
        show_findings(&findings),
        "warning device.contradicting_duplicate 1 D1\nwarning measuring_component.contradicting_duplicate 1 M1\n"
    );
}

#[test]
fn a_placeholder_device_does_not_multiply() {
    let crowd = |components: u32, events: u32| {
        let lines = |count: u32, header: &str, row: fn(u32) -> String| {
            std::iter::once(header.to_owned())
                .chain((0..count).map(row))
                .collect::<Vec<_>>()
                .join("\n")
        };
        let components = lines(
            components,
            "measuring_component_id | device_id | component_type",
            |index| format!("M{index:03} | UNKNOWN | E-KWH-15-DEL"),
        );
        let events = lines(
            events,
            "install_event_id | device_id | service_point_id | installed_at",
            |index| format!("E{index:03} | UNKNOWN | SP1 | 2024-01-01"),
        );
        let lake = Lake::default()
            .device("device_id\nUNKNOWN")
            .component(&components)
            .install(&events);
        let (registry, findings, _) = lake.build(&RegistryConfig::default()).unwrap();
        let periods: usize = registry
            .components
            .iter()
            .map(|component| component.periods.len())
            .sum();
        (periods, show_findings(&findings))
    };
    assert_eq!(crowd(256, 256), (65_536, String::new()));
    assert_eq!(crowd(1, 300).0, 300);
    assert_eq!(crowd(300, 1).0, 300);
    let (periods, findings) = crowd(257, 256);
    assert_eq!(periods, 0);
    insta::assert_snapshot!(findings, @r"
    warning install_event.install_event_without_component 256 E000
    warning install_event.install_events_incomplete 257 M000
    warning measuring_component.component_without_install_event 257 M000
    warning measuring_component.placeholder_device 257 M000
    ");
}

#[test]
fn a_message_lists_the_first_codes() {
    let message = |codes: &str| {
        let rows: Vec<String> = codes
            .chars()
            .map(|code| format!("\nM{code} | D1 | TYPE-{code}"))
            .collect();
        let lake = Lake::default().device("device_id\nD1").component(&format!(
            "measuring_component_id | device_id | component_type{}",
            rows.concat()
        ));
        let (_, findings, _) = lake.build(&RegistryConfig::default()).unwrap();
        let unmapped = findings
            .iter()
            .find(|f| f.code == "unmapped_component_type")
            .unwrap();
        unmapped.message.rsplit_once(": ").unwrap().1.to_owned()
    };
    assert_eq!(
        message("EDCBA"),
        "`TYPE-A`, `TYPE-B`, `TYPE-C`, `TYPE-D`, `TYPE-E`"
    );
    assert_eq!(
        message("FBEADC"),
        "`TYPE-A`, `TYPE-B`, `TYPE-C`, `TYPE-D`, `TYPE-E`, ..."
    );
}

#[test]
fn columns_that_are_missing_or_of_another_type() {
    let missing = one_meter().install("install_event_id | device_id | service_point_id\n E1 | D1 | SP1");
    insta::assert_snapshot!(missing.show(), @"error: table `install_event` has no column `installed_at`");
    let typed = one_meter()
        .component("measuring_component_id | device_id | at\n M1 | D1 | ")
        .show();
    assert!(
        typed.starts_with("M1 of D1"),
        "a column that nobody asks for doesn't matter: {typed}"
    );
    let mut wrong = one_meter();
    let text = StringArray::from(vec!["2024-01-01"]);
    let columns: Vec<(&str, ArrayRef, bool)> = vec![
        ("install_event_id", Arc::new(StringArray::from(vec!["E1"])), true),
        ("service_point_id", Arc::new(StringArray::from(vec!["SP1"])), true),
        ("installed_at", Arc::new(text), true),
    ];
    wrong.install_event = vec![RecordBatch::try_from_iter_with_nullable(columns).unwrap()];
    insta::assert_snapshot!(wrong.show(), @"error: column `install_event.installed_at` is Utf8, expected Timestamp(µs)");
}
