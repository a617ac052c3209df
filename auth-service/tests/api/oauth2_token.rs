//! Tests of what every grant type has in common: the form and the client authentication (B8).

use auth_service::domain::GrantType;
use reqwest::StatusCode;
use reqwest::header::{ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, ORIGIN, PRAGMA};
use serde_json::json;

use crate::helpers::both;
use crate::helpers::clients::{basic, client, public_client, refusal};

const GRANT: (&str, &str) = ("grant_type", "client_credentials");
const ID: (&str, &str) = ("client_id", "billing");
const SECRET: &str = "lks_the-secret-of-billing";
const POSTED: (&str, &str) = ("client_secret", SECRET);

fn invalid_request() -> (u16, String) {
    (400, "invalid_request".to_owned())
}

fn invalid_client() -> (u16, String) {
    (401, "invalid_client".to_owned())
}

/// B8: another method, another content type, credentials in the URL, and a parameter that occurs twice.
#[tokio::test]
async fn a_malformed_request_is_refused() {
    for app in both().await {
        app.add_client(client("billing")).await;
        for path in ["/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"] {
            let response = app.get(&format!("{path}?grant_type=client_credentials")).send().await.unwrap();
            assert_eq!(response.headers()[ALLOW], "POST, OPTIONS");
            assert_eq!(refusal(response).await, (405, "invalid_request".to_owned()), "{path}");
        }

        let json = json!({ "grant_type": "client_credentials" });
        let json = app.post("/oauth2/token").header(AUTHORIZATION, basic("billing", SECRET)).json(&json);
        assert_eq!(refusal(json.send().await.unwrap()).await, invalid_request());
        for query in [
            format!("client_id=billing&client_secret={SECRET}"),
            "grant_type=client_credentials".to_owned(),
            "resource=todo-service".to_owned(),
            "scope=%FF".to_owned(),
        ] {
            let request = app.post(&format!("/oauth2/token?{query}")).form(&[GRANT, ID, POSTED]);
            assert_eq!(refusal(request.send().await.unwrap()).await, invalid_request(), "{query}");
        }
        for form in [
            &[GRANT, GRANT, ID, POSTED][..],
            &[GRANT, ID, ID, POSTED],
            &[GRANT, ID, POSTED, ("scope", "todos:read"), ("scope", "todos:read")],
            &[GRANT, ID, POSTED, ("unknown", "a"), ("unknown", "b")],
            &[ID, POSTED],
            &[("grant_type", ""), ID, POSTED],
        ] {
            let response = app.grant(form).send().await.unwrap();
            assert_eq!(refusal(response).await, invalid_request(), "{form:?}");
        }
        let good = format!("grant_type=client_credentials&client_id=billing&client_secret={SECRET}");
        for (kind, body) in [
            ("text/plain", good.as_bytes()),
            ("application/x-www-form-urlencoded", b"grant_type=client_credentials&scope=\xff"),
            ("application/x-www-form-urlencoded", b"grant_type=client_credentials&scope=%ff"),
        ] {
            let request = app.post("/oauth2/token").header(CONTENT_TYPE, kind).body(body.to_vec());
            assert_eq!(refusal(request.send().await.unwrap()).await, invalid_request(), "{kind}");
        }
        let many = format!("{good}{}", "&a=1".repeat(200));
        let form = |body| app.post("/oauth2/token").header(CONTENT_TYPE, FORM).body(body).send();
        assert_eq!(refusal(form(many).await.unwrap()).await, invalid_request());
        // A form is always percent-encoded UTF-8, so its charset is ignored.
        for charset in ["ISO-8859-1", "us-ascii"] {
            let kind = format!("application/x-www-form-urlencoded; charset={charset}");
            let request = app.post("/oauth2/token").header(CONTENT_TYPE, kind).body(good.clone());
            assert_eq!(request.send().await.unwrap().status(), StatusCode::OK, "{charset}");
        }
        let encoded = app.post("/oauth2/token").header(CONTENT_TYPE, FORM).header("Content-Encoding", "gzip");
        let encoded = encoded.body(good.clone()).send().await.unwrap();
        assert_eq!(encoded.headers()["accept-encoding"], "identity");
        assert_eq!(refusal(encoded).await, (415, "invalid_request".to_owned()));
        let huge = form(format!("{good}&padding={}", "x".repeat(70_000))).await.unwrap();
        assert_eq!(refusal(huge).await, (413, "invalid_request".to_owned()));
        assert_eq!(form(good).await.unwrap().status(), StatusCode::OK);
    }
}

const FORM: &str = "Application/X-WWW-form-urlencoded; charset=utf-8";

/// B8: two authentication methods at once, and each of the three methods.
#[tokio::test]
async fn a_client_authenticates_by_one_method_only() {
    // RFC 6749 §2.3.1: id and secret are form-encoded.
    let (odd_id, odd) = ("svc:a%b+ü", "a:b%c+d ä€");
    for app in both().await {
        app.add_client(client("billing")).await;
        app.add_client(client("other")).await;
        app.add_client_with(client(odd_id), &[odd]).await;
        app.add_client(public_client("spa")).await;
        let send = |header: Option<String>, form: Vec<(&'static str, &'static str)>| {
            let request = app.grant(&form);
            let request =
                header.into_iter().fold(request, |request, header| request.header(AUTHORIZATION, header));
            async move { request.send().await.unwrap() }
        };
        for (header, form) in [
            (Some(basic("billing", SECRET)), vec![GRANT]),
            (Some(basic("billing", SECRET)), vec![GRANT, ID]),
            (Some(basic("billing", SECRET).replace("Basic", "bAsIc")), vec![GRANT, ("client_secret", "")]),
            (Some(basic(odd_id, odd)), vec![GRANT]),
            (None, vec![GRANT, ID, POSTED]),
            (None, vec![GRANT, ("client_id", odd_id), ("client_secret", odd)]),
        ] {
            assert_eq!(send(header, form.clone()).await.status(), StatusCode::OK, "{form:?}");
        }
        for (header, form) in [
            (basic("billing", SECRET), vec![GRANT, POSTED]),
            (basic("billing", SECRET), vec![GRANT, ID, POSTED]),
            (basic("billing", SECRET), vec![GRANT, ("client_id", "other")]),
        ] {
            assert_eq!(refusal(send(Some(header), form).await).await, invalid_request());
        }
        let twice = app.grant(&[GRANT]).header(AUTHORIZATION, basic("billing", SECRET));
        let twice = twice.header(AUTHORIZATION, basic("billing", SECRET)).send().await.unwrap();
        assert_eq!(refusal(twice).await, invalid_request());
        for (why, header, form) in [
            ("nobody", None, vec![GRANT]),
            ("unknown", Some(basic("nobody", SECRET)), vec![GRANT]),
            ("wrong", Some(basic("billing", "lks_guess")), vec![GRANT]),
            ("another's", Some(basic("billing", odd)), vec![GRANT]),
            ("wrong, posted", None, vec![GRANT, ID, ("client_secret", "lks_guess")]),
            ("none", None, vec![GRANT, ID]),
            ("none, by header", Some(basic("billing", "")), vec![GRANT]),
            ("a case", Some(basic("Billing", SECRET)), vec![GRANT]),
            ("public, with a secret", Some(basic("spa", SECRET)), vec![GRANT]),
            ("built in", None, vec![GRANT, ("client_id", "first-party")]),
            ("no Basic", Some(format!("Bearer {SECRET}")), vec![GRANT, ID]),
            ("broken", Some("Basic !".to_owned()), vec![GRANT, ID]),
            ("not UTF-8", Some("Basic /zo6".to_owned()), vec![GRANT]),
        ] {
            assert_eq!(refusal(send(header, form).await).await, invalid_client(), "{why}");
        }
        // The responses for an unknown client and for a wrong secret are equal byte by byte.
        let bytes = async |header| send(Some(header), vec![GRANT]).await.text().await.unwrap();
        assert_eq!(bytes(basic("nobody", SECRET)).await, bytes(basic("billing", "lks_guess")).await);
    }
}

#[tokio::test]
async fn both_secrets_are_valid_during_a_rotation_and_none_of_a_disabled_client() {
    for app in both().await {
        app.add_client_with(client("billing"), &["lks_old", "lks_new"]).await;
        let ask = async |secret| {
            app.grant(&[GRANT]).header(AUTHORIZATION, basic("billing", secret)).send().await.unwrap()
        };
        for secret in ["lks_old", "lks_new"] {
            assert_eq!(ask(secret).await.status(), StatusCode::OK, "{secret}");
        }
        app.change_client("billing", |client| client.is_active = false).await;
        assert_eq!(refusal(ask("lks_new").await).await, invalid_client());
    }
}

/// B8: an unknown grant type or scope. B9: a grant type or scope that the client does not have.
#[tokio::test]
async fn unsupported_requests_get_the_error_codes_of_the_rfc() {
    for app in both().await {
        app.add_client(client("billing")).await;
        app.add_client(public_client("spa")).await;
        app.add_client({
            let mut narrow = client("narrow");
            narrow.grants = vec![GrantType::ClientCredentials];
            narrow
        })
        .await;
        for grant in ["implicit", "Client_Credentials", "urn:ietf:params:oauth:grant-type:device_code"] {
            let response = app.grant_to("billing", &[("grant_type", grant)]).await;
            assert_eq!(refusal(response).await, (400, "unsupported_grant_type".to_owned()), "{grant}");
        }
        let unauthorized = (400, "unauthorized_client".to_owned());
        assert_eq!(refusal(app.grant_to_public("spa", &[GRANT]).await).await, unauthorized);
        for grant in ["password", "refresh_token", "authorization_code"] {
            let response = app.grant_to("narrow", &[("grant_type", grant)]).await;
            assert_eq!(refusal(response).await, unauthorized, "{grant}");
        }
        for scope in ["admin", "todos:read admin", "TODOS:READ", "todos:read  todos:write", "\"", " "] {
            let response = app.grant_to("billing", &[GRANT, ("scope", scope)]).await;
            assert_eq!(refusal(response).await, (400, "invalid_scope".to_owned()), "{scope:?}");
        }
    }
}

/// A public client in a browser can read the response if its origin is one of its redirect URIs' origins.
#[tokio::test]
async fn only_allowed_origins_may_read_responses_and_nothing_is_cached() {
    for app in both().await {
        app.add_client(client("billing")).await;
        for (origin, allowed) in [("http://localhost:5173", true), ("https://evil.example", false)] {
            for form in [&[GRANT, ID, POSTED][..], &[GRANT, ID]] {
                let response = app.grant(form).header(ORIGIN, origin).send().await.unwrap();
                assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
                assert!(!response.headers().contains_key(PRAGMA));
                let read = response.headers().get("access-control-allow-origin");
                assert_eq!(read.is_some_and(|read| read == origin), allowed, "{origin}");
            }
        }
        let preflight = app.request(reqwest::Method::OPTIONS, "/oauth2/token");
        let preflight = preflight
            .header(ORIGIN, "http://localhost:5173")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type");
        let answer = preflight.send().await.unwrap();
        assert!(answer.status().is_success());
        assert_eq!(answer.headers()["access-control-allow-origin"], "http://localhost:5173");
    }
}

/// A failed client authentication is recorded with the client's id if the client exists. An unknown id is not
/// recorded, because it may be a secret in the wrong field.
#[tokio::test]
async fn a_failed_client_authentication_is_recorded() {
    for app in both().await {
        app.add_client(client("billing")).await;
        app.add_client(public_client("spa")).await;
        for (id, secret) in [("billing", "lks_guess"), ("billing", ""), ("spa", SECRET), (SECRET, "x")] {
            app.clock.advance_ms(1);
            let request = app.grant(&[GRANT]).header(AUTHORIZATION, basic(id, secret));
            assert_eq!(request.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
        }
        let events = app.audit_rows().await;
        let refused: Vec<_> = events
            .iter()
            .filter(|event| event.kind == "client.refused")
            .map(|event| (event.client_id.as_deref(), event.reason.as_deref()))
            .collect();
        let expected = [
            (Some("billing"), Some("wrong_secret")),
            (Some("billing"), Some("no_secret")),
            (Some("spa"), Some("unexpected_secret")),
            (None, Some("unknown_client")),
        ];
        assert_eq!(refused, expected);
        assert!(!format!("{events:?}").contains("lks_"));
    }
}
