//! The store of the tests, and what the functions of the module make of it.
#![allow(clippy::unwrap_used)]

mod memory;

pub(crate) use memory::{Fault, MemoryStore, memory_store};

use super::*;

#[test]
fn a_file_url_is_a_path() {
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("a");
    for prefix in ["file://", "file://localhost"] {
        let url = PathBuf::from(format!("{prefix}{}", plain.display()));
        assert!(!is_remote(&url));
        write(&url, b"x").unwrap();
        assert_eq!(fs_err::read(&plain).unwrap(), b"x");
        assert_eq!(read(&url).unwrap(), b"x");
        fs_err::remove_file(&plain).unwrap();
        assert_eq!(exists(&url).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}

#[test]
fn an_object_is_read_and_written_like_a_file() {
    let store = memory_store("files");
    let path = Path::new("mem://files/a//b/c.json");
    assert_eq!(read(path).unwrap_err().kind(), io::ErrorKind::NotFound);
    write(path, b"one").unwrap();
    keep(&path.with_file_name("d.json"), b"two").unwrap();
    assert_eq!(store.keys(), ["a/b/c.json", "a/b/d.json"]);
    assert_eq!(read(path).unwrap(), b"one");
    assert_eq!(
        names(Path::new("mem://files/a/b/")).unwrap(),
        ["c.json", "d.json"]
    );
    assert_eq!(names(Path::new("mem://files/a")).unwrap(), [""; 0]);
    remove(
        Path::new("mem://files/a/b"),
        &["c.json".to_owned(), "z".to_owned()],
    )
    .unwrap();
    assert_eq!(store.keys(), ["a/b/d.json"]);
}

#[test]
fn two_names_of_a_store_are_one_place() {
    memory_store("names");
    for url in ["s3://names/a/b", "s3a://names//a/b/", "s3n://names/a//b"] {
        let Ok(Located::Object(object)) = locate(Path::new(url)) else {
            unreachable!()
        };
        assert_eq!(object.url(), "s3://names/a/b");
    }
}

#[test]
fn a_stream_is_the_object_to_its_last_byte() {
    memory_store("stream");
    let content: Vec<u8> = (0..3_000_000_u32).map(|i| (i % 251) as u8).collect();
    let path = Path::new("mem://stream/long");
    write(path, &content).unwrap();
    let mut read = Vec::new();
    open(path).unwrap().read_to_end(&mut read).unwrap();
    assert!(read == content);
    write(Path::new("mem://stream/empty"), b"").unwrap();
    assert_eq!(super::read(Path::new("mem://stream/empty")).unwrap(), b"");
}

#[test]
fn an_object_that_changes_while_it_is_read_is_an_error() {
    memory_store("change");
    let path = Path::new("mem://change/a");
    write(path, &vec![1; 600_000]).unwrap();
    let mut stream = open(path).unwrap();
    let mut first = [0; 1];
    stream.read_exact(&mut first).unwrap();
    write(path, &vec![2; 600_000]).unwrap();
    let mut rest = Vec::new();
    assert_eq!(
        stream.read_to_end(&mut rest).unwrap_err().kind(),
        io::ErrorKind::AlreadyExists
    );
}

#[test]
fn a_url_with_more_than_a_bucket_and_a_path_is_refused_without_its_secret() {
    memory_store("x");
    for url in [
        "mem://user:secret@x/a",
        "mem://x/a?key=secret",
        "mem://x/a#secret",
    ] {
        let error = check(Path::new(url)).unwrap_err();
        assert!(matches!(error, UrlError::Extra { .. }), "{url}");
        let text = format!("{error} {} {}", error.hint(), read(Path::new(url)).unwrap_err());
        assert!(!text.contains("secret"), "{text}");
    }
    assert!(matches!(
        check(Path::new("mem:///a")),
        Err(UrlError::NoBucket { .. })
    ));
    let unknown = locate(Path::new("gopher://hole/a")).unwrap_err();
    assert!(
        unknown.to_string().contains("`gopher://` is no local folder"),
        "{unknown}"
    );
    for url in ["file://data/lake", "file://localhostx/a"] {
        assert!(
            matches!(check(Path::new(url)), Err(UrlError::Host { .. })),
            "{url}"
        );
    }
    // No URLs, but names with colons.
    for path in ["a:b", "c://x", "dir/s3:/x"] {
        assert!(!is_remote(Path::new(path)), "{path}");
    }
}
