//! What users of the project's predecessor know: how a job is started, configured, logged and run again.

use std::path::Path;

use crate::lake;
use crate::support::job::{bare, bundled_config, bundled_lake, published, run_record, table};
use crate::support::{Folder, job};

/// A value of the last run's config, by JSON pointer.
fn setting(folder: &Folder, pointer: &str) -> serde_json::Value {
    let record = run_record(&folder.output());
    record["config"]["config"]
        .pointer(pointer)
        .unwrap_or_else(|| panic!("no {pointer} in {record}"))
        .clone()
}

/// Where a value of the last run's config came from.
fn origin(folder: &Folder, key: &str) -> String {
    let record = run_record(&folder.output());
    record["config"]["origins"][key]
        .as_str()
        .unwrap_or_else(|| panic!("no {key} in {record}"))
        .to_owned()
}

/// Job `theft-detection` runs over the four tables and leaves what it promises.
#[test]
fn the_job_runs_over_four_tables() {
    let mut files = lake::files();
    files.retain(|path, _| {
        [
            "device/",
            "measuring_component/",
            "measurements/",
            "install_event/",
        ]
        .iter()
        .any(|t| path.starts_with(t))
    });
    let folder = Folder::with_lake(&files);
    folder.run(&[]).ok();
    for (name, bytes) in published(&folder.output()) {
        assert!(!bytes.is_empty(), "{name}");
    }
    assert!(table(&folder.output(), "theft_cases").rows() > 0);
}

/// `test_data/` has the predecessor's four folders.
#[test]
fn test_data_has_the_four_folders() {
    for name in ["device", "measuring_component", "measurements", "install_event"] {
        assert!(bundled_lake().join(name).is_dir(), "{name}");
    }
}

/// `--files a,b,c`: the one whose name ends in `config.json` is the config.
#[test]
fn the_config_is_found_among_the_files() {
    let folder = Folder::with_lake(&lake::files());
    let notes = folder.write("notes.txt", b"anything");
    let config = folder.write("datalake_config.json", br#"{"rules": {"case_threshold": 0.9}}"#);
    let files = format!("{},{}", notes.display(), config.display());
    job(&folder.lake(), &folder.output())
        .args(&["--files", &files])
        .run()
        .ok();
    assert_eq!(setting(&folder, "/rules/case_threshold"), 0.9);
    assert!(origin(&folder, "rules.case_threshold").ends_with("/datalake_config.json"));
}

/// `--files` may be repeated, and says what `--config` says.
#[test]
fn files_may_be_repeated() {
    let folder = Folder::with_lake(&lake::files());
    let notes = folder.write("notes.txt", b"anything");
    let config = bundled_config();
    job(&folder.lake(), &folder.output())
        .args(&[
            "--files",
            notes.to_str().unwrap(),
            "--files",
            config.to_str().unwrap(),
        ])
        .run()
        .ok();
    let by_files = published(&folder.output());
    folder.run(&["--force"]).ok();
    assert_eq!(by_files, published(&folder.output()));
}

/// No config at all: the session says so and the job works with its defaults.
#[test]
fn a_job_without_a_config_says_so() {
    let folder = Folder::with_lake(&lake::files());
    let outcome = job(&folder.lake(), &folder.output()).run().ok();
    assert!(
        outcome.stderr.contains("config: none given"),
        "{}",
        outcome.stderr
    );
}

/// File, environment, flag: the later wins, and the record says where each value came from.
#[test]
fn the_origin_of_every_value_is_known() {
    let folder = Folder::with_lake(&lake::files());
    let config = folder.write(
        "site_config.json",
        br#"{"rules": {"case_threshold": 0.6, "min_peers": 21, "back_billing_months": 11}}"#,
    );
    job(&folder.lake(), &folder.output())
        .config(&config)
        .env("DATALAKE__RULES__MIN_PEERS", "22")
        .env("DATALAKE__RULES__BACK_BILLING_MONTHS", "10")
        .args(&["--set", "rules.back_billing_months=9"])
        .run()
        .ok();
    assert_eq!(setting(&folder, "/rules/case_threshold"), 0.6);
    assert!(origin(&folder, "rules.case_threshold").ends_with("/site_config.json"));
    assert_eq!(setting(&folder, "/rules/min_peers"), 22);
    assert_eq!(
        origin(&folder, "rules.min_peers"),
        "environment DATALAKE__RULES__MIN_PEERS"
    );
    assert_eq!(setting(&folder, "/rules/back_billing_months"), 9);
    assert_eq!(origin(&folder, "rules.back_billing_months"), "flag --set");
    assert_eq!(origin(&folder, "rules.baseline_days"), "default");
}

/// `--print-config` prints and does nothing else.
#[test]
fn print_config_only_prints() {
    let folder = Folder::with_lake(&lake::files());
    let outcome = folder.run(&["--print-config"]).ok();
    assert!(outcome.stdout.contains("case_threshold"), "{}", outcome.stdout);
    assert!(!folder.output().join("theft_cases").exists());
}

/// `--dry-run` reads the plan and publishes nothing.
#[test]
fn a_dry_run_publishes_nothing() {
    let folder = Folder::with_lake(&lake::files());
    folder.run(&["--dry-run"]).ok();
    assert!(!folder.output().join("theft_cases").exists());
}

/// `--master local[*]` and `local[N]`; a cluster's URL is understood and refused by this build.
#[test]
fn masters() {
    let folder = Folder::with_lake(&lake::files());
    let all = folder.run(&["--master", "local[*]"]).ok();
    drop(all);
    let expected = published(&folder.output());
    folder.run(&["--master", "local[2]", "--force"]).ok();
    assert_eq!(expected, published(&folder.output()));
    let cluster = folder.run(&["--master", "spark://host:7077", "--force"]);
    assert_ne!(cluster.code, Some(0));
    assert!(cluster.stderr.contains("spark://host:7077"), "{}", cluster.stderr);
    assert!(cluster.stderr.contains("hint:"), "{}", cluster.stderr);
}

/// `--conf` knows its keys, Spark's names among them; an unknown key is refused with the known ones.
#[test]
fn session_settings() {
    let folder = Folder::with_lake(&lake::files());
    folder
        .run(&[
            "--conf",
            "spark.cores.max=2",
            "--conf",
            "spark.executor.memory=1g",
        ])
        .ok();
    let wrong = folder.run(&["--conf", "thraeds=2", "--force"]);
    assert_ne!(wrong.code, Some(0));
    assert!(
        wrong.stderr.contains("thraeds") && wrong.stderr.contains("threads"),
        "{}",
        wrong.stderr
    );
}

/// The two contexts: submitted by a command line, or under `DEBUG`. The log says which.
#[test]
fn the_context_is_logged() {
    let folder = Folder::with_lake(&lake::files());
    let submitted = folder.run(&["-v"]).ok();
    assert!(submitted.stderr.contains("command line"), "{}", submitted.stderr);
    let debug = job(&folder.lake(), &folder.output())
        .config(&bundled_config())
        .env("DEBUG", "1")
        .args(&["-v", "--force"])
        .run()
        .ok();
    assert!(debug.stderr.contains("DEBUG"), "{}", debug.stderr);
}

/// Every line of the log carries the job's name and the run's id.
#[test]
fn every_line_of_the_log_is_named() {
    let folder = Folder::with_lake(&lake::files());
    let outcome = folder.run(&["-v", "--log-format", "json"]).ok();
    let id = run_record(&folder.output())["run_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut lines = 0;
    for line in outcome.stderr.lines() {
        let parsed: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert!(line.contains(&id) && line.contains("theft-detection"), "{parsed}");
        lines += 1;
    }
    assert!(lines > 0, "nothing was logged");
    let human = folder.run(&["-v", "--log-format", "human", "--force"]).ok();
    assert!(
        human
            .stderr
            .lines()
            .filter(|line| !line.is_empty())
            .all(|line| line.contains("theft-detection"))
    );
}

/// `.env` is read on start, the real environment wins, and its values are never shown.
#[test]
fn a_dot_env_file() {
    let folder = Folder::with_lake(&lake::files());
    let run = |extra: &[(&str, &str)]| {
        let mut job = job(&folder.lake(), &folder.output())
            .config(&bundled_config())
            .args(&["--force", "-vv"])
            .beside(".env", "DATALAKE__RULES__MIN_PEERS=23\nTARIFF_TOKEN=hunter2\n");
        for (name, value) in extra {
            job = job.env(name, value);
        }
        job.run().ok()
    };
    let outcome = run(&[]);
    let record = run_record(&folder.output());
    assert_eq!(setting(&folder, "/rules/min_peers"), 23);
    assert!(!outcome.stderr.contains("hunter2") && !record.to_string().contains("hunter2"));
    run(&[("DATALAKE__RULES__MIN_PEERS", "24")]);
    assert_eq!(setting(&folder, "/rules/min_peers"), 24);
}

/// The job's record of a run: who, when, what, how much.
#[test]
fn the_run_is_recorded() {
    let folder = Folder::with_lake(&lake::files());
    folder.run(&[]).ok();
    let record = run_record(&folder.output());
    assert_eq!(record["job"], "theft-detection");
    assert_eq!(record["status"], "succeeded");
    assert_eq!(record["exit_code"], 0);
    for key in [
        "run_id",
        "version",
        "started_at",
        "ended_at",
        "config",
        "rows",
        "steps",
        "peak_memory_bytes",
        "spilled_bytes",
    ] {
        assert!(!record[key].is_null(), "no {key} in {record}");
    }
    let inputs = record["inputs"].as_array().unwrap();
    assert_eq!(inputs.len(), lake::files().len());
    let outputs = record["outputs"].as_array().unwrap();
    assert_eq!(outputs.len(), 5, "{outputs:?}");
}

/// Run from cron: in any folder, without a terminal, with nothing in the environment; the second time there is
/// nothing to do.
#[test]
fn a_line_of_cron() {
    let folder = Folder::with_lake(&lake::files());
    folder.run(&[]).ok();
    let before = published(&folder.output());
    let again = folder.run(&[]).ok();
    assert!(
        again.stdout.is_empty() || !again.stdout.contains('\u{1b}'),
        "no colour without a terminal"
    );
    assert_eq!(before, published(&folder.output()));
}

/// `--help` names every flag and ends well; `--version` has the version.
#[test]
fn help_and_version() {
    let help = bare().arg("--help").run().ok().stdout;
    for flag in [
        "--lake",
        "--output",
        "--preset",
        "--config",
        "--files",
        "--master",
        "--conf",
        "--set",
        "--dry-run",
    ] {
        assert!(help.contains(flag), "{flag} is not in\n{help}");
    }
    for flag in ["--print-config", "--force", "--log-format", "explain"] {
        assert!(help.contains(flag), "{flag} is not in\n{help}");
    }
    assert!(
        bare()
            .arg("--version")
            .run()
            .ok()
            .stdout
            .contains(env!("CARGO_PKG_VERSION"))
    );
}

/// The preset of the names that Oracle's MDM has: the same rows under other headers give the same cases.
#[test]
fn the_names_of_oracle() {
    const NAMES: [(&str, &str, &str); 6] = [
        (
            "device/",
            "device_id,device_type,status,manufacturer",
            "D1_DEVICE_ID,DEVICE_TYPE_CD,BO_STATUS_CD,MANUFACTURER_CD",
        ),
        (
            "measuring_component/",
            "measuring_component_id,device_config_id,device_id,component_type,multiplier,register_digits",
            "MEASR_COMP_ID,DEVICE_CONFIG_ID,D1_DEVICE_ID,MEASR_COMP_TYPE_CD,MEASR_COMP_MULTIPLIER,D1_NBR_OF_DGTS_LFT",
        ),
        (
            "install_event/",
            "install_event_id,device_config_id,service_point_id,installed_at,removed_at,status,status_updated_at",
            "INSTALL_EVT_ID,DEVICE_CONFIG_ID,D1_SP_ID,D1_INSTALL_DTTM,D1_REMOVAL_DTTM,BO_STATUS_CD,STATUS_UPD_DTTM",
        ),
        (
            "measurements/registers",
            "measuring_component_id,measured_at,value,condition_code,reading,previous_reading,period_start",
            "MEASR_COMP_ID,MSRMT_DTTM,MSRMT_VAL,MSRMT_COND_FLG,READING_VAL,previous_reading,PREV_MSRMT_DTTM",
        ),
        (
            "measurements/bills",
            "measuring_component_id,measured_at,value,condition_code,reading,previous_reading,period_start",
            "MEASR_COMP_ID,MSRMT_DTTM,MSRMT_VAL,MSRMT_COND_FLG,READING_VAL,previous_reading,PREV_MSRMT_DTTM",
        ),
        (
            "measurements/",
            "measuring_component_id,measured_at,value,condition_code,use_flag,updated_at",
            "MEASR_COMP_ID,MSRMT_DTTM,MSRMT_VAL,MSRMT_COND_FLG,MSRMT_USE_FLG,LAST_UPDATE_DTTM",
        ),
    ];
    // The optional tables have names of their own there; without them both runs see the same.
    let keep = |path: &str| NAMES.iter().any(|(start, ..)| path.starts_with(start));
    let mut files = lake::files();
    files.retain(|path, _| keep(path));
    let canonical = Folder::with_lake(&files);
    canonical.run(&[]).ok();
    for (path, text) in &mut files {
        let (_, ours, theirs) = NAMES.iter().find(|(start, ..)| path.starts_with(start)).unwrap();
        assert!(text.starts_with(ours), "{path}");
        *text = text.replacen(ours, theirs, 1);
    }
    let oracle = Folder::with_lake(&files);
    oracle.run(&["--preset", "oracle_mdm"]).ok();
    let (left, right) = (published(&canonical.output()), published(&oracle.output()));
    assert!(left["theft_cases"] == right["theft_cases"]);
    assert!(left["meter_features"] == right["meter_features"]);
}

/// The bundled config, the shipped config and the schema are in their places.
#[test]
fn configs_ship() {
    assert!(bundled_config().is_file());
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/datalake_config.json");
    let folder = Folder::with_lake(&lake::files());
    job(&folder.lake(), &folder.output()).config(&shipped).run().ok();
}
