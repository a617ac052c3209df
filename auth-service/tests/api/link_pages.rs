//! The pages that mailed links lead to: `/forgot-password`, `/reset-password`, `/verify-email`.

use auth_service::config::MailTransport;
use reqwest::{Method, StatusCode};

use crate::helpers::person::{Person, Shown};
use crate::helpers::{PASSWORD, TestApp, both, both_with};

const NEW_PASSWORD: &str = "another horse with other staples";
const HOUR_MS: u64 = 3_600_000;
const DEAD: &str = "This link no longer works.";

async fn open(app: &TestApp, page: &str, token: &str) -> Shown {
    Person::new(app).open(&format!("{page}?token={token}")).await
}

fn is_dead(shown: &Shown) -> bool {
    shown.status == StatusCode::GONE && shown.is_page(DEAD) && !shown.html.contains("<form class")
}

/// Asks for a reset with the form, and returns the token.
async fn asked(app: &TestApp, identifier: &str, address: &str) -> String {
    let mut person = Person::new(app);
    let sent = person.post("/forgot-password", &[("identifier", identifier)]).await;
    assert_eq!(sent.location.as_deref(), Some("/forgot-password?sent=1"));
    assert!(person.follow(sent).await.is_page("Check your mail"));
    app.last_token(address).await
}

async fn is_verified(app: &TestApp, name: &str) -> bool {
    let access = app.login(name).await.access;
    app.user_of(&access).await["email_verified"] == true
}

/// A1, A2: mail scanners open links, with `GET` and with `HEAD`, and people open them twice.
#[tokio::test]
async fn to_open_a_link_changes_nothing_and_needs_no_cookie() {
    for app in &both().await {
        app.verified("ada", "ada@example.org").await;
        app.register_at("bob", "bob@example.org").await;
        let (reset, verify) =
            (asked(app, "ADA@example.org", "ada@example.org").await, app.last_token("bob@example.org").await);
        for (page, token, heading) in [
            ("/reset-password", &reset, "Choose a new password"),
            ("/verify-email", &verify, "Confirm your e-mail address"),
        ] {
            let path = format!("{page}?token={token}");
            for _ in 0..3 {
                let shown = open(app, page, token).await;
                assert!(shown.status == StatusCode::OK && shown.is_page(heading), "{}", shown.html);
                assert!(shown.location.is_none() && !shown.headers.contains_key("set-cookie"));
                assert!(shown.html.contains(&format!("name=\"token\" value=\"{token}\"")), "{}", shown.html);
                let head = app.client.request(Method::HEAD, format!("{}{path}", app.url));
                assert_eq!(head.send().await.unwrap().status(), StatusCode::OK);
            }
            // The other language keeps the link.
            let german = Person::new(app).open(&format!("{path}&ui_locales=de")).await;
            assert!(german.html.contains(&format!("{path}&#38;ui_locales=en")), "{}", german.html);
        }
        assert!(!is_verified(app, "bob").await);
        assert_eq!(app.login_status("ada", PASSWORD).await, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_and_the_link_is_used_up() {
    for app in &both().await {
        app.verified("ada", "ada@example.org").await;
        let mut elsewhere = Person::new(app);
        elsewhere.sign_in_bare("ada").await;
        let token = asked(app, "ada", "ada@example.org").await;
        let mut person = Person::new(app);
        let page = person.open(&format!("/reset-password?token={token}")).await;
        for part in [
            "For <strong><bdi translate=\"no\">ada</bdi></strong>.",
            "autocomplete=\"new-password\"",
            "passwordrules=\"minlength: 12;\"",
            "type=\"text\" autocomplete=\"username\" value=\"ada\" readonly",
        ] {
            assert!(page.html.contains(part), "{part}: {}", page.html);
        }
        // A refused password leaves the link as good as it was.
        for (password, text) in [
            ("short", "Use at least 12 characters."),
            ("password1234", "Many people use this password"),
            ("ada@example.org", "Do not use your user name or address"),
            ("", "Use at least 12 characters."),
        ] {
            let shown = person.post("/reset-password", &[("token", &token), ("password", password)]).await;
            assert_eq!(shown.status, StatusCode::UNPROCESSABLE_ENTITY, "{password}");
            assert!(shown.html.contains(text), "{password}: {}", shown.html);
        }
        let done = person.post("/reset-password", &[("token", &token), ("password", NEW_PASSWORD)]).await;
        assert!(done.location.as_deref().unwrap().starts_with("/login?done="), "{:?}", done.location);
        let address = done.location.clone().unwrap();
        let page = person.follow(done).await;
        let said = "Your password is changed. Sign in with the new one.";
        assert!(page.is_page("Sign in") && page.html.contains(said), "{}", page.html);
        assert!(person.cookies.is_empty(), "nobody is signed in by a link");
        assert_eq!(app.login_status("ada", PASSWORD).await, StatusCode::UNAUTHORIZED);
        assert_eq!(app.login_status("ada", NEW_PASSWORD).await, StatusCode::OK);
        assert_eq!(elsewhere.open("/account").await.location.as_deref(), Some("/login"));
        // In a second browser the link is dead, and says so before anything is typed.
        let dead = open(app, "/reset-password", &token).await;
        assert!(is_dead(&dead) && dead.html.contains("only for one hour"), "{}", dead.html);
        assert!(dead.html.contains("href=\"/forgot-password\""), "{}", dead.html);
        let other = [("token", token.as_str()), ("password", "yet another long password")];
        assert!(is_dead(&Person::new(app).post("/reset-password", &other).await));
        // The notice is said for ten minutes, and only if it is ours.
        app.clock.advance_ms(601_000);
        assert!(!person.open(&address).await.html.contains(said));
        assert!(!person.open("/login?done=PasswordReset").await.html.contains(said));
    }
}

/// C21: the page tells nothing about names and addresses.
#[tokio::test]
async fn everybody_who_asks_is_told_the_same() {
    for app in &both().await {
        app.verified("ada", "ada@example.org").await;
        let mut answers = Vec::new();
        for identifier in ["ada", "ada@example.org", "nobody", "nobody@example.org", "<b>"] {
            let mut person = Person::new(app);
            let sent = person.post("/forgot-password", &[("identifier", identifier)]).await;
            let page = person.follow(sent).await;
            answers.push((page.status, page.html));
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        let empty = Person::new(app).post("/forgot-password", &[("identifier", " ")]).await;
        assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(empty.html.contains("Enter your user name or e-mail address."), "{}", empty.html);
    }
}

#[tokio::test]
async fn an_address_is_verified_by_the_own_session_or_the_password() {
    for app in &both().await {
        for name in ["ada", "bob", "eve"] {
            app.register_at(name, &format!("{name}@example.org")).await;
        }
        let (mut ada, mut eve) = (Person::new(app), Person::new(app));
        ada.sign_in_bare("ada").await;
        eve.sign_in_bare("eve").await;
        let token = app.last_token("ada@example.org").await;
        let path = format!("/verify-email?token={token}");
        let page = ada.open(&path).await;
        let sentence = "ada@example.org</bdi></strong> will belong to the account <strong>";
        assert!(page.html.contains(sentence) && !page.html.contains("type=\"password\""), "{}", page.html);
        // Nobody's browser, and that of somebody else: the password of the account is asked for.
        for person in [&mut Person::new(app), &mut eve] {
            let page = person.open(&path).await;
            assert!(page.html.contains("Password of <bdi translate=\"no\">ada</bdi>"), "{}", page.html);
            for (password, text) in
                [("", "Enter your password."), ("wrong password", "The password is not right.")]
            {
                let shown = person.post("/verify-email", &[("token", &token), ("password", password)]).await;
                assert_eq!(shown.status, StatusCode::UNPROCESSABLE_ENTITY);
                assert!(shown.html.contains(text), "{}", shown.html);
            }
        }
        assert!(!is_verified(app, "ada").await);
        let done = ada.post("/verify-email", &[("token", &token)]).await;
        let page = ada.follow(done).await;
        assert!(page.is_page("Your e-mail address is confirmed"), "{}", page.html);
        assert!(is_verified(app, "ada").await);
        let dead = open(app, "/verify-email", &token).await;
        assert!(is_dead(&dead) && dead.html.contains("only for 24 hours"), "{}", dead.html);
        // With the password, from any browser.
        let token = app.last_token("bob@example.org").await;
        let done = eve.post("/verify-email", &[("token", &token), ("password", PASSWORD)]).await;
        assert!(eve.follow(done).await.is_page("Your e-mail address is confirmed"));
        // An hour after the sign-in the own session is not enough.
        let token = app.last_token("eve@example.org").await;
        app.clock.advance_ms(HOUR_MS + 1_000);
        let page = eve.open(&format!("/verify-email?token={token}")).await;
        assert!(page.html.contains("type=\"password\""), "{}", page.html);
        let refused = eve.post("/verify-email", &[("token", &token)]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(!is_verified(app, "eve").await);
    }
}

#[tokio::test]
async fn a_dead_link_says_so_whatever_killed_it() {
    for app in &both().await {
        app.verified("ada", "ada@example.org").await;
        app.register_at("bob", "bob@example.org").await;
        let (reset, verify) =
            (asked(app, "ada", "ada@example.org").await, app.last_token("bob@example.org").await);
        for (page, token) in [
            ("/reset-password", ""),
            ("/reset-password", "lkm_x"),
            ("/reset-password", "%00%ff"),
            ("/reset-password", verify.as_str()),
            ("/verify-email", reset.as_str()),
            ("/verify-email", "<script>"),
        ] {
            let dead = open(app, page, token).await;
            assert!(is_dead(&dead), "{page} {token}: {} {}", dead.status, dead.html);
            let fields = [("token", token), ("password", NEW_PASSWORD)];
            assert!(is_dead(&Person::new(app).post(page, &fields).await), "{page} {token}");
        }
        app.disable("bob").await;
        assert!(is_dead(&open(app, "/verify-email", &verify).await), "a disabled user");
        app.clock.advance_ms(HOUR_MS);
        assert!(is_dead(&open(app, "/reset-password", &reset).await), "after an hour");
    }
}

/// Somebody else is signed in where the link is opened, and stays signed in.
#[tokio::test]
async fn a_reset_leaves_the_session_of_somebody_else_alone() {
    for app in &both().await {
        app.verified("ada", "ada@example.org").await;
        app.register("bob").await;
        let token = asked(app, "ada", "ada@example.org").await;
        let mut bob = Person::new(app);
        bob.sign_in_bare("bob").await;
        let page = bob.open(&format!("/reset-password?token={token}")).await;
        assert!(page.is_page("Choose a new password") && page.html.contains(">ada<"), "{}", page.html);
        let done = bob.post("/reset-password", &[("token", &token), ("password", NEW_PASSWORD)]).await;
        assert!(bob.follow(done).await.is_page("Sign in"));
        assert!(bob.open("/account").await.html.contains(">bob<"));
        assert_eq!(app.login_status("ada", NEW_PASSWORD).await, StatusCode::OK);
    }
}

#[tokio::test]
async fn without_mail_the_pages_say_so_and_nothing_links_to_them() {
    for app in &both_with(|settings| {
        settings.mail.transport = Some(MailTransport::None);
        settings.pages.support = Some("https://example.org/help".to_owned());
    })
    .await
    {
        app.register("ada").await;
        let mut ada = Person::new(app);
        let login = ada.open("/login").await;
        assert!(!login.html.contains("forgot-password"), "{}", login.html);
        ada.sign_in_bare("ada").await;
        let text = "This server sends no mail. Ask for help: <a href=\"https://example.org/help\">";
        for path in ["/forgot-password", "/account", "/account/email"] {
            let page = ada.open(path).await;
            assert_eq!(page.status, StatusCode::OK);
            assert!(page.html.contains(text), "{path}: {}", page.html);
            assert!(!page.html.contains("name=\"mail\"") && !page.html.contains("href=\"/account/email\""));
        }
        let refused = ada.post("/forgot-password", &[("identifier", "ada")]).await;
        assert!(refused.status == StatusCode::NOT_IMPLEMENTED && refused.html.contains(text));
    }
}
