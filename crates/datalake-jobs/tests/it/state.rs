//! What a run takes over from the runs before: the same bytes as from scratch, for less work.

use std::collections::BTreeMap;
use std::time::Duration;

use insta::assert_snapshot;
use proptest::prelude::*;

use crate::support::job::{published, run_record};
use crate::support::rewrite::{self, Format, Row};
use crate::support::small::{COMPONENTS, INSTALLS, small};
use crate::support::{Folder, Outcome, job};

/// The small lake with a folder and a file a day, of which the first so many have arrived.
struct Daily {
    folder: Folder,
    days: Vec<(String, Vec<Row>)>,
    arrived: usize,
    corrections: usize,
}

impl Daily {
    fn new(arrived: usize) -> Self {
        let files = small();
        let mut days: BTreeMap<String, Vec<Row>> = BTreeMap::new();
        for row in rewrite::measurements(&files, |_| true) {
            let day = row.get("measured_at")[..10].to_owned();
            days.entry(day).or_default().push(row);
        }
        let mut daily = Self {
            folder: Folder::with_lake(&rewrite::dimensions(&files)),
            days: days.into_iter().collect(),
            arrived: 0,
            corrections: 0,
        };
        for _ in 0..arrived {
            daily.arrive();
        }
        daily
    }

    fn write(&self, day: &str, part: usize, rows: &[Row]) {
        let (extension, bytes) = rewrite::file(rows, Format::ParquetDecimal);
        let path = format!("lake/measurements/msrmt_date={day}/part-{part}.{extension}");
        self.folder.write(&path, &bytes);
    }

    /// The next day lands.
    fn arrive(&mut self) {
        if let Some((day, rows)) = self.days.get(self.arrived) {
            self.write(day, 0, rows);
            self.arrived += 1;
        }
    }

    /// A newer value for a home on a day that is there.
    fn correct(&mut self, day: usize, home: usize, value: &str) {
        let (date, rows) = &self.days[day % self.arrived];
        let mut row = rows[home % rows.len()].clone();
        row.set("value", value);
        self.corrections += 1;
        row.set(
            "updated_at",
            &format!("2030-01-01 00:{:02}:00", self.corrections % 60),
        );
        self.write(date, self.corrections, &[row]);
    }

    fn edit(&self, path: &str, change: impl FnOnce(String) -> String) {
        let file = self.folder.lake().join(path);
        let text = fs_err::read_to_string(&file).unwrap();
        fs_err::write(&file, change(text)).unwrap();
    }

    fn run(&self, more: &[&str]) -> Outcome {
        job(&self.folder.lake(), &self.folder.output())
            .args(more)
            .hide(self.folder.path(), "[folder]")
            .run()
            .ok()
    }

    /// Runs on top of what is kept and from scratch: the tables and the account of rows must be the same. Returns how many
    /// days were taken over.
    #[track_caller]
    fn same_as_from_scratch(&self) -> usize {
        let outcome = self.run(&[]);
        let scratch = self.folder.path().join("scratch");
        let fresh = job(&self.folder.lake(), &scratch).args(&["--set", "keep_day_profiles=false", "--force"]);
        fresh.run().ok();
        let (kept, expected) = (published(&self.folder.output()), published(&scratch));
        let differ: Vec<&&str> = expected
            .keys()
            .filter(|name| kept[**name] != expected[**name])
            .collect();
        assert!(differ.is_empty(), "bytes differ in {differ:?}");
        let rows = |output: &std::path::Path| run_record(output)["rows"].clone();
        assert_eq!(rows(&self.folder.output()), rows(&scratch));
        taken_over(&outcome)
    }

    fn state_files(&self) -> Vec<std::path::PathBuf> {
        let Ok(entries) = fs_err::read_dir(self.folder.output().join(".state")) else {
            return Vec::new();
        };
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }
}

/// Days taken over, as the log says; 0 where nothing was computed.
fn taken_over(outcome: &Outcome) -> usize {
    let Some((_, rest)) = outcome.stderr.split_once("\"days_taken_over\":") else {
        return 0;
    };
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

#[test]
fn a_new_day_and_a_late_correction_cost_their_days_only() {
    let mut lake = Daily::new(100);
    assert_eq!(lake.same_as_from_scratch(), 0);
    lake.arrive();
    assert_eq!(lake.same_as_from_scratch(), 100);
    lake.correct(40, 1, "9.999");
    assert_eq!(lake.same_as_from_scratch(), 100);
    let forced = lake.run(&["--force"]);
    assert_eq!(taken_over(&forced), 0, "--force makes every day again");
}

#[test]
fn tables_that_only_rules_read_are_part_of_the_question_and_cost_no_day() {
    let lake = Daily::new(90);
    assert_eq!(lake.same_as_from_scratch(), 0);
    for (path, rows, from, to) in [
        (
            "temperature/rows.csv",
            "date,degrees_celsius\n2024-01-05,4\n",
            ",4",
            ",9",
        ),
        (
            "device_event/rows.csv",
            "device_id,at,event_code\nD-1,2024-02-01 10:00:00,TAMPER\n",
            "TAMPER",
            "POWER_LOST",
        ),
        (
            "service_point/rows.csv",
            "service_point_id,transformer_id\nSP-1,SP-3\nSP-2,SP-2\n",
            "SP-2,SP-2",
            "SP-2,SP-3",
        ),
    ] {
        lake.folder.write(&format!("lake/{path}"), rows.as_bytes());
        assert_eq!(lake.same_as_from_scratch(), 90, "{path} arrives");
        assert!(lake.run(&[]).stdout.starts_with("unchanged"), "{path}");
        lake.edit(path, |text| text.replace(from, to));
        assert_eq!(lake.same_as_from_scratch(), 90, "{path} changes");
    }
}

#[test]
fn what_the_registry_says_of_a_day_is_part_of_it() {
    let lake = Daily::new(90);
    lake.run(&[]);
    // Removed on 2024-03-01, day 60 of 90: nothing changes before.
    lake.edit(INSTALLS, |text| {
        text.replace(
            "IE-2,DC-2,SP-2,2021-05-04 09:30:00,,ON",
            "IE-2,DC-2,SP-2,2021-05-04 09:30:00,2024-03-01 10:00:00,OFF",
        )
    });
    let taken = lake.same_as_from_scratch();
    assert!((55..62).contains(&taken), "{taken}");
    // A component that is unknown from now on: its rows are rejected on every day.
    lake.edit(COMPONENTS, |text| text.replace("MC-3,DC-3", "MC-9,DC-3"));
    let run = job(&lake.folder.lake(), &lake.folder.output())
        .args(&["--set", "max_rejected_share=0.5"])
        .run()
        .ok();
    assert_eq!(taken_over(&run), 0);
    assert_eq!(
        run_record(&lake.folder.output())["rows"]["rejected"]["unknown_component"],
        90
    );
    // And known again: rows that were rejected come back.
    lake.edit(COMPONENTS, |text| text.replace("MC-9,DC-3", "MC-3,DC-3"));
    assert_eq!(lake.same_as_from_scratch(), 0);
    // A new meter that has no rows yet changes nothing.
    lake.edit(COMPONENTS, |text| text + "MC-0,DC-1,D-1,E-KWH-DAILY-DEL\n");
    assert_eq!(lake.same_as_from_scratch(), 90);
}

#[test]
fn damaged_and_stale_state_is_made_again() {
    let mut lake = Daily::new(60);
    lake.run(&[]);
    let files = lake.state_files();
    assert!(files.len() > 60, "{} files", files.len());
    for (position, file) in files.iter().enumerate().step_by(7) {
        let mut bytes = fs_err::read(file).unwrap();
        match position % 3 {
            0 => bytes.truncate(bytes.len() / 2),
            1 => {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 0x20;
            }
            _ => bytes.clear(),
        }
        fs_err::write(file, bytes).unwrap();
    }
    lake.arrive();
    let taken = lake.same_as_from_scratch();
    assert!(taken < 60, "{taken}");
    fs_err::write(lake.folder.output().join(".state/manifest.json"), "{}").unwrap();
    lake.arrive();
    assert_eq!(lake.same_as_from_scratch(), 0);
    // Another config for rows is another state.
    lake.arrive();
    let strict = lake.run(&["--set", "conditions.max_kwh_per_interval=1000"]);
    assert_eq!(taken_over(&strict), 0);
}

#[test]
fn days_can_be_listed_and_forgotten() {
    let lake = Daily::new(3);
    let state = |args: &[&str]| {
        let mut all = vec!["state"];
        all.extend(args);
        job(&lake.folder.lake(), &lake.folder.output())
            .args(&all)
            .hide(lake.folder.path(), "[folder]")
            .run()
            .ok()
            .stdout
    };
    assert_snapshot!(state(&["list"]), @"no day profiles are kept");
    lake.run(&[]);
    assert_eq!(state(&["list"]).lines().count(), 1 + 3);
    assert_snapshot!(state(&["drop", "--first", "2024-01-02"]), @"2 days are forgotten");
    assert_eq!(taken_over(&lake.run(&["--set", "rules.min_peers=3"])), 1);
    assert_snapshot!(state(&["drop"]), @"3 days are forgotten");
    assert!(lake.state_files().is_empty());
}

#[test]
fn a_past_window_is_the_lake_of_then() {
    let then = Daily::new(80);
    then.run(&[]);
    let now = Daily::new(110);
    for window in ["--to", "--as-of"] {
        // The file of 2024-03-21 holds the day before.
        now.run(&[window, "2024-03-20", "--force"]);
        let (left, right) = (published(&then.folder.output()), published(&now.folder.output()));
        for table in ["theft_cases", "theft_scores", "meter_features"] {
            assert!(left[table] == right[table], "{table}");
        }
    }
    // What is kept serves a window as well, and a window drops nothing that is kept.
    now.run(&["--force"]);
    assert_eq!(
        taken_over(&now.run(&["--from", "2024-02-01", "--to", "2024-02-29"])),
        29
    );
    let days = crate::support::table::Table::read(&crate::support::job::table_file(
        &now.folder.output(),
        "meter_features",
    ));
    assert_eq!(days.text(0, "days"), "29");
    assert_eq!(now.same_as_from_scratch(), 110);
    let wrong = job(&now.folder.lake(), &now.folder.output())
        .args(&["--from", "2024-03-01", "--to", "2024-02-01"])
        .run();
    assert_snapshot!(wrong.verdict(), @r"
    exit 78
    error: config key `first_day` (flag --from)
    Caused by: it is after `last_day`: no day is left
    ");
}

#[derive(Debug, Clone)]
enum Step {
    Arrive,
    Correct(usize, usize, u32),
    Remove(u32),
    Reinstall,
    Damage(usize),
    Kill(u64),
    Withdraw(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Arrive),
        3 => (0_usize..99, 0_usize..3, 0_u32..9000).prop_map(|(day, home, value)| Step::Correct(day, home, value)),
        1 => (1_u32..28).prop_map(Step::Remove),
        1 => Just(Step::Reinstall),
        1 => (0_usize..99).prop_map(Step::Damage),
        2 => (0_u64..400).prop_map(Step::Kill),
        1 => (0_usize..99).prop_map(Step::Withdraw),
    ];
    prop::collection::vec(prop::collection::vec(step, 1..4), 2..5).prop_map(|groups| groups.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 20, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever arrives, is corrected, withdrawn, damaged or killed between: the next run is a run from scratch.
    #[test]
    fn any_sequence_ends_as_from_scratch(steps in steps()) {
        let mut lake = Daily::new(45);
        lake.run(&[]);
        let installed = "IE-1,DC-1,SP-1,2021-05-04 09:30:00,,ON";
        for step in steps {
            match step {
                Step::Arrive => lake.arrive(),
                Step::Correct(day, home, value) => lake.correct(day, home, &format!("{}.{:03}", value / 1000, value % 1000)),
                Step::Remove(day) => lake.edit(INSTALLS, |text| {
                    text.replace(installed, &format!("IE-1,DC-1,SP-1,2021-05-04 09:30:00,2024-02-{day:02} 12:00:00,OFF"))
                }),
                Step::Reinstall => lake.edit(INSTALLS, |text| {
                    let lines = text.lines().map(|line| if line.starts_with("IE-1,") { installed } else { line });
                    lines.collect::<Vec<_>>().join("\n") + "\n"
                }),
                Step::Damage(file) => {
                    let files = lake.state_files();
                    if !files.is_empty() {
                        let file = &files[file % files.len()];
                        let mut bytes = fs_err::read(file).unwrap();
                        if let Some(last) = bytes.last_mut() {
                            *last ^= 1;
                        }
                        fs_err::write(file, bytes).unwrap();
                    }
                }
                Step::Kill(milliseconds) => {
                    let (mut child, home) = job(&lake.folder.lake(), &lake.folder.output()).spawn();
                    std::thread::sleep(Duration::from_millis(milliseconds));
                    let _ = child.kill();
                    child.wait().unwrap();
                    drop(home);
                }
                Step::Withdraw(day) => {
                    let (date, _) = &lake.days[day % lake.arrived];
                    let folder = lake.folder.lake().join(format!("measurements/msrmt_date={date}"));
                    let _ = fs_err::remove_file(folder.join("part-0.parquet"));
                }
            }
        }
        lake.same_as_from_scratch();
    }
}
