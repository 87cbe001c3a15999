//! Publishing as its readers see it, also when a run is killed after any step.

#![allow(clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::{Int64Array, RecordBatch};
use fs_err as fs;
use fs_err::os::unix::fs::symlink;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::staging::Sealed;
use super::*;
use crate::diagnostic::{Diagnostic as _, render};
use crate::exit_code::ExitCode;
use crate::fingerprint::sha256_of_file;

const TABLES: [&str; 2] = ["theft_cases", "theft_scores"];

fn provenance(version: &str) -> Provenance {
    Provenance {
        job: "theft-detection".to_owned(),
        code_version: version.to_owned(),
        input_fingerprint: "i".to_owned(),
        config_fingerprint: "c".to_owned(),
    }
}

/// A column `n` of `rows` times `value`.
fn write_parquet(path: &Path, value: i64, rows: usize) {
    let column = Int64Array::from(vec![value; rows]);
    let batch = RecordBatch::try_from_iter([("n", Arc::new(column) as _)]).unwrap();
    let mut writer = ArrowWriter::try_new(fs::File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn read_parquet(path: &Path) -> Option<i64> {
    let file = fs::File::open(path).ok()?;
    let mut reader = ParquetRecordBatchReaderBuilder::try_new(file.into_file())
        .unwrap()
        .build()
        .unwrap();
    let batch = reader.next().unwrap().unwrap();
    Some(
        batch
            .column(0)
            .as_any()
            .downcast_ref::<Int64Array>()
            .unwrap()
            .value(0),
    )
}

fn stage<'a>(lock: &'a mut OutputLock<'_>, value: i64) -> Staging<'a> {
    let staging = lock.stage(&TABLES).unwrap();
    for table in TABLES {
        write_parquet(&staging.table_path(table).unwrap(), value, 3);
    }
    staging
}

fn publish(output: &Output, value: i64) -> Manifest {
    stage(&mut output.lock("r", &std::env::temp_dir()).unwrap(), value)
        .publish(provenance("1"))
        .unwrap()
}

/// What a reader finds behind the links of both tables.
fn seen(folder: &Path) -> [Option<i64>; 2] {
    TABLES.map(|table| read_parquet(&folder.join(table).join("part-0.parquet")))
}

/// Every path below the folder with its content or link target.
fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_symlink() {
            found.insert(
                name,
                fs::read_link(entry.path())
                    .unwrap()
                    .into_os_string()
                    .into_encoded_bytes(),
            );
        } else if kind.is_dir() {
            found.insert(format!("{name}/"), Vec::new());
            found.extend(
                tree(&entry.path())
                    .into_iter()
                    .map(|(inner, bytes)| (format!("{name}/{inner}"), bytes)),
            );
        } else {
            found.insert(name, fs::read(entry.path()).unwrap());
        }
    }
    found
}

#[test]
fn what_is_published_is_what_was_staged() {
    let folder = tempfile::tempdir().unwrap();
    let output = Output::open(folder.path().join("a/out")).unwrap();
    assert_eq!(output.published(), None);
    assert!(!output.folder().exists(), "looking made the folder");
    let manifest = publish(&output, 7);
    assert_eq!(seen(output.folder()), [Some(7), Some(7)]);
    assert_eq!(output.published(), Some(manifest.clone()));
    assert_eq!(manifest.tables().into_iter().collect::<Vec<_>>(), TABLES);
    let paths: Vec<_> = manifest.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(
        paths,
        ["theft_cases/part-0.parquet", "theft_scores/part-0.parquet"]
    );
    for file in &manifest.files {
        let expected = sha256_of_file(&output.folder().join(&file.path)).unwrap();
        assert_eq!((file.bytes, file.sha256.clone()), expected);
        assert_eq!(file.rows, Some(3));
    }
    let names: Vec<_> = tree(output.folder())
        .into_keys()
        .filter(|name| !name.ends_with('/'))
        .collect();
    let id = &manifest.version;
    assert_eq!(id.len(), 32);
    let expected = [
        ".versions/.lock".to_owned(),
        format!(".versions/{id}/manifest.json"),
        format!(".versions/{id}/theft_cases/part-0.parquet"),
        format!(".versions/{id}/theft_scores/part-0.parquet"),
        ".versions/current".to_owned(),
        "theft_cases".to_owned(),
        "theft_scores".to_owned(),
    ];
    assert_eq!(
        names,
        expected
            .into_iter()
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect::<Vec<_>>()
    );
}

#[test]
fn the_same_content_is_the_same_version_and_changes_no_byte() {
    let folder = tempfile::tempdir().unwrap();
    let output = Output::open(folder.path()).unwrap();
    publish(&output, 1);
    let second = publish(&output, 2);
    let before = tree(folder.path());
    assert_eq!(publish(&output, 2), second);
    assert_eq!(tree(folder.path()), before);
    // Whatever it was made of is part of a version.
    let other = stage(&mut output.lock("r", &std::env::temp_dir()).unwrap(), 2)
        .publish(provenance("2"))
        .unwrap();
    assert_ne!(other.version, second.version);
}

#[test]
fn the_version_before_is_kept_and_no_older_one() {
    let folder = tempfile::tempdir().unwrap();
    let output = Output::open(folder.path()).unwrap();
    publish(&output, 1);
    let held = output.current().unwrap();
    publish(&output, 2);
    assert_eq!(seen(&held), [Some(1), Some(1)]);
    let second = output.current().unwrap();
    // Back to what was there before: the kept version serves again.
    publish(&output, 1);
    assert_eq!(output.current().unwrap(), held);
    assert_eq!(seen(&second), [Some(2), Some(2)]);
    publish(&output, 3);
    assert!(!second.exists() && held.exists());
}

/// Runs the steps of one publish up to `steps` of them and stops there as a killed process does: nothing is
/// dropped but the lock, which the system takes back.
fn publish_killed_after(output: &Output, value: i64, steps: usize) {
    let mut lock = output.lock("killed", &std::env::temp_dir()).unwrap();
    let staging = lock.stage(&TABLES).unwrap();
    let step = |name: &str| write_parquet(&staging.table_path(name).unwrap(), value, 3);
    match steps {
        0 => std::mem::forget(staging),
        1 => {
            step(TABLES[0]);
            std::mem::forget(staging);
        }
        2 => {
            TABLES.into_iter().for_each(step);
            std::mem::forget(staging);
        }
        _ => {
            TABLES.into_iter().for_each(step);
            let sealed = staging.seal(provenance("1")).unwrap();
            for step in &Sealed::STEPS[..steps - 3] {
                step(&sealed).unwrap();
            }
            std::mem::forget(sealed);
        }
    }
}

#[test]
fn a_kill_after_any_step_leaves_old_or_new_tables_and_the_next_run_succeeds() {
    for steps in 0..=3 + Sealed::STEPS.len() {
        let switched = steps >= 7;
        for published_before in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let output = Output::open(folder.path()).unwrap();
            let old = published_before.then(|| publish(&output, 1));
            publish_killed_after(&output, 2, steps);
            let expected = if switched {
                Some(2)
            } else {
                old.as_ref().map(|_| 1)
            };
            assert_eq!(seen(folder.path()), [expected; 2], "after {steps} steps");
            let published = output.published();
            assert_eq!(published.is_some(), expected.is_some());
            if !switched {
                assert_eq!(published, old);
            }
            let new = publish(&output, 3);
            assert_eq!(seen(folder.path()), [Some(3); 2]);
            let mut kept = std::collections::BTreeSet::from([format!("{}/", new.version)]);
            kept.extend(published.map(|manifest| format!("{}/", manifest.version)));
            let found = tree(&output.versions());
            let folders: std::collections::BTreeSet<_> = found
                .into_keys()
                .filter(|name| name.find('/') == Some(name.len() - 1))
                .collect();
            assert_eq!(folders, kept, "after {steps} steps");
        }
    }
}

#[test]
fn damage_is_noticed_and_mended_by_the_next_publish() {
    type Damage = fn(&Path, &Path);
    let damages: [(&str, Damage); 8] = [
        ("a byte flipped", |_, version| {
            let path = version.join("theft_cases/part-0.parquet");
            let mut bytes = fs::read(&path).unwrap();
            bytes[20] ^= 1;
            fs::write(path, bytes).unwrap();
        }),
        ("a file cut", |_, version| {
            let file = fs::File::options()
                .write(true)
                .open(version.join("theft_cases/part-0.parquet"))
                .unwrap();
            file.set_len(10).unwrap();
        }),
        ("a file gone", |_, version| {
            fs::remove_file(version.join("theft_cases/part-0.parquet")).unwrap();
        }),
        ("no manifest", |_, version| {
            fs::remove_file(version.join("manifest.json")).unwrap();
        }),
        ("manifest emptied", |_, version| {
            fs::write(version.join("manifest.json"), "").unwrap();
        }),
        ("manifest changed", |_, version| {
            let path = version.join("manifest.json");
            let text = fs::read_to_string(&path)
                .unwrap()
                .replace("\"rows\": 3", "\"rows\": 4");
            fs::write(path, text).unwrap();
        }),
        ("version gone", |_, version| fs::remove_dir_all(version).unwrap()),
        ("current leads out", |versions, _| {
            fs::remove_file(versions.join("current")).unwrap();
            symlink("../..", versions.join("current")).unwrap();
        }),
    ];
    for (what, damage) in damages {
        let folder = tempfile::tempdir().unwrap();
        let output = Output::open(folder.path()).unwrap();
        let manifest = publish(&output, 1);
        damage(&output.versions(), &output.current().unwrap());
        assert_eq!(output.published(), None, "{what}");
        assert_eq!(
            output
                .lock("r", &std::env::temp_dir())
                .unwrap()
                .published()
                .unwrap(),
            None,
            "{what}"
        );
        assert_eq!(publish(&output, 1), manifest, "{what}");
        assert_eq!(output.published(), Some(manifest), "{what}");
        assert_eq!(seen(folder.path()), [Some(1); 2], "{what}");
    }
}

#[test]
fn links_are_put_back_and_those_of_dropped_tables_removed() {
    let folder = tempfile::tempdir().unwrap();
    let output = Output::open(folder.path().join("out")).unwrap();
    let manifest = publish(&output, 1);
    fs::remove_file(output.folder().join("theft_cases")).unwrap();
    assert_eq!(output.published(), None);
    assert_eq!(
        output
            .lock("r", &std::env::temp_dir())
            .unwrap()
            .published()
            .unwrap(),
        Some(manifest)
    );
    assert_eq!(seen(output.folder()), [Some(1); 2]);
    // The links are relative: the folder can be moved.
    let moved = Output::open(folder.path().join("moved")).unwrap();
    fs::rename(output.folder(), moved.folder()).unwrap();
    assert_eq!(seen(moved.folder()), [Some(1); 2]);
    let mut lock = moved.lock("r", &std::env::temp_dir()).unwrap();
    let staging = lock.stage(&["theft_cases"]).unwrap();
    write_parquet(&staging.table_path("theft_cases").unwrap(), 2, 1);
    staging.publish(provenance("1")).unwrap();
    assert_eq!(seen(moved.folder()), [Some(2), None]);
    assert!(fs::symlink_metadata(moved.folder().join("theft_scores")).is_err());
}

#[test]
fn what_others_put_in_a_links_place_is_left_alone() {
    type Obstacle = fn(&Path);
    let obstacles: [Obstacle; 3] = [
        |path| fs::write(path, "mine").unwrap(),
        |path| fs::create_dir(path).unwrap(),
        |path| symlink("elsewhere", path).unwrap(),
    ];
    for obstacle in obstacles {
        let folder = tempfile::tempdir().unwrap();
        let output = Output::open(folder.path()).unwrap();
        let mut lock = output.lock("r", &std::env::temp_dir()).unwrap();
        obstacle(&folder.path().join("theft_scores"));
        let before = tree(folder.path());
        let error = lock.stage(&TABLES).unwrap_err();
        assert_eq!(error.exit_code(), ExitCode::CannotCreate);
        let text = render(&error).replace(&folder.path().display().to_string(), "OUT");
        let expected = "error: `OUT/theft_scores` is not a link to a published table\n\
                        hint: move it away or choose another output folder; nothing was changed\n";
        assert_eq!(text, expected);
        assert_eq!(tree(folder.path()), before);
    }
}

#[test]
fn one_run_at_a_time_holds_an_output() {
    let folder = tempfile::tempdir().unwrap();
    let output = Output::open(folder.path()).unwrap();
    let lock = output
        .lock("20250131T000000000Z-1", &std::env::temp_dir())
        .unwrap();
    let error = Output::open(folder.path())
        .unwrap()
        .lock("other", &std::env::temp_dir())
        .unwrap_err();
    assert_eq!(error.exit_code(), ExitCode::TryAgain);
    let text = render(&error)
        .replace(&folder.path().display().to_string(), "OUT")
        .replace(&std::process::id().to_string(), "PID");
    insta::assert_snapshot!(text, @r"
    error: another run is writing to `OUT` (run 20250131T000000000Z-1, process PID)
    hint: wait until that run has ended, or write to another folder
    ");
    // As a process that another thread is just starting holds it.
    let super::output::Held::Local(file) = &lock.held else {
        unreachable!()
    };
    let copy = file.try_clone().unwrap();
    drop(lock);
    output.lock("other", &std::env::temp_dir()).unwrap();
    drop(copy);
}

#[test]
fn an_output_that_cannot_be_a_folder_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for path in [file.path().to_owned(), file.path().join("below")] {
        let error = Output::open(path).unwrap_err();
        assert_eq!(error.exit_code(), ExitCode::CannotCreate);
    }
    let error = Output::open("/proc/nothing/here")
        .unwrap()
        .lock("r", &std::env::temp_dir())
        .unwrap_err();
    assert_eq!(error.exit_code(), ExitCode::CannotCreate);
}

#[test]
fn a_job_that_stages_the_wrong_tables_has_a_bug() {
    let folder = tempfile::tempdir().unwrap();
    let output = Output::open(folder.path()).unwrap();
    let mut lock = output.lock("r", &std::env::temp_dir()).unwrap();
    for name in ["", "../x", "a/b", ".versions", "Upper"] {
        assert_eq!(
            lock.stage(&[name]).unwrap_err().exit_code(),
            ExitCode::Bug,
            "{name}"
        );
    }
    let staging = lock.stage(&TABLES).unwrap();
    assert!(
        staging
            .table_path("findings")
            .unwrap_err()
            .to_string()
            .contains("`findings` was not announced")
    );
    write_parquet(&staging.table_path("theft_cases").unwrap(), 1, 1);
    let error = staging.publish(provenance("1")).unwrap_err();
    assert!(
        error.to_string().contains("nothing was staged for theft_scores"),
        "{error}"
    );
    let staging = lock.stage(&["findings"]).unwrap();
    fs::write(staging.table_path("findings").unwrap(), "no Parquet").unwrap();
    assert!(matches!(
        staging.publish(provenance("1")),
        Err(PublishError::NotParquet { .. })
    ));
    drop(lock);
    // Nothing was published, nothing is left.
    assert_eq!(
        tree(folder.path()).into_keys().collect::<Vec<_>>(),
        [".versions/", ".versions/.lock"]
    );
}

#[test]
fn partitioned_tables_are_published_whole() {
    let folder = tempfile::tempdir().unwrap();
    let output = Output::open(folder.path()).unwrap();
    let mut lock = output.lock("r", &std::env::temp_dir()).unwrap();
    let staging = lock.stage(&["day_profile"]).unwrap();
    for day in ["2024-01-02", "2024-01-01"] {
        let partition = staging
            .table_folder("day_profile")
            .unwrap()
            .join(format!("day={day}"));
        fs::create_dir(&partition).unwrap();
        write_parquet(&partition.join("part-0.parquet"), 1, 2);
    }
    fs::write(
        staging.table_folder("day_profile").unwrap().join("notes.txt"),
        "x",
    )
    .unwrap();
    let manifest = staging.publish(provenance("1")).unwrap();
    let files: Vec<_> = manifest
        .files
        .iter()
        .map(|file| (file.path.as_str(), file.rows))
        .collect();
    let expected = [
        ("day_profile/day=2024-01-01/part-0.parquet", Some(2)),
        ("day_profile/day=2024-01-02/part-0.parquet", Some(2)),
        ("day_profile/notes.txt", None),
    ];
    assert_eq!(files, expected);
    assert_eq!(output.published(), Some(manifest));
}

/// Reads a file of one number a line, all of them equal.
fn read_number(path: &Path) -> Option<u64> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        // A version is removed two publishes later: a reader asks again.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => panic!("{error}"),
    };
    let numbers: Vec<u64> = text.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(numbers.len(), 1000, "a file was seen in part");
    assert!(numbers.iter().all(|number| number == &numbers[0]));
    Some(numbers[0])
}

struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn readers_see_whole_sets_during_many_publishes() {
    const PUBLISHES: u64 = 200;
    let folder = tempfile::tempdir().unwrap();
    let output = Output::open(folder.path()).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let (mut sets, mut last) = (0, 0);
                    loop {
                        let ending = done.load(Ordering::Acquire);
                        // Through the links: each table whole, and time never runs back between them.
                        for table in TABLES {
                            if let Some(number) = read_number(&folder.path().join(table).join("part-0.txt")) {
                                assert!(number >= last, "an older table after a newer one");
                                last = number;
                            }
                        }
                        // Resolving once: all tables of one version.
                        let version = output.current();
                        let set = version.map(|version| {
                            TABLES.map(|table| read_number(&version.join(table).join("part-0.txt")))
                        });
                        if let Some([Some(first), Some(second)]) = set {
                            assert_eq!(first, second, "tables of two versions");
                            sets += 1;
                        }
                        if ending {
                            return (sets, last);
                        }
                    }
                })
            })
            .collect();
        // Also where the writer fails, or the readers would go on for ever.
        let ending = SetOnDrop(&done);
        for number in 1..=PUBLISHES {
            let mut lock = output.lock("r", &std::env::temp_dir()).unwrap();
            let staging = lock.stage(&TABLES).unwrap();
            for table in TABLES {
                let path = staging.table_folder(table).unwrap().join("part-0.txt");
                fs::write(path, format!("{number}\n").repeat(1000)).unwrap();
            }
            staging.publish(provenance("1")).unwrap();
        }
        drop(ending);
        for reader in readers {
            let (sets, last) = reader.join().unwrap();
            assert!(sets > 0, "no reader ever saw a set");
            assert_eq!(last, PUBLISHES);
        }
    });
}

#[test]
fn the_lock_clears_what_a_killed_run_staged() {
    let folder = tempfile::tempdir().unwrap();
    let output = Output::open(folder.path()).unwrap();
    let left = folder.path().join(".versions/.staging/theft_cases");
    fs_err::create_dir_all(&left).unwrap();
    let lock = output.lock("run", &std::env::temp_dir()).unwrap();
    assert!(!left.exists());
    drop(lock);
}
