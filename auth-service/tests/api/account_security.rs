//! The pages about password, address and registration: `/account/security`, `/account/email`, `/account`, `/register`.

use auth_service::config::RegistrationMode;
use auth_service::domain::Email;
use reqwest::StatusCode;

use crate::helpers::person::{Person, Shown};
use crate::helpers::{PASSWORD, TestApp, both, both_with};

const SECURITY: &str = "/account/security";
const ADDRESS: &str = "/account/email";
const NEW_PASSWORD: &str = "another horse with other staples";
const CHANGED: &str = "Your password is changed. You are signed out everywhere else.";

async fn change(person: &mut Person<'_>, current: &str, new: &str) -> Shown {
    person.post(SECURITY, &[("current_password", current), ("new_password", new)]).await
}

async fn signed_in<'a>(app: &'a TestApp, name: &str) -> Person<'a> {
    let mut person = Person::new(app);
    person.sign_in_bare(name).await;
    person
}

async fn is_signed_in(person: &Person<'_>) -> bool {
    person.copy().open("/account").await.status == StatusCode::OK
}

#[tokio::test]
async fn a_changed_password_leaves_this_browser_signed_in_and_no_other() {
    for app in &both().await {
        app.register("ada").await;
        let (mut here, there) = (signed_in(app, "ada").await, signed_in(app, "ada").await);
        let tokens = app.login("ada").await;
        let page = here.open(SECURITY).await;
        assert!(page.is_page("Security") && page.html.contains("aria-current=\"page\">Security"));
        for part in ["current-password", "new-password", "autocomplete=\"username\" value=\"ada\" readonly"] {
            assert!(page.html.contains(part), "{part}: {}", page.html);
        }
        for (current, new, text) in [
            ("", NEW_PASSWORD, "Enter your current password."),
            ("wrong", NEW_PASSWORD, "The current password is not right."),
            (PASSWORD, "short", "Use at least 12 characters."),
            (PASSWORD, "PassWord1234", "Many people use this password"),
        ] {
            let shown = change(&mut here, current, new).await;
            assert_eq!(shown.status, StatusCode::UNPROCESSABLE_ENTITY, "{text}");
            assert!(shown.html.contains(text), "{text}: {}", shown.html);
            assert!(!shown.html.contains(PASSWORD) && !shown.html.contains(NEW_PASSWORD));
        }
        assert!(is_signed_in(&here).await && is_signed_in(&there).await);

        let before = here.copy();
        let done = change(&mut here, PASSWORD, NEW_PASSWORD).await;
        let address = done.location.clone().unwrap();
        let page = here.follow(done).await;
        assert!(page.is_page("Security") && page.html.contains(CHANGED), "{}", page.html);
        assert!(is_signed_in(&here).await && !is_signed_in(&there).await);
        assert!(!is_signed_in(&before).await, "the handle before names nobody");
        assert!(!app.is_live(&tokens.access).await && app.is_refused(&tokens.refresh).await);
        assert_eq!(app.login_status("ada", PASSWORD).await, StatusCode::UNAUTHORIZED);
        assert_eq!(app.login_status("ada", NEW_PASSWORD).await, StatusCode::OK);
        // Nobody else is told by this address that a password was changed.
        app.register("bob").await;
        let mut bob = signed_in(app, "bob").await;
        assert!(!bob.open(&address).await.html.contains(CHANGED));
    }
}

#[tokio::test]
async fn an_old_sign_in_is_confirmed_before_anything_is_typed() {
    for app in &both().await {
        app.register("ada").await;
        let mut ada = signed_in(app, "ada").await;
        // A session that is not used within ten minutes is over.
        assert!(is_signed_in(&ada).await);
        app.clock.advance_ms(601_000);
        for path in [SECURITY, ADDRESS] {
            let opened = ada.open(path).await;
            let page = ada.follow(opened).await;
            assert!(page.is_page("Confirm it is you"), "{}", page.html);
            let posted = change(&mut ada, PASSWORD, NEW_PASSWORD).await;
            assert!(posted.location.unwrap().starts_with("/login?request="));
            let fields = [("request", page.request()), ("username", "ada"), ("password", PASSWORD)];
            assert_eq!(ada.copy().post("/login", &fields).await.location.as_deref(), Some(path));
        }
        assert_eq!(app.login_status("ada", PASSWORD).await, StatusCode::OK);
        for path in [SECURITY, ADDRESS, "/account"] {
            assert_eq!(Person::new(app).open(path).await.location.as_deref(), Some("/login"));
            let posted = Person::new(app).post(path, &[("mail", "verify")]).await;
            assert_eq!(posted.location.as_deref(), Some("/login"));
        }
    }
}

#[tokio::test]
async fn an_address_is_added_confirmed_and_replaced() {
    for app in &both().await {
        app.register("ada").await;
        let mut ada = signed_in(app, "ada").await;
        let page = ada.open("/account").await;
        assert!(page.html.contains("Add an address, so that you can reset your password."), "{}", page.html);
        for (email, password, texts) in [
            ("", "", vec!["There are 2 things to put right", "Enter your password."]),
            ("nowhere", PASSWORD, vec!["Enter an e-mail address like ada@example.org."]),
            ("ä@example.org", PASSWORD, vec!["Enter an e-mail address like ada@example.org."]),
            ("ada@example.org", "wrong", vec!["The password is not right."]),
        ] {
            let shown = ada.post(ADDRESS, &[("email", email), ("password", password)]).await;
            assert_eq!(shown.status, StatusCode::UNPROCESSABLE_ENTITY);
            for text in texts {
                assert!(shown.html.contains(text), "{text}: {}", shown.html);
            }
        }
        for (email, before) in [("ada@example.org", None), ("ada@example.net", Some("ada@example.org"))] {
            let asked = ada.post(ADDRESS, &[("email", email), ("password", PASSWORD)]).await;
            let page = ada.follow(asked).await;
            assert!(page.html.contains("A link is on its way to the new address."), "{}", page.html);
            assert!(page.html.contains(email) && page.html.contains("Not confirmed"), "{}", page.html);
            assert!(before.is_none_or(|before| page.html.contains(before)), "{}", page.html);
            let token = app.last_token(email).await;
            let done = ada.post("/verify-email", &[("token", &token)]).await;
            assert!(ada.follow(done).await.is_page("Your e-mail address is confirmed"));
            let page = ada.open("/account").await;
            assert!(page.html.contains(email) && page.html.contains(">Confirmed<"), "{}", page.html);
            assert!(!page.html.contains("Not confirmed") && !page.html.contains("value=\"verify\""));
        }
    }
}

#[tokio::test]
async fn the_link_of_an_unconfirmed_address_is_sent_again() {
    for app in &both().await {
        app.register_at("ada", "ada@example.org").await;
        let first = app.last_token("ada@example.org").await;
        let mut ada = signed_in(app, "ada").await;
        let sent = ada.post("/account", &[("mail", "verify")]).await;
        let page = ada.follow(sent).await;
        assert!(page.html.contains("A link is on its way to your address."), "{}", page.html);
        let second = app.last_token("ada@example.org").await;
        assert_ne!(first, second);
        // Both are good, until one is used.
        for token in [&first, &second] {
            let page = ada.open(&format!("/verify-email?token={token}")).await;
            assert!(page.is_page("Confirm your e-mail address"), "{}", page.html);
        }
        ada.post("/verify-email", &[("token", &first)]).await;
        assert_eq!(ada.open(&format!("/verify-email?token={second}")).await.status, StatusCode::GONE);
        let nothing = ada.post("/account", &[("mail", "verify")]).await;
        assert_eq!(nothing.location.as_deref(), Some("/account"));
    }
}

#[tokio::test]
async fn a_closed_registration_says_so_and_an_invitation_opens_it_once() {
    for app in &both_with(|settings| settings.registration.mode = RegistrationMode::Closed).await {
        let mut person = Person::new(app);
        assert!(!person.open("/login").await.html.contains("/register"));
        let fields = [("username", "eve"), ("password", PASSWORD)];
        for shown in [person.open("/register").await, person.post("/register", &fields).await] {
            assert_eq!(shown.status, StatusCode::FORBIDDEN);
            assert!(shown.is_page("Registration is closed"), "{}", shown.html);
        }
        app.administration().invite(&Email::parse("ada@example.org").unwrap(), None).await.unwrap();
        let token = app.last_token("ada@example.org").await;
        let path = format!("/register?invitation={token}");
        let form = person.open(&path).await;
        assert!(form.is_page("Create your account"), "{}", form.html);
        assert!(form.html.contains("value=\"ada@example.org\""), "{}", form.html);
        // An error keeps the invitation.
        let fields = [("invitation", token.as_str()), ("username", "ada"), ("email", "ada@example.org")];
        let with = |password| [fields[0], fields[1], fields[2], ("password", password)];
        let again = person.post("/register", &with("short")).await;
        assert!(again.html.contains(&format!("name=\"invitation\" value=\"{token}\"")), "{}", again.html);
        let done = person.post("/register", &with(PASSWORD)).await;
        let account = person.follow(done).await;
        assert!(account.is_page("Your account") && account.html.contains(">Confirmed<"), "{}", account.html);
        let mut other = Person::new(app);
        for shown in [other.open(&path).await, other.post("/register", &with(PASSWORD)).await] {
            assert_eq!(shown.status, StatusCode::GONE);
            let is_said = shown.is_page("This link no longer works.") && shown.html.contains("for 7 days");
            assert!(is_said, "{}", shown.html);
        }
    }
}

#[tokio::test]
async fn where_the_address_has_to_be_verified_the_pages_lead_through_it() {
    for app in &both_with(|settings| settings.registration.require_verified_email = true).await {
        let mut ada = Person::new(app);
        let form = ada.open("/register").await;
        assert!(!form.html.contains("(optional)"), "{}", form.html);
        let with = |email| [("username", "ada"), ("email", email), ("password", PASSWORD)];
        let missing = ada.post("/register", &with("")).await;
        assert_eq!(missing.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(missing.html.contains("Enter your e-mail address."), "{}", missing.html);
        let done = ada.post("/register", &with("ada@example.org")).await;
        let page = ada.follow(done).await;
        assert!(page.is_page("Check your mail") && page.html.contains("ada@example.org"), "{}", page.html);
        assert!(ada.has_signed_out());
        let token = app.last_token("ada@example.org").await;
        let refused = ada.post("/login", &[("username", "ada"), ("password", PASSWORD)]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.html.contains("Confirm your e-mail address first."), "{}", refused.html);
        let wrong = ada.post("/login", &[("username", "ada"), ("password", "wrong")]).await;
        assert!(!wrong.html.contains("Confirm your e-mail address first."), "{}", wrong.html);
        let done = ada.post("/verify-email", &[("token", &token), ("password", PASSWORD)]).await;
        assert!(ada.follow(done).await.is_page("Your e-mail address is confirmed"));
        ada.sign_in_bare("ada").await;
    }
}
