//! What one account or one client can cause has a bound, and others do not notice.

use reqwest::StatusCode;
use serde_json::Value;

use crate::helpers::{TestApp, Tokens, both, claims_of};

async fn revoke(app: &TestApp, token: &str) -> StatusCode {
    app.revoke(&[("token", token), ("client_id", "first-party")]).await.status()
}

/// Refreshes and revokes what it got, again and again, as fast as it may; for five minutes on the clock.
async fn flood(app: &TestApp, mut tokens: Tokens) -> Result<usize, (usize, StatusCode)> {
    for round in 0..300 {
        app.clock.advance_ms(1000);
        let response = app.try_refresh(&tokens.refresh).await;
        match response.status() {
            StatusCode::OK => tokens = Tokens::of(response).await,
            StatusCode::TOO_MANY_REQUESTS => continue,
            other => return Err((round, other)),
        }
        assert_eq!(revoke(app, &tokens.access).await, StatusCode::OK);
    }
    Ok(300)
}

/// Past twenty live facts of single tokens the session itself ends: one fact more, and nothing is left to revoke.
#[tokio::test]
async fn an_account_that_refreshes_and_revokes_in_a_loop_ends_its_session() {
    for app in both().await {
        let other = app.user("bob").await;
        let tokens = app.user("alice").await;
        let sid = claims_of(&tokens.access)["sid"].clone();
        let rows = app.audit_rows().await.len();
        assert_eq!(flood(&app, tokens).await, Err((21, StatusCode::UNAUTHORIZED)));
        let facts = app.facts().await;
        let of = |kind: &str| facts.iter().filter(|fact| fact["kind"] == kind).collect::<Vec<&Value>>();
        assert_eq!((of("jti").len(), of("sid").len(), facts.len()), (20, 1, 21));
        assert_eq!(of("sid")[0]["id"], sid);
        let new: Vec<_> = app.audit_rows().await.split_off(rows);
        let ended: Vec<_> = new.iter().filter(|row| row.kind == "session.ended").collect();
        assert_eq!((new.len(), ended.len()), (21, 1));
        assert_eq!(ended[0].reason.as_deref(), Some("too_many_revoked"));
        assert!(app.is_live(&other.access).await);
        app.refresh(&other.refresh).await;
        app.login("alice").await;
    }
}

/// Whoever revokes a token now and then keeps the session: facts that are over do not count.
#[tokio::test]
async fn facts_that_are_over_do_not_count() {
    for app in both().await {
        let mut tokens = app.user("alice").await;
        for _ in 0..60 {
            app.clock.advance_ms(60_000);
            tokens = app.refresh(&tokens.refresh).await;
            assert_eq!(revoke(&app, &tokens.access).await, StatusCode::OK);
            assert_eq!(revoke(&app, &tokens.access).await, StatusCode::OK, "again");
        }
        app.refresh(&tokens.refresh).await;
    }
}
