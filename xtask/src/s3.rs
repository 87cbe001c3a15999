//! An S3 of this host's own to test with, and one that fails now and then.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fs_err as fs;

use crate::error::{Error, Result};
use crate::process::{cargo, run as run_command, succeeds};

/// What is installed; with another version the conditional writes would have to be looked at again.
const MOTO: &str = "moto[server,s3]==5.2.5";

/// Credentials that tests look for in every output: none may hold them.
const KEY: (&str, &str) = ("AKIAOFTHETESTS000000", "not-a-secret-but-nobody-may-print-it");

const BUCKET: &str = "lakes";

/// Packages of the tree for object stores and clusters.
const PACKAGES: [&str; 2] = ["datalake-object-store", "datalake-cluster"];

/// Builds and tests the crates that are not in the tree of jobs of one host: against an S3, and against one that fails.
pub(crate) fn tests(root: &Path, keep: impl Fn(&str) -> bool + Copy) -> (Vec<String>, Result<()>) {
    let test = |endpoint: Option<&str>| {
        let mut command = cargo(root);
        command.args(["test", "--locked", "--quiet", "--no-fail-fast"]);
        command.args(PACKAGES.iter().flat_map(|package| ["--package", package]));
        if let Some(endpoint) = endpoint {
            environment(&mut command, endpoint);
        }
        crate::process::run_keeping(command.env("INSTA_UPDATE", "no"), keep)
    };
    let server = match Server::start(root) {
        Ok(Some(server)) => server,
        Ok(None) => {
            eprintln!("skipped: no Python with `venv` is here, so there is no S3 to test with");
            return test(None);
        }
        Err(error) => return (Vec::new(), Err(error)),
    };
    let (mut lines, sound) = test(Some(&server.endpoint));
    let faulty = faulty_proxy(&server.endpoint);
    let (more, failing) = match &faulty {
        Ok(endpoint) => test(Some(endpoint)),
        Err(_) => (Vec::new(), Ok(())),
    };
    lines.extend(more);
    (lines, faulty.map(drop).and(sound).and(failing))
}

/// The settings of a program that is to use the store.
fn environment(command: &mut Command, endpoint: &str) {
    command
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_ALLOW_HTTP", "true")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", KEY.0)
        .env("AWS_SECRET_ACCESS_KEY", KEY.1)
        // What does not answer is asked again soon.
        .env("AWS_TIMEOUT", "3 seconds")
        .env("S3_IS_MOTO", "1");
}

/// A moto server, which ends with this value.
struct Server {
    child: Child,
    endpoint: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It holds nothing that anybody needs.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Installs moto into a folder of the build, starts it, and makes a bucket. `None` without a Python.
    fn start(root: &Path) -> Result<Option<Self>> {
        let Some(program) = installed(root)? else {
            return Ok(None);
        };
        // A port that is free now; nobody else starts servers in between.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new(&program);
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|source| Error::Spawn {
                command: program.display().to_string(),
                source,
            })?;
        let server = Self {
            child,
            endpoint: format!("http://127.0.0.1:{port}"),
        };
        let started = Instant::now();
        loop {
            match make_bucket(port) {
                Ok(()) => return Ok(Some(server)),
                Err(error) if started.elapsed() > Duration::from_mins(1) => return Err(error.into()),
                Err(_) => std::thread::sleep(Duration::from_millis(200)),
            }
        }
    }
}

fn installed(root: &Path) -> Result<Option<PathBuf>> {
    let venv = root.join("target/moto");
    let program = venv.join("bin/moto_server");
    let mark = venv.join("installed");
    if fs::read_to_string(&mark).is_ok_and(|text| text == MOTO) {
        return Ok(Some(program));
    }
    let mut make = Command::new("python3");
    make.args(["-m", "venv", "--clear"]).arg(&venv);
    if !succeeds(&mut make) {
        return Ok(None);
    }
    run_command(Command::new(venv.join("bin/pip")).args(["install", "--quiet", MOTO]))?;
    fs::write(mark, MOTO)?;
    Ok(Some(program))
}

fn make_bucket(port: u16) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let head = format!(
        "PUT /{BUCKET} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    if answer.contains(" 200 ") {
        Ok(())
    } else {
        Err(std::io::Error::other(format!("no bucket: {answer}")))
    }
}

/// Starts a proxy that answers one request in ten with 500 or 503, before or after the store has done it, and leaves one in
/// two hundred without an answer. It ends with this process.
fn faulty_proxy(upstream: &str) -> Result<String> {
    let upstream = upstream.trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    let requests = Arc::new(AtomicU64::new(0));
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (upstream, requests) = (upstream.clone(), Arc::clone(&requests));
            // A connection that breaks is one more fault.
            std::thread::spawn(move || pass_on(client, &upstream, &requests));
        }
    });
    Ok(endpoint)
}

/// One request of a connection, after which it is closed.
fn pass_on(mut client: TcpStream, upstream: &str, requests: &AtomicU64) -> std::io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut head = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line == "\r\n" {
            break;
        }
        if !lower.starts_with("connection:") {
            head.push_str(&line);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let number = requests.fetch_add(1, Ordering::Relaxed);
    if number % 200 == 77 {
        std::thread::sleep(Duration::from_secs(30));
        return Ok(());
    }
    let fault = (number % 10 == 3).then_some(number / 10);
    let status = match fault {
        Some(count) if count % 2 == 0 => "500 Internal Server Error",
        _ => "503 Slow Down",
    };
    let refuse = |client: &mut TcpStream| {
        write!(
            client,
            "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
    };
    // A store may fail before it has done what was asked, or after.
    let too_late = fault.is_some_and(|count| count % 4 >= 2);
    if fault.is_some() && !too_late {
        return refuse(&mut client);
    }
    let mut server = TcpStream::connect(upstream)?;
    server.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes())?;
    server.write_all(&body)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    if too_late {
        return refuse(&mut client);
    }
    client.write_all(&answer)?;
    client.shutdown(Shutdown::Write)
}
