//! Tests that the effects of one account or one client are bounded, and do not affect others.

use auth_service::config::Settings;
use reqwest::StatusCode;
use reqwest::header::AUTHORIZATION;
use serde_json::Value;

use crate::helpers::clients::{basic, client, refusal, secret_of};
use crate::helpers::{TestApp, Tokens, both, both_with, claims_of};

async fn revoke(app: &TestApp, token: &str) -> StatusCode {
    app.revoke(&[("token", token), ("client_id", "first-party")]).await.status()
}

/// Refreshes and revokes the access token again and again, as fast as the rate limit allows, for five minutes on the
/// clock.
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

/// After twenty live facts about single tokens of a session, the whole session is ended with one more fact, and no
/// token is left to revoke.
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

/// A client that revokes a token now and then keeps the session, because expired facts do not count.
#[tokio::test]
async fn expired_facts_do_not_count_towards_the_limit() {
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

/// Tokens that a client got in its own name belong to no session. Their revocations are limited per minute.
#[tokio::test]
async fn revocations_of_a_client_per_minute_are_limited() {
    let limit = |settings: &mut Settings| settings.throttle.revocations_per_client_per_minute = 3;
    for app in both_with(limit).await {
        for id in ["billing", "other"] {
            app.add_client(client(id)).await;
        }
        let own = async |id: &str| {
            let answer = app.grant_to(id, &[("grant_type", "client_credentials")]).await;
            answer.json::<Value>().await.unwrap()["access_token"].as_str().unwrap().to_owned()
        };
        let revoke = async |id: &str, token: &str| {
            let request = app.post("/oauth2/revoke").form(&[("token", token)]);
            request.header(AUTHORIZATION, basic(id, &secret_of(id))).send().await.unwrap()
        };
        let first = own("billing").await;
        for token in [&first, &own("billing").await, &own("billing").await] {
            assert_eq!(revoke("billing", token).await.status(), StatusCode::OK);
        }
        let next = own("billing").await;
        let refused = revoke("billing", &next).await;
        assert_eq!(refused.headers()["retry-after"], "20");
        assert_eq!(refusal(refused).await, (429, "temporarily_unavailable".to_owned()));
        assert_eq!(revoke("billing", &first).await.status(), StatusCode::OK, "the token is revoked already");
        assert_eq!(revoke("other", &own("other").await).await.status(), StatusCode::OK);
        assert_eq!(app.facts().await.len(), 4);
        app.clock.advance_ms(60_000);
        assert_eq!(revoke("billing", &next).await.status(), StatusCode::OK);
        assert_eq!(app.facts().await.len(), 5);
    }
}

/// The events of one account do not fill the table and do not hide the events of others.
#[tokio::test]
async fn audit_events_of_one_account_are_limited() {
    for app in both().await {
        app.register("bob").await;
        app.register("alice").await;
        for _ in 0..130 {
            let tokens = app.login("alice").await;
            app.logout(&tokens.access).await;
        }
        let bob = app.login("bob").await;
        let count = async |kind: &str, user: &Value| {
            let rows = app.audit_rows().await;
            let rows = rows.iter().filter(|row| row.kind == kind && row.user_id.as_deref() == user.as_str());
            rows.count()
        };
        let alice = &app.login("alice").await;
        let (alice, bob) = (&claims_of(&alice.access)["sub"], &claims_of(&bob.access)["sub"]);
        assert_eq!((count("login.ok", alice).await, count("session.ended", alice).await), (100, 100));
        assert_eq!(count("login.ok", bob).await, 1);
        // The number of dropped events is recorded with the next event.
        app.clock.advance_ms(10_000);
        app.login("alice").await;
        let rows = app.audit_rows().await;
        let flood = rows.iter().find(|row| row.reason.as_deref() == Some("flood")).unwrap();
        assert_eq!((flood.kind.as_str(), flood.subject.as_deref()), ("login.ok", Some("31 more")));
        assert_eq!(flood.user_id.as_deref(), alice.as_str());
    }
}
