//! Compares the time of a request with that of the same request to a bare actix-web server: `GET /healthz` (everything
//! that each response has, but no log line at the default level), `GET /whoami` with thousands of tokens in turn, and
//! the key set.

use std::path::Path;

use actix_web::{App, HttpResponse, HttpServer, web};

use crate::process::{Environment, service_tokens};
use crate::report::{median, row};
use crate::wrk::{processor_us, requests_a_second, requests_a_second_by};

const ROUNDS: usize = 5;
const TOKENS: usize = 5_000;

/// Each thread of `wrk` sends the tokens in turn. The requests are built in advance, so that sending them costs `wrk`
/// almost nothing.
const TOKENS_IN_TURN: &str = r#"
function init(arguments)
  requests = {}
  for token in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("GET", nil, {["Authorization"] = "Bearer " .. token})
  end
  at = 0
end
function request()
  at = at % #requests + 1
  return requests[at]
end
"#;

async fn hello() -> &'static str {
    "hello"
}

/// The headers that the services add to each response: the kernel carries them, and `wrk` reads them on the same cores.
const HEADERS: [(&str, &str); 8] = [
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("vary", "origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("referrer-policy", "no-referrer"),
    (
        "content-security-policy",
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    ("x-request-id", "60d3936f-c3fe-4283-8eb4-06623ef9ab22"),
];

async fn hello_with_headers() -> HttpResponse {
    let mut response = HttpResponse::Ok();
    for header in HEADERS {
        response.insert_header(header);
    }
    response.body("hello")
}

pub(crate) async fn measure() {
    let environment = Environment::new(None);
    let auth = environment.auth_service();
    auth.ready().await;
    let tokens = environment.path("tokens");
    std::fs::write(&tokens, service_tokens(&environment, &auth, TOKENS).await.join("\n")).unwrap();
    let todo = environment.todo_service();
    todo.ready().await;
    // The same version of actix-web, the same number of workers as the services, and a path of the same length.
    let workers = std::thread::available_parallelism().unwrap().get();
    let keys = format!("{}/.well-known/jwks.json", auth.url);
    let key_set = auth.client.get(&keys).send().await.unwrap().bytes().await.unwrap();
    let app = move || {
        let (app, key_set) = (App::new(), key_set.clone());
        app.route("/healthz", web::get().to(hello))
            .route("/headers", web::get().to(hello_with_headers))
            .route(
                "/keys",
                web::get().to(move || std::future::ready(HttpResponse::Ok().body(key_set.clone()))),
            )
    };
    let server = HttpServer::new(app).workers(workers).disable_signals().bind("127.0.0.1:0").unwrap();
    let bare = format!("http://{}/healthz", server.addrs()[0]);
    let server = server.run();
    let handle = server.handle();
    let serving = actix_web::rt::spawn(server);
    let script = environment.path("tokens.lua");
    std::fs::write(&script, TOKENS_IN_TURN).unwrap();
    let urls = Urls {
        headers: bare.replace("/healthz", "/headers"),
        bare_keys: bare.replace("/healthz", "/keys"),
        bare,
        healthz: format!("{}/healthz", todo.url),
        whoami: format!("{}/whoami", todo.url),
        keys,
        login: format!("{}/login", auth.url),
    };
    let processes = [todo.id(), auth.id()];
    web::block(move || compare(&urls, &script, &tokens, processes)).await.unwrap();
    handle.stop(false).await;
    serving.await.unwrap().unwrap();
}

struct Urls {
    bare: String,
    headers: String,
    bare_keys: String,
    healthz: String,
    whoami: String,
    keys: String,
    login: String,
}

fn compare(urls: &Urls, script: &Path, tokens: &Path, [todo, auth]: [u32; 2]) {
    let [mut bare, mut headers, mut sent, mut bare_keys, mut healthz, mut whoami, mut keys, mut login] =
        [const { Vec::new() }; 8];
    let [mut bare_us, mut healthz_us, mut whoami_us, mut keys_us] = [const { Vec::new() }; 4];
    let own = std::process::id();
    // One request with each token, so that the measured requests are served from the token cache.
    requests_a_second_by(script, tokens, &urls.whoami);
    for _ in 0..ROUNDS {
        bare.push(processor_us(own, &mut bare_us, || requests_a_second(&urls.bare, None)));
        headers.push(requests_a_second(&urls.headers, None));
        healthz.push(processor_us(todo, &mut healthz_us, || requests_a_second(&urls.healthz, None)));
        whoami
            .push(processor_us(todo, &mut whoami_us, || requests_a_second_by(script, tokens, &urls.whoami)));
        sent.push(requests_a_second_by(script, tokens, &urls.bare));
        bare_keys.push(requests_a_second(&urls.bare_keys, None));
        keys.push(processor_us(auth, &mut keys_us, || requests_a_second(&urls.keys, None)));
        login.push(requests_a_second(&urls.login, None));
    }
    let [bare, headers, sent, bare_keys] =
        [&mut bare, &mut headers, &mut sent, &mut bare_keys].map(|rates| median(rates));
    let compared = |what: &str, target: &str, figures: &mut [f64], bare: f64| {
        let figure = median(figures);
        let share = 100.0 * figure / bare;
        row(what, target, &format!("{figure:.0} of {bare:.0} requests/s: {share:.0} %"));
    };
    compared("`/healthz`, of a bare actix-web hello", "≥ 90 %", &mut healthz, bare);
    compared("the same, of a bare hello that sends the same headers", "-", &mut healthz, headers);
    let what = "`/whoami` with 5,000 tokens in turn, of a bare hello that is sent the tokens too";
    compared(what, "≥ 80 %", &mut whoami, sent);
    compared("the same, of a bare hello that is sent none", "-", &mut whoami, bare);
    compared("the key set, of a bare hello", "≥ 80 %", &mut keys, bare);
    compared("the same, of a bare handler that sends as large a body", "-", &mut keys, bare_keys);
    compared("the sign-in page, of a bare hello", "≥ 50 %", &mut login, bare);
    let [bare, healthz, whoami, keys] =
        [&mut bare_us, &mut healthz_us, &mut whoami_us, &mut keys_us].map(|us| median(us));
    let figure = format!("{bare:.1} µs, {healthz:.1} µs, {whoami:.1} µs, {keys:.1} µs");
    row("processor time of the server for these: bare, `/healthz`, `/whoami`, key set", "-", &figure);
}
