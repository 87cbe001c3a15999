//! Charts as inline SVG. Colours and line styles are classes of the style sheet, so that they follow the reader's theme.

pub(super) mod columns;
pub(super) mod daily;
pub(super) mod heat;
pub(super) mod timeline;

use super::svg::{Span, px};
use super::text;

/// Width of a chart; one unit is a pixel where there is room.
const WIDTH: f64 = 900.0;

/// From the left edge to the plot: room for labels.
const LEFT: f64 = 64.0;

/// From the plot to the right edge.
const RIGHT: f64 = 8.0;

/// Width of the plot.
const PLOT: f64 = WIDTH - LEFT - RIGHT;

/// Place of the begin of a day.
fn place(span: &Span, day: i32) -> f64 {
    LEFT + PLOT * span.share(day)
}

/// An image of the full width with its text alternative.
fn image(height: f64, label: &str, body: &str) -> String {
    format!("<div class=scroll>{}</div>", sized(WIDTH, height, label, body))
}

/// An image of any width with its text alternative.
pub(crate) fn sized(width: f64, height: f64, label: &str, body: &str) -> String {
    format!(
        "<svg role=img viewBox=\"0 0 {} {}\" aria-label=\"{}\">{body}</svg>",
        px(width),
        px(height),
        text::escape(label)
    )
}

/// The plot as an image of its own whose units are slots across and `height` downwards, slot 0 in the middle of its place.
fn plot(span: &Span, top: f64, height: f64, units: u32, centred: bool, body: &str) -> String {
    if body.is_empty() {
        return String::new();
    }
    format!(
        "<svg class=plot x={} y={} width={} height={} viewBox=\"{} 0 {} {units}\" preserveAspectRatio=none>{body}</svg>",
        px(LEFT),
        px(top),
        px(PLOT),
        px(height),
        if centred { "-.5" } else { "0" },
        span.slots,
    )
}

/// Names of months below a plot, with a hairline through it at each.
fn months(span: &Span, top: f64, bottom: f64, labels: bool) -> String {
    let mut out = String::new();
    for (day, label) in span.months() {
        let x = place(span, day);
        out += &format!("<path class=g d=\"M{} {}V{}\"/>", px(x), px(top), px(bottom));
        // A label at the right edge would be cut off.
        if labels && x < WIDTH - 40.0 {
            out += &format!("<text x={} y={}>{label}</text>", px(x + 3.0), px(bottom + 14.0));
        }
    }
    out
}

/// The line of the onset through a plot, named above it where there is room.
fn onset(span: &Span, day: Option<i32>, top: f64, bottom: f64, named: bool) -> String {
    let Some(day) = day.filter(|&day| span.slot(day).is_some()) else {
        return String::new();
    };
    let x = place(span, day);
    let mut out = format!("<path class=o d=\"M{} {}V{}\"/>", px(x), px(top), px(bottom));
    if named {
        let (anchor, at) = if x > WIDTH - 170.0 {
            (" text-anchor=end", x - 5.0)
        } else {
            ("", x + 5.0)
        };
        out += &format!(
            "<text class=on{anchor} x={} y={}>onset {}</text>",
            px(at),
            px(top + 9.0),
            text::long_date(day)
        );
    }
    out
}
