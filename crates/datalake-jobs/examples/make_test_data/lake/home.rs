//! A service point, its meters, and what happens to them.

use jiff::civil::{Date, DateTime};

use super::calendar::{self, FIRST, LAST, Week};

/// A service point.
pub(crate) struct Home {
    /// The service point is `SP-` and this; of a transformer's own meter the transformer's id alone.
    pub(crate) name: &'static str,
    pub(crate) rate_class: &'static str,
    pub(crate) transformer: &'static str,
    pub(crate) meters: Vec<Meter>,
}

/// A device with one channel, and where it hung.
pub(crate) struct Meter {
    /// Device, device configuration and install events are `D-`, `DC-`, `IE-` and this.
    pub(crate) name: String,
    pub(crate) component: String,
    pub(crate) component_type: &'static str,
    pub(crate) installs: Vec<Install>,
    pub(crate) series: Series,
    /// What the device reports of itself: legal time and code.
    pub(crate) events: Vec<(DateTime, &'static str)>,
}

/// An install event. Times are legal time.
#[derive(Clone)]
pub(crate) struct Install {
    /// Service point, without `SP-`.
    pub(crate) place: &'static str,
    pub(crate) at: DateTime,
    pub(crate) removed: Option<DateTime>,
    pub(crate) status: &'static str,
    pub(crate) status_at: Option<DateTime>,
    /// Connects (true) and disconnects, for the on/off history.
    pub(crate) switches: Vec<(DateTime, bool)>,
}

/// What a meter says of every interval from `from` to `to`.
pub(crate) struct Series {
    pub(crate) interval_seconds: i64,
    pub(crate) from: Date,
    pub(crate) to: Date,
    pub(crate) level_wh: i64,
    pub(crate) week: Week,
    pub(crate) weather: u32,
    pub(crate) phase: i64,
    pub(crate) changes: Vec<Change>,
}

/// Something that makes a meter say something else than an honest home's; days are included at both ends.
#[derive(Clone)]
pub(crate) enum Change {
    /// This percentage of what was said.
    Percent(Date, Date, i64),
    /// One percentage on days with an even number since 1970, the other on the days between.
    Swing(Date, Date, i64, i64),
    /// Every interval says this many Wh.
    Each(Date, Date, i64),
    /// Every interval that starts at or after the first and before the second moment (UTC) says this many Wh.
    Moments(DateTime, DateTime, i64),
    /// The condition code of the days' intervals.
    Condition(Date, Date, &'static str),
    /// No rows at all.
    Gap(Date, Date),
    /// One Wh for intervals with an even number since 1970, the other for those between.
    Alternate(Date, Date, i64, i64),
    /// So many Wh a day more for each degree below the second.
    Heat(Date, Date, i64, i64),
    /// What even homes of these levels and phases use, of which a percentage is left from a day on, and five percent for the cables.
    Supply(&'static [(i64, i64, Date, i64)]),
    /// As many Wh more as the day's place in the year, so that no two days are alike.
    Count(Date, Date),
    /// When the rows were last updated.
    Updated(Date, Date, &'static str),
}

/// One interval.
pub(crate) struct Reading {
    /// End of the interval, UTC.
    pub(crate) measured_at: DateTime,
    /// `None` where the condition says missing.
    pub(crate) wh: Option<i64>,
    pub(crate) condition: &'static str,
    pub(crate) updated_at: &'static str,
}

/// What all meters say unless something else is known.
pub(crate) const REGULAR: &str = "501000";
/// Estimated.
pub(crate) const ESTIMATED: &str = "301000";
/// Missing: the value is empty.
pub(crate) const MISSING: &str = "101000";

impl Home {
    /// A home with one meter, read daily, installed long ago.
    pub(crate) fn new(name: &'static str, level_wh: i64, week: Week, phase: i64) -> Self {
        Self {
            name,
            rate_class: "DOMESTIC",
            transformer: "T-1",
            meters: vec![Meter::daily(name, level_wh, week, phase)],
        }
    }

    pub(crate) fn rate_class(mut self, code: &'static str) -> Self {
        self.rate_class = code;
        self
    }

    pub(crate) fn transformer(mut self, code: &'static str) -> Self {
        self.transformer = code;
        self
    }

    /// Changes the first meter's series.
    pub(crate) fn change(mut self, change: Change) -> Self {
        self.meters[0].series.changes.push(change);
        self
    }

    /// Changes the first meter.
    pub(crate) fn meter(mut self, edit: impl FnOnce(&mut Meter)) -> Self {
        edit(&mut self.meters[0]);
        self
    }

    /// Hangs a further meter there.
    pub(crate) fn and(mut self, meter: Meter) -> Self {
        self.meters.push(meter);
        self
    }
}

impl Meter {
    pub(crate) fn daily(name: &'static str, level_wh: i64, week: Week, phase: i64) -> Self {
        Self {
            name: name.to_owned(),
            component: format!("MC-{name}"),
            component_type: "E-KWH-DAILY-DEL",
            installs: vec![Install::new(name, calendar::OLD)],
            series: Series {
                interval_seconds: 86_400,
                from: FIRST,
                to: LAST,
                level_wh,
                week,
                weather: 1,
                phase,
                changes: Vec::new(),
            },
            events: Vec::new(),
        }
    }

    /// Names the device apart from the service point.
    pub(crate) fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self.component = format!("MC-{name}");
        self
    }

    /// Another interval length.
    pub(crate) fn every(mut self, interval_seconds: i64, component_type: &'static str) -> Self {
        self.series.interval_seconds = interval_seconds;
        self.component_type = component_type;
        self
    }

    /// Data on these days alone.
    pub(crate) fn days(mut self, from: Date, to: Date) -> Self {
        self.series.from = from;
        self.series.to = to;
        self
    }

    pub(crate) fn install(mut self, at: DateTime) -> Self {
        self.installs[0].at = at;
        self
    }

    /// Taken down, by status and by date.
    pub(crate) fn removed(mut self, at: DateTime) -> Self {
        self.installs[0].removed = Some(at);
        self.installs[0].status = "REMOVE";
        self.installs[0].status_at = Some(at);
        self
    }

    pub(crate) fn change(mut self, change: Change) -> Self {
        self.series.changes.push(change);
        self
    }
}

impl Install {
    pub(crate) fn new(place: &'static str, at: DateTime) -> Self {
        Self {
            place,
            at,
            removed: None,
            status: "ON",
            status_at: None,
            switches: Vec::new(),
        }
    }
}

impl Series {
    /// Every interval, in order of time.
    pub(crate) fn readings(&self) -> Vec<Reading> {
        let slots = 86_400 / self.interval_seconds;
        calendar::days(self.from, self.to)
            .flat_map(|day| (0..slots).map(move |slot| (day, slot)))
            .filter_map(|(day, slot)| self.reading(day, slot, slots))
            .collect()
    }

    fn reading(&self, day: Date, slot: i64, slots: i64) -> Option<Reading> {
        let day_wh = calendar::honest_wh(self.level_wh, self.week, self.weather, self.phase, day);
        let mut wh = calendar::slot_wh(day_wh, slot, slots);
        let (mut condition, mut updated_at) = (REGULAR, "");
        let start = day.at(0, 0, 0, 0) + jiff::Span::new().seconds(slot * self.interval_seconds);
        for change in &self.changes {
            match *change {
                Change::Percent(from, to, percent) if from <= day && day <= to => wh = wh * percent / 100,
                Change::Swing(from, to, even, odd) if from <= day && day <= to => {
                    wh = wh * if calendar::number(day) % 2 == 0 { even } else { odd } / 100;
                }
                Change::Each(from, to, each) if from <= day && day <= to => wh = each,
                Change::Moments(from, to, each) if from <= start && start < to => wh = each,
                Change::Condition(from, to, code) if from <= day && day <= to => condition = code,
                Change::Gap(from, to) if from <= day && day <= to => return None,
                Change::Alternate(from, to, even, odd) if from <= day && day <= to => {
                    wh = if (calendar::number(day) * slots + slot) % 2 == 0 {
                        even
                    } else {
                        odd
                    };
                }
                Change::Heat(from, to, each, below) if from <= day && day <= to => {
                    wh += each * (below - calendar::celsius(day)).max(0) / slots;
                }
                Change::Supply(homes) => {
                    let used = homes.iter().map(|&(level_wh, phase, from, percent)| {
                        let honest = calendar::honest_wh(level_wh, Week::Even, 1, phase, day);
                        if day < from {
                            honest
                        } else {
                            honest * percent / 100
                        }
                    });
                    wh = used.sum::<i64>() * 100 / 95;
                }
                Change::Count(from, to) if from <= day && day <= to => {
                    wh += i64::from(day.day_of_year());
                }
                Change::Updated(from, to, text) if from <= day && day <= to => updated_at = text,
                _ => {}
            }
        }
        Some(Reading {
            measured_at: start + jiff::Span::new().seconds(self.interval_seconds),
            wh: (condition != MISSING).then_some(wh),
            condition,
            updated_at,
        })
    }
}
