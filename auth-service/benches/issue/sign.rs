//! Measures `client_credentials` over HTTP, compared with bare signatures on the same cores in the same minute.

use tokio::runtime::Runtime;

use crate::load::{Run, post, run};
use crate::raw::{key, sign};
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
    let [mut bare, mut issued, mut bare_us, mut service_us, mut wrk_us] = [const { Vec::new() }; 5];
    for _ in 0..ROUNDS {
        let signed = sign(&key);
        bare.push(signed.a_second);
        bare_us.push(signed.each_us);
        let Run { a_second, service_us: service, wrk_us: wrk } = run(&service, "/oauth2/token", &script, &[]);
        issued.push(a_second);
        service_us.push(service);
        wrk_us.push(wrk);
    }
    let [bare, issued] = [median(&mut bare), median(&mut issued)];
    let [bare_us, service_us, wrk_us] = [median(&mut bare_us), median(&mut service_us), median(&mut wrk_us)];
    let figure = format!("{issued:.0} of {bare:.0}/s: {:.0} %", 100.0 * issued / bare);
    row("tokens by `client_credentials` over HTTP, of the bare RSA-2048 signatures", "≥ 87 %", &figure);
    let figure = format!("{bare_us:.0} µs of {service_us:.0} µs: {:.0} %", 100.0 * bare_us / service_us);
    row("processor time of a signature, of the service's for a token", "-", &figure);
    row(
        "processor time of the load generator for a token, on the same cores",
        "-",
        &format!("{wrk_us:.0} µs"),
    );
}
