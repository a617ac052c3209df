//! B12 on the OAuth endpoints: refresh tokens are bound to their client, and grant no more than its session.

use auth_service::domain::{Client, GrantType};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::helpers::clients::{client, public_client, refusal};
use crate::helpers::{PASSWORD, TestApp, Tokens, both, both_with, claims_of};

fn invalid_grant() -> (u16, String) {
    (400, "invalid_grant".to_owned())
}

async fn log_in(app: &TestApp, id: &str, form: &[(&str, &str)]) -> Response {
    let login = [("grant_type", "password"), ("username", "alice"), ("password", PASSWORD)];
    app.grant_to(id, &[&login, form].concat()).await
}

async fn refresh_with(app: &TestApp, id: &str, token: &str, form: &[(&str, &str)]) -> Response {
    app.grant_to(id, &[&[("grant_type", "refresh_token"), ("refresh_token", token)], form].concat()).await
}

async fn refresh(app: &TestApp, token: &str) -> Response {
    refresh_with(app, "billing", token, &[]).await
}

async fn begin(app: &TestApp) -> Tokens {
    app.add_client(client("billing")).await;
    app.register("alice").await;
    Tokens::of(log_in(app, "billing", &[]).await).await
}

#[tokio::test]
async fn another_client_is_refused_and_consumes_nothing() {
    for app in both().await {
        let first = begin(&app).await;
        app.add_client(client("other")).await;
        app.add_client(public_client("spa")).await;
        let second = Tokens::of(refresh(&app, &first.refresh).await).await;
        for token in [&first.refresh, &second.refresh] {
            assert_eq!(refusal(refresh_with(&app, "other", token, &[]).await).await, invalid_grant());
            let form = [("grant_type", "refresh_token"), ("refresh_token", &**token)];
            assert_eq!(refusal(app.grant_to_public("spa", &form).await).await, invalid_grant());
            assert!(app.is_refused(token).await, "the first-party endpoint refuses it too");
        }
        // Not even the used token ended its session.
        assert!(app.facts().await.is_empty());
        assert_eq!(refresh(&app, &second.refresh).await.status(), StatusCode::OK);
        // No client gets tokens for a first-party refresh token.
        let ours = app.login("alice").await;
        assert_eq!(refusal(refresh(&app, &ours.refresh).await).await, invalid_grant());
        app.refresh(&ours.refresh).await;
    }
}

#[tokio::test]
async fn scope_and_resource_narrow_one_token_and_are_never_widened() {
    for app in both().await {
        app.add_client(client("billing")).await;
        app.register("alice").await;
        let login = [("scope", "todos:read todos:write"), ("resource", "todo-service")];
        let first = Tokens::of(log_in(&app, "billing", &login).await).await;
        assert_eq!(claims_of(&first.access)["aud"], json!(["todo-service"]));
        for (name, value, error) in [
            ("scope", "openid", "invalid_scope"),
            ("scope", "todos:read admin", "invalid_scope"),
            ("scope", "a  b", "invalid_scope"),
            ("resource", "https://notes.example", "invalid_target"),
            ("resource", "#", "invalid_target"),
        ] {
            let response = refresh_with(&app, "billing", &first.refresh, &[(name, value)]).await;
            assert_eq!(refusal(response).await, (400, error.to_owned()), "{name}={value}");
        }
        let narrow = refresh_with(&app, "billing", &first.refresh, &[("scope", "todos:read")]).await;
        let narrow: Value = narrow.json().await.unwrap();
        assert_eq!(narrow["scope"], "todos:read");
        let next = Tokens::of(refresh(&app, narrow["refresh_token"].as_str().unwrap()).await).await;
        assert_eq!(claims_of(&next.access)["scope"], "todos:read todos:write");
        // Its sessions no longer grant what the client has lost.
        app.change_client("billing", |client| {
            client.scopes = shared_claims::scope::Scopes::parse("todos:write").unwrap();
        })
        .await;
        let less = Tokens::of(refresh(&app, &next.refresh).await).await;
        assert_eq!(claims_of(&less.access)["scope"], "todos:write");
    }
}

/// B12: fifty refreshes in parallel, and a parent after its child was used.
#[tokio::test]
async fn retries_get_the_same_child_and_reuse_ends_the_session() {
    for app in both_with(|settings| settings.throttle.enabled = false).await {
        let first = begin(&app).await;
        let all = futures_util::future::join_all((0..50).map(|_| refresh(&app, &first.refresh))).await;
        let mut children = std::collections::HashSet::new();
        for response in all {
            children.insert(Tokens::of(response).await.refresh);
        }
        assert_eq!(children.len(), 1);
        let child = children.into_iter().next().unwrap();
        let next = Tokens::of(refresh(&app, &child).await).await;
        assert_eq!(refusal(refresh(&app, &first.refresh).await).await, invalid_grant());
        assert_eq!(refusal(refresh(&app, &next.refresh).await).await, invalid_grant(), "the session ended");
        assert_eq!(app.facts().await[0]["id"], claims_of(&first.access)["sid"]);
        let events = app.audit_rows().await;
        let reused = events.iter().find(|event| event.kind == "refresh.reused").unwrap();
        assert_eq!(reused.client_id.as_deref(), Some("billing"));
    }
}

#[tokio::test]
async fn lifetimes_are_the_clients_own() {
    for app in both_with(|settings| settings.sessions.max_age_seconds = 5000).await {
        app.add_client(Client { access_ttl_s: Some(60), refresh_ttl_s: Some(1000), ..client("billing") })
            .await;
        app.register("alice").await;
        let first = Tokens::of(log_in(&app, "billing", &[]).await).await;
        let claims = claims_of(&first.access);
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 60);
        app.clock.advance_ms(999_000);
        let second = Tokens::of(refresh(&app, &first.refresh).await).await;
        app.clock.advance_ms(1_000_000);
        assert_eq!(refusal(refresh(&app, &second.refresh).await).await, invalid_grant(), "idle");
    }
}

#[tokio::test]
async fn without_the_refresh_grant_the_session_ends_with_the_access_token() {
    for app in both().await {
        app.add_client(Client { grants: vec![GrantType::Password], ..client("billing") }).await;
        app.register("alice").await;
        let answer: Value = log_in(&app, "billing", &[]).await.json().await.unwrap();
        assert_eq!(answer.get("refresh_token"), None);
        let own = app.login("alice").await;
        let sessions = async || {
            let list = app.get("/auth/sessions").bearer_auth(&own.access).send().await.unwrap();
            list.json::<Vec<Value>>().await.unwrap().len()
        };
        assert_eq!(sessions().await, 2, "the user sees the session");
        app.clock.advance_ms(899_000);
        assert_eq!(sessions().await, 2);
        app.clock.advance_ms(1_000);
        assert_eq!(sessions().await, 1, "the session ends with its only token");
    }
}

/// B12: after a change of the password, and after the user is disabled.
#[tokio::test]
async fn no_token_is_issued_after_the_user_changed() {
    for app in both().await {
        let first = begin(&app).await;
        app.change_password("alice").await;
        assert_eq!(refusal(refresh(&app, &first.refresh).await).await, invalid_grant());
        app.register("bob").await;
        let login = [("grant_type", "password"), ("username", "bob"), ("password", PASSWORD)];
        let bob = Tokens::of(app.grant_to("billing", &login).await).await;
        app.disable("bob").await;
        assert_eq!(refusal(refresh(&app, &bob.refresh).await).await, invalid_grant());
    }
}

/// B13: no token that is issued during a revocation survives it.
#[tokio::test]
async fn a_refresh_that_races_a_revocation_gives_no_live_token() {
    for app in both().await {
        begin(&app).await;
        for _ in 0..6 {
            let tokens = Tokens::of(log_in(&app, "billing", &[]).await).await;
            let refreshes = futures_util::future::join_all((0..6).map(|_| refresh(&app, &tokens.refresh)));
            let header = crate::helpers::clients::basic("billing", "lks_the-secret-of-billing");
            let revocation = app.post("/oauth2/revoke").form(&[("token", &tokens.refresh)]);
            let revocation = revocation.header(reqwest::header::AUTHORIZATION, header).send();
            let (answers, revoked) = tokio::join!(refreshes, revocation);
            assert_eq!(revoked.unwrap().status(), StatusCode::OK);
            for answer in answers {
                if answer.status() == StatusCode::OK {
                    let given = Tokens::of(answer).await;
                    assert_eq!(refusal(refresh(&app, &given.refresh).await).await, invalid_grant());
                    let sid = claims_of(&given.access)["sid"].clone();
                    assert!(app.facts().await.iter().any(|fact| fact["kind"] == "sid" && fact["id"] == sid));
                } else {
                    assert_eq!(refusal(answer).await, invalid_grant());
                }
            }
        }
    }
}

/// B12: after logout, and after the client is disabled.
#[tokio::test]
async fn no_token_is_issued_after_the_end_of_the_session_or_client() {
    for app in both().await {
        let first = begin(&app).await;
        app.disable_client("billing").await;
        app.clock.advance_ms(501);
        assert_eq!(refusal(refresh(&app, &first.refresh).await).await, (401, "invalid_client".to_owned()));
        app.change_client("billing", |client| client.is_active = true).await;
        assert_eq!(
            refusal(refresh(&app, &first.refresh).await).await,
            invalid_grant(),
            "it is over for good"
        );
        let first = Tokens::of(log_in(&app, "billing", &[]).await).await;
        let second = Tokens::of(refresh(&app, &first.refresh).await).await;
        let own = app.login("alice").await;
        app.logout_all(&own.access).await;
        assert_eq!(refusal(refresh(&app, &second.refresh).await).await, invalid_grant());
        for token in ["lkr_", "lkr_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &second.access, "\u{0}"] {
            assert_eq!(refusal(refresh(&app, token).await).await, invalid_grant(), "{token:?}");
        }
        let missing =
            app.grant_to("billing", &[("grant_type", "refresh_token"), ("refresh_token", "")]).await;
        assert_eq!(refusal(missing).await, (400, "invalid_request".to_owned()));
    }
}
