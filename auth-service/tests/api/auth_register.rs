use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::helpers::{PASSWORD, both, spawn_app};
use service_kit::database::Backend;

#[tokio::test]
async fn the_registered_user_is_the_same_on_both_databases() {
    for app in both().await {
        let body = json!({ "username": "Alice", "password": PASSWORD, "email": "alice@example.com" });
        let response = app.register_with(&body).await;
        assert_eq!(response.status(), StatusCode::CREATED);
        assert_eq!(response.headers()["cache-control"], "no-store");
        let user: Value = response.json().await.unwrap();
        insta::assert_json_snapshot!("registered", user);
    }
}

/// B2: members of the body that only an operator may set.
#[tokio::test]
async fn fields_that_only_an_operator_sets_are_ignored() {
    for app in both().await {
        let body = json!({
            "username": "mallory", "password": PASSWORD, "is_active": false, "roles": ["admin"],
            "id": "00000000-0000-7000-8000-000000000000", "email_verified": true, "email": null, "more": {"a": 1}
        });
        let user: Value = app.register_with(&body).await.json().await.unwrap();
        assert_eq!(user["is_active"], true);
        assert_eq!(user["roles"], json!([]));
        assert_eq!(user["email_verified"], false);
        assert_ne!(user["id"], "00000000-0000-7000-8000-000000000000");
        app.login("mallory").await;
    }
}

async fn is_taken(app: &crate::helpers::TestApp, name: &str) -> bool {
    let response = app.register_with(&json!({ "username": name, "password": PASSWORD })).await;
    let status = response.status();
    let body: Value = response.json().await.unwrap();
    if status == StatusCode::BAD_REQUEST {
        assert_eq!(body["detail"], "Username already registered");
    }
    status == StatusCode::BAD_REQUEST
}

/// B3: names that are the same, or look the same, as an existing one.
#[tokio::test]
async fn a_name_that_is_equal_or_confusable_is_taken() {
    for app in both().await {
        for name in ["alice", "paypal", "straße"] {
            app.register(name).await;
        }
        for name in [
            "alice",
            "ALICE",
            "Alice",
            "ａｌｉｃｅ",
            "paypa1",
            "paypaI",
            "STRASSE",
            "\u{455}tra\u{df}e", // refused: two scripts
        ] {
            let response = app.register_with(&json!({ "username": name, "password": PASSWORD })).await;
            let refused =
                matches!(response.status(), StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY);
            assert!(refused, "{name}: {}", response.status());
        }
        assert!(is_taken(&app, "aLiCe").await);
        // A user may log in with the name in any case and character width.
        let response = app.try_login("ＡLICE", PASSWORD).await;
        assert_eq!(response.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn a_broken_rule_names_its_field() {
    for app in both().await {
        let long = "x".repeat(101);
        for name in ["", " ", "a ", " a", "a\u{200b}b", "a\u{202e}b", "a\nb", "\u{430}lice", &long] {
            let response = app.register_with(&json!({ "username": name, "password": PASSWORD })).await;
            assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY, "{name:?}");
            assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
            let body: Value = response.json().await.unwrap();
            assert_eq!(body["errors"][0]["field"], "username", "{name:?}");
        }
        for (member, value) in [
            ("password", json!("short")),
            ("password", json!(null)),
            ("password", json!(["x".repeat(20)])),
            ("password", json!("x".repeat(257))),
            ("email", json!("a@b.c\r\nBcc: d@e.f")),
            ("email", json!("nobody")),
            ("email", json!(7)),
            ("username", json!({ "$ne": "" })),
        ] {
            let mut body = json!({ "username": "bob", "password": PASSWORD });
            body[member] = value.clone();
            let response = app.register_with(&body).await;
            assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY, "{member} {value}");
            let body: Value = response.json().await.unwrap();
            assert_eq!(body["errors"][0]["field"], member, "{value}");
        }
        let response = app.register_with(&json!({})).await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    }
}

/// B4: long passwords, NUL, and other Unicode forms.
#[tokio::test]
async fn passwords_are_neither_truncated_nor_normalised_and_a_huge_one_is_refused() {
    for app in both().await {
        for length in [12, 71, 72, 73, 200] {
            let (name, password) = (format!("user-{length}-x"), "x-y ".repeat(50)[..length].to_owned());
            let response = app.register_with(&json!({ "username": name, "password": password })).await;
            assert_eq!(response.status(), StatusCode::CREATED);
            assert_eq!(app.try_login(&name, &password).await.status(), StatusCode::OK);
            for other in [&password[..length - 1], &format!("{password}x"), &password.to_uppercase()] {
                assert_eq!(app.try_login(&name, other).await.status(), StatusCode::UNAUTHORIZED, "{length}");
            }
        }
        let with_nul = "aaaaaaaaaaaa\0aaaaaaaaaaaa";
        let response = app.register_with(&json!({ "username": "nul", "password": with_nul })).await;
        assert_eq!(response.status(), StatusCode::CREATED);
        assert_eq!(app.try_login("nul", with_nul).await.status(), StatusCode::OK);
        assert_eq!(app.try_login("nul", "aaaaaaaaaaaa").await.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(app.try_login("nul", "aaaaaaaaaaaa\0").await.status(), StatusCode::UNAUTHORIZED);

        let composed = "p\u{e4}ssword-of-many-letters";
        let response = app.register_with(&json!({ "username": "form", "password": composed })).await;
        assert_eq!(response.status(), StatusCode::CREATED);
        assert_eq!(app.try_login("form", "pa\u{308}ssword-of-many-letters").await.status(), StatusCode::OK);

        let hashes = app.metric("latchkey_password_hashes_total").await;
        let huge = json!({ "username": "huge", "password": "x".repeat(1 << 20) });
        let response = app.register_with(&huge).await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["errors"][0]["field"], "password");
        let huge = json!({ "username": "x".repeat(100_000), "password": PASSWORD });
        assert_eq!(app.register_with(&huge).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(app.metric("latchkey_password_hashes_total").await, hashes, "nothing was hashed");
    }
}

/// B5: SQL, broken UTF-8, NUL and line breaks in every field.
#[tokio::test]
async fn no_input_causes_a_server_error() {
    for app in both().await {
        for text in [
            "' OR 1=1 --",
            "\"; DROP TABLE users; --",
            "\0",
            "a\0b",
            "\u{fffd}",
            "\u{10ffff}",
            "%00",
            "../../etc",
        ] {
            for body in [
                json!({ "username": text, "password": PASSWORD, "email": text }),
                json!({ "username": "someone", "password": text, "email": text }),
            ] {
                let response = app.register_with(&body).await;
                assert!(response.status().is_client_error(), "{text:?}: {}", response.status());
            }
            let response = app.try_login(text, text).await;
            assert!(response.status().is_client_error(), "{text:?}: {}", response.status());
        }
        for bytes in [
            &b"{"[..],
            b"",
            b"\xff\xfe",
            b"{\"username\":\"\xff\",\"password\":\"x\"}",
            b"[]",
            b"null",
            b"1e999",
        ] {
            let request =
                app.post("/auth/register").header(CONTENT_TYPE, "application/json").body(bytes.to_vec());
            let response = request.send().await.unwrap();
            assert!(response.status().is_client_error(), "{bytes:?}: {}", response.status());
            assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        }
        let response = app.post("/auth/register").body("username=a").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
}

#[tokio::test]
async fn of_many_concurrent_registrations_of_a_name_one_succeeds() {
    for app in both().await {
        let body = json!({ "username": "wanted", "password": PASSWORD });
        let all = (0..20).map(|_| app.register_with(&body));
        let statuses: Vec<_> =
            futures_util::future::join_all(all).await.into_iter().map(|response| response.status()).collect();
        assert_eq!(statuses.iter().filter(|status| **status == StatusCode::CREATED).count(), 1);
        assert_eq!(statuses.iter().filter(|status| **status == StatusCode::BAD_REQUEST).count(), 19);
    }
}

#[tokio::test]
async fn an_unverified_email_does_not_block_a_registration() {
    let app = spawn_app(Backend::Sqlite, |_| {}).await;
    for name in ["one", "two"] {
        let body = json!({ "username": name, "password": PASSWORD, "email": "a@example.com" });
        assert_eq!(app.register_with(&body).await.status(), StatusCode::CREATED);
    }
}
