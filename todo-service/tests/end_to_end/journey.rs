//! What a user does, and which tokens must be refused afterwards.

use std::time::Duration;

use service_kit::database::Backend;
use tokio::time::{Instant, sleep};

use crate::delivery::{Delivery, Services};

async fn from_password_to_refused_token(delivery: Delivery, backend: Backend) {
    let Services { issuer, service, .. } = &Services::start(delivery, backend).await;
    issuer.register("ada").await;
    issuer.register("bob").await;
    let (ada, phone, bob) = (issuer.login("ada").await, issuer.login("ada").await, issuer.login("bob").await);

    let (status, todo) = service.create(&ada.access).await;
    assert_eq!(status, 201);
    assert_eq!(service.get(&todo, &ada.access).await, 200);
    assert_eq!(service.get(&todo, &phone.access).await, 200);
    assert_eq!(service.get(&todo, &bob.access).await, 404);
    let reader = issuer.login_for("ada", "todos:read").await;
    assert_eq!(service.get(&todo, &reader.access).await, 200);
    assert_eq!(service.create(&reader.access).await.0, 403);

    let ada = issuer.refresh(&ada).await;
    service.accepts(&ada.access).await;
    issuer.leave("logout", &ada).await;
    service.refuses_within_a_second(&ada.access).await;
    service.accepts(&phone.access).await;

    let single = issuer.login("bob").await;
    issuer.revoke(&single.access).await;
    service.refuses_within_a_second(&single.access).await;
    service.accepts(&issuer.refresh(&single).await.access).await;

    issuer.leave("logout-all", &phone).await;
    service.refuses_within_a_second(&phone.access).await;
    service.refuses_within_a_second(&reader.access).await;
    service.accepts(&bob.access).await;
    service.accepts(&issuer.login("ada").await.access).await;
}

#[actix_web::test]
async fn by_feed() {
    from_password_to_refused_token(Delivery::Feed, Backend::Sqlite).await;
}

#[actix_web::test]
async fn by_redis_as_mirror() {
    from_password_to_refused_token(Delivery::RedisMirror, Backend::Postgres).await;
}

#[actix_web::test]
async fn by_redis_as_lookup() {
    from_password_to_refused_token(Delivery::RedisLookup, Backend::Sqlite).await;
}

#[actix_web::test]
async fn what_was_revoked_before_a_service_started_is_refused_by_it() {
    for delivery in [Delivery::Feed, Delivery::RedisMirror, Delivery::RedisLookup] {
        let services = Services::start(delivery, Backend::Postgres).await;
        services.issuer.register("ada").await;
        let (gone, here) = (services.issuer.login("ada").await, services.issuer.login("ada").await);
        services.issuer.leave("logout", &gone).await;

        let replica = services.replica().await;
        assert_eq!(replica.get("/todos/", &gone.access).await, 401, "{delivery:?}");
        replica.accepts(&here.access).await;
        assert!(replica.stop().await, "after SIGTERM the service exits with success");
    }
}

#[actix_web::test]
async fn an_emptied_redis_revives_nobody() {
    for delivery in [Delivery::RedisMirror, Delivery::RedisLookup] {
        let services = Services::start(delivery, Backend::Sqlite).await;
        services.issuer.register("ada").await;
        // `met` is refused before Redis loses its data; the service has not been asked about `unmet` by then.
        let (met, unmet, good) = (
            services.issuer.login("ada").await,
            services.issuer.login("ada").await,
            services.issuer.login("ada").await,
        );
        // The order matters: facts are delivered in the order of their commits, so a service that refuses `met` also
        // has the fact about `unmet`.
        services.issuer.leave("logout", &unmet).await;
        services.issuer.leave("logout", &met).await;
        services.service.refuses_within_a_second(&met.access).await;

        let mut redis = services.redis.as_ref().unwrap().connection().await;
        redis::cmd("FLUSHALL").exec_async(&mut redis).await.unwrap();
        let emptied = Instant::now();
        let mut is_back = false;
        while emptied.elapsed() < Duration::from_secs(4) {
            assert_eq!(services.service.get("/todos/", &met.access).await, 401, "{delivery:?}");
            assert_ne!(services.service.get("/todos/", &unmet.access).await, 200, "{delivery:?}");
            let is_good = services.service.get("/todos/", &good.access).await == 200;
            is_back |= is_good && emptied.elapsed() < Duration::from_secs(3);
            sleep(Duration::from_millis(20)).await;
        }
        assert!(is_back, "{delivery:?}: good tokens are accepted again within 3 s");
        assert_eq!(services.service.get("/todos/", &unmet.access).await, 401, "{delivery:?}");
    }
}
