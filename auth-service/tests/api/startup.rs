use std::process::Command;
use std::sync::Arc;

use auth_service::config::{PREFIX, Settings};
use reqwest::StatusCode;
use service_kit::config::{self, LoadSpec, Secret};
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
fn the_program_prints_help() {
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
fn an_invalid_setting_stops_the_start_and_is_named() {
    for (name, value) in [
        ("AUTH__ISSUER", "http://localhost:8000/"),
        ("AUTH__KEYS__ENCRYPTION_KEY", "too short"),
        ("AUTH__KEYS__PREVIOUS_ENCRYPTION_KEYS", "too short"),
        ("AUTH__KEYS__ENCRYPTION_KEY", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        ("AUTH__KEYS__ENCRYPTION_KEY", "0000000000000000000000000000000000000000000000000000000000000000"),
        ("AUTH__REVOCATION__FEED_TOKEN", "a"),
        ("AUTH__REVOCATION__FEED_TOKEN", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        ("AUTH__HTTP__CORS_ORIGINS", "https://*.example.com"),
        ("AUTH__HTTP__TLS_CERT", "cert.pem"),
        ("AUTH__HTTP__TLS_KEY", "key.pem"),
        ("AUTH__DATABASE__URL", "postgres://auth:Zq9@Kd7Yt@127.0.0.1/auth"),
        ("AUTH__KEYS__RSA_BITS", "1024"),
        ("AUTH__KEYS__ROTATE_AFTER_DAYS", "3651"),
        ("AUTH__PASSWORDS__BCRYPT_COST", "31"),
        ("AUTH__TOKENS__ACCESS_TTL_SECONDS", "0"),
        ("AUTH__TOKENS__ACCESS_TTL", "5"),
        ("AUTH__REVOCATION__REDIS_URL", "http://localhost"),
        ("AUTH__DATABASE__URL", "mysql://localhost"),
        ("AUTH__SCOPES", "invoices:read"),
        ("AUTH__SCOPES", r#"[{"name": "invoices:read"}]"#),
        ("AUTH__SCOPES", r#"[{"name": "a b", "title": "See your invoices"}]"#),
        ("AUTH__PAGES__NAME", "two\nlines"),
        ("AUTH__PAGES__ACCENT", "teal"),
        ("AUTH__PAGES__LOGO_DARK", "logo.svg"),
        ("AUTH__PAGES__SUPPORT", "javascript:alert(1)"),
    ] {
        let (ok, _, line) = program(&["check-config"], &[(name, value)]);
        assert!(!ok, "{name}");
        assert!(line.contains(name) && line.trim_end().lines().count() == 1, "{name}: {line}");
    }
}

#[test]
fn a_rotation_interval_must_exceed_the_publication_time() {
    let half_a_day = ("AUTH__KEYS__JWKS_MAX_AGE_SECONDS", "43200");
    for (days, is_allowed) in [("1", false), ("2", true), ("0", true)] {
        let (ok, _, line) =
            program(&["check-config"], &[("AUTH__KEYS__ROTATE_AFTER_DAYS", days), half_a_day]);
        assert_eq!(ok, is_allowed, "{days}: {line}");
        assert!(ok || line.contains("AUTH__KEYS__ROTATE_AFTER_DAYS"), "{line}");
    }
}

/// The environment variable of every setting, and whether a `…_FILE` variable exists for it.
fn variables(prefix: &str, tree: &serde_json::Value) -> Vec<String> {
    match tree {
        serde_json::Value::Object(group) => {
            let below = group
                .iter()
                .map(|(name, inner)| variables(&format!("{prefix}__{}", name.to_ascii_uppercase()), inner));
            below.flatten().collect()
        }
        serde_json::Value::String(_) | serde_json::Value::Array(_) | serde_json::Value::Null => {
            vec![prefix.to_owned(), format!("{prefix}_FILE")]
        }
        _ => vec![prefix.to_owned()],
    }
}

#[test]
fn every_variable_that_is_empty_counts_as_unset() {
    let names = variables(PREFIX, &serde_json::to_value(Settings::default()).unwrap());
    assert!(names.len() > 60, "{names:?}");
    let expected = config::render(&Settings::default()).unwrap();
    let loaded = |env: Vec<(String, String)>| {
        let spec = LoadSpec { prefix: PREFIX.to_owned(), file: None, env };
        config::render(&config::load::<Settings>(spec).unwrap()).unwrap()
    };
    for name in &names {
        assert_eq!(loaded(vec![(name.clone(), String::new())]), expected, "{name}");
    }
    assert_eq!(loaded(names.into_iter().map(|name| (name, String::new())).collect()), expected);
}

#[test]
fn no_command_repeats_a_password_of_the_database_url() {
    for password in [
        "Zq9%Kd7Yt",
        "Zq9@Kd7Yt",
        "Zq9/Kd7Yt",
        "Zq9 Kd7Yt+",
        "Zq9?Kd7Yt",
        "Zq9#Kd7Yt",
        "Zq9'Kd7Yt",
        "Zq9:Kd7Yt",
    ] {
        let encoded = password.bytes().fold(String::new(), |url, byte| format!("{url}%{byte:02X}"));
        for written in [password, &encoded] {
            // No server listens on port 1.
            let url = format!("postgres://auth:{written}@127.0.0.1:1/auth?connect_timeout=1");
            for arguments in [&["serve"][..], &["migrate"], &["users", "list"], &["check-config"]] {
                let no_wait = ("AUTH__DATABASE__START_WAIT_SECONDS", "0");
                let (ok, shown, line) = program(arguments, &[("AUTH__DATABASE__URL", &url), no_wait]);
                for text in [&shown, &line] {
                    assert!(!text.contains("Zq9") && !text.contains("Kd7Yt"), "{arguments:?}: {text}");
                    assert!(!text.contains(&encoded), "{arguments:?}: {text}");
                }
                let is_whole = written == encoded || password.contains(['\'', ':']);
                assert_eq!(ok, is_whole && arguments == ["check-config"], "{arguments:?} {written}: {line}");
                let said =
                    if is_whole { "database.url: " } else { "AUTH__DATABASE__URL: must be postgres://" };
                assert!(ok || line.lines().last().unwrap().contains(said), "{line}");
                assert!(ok || is_whole || line.contains("percent-encode"), "{line}");
            }
        }
    }
}

#[test]
fn errors_that_stop_the_start_also_fail_check_config() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    std::fs::write(&path, "not a key").unwrap();
    let path = path.to_str().unwrap();
    for arguments in [&["check-config"][..], &["serve"]] {
        let (ok, _, line) = program(arguments, &[("AUTH__KEYS__MASTER_KEY_PATH", path)]);
        let line = line.lines().last().unwrap_or_default().to_owned();
        assert!(
            !ok && line.contains("keys.master_key_path") && line.contains("chmod 600"),
            "{arguments:?}: {line}"
        );
        let (ok, _, line) = program(arguments, &[("AUTH__PAGES__LOGO", path)]);
        let line = line.lines().last().unwrap_or_default().to_owned();
        assert!(
            !ok && line.contains("pages.logo: ") && line.contains("must be a PNG"),
            "{arguments:?}: {line}"
        );
        let files = [("AUTH__HTTP__TLS_CERT", path), ("AUTH__HTTP__TLS_KEY", path)];
        let (ok, _, line) = program(arguments, &files);
        let line = line.lines().last().unwrap_or_default().to_owned();
        assert!(
            !ok && line.contains("http.tls_cert: ") && line.contains("no certificate"),
            "{arguments:?}: {line}"
        );
    }
}

#[test]
fn a_default_scope_too_large_for_a_cookie_stops_the_start() {
    let scopes =
        |count: usize| (0..count).map(|n| format!("service:scope-{n:03}")).collect::<Vec<_>>().join(" ");
    for (count, is_allowed) in [(50, true), (200, false)] {
        let (ok, _, line) = program(&["check-config"], &[("AUTH__TOKENS__DEFAULT_SCOPE", &scopes(count))]);
        assert_eq!(ok, is_allowed, "{line}");
        assert!(ok || (line.contains("AUTH__TOKENS__DEFAULT_SCOPE") && line.contains("cookie")), "{line}");
    }
}
