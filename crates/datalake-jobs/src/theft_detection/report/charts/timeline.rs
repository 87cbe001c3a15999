//! What was installed and switched on when, and what the data of each day are worth.

use datalake_transforms::evidence_pack::{DayState, EvidencePack};
use datalake_transforms::model::DAY_SECONDS;
use datalake_transforms::registry::InstallPeriod;

use super::super::svg::{Span, px};
use super::super::text;
use super::{LEFT, WIDTH, image, months, onset, place};

const ROW: f64 = 12.0;
const GAP: f64 = 8.0;
const TOP: f64 = 6.0;

/// Classes of pieces and what they stand for.
const LEGEND: [(&str, &str); 8] = [
    ("i", "installed and on"),
    ("f", "switched off"),
    ("i2", "other meters here"),
    ("w", "whole day"),
    ("p", "part of a day"),
    ("s", "estimated"),
    ("u", "counted while off or not installed"),
    ("x", "no data"),
];

/// What a row of the timeline shows: a class and the days from the first on, before the last.
type Piece = (&'static str, i64, i64);

/// Install periods of the meter at the place, periods of the other meters there, and the data.
pub(in super::super) fn figure(
    pack: &EvidencePack,
    span: &Span,
    onset_day: Option<i32>,
    own: &[&InstallPeriod],
    others: &[&InstallPeriod],
) -> String {
    let mut rows = vec![(
        "installed",
        own.iter()
            .flat_map(|period| switched(period))
            .collect::<Vec<Piece>>(),
    )];
    if !others.is_empty() {
        rows.push((
            "others",
            others
                .iter()
                .map(|period| ("i2", day(period.start), day(period.end)))
                .collect(),
        ));
    }
    rows.push(("data", states(pack)));
    let mut svg = String::new();
    let mut top = TOP;
    for (name, pieces) in &rows {
        svg += &format!(
            "<text text-anchor=end x={} y={}>{name}</text>",
            px(LEFT - 6.0),
            px(top + ROW - 2.0)
        );
        svg += &format!(
            "<path class=g d=\"M{} {}H{}\"/>",
            px(LEFT),
            px(top + ROW),
            px(WIDTH - 8.0)
        );
        for &(class, from, to) in pieces {
            let at = |day: i64| place(span, day.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32);
            let (from, to) = (at(from), at(to));
            if to > from {
                // A day of a long time is to be seen all the same.
                let width = (to - from).max(1.0);
                svg += &format!(
                    "<rect class={class} x={} y={} width={} height={} />",
                    px(from),
                    px(top),
                    px(width),
                    px(ROW)
                );
            }
        }
        top += ROW + GAP;
    }
    let bottom = top - GAP;
    svg += &months(span, bottom, bottom + 4.0, true);
    svg += &onset(span, onset_day, TOP, bottom, false);
    let data = quality(pack);
    let installed = if own.is_empty() {
        "No install event covers this meter here."
    } else {
        ""
    };
    let drawn = |class: &str| rows.iter().flat_map(|row| &row.1).any(|piece| piece.0 == class);
    let legend: String = LEGEND
        .iter()
        .filter(|(class, _)| drawn(class))
        .map(|(class, name)| format!("<span><i class={class}></i> {name}</span>"))
        .collect();
    format!(
        "<figure><figcaption><b>Installation and data</b> {data} {installed}</figcaption>{}<p class=key>{legend}</p></figure>",
        image(
            bottom + 23.0,
            &format!("Timeline of installation and data. {data} {installed}"),
            &svg
        ),
    )
}

/// The day of a moment.
fn day(seconds: i64) -> i64 {
    seconds.div_euclid(DAY_SECONDS)
}

/// A period cut where it was switched on or off.
fn switched(period: &InstallPeriod) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let (mut from, mut on) = (period.start, true);
    for switch in &period.switches {
        if switch.at > from {
            pieces.push((if on { "i" } else { "f" }, day(from), day(switch.at)));
        }
        (from, on) = (switch.at.max(from), switch.on);
    }
    pieces.push((if on { "i" } else { "f" }, day(from), day(period.end)));
    pieces
}

fn class(state: DayState) -> &'static str {
    match state {
        DayState::Whole => "w",
        DayState::Partial => "p",
        DayState::Estimated => "s",
        DayState::Off | DayState::Uninstalled => "u",
        DayState::Missing => "x",
    }
}

/// Runs of days of one kind; days without a row are missing.
fn states(pack: &EvidencePack) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for item in &pack.days {
        let (class, at) = (class(item.state), i64::from(item.day));
        let end = pieces.last().map_or(at, |piece| piece.2);
        if end < at {
            pieces.push(("x", end, at));
        }
        match pieces.last_mut() {
            Some(last) if last.0 == class && last.2 == at => last.2 = at + 1,
            _ => pieces.push((class, at, at + 1)),
        }
    }
    pieces
}

/// How many days are of which kind, as a sentence.
pub(in super::super) fn quality(pack: &EvidencePack) -> String {
    let (mut whole, mut partial, mut estimated, mut outside, mut missing) =
        (0_u64, 0_u64, 0_u64, 0_u64, 0_u64);
    for (class, from, to) in states(pack) {
        let days = (to - from) as u64;
        match class {
            "w" => whole += days,
            "p" => partial += days,
            "s" => estimated += days,
            "u" => outside += days,
            _ => missing += days,
        }
    }
    let mut parts = vec![text::counted(whole, "whole day", "whole days")];
    for (days, what) in [
        (partial, "in part"),
        (estimated, "estimated"),
        (outside, "while off or not installed"),
        (missing, "without data"),
    ] {
        if days > 0 {
            parts.push(format!("{} {what}", text::count(days)));
        }
    }
    format!("{}.", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use datalake_transforms::evidence_pack::PackDay;
    use datalake_transforms::registry::Switch;

    use super::*;

    fn pack(days: &[(i32, DayState)]) -> EvidencePack {
        EvidencePack {
            onset_day: None,
            days: days
                .iter()
                .map(|&(day, state)| PackDay {
                    day,
                    state,
                    kwh: None,
                    expected_kwh: None,
                    peers_kwh: None,
                })
                .collect(),
            usual_kwh: None,
            hourly_wh: Vec::new(),
        }
    }

    #[test]
    fn days_of_one_kind_are_one_piece_and_gaps_are_missing() {
        use DayState::{Estimated, Off, Whole};
        let pack = pack(&[(1, Whole), (2, Whole), (5, Estimated), (6, Off), (7, Whole)]);
        assert_eq!(
            states(&pack),
            [("w", 1, 3), ("x", 3, 5), ("s", 5, 6), ("u", 6, 7), ("w", 7, 8)]
        );
        assert_eq!(
            quality(&pack),
            "3 whole days, 1 estimated, 1 while off or not installed, 2 without data."
        );
    }

    #[test]
    fn a_period_is_cut_at_its_switches() {
        let at = |day: i64| day * DAY_SECONDS;
        let period = InstallPeriod {
            start: at(10),
            end: at(40),
            switches: vec![
                Switch { at: at(10), on: true },
                Switch {
                    at: at(20),
                    on: false,
                },
                Switch { at: at(30), on: true },
            ],
            ..InstallPeriod::default()
        };
        assert_eq!(switched(&period), [("i", 10, 20), ("f", 20, 30), ("i", 30, 40)]);
        let svg = figure(
            &pack(&[(0, DayState::Whole), (49, DayState::Whole)]),
            &Span::new(0, 49),
            Some(20),
            &[&period],
            &[],
        );
        // 828 pixels for 50 days from 64 on: day 20 at 395.2, ten days 165.6 wide.
        assert!(
            svg.contains("<rect class=f x=395.2 y=6 width=165.6 height=12 />"),
            "{svg}"
        );
    }

    #[test]
    fn a_meter_never_installed_says_so() {
        let svg = figure(
            &pack(&[(0, DayState::Uninstalled)]),
            &Span::new(0, 9),
            None,
            &[],
            &[],
        );
        assert!(svg.contains("No install event covers this meter here."));
    }
}
