//! Tests of the feed with many followers that waste its resources or all request much at the same time, while users log in.
//!
//! No request of a user is refused meanwhile, and the memory of the process stays bounded. Times are printed, not asserted:
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
use crate::helpers::{Service, ServiceSettings, eventually};

/// Connections that send half a request.
const HALF_REQUESTS: usize = 1_500;
/// The number of followers that wait for new facts, and of the logouts that all of them learn of.
const WAITING: usize = 1_000;
const LOGOUTS: usize = 10;
/// The number of new followers that request the whole list at the same time, and of others that do not read it.
const NEW_FOLLOWERS: usize = 300;
/// The number of held requests whose clients close the connection, and how many of them exist at the same time.
const DISCONNECTS: usize = 3_000;
const CONCURRENT_DISCONNECTS: usize = 200;
/// The number of connections with a wrong token, and of requests on each.
const WRONG_TOKENS: usize = 1_000;
const REQUESTS_PER_CONNECTION: usize = 3;

/// The memory that the process may use for each connection, and in addition for other parts of a development build, in KiB.
const CONNECTION_KIB: usize = 64;
const OTHER_KIB: usize = 96 * 1024;

/// Longer than a request is held.
const RELEASE_LIMIT: Duration = Duration::from_secs(60);

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
async fn incomplete_requests_do_not_delay_others() {
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
    // Requests that have not timed out are answered when the rest of them has arrived.
    let last = held.last_mut().unwrap();
    if last.write_all(b"\r\n").await.is_ok() {
        eprintln!("the last half request: {}", answer(last).await.0);
    }
    users.served_within("half requests", HALF_REQUESTS * CONNECTION_KIB + OTHER_KIB).await;
}

#[actix_web::test]
async fn all_waiting_followers_learn_of_every_logout_and_none_is_refused() {
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
    users.served_within("followers that wait", WAITING * CONNECTION_KIB + OTHER_KIB).await;
}

#[actix_web::test]
async fn new_followers_get_the_whole_list_while_many_others_do_not_read() {
    let (database, settings) = settings();
    fill(&settings, &database);
    let service = settings.start().await;
    let users = Users::of(&service).await;
    let deaf = async || {
        let mut stream = connect(&service).await;
        stream.write_all(request("", "").as_bytes()).await.unwrap();
        stream
    };
    let held = join_all((0..NEW_FOLLOWERS).map(|_| deaf())).await;
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
    join_all((0..NEW_FOLLOWERS).map(|_| reads())).await;
    users.served_within("the whole list", 2 * NEW_FOLLOWERS * 2 * CONNECTION_KIB + OTHER_KIB).await;
    drop(held);
}

#[actix_web::test]
async fn a_closed_connection_leaves_no_follower_behind() {
    let (_database, settings) = settings();
    let service = settings.start().await;
    let users = Users::of(&service).await;
    let cursor = place(&service).await.cursor;
    let asked = request(&format!("?wait=30&after={cursor}"), "");
    let hang_up = async || connect(&service).await.write_all(asked.as_bytes()).await.unwrap();
    for _ in 0..DISCONNECTS / CONCURRENT_DISCONNECTS {
        join_all((0..CONCURRENT_DISCONNECTS).map(|_| hang_up())).await;
    }
    users.served_within("hang-ups", DISCONNECTS * CONNECTION_KIB + OTHER_KIB).await;
    let open = async || {
        let metrics = service.client.get(format!("{}/metrics", service.url)).send().await.unwrap();
        let metrics = metrics.text().await.unwrap();
        let line = metrics.lines().find_map(|line| line.strip_prefix("latchkey_http_requests_in_flight "));
        line.unwrap().parse::<f64>().unwrap()
    };
    // This request itself is counted as well.
    eventually("no request of theirs is open", RELEASE_LIMIT, async || open().await <= 1.0).await;
    // A new follower is served.
    let token = service.access_token("ada").await;
    assert!(service.post("/auth/logout", &token).await.is_success());
    let mut stream = connect(&service).await;
    stream.write_all(asked.as_bytes()).await.unwrap();
    let (status, body) = answer(&mut stream).await;
    assert_eq!((status, body.matches("\"kind\"").count()), (200, 1), "{body}");
}

#[actix_web::test]
async fn wrong_feed_tokens_are_refused_without_effect_on_others() {
    let (_database, settings) = settings();
    let right = "the-right-token-of-the-feed";
    let service = settings.with("AUTH__REVOCATION__FEED_TOKEN", right).start().await;
    let users = Users::of(&service).await;
    let guess = async |number: usize| {
        let mut stream = connect(&service).await;
        for time in 0..REQUESTS_PER_CONNECTION {
            let wrong = format!("Authorization: Bearer guess-{number}-{time}-0123456789\r\n");
            stream.write_all(request("?wait=30", &wrong).as_bytes()).await.unwrap();
            assert_eq!(answer(&mut stream).await.0, 401);
        }
    };
    let good = async {
        for _ in 0..REQUESTS_PER_CONNECTION {
            let asked = service.client.get(format!("{}/revocations", service.url)).bearer_auth(right);
            assert_eq!(asked.send().await.unwrap().status(), StatusCode::OK);
        }
    };
    tokio::join!(join_all((0..WRONG_TOKENS).map(guess)), good);
    users.served_within("wrong tokens", WRONG_TOKENS * CONNECTION_KIB + OTHER_KIB).await;
}
