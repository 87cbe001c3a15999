//! The reports in a browser. That of the job opens without a message of the console, searches, sorts and shows a case, and how long a
//! long one takes to open; that of `evaluate` shows its curves.
//!
//! What the page should show is worked out here from the rows of its list, so that other rules need no other checks.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use fs_err as fs;

use crate::error::{Error, Result};
use crate::process::{cargo, run as run_command, shown, succeeds};

/// Options of `browser`.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// Make a report of about so many cases of synthetic homes, and print how long it takes to open.
    #[arg(long, value_name = "N")]
    cases: Option<u32>,
    /// Look at this report, and print how long it takes to open.
    #[arg(long, value_name = "FILE", conflicts_with = "cases")]
    report: Option<PathBuf>,
}

/// Names that Chromium goes by.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// A line that the console of a page wrote.
const CONSOLE: &str = ":CONSOLE";

/// One row of the list.
#[derive(Debug, PartialEq)]
struct Row {
    case: String,
    /// Id, device and reasons in lower case.
    text: String,
    /// As printed; `None` where it is not known.
    lost_kwh: Option<u64>,
}

pub(crate) fn run(root: &Path, args: &Args) -> Result<()> {
    let Some(browser) = find_or_install() else {
        eprintln!("skipped: no Chromium is here, and this user or machine cannot install one with apt-get");
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    let report = match (&args.report, args.cases) {
        (Some(report), _) => report.canonicalize()?,
        (None, Some(cases)) => of_synthetic_homes(root, folder.path(), cases)?,
        (None, None) => of_the_bundled_lake(root, folder.path())?,
    };
    let html = fs::read_to_string(&report)?;
    let rows = rows(&html);
    eprintln!(
        "{} cases, {} KB: {}",
        rows.len(),
        html.len() / 1024,
        report.display()
    );
    if args.report.is_some() || args.cases.is_some() {
        return time_opening(browser, folder.path(), &html);
    }
    look(&Page { browser, report }, &rows)?;
    let report = evaluation(root, folder.path())?;
    look_at_curves(&Page { browser, report })
}

fn find_or_install() -> Option<&'static str> {
    let there = || {
        NAMES
            .into_iter()
            .find(|name| succeeds(Command::new(name).arg("--version")))
    };
    there().or_else(|| {
        let mut install = Command::new("apt-get");
        install
            .args(["install", "-y", "-qq", "chromium"])
            .env("DEBIAN_FRONTEND", "noninteractive");
        succeeds(&mut install).then(there).flatten()
    })
}

fn of_the_bundled_lake(root: &Path, folder: &Path) -> Result<PathBuf> {
    let report = folder.join("report.html");
    run_command(
        cargo(root)
            .args(["run", "--locked", "--quiet", "--bin", "theft-detection", "--"])
            .args(["--config", "configs/datalake_config.json", "--output"])
            .arg(folder.join("output"))
            .arg("--report")
            .arg(&report),
    )?;
    Ok(report)
}

fn of_synthetic_homes(root: &Path, folder: &Path, cases: u32) -> Result<PathBuf> {
    let (lake, report) = (folder.join("lake"), folder.join("report.html"));
    let job = |name: &str| {
        let mut command = cargo(root);
        command.args(["run", "--locked", "--quiet", "--release", "--bin", name, "--"]);
        command
    };
    run_command(
        job("synthetic-lake")
            .arg("--output")
            .arg(&lake)
            .args([
                "--days",
                "180",
                "--interval-seconds",
                "3600",
                "--theft-share",
                "1",
                "--hard-negative-share",
                "0",
                "--layout",
                "monthly",
            ])
            .args(["--kinds", EASY_KINDS])
            // Not every theft is found.
            .args(["--service-points", &(cases + cases / EXTRA).to_string()]),
    )?;
    run_command(
        job("theft-detection")
            .arg("--lake")
            .arg(&lake)
            .arg("--output")
            .arg(folder.join("output"))
            .args(["--set", "install_time_zone=Europe/London", "--report"])
            .arg(&report),
    )?;
    Ok(report)
}

/// The page of `evaluate` over a small lake that was made.
fn evaluation(root: &Path, folder: &Path) -> Result<PathBuf> {
    let (lake, output) = (folder.join("made"), folder.join("judged"));
    let job = |name: &str| {
        let mut command = cargo(root);
        command.args(["run", "--locked", "--quiet", "--bin", name, "--"]);
        command
    };
    run_command(job("synthetic-lake").arg("--output").arg(&lake).args([
        "--service-points",
        "40",
        "--days",
        "120",
        "--theft-share",
        "0.2",
    ]))?;
    run_command(
        job("theft-detection")
            .arg("--lake")
            .arg(&lake)
            .arg("--output")
            .arg(&output),
    )?;
    let report = folder.join("evaluation.html");
    run_command(
        job("evaluate")
            .arg("--scores")
            .arg(&output)
            .arg("--truth")
            .arg(lake.join("truth"))
            .arg("--report")
            .arg(&report),
    )?;
    Ok(report)
}

/// Kinds of theft that nearly always make a case.
const EASY_KINDS: &str = "zero_while_on,reverse_flow,usage_after_removal,usage_while_disconnected";

/// One home in so many is added for those that are no case.
const EXTRA: u32 = 3;

/// A page to be opened.
struct Page {
    browser: &'static str,
    report: PathBuf,
}

/// The document as it stands once scripts have run, and what the console said.
struct Seen {
    document: String,
    console: Vec<String>,
}

impl Page {
    fn open(&self, fragment: &str) -> Result<Seen> {
        let url = format!("file://{}#{fragment}", self.report.display());
        // Time that the page waits for is skipped, so that decompression has ended.
        dump(self.browser, &url, &["--virtual-time-budget=10000"])
    }
}

fn dump(browser: &str, url: &str, more: &[&str]) -> Result<Seen> {
    let profile = tempfile::tempdir()?;
    let mut command = Command::new(browser);
    command
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-extensions",
        ])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ])
        // Whatever asks for a name gets none.
        .args([
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--enable-logging=stderr",
            "--v=0",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(more)
        .args(["--dump-dom", url]);
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|source| Error::Spawn {
            command: shown(&command),
            source,
        })?;
    if !output.status.success() {
        return Err(Error::Failed {
            command: shown(&command),
            status: output.status,
        });
    }
    let messages = String::from_utf8_lossy(&output.stderr);
    Ok(Seen {
        document: String::from_utf8_lossy(&output.stdout).into_owned(),
        console: messages
            .lines()
            .filter(|line| line.contains(CONSOLE))
            .map(str::to_owned)
            .collect(),
    })
}

/// Opens the page in every way that a fragment asks for.
fn look(page: &Page, rows: &[Row]) -> Result<()> {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
        return Err(Error::Page("the report has no case".into()));
    };
    let mut failures = Vec::new();
    let mut check = |what: &str, fragment: &str, holds: &dyn Fn(&str) -> bool| -> Result<()> {
        let seen = page.open(fragment)?;
        failures.extend(seen.console.iter().map(|line| format!("{what}: {line}")));
        if !holds(&seen.document) {
            failures.push(format!("{what}: #{fragment} does not show it"));
        }
        Ok(())
    };
    check("all cases", "", &|html| {
        shown_rows(html) == rows.iter().map(|row| row.case.clone()).collect::<Vec<_>>()
    })?;
    let reason = last.text.rsplit('\n').next().unwrap_or_default();
    let reason = reason.split(", ").next().unwrap_or_default();
    let found: Vec<String> = rows
        .iter()
        .filter(|row| row.text.contains(reason))
        .map(|row| row.case.clone())
        .collect();
    check(
        "search by reason",
        &format!("q={}", reason.replace(' ', "_").to_uppercase()),
        &|html| {
            shown_rows(html) == found && html.contains(&format!("{} of {} cases", found.len(), rows.len()))
        },
    )?;
    check("search without an answer", "q=no+such+thing", &|html| {
        shown_rows(html).is_empty()
    })?;
    let mut by_loss: Vec<&Row> = rows.iter().collect();
    by_loss.sort_by_key(|row| (row.lost_kwh.is_none(), std::cmp::Reverse(row.lost_kwh)));
    let most = by_loss[0];
    check("sort by loss", "sort=-lost_kwh", &|html| {
        shown_rows(html).first().is_some_and(|case| *case == most.case)
            && html.contains("data-k=\"lost_kwh\" class=\"r\" aria-sort=\"descending\"")
    })?;
    check("sort by rank, last first", "sort=-rank", &|html| {
        shown_rows(html).first() == Some(&last.case)
    })?;
    for row in [first, most, last] {
        check("a case", &format!("q=x&sort=-score&case={}", row.case), &|html| {
            html.contains(&format!("Case {} ·", row.case)) && html.contains("<section id=\"case\" aria-label")
        })?;
    }
    check("an unknown case", "case=0", &|html| {
        html.contains("There is no such case in this report.")
    })?;
    check(
        "a fragment of nonsense",
        "q=%E0%A4%A&page=-7&sort=__proto__",
        &|html| html.contains("id=\"shown\""),
    )?;
    for failure in &failures {
        eprintln!("{failure}");
    }
    match failures.len() {
        0 => Ok(()),
        count => Err(Error::Page(format!("{count} things are not as they should be"))),
    }
}

/// Opens the page of `evaluate`: it has its curves, and the console is silent.
fn look_at_curves(page: &Page) -> Result<()> {
    let seen = page.open("")?;
    let curves = seen.document.matches("<path class=\"m\"").count();
    if curves == 3 && seen.console.is_empty() {
        return Ok(());
    }
    for line in &seen.console {
        eprintln!("evaluation: {line}");
    }
    Err(Error::Page(format!("the evaluation shows {curves} curves of 3")))
}

/// Opens a copy that says when it was ready, three times.
fn time_opening(browser: &str, folder: &Path, html: &str) -> Result<()> {
    const PROBE: &str = "<script>document.body.offsetHeight;document.documentElement.dataset.PLACE=Math.round(performance.now())</script>";
    let (head, packs) = html
        .split_once("<script type=\"text/plain\"")
        .unwrap_or((html, ""));
    // The page's own policy allows no script but its own.
    let head = head.replace("http-equiv=Content-Security-Policy", "name=policy");
    let list = PROBE.replace("PLACE", "list");
    let all = PROBE.replace("PLACE", "all");
    let copy = folder.join("timed.html");
    fs::write(
        &copy,
        format!("{head}{list}<script type=\"text/plain\"{packs}{all}"),
    )?;
    for _ in 0..3 {
        let start = Instant::now();
        let seen = dump(browser, &format!("file://{}", copy.display()), &[])?;
        let milliseconds = |place: &str| attribute(&seen.document, &format!("data-{place}"));
        eprintln!(
            "list ready after {} ms, whole file after {} ms (browser started and ended in {} ms)",
            milliseconds("list"),
            milliseconds("all"),
            start.elapsed().as_millis()
        );
    }
    Ok(())
}

/// Value of an attribute of the document's element.
fn attribute<'h>(html: &'h str, name: &str) -> &'h str {
    let value = html
        .split_once(&format!("{name}=\""))
        .map_or("?", |(_, rest)| rest);
    value.split('"').next().unwrap_or("?")
}

/// The rows as the file has them.
fn rows(html: &str) -> Vec<Row> {
    let list = between(html, "<table id=list", "<section id=case ");
    list.split("<tr><td>").skip(1).map(row).collect()
}

fn row(html: &str) -> Row {
    let cells: Vec<String> = html.split("<td>").map(plain).collect();
    let cell = |at: usize| cells.get(at).map_or("", String::as_str);
    let (_, id) = cell(0).split_once('\t').unwrap_or_default();
    Row {
        case: between(html, "#case=", ">").to_owned(),
        text: format!("{id}\n{}\n{}", cell(1), cell(4)).to_lowercase(),
        lost_kwh: cell(5).replace('\u{202f}', "").parse().ok(),
    }
}

/// Text without markup; a tab where a heading begins.
fn plain(html: &str) -> String {
    let mut text = String::new();
    for piece in html.replace("<th scope=row>", "\t").split('<') {
        text += piece.rsplit_once('>').map_or(piece, |(_, text)| text);
    }
    text
}

/// Cases of the rows that a document shows, in their order.
fn shown_rows(html: &str) -> Vec<String> {
    let list = between(html, "<table id=\"list\"", "</tbody>");
    list.split("href=\"#case=")
        .skip(1)
        .map(|rest| rest.chars().take_while(|&c| c != '"').collect())
        .collect()
}

fn between<'h>(html: &'h str, from: &str, to: &str) -> &'h str {
    let rest = html.split_once(from).map_or("", |(_, rest)| rest);
    rest.split_once(to).map_or(rest, |(inside, _)| inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "<table id=list class=list><tbody><tr><td>1<th scope=row><a href=#case=00ab><bdi>SP-1</bdi></a><td><bdi>D-1</bdi>\
                        <td>0.900<td>2024-05-03<td>zero while on, flatline<td>1\u{202f}234<td>1 – 2<td>93 %\
                        <tr><td>2<th scope=row><a href=#case=00cd><bdi>SP-2</bdi></a><td>–<td>0.8<td>2024-05-03<td>flatline<td>–<td>–<td>9 %</table><section id=case >";

    #[test]
    fn rows_of_the_file_are_read() {
        assert_eq!(
            rows(LIST),
            [
                Row {
                    case: "00ab".to_owned(),
                    text: "sp-1\nd-1\nzero while on, flatline".to_owned(),
                    lost_kwh: Some(1234),
                },
                Row {
                    case: "00cd".to_owned(),
                    text: "sp-2\n–\nflatline".to_owned(),
                    lost_kwh: None,
                },
            ]
        );
    }

    #[test]
    fn rows_of_the_document_are_those_of_its_first_body() {
        let html = "<table id=\"list\"><tbody><tr><th><a href=\"#case=b\"></a><tr><a href=\"#case=a\"></a></tbody><tbody><a href=\"#case=c\">";
        assert_eq!(shown_rows(html), ["b", "a"]);
        assert_eq!(
            attribute("<html data-list=\"12\" data-all=\"345\">", "data-all"),
            "345"
        );
    }
}
