//! Tests of the limits on the lifetime and the number of sessions.

use auth_service::config::Settings;
use auth_service::storage::{audit, sessions};
use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::Value;
use uuid::Uuid;

use crate::helpers::{PASSWORD, TestApp, Tokens, both, both_with, claims_of};

async fn listed(app: &TestApp, token: &str) -> Vec<Value> {
    app.all_sessions(token).await
}

async fn stored(app: &TestApp, tokens: &Tokens) -> auth_service::domain::Session {
    let sid: Uuid = claims_of(&tokens.access)["sid"].as_str().unwrap().parse().unwrap();
    let found = app.database.read(move |conn| sessions::find(conn, sid));
    found.await.unwrap().unwrap()
}

#[tokio::test]
async fn an_unused_session_ends_by_its_idle_time() {
    for app in both_with(|settings| settings.sessions.idle_seconds = 1800).await {
        let idle = app.user("alice").await;
        let mut used = app.login("alice").await;
        for _ in 0..4 {
            app.clock.advance_ms(1_799_000);
            used = app.refresh(&used.refresh).await;
        }
        assert!(app.is_refused(&idle.refresh).await);
        assert_eq!(listed(&app, &used.access).await.len(), 1);
        app.clock.advance_ms(1_800_000);
        assert!(app.is_refused(&used.refresh).await);
        assert!(!app.is_live(&used.access).await);
    }
}

#[tokio::test]
async fn no_token_outlives_a_shorter_idle_time() {
    for app in both_with(|settings| settings.sessions.idle_seconds = 300).await {
        app.register("alice").await;
        let answer = app.try_login("alice", PASSWORD).await;
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["expires_in"], 300);
        let access = body["access_token"].as_str().unwrap();
        app.clock.advance_ms(299_000);
        assert!(app.is_live(access).await);
        // Beyond the leeway on `exp`.
        app.clock.advance_ms(11_001);
        assert!(!app.is_live(access).await);
        assert!(app.is_refused(body["refresh_token"].as_str().unwrap()).await);
    }
}

#[tokio::test]
async fn without_an_idle_time_a_session_ends_with_its_refresh_token() {
    for app in both().await {
        let idle = app.user("alice").await;
        app.clock.advance_ms(2_592_000_000);
        let new = app.login("alice").await;
        assert!(app.is_refused(&idle.refresh).await);
        app.clock.advance_ms(60_000);
        assert_eq!(listed(&app, &new.access).await.len(), 1, "an ended session is not listed");
    }
}

/// A fact about a session must be kept until its last token has expired, although its use is not stored at every
/// refresh.
#[tokio::test]
async fn the_last_use_is_stored_once_a_minute_and_covers_every_token() {
    for app in both_with(|settings| settings.throttle.enabled = false).await {
        let mut tokens = app.user("alice").await;
        let first = stored(&app, &tokens).await;
        for second in 1..=130 {
            app.clock.advance_ms(1000);
            tokens = app.refresh(&tokens.refresh).await;
            let now = stored(&app, &tokens).await;
            assert_eq!(now.last_used_at_ms, first.last_used_at_ms + second / 60 * 60_000);
            let exp = claims_of(&tokens.access)["exp"].as_i64().unwrap();
            assert!((0..=60).contains(&(now.access_expires_at_s - exp)), "{second}");
        }
        app.logout(&tokens.access).await;
        let fact = &app.facts().await[0];
        assert!(fact["exp"].as_i64().unwrap() >= claims_of(&tokens.access)["exp"].as_i64().unwrap() + 60);
    }
}

#[tokio::test]
async fn a_login_above_the_limit_ends_the_least_recently_used_session() {
    for app in both_with(|settings| settings.sessions.max_per_user = 3).await {
        let other = app.user("bob").await;
        app.register("alice").await;
        let mut all = Vec::new();
        for _ in 0..3 {
            all.push(app.login("alice").await);
            app.clock.advance_ms(60_000);
        }
        let first_again = app.refresh(&all[0].refresh).await;
        let new = app.login("alice").await;
        assert!(!app.is_live(&all[1].access).await && app.is_refused(&all[1].refresh).await);
        for tokens in [&first_again, &all[2], &new, &other] {
            assert!(app.is_live(&tokens.access).await);
        }
        let facts = app.facts().await;
        assert_eq!(facts.len(), 1);
        assert_eq!((&facts[0]["kind"], &facts[0]["id"]), (&"sid".into(), &claims_of(&all[1].access)["sid"]));
        let rows = app.database.read(|conn| {
            let filter = audit::AuditFilter::default();
            audit::page(conn, &filter, "", 100)
        });
        let rows = rows.await.unwrap();
        let ended: Vec<_> = rows.iter().filter(|row| row.kind == "session.ended").collect();
        assert_eq!(ended.len(), 1);
        assert_eq!(ended[0].reason.as_deref(), Some("displaced"));
        assert_eq!(ended[0].session_id.as_deref(), claims_of(&all[1].access)["sid"].as_str());
    }
}

#[tokio::test]
async fn concurrent_logins_never_exceed_the_limit() {
    for app in both_with(|settings| settings.sessions.max_per_user = 5).await {
        app.register("alice").await;
        let answers = join_all((0..50).map(|_| app.try_login("alice", PASSWORD))).await;
        let (mut live, mut last) = (0, None);
        for answer in answers {
            assert_eq!(answer.status(), StatusCode::OK);
            let tokens = Tokens::of(answer).await;
            if app.is_live(&tokens.access).await {
                assert!(!app.is_refused(&tokens.refresh).await);
                live += 1;
                last = Some(tokens);
            }
        }
        assert_eq!(live, 5);
        assert_eq!(listed(&app, &last.unwrap().access).await.len(), 5);
        assert_eq!(app.facts().await.len(), 45);
    }
}

#[tokio::test]
async fn a_limit_can_be_one_or_a_hundred_or_none() {
    for app in both_with(|settings| settings.sessions.max_per_user = 1).await {
        let first = app.user("alice").await;
        let second = app.login("alice").await;
        assert!(!app.is_live(&first.access).await && app.is_live(&second.access).await);
    }
    for (most, left) in [(None, 100), (Some(0), 120)] {
        let limit = |settings: &mut Settings| {
            settings.sessions.max_per_user = most.unwrap_or(settings.sessions.max_per_user);
        };
        for app in both_with(limit).await {
            app.register("alice").await;
            let mut last = None;
            for _ in 0..12 {
                for tokens in join_all((0..10).map(|_| app.login("alice"))).await {
                    if app.is_live(&tokens.access).await {
                        last = Some(tokens);
                    }
                }
            }
            assert_eq!(listed(&app, &last.unwrap().access).await.len(), left);
        }
    }
}

/// If the limit is far below the number of existing sessions, one login does not end all of them at once.
#[tokio::test]
async fn a_lowered_limit_is_reached_in_steps() {
    for app in both().await {
        let first = app.user("alice").await;
        app.add_sessions(&first, 450).await;
        app.clock.advance_ms(60_000);
        for left in [252, 100, 100] {
            let tokens = app.login("alice").await;
            assert_eq!(app.all_sessions(&tokens.access).await.len(), left);
            app.clock.advance_ms(1);
        }
    }
}
