//! What lies just inside and just outside of a threshold.
use super::*;

#[test]
fn a_channel_receives_from_a_tenth_of_a_kilowatt_hour_a_day_on() {
    let mut channel = typed("MC-0", Some(86_400), &[period(0, 0, i64::MAX)]);
    channel.component_type.as_mut().unwrap().direction = crate::model::Direction::Received;
    let registry = Registry::new(vec![channel], places(1));
    let first = |kwh: &[f64]| {
        let profiles = Profiles::daily(0, FIRST_DAY, kwh);
        count(&registry, &[profiles]).finish(20).first_received(0)
    };
    assert_eq!(first(&[0.0, 0.099, 0.1, 5.0]), Some(Some(FIRST_DAY + 2)));
    assert_eq!(first(&[0.0, 0.099]), Some(None));
}

#[test]
fn four_weeks_make_a_peer_and_three_meters_a_transformer() {
    let counted = |homes: usize, days: usize| {
        let (registry, mut profiles) = lake(&[("A", homes)], &|_| 1.0);
        profiles[0] = Profiles::daily(0, FIRST_DAY, &vec![3.0; days]);
        let peers = count(&registry, &profiles).finish(1);
        let share = peers.transformer_silent_share(0, FIRST_DAY);
        (peers.group(0).unwrap().members, share)
    };
    // Under each of four transformers hang three of them, or two.
    assert_eq!(counted(12, 28), (12, Some(0.0)));
    assert_eq!(counted(8, 27), (7, None));
}
