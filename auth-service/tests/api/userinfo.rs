//! `/oauth2/userinfo` (OpenID Connect Core §5.3): which tokens it takes, and which claims it returns.

use auth_service::domain::{Client, Email, RedirectUri};
use reqwest::header::{HeaderMap, ORIGIN, WWW_AUTHENTICATE};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use shared_claims::scope::Scopes;

use crate::helpers::clients::{client, public_client};
use crate::helpers::codes::VERIFIER;
use crate::helpers::person::Person;
use crate::helpers::{PASSWORD, START_MS, TestApp, both, both_with};

const PATH: &str = "/oauth2/userinfo";
const ALL_SCOPES: &str = "openid profile email phone address";

/// Every claim that an operator can set, with the types of OpenID Connect Core §5.1.
fn profile() -> Value {
    json!({
        "name": "Ada Lovelace",
        "given_name": "Ada",
        "family_name": "Lovelace",
        "middle_name": "King",
        "nickname": "A.",
        "profile": "https://example.org/ada",
        "picture": "https://example.org/ada.png",
        "website": "https://ada.example.org",
        "gender": "female",
        "birthdate": "1815-12-10",
        "zoneinfo": "Europe/London",
        "locale": "en-GB",
        "phone_number": "+44 20 7946 0000",
        "phone_number_verified": true,
        "address": {"formatted": "1 Street\nLondon", "country": "GB"},
    })
}

/// Adds the user `ada` and the clients `web1` (confidential) and `spa1` (public).
async fn prepare(app: &TestApp) {
    app.register("ada").await;
    let scopes = Scopes::parse(&format!("{ALL_SCOPES} todos:read")).unwrap();
    let redirect_uris = vec![RedirectUri::parse("https://spa.example/cb").unwrap()];
    app.add_client(Client { is_first_party: true, scopes: scopes.clone(), ..client("web1") }).await;
    app.add_client(Client { is_first_party: true, scopes, redirect_uris, ..public_client("spa1") }).await;
}

async fn apps() -> [TestApp; 2] {
    let apps = both().await;
    for app in &apps {
        prepare(app).await;
    }
    apps
}

/// Signs in as `ada` with these changes of the authorization request, and redeems the code as `web1`.
async fn sign_in(app: &TestApp, changes: &[(&str, &str)]) -> Value {
    let mut ada = Person::new(app);
    let form = ada.authorize(changes).await;
    let code = ada.sign_in(&form, "ada").await.code();
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", "https://app.example/cb"),
        ("code_verifier", VERIFIER),
    ];
    let response = app.grant_to("web1", &form).await;
    assert_eq!(response.status(), StatusCode::OK);
    response.json().await.unwrap()
}

async fn access_token(app: &TestApp, scope: &str) -> String {
    text(&sign_in(app, &[("scope", scope)]).await, "access_token")
}

fn text(tokens: &Value, name: &str) -> String {
    tokens[name].as_str().unwrap_or_else(|| panic!("no {name}: {tokens}")).to_owned()
}

/// Sends a request. Every answer must forbid caching.
async fn send(request: RequestBuilder) -> (StatusCode, HeaderMap, Value) {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["content-type"], "application/json");
    (status, headers, response.json().await.unwrap())
}

async fn claims(app: &TestApp, token: &str) -> Value {
    let (status, _, claims) = send(app.get(PATH).bearer_auth(token)).await;
    assert_eq!(status, StatusCode::OK, "{claims}");
    claims
}

/// The status, the `error` of the challenge, and the challenge. Body and challenge must name the same error.
async fn refusal(request: RequestBuilder) -> (u16, String, String) {
    let (status, headers, body) = send(request).await;
    let challenge = headers[WWW_AUTHENTICATE].to_str().unwrap().to_owned();
    let error = body["error"].as_str().unwrap().to_owned();
    assert!(body["error_description"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
    assert!(challenge.contains(&format!("error=\"{error}\"")), "{challenge}");
    (status.as_u16(), error, challenge)
}

async fn is_invalid(request: RequestBuilder) -> bool {
    let (status, error, challenge) = refusal(request).await;
    status == 401 && error == "invalid_token" && challenge.starts_with("Bearer ")
}

#[tokio::test]
async fn a_token_is_presented_in_the_header_or_in_a_form() {
    for app in apps().await {
        let token = access_token(&app, "openid").await;
        let form = [("access_token", token.as_str())];
        for request in [
            app.get(PATH).bearer_auth(&token),
            app.get(PATH).header("authorization", format!("bearer {token}")),
            app.get("/oauth2/userinfo/").bearer_auth(&token),
            app.post(PATH).bearer_auth(&token),
            app.post(PATH).bearer_auth(&token).form(&[("other", "x")]),
            app.post(PATH).form(&form),
        ] {
            let (status, _, claims) = send(request).await;
            assert_eq!((status, claims.as_object().unwrap().len()), (StatusCode::OK, 1), "{claims}");
        }
        let twice = [("access_token", token.as_str()), ("access_token", token.as_str())];
        for request in [
            app.post(PATH).bearer_auth(&token).form(&form),
            app.post(PATH).form(&twice),
            app.get(PATH).bearer_auth(&token).bearer_auth(&token),
            app.post(PATH).form(&[("access_token", "x".repeat(70_000))]),
        ] {
            let (status, error, _) = refusal(request).await;
            assert_eq!((status, error.as_str()), (400, "invalid_request"));
        }
        // RFC 6750 §3: whoever presents no token learns the scheme only. A token in the address is none.
        for request in [
            app.get(PATH),
            app.post(PATH),
            app.post(PATH).json(&json!({ "access_token": token })),
            app.get(&format!("{PATH}?access_token={token}")),
            app.get(PATH).basic_auth("web1", Some("x")),
            app.get(PATH).header("cookie", format!("__Host-access_token={token}")),
        ] {
            let (status, headers, _) = send(request).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED);
            assert_eq!(headers[WWW_AUTHENTICATE], "Bearer realm=\"latchkey\"");
        }
    }
}

#[tokio::test]
async fn only_a_live_access_token_of_a_person_is_taken() {
    for app in apps().await {
        let tokens = sign_in(&app, &[("scope", "openid")]).await;
        let credentials = [("grant_type", "client_credentials")];
        let own: Value = app.grant_to("web1", &credentials).await.json().await.unwrap();
        let own_with_openid = [credentials[0], ("scope", "openid")];
        let with_openid = app.grant_to("web1", &own_with_openid).await.json::<Value>().await.unwrap();
        let access = text(&tokens, "access_token");
        for token in [
            text(&tokens, "id_token").as_str(),
            text(&tokens, "refresh_token").as_str(),
            text(&own, "access_token").as_str(),
            with_openid["access_token"].as_str().unwrap_or("none"),
            "",
            "nonsense",
            &access[..access.len() - 4],
            &format!("{access} {access}"),
        ] {
            assert!(is_invalid(app.get(PATH).header("authorization", format!("Bearer {token}"))).await);
        }
        assert!(is_invalid(app.post(PATH).form(&[("access_token", "")])).await);
        assert_eq!(claims(&app, &access).await.as_object().unwrap().len(), 1);

        let revoked = access_token(&app, "openid").await;
        let id = ("client_id", "web1");
        let secret = crate::helpers::clients::secret_of("web1");
        let answer = app.revoke(&[("token", &revoked), id, ("client_secret", &secret)]).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(is_invalid(app.get(PATH).bearer_auth(&revoked)).await);
        app.disable("ada").await;
        assert!(is_invalid(app.get(PATH).bearer_auth(&access)).await);
        app.administration().enable("ada").await.unwrap();
        let access = access_token(&app, "openid").await;
        app.clock.advance_ms(890_000);
        assert_eq!(send(app.get(PATH).bearer_auth(&access)).await.0, StatusCode::OK);
        app.clock.advance_ms(21_000);
        assert!(is_invalid(app.get(PATH).bearer_auth(&access)).await);
        let access = access_token(&app, "openid").await;
        app.delete_user("ada").await;
        assert!(is_invalid(app.get(PATH).bearer_auth(&access)).await);
    }
}

#[tokio::test]
async fn a_token_without_openid_lacks_the_scope() {
    for app in apps().await {
        let tokens = sign_in(&app, &[("scope", "openid todos:read")]).await;
        let narrow = [
            ("grant_type", "refresh_token"),
            ("refresh_token", &text(&tokens, "refresh_token")),
            ("scope", "todos:read"),
        ];
        let narrow: Value = app.grant_to("web1", &narrow).await.json().await.unwrap();
        let (status, error, challenge) =
            refusal(app.get(PATH).bearer_auth(text(&narrow, "access_token"))).await;
        assert_eq!((status, error.as_str()), (403, "insufficient_scope"));
        assert!(challenge.contains("scope=\"openid\""), "{challenge}");
        // The token of another resource is for this endpoint, too, once it has the scope.
        let resource = [("scope", "openid"), ("resource", "https://notes.example")];
        let tokens = sign_in(&app, &resource).await;
        assert!(claims(&app, &text(&tokens, "access_token")).await["sub"].is_string());
        // First-party tokens have the scope by default.
        let login = app.login("ada").await;
        assert_eq!(claims(&app, &login.access).await["preferred_username"], "ada");
        let form = [("username", "ada"), ("password", PASSWORD), ("scope", "todos:read")];
        let tokens: Value = app.post_token(&form).await.json().await.unwrap();
        let (status, error, _) = refusal(app.get(PATH).bearer_auth(text(&tokens, "access_token"))).await;
        assert_eq!((status, error.as_str()), (403, "insufficient_scope"));
    }
}

#[tokio::test]
async fn a_scope_gives_its_claims_in_the_types_of_the_standard() {
    for app in apps().await {
        let token = access_token(&app, ALL_SCOPES).await;
        let before = claims(&app, &token).await;
        let names: Vec<_> = before.as_object().unwrap().keys().cloned().collect();
        assert_eq!(names, ["preferred_username", "sub", "updated_at"], "a claim without a value is left out");
        assert_eq!(before["updated_at"], START_MS / 1000);

        let users = app.administration();
        app.clock.advance_ms(5_000);
        users.set_claims("ada", profile().to_string()).await.unwrap().unwrap();
        users.set_email("ada", Email::parse("Ada@example.org").unwrap(), true).await.unwrap().unwrap();
        let after = claims(&app, &token).await;
        let mut expected = profile();
        expected["sub"] = before["sub"].clone();
        expected["preferred_username"] = json!("ada");
        expected["updated_at"] = json!(after["updated_at"].as_i64().unwrap());
        expected["email"] = json!("Ada@example.org");
        expected["email_verified"] = json!(true);
        assert_eq!(after, expected);
        assert!(after["updated_at"].as_i64() > before["updated_at"].as_i64());

        for (scope, claims_of_scope) in [
            ("openid", &[][..]),
            ("openid email", &["email", "email_verified"]),
            ("openid phone", &["phone_number", "phone_number_verified"]),
            ("openid address", &["address"]),
        ] {
            let token = access_token(&app, scope).await;
            let given = claims(&app, &token).await;
            let names: Vec<_> = given.as_object().unwrap().keys().map(String::as_str).collect();
            let mut expected = [claims_of_scope, &["sub"]].concat();
            expected.sort_unstable();
            assert_eq!(names, expected, "{scope}");
        }
        let token = access_token(&app, "openid profile").await;
        let given = claims(&app, &token).await;
        assert_eq!((given["given_name"].as_str(), given.get("email")), (Some("Ada"), None));
        assert_eq!((given.get("phone_number"), given.get("address")), (None, None));
        users.set_claims("ada", r#"{"given_name": null}"#.to_owned()).await.unwrap().unwrap();
        assert_eq!(claims(&app, &token).await.get("given_name"), None);
    }
}

/// Applications link accounts by the address.
#[tokio::test]
async fn an_address_that_is_not_verified_is_shown_only_where_the_settings_say_so() {
    for is_shown in [false, true] {
        for app in both_with(|settings| settings.claims.unverified_email = is_shown).await {
            prepare(&app).await;
            let token = access_token(&app, "openid email").await;
            let users = app.administration();
            let address = || Email::parse("ada@example.org").unwrap();
            users.set_email("ada", address(), false).await.unwrap().unwrap();
            let given = claims(&app, &token).await;
            let unverified = (Some(&json!("ada@example.org")), Some(&json!(false)));
            let expected = if is_shown { unverified } else { (None, None) };
            assert_eq!((given.get("email"), given.get("email_verified")), expected);
            users.set_email("ada", address(), true).await.unwrap().unwrap();
            let given = claims(&app, &token).await;
            assert_eq!(
                (&given["email"], &given["email_verified"]),
                (&json!("ada@example.org"), &json!(true))
            );
        }
    }
}

#[tokio::test]
async fn the_parameter_claims_gives_single_members_only() {
    for app in apps().await {
        app.administration().set_claims("ada", profile().to_string()).await.unwrap().unwrap();
        let requested =
            r#"{"userinfo": {"given_name": {"essential": true}, "phone_number": null, "x": null}}"#;
        let tokens = sign_in(&app, &[("scope", "openid"), ("claims", requested)]).await;
        let given = claims(&app, &text(&tokens, "access_token")).await;
        let names: Vec<_> = given.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["given_name", "phone_number", "sub"]);
        // The members stay after a refresh, and stand beside those of a scope.
        let form = [("grant_type", "refresh_token"), ("refresh_token", &text(&tokens, "refresh_token"))];
        let refreshed: Value = app.grant_to("web1", &form).await.json().await.unwrap();
        assert_eq!(claims(&app, &text(&refreshed, "access_token")).await, given);
        let tokens = sign_in(&app, &[("scope", "openid phone"), ("claims", requested)]).await;
        let given = claims(&app, &text(&tokens, "access_token")).await;
        let names: Vec<_> = given.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["given_name", "phone_number", "phone_number_verified", "sub"]);
        // What the client may not ask for by scope, it may not ask for by member.
        app.change_client("web1", |client| client.scopes = Scopes::parse("openid").unwrap()).await;
        let tokens = sign_in(&app, &[("scope", "openid"), ("claims", requested)]).await;
        let given = claims(&app, &text(&tokens, "access_token")).await;
        assert_eq!(given.as_object().unwrap().len(), 1, "{given}");
    }
}

#[tokio::test]
async fn scripts_of_public_clients_may_read_every_answer() {
    const OF_SPA: &str = "https://spa.example";
    for app in apps().await {
        let token = access_token(&app, "openid").await;
        for (origin, expected) in [
            (OF_SPA, Some(OF_SPA)),
            ("https://app.example", None),
            ("https://evil.example", None),
            ("null", None),
        ] {
            let preflight = app.request(Method::OPTIONS, PATH).header("access-control-request-method", "GET");
            for (request, status) in [
                (preflight.header("access-control-request-headers", "authorization"), 204),
                (app.get(PATH).bearer_auth(&token), 200),
                (app.post(PATH).form(&[("access_token", &token)]), 200),
                (app.get(PATH), 401),
                (app.get(PATH).bearer_auth("nonsense"), 401),
                (app.post(PATH).bearer_auth(&token).form(&[("access_token", &token)]), 400),
                (app.request(Method::PUT, PATH), 405),
            ] {
                let response = request.header(ORIGIN, origin).send().await.unwrap();
                assert_eq!(response.status().as_u16(), status);
                let headers = response.headers();
                let allowed = headers.get("access-control-allow-origin");
                assert_eq!(allowed.map(|value| value.to_str().unwrap()), expected, "{status} {origin}");
                assert!(headers.get("access-control-allow-credentials").is_none());
                assert!(headers["vary"].to_str().unwrap().contains("origin"));
            }
        }
    }
}
