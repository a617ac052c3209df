//! SECURITY-CASES A26 over HTTP: issuer, Redis and services connected as in production, with mirror and with lookup.

use std::sync::Arc;
use std::time::Duration;

use shared_claims::actix::BearerAuth;
use shared_claims::clock::{Clock, SystemClock};
use shared_claims::issuer::contract;
use shared_claims::revocation::{MirrorSettings, RedisLookup, RedisSettings, RevocationFact, RevocationKind};
use shared_claims::testing::{
    ListWriter, RedisProcess, TestIssuer, TestKey, TokenBuilder, eventually, token_id,
};
use shared_claims::verifier::Verifier;

use crate::support::{AUDIENCE, Service};

struct Parts {
    issuer: TestIssuer,
    redis: RedisProcess,
    list: ListWriter,
}

impl Parts {
    async fn start() -> Self {
        let issuer = TestIssuer::start([TestKey::shared(0), TestKey::shared(1)]);
        let redis = RedisProcess::start().await;
        let mut list = ListWriter::new(redis.connection().await, contract::DEFAULT_PREFIX);
        list.rebuild().await;
        Self { issuer, redis, list }
    }

    /// Starts a service with a new verifier.
    async fn service(&self, mode: &str) -> Service {
        let builder = Verifier::builder(self.issuer.url()).audience(AUDIENCE);
        let builder = if mode == "mirror" {
            builder.follow_redis(self.redis.url())
        } else {
            let redis = RedisSettings::new(&self.redis.url()).unwrap();
            builder.revocation(RedisLookup::new(redis, MirrorSettings::default()).into())
        };
        Service::start(BearerAuth::new(builder.clock(Arc::new(SystemClock)).build().await.unwrap()))
    }

    /// A token with its own user, session and client. Returns it with its four identifiers.
    fn token(&self, key: usize, jti_ms: i64) -> (TokenBuilder, [String; 4]) {
        let id = || token_id(SystemClock.now_ms()).to_string();
        let (jti, sid, sub, client) = (token_id(jti_ms).to_string(), id(), id(), format!("client-{}", id()));
        let token = TestKey::shared(key)
            .token(self.issuer.url(), AUDIENCE, &SystemClock)
            .claim("jti", jti.clone())
            .claim("sid", sid.clone())
            .claim("sub", sub.clone())
            .claim("client_id", client.clone());
        (token, [jti, sid, sub, client])
    }

    /// Revokes, as of `at_ms` if the kind has a cut.
    async fn revoke(&mut self, kind: RevocationKind, id: &str, at_ms: i64) {
        let at = kind.has_cut().then_some(at_ms);
        let exp = SystemClock.now_seconds() + 1_000;
        self.list.revoke(RevocationFact { kind, id: id.to_owned(), at, exp }).await;
    }
}

async fn answers(service: &Service, token: &str, status: u16) {
    eventually(&format!("answer {status}"), Duration::from_secs(3), async || {
        service.whoami(token).await.status == status
    })
    .await;
}

async fn a26(mode: &str) {
    let mut parts = Parts::start().await;
    let before = parts.service(mode).await;
    for kind in [
        RevocationKind::Jti,
        RevocationKind::Sid,
        RevocationKind::Sub,
        RevocationKind::Client,
        RevocationKind::Key,
    ] {
        // The key comes last, because its revocation refuses all of its tokens.
        let key = usize::from(kind == RevocationKind::Key);
        let now = SystemClock.now_ms();
        let (token, [jti, sid, sub, client]) = parts.token(key, now);
        let later = token.clone().claim("jti", token_id(now + 1).to_string()).sign();
        let token = token.sign();
        let (bystander, _) = parts.token(0, now);
        let bystander = bystander.sign();
        answers(&before, &token, 200).await;
        answers(&before, &later, 200).await;
        let id = match kind {
            RevocationKind::Jti => jti,
            RevocationKind::Sid => sid,
            RevocationKind::Sub => sub,
            RevocationKind::Client => client,
            _ => TestKey::shared(1).kid().to_owned(),
        };
        parts.revoke(kind, &id, now).await;
        parts.list.renew().await;
        answers(&before, &token, 401).await;
        let after = parts.service(mode).await;
        answers(&after, &bystander, 200).await;
        for service in [&before, &after] {
            service.whoami(&token).await.assert_invalid_token(kind.as_str());
            answers(service, &bystander, 200).await;
            // Revoking a session or a key refuses all of its tokens. Revoking a token, a user or a client leaves tokens
            // valid that were issued later, from the next millisecond on.
            let lives = !matches!(kind, RevocationKind::Sid | RevocationKind::Key);
            answers(service, &later, if lives { 200 } else { 401 }).await;
        }
    }
}

#[tokio::test]
async fn a26_revoked_in_any_way_with_a_mirror() {
    a26("mirror").await;
}

#[tokio::test]
async fn a26_revoked_in_any_way_with_lookups() {
    a26("lookup").await;
}

/// Two tokens of the same millisecond, one before and one after the cut. The issuer gives the later one a later `jti`
/// time.
#[tokio::test]
async fn a26_what_was_issued_in_the_millisecond_of_the_cut() {
    let mut parts = Parts::start().await;
    let service = parts.service("mirror").await;
    let now = SystemClock.now_ms();
    let (token, [_, _, sub, _]) = parts.token(0, now);
    let same = |time: i64, random: u8| {
        let id = uuid::Builder::from_unix_timestamp_millis(u64::try_from(time).unwrap(), &[random; 10]);
        token.clone().claim("jti", id.into_uuid().to_string()).sign()
    };
    let (smallest, largest, next) = (same(now, 0), same(now, 0xff), same(now + 1, 0));
    parts.revoke(RevocationKind::Sub, &sub, now).await;
    answers(&service, &next, 200).await;
    for token in [smallest, largest] {
        answers(&service, &token, 401).await;
    }
}
