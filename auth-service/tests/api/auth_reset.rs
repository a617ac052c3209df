//! Forgotten passwords: `POST /auth/password/forgot` and `/auth/password/reset`.

use auth_service::domain::Client;
use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::helpers::person::Person;
use crate::helpers::sign_in::web1;
use crate::helpers::{PASSWORD, TestApp, both, both_with};

const NEW: &str = "a different horse with other staples";
const HOUR_MS: u64 = 3_600_000;

async fn ada(app: &TestApp) {
    app.verified("ada", "Ada@example.org").await;
}

/// Asks for a link, and returns its token.
async fn link(app: &TestApp) -> String {
    app.forgot("ada").await;
    app.last_token("Ada@example.org").await
}

#[tokio::test]
async fn a_mailed_link_sets_the_password_once_and_ends_everything() {
    for app in &both().await {
        ada(app).await;
        let tokens = app.login("ada").await;
        let mut browser = Person::new(app);
        browser.sign_in_bare("ada").await;
        // Found by the address in any case, mailed to what was typed at the registration.
        app.forgot("ADA@EXAMPLE.ORG").await;
        let token = app.last_token("Ada@example.org").await;
        let response =
            app.post_json("/auth/password/reset", &json!({ "token": token, "password": NEW })).await;
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        assert!(response.headers().get("set-cookie").is_none(), "nobody is signed in by a reset");
        assert!(!app.is_live(&tokens.access).await);
        assert!(app.is_refused(&tokens.refresh).await);
        assert_eq!(browser.open("/account").await.status, StatusCode::SEE_OTHER);
        assert_eq!(app.login_status("ada", PASSWORD).await, StatusCode::UNAUTHORIZED);
        assert_eq!(app.login_status("ada", NEW).await, StatusCode::OK);
        // The owner is told.
        let notices = app.mails_to("Ada@example.org").await;
        let notice = notices.last().unwrap();
        assert!(notice.link().is_none() && notice.text.contains("ada"), "{notice:?}");
        let rows = app.audit_rows().await;
        let changed = rows.iter().find(|row| row.kind == "user.password_changed").unwrap();
        assert_eq!(changed.reason.as_deref(), Some("reset"));
        assert!(
            rows.iter().any(|row| row.kind == "user.link_mailed" && row.reason.as_deref() == Some("reset"))
        );
    }
}

/// Whoever had the password may have allowed an application something.
#[tokio::test]
async fn consent_is_asked_for_again_after_a_reset() {
    for app in &both().await {
        ada(app).await;
        app.add_client(Client { is_first_party: false, ..web1() }).await;
        let mut browser = Person::new(app);
        let form = browser.authorize(&[]).await;
        let page = browser.sign_in(&form, "ada").await;
        assert!(page.is_page("Allow access to your account?"), "{}", page.html);
        browser.decide(&page, "allow").await.code();
        browser.authorize(&[]).await.code();
        let token = link(app).await;
        let response =
            app.post_json("/auth/password/reset", &json!({ "token": token, "password": NEW })).await;
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        let form = browser.authorize(&[]).await;
        let fields = [("request", form.request()), ("username", "ada"), ("password", NEW)];
        let shown = browser.post("/login", &fields).await;
        let page = browser.follow(shown).await;
        assert!(page.is_page("Allow access to your account?"), "{}", page.html);
    }
}

/// A3 of the reports: HEAD and GET of a link change nothing, whoever sends them.
#[tokio::test]
async fn opening_a_link_spends_nothing() {
    for app in &both().await {
        ada(app).await;
        let token = link(app).await;
        for path in ["/reset-password?token=", "/auth/password/reset?token=", "/verify-email?token="] {
            for method in [reqwest::Method::HEAD, reqwest::Method::GET] {
                app.request(method, &format!("{path}{token}")).send().await.unwrap();
            }
        }
        assert_eq!(app.reset(&token, NEW).await, StatusCode::NO_CONTENT);
        assert_eq!(app.reset(&token, "yet another horse, third of its kind").await, StatusCode::BAD_REQUEST);
    }
}

/// A7: a second request leaves the first link good; the use of one ends all.
#[tokio::test]
async fn of_several_links_each_works_until_one_is_used() {
    for app in &both().await {
        ada(app).await;
        let (first, second) = (link(app).await, link(app).await);
        assert_ne!(first, second);
        assert_eq!(app.reset(&first, NEW).await, StatusCode::NO_CONTENT);
        assert_eq!(app.reset(&second, NEW).await, StatusCode::BAD_REQUEST);
    }
}

/// B18: links that are over, of somebody else, or for something else.
#[tokio::test]
async fn a_link_is_bound_to_its_time_user_and_purpose() {
    for app in &both().await {
        ada(app).await;
        app.register_at("bob", "bob@example.org").await;
        let verification = app.last_token("bob@example.org").await;
        assert_eq!(app.reset(&verification, NEW).await, StatusCode::BAD_REQUEST, "for something else");
        let reset = link(app).await;
        assert_eq!(app.verify(&reset, PASSWORD).await, StatusCode::BAD_REQUEST, "for something else");
        for nonsense in ["", "lkm_", "x", "lkm_AAAA", "' OR 1=1 --", "a\0b", &"x".repeat(10_000)] {
            assert_eq!(app.reset(nonsense, NEW).await, StatusCode::BAD_REQUEST, "{nonsense:.20}");
        }
        app.clock.advance_ms(HOUR_MS - 1);
        let other = link(app).await;
        app.clock.advance_ms(1);
        assert_eq!(app.reset(&reset, NEW).await, StatusCode::BAD_REQUEST, "its hour is over");
        assert_eq!(app.reset(&other, NEW).await, StatusCode::NO_CONTENT);
        assert_eq!(app.login_status("bob", PASSWORD).await, StatusCode::OK, "nobody else is concerned");
    }
}

/// B18 and A7: any change of password or address ends every link; so does the end of the account.
#[tokio::test]
async fn a_change_of_the_account_ends_its_links() {
    for app in &both().await {
        ada(app).await;
        let before = link(app).await;
        let tokens = app.login("ada").await;
        let change = json!({ "current_password": PASSWORD, "new_password": NEW });
        let request = app.post("/auth/password").bearer_auth(&tokens.access).json(&change);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::NO_CONTENT);
        assert_eq!(app.reset(&before, PASSWORD).await, StatusCode::BAD_REQUEST, "the password was changed");

        let before = link(app).await;
        let email = json!({ "email": "new@example.org", "password": NEW });
        let request = app.post("/auth/email").bearer_auth(&tokens.access).json(&email);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::ACCEPTED);
        let token = app.last_token("new@example.org").await;
        assert_eq!(app.verify(&token, NEW).await, StatusCode::NO_CONTENT);
        assert_eq!(app.reset(&before, PASSWORD).await, StatusCode::BAD_REQUEST, "the address was changed");

        app.forgot("new@example.org").await;
        let before = app.last_token("new@example.org").await;
        app.change_password("ada").await;
        assert_eq!(app.reset(&before, PASSWORD).await, StatusCode::BAD_REQUEST, "an operator changed it");

        app.forgot("ada").await;
        let before = app.last_token("new@example.org").await;
        app.disable("ada").await;
        assert_eq!(app.reset(&before, PASSWORD).await, StatusCode::BAD_REQUEST, "disabled");
        app.administration().enable("ada").await.unwrap().unwrap();
        assert_eq!(app.reset(&before, PASSWORD).await, StatusCode::BAD_REQUEST, "disabled and enabled");
        let count = app.mails_to("new@example.org").await.len();
        app.disable("ada").await;
        app.forgot("ada").await;
        assert_eq!(app.mails_to("new@example.org").await.len(), count, "no link for a disabled user");
    }
}

/// Of many uses at the same time one counts, and the password is the one that it set.
#[tokio::test]
async fn fifty_parallel_resets_set_one_password() {
    for app in &both_with(|settings| settings.http.workers = 4).await {
        ada(app).await;
        let token = link(app).await;
        let password = |number: usize| format!("{NEW}, number {number}");
        let passwords: Vec<_> = (0..50).map(password).collect();
        let tried = join_all(passwords.iter().map(|password| app.reset(&token, password))).await;
        let done: Vec<_> = (0..50).filter(|number| tried[*number] == StatusCode::NO_CONTENT).collect();
        assert_eq!(done.len(), 1, "{tried:?}");
        assert!(tried.iter().filter(|status| **status == StatusCode::BAD_REQUEST).count() == 49, "{tried:?}");
        assert_eq!(app.login_status("ada", &passwords[done[0]]).await, StatusCode::OK);
    }
}

/// Whoever did not get the answer asks again: the same password is confirmed three times within a minute.
#[tokio::test]
async fn a_used_link_confirms_the_password_that_it_set_for_a_minute() {
    for app in &both().await {
        ada(app).await;
        let token = link(app).await;
        assert_eq!(app.reset(&token, NEW).await, StatusCode::NO_CONTENT);
        let tokens = app.try_login("ada", NEW).await;
        let tokens = crate::helpers::Tokens::of(tokens).await;
        let refused = |rows: Vec<auth_service::storage::audit::AuditRow>| {
            rows.iter().filter(|row| row.reason.as_deref() == Some("wrong_password")).count()
        };
        assert_eq!(app.reset(&token, PASSWORD).await, StatusCode::BAD_REQUEST);
        assert_eq!(refused(app.audit_rows().await), 1, "it counts as a failed login");
        app.clock.advance_ms(59_999);
        for _ in 0..3 {
            assert_eq!(app.reset(&token, NEW).await, StatusCode::NO_CONTENT);
        }
        assert_eq!(app.reset(&token, NEW).await, StatusCode::BAD_REQUEST, "three times at most");
        assert!(app.is_live(&tokens.access).await, "nothing else ends by it");
        let mails = app.mails_to("Ada@example.org").await;
        assert_eq!(mails.iter().filter(|mail| mail.link().is_none()).count(), 1, "one notice");

        app.clock.advance_ms(HOUR_MS);
        let token = link(app).await;
        assert_eq!(app.reset(&token, NEW).await, StatusCode::NO_CONTENT);
        app.clock.advance_ms(60_000);
        assert_eq!(app.reset(&token, NEW).await, StatusCode::BAD_REQUEST, "its minute is over");

        let token = link(app).await;
        assert_eq!(app.reset(&token, NEW).await, StatusCode::NO_CONTENT);
        app.change_password("ada").await;
        assert_eq!(app.reset(&token, NEW).await, StatusCode::BAD_REQUEST, "changed since");
    }
}

/// The rules for new passwords hold, and a refused one spends nothing.
#[tokio::test]
async fn a_password_that_breaks_a_rule_leaves_the_link_good() {
    for app in &both().await {
        ada(app).await;
        let token = link(app).await;
        for password in
            ["short", &"x".repeat(257), "ada@example.org", "passwordpassword", &"x".repeat(1 << 20)]
        {
            let body = json!({ "token": token, "password": password });
            let response = app.post_json("/auth/password/reset", &body).await;
            assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY, "{password:.20}");
            let body: Value = response.json().await.unwrap();
            assert_eq!(body["errors"][0]["field"], "password");
        }
        assert_eq!(app.reset(&token, NEW).await, StatusCode::NO_CONTENT);
    }
}

/// A5: nothing of the request gets into a link.
#[tokio::test]
async fn links_are_built_of_the_issuer_alone() {
    for app in &both().await {
        ada(app).await;
        for (name, value) in [
            ("Host", "evil.example"),
            ("X-Forwarded-Host", "evil.example"),
            ("X-Forwarded-Proto", "http"),
            ("Forwarded", "host=evil.example;proto=http"),
            ("Origin", "https://evil.example"),
            ("Referer", "https://evil.example/x"),
        ] {
            let request = app.post("/auth/password/forgot").json(&json!({ "identifier": "ada" }));
            let status = request.header(name, value).send().await.unwrap().status();
            assert_eq!(status, StatusCode::ACCEPTED, "{name}");
            app.mails().await;
            app.clock.advance_ms(HOUR_MS);
        }
        let mails = app.mails_to("Ada@example.org").await;
        let resets: Vec<_> = mails.iter().filter_map(|mail| mail.link()).skip(1).collect();
        assert_eq!(resets.len(), 6);
        for (mail, reset) in mails.iter().skip(1).zip(&resets) {
            assert!(reset.starts_with("http://localhost:8000/reset-password?token=lkm_"), "{reset}");
            assert!(!mail.source.contains("evil"), "{}", mail.source);
        }
    }
}
