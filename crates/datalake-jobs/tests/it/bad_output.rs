//! Outputs that cannot be written: what the job says, and that nothing is harmed.

use insta::assert_snapshot;

use crate::support::small::{run, small};
use crate::support::{Folder, job};

#[test]
fn an_output_below_a_file() {
    let folder = Folder::with_lake(&small());
    let file = folder.write("file", b"");
    let outcome = job(&folder.lake(), &file.join("output"))
        .hide(folder.path(), "[folder]")
        .run();
    assert_snapshot!(outcome.verdict(), @r"
    exit 73
    error: cannot use `[output]` as the output folder
    Caused by: failed to query resolved metadata `[output]`: Not a directory (os error 20)
    hint: name a folder that this user may write to
    ");
}

#[test]
fn an_output_where_nobody_may_write() {
    let folder = Folder::with_lake(&small());
    let outcome = job(&folder.lake(), "/proc/self/output".as_ref()).run();
    assert_snapshot!(outcome.verdict(), @r"
    exit 73
    error: cannot use `[output]` as the output folder
    Caused by: failed to create directory `[output]/.versions`: No such file or directory (os error 2)
    hint: name a folder that this user may write to
    ");
}

#[test]
fn an_output_that_holds_something_else() {
    let folder = Folder::with_lake(&small());
    let theirs = folder.write("output/theft_cases/notes.txt", b"mine");
    let outcome = run(&folder);
    assert_eq!(fs_err::read(theirs).unwrap(), b"mine");
    assert_snapshot!(outcome.verdict(), @r"
    exit 73
    error: `[output]/theft_cases` is not a link to a published table
    hint: move it away or choose another output folder; nothing was changed
    ");
}

#[test]
fn a_full_disk() {
    let folder = Folder::with_lake(&small());
    fs_err::create_dir_all(folder.output()).unwrap();
    let Some(_disk) = SmallDisk::mount(&folder.output()) else {
        eprintln!("skipped: mounting a small tmpfs needs root");
        return;
    };
    // Leaves room for a few pages, so that the run begins to write.
    fs_err::write(folder.output().join("ballast"), vec![0; 50 << 10]).unwrap();
    assert_snapshot!(run(&folder).verdict(), @r"
    exit 74
    error: cannot write `[output]/.versions/.staging/meter_features/part-0.parquet`
    Caused by: failed to write to file `[output]/.versions/.staging/meter_features/part-0.parquet`: No space left on device (os error 28)
    hint: check the free space of the output's disk
    ");
}

/// A tmpfs of 64 KiB that is gone with the value.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(folder: &std::path::Path) -> Option<Self> {
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
            .arg(folder)
            .output()
            .is_ok_and(|output| output.status.success());
        mounted.then(|| Self(folder.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn an_output_inside_a_table() {
    let folder = Folder::with_lake(&small());
    let output = folder.lake().join("measurements/theft");
    assert_snapshot!(job(&folder.lake(), &output).run().verdict(), @r"
    exit 78
    error: the output `[lake]/measurements/theft` lies in the folder of the table `measurements`, `[lake]/measurements`
    hint: publish beside the lake, or in a folder of its own
    ");
    assert!(!output.exists());
}

#[test]
fn folders_that_are_urls_keep_their_secrets() {
    let folder = Folder::with_lake(&small());
    let url = std::path::Path::new("s3://id:word@bucket/lake?token=abc");
    assert_snapshot!(job(url, &folder.output()).run().verdict(), @r"
    exit 78
    error: the config's `lake` is wrong: `s3://` is no local folder
    hint: this build reads and writes local folders: mount or copy it, or use the build for clusters
    ");
    let record = fs_err::read_to_string(folder.output().join("run.json")).unwrap();
    assert!(!record.contains("word") && !record.contains("abc"), "{record}");
    assert_snapshot!(job(&folder.lake(), url).run().verdict(), @r"
    exit 78
    error: the output cannot be used
    Caused by: `s3://` is no local folder
    hint: this build reads and writes local folders: mount or copy it, or use the build for clusters
    ");
}

/// The tables are there, but whoever reads `run.json` would believe the run before: that is no success.
#[test]
fn a_record_that_cannot_be_written() {
    let folder = Folder::with_lake(&small());
    fs_err::create_dir_all(folder.output().join("run.json")).unwrap();
    assert_snapshot!(run(&folder).verdict(), @r"
    exit 73
    error: the tables are published, but the run's record cannot be written
    Caused by: Is a directory (os error 21)
    hint: make the output folder writable and run again with --force
    ");
    assert!(folder.output().join("theft_cases/part-0.parquet").is_file());
}
