//! Sessions as jobs, tests and consoles start them.

#![allow(clippy::unwrap_used)]

use clap::{CommandFactory as _, Parser};
use fs_err as fs;

use super::settings::Given;
use super::start::{Request, unknown_variables};
use super::*;
use crate::config::ConfigArgs;
use crate::diagnostic::{Diagnostic as _, render};
use crate::env_vars;
use crate::exit_code::ExitCode;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    session: SessionArgs,
    #[command(flatten)]
    config: ConfigArgs,
}

fn args(flags: &[&str]) -> SessionArgs {
    Cli::parse_from(["job"].iter().chain(flags)).session
}

const CALL: SessionOptions<'static> = SessionOptions {
    app_name: "theft-detection",
    master: Some("local[3]"),
    files: &["call_config.json"],
    config: None,
    session_config: &[("batch_rows", "3")],
    args: None,
};

fn given(settings: &[(&str, &str)]) -> Given {
    let mut given = Given::default();
    for (key, value) in settings {
        given.set(key, value).unwrap();
    }
    given
}

#[test]
fn flags_may_be_repeated_and_hold_lists() {
    let args = args(&[
        "--files",
        "a,b",
        "--files",
        "c",
        "--conf",
        "threads=1,batch_rows=2",
        "--conf",
        "threads=3",
        "-vvq",
    ]);
    assert_eq!(args.files, ["a", "b", "c"].map(PathBuf::from));
    assert_eq!(args.conf, ["threads=1", "batch_rows=2", "threads=3"]);
    assert_eq!((args.log.verbose, args.log.quiet), (2, 1));
}

#[test]
fn every_flag_has_a_variable_and_every_variable_is_listed() {
    let command = Cli::command();
    let mut variables: Vec<_> = command
        .get_arguments()
        // `--set` has a variable for each key of the config.
        .filter(|argument| argument.get_id() != "set")
        .map(|argument| argument.get_env().unwrap().to_str().unwrap())
        .collect();
    variables.extend([env_vars::DEBUG, env_vars::NO_COLOR]);
    variables.sort_unstable();
    let mut listed: Vec<_> = env_vars::ALL.iter().map(|(name, _)| *name).collect();
    listed.sort_unstable();
    assert_eq!(variables, listed);
}

#[test]
fn on_the_command_line_only_the_name_of_the_call_counts() {
    let none = args(&[]);
    let request = Request::new(
        Context::CommandLine,
        &SessionOptions {
            args: Some(&none),
            ..CALL
        },
    )
    .unwrap();
    let nothing = Request {
        master: Master::AllCores,
        files: Vec::new(),
        config: None,
        given: Given::default(),
    };
    assert_eq!(request, nothing);
    let some = args(&[
        "--master",
        "local[2]",
        "--files",
        "f.csv",
        "--config",
        "c.json",
        "--conf",
        "threads=1",
    ]);
    let request = Request::new(
        Context::CommandLine,
        &SessionOptions {
            args: Some(&some),
            ..CALL
        },
    )
    .unwrap();
    let expected = Request {
        master: Master::Threads(2),
        files: vec!["f.csv".into()],
        config: Some("c.json".into()),
        given: given(&[("threads", "1")]),
    };
    assert_eq!(request, expected);
}

#[test]
fn under_debug_the_call_goes_before_the_flags() {
    let some = args(&[
        "--master",
        "local[2]",
        "--config",
        "c.json",
        "--conf",
        "threads=1,batch_rows=9",
    ]);
    let call = SessionOptions {
        args: Some(&some),
        ..CALL
    };
    let expected = Request {
        master: Master::Threads(3),
        files: vec!["call_config.json".into()],
        config: None,
        given: given(&[("threads", "1"), ("batch_rows", "3")]),
    };
    assert_eq!(Request::new(Context::Debug, &call).unwrap(), expected);
    // What the call leaves open, the flags fill in.
    let open = SessionOptions {
        app_name: "theft-detection",
        args: Some(&some),
        ..SessionOptions::default()
    };
    let request = Request::new(Context::Debug, &open).unwrap();
    assert_eq!(
        (request.master, request.config),
        (Master::Threads(2), Some("c.json".into()))
    );
}

#[test]
fn without_a_command_line_the_call_decides() {
    let expected = Request {
        master: Master::Threads(3),
        files: vec!["call_config.json".into()],
        config: None,
        given: given(&[("batch_rows", "3")]),
    };
    assert_eq!(Request::new(Context::Interactive, &CALL).unwrap(), expected);
}

#[test]
fn a_session_has_what_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let config_path = folder.path().join("datalake_config.json");
    let data_path = folder.path().join("device.csv");
    fs::write(&config_path, r#"{"output": "out"}"#).unwrap();
    fs::write(&data_path, "").unwrap();
    let spill_base = folder.path().join("spill");
    let (session, log, config) = start_session(SessionOptions {
        app_name: "theft-detection",
        master: Some("local[3]"),
        files: &[data_path.to_str().unwrap(), config_path.to_str().unwrap()],
        session_config: &[
            ("memory_limit", "64MiB"),
            ("spill_folder", spill_base.to_str().unwrap()),
        ],
        ..SessionOptions::default()
    })
    .unwrap();
    log.debug("started");
    assert_eq!(session.app_name(), "theft-detection");
    assert_eq!(session.context(), Context::Interactive);
    assert_eq!(session.master(), &Master::Threads(3));
    assert_eq!(session.threads(), 3);
    assert_eq!(session.install(rayon::current_num_threads), 3);
    assert_eq!(session.memory_limit_bytes(), 64 << 20);
    assert_eq!(session.batch_rows(), 8192);
    assert_eq!(session.files(), [data_path, config_path.clone()]);
    assert!(session.spill_folder().starts_with(&spill_base) && session.spill_folder().is_dir());
    assert!(
        session
            .run_id()
            .starts_with(&session.started().strftime("%Y%m%dT%H%M%S").to_string())
    );
    let config = session.require_config(config).unwrap();
    assert_eq!(config.value["output"], "out");
    assert_eq!(config.origin, crate::config::Origin::File(config_path));
    assert_eq!(session.check_stop(), Ok(()));
    session.stop_flag().request();
    assert_eq!(session.check_stop(), Err(Stopped));
    drop(session);
    assert_eq!(fs::read_dir(&spill_base).unwrap().count(), 0);
}

fn fault(options: SessionOptions<'_>) -> (ExitCode, String) {
    let error = start_session(options).unwrap_err();
    (error.exit_code(), render(&error))
}

#[test]
fn a_session_that_cannot_start_says_why() {
    let (code, text) = fault(SessionOptions {
        master: Some("spark://host:7077"),
        ..SessionOptions::default()
    });
    assert_eq!(code, ExitCode::Usage);
    insta::assert_snapshot!(text, @r"
    error: this build runs on one machine and cannot reach the cluster `spark://host:7077`
    hint: leave `--master` out, or give `--master local[*]`
    ");
    let (code, text) = fault(SessionOptions {
        master: Some("yarn"),
        ..SessionOptions::default()
    });
    assert_eq!(code, ExitCode::Usage);
    insta::assert_snapshot!(text, @r"
    error: cannot read the master `yarn`
    hint: known forms are local, local[N], local[*], spark://HOST:PORT, ballista://HOST:PORT
    ");
    let (code, text) = fault(SessionOptions {
        files: &["nowhere.csv"],
        ..SessionOptions::default()
    });
    assert_eq!(code, ExitCode::NoInput);
    insta::assert_snapshot!(text, @r"
    error: cannot open the file `nowhere.csv` that the job was given
    Caused by: failed to query resolved metadata `nowhere.csv`: No such file or directory (os error 2)
    hint: check the paths given by `--files`
    ");
    let (code, text) = fault(SessionOptions {
        config: Some("nowhere.json"),
        ..SessionOptions::default()
    });
    assert_eq!(code, ExitCode::Config);
    insta::assert_snapshot!(text, @r"
    error: cannot read the config `nowhere.json`
    Caused by: failed to open file `nowhere.json`: No such file or directory (os error 2)
    hint: give `--config` a JSON file that this user may read; `--print-config` without one prints the defaults
    ");
    let (code, _) = fault(SessionOptions {
        files: &["a_config.json", "b_config.json"],
        ..SessionOptions::default()
    });
    assert_eq!(code, ExitCode::Config);
    let spill = [("spill_folder", "/proc/nothing")];
    let (code, _) = fault(SessionOptions {
        session_config: &spill,
        ..SessionOptions::default()
    });
    assert_eq!(code, ExitCode::CannotCreate);
}

#[test]
fn a_job_that_needs_a_config_says_so() {
    let (session, _, config) = start_session(SessionOptions {
        app_name: "theft-detection",
        ..SessionOptions::default()
    })
    .unwrap();
    let error = session.require_config(config).unwrap_err();
    assert_eq!(error.exit_code(), ExitCode::Config);
    insta::assert_snapshot!(render(&error), @r"
    error: job `theft-detection` needs a config, and none was given
    hint: give `--config FILE`, or `--files` with one file whose name ends in `config.json`
    ");
}

#[test]
fn slips_in_variable_names_are_noticed() {
    let names = [
        "DATALAKE_MASTR",
        "DATALAKE_MASTER",
        "DATALAKE__A__B",
        "DATALAKE_X",
        "HOME",
        "DEBUG",
    ];
    assert_eq!(
        unknown_variables(names.into_iter().map(str::to_owned)),
        ["DATALAKE_MASTR", "DATALAKE_X"]
    );
}
