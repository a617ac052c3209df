//! Runs `wrk`, which sends the next request as soon as it has a response.
#![allow(dead_code, reason = "each bench uses its part")]

use std::path::Path;
use std::process::Command;

const SECONDS: f64 = 3.0;

/// Measures requests per second for a few seconds, with 64 connections. Every response must be a 2xx.
pub(crate) fn requests_a_second(url: &str, token: Option<&str>) -> f64 {
    let mut wrk = wrk();
    if let Some(token) = token {
        wrk.arg("-H").arg(format!("Authorization: Bearer {token}"));
    }
    run(wrk.arg(url))
}

/// Measures requests per second with a Lua script, which gets the name of a file.
pub(crate) fn requests_a_second_by(script: &Path, file: &Path, url: &str) -> f64 {
    run(wrk().arg("-s").arg(script).arg(url).arg("--").arg(file))
}

fn wrk() -> Command {
    let mut wrk = Command::new("wrk");
    wrk.args(["-t2", "-c64"]).arg(format!("-d{SECONDS:.0}s"));
    wrk
}

fn run(wrk: &mut Command) -> f64 {
    let output = wrk.output().expect("wrk on the PATH (package wrk)");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(!text.contains("Non-2xx") && !text.contains("Socket errors"), "{wrk:?}: {text}");
    let line = text.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
    line.unwrap_or_else(|| panic!("{wrk:?}: {text}")).trim().parse().unwrap()
}

/// Runs a measurement and adds to `noted` the processor time that a process used per request, in microseconds.
pub(crate) fn processor_us(process: u32, noted: &mut Vec<f64>, measure: impl FnOnce() -> f64) -> f64 {
    let before = processor_seconds(process);
    let a_second = measure();
    noted.push((processor_seconds(process) - before) * 1e6 / (a_second * SECONDS));
    a_second
}

/// The user and system time that a process has used, in seconds.
fn processor_seconds(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields = stat.rsplit_once(')').unwrap().1.split_ascii_whitespace().skip(11).take(2);
    fields.map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}
