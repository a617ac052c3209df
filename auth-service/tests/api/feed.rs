//! The feed, as a follower sees it.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use reqwest::StatusCode;
use serde_json::Value;
use service_kit::database::testing::TestDatabase;
use service_kit::database::{Backend, DatabaseError};
use shared_claims::clock::ManualClock;
use shared_claims::testing::eventually;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::helpers::{START_MS, TestApp, both, settings, spawn_replica};

/// More facts than are kept in memory.
const MANY: usize = 36_000;

/// The most entries of a response.
const PAGE: usize = 5_000;

/// A lock on the log that another connection holds.
pub(crate) struct Locked {
    release: std::sync::mpsc::Sender<()>,
    holding: tokio::task::JoinHandle<()>,
}

impl Locked {
    pub(crate) async fn release(self) {
        drop(self.release);
        self.holding.await.unwrap();
    }
}

impl TestApp {
    /// A response of the feed, and how long it took.
    pub(crate) async fn feed(&self, query: &str) -> (StatusCode, Value, Duration) {
        let began = Instant::now();
        let answer = self.get(&format!("/revocations{query}")).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap(), began.elapsed())
    }

    async fn execute(&self, statements: &'static str) {
        let done = self.database.write(move |conn| Ok::<_, DatabaseError>(conn.batch_execute(statements)?));
        done.await.unwrap();
    }

    /// Logs in and out this many times. Each logout is one fact.
    pub(crate) async fn log_in_and_out(&self, times: usize) {
        for _ in 0..times {
            let tokens = self.login("alice").await;
            assert_eq!(self.logout(&tokens.access).await.status(), StatusCode::NO_CONTENT);
        }
    }

    /// Locks the log, so that nobody can read it until the lock is released. For PostgreSQL only.
    pub(crate) async fn lock_the_log(&self) -> Locked {
        let (release, released) = std::sync::mpsc::channel();
        let (locked, locking) = oneshot::channel();
        let database = self.database.clone();
        let holding = tokio::spawn(async move {
            let held = database.write_once(move |conn| {
                conn.batch_execute("LOCK TABLE revocation_log IN ACCESS EXCLUSIVE MODE")?;
                locked.send(()).unwrap();
                // Ends when the sender is dropped.
                let _ = released.recv();
                Ok::<_, DatabaseError>(())
            });
            held.await.unwrap();
        });
        locking.await.unwrap();
        Locked { release, holding }
    }

    /// Adds [`MANY`] facts to the log, in one commit.
    async fn flood(&self) {
        self.execute(
            "INSERT INTO revocations (seq, kind, subject_id, at_ms, exp_s, created_at_ms)
             SELECT i, 'sid', 'session-' || i, NULL, 1800000000, 0 FROM (
                 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 36000) SELECT i FROM n
             ) AS numbers;
             UPDATE revocation_log SET last_seq = 36000",
        )
        .await;
    }
}

pub(crate) fn cursor(page: &Value) -> &str {
    page["cursor"].as_str().unwrap()
}

pub(crate) fn entries(page: &Value) -> &[Value] {
    page["entries"].as_array().unwrap()
}

#[tokio::test]
async fn a_database_that_was_restored_is_not_served_until_it_has_another_id() {
    for app in both().await {
        app.user("alice").await;
        app.log_in_and_out(3).await;
        let (_, last, _) = app.feed("").await;
        assert_eq!(entries(&last).len(), 3);
        app.execute("DELETE FROM revocations WHERE seq > 1; UPDATE revocation_log SET last_seq = 1").await;
        let status =
            async |query: String| app.get(&format!("/revocations{query}")).send().await.unwrap().status();
        let limit = Duration::from_secs(20);
        let refused = || async { status(String::new()).await == StatusCode::SERVICE_UNAVAILABLE };
        eventually("nothing is served", limit, refused).await;

        app.execute("UPDATE meta SET value = 'another' WHERE name = 'database_id'").await;
        let served = || async { status(String::new()).await == StatusCode::OK };
        eventually("it is served again", limit, served).await;
        assert_eq!(status(format!("?wait=1&after={}", cursor(&last))).await, StatusCode::GONE);
        let (_, page, _) = app.feed("").await;
        assert_eq!((&page["epoch"], entries(&page).len()), (&Value::from("another"), 1));
        app.log_in_and_out(1).await;
        let (_, page, _) = app.feed(&format!("?wait=1&after={}", cursor(&page))).await;
        assert_eq!(entries(&page).len(), 1);
    }
}

/// The anchor of the facts in memory is gone, and the log is longer than it was.
#[tokio::test]
async fn the_facts_of_a_restored_database_replace_those_in_memory() {
    for app in both().await {
        app.user("alice").await;
        app.log_in_and_out(3).await;
        let (_, before, _) = app.feed("").await;
        app.execute(
            "DELETE FROM revocations WHERE seq > 1; UPDATE revocation_log SET last_seq = 4;
             INSERT INTO revocations (seq, kind, subject_id, at_ms, exp_s, created_at_ms) VALUES
                 (2, 'sid', 'other-2', NULL, 1800000000, 0), (3, 'sid', 'other-3', NULL, 1800000000, 0),
                 (4, 'sid', 'other-4', NULL, 1800000000, 0)",
        )
        .await;
        let (_, after, _) = app.feed("").await;
        let ids: Vec<_> = entries(&after).iter().map(|fact| fact["id"].as_str().unwrap()).collect();
        assert_eq!(ids[0], entries(&before)[0]["id"]);
        assert_eq!(ids[1..], ["other-2", "other-3", "other-4"]);

        app.execute("UPDATE meta SET value = 'another' WHERE name = 'database_id'").await;
        let (status, ..) = app.feed(&format!("?wait=20&after={}", cursor(&after))).await;
        assert_eq!(status, StatusCode::GONE);
        let (_, other, _) = app.feed("").await;
        assert_eq!((&other["epoch"], cursor(&other)), (&Value::from("another"), "another.4"));
    }
}

#[tokio::test]
async fn a_request_that_waits_at_one_replica_gets_a_fact_that_another_commits() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let place = Arc::new(TestDatabase::create(backend));
        let replica = |seed| spawn_replica(&place, settings(&place), ManualClock::at(START_MS), seed);
        let (one, other) = (replica(1).await.unwrap(), replica(2).await.unwrap());
        one.user("alice").await;
        let (_, page, _) = one.feed("").await;
        let query = format!("?wait=20&after={}", cursor(&page));
        let ((status, news, took), ()) = tokio::join!(one.feed(&query), other.log_in_and_out(1));
        assert_eq!((status, entries(&news).len()), (StatusCode::OK, 1));
        assert!(took < Duration::from_secs(10), "answered after {took:?}");
        let (_, same, _) = other.feed(&query).await;
        assert_eq!(same, news, "cursors hold on every replica");
    }
}

#[tokio::test]
async fn a_list_that_is_longer_than_memory_is_read_in_pages_that_followers_share() {
    for app in both().await {
        app.user("alice").await;
        app.feed("").await;
        app.flood().await;
        let (before, began) = (app.metric("latchkey_feed_reads_total").await, Instant::now());
        let whole = async || {
            let (mut query, mut pages) = (String::new(), Vec::new());
            loop {
                let (status, page, _) = app.feed(&query).await;
                assert_eq!(status, StatusCode::OK);
                query = format!("?after={}", cursor(&page));
                let complete = page["complete"] == true;
                pages.push(page);
                if complete {
                    return pages;
                }
            }
        };
        let lists = futures_util::future::join_all((0..8).map(|_| whole())).await;
        assert!(lists.windows(2).all(|pair| pair[0] == pair[1]));
        let ids: Vec<_> = lists[0].iter().flat_map(entries).map(|fact| &fact["id"]).collect();
        assert!((1..=MANY).map(|n| format!("session-{n}")).eq(ids.iter().map(|id| id.as_str().unwrap())));
        assert!(lists[0].iter().all(|page| entries(page).len() <= PAGE));
        let reads = app.metric("latchkey_feed_reads_total").await - before;
        let requests = u64::try_from(lists.iter().map(Vec::len).sum::<usize>()).unwrap();
        assert!(reads < requests, "{reads} reads for {requests} requests within {:?}", began.elapsed());

        // A request that waits is answered while others read the whole list.
        let (_, last, _) = app.feed(&format!("?after={}", cursor(lists[0].last().unwrap()))).await;
        let query = format!("?wait=20&after={}", cursor(&last));
        let ((_, news, _), ()) = tokio::join!(app.feed(&query), app.log_in_and_out(1));
        assert_eq!(entries(&news).len(), 1);
    }
}

#[tokio::test]
async fn a_cursor_before_many_expired_facts_continues_with_the_live_ones() {
    for app in both().await {
        app.user("alice").await;
        app.feed("").await;
        app.flood().await;
        app.execute("UPDATE revocations SET exp_s = 1700000100").await;
        app.log_in_and_out(1).await;
        let (_, first, _) = app.feed("").await;
        assert_eq!(entries(&first).len(), PAGE);
        app.clock.advance_ms(200_000);
        // The cursor is before the facts in memory, and all facts between the two have expired.
        let (status, page, _) = app.feed(&format!("?wait=20&after={}", cursor(&first))).await;
        assert_eq!((status, entries(&page).len(), &page["complete"]), (StatusCode::OK, 1, &true.into()));
        let (status, rest, took) = app.feed(&format!("?wait=1&after={}", cursor(&page))).await;
        assert_eq!((status, entries(&rest).len(), &rest["complete"]), (StatusCode::OK, 0, &true.into()));
        assert!(took >= Duration::from_secs(1), "answered after {took:?}");
    }
}

#[tokio::test]
async fn a_log_that_cannot_be_read_is_a_503_and_held_requests_go_on_waiting() {
    for app in both().await {
        app.user("alice").await;
        let (_, page, _) = app.feed("").await;
        let query = format!("?wait=20&after={}", cursor(&page));
        let held = app.feed(&query);
        let failing = async {
            let is_held = async || app.metric("latchkey_feed_followers").await > 0;
            eventually("the request is held", Duration::from_secs(20), is_held).await;
            app.execute("ALTER TABLE revocation_log RENAME TO away").await;
            for _ in 0..2 {
                let refused = app.get("/revocations").send().await.unwrap();
                assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
                assert_eq!(refused.headers()["Retry-After"], "1");
            }
            app.execute("ALTER TABLE away RENAME TO revocation_log").await;
            assert_eq!(app.feed("").await.0, StatusCode::OK);
            app.log_in_and_out(1).await;
        };
        let ((status, news, _), ()) = tokio::join!(held, failing);
        assert_eq!((status, entries(&news).len()), (StatusCode::OK, 1));
    }
}

#[tokio::test]
async fn plain_and_compressed_answers_are_the_same() {
    let plain = reqwest::Client::builder().no_gzip().build().unwrap();
    for app in both().await {
        app.user("alice").await;
        for facts in [0, 3] {
            app.log_in_and_out(facts).await;
            let ask = async |accepted: Option<&str>| {
                let mut request = plain.get(format!("{}/revocations", app.url));
                if let Some(accepted) = accepted {
                    request = request.header("Accept-Encoding", accepted);
                }
                let answer = request.send().await.unwrap();
                assert_eq!(answer.status(), StatusCode::OK);
                let headers = answer.headers();
                assert_eq!(
                    (&headers["Content-Type"], &headers["Vary"]),
                    (&json(), &"accept-encoding".parse().unwrap())
                );
                assert_eq!(headers["Cache-Control"], "no-store");
                let is_packed = headers.get("Content-Encoding").is_some_and(|coding| coding == "gzip");
                (is_packed, answer.bytes().await.unwrap())
            };
            let (is_packed, bytes) = ask(None).await;
            assert!(!is_packed);
            for accepted in ["gzip", "br, gzip;q=0.5", "deflate, gzip"] {
                let (is_packed, packed) = ask(Some(accepted)).await;
                assert!(is_packed, "{accepted}");
                let mut unpacked = Vec::new();
                flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut unpacked).unwrap();
                assert_eq!(unpacked, bytes);
            }
            for accepted in ["identity", "br", "gzip;q=0", "nonsense"] {
                assert_eq!(ask(Some(accepted)).await, (false, bytes.clone()), "{accepted}");
            }
        }
    }
}

fn json() -> reqwest::header::HeaderValue {
    reqwest::header::HeaderValue::from_static("application/json")
}
