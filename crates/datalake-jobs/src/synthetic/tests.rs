#![allow(clippy::unwrap_used, clippy::float_cmp)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Decimal128Type, Int64Type, TimestampMicrosecondType};
use clap::Parser;
use datalake_deps::diagnostic::Diagnostic;
use datalake_deps::exit_code::ExitCode;
use datalake_deps::session::StopFlag;

use super::files::each_batch;
use super::truth::Truth;
use super::*;

/// Arguments as a user types them; 20 days from the first of March 2024, two months.
fn args(output: &Path, more: &str) -> Args {
    let line = format!(
        "synthetic-lake --output {} --first-day 2024-03-20 {more}",
        output.display()
    );
    Args::try_parse_from(line.split_whitespace()).unwrap()
}

fn run_now(args: &Args) -> Result<Summary, ToolError> {
    run(args, &StopFlag::default())
}

const CLEAN: &str = "--duplicate-share 0 --correction-share 0 --gap-share 0 --estimated-share 0 --missing-share 0 \
                     --override-share 0 --orphan-share 0 --unmapped-share 0";

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Measured {
    component: String,
    at: i64,
    micro: Option<i64>,
    code: String,
    flag: Option<String>,
    updated: i64,
    version: i64,
    reading: Option<i64>,
    since: Option<i64>,
}

/// Rows of `measurements`, sorted.
fn measurements(lake: &Path) -> Vec<Measured> {
    let mut rows = Vec::new();
    let time = |a: &Option<ArrayRef>, i: usize| {
        let a = a.as_ref()?.as_primitive::<TimestampMicrosecondType>();
        a.is_valid(i).then(|| a.value(i) / 1_000_000)
    };
    let micro = |a: &Option<ArrayRef>, i: usize| {
        let a = a.as_ref()?.as_primitive::<Decimal128Type>();
        a.is_valid(i).then(|| a.value(i) as i64)
    };
    each_batch(&lake.join("measurements"), "measurements", |batch| {
        let (at, updated, since) = (
            batch.moments("measured_at")?,
            batch.moments("updated_at")?,
            batch.moments("period_start")?,
        );
        let decimals = |name| batch.optional(name, &DataType::Decimal128(16, 6));
        let (value, reading) = (decimals("value")?, decimals("reading")?);
        let (id, code) = (
            batch.text("measuring_component_id")?,
            batch.text("condition_code")?,
        );
        let flag = batch.column("use_flag", &DataType::Utf8)?;
        let flag = flag.as_string::<i32>();
        let version = batch.column("version", &DataType::Int64)?;
        let version = version.as_primitive::<Int64Type>();
        rows.extend((0..batch.rows()).map(|i| Measured {
            component: id.value(i).to_owned(),
            at: time(&at, i).unwrap(),
            micro: micro(&value, i),
            code: code.value(i).to_owned(),
            flag: flag.is_valid(i).then(|| flag.value(i).to_owned()),
            updated: time(&updated, i).unwrap(),
            version: version.value(i),
            reading: micro(&reading, i),
            since: time(&since, i),
        }));
        Ok(())
    })
    .unwrap();
    rows.sort();
    rows
}

/// A text column of a table.
fn texts(lake: &Path, table: &'static str, name: &'static str) -> Vec<String> {
    let mut values = Vec::new();
    each_batch(&lake.join(table), table, |batch| {
        values.extend(batch.text(name)?.iter().flatten().map(str::to_owned));
        Ok(())
    })
    .unwrap();
    values
}

/// A column of moments of a table, seconds.
fn moments(lake: &Path, table: &'static str, name: &'static str) -> Vec<Option<i64>> {
    let mut values = Vec::new();
    each_batch(&lake.join(table), table, |batch| {
        let array = batch.moments(name)?.unwrap();
        values.extend(
            array
                .as_primitive::<TimestampMicrosecondType>()
                .iter()
                .map(|v| v.map(|v| v / 1_000_000)),
        );
        Ok(())
    })
    .unwrap();
    values
}

/// Moment and 10^-6 kWh of each row, ascending.
type Rows = Vec<(i64, i64)>;

/// One service point of a lake, joined by hand.
struct Joined {
    truth: Truth,
    /// Per install event: removal, status, and rows of the delivered component.
    meters: Vec<(Option<i64>, String, Rows)>,
    received: Rows,
}

impl Joined {
    /// Energy of the delivered rows whose interval starts on the days of a range.
    fn micro(&self, days: std::ops::RangeInclusive<i32>) -> i64 {
        self.meters
            .iter()
            .flat_map(|(_, _, rows)| rows)
            .filter(|(at, _)| days.contains(&(((at - 1) / 86_400) as i32)))
            .map(|(_, micro)| micro)
            .sum()
    }
}

fn joined(lake: &Path) -> Vec<Joined> {
    let mut by_component: BTreeMap<String, Rows> = BTreeMap::new();
    for row in measurements(lake) {
        by_component
            .entry(row.component)
            .or_default()
            .push((row.at, row.micro.unwrap_or(0)));
    }
    let mut of_config: BTreeMap<String, (Rows, Rows)> = BTreeMap::new();
    let ids = texts(lake, "measuring_component", "measuring_component_id");
    let configs = texts(lake, "measuring_component", "device_config_id");
    for ((id, config), code) in
        ids.into_iter()
            .zip(configs)
            .zip(texts(lake, "measuring_component", "component_type"))
    {
        let rows = by_component.remove(&id).unwrap_or_default();
        let (delivered, received) = of_config.entry(config).or_default();
        if code.ends_with("-DEL") {
            *delivered = rows;
        } else if code.ends_with("-REC") {
            *received = rows;
        }
    }
    let mut points: BTreeMap<String, Joined> = truth::read(&lake.join("truth"))
        .unwrap()
        .into_iter()
        .map(|truth| {
            (
                truth.service_point_id.clone(),
                Joined {
                    truth,
                    meters: vec![],
                    received: vec![],
                },
            )
        })
        .collect();
    let removed = moments(lake, "install_event", "removed_at");
    let status = texts(lake, "install_event", "status");
    let configs = texts(lake, "install_event", "device_config_id");
    for (i, point) in texts(lake, "install_event", "service_point_id")
        .iter()
        .enumerate()
    {
        let (delivered, received) = of_config.remove(&configs[i]).unwrap();
        let joined = points.get_mut(point).unwrap();
        joined.meters.push((removed[i], status[i].clone(), delivered));
        joined.received.extend(received);
    }
    points.into_values().collect()
}

fn all_bytes(lake: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    files::collect(lake, &mut files).unwrap();
    files.sort();
    files
        .into_iter()
        .map(|f| {
            (
                f.strip_prefix(lake).unwrap().to_owned(),
                fs_err::read(&f).unwrap(),
            )
        })
        .collect()
}

#[test]
fn a_seed_makes_one_lake_whatever_the_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let make = |name: &str, seed: u64, threads, more: &str| {
        let lake = folder.path().join(name);
        let args = args(
            &lake,
            &format!("--service-points 60 --days 15 --theft-share 0.3 --seed {seed} {more}"),
        );
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| run_now(&args)).unwrap();
        all_bytes(&lake)
    };
    let first = make("a", 5, 1, "");
    assert!(first == make("b", 5, 3, ""), "the same bytes");
    assert!(first != make("c", 6, 1, ""), "another seed, another lake");
    let one_file = make("d", 5, 1, "--layout one_file");
    assert!(one_file == make("e", 5, 3, "--layout one_file"), "the same bytes");
}

#[test]
fn layouts_spread_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    let make = |layout: &str| {
        let lake = folder.path().join(layout.replace([' ', '-'], "_"));
        let more = format!("--service-points 40 --days 16 --register-share 0.5 --layout {layout}");
        let summary = run_now(&args(&lake, &more)).unwrap();
        let rows = measurements(&lake);
        assert_eq!(summary.rows, rows.len() as u64);
        let files: Vec<_> = all_bytes(&lake)
            .into_iter()
            .map(|f| f.0.display().to_string())
            .filter(|f| f.starts_with("measurements"))
            .collect();
        (rows, files)
    };
    let (daily, files) = make("daily");
    assert_eq!(files.len(), 16);
    assert_eq!(files[0], "measurements/msrmt_date=2024-03-20/part-0.parquet");
    let (rows, files) = make("daily --files-per-day 3");
    assert!(rows == daily && files.len() == 48);
    let (rows, files) = make("monthly");
    assert!(rows == daily);
    assert_eq!(
        files,
        [
            "measurements/month=2024-03/part-0.parquet",
            "measurements/month=2024-04/part-0.parquet"
        ]
    );
    let (rows, files) = make("component");
    assert!(rows == daily);
    assert_eq!(files, ["measurements/part-00000.parquet"]);
    let (rows, files) = make("shuffled");
    assert!(rows == daily && files.len() == 8);
    let (rows, files) = make("one_file --files-per-day 3");
    assert!(rows == daily);
    assert_eq!(files, ["measurements/part-0.parquet"]);
    let (rows, files) = make("daily --files-per-day 3 --file-share range");
    assert!(rows == daily && files.len() == 48);
    let (rows, files) = make("monthly --files-per-day 2 --file-share range");
    assert!(rows == daily && files.len() == 4);
}

/// Ids of the rows in the order of a file.
fn ids_in(lake: &Path, file: &str) -> Vec<String> {
    let mut ids = Vec::new();
    each_batch(&lake.join("measurements").join(file), "measurements", |batch| {
        ids.extend(
            batch
                .text("measuring_component_id")?
                .iter()
                .flatten()
                .map(str::to_owned),
        );
        Ok(())
    })
    .unwrap();
    ids
}

#[test]
fn files_of_a_range_hold_its_components_in_no_order() {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("lake");
    let more = "--service-points 30 --days 2 --files-per-day 4 --file-share range";
    run_now(&args(&lake, more)).unwrap();
    let mut before = BTreeSet::new();
    for part in 0..4 {
        let ids = ids_in(&lake, &format!("msrmt_date=2024-03-20/part-{part}.parquet"));
        assert!(!ids.is_sorted() && ids.len() > 5 * 48);
        let ids: BTreeSet<_> = ids.into_iter().collect();
        assert!(before.last() < ids.first(), "ranges follow each other");
        before = ids;
    }
}

#[test]
fn the_one_file_is_shuffled_as_a_whole_and_leaves_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("lake");
    run_now(&args(&lake, "--service-points 30 --days 20 --layout one_file")).unwrap();
    let ids = ids_in(&lake, "part-0.parquet");
    let all: BTreeSet<_> = ids.iter().collect();
    // A run of rows holds about as many components as chance would have it.
    let first: BTreeSet<_> = ids[..500].iter().collect();
    assert_eq!(first.len(), all.len());
    let hidden = fs_err::read_dir(&lake).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with('.')
    });
    assert_eq!(hidden.count(), 0);
}

#[test]
fn a_clean_lake_has_every_row_once_and_its_registers_agree() {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("lake");
    let more = "--service-points 30 --days 45 --theft-share 0 --hard-negative-share 0 --register-share 1";
    run_now(&args(&lake, &format!("{more} {CLEAN}"))).unwrap();
    let rows = measurements(&lake);
    assert!(
        rows.iter()
            .all(|r| r.code == "501000" && r.flag.is_none() && r.version == 1)
    );
    let (registers, intervals): (Vec<_>, Vec<_>) = rows.into_iter().partition(|r| r.reading.is_some());
    let keys: BTreeSet<_> = intervals.iter().map(|r| (&r.component, r.at)).collect();
    assert_eq!(keys.len(), intervals.len());
    let codes: BTreeMap<String, String> = texts(&lake, "measuring_component", "measuring_component_id")
        .into_iter()
        .zip(texts(&lake, "measuring_component", "component_type"))
        .collect();
    let delivered = codes.values().filter(|c| c.ends_with("-DEL")).count();
    assert_eq!(delivered, 30);
    assert_eq!(
        intervals.len(),
        codes.values().filter(|c| *c != "E-KWH-REGISTER").count() * 45 * 48
    );

    // Read at the end of March and of April, with the delivered channel's rows summed in between; channels of a
    // meter are numbered one after the other.
    assert_eq!(registers.len(), 30 * 2);
    for pair in registers.chunks(2) {
        let own: u32 = pair[0].component[3..].parse().unwrap();
        let delivered = (1..own)
            .rev()
            .map(|n| format!("MC-{n:08}"))
            .find(|id| codes[id].ends_with("-DEL"))
            .unwrap();
        for reading in pair {
            let (since, until) = (reading.since.unwrap(), reading.at);
            let sum: i64 = intervals
                .iter()
                .filter(|r| r.component == delivered && r.at > since && r.at <= until)
                .map(|r| r.micro.unwrap())
                .sum();
            assert_eq!(reading.micro, Some(sum));
        }
        assert_eq!(pair[0].at, pair[1].since.unwrap());
        let step = pair[1].reading.unwrap() - pair[0].reading.unwrap();
        assert_eq!(step.rem_euclid(100_000_000_000), pair[1].micro.unwrap());
    }
}

#[test]
fn thefts_leave_their_traces() {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("lake");
    run_now(&args(
        &lake,
        &format!("--service-points 50 --days 60 --theft-share 1 --hard-negative-share 0 {CLEAN}"),
    ))
    .unwrap();
    let points = joined(&lake);
    let kinds: BTreeSet<_> = points.iter().map(|p| p.truth.kind.as_str()).collect();
    assert_eq!(kinds.len(), theft::TheftKind::ALL.len(), "each kind has its turn");
    let last = points[0].truth.onset_date.unwrap() + 100;
    for point in &points {
        let Truth {
            kind,
            onset_date,
            end_date,
            lost_kwh,
            ..
        } = &point.truth;
        let (onset, end) = (onset_date.unwrap(), end_date.unwrap_or(last));
        let stolen = point.micro(onset..=end);
        let (removed, status, rows) = &point.meters[0];
        match kind.as_str() {
            "zero_while_on" => assert_eq!(stolen, 0),
            "usage_after_removal" => {
                assert!(removed.is_some() && status == "REMOVE" && stolen > 0);
                assert_eq!((lost_kwh * 1e6).round() as i64, stolen);
            }
            "usage_while_disconnected" => {
                assert!(removed.is_none() && status == "OFF" && stolen > 0);
                assert_eq!((lost_kwh * 1e6).round() as i64, stolen);
            }
            "flatline" | "estimated_forever" => {
                let days = i64::from(onset) * 86_400..=(i64::from(end) + 1) * 86_400;
                let values: BTreeSet<_> = rows
                    .iter()
                    .filter(|(at, _)| days.contains(&(at - 1)))
                    .map(|(_, micro)| micro)
                    .collect();
                assert_eq!(values.len(), 1, "{kind}");
            }
            "reverse_flow" => assert!(rows.iter().any(|(_, micro)| *micro < 0)),
            "slow_exchange" => assert_eq!(point.meters.len(), 2),
            _ => {}
        }
        // What only moves energy loses (almost) none.
        let moves = ["fdi6", "jokar_h5", "jokar_h6", "load_shift"].contains(&kind.as_str());
        // A profile smaller on the whole may be larger for a while; flat values may be too.
        let certain = !["smaller_profile", "flatline", "estimated_forever"].contains(&kind.as_str());
        assert!(
            if moves {
                lost_kwh.abs() < 1.0
            } else {
                *lost_kwh > 0.0 || !certain
            },
            "{kind} {lost_kwh}"
        );
    }
}

#[test]
fn honest_oddities_leave_theirs() {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("lake");
    let more = "--service-points 75 --days 90 --theft-share 0 --hard-negative-share 1 --seed 4";
    run_now(&args(&lake, &format!("{more} {CLEAN}"))).unwrap();
    let points = joined(&lake);
    let kinds: BTreeSet<_> = points.iter().map(|p| p.truth.kind.as_str()).collect();
    assert!(
        life::LifeKind::ALL.iter().all(|k| kinds.contains(k.name())),
        "{kinds:?}"
    );
    let last = 19_802 + 90;
    for point in &points {
        let Truth {
            kind,
            onset_date,
            end_date,
            lost_kwh,
            is_theft,
            ..
        } = &point.truth;
        assert!(!is_theft && *lost_kwh == 0.0);
        let Some(onset) = *onset_date else {
            // An outage strikes neighbours: some who were to be odd stay plain.
            assert_eq!(kind, truth::HONEST);
            continue;
        };
        let (before, after) = (
            point.micro(onset - 14..=onset - 1),
            point.micro(onset + 1..=end_date.unwrap_or(last)),
        );
        let (removed, status, _) = &point.meters[0];
        match kind.as_str() {
            "removal" => assert!(removed.is_some() && after == 0 && before > 0),
            "disconnection" => {
                assert!(status == if end_date.is_some() { "ON" } else { "OFF" });
                assert_eq!(point.micro(onset + 1..=end_date.unwrap_or(last) - 1), 0);
            }
            "new_install" => assert!(before == 0 && after > 0),
            "solar_install" => {
                assert!(
                    point
                        .received
                        .iter()
                        .all(|(at, _)| (at - 1) / 86_400 >= i64::from(onset))
                );
                assert!(point.received.iter().any(|(_, micro)| *micro > 0));
            }
            "exchange" => {
                let (old, new) = (&point.meters[0].2, &point.meters[1].2);
                assert!(old.last().unwrap().0 <= new[1].0 && after > 0);
            }
            "seasonal_premise" | "area_outage" => {}
            _ => assert!(before > 0 && after > 0, "{kind}"),
        }
    }
}

#[test]
fn faults_arrive_as_asked() {
    let folder = tempfile::tempdir().unwrap();
    for preset in ["canonical", "oracle_mdm"] {
        let lake = folder.path().join(preset);
        let more = "--service-points 40 --days 10 --theft-share 0 --hard-negative-share 0 --missing-share 0.05 \
                    --padded-share 0.1 --do-not-use-share 0.05 --orphan-share 0.2 --unmapped-share 0.2";
        run_now(&args(&lake, &format!("{more} --preset {preset}"))).unwrap();
        let rows = measurements(&lake);
        let known: BTreeSet<_> = texts(&lake, "measuring_component", "measuring_component_id")
            .into_iter()
            .collect();
        let seen: BTreeSet<_> = rows.iter().map(|r| r.component.trim().to_owned()).collect();
        let orphans = seen.difference(&known).count();
        assert!((2..16).contains(&orphans), "{orphans}");
        let unmapped = texts(&lake, "measuring_component", "component_type");
        assert!((2..16).contains(&unmapped.iter().filter(|c| *c == "E-KWH-1800-SITE").count()));
        assert!(rows.iter().any(|r| r.component.ends_with("  ")));
        assert!(rows.iter().any(|r| r.flag.as_deref() == Some("D101")));
        let missing: Vec<_> = rows.iter().filter(|r| r.code == "201000").collect();
        let placeholder = if preset == "canonical" { None } else { Some(0) };
        assert!(!missing.is_empty() && missing.iter().all(|r| r.micro == placeholder));
        assert!(
            rows.iter()
                .filter(|r| r.code != "201000")
                .all(|r| r.micro.is_some())
        );
    }
}

#[test]
fn every_interval_makes_a_lake() {
    let folder = tempfile::tempdir().unwrap();
    for interval in [300_u32, 600, 900, 3_600, 86_400] {
        let lake = folder.path().join(interval.to_string());
        let more = format!("--service-points 25 --days 10 --interval-seconds {interval} --theft-share 0.7");
        run_now(&args(
            &lake,
            &format!("{more} --voltage-share 0.2 --hard-negative-share 0.2 {CLEAN}"),
        ))
        .unwrap();
        let rows = measurements(&lake);
        let (voltages, energy): (Vec<_>, Vec<_>) = rows.iter().partition(|r| r.micro.unwrap() > 200_000_000);
        assert!(voltages.iter().all(|r| r.at % 900 == 0));
        assert!(energy.iter().all(|r| r.at % i64::from(interval) == 0));
        assert!(voltages.len() >= 96);
    }
}

/// Constants of the load, of the stories and of the faults all meet in this figure.
#[test]
fn the_lake_of_a_seed_stays_what_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("lake");
    let summary = run_now(&args(
        &lake,
        "--service-points 50 --days 30 --theft-share 0.2 --seed 42",
    ))
    .unwrap();
    let rows = measurements(&lake);
    let kwh: i64 = rows.iter().filter_map(|r| r.micro).sum::<i64>() / 1_000_000;
    let lost: f64 = truth::read(&lake.join("truth"))
        .unwrap()
        .iter()
        .map(|t| t.lost_kwh)
        .sum();
    insta::assert_snapshot!(format!("{summary:?} {kwh} kWh, {lost:.3} kWh lost"), @"Summary { service_points: 50, components: 60, rows: 76776, thieves: 10 } 24820 kWh, 941.404 kWh lost");
}

#[test]
fn what_cannot_be_made_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("lake");
    let told = |more: &str| {
        let error = run_now(&args(&lake, &format!("--service-points 5 --days 3 {more}"))).unwrap_err();
        (error.exit_code(), error.to_string())
    };
    for (more, part) in [
        ("--interval-seconds 7200", "--interval-seconds is 7200"),
        ("--theft-share 1.5", "--theft-share is 1.5"),
        ("--theft-share 0.9", "with --theft-share it is more than all"),
        ("--gap-share=-1", "--gap-share is -1"),
        (
            "--interval-seconds 86400 --kinds fdi6",
            "means nothing with intervals of 86400 seconds",
        ),
        ("--time-zone Mars/Olympus", "--time-zone is Mars/Olympus"),
        ("--files-per-day 0", "--files-per-day is 0"),
        (
            "--layout component --file-share range",
            "--file-share is range: only the layouts",
        ),
    ] {
        let (code, text) = told(more);
        assert_eq!(code, ExitCode::Usage, "{text}");
        assert!(text.contains(part), "{text}");
    }
    fs_err::create_dir_all(lake.join("something")).unwrap();
    assert_eq!(told("").0, ExitCode::CannotCreate);
    assert_eq!(
        fs_err::read_dir(folder.path()).unwrap().count(),
        1,
        "nothing half-made is left"
    );
}

#[test]
fn a_stopped_run_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let stop = StopFlag::default();
    stop.request();
    let error = run(
        &args(&folder.path().join("lake"), "--service-points 5 --days 3"),
        &stop,
    )
    .unwrap_err();
    assert_eq!(error.exit_code(), ExitCode::TryAgain);
    assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 0);
}
