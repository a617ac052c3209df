//! Creating, reading, changing and deleting one todo.

use serde_json::{Value, json};
use shared_claims::clock::ManualClock;

use crate::helpers::{ADA, BOB, BOTH, spawn_app, spawn_app_at};

#[actix_web::test]
async fn a_todo_is_created_shown_changed_and_deleted() {
    for backend in BOTH {
        let app = spawn_app(backend).await;
        let token = app.token(ADA);
        let created = app.post("/todos/", &token, &json!({ "title": "Buy milk" })).await;
        assert_eq!(created.status, 201, "{created:?}");
        let todo = created.json();
        let path = format!("/todos/{}", todo["id"].as_str().unwrap());
        assert_eq!(created.header("location"), Some(path.as_str()));

        let shown = app.get(&path, Some(&token)).await;
        assert_eq!((shown.status, shown.json()), (200, todo.clone()));

        let changed = app.put(&path, &token, &json!({ "completed": true })).await;
        assert_eq!(changed.status, 200, "{changed:?}");
        assert_eq!(changed.json()["completed"], true);
        assert_eq!(changed.json()["title"], "Buy milk");
        assert_eq!(app.get(&path, Some(&token)).await.json(), changed.json());

        let deleted = app.delete(&path, &token).await;
        assert_eq!((deleted.status, deleted.body.as_str()), (204, ""));
        assert_eq!(app.get(&path, Some(&token)).await.problem(404), "Todo not found");
        assert_eq!(app.delete(&path, &token).await.problem(404), "Todo not found");
    }
}

#[actix_web::test]
async fn the_wire_shape_of_a_todo() {
    for backend in BOTH {
        let clock = ManualClock::at(1_772_366_400_123);
        let app = spawn_app_at(backend, clock.clone()).await;
        let token = app.token(ADA);
        let sent = json!({ "title": "Buy milk", "description": "two\nlitres", "completed": true });
        let todo = app.post("/todos/", &token, &sent).await.json();
        insta::assert_json_snapshot!("todo", todo, { ".id" => "[id]" });
        let id = todo["id"].as_str().unwrap();
        assert!(id.starts_with("019ca945-0a7b-7"), "a UUIDv7 of the moment: {id}");

        clock.advance_ms(5_000);
        let changed = app.put(&format!("/todos/{id}"), &token, &json!({})).await.json();
        assert_eq!(changed["created_at"], "2026-03-01T12:00:00.123Z");
        assert_eq!(changed["updated_at"], "2026-03-01T12:00:05.123Z");
    }
}

#[actix_web::test]
async fn members_that_are_left_out_keep_their_value() {
    for backend in BOTH {
        let app = spawn_app(backend).await;
        let token = app.token(ADA);
        let sent = json!({ "title": "a", "description": "b", "completed": true });
        let todo = app.post("/todos/", &token, &sent).await.json();
        let path = format!("/todos/{}", todo["id"].as_str().unwrap());
        let is =
            |todo: Value| (todo["title"].clone(), todo["description"].clone(), todo["completed"].clone());

        let change = async |body: Value| app.put(&path, &token, &body).await.json();
        assert_eq!(is(change(json!({})).await), (json!("a"), json!("b"), json!(true)));
        assert_eq!(is(change(json!({ "title": "c" })).await), (json!("c"), json!("b"), json!(true)));
        assert_eq!(is(change(json!({ "completed": false })).await), (json!("c"), json!("b"), json!(false)));
        assert_eq!(is(change(json!({ "description": "d" })).await), (json!("c"), json!("d"), json!(false)));
        assert_eq!(is(change(json!({ "description": null })).await), (json!("c"), json!(null), json!(false)));
    }
}

#[actix_web::test]
async fn a_todo_of_another_user_is_404() {
    for backend in BOTH {
        let app = spawn_app(backend).await;
        let (ada, bob) = (app.token(ADA), app.token(BOB));
        let todo = app.create(&ada, "Ada's").await;
        let foreign = format!("/todos/{}", todo["id"].as_str().unwrap());
        let unknown = "/todos/019ab5a0-1c00-7000-8000-00000000000a";

        for path in [foreign.as_str(), unknown, "/todos/1", "/todos/not-a-uuid", "/todos/%00"] {
            let responses = [
                app.get(path, Some(&bob)).await,
                app.put(path, &bob, &json!({ "title": "mine now" })).await,
                app.delete(path, &bob).await,
            ];
            for response in responses {
                assert_eq!(response.problem(404), "Todo not found", "{path}");
                assert_eq!(response.body, app.get(unknown, Some(&bob)).await.body);
            }
        }
        assert_eq!(app.get("/todos/", Some(&bob)).await.json(), json!([]));
        assert_eq!(app.get(&foreign, Some(&ada)).await.json(), todo);
    }
}

#[actix_web::test]
async fn paths_work_with_and_without_a_trailing_slash() {
    let app = spawn_app(BOTH[0]).await;
    let token = app.token(ADA);
    for path in ["/todos", "/todos/"] {
        assert_eq!(app.post(path, &token, &json!({ "title": "a" })).await.status, 201, "{path}");
        assert_eq!(app.get(path, Some(&token)).await.status, 200, "{path}");
    }
    let id = app.create(&token, "b").await["id"].as_str().unwrap().to_owned();
    for path in [format!("/todos/{id}"), format!("/todos/{id}/"), format!("/todos/{}", id.to_uppercase())] {
        assert_eq!(app.get(&path, Some(&token)).await.json()["id"], id, "{path}");
    }
    for path in ["/whoami", "/whoami/"] {
        assert_eq!(app.get(path, Some(&token)).await.status, 200, "{path}");
    }
}

#[actix_web::test]
async fn other_methods_are_405_with_allow() {
    let app = spawn_app(BOTH[0]).await;
    let token = app.token(ADA);
    let response = app.delete("/todos/", &token).await;
    assert_eq!(response.problem(405), "Method not allowed");
    let allowed = response.header("allow").unwrap();
    assert!(allowed.contains("GET") && allowed.contains("POST") && !allowed.contains("DELETE"), "{allowed}");
}
