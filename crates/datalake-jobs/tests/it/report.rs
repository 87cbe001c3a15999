//! The report as a file: when it is written, that it says nothing of the run, and what the job says where it cannot be.

use insta::assert_snapshot;

use crate::lake;
use crate::support::job::{bare, published, run_record, table};
use crate::support::small::{small, small_with};
use crate::support::{Folder, job};

/// A run over the folder's lake with the bundled config and a report of this name in the folder.
fn report(folder: &Folder, name: &str, more: &[&str]) -> Vec<u8> {
    let path = folder.path().join(name);
    let mut args = vec!["--report", path.to_str().unwrap()];
    args.extend(more);
    let outcome = folder.run(&args).ok();
    assert!(outcome.stdout.contains("report in "), "{}", outcome.stdout);
    fs_err::read(path).unwrap()
}

#[test]
fn the_same_input_gives_the_same_file_whatever_the_run_the_path_and_the_threads() {
    let here = Folder::with_lake(&lake::files());
    let first = report(&here, "one.html", &["--conf", "threads=1"]);
    let tables = published(&here.output());
    // Unchanged: the tables stay, and the file is written all the same, from kept day profiles.
    assert!(report(&here, "two.html", &["--conf", "threads=2"]) == first);
    assert_eq!(run_record(&here.output())["status"], "unchanged");
    assert!(published(&here.output()) == tables);
    // From scratch, elsewhere.
    let there = Folder::with_lake(&lake::files());
    assert!(report(&there, "three.html", &["--conf", "threads=7"]) == first);
    let html = String::from_utf8(first).unwrap();
    let record = run_record(&here.output());
    for word in [here.path().to_str().unwrap(), record["run_id"].as_str().unwrap()] {
        assert!(!html.contains(word), "the file holds `{word}`");
    }
}

#[test]
fn the_tables_do_not_depend_on_whether_there_is_a_report() {
    let folder = Folder::with_lake(&lake::files());
    folder.run(&[]).ok();
    let tables = published(&folder.output());
    report(&folder, "report.html", &["--force"]);
    assert!(published(&folder.output()) == tables);
}

#[test]
fn every_case_of_the_table_is_in_the_list() {
    let folder = Folder::with_lake(&lake::files());
    let html = String::from_utf8(report(&folder, "report.html", &[])).unwrap();
    let list = html
        .split("<table id=list")
        .nth(1)
        .unwrap()
        .split("</table>")
        .next()
        .unwrap();
    let listed: Vec<&str> = list
        .split("<a href=#case=")
        .skip(1)
        .map(|rest| &rest[..16])
        .collect();
    let cases = table(&folder.output(), "theft_cases").lines(&["case_id"]);
    let cases: Vec<&str> = cases
        .lines()
        .filter_map(|line| line.strip_prefix("case_id="))
        .collect();
    assert_eq!(listed, cases);
    assert!(!listed.is_empty());
}

#[test]
fn a_report_where_it_cannot_be() {
    let folder = Folder::with_lake(&small());
    let verdict = |path: &str| {
        job(&folder.lake(), &folder.output())
            .arg("--report")
            .arg(folder.path().join(path))
            .hide(folder.path(), "[folder]")
            .run()
            .verdict()
    };
    assert_snapshot!(verdict("nowhere/report.html"), @r"
    exit 73
    error: cannot write the report `[folder]/nowhere/report.html`
    Caused by: failed to query resolved metadata `[folder]/nowhere`: No such file or directory (os error 2)
    hint: name a file in a folder that is there and that this user may write to
    ");
    assert_snapshot!(verdict("lake"), @r"
    exit 73
    error: cannot write the report `[lake]`
    Caused by: is a directory
    hint: name a file in a folder that is there and that this user may write to
    ");
    assert_snapshot!(verdict("lake/measurements/report.html"), @r"
    exit 78
    error: the output `[lake]/measurements/report.html` lies in the folder of the table `measurements`, `[lake]/measurements`
    hint: publish beside the lake, or in a folder of its own
    ");
    // Nothing was read, nor published.
    assert!(!folder.output().join("theft_cases").exists());
}

#[test]
fn inspections_say_how_good_the_list_is() {
    let mut files = lake::files();
    let rows = "service_point_id,inspected_at,outcome,recovered_kwh\nSP-DROP-HIT,,theft,400\nSP-ZERO-GAP,,no_theft,\nSP-DROP-SOLAR,,no_theft,\n\
                SP-ZERO-HIT,,no_access,\n";
    files.insert("inspection/inspection.csv".to_owned(), rows.to_owned());
    let folder = Folder::with_lake(&files);
    let html = String::from_utf8(report(&folder, "report.html", &[])).unwrap();
    let part = html.split("<section aria-labelledby=h-quality>").nth(1).unwrap();
    let part = part.split("<section id=cases").next().unwrap();
    assert!(
        part.contains("Of 3 service points with an answer, 1 are theft.")
            && part.contains("1 inspection ended without an answer"),
        "{part}"
    );
    assert_eq!(
        part.matches("<path class=m ").count(),
        3,
        "gains, precision and calibration"
    );
    // Without the table there is no such section, and one that cannot be read ends the run before it begins.
    let without = Folder::with_lake(&lake::files());
    assert!(
        !String::from_utf8(report(&without, "r.html", &[]))
            .unwrap()
            .contains("h-quality")
    );
    let row = "service_point_id,inspected_at,outcome\nSP-DROP-HIT,,guilty\n";
    files.insert("inspection/inspection.csv".to_owned(), row.to_owned());
    let bad = Folder::with_lake(&files);
    let path = bad.path().join("r.html");
    assert_snapshot!(bad.run(&["--report", path.to_str().unwrap()]).verdict(), @r"
    exit 65
    error: `guilty` in inspection.outcome is no outcome
    hint: outcomes are theft, no_theft, fault and no_access
    ");
    assert!(!bad.output().join("theft_cases").exists());
}

#[test]
fn a_report_is_of_a_run() {
    let folder = Folder::with_lake(&small());
    let run = |more: &[&str]| {
        job(&folder.lake(), &folder.output())
            .args(&["--report", "r.html"])
            .args(more)
            .run()
    };
    assert_snapshot!(run(&["explain", "SP-1"]).verdict(), @r"
    exit 2
    error: a report is written by a run, not by a command
    hint: leave out `--report`, or the command
    ");
    assert_eq!(run(&["--dry-run"]).code, Some(2));
    let help = bare().arg("--help").run().stdout;
    assert!(
        help.contains("--report <FILE>") && help.contains("has to judge again"),
        "{help}"
    );
}

#[test]
fn an_id_that_tries_to_be_markup_is_text() {
    let id = "SP-</script><img src=x onerror=alert(1)>";
    let text = format!(
        "install_event_id,device_config_id,service_point_id,installed_at,removed_at,status\n\
         IE-1,DC-1,{id},2021-05-04 09:30:00,2024-02-01 00:00:00,REMOVE\n\
         IE-2,DC-2,SP-2,2021-05-04 09:30:00,,ON\nIE-3,DC-3,SP-3,2021-05-04 09:30:00,,ON\n"
    );
    let folder = small_with("install_event/install_event.csv", &text);
    let path = folder.path().join("report.html");
    let outcome = job(&folder.lake(), &folder.output())
        .args(&["--set", "install_time_zone=Europe/London", "--report"])
        .arg(&path)
        .run()
        .ok();
    assert!(outcome.stdout.contains(id), "a case: {}", outcome.stdout);
    let html = fs_err::read_to_string(path).unwrap();
    assert!(html.contains("SP-&lt;/script&gt;") && !html.contains("<img"));
}
