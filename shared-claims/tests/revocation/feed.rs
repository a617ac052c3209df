//! The mirror over the feed.

use shared_claims::clock::Clock as _;
use shared_claims::revocation::{FeedSettings, Mirror};
use shared_claims::testing::eventually;

use super::feed_server::{Behaviour, FeedServer};
use super::mirror::says;
use super::*;

fn follow(server: &FeedServer, settings: MirrorSettings) -> Mirror {
    Mirror::follow_feed(FeedSettings::new(&server.url()).unwrap(), settings)
}

#[tokio::test]
async fn it_follows_within_milliseconds() {
    let server = FeedServer::start().await;
    let mirror = follow(&server, MirrorSettings::default());
    says(&mirror, 1, Verdict::NotRevoked, SOON).await;
    for number in 1..=20 {
        server.change(|feed| feed.facts.push(revocation_of(number)));
        says(&mirror, number, REVOKED, Duration::from_secs(1)).await;
    }
    let status = mirror.status();
    assert!(status.connected && status.current && status.epoch_known, "{status:?}");
    assert_eq!((status.source, status.entries, status.last_error), ("feed", 20, None));
    assert!(server.requests().iter().any(|request| request.contains("wait=3")), "requests are held");
}

#[tokio::test]
async fn a_list_in_pages_is_complete_with_its_last() {
    let server = FeedServer::start().await;
    server.change(|feed| {
        feed.facts = (1..=95).map(revocation_of).collect();
        feed.page = 10;
        feed.behaviour = Behaviour::Incomplete;
    });
    let mirror = follow(&server, MirrorSettings::default());
    eventually("all of it is read", SOON, async || mirror.status().entries == 95).await;
    assert_eq!(mirror.check(&token(95)), REVOKED);
    assert_eq!(mirror.check(&token(96)), Verdict::Unknown, "there is more, says the feed");
    server.change(|feed| feed.behaviour = Behaviour::Well);
    says(&mirror, 96, Verdict::NotRevoked, RECOVERY).await;
}

#[tokio::test]
async fn another_database_is_read_from_the_start_and_nothing_is_forgotten() {
    let server = FeedServer::start().await;
    server.change(|feed| feed.facts = vec![revocation_of(1)]);
    let mirror = follow(&server, MirrorSettings::default());
    says(&mirror, 9, Verdict::NotRevoked, SOON).await;
    server.change(|feed| {
        feed.epoch = "database-2".to_owned();
        feed.facts = vec![revocation_of(2)];
    });
    says(&mirror, 2, REVOKED, RECOVERY).await;
    assert_eq!((mirror.check(&token(1)), mirror.check(&token(9))), (REVOKED, Verdict::NotRevoked));
    assert_eq!((mirror.status().resyncs, mirror.status().lists), (1, 2));
}

#[tokio::test]
async fn no_fault_lets_a_revoked_token_live() {
    let server = FeedServer::start().await;
    let clock = manual_clock();
    let mirror = follow(&server, under(&clock));
    says(&mirror, 999, Verdict::NotRevoked, SOON).await;
    let empty =
        |more: &str| format!(r#"{{"epoch":"database-1","cursor":"database-1.0","complete":true{more}}}"#);
    let faults = [
        Behaviour::Hang,
        Behaviour::Cut,
        Behaviour::Status("500 Internal Server Error"),
        Behaviour::Status("503 Service Unavailable"),
        Behaviour::Status("401 Unauthorized"),
        Behaviour::Status("403 Forbidden"),
        Behaviour::Status("302 Found"),
        Behaviour::Status("204 No Content"),
        Behaviour::Body("<html>".to_owned()),
        Behaviour::Body(empty("")),
        Behaviour::Body(empty(r#","entries":[{"kind":"device","id":"x","at":null,"exp":1}]"#)),
        Behaviour::Body(empty(r#","entries":[{"kind":"sub","id":"x","at":null,"exp":1}]"#)),
        Behaviour::Body(empty(&format!(r#","entries":[],"padding":"{}""#, "x".repeat(5_000_000)))),
    ];
    for (number, fault) in (1..).zip(faults) {
        let (errors, shown) = (mirror.status().errors, format!("{fault:.120?}"));
        server.change(|feed| {
            feed.facts.push(revocation_of(number));
            feed.behaviour = fault;
        });
        eventually(&shown, SOON, async || mirror.status().errors > errors + 1).await;
        clock.advance_ms(LONG_MS);
        assert_eq!(mirror.check(&token(number)), Verdict::Unknown, "{shown}");
        assert_eq!(mirror.check(&token(999)), Verdict::Unknown, "{shown}: nothing can be known");
        server.change(|feed| feed.behaviour = Behaviour::Well);
        says(&mirror, 999, Verdict::NotRevoked, RECOVERY).await;
        assert_eq!(mirror.check(&token(number)), REVOKED, "{shown}: complete means complete");
    }
    assert!(
        !server.requests().iter().any(|request| request.contains("/elsewhere")),
        "redirects are not followed"
    );
}

#[tokio::test]
async fn a_cursor_that_is_always_gone_is_reported() {
    let server = FeedServer::start().await;
    server.change(|feed| feed.behaviour = Behaviour::Status("410 Gone"));
    let mirror = follow(&server, MirrorSettings::default());
    eventually("it is told", SOON, async || mirror.status().last_error.is_some()).await;
    assert_eq!(mirror.check(&token(1)), Verdict::Unknown);
}

#[tokio::test]
async fn the_feed_token_is_sent_only_to_the_feed() {
    let server = FeedServer::start().await;
    let feed = FeedSettings::new(&server.url()).unwrap().token("feed-token-1").unwrap();
    let mirror = Mirror::follow_feed(feed, MirrorSettings::default());
    says(&mirror, 1, Verdict::NotRevoked, SOON).await;
    let asked = server.requests()[0].to_lowercase();
    assert!(asked.contains("authorization: bearer feed-token-1\r\n"), "{asked}");
    assert!(asked.contains("cache-control: no-cache\r\n"), "{asked}");
    server.change(|feed| feed.behaviour = Behaviour::Status("401 Unauthorized"));
    eventually("it is told", SOON, async || mirror.status().last_error.is_some()).await;
    let shown = format!("{mirror:?}");
    assert!(shown.contains("401") && !shown.contains("feed-token-1"), "{shown}");
}

#[tokio::test]
async fn an_issuer_that_does_not_hold_requests_is_not_asked_without_end() {
    let server = FeedServer::start().await;
    server.change(|feed| feed.behaviour = Behaviour::Hasty);
    let mirror = follow(&server, MirrorSettings::default());
    eventually("it is asked again and again", SOON, async || server.arrivals().len() >= 6).await;
    // A machine under load makes the gaps longer, never shorter: each request follows the answer to the one before.
    let gaps: Vec<u64> = server.arrivals().windows(2).skip(1).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().all(|gap| *gap >= 100), "{gaps:?}");
    drop(mirror);
}

/// An issuer that stops answers everybody who waits in one moment.
#[tokio::test]
async fn a_request_that_is_released_early_is_not_repeated_at_once() {
    let server = FeedServer::start().await;
    let mirror = follow(&server, MirrorSettings::default());
    let held_since = async || {
        let is_held = server.requests().last().is_some_and(|request| request.contains("wait=3"));
        server.arrivals().last().copied().filter(|_| is_held)
    };
    eventually("a request was held for a while, and will be for a second more", SOON, async || {
        held_since().await.is_some_and(|since| (300..1_500).contains(&(SystemClock.boot_ms() - since)))
    })
    .await;
    let (asked, let_go) = (server.arrivals().len(), SystemClock.boot_ms());
    server.change(|_| {});
    eventually("it asks again", SOON, async || server.arrivals().len() > asked).await;
    // A machine under load makes the gap longer, never shorter.
    let gap = server.arrivals()[asked] - let_go;
    assert!(gap >= 100, "{gap} ms");
    drop(mirror);
}

#[tokio::test]
async fn under_a_small_bound_the_feed_is_polled() {
    let server = FeedServer::start().await;
    let mirror = follow(&server, MirrorSettings::default().max_staleness(Duration::from_secs(2)));
    says(&mirror, 1, Verdict::NotRevoked, SOON).await;
    for _ in 0..200 {
        assert_eq!(mirror.check(&token(1)), Verdict::NotRevoked, "the parts are in touch");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn background_tasks_stop_with_the_last_handle() {
    let server = FeedServer::start().await;
    server.change(|feed| feed.behaviour = Behaviour::Hasty);
    let mirror = follow(&server, MirrorSettings::default());
    says(&mirror, 1, Verdict::NotRevoked, SOON).await;
    assert_eq!(server.connections(), 1);
    drop(mirror);
    eventually("its connection is closed", SOON, async || server.connections() == 0).await;
}
