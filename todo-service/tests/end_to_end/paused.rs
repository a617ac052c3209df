//! A service that was suspended for longer than the staleness bound and gets requests as soon as it resumes.

use std::time::Duration;

use futures_util::future::join_all;
use service_kit::database::Backend;
use shared_claims::testing::eventually;

use crate::carriers::{BOUND, Carrier, World};

const PATIENCE: Duration = Duration::from_secs(20);

async fn wakes_up_knowing_that_it_does_not_know(carrier: Carrier) {
    let world = World::start(carrier, Backend::Sqlite).await;
    let service = &world.service;
    world.issuer.register("ada").await;
    let (gone, good) = (world.issuer.login("ada").await, world.issuer.login("ada").await);
    for login in [&gone, &good] {
        service.accepts(&login.access).await;
    }

    service.signal("STOP");
    world.issuer.leave("logout", &gone).await;
    // These requests wait in the listener's queue until the service resumes.
    let asked = join_all((0..16).map(|_| service.get("/todos/", &gone.access)));
    let waking = async {
        tokio::time::sleep(BOUND + Duration::from_secs(1)).await;
        service.signal("CONT");
    };
    let (answers, ()) = tokio::join!(asked, waking);
    assert!(answers.iter().all(|status| [401, 503].contains(status)), "{carrier:?}: {answers:?}");
    eventually("it is 401", PATIENCE, || async { service.get("/todos/", &gone.access).await == 401 }).await;
    eventually("it is 200", PATIENCE, || async { service.get("/todos/", &good.access).await == 200 }).await;
}

#[actix_web::test]
async fn by_feed() {
    wakes_up_knowing_that_it_does_not_know(Carrier::Feed).await;
}

#[actix_web::test]
async fn by_redis_as_mirror() {
    wakes_up_knowing_that_it_does_not_know(Carrier::RedisMirror).await;
}

#[actix_web::test]
async fn by_redis_as_lookup() {
    wakes_up_knowing_that_it_does_not_know(Carrier::RedisLookup).await;
}
