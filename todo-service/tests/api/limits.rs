//! The limits of todos and bytes per user.

use futures_util::future::join_all;
use serde_json::json;

use crate::helpers::{ADA, BOB, BOTH, spawn_app_with};

#[actix_web::test]
async fn the_limit_of_todos_also_holds_for_concurrent_requests() {
    for backend in BOTH {
        let app = spawn_app_with(backend, |settings| settings.limits.todos_per_user = 3).await;
        let (ada, body) = (app.token(ADA), json!({ "title": "a" }));
        let responses = join_all((0..8).map(|_| app.post("/todos/", &ada, &body))).await;
        let mut statuses: Vec<u16> = responses.iter().map(|response| response.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 201, 201, 409, 409, 409, 409, 409]);
        let list = app.get("/todos/", Some(&ada)).await.json();
        assert_eq!(list.as_array().unwrap().len(), 3);

        // The limit is per user, and deleting a todo makes room for another.
        app.create(&app.token(BOB), "b").await;
        app.delete(&format!("/todos/{}", list[0]["id"].as_str().unwrap()), &ada).await;
        app.create(&ada, "c").await;
        let refused = app.post("/todos/", &ada, &body).await;
        assert!(refused.problem(409).contains("At most 3 todos"), "{refused:?}");
    }
}

/// The longest description, with characters of four bytes.
fn large() -> String {
    "😀".repeat(10_000)
}

#[actix_web::test]
async fn the_limit_of_bytes_holds_for_creating_and_for_changing() {
    for backend in BOTH {
        let app = spawn_app_with(backend, |settings| settings.limits.bytes_per_user = 100_000).await;
        let ada = app.token(ADA);
        let body = json!({ "title": "a", "description": large() });
        let responses = join_all((0..5).map(|_| app.post("/todos/", &ada, &body))).await;
        let mut statuses: Vec<u16> = responses.iter().map(|response| response.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 201, 409, 409, 409]);
        let refused = app.post("/todos/", &ada, &body).await;
        assert!(refused.problem(409).contains("At most 100000 bytes"), "{refused:?}");

        // A change may not exceed the limit either. A change without more text is accepted, and other users are not
        // affected.
        let small = app.create(&ada, "small").await;
        let path = format!("/todos/{}", small["id"].as_str().unwrap());
        app.put(&path, &ada, &json!({ "description": large() })).await.problem(409);
        assert_eq!(app.get(&path, Some(&ada)).await.json(), small, "a refused change has no effect");
        assert_eq!(app.put(&path, &ada, &json!({ "completed": true })).await.status, 200);
        assert_eq!(app.put(&path, &ada, &json!({ "title": "smaller" })).await.status, 200);
        assert_eq!(app.post("/todos/", &app.token(BOB), &body).await.status, 201);

        // Deleting or shortening a text makes room.
        let list = app.get("/todos/", Some(&ada)).await.json();
        let first = format!("/todos/{}", list[1]["id"].as_str().unwrap());
        assert_eq!(app.put(&first, &ada, &json!({ "description": null })).await.status, 200);
        assert_eq!(app.put(&path, &ada, &json!({ "description": large() })).await.status, 200);
    }
}
