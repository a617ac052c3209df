use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::helpers::clients::client;
use crate::helpers::sessions::next_page;
use crate::helpers::{PASSWORD, TestApp, both, claims_of};

async fn list(app: &TestApp, token: &str) -> Vec<Value> {
    app.all_sessions(token).await
}

async fn delete(app: &TestApp, token: &str, sid: &str) -> StatusCode {
    let path = format!("/auth/sessions/{sid}");
    app.request(Method::DELETE, &path).bearer_auth(token).send().await.unwrap().status()
}

#[tokio::test]
async fn a_user_lists_the_own_sessions() {
    for app in both().await {
        app.user("bob").await;
        let phone = app.user("alice").await;
        app.clock.advance_ms(5_000);
        let form = [("username", "alice"), ("password", PASSWORD)];
        let laptop = app
            .post("/auth/token")
            .header("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0")
            .form(&form)
            .send()
            .await
            .unwrap();
        let laptop = crate::helpers::Tokens::of(laptop).await;
        let sessions = list(&app, &laptop.access).await;
        insta::assert_json_snapshot!("sessions", sessions);
        app.clock.advance_ms(60_000);
        app.refresh(&phone.refresh).await;
        let sessions = list(&app, &laptop.access).await;
        assert_eq!(sessions[0]["id"], claims_of(&phone.access)["sid"], "last used first");
        assert_eq!(sessions[0]["current"], false);
    }
}

#[tokio::test]
async fn a_user_ends_one_of_the_own_sessions_only() {
    for app in both().await {
        let bob = app.user("bob").await;
        let (one, two) = (app.user("alice").await, app.login("alice").await);
        let sid = |token: &str| claims_of(token)["sid"].as_str().unwrap().to_owned();
        assert_eq!(delete(&app, &one.access, &sid(&bob.access)).await, StatusCode::NOT_FOUND);
        for sid in ["x", "00000000-0000-7000-8000-000000000000", "%00", "..%2f", "'"] {
            assert_eq!(delete(&app, &one.access, sid).await, StatusCode::NOT_FOUND, "{sid}");
        }
        assert!(app.is_live(&bob.access).await);
        assert_eq!(delete(&app, &one.access, &sid(&two.access)).await, StatusCode::NO_CONTENT);
        assert!(!app.is_live(&two.access).await);
        assert!(app.is_refused(&two.refresh).await);
        assert_eq!(delete(&app, &one.access, &sid(&two.access)).await, StatusCode::NOT_FOUND);
        assert_eq!(list(&app, &one.access).await.len(), 1);
        assert_eq!(delete(&app, &one.access, &sid(&one.access)).await, StatusCode::NO_CONTENT);
        assert!(!app.is_live(&one.access).await);
        assert_eq!(delete(&app, &one.access, &sid(&one.access)).await, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_user_ends_all_other_sessions() {
    for app in both().await {
        let bob = app.user("bob").await;
        let kept = app.user("alice").await;
        let others = [app.login("alice").await, app.login("alice").await];
        let sid = |token: &str| claims_of(token)["sid"].clone();
        for _ in 0..2 {
            let answer = app.request(Method::DELETE, "/auth/sessions").bearer_auth(&kept.access).send().await;
            assert_eq!(answer.unwrap().status(), StatusCode::NO_CONTENT);
        }
        for other in &others {
            assert!(!app.is_live(&other.access).await && app.is_refused(&other.refresh).await);
        }
        assert!(app.is_live(&kept.access).await && app.is_live(&bob.access).await);
        app.refresh(&kept.refresh).await;
        let sessions = list(&app, &kept.access).await;
        assert_eq!((sessions.len(), &sessions[0]["id"]), (1, &sid(&kept.access)));
        let facts: Vec<_> = app.facts().await.into_iter().map(|fact| fact["id"].clone()).collect();
        assert_eq!(facts.len(), 2, "one fact for each session");
        assert!(others.iter().all(|other| facts.contains(&sid(&other.access))));
        let stranger = app.request(Method::DELETE, "/auth/sessions").send().await.unwrap();
        assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED);
    }
}

/// A page has fifty sessions by default and two hundred at most, and the next page begins where it ended.
#[tokio::test]
async fn sessions_come_in_pages_last_used_first() {
    for app in both().await {
        app.user("bob").await;
        let first = app.user("alice").await;
        app.clock.advance_ms(1_000);
        // All sessions have the same time, so they are ordered by id.
        app.add_sessions(&first, 69).await;
        let newest = app.login("alice").await;
        let sid = |token: &str| claims_of(token)["sid"].clone();
        let page = async |path: &str| {
            let response = app.get(path).bearer_auth(&newest.access).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            let next = next_page(&response);
            (response.json::<Vec<Value>>().await.unwrap(), next)
        };
        let (one, next) = page("/auth/sessions").await;
        assert_eq!(one.len(), 50);
        // A session that begins in the meantime does not change the following pages.
        app.clock.advance_ms(1);
        app.login("alice").await;
        let next = next.unwrap();
        assert!(next.starts_with("/auth/sessions?limit=50&cursor="), "{next}");
        let (two, end) = page(&next).await;
        assert_eq!((two.len(), end), (21, None));
        let ids: std::collections::HashSet<_> =
            one.iter().chain(&two).map(|session| session["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), 71, "each once");
        assert_eq!(two.last().unwrap()["id"], sid(&first.access), "the least recently used session is last");
        assert!(ids.contains(sid(&newest.access).as_str().unwrap()));
        let (all, end) = page("/auth/sessions?limit=72&other=x").await;
        assert_eq!((all.len(), end), (72, None), "a last page that is exactly full has no next page");
        for bad in [
            "limit=0",
            "limit=201",
            "limit=x",
            "limit=1&limit=2",
            "cursor=x",
            "cursor=",
            "cursor=AAAA",
            &format!("{0}&{0}", next.split_once("50&").unwrap().1),
        ] {
            let response = app.get(&format!("/auth/sessions?{bad}")).bearer_auth(&newest.access).send().await;
            let response = response.unwrap();
            assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
            let body: Value = response.json().await.unwrap();
            assert_eq!(body["errors"][0]["field"], bad.split_once('=').unwrap().0);
        }
    }
}

#[tokio::test]
async fn a_session_names_its_client_and_device() {
    for app in both().await {
        app.add_client(client("billing")).await;
        let own = app.user("alice").await;
        let login = [("grant_type", "password"), ("username", "alice"), ("password", PASSWORD)];
        app.grant_to("billing", &login).await;
        let sessions = list(&app, &own.access).await;
        let kinds: Vec<_> =
            sessions.iter().map(|session| (&session["client_id"], &session["kind"])).collect();
        assert!(kinds.contains(&(&"first-party".into(), &"first-party".into())), "{kinds:?}");
        assert!(kinds.contains(&(&"billing".into(), &"client".into())), "{kinds:?}");
    }
}

/// With many sessions: the response is sent when all have ended, each with its own fact, and other requests are
/// served in the meantime.
#[tokio::test]
async fn ending_many_sessions_does_not_delay_other_requests() {
    for app in both().await {
        let kept = app.user("alice").await;
        app.register("bob").await;
        app.add_sessions(&kept, 450).await;
        let end = app.request(Method::DELETE, "/auth/sessions").bearer_auth(&kept.access).send();
        let others = async {
            for _ in 0..5 {
                let bob = app.login("bob").await;
                assert_eq!(app.logout(&bob.access).await.status(), StatusCode::NO_CONTENT);
            }
        };
        let (ended, ()) = tokio::join!(end, others);
        assert_eq!(ended.unwrap().status(), StatusCode::NO_CONTENT);
        assert_eq!(list(&app, &kept.access).await.len(), 1);
        let facts = app.facts().await;
        let ids: std::collections::HashSet<_> =
            facts.iter().map(|fact| fact["id"].as_str().unwrap()).collect();
        assert_eq!((facts.len(), ids.len()), (455, 455));

        // All sessions end: most in batches, and the rest with one cut that also covers all tokens.
        app.add_sessions(&kept, 450).await;
        assert_eq!(app.logout_all(&kept.access).await.status(), StatusCode::NO_CONTENT);
        assert!(!app.is_live(&kept.access).await);
        let facts = app.facts().await;
        assert_eq!((facts.len(), &facts.last().unwrap()["kind"]), (455 + 400 + 1, &"sub".into()));
        let next = app.login("alice").await;
        assert_eq!(list(&app, &next.access).await.len(), 1);
    }
}

/// Two requests that end the same sessions lock them in the same order.
#[tokio::test]
async fn ending_a_client_and_its_users_sessions_concurrently_does_not_deadlock() {
    for app in both().await {
        app.add_client(client("billing")).await;
        let kept = app.user("alice").await;
        for _ in 0..4 {
            app.change_client("billing", |client| client.is_active = true).await;
            let login = [("grant_type", "password"), ("username", "alice"), ("password", PASSWORD)];
            let theirs = crate::helpers::Tokens::of(app.grant_to("billing", &login).await).await;
            app.add_sessions(&theirs, 400).await;
            let end = app.request(Method::DELETE, "/auth/sessions").bearer_auth(&kept.access).send();
            let (ended, ()) = tokio::join!(end, app.disable_client("billing"));
            assert_eq!(ended.unwrap().status(), StatusCode::NO_CONTENT);
            assert_eq!(list(&app, &kept.access).await.len(), 1);
        }
    }
}
