//! What users of comparable servers reported about their pages and their code flow.

use auth_service::domain::{Client, ClientSecretPlain, GrantType};
use auth_service::random::Random;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::StatusCode;
use serde_json::Value;
use shared_claims::scope::Scopes;

use crate::helpers::clients::{client, refusal};
use crate::helpers::person::{OWN_ORIGIN, Person, request};
use crate::helpers::sign_in::{apps, native_at, redeem};
use crate::helpers::{PASSWORD, TestApp, both};

/// R27: the text of a redirect URI is kept as it was registered.
#[tokio::test]
async fn the_scheme_of_an_application_is_kept_as_it_was_registered() {
    for app in &apps().await {
        let uris = ["com.Example.App:/cb", "com.example.app:/cb", "myapp://cb", "myapp:cb"];
        app.add_client(native_at("mobile", &uris)).await;
        for uri in uris {
            let mut ada = Person::new(app);
            let form = ada.authorize(&[("client_id", "mobile"), ("redirect_uri", uri)]).await;
            let answer = ada.sign_in(&form, "ada").await;
            assert_eq!(answer.status, StatusCode::SEE_OTHER);
            assert!(answer.location.as_deref().unwrap().starts_with(&format!("{uri}?code=")), "{uri}");
        }
    }
}

/// R02 and R03: other tabs sign out, ask silently or lose their cookies; the form that is open still works.
#[tokio::test]
async fn a_form_that_is_open_works_whatever_other_tabs_do() {
    for app in &apps().await {
        let mut ada = Person::new(app);
        let form = ada.authorize(&[("state", "open")]).await;
        let silent = ada.authorize(&[("prompt", "none")]).await;
        assert_eq!(silent.error(), "login_required");
        assert!(silent.headers.get("set-cookie").is_none());
        assert_eq!(ada.sign_in(&form, "ada").await.received("state").as_deref(), Some("open"));
        let form = ada.authorize(&[("prompt", "login"), ("state", "late")]).await;
        ada.post("/logout", &[]).await;
        assert_eq!(ada.sign_in(&form, "ada").await.received("state").as_deref(), Some("late"));
        let mut forgetful = Person::new(app);
        let answer = forgetful.sign_in(&form, "ada").await;
        assert_eq!((answer.received("state").as_deref(), answer.code().is_empty()), (Some("late"), false));
    }
}

/// R07 and R08: the same form posted twice at once, and the same address fetched twice at once.
#[tokio::test]
async fn what_is_sent_twice_at_once_succeeds_twice() {
    for app in &apps().await {
        let third = [("client_id", "third"), ("scope", "openid email")];
        let mut ada = Person::new(app);
        let form = ada.authorize(&third).await;
        let mut twin = ada.copy();
        let (one, two) = tokio::join!(ada.sign_in(&form, "ada"), twin.sign_in(&form, "ada"));
        for page in [&one, &two] {
            assert!(page.is_page("Allow access to your account?"), "{:?} {}", page.location, page.html);
        }
        let mut twin = ada.copy();
        let (one, two) = tokio::join!(ada.decide(&one, "allow"), twin.decide(&one, "allow"));
        for answer in [one, two] {
            assert_eq!(redeem(app, "third", &answer.code()).await.0, StatusCode::OK);
        }
        let (one, two) = tokio::join!(ada.authorize(&third), twin.authorize(&third));
        for answer in [one, two] {
            assert_eq!(redeem(app, "third", &answer.code()).await.0, StatusCode::OK);
        }
        let prefetch = app.client.get(format!("{}/logout", app.url)).header("sec-purpose", "prefetch");
        let prefetch = prefetch.header("cookie", format!("__Host-session={}", ada.cookies["__Host-session"]));
        assert_eq!(prefetch.send().await.unwrap().status(), StatusCode::OK);
        assert!(ada.open("/account").await.html.contains("ada"), "still signed in");
    }
}

/// R19: a session that ended is no session, also where nothing may be shown.
#[tokio::test]
async fn a_silent_request_with_a_session_that_ended_asks_for_a_login() {
    for app in &apps().await {
        let silent = [("prompt", "none")];
        let mut ada = Person::new(app);
        ada.sign_in_bare("ada").await;
        let signed_out = ada.copy();
        assert!(!ada.authorize(&silent).await.code().is_empty());
        ada.post("/logout", &[]).await;
        assert_eq!(signed_out.copy().authorize(&silent).await.error(), "login_required");
        let mut late = Person::new(app);
        late.sign_in_bare("ada").await;
        assert!(!late.authorize(&silent).await.code().is_empty());
        app.clock.advance_ms(15 * 86_400_000);
        assert_eq!(late.authorize(&silent).await.error(), "login_required");
    }
}

/// R13, R23 and S13: what is harmless is accepted, and what is not is answered to the client.
#[tokio::test]
async fn harmless_requests_are_answered_and_the_others_get_a_clear_error() {
    for app in &apps().await {
        app.add_client(Client { pkce_optional: true, is_first_party: true, ..client("old") }).await;
        let mut ada = Person::new(app);
        ada.sign_in_bare("ada").await;
        assert_eq!(ada.authorize(&[("state", "a")]).await.received("state").as_deref(), Some("a"));
        let answer = ada.authorize(&[("scope", "openid nonsense profile todos:write")]).await;
        let tokens = redeem(app, "web1", &answer.code()).await.1;
        assert_eq!(tokens["scope"], "openid profile", "unknown scopes and those of others are left out");
        let without_pkce = [("code_challenge", ""), ("code_challenge_method", "")];
        for (changes, error) in [
            (&[("response_mode", "nonsense")][..], "invalid_request"),
            (&without_pkce, "invalid_request"),
            (&[("code_challenge_method", "plain")], "invalid_request"),
            (&[("scope", "nonsense")], "invalid_scope"),
        ] {
            let shown = ada.authorize(changes).await;
            assert_eq!(shown.error(), error, "{changes:?}");
            assert_eq!(shown.received("state").as_deref(), Some("xyz12345"));
        }
        let old = [("client_id", "old"), without_pkce[0], without_pkce[1]];
        assert!(!ada.authorize(&old).await.code().is_empty(), "the operator allowed it");
    }
}

/// R28 and R29: consent is remembered for what was allowed, also with `offline_access` and over a sign-out.
#[tokio::test]
async fn consent_is_remembered_over_a_sign_out_and_with_offline_access() {
    for app in &apps().await {
        let third = |scope: &'static str| [("client_id", "third"), ("scope", scope), ("state", "a+b/~ %2B")];
        let mut ada = Person::new(app);
        let form = ada.authorize(&third("openid offline_access")).await;
        let page = ada.sign_in(&form, "ada").await;
        let answer = ada.decide(&page, "allow").await;
        assert_eq!(answer.received("state").as_deref(), Some("a+b/~ %2B"), "through the consent page, too");
        let tokens = redeem(app, "third", &answer.code()).await.1;
        assert!(tokens["refresh_token"].is_string() && tokens["scope"] == "openid offline_access");
        assert!(!ada.authorize(&third("openid offline_access")).await.code().is_empty(), "asked once");
        ada.post("/logout", &[]).await;
        let form = ada.authorize(&third("offline_access openid")).await;
        assert!(!ada.sign_in(&form, "ada").await.code().is_empty(), "a sign-out forgets no consent");
        let anew = [("client_id", "third"), ("scope", "openid offline_access"), ("prompt", "consent")];
        assert!(ada.authorize(&anew).await.is_page("Allow access to your account?"));
        // Another person is asked.
        let mut bob = Person::new(app);
        let form = bob.authorize(&third("openid")).await;
        assert!(bob.sign_in(&form, "bob").await.is_page("Allow access to your account?"));
    }
}

/// R30: the answer says what the client did not get.
#[tokio::test]
async fn a_client_without_refresh_tokens_is_told_so_by_the_scope() {
    for app in &apps().await {
        let grants = vec![GrantType::AuthorizationCode];
        let scopes = Scopes::parse("openid offline_access").unwrap();
        app.add_client(Client { grants, scopes, is_first_party: true, ..client("once") }).await;
        let mut ada = Person::new(app);
        let form = ada.authorize(&[("client_id", "once"), ("scope", "openid offline_access")]).await;
        let (status, tokens) = redeem(app, "once", &ada.sign_in(&form, "ada").await.code()).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!((&tokens["refresh_token"], &tokens["scope"]), (&Value::Null, &"openid".into()));
    }
}

/// R40: every address comes from the configured issuer, whatever a proxy or a stranger says.
#[tokio::test]
async fn headers_of_proxies_change_no_address_and_no_cookie() {
    for app in &apps().await {
        let forged = |request: reqwest::RequestBuilder| {
            let request = request.header("host", "evil.example").header("x-forwarded-proto", "http");
            request
                .header("x-forwarded-host", "evil.example")
                .header("forwarded", "host=evil.example;proto=http")
        };
        let get = forged(app.client.get(format!("{}/oauth2/authorize?{}", app.url, request(&[]))));
        let location = get.send().await.unwrap().headers()["location"].to_str().unwrap().to_owned();
        assert!(location.starts_with("/login?request="), "{location}");
        let page = forged(app.client.get(format!("{}{location}", app.url))).send().await.unwrap();
        assert!(!page.text().await.unwrap().contains("evil.example"));
        let post = forged(app.client.post(format!("{}/login", app.url)));
        let post = post.header("origin", OWN_ORIGIN);
        let fields = [("username", "ada"), ("password", PASSWORD)];
        let response = post.form(&fields).send().await.unwrap();
        let cookie = response.headers()["set-cookie"].to_str().unwrap();
        for attribute in ["__Host-session=", "; Secure", "; HttpOnly", "; SameSite=Lax", "; Path=/"] {
            assert!(cookie.contains(attribute), "{attribute}: {cookie}");
        }
        assert_eq!(response.headers()["location"], "/account");
    }
}

/// S05: names are compared without case and without the spaces around them.
#[tokio::test]
async fn a_name_is_taken_in_any_case_and_with_spaces_around_it() {
    for app in &apps().await {
        for name in ["ADA", " Ada ", "aDa\t"] {
            let mut ada = Person::new(app);
            let form = ada.authorize(&[]).await;
            assert!(!ada.sign_in(&form, name).await.code().is_empty(), "{name:?}");
        }
    }
}

/// R34: half of all clients form-encode id and secret in a Basic header, and half do not.
#[tokio::test]
async fn a_basic_header_may_have_id_and_secret_encoded_or_as_they_are() {
    let send = async |app: &TestApp, credentials: &str| {
        let form = [("grant_type", "client_credentials"), ("scope", "todos:read")];
        let header = format!("Basic {}", STANDARD.encode(credentials));
        app.grant(&form).header("authorization", header).send().await.unwrap()
    };
    for app in both().await {
        app.add_client_with(client("odd"), &["p%+:/ ="]).await;
        app.add_client_with(client("plain"), &["p+q%41"]).await;
        for credentials in ["odd:p%25%2B%3A%2F+%3D", "odd:p%25%2B%3A%2F%20%3D", "odd:p%+:/ =", "plain:p+q%41"]
        {
            assert_eq!(send(&app, credentials).await.status(), StatusCode::OK, "{credentials}");
        }
        for credentials in ["odd:%5^", "odd:%", "odd:%FF", "plain:p q%41", "plain:p qA", "%6fdd:p"] {
            let refused = send(&app, credentials).await;
            assert!(refused.headers()["www-authenticate"].to_str().unwrap().starts_with("Basic "));
            assert_eq!(refusal(refused).await, (401, "invalid_client".to_owned()), "{credentials}");
        }
    }
    let random = Random::system();
    for _ in 0..1_000 {
        let secret = ClientSecretPlain::from_random(random.bytes());
        let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        assert!(secret.expose().bytes().all(is_safe), "both ways are equal for generated secrets");
    }
}
