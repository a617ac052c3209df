//! `client_credentials` over HTTP, beside the bare signatures of the same cores in the same minute.

use tokio::runtime::Runtime;

use crate::load::{Run, post, run};
use crate::raw::{cores, key, signatures_a_second};
use crate::report::{median, row};
use crate::service::Service;

const ROUNDS: usize = 5;

pub(crate) fn measure(runtime: &Runtime) {
    let service = runtime.block_on(Service::start(None));
    let arguments =
        ["--grants", "client_credentials", "--scopes", "todos:read", "--audiences", "todo-service"];
    let basic = runtime.block_on(service.client(&arguments));
    let script = post("grant_type=client_credentials", &basic);
    let key = key();
    let [mut bare, mut issued, mut service_us, mut wrk_us] = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        bare.push(signatures_a_second(&key));
        let Run { a_second, service_us: service, wrk_us: wrk } = run(&service, "/oauth2/token", &script, &[]);
        issued.push(a_second);
        service_us.push(service);
        wrk_us.push(wrk);
    }
    let [bare, issued] = [median(&mut bare), median(&mut issued)];
    let [service_us, wrk_us] = [median(&mut service_us), median(&mut wrk_us)];
    let figure = format!("{issued:.0} of {bare:.0}/s: {:.0} %", 100.0 * issued / bare);
    row("tokens by `client_credentials` over HTTP, of the bare RSA-2048 signatures", "≥ 85 %", &figure);
    let signature_us = 1e6 * cores() as f64 / bare;
    let figure =
        format!("{signature_us:.0} µs of {service_us:.0} µs: {:.0} %", 100.0 * signature_us / service_us);
    row("processor time of a signature, of the service's for a token", "-", &figure);
    row(
        "processor time of the load generator for a token, on the same cores",
        "-",
        &format!("{wrk_us:.0} µs"),
    );
}
