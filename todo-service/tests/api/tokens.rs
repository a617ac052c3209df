//! The users and the scopes of tokens.

use reqwest::Method;
use serde_json::json;
use shared_claims::testing::TestKey;

use crate::helpers::{ADA, BOTH, TestResponse, spawn_app};

const ID: &str = "019ab5a0-1c00-7000-8000-00000000000a";

fn challenge(response: &TestResponse) -> &str {
    response.header("www-authenticate").unwrap_or_default()
}

#[actix_web::test]
async fn without_a_token_the_response_only_says_that_one_is_needed() {
    let app = spawn_app(BOTH[0]).await;
    let one = format!("/todos/{ID}");
    for (method, path) in [
        (Method::GET, "/todos/"),
        (Method::POST, "/todos/"),
        (Method::GET, one.as_str()),
        (Method::PUT, one.as_str()),
        (Method::DELETE, one.as_str()),
        (Method::GET, "/todos/not-a-uuid"),
        (Method::GET, "/todos/?limit=0"),
        (Method::GET, "/whoami"),
    ] {
        let response = TestResponse::of(app.request(method.clone(), path, None)).await;
        response.problem(401);
        assert_eq!(challenge(&response), "Bearer", "{method} {path}");
    }
    // Without a token the body is not looked at either.
    let request = app.request(Method::POST, "/todos/", None).body("x".repeat(100_000));
    TestResponse::of(request).await.problem(401);
}

#[actix_web::test]
async fn a_bad_token_is_401_invalid_token() {
    let app = spawn_app(BOTH[0]).await;
    let good = app.token_of(ADA);
    for (what, token) in [
        ("garbage", "garbage".to_owned()),
        ("another key", good.clone().signed_by(TestKey::shared(1)).sign()),
        ("another audience", good.clone().claim("aud", json!(["other"])).sign()),
        ("another issuer", good.clone().claim("iss", "http://localhost:1").sign()),
        ("expired", good.clone().claim("exp", 1_000_000_000).sign()),
        ("an id token", good.clone().header("typ", "JWT").sign()),
        ("alg none", good.clone().header("alg", "none").with_signature(b"")),
    ] {
        for path in ["/todos/", "/whoami"] {
            let response = app.get(path, Some(&token)).await;
            response.problem(401);
            assert!(
                challenge(&response).starts_with("Bearer error=\"invalid_token\""),
                "{what}: {response:?}"
            );
        }
    }
}

#[actix_web::test]
async fn reading_and_writing_need_their_scopes() {
    let app = spawn_app(BOTH[0]).await;
    let todo = app.create(&app.token(ADA), "a").await;
    let one = format!("/todos/{}", todo["id"].as_str().unwrap());
    let reader = app.token_of(ADA).claim("scope", "todos:read").sign();
    let writer = app.token_of(ADA).claim("scope", "todos:write").sign();
    for path in ["/todos/", &one] {
        assert_eq!(app.get(path, Some(&reader)).await.status, 200);
        let response = app.get(path, Some(&writer)).await;
        response.problem(403);
        assert_eq!(challenge(&response), "Bearer error=\"insufficient_scope\", scope=\"todos:read\"");
    }
    let body = json!({ "title": "b" });
    let nothing = app.token_of(ADA).without_claim("scope").sign();
    let close = app.token_of(ADA).claim("scope", "todos:readwrite todos TODOS:WRITE openid").sign();
    for token in [&reader, &nothing, &close] {
        for response in [
            app.post("/todos/", token, &body).await,
            app.put(&one, token, &body).await,
            app.delete(&one, token).await,
        ] {
            response.problem(403);
            assert_eq!(challenge(&response), "Bearer error=\"insufficient_scope\", scope=\"todos:write\"");
        }
    }
    assert_eq!(app.get(&one, Some(&reader)).await.json(), todo);
    assert_eq!(app.put(&one, &writer, &body).await.status, 200);
    assert_eq!(app.delete(&one, &writer).await.status, 204);
}

#[actix_web::test]
async fn a_token_is_accepted_only_once_and_only_in_the_header() {
    let app = spawn_app(BOTH[0]).await;
    let token = app.token(ADA);
    let query = format!("/todos/?access_token={token}");
    let in_query = app.get(&query, None).await;
    in_query.problem(401);
    assert_eq!(challenge(&in_query), "Bearer");
    app.get(&query, Some(&token)).await.problem(400);
    let twice = app.request(Method::GET, "/todos/", Some(&token)).bearer_auth(&token);
    TestResponse::of(twice).await.problem(400);
    let basic = app.request(Method::GET, "/todos/", None).basic_auth("ada", Some("password"));
    TestResponse::of(basic).await.problem(401);
    let lower = app.request(Method::GET, "/todos/", None).header("authorization", format!("bearer {token}"));
    assert_eq!(TestResponse::of(lower).await.status, 200);
}

#[actix_web::test]
async fn clients_have_todos_of_their_own() {
    for backend in BOTH {
        let app = spawn_app(backend).await;
        let machine = app.token_of("reporter").without_claim("sid").without_claim("username");
        let machine = machine.claim("client_id", "reporter").sign();
        app.create(&machine, "the machine's").await;
        assert_eq!(app.get("/todos/", Some(&machine)).await.json().as_array().unwrap().len(), 1);
        assert_eq!(app.get("/todos/", Some(&app.token(ADA))).await.json(), json!([]));
    }
}
