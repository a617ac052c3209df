//! What no longer matters is forgotten, and nothing else.

use auth_service::storage::{refresh_tokens, revocations, sessions};
use service_kit::database::DatabaseError;

use crate::helpers::{START_MS, TestApp, both, claims_of};

/// Sessions, refresh tokens and facts that one batch of each removes at `now_ms`.
async fn prune(app: &TestApp, now_ms: i64, limit: i64) -> [usize; 3] {
    let pruned = app.database.write(move |conn| {
        Ok::<_, DatabaseError>([
            sessions::prune(conn, now_ms, limit)?,
            refresh_tokens::prune(conn, now_ms, limit)?,
            revocations::prune(conn, now_ms / 1000, limit)?,
        ])
    });
    pruned.await.unwrap()
}

#[tokio::test]
async fn what_has_ended_goes_and_what_lives_stays() {
    for app in both().await {
        let ended = app.user("alice").await;
        let lives = app.login("alice").await;
        app.logout(&ended.access).await;
        assert_eq!(
            prune(&app, START_MS + 900_000, 500).await,
            [0; 3],
            "its access token might still be shown"
        );
        assert_eq!(
            prune(&app, START_MS + 1_000_000, 500).await,
            [1, 0, 0],
            "the fact is kept a minute longer"
        );
        assert_eq!(prune(&app, START_MS + 1_030_000, 500).await, [0, 0, 1]);
        assert!(app.is_refused(&ended.refresh).await);
        app.clock.advance_ms(1_000_000);
        let refreshed = app.refresh(&lives.refresh).await;
        assert!(app.is_live(&refreshed.access).await);
        // Thirty days: the first refresh token of a session that goes on.
        assert_eq!(prune(&app, START_MS + 2_592_001_000, 500).await, [0, 1, 0]);
        assert_eq!(prune(&app, START_MS + 7_776_001_000, 500).await, [1, 0, 0]);
    }
}

#[tokio::test]
async fn a_batch_has_its_bound() {
    for app in both().await {
        app.register("alice").await;
        for _ in 0..5 {
            app.login("alice").await;
        }
        assert_eq!(prune(&app, START_MS + 8_000_000_000, 3).await[0], 3);
        assert_eq!(prune(&app, START_MS + 8_000_000_000, 3).await[0], 2);
        let sid = claims_of(&app.login("alice").await.access)["sid"].as_str().unwrap().parse().unwrap();
        let left = app
            .database
            .read(move |conn| Ok::<_, DatabaseError>(refresh_tokens::count_of_session(conn, sid)?));
        assert_eq!(left.await.unwrap(), 1);
    }
}
