//! Measures authorization requests of people who are signed in, which are answered with a code and no page, compared with
//! `client_credentials` on the same service and PostgreSQL in turn.

use tokio::runtime::Runtime;

use crate::load::{SECONDS, post, run};
use crate::pgbench::Postgres;
use crate::report::{median, row};
use crate::service::Service;

const ROUNDS: usize = 5;
const USERS: usize = 1_000;

/// The request of an application with PKCE (the challenge of RFC 7636, appendix B).
const REQUEST: &str = "/oauth2/authorize?response_type=code&client_id=bench&scope=openid&state=xyz12345&nonce=n1\
                       &redirect_uri=https%3A%2F%2Fapp.example%2Fcb&code_challenge_method=S256\
                       &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Each request has the cookie of the next session.
const SCRIPT: &str = r#"
function init(arguments)
  requests = {}
  for cookie in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("GET", nil, {["Cookie"] = cookie})
  end
  at = math.random(#requests)
end
function request()
  at = at % #requests + 1
  return requests[at]
end
"#;

pub(crate) fn measure(runtime: &Runtime) {
    let database = crate::pgbench::database("authorize");
    let service = runtime.block_on(Service::start(Some(database.clone())));
    let arguments = [
        "--grants",
        "authorization_code,client_credentials",
        "--scopes",
        "openid todos:read",
        "--audiences",
        "todo-service",
        "--redirect-uris",
        "https://app.example/cb",
        "--first-party",
    ];
    let basic = runtime.block_on(service.client(&arguments));
    let cookies = runtime.block_on(async {
        let mut cookies = String::new();
        for number in 0..USERS {
            let name = format!("user number {number}");
            service.register(&name).await;
            let cookie = service.sign_in(&name).await;
            if number == 0 {
                let location = service.location_of(REQUEST, &cookie).await;
                assert!(location.starts_with("https://app.example/cb?code="), "{location}");
            }
            cookies.push_str(&cookie);
            cookies.push('\n');
        }
        cookies
    });
    let file = service.directory.path().join("cookies");
    std::fs::write(&file, cookies).unwrap();
    let own_name = post("grant_type=client_credentials", &basic);
    let server = Postgres::find(&database);
    let [mut authorized, mut issued, mut services, mut servers, mut wrks] = [const { Vec::new() }; 5];
    for _ in 0..ROUNDS {
        let before = server.processor_seconds();
        let asked = run(&service, REQUEST, SCRIPT, &[&file]);
        servers.push((server.processor_seconds() - before) * 1e6 / (asked.a_second * f64::from(SECONDS)));
        authorized.push(asked.a_second);
        services.push(asked.service_us);
        wrks.push(asked.wrk_us);
        issued.push(run(&service, "/oauth2/token", &own_name, &[]).a_second);
    }
    let [authorized, issued] = [median(&mut authorized), median(&mut issued)];
    let figure = format!("{authorized:.0} of {issued:.0}/s: {:.0} %", 100.0 * authorized / issued);
    row(
        "authorization requests with a session and no page on PostgreSQL, of `client_credentials`",
        "≥ 50 %",
        &figure,
    );
    let [service, server, wrk] = [median(&mut services), median(&mut servers), median(&mut wrks)];
    let figure = format!("{service:.0} µs, {server:.0} µs, {wrk:.0} µs");
    row(
        "processor time of the service, of PostgreSQL and of the load generator for each of these",
        "-",
        &figure,
    );
}
