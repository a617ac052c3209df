use std::process::Command;
use std::sync::Arc;

use reqwest::StatusCode;
use service_kit::config::Secret;
use service_kit::database::Backend;
use service_kit::database::testing::TestDatabase;
use shared_claims::clock::ManualClock;

use crate::helpers::{START_MS, settings, spawn_replica};

#[tokio::test]
async fn another_encryption_key_stops_the_start_with_one_line() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let place = Arc::new(TestDatabase::create(backend));
        let clock = ManualClock::at(START_MS);
        let app = spawn_replica(&place, settings(&place), clock.clone(), 1).await.unwrap();
        let tokens = app.user("alice").await;
        drop(app);
        let mut wrong = settings(&place);
        wrong.keys.encryption_key = Some(Secret::new("another key of more than thirty-two characters"));
        let refused = spawn_replica(&place, wrong, clock.clone(), 2).await.err().unwrap().to_string();
        assert!(refused.starts_with("keys.encryption_key: ") && !refused.contains('\n'), "{refused}");
        let app = spawn_replica(&place, settings(&place), clock, 3).await.unwrap();
        assert!(app.is_live(&tokens.access).await, "the key is still the same");
    }
}

#[tokio::test]
async fn two_replicas_share_keys_sessions_and_revocations() {
    let place = Arc::new(TestDatabase::create(Backend::Postgres));
    let clock = ManualClock::at(START_MS);
    let (one, two) = tokio::join!(
        spawn_replica(&place, settings(&place), clock.clone(), 1),
        spawn_replica(&place, settings(&place), clock.clone(), 2)
    );
    let (one, two) = (one.unwrap(), two.unwrap());
    let tokens = one.user("alice").await;
    assert!(two.is_live(&tokens.access).await);
    let refreshed = two.refresh(&tokens.refresh).await;
    assert_eq!(one.refresh(&tokens.refresh).await.refresh, refreshed.refresh, "the same child from either");
    assert_eq!(two.logout(&refreshed.access).await.status(), StatusCode::NO_CONTENT);
    assert!(!one.is_live(&tokens.access).await);
    assert_eq!(one.facts().await, two.facts().await);
}

fn program(arguments: &[&str], environment: &[(&str, &str)]) -> (bool, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_auth-service"))
        .args(arguments)
        .envs(environment.iter().copied())
        .current_dir(folder.path())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_program_explains_itself() {
    let (ok, version, _) = program(&["--version"], &[]);
    assert!(ok && version.starts_with("auth-service "));
    let (ok, help, _) = program(&["--help"], &[]);
    assert!(
        ok && ["serve", "check-config", "migrate", "keys", "--config"].iter().all(|word| help.contains(word))
    );
    let secret = "a secret of more than thirty-two characters";
    let (ok, shown, _) = program(&["check-config"], &[("AUTH__KEYS__ENCRYPTION_KEY", secret)]);
    assert!(ok && shown.contains("tokens.access_ttl_seconds = 900") && !shown.contains(secret));
    let (ok, _, _) = program(&["migrate"], &[]);
    assert!(ok);
}

#[test]
fn a_setting_that_cannot_be_stops_the_start_with_its_name() {
    for (name, value) in [
        ("AUTH__ISSUER", "http://localhost:8000/"),
        ("AUTH__KEYS__ENCRYPTION_KEY", "too short"),
        ("AUTH__KEYS__PREVIOUS_ENCRYPTION_KEYS", "too short"),
        ("AUTH__KEYS__RSA_BITS", "1024"),
        ("AUTH__KEYS__ROTATE_AFTER_DAYS", "3651"),
        ("AUTH__PASSWORDS__BCRYPT_COST", "31"),
        ("AUTH__TOKENS__ACCESS_TTL_SECONDS", "0"),
        ("AUTH__TOKENS__ACCESS_TTL", "5"),
        ("AUTH__REVOCATION__REDIS_URL", "http://localhost"),
        ("AUTH__DATABASE__URL", "mysql://localhost"),
    ] {
        let (ok, _, line) = program(&["check-config"], &[(name, value)]);
        assert!(!ok, "{name}");
        assert!(line.contains(name) && line.trim_end().lines().count() == 1, "{name}: {line}");
    }
}

#[test]
fn keys_rotate_more_slowly_than_they_are_announced() {
    let half_a_day = ("AUTH__KEYS__JWKS_MAX_AGE_SECONDS", "43200");
    for (days, is_allowed) in [("1", false), ("2", true), ("0", true)] {
        let (ok, _, line) =
            program(&["check-config"], &[("AUTH__KEYS__ROTATE_AFTER_DAYS", days), half_a_day]);
        assert_eq!(ok, is_allowed, "{days}: {line}");
        assert!(ok || line.contains("AUTH__KEYS__ROTATE_AFTER_DAYS"), "{line}");
    }
}
