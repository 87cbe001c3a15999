//! Falls of the level that rules about other facts stand beside: an event before it, energy that goes on being supplied.

use super::{Rule, ramp};

/// Level after / before below which the level fell, wholly and in part.
const FALLEN: (f64, f64) = (0.6, 0.85);

/// A fall of the level, as another rule found it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Fall {
    /// The rule, whose suppressors speak of the fall.
    pub(crate) rule: Rule,
    /// First day at the lower level.
    pub(crate) onset: i32,
    /// Last day of it.
    pub(crate) end: i32,
    /// Level after / before.
    pub(crate) ratio: f64,
}

impl Fall {
    /// 0..1: how far the level fell.
    pub(crate) fn depth(&self) -> f64 {
        ramp(self.ratio, FALLEN.1, FALLEN.0)
    }

    /// Whether it is deep enough for a hit to rest on.
    pub(crate) fn bears_a_hit(&self) -> bool {
        self.depth() >= 0.5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fall_by_forty_percent_is_whole_and_one_by_fifteen_is_none() {
        let fall = |ratio| Fall {
            rule: Rule::SustainedDrop,
            onset: 0,
            end: 0,
            ratio,
        };
        let depth = |ratio, expected: f64| assert!((fall(ratio).depth() - expected).abs() < 1e-9, "{ratio}");
        depth(0.0, 1.0);
        depth(0.6, 1.0);
        // A fifth of the way from 0.85 to 0.6.
        depth(0.8, 0.2);
        depth(0.85, 0.0);
        assert!(fall(0.724).bears_a_hit() && !fall(0.726).bears_a_hit());
    }
}
