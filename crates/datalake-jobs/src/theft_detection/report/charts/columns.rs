//! Columns side by side, and bars inside of tables.

use super::super::svg::{Axis, px};
use super::super::text;
use super::{WIDTH, sized};

const HEIGHT: f64 = 120.0;
const TOP: f64 = 6.0;

/// From the left edge to the plot.
const LEFT: f64 = 44.0;

/// Width of a chart beside another one.
pub(in super::super) const HALF: f64 = 500.0;

/// Width of a chart by itself.
pub(in super::super) const FULL: f64 = WIDTH + 160.0;

/// A column: its label, its count, and whether it is to stand out.
pub(in super::super) type Column = (String, u64, bool);

/// A chart of counts, `width` wide; `logarithmic` where a few are many times the rest. Every `label_every`th column is named.
pub(in super::super) fn chart(
    width: f64,
    columns: &[Column],
    label_every: usize,
    logarithmic: bool,
    label: &str,
) -> String {
    let scale = |n: f64| if logarithmic { (n + 1.0).log10() } else { n };
    let most = columns.iter().map(|column| column.1).max().unwrap_or(0).max(1);
    let axis = Axis::new(0.0, most as f64);
    let ticks: Vec<(f64, String)> = if logarithmic {
        (0..20)
            .map(|power| 10_f64.powi(power))
            .take_while(|&tick| tick <= most as f64)
            .map(|tick| (tick, text::number(tick, 0)))
            .collect()
    } else {
        axis.ticks()
            .filter(|(value, _)| value.fract().abs() < 1e-9)
            .map(|(value, _)| (value, text::number(value, 0)))
            .collect()
    };
    let high = if logarithmic {
        scale(most as f64)
    } else {
        axis.high
    };
    let y = |n: f64| TOP + HEIGHT * (1.0 - scale(n) / high);
    let mut svg = String::new();
    for (value, name) in ticks {
        svg += &format!(
            "<path class=g d=\"M{} {}H{}\"/>",
            px(LEFT),
            px(y(value)),
            px(width)
        );
        svg += &format!(
            "<text text-anchor=end x={} y={}>{name}</text>",
            px(LEFT - 6.0),
            px(y(value) + 4.0)
        );
    }
    let step = ((width - LEFT) / columns.len().max(1) as f64).min(70.0);
    for (at, (name, n, strong)) in columns.iter().enumerate() {
        let x = LEFT + step * at as f64;
        if *n > 0 {
            let top = y(*n as f64);
            svg += &format!(
                "<rect class={} x={} y={} width={} height={}><title>{}: {}</title></rect>",
                if *strong { "c2" } else { "c" },
                px(x + 1.0),
                px(top),
                px((step - 2.0).max(0.5)),
                px(TOP + HEIGHT - top),
                text::escape(name),
                text::count(*n)
            );
        }
        if at % label_every.max(1) == 0 {
            svg += &format!(
                "<text x={} y={}>{}</text>",
                px(x),
                px(TOP + HEIGHT + 15.0),
                text::escape(name)
            );
        }
    }
    svg += &format!(
        "<path class=z d=\"M{} {}H{}\"/>",
        px(LEFT),
        px(TOP + HEIGHT),
        px(width)
    );
    sized(width, TOP + HEIGHT + 22.0, label, &svg)
}

/// A bar for a cell of a table, `share` of the full length.
pub(in super::super) fn bar(share: f64) -> String {
    format!(
        "<svg class=bar viewBox=\"0 0 100 8\" preserveAspectRatio=none aria-hidden=true><rect class=c width={} height=8 /></svg>",
        px(100.0 * share.clamp(0.0, 1.0))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(counts: &[u64]) -> Vec<Column> {
        counts.iter().map(|&n| (format!("<{n}>"), n, n == 4)).collect()
    }

    #[test]
    fn columns_by_hand() {
        let svg = chart(500.0, &of(&[2, 0, 4]), 2, false, "three");
        // 0 to 4 over 120 pixels: 30 each; columns 70 wide at most.
        assert!(
            svg.contains("<rect class=c x=45 y=66 width=68 height=60><title>&lt;2&gt;: 2</title>"),
            "{svg}"
        );
        assert!(
            svg.contains("<rect class=c2 x=185 y=6 width=68 height=120>"),
            "{svg}"
        );
        assert!(!svg.contains("x=114 "), "a named column beside: {svg}");
    }

    #[test]
    fn a_logarithmic_axis_keeps_small_counts_visible() {
        let svg = chart(500.0, &of(&[9, 99]), 1, true, "");
        // lg(10) = 1 of lg(100) = 2: half of the height.
        assert!(svg.contains("y=66 width=68 height=60>"), "{svg}");
        assert!(svg.contains("y=6 width=68 height=120>"), "{svg}");
    }

    #[test]
    fn bars_by_hand() {
        assert!(bar(0.253).contains("width=25.3 "));
        assert!(bar(7.0).contains("width=100 "));
    }
}
