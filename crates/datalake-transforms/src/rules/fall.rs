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
}
