//! Compares a handler without a token check and one with it, in the same actix-web server. `wrk` sends requests to both
//! in turn. Run with `cargo bench -p shared-claims --bench http`.
#![allow(
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "a stop-watch"
)]

mod support;

use actix_web::{App, HttpServer, web};
use shared_claims::actix::{Authenticated, BearerAuth};
use support::report::{median, row};
use support::wrk::requests_a_second;

const ROUNDS: usize = 5;

async fn bare() -> String {
    format!("the notes of {}", "0198d2c4-0000-7000-8000-000000000001")
}

async fn checked(user: Authenticated) -> String {
    format!("the notes of {}", user.sub)
}

#[actix_web::main]
async fn main() {
    // `cargo test --all-targets` runs this program without `--bench`; it must not measure then.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let token = support::tokens(1).remove(0);
    let mirror = support::mirror(support::facts());
    for (name, remembered) in [("", 10_000), (", each check from the beginning", 0)] {
        let auth = web::Data::new(BearerAuth::new(support::verifier(&mirror, remembered).await));
        let app = move || {
            let app = App::new().app_data(auth.clone());
            app.route("/bare", web::get().to(bare)).route("/checked", web::get().to(checked))
        };
        let server = HttpServer::new(app).disable_signals().bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", server.addrs()[0]);
        let server = server.run();
        let handle = server.handle();
        let serving = actix_web::rt::spawn(server);
        let token = token.clone();
        web::block(move || compare(&url, &token, name)).await.unwrap();
        handle.stop(false).await;
        serving.await.unwrap().unwrap();
    }
}

fn compare(url: &str, token: &str, name: &str) {
    let [mut bare, mut sent, mut checked] = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        bare.push(requests_a_second(&format!("{url}/bare"), None));
        checked.push(requests_a_second(&format!("{url}/checked"), Some(token)));
        sent.push(requests_a_second(&format!("{url}/bare"), Some(token)));
    }
    let (bare, sent, checked) = (median(&mut bare), median(&mut sent), median(&mut checked));
    let target = if name.is_empty() { "≥ 80 %" } else { "-" };
    let (against_bare, against_sent) = (100.0 * checked / bare, 100.0 * checked / sent);
    let figure = format!("{checked:.0} of {bare:.0} requests/s: {against_bare:.0} %");
    row(&format!("actix-web handler with a check, of the bare one{name}"), target, &figure);
    let figure = format!("{checked:.0} of {sent:.0} requests/s: {against_sent:.0} %");
    row(&format!("the same, of the bare one that is sent the token too{name}"), target, &figure);
}
