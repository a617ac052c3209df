//! Clients of the feed that waste what it gives them, or all ask for much of it at once, while users log in.
//!
//! Nobody's call is refused meanwhile, and the memory of the process stays bounded. Times are printed, not asserted:
//! `./scripts/bench followers` measures them.
#![allow(clippy::print_stderr, reason = "figures")]

mod crowd;
mod earlier_release;
mod users;

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::StatusCode;
use service_kit::database::Backend;
use service_kit::database::testing::TestDatabase;
use tokio::io::AsyncWriteExt as _;

use self::crowd::{FACTS, PAGE, Place, answer, connect, fill, place_of, request};
use self::users::Users;
use crate::helpers::{ServiceSettings, Service, eventually};

/// Connections that send half a request.
const HALF_REQUESTS: usize = 1_500;
/// Followers that wait for news, and the logouts that they all hear of.
const WAITING: usize = 1_000;
const LOGOUTS: usize = 10;
/// Followers that have nothing and want the whole list at once, and as many that do not read it.
const FROM_THE_BEGINNING: usize = 300;
/// Requests to be held whose clients hang up, and how many of them stand at once.
const HANG_UPS: usize = 3_000;
const HANG_UPS_AT_ONCE: usize = 200;
/// Connections that come with a wrong token, and how often each asks.
const WRONG_TOKENS: usize = 1_000;
const TIMES_ASKED: usize = 3;

/// What a connection may cost the process, in KiB, with the parts of a development build that do not depend on it.
const A_CONNECTION_KIB: usize = 64;
const APART_KIB: usize = 96 * 1024;

/// Longer than a request is held.
const LET_GO: Duration = Duration::from_secs(60);

fn settings() -> (TestDatabase, ServiceSettings) {
    service_kit::server::raise_open_file_limit();
    let database = TestDatabase::create(Backend::Sqlite);
    let settings = ServiceSettings::on(&database);
    (database, settings)
}

async fn place(service: &Service) -> Place {
    let list = service.client.get(format!("{}/revocations", service.url)).send().await.unwrap();
    place_of(&list.text().await.unwrap())
}

#[actix_web::test]
async fn half_requests_keep_nobody_else_waiting() {
    let (_database, settings) = settings();
    let service = settings.start().await;
    let users = Users::of(&service).await;
    let half = async || {
        let mut stream = connect(&service).await;
        stream.write_all(b"GET /revocations HTTP/1.1\r\nHost: localhost\r\n").await.unwrap();
        stream
    };
    let mut held = join_all((0..HALF_REQUESTS).map(|_| half())).await;
    let mut whole = connect(&service).await;
    whole.write_all(request("", "").as_bytes()).await.unwrap();
    assert_eq!(answer(&mut whole).await.0, 200);
    // Those that were not given up are taken as soon as their rest is there.
    let last = held.last_mut().unwrap();
    if last.write_all(b"\r\n").await.is_ok() {
        eprintln!("the last half request: {}", answer(last).await.0);
    }
    users.served_within("half requests", HALF_REQUESTS * A_CONNECTION_KIB + APART_KIB).await;
}

#[actix_web::test]
async fn all_who_wait_hear_of_every_logout_and_none_is_refused() {
    let (_database, settings) = settings();
    let service = settings.start().await;
    let users = Users::of(&service).await;
    service.register("carol").await;
    let beginning = place(&service).await;
    let end = beginning.seq + i64::try_from(LOGOUTS).unwrap();
    let follow = async || {
        let mut stream = connect(&service).await;
        let mut at = beginning.clone();
        while at.seq < end {
            stream.write_all(request(&format!("?wait=30&after={}", at.cursor), "").as_bytes()).await.unwrap();
            let (status, body) = answer(&mut stream).await;
            assert_eq!(status, 200, "{body}");
            at = place_of(&body);
        }
        assert_eq!(at.seq, end);
    };
    let followers = join_all((0..WAITING).map(|_| follow()));
    let logouts = async {
        for _ in 0..LOGOUTS {
            let token = service.access_token("carol").await;
            assert!(service.post("/auth/logout", &token).await.is_success());
        }
    };
    tokio::join!(followers, logouts);
    users.served_within("followers that wait", WAITING * A_CONNECTION_KIB + APART_KIB).await;
}

#[actix_web::test]
async fn many_who_have_nothing_get_the_whole_list_beside_many_who_do_not_read_it() {
    let (database, settings) = settings();
    fill(&settings, &database);
    let service = settings.start().await;
    let users = Users::of(&service).await;
    let deaf = async || {
        let mut stream = connect(&service).await;
        stream.write_all(request("", "").as_bytes()).await.unwrap();
        stream
    };
    let held = join_all((0..FROM_THE_BEGINNING).map(|_| deaf())).await;
    let reads = async || {
        let mut stream = connect(&service).await;
        let mut query = String::new();
        let mut facts = 0;
        while facts < FACTS {
            stream.write_all(request(&query, "").as_bytes()).await.unwrap();
            let (status, body) = answer(&mut stream).await;
            assert_eq!(status, 200, "{body:.200}");
            let entries = body.matches("\"kind\"").count();
            assert!((1..=PAGE).contains(&entries), "{entries}");
            facts += entries;
            assert_eq!(body.contains("\"complete\":true"), facts == FACTS, "{facts}");
            query = format!("?after={}", place_of(&body).cursor);
        }
        assert_eq!(facts, FACTS);
    };
    join_all((0..FROM_THE_BEGINNING).map(|_| reads())).await;
    users.served_within("the whole list", 2 * FROM_THE_BEGINNING * 2 * A_CONNECTION_KIB + APART_KIB).await;
    drop(held);
}

#[actix_web::test]
async fn who_hangs_up_leaves_nothing_behind() {
    let (_database, settings) = settings();
    let service = settings.start().await;
    let users = Users::of(&service).await;
    let cursor = place(&service).await.cursor;
    let asked = request(&format!("?wait=30&after={cursor}"), "");
    let hang_up = async || connect(&service).await.write_all(asked.as_bytes()).await.unwrap();
    for _ in 0..HANG_UPS / HANG_UPS_AT_ONCE {
        join_all((0..HANG_UPS_AT_ONCE).map(|_| hang_up())).await;
    }
    users.served_within("hang-ups", HANG_UPS * A_CONNECTION_KIB + APART_KIB).await;
    let open = async || {
        let metrics = service.client.get(format!("{}/metrics", service.url)).send().await.unwrap();
        let metrics = metrics.text().await.unwrap();
        let line = metrics.lines().find_map(|line| line.strip_prefix("latchkey_http_requests_in_flight "));
        line.unwrap().parse::<f64>().unwrap()
    };
    // This request itself is one.
    eventually("no request of theirs is open", LET_GO, async || open().await <= 1.0).await;
    // Who comes now is served.
    let token = service.access_token("ada").await;
    assert!(service.post("/auth/logout", &token).await.is_success());
    let mut stream = connect(&service).await;
    stream.write_all(asked.as_bytes()).await.unwrap();
    let (status, body) = answer(&mut stream).await;
    assert_eq!((status, body.matches("\"kind\"").count()), (200, 1), "{body}");
}

#[actix_web::test]
async fn wrong_tokens_are_refused_and_cost_nobody_else_anything() {
    let (_database, settings) = settings();
    let right = "the-right-token-of-the-feed";
    let service = settings.with("AUTH__REVOCATION__FEED_TOKEN", right).start().await;
    let users = Users::of(&service).await;
    let guess = async |number: usize| {
        let mut stream = connect(&service).await;
        for time in 0..TIMES_ASKED {
            let wrong = format!("Authorization: Bearer guess-{number}-{time}-0123456789\r\n");
            stream.write_all(request("?wait=30", &wrong).as_bytes()).await.unwrap();
            assert_eq!(answer(&mut stream).await.0, 401);
        }
    };
    let good = async {
        for _ in 0..TIMES_ASKED {
            let asked = service.client.get(format!("{}/revocations", service.url)).bearer_auth(right);
            assert_eq!(asked.send().await.unwrap().status(), StatusCode::OK);
        }
    };
    tokio::join!(join_all((0..WRONG_TOKENS).map(guess)), good);
    users.served_within("wrong tokens", WRONG_TOKENS * A_CONNECTION_KIB + APART_KIB).await;
}
