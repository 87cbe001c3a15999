//! Lines as they are written.

#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use super::*;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What `work` logs with these flags; times are cut.
fn logged(args: &LogArgs, look: Look, work: impl FnOnce(&Logger)) -> String {
    let lines = Lines::default();
    let writer = lines.clone();
    let bars = MultiProgress::new();
    let logger = Logger::with_writer("theft-detection", "20250131T0Z-1", args, look, bars, move || {
        writer.clone()
    });
    work(&logger.unwrap());
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let start = "2025-01-31T12:34:56.789Z".len();
    let cut = |line: &str| match line.strip_prefix("{\"time\":\"") {
        Some(rest) => format!("{{\"time\":\"TIME{}", &rest[start..]),
        None => format!("TIME{}", &line[start..]),
    };
    text.lines().map(cut).collect::<Vec<_>>().join("\n")
}

fn look(format: LogFormat) -> Look {
    Look {
        format,
        colour: false,
        bars: false,
    }
}

fn each_level(logger: &Logger) {
    logger.error("e");
    logger.warn("w");
    logger.info("i");
    logger.debug("d");
    logger.run(|| tracing::trace!("t"));
}

#[test]
fn human_lines_carry_job_and_run() {
    let args = LogArgs {
        verbose: 1,
        ..LogArgs::default()
    };
    let text = logged(&args, look(LogFormat::Human), |logger| {
        logger.info(format_args!("read {} rows", 3));
        logger.debug("own line");
        logger.run(|| tracing::debug!(rows = 3, path = "a\u{1b}[2J", "library\nline"));
        logger.error("bad");
    });
    insta::assert_snapshot!(text, @r#"
    TIME  INFO theft-detection 20250131T0Z-1: read 3 rows
    TIME DEBUG theft-detection 20250131T0Z-1: own line
    TIME DEBUG theft-detection 20250131T0Z-1: datalake_deps::logging::tests: library\nline rows=3 path="a\u001b[2J"
    TIME ERROR theft-detection 20250131T0Z-1: bad
    "#);
}

#[test]
fn json_lines_are_objects() {
    let text = logged(&LogArgs::default(), look(LogFormat::Json), |logger| {
        logger.info("read \"a\"\n\u{1b}");
        logger.run(
            || tracing::warn!(rows = 3_u64, ratio = 0.5, whole = true, left = -1, why = ?Some("x"), "odd"),
        );
    });
    insta::assert_snapshot!(text, @r#"
    {"time":"TIME","level":"INFO","job":"theft-detection","run_id":"20250131T0Z-1","target":"job","message":"read \"a\"\n\u001b"}
    {"time":"TIME","level":"WARN","job":"theft-detection","run_id":"20250131T0Z-1","target":"datalake_deps::logging::tests","message":"odd","fields":{"rows":3,"ratio":0.5,"whole":true,"left":-1,"why":"Some(\"x\")"}}
    "#);
    for line in text.lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(value["job"], "theft-detection");
        assert_eq!(value["run_id"], "20250131T0Z-1");
    }
}

#[test]
fn only_the_level_is_coloured() {
    let text = logged(
        &LogArgs::default(),
        Look {
            format: LogFormat::Human,
            colour: true,
            bars: false,
        },
        |logger| {
            logger.warn("w");
        },
    );
    assert_eq!(
        text,
        "TIME \u{1b}[33m WARN\u{1b}[0m theft-detection 20250131T0Z-1: w"
    );
}

#[test]
fn flags_choose_the_levels() {
    let seen = |verbose, quiet, log: Option<&str>| {
        let args = LogArgs {
            verbose,
            quiet,
            log: log.map(str::to_owned),
            log_format: None,
        };
        let text = logged(&args, look(LogFormat::Human), each_level);
        text.lines()
            .filter_map(|line| line.chars().last())
            .collect::<String>()
    };
    assert_eq!(seen(0, 0, None), "ewi");
    assert_eq!(seen(1, 0, None), "ewid");
    assert_eq!(seen(2, 0, None), "ewidt");
    assert_eq!(seen(0, 1, None), "ew");
    assert_eq!(seen(0, 2, None), "e");
    assert_eq!(seen(0, 3, None), "");
    assert_eq!(seen(1, 1, None), "ewi");
    assert_eq!(seen(0, 0, Some("error,datalake_deps=trace")), "et");
    assert_eq!(seen(0, 1, Some("trace")), "ew");
}

#[test]
fn a_bad_filter_is_an_error() {
    let args = LogArgs {
        log: Some("a=b=c".to_owned()),
        ..LogArgs::default()
    };
    let error = Logger::start("job", "run", &args).unwrap_err();
    assert_eq!(error.to_string(), "cannot read the log filter `a=b=c`");
}

#[test]
fn the_terminal_and_the_flags_decide_the_look() {
    use LogFormat::{Human, Json};
    let of = |format, quiet, terminal, no_color| {
        let args = LogArgs {
            log_format: format,
            quiet,
            ..LogArgs::default()
        };
        let look = Look::new(&args, terminal, no_color);
        (look.format, look.colour, look.bars)
    };
    assert_eq!(of(None, 0, true, false), (Human, true, true));
    assert_eq!(of(None, 0, true, true), (Human, false, true));
    assert_eq!(of(None, 1, true, false), (Human, true, false));
    assert_eq!(of(None, 0, false, false), (Json, false, false));
    assert_eq!(of(Some(Human), 0, false, false), (Human, false, false));
    assert_eq!(of(Some(Json), 0, true, false), (Json, false, false));
}

#[test]
fn a_bar_counts_also_where_it_is_not_drawn() {
    let text = logged(&LogArgs::default(), look(LogFormat::Human), |logger| {
        let bar = logger.progress_bar(10, "days");
        bar.inc(3);
        assert!(bar.is_hidden());
        assert_eq!((bar.position(), bar.length()), (3, Some(10)));
    });
    assert_eq!(text, "");
}

#[test]
fn library_lines_of_a_sessions_threads_go_to_its_log() {
    let text = logged(&LogArgs::default(), look(LogFormat::Human), |logger| {
        std::thread::scope(|scope| {
            scope.spawn(|| tracing::info!("not ours"));
            scope.spawn(|| {
                logger.own_thread();
                tracing::info!("ours");
            });
        });
    });
    assert_eq!(text, "TIME  INFO theft-detection 20250131T0Z-1: ours");
}
