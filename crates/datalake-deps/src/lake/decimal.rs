//! Decimals as integers of 10^-6, from text, floats and decimals of other scales; always exact, ties to even.
//!
//! A float stands for the shortest decimal text that reads back as that very float, so a column gives the same
//! integers whether it arrives as a double or as text.

use super::reject::RejectReason;

/// Decimal places of a canonical decimal.
pub(crate) const PLACES: i32 = 6;

/// Parses decimal text, exponents allowed. `comma` is the decimal sign where it is not a point.
pub(crate) fn parse_micro(text: &str, comma: bool) -> Result<i64, RejectReason> {
    let text = text.trim().as_bytes();
    let (negative, unsigned) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if is_not_finite(unsigned) {
        return Err(RejectReason::NumberNotFinite);
    }
    let (mantissa, exponent) = match unsigned.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (&unsigned[..at], parse_exponent(&unsigned[at + 1..])?),
        None => (unsigned, 0),
    };
    let sign = if comma { b',' } else { b'.' };
    let point = mantissa.iter().position(|byte| *byte == sign);
    let (whole, fraction) = match point {
        Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
        None => (mantissa, &[][..]),
    };
    if whole.is_empty() && fraction.is_empty() || !whole.iter().chain(fraction).all(u8::is_ascii_digit) {
        return Err(RejectReason::InvalidNumber);
    }
    let magnitude = scale_digits(whole, fraction, exponent)?;
    let signed = if negative { -magnitude } else { magnitude };
    i64::try_from(signed).map_err(|_| RejectReason::NumberOutOfRange)
}

fn is_not_finite(unsigned: &[u8]) -> bool {
    ["nan", "inf", "infinity"]
        .iter()
        .any(|word| unsigned.eq_ignore_ascii_case(word.as_bytes()))
}

fn parse_exponent(text: &[u8]) -> Result<i64, RejectReason> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(RejectReason::InvalidNumber);
    }
    let size = digits.iter().fold(0_i64, |size, digit| {
        size.saturating_mul(10).saturating_add(i64::from(digit - b'0'))
    });
    // Beyond this every number is zero or too large; a bound keeps the sums below from overflowing.
    let size = size.min(1 << 40);
    Ok(if negative { -size } else { size })
}

/// `whole.fraction * 10^(exponent + 6)`, rounded half to even.
fn scale_digits(whole: &[u8], fraction: &[u8], exponent: i64) -> Result<i128, RejectReason> {
    let zeros = whole
        .iter()
        .chain(fraction)
        .take_while(|digit| **digit == b'0')
        .count();
    let digits = whole.iter().chain(fraction).skip(zeros);
    let significant = whole.len() + fraction.len() - zeros;
    if significant == 0 {
        return Ok(0);
    }
    // So many of the significant digits stand before the point once the number is in 10^-6.
    let kept = whole.len() as i64 - zeros as i64 + exponent + i64::from(PLACES);
    if kept > 19 {
        return Err(RejectReason::NumberOutOfRange);
    }
    let (mut magnitude, mut next, mut rest) = (0_i128, 0_u8, false);
    for (index, digit) in digits.enumerate() {
        match (index as i64).cmp(&kept) {
            std::cmp::Ordering::Less => magnitude = magnitude * 10 + i128::from(digit - b'0'),
            std::cmp::Ordering::Equal => next = digit - b'0',
            std::cmp::Ordering::Greater => rest |= *digit != b'0',
        }
    }
    for _ in (significant as i64)..kept {
        magnitude *= 10;
    }
    let up = next > 5 || (next == 5 && (rest || magnitude % 2 == 1));
    Ok(magnitude + i128::from(up))
}

/// The size of `float * 10^6` below which its nearest integer can be told by one multiplication: the product of a
/// double that is nearest to `k / 10^6` differs from `k` by less than `k * 2^-52`, so by less than a half.
const F64_EXACT: f64 = 2_251_799_813_685_248.0; // 2^51
/// Adding it to a double below 2^51 leaves the integer nearest to it, ties to even, in the low bits.
const F64_ROUND: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52

/// One double. `None`: too large or too near a tie for one multiplication to tell.
#[inline]
pub(crate) fn f64_to_micro_fast(value: f64) -> (i64, bool) {
    let product = value * 1e6;
    let shifted = product + F64_ROUND;
    let nearest = (shifted.to_bits() as i64).wrapping_sub(F64_ROUND.to_bits() as i64);
    let distance = (product - (shifted - F64_ROUND)).abs();
    // Comparisons with NaN are false, so NaN is not sure either.
    let sure = product.abs() < F64_EXACT && distance < 0.5 - product.abs() * f64::EPSILON;
    (nearest, sure)
}

/// One double by its shortest text: slow, and right for every double.
pub(crate) fn f64_to_micro(value: f64) -> Result<i64, RejectReason> {
    if !value.is_finite() {
        return Err(RejectReason::NumberNotFinite);
    }
    parse_micro(&format!("{value:e}"), false)
}

/// One single-precision float by its shortest text: 0.1 is 100,000, not 100,000.0015.
pub(crate) fn f32_to_micro(value: f32) -> Result<i64, RejectReason> {
    if !value.is_finite() {
        return Err(RejectReason::NumberNotFinite);
    }
    parse_micro(&format!("{value:e}"), false)
}

/// An integer of 10^-scale units as one of 10^-6.
pub(crate) fn rescale(value: i128, scale: i32) -> Result<i64, RejectReason> {
    let out_of_range = |_| RejectReason::NumberOutOfRange;
    if scale <= PLACES {
        let factor = 10_i128.checked_pow((PLACES - scale) as u32);
        let scaled = factor.and_then(|factor| value.checked_mul(factor));
        return match scaled {
            Some(scaled) => i64::try_from(scaled).map_err(out_of_range),
            None if value == 0 => Ok(0),
            None => Err(RejectReason::NumberOutOfRange),
        };
    }
    let Some(divisor) = 10_i128.checked_pow((scale - PLACES) as u32) else {
        // The divisor is more than twice any i128.
        return Ok(0);
    };
    let (quotient, remainder) = (value / divisor, value % divisor);
    let twice = remainder.unsigned_abs() * 2;
    let up = match twice.cmp(&divisor.unsigned_abs()) {
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => quotient % 2 != 0,
        std::cmp::Ordering::Less => false,
    };
    let rounded = if up { quotient + value.signum() } else { quotient };
    i64::try_from(rounded).map_err(out_of_range)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;
    use RejectReason::{InvalidNumber, NumberNotFinite, NumberOutOfRange};

    #[test]
    fn text_is_parsed_exactly() {
        for (text, micro) in [
            ("0", 0),
            ("-0.0", 0),
            ("0.086", 86_000),
            (" 1.5 ", 1_500_000),
            ("+2", 2_000_000),
            (".5", 500_000),
            ("5.", 5_000_000),
            ("-12.345678", -12_345_678),
            ("1e3", 1_000_000_000),
            ("1.25E-2", 12_500),
            ("0000000000000000000000000001", 1_000_000),
            ("0.0000000000000000000001e22", 1_000_000),
            ("123456789012e-12", 123_457),
            ("9223372036854.775807", i64::MAX),
            ("-9223372036854.775808", i64::MIN),
            ("1e-400", 0),
            ("0e99999999999999999999", 0),
        ] {
            assert_eq!(parse_micro(text, false), Ok(micro), "{text}");
        }
    }

    #[test]
    fn ties_go_to_even_and_anything_more_goes_up() {
        for (text, micro) in [
            ("0.0000005", 0),
            ("0.0000015", 2),
            ("0.0000025", 2),
            ("-0.0000015", -2),
            ("0.00000050000000000000000000001", 1),
            ("0.0000004999999", 0),
            ("0.9999995", 1_000_000),
            ("0.00000005", 0),
        ] {
            assert_eq!(parse_micro(text, false), Ok(micro), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_says_why() {
        for (text, reason) in [
            ("", InvalidNumber),
            ("-", InvalidNumber),
            (".", InvalidNumber),
            ("1,5", InvalidNumber),
            ("1.2.3", InvalidNumber),
            ("0x10", InvalidNumber),
            ("1e", InvalidNumber),
            ("1e+", InvalidNumber),
            ("e5", InvalidNumber),
            ("12 kWh", InvalidNumber),
            ("--1", InvalidNumber),
            ("NaN", NumberNotFinite),
            ("-Infinity", NumberNotFinite),
            ("inf", NumberNotFinite),
            ("9223372036854.775808", NumberOutOfRange),
            ("1e14", NumberOutOfRange),
            ("1e99999999999999999999", NumberOutOfRange),
        ] {
            assert_eq!(parse_micro(text, false), Err(reason), "{text}");
        }
    }

    #[test]
    fn a_comma_is_the_decimal_sign_only_where_configured() {
        assert_eq!(parse_micro("1,5", true), Ok(1_500_000));
        assert_eq!(parse_micro("1.5", true), Err(InvalidNumber));
    }

    #[test]
    fn scales_are_brought_to_six_places() {
        assert_eq!(rescale(15, 1), Ok(1_500_000));
        assert_eq!(rescale(7, 0), Ok(7_000_000));
        assert_eq!(rescale(7, -2), Ok(700_000_000));
        assert_eq!(rescale(15, 7), Ok(2));
        assert_eq!(rescale(25, 7), Ok(2));
        assert_eq!(rescale(-15, 7), Ok(-2));
        assert_eq!(rescale(-4, 7), Ok(0));
        assert_eq!(rescale(26, 7), Ok(3));
        assert_eq!(rescale(i128::MAX, 44), Ok(2));
        assert_eq!(rescale(i128::MAX, 127), Ok(0));
        assert_eq!(rescale(0, -128), Ok(0));
        assert_eq!(rescale(1, -128), Err(NumberOutOfRange));
        assert_eq!(rescale(i128::from(i64::MAX) + 1, 6), Err(NumberOutOfRange));
    }

    #[test]
    fn floats_stand_for_their_shortest_text() {
        assert_eq!(f64_to_micro_fast(0.086), (86_000, true));
        assert_eq!(f64_to_micro(12.345_678), Ok(12_345_678));
        assert_eq!(f64_to_micro(0.000_003_5), Ok(4));
        assert_eq!(f32_to_micro(0.086), Ok(86_000));
        assert_eq!(f32_to_micro(123_456.78), Ok(123_456_780_000));
        assert_eq!(f64_to_micro(1e13), Err(NumberOutOfRange));
        assert_eq!(f64_to_micro(f64::NAN), Err(NumberNotFinite));
        assert_eq!(f32_to_micro(f32::NEG_INFINITY), Err(NumberNotFinite));
        for unsure in [f64::NAN, f64::INFINITY, 1e300, 0.000_000_5, -2.5e-6] {
            assert!(!f64_to_micro_fast(unsure).1, "{unsure}");
        }
    }

    proptest! {
        #[test]
        fn a_double_that_is_nearest_to_a_decimal_comes_back_to_it(micro in -2_251_799_813_685_248_i64..2_251_799_813_685_248) {
            let text = format!("{}{}.{:06}", if micro < 0 { "-" } else { "" }, micro.unsigned_abs() / 1_000_000, micro.unsigned_abs() % 1_000_000);
            prop_assert_eq!(parse_micro(&text, false), Ok(micro));
            let double: f64 = text.parse().unwrap();
            prop_assert_eq!(f64_to_micro(double), Ok(micro));
            let (fast, sure) = f64_to_micro_fast(double);
            prop_assert!(!sure || fast == micro);
        }

        #[test]
        fn where_one_multiplication_is_sure_the_text_agrees(double in prop_oneof![any::<f64>(), -1e6..1e6, (0_i64..1 << 40).prop_map(|k| (k as f64 + 0.5) / 1e6)]) {
            let (fast, sure) = f64_to_micro_fast(double);
            if sure {
                prop_assert_eq!(f64_to_micro(double), Ok(fast));
            }
        }

        #[test]
        fn rescaling_is_the_parsing_of_the_decimal_text(value in any::<i64>(), scale in 0_i32..25) {
            prop_assert_eq!(rescale(i128::from(value), scale), parse_micro(&format!("{value}e-{scale}"), false));
        }
    }
}
