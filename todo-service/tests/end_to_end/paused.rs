//! A service that was suspended for longer than the staleness bound and gets requests as soon as it resumes.

use std::time::Duration;

use futures_util::future::join_all;
use service_kit::database::Backend;
use shared_claims::testing::eventually;

use crate::delivery::{BOUND, Delivery, Services};

const PATIENCE: Duration = Duration::from_secs(20);

async fn wakes_up_knowing_that_it_does_not_know(delivery: Delivery) {
    let services = Services::start(delivery, Backend::Sqlite).await;
    let service = &services.service;
    services.issuer.register("ada").await;
    let (gone, good) = (services.issuer.login("ada").await, services.issuer.login("ada").await);
    for login in [&gone, &good] {
        service.accepts(&login.access).await;
    }

    service.signal("STOP");
    services.issuer.leave("logout", &gone).await;
    // These requests wait in the listener's queue until the service resumes.
    let asked = join_all((0..16).map(|_| service.get("/todos/", &gone.access)));
    let waking = async {
        tokio::time::sleep(BOUND + Duration::from_secs(1)).await;
        service.signal("CONT");
    };
    let (responses, ()) = tokio::join!(asked, waking);
    assert!(responses.iter().all(|status| [401, 503].contains(status)), "{delivery:?}: {responses:?}");
    eventually("it is 401", PATIENCE, || async { service.get("/todos/", &gone.access).await == 401 }).await;
    eventually("it is 200", PATIENCE, || async { service.get("/todos/", &good.access).await == 200 }).await;
}

#[actix_web::test]
async fn by_feed() {
    wakes_up_knowing_that_it_does_not_know(Delivery::Feed).await;
}

#[actix_web::test]
async fn by_redis_as_mirror() {
    wakes_up_knowing_that_it_does_not_know(Delivery::RedisMirror).await;
}

#[actix_web::test]
async fn by_redis_as_lookup() {
    wakes_up_knowing_that_it_does_not_know(Delivery::RedisLookup).await;
}
