//! People who sign out, at the wish of an application or on a page.

use auth_service::domain::{Client, RedirectUri};
use reqwest::StatusCode;
use serde_json::Value;

use super::TestApp;
use super::clients::client;
use super::person::{Person, Shown};
use super::sign_in::{apps, redeem, refresh, web1};

pub(crate) const BACK: &str = "https://app.example/bye";
pub(crate) const WITH_QUERY: &str = "https://app.example/bye?from=latchkey";

/// Applications that people may come back to after a sign-out.
pub(crate) async fn apps_with_logout() -> [TestApp; 2] {
    let apps = apps().await;
    for app in &apps {
        for id in ["web1", "third"] {
            app.change_client(id, |client| {
                let uris = [BACK, WITH_QUERY, "http://127.0.0.1/bye"];
                client.post_logout_redirect_uris = uris.map(RedirectUri::registered).to_vec();
            })
            .await;
        }
        app.add_client(Client { name: "Second".to_owned(), id: client("web2").id, ..web1() }).await;
    }
    apps
}

pub(crate) fn logout(parameters: &[(&str, &str)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("/oauth2/logout?{query}")
}

/// Signs a person in at `web1`. Returns the browser and the tokens.
pub(crate) async fn signed_in<'a>(app: &'a TestApp, username: &str) -> (Person<'a>, Value) {
    let mut person = Person::new(app);
    let form = person.authorize(&[]).await;
    let code = person.sign_in(&form, username).await.code();
    (person, redeem(app, "web1", &code).await.1)
}

pub(crate) fn hint(tokens: &Value) -> &str {
    tokens["id_token"].as_str().unwrap()
}

/// Whether the browser's session is alive.
pub(crate) async fn is_signed_in(person: &Person<'_>) -> bool {
    let silent = person.copy().authorize(&[("prompt", "none")]).await;
    match silent.received("error").as_deref() {
        None => true,
        Some(error) => {
            assert_eq!(error, "login_required");
            false
        }
    }
}

pub(crate) async fn is_refused(app: &TestApp, client_id: &str, tokens: &Value) -> bool {
    let (status, body) = refresh(app, client_id, tokens["refresh_token"].as_str().unwrap()).await;
    assert!(status == StatusCode::OK || body["error"] == "invalid_grant", "{body}");
    status != StatusCode::OK
}

pub(crate) fn asks(shown: &Shown) -> bool {
    shown.status == StatusCode::OK && shown.is_page("Sign out?")
}

pub(crate) fn is_signed_out_page(shown: &Shown) -> bool {
    shown.status == StatusCode::OK && shown.is_page("You are signed out")
}

/// Presses the button of the page that asks, without following the redirect.
pub(crate) async fn press(person: &mut Person<'_>, page: &Shown) -> Shown {
    person.post("/logout", &[("request", page.request())]).await
}

/// Signs a copy of this browser out.
pub(crate) async fn sign_out(person: &Person<'_>) {
    assert_eq!(person.copy().post("/logout", &[]).await.status, StatusCode::SEE_OTHER);
}
