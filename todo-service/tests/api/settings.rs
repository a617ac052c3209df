//! The settings and commands of the program.

use std::process::{Command, Output};

use service_kit::config::{self, LoadSpec};
use todo_service::config::{PREFIX, Settings};

fn program(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    // A program that starts although it should not is ended by `timeout`, whose exit status fails the test.
    Command::new("timeout")
        .args(["20", env!("CARGO_BIN_EXE_todo-service")])
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs(environment.iter().copied())
        .current_dir(folder.path())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_effective_settings_are_shown_without_secrets() {
    let output = program(
        &["check-config"],
        &[
            ("TODO__DATABASE__URL", "postgres://todo:hunter2@db.example/todo"),
            ("TODO__REVOCATION__REDIS_URL", "redis://:hunter2@redis.example/0"),
            ("TODO__REVOCATION__FEED_TOKEN", "hunter2-and-more"),
            ("TODO__AUTH__PROXY_URL", "http://todo:hunter2@proxy.example:3128"),
            ("TODO__HTTP__CORS_ORIGINS", "https://a.example,https://b.example"),
        ],
    );
    assert!(output.status.success(), "{output:?}");
    let shown = text(&output.stdout);
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("postgres://todo:********@db.example/todo"), "{shown}");
    assert!(shown.contains("https://b.example"), "{shown}");
}

#[test]
fn the_defaults_are_those_of_the_contract() {
    insta::assert_snapshot!("defaults", text(&program(&["check-config"], &[]).stdout));
}

#[test]
fn a_wrong_setting_stops_the_start_with_one_line_that_names_it() {
    for (name, value) in [
        ("TODO__HTTP__BIN", "127.0.0.1:1"),
        ("TODO__HTTP__BIND", "everywhere"),
        ("TODO__AUTH__ISSUER", "localhost"),
        ("TODO__AUTH__ISSUER", "https://id.example?x=1"),
        ("TODO__AUTH__AUDIENCE", " "),
        ("TODO__AUTH__JWKS_URL", "ftp://id.example/keys"),
        ("TODO__AUTH__PROXY_URL", "proxy:3128"),
        ("TODO__AUTH__PROXY_URL", "socks5://proxy"),
        ("TODO__AUTH__LEEWAY_SECONDS", "31"),
        ("TODO__AUTH__JWKS_COOLDOWN_SECONDS", "0"),
        ("TODO__DATABASE__URL", "mysql://localhost/todo"),
        ("TODO__REVOCATION__MODE", "guess"),
        ("TODO__REVOCATION__MODE", "lookup"),
        ("TODO__REVOCATION__ON_OUTAGE", "shrug"),
        ("TODO__REVOCATION__REDIS_URL", "http://redis.example"),
        ("TODO__REVOCATION__FEED_URL", "/revocations"),
        ("TODO__REVOCATION__FEED_TOKEN", "two\nlines"),
        ("TODO__REVOCATION__PREFIX", " "),
        ("TODO__REVOCATION__FEED_TOKEN", "with a blank"),
        ("TODO__REVOCATION__FEED_URL", "http://user:hunter2@id.example/revocations"),
        ("TODO__AUTH__JWKS_URL", "https://user:hunter2@id.example/keys"),
        ("TODO__BASE_PATH", "api/"),
        ("TODO__HTTP__CORS_ORIGINS", "https://*.example.com"),
        ("TODO__REVOCATION__MAX_STALENESS_SECONDS", "-1"),
        ("TODO__COOKIES__SECURE", "perhaps"),
        ("TODO__LIMITS__TODOS_PER_USER", "many"),
        ("TODO__LOG__LEVEL", "info,todo_service=loud"),
    ] {
        let output = program(&[], &[(name, value)]);
        let said = text(&output.stderr);
        assert!(!output.status.success(), "{name}={value}");
        assert_eq!(said.lines().count(), 1, "{name}={value}: {said}");
        assert!(said.contains(name), "{name}={value}: {said}");
        assert!(output.stdout.is_empty());
        assert!(!said.contains("hunter2"), "{said}");
        assert!(!program(&["check-config"], &[(name, value)]).status.success(), "{name}={value}");
    }
}

#[test]
fn every_variable_that_is_empty_counts_as_unset() {
    fn variables(prefix: &str, tree: &serde_json::Value) -> Vec<String> {
        match tree {
            serde_json::Value::Object(group) => {
                let below = group.iter().map(|(name, inner)| {
                    variables(&format!("{prefix}__{}", name.to_ascii_uppercase()), inner)
                });
                below.flatten().collect()
            }
            serde_json::Value::String(_) | serde_json::Value::Array(_) | serde_json::Value::Null => {
                vec![prefix.to_owned(), format!("{prefix}_FILE")]
            }
            _ => vec![prefix.to_owned()],
        }
    }
    let names = variables(PREFIX, &serde_json::to_value(Settings::default()).unwrap());
    assert!(names.len() > 40, "{names:?}");
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
    for password in ["Zq9%Kd7Yt", "Zq9@Kd7Yt", "Zq9/Kd7Yt", "Zq9 Kd7Yt+", "Zq9?Kd7Yt", "Zq9:Kd7Yt"] {
        let encoded = password.bytes().fold(String::new(), |url, byte| format!("{url}%{byte:02X}"));
        for written in [password, &encoded] {
            let url = format!("postgres://todo:{written}@127.0.0.1:1/todo?connect_timeout=1");
            for arguments in [&["serve"][..], &["migrate"], &["check-config"]] {
                let no_wait = ("TODO__DATABASE__START_WAIT_SECONDS", "0");
                let output = program(arguments, &[("TODO__DATABASE__URL", &url), no_wait]);
                for text in [text(&output.stdout), text(&output.stderr)] {
                    assert!(!text.contains("Zq9") && !text.contains("Kd7Yt"), "{arguments:?}: {text}");
                }
            }
        }
    }
}

#[test]
fn the_help_lists_the_commands() {
    let help = text(&program(&["--help"], &[]).stdout);
    for command in ["serve", "check-config", "migrate", "healthcheck", "--config"] {
        assert!(help.contains(command), "{help}");
    }
    let version = text(&program(&["--version"], &[]).stdout);
    assert_eq!(version.trim(), format!("todo-service {}", env!("CARGO_PKG_VERSION")));
    assert!(!program(&["--nonsense"], &[]).status.success());
}

#[test]
fn migrate_creates_the_database_and_may_be_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/todo.db", folder.path().display());
    for _ in 0..2 {
        let output = program(&["migrate"], &[("TODO__DATABASE__URL", &url)]);
        assert!(output.status.success(), "{output:?}");
    }
    assert!(folder.path().join("todo.db").exists());
}

#[test]
fn a_health_check_without_a_service_fails() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    assert!(!program(&["healthcheck"], &[("TODO__HTTP__BIND", &free)]).status.success());
}
