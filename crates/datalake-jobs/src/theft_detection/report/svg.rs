//! What charts are drawn with: paths of whole numbers, steps of an axis, the scale of days.

use std::fmt::Write as _;

use jiff::ToSpan as _;

use super::text;

/// A path whose steps are written as differences, which are short and compress well.
#[derive(Debug, Default)]
pub(crate) struct Path {
    d: String,
    at: (i64, i64),
    /// Whether the last command's numbers may be followed by those of a line.
    drawing: bool,
}

impl Path {
    /// Lifts the pen; the next point begins a new line.
    pub(super) fn lift(&mut self) {
        self.drawing = false;
    }

    /// A point: where the pen was lifted it is moved there, else a line leads to it.
    pub(crate) fn to(&mut self, x: i64, y: i64) {
        if !self.drawing {
            self.d.push('m');
            self.drawing = true;
        }
        let from = self.at;
        self.difference(x - from.0);
        self.difference(y - from.1);
        self.at = (x, y);
    }

    /// A line to the right from a point.
    pub(super) fn run(&mut self, x: i64, y: i64, length: i64) {
        self.drawing = false;
        self.to(x, y);
        self.d.push('h');
        self.difference(length);
        self.at.0 += length;
        self.drawing = false;
    }

    /// A line up or down from a point.
    pub(super) fn rise(&mut self, x: i64, y: i64, length: i64) {
        self.drawing = false;
        self.to(x, y);
        self.d.push('v');
        self.difference(length);
        self.at.1 += length;
        self.drawing = false;
    }

    /// An area between an upper and a lower edge over the same places.
    pub(super) fn area(&mut self, edges: &[(i64, i64, i64)]) {
        let Some(&(x, upper, _)) = edges.first() else {
            return;
        };
        self.lift();
        for &(x, upper, _) in edges {
            self.to(x, upper);
        }
        for &(x, _, lower) in edges.iter().rev() {
            self.to(x, lower);
        }
        // Closing takes the pen back to where the area began.
        self.d.push('z');
        self.at = (x, upper);
        self.lift();
    }

    fn difference(&mut self, n: i64) {
        if n >= 0 && self.d.ends_with(|c: char| c.is_ascii_digit()) {
            self.d.push(' ');
        }
        let _ = write!(self.d, "{n}");
    }

    /// The path as an element of a class; nothing where nothing was drawn.
    pub(crate) fn element(&self, class: &str) -> String {
        if self.d.is_empty() {
            String::new()
        } else {
            format!("<path class={class} d=\"{}\"/>", self.d)
        }
    }
}

/// One decimal at most: places on a chart.
pub(crate) fn px(x: f64) -> String {
    let text = format!("{x:.1}");
    match text.strip_suffix(".0") {
        Some("-0") => "0".to_owned(),
        Some(whole) => whole.to_owned(),
        None => text,
    }
}

/// Round steps from `low` or below to `high` or above, seven of them at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Axis {
    pub(super) low: f64,
    pub(super) high: f64,
    step: f64,
    steps: u32,
}

impl Axis {
    /// An axis that holds zero and both values.
    pub(super) fn new(low: f64, high: f64) -> Self {
        let usable = |x: f64| if x.is_finite() { x.clamp(-1e12, 1e12) } else { 0.0 };
        let (low, high) = (usable(low).min(0.0), usable(high).max(0.0));
        // Where nothing was counted an axis to one says so.
        let high = if high - low < 1e-3 { low + 1.0 } else { high };
        let span = high - low;
        let power = 10_f64.powi((span / 5.0).log10().floor() as i32);
        let step = [1.0, 2.0, 5.0, 10.0]
            .into_iter()
            .map(|factor| factor * power)
            .find(|step| span / step <= 6.0)
            .unwrap_or(10.0 * power);
        let first = (low / step).floor();
        let last = (high / step).ceil().max(first + 1.0);
        Self {
            low: first * step,
            high: last * step,
            step,
            steps: (last - first) as u32,
        }
    }

    /// The steps with their labels.
    pub(super) fn ticks(&self) -> impl Iterator<Item = (f64, String)> {
        let decimals = (-self.step.log10().floor()).clamp(0.0, 4.0) as usize;
        let Self { low, step, .. } = *self;
        (0..=self.steps).map(move |n| {
            let value = low + f64::from(n) * step;
            (value, text::number(value, decimals))
        })
    }

    /// Place of a value, 0 at the top and `height` at the bottom.
    pub(super) fn place(&self, value: f64, height: f64) -> f64 {
        (self.high - value) / (self.high - self.low) * height
    }
}

/// The days that a chart shows, side by side in slots of one or more days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// First day, since 1970-01-01.
    pub(super) first: i32,
    /// Slots.
    pub(super) slots: u32,
    /// Days of a slot.
    pub(super) bin: u32,
}

/// Slots of a chart at most: as many as there are places side by side on paper.
const MOST_SLOTS: u32 = 800;

impl Span {
    /// From `first` to `last`, both included.
    pub(super) fn new(first: i32, last: i32) -> Self {
        let days = (i64::from(last) - i64::from(first) + 1).clamp(1, i64::from(u32::MAX / 2)) as u32;
        let bin = days.div_ceil(MOST_SLOTS);
        Self {
            first,
            slots: days.div_ceil(bin),
            bin,
        }
    }

    /// Days from the first slot to the end of the last.
    pub(super) fn days(&self) -> u32 {
        self.slots * self.bin
    }

    /// Slot of a day; `None` outside.
    pub(super) fn slot(&self, day: i32) -> Option<usize> {
        let after = u32::try_from(i64::from(day) - i64::from(self.first)).ok()?;
        let slot = after / self.bin;
        (slot < self.slots).then_some(slot as usize)
    }

    /// Share of the way from the left edge to the right one at which a day begins, kept within.
    pub(super) fn share(&self, day: i32) -> f64 {
        let after = i64::from(day) - i64::from(self.first);
        (after as f64 / f64::from(self.days())).clamp(0.0, 1.0)
    }

    /// First days of months with their labels, as many as there is room for.
    pub(super) fn months(&self) -> Vec<(i32, String)> {
        let mut months = Vec::new();
        let (Some(first), Some(last)) = (
            text::date(self.first),
            text::date(self.first.saturating_add(self.days() as i32 - 1)),
        ) else {
            return months;
        };
        let all = self.days() / 30 + 1;
        let every = [1, 2, 3, 6, 12, 24, 60, 120, 240]
            .into_iter()
            .find(|&every| all / every <= 13)
            .unwrap_or(600);
        let mut named = None;
        let mut at = first.first_of_month();
        let epoch = jiff::civil::date(1970, 1, 1);
        while at <= last {
            let number = i64::from(at.year()) * 12 + i64::from(at.month() - 1);
            if at >= first && number % i64::from(every) == 0 {
                let day = at.since(epoch).map_or(0, |span| span.get_days());
                let month = text::month(at.month());
                let label = if named == Some(at.year()) {
                    month.to_owned()
                } else if every >= 12 {
                    at.year().to_string()
                } else {
                    format!("{month} {}", at.year())
                };
                named = Some(at.year());
                months.push((day, label));
            }
            match at.checked_add(1.month()) {
                Ok(next) => at = next,
                Err(_) => break,
            }
        }
        months
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_written_by_differences() {
        let mut path = Path::default();
        assert_eq!(path.element("a"), "");
        path.to(3, 10);
        path.to(4, 7);
        path.to(5, 17);
        path.lift();
        path.to(9, 17);
        path.to(10, 16);
        assert_eq!(path.element("a"), "<path class=a d=\"m3 10 1-3 1 10m4 0 1-1\"/>");
        let mut runs = Path::default();
        runs.run(0, 2, 5);
        runs.run(7, 3, 1);
        runs.rise(8, 3, -2);
        assert_eq!(runs.element("h"), "<path class=h d=\"m0 2h5m2 1h1m0 0v-2\"/>");
    }

    #[test]
    fn an_area_goes_there_and_back() {
        let mut path = Path::default();
        path.area(&[(0, 1, 5), (1, 2, 6)]);
        path.area(&[(4, 1, 5)]);
        assert_eq!(
            path.element("b"),
            "<path class=b d=\"m0 1 1 1 0 4-1-1zm4 0 0 4z\"/>"
        );
    }

    #[test]
    fn axes_by_hand() {
        let labels = |low, high| {
            Axis::new(low, high)
                .ticks()
                .map(|(_, label)| label)
                .collect::<Vec<_>>()
        };
        assert_eq!(labels(0.0, 11.0), ["0", "2", "4", "6", "8", "10", "12"]);
        assert_eq!(labels(-1.0, 3.0), ["−1", "0", "1", "2", "3"]);
        assert_eq!(labels(0.0, 0.0), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(f64::NAN, 0.4), ["0.0", "0.1", "0.2", "0.3", "0.4"]);
        let axis = Axis::new(0.0, 11.0);
        assert!((axis.place(3.0, 240.0) - 180.0).abs() < 1e-9);
    }

    #[test]
    fn places_have_one_decimal_at_most() {
        assert_eq!(
            (px(1.0), px(1.26), px(-0.01)),
            ("1".into(), "1.3".into(), "0".into())
        );
    }

    #[test]
    fn days_share_slots_where_they_are_many() {
        let year = Span::new(100, 464);
        assert_eq!((year.slots, year.bin), (365, 1));
        assert_eq!(
            (year.slot(99), year.slot(100), year.slot(464), year.slot(465)),
            (None, Some(0), Some(364), None)
        );
        let long = Span::new(0, 1999);
        assert_eq!((long.slots, long.bin), (667, 3));
        assert_eq!((long.slot(5), long.slot(1999)), (Some(1), Some(666)));
        assert!((year.share(100 + 73) - 0.2).abs() < 1e-12);
        let wild = Span::new(i32::MIN, i32::MAX);
        assert!(wild.slots <= MOST_SLOTS);
        assert!(wild.months().is_empty());
    }

    #[test]
    fn months_are_named_with_their_year_once() {
        // 2023-11-15 to 2024-02-14.
        let span = Span::new(19_676, 19_767);
        let months: Vec<String> = span
            .months()
            .into_iter()
            .map(|(day, label)| format!("{day} {label}"))
            .collect();
        assert_eq!(months, ["19692 Dec 2023", "19723 Jan 2024", "19754 Feb"]);
        let years = Span::new(0, 365 * 20);
        assert!(years.months().len() <= 14);
    }
}
