//! Who is in the lake. `test_data/README.md` says of each what the job must say of it.

use jiff::civil::{Date, DateTime, date};

use super::calendar::{LAST, Week};
use super::home::{Change, ESTIMATED, Home, Install, MISSING, Meter};

const WEEKS: [Week; 4] = [Week::Weekend, Week::Even, Week::Laundry, Week::Weekend];

/// Wh a day of the plain homes: from a bedsit to a farm.
const HONEST: [(&str, i64); 26] = [
    ("HONEST-01", 1_800),
    ("HONEST-02", 2_400),
    ("HONEST-03", 3_000),
    ("HONEST-04", 3_500),
    ("HONEST-05", 4_100),
    ("HONEST-06", 4_700),
    ("HONEST-07", 5_300),
    ("HONEST-08", 5_900),
    ("HONEST-09", 6_500),
    ("HONEST-10", 7_100),
    ("HONEST-11", 7_700),
    ("HONEST-12", 8_300),
    ("HONEST-13", 8_900),
    ("HONEST-14", 9_500),
    ("HONEST-15", 10_200),
    ("HONEST-16", 11_000),
    ("HONEST-17", 11_900),
    ("HONEST-18", 12_900),
    ("HONEST-19", 14_000),
    ("HONEST-20", 15_300),
    ("HONEST-21", 16_800),
    ("HONEST-22", 18_600),
    ("HONEST-23", 20_900),
    ("HONEST-24", 23_800),
    ("HONEST-25", 27_600),
    ("HONEST-26", 32_600),
];

/// Every home with interval data, in the order of the catalogue.
pub(crate) fn homes() -> Vec<Home> {
    let mut all: Vec<Home> = HONEST
        .iter()
        .zip(0..)
        .map(|(&(name, level_wh), i)| {
            let home = Home::new(name, level_wh, WEEKS[i % 4], i as i64 * 4);
            if i >= 23 {
                home.rate_class("SMALL-BUSINESS")
                    .meter(|m| m.series.week = Week::Office)
            } else {
                home
            }
        })
        .collect();
    all.extend(identities());
    all.extend(removed());
    all.extend(disconnected());
    all.extend(zeros());
    all.extend(drops());
    all.extend(tampered());
    all.extend(heated());
    all.extend(behind_transformers());
    all.extend(flat_and_negative());
    all.extend(overlaps());
    all.extend(exchanges());
    all.extend(estimation_and_peers());
    all.extend(resolutions());
    all
}

fn noon(day: Date) -> DateTime {
    day.at(12, 0, 0, 0)
}

/// Ids, corrections and contradictions: odd rows of honest homes.
fn identities() -> Vec<Home> {
    let (gone_back, correct) = (date(2024, 1, 8), date(2024, 1, 28));
    vec![
        Home::new("LEADING-ZEROS", 5_000, Week::Even, 1).meter(|m| "0000000042".clone_into(&mut m.component)),
        Home::new("NO-ZEROS", 12_000, Week::Even, 2).meter(|m| "42".clone_into(&mut m.component)),
        Home::new("PADDED", 6_000, Week::Weekend, 3).meter(|m| "MC-PADDED     ".clone_into(&mut m.component)),
        Home::new("CORRECTED", 7_000, Week::Even, 4)
            .change(Change::Each(gone_back, correct, 0))
            .change(Change::Updated(gone_back, correct, "2024-01-30 06:00:00")),
        Home::new("DO-NOT-USE", 9_000, Week::Even, 5).change(Change::Gap(date(2024, 2, 5), date(2024, 2, 7))),
        Home::new("MISSING", 8_000, Week::Even, 6).change(Change::Condition(
            date(2024, 1, 15),
            date(2024, 1, 24),
            MISSING,
        )),
        Home::new("STATUS-NO-DATE", 11_000, Week::Laundry, 7).meter(|m| m.installs[0].status = "REMOVE"),
        Home::new("STATUS-STILL-ON", 4_000, Week::Laundry, 8).meter(|m| {
            m.installs[0].removed = Some(noon(date(2024, 3, 4)));
            m.series.to = date(2024, 3, 3);
        }),
    ]
}

/// `USAGE_NOT_INSTALLED`.
fn removed() -> Vec<Home> {
    let (day, first, last) = (date(2024, 3, 4), date(2024, 3, 5), date(2024, 3, 16));
    let removed = |name, level_wh, phase| {
        let meter = Meter::daily(name, level_wh, Week::Even, phase)
            .removed(noon(day))
            .days(super::calendar::FIRST, last);
        let mut home = Home::new(name, level_wh, Week::Even, phase);
        home.meters = vec![meter];
        home
    };
    vec![
        removed("REMOVED-HIT", 10_000, 1).change(Change::Percent(first, last, 50)),
        removed("REMOVED-NEAR", 5_000, 2)
            .change(Change::Each(first, last, 100))
            .change(Change::Each(date(2024, 3, 9), date(2024, 3, 9), 150)),
        removed("REMOVED-ESTIMATED", 14_000, 3).change(Change::Condition(first, last, ESTIMATED)),
        Home::new("INSTALL-LATE", 7_000, Week::Weekend, 5)
            .meter(|m| m.installs[0].at = noon(date(2023, 10, 21))),
        removed("REMOVED-PLANNED", 16_000, 4).meter(|m| m.series.to = date(2024, 3, 3)),
    ]
}

/// `USAGE_DISCONNECTED`.
fn disconnected() -> Vec<Home> {
    let (day, first, last) = (date(2024, 3, 4), date(2024, 3, 5), date(2024, 3, 20));
    let silent = Change::Each(date(2024, 3, 21), LAST, 0);
    let off = |name, level_wh, phase| {
        Home::new(name, level_wh, Week::Even, phase).meter(|m| {
            m.installs[0].status = "OFF";
            m.installs[0].status_at = Some(noon(day));
        })
    };
    let (cut, mended) = (noon(date(2024, 1, 8)), noon(date(2024, 1, 29)));
    vec![
        off("OFF-HIT", 8_000, 5)
            .change(Change::Percent(first, last, 30))
            .change(silent.clone()),
        off("OFF-NEAR", 6_000, 6)
            .change(Change::Each(first, last, 200))
            .change(Change::Each(date(2024, 3, 9), date(2024, 3, 9), 500))
            .change(silent.clone()),
        off("OFF-ESTIMATED", 12_000, 7)
            .change(Change::Condition(first, last, ESTIMATED))
            .change(silent),
        Home::new("OFF-RECONNECTED", 9_000, Week::Weekend, 8)
            .change(Change::Each(date(2024, 1, 9), date(2024, 1, 28), 0))
            .meter(|m| m.installs[0].switches = vec![(cut, false), (mended, true)]),
        summer_time(),
    ]
}

/// A prepayment meter that is cut off at 20:00 and comes back at 08:00 legal time, on three days of British
/// Summer Time: in UTC that is 19:00 and 07:00. Read as UTC, the hour from 07:00 would be usage while off.
fn summer_time() -> Home {
    let mut home = Home::new("SUMMER-TIME", 24_000, Week::Even, 9);
    home.meters = vec![
        Meter::daily("SUMMER-TIME", 24_000, Week::Even, 9)
            .every(3_600, "E-KWH-60-DEL")
            .days(date(2024, 3, 25), date(2024, 4, 30)),
    ];
    for day in [date(2024, 4, 8), date(2024, 4, 15), date(2024, 4, 22)] {
        let next = day + jiff::Span::new().days(1);
        home = home
            .meter(|m| {
                m.installs[0].switches.push((day.at(20, 0, 0, 0), false));
                m.installs[0].switches.push((next.at(8, 0, 0, 0), true));
            })
            .change(Change::Moments(day.at(19, 0, 0, 0), next.at(7, 0, 0, 0), 0));
    }
    home
}

/// `ZERO_WHILE_ON`.
fn zeros() -> Vec<Home> {
    let (january, february) = (date(2024, 1, 15), date(2024, 2, 4));
    let zero = |name, level_wh, phase, from, to| {
        Home::new(name, level_wh, Week::Even, phase).change(Change::Each(from, to, 0))
    };
    let mut all = vec![
        zero("ZERO-HIT", 10_000, 1, date(2024, 4, 22), LAST),
        zero("ZERO-NEAR", 4_000, 2, date(2024, 5, 19), LAST),
        zero("ZERO-SMALL", 850, 3, january, february),
        zero("ZERO-GAP", 9_500, 10, date(2024, 3, 16), LAST)
            .change(Change::Gap(date(2024, 2, 1), date(2024, 3, 15))),
        zero("ZERO-RESUMED", 8_000, 5, january, february),
        zero("ZERO-REMOVAL", 5_000, 4, january, february).meter(|m| {
            let removed = noon(date(2024, 2, 5));
            m.installs[0].removed = Some(removed);
            m.installs[0].status = "REMOVE";
            m.installs[0].status_at = Some(removed);
            m.series.to = february;
        }),
    ];
    for (i, name) in (0..).zip(["FLOOD-1", "FLOOD-2", "FLOOD-3", "FLOOD-4", "FLOOD-5", "FLOOD-6"]) {
        all.push(
            Home::new(name, 4_000 + 3_000 * i, WEEKS[i as usize % 4], i * 3)
                .transformer("T-FLOOD")
                .change(Change::Each(date(2024, 1, 5), date(2024, 1, 19), 0)),
        );
    }
    all
}

/// `SUSTAINED_DROP`.
fn drops() -> Vec<Home> {
    let onset = date(2024, 2, 12);
    let drop = |name, level_wh, phase, to, percent| {
        Home::new(name, level_wh, Week::Even, phase).change(Change::Percent(onset, to, percent))
    };
    let gap = |name, level_wh, phase, percent| {
        Home::new(name, level_wh, Week::Even, phase)
            .change(Change::Gap(date(2024, 2, 1), date(2024, 3, 15)))
            .change(Change::Percent(date(2024, 3, 16), LAST, percent))
    };
    let sun = date(2024, 3, 18);
    let moved_in = date(2024, 3, 5);
    vec![
        drop("DROP-HIT", 10_000, 1, LAST, 40),
        drop("DROP-NEAR", 15_000, 2, LAST, 63),
        Home::new("DROP-SHORT", 6_000, Week::Even, 3).change(Change::Percent(date(2024, 5, 12), LAST, 40)),
        drop("DROP-BACK", 7_000, 3, date(2024, 3, 22), 40),
        Home::new("DROP-SEASON", 20_000, Week::Weekend, 4).meter(|m| m.series.weather = 2),
        Home::new("DROP-SOLAR", 13_000, Week::Even, 5)
            .change(Change::Percent(sun, LAST, 45))
            .and(
                Meter::daily("DROP-SOLAR", 6_000, Week::Even, 6)
                    .named("DROP-SOLAR-EXPORT")
                    .every(86_400, "E-KWH-DAILY-REC")
                    .install(noon(date(2024, 3, 17)))
                    .days(sun, LAST),
            ),
        Home::new("DROP-VACANT", 24_000, Week::Weekend, 7)
            .change(Change::Swing(super::calendar::FIRST, date(2024, 4, 14), 70, 130))
            .change(Change::Alternate(date(2024, 4, 15), LAST, 1_180, 1_220)),
        {
            let mut home = Home::new("DROP-NEW", 16_000, Week::Even, 8);
            home.meters = vec![
                Meter::daily("DROP-NEW", 16_000, Week::Even, 8)
                    .install(noon(moved_in))
                    .days(date(2024, 3, 6), LAST)
                    .change(Change::Percent(date(2024, 4, 15), LAST, 40)),
            ];
            home
        },
        gap("DROP-GAP", 11_000, 9, 45),
        drop("DROP-ESTIMATED", 18_000, 10, LAST, 40).change(Change::Condition(onset, LAST, ESTIMATED)),
        Home::new("DROP-COTTAGE", 9_000, Week::Weekend, 0)
            .meter(|m| m.series.from = date(2022, 10, 1))
            .change(Change::Percent(date(2023, 3, 1), date(2023, 9, 30), 30))
            .change(Change::Percent(date(2024, 3, 1), LAST, 30)),
    ]
}

/// `TAMPER_THEN_DROP`.
fn tampered() -> Vec<Home> {
    let onset = date(2024, 2, 12);
    let afternoon = |day: i8| date(2024, 2, day).at(14, 30, 0, 0);
    let home = |name, level_wh, phase, percent, (at, code)| {
        Home::new(name, level_wh, Week::Even, phase)
            .change(Change::Percent(onset, LAST, percent))
            .meter(|m| m.events.push((at, code)))
    };
    let opened = |day| (afternoon(day), "TERMINAL_COVER_REMOVED");
    let failed = (afternoon(11), "POWER_DOWN");
    vec![
        home("TAMPER-HIT", 12_000, 1, 58, opened(10)).meter(|m| {
            m.events
                .push((date(2024, 2, 10).at(14, 50, 0, 0), "TERMINAL_COVER_CLOSED"));
        }),
        home("TAMPER-NEAR", 9_000, 3, 58, opened(8)),
        home("TAMPER-STAYED", 7_000, 6, 100, opened(10)),
        home("TAMPER-OUTAGE-1", 11_000, 9, 58, failed).transformer("T-OUTAGE"),
        home("TAMPER-OUTAGE-2", 5_000, 5, 100, failed).transformer("T-OUTAGE"),
        home("TAMPER-OUTAGE-3", 8_000, 2, 100, failed).transformer("T-OUTAGE"),
    ]
}

/// Homes that heat by electricity among peers that do not, and a meter that does nothing but heat.
fn heated() -> Vec<Home> {
    let home = |name, level_wh, phase, below| {
        Home::new(name, level_wh, Week::Even, phase)
            .meter(|m| m.series.weather = 0)
            .change(Change::Heat(super::calendar::FIRST, LAST, 1_600, below))
    };
    // The window is open for three days of each month, so that no weeks repeat each other.
    let aired = [10, 11, 12, 1, 2, 3, 4].into_iter().map(|month| {
        let year = if month >= 10 { 2023 } else { 2024 };
        Change::Percent(date(year, month, 15), date(year, month, 17), 110)
    });
    let only = aired.fold(home("HEAT-ONLY", 0, 3, 13), Home::change);
    vec![
        home("HEAT-HONEST", 4_000, 1, 16),
        home("HEAT-THEFT", 5_000, 6, 16)
            .change(Change::Percent(date(2024, 3, 18), LAST, 40))
            .meter(|m| {
                m.events
                    .push((date(2024, 3, 17).at(16, 0, 0, 0), "MAGNETIC_TAMPER"));
            }),
        only,
    ]
}

/// `TRANSFORMER_BALANCE`: two homes behind each transformer, and its own meter, which counts what they use and five percent.
fn behind_transformers() -> Vec<Home> {
    const ONSET: Date = date(2024, 2, 12);
    const LATER: Date = date(2024, 4, 1);
    let fall = |from, percent| Change::Percent(from, LAST, percent);
    let behind = |name, level_wh, phase, transformer| {
        Home::new(name, level_wh, Week::Even, phase).transformer(transformer)
    };
    // What is used, whatever is counted: level and phase of each home, and the percentage that is left from a day on.
    let supply = |name, used| {
        let mut home = Home::new(name, 0, Week::Even, 0).transformer("");
        home.meters[0].series.changes = vec![Change::Supply(used)];
        home
    };
    vec![
        behind("BALANCE-HIT", 10_000, 1, "T-STOLEN").change(fall(ONSET, 62)),
        behind("BALANCE-MOVED", 14_000, 6, "T-STOLEN").change(fall(LATER, 62)),
        supply("T-STOLEN", &[(10_000, 1, ONSET, 100), (14_000, 6, LATER, 62)]),
        behind("BALANCE-NEAR", 10_000, 4, "T-PARTLY").change(fall(ONSET, 62)),
        behind("BALANCE-OTHER", 14_000, 9, "T-PARTLY"),
        supply("T-PARTLY", &[(10_000, 4, ONSET, 70), (14_000, 9, ONSET, 100)]),
    ]
}

/// `FLATLINE` and `REVERSE_FLOW`.
fn flat_and_negative() -> Vec<Home> {
    let (spring, may) = (date(2024, 4, 1), date(2024, 5, 1));
    let hourly = |name, level_wh, phase, from, change| {
        let mut home = Home::new(name, level_wh, Week::Even, phase);
        home.meters = vec![
            Meter::daily(name, level_wh, Week::Even, phase)
                .every(3_600, "E-KWH-60-DEL")
                .days(from, LAST)
                .change(change),
        ];
        home
    };
    let counted = |name, level_wh, phase, from, to, each| {
        Home::new(name, level_wh, Week::Weekend, phase)
            .change(Change::Count(super::calendar::FIRST, LAST))
            .change(Change::Each(from, to, each))
    };
    let negative = |name, level_wh, phase, to| {
        Home::new(name, level_wh, Week::Even, phase).change(Change::Each(date(2024, 4, 8), to, -500))
    };
    vec![
        hourly(
            "FLAT-HIT",
            12_000,
            1,
            date(2024, 2, 26),
            Change::Each(may, LAST, 400),
        ),
        nearly_flat(hourly(
            "FLAT-NEAR",
            12_000,
            2,
            date(2024, 4, 15),
            Change::Each(may, LAST, 400),
        )),
        hourly(
            "FLAT-WOBBLE",
            12_000,
            4,
            may,
            Change::Alternate(date(2024, 5, 20), LAST, 388, 412),
        ),
        counted("FLAT-DAILY-HIT", 7_000, 3, spring, LAST, 6_000),
        counted("FLAT-NINE", 8_000, 5, may, date(2024, 5, 9), 9_000),
        counted("FLAT-AWAY", 8_000, 6, may, date(2024, 5, 20), 2_000),
        negative("REVERSE-HIT", 8_000, 5, date(2024, 4, 12)),
        negative("REVERSE-NEAR", 3_000, 6, date(2024, 4, 8)),
        negative("REVERSE-SOLAR", 10_000, 7, date(2024, 4, 12)).and(
            Meter::daily("REVERSE-SOLAR", 5_000, Week::Even, 8)
                .named("REVERSE-SOLAR-EXPORT")
                .every(86_400, "E-KWH-DAILY-REC"),
        ),
    ]
}

/// In May, the hour after midnight differs from the 23 that follow.
fn nearly_flat(mut home: Home) -> Home {
    for (day, i) in super::calendar::days(date(2024, 5, 1), LAST).zip(0..) {
        let wh = if i % 2 == 0 { 200 } else { 1_200 };
        home = home.change(Change::Moments(day.at(0, 0, 0, 0), day.at(1, 0, 0, 0), wh));
    }
    home
}

/// `OVERLAPPING_INSTALL`.
fn overlaps() -> Vec<Home> {
    let moved = noon(date(2024, 2, 5));
    let wanderer = |name, here: &'static str, there: &'static str, removed: Option<DateTime>| {
        let mut home = Home::new(here, 7_500, Week::Weekend, 1);
        let mut meter = Meter::daily(here, 7_500, Week::Weekend, 1).named(name);
        meter.installs[0].removed = removed;
        meter.installs[0].status = if removed.is_some() { "REMOVE" } else { "ON" };
        meter.installs[0].status_at = removed;
        meter.installs.push(Install::new(there, moved));
        // The day of the move belongs to neither place.
        meter.series.changes.push(Change::Gap(moved.date(), moved.date()));
        home.meters = vec![meter];
        home
    };
    let empty = |name| {
        let mut home = Home::new(name, 0, Week::Even, 0);
        home.meters = Vec::new();
        home
    };
    vec![
        wanderer("OVERLAP-HIT", "OVERLAP-HIT-A", "OVERLAP-HIT-B", None),
        empty("OVERLAP-HIT-B"),
        wanderer("OVERLAP-NEAR", "OVERLAP-NEAR-A", "OVERLAP-NEAR-B", Some(moved)),
        empty("OVERLAP-NEAR-B"),
        Home::new("OVERLAP-TWO", 9_500, Week::Even, 2).and(
            Meter::daily("OVERLAP-TWO", 2_500, Week::Even, 3)
                .named("OVERLAP-TWO-SECOND")
                .install(date(2024, 3, 31).at(1, 30, 0, 0))
                .days(date(2024, 4, 1), LAST),
        ),
    ]
}

/// `DROP_AFTER_EXCHANGE`.
fn exchanges() -> Vec<Home> {
    let exchanged = date(2024, 2, 14);
    [
        ("EXCHANGE-HIT", 12_500, 40),
        ("EXCHANGE-NEAR", 8_500, 63),
        ("EXCHANGE-CONTINUED", 6_500, 100),
    ]
    .into_iter()
    .zip(1..)
    .map(|((name, level_wh, percent), phase)| {
        let mut home = Home::new(name, level_wh, Week::Even, phase);
        home.meters = vec![
            Meter::daily(name, level_wh, Week::Even, phase)
                .named(&format!("{name}-OLD"))
                .removed(noon(exchanged))
                .days(super::calendar::FIRST, date(2024, 2, 13)),
            Meter::daily(name, level_wh, Week::Even, phase)
                .named(&format!("{name}-NEW"))
                .install(noon(exchanged))
                .days(date(2024, 2, 15), LAST)
                .change(Change::Percent(exchanged, LAST, percent)),
        ];
        home
    })
    .collect()
}

/// `PROLONGED_ESTIMATION` and `PEER_LOW`.
fn estimation_and_peers() -> Vec<Home> {
    let march = date(2024, 3, 1);
    let estimated = |name, level_wh, phase, to| {
        Home::new(name, level_wh, Week::Weekend, phase).change(Change::Condition(march, to, ESTIMATED))
    };
    vec![
        estimated("ESTIMATION-HIT", 5_500, 1, date(2024, 4, 14)),
        estimated("ESTIMATION-NEAR", 17_000, 2, date(2024, 3, 30)),
        Home::new("PEER-LOW-HIT", 300, Week::Weekend, 3),
        Home::new("PEER-LOW-NEAR", 1_400, Week::Weekend, 4),
        {
            let mut home = Home::new("PEER-LOW-NEW", 300, Week::Weekend, 5);
            home.meters = vec![
                Meter::daily("PEER-LOW-NEW", 300, Week::Weekend, 5)
                    .install(noon(date(2024, 4, 14)))
                    .days(date(2024, 4, 15), LAST),
            ];
            home
        },
    ]
}

/// Homes read every half hour and every quarter of an hour; installed in the hour that autumn repeats.
fn resolutions() -> Vec<Home> {
    [
        ("HALF-HOURLY", 1_800, "E-KWH-30-DEL", date(2024, 3, 24)),
        ("QUARTER-HOURLY", 900, "E-KWH-15-DEL", date(2024, 4, 1)),
    ]
    .into_iter()
    .map(|(name, interval_seconds, component_type, from)| {
        let mut home = Home::new(name, 11_000, Week::Weekend, 1);
        let to = from + jiff::Span::new().days(9);
        home.meters = vec![
            Meter::daily(name, 11_000, Week::Weekend, 1)
                .install(date(2023, 10, 29).at(1, 30, 0, 0))
                .every(interval_seconds, component_type)
                .days(from, to),
        ];
        home
    })
    .collect()
}
