//! What readings that fell are taken for, just inside and just outside of a threshold.
use super::*;

/// Energy and usable days by month of a register of four digits, or of as many as it takes.
fn months(digits: Option<u8>, kwh: &[i64]) -> Vec<(i64, u32)> {
    let registry = digits.map_or_else(registers, a_digit_register);
    by_month(&periods(&registry, &monthly(kwh)).0)
}

#[test]
fn a_roll_over_makes_ten_times_the_usual_energy_at_most() {
    // 300 a month; from 8,700 to the end of the four digits it is 1,300.
    let rolled = |to: i64| months(Some(4), &[7500, 7800, 8100, 8400, 8700, to, to + 300])[4].0;
    assert_eq!((rolled(1690), rolled(1710)), (2990, -6990));
}

#[test]
fn three_other_periods_tell_the_usual_energy() {
    // By the usual 300 a month 4,000 are none.
    assert_eq!(months(Some(4), &[7800, 8100, 8400, 8700, 2700])[3].0, -6000);
    assert_eq!(months(Some(4), &[8100, 8400, 8700, 2700])[2].0, 4000);
}

#[test]
fn a_misread_leaves_three_times_the_usual_energy_at_most() {
    // Two months use 600; what is left of a jump and a fall that cancel out is 1,790 or 1,810.
    let usable = |after: i64| {
        let kwh = [1000, 1300, 1600, 1900, 12_200, after, after + 300, after + 600];
        let months = months(None, &kwh);
        (months[3].1, months[4].1)
    };
    assert_eq!((usable(3690), usable(3710)), ((0, 0), (30, 30)));
}
