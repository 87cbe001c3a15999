//! Publishing to an object store, also when it fails at any write.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::diagnostic::{Diagnostic as _, render};
use crate::exit_code::ExitCode;
use crate::publish::{Output, OutputLock, Provenance};
use crate::store::ObjectStore as _;
use crate::store::tests::{Fault, MemoryStore, memory_store};

const TABLES: [&str; 2] = ["theft_cases", "theft_scores"];

fn provenance() -> Provenance {
    Provenance {
        job: "theft-detection".to_owned(),
        code_version: "1".to_owned(),
        input_fingerprint: "i".to_owned(),
        config_fingerprint: "c".to_owned(),
    }
}

fn output(bucket: &str) -> (Arc<MemoryStore>, Output) {
    let store = memory_store(bucket);
    (store, Output::open(format!("mem://{bucket}/lake/out")).unwrap())
}

fn publish(lock: &mut OutputLock<'_>, text: &str) -> Result<Manifest, PublishError> {
    let staging = lock.stage(&TABLES)?;
    for table in TABLES {
        fs_err::write(staging.table_folder(table)?.join("part.txt"), text).unwrap();
    }
    staging.publish(provenance())
}

fn run(output: &Output, run_id: &str, text: &str) -> Result<Manifest, PublishError> {
    publish(&mut output.lock(run_id, &std::env::temp_dir())?, text)
}

/// What a reader finds in the tables: by way of `current.json`, as anybody would.
fn seen(store: &MemoryStore) -> [String; 2] {
    let (pointer, _) = read_pointer(&root(store)).unwrap().unwrap();
    let pointer = pointer.unwrap();
    let read = |table: &str| {
        let key = format!("lake/out/.versions/{}/{table}/part.txt", pointer.folder);
        let bytes = store.content(&key);
        String::from_utf8(bytes.to_vec()).unwrap()
    };
    TABLES.map(read)
}

fn root(store: &MemoryStore) -> Object {
    let crate::store::Located::Object(root) =
        crate::store::locate(Path::new(&store.url("lake/out"))).unwrap()
    else {
        unreachable!()
    };
    root
}

fn both(text: &str) -> [String; 2] {
    [text.to_owned(), text.to_owned()]
}

#[test]
fn what_is_published_is_what_was_staged_and_one_version_before_stays() {
    let (store, output) = output("publish");
    assert_eq!(output.published_job().unwrap(), None);
    let mut manifests = Vec::new();
    for (run_id, text) in [("r1", "one"), ("r2", "two"), ("r3", "three")] {
        let manifest = run(&output, run_id, text).unwrap();
        assert_eq!(seen(&store), both(text));
        manifests.push(manifest.version);
    }
    let folders = |store: &MemoryStore| {
        let keys = store.keys();
        let mut folders: Vec<String> = keys
            .iter()
            .filter_map(|key| key.strip_prefix("lake/out/.versions/")?.split('/').next())
            .map(str::to_owned)
            .collect();
        folders.dedup();
        folders.sort();
        folders
    };
    let mut expected = vec![format!("{}-r2", manifests[1]), format!("{}-r3", manifests[2])];
    expected.sort();
    assert_eq!(folders(&store), expected);
    let mut lock = output.lock("r4", &std::env::temp_dir()).unwrap();
    assert_eq!(lock.published().unwrap().unwrap().version, manifests[2]);
    assert_eq!(
        output.published_job().unwrap().as_deref(),
        Some("theft-detection")
    );
    // The same again is the same version in a folder of its own.
    assert_eq!(publish(&mut lock, "three").unwrap().version, manifests[2]);
    assert_eq!(seen(&store), both("three"));
}

#[test]
fn a_store_that_fails_at_any_write_leaves_the_old_tables_or_the_new_ones() {
    let (store, output) = output("kills");
    run(&output, "first", "old").unwrap();
    store.fail(&[]);
    let mut switched = 0;
    let writes = {
        run(&output, "count", "new").unwrap();
        store.writes()
    };
    // Three writes see whether conditions hold; then two files, then the switch.
    assert_eq!(writes, 6);
    for at in 0..=writes {
        store.fail(&[]);
        run(&output, "again", "old").unwrap();
        store.fail(&[Fault::DiesAtWrite(at)]);
        let failed = run(&output, &format!("dies-{at}"), "new");
        store.fail(&[]);
        assert_eq!(failed.is_err(), at < writes, "{at}");
        assert_eq!(
            seen(&store),
            both(if at < writes { "old" } else { "new" }),
            "{at}"
        );
        switched += usize::from(at >= writes);
    }
    assert_eq!(switched, 1);
}

#[test]
fn an_answer_that_is_lost_does_not_lose_what_was_published() {
    let (store, output) = output("answer");
    run(&output, "first", "old").unwrap();
    store.fail(&[Fault::LosesAnswer(5)]);
    run(&output, "second", "new").unwrap();
    assert_eq!(seen(&store), both("new"));
    // The switch that nobody did is tried again.
    store.fail(&[Fault::LosesRequest(5)]);
    run(&output, "third", "newer").unwrap();
    assert_eq!(seen(&store), both("newer"));
    assert_eq!(store.writes(), 7);
}

#[test]
fn of_two_runs_at_once_the_slower_is_refused_and_leaves_nothing() {
    let (store, output) = output("two");
    run(&output, "first", "old").unwrap();
    let mut slow = output.lock("slow", &std::env::temp_dir()).unwrap();
    run(&output, "fast", "fast").unwrap();
    let error = publish(&mut slow, "slow").unwrap_err();
    assert_eq!(error.exit_code(), ExitCode::TryAgain);
    insta::assert_snapshot!(render(&error), @r"
    error: another run has published to `mem://two/lake/out` since this one began
    hint: its tables stand; run again where they are older
    ");
    assert_eq!(seen(&store), both("fast"));
    assert!(
        store.keys().iter().all(|key| !key.contains("slow")),
        "{:?}",
        store.keys()
    );
    // The same where nothing was published when both began.
    let (store, output) = super::tests::output("two-first");
    let mut slow = output.lock("slow", &std::env::temp_dir()).unwrap();
    run(&output, "fast", "fast").unwrap();
    assert!(matches!(
        publish(&mut slow, "slow"),
        Err(PublishError::Overtaken { .. })
    ));
    assert_eq!(seen(&store), both("fast"));
}

#[test]
fn a_store_that_ignores_conditions_is_refused() {
    let (store, output) = output("careless");
    store.fail(&[Fault::IgnoresConditions]);
    let error = run(&output, "r", "x").unwrap_err();
    assert_eq!(error.exit_code(), ExitCode::Config);
    insta::assert_snapshot!(render(&error), @r"
    error: the object store of `mem://careless/lake/out` does not refuse a write whose condition does not hold
    hint: two runs at once could mix their tables there: use a store with conditional writes (If-Match, If-None-Match), or publish to a local folder and copy
    ");
    assert_eq!(store.keys(), [""; 0]);
}

#[test]
fn damage_is_seen_and_published_over() {
    let (store, output) = output("damage");
    run(&output, "first", "old").unwrap();
    let key = store
        .keys()
        .into_iter()
        .find(|key| key.ends_with("theft_scores/part.txt"))
        .unwrap();
    store
        .write(&key, Bytes::from_static(b"odd"), Condition::Always)
        .unwrap();
    let published = |output: &Output| {
        output
            .lock("look", &std::env::temp_dir())
            .unwrap()
            .published()
            .unwrap()
    };
    assert_eq!(published(&output), None);
    run(&output, "second", "new").unwrap();
    assert!(published(&output).is_some());
    store
        .write(
            "lake/out/current.json",
            Bytes::from_static(b"{"),
            Condition::Always,
        )
        .unwrap();
    let foreign = output.lock("look", &std::env::temp_dir()).unwrap_err();
    assert!(matches!(foreign, PublishError::Foreign { .. }), "{foreign}");
    let cut = Bytes::from_static(b"{\n  \"folder\": \"1f0c");
    store
        .write("lake/out/current.json", cut, Condition::Always)
        .unwrap();
    assert_eq!(published(&output), None);
    run(&output, "third", "newer").unwrap();
    assert_eq!(seen(&store), both("newer"));
}

#[test]
fn what_killed_runs_uploaded_goes_when_it_is_old() {
    let (store, output) = output("garbage");
    run(&output, "first", "old").unwrap();
    let left = "lake/out/.versions/dead-run/theft_cases/part.txt";
    store
        .write(left, Bytes::from_static(b"x"), Condition::Always)
        .unwrap();
    run(&output, "second", "new").unwrap();
    assert!(
        store.keys().iter().any(|key| key == left),
        "it may still be on its way"
    );
    store.age(ABANDONED);
    run(&output, "third", "newer").unwrap();
    assert!(!store.keys().iter().any(|key| key == left));
    assert_eq!(seen(&store), both("newer"));
}
