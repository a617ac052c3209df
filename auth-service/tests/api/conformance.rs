//! What the modules of the OpenID Foundation's plans Basic OP and Form Post OP do, each in both response modes, as far as
//! no other test does it. `docs/oidc.md` says which test walks which module.

use std::collections::BTreeMap;

use auth_service::domain::Client;
use reqwest::header::AUTHORIZATION;
use reqwest::{Response, StatusCode};
use serde_json::Value;
use shared_claims::scope::Scopes;

use crate::helpers::clients::{basic, client, secret_of};
use crate::helpers::codes::VERIFIER;
use crate::helpers::person::{OWN_ORIGIN, Person, Shown, request};
use crate::helpers::{TestApp, both, claims_of};

const SCOPES: &str = "openid profile email address phone offline_access";
const CALLBACK: &str = "https://app.example/cb";
/// The values of `response_mode`. The plan Basic OP sends none.
const MODES: [&str; 2] = ["", "form_post"];

/// The plans' clients are confidential, and send no PKCE challenge unless a module says so.
fn relying_party(id: &str) -> Client {
    let scopes = Scopes::parse(SCOPES).unwrap();
    Client { is_first_party: true, pkce_optional: true, scopes, ..client(id) }
}

async fn apps() -> [TestApp; 2] {
    let apps = both().await;
    for app in &apps {
        app.register("ada").await;
        app.add_client(relying_party("web1")).await;
        app.add_client(relying_party("web2")).await;
        app.administration().set_claims("ada", r#"{"name": "Ada"}"#.to_owned()).await.unwrap().unwrap();
    }
    apps
}

/// Sends a request of a module: without PKCE, in this response mode, and with these changes.
async fn ask(person: &mut Person<'_>, mode: &str, changes: &[(&str, &str)]) -> Shown {
    let of_plan = [("code_challenge", ""), ("code_challenge_method", ""), ("response_mode", mode)];
    let kept = of_plan.iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    let changes: Vec<_> = kept.chain(changes).copied().collect();
    person.authorize(&changes).await
}

/// The parameters that the client receives, and no others: a code, or an error.
fn callback(shown: &Shown, mode: &str) -> BTreeMap<String, String> {
    let received: BTreeMap<_, _> = if mode == "form_post" {
        assert_eq!((shown.status, &shown.location), (StatusCode::OK, &None), "{}", shown.html);
        assert!(
            shown.html.contains(&format!("<form method=\"post\" action=\"{CALLBACK}\"")),
            "{}",
            shown.html
        );
        let fields = shown.html.split("<input type=\"hidden\" name=\"").skip(1);
        let fields = fields.map(|rest| {
            let (name, rest) = rest.split_once("\" value=\"").unwrap();
            (name.to_owned(), rest.split('"').next().unwrap().to_owned())
        });
        fields.collect()
    } else {
        let location = shown.location.as_deref().unwrap_or_else(|| panic!("no redirect: {}", shown.html));
        let query = location.strip_prefix(&format!("{CALLBACK}?")).unwrap();
        url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
    };
    let names: Vec<_> = received.keys().map(String::as_str).collect();
    if received.contains_key("error") {
        assert_eq!(names, ["error", "error_description", "iss", "state"]);
    } else {
        assert_eq!(names, ["code", "iss", "state"]);
        assert!(received["code"].len() >= 43, "at least 256 bits");
    }
    assert_eq!((received["iss"].as_str(), received["state"].as_str()), (OWN_ORIGIN, "xyz12345"));
    received
}

fn code(shown: &Shown, mode: &str) -> String {
    let received = callback(shown, mode);
    received.get("code").unwrap_or_else(|| panic!("no code: {received:?}")).clone()
}

fn error(shown: &Shown, mode: &str) -> String {
    let received = callback(shown, mode);
    received.get("error").unwrap_or_else(|| panic!("no error: {received:?}")).clone()
}

async fn redeem(app: &TestApp, client_id: &str, code: &str) -> Response {
    let form = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)];
    app.grant_to(client_id, &form).await
}

/// The token answer, after the checks that every module makes.
async fn tokens(response: Response) -> Value {
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(response.headers()["content-type"], "application/json");
    let tokens: Value = response.json().await.unwrap();
    assert_eq!(tokens["token_type"], "Bearer");
    assert!(tokens["expires_in"].as_i64() > Some(0));
    assert!(tokens["refresh_token"].as_str().unwrap().len() >= 43);
    tokens
}

/// The claims of the `id_token`.
fn id_token(tokens: &Value) -> Value {
    let claims = claims_of(tokens["id_token"].as_str().unwrap());
    assert_eq!((&claims["iss"], &claims["aud"]), (&OWN_ORIGIN.into(), &"web1".into()));
    for claim in ["name", "preferred_username", "email", "address", "phone_number"] {
        assert!(claims.get(claim).is_none(), "{claim} belongs to userinfo");
    }
    claims
}

async fn userinfo(app: &TestApp, tokens: &Value) -> Response {
    app.get("/oauth2/userinfo").bearer_auth(tokens["access_token"].as_str().unwrap()).send().await.unwrap()
}

/// Signs in for a request of a module, and redeems the code.
async fn sign_in(person: &mut Person<'_>, mode: &str, changes: &[(&str, &str)]) -> Value {
    let form = ask(person, mode, changes).await;
    let code = code(&person.sign_in(&form, "ada").await, mode);
    tokens(redeem(person.app, "web1", &code).await).await
}

async fn is_invalid_grant(response: Response) -> bool {
    let status = response.status();
    let body: Value = response.json().await.unwrap();
    status == StatusCode::BAD_REQUEST && body["error"] == "invalid_grant"
}

#[tokio::test]
async fn a_client_gets_its_tokens_by_either_authentication_with_and_without_pkce_and_nonce() {
    for app in &apps().await {
        for mode in MODES {
            let mut ada = Person::new(app);
            let first = id_token(&sign_in(&mut ada, mode, &[]).await);
            assert_eq!((&first["nonce"], &first["acr"]), (&"n1".into(), &"aal1".into()));
            let without_nonce = code(&ask(&mut ada, mode, &[("nonce", "")]).await, mode);
            let without_nonce = id_token(&tokens(redeem(app, "web1", &without_nonce).await).await);
            assert!(without_nonce.get("nonce").is_none() && without_nonce["sub"] == first["sub"]);
            // The secret in the form.
            let by_post = code(&ask(&mut ada, mode, &[]).await, mode);
            let secret = secret_of("web1");
            let form = [
                ("grant_type", "authorization_code"),
                ("code", &by_post),
                ("redirect_uri", CALLBACK),
                ("client_id", "web1"),
                ("client_secret", &secret),
            ];
            id_token(&tokens(app.grant(&form).send().await.unwrap()).await);
            // The verifier, if there was a challenge.
            let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
            let pkce = [("code_challenge", challenge), ("code_challenge_method", "S256")];
            let challenged = code(&ask(&mut ada, mode, &pkce).await, mode);
            assert!(is_invalid_grant(redeem(app, "web1", &challenged).await).await, "no verifier");
            let form = [
                ("grant_type", "authorization_code"),
                ("code", &challenged),
                ("redirect_uri", CALLBACK),
                ("code_verifier", VERIFIER),
            ];
            let request = app.grant(&form).header(AUTHORIZATION, basic("web1", &secret));
            id_token(&tokens(request.send().await.unwrap()).await);
        }
    }
}

#[tokio::test]
async fn what_a_request_may_contain_is_never_an_error() {
    for app in &apps().await {
        for mode in MODES {
            let mut ada = Person::new(app);
            for changes in [
                &[("display", "page")][..],
                &[("display", "popup")],
                &[("extra", "foobar"), ("tenant", "x")],
                &[("login_hint", "bob@example.com")],
                &[("ui_locales", "se fr-CA")],
                &[("claims_locales", "se")],
                &[("acr_values", "1 2")],
                &[("claims", "{nonsense")],
                &[("scope", "openid profile email address phone")],
                &[("scope", "phone address email profile openid")],
            ] {
                let mut person = Person::new(app);
                let tokens = sign_in(&mut person, mode, changes).await;
                assert_eq!(id_token(&tokens)["acr"], "aal1", "{changes:?}");
            }
            let claims = r#"{"userinfo": {"name": {"essential": true}}}"#;
            let named = sign_in(&mut ada, mode, &[("scope", "openid"), ("claims", claims)]).await;
            let person: Value = userinfo(app, &named).await.json().await.unwrap();
            assert_eq!((&person["name"], &person["sub"]), (&"Ada".into(), &id_token(&named)["sub"]));
        }
    }
}

#[tokio::test]
async fn a_new_sign_in_is_asked_for_only_where_the_request_wants_one() {
    for app in &apps().await {
        for mode in MODES {
            let silent = [("prompt", "none")];
            assert_eq!(error(&ask(&mut Person::new(app), mode, &silent).await, mode), "login_required");
            let mut ada = Person::new(app);
            let first_tokens = sign_in(&mut ada, mode, &[]).await;
            let first = id_token(&first_tokens);
            app.clock.advance_ms(2_000);
            let hint = first_tokens["id_token"].as_str().unwrap();
            for changes in [
                &silent[..],
                &[("max_age", "10000")],
                &[("prompt", "none"), ("max_age", "10000")],
                &[("prompt", "none"), ("id_token_hint", hint)],
            ] {
                let again = code(&ask(&mut ada, mode, changes).await, mode);
                let again = id_token(&tokens(redeem(app, "web1", &again).await).await);
                assert_eq!((&again["sub"], &again["auth_time"]), (&first["sub"], &first["auth_time"]));
            }
            let mut before = first["auth_time"].as_i64().unwrap();
            for changes in [&[("prompt", "login")][..], &[("max_age", "1")]] {
                app.clock.advance_ms(2_000);
                let later = id_token(&sign_in(&mut ada, mode, changes).await)["auth_time"].as_i64().unwrap();
                assert!(later > before, "{changes:?}");
                before = later;
            }
        }
    }
}

#[tokio::test]
async fn errors_reach_the_client_in_the_response_mode_or_nobody() {
    for app in &apps().await {
        for mode in MODES {
            let mut person = Person::new(app);
            // `{"alg":"none"}`, a redirect URI in the claims, and no signature.
            let object = "eyJhbGciOiJub25lIn0.eyJyZWRpcmVjdF91cmkiOiJodHRwczovL2V2aWwuZXhhbXBsZS8ifQ.";
            for (changes, code) in [
                (&[("response_type", "")][..], "invalid_request"),
                (&[("response_type", "id_token")], "unsupported_response_type"),
                (&[("request", object)], "request_not_supported"),
                (&[("request_uri", "https://app.example/request.jwt")], "request_uri_not_supported"),
                (&[("prompt", "none")], "login_required"),
            ] {
                let shown = ask(&mut person, mode, changes).await;
                assert_eq!(error(&shown, mode), code, "{changes:?}");
            }
            let elsewhere = [("redirect_uri", "https://app.example/not-registered")];
            for changes in [&elsewhere[..], &[elsewhere[0], ("request", object)]] {
                let page = ask(&mut person, mode, changes).await;
                assert_eq!((page.status, &page.location), (StatusCode::BAD_REQUEST, &None));
                assert!(page.is_page("This link does not work") && !page.html.contains("not-registered"));
            }
        }
    }
}

#[tokio::test]
async fn a_request_may_be_posted() {
    for app in &apps().await {
        for mode in MODES {
            let mut ada = Person::new(app);
            let of_plan = [("code_challenge", ""), ("code_challenge_method", ""), ("response_mode", mode)];
            let post = app.post("/oauth2/authorize").body(request(&of_plan));
            let response =
                post.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
            assert_eq!(response.status(), StatusCode::SEE_OTHER);
            let form = ada.open(response.headers()["location"].to_str().unwrap()).await;
            let code = code(&ada.sign_in(&form, "ada").await, mode);
            id_token(&tokens(redeem(app, "web1", &code).await).await);
        }
    }
}

#[tokio::test]
async fn a_code_that_is_used_again_at_once_or_later_ends_what_it_gave() {
    for app in &apps().await {
        for mode in MODES {
            let mut ada = Person::new(app);
            for wait_ms in [0, 30_000] {
                let form = ask(&mut ada, mode, &[("prompt", "login")]).await;
                let code = code(&ada.sign_in(&form, "ada").await, mode);
                let first = tokens(redeem(app, "web1", &code).await).await;
                assert_eq!(userinfo(app, &first).await.status(), StatusCode::OK);
                app.clock.advance_ms(wait_ms);
                assert!(is_invalid_grant(redeem(app, "web1", &code).await).await, "after {wait_ms} ms");
                assert_eq!(userinfo(app, &first).await.status(), StatusCode::UNAUTHORIZED);
                let refresh = first["refresh_token"].as_str().unwrap();
                let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
                assert!(is_invalid_grant(app.grant_to("web1", &form).await).await);
            }
        }
    }
}

#[tokio::test]
async fn a_refresh_gives_the_client_another_access_token_and_the_same_id_token_claims() {
    for app in &apps().await {
        for mode in MODES {
            for scope in ["openid", "openid offline_access"] {
                let mut ada = Person::new(app);
                let first = sign_in(&mut ada, mode, &[("scope", scope), ("prompt", "login")]).await;
                app.clock.advance_ms(1_000);
                let token = first["refresh_token"].as_str().unwrap();
                let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
                assert!(is_invalid_grant(app.grant_to("web2", &form).await).await, "another client's");
                let second = tokens(app.grant_to("web1", &form).await).await;
                assert_ne!(second["access_token"], first["access_token"]);
                let (before, after) = (id_token(&first), id_token(&second));
                for claim in ["iss", "sub", "aud", "auth_time", "sid", "acr", "amr"] {
                    assert_eq!(after[claim], before[claim], "{claim}");
                }
                assert!(after["iat"].as_i64() > before["iat"].as_i64() && after.get("azp").is_none());
                assert_eq!(userinfo(app, &second).await.status(), StatusCode::OK);
            }
        }
    }
}
