//! A run killed at any instant leaves the old tables or the new ones, whole; the next run succeeds.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};

use crate::lake;
use crate::support::job::{bundled_config, published, run_record};
use crate::support::{Folder, job};

type Tables = BTreeMap<&'static str, Vec<u8>>;

/// Set this to kill more often than the few times that a plain test run has time for.
const KILLS: &str = "DATALAKE_TEST_KILLS";

/// Two lakes that differ in one home; the job goes from one to the other and back, killed on the way each time.
#[test]
fn a_killed_run_leaves_whole_tables() {
    let kills: usize = std::env::var(KILLS)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(4);
    let honest = lake::files();
    let mut files = honest.clone();
    for text in files.values_mut() {
        *text = text.replace("SP-DROP-HIT", "SP-OTHER-NAME");
    }
    let lakes = [honest, files];

    let folder = Folder::with_lake(&lakes[0]);
    let started = Instant::now();
    let expected: Vec<Tables> = lakes
        .iter()
        .map(|files| {
            let folder = Folder::with_lake(files);
            folder.run(&[]).ok();
            published(&folder.output())
        })
        .collect();
    let run_time = started.elapsed() / 2;
    assert_ne!(
        expected[0]["theft_cases"], expected[1]["theft_cases"],
        "the lakes differ in a case"
    );

    folder.run(&[]).ok();
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(4);
    for kill in 0..kills {
        let (old, new) = (kill % 2, (kill + 1) % 2);
        folder.write_lake(&lakes[new]);
        let (mut child, home) = job(&folder.lake(), &folder.output())
            .config(&bundled_config())
            .spawn();
        std::thread::sleep(run_time.mul_f64(random.random_range(0.0..1.1)));
        // The child may have ended already.
        let _ = child.kill();
        child.wait().unwrap();
        drop(home);

        let after = published(&folder.output());
        assert!(
            after == expected[old] || after == expected[new],
            "a mix of tables after kill {kill}"
        );
        folder.run(&[]).ok();
        assert_eq!(published(&folder.output()), expected[new], "after kill {kill}");
    }
    assert!(leftovers(&folder).is_empty(), "{:?}", leftovers(&folder));
}

/// Staging folders of killed runs that nobody tidied up.
fn leftovers(folder: &Folder) -> Vec<String> {
    let versions = fs_err::read_dir(folder.output().join(".versions")).unwrap();
    versions
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("staging") || name.contains("tmp"))
        .collect()
}

/// SIGTERM is a wish, not a crash: the run says that it was stopped, and the old tables stay.
#[test]
fn a_stopped_run_says_so() {
    let folder = Folder::with_lake(&lake::files());
    folder.run(&[]).ok();
    let before = published(&folder.output());
    let (mut child, home) = job(&folder.lake(), &folder.output())
        .config(&bundled_config())
        .args(&["--force"])
        .spawn();
    std::thread::sleep(Duration::from_millis(30));
    let kill = std::process::Command::new("kill")
        .arg("-TERM")
        .arg(child.id().to_string())
        .status();
    let code = child.wait().unwrap().code();
    drop(home);
    assert!(kill.is_ok(), "`kill` belongs to every POSIX system");
    assert_eq!(published(&folder.output()), before);
    // Fast machines may be done before the signal comes, slow ones not yet listening.
    match code {
        Some(75) => assert_eq!(run_record(&folder.output())["status"], "aborted"),
        Some(0) | None => {}
        other => panic!("exit {other:?}"),
    }
}

/// Two runs on one output: one does the work, the other says that it is busy or finds it done.
#[test]
fn two_runs_at_once_do_not_collide() {
    let folder = Folder::with_lake(&lake::files());
    let start = || {
        job(&folder.lake(), &folder.output())
            .config(&bundled_config())
            .spawn()
    };
    let mut both = [start(), start()];
    let codes: Vec<Option<i32>> = both
        .iter_mut()
        .map(|(child, _)| child.wait().unwrap().code())
        .collect();
    assert!(codes.contains(&Some(0)), "{codes:?}");
    assert!(codes.iter().all(|code| matches!(code, Some(0 | 75))), "{codes:?}");
    folder.run(&[]).ok();
    assert_eq!(run_record(&folder.output())["status"], "unchanged");
}
