//! Tests that a revoked token is refused, whichever process between the issuer and the verifier dies.

use reqwest::StatusCode;
use rustix::process::Signal;
use service_kit::database::Backend;
use service_kit::database::testing::TestDatabase;
use shared_claims::testing::{Proxy, ProxyMode, RedisProcess};

use crate::helpers::{Decision, ResourceServer, ServiceSettings, WAIT_LIMIT, eventually};

fn sqlite() -> TestDatabase {
    TestDatabase::create(Backend::Sqlite)
}

#[actix_web::test]
async fn a_revocation_that_was_not_delivered_before_a_crash_is_delivered_by_the_next_start() {
    let (database, redis) = (sqlite(), RedisProcess::start().await);
    let between = Proxy::before(&redis.address()).await;
    let settings = ServiceSettings::on(&database).projecting_to(&between.address());
    let service = settings.start().await;
    service.register("alice").await;
    let (ended, standing) = (service.access_token("alice").await, service.access_token("alice").await);
    let resource = ResourceServer::mirroring(&settings.issuer, &redis.url()).await;
    resource.eventually_decides(Decision::Accepted, &ended).await;

    between.set(ProxyMode::Refuse);
    assert_eq!(
        service.post("/auth/logout", &ended).await,
        StatusCode::NO_CONTENT,
        "durable, so it is answered"
    );
    service.kill();
    // The verifier cannot learn of the revocation, so it accepts no token after its bound.
    resource.eventually_decides(Decision::Unavailable, &ended).await;
    resource.eventually_decides(Decision::Unavailable, &standing).await;

    between.set(ProxyMode::Forward);
    let _service = settings.start().await;
    resource.eventually_decides(Decision::Revoked, &ended).await;
    resource.eventually_decides(Decision::Accepted, &standing).await;
}

#[actix_web::test]
async fn a_flushed_redis_makes_no_revoked_token_valid_again() {
    let (database, redis) = (sqlite(), RedisProcess::start().await);
    let settings = ServiceSettings::on(&database).projecting_to(&redis.address());
    let service = settings.start().await;
    service.register("alice").await;
    let (ended, standing) = (service.access_token("alice").await, service.access_token("alice").await);
    let before = ResourceServer::mirroring(&settings.issuer, &redis.url()).await;
    before.eventually_decides(Decision::Accepted, &standing).await;
    assert_eq!(service.post("/auth/logout", &ended).await, StatusCode::NO_CONTENT);
    before.eventually_decides(Decision::Revoked, &ended).await;

    for _ in 0..5 {
        let mut connection = redis.connection().await;
        let () = redis::cmd("FLUSHALL").query_async(&mut connection).await.unwrap();
        // A verifier that knew the list, and one that starts when the list is empty.
        let after = ResourceServer::mirroring(&settings.issuer, &redis.url()).await;
        eventually("the good one is accepted again", WAIT_LIMIT, async || {
            assert_eq!(before.decide(&ended).await, Decision::Revoked);
            assert_ne!(after.decide(&ended).await, Decision::Accepted);
            before.decide(&standing).await == Decision::Accepted
                && after.decide(&standing).await == Decision::Accepted
        })
        .await;
        assert_eq!(after.decide(&ended).await, Decision::Revoked);
    }
}

#[actix_web::test]
async fn a_paused_issuer_does_not_extend_the_proof_when_it_resumes() {
    let (database, redis) = (sqlite(), RedisProcess::start().await);
    let settings = ServiceSettings::on(&database).projecting_to(&redis.address());
    let (service, replica) = (settings.start().await, settings.replica().start().await);
    service.register("alice").await;
    let ended = service.access_token("alice").await;
    let resource = ResourceServer::mirroring(&settings.issuer, &redis.url()).await;
    resource.eventually_decides(Decision::Accepted, &ended).await;

    replica.signal(Signal::STOP);
    assert_eq!(service.post("/auth/logout", &ended).await, StatusCode::NO_CONTENT);
    resource.eventually_decides(Decision::Revoked, &ended).await;
    replica.signal(Signal::CONT);
    let standing = replica.access_token("alice").await;
    resource.eventually_decides(Decision::Accepted, &standing).await;
    assert_eq!(resource.decide(&ended).await, Decision::Revoked);
}

#[actix_web::test]
async fn a_hanging_redis_is_as_safe_as_a_dead_one() {
    let (database, redis) = (sqlite(), RedisProcess::start().await);
    let settings = ServiceSettings::on(&database).projecting_to(&redis.address());
    let service = settings.start().await;
    service.register("alice").await;
    let (ended, standing) = (service.access_token("alice").await, service.access_token("alice").await);
    let resource = ResourceServer::mirroring(&settings.issuer, &redis.url()).await;
    resource.eventually_decides(Decision::Accepted, &ended).await;

    redis.pause();
    assert_eq!(service.post("/auth/logout", &ended).await, StatusCode::NO_CONTENT);
    assert_eq!(service.me(&ended).await, StatusCode::UNAUTHORIZED, "the issuer itself reads the database");
    resource.eventually_decides(Decision::Unavailable, &standing).await;
    redis.resume();
    resource.eventually_decides(Decision::Revoked, &ended).await;
    resource.eventually_decides(Decision::Accepted, &standing).await;
}

/// Redis answers every write with MISCONF once it cannot save its data, for example because its disk is full.
#[actix_web::test]
async fn a_redis_that_cannot_save_is_as_safe_as_a_dead_one_and_logins_go_on() {
    let (database, redis) = (sqlite(), RedisProcess::start_with(&["--save", "1 1"]).await);
    let settings = ServiceSettings::on(&database)
        .projecting_to(&redis.address())
        .with("AUTH__THROTTLE__ENABLED", "true");
    let service = settings.start().await;
    service.register("alice").await;
    let (ended, standing) = (service.access_token("alice").await, service.access_token("alice").await);
    let resource = ResourceServer::mirroring(&settings.issuer, &redis.url()).await;
    resource.eventually_decides(Decision::Accepted, &ended).await;

    // No file can be made in a folder that is gone, not even by root.
    std::fs::remove_dir_all(redis.directory()).unwrap();
    eventually("Redis refuses writes", WAIT_LIMIT, async || {
        let written: redis::RedisResult<()> =
            redis::cmd("SET").arg("probe").arg(1).query_async(&mut redis.connection().await).await;
        written.is_err_and(|error| error.code() == Some("MISCONF"))
    })
    .await;
    service.access_token("alice").await;
    assert_eq!(service.post("/auth/logout", &ended).await, StatusCode::NO_CONTENT);
    assert_eq!(service.me(&ended).await, StatusCode::UNAUTHORIZED);
    resource.eventually_decides(Decision::Unavailable, &standing).await;

    let mut redis_again = redis::cmd("CONFIG");
    redis_again.arg("SET").arg("stop-writes-on-bgsave-error").arg("no");
    let () = redis_again.query_async(&mut redis.connection().await).await.unwrap();
    resource.eventually_decides(Decision::Revoked, &ended).await;
    resource.eventually_decides(Decision::Accepted, &standing).await;
}

#[actix_web::test]
async fn an_issuer_without_its_database_does_not_extend_the_proof() {
    let (database, redis) = (TestDatabase::create(Backend::Postgres), RedisProcess::start().await);
    let mut url = url::Url::parse(database.url()).unwrap();
    let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
    let between = Proxy::before(&server).await;
    url.set_port(between.address().rsplit_once(':').unwrap().1.parse().ok()).unwrap();
    let settings = ServiceSettings::on(&database)
        .with("AUTH__DATABASE__URL", url.as_str())
        .projecting_to(&redis.address());
    let service = settings.start().await;
    service.register("alice").await;
    let token = service.access_token("alice").await;
    let resource = ResourceServer::mirroring(&settings.issuer, &redis.url()).await;
    for cut in [ProxyMode::Hang, ProxyMode::Refuse] {
        resource.eventually_decides(Decision::Accepted, &token).await;
        between.set(cut);
        resource.eventually_decides(Decision::Unavailable, &token).await;
        between.set(ProxyMode::Forward);
    }
    resource.eventually_decides(Decision::Accepted, &token).await;
    assert_eq!(service.me(&token).await, StatusCode::OK);
}

/// All requests that wait for the same reading fail when it fails, and do not retry one after the other.
#[actix_web::test]
async fn without_a_database_two_hundred_concurrent_requests_are_answered_within_three_seconds() {
    let database = TestDatabase::create(Backend::Postgres);
    let mut url = url::Url::parse(database.url()).unwrap();
    let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
    let between = Proxy::before(&server).await;
    url.set_port(between.address().rsplit_once(':').unwrap().1.parse().ok()).unwrap();
    let secret = "a-secret-of-more-than-thirty-two-characters";
    let clients = format!(
        r#"[{{"id":"billing","secret":"{secret}","grants":["client_credentials"],"scopes":["todos:read"]}}]"#
    );
    let settings = ServiceSettings::on(&database)
        .with("AUTH__DATABASE__URL", url.as_str())
        .with("AUTH__CLIENTS", &clients);
    let service = settings.start().await;
    let ask = async || {
        let began = tokio::time::Instant::now();
        let token = service.client.post(format!("{}/oauth2/token", service.url));
        let token = token.basic_auth("billing", Some(secret)).form(&[("grant_type", "client_credentials")]);
        (token.send().await.unwrap().status(), began.elapsed())
    };
    assert_eq!(ask().await.0, StatusCode::OK);
    for mode in [ProxyMode::Hang, ProxyMode::Refuse] {
        between.set(mode);
        // The last reading stays valid for a short time.
        eventually("it is noticed", WAIT_LIMIT, async || ask().await.0 == StatusCode::SERVICE_UNAVAILABLE)
            .await;
        let answers = futures_util::future::join_all((0..200).map(|_| ask())).await;
        assert!(answers.iter().all(|(status, _)| *status == StatusCode::SERVICE_UNAVAILABLE), "{mode:?}");
        let slowest = answers.iter().map(|(_, took)| *took).max().unwrap();
        assert!(slowest < std::time::Duration::from_secs(3), "{mode:?}: {slowest:?}");
        between.set(ProxyMode::Forward);
        eventually("it is back", WAIT_LIMIT, async || ask().await.0 == StatusCode::OK).await;
    }
}
