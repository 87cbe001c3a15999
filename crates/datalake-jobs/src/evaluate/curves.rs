//! Curves over shares: what the first inspections find, precision and recall, scores beside outcomes.

// A template beside its values reads as the markup that it becomes.
#![allow(clippy::format_push_string)]

use crate::theft_detection::report::charts::sized;
use crate::theft_detection::report::svg::{Path, px};
use crate::theft_detection::report::text;

/// Width and height of the plot: half of a page, as one unit is a pixel.
const PLOT: (f64, f64) = (420.0, 220.0);

/// From the left edge to the plot: room for labels.
const LEFT: f64 = 48.0;

const TOP: f64 = 8.0;

/// Units of a side of the plot: places of points are whole numbers.
const UNITS: f64 = 1000.0;

/// A curve over two shares, each 0..1.
pub(super) struct Curve<'a> {
    /// What it shows, for those who cannot see it.
    pub(super) label: &'a str,
    /// What is laid off to the right, and upwards.
    pub(super) axes: (&'a str, &'a str),
    /// From left to right.
    pub(super) points: &'a [(f64, f64)],
    /// Whether points are marked.
    pub(super) marked: bool,
    /// Ends of the straight line that the curve is compared with.
    pub(super) beside: ((f64, f64), (f64, f64)),
}

impl Curve<'_> {
    /// The chart as an image with its text alternative.
    pub(super) fn svg(&self) -> String {
        let mut body = String::new();
        let (width, height) = PLOT;
        let bottom = TOP + height;
        for quarter in 0_u8..=4 {
            let share = f64::from(quarter) / 4.0;
            let (x, y) = (LEFT + width * share, bottom - height * share);
            body += &format!(
                "<path class=g d=\"M{} {}H{}\"/>",
                px(LEFT),
                px(y),
                px(LEFT + width)
            );
            body += &format!(
                "<text text-anchor=end x={} y={}>{}</text><text text-anchor=middle x={} y={}>{}</text>",
                px(LEFT - 6.0),
                px(y + 4.0),
                text::percent(share),
                px(x),
                px(bottom + 15.0),
                text::percent(share)
            );
        }
        let line = |points: &[(f64, f64)], class: &str| {
            let mut path = Path::default();
            for &(x, y) in points {
                path.to(units(x), units(1.0 - y));
            }
            path.element(class)
        };
        body += &format!(
            "<svg class=plot x={} y={} width={width} height={height} viewBox=\"0 0 {UNITS} {UNITS}\" preserveAspectRatio=none>{}{}</svg>",
            px(LEFT),
            px(TOP),
            line(&[self.beside.0, self.beside.1], "a"),
            line(self.points, "m"),
        );
        if self.marked {
            for &(x, y) in self.points {
                body += &format!(
                    "<rect class=c2 x={} y={} width=6 height=6><title>{}: {}</title></rect>",
                    px(LEFT + width * x - 3.0),
                    px(bottom - height * y - 3.0),
                    text::percent(x),
                    text::percent(y)
                );
            }
        }
        body += &format!(
            "<text text-anchor=middle x={} y={}>{}</text>",
            px(LEFT + width / 2.0),
            px(bottom + 32.0),
            text::escape(self.axes.0)
        );
        let svg = sized(LEFT + width + 24.0, bottom + 40.0, self.label, &body);
        format!(
            "<figure><figcaption><b>{}</b></figcaption>{svg}</figure>",
            text::escape(self.axes.1)
        )
    }
}

fn units(share: f64) -> i64 {
    (share.clamp(0.0, 1.0) * UNITS).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_by_hand() {
        let curve = Curve {
            label: "found <early>",
            axes: ("inspected", "found"),
            points: &[(0.0, 0.0), (0.25, 0.5), (1.0, 1.0)],
            marked: true,
            beside: ((0.0, 0.0), (1.0, 1.0)),
        };
        let svg = curve.svg();
        assert!(svg.contains("aria-label=\"found &lt;early&gt;\""), "{svg}");
        // From the lower left: up half of 1000 over a quarter, then up half over the rest.
        assert!(
            svg.contains("<path class=m d=\"m0 1000 250-500 750-500\"/>"),
            "{svg}"
        );
        assert!(svg.contains("<path class=a d=\"m0 1000 1000-1000\"/>"), "{svg}");
        // 48 + 420 / 4 and 8 + 220 / 2, less half of the mark.
        assert!(svg.contains("<rect class=c2 x=150 y=115 width=6"), "{svg}");
    }
}
