//! Who may register, and who may log in: `registration.mode`, `registration.require_verified_email`, and invitations.

use auth_service::config::{MailTransport, RegistrationMode};
use auth_service::domain::Email;
use futures_util::future::join_all;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::helpers::clients::{basic, client, secret_of};
use crate::helpers::person::Person;
use crate::helpers::{PASSWORD, TestApp, both_with};

const DAY_MS: u64 = 86_400_000;

async fn closed() -> [TestApp; 2] {
    both_with(|settings| settings.registration.mode = RegistrationMode::Closed).await
}

async fn invite(app: &TestApp, email: &str) -> String {
    let address = Email::parse(email).unwrap();
    app.administration().invite(&address, None).await.unwrap();
    app.last_token(email).await
}

async fn register(app: &TestApp, username: &str, email: Option<&str>, invitation: &str) -> Response {
    let body =
        json!({ "username": username, "password": PASSWORD, "email": email, "invitation": invitation });
    app.register_with(&body).await
}

#[tokio::test]
async fn a_closed_service_takes_the_invited_alone() {
    for app in &closed().await {
        let stranger = app.register_with(&json!({ "username": "eve", "password": PASSWORD })).await;
        assert_eq!(stranger.status(), StatusCode::FORBIDDEN);
        let problem: Value = stranger.json().await.unwrap();
        assert!(problem["type"].as_str().unwrap().ends_with("registration-closed"), "{problem}");
        let shown = Person::new(app).post("/register", &[("username", "eve"), ("password", PASSWORD)]).await;
        assert_eq!(shown.status, StatusCode::FORBIDDEN);

        let token = invite(app, "Ada@example.org").await;
        let user = register(app, "ada", None, &token).await;
        assert_eq!(user.status(), StatusCode::CREATED);
        let user: Value = user.json().await.unwrap();
        let access = app.login("ada@example.org").await.access;
        let seen = app.user_of(&access).await;
        assert_eq!((&seen["email"], &seen["email_verified"]), (&json!("Ada@example.org"), &json!(true)));
        assert_eq!(user, seen, "register answers what stands");
        // It works once.
        assert_eq!(register(app, "eve", None, &token).await.status(), StatusCode::BAD_REQUEST);
        for nonsense in ["", "lkm_x", "x"] {
            let status = register(app, "eve", None, nonsense).await.status();
            assert_eq!(status, StatusCode::BAD_REQUEST, "{nonsense}");
        }
    }
}

/// B24: only the invited address is verified.
#[tokio::test]
async fn another_address_typed_with_an_invitation_is_unverified() {
    for app in &closed().await {
        let token = invite(app, "ada@example.org").await;
        let user = register(app, "ada", Some("other@example.org"), &token).await;
        assert_eq!(user.status(), StatusCode::CREATED);
        let user: Value = user.json().await.unwrap();
        assert_eq!((&user["email"], &user["email_verified"]), (&json!("other@example.org"), &json!(false)));
        let verification = app.last_token("other@example.org").await;
        assert_eq!(app.verify(&verification, PASSWORD).await, StatusCode::NO_CONTENT);
        // The same address in another case is the invited one.
        let token = invite(app, "bob@example.org").await;
        let user: Value = register(app, "bob", Some("BOB@Example.org"), &token).await.json().await.unwrap();
        assert_eq!((&user["email"], &user["email_verified"]), (&json!("BOB@Example.org"), &json!(true)));
    }
}

#[tokio::test]
async fn an_invitation_works_for_a_week_and_is_not_spent_by_an_error() {
    for app in &closed().await {
        app.administration();
        let token = invite(app, "ada@example.org").await;
        let weak = json!({ "username": "ada", "password": "short", "invitation": token });
        assert_eq!(app.register_with(&weak).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let token_of_bob = invite(app, "bob@example.org").await;
        app.clock.advance_ms(7 * DAY_MS - 1);
        assert_eq!(register(app, "bob", None, &token_of_bob).await.status(), StatusCode::CREATED);
        assert_eq!(
            register(app, "bob", None, &token).await.status(),
            StatusCode::BAD_REQUEST,
            "the name is taken"
        );
        app.clock.advance_ms(1);
        assert_eq!(register(app, "ada", None, &token).await.status(), StatusCode::BAD_REQUEST, "over");
        // An operator invites again.
        let token = invite(app, "ada@example.org").await;
        let names: Vec<_> = (0..10).map(|number| format!("ada{number}")).collect();
        let tried = join_all(names.iter().map(|name| register(app, name, None, &token))).await;
        let done = tried.iter().filter(|response| response.status() == StatusCode::CREATED).count();
        assert_eq!(done, 1, "of ten at once one registers");
    }
}

#[tokio::test]
async fn login_waits_for_the_verification_where_it_is_required() {
    let apps = both_with(|settings| settings.registration.require_verified_email = true).await;
    for app in &apps {
        let missing = app.register_with(&json!({ "username": "ada", "password": PASSWORD })).await;
        assert_eq!(missing.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let body: Value = missing.json().await.unwrap();
        assert_eq!(body["errors"][0]["field"], "email");
        app.register_at("ada", "ada@example.org").await;
        app.add_client(client("trusted")).await;

        // Only the right password learns that it is about the address.
        assert_eq!(app.login_status("ada", "wrong password, wrong").await, StatusCode::UNAUTHORIZED);
        let refused = app.try_login("ada", PASSWORD).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN);
        let problem: Value = refused.json().await.unwrap();
        assert!(problem["type"].as_str().unwrap().ends_with("email-not-verified"), "{problem}");
        let cookies = app.post_json("/auth/login", &json!({ "username": "ada", "password": PASSWORD })).await;
        assert_eq!(cookies.status(), StatusCode::FORBIDDEN);
        let form = [("grant_type", "password"), ("username", "ada"), ("password", PASSWORD)];
        let grant = app
            .post("/oauth2/token")
            .form(&form)
            .header("Authorization", basic("trusted", &secret_of("trusted")));
        let grant = grant.send().await.unwrap();
        assert_eq!(grant.status(), StatusCode::BAD_REQUEST);
        assert_eq!(grant.json::<Value>().await.unwrap()["error"], "invalid_grant");
        let page = Person::new(app).post("/login", &[("username", "ada"), ("password", PASSWORD)]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(app.mails_to("ada@example.org").await.len(), 5, "a new mail each time, up to the limit");

        let token = app.last_token("ada@example.org").await;
        assert_eq!(app.verify(&token, PASSWORD).await, StatusCode::NO_CONTENT);
        assert_eq!(app.login_status("ada", PASSWORD).await, StatusCode::OK);

        // Somebody who registers on the page is not signed in before that either.
        let mut browser = Person::new(app);
        let fields = [("username", "bob"), ("email", "bob@example.org"), ("password", PASSWORD)];
        browser.post("/register", &fields).await;
        assert_eq!(browser.open("/account").await.status, StatusCode::SEE_OTHER);
        // A user whom an operator made goes on.
        app.make_user("carol").await;
        assert_eq!(app.login_status("carol", PASSWORD).await, StatusCode::OK);
    }
}

#[tokio::test]
async fn without_mail_what_needs_it_says_so_to_everybody() {
    for app in &both_with(|settings| settings.mail.transport = Some(MailTransport::None)).await {
        app.register_at("ada", "ada@example.org").await;
        let access = app.login("ada").await.access;
        let mut answers = Vec::new();
        for path in ["/auth/password/forgot", "/auth/email/verify/request"] {
            for identifier in ["ada", "ada@example.org", "nobody"] {
                let response = app.post_json(path, &json!({ "identifier": identifier })).await;
                assert_eq!(response.headers()["content-type"], "application/problem+json");
                answers.push((response.status(), response.text().await.unwrap()));
            }
        }
        assert_eq!(answers[0].0, StatusCode::NOT_IMPLEMENTED);
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        let body = json!({ "email": "b@example.org", "password": PASSWORD });
        let change = app.post("/auth/email").bearer_auth(&access).json(&body).send().await.unwrap();
        assert_eq!(change.status(), StatusCode::NOT_IMPLEMENTED);
        assert!(app.mails().await.is_empty(), "nothing waits for a transport that may never come");
    }
}
