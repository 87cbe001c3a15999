//! The same rows in any order, any batches and any number of threads make the same registry.

use arrow::array::UInt32Array;
use arrow::compute::{concat_batches, take_record_batch};
use proptest::prelude::*;

use super::*;

/// Few ids, so that rows collide, contradict and overlap.
fn lake() -> impl Strategy<Value = [String; 8]> {
    let rows = |header: &str, row: BoxedStrategy<String>| {
        let header = header.to_owned();
        prop::collection::vec(row, 0..14).prop_map(move |rows| format!("{header}\n{}", rows.join("\n")))
    };
    let id = |letter: &'static str| {
        (0..5_u8).prop_map(move |n| {
            if n == 0 {
                String::new()
            } else {
                format!("{letter}{n}")
            }
        })
    };
    let day = || {
        (0..60_u8).prop_map(|n| {
            if n == 0 {
                String::new()
            } else {
                format!("2020-{:02}-{:02}", 1 + n / 28, 1 + n % 28)
            }
        })
    };
    let of = |words: &'static [&'static str]| prop::sample::select(words);
    [
        rows(
            "device_id | status | device_type",
            (id("D"), of(&["ACTIVE", "RETIRED", "X"]), of(&["A", "B"]))
                .prop_map(|(a, b, c)| format!("{a} | {b} | {c}"))
                .boxed(),
        ),
        rows(
            "device_config_id | device_id",
            (id("C"), id("D")).prop_map(|(a, b)| format!("{a} | {b}")).boxed(),
        ),
        rows(
            "measuring_component_id | device_config_id | device_id | component_type",
            (
                id("M"),
                id("C"),
                id("D"),
                of(&["E-KWH-30-DEL", "E-KWH-30-REC", "X"]),
            )
                .prop_map(|(a, b, c, d)| format!("{a} | {b} | {c} | {d}"))
                .boxed(),
        ),
        rows(
            "install_event_id | device_config_id | device_id | service_point_id | installed_at | removed_at | status | status_updated_at | delivered_at",
            (
                id("E"),
                id("C"),
                id("D"),
                id("S"),
                day(),
                day(),
                of(&["ON", "OFF", "REMOVED", "PENDING", "X", ""]),
                day(),
                of(&["", "2020-05-01", "2020-06-01"]),
            )
                .prop_map(|(a, b, c, d, e, f, g, h, i)| {
                    format!("{a} | {b} | {c} | {d} | {e} | {f} | {g} | {h} | {i}")
                })
                .boxed(),
        ),
        rows(
            "install_event_id | at | state",
            (id("E"), day(), of(&["ON", "OFF", "X"]))
                .prop_map(|(a, b, c)| format!("{a} | {b} | {c}"))
                .boxed(),
        ),
        rows(
            "service_point_id | rate_class | area_id",
            (id("S"), of(&["R1", "R2"]), id("A"))
                .prop_map(|(a, b, c)| format!("{a} | {b} | {c}"))
                .boxed(),
        ),
        rows(
            "device_id | at | event_code",
            (id("D"), day(), of(&["TAMPER", "POWER_LOST", "POWER_UP", "X"]))
                .prop_map(|(a, b, c)| format!("{a} | {b} | {c}"))
                .boxed(),
        ),
        rows(
            "at | date | degrees_celsius | area_id | delivered_at",
            (
                day(),
                day(),
                of(&["-3.5", "7", "15.25", "99", ""]),
                id("A"),
                of(&["", "2020-05-01", "2020-06-01"]),
            )
                .prop_map(|(a, b, c, d, e)| format!("{a} | {b} | {c} | {d} | {e}"))
                .boxed(),
        ),
    ]
}

fn whole(
    [
        device,
        config,
        component,
        event,
        switch,
        point,
        device_event,
        temperature,
    ]: &[String; 8],
) -> Lake {
    Lake::default()
        .device(device)
        .device_config(config)
        .component(component)
        .install(event)
        .on_off(switch)
        .service_point(point)
        .device_event(device_event)
        .temperature(temperature)
}

/// The rows in another order, cut into batches of two.
fn scatter(batches: &mut Vec<RecordBatch>, seed: u64) {
    let batch = concat_batches(&batches[0].schema(), batches.iter()).unwrap();
    let rows = batch.num_rows();
    let mut order: Vec<u32> = (0..rows as u32).collect();
    order.sort_by_key(|&row| {
        (u64::from(row) + 1)
            .wrapping_mul(seed | 1)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
    });
    let shuffled = take_record_batch(&batch, &UInt32Array::from(order)).unwrap();
    *batches = (0..rows)
        .step_by(2)
        .map(|from| shuffled.slice(from, 2.min(rows - from)))
        .collect();
}

/// All but the positions of the rows kept aside.
fn outcome(lake: &Lake) -> String {
    let (registry, findings, rejected) = match lake.build(&RegistryConfig::default()) {
        Ok(built) => built,
        Err(error) => return error.to_string(),
    };
    let mut aside: Vec<String> = rejected
        .iter()
        .map(|(table, rejection)| {
            format!(
                "{table} {} {} {}",
                rejection.reason, rejection.column, rejection.value
            )
        })
        .collect();
    aside.sort_unstable();
    format!("{registry:?}\n{findings:?}\n{aside:?}")
}

proptest! {
    #[test]
    fn rows_in_any_order_and_any_batches(tables in lake(), seed in any::<u64>()) {
        let first = whole(&tables);
        let mut second = first.clone();
        scatter(&mut second.device, seed);
        scatter(&mut second.measuring_component, seed);
        scatter(&mut second.install_event, seed);
        for optional in [
            &mut second.device_config,
            &mut second.on_off_history,
            &mut second.service_point,
            &mut second.device_event,
            &mut second.temperature,
        ] {
            scatter(optional.as_mut().unwrap(), seed);
        }
        prop_assert_eq!(outcome(&first), outcome(&second));
    }

    #[test]
    fn any_number_of_threads(tables in lake()) {
        let lake = whole(&tables);
        let run = |threads| {
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| outcome(&lake))
        };
        let one = run(1);
        prop_assert_eq!(&one, &run(2));
        prop_assert_eq!(&one, &run(7));
    }

    /// Whatever the lake: dense indices are in range, ids and periods sorted, stays have a length.
    #[test]
    fn what_the_others_rely_on(tables in lake()) {
        let (registry, ..) = match whole(&tables).build(&RegistryConfig::default()) {
            Err(TransformError::NothingJoins { .. }) => return Ok(()),
            built => built.unwrap(),
        };
        prop_assert!(registry.components.is_sorted_by(|a, b| a.id < b.id));
        prop_assert!(registry.service_points.is_sorted_by(|a, b| a.id < b.id));
        for (index, component) in registry.components.iter().enumerate() {
            let place = component.doubt.and_then(|doubt| doubt.service_point);
            prop_assert!(place.is_none_or(|place| (place as usize) < registry.service_points.len()));
            prop_assert!(component.periods.is_sorted_by_key(|period| (period.start, period.event_id.clone())));
            for period in &component.periods {
                prop_assert!(period.start < period.end);
                prop_assert_eq!(period.switches[0].at, period.start);
                prop_assert!(period.switches.is_sorted_by(|a, b| a.at < b.at && a.on != b.on));
                prop_assert!(registry.components_at(period.service_point).contains(&(index as u32)));
            }
        }
        for overlap in &registry.overlaps {
            prop_assert!(overlap.from < overlap.to);
            prop_assert!((overlap.component.max(overlap.other) as usize) < registry.components.len());
        }
    }
}
