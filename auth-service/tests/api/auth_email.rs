//! Addresses: `POST /auth/email`, `/auth/email/verify` and `/auth/email/verify/request`.

use futures_util::future::join_all;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::helpers::{PASSWORD, TestApp, both};

const HOUR_MS: u64 = 3_600_000;

/// Asks for another address.
async fn change(app: &TestApp, access: &str, email: &str, password: &str) -> Response {
    let body = json!({ "email": email, "password": password });
    app.post("/auth/email").bearer_auth(access).json(&body).send().await.unwrap()
}

/// Verifies with a session and without a password.
async fn verify_by(app: &TestApp, access: &str, token: &str) -> StatusCode {
    let request = app.post("/auth/email/verify").bearer_auth(access).json(&json!({ "token": token }));
    request.send().await.unwrap().status()
}

async fn verify_by_nothing(app: &TestApp, token: &str) -> StatusCode {
    app.post_json("/auth/email/verify", &json!({ "token": token })).await.status()
}

/// B24: who owns the mailbox must not verify it for somebody else's account.
#[tokio::test]
async fn a_mailbox_alone_verifies_nothing() {
    for app in &both().await {
        app.register_at("mallory", "victim@example.org").await;
        app.register("victim").await;
        let (victim, mallory) = (app.login("victim").await, app.login("mallory").await);
        let token = app.last_token("victim@example.org").await;
        assert_eq!(verify_by_nothing(app, &token).await, StatusCode::UNAUTHORIZED, "an empty jar");
        assert_eq!(
            verify_by(app, &victim.access, &token).await,
            StatusCode::UNAUTHORIZED,
            "another's session"
        );
        assert_eq!(verify_by(app, "nonsense", &token).await, StatusCode::UNAUTHORIZED);
        assert_eq!(app.verify(&token, "not the password of it").await, StatusCode::UNAUTHORIZED);
        assert_eq!(app.verify(&token, "").await, StatusCode::UNAUTHORIZED);
        assert_eq!(app.user_of(&mallory.access).await["email_verified"], false);
        let rows = app.audit_rows().await;
        let guesses = rows.iter().filter(|row| row.reason.as_deref() == Some("wrong_password")).count();
        assert_eq!(guesses, 2, "a wrong password counts as a failed login");
        // The link stays good for its own account.
        assert_eq!(verify_by(app, &mallory.access, &token).await, StatusCode::NO_CONTENT);
        assert_eq!(app.user_of(&mallory.access).await["email_verified"], true);
        assert_eq!(verify_by(app, &mallory.access, &token).await, StatusCode::BAD_REQUEST, "used");
    }
}

#[tokio::test]
async fn a_session_verifies_within_an_hour_of_its_sign_in() {
    for app in &both().await {
        app.register_at("ada", "ada@example.org").await;
        let tokens = app.login("ada").await;
        let token = app.last_token("ada@example.org").await;
        app.clock.advance_ms(HOUR_MS + 1_000);
        let fresh = app.refresh(&tokens.refresh).await;
        assert_eq!(verify_by(app, &fresh.access, &token).await, StatusCode::UNAUTHORIZED);
        let again = app.login("ada").await;
        app.clock.advance_ms(600_000);
        assert_eq!(verify_by(app, &again.access, &token).await, StatusCode::NO_CONTENT);
    }
}

/// A cookie of `/auth/*` counts like a bearer token, but not for a post of another site.
#[tokio::test]
async fn a_cookie_verifies_for_our_own_origin_alone() {
    for app in &both().await {
        app.register_at("ada", "ada@example.org").await;
        let token = app.last_token("ada@example.org").await;
        let access = app.login("ada").await.access;
        let cookie = format!("__Host-access_token={access}");
        for (origin, expected) in [
            ("https://evil.example", StatusCode::UNAUTHORIZED),
            ("http://localhost:8000", StatusCode::NO_CONTENT),
        ] {
            let request = app.post("/auth/email/verify").json(&json!({ "token": token }));
            let request = request.header("Cookie", &cookie).header("Origin", origin);
            assert_eq!(request.send().await.unwrap().status(), expected, "{origin}");
        }
    }
}

#[tokio::test]
async fn a_verification_works_for_a_day_and_comes_again() {
    for app in &both().await {
        app.register_at("ada", "ada@example.org").await;
        let first = app.last_token("ada@example.org").await;
        app.clock.advance_ms(24 * HOUR_MS);
        assert_eq!(app.verify(&first, PASSWORD).await, StatusCode::BAD_REQUEST, "over");
        let again = json!({ "identifier": "Ada" });
        let response = app.post_json("/auth/email/verify/request", &again).await;
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        let second = app.last_token("ada@example.org").await;
        // A11: a failed login does not spoil the link.
        assert_eq!(app.login_status("ada", "wrong password, wrong").await, StatusCode::UNAUTHORIZED);
        app.clock.advance_ms(24 * HOUR_MS - 1);
        assert_eq!(app.verify(&second, PASSWORD).await, StatusCode::NO_CONTENT);
        let count = app.mails_to("ada@example.org").await.len();
        app.post_json("/auth/email/verify/request", &again).await;
        assert_eq!(app.mails_to("ada@example.org").await.len(), count, "nothing is left to verify");
    }
}

/// C20: nothing changes before the new address is proved, the present one is told, and the last request counts.
#[tokio::test]
async fn another_address_takes_effect_when_it_is_verified() {
    for app in &both().await {
        app.verified("ada", "a@example.org").await;
        let access = app.login("ada").await.access;
        let wrong = change(app, &access, "b@example.org", "not the password of it").await;
        assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let body: Value = wrong.json().await.unwrap();
        assert_eq!(body["errors"][0]["field"], "password");
        assert_eq!(change(app, &access, "b@example.org", PASSWORD).await.status(), StatusCode::ACCEPTED);
        let first = app.last_token("b@example.org").await;
        assert_eq!(change(app, &access, "c@example.org", PASSWORD).await.status(), StatusCode::ACCEPTED);
        let second = app.last_token("c@example.org").await;
        assert_eq!(app.verify(&first, PASSWORD).await, StatusCode::BAD_REQUEST, "replaced");
        // Asking for the first one again does not revive its link.
        assert_eq!(change(app, &access, "b@example.org", PASSWORD).await.status(), StatusCode::ACCEPTED);
        assert_eq!(app.verify(&first, PASSWORD).await, StatusCode::BAD_REQUEST, "replaced twice");
        assert_eq!(app.verify(&second, PASSWORD).await, StatusCode::BAD_REQUEST, "replaced");
        assert_eq!(change(app, &access, "c@example.org", PASSWORD).await.status(), StatusCode::ACCEPTED);
        let token = app.last_token("c@example.org").await;

        assert_eq!(app.user_of(&access).await["email"], "a@example.org");
        app.forgot("a@example.org").await;
        let reset = app.last_token("a@example.org").await;
        let notices = app.mails_to("a@example.org").await;
        assert_eq!(
            notices.iter().filter(|mail| mail.link().is_none()).count(),
            4,
            "a notice for each request"
        );
        assert!(notices.iter().all(|mail| !mail.text.contains("c@example.org")));

        assert_eq!(app.verify(&token, PASSWORD).await, StatusCode::NO_CONTENT);
        let user = app.user_of(&access).await;
        assert_eq!((&user["email"], &user["email_verified"]), (&json!("c@example.org"), &json!(true)));
        assert!(app.is_live(&access).await, "no session ends");
        assert_eq!(app.reset(&reset, "a different horse with other staples").await, StatusCode::BAD_REQUEST);
        let before = app.mails_to("a@example.org").await;
        assert!(before.last().unwrap().link().is_none(), "told of the change");
        app.forgot("a@example.org").await;
        assert_eq!(app.mails_to("a@example.org").await.len(), before.len());
        assert_eq!(app.login_status("c@example.org", PASSWORD).await, StatusCode::OK);
        assert_eq!(app.login_status("a@example.org", PASSWORD).await, StatusCode::UNAUTHORIZED);
    }
}

/// C16: compared without regard to case, kept and written to as it was typed; shared by nobody.
#[tokio::test]
async fn a_verified_address_belongs_to_one_user() {
    for app in &both().await {
        app.register_at("first", "John@Ex.org").await;
        app.register_at("second", "john@ex.ORG").await;
        let (first, second) = (app.last_token("John@Ex.org").await, app.last_token("john@ex.ORG").await);
        assert_eq!(app.verify(&first, PASSWORD).await, StatusCode::NO_CONTENT);
        let tokens = app.login("john@EX.org").await;
        assert_eq!(app.user_of(&tokens.access).await["username"], "first");
        app.forgot("JOHN@EX.ORG").await;
        let reset = app.last_token("John@Ex.org").await;
        // The second one proves it, too: it is the second one's now, and the first keeps it unverified.
        assert_eq!(app.verify(&second, PASSWORD).await, StatusCode::NO_CONTENT);
        let user = app.user_of(&tokens.access).await;
        assert_eq!((&user["email"], &user["email_verified"]), (&json!("John@Ex.org"), &json!(false)));
        let other = app.login("john@ex.org").await;
        assert_eq!(app.user_of(&other.access).await["username"], "second");
        assert_eq!(app.reset(&reset, "a different horse with other staples").await, StatusCode::BAD_REQUEST);
        let rows = app.audit_rows().await;
        assert!(rows.iter().any(|row| row.reason.as_deref() == Some("taken")));
        // Dots and tags are not folded.
        assert_eq!(app.login_status("j.ohn@ex.org", PASSWORD).await, StatusCode::UNAUTHORIZED);
        assert_eq!(app.login_status("john+x@ex.org", PASSWORD).await, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn of_many_who_prove_an_address_at_once_one_has_it() {
    for app in &both().await {
        let mut tokens = Vec::new();
        for number in 0..4 {
            app.register_at(&format!("user{number}"), "shared@example.org").await;
            let mails = app.mails_to("shared@example.org").await;
            tokens.push(mails.last().unwrap().token());
        }
        let verified = join_all(tokens.iter().map(|token| app.verify(token, PASSWORD))).await;
        assert!(verified.iter().all(|status| *status == StatusCode::NO_CONTENT), "{verified:?}");
        let mut owners = 0;
        for number in 0..4 {
            let access = app.login(&format!("user{number}")).await.access;
            owners += u32::from(app.user_of(&access).await["email_verified"] == true);
        }
        assert_eq!(owners, 1);
    }
}

/// C18 and C19: a stranger's address as the user name, or at a registration before the owner's, gains nothing.
#[tokio::test]
async fn the_owner_of_an_address_is_not_kept_out_by_others() {
    for app in &both().await {
        app.register_at("v@example.org", "mallory@example.org").await;
        app.register_at("mallory", "v@example.org").await;
        assert_eq!(
            app.login_status("v@example.org", PASSWORD).await,
            StatusCode::OK,
            "a name like any other"
        );
        // Mails of different users are sent side by side, so the next one is the last only when the others were sent.
        assert_eq!(app.mails_to("v@example.org").await.len(), 1);
        let of_victim = json!({ "username": "victim", "password": "the victim's own password", "email": "v@example.org" });
        assert_eq!(app.register_with(&of_victim).await.status(), StatusCode::CREATED);
        let own = app.last_token("v@example.org").await;
        assert_eq!(app.verify(&own, "the victim's own password").await, StatusCode::NO_CONTENT);
        assert_eq!(app.login_status("v@example.org", PASSWORD).await, StatusCode::UNAUTHORIZED);
        let victim = app.try_login("v@example.org", "the victim's own password").await;
        let victim = crate::helpers::Tokens::of(victim).await;
        assert_eq!(app.user_of(&victim.access).await["username"], "victim");
        let mallory = app.login("mallory").await;
        assert_eq!(app.user_of(&mallory.access).await["email_verified"], false);
        app.forgot("v@example.org").await;
        let reset = app.last_token("v@example.org").await;
        assert_eq!(app.reset(&reset, "a different horse with other staples").await, StatusCode::NO_CONTENT);
        assert_eq!(app.login_status("victim", "a different horse with other staples").await, StatusCode::OK);
        assert_eq!(app.login_status("mallory", PASSWORD).await, StatusCode::OK);
    }
}

#[tokio::test]
async fn addresses_that_mail_programs_would_not_take_are_refused() {
    for app in &both().await {
        app.register("ada").await;
        let access = app.login("ada").await.access;
        for email in
            ["", "nobody", "a@b\r\nBcc: c@d", "ünï@example.org", "a@bücher.example", "<a@b>", "a@b,c@d"]
        {
            let response = change(app, &access, email, PASSWORD).await;
            assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY, "{email:?}");
            let body: Value = response.json().await.unwrap();
            assert_eq!(body["errors"][0]["field"], "email", "{email:?}");
            let body = json!({ "username": "bob", "password": PASSWORD, "email": email });
            let status = app.register_with(&body).await.status();
            assert!(status == StatusCode::UNPROCESSABLE_ENTITY || email.is_empty(), "{email:?}: {status}");
        }
        assert_eq!(
            change(app, "nonsense", "a@example.org", PASSWORD).await.status(),
            StatusCode::UNAUTHORIZED
        );
        assert_eq!(
            change(app, &access, "a@xn--bcher-kva.example", PASSWORD).await.status(),
            StatusCode::ACCEPTED
        );
    }
}

/// Login by address on each face, with the same answer for everything that is wrong.
#[tokio::test]
async fn a_verified_address_logs_in_everywhere() {
    for app in &both().await {
        app.verified("ada", "ada@example.org").await;
        app.register_at("bob", "bob@example.org").await;
        for identifier in ["ada@example.org", "ADA@Example.org", "ada", "ADA"] {
            assert_eq!(app.login_status(identifier, PASSWORD).await, StatusCode::OK, "{identifier}");
            let body = json!({ "username": identifier, "password": PASSWORD });
            assert_eq!(app.post_json("/auth/login", &body).await.status(), StatusCode::NO_CONTENT);
            crate::helpers::person::Person::new(app).sign_in_bare(identifier).await;
        }
        let mut answers = Vec::new();
        for identifier in
            ["bob@example.org", "ada@example.com", "nobody", "ünï@example.org", &"@".repeat(400)]
        {
            let response = app.try_login(identifier, PASSWORD).await;
            answers.push((response.status(), response.bytes().await.unwrap()));
        }
        assert_eq!(answers[0].0, StatusCode::UNAUTHORIZED);
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    }
}
