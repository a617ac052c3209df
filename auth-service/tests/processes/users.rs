//! Tests of `auth-service users` while servers are running.

use std::io::Write;
use std::process::{Output, Stdio};
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use service_kit::database::Backend;
use service_kit::database::testing::TestDatabase;
use shared_claims::testing::RedisProcess;

use crate::helpers::{Decision, PASSWORD, ResourceServer, Service, ServiceSettings, eventually};

/// Runs a command with this standard input.
fn run(settings: &ServiceSettings, arguments: &[&str], input: &str) -> (bool, String, String) {
    let mut command = settings.command();
    let command = command.arg("users").args(arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The command may have ended without reading its input.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    (status.success(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// Runs a command, which must succeed without a warning. Returns its JSON document.
fn document(settings: &ServiceSettings, arguments: &[&str], input: &str) -> Value {
    let (ok, out, err) = run(settings, &[arguments, &["--json"]].concat(), input);
    assert!(ok && err.is_empty(), "{arguments:?}: {err}");
    serde_json::from_str(&out).unwrap()
}

/// Runs a command, which must fail. Returns its one line of output.
fn refusal(settings: &ServiceSettings, arguments: &[&str], input: &str) -> String {
    let (ok, out, err) = run(settings, arguments, input);
    assert!(!ok && out.is_empty() && err.lines().count() == 1, "{arguments:?}: {out}{err}");
    err.strip_prefix("error: ").unwrap().trim_end().to_owned()
}

async fn login(service: &Service, username: &str, password: &str) -> StatusCode {
    let form = [("username", username), ("password", password)];
    service.client.post(format!("{}/auth/token", service.url)).form(&form).send().await.unwrap().status()
}

async fn refresh(service: &Service, tokens: &Value) -> StatusCode {
    let form =
        [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
    service.client.post(format!("{}/auth/token", service.url)).form(&form).send().await.unwrap().status()
}

#[actix_web::test]
async fn a_command_prints_a_user_as_registration_returns_it() {
    for database in TestDatabase::both() {
        let settings = ServiceSettings::on(&database);
        let create =
            ["create", "alice", "--email", "a@example.org", "--roles", "admin,editor", "--password-stdin"];
        let alice = document(&settings, &create, &format!("{PASSWORD}\n"));
        let service = settings.start().await;
        let tokens = service.tokens("alice").await;
        let access = tokens["access_token"].as_str().unwrap();
        let me = service.client.get(format!("{}/auth/me", service.url)).bearer_auth(access);
        assert_eq!(me.send().await.unwrap().json::<Value>().await.unwrap(), alice);
        assert_eq!(alice["roles"], json!(["admin", "editor"]));
        assert_eq!(document(&settings, &["show", "ALICE"], ""), alice);
        assert_eq!(document(&settings, &["show", alice["id"].as_str().unwrap()], ""), alice);
        assert_eq!(document(&settings, &["list"], ""), json!([alice]));
        let (ok, table, _) = run(&settings, &["list"], "");
        assert!(ok && table.starts_with("ID") && table.lines().count() == 2, "{table}");
        let (ok, shown, _) = run(&settings, &["show", "alice"], "");
        assert!(ok && shown.contains("admin,editor") && !shown.contains("$2"), "{shown}");
        let changed = document(&settings, &["set-email", "alice", "b@example.org", "--verified"], "");
        assert_eq!((&changed["email"], &changed["email_verified"]), (&json!("b@example.org"), &json!(true)));
        let changed = document(&settings, &["set-email", "alice", "a@example.org"], "");
        assert_eq!(changed, alice);
        let claims = r#"{"given_name": "Ada", "address": {"country": "GB"}}"#;
        assert_eq!(document(&settings, &["set-claims", "alice", claims], ""), alice);
        let (ok, shown, _) = run(&settings, &["set-claims", "alice", r#"{"locale": "en"}"#], "");
        assert!(
            ok && shown.contains("claim     given_name: \"Ada\"\n") && shown.contains("locale"),
            "{shown}"
        );
        let (ok, again, _) = run(&settings, &["show", "alice"], "");
        assert!(ok && again == shown, "{again}");
        let userinfo = format!("{}/oauth2/userinfo", service.url);
        let answer = service.client.get(userinfo).bearer_auth(access).send().await.unwrap();
        let given: Value = answer.json().await.unwrap();
        assert_eq!((&given["given_name"], &given["locale"]), (&json!("Ada"), &json!("en")));
        // The newline is not part of the password, but a space is.
        document(&settings, &["create", "bob", "--password-stdin"], " twelve characters \r\n");
        assert_eq!(login(&service, "bob", " twelve characters ").await, StatusCode::OK);
        assert_eq!(login(&service, "bob", " twelve characters").await, StatusCode::UNAUTHORIZED);
    }
}

#[actix_web::test]
async fn a_broken_rule_is_reported_in_one_line() {
    let database = TestDatabase::create(Backend::Sqlite);
    let settings = ServiceSettings::on(&database);
    document(&settings, &["create", "alice", "--password-stdin"], PASSWORD);
    for (arguments, input, word) in [
        (vec!["create", "ALICE", "--password-stdin"], PASSWORD, "taken"),
        (vec!["create", "a1ice", "--password-stdin"], PASSWORD, "taken"),
        (vec!["create", "a\u{200b}b", "--password-stdin"], PASSWORD, "username"),
        (vec!["create", "bob", "--email", "x", "--password-stdin"], PASSWORD, "email"),
        (vec!["create", "bob", "--roles", "a b", "--password-stdin"], PASSWORD, "role"),
        (vec!["create", "bob", "--password-stdin"], "too short", "12 characters"),
        (vec!["create", "bob", "--password-stdin"], "", "12 characters"),
        (vec!["create", "bob", "--password-stdin"], "PassWord1234", "many people use"),
        (vec!["create", "bob the builder", "--password-stdin"], "Bob the Builder", "the user name"),
        (
            vec!["create", "bob", "--email", "bob@example.org", "--password-stdin"],
            "BOB@example.org",
            "e-mail address",
        ),
        (vec!["set-password", "alice", "--password-stdin"], "qwertyuiop123", "many people use"),
        (vec!["create", "bob"], PASSWORD, "--password-stdin"),
        (vec!["set-password", "alice", "--password-stdin"], "short", "12 characters"),
        (vec!["set-password", "nobody", "--password-stdin"], PASSWORD, "\"nobody\""),
        (vec!["set-roles", "alice", "a,,b"], "", "role"),
        (vec!["set-roles", "nobody", "a"], "", "\"nobody\""),
        (vec!["set-email", "alice", "x"], "", "e-mail address"),
        (vec!["set-email", "nobody", "n@example.org"], "", "\"nobody\""),
        (vec!["set-claims", "alice", r#"{"shoe_size": 38}"#], "", "shoe_size"),
        (vec!["set-claims", "alice", r#"{"name": 1}"#], "", "name: must be a text"),
        (vec!["set-claims", "alice", "Ada"], "", "JSON object"),
        (vec!["set-claims", "nobody", "{}"], "", "\"nobody\""),
        (vec!["show", "nobody\nhere"], "", "nobody\\nhere"),
        (vec!["disable", "nobody"], "", "\"nobody\""),
        (vec!["enable", ""], "", "\"\""),
        (vec!["revoke-tokens", "00000000-0000-7000-8000-000000000000"], "", "no user"),
        (vec!["delete", "nobody"], "", "\"nobody\""),
        (vec!["import", "/does/not/exist"], "", "/does/not/exist"),
    ] {
        let line = refusal(&settings, &arguments, input);
        assert!(line.contains(word), "{arguments:?}: {line}");
    }
    assert_eq!(document(&settings, &["list"], "").as_array().unwrap().len(), 1);
}

#[actix_web::test]
async fn servers_and_verifiers_see_a_change_within_a_second() {
    for database in TestDatabase::both() {
        let redis = RedisProcess::start().await;
        let settings = ServiceSettings::on(&database).projecting_to(&redis.address());
        let service = settings.start().await;
        let mirror =
            ResourceServer::mirroring(&settings.issuer, &format!("redis://{}/0", redis.address())).await;
        let feed = ResourceServer::following(&settings.issuer).await;
        document(&settings, &["create", "alice", "--roles", "admin", "--password-stdin"], PASSWORD);
        for (arguments, input) in [
            (vec!["set-roles", "alice", "--roles", ""], ""),
            (vec!["revoke-tokens", "alice"], ""),
            (vec!["set-password", "alice", "--password-stdin"], PASSWORD),
            (vec!["disable", "alice"], ""),
            (vec!["delete", "alice"], ""),
        ] {
            document(&settings, &["enable", "alice"], "");
            let tokens = service.tokens("alice").await;
            let access = tokens["access_token"].as_str().unwrap();
            mirror.eventually_decides(Decision::Accepted, access).await;
            feed.eventually_decides(Decision::Accepted, access).await;
            document(&settings, &arguments, input);
            assert_eq!(service.me(access).await, StatusCode::UNAUTHORIZED, "{arguments:?}");
            // Redis has the fact when the command ends.
            for verifier in [&mirror, &feed] {
                let refused = async || verifier.decide(access).await == Decision::Revoked;
                eventually("refused", Duration::from_secs(1), refused).await;
            }
            let sessions_go_on = arguments[0] == "set-roles";
            let answer = refresh(&service, &tokens).await;
            assert_eq!(answer == StatusCode::OK, sessions_go_on, "{arguments:?}: {answer}");
        }
        assert_eq!(login(&service, "alice", PASSWORD).await, StatusCode::UNAUTHORIZED);
    }
}

/// Logs in four times at once. Returns the tokens of the successful logins.
async fn log_in_at_once(service: &Service, username: &str) -> Vec<Value> {
    let form = [("username", username), ("password", PASSWORD)];
    let login = || service.client.post(format!("{}/auth/token", service.url)).form(&form).send();
    let mut given = Vec::new();
    for answer in futures_util::future::join_all((0..4).map(|_| login())).await {
        let answer = answer.unwrap();
        match answer.status() {
            StatusCode::OK => given.push(answer.json::<Value>().await.unwrap()),
            status => assert_eq!(status, StatusCode::UNAUTHORIZED),
        }
    }
    given
}

/// Logins continue while the operator disables the user. All their tokens are refused afterwards.
#[actix_web::test]
async fn logins_in_progress_are_revoked_with_the_others() {
    for database in TestDatabase::both() {
        let settings = ServiceSettings::on(&database);
        let service = settings.start().await;
        for (name, arguments, input) in [
            ("ann", vec!["disable", "ann"], ""),
            ("ben", vec!["set-password", "ben", "--password-stdin"], "another long password"),
            ("cleo", vec!["delete", "cleo"], ""),
        ] {
            assert_eq!(service.register(name).await, StatusCode::CREATED);
            // The command starts while logins are in progress.
            let mut given = log_in_at_once(&service, name).await;
            assert_eq!(given.len(), 4, "no login was refused before the command");
            let command = {
                let (settings, arguments) = (settings.clone(), arguments.clone());
                let owned: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
                tokio::task::spawn_blocking(move || {
                    let arguments: Vec<&str> = owned.iter().map(String::as_str).collect();
                    document(&settings, &arguments, input)
                })
            };
            while !command.is_finished() {
                given.extend(log_in_at_once(&service, name).await);
            }
            command.await.unwrap();
            for tokens in &given {
                assert_eq!(
                    service.me(tokens["access_token"].as_str().unwrap()).await,
                    StatusCode::UNAUTHORIZED
                );
                assert_eq!(refresh(&service, tokens).await, StatusCode::UNAUTHORIZED);
            }
        }
    }
}

#[actix_web::test]
async fn an_import_names_every_wrong_line_and_creates_all_users_or_none() {
    for database in TestDatabase::both() {
        let settings = ServiceSettings::on(&database);
        let hash = bcrypt::hash(PASSWORD, 5).unwrap();
        let good = json!({"username": "alice", "email": "a@example.org", "email_verified": true,
            "roles": ["admin"], "password_hash": hash.replace("$2b$", "$2y$")});
        let off =
            json!({"username": "bob", "password_hash": hash.replace("$2b$", "$2a$"), "is_active": false});
        let wrong = [
            json!({"username": "x ", "password_hash": hash}).to_string(),
            json!({"username": "carol", "password_hash": "$2x$05$rubbish"}).to_string(),
            json!({"username": "carol", "password_hash": hash, "role": []}).to_string(),
            json!({"username": "carol", "password_hash": hash, "roles": ["a b"]}).to_string(),
            json!({"username": "carol"}).to_string(),
            "{".to_owned(),
        ];
        let file = format!("{good}\n\n{}\n", wrong.join("\n"));
        let line = refusal(&settings, &["import", "-"], &file);
        assert!(line.contains("nothing was imported"), "{line}");
        for number in 3..=8 {
            assert!(line.contains(&format!("line {number}: ")), "{line}");
        }
        assert!(!line.contains("line 1:") && !line.contains(&hash), "{line}");
        assert_eq!(document(&settings, &["list"], ""), json!([]));

        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("users.jsonl");
        std::fs::write(&path, format!("{good}\n{off}\n")).unwrap();
        let path = path.to_str().unwrap();
        let made = document(&settings, &["import", path], "");
        assert_eq!(made[0]["email_verified"], true);
        assert_eq!((&made[0]["roles"], &made[1]["is_active"]), (&json!(["admin"]), &json!(false)));
        assert_eq!(document(&settings, &["list"], ""), made);
        let line = refusal(&settings, &["import", path], "");
        assert!(line.contains("line 1: ") && line.contains("line 2: ") && line.contains("taken"), "{line}");
        assert_eq!(document(&settings, &["import", path, "--skip-existing"], ""), json!([]));

        let service = settings.start().await;
        for _ in 0..2 {
            assert_eq!(login(&service, "alice", PASSWORD).await, StatusCode::OK);
        }
        assert_eq!(login(&service, "bob", PASSWORD).await, StatusCode::UNAUTHORIZED);
        document(&settings, &["enable", "bob"], "");
        assert_eq!(login(&service, "bob", PASSWORD).await, StatusCode::OK);
    }
}

/// The audit events contain the operator's actions, and no secret.
#[actix_web::test]
async fn the_actions_of_an_operator_are_recorded() {
    let database = TestDatabase::create(Backend::Sqlite);
    let settings = ServiceSettings::on(&database);
    let alice = document(&settings, &["create", "alice", "--password-stdin"], PASSWORD);
    document(&settings, &["set-roles", "alice", "admin"], "");
    document(&settings, &["set-email", "alice", "a@example.org", "--verified"], "");
    document(&settings, &["set-claims", "alice", r#"{"given_name": "Ada", "locale": "en"}"#], "");
    document(&settings, &["disable", "alice"], "");
    document(&settings, &["enable", "alice"], "");
    document(&settings, &["enable", "alice"], "");
    document(&settings, &["set-password", "alice", "--password-stdin"], "another long password");
    document(&settings, &["revoke-tokens", "alice"], "");
    document(&settings, &["delete", "alice"], "");
    let output = settings.command().arg("audit").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let rows: Vec<&Value> = rows.iter().filter(|row| row["user_id"] == alice["id"]).collect();
    let kinds: Vec<_> = rows.iter().map(|row| row["kind"].as_str().unwrap()).collect();
    let expected = [
        "user.created",
        "user.roles_changed",
        "user.email_changed",
        "user.claims_changed",
        "user.disabled",
        "user.enabled",
        "user.password_changed",
        "user.tokens_revoked",
        "user.deleted",
    ];
    assert_eq!(kinds, expected);
    assert!(rows.iter().all(|row| row["actor"] == "operator"));
    let subjects = [&rows[1]["subject"], &rows[2]["subject"], &rows[3]["subject"]];
    assert_eq!(subjects, ["admin", "verified", "given_name locale"]);
    assert!(!text.contains("example.org") && !text.contains("Ada"), "{text}");
    assert!(!text.contains("password\"") && !text.contains("$2"), "{text}");
}

/// Reported of several servers: the only way out of a lock was to wait.
#[actix_web::test]
async fn a_lock_is_shown_and_ended_by_a_command() {
    for database in TestDatabase::both() {
        let settings = ServiceSettings::on(&database).with("AUTH__THROTTLE__ENABLED", "true");
        let alice = document(&settings, &["create", "alice", "--password-stdin"], &format!("{PASSWORD}\n"));
        let service = settings.start().await;
        for _ in 0..10 {
            assert_eq!(login(&service, "alice", "a wrong password").await, StatusCode::UNAUTHORIZED);
        }
        assert_eq!(login(&service, "alice", PASSWORD).await, StatusCode::TOO_MANY_REQUESTS);
        let shown = document(&settings, &["show", "alice"], "");
        assert_eq!(shown["id"], alice["id"]);
        let lock = &shown["locks"][0];
        assert_eq!((&lock["callers"], &lock["locks_in_a_row"]), (&json!("unknown"), &json!(1)), "{shown}");
        assert!(lock["locked_until"].as_str().unwrap().ends_with('Z'), "{shown}");
        let (ok, text, _) = run(&settings, &["show", "alice"], "");
        assert!(ok && text.contains("lock      unknown devices: locked until "), "{text}");

        assert_eq!(document(&settings, &["unlock", "ALICE"], ""), alice);
        assert_eq!(login(&service, "alice", PASSWORD).await, StatusCode::OK);
        assert_eq!(document(&settings, &["show", "alice"], ""), alice);
        assert_eq!(refusal(&settings, &["unlock", "nobody"], ""), "there is no user \"nobody\"");
    }
}
