//! Measures `POST /oauth2/introspect` with an access token and with a refresh token.

use tokio::runtime::Runtime;

use crate::load::{post, run};
use crate::report::{median, row};
use crate::service::Service;

const ROUNDS: usize = 3;

pub(crate) fn measure(runtime: &Runtime) {
    let service = runtime.block_on(Service::start(Some(crate::pgbench::database("introspect"))));
    let (basic, answer) = runtime.block_on(async {
        let arguments =
            ["--grants", "password,refresh_token", "--scopes", "todos:read", "--audiences", "todo-service"];
        let basic = service.client(&arguments).await;
        service.register("ada").await;
        let form = [("grant_type", "password"), ("username", "ada"), ("password", crate::service::PASSWORD)];
        let answer = service.post("/oauth2/token", &basic, &form).await;
        (basic, answer)
    });
    for kind in ["access_token", "refresh_token"] {
        let token = answer[kind].as_str().unwrap();
        // Without the hint a refresh token is not active.
        let told = runtime.block_on(service.post(
            "/oauth2/introspect",
            &basic,
            &[("token", token), ("token_type_hint", kind)],
        ));
        assert_eq!(told["active"], true);
        let script = post(&format!("token={token}&token_type_hint={kind}"), &basic);
        let mut rates: Vec<f64> =
            (0..ROUNDS).map(|_| run(&service, "/oauth2/introspect", &script, &[]).a_second).collect();
        let what = format!("introspections over HTTP on PostgreSQL, {}", kind.replace('_', " "));
        row(&what, "-", &format!("{:.0}/s", median(&mut rates)));
    }
}
