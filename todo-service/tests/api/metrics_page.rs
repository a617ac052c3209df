//! Compares `docs/metrics.md` with `/metrics`.

use service_kit::metrics::testing::differences_from_page;

use crate::helpers::{ADA, BOTH, spawn_app};

#[actix_web::test]
async fn the_metrics_page_lists_exactly_the_exposed_metrics() {
    let app = spawn_app(BOTH[0]).await;
    app.get("/whoami", Some(&app.token(ADA))).await;
    let shown = app.get("/metrics", None).await;
    let differences = differences_from_page("todo-service", &shown.body);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
