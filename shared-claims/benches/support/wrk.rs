//! `wrk`, which asks as fast as it gets answers.
#![allow(dead_code, reason = "each bench uses its part")]

use std::process::Command;

/// Requests a second over some seconds, on 64 connections. Every answer must be a 2xx.
pub(crate) fn requests_a_second(url: &str, token: Option<&str>) -> f64 {
    let mut wrk = Command::new("wrk");
    wrk.args(["-t2", "-c64", "-d3s"]);
    if let Some(token) = token {
        wrk.arg("-H").arg(format!("Authorization: Bearer {token}"));
    }
    let output = wrk.arg(url).output().expect("wrk on the PATH (package wrk)");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(!text.contains("Non-2xx") && !text.contains("Socket errors"), "{url}: {text}");
    let line = text.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
    line.unwrap_or_else(|| panic!("{url}: {text}")).trim().parse().unwrap()
}
