use super::*;

/// Four meters under one transformer, a fifth under another.
fn street() -> Lake {
    let mut lake = Lake::default();
    let mut tables = [
        "device_id".to_owned(),
        "measuring_component_id | device_id | component_type".to_owned(),
        "install_event_id | device_id | service_point_id | installed_at".to_owned(),
        "service_point_id | transformer_id".to_owned(),
    ];
    for n in 1..=5 {
        let transformer = if n < 5 { "T1" } else { "T2" };
        for (table, row) in tables.iter_mut().zip([
            format!("D{n}"),
            format!("M{n} | D{n} | E-KWH-30-DEL"),
            format!("E{n} | D{n} | S{n} | 2020-01-01"),
            format!("S{n} | {transformer}"),
        ]) {
            table.push('\n');
            table.push_str(&row);
        }
    }
    let [device, component, install, place] = &tables;
    lake = lake.device(device).component(component).install(install);
    lake.service_point(place)
}

fn events(rows: &str) -> String {
    let lake = street().device_event(&format!("device_id | at | event_code\n{rows}"));
    let shown = lake.show();
    let wanted =
        |line: &&str| line.starts_with('M') || line.contains("device_event") || line.contains("20-0");
    let lines = shown
        .lines()
        .filter(wanted)
        .filter(|line| !line.contains(" at S"));
    let text: Vec<String> = lines.map(|line| format!("{line}\n")).collect();
    text.concat()
}

#[test]
fn events_hang_on_the_components_of_their_device_in_the_order_of_time() {
    insta::assert_snapshot!(events(
        "D2 | 2020-03-05 10:00 | Meter cover removed
         D2 | 2020-02-01 10:00 | tamper
         D2 | 2020-02-01 10:00 | TAMPER
         D2 | 2020-02-01 11:00 | METER_COVER_CLOSED
         D9 | 2020-02-01 11:00 | TAMPER"
    ), @r"
    M1 of D1, kWh Delivered 1800
    M2 of D2, kWh Delivered 1800
      Tamper 2020-02-01 10:00
      CoverOpen 2020-03-05 10:00
    M3 of D3, kWh Delivered 1800
    M4 of D4, kWh Delivered 1800
    M5 of D5, kWh Delivered 1800
    note device_event.event_without_component 1 D9
    ");
}

#[test]
fn a_code_that_nobody_mapped_is_a_finding_and_a_row_without_a_time_is_kept_aside() {
    insta::assert_snapshot!(events(
        "D1 | 2020-03-05 10:00 | 42
         D1 | | TAMPER
          | 2020-03-05 10:00 | TAMPER"
    ), @r"
    M1 of D1, kWh Delivered 1800
    M2 of D2, kWh Delivered 1800
    M3 of D3, kWh Delivered 1800
    M4 of D4, kWh Delivered 1800
    M5 of D5, kWh Delivered 1800
    rejected device_event.event_time_missing 1 D1
    rejected device_event.key_missing 1 -
    warning device_event.unmapped_event_code 1 D1
    aside device_event 0:1 event_time_missing at=``
    aside device_event 0:2 key_missing device_id=``
    ");
}

#[test]
fn what_three_meters_of_a_transformer_had_at_once_is_an_outage() {
    // Two within a quarter of an hour are none; neither is what the meter of another transformer had.
    insta::assert_snapshot!(events(
        "D1 | 2020-03-05 10:00 | POWER_LOST
         D2 | 2020-03-05 10:10 | POWER_LOST
         D3 | 2020-03-05 10:15 | POWER_LOST
         D5 | 2020-03-05 10:05 | POWER_LOST
         D1 | 2020-04-05 10:00 | POWER_LOST
         D2 | 2020-04-05 10:10 | POWER_LOST
         D3 | 2020-04-05 10:16 | TAMPER"
    ), @r"
    M1 of D1, kWh Delivered 1800
      PowerLost 2020-04-05 10:00
    M2 of D2, kWh Delivered 1800
      PowerLost 2020-04-05 10:10
    M3 of D3, kWh Delivered 1800
      Tamper 2020-04-05 10:16
    M4 of D4, kWh Delivered 1800
    M5 of D5, kWh Delivered 1800
      PowerLost 2020-03-05 10:05
    note device_event.outage 3 D1
    ");
}

#[test]
fn events_are_on_the_legal_clock() {
    let lake = street().device_event("device_id | at | event_code\nD1 | 2020-07-05 10:00 | TAMPER");
    let mut config = RegistryConfig::default();
    config.clocks.install_time_zone = Some("Europe/London".to_owned());
    let (registry, ..) = lake.build(&config).unwrap();
    assert_eq!(show_time(registry.components[0].events[0].at), "2020-07-05 09:00");
}

#[test]
fn events_of_a_placeholder_hang_nowhere() {
    let shown = |components: usize| {
        let components = (0..components).map(|n| format!("M{n:03} | UNKNOWN | E-KWH-30-DEL"));
        let header = "measuring_component_id | device_id | component_type".to_owned();
        let rows: Vec<String> = std::iter::once(header).chain(components).collect();
        let lake = Lake::default()
            .device("device_id\nUNKNOWN")
            .component(&rows.join("\n"))
            .install("install_event_id | device_id | service_point_id | installed_at\nE1 | UNKNOWN | S1 | 2020-01-01")
            .device_event("device_id | at | event_code\nUNKNOWN | 2020-02-01 10:00 | TAMPER");
        let shown = lake.show();
        let noted = shown.contains("note device_event.event_of_placeholder 1 UNKNOWN");
        (shown.matches("Tamper 2020-02-01 10:00").count(), noted)
    };
    assert_eq!(shown(200), (200, false));
    assert_eq!(shown(201), (0, true));
}
