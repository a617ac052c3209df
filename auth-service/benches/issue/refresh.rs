//! Measures refresh over HTTP on PostgreSQL, compared with `pgbench` running the same three statements on the same
//! server and tables with the same number of connections.

use std::fmt::Write as _;

use tokio::runtime::Runtime;

use crate::load::{CONNECTIONS, SECONDS, run};
use crate::pgbench::{Pgbench, Postgres, database};
use crate::raw::{cores, key, sign};
use crate::report::{median, row};
use crate::service::Service;

const ROUNDS: usize = 5;
/// The number of users, each with one session, so that no refresh waits for another one's lock. There are more than
/// connections, because `wrk` loses the tokens of requests that are unanswered when it ends.
const USERS: usize = CONNECTIONS + 16;

/// Each thread has its own tokens. A free connection takes a token, and puts the successor back.
const SCRIPT: &str = r#"
local count = 0
function setup(thread)
  thread:set("number", count)
  count = count + 1
end
function init(arguments)
  tokens = {}
  local line_number = 0
  for line in io.lines(arguments[1]) do
    if line_number % 2 == number then tokens[#tokens + 1] = line end
    line_number = line_number + 1
  end
  wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
end
function request()
  return wrk.format("POST", nil, nil, "grant_type=refresh_token&refresh_token=" .. table.remove(tokens))
end
function response(status, headers, body)
  tokens[#tokens + 1] = body:match('"refresh_token":"([^"]+)"')
end
"#;

pub(crate) fn measure(runtime: &Runtime) {
    let url = database("refresh");
    let service = runtime.block_on(Service::start(Some(url.clone())));
    runtime.block_on(async {
        for number in 0..USERS {
            service.register(&format!("user number {number}")).await;
        }
    });
    let pgbench = Pgbench::new(&url);
    let file = service.directory.path().join("tokens");
    let server = Postgres::find(&url);
    let [mut statements, mut refreshes, mut signature_us, mut service_us] = [const { Vec::new() }; 4];
    let [mut statements_us, mut server_us] = [const { Vec::new() }; 2];
    let key = key();
    for _ in 0..ROUNDS {
        let mut tokens = String::new();
        for number in 0..USERS {
            let answer = runtime.block_on(service.log_in(&format!("user number {number}")));
            writeln!(tokens, "{}", answer["refresh_token"].as_str().unwrap()).unwrap();
        }
        std::fs::write(&file, tokens).unwrap();
        let (a_second, us) = pgbench.measure();
        statements.push(a_second);
        statements_us.push(us);
        let before = server.processor_seconds();
        let run = run(&service, "/auth/token", SCRIPT, &[&file]);
        server_us.push((server.processor_seconds() - before) * 1e6 / (run.a_second * f64::from(SECONDS)));
        refreshes.push(run.a_second);
        service_us.push(run.service_us);
        signature_us.push(sign(&key).each_us);
    }
    let [statements, refreshes] = [median(&mut statements), median(&mut refreshes)];
    let [signature_us, service_us] = [median(&mut signature_us), median(&mut service_us)];
    let [statements_us, server_us] = [median(&mut statements_us), median(&mut server_us)];
    let figure = format!("{refreshes:.0} of {statements:.0}/s: {:.0} %", 100.0 * refreshes / statements);
    row("refreshes over HTTP on PostgreSQL, of `pgbench` with the same three statements", "-", &figure);
    // The upper bound for any service: every core only signs and runs PostgreSQL for refreshes.
    let limit = cores() as f64 * 1e6 / (signature_us + statements_us);
    let figure = format!(
        "{refreshes:.0} of {limit:.0}/s ({signature_us:.0} µs + {statements_us:.0} µs on each core): {:.0} %",
        100.0 * refreshes / limit
    );
    row("the same, of one signature and PostgreSQL's own time for the statements", "≥ 75 %", &figure);
    let figure =
        format!("{signature_us:.0} µs of {service_us:.0} µs: {:.0} %", 100.0 * signature_us / service_us);
    row("processor time of a signature, of the service's for a refresh", "-", &figure);
    let figure = format!("{server_us:.0} µs, and {statements_us:.0} µs under `pgbench`");
    row("processor time of PostgreSQL for a refresh", "-", &figure);
}
