//! The jobs on an S3: run with `AWS_ENDPOINT_URL` at a test server with the bucket `lakes`.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{SystemTime, UNIX_EPOCH};

use datalake_deps::store::{self, Located};
use serde_json::Value;

/// A URL of this test's own; `None`, with the reason printed, where there is no S3.
fn place(name: &str) -> Option<String> {
    if std::env::var_os("AWS_ENDPOINT_URL").is_none() {
        println!("skipped: AWS_ENDPOINT_URL names no S3 to test with");
        return None;
    }
    datalake_object_store::install();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    Some(format!("s3://lakes/{name}-{now}"))
}

fn test_data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../test_data")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn upload(folder: &Path, url: &str) {
    for file in files(folder) {
        let inner = file.strip_prefix(folder).unwrap();
        store::write(&Path::new(url).join(inner), &fs_err::read(&file).unwrap()).unwrap();
    }
}

fn job(args: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_datalake-jobs"))
        .args(args)
        .args(["--log", "debug"])
        .output()
        .unwrap();
    no_secret("an output", &output.stdout);
    no_secret("a log", &output.stderr);
    output
}

/// Runs a job that must succeed, and returns what it printed.
fn succeed(args: &[&str]) -> String {
    let output = job(args);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{}\n{text}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

fn no_secret(what: &str, text: &[u8]) {
    for name in ["AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"] {
        let secret = std::env::var(name).unwrap();
        let held = text
            .windows(secret.len())
            .any(|window| window == secret.as_bytes());
        assert!(!held, "{what} holds {name}");
    }
}

/// The published tables of an output, by path below it.
fn published(url: &str) -> Vec<(String, Vec<u8>)> {
    let pointer = store::read(Path::new(&format!("{url}/current.json"))).unwrap();
    let pointer: Value = serde_json::from_slice(&pointer).unwrap();
    let folder = format!("{url}/.versions/{}", pointer["folder"].as_str().unwrap());
    let files = pointer["manifest"]["files"].as_array().unwrap();
    files
        .iter()
        .map(|file| file["path"].as_str().unwrap())
        .map(|path| {
            (
                path.to_owned(),
                store::read(Path::new(&format!("{folder}/{path}"))).unwrap(),
            )
        })
        .collect()
}

/// The same of a local output.
fn published_here(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let current = fs_err::canonicalize(folder.join(".versions/current")).unwrap();
    let mut all: Vec<(String, Vec<u8>)> = files(&current)
        .into_iter()
        .map(|file| {
            let inner = file.strip_prefix(&current).unwrap().display().to_string();
            (inner, fs_err::read(file).unwrap())
        })
        .collect();
    all.retain(|(path, _)| path != "manifest.json");
    all
}

#[test]
fn the_tables_from_a_bucket_are_the_tables_from_a_disk() {
    let Some(url) = place("theft") else { return };
    let (lake, output) = (format!("{url}/lake"), format!("{url}/out"));
    upload(&test_data(), &lake);
    let here = tempfile::tempdir().unwrap();
    let local = here.path().join("out");
    let data = test_data();
    let config = data.join("datalake_config.json");
    let (data, config) = (data.to_str().unwrap(), config.to_str().unwrap());
    succeed(&[
        "theft-detection",
        "--config",
        config,
        "--lake",
        data,
        "--output",
        local.to_str().unwrap(),
    ]);
    let remote_config = format!("{lake}/datalake_config.json");
    let report = format!("{url}/report.html");
    let arguments = [
        "theft-detection",
        "--config",
        &remote_config,
        "--lake",
        &lake,
        "--output",
        &output,
    ];
    let text = succeed(&[&arguments[..], &["--report", &report]].concat());
    assert!(text.contains(&format!("published in {output}")), "{text}");
    assert_eq!(published(&output), published_here(&local));
    assert!(
        store::read(Path::new(&report))
            .unwrap()
            .starts_with(b"<!DOCTYPE html>")
    );

    // A run that finds nothing to do, and one that takes over what the first kept.
    assert!(succeed(&arguments).contains("is up to date"));
    store::write(
        &Path::new(&lake).join("measurements/late.csv"),
        &fs_err::read(test_data().join("measurements/corrections.csv")).unwrap(),
    )
    .unwrap();
    succeed(&arguments);
    let record = store::read(Path::new(&format!("{output}/run.json"))).unwrap();
    let record: Value = serde_json::from_slice(&record).unwrap();
    assert_eq!(record["status"], "succeeded");
    let Ok(Located::Object(all)) = store::locate(Path::new(&url)) else {
        unreachable!()
    };
    for object in all.list().unwrap() {
        no_secret(
            &object.key,
            &store::read(Path::new(&all.url_of(&object.key))).unwrap(),
        );
    }
}

#[test]
fn a_compacted_lake_in_a_bucket_is_read_where_its_pointer_leads() {
    let Some(url) = place("compact") else { return };
    let (lake, compacted) = (format!("{url}/lake"), format!("{url}/compacted"));
    upload(&test_data(), &lake);
    let config = format!("{lake}/datalake_config.json");
    succeed(&[
        "compact", "--config", &config, "--lake", &lake, "--output", &compacted,
    ]);
    let (first, second) = (format!("{url}/first"), format!("{url}/second"));
    for (lake, output) in [(&lake, &first), (&compacted, &second)] {
        succeed(&[
            "theft-detection",
            "--config",
            &config,
            "--lake",
            lake,
            "--output",
            output,
        ]);
    }
    let cases = |output: &str| {
        let tables = published(output);
        let found = tables
            .into_iter()
            .find(|(path, _)| path.starts_with("theft_cases/"));
        found.unwrap().1
    };
    assert!(cases(&first) == cases(&second));
}

#[test]
fn what_cannot_be_used_is_said_without_secrets() {
    let Some(url) = place("errors") else { return };
    let hint = |args: &[&str], expected: &str| {
        let output = job(args);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && text.contains(expected), "{text}");
    };
    let none = format!("{url}/none");
    hint(
        &["theft-detection", "--lake", &none, "--output", &none],
        &format!("the table `device` is missing: looked for `{none}/device/`"),
    );
    hint(
        &[
            "theft-detection",
            "--lake",
            "s3://who:word@lakes/x",
            "--output",
            "s3://lakes/y",
        ],
        "credentials come from the environment",
    );
    hint(
        &["theft-detection", "--lake", "gs://lakes/x", "--output", &none],
        "use s3://BUCKET/PATH",
    );
    hint(&["no-such-job"], "is no job");
}
