//! How many registrations and mails callers from one address can cause.

use auth_service::config::Settings;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::helpers::person::{OWN_ORIGIN, Person};
use crate::helpers::{PASSWORD, TestApp, both_with};

const ONE: &str = "198.51.100.1";
const OTHER: &str = "198.51.100.2";

fn limits(registrations: u32, mails: u32) -> impl Fn(&mut Settings) {
    move |settings| {
        settings.http.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        settings.throttle.registrations_per_hour = registrations;
        settings.throttle.mails_per_hour = mails;
    }
}

fn post_from(app: &TestApp, address: &str, path: &str) -> RequestBuilder {
    app.request(Method::POST, path).header("X-Forwarded-For", address)
}

async fn register(app: &TestApp, address: &str, body: Value) -> Response {
    post_from(app, address, "/auth/register").json(&body).send().await.unwrap()
}

fn named(name: &str) -> Value {
    json!({ "username": name, "password": PASSWORD })
}

/// Checks that this is the one answer of all rate limits, and returns the seconds to wait.
async fn throttled(response: Response) -> u64 {
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    let seconds = retry_after(response.headers());
    let body: Value = response.json().await.unwrap();
    let expected = json!({
        "type": "about:blank", "title": "Too Many Requests", "status": 429,
        "detail": "Too many requests, try again later"
    });
    assert_eq!(body, expected);
    seconds
}

fn retry_after(headers: &HeaderMap) -> u64 {
    headers[RETRY_AFTER].to_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn registrations_of_an_address_are_limited() {
    for app in both_with(limits(3, 10)).await {
        assert_eq!(register(&app, ONE, named("alice")).await.status(), StatusCode::CREATED);
        // A form that breaks a rule would not register, and does not count.
        for _ in 0..5 {
            let body = json!({ "username": " x", "password": "short" });
            assert_eq!(register(&app, ONE, body).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
        }
        // A taken name counts: otherwise names could be asked for without a limit.
        assert_eq!(register(&app, ONE, named("Alice")).await.status(), StatusCode::BAD_REQUEST);
        assert_eq!(register(&app, ONE, named("bob")).await.status(), StatusCode::CREATED);
        for name in ["alice", "carol"] {
            assert_eq!(throttled(register(&app, ONE, named(name)).await).await, 1200, "{name}");
        }
        assert_eq!(register(&app, OTHER, named("dave")).await.status(), StatusCode::CREATED);
        app.clock.advance_ms(1_199_999);
        assert_eq!(throttled(register(&app, ONE, named("carol")).await).await, 1);
        app.clock.advance_ms(1);
        assert_eq!(register(&app, ONE, named("carol")).await.status(), StatusCode::CREATED);
    }
}

/// No refused registration costs a hash.
#[tokio::test]
async fn a_refused_registration_costs_no_hash() {
    for app in both_with(limits(1, 10)).await {
        register(&app, ONE, named("alice")).await;
        let before = app.metric("latchkey_password_hashes_total").await;
        for number in 0..20 {
            throttled(register(&app, ONE, named(&format!("user{number}"))).await).await;
        }
        assert_eq!(app.metric("latchkey_password_hashes_total").await, before);
    }
}

#[tokio::test]
async fn the_page_of_registration_says_how_long_to_wait() {
    for app in both_with(limits(1, 10)).await {
        app.register("alice").await;
        let mut person = Person::new(&app);
        let fields = [("username", "bob"), ("email", ""), ("password", PASSWORD)];
        let page = person.post("/register", &fields).await;
        assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(retry_after(&page.headers), 3600);
        assert!(page.html.contains("Too many attempts. Wait 60 minutes"), "{}", page.html);
        assert!(page.html.contains("value=\"bob\"") && !page.html.contains(PASSWORD));
        app.clock.advance_ms(3_600_000);
        assert_eq!(person.post("/register", &fields).await.status, StatusCode::SEE_OTHER);
    }
}

/// All that a stranger can cause uses one budget of mails. Past it nothing is queued.
#[tokio::test]
async fn mails_that_an_address_causes_are_limited() {
    for app in both_with(limits(100, 4)).await {
        let wish = async |address: &str, path: &str, identifier: &str| {
            let body = json!({ "identifier": identifier });
            post_from(&app, address, path).json(&body).send().await.unwrap()
        };
        let (forgot, again) = ("/auth/password/forgot", "/auth/email/verify/request");
        let with_address = json!({ "username": "ada", "password": PASSWORD, "email": "ada@example.org" });
        assert_eq!(register(&app, ONE, with_address).await.status(), StatusCode::CREATED);
        assert_eq!(wish(ONE, forgot, "nobody").await.status(), StatusCode::ACCEPTED);
        assert_eq!(wish(ONE, again, "ada").await.status(), StatusCode::ACCEPTED);
        // What names nobody is refused for that, and does not count.
        assert_eq!(wish(ONE, again, "").await.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let token = app.login("ada").await.access;
        let change = async |address: &str| {
            let body = json!({ "email": "ada@example.net", "password": PASSWORD });
            post_from(&app, address, "/auth/email").bearer_auth(&token).json(&body).send().await.unwrap()
        };
        assert_eq!(change(ONE).await.status(), StatusCode::ACCEPTED);
        let sent = app.mails().await.len();
        for identifier in ["ada", "nobody", "ada@example.org"] {
            assert_eq!(throttled(wish(ONE, forgot, identifier).await).await, 900);
            assert_eq!(throttled(wish(ONE, again, identifier).await).await, 900);
        }
        throttled(change(ONE).await).await;
        let with_address = json!({ "username": "bob", "password": PASSWORD, "email": "bob@example.org" });
        throttled(register(&app, ONE, with_address).await).await;
        assert_eq!(register(&app, ONE, named("bob")).await.status(), StatusCode::CREATED, "without a mail");
        assert_eq!(app.mails().await.len(), sent);
        assert_eq!(wish(OTHER, forgot, "ada").await.status(), StatusCode::ACCEPTED);
        app.clock.advance_ms(900_000);
        assert_eq!(wish(ONE, forgot, "ada").await.status(), StatusCode::ACCEPTED);
        throttled(wish(ONE, forgot, "ada").await).await;
    }
}

#[tokio::test]
async fn the_pages_that_send_mail_say_how_long_to_wait() {
    for app in both_with(limits(100, 2)).await {
        let body = json!({ "username": "ada", "password": PASSWORD, "email": "ada@example.org" });
        assert_eq!(app.register_with(&body).await.status(), StatusCode::CREATED);
        let mut person = Person::new(&app);
        person.sign_in_bare("ada").await;
        let page = person.post("/account", &[("mail", "verify")]).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER);
        let forgot: &[_] = &[("identifier", "ada")];
        let change: &[_] = &[("email", "ada@example.net"), ("password", PASSWORD)];
        for (path, fields) in [
            ("/account", &[("mail", "verify")][..]),
            ("/forgot-password", forgot),
            ("/account/email", change),
        ] {
            let page = person.post(path, fields).await;
            assert_eq!((page.status, path), (StatusCode::TOO_MANY_REQUESTS, path));
            assert_eq!(retry_after(&page.headers), 1800);
            assert!(page.html.contains("Too many attempts. Wait 30 minutes"), "{}", page.html);
        }
    }
}

/// The owner of an account is told, however many mails strangers have caused from the same address.
#[tokio::test]
async fn notices_to_the_owner_are_never_withheld() {
    for app in both_with(limits(100, 1)).await {
        app.verified("ada", "ada@example.org").await;
        let token = app.login("ada").await.access;
        let refused = app.post("/auth/password/forgot").json(&json!({ "identifier": "nobody" }));
        throttled(refused.send().await.unwrap()).await;
        let body = json!({ "current_password": PASSWORD, "new_password": "a different horse with staples" });
        let changed = app.post("/auth/password").bearer_auth(&token).json(&body).send().await.unwrap();
        assert_eq!(changed.status(), StatusCode::NO_CONTENT);
        let mails = app.mails_to("ada@example.org").await;
        assert_eq!(mails.last().unwrap().subject, "Your password was changed");
    }
}

/// Whoever has the right password of an account whose address is not verified causes a mail with each login.
#[tokio::test]
async fn logins_that_send_the_verification_mail_are_limited() {
    let change = |settings: &mut Settings| {
        limits(100, 3)(settings);
        settings.registration.require_verified_email = true;
    };
    for app in both_with(change).await {
        let body = json!({ "username": "ada", "password": PASSWORD, "email": "ada@example.org" });
        assert_eq!(app.register_with(&body).await.status(), StatusCode::CREATED);
        for _ in 0..2 {
            assert_eq!(app.try_login("ada", PASSWORD).await.status(), StatusCode::FORBIDDEN);
        }
        let sent = app.mails().await.len();
        throttled(app.try_login("ada", PASSWORD).await).await;
        assert_eq!(app.mails().await.len(), sent);
        assert_eq!(app.try_login("ada", "wrong").await.status(), StatusCode::UNAUTHORIZED);
        let refused = app.audit_rows().await;
        let refused = refused.iter().filter(|row| row.reason.as_deref() == Some("email_not_verified"));
        assert_eq!(refused.count(), 3);
    }
}

/// The origin of our pages is needed, so that a page of another site cannot use up the budget of its visitors.
#[tokio::test]
async fn a_foreign_form_does_not_count() {
    for app in both_with(limits(1, 1)).await {
        for path in ["/register", "/forgot-password"] {
            let fields = [("username", "bob"), ("password", PASSWORD), ("identifier", "bob")];
            let foreign = app.post(path).form(&fields).header("Origin", "https://evil.example");
            assert_eq!(foreign.send().await.unwrap().status(), StatusCode::FORBIDDEN);
        }
        let own = app.post("/forgot-password").form(&[("identifier", "bob")]).header("Origin", OWN_ORIGIN);
        assert_eq!(own.send().await.unwrap().status(), StatusCode::SEE_OTHER);
        app.register("bob").await;
    }
}
