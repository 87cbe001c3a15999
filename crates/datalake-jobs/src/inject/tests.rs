#![allow(clippy::unwrap_used, clippy::float_cmp)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, Float64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{Decimal128Type, Field, Float64Type, Schema, TimestampMicrosecondType};
use datalake_deps::diagnostic::Diagnostic;
use datalake_deps::exit_code::ExitCode;
use datalake_deps::lake::Preset;
use datalake_deps::session::{SessionArgs, StopFlag};

use super::*;
use crate::synthetic::files::{FileBatches, each_batch};

fn table(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, a)| Field::new(*name, a.data_type().clone(), true))
        .collect();
    let arrays = columns.into_iter().map(|(_, a)| a).collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap();
    files::write(path, &batch).unwrap();
}

fn ids(prefix: &str, n: usize) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(
        (0..n).map(|i| format!("{prefix}-{i:02}")),
    ))
}

const DAYS: i64 = 60;

/// Twenty customers with hourly data over sixty days in two files, in the names of a preset; the value of hour h
/// of customer i is (i + 1)(h + 1) Wh. One missing-coded row a day.
fn lake(folder: &Path, preset: Preset) {
    let n = 20;
    let c = |table, name| preset.source_name(table, name);
    table(
        &folder.join("device/part-0.parquet"),
        vec![(c("device", "device_id"), ids("D", n))],
    );
    table(
        &folder.join("measuring_component/part-0.parquet"),
        vec![
            (c("measuring_component", "measuring_component_id"), ids("MC", n)),
            (c("measuring_component", "device_config_id"), ids("DC", n)),
            (
                c("measuring_component", "component_type"),
                Arc::new(StringArray::from(vec!["E-KWH-60-DEL"; n])),
            ),
        ],
    );
    table(
        &folder.join("install_event/part-0.parquet"),
        vec![
            (c("install_event", "install_event_id"), ids("IE", n)),
            (c("install_event", "device_config_id"), ids("DC", n)),
            (c("install_event", "service_point_id"), ids("SP", n)),
            (
                c("install_event", "status"),
                Arc::new(StringArray::from(vec!["ON"; n])),
            ),
        ],
    );
    for part in 0..2 {
        let (mut mc, mut at, mut value, mut code) = (vec![], vec![], vec![], vec![]);
        for day in part * DAYS / 2..(part + 1) * DAYS / 2 {
            for customer in 0..n as i64 {
                for hour in 0..24 {
                    mc.push(format!("MC-{customer:02} "));
                    at.push((day * 86_400 + (hour + 1) * 3_600) * 1_000_000);
                    value.push((customer + 1) * (hour + 1) * 1_000);
                    code.push(if hour == 5 { "201000" } else { "501000" });
                }
            }
        }
        let value: ArrayRef = match preset {
            Preset::Canonical => Arc::new(Float64Array::from_iter_values(
                value.iter().map(|v| *v as f64 / 1e6),
            )),
            Preset::OracleMdm => Arc::new(
                Decimal128Array::from_iter_values(value.iter().map(|v| i128::from(*v)))
                    .with_precision_and_scale(16, 6)
                    .unwrap(),
            ),
        };
        table(
            &folder.join(format!("measurements/run={part}/part-0.parquet")),
            vec![
                (
                    c("measurements", "measuring_component_id"),
                    Arc::new(StringArray::from(mc)),
                ),
                (
                    c("measurements", "measured_at"),
                    Arc::new(TimestampMicrosecondArray::from(at)),
                ),
                (c("measurements", "value"), value),
                (
                    c("measurements", "condition_code"),
                    Arc::new(StringArray::from(code)),
                ),
            ],
        );
    }
}

fn args(lake: &Path, output: &Path, kinds: &[TheftKind]) -> Args {
    Args {
        lake: lake.to_owned(),
        output: output.to_owned(),
        share: 0.5,
        kinds: kinds.to_vec(),
        seed: 3,
        session: SessionArgs::default(),
    }
}

fn run_now(args: &Args) -> Result<Summary, ToolError> {
    run(args, &StopFlag::default())
}

/// (component, seconds) to (micro, condition code).
fn measurements(lake: &Path) -> BTreeMap<(String, i64), (i64, String)> {
    let mut rows = BTreeMap::new();
    each_batch(&lake.join("measurements"), "measurements", |batch| {
        let (id, code) = (
            batch.text("measuring_component_id")?,
            batch.text("condition_code")?,
        );
        let at = batch.batch.column(batch.required("measured_at")?);
        let value = batch.batch.column(batch.required("value")?);
        for i in 0..batch.rows() {
            let micro = match value.as_primitive_opt::<Float64Type>() {
                Some(v) => (v.value(i) * 1e6).round() as i64,
                None => value.as_primitive::<Decimal128Type>().value(i) as i64,
            };
            let at = at.as_primitive::<TimestampMicrosecondType>().value(i) / 1_000_000;
            rows.insert((id.value(i).to_owned(), at), (micro, code.value(i).to_owned()));
        }
        Ok(())
    })
    .unwrap();
    rows
}

#[test]
fn only_the_thieves_change_and_only_from_the_onset_on() {
    for preset in [Preset::Canonical, Preset::OracleMdm] {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("lake"), folder.path().join("out"));
        lake(&from, preset);
        let summary = run_now(&args(
            &from,
            &to,
            &[TheftKind::ZeroWhileOn, TheftKind::EstimatedForever],
        ))
        .unwrap();
        assert_eq!(
            (summary.customers, summary.eligible, summary.thieves),
            (20, 20, 10)
        );

        let truth = truth::read(&to.join("truth")).unwrap();
        assert_eq!(truth.len(), 20);
        let (before, after) = (measurements(&from), measurements(&to));
        assert_eq!(before.len(), after.len());
        let mut lost = vec![0; 20];
        let mut changed = 0;
        for ((key, (old, old_code)), (new_key, (new, new_code))) in before.iter().zip(&after) {
            assert_eq!(key, new_key, "ids keep their blanks, rows their times");
            let customer: usize = key.0.trim()[3..].parse().unwrap();
            let known = &truth[customer];
            let day = ((key.1 - 3_600) / 86_400) as i32;
            let stolen = known.onset_date.is_some_and(|o| day >= o) && old_code == "501000";
            let marked = stolen && known.kind == "estimated_forever";
            assert_eq!(new_code, if marked { "401000" } else { old_code });
            if !stolen {
                assert_eq!(new, old);
            } else if known.kind == "zero_while_on" {
                assert_eq!(*new, 0);
            }
            lost[customer] += old - new;
            changed += u64::from(old != new);
        }
        assert_eq!(summary.rows_changed, changed);
        for (known, lost) in truth.iter().zip(lost) {
            assert_eq!(
                (known.lost_kwh * 1e6).round() as i64,
                lost,
                "{}",
                known.service_point_id
            );
            // 60 days: the onset lies in days 18 to 47.
            assert!(known.onset_date.is_none_or(|o| (18..48).contains(&o)));
            assert_eq!(known.is_theft, known.onset_date.is_some());
        }
        assert!(
            to.join("measurements/run=1/part-0.parquet").is_file()
                && to.join("device/part-0.parquet").is_file()
        );
    }
}

#[test]
fn a_removal_on_paper_leaves_the_measurements_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("lake"), folder.path().join("out"));
    lake(&from, Preset::OracleMdm);
    let summary = run_now(&args(
        &from,
        &to,
        &[TheftKind::UsageAfterRemoval, TheftKind::UsageWhileDisconnected],
    ))
    .unwrap();
    assert_eq!((summary.thieves, summary.rows_changed), (10, 0));
    assert_eq!(measurements(&from), measurements(&to));
    let truth = truth::read(&to.join("truth")).unwrap();
    let file = to.join("install_event/part-0.parquet");
    let batch = FileBatches::open(&file, "install_event")
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let moments = |name| {
        batch
            .moments(name)
            .unwrap()
            .unwrap()
            .as_primitive::<TimestampMicrosecondType>()
            .clone()
    };
    let (removed, switched) = (moments("removed_at"), moments("status_updated_at"));
    let schema = batch.schema();
    assert!(
        schema.field_with_name("D1_REMOVAL_DTTM").is_ok(),
        "new columns carry the preset's names"
    );
    let status = batch.text("status").unwrap();
    for (i, known) in truth.iter().enumerate() {
        let noon_before = known
            .onset_date
            .map(|o| (i64::from(o) * 86_400 - 43_200) * 1_000_000);
        let expected = match known.kind.as_str() {
            "usage_after_removal" => ("REMOVE", noon_before, None),
            "usage_while_disconnected" => ("OFF", None, noon_before),
            _ => ("ON", None, None),
        };
        let at = |a: &TimestampMicrosecondArray| a.is_valid(i).then(|| a.value(i));
        assert_eq!((status.value(i), at(&removed), at(&switched)), expected);
        if let Some(onset) = known.onset_date {
            // What is not marked missing: 300 less hour 6 of each day, times the customer's number.
            let kwh = (DAYS - i64::from(onset)) * (i as i64 + 1) * (300 - 6);
            assert_eq!(known.lost_kwh, kwh as f64 / 1e3);
        }
    }
}

#[test]
fn the_same_seed_makes_the_same_files() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("lake");
    lake(&from, Preset::Canonical);
    let make = |name: &str, seed, threads| {
        let to = folder.path().join(name);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            run_now(&Args {
                seed,
                ..args(&from, &to, &[])
            })
        })
        .unwrap();
        let mut files = Vec::new();
        files::collect(&to, &mut files).unwrap();
        files.sort();
        files.iter().map(|f| fs_err::read(f).unwrap()).collect::<Vec<_>>()
    };
    let first = make("a", 3, 1);
    assert_eq!(first, make("b", 3, 4));
    assert_ne!(first, make("c", 4, 1));
}

#[test]
fn what_cannot_be_done_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("lake"), folder.path().join("out"));
    lake(&from, Preset::Canonical);
    let told = |args: &Args| {
        let error = run_now(args).unwrap_err();
        (error.exit_code(), error.to_string())
    };
    let (code, text) = told(&args(&from, &to, &[TheftKind::SlowExchange]));
    assert_eq!(code, ExitCode::Usage);
    assert!(text.contains("slow_exchange"), "{text}");
    let (code, _) = told(&Args {
        share: 0.0,
        ..args(&from, &to, &[])
    });
    assert_eq!(code, ExitCode::Usage);
    let (code, text) = told(&args(&folder.path().join("nowhere"), &to, &[]));
    assert_eq!(code, ExitCode::NoInput);
    assert!(text.contains("nowhere"), "{text}");
    let (code, _) = told(&args(&from, &from, &[]));
    assert_eq!(code, ExitCode::CannotCreate);
    run_now(&args(&from, &to, &[])).unwrap();
    let (code, text) = told(&args(&to, &folder.path().join("again"), &[]));
    assert_eq!(code, ExitCode::BadData);
    assert!(text.contains("truth table already"), "{text}");
}
