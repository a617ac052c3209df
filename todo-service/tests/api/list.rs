//! The list: order, pages, filters.

use serde_json::{Value, json};

use crate::helpers::{ADA, BOB, BOTH, TestApp, TestResponse, spawn_app};

fn titles(response: &TestResponse) -> Vec<String> {
    assert_eq!(response.status, 200, "{response:?}");
    let list = response.json();
    list.as_array().unwrap().iter().map(|todo| todo["title"].as_str().unwrap().to_owned()).collect()
}

/// The URL of the next page, from the `Link` header.
fn next(response: &TestResponse) -> Option<String> {
    let link = response.header("link")?;
    let (address, relation) = link.strip_prefix('<').unwrap().split_once(">; ").unwrap();
    assert_eq!(relation, "rel=\"next\"");
    Some(address.to_owned())
}

/// The titles of this page and all following ones.
async fn walk(app: &TestApp, token: &str, first: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut path = Some(first.to_owned());
    while let Some(at) = path {
        let response = app.get(&at, Some(token)).await;
        pages.push(titles(&response));
        path = next(&response);
        assert!(pages.len() < 100, "the list has too many pages");
    }
    pages
}

#[actix_web::test]
async fn pages_are_newest_first_and_contain_every_todo_once() {
    for backend in BOTH {
        let app = spawn_app(backend).await;
        let token = app.token(ADA);
        for number in 1..=7 {
            app.create(&token, &number.to_string()).await;
            app.create(&app.token(BOB), "Bob's").await;
        }
        assert_eq!(walk(&app, &token, "/todos/").await, [["7", "6", "5", "4", "3", "2", "1"]]);
        assert_eq!(
            walk(&app, &token, "/todos/?limit=3").await,
            [vec!["7", "6", "5"], vec!["4", "3", "2"], vec!["1"]]
        );
        assert_eq!(walk(&app, &token, "/todos?limit=7").await.len(), 1);
    }
}

/// A text that was stored by another version or by hand is shown to its owner, can be corrected, and does not hide the
/// other todos.
#[actix_web::test]
async fn a_text_that_breaks_the_current_rules_is_shown_unchanged() {
    for backend in BOTH {
        let app = spawn_app(backend).await;
        let token = app.token(ADA);
        let odd = app.create(&token, "odd").await;
        app.create(&token, "plain").await;
        app.execute("UPDATE todos SET title = '  ', description = 'a\u{7}' WHERE title = 'odd'").await;
        assert_eq!(titles(&app.get("/todos/", Some(&token)).await), ["plain", "  "]);
        let path = format!("/todos/{}", odd["id"].as_str().unwrap());
        assert_eq!(app.get(&path, Some(&token)).await.json()["description"], "a\u{7}");
        let mended = app.put(&path, &token, &json!({"title": "even", "description": null})).await;
        assert_eq!((mended.status, &mended.json()["title"]), (200, &json!("even")));
        app.put(&path, &token, &json!({"title": "  "})).await.problem(422);
    }
}

#[actix_web::test]
async fn a_cursor_stays_valid_although_the_list_changes() {
    for backend in BOTH {
        let app = spawn_app(backend).await;
        let token = app.token(ADA);
        let mut ids = Vec::new();
        for title in ["1", "2", "3", "4", "5"] {
            ids.push(app.create(&token, title).await["id"].as_str().unwrap().to_owned());
        }
        let first = app.get("/todos/?limit=2", Some(&token)).await;
        assert_eq!(titles(&first), ["5", "4"]);
        // The todo of the cursor is deleted, and another one is created.
        app.delete(&format!("/todos/{}", ids[3]), &token).await;
        app.create(&token, "6").await;
        let second = app.get(&next(&first).unwrap(), Some(&token)).await;
        assert_eq!(titles(&second), ["3", "2"]);
    }
}

#[actix_web::test]
async fn the_filter_is_kept_from_page_to_page() {
    for backend in BOTH {
        let app = spawn_app(backend).await;
        let token = app.token(ADA);
        for number in 1..=6 {
            let body = json!({ "title": number.to_string(), "completed": number % 2 == 0 });
            assert_eq!(app.post("/todos/", &token, &body).await.status, 201);
        }
        assert_eq!(walk(&app, &token, "/todos/?completed=true&limit=2").await, [vec!["6", "4"], vec!["2"]]);
        assert_eq!(walk(&app, &token, "/todos/?completed=false").await, [["5", "3", "1"]]);
    }
}

#[actix_web::test]
async fn the_default_limit_is_50_and_the_maximum_is_200() {
    let app = spawn_app(BOTH[0]).await;
    let token = app.token(ADA);
    for number in 0..51 {
        app.create(&token, &number.to_string()).await;
    }
    let response = app.get("/todos/", Some(&token)).await;
    assert_eq!(titles(&response).len(), 50);
    assert!(next(&response).is_some());
    assert_eq!(titles(&app.get("/todos/?limit=200", Some(&token)).await).len(), 51);
}

#[actix_web::test]
async fn an_invalid_page_parameter_is_refused_by_name() {
    let app = spawn_app(BOTH[0]).await;
    let token = app.token(ADA);
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=-1", "limit"),
        ("limit=", "limit"),
        ("limit=ten", "limit"),
        ("limit=5&limit=6", "limit"),
        ("cursor=", "cursor"),
        ("cursor=x", "cursor"),
        ("cursor=AAAAAAAAAAAAAAAAAAAAAA", "cursor"),
        ("cursor='%20OR%201=1", "cursor"),
        ("completed=maybe", "completed"),
        ("completed=", "completed"),
    ] {
        let response = app.get(&format!("/todos/?{query}"), Some(&token)).await;
        assert_eq!(response.refused_fields(), [field], "{query}");
    }
    for query in ["cursor=%ff", "cursor=%00"] {
        assert_eq!(app.get(&format!("/todos/?{query}"), Some(&token)).await.status, 400, "{query}");
    }
    assert_eq!(app.get("/todos/?unknown=1&q=%F0%9F%A6%80", Some(&token)).await.json(), Value::Array(vec![]));
}

#[actix_web::test]
async fn a_page_has_at_most_one_mebibyte_and_all_pages_together_are_complete() {
    const MEBIBYTE: usize = 1024 * 1024;
    for backend in BOTH {
        let app = spawn_app(backend).await;
        let token = app.token(ADA);
        // The largest texts: characters of four bytes, and characters that JSON escapes.
        for (number, text) in ["😀", "\n", "\"", "a"].iter().cycle().take(80).enumerate() {
            let body = json!({ "title": number.to_string(), "description": text.repeat(10_000) });
            assert_eq!(app.post("/todos/", &token, &body).await.status, 201);
        }
        let (mut path, mut seen, mut pages) = (Some("/todos/?limit=200".to_owned()), Vec::new(), 0);
        while let Some(at) = path {
            let response = app.get(&at, Some(&token)).await;
            assert!(response.body.len() <= MEBIBYTE, "{}", response.body.len());
            seen.extend(titles(&response));
            path = next(&response);
            pages += 1;
        }
        let expected: Vec<String> = (0..80).rev().map(|number| number.to_string()).collect();
        assert_eq!(seen, expected);
        assert!((2..=4).contains(&pages), "{pages} pages of what fits into two");
    }
}
