//! Request bodies that are not a valid todo.

use reqwest::Method;
use serde_json::json;

use crate::helpers::{ADA, BOTH, TestResponse, spawn_app};

#[actix_web::test]
async fn every_invalid_field_is_named() {
    let app = spawn_app(BOTH[0]).await;
    let token = app.token(ADA);
    let path = format!("/todos/{}", app.create(&token, "a").await["id"].as_str().unwrap());
    for (body, fields) in [
        (json!({ "title": "" }), vec!["title"]),
        (json!({ "title": " \t " }), vec!["title"]),
        (json!({ "title": "a".repeat(201) }), vec!["title"]),
        (json!({ "title": "a\nb" }), vec!["title"]),
        (json!({ "title": null }), vec!["title"]),
        (json!({ "title": 7 }), vec!["title"]),
        (json!({ "title": ["a"] }), vec!["title"]),
        (json!({ "title": "a", "description": 7 }), vec!["description"]),
        (json!({ "title": "a", "description": "a".repeat(10_001) }), vec!["description"]),
        (json!({ "title": "a", "description": "\u{1b}[2J" }), vec!["description"]),
        (json!({ "title": "a", "completed": "true" }), vec!["completed"]),
        (json!({ "title": "a", "completed": 1 }), vec!["completed"]),
        (json!({ "title": "a", "completed": null }), vec!["completed"]),
        (
            json!({ "title": "", "description": {}, "completed": [] }),
            vec!["title", "description", "completed"],
        ),
    ] {
        assert_eq!(app.post("/todos/", &token, &body).await.refused_fields(), fields, "{body}");
        assert_eq!(app.put(&path, &token, &body).await.refused_fields(), fields, "{body}");
    }
    assert_eq!(app.post("/todos/", &token, &json!({})).await.refused_fields(), ["title"]);
    assert_eq!(app.get(&path, Some(&token)).await.json()["title"], "a");
    assert_eq!(app.get("/todos/", Some(&token)).await.json().as_array().unwrap().len(), 1);
}

#[actix_web::test]
async fn unknown_members_are_ignored() {
    for backend in BOTH {
        let app = spawn_app(backend).await;
        let token = app.token(ADA);
        let id = "019ab5a0-1c00-7000-8000-00000000000a";
        let body = json!({
            "title": "a", "id": id, "owner": "somebody", "sub": "somebody", "created_at": "1970-01-01T00:00:00Z",
            "constructor": {}, "__proto__": { "completed": true },
        });
        let todo = app.post("/todos/", &token, &body).await.json();
        assert_ne!(todo["id"], id);
        assert_ne!(todo["created_at"], "1970-01-01T00:00:00Z");
        assert_eq!(todo["completed"], false);
        let path = format!("/todos/{}", todo["id"].as_str().unwrap());
        assert_eq!(app.put(&path, &token, &body).await.json()["created_at"], todo["created_at"]);
        assert_eq!(app.get(&path, Some(&token)).await.status, 200);
    }
}

#[actix_web::test]
async fn any_text_is_stored_as_it_was_typed() {
    for backend in BOTH {
        let app = spawn_app(backend).await;
        let token = app.token(ADA);
        for title in [
            "'; DROP TABLE todos; --",
            "\" OR \"\"=\"",
            "<script>alert(1)</script>",
            "{{7*7}} ${7*7} %s %n",
            "  spaces around  ",
            "🦀 ﷽ é e\u{301} \u{202e}desrever",
            &"🦀".repeat(200),
        ] {
            assert_eq!(app.create(&token, title).await["title"], title);
        }
        assert_eq!(app.get("/todos/", Some(&token)).await.json().as_array().unwrap().len(), 7);
    }
}

#[actix_web::test]
async fn a_body_of_another_type_is_refused_before_it_is_read() {
    let app = spawn_app(BOTH[0]).await;
    let token = app.token(ADA);
    let post = |kind: &'static str, body: Vec<u8>| {
        let request = app.request(Method::POST, "/todos/", Some(&token));
        TestResponse::of(request.header("content-type", kind).body(body))
    };
    let good = br#"{"title":"a"}"#.to_vec();
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1", "", "json"]
    {
        assert_eq!(post(kind, good.clone()).await.status, 415, "{kind}");
    }
    let without =
        TestResponse::of(app.request(Method::POST, "/todos/", Some(&token)).body(good.clone())).await;
    without.problem(415);
    for kind in ["application/json", "Application/JSON; charset=UTF-8", "application/merge-patch+json"] {
        assert_eq!(post(kind, good.clone()).await.status, 201, "{kind}");
    }
    let nested = "{\"title\":".to_owned() + &"[".repeat(10_000) + &"]".repeat(10_000) + "}";
    let broken: [&[u8]; 9] = [
        b"",
        b"{",
        b"{\"title\":\"a\"} x",
        b"{'title':'a'}",
        b"{\"title\":\"\xff\xfe\"}",
        b"{\"title\":\"\\ud800\"}",
        b"{\"title\":\"a\\u0000b\"}",
        b"{\"title\":\"a\0b\"}",
        nested.as_bytes(),
    ];
    for body in broken {
        let response = post("application/json", body.to_vec()).await;
        response.problem(400);
    }
    for body in ["[]", "null", "\"a\"", "7", "{\"title\":\"a\",\"title\":\"b\"}"] {
        let response = post("application/json", body.into()).await;
        assert_eq!(response.refused_fields().len(), 1, "{body}");
    }
}

#[actix_web::test]
async fn a_body_of_more_than_64_kib_is_refused() {
    let app = spawn_app(BOTH[0]).await;
    let token = app.token(ADA);
    let body = |size: usize| {
        let frame = r#"{"title":"a","x":""}"#.len();
        json!({ "title": "a", "x": "x".repeat(size - frame) })
    };
    assert_eq!(app.post("/todos/", &token, &body(65_536)).await.status, 201);
    app.post("/todos/", &token, &body(65_537)).await.problem(413);
    app.post("/todos/", &token, &body(1_000_000)).await.problem(413);
}
