//! `GET /auth/applications` and `DELETE /auth/applications/{client_id}`; sessions of each kind in `/auth/sessions`.

use std::collections::BTreeMap;

use auth_service::tokens::CodeOutcome;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use shared_claims::clock::Clock as _;
use shared_claims::scope::Scopes;

use crate::helpers::person::Person;
use crate::helpers::sessions::next_page;
use crate::helpers::sign_in::{apps, claims, redeem, refresh};
use crate::helpers::sign_out::{is_refused, is_signed_in, signed_in};
use crate::helpers::{TestApp, is_invalid_token};

async fn applications(app: &TestApp, token: &str) -> Vec<Value> {
    let response = app.get("/auth/applications").bearer_auth(token).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    response.json().await.unwrap()
}

async fn delete(app: &TestApp, token: &str, path: &str) -> StatusCode {
    app.request(Method::DELETE, path).bearer_auth(token).send().await.unwrap().status()
}

/// Signs in at the application `third` and allows what it asks for. Returns the code.
async fn allow(person: &mut Person<'_>, username: &str, scope: &str) -> String {
    let changes = [("client_id", "third"), ("scope", scope)];
    let mut page = person.authorize(&changes).await;
    if page.is_page("Sign in") {
        page = person.sign_in(&page, username).await;
    }
    assert!(page.is_page("Allow access to your account?"), "{}", page.html);
    person.decide(&page, "allow").await.code()
}

fn access(tokens: &Value) -> &str {
    tokens["access_token"].as_str().unwrap()
}

#[tokio::test]
async fn an_application_is_listed_with_what_it_may_do_and_disconnected() {
    for app in &apps().await {
        let front_end = app.login("ada").await;
        assert!(
            applications(app, &front_end.access).await.is_empty(),
            "a front end of ours is no application"
        );
        let (mut ada, mut bob) = (Person::new(app), Person::new(app));
        let code = allow(&mut ada, "ada", "openid profile").await;
        let of_bob = redeem(app, "third", &allow(&mut bob, "bob", "openid").await).await.1;
        let allowed_at = app.clock.now_ms();
        app.clock.advance_ms(120_000);
        assert_eq!(redeem(app, "third", &code).await.0, StatusCode::BAD_REQUEST, "too late");
        let again = ada.authorize(&[("client_id", "third"), ("scope", "openid profile")]).await.code();
        let tokens = redeem(app, "third", &again).await.1;
        let used_at = app.clock.now_ms();
        app.clock.advance_ms(1_000);
        let listed = applications(app, &front_end.access).await;
        let time = service_kit::timestamp::rfc3339;
        let expected = json!([{
            "client_id": "third", "name": "Third", "scopes": ["openid", "profile"],
            "allowed_at": time(allowed_at), "last_used_at": time(used_at),
        }]);
        assert_eq!(Value::from(listed), expected);

        let offline = allow(&mut ada, "ada", "openid profile offline_access").await;
        let offline = redeem(app, "third", &offline).await.1;
        let pending = ada.authorize(&[("client_id", "third"), ("scope", "openid")]).await.code();
        // Only a token of the product itself steers the account.
        let foreign = app.get("/auth/applications").bearer_auth(access(&tokens)).send().await.unwrap();
        assert!(is_invalid_token(foreign).await);
        for (token, path, status) in [
            (access(&tokens), "/auth/applications/third", StatusCode::UNAUTHORIZED),
            (&front_end.access, "/auth/applications/first-party", StatusCode::NOT_FOUND),
            (&front_end.access, "/auth/applications/web1", StatusCode::NOT_FOUND),
            (&front_end.access, "/auth/applications/nobody", StatusCode::NOT_FOUND),
            (&front_end.access, "/auth/applications/%00", StatusCode::NOT_FOUND),
            (&front_end.access, "/auth/applications/third", StatusCode::NO_CONTENT),
            (&front_end.access, "/auth/applications/third", StatusCode::NOT_FOUND),
        ] {
            assert_eq!(delete(app, token, path).await, status, "{path}");
        }
        assert!(is_refused(app, "third", &tokens).await && is_refused(app, "third", &offline).await);
        assert_eq!(redeem(app, "third", &pending).await.1["error"], "invalid_grant");
        let facts: Vec<_> = app.facts().await.into_iter().map(|fact| fact["id"].clone()).collect();
        for ended in [&tokens, &offline] {
            assert!(facts.contains(&claims(&ended["access_token"])["sid"]), "{facts:?}");
        }
        assert!(applications(app, &front_end.access).await.is_empty());
        // The browser stays signed in, and the application has to ask again.
        assert!(is_signed_in(&ada).await && app.is_live(&front_end.access).await);
        let page = ada.authorize(&[("client_id", "third"), ("scope", "openid")]).await;
        assert!(page.is_page("Allow access to your account?"), "{}", page.html);
        assert!(!is_refused(app, "third", &of_bob).await, "another person's connection stays");
        let events = app.audit_rows().await;
        let withdrawn = events.iter().filter(|event| event.kind == "consent.withdrawn");
        assert_eq!(withdrawn.map(|event| event.client_id.as_deref()).collect::<Vec<_>>(), [Some("third")]);
        assert!(events.iter().any(|event| event.reason.as_deref() == Some("disconnected")));
    }
}

#[tokio::test]
async fn an_application_that_nobody_is_asked_about_is_listed_while_it_has_a_session() {
    for app in &apps().await {
        let front_end = app.login("ada").await;
        let (mut ada, tokens) = signed_in(app, "ada").await;
        let offline = ada.authorize(&[("scope", "openid offline_access email")]).await.code();
        let offline = redeem(app, "web1", &offline).await.1;
        let listed = applications(app, &front_end.access).await;
        assert_eq!(listed.len(), 1);
        assert_eq!(
            (&listed[0]["client_id"], &listed[0]["scopes"]),
            (&"web1".into(), &json!(["openid", "offline_access", "email"]))
        );
        // After 31 days the browser session is over, and what was bound to it with it.
        let mut token = offline["refresh_token"].as_str().unwrap().to_owned();
        for _ in 0..2 {
            app.clock.advance_ms(16 * 86_400_000);
            let (status, refreshed) = refresh(app, "web1", &token).await;
            assert_eq!(status, StatusCode::OK, "{refreshed}");
            refreshed["refresh_token"].as_str().unwrap().clone_into(&mut token);
        }
        let front_end = app.login("ada").await;
        let kinds: Vec<_> =
            app.all_sessions(&front_end.access).await.iter().map(|session| session["kind"].clone()).collect();
        assert_eq!(kinds.iter().filter(|kind| **kind == "client").count(), 1, "{kinds:?}");
        assert!(!kinds.contains(&"browser".into()), "{kinds:?}");
        assert!(is_refused(app, "web1", &tokens).await);
        assert_eq!(delete(app, &front_end.access, "/auth/applications/web1").await, StatusCode::NO_CONTENT);
        assert_eq!(refresh(app, "web1", &token).await.1["error"], "invalid_grant");
        assert!(applications(app, &front_end.access).await.is_empty());
    }
}

#[tokio::test]
async fn sessions_of_each_kind_are_in_one_list_and_end_with_what_is_below() {
    for app in &apps().await {
        let front_end = app.login("ada").await;
        app.clock.advance_ms(1_000);
        let (mut ada, bound) = signed_in(app, "ada").await;
        let offline = ada.authorize(&[("scope", "openid offline_access")]).await.code();
        let offline = redeem(app, "web1", &offline).await.1;
        let pending = ada.authorize(&[]).await.code();
        let (other, of_other) = signed_in(app, "ada").await;
        let (bob, of_bob) = signed_in(app, "bob").await;
        let sid = |token: &Value| claims(token)["sid"].as_str().unwrap().to_owned();
        let expected = BTreeMap::from([
            (sid(&json!(front_end.access)), ("first-party", json!("first-party"), true)),
            (sid(&bound["id_token"]), ("browser", Value::Null, false)),
            (sid(&bound["access_token"]), ("client", json!("web1"), false)),
            (sid(&offline["access_token"]), ("client", json!("web1"), false)),
            (sid(&of_other["id_token"]), ("browser", Value::Null, false)),
            (sid(&of_other["access_token"]), ("client", json!("web1"), false)),
        ]);
        // In pages of one, so that the cursor goes from one kind to another.
        let (mut found, mut times) = (BTreeMap::new(), Vec::new());
        let mut path = Some("/auth/sessions?limit=1".to_owned());
        while let Some(next) = path {
            let response = app.get(&next).bearer_auth(&front_end.access).send().await.unwrap();
            path = next_page(&response);
            for session in response.json::<Vec<Value>>().await.unwrap() {
                let kind = session["kind"].as_str().unwrap().to_owned();
                let current = session["current"].as_bool().unwrap();
                times.push(session["last_used_at"].as_str().unwrap().to_owned());
                let id = session["id"].as_str().unwrap().to_owned();
                assert!(found.insert(id, (kind, session["client_id"].clone(), current)).is_none(), "twice");
            }
        }
        let found: BTreeMap<_, _> = found
            .iter()
            .map(|(id, (kind, client, current))| (id.clone(), (kind.as_str(), client.clone(), *current)))
            .collect();
        assert_eq!(found, expected);
        assert!(times.is_sorted_by(|one, next| one >= next), "{times:?}");

        let path = |token: &Value| format!("/auth/sessions/{}", sid(token));
        for foreign in [&of_bob["id_token"], &of_bob["access_token"]] {
            assert_eq!(delete(app, &front_end.access, &path(foreign)).await, StatusCode::NOT_FOUND);
        }
        assert_eq!(delete(app, access(&bound), &path(&bound["id_token"])).await, StatusCode::UNAUTHORIZED);
        // A client's session alone: the browser stays signed in.
        assert_eq!(
            delete(app, &front_end.access, &path(&of_other["access_token"])).await,
            StatusCode::NO_CONTENT
        );
        assert!(is_refused(app, "web1", &of_other).await && is_signed_in(&other).await);
        // A browser session, with everything below it but what stays connected.
        assert_eq!(delete(app, &front_end.access, &path(&bound["id_token"])).await, StatusCode::NO_CONTENT);
        assert_eq!(delete(app, &front_end.access, &path(&bound["id_token"])).await, StatusCode::NOT_FOUND);
        assert!(!is_signed_in(&ada).await && is_refused(app, "web1", &bound).await);
        assert_eq!(redeem(app, "web1", &pending).await.1["error"], "invalid_grant");
        assert!(!is_refused(app, "web1", &offline).await);
        let facts: Vec<_> = app.facts().await.into_iter().map(|fact| fact["id"].clone()).collect();
        assert!(facts.contains(&claims(&bound["access_token"])["sid"]));
        // All others: also what stayed connected.
        assert_eq!(delete(app, &front_end.access, "/auth/sessions").await, StatusCode::NO_CONTENT);
        assert!(is_refused(app, "web1", &offline).await && !is_signed_in(&other).await);
        assert_eq!(app.all_sessions(&front_end.access).await.len(), 1);
        assert!(is_signed_in(&bob).await && !is_refused(app, "web1", &of_bob).await);
    }
}

/// `logout-all` ends what began on the pages, too.
#[tokio::test]
async fn a_logout_from_everywhere_ends_browsers_and_what_stays_connected() {
    for app in &apps().await {
        let (mut ada, bound) = signed_in(app, "ada").await;
        let offline = ada.authorize(&[("scope", "openid offline_access")]).await.code();
        let offline = redeem(app, "web1", &offline).await.1;
        let pending = ada.authorize(&[]).await.code();
        let front_end = app.login("ada").await;
        assert_eq!(app.logout_all(&front_end.access).await.status(), StatusCode::NO_CONTENT);
        assert!(!is_signed_in(&ada).await);
        assert!(is_refused(app, "web1", &bound).await && is_refused(app, "web1", &offline).await);
        assert_eq!(redeem(app, "web1", &pending).await.1["error"], "invalid_grant");
    }
}

/// A code that is given while the application is disconnected: the consent was read before, and is gone under the lock.
#[tokio::test]
async fn no_code_is_given_for_a_consent_that_was_withdrawn_meanwhile() {
    for app in &apps().await {
        let front_end = app.login("ada").await;
        let mut ada = Person::new(app);
        let tokens = redeem(app, "third", &allow(&mut ada, "ada", "openid").await).await.1;
        let mut consent = app.consent("ada", "third").await;
        consent.access.scope = Some(Scopes::parse("openid").unwrap());
        consent.access.resources = vec!["todo-service".to_owned(), "https://notes.example".to_owned()];
        consent.browser_session_id =
            claims(&tokens["id_token"])["sid"].as_str().map(|sid| sid.parse().unwrap());
        assert!(!app.code(consent.clone()).await.is_empty());
        let path = "/auth/applications/third";
        assert_eq!(delete(app, &front_end.access, path).await, StatusCode::NO_CONTENT);
        assert!(matches!(app.no_code(consent).await, CodeOutcome::ConsentWithdrawn));
    }
}
