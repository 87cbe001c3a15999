use super::*;

/// A meter at S1 of area A, one at S2 of area B, one at S3 of no area.
fn places() -> Lake {
    Lake::default()
        .device("device_id\nD1\nD2\nD3")
        .component(
            "measuring_component_id | device_id | component_type
             M1 | D1 | E-KWH-30-DEL
             M2 | D2 | E-KWH-30-DEL
             M3 | D3 | E-KWH-30-DEL",
        )
        .install(
            "install_event_id | device_id | service_point_id | installed_at
             E1 | D1 | S1 | 2020-01-01
             E2 | D2 | S2 | 2020-01-01
             E3 | D3 | S3 | 2020-01-01",
        )
        .service_point("service_point_id | area_id\nS1 | A\nS2 | B\nS3 |")
}

/// The temperatures of the three places from 2020-02-01 on, and the findings and rejected rows of the table.
fn shown(lake: &Lake) -> String {
    let (registry, findings, rejected) = lake.build(&RegistryConfig::default()).unwrap();
    let first = (micro("2020-02-01") / 86_400_000_000) as i32;
    let mut lines = Vec::new();
    for place in 0..3 {
        let weather = registry.weather.at(Some(place));
        let days = (first..first + 3).map(|day| {
            let celsius = weather.and_then(|weather| weather.celsius(day));
            celsius.map_or("-".to_owned(), |celsius| format!("{celsius}"))
        });
        let days: Vec<String> = days.collect();
        lines.push(format!("S{}: {}", place + 1, days.join(" ")));
    }
    let all = show_findings(&findings) + &show_rejected(&rejected);
    let of_interest = all
        .lines()
        .filter(|line| line.contains("temperature") || line.contains("area"));
    lines.extend(of_interest.map(str::to_owned));
    lines.join("\n")
}

#[test]
fn a_day_is_the_mean_of_its_moments_and_too_few_are_none() {
    let lake = places().temperature(
        "at | degrees_celsius
         2020-02-01 00:00 | 2.5
         2020-02-01 06:00 | 3
         2020-02-01 12:00 | 8
         2020-02-01 18:00 | 4.5
         2020-02-02 12:00 | 9
         2020-02-03 00:00 | 1
         2020-02-03 06:00 | -1
         2020-02-03 12:00 | 3
         2020-02-03 18:00 | 3",
    );
    insta::assert_snapshot!(shown(&lake), @r"
    S1: 4.5 - 1.5
    S2: 4.5 - 1.5
    S3: 4.5 - 1.5
    ");
}

#[test]
fn a_place_has_the_weather_of_its_area_or_else_of_all() {
    let lake = places().temperature(
        "date | degrees_celsius | area_id
         2020-02-01 | 5 | A
         2020-02-02 | 6 | A
         2020-02-01 | 15 |",
    );
    insta::assert_snapshot!(shown(&lake), @r"
    S1: 5 6 -
    S2: 15 - -
    S3: 15 - -
    note service_point.area_without_weather 1 S2
    ");
    let several =
        places().temperature("date | degrees_celsius | area_id\n2020-02-01 | 5 | A\n2020-02-01 | 6 | C");
    insta::assert_snapshot!(shown(&several), @r"
    S1: 5 - -
    S2: - - -
    S3: - - -
    note service_point.area_without_weather 2 S2
    ");
}

#[test]
fn the_newest_delivery_of_a_moment_counts_and_nonsense_is_kept_aside() {
    let lake = places().temperature(
        "date | degrees_celsius | delivered_at
         2020-02-01 | 5 | 2020-03-02
         2020-02-01 | 9 | 2020-03-01
         2020-02-02 | 7 | 2020-03-01
         2020-02-02 | 7 | 2020-03-01
         2020-02-03 | 98.6 | 2020-03-01
          | 7 | 2020-03-01",
    );
    insta::assert_snapshot!(shown(&lake), @r"
    S1: 5 7 -
    S2: 5 7 -
    S3: 5 7 -
    warning temperature.contradicting_duplicate 1 -
    note temperature.duplicate_row 1 -
    rejected temperature.temperature_out_of_range 1 -
    rejected temperature.temperature_time_missing 1 -
    aside temperature 0:4 temperature_out_of_range degrees_celsius=`98.6`
    aside temperature 0:5 temperature_time_missing at=``
    ");
}

#[test]
fn air_is_no_colder_than_75_below_zero_and_no_warmer_than_60() {
    let lake = places().temperature(
        "date | degrees_celsius | area_id
         2020-02-01 | -75 | A
         2020-02-02 | -75.1 | A
         2020-02-03 | 0 | A
         2020-02-01 | 60 | B
         2020-02-02 | 60.1 | B
         2020-02-03 | 0 | B",
    );
    insta::assert_snapshot!(shown(&lake), @r"
    S1: -75 - 0
    S2: 60 - 0
    S3: - - -
    note service_point.area_without_weather 1 S3
    rejected temperature.temperature_out_of_range 2 A
    aside temperature 0:1 temperature_out_of_range degrees_celsius=`-75.1`
    aside temperature 0:4 temperature_out_of_range degrees_celsius=`60.1`
    ");
}

#[test]
fn a_stray_date_makes_no_days_in_between() {
    let lake = places().temperature(
        "date | degrees_celsius
         0001-01-01 | 7
         2020-02-01 | 5
         2020-02-03 | 6",
    );
    insta::assert_snapshot!(shown(&lake), @r"
    S1: 5 - 6
    S2: 5 - 6
    S3: 5 - 6
    ");
}
