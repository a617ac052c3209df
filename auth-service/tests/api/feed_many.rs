//! The feed with many followers.

use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use service_kit::database::Backend;
use service_kit::server::raise_open_file_limit;
use shared_claims::testing::eventually;
use tokio::time::Instant;

use crate::feed::{cursor, entries};
use crate::helpers::{TestApp, both, both_with, spawn_app};

/// How long a test waits for a condition.
const LIMIT: Duration = Duration::from_secs(60);

/// The interval at which the log is read while a request waits.
const READ_EVERY_MS: u128 = 25;

/// Follows the feed from the cursor `at` until it has this many facts. Returns the number of responses, which must all be 200.
async fn follow(client: reqwest::Client, url: String, mut at: String, facts: usize) -> usize {
    let (mut known, mut answers) = (0, 0);
    while known < facts {
        let answer = client.get(format!("{url}/revocations?wait=30&after={at}")).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let page = answer.json().await.unwrap();
        known += entries(&page).len();
        cursor(&page).clone_into(&mut at);
        answers += 1;
    }
    assert_eq!(known, facts);
    answers
}

impl TestApp {
    async fn wait_for_followers(&self, followers: u64) {
        let is_reached = async || self.metric("latchkey_feed_followers").await == followers;
        eventually("the number of open requests is reached", LIMIT, is_reached).await;
    }

    /// Lets this many followers follow the feed while alice logs in and out this many times. Returns the number of reads of the
    /// log, and the number of regular reads that belong to this time.
    async fn cost(&self, followers: usize, logouts: usize) -> (u64, u64) {
        let (_, page, _) = self.feed("").await;
        let following: Vec<_> = (0..followers)
            .map(|_| follow(self.client.clone(), self.url.clone(), cursor(&page).to_owned(), logouts))
            .map(tokio::spawn)
            .collect();
        self.wait_for_followers(u64::try_from(followers).unwrap()).await;
        let (before, began) = (self.metric("latchkey_feed_reads_total").await, Instant::now());
        self.log_in_and_out(logouts).await;
        for following in following {
            let answers = tokio::time::timeout(LIMIT, following).await.unwrap().unwrap();
            assert!(answers <= logouts, "{answers} answers for {logouts} revocations");
        }
        let reads = self.metric("latchkey_feed_reads_total").await - before;
        (reads, u64::try_from(began.elapsed().as_millis() / READ_EVERY_MS).unwrap())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_costs_the_same_few_reads_with_three_followers_and_with_hundreds() {
    raise_open_file_limit();
    for app in both().await {
        app.user("alice").await;
        for followers in [3, 300] {
            let (reads, regular) = app.cost(followers, 10).await;
            // Each fact may cost two more: one read when it is committed, and one for followers that send their next request
            // and have news again.
            assert!(reads <= regular + 25, "{followers} followers: {reads} reads, {regular} of them regular");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_followers_get_a_revocation_and_none_is_refused() {
    raise_open_file_limit();
    for app in both().await {
        app.user("alice").await;
        app.cost(500, 1).await;
        assert!(app.metric("latchkey_feed_answers_total").await >= 500);
    }
}

#[tokio::test]
async fn a_follower_beyond_the_limit_is_refused_for_a_moment() {
    for app in both_with(|settings| settings.revocation.feed_followers = 2).await {
        app.user("alice").await;
        let (_, page, _) = app.feed("").await;
        let following = || follow(app.client.clone(), app.url.clone(), cursor(&page).to_owned(), 1);
        let following = [tokio::spawn(following()), tokio::spawn(following())];
        app.wait_for_followers(2).await;
        let refused = app.get("/revocations").send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.headers()["Retry-After"], "1");
        app.log_in_and_out(1).await;
        for following in following {
            following.await.unwrap();
        }
        app.wait_for_followers(0).await;
        assert_eq!(app.feed("").await.0, StatusCode::OK);
    }
}

/// The feed's database connections wait for a lock on the log. A login does not need that lock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_is_not_delayed_while_the_reads_of_the_feed_hang() {
    raise_open_file_limit();
    let app = Arc::new(spawn_app(Backend::Postgres, |_| {}).await);
    app.user("alice").await;
    let locked = app.lock_the_log().await;
    let asking: Vec<_> = (0..300)
        .map(|_| app.client.get(format!("{}/revocations", app.url)).send())
        .map(tokio::spawn)
        .collect();
    app.wait_for_followers(300).await;
    for _ in 0..5 {
        let began = Instant::now();
        app.login("alice").await;
        let took = began.elapsed();
        assert!(took < Duration::from_secs(1), "a login took {took:?}");
    }
    for asking in asking {
        let refused = asking.await.unwrap().unwrap();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.headers()["Retry-After"], "1");
    }
    locked.release().await;
    assert_eq!(app.feed("").await.0, StatusCode::OK);
}
