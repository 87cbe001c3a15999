//! What the jobs rely on, of a real S3: run with `AWS_ENDPOINT_URL` at a test server with the bucket `lakes`. The same tests
//! pass where that server fails now and then.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use datalake_deps::store::{Condition, Located, Object, locate};

/// A place of this test's own; `None`, with the reason printed, where there is no S3.
fn place() -> Option<Object> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    if std::env::var_os("AWS_ENDPOINT_URL").is_none() {
        println!("skipped: AWS_ENDPOINT_URL names no S3 to test with");
        return None;
    }
    datalake_object_store::install();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let url = format!("s3://lakes/tests/{now}-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let located = locate(Path::new(&url)).unwrap();
    let Located::Object(place) = located else {
        unreachable!()
    };
    Some(place)
}

fn kind<T: std::fmt::Debug>(result: io::Result<T>) -> io::ErrorKind {
    result.unwrap_err().kind()
}

#[test]
fn what_is_written_is_listed_and_read() {
    let Some(place) = place() else { return };
    // Names as they come from Hive, from people, and from the letters of their languages.
    let names = [
        "a.parquet",
        "day=2024-01-01/run=06%3A30/part 0.parquet",
        "zähler+100%~(1)/x?y#z@w.csv",
        "folder/inner/deep.json",
        "folder.json",
    ];
    for name in names {
        place
            .join(name)
            .write(name.as_bytes().to_vec().into(), Condition::Always)
            .unwrap();
    }
    let prefix = place.key().len() + 1;
    let mut expected = names.map(str::to_owned).to_vec();
    expected.sort();
    let listed: Vec<String> = place
        .list()
        .unwrap()
        .into_iter()
        .map(|info| info.key[prefix..].to_owned())
        .collect();
    assert_eq!(listed, expected);
    for name in names {
        let object = place.join(name);
        let (content, tag) = object.read_whole().unwrap();
        assert_eq!(content, name.as_bytes());
        assert_eq!(object.head().unwrap().tag, tag);
        assert_eq!(object.list().unwrap().len(), 1, "its own key");
    }
    let (folders, files) = place.store().children(place.key()).unwrap();
    assert_eq!(folders, ["day=2024-01-01", "folder", "zähler+100%~(1)"]);
    assert_eq!(
        files.iter().map(|info| &info.key[prefix..]).collect::<Vec<_>>(),
        ["a.parquet", "folder.json"]
    );
    // `folder` is no prefix of `folder.json`.
    assert_eq!(place.join("folder").list().unwrap().len(), 1);
    let keys: Vec<String> = place.list().unwrap().into_iter().map(|info| info.key).collect();
    place.store().remove(&keys).unwrap();
    place.store().remove(&keys).unwrap();
    assert_eq!(place.list().unwrap(), []);
}

#[test]
fn ranges_and_tails_are_the_bytes_of_the_object() {
    let Some(place) = place() else { return };
    let content: Vec<u8> = (0..100_000_u32).map(|i| (i % 251) as u8).collect();
    let object = place.join("a");
    let tag = object.write(content.clone().into(), Condition::Always).unwrap();
    let ranges = [0..1, 99_999..100_000, 500..70_000, 0..100_000];
    for (range, read) in ranges.iter().zip(object.read(&tag, &ranges).unwrap()) {
        assert!(
            read == content[range.start as usize..range.end as usize],
            "{range:?}"
        );
    }
    let short = place.join("short");
    short
        .write(Bytes::from_static(b"xyz"), Condition::Always)
        .unwrap();
    let asked = [(object.key(), 100_000), (short.key(), 3), ("tests/none", 5)];
    let tails = place.store().read_tails(&asked, 10);
    assert_eq!(tails[0].as_ref().unwrap(), &content[99_990..]);
    assert_eq!(tails[1].as_ref().unwrap(), &b"xyz"[..]);
    assert_eq!(tails[2].as_ref().unwrap_err().kind(), io::ErrorKind::NotFound);
    object
        .write(Bytes::from_static(b"other"), Condition::Always)
        .unwrap();
    assert_eq!(kind(object.read_range(&tag, 0..1)), io::ErrorKind::AlreadyExists);
}

#[test]
fn what_is_not_there_is_an_error_of_its_own_kind() {
    let Some(place) = place() else { return };
    let none = place.join("none");
    assert_eq!(kind(none.head()), io::ErrorKind::NotFound);
    assert_eq!(kind(none.read_whole()), io::ErrorKind::NotFound);
    assert_eq!(none.list().unwrap(), []);
    none.remove().unwrap();
    let bucket = locate(Path::new("s3://no-such-bucket-at-all/a")).unwrap();
    let Located::Object(elsewhere) = bucket else {
        unreachable!()
    };
    let error = elsewhere.head().unwrap_err();
    assert!(
        error.to_string().contains("s3://no-such-bucket-at-all/a"),
        "{error}"
    );
}

#[test]
fn a_long_file_is_uploaded_in_parts() {
    let Some(place) = place() else { return };
    let file = tempfile::NamedTempFile::new().unwrap();
    let content: Vec<u8> = (0..40_000_000_u32).map(|i| (i % 253) as u8).collect();
    fs_err::write(file.path(), &content).unwrap();
    let object = place.join("long");
    let tag = object.upload(file.path()).unwrap();
    let info = object.head().unwrap();
    assert_eq!((info.bytes, &info.tag), (40_000_000, &tag));
    let (read, _) = object.read_whole().unwrap();
    assert!(read == content);
    assert_eq!(
        kind(object.upload(Path::new("/no/such/file"))),
        io::ErrorKind::NotFound
    );
}

/// Writes from many sides, at once or in turn, each something else (the same content has the same tag); how many were told that they won.
fn race(object: &Object, tag: Option<&str>, at_once: bool) -> u64 {
    let won = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for writer in 0..16 {
            let (won, object) = (&won, object.clone());
            let turn = scope.spawn(move || {
                let condition = tag.map_or(Condition::Absent, Condition::Tag);
                match object.write(format!("{writer} over {tag:?}").into(), condition) {
                    Ok(_) => {
                        won.fetch_add(1, Ordering::Relaxed);
                    }
                    // A write with a condition is not repeated where no answer came.
                    Err(error) => assert!(
                        [io::ErrorKind::AlreadyExists, io::ErrorKind::TimedOut].contains(&error.kind()),
                        "{error}"
                    ),
                }
            });
            if !at_once {
                turn.join().unwrap();
            }
        }
    });
    won.load(Ordering::Relaxed)
}

#[test]
fn one_of_many_writers_wins() {
    let Some(place) = place() else { return };
    // Of a tag moto looks first and writes then, so that of two at once both may win there.
    let is_moto = std::env::var_os("S3_IS_MOTO").is_some();
    for round in 0..5 {
        let object = place.join(&format!("race-{round}"));
        // Where an answer is lost, the winner is told that it lost, when it asks again: never are there two.
        assert!(race(&object, None, true) <= 1);
        let tag = object.head().unwrap().tag;
        assert!(race(&object, Some(&tag), !is_moto) <= 1);
        assert_ne!(object.head().unwrap().tag, tag, "somebody did");
    }
}
