//! Generates load with `wrk`, which runs a script and sends the next request as soon as it has a response.

use std::path::Path;
use std::process::Command;

use crate::service::Service;

pub(crate) const SECONDS: u32 = 4;
pub(crate) const THREADS: usize = 2;
pub(crate) const CONNECTIONS: usize = 64;

/// The result of a run.
pub(crate) struct Run {
    pub(crate) a_second: f64,
    /// Processor time of the service per request, microseconds.
    pub(crate) service_us: f64,
    /// Processor time of `wrk` per request, microseconds.
    pub(crate) wrk_us: f64,
}

/// Runs the script against a path. Every response must be a 2xx.
pub(crate) fn run(service: &Service, path: &str, script: &str, arguments: &[&Path]) -> Run {
    let file = service.directory.path().join("script.lua");
    std::fs::write(&file, script).unwrap();
    let (before, wrk_before) = (service.processor_seconds(), children_seconds());
    let output = Command::new("wrk")
        .args([format!("-t{THREADS}"), format!("-c{CONNECTIONS}"), format!("-d{SECONDS}s"), "-s".to_owned()])
        .arg(&file)
        .arg(format!("{}{path}", service.url))
        .arg("--")
        .args(arguments)
        .output()
        .expect("wrk on the PATH (package wrk)");
    let (service_s, wrk_s) = (service.processor_seconds() - before, children_seconds() - wrk_before);
    let text = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!text.contains("Non-2xx") && !text.contains("Socket errors"), "{path}: {text}{error}");
    let unlike = || -> ! { panic!("{path}: {text}{error}") };
    let requests = text.lines().find_map(|line| line.trim().split_once(" requests in "));
    let requests: f64 = requests.unwrap_or_else(|| unlike()).0.parse().unwrap();
    let rate = text.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
    Run {
        a_second: rate.unwrap_or_else(|| unlike()).trim().parse().unwrap(),
        service_us: service_s * 1e6 / requests,
        wrk_us: wrk_s * 1e6 / requests,
    }
}

/// Processor time of this process's children that have ended, in seconds.
fn children_seconds() -> f64 {
    ticks_seconds("self", 13)
}

/// Processor time of this process, in seconds.
pub(crate) fn own_processor_seconds() -> f64 {
    ticks_seconds("self", 11)
}

/// The sum of two neighbouring fields of a process's `stat` file, user and system time, in seconds.
pub(crate) fn ticks_seconds(process: &str, at: usize) -> f64 {
    seconds_in(&std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap(), at)
}

/// Reads the same value from the text of a `stat` file.
pub(crate) fn seconds_in(stat: &str, at: usize) -> f64 {
    let after_name = stat.rsplit_once(')').unwrap().1;
    let fields = after_name.split_ascii_whitespace().skip(at).take(2);
    fields.map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

/// A script that posts the same form again and again.
pub(crate) fn post(form: &str, authorization: &str) -> String {
    format!(
        "wrk.method = 'POST'\n\
         wrk.body = '{form}'\n\
         wrk.headers['Content-Type'] = 'application/x-www-form-urlencoded'\n\
         wrk.headers['Authorization'] = '{authorization}'\n"
    )
}
