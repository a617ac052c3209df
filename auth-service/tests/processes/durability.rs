//! What was acknowledged survives a `kill -9`.

use reqwest::StatusCode;
use service_kit::database::testing::TestDatabase;

use crate::helpers::Recipe;

#[actix_web::test]
async fn registered_users_and_ended_sessions_survive_a_kill() {
    for database in TestDatabase::both() {
        let recipe = Recipe::on(&database);
        let service = recipe.start().await;
        assert_eq!(service.register("alice").await, StatusCode::CREATED);
        let (ended, standing) = (service.access_token("alice").await, service.access_token("alice").await);
        assert_eq!(service.post("/auth/logout", &ended).await, StatusCode::NO_CONTENT);
        service.kill();

        let service = recipe.start().await;
        assert_eq!(service.me(&ended).await, StatusCode::UNAUTHORIZED);
        assert_eq!(service.me(&standing).await, StatusCode::OK, "the same key goes on");
        assert_eq!(service.register("ALICE").await, StatusCode::BAD_REQUEST, "still taken");
    }
}

#[actix_web::test]
async fn a_kill_amid_writes_leaves_each_acknowledged_one_and_nothing_half_done() {
    let database = TestDatabase::create(service_kit::database::Backend::Sqlite);
    let recipe = Recipe::on(&database);
    let service = recipe.start().await;
    let (client, url) = (service.client.clone(), format!("{}/auth/register", service.url));
    let writer = tokio::spawn(async move {
        let mut acknowledged = Vec::new();
        for n in 0.. {
            let name = format!("user-{n}");
            let body = serde_json::json!({"username": name, "password": crate::helpers::PASSWORD});
            match client.post(&url).json(&body).send().await {
                Ok(answer) => assert_eq!(answer.status(), StatusCode::CREATED),
                Err(_) => break,
            }
            acknowledged.push(name);
        }
        acknowledged
    });
    let asked = service.client.clone();
    let last = format!("{}/auth/token", service.url);
    crate::helpers::eventually("ten are acknowledged", std::time::Duration::from_secs(20), async || {
        let form = [("username", "user-10"), ("password", crate::helpers::PASSWORD)];
        let answer = asked.post(&last).form(&form).send().await;
        answer.is_ok_and(|answer| answer.status() == StatusCode::OK)
    })
    .await;
    service.kill();
    let acknowledged = writer.await.unwrap();

    let service = recipe.start().await;
    for name in acknowledged {
        service.access_token(&name).await;
    }
}
