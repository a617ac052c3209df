//! Tests of starting and stopping: a failed start prints one clear line, and a stop is orderly.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use reqwest::{Certificate, Client, StatusCode};
use service_kit::database::Backend;
use service_kit::database::testing::TestDatabase;
use shared_claims::testing::{RedisProcess, free_port};

use crate::helpers::{ServiceSettings, eventually};

/// Starts a service, which must fail. Returns its one line of output.
fn refusal(settings: &ServiceSettings) -> String {
    let output = settings.command().output().unwrap();
    assert!(!output.status.success(), "it must not start");
    let text = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<&str> =
        text.lines().filter(|line| line.starts_with("error:") || line.contains("error: ")).collect();
    assert_eq!(lines.len(), 1, "one clear line: {text}");
    lines[0].to_owned()
}

#[actix_web::test]
async fn a_stop_is_orderly() {
    let database = TestDatabase::create(Backend::Sqlite);
    let service = ServiceSettings::on(&database).start().await;
    assert!(service.terminate().success());
}

#[actix_web::test]
async fn the_service_and_its_health_check_speak_tls_and_bad_files_are_logged_once() {
    let database = TestDatabase::create(Backend::Sqlite);
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let address = format!("127.0.0.1:{}", free_port());
    let settings = ServiceSettings::on(&database)
        .with("AUTH__HTTP__BIND", &address)
        .with("AUTH__HTTP__TLS_CERT", cert.to_str().unwrap())
        .with("AUTH__HTTP__TLS_KEY", key.to_str().unwrap());
    let log = folder.path().join("log");
    let written = std::fs::File::create(&log).unwrap();
    let mut child = settings.command().stdout(Stdio::null()).stderr(written).spawn().unwrap();
    let is_healthy =
        async || settings.command().arg("healthcheck").stderr(Stdio::null()).status().unwrap().success();
    eventually("the service is ready", Duration::from_secs(60), is_healthy).await;
    let trusted = Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    let client = Client::builder().tls_certs_only([trusted]).build().unwrap();
    let keys = client.get(format!("https://{address}/.well-known/jwks.json")).send().await;
    std::fs::remove_file(&key).unwrap();
    let warnings = || std::fs::read_to_string(&log).unwrap().matches("tls.not_reloaded").count();
    eventually("the change is noticed", Duration::from_secs(20), async || warnings() > 0).await;
    // Longer than two checks of the files.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(warnings(), 1);
    assert_eq!(keys.unwrap().status(), StatusCode::OK);
}

#[actix_web::test]
async fn a_wrong_encryption_key_stops_the_start() {
    let database = TestDatabase::create(Backend::Sqlite);
    let settings = ServiceSettings::on(&database);
    settings.start().await.terminate();
    let line = refusal(&settings.with("AUTH__KEYS__ENCRYPTION_KEY", &"fedcba9876543210".repeat(4)));
    assert!(line.contains("keys.encryption_key"), "{line}");
}

#[actix_web::test]
async fn an_unknown_key_or_a_bad_value_stops_the_start_and_is_named() {
    let database = TestDatabase::create(Backend::Sqlite);
    let settings = ServiceSettings::on(&database);
    let line = refusal(&settings.clone().with("AUTH__TOKENS__ACESS_TTL_SECONDS", "900"));
    assert!(line.contains("AUTH__TOKENS__ACESS_TTL_SECONDS"), "{line}");
    let line = refusal(&settings.clone().with("AUTH__TOKENS__ACCESS_TTL_SECONDS", "soon"));
    assert!(line.contains("AUTH__TOKENS__ACCESS_TTL_SECONDS"), "{line}");
    // The timeout is below the longest wait of the feed, so requests to the feed would be answered with 503.
    let line = refusal(&settings.with("AUTH__HTTP__REQUEST_TIMEOUT_SECONDS", "30"));
    assert!(line.contains("AUTH__HTTP__REQUEST_TIMEOUT_SECONDS: must be more than 30"), "{line}");
}

#[actix_web::test]
async fn a_redis_that_may_evict_stops_the_start() {
    let (database, redis) = (
        TestDatabase::create(Backend::Sqlite),
        RedisProcess::start_with(&["--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru"]).await,
    );
    let line = refusal(&ServiceSettings::on(&database).projecting_to(&redis.address()));
    assert!(line.contains("noeviction"), "{line}");
}

#[actix_web::test]
async fn every_setting_is_documented() {
    let database = TestDatabase::create(Backend::Sqlite);
    let output = ServiceSettings::on(&database).command().arg("check-config").output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains(&"0123456789abcdef".repeat(4)), "secrets are masked");
    let page = include_str!("../../../docs/configuration.md");
    let keys: Vec<&str> =
        text.lines().filter_map(|line| line.trim_start_matches("# ").split([' ', '=']).next()).collect();
    assert!(keys.len() > 30, "{text}");
    for key in keys {
        let name = format!("`AUTH__{}`", key.replace('.', "__").to_uppercase());
        assert!(page.contains(&name), "{name} is missing in docs/configuration.md");
    }
}

/// The command as a user who does not own these tests' files, and the id of that user. Root may read and write everything,
/// so for root it is another one, who runs a copy of the program in `folder`.
fn as_another_user(command: Command, folder: &Path) -> (Command, u32) {
    let us = std::fs::metadata(folder).unwrap().uid();
    if us != 0 {
        return (command, us);
    }
    std::fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
    let program = folder.join("auth-service");
    std::fs::copy(command.get_program(), &program).unwrap();
    let mut other = Command::new(&program);
    other.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    other.uid(65_532).gid(65_532);
    (other, 65_532)
}

#[actix_web::test]
async fn a_secret_that_cannot_be_read_is_named_with_its_owner_and_with_us() {
    let database = TestDatabase::create(Backend::Sqlite);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, "0123456789abcdef".repeat(4)).unwrap();
    let owner = std::fs::metadata(&file).unwrap().uid();
    std::fs::set_permissions(&file, Permissions::from_mode(0o200)).unwrap();
    let settings =
        ServiceSettings::on(&database).with("AUTH__KEYS__ENCRYPTION_KEY_FILE", file.to_str().unwrap());
    let (mut command, us) = as_another_user(settings.command(), folder.path());
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    for part in [
        "AUTH__KEYS__ENCRYPTION_KEY_FILE",
        file.to_str().unwrap(),
        &format!("belongs to user {owner},"),
        "mode 0200",
        &format!("this process is user {us}"),
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[actix_web::test]
async fn a_database_file_that_cannot_be_written_is_named_with_the_remedy_and_not_changed() {
    let database = TestDatabase::create(Backend::Sqlite);
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let file = data.join("auth.db");
    let settings =
        ServiceSettings::on(&database).with("AUTH__DATABASE__URL", &format!("sqlite://{}", file.display()));
    assert!(settings.command().arg("migrate").output().unwrap().status.success());
    let owner = std::fs::metadata(&file).unwrap().uid();
    let files = || std::fs::read_dir(&data).unwrap().count();
    let files_before = files();
    // As a volume that was filled by root, or by an image with another user.
    for (of_folder, of_file) in [(0o555, 0o444), (0o777, 0o444), (0o555, 0o666)] {
        std::fs::set_permissions(&file, Permissions::from_mode(of_file)).unwrap();
        std::fs::set_permissions(&data, Permissions::from_mode(of_folder)).unwrap();
        let before = std::fs::read(&file).unwrap();
        let (mut command, us) = as_another_user(settings.command(), folder.path());
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{of_folder:o} {of_file:o}");
        for part in ["error: database.url: cannot write", &format!("belongs to user {owner},")] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(text.contains(&format!("chown -R {us} {}", data.display())), "{text}");
        assert_eq!(std::fs::read(&file).unwrap(), before);
        std::fs::set_permissions(&data, Permissions::from_mode(0o755)).unwrap();
        assert_eq!(files(), files_before, "no other file was made");
    }
}
