//! Tests of the life cycle of signing keys, as clients and resource servers see it (A28).

use std::sync::Arc;
use std::time::Duration;

use auth_service::domain::signing_key::RotationStart;
use auth_service::keys::{KeysError, Rotation};
use auth_service::storage::signing_keys::{self, SigningKeyRow};
use futures_util::future::join_all;
use serde_json::Value;
use service_kit::config::Secret;
use service_kit::database::testing::TestDatabase;
use service_kit::database::{Backend, Database};
use shared_claims::claims::Claims;
use shared_claims::clock::ManualClock;
use shared_claims::revocation::{FeedSettings, Mirror, MirrorSettings, RevocationKind};
use shared_claims::testing::eventually;
use shared_claims::verifier::{Verifier, VerifyError};

use crate::helpers::{START_MS, TestApp, both, both_with, claims_of, settings, spawn_replica};

const PATIENCE: Duration = Duration::from_secs(20);
const DAY_MS: u64 = 86_400_000;
/// The time between publishing and signing: twice the max-age of 300 s, one second of clock skew, and one second to
/// notice.
pub(crate) const PUBLISH_MS: u64 = 602_000;

pub(crate) fn kid_of(token: &str) -> String {
    use base64::Engine;
    let header = token.split('.').next().unwrap();
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header).unwrap();
    serde_json::from_slice::<Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned()
}

/// A resource server that follows keys and revocations.
async fn resource(app: &TestApp) -> Verifier {
    let feed = FeedSettings::new(&format!("{}/revocations", app.url)).unwrap();
    let mirror = Mirror::follow_feed(feed, MirrorSettings::default().clock(app.clock.clone()));
    Verifier::builder("http://localhost:8000")
        .audience("todo-service")
        .jwks_url(format!("{}/.well-known/jwks.json", app.url))
        .revocation(mirror.into())
        .clock(app.clock.clone())
        .build()
        .await
        .unwrap()
}

pub(crate) async fn becomes_true(what: &str, condition: impl AsyncFn() -> bool) {
    eventually(what, PATIENCE, || condition()).await;
}

#[tokio::test]
async fn keys_rotate_by_age_and_tokens_stay_valid() {
    for app in both().await {
        app.register("alice").await;
        let first = app.published().await;
        app.clock.advance_ms(30 * DAY_MS - PUBLISH_MS);
        becomes_true("the next key is published", async || app.published().await.len() == 2).await;
        let [next] = app.kids("next").await.try_into().unwrap();
        let before = app.login("alice").await;
        assert_eq!(kid_of(&before.access), first[0], "the new key is published but does not sign yet");
        let ready: Value = app.get("/readyz").send().await.unwrap().json().await.unwrap();
        assert_eq!(ready["dependencies"]["signing_key"]["next"], next);

        app.clock.advance_ms(PUBLISH_MS - 1);
        assert_eq!(kid_of(&app.login("alice").await.access), first[0], "the new key does not sign too early");
        app.clock.advance_ms(1);
        becomes_true("the next key signs", async || kid_of(&app.login("alice").await.access) == next).await;
        assert!(app.is_live(&app.refresh(&before.refresh).await.access).await);
        assert_eq!(app.kids("retired").await, first);
        assert_eq!(app.published().await.len(), 2);
        assert_eq!(app.metric("latchkey_signing_keys{state=\"retired\"}").await, 1);
        assert_eq!(app.metric("latchkey_signing_key_age_seconds").await, 0);

        let [row] = app
            .stored_keys()
            .await
            .into_iter()
            .filter(|row| row.kid == first[0])
            .collect::<Vec<_>>()
            .try_into()
            .unwrap();
        let leaves_in = u64::try_from(row.retires_at_ms.unwrap()).unwrap()
            - u64::try_from(START_MS).unwrap()
            - 30 * DAY_MS;
        assert!((900_000 + 60_000..900_000 + 180_000).contains(&leaves_in), "{leaves_in}");
        app.clock.advance_ms(leaves_in - 1);
        assert_eq!(app.published().await.len(), 2);
        app.clock.advance_ms(1);
        becomes_true("the retired key is gone", async || app.published().await == [next.clone()]).await;
    }
}

#[tokio::test]
async fn with_0_days_keys_rotate_only_by_command() {
    for app in both_with(|settings| settings.keys.rotate_after_days = 0).await {
        let first = app.published().await;
        app.clock.advance_ms(3650 * DAY_MS);
        app.rotation().apply_due_steps().await.unwrap();
        assert_eq!(app.published().await, first);
        app.rotation().rotate(RotationStart::AfterPublishing).await.unwrap();
        app.rotation().rotate(RotationStart::AfterPublishing).await.unwrap();
        assert_eq!(app.kids("next").await.len(), 1, "a second key is not created while one waits");
        app.rotation().rotate(RotationStart::AtOnce).await.unwrap();
        assert_eq!((app.kids("next").await.len(), app.kids("retired").await), (0, first));
        app.register("alice").await;
        becomes_true("it signs", async || {
            [kid_of(&app.login("alice").await.access)].as_slice() == app.kids("active").await
        })
        .await;
    }
}

#[tokio::test]
async fn concurrent_rotations_rotate_once() {
    for app in both_with(|settings| settings.keys.rotate_after_days = 0).await {
        let mut others = Vec::new();
        for _ in 0..4 {
            others.push(Database::connect(&app.settings().database).await.unwrap());
        }
        let rotations: Vec<_> = others.iter().map(|database| app.rotation_on(database)).collect();
        for done in
            join_all(rotations.iter().map(|rotation| rotation.rotate(RotationStart::AfterPublishing))).await
        {
            done.unwrap();
        }
        assert_eq!(app.kids("next").await.len(), 1);
        app.clock.advance_ms(PUBLISH_MS);
        for done in join_all(rotations.iter().map(Rotation::apply_due_steps)).await {
            done.unwrap();
        }
        let counts =
            [app.kids("next").await.len(), app.kids("active").await.len(), app.kids("retired").await.len()];
        assert_eq!(counts, [0, 1, 1]);
    }
}

#[tokio::test]
async fn two_replicas_rotate_once_and_use_the_same_key() {
    let place = Arc::new(TestDatabase::create(Backend::Postgres));
    // The clocks of the replicas differ by almost as much as is allowed.
    let clocks = [ManualClock::at(START_MS), ManualClock::at(START_MS + 900)];
    let [one, two] = [(1, &clocks[0]), (2, &clocks[1])]
        .map(|(seed, clock)| spawn_replica(&place, settings(&place), clock.clone(), seed));
    let (one, two) = tokio::join!(one, two);
    let (one, two) = (one.unwrap(), two.unwrap());
    one.register("alice").await;
    for round in 2..5_usize {
        for (at, advance_ms) in [30 * DAY_MS - PUBLISH_MS, PUBLISH_MS].into_iter().enumerate() {
            for clock in &clocks {
                clock.advance_ms(advance_ms);
            }
            let wanted = if at == 0 { (1, 1) } else { (0, 1) };
            becomes_true("they rotate", async || {
                (one.kids("next").await.len(), one.kids("active").await.len()) == wanted
                    && one.published().await == two.published().await
            })
            .await;
        }
        let [active] = one.kids("active").await.try_into().unwrap();
        becomes_true("both sign with it", async || {
            let (by_one, by_two) = (one.login("alice").await, two.login("alice").await);
            assert!(one.is_live(&by_two.access).await && two.is_live(&by_one.access).await, "round {round}");
            kid_of(&by_one.access) == active && kid_of(&by_two.access) == active
        })
        .await;
    }
}

#[tokio::test]
async fn tokens_of_the_next_key_are_valid_before_it_is_active() {
    for app in both().await {
        let tokens = app.user("alice").await;
        let resource = resource(&app).await;
        becomes_true("the resource server serves", async || resource.verify(&tokens.access).await.is_ok())
            .await;
        app.rotation().rotate(RotationStart::AfterPublishing).await.unwrap();
        let early = app.signing_key("next").await.sign(&claims_of(&tokens.access)).unwrap();
        becomes_true("it is published", async || app.published().await.len() == 2).await;
        assert!(resource.verify(&early).await.is_ok(), "the verifier looked up the unknown key id");
        assert!(app.is_live(&early).await);
    }
}

#[tokio::test]
async fn a_compromised_key_is_revoked_with_its_tokens_and_sessions_continue() {
    for app in both().await {
        let tokens = app.user("alice").await;
        let resource = resource(&app).await;
        becomes_true("the resource server serves", async || resource.verify(&tokens.access).await.is_ok())
            .await;
        let claims: Claims = resource.verify(&tokens.access).await.unwrap().into_claims();
        let stolen = app.signing_key("active").await;
        let [kid] = app.kids("active").await.try_into().unwrap();

        app.rotation().revoke_compromised(kid.clone()).await.unwrap();
        assert!(!app.is_live(&tokens.access).await, "the issuer knows at once");
        let is_dead = async |token: &str| {
            let said = resource.verify(token).await;
            matches!(said, Err(VerifyError::Revoked(RevocationKind::Key)))
        };
        becomes_true("the resource server knows", async || is_dead(&tokens.access).await).await;
        // A token that expires in ten years, signed by an attacker or by a replica that has not noticed the change.
        let mut forged = serde_json::to_value(&claims).unwrap();
        forged["jti"] = "018bcfe5-6800-7e8a-8173-0b6b7e62ac19".into();
        assert!(is_dead(&stolen.sign(&forged).unwrap()).await);
        forged["exp"] = (START_MS / 1000 + 315_360_000).into();
        assert!(is_dead(&stolen.sign(&forged).unwrap()).await);
        let facts = app.facts().await;
        assert_eq!((&facts[0]["kind"], &facts[0]["id"]), (&"key".into(), &kid.as_str().into()));
        assert!(facts[0]["exp"].as_i64().unwrap() >= tokens_end(&tokens.access) + 60);

        becomes_true("it is published no longer", async || !app.published().await.contains(&kid)).await;
        let refreshed = app.refresh(&tokens.refresh).await;
        assert_ne!(kid_of(&refreshed.access), kid);
        assert!(app.is_live(&refreshed.access).await);
        becomes_true("the new key is found", async || resource.verify(&refreshed.access).await.is_ok()).await;
        assert_eq!(app.stored_keys().await.len(), 1);
        let unknown = app.rotation().revoke_compromised(kid).await.unwrap_err();
        assert!(matches!(unknown, KeysError::UnknownKey(_)), "{unknown}");
    }
}

fn tokens_end(token: &str) -> i64 {
    claims_of(token)["exp"].as_i64().unwrap()
}

#[tokio::test]
async fn the_next_key_replaces_a_compromised_one() {
    for app in both().await {
        app.rotation().rotate(RotationStart::AfterPublishing).await.unwrap();
        let ([active], [next]) = (
            <[String; 1]>::try_from(app.kids("active").await).unwrap(),
            <[String; 1]>::try_from(app.kids("next").await).unwrap(),
        );
        app.rotation().revoke_compromised(active).await.unwrap();
        assert_eq!(app.kids("active").await, std::slice::from_ref(&next));
        // A key that has never signed may be compromised too.
        app.rotation().rotate(RotationStart::AfterPublishing).await.unwrap();
        let [waiting] = app.kids("next").await.try_into().unwrap();
        app.rotation().revoke_compromised(waiting).await.unwrap();
        assert_eq!((app.kids("active").await, app.stored_keys().await.len()), (vec![next], 1));
    }
}

#[tokio::test]
async fn the_key_set_contains_only_the_keys_that_verifiers_need() {
    let [app, _] = both().await;
    let (one, sealer) = (app.stored_keys().await.remove(0), TestApp::sealer());
    // Fills the key set as if the keys had been rotated again and again within a quarter of an hour.
    for number in 1..60_i64 {
        let row = SigningKeyRow {
            kid: format!("key-{number}"),
            state: "retired".to_owned(),
            private_key: sealer.seal(&format!("key-{number}"), b"").unwrap().ciphertext,
            retires_at_ms: Some(START_MS + 1_000_000),
            ..one.clone()
        };
        let stored =
            app.database.write(move |conn| signing_keys::insert(conn, &row).map_err(KeysError::from));
        stored.await.unwrap();
    }
    for when in [RotationStart::AfterPublishing, RotationStart::AtOnce] {
        let refused = app.rotation().rotate(when).await.unwrap_err();
        assert!(matches!(refused, KeysError::Full), "{refused}");
    }
    app.rotation().revoke_compromised(one.kid).await.unwrap();
    assert_eq!(app.kids("active").await.len(), 1, "replaced, though the key set is full");
    app.clock.advance_ms(1_000_000);
    app.rotation().rotate(RotationStart::AfterPublishing).await.unwrap();
    assert_eq!(app.stored_keys().await.len(), 2);
}

#[tokio::test]
async fn the_encryption_key_can_be_changed_by_restarts_in_any_order() {
    const NEW: &str = "another key of more than thirty-two characters";
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let place = Arc::new(TestDatabase::create(backend));
        let clock = ManualClock::at(START_MS);
        let old = settings(&place);
        let first = spawn_replica(&place, old.clone(), clock.clone(), 1).await.unwrap();
        let tokens = first.user("alice").await;
        let sealed_with = |current: &str, previous: &[&str]| {
            let mut changed = old.clone();
            changed.keys.encryption_key = Some(Secret::new(current));
            changed.keys.previous_encryption_keys = previous.iter().map(|key| Secret::new(*key)).collect();
            changed
        };
        let keys = [(crate::helpers::ENCRYPTION_KEY, NEW), (NEW, crate::helpers::ENCRYPTION_KEY)];
        for (seed, (current, other)) in (2..).zip(keys) {
            let started = sealed_with(current, &[other]);
            let app = spawn_replica(&place, started, clock.clone(), seed).await.unwrap();
            app.rotation_sealing_with(current, &[other]).rotate(RotationStart::AtOnce).await.unwrap();
            assert!(app.is_live(&app.refresh(&tokens.refresh).await.access).await, "{current}");
        }
        let refused = spawn_replica(&place, sealed_with(NEW, &[]), clock.clone(), 4).await.err().unwrap();
        assert!(refused.to_string().starts_with("keys.encryption_key: "), "{refused}");
    }
}
