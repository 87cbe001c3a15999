//! Type codes of interval components that deliver kWh.

/// Seconds of an interval, for codes of delivered kWh in the default map; `None` for all others.
#[must_use]
pub fn delivered_interval_seconds(code: &str) -> Option<u32> {
    let code = code.trim();
    match code {
        "ES-KWH-TOT-1P-DAILY" | "ES-KWH-TOT-FWD-3P-DAILY" => return Some(86_400),
        "E-RES-KWH-60" => return Some(3_600),
        _ => {}
    }
    match code.strip_prefix("E-KWH-")?.strip_suffix("-DEL")? {
        "DAILY" => Some(86_400),
        minutes => {
            let minutes: u32 = minutes.parse().ok()?;
            [5, 10, 15, 30, 60].contains(&minutes).then_some(minutes * 60)
        }
    }
}

/// The code of a component of the given interval; `None` where the default map has none.
#[must_use]
pub fn code(interval_seconds: u32, delivered: bool) -> Option<String> {
    let direction = if delivered { "DEL" } else { "REC" };
    match interval_seconds {
        300 | 600 | 900 | 1_800 | 3_600 => Some(format!("E-KWH-{}-{direction}", interval_seconds / 60)),
        86_400 => Some(format!("E-KWH-DAILY-{direction}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_seconds_agree() {
        for seconds in [300, 600, 900, 1_800, 3_600, 86_400] {
            assert_eq!(
                code(seconds, true)
                    .as_deref()
                    .and_then(delivered_interval_seconds),
                Some(seconds)
            );
            assert_eq!(
                code(seconds, false)
                    .as_deref()
                    .and_then(delivered_interval_seconds),
                None
            );
        }
        assert_eq!(code(1_800, true).as_deref(), Some("E-KWH-30-DEL"));
        assert_eq!(code(7_200, true), None);
        assert_eq!(delivered_interval_seconds("ES-KWH-TOT-1P-DAILY"), Some(86_400));
        assert_eq!(delivered_interval_seconds("E-RES-KWH-60 "), Some(3_600));
        for other in ["E-KWH-REGISTER", "E-V2HVHA-15", "E-KWH-7-DEL", "E-KWH-30-XYZ", ""] {
            assert_eq!(delivered_interval_seconds(other), None);
        }
    }
}
