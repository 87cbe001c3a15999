//! Type codes of interval components, by the default map.

use datalake_transforms::component_type::default_component_types;
use datalake_transforms::model::{Direction, Kind};

/// The code that stands for kWh of an interval length and direction; `None` where the default map has none.
///
/// Of several codes the one named after unit, length and direction is taken.
#[must_use]
pub(crate) fn code(interval_seconds: u32, direction: Direction) -> Option<String> {
    default_component_types()
        .into_iter()
        .find_map(|(code, stands_for)| {
            let fits = stands_for.kind == Kind::Interval
                && stands_for.direction == direction
                && stands_for.interval_seconds == Some(interval_seconds);
            (fits && code.starts_with("E-KWH-")).then_some(code)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_by_hand() {
        assert_eq!(code(1_800, Direction::Delivered).as_deref(), Some("E-KWH-30-DEL"));
        assert_eq!(code(300, Direction::Received).as_deref(), Some("E-KWH-5-REC"));
        assert_eq!(
            code(86_400, Direction::Delivered).as_deref(),
            Some("E-KWH-DAILY-DEL")
        );
        assert_eq!(code(7_200, Direction::Delivered), None);
    }
}
