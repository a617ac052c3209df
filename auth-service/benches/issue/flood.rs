//! Measures what others notice while 64 connections flood the service with logins: how long a verified read and a refresh take
//! then, and how long the slowest login waits. Rate limits are off, so that nothing but the bounds on hashing helps.

use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::load::CONNECTIONS;
use crate::report::row;
use crate::service::{PASSWORD, Service};

/// The length of each measurement: first without the flood, then with it.
const PART: Duration = Duration::from_secs(10);
const READ_EVERY: Duration = Duration::from_millis(5);
const REFRESH_EVERY: Duration = Duration::from_millis(25);

pub(crate) fn measure(runtime: &Runtime) {
    let service = runtime.block_on(Service::start_with(None, &[("AUTH__PASSWORDS__BCRYPT_COST", "12")]));
    runtime.block_on(async {
        service.register("ada").await;
        let tokens = service.log_in("ada").await;
        // The first requests open connections and read keys.
        others(&service, &tokens, Duration::from_secs(1)).await;
        let tokens = service.log_in("ada").await;
        let idle = others(&service, &tokens, PART).await;
        let tokens = service.log_in("ada").await;
        let flood = (0..CONNECTIONS).map(|_| logins(service.url.clone(), PART));
        let (flooded, logins) =
            tokio::join!(others(&service, &tokens, PART), futures_util::future::join_all(flood));
        let figure =
            |idle: f64, flooded: f64| format!("{idle:.2} ms idle, {flooded:.2} ms: {:.1}", flooded / idle);
        let read = figure(percentile(&idle.reads), percentile(&flooded.reads));
        row(
            "p99 of a verified read (`/auth/me`) while 64 connections flood logins",
            "≤ 5 times, or ≤ 20 ms",
            &read,
        );
        let refresh = figure(percentile(&idle.refreshes), percentile(&flooded.refreshes));
        row("p99 of a refresh meanwhile", "-", &refresh);
        let judged: Vec<f64> = logins.iter().flat_map(|logins| logins.judged.iter().copied()).collect();
        let shed: usize = logins.iter().map(|logins| logins.shed).sum();
        let slowest = judged.iter().copied().fold(0.0, f64::max);
        let figure =
            format!("{slowest:.0} ms of {} that were judged; {shed} were answered with 503", judged.len());
        row("the slowest login meanwhile (`passwords.max_wait_ms` is 2,000)", "-", &figure);
    });
}

/// The duration of each request that is not part of the flood, in milliseconds.
struct Others {
    reads: Vec<f64>,
    refreshes: Vec<f64>,
}

/// Reads, and refreshes, at a steady pace.
async fn others(service: &Service, tokens: &Value, during: Duration) -> Others {
    let text = |tokens: &Value, name: &str| tokens[name].as_str().unwrap().to_owned();
    let access = text(tokens, "access_token");
    let end = Instant::now() + during;
    let read = async {
        let (client, mut took) = (Client::new(), Vec::new());
        while Instant::now() < end {
            let request = client.get(format!("{}/auth/me", service.url)).bearer_auth(&access);
            took.push(timed(request, 200).await.0);
            tokio::time::sleep(READ_EVERY).await;
        }
        took
    };
    let refresh = async {
        let (client, mut took) = (Client::new(), Vec::new());
        let mut token = text(tokens, "refresh_token");
        while Instant::now() < end {
            let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
            let (ms, body) = timed(client.post(format!("{}/auth/token", service.url)).form(&form), 200).await;
            took.push(ms);
            token = text(&serde_json::from_slice(&body).unwrap(), "refresh_token");
            tokio::time::sleep(REFRESH_EVERY).await;
        }
        took
    };
    let (reads, refreshes) = tokio::join!(read, refresh);
    Others { reads, refreshes }
}

/// The milliseconds until the whole response was read, and its body.
async fn timed(request: reqwest::RequestBuilder, status: u16) -> (f64, Vec<u8>) {
    let began = Instant::now();
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), status);
    let body = response.bytes().await.unwrap();
    (began.elapsed().as_secs_f64() * 1000.0, body.to_vec())
}

/// The logins of one connection.
struct Logins {
    /// How long each took that was judged, in milliseconds.
    judged: Vec<f64>,
    /// The number of logins that were answered with 503.
    shed: usize,
}

/// Logs in again and again with a wrong password.
async fn logins(url: String, during: Duration) -> Logins {
    let (client, end) = (Client::new(), Instant::now() + during);
    let mut logins = Logins { judged: Vec::new(), shed: 0 };
    let form = [("username", "ada"), ("password", &*format!("not {PASSWORD}"))];
    while Instant::now() < end {
        let began = Instant::now();
        let response = client.post(format!("{url}/auth/token")).form(&form).send().await.unwrap();
        match response.status().as_u16() {
            401 => logins.judged.push(began.elapsed().as_secs_f64() * 1000.0),
            503 => logins.shed += 1,
            other => panic!("{other}"),
        }
        response.bytes().await.unwrap();
    }
    logins
}

fn percentile(took: &[f64]) -> f64 {
    let mut sorted = took.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[(sorted.len() - 1) * 99 / 100]
}
