//! Compares `docs/metrics.md` with `/metrics`.

use service_kit::config::UrlWithSecret;
use service_kit::database::Backend;
use service_kit::metrics::testing::differences_from_page;
use shared_claims::testing::RedisProcess;

use crate::helpers::spawn_app;

#[tokio::test]
async fn the_page_of_metrics_lists_exactly_the_exported_metrics() {
    // Some metrics exist only if Redis or the check for leaked passwords is configured.
    let redis = RedisProcess::start().await;
    let app = spawn_app(Backend::Sqlite, |settings| {
        settings.revocation.redis_url = Some(UrlWithSecret::new(redis.url()));
        settings.passwords.breach_check_url = Some("http://127.0.0.1:1/range".to_owned());
    })
    .await;
    app.user("alice").await;
    let shown = app.get("/metrics").send().await.unwrap().text().await.unwrap();
    let differences = differences_from_page("auth-service", &shown);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
