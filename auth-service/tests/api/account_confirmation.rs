//! "Confirm it is you": what changes an account needs a sign-in of the last ten minutes.

use reqwest::StatusCode;

use crate::helpers::person::{Person, Shown};
use crate::helpers::sign_in::{apps, claims};
use crate::helpers::sign_out::{is_signed_in, signed_in};
use crate::helpers::{PASSWORD, TestApp};

const SESSIONS: &str = "/account/sessions";
const APPLICATIONS: &str = "/account/applications";
const TEN_MINUTES_MS: u64 = 600_000;

/// Presses a button of a list when the sign-in is old. Returns the page that asks for the password.
async fn press(person: &mut Person<'_>, path: &str, field: (&str, &str)) -> Shown {
    let posted = person.post(path, &[field]).await;
    let location = posted.location.clone().unwrap_or_default();
    assert!(
        posted.status == StatusCode::SEE_OTHER && location.starts_with("/login?request="),
        "{location} {}",
        posted.html
    );
    let page = person.follow(posted).await;
    assert!(is_confirmation(&page) && page.status == StatusCode::OK, "{}", page.html);
    page
}

fn is_confirmation(page: &Shown) -> bool {
    page.is_page("Confirm it is you")
        && page.html.contains("value=\"ada\"")
        && page.html.contains(" readonly")
}

async fn answer(person: &mut Person<'_>, page: &Shown, username: &str, password: &str) -> Shown {
    let fields = [("request", page.request()), ("username", username), ("password", password)];
    person.post("/login", &fields).await
}

/// Signs `ada` in, and connects the application `third`.
async fn connected(app: &TestApp) -> (Person<'_>, String) {
    let (mut ada, tokens) = signed_in(app, "ada").await;
    let consent = ada.authorize(&[("client_id", "third"), ("scope", "openid offline_access")]).await;
    assert!(!ada.decide(&consent, "allow").await.code().is_empty());
    (ada, claims(&tokens["id_token"])["sid"].as_str().unwrap().to_owned())
}

async fn is_connected(person: &Person<'_>) -> bool {
    let page = person.copy().open(APPLICATIONS).await;
    assert!(page.is_page("Connected applications"), "{}", page.html);
    page.html.contains("name=\"client_id\" value=\"third\"")
}

#[tokio::test]
async fn a_change_of_the_account_needs_a_recent_sign_in() {
    for app in &apps().await {
        let (mut ada, here) = connected(app).await;
        let (two, of_two) = signed_in(app, "ada").await;
        app.clock.advance_ms(TEN_MINUTES_MS);
        let sid = claims(&of_two["id_token"])["sid"].as_str().unwrap().to_owned();
        let done = ada.post(SESSIONS, &[("session", &sid)]).await;
        assert_eq!(done.location, Some(format!("{SESSIONS}?ended={sid}")), "ten minutes are recent");
        assert!(!is_signed_in(&two).await);

        let (three, of_three) = signed_in(app, "ada").await;
        let (four, _) = signed_in(app, "ada").await;
        let sid = claims(&of_three["id_token"])["sid"].as_str().unwrap().to_owned();
        app.clock.advance_ms(1_000);
        let ended = format!("{SESSIONS}?ended={sid}");
        for (path, field, done, other) in [
            (SESSIONS, ("session", sid.as_str()), ended.as_str(), Some(&three)),
            (SESSIONS, ("session", "others"), "/account/sessions?ended=others", Some(&four)),
            (APPLICATIONS, ("client_id", "third"), "/account/applications?ended=third", None),
        ] {
            let page = press(&mut ada, path, field).await;
            for password in ["wrong", ""] {
                let refused = answer(&mut ada, &page, "ada", password).await;
                assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
                assert!(is_confirmation(&refused) && !refused.request().is_empty(), "{}", refused.html);
                press(&mut ada, path, field).await;
            }
            // "Continue as" is for applications: it confirms nothing here.
            let choice = [("request", page.request()), ("decision", "continue")];
            assert_eq!(ada.post("/login", &choice).await.location.as_deref(), Some(path));
            press(&mut ada, path, field).await;
            if let Some(other) = other {
                assert!(is_signed_in(other).await);
            }
            assert!(is_connected(&ada).await && is_signed_in(&ada).await);

            let mut before = ada.copy();
            let confirmed = answer(&mut ada, &page, "ADA", PASSWORD).await;
            assert_eq!(
                (confirmed.status, confirmed.location.as_deref()),
                (StatusCode::SEE_OTHER, Some(path)),
                "{}",
                confirmed.html
            );
            assert!(is_connected(&ada).await, "the button has to be pressed again");
            // The handle of before is as old as it was.
            press(&mut before, path, field).await;
            // Confirmed in another tab meanwhile: straight to the page. A post is judged all the same.
            let address = format!("/login?request={}", page.request());
            assert_eq!(ada.open(&address).await.location.as_deref(), Some(path));
            let refused = answer(&mut ada, &page, "ada", "wrong").await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
            assert_eq!(ada.post(path, &[field]).await.location.as_deref(), Some(done));
            if let Some(other) = other {
                assert!(!is_signed_in(other).await);
            }
            app.clock.advance_ms(TEN_MINUTES_MS + 1_000);
        }
        assert!(!is_connected(&ada).await);
        // Who leaves is not asked.
        let left = ada.post(SESSIONS, &[("session", &here)]).await;
        assert_eq!(left.location.as_deref(), Some("/logout"));
        assert!(ada.has_signed_out());
    }
}

#[tokio::test]
async fn what_a_confirmation_carries_leads_to_a_page_of_the_account_and_nowhere_else() {
    for app in &apps().await {
        let (mut ada, _) = connected(app).await;
        app.clock.advance_ms(TEN_MINUTES_MS + 1_000);
        let page = press(&mut ada, APPLICATIONS, ("client_id", "third")).await;
        let request = page.request();
        for path in ["/consent", "/continue"] {
            let opened = ada.open(&format!("{path}?request={request}")).await;
            assert_eq!(opened.location.as_deref(), Some("/login"));
            let posted = ada.post(path, &[("request", request), ("decision", "allow")]).await;
            assert_eq!(posted.location.as_deref(), Some("/login"));
        }
        let asked = ada.open(&format!("/oauth2/authorize?request={request}")).await;
        assert_eq!((asked.status, asked.location), (StatusCode::BAD_REQUEST, None));
        // Cut: a bare form, which leads to the overview.
        let cut = &request[..request.len() - 2];
        let bare = ada.open(&format!("/login?request={cut}")).await;
        assert!(bare.is_page("Sign in") && !bare.html.contains("name=\"request\""), "{}", bare.html);
        let fields = [("request", cut), ("username", "ada"), ("password", PASSWORD)];
        assert_eq!(Person::new(app).post("/login", &fields).await.location.as_deref(), Some("/account"));

        // Nobody is signed in: an ordinary sign-in, or a registration.
        let mut new = Person::new(app);
        let form = new.open(&format!("/login?request={request}")).await;
        assert!(form.is_page("Sign in") && !form.html.contains(" readonly"), "{}", form.html);
        assert!(form.html.contains(&format!("/register?request={}", form.request())), "{}", form.html);
        assert_eq!(answer(&mut new, &form, "ada", "wrong").await.status, StatusCode::UNPROCESSABLE_ENTITY);
        let signed_in = answer(&mut new, &form, "ada", PASSWORD).await;
        assert_eq!(signed_in.location.as_deref(), Some(APPLICATIONS));
        let mut eve = Person::new(app);
        let form = eve.open(&format!("/register?request={request}")).await;
        let fields = [("request", form.request()), ("username", "eve"), ("password", PASSWORD)];
        assert_eq!(eve.post("/register", &fields).await.location.as_deref(), Some(APPLICATIONS));

        // A day later it asks as before. Another person may sign in instead, and comes to the same page.
        app.clock.advance_ms(86_400_000);
        let address = format!("/login?request={request}");
        assert!(is_confirmation(&ada.open(&address).await));
        let before = ada.copy();
        let form = ada.open(&format!("{address}&prompt=other")).await;
        assert!(form.is_page("Sign in") && !form.html.contains("value=\"ada\""), "{}", form.html);
        let signed_in = answer(&mut ada, &form, "bob", PASSWORD).await;
        assert_eq!(signed_in.location.as_deref(), Some(APPLICATIONS));
        let list = ada.follow(signed_in).await;
        assert!(list.is_page("Connected applications") && list.html.contains("bob"), "{}", list.html);
        assert!(!is_signed_in(&before).await && !is_connected(&ada).await);
    }
}
