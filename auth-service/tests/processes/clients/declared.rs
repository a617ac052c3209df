//! Tests of clients that the configuration declares.

use std::process::Stdio;

use serde_json::json;
use service_kit::database::Backend;
use service_kit::database::testing::TestDatabase;

use super::{asked, document, outcome, refusal};
use crate::helpers::{ServiceSettings, WAIT_LIMIT, eventually};

/// A settings file, deleted with its folder.
struct File {
    folder: tempfile::TempDir,
}

impl File {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

const DECLARED_SECRET: &str = "0123456789abcdef0123456789abcdef";
const ANOTHER_SECRET: &str = "fedcba9876543210fedcba9876543210";

fn declared(secret_file: &str, more: &str) -> String {
    format!(
        "[[clients]]\nid = \"billing\"\nsecret_file = \"{secret_file}\"\n\
         grants = [\"client_credentials\"]\nscopes = [\"todos:read\"]\n{more}\n"
    )
}

#[actix_web::test]
async fn declared_clients_exist_after_the_start_of_any_number_of_replicas() {
    for database in TestDatabase::both() {
        let file = File::new();
        let secret = file.write("secret", &format!("{DECLARED_SECRET}\n"));
        let config = file.write("auth.toml", &declared(&secret, "access_ttl_seconds = 60"));
        let settings = ServiceSettings::on(&database).configured_by(&config);
        let replicas = [settings.clone(), settings.replica(), settings.replica()];
        let [one, two, three] = &replicas;
        let services = tokio::join!(one.start(), two.start(), three.start());
        for service in [&services.0, &services.1, &services.2] {
            let (status, token) = asked(service, DECLARED_SECRET).await;
            assert_eq!((status, &token["expires_in"]), (200, &60.into()), "{token}");
        }
        let shown = document(&settings, &["show", "billing"]);
        assert_eq!((&shown["declared"], &shown["name"]), (&true.into(), &"billing".into()));
        assert_eq!(shown["secrets"].as_array().unwrap().len(), 1);
        let again = settings.replica().start().await;
        assert_eq!(document(&settings, &["show", "billing"]), shown, "a second start changes nothing");

        // Whether a declared client is enabled is the operator's decision.
        document(&settings, &["disable", "billing"]);
        again.terminate();
        let again = settings.replica().start().await;
        let (status, refused) = asked(&again, DECLARED_SECRET).await;
        assert_eq!((status, &refused["error"]), (401, &"invalid_client".into()));
        document(&settings, &["enable", "billing"]);
        for command in [
            ["update", "billing", "--name", "Invoices"].as_slice(),
            &["rotate-secret", "billing"],
            &["delete", "billing"],
            &["create", "--name", "Invoices", "--id", "billing", "--grants", "client_credentials"],
        ] {
            let line = refusal(&settings, command);
            assert_eq!(line, "billing is declared in the configuration: change it there, and restart");
        }
    }
}

#[actix_web::test]
async fn a_changed_declared_secret_replaces_the_old_one_at_once_or_later() {
    for database in TestDatabase::both() {
        let file = File::new();
        let secret = file.write("secret", DECLARED_SECRET);
        let config = file.write("auth.toml", &declared(&secret, ""));
        let settings = ServiceSettings::on(&database).configured_by(&config);
        settings.start().await.terminate();

        file.write("secret", ANOTHER_SECRET);
        file.write("auth.toml", &declared(&secret, "keep_old_secret_seconds = 3600"));
        let service = settings.start().await;
        assert_eq!(asked(&service, DECLARED_SECRET).await.0, 200, "the old secret is still valid");
        assert_eq!(asked(&service, ANOTHER_SECRET).await.0, 200);
        service.terminate();

        file.write("secret", DECLARED_SECRET);
        file.write("auth.toml", &declared(&secret, ""));
        let service = settings.start().await;
        assert_eq!(asked(&service, DECLARED_SECRET).await.0, 200);
        assert_eq!(asked(&service, ANOTHER_SECRET).await.0, 401);
        service.terminate();

        // A client that is no longer in the file stays unchanged, and the operator can change it from then on.
        let log = file.path("log");
        let mut command = settings.clone().configured_by(&file.write("none.toml", "")).command();
        command.stdout(Stdio::null()).stderr(std::fs::File::create(&log).unwrap());
        let mut child = command.spawn().unwrap();
        let warned = async || {
            let log = std::fs::read_to_string(&log).unwrap();
            log.lines()
                .any(|line| line.contains("WARN") && line.contains("billing") && line.contains("no more"))
        };
        eventually("it is told of", WAIT_LIMIT, warned).await;
        let undeclared = settings.configured_by(&file.path("none.toml"));
        assert_eq!(document(&undeclared, &["show", "billing"])["declared"], true);
        let updated = document(&undeclared, &["update", "billing", "--name", "Invoices"]);
        assert_eq!((&updated["declared"], &updated["active"]), (&false.into(), &true.into()));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[actix_web::test]
async fn a_client_can_be_declared_in_the_environment() {
    let database = TestDatabase::create(Backend::Sqlite);
    let list =
        json!([{"id": "billing", "secret": DECLARED_SECRET, "grants": ["client_credentials"]}]).to_string();
    let settings = ServiceSettings::on(&database).with("AUTH__CLIENTS", &list);
    let service = settings.start().await;
    assert_eq!(asked(&service, DECLARED_SECRET).await.0, 200);
    let output = settings.command().arg("check-config").output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("id = \"billing\"") && !shown.contains(DECLARED_SECRET), "{shown}");
}

#[actix_web::test]
async fn an_invalid_declaration_stops_the_start_and_its_key_is_named() {
    let database = TestDatabase::create(Backend::Sqlite);
    let file = File::new();
    let good = "grants = [\"client_credentials\"]";
    let secret = format!("secret = \"{DECLARED_SECRET}\"");
    let weak = format!("secret = \"{}\"", "hunter2".repeat(8));
    for (client, place) in [
        (format!("id = \"billing\"\n{good}"), "clients[billing].secret: "),
        (format!("id = \"billing\"\nsecret = \"hunter2\"\n{good}"), "clients[billing].secret: "),
        (format!("id = \"billing\"\n{weak}\n{good}"), "clients[billing].secret: "),
        (format!("id = \"billing\"\nsecret_file = \"/nowhere\"\n{good}"), "clients[billing].secret_file: "),
        (
            format!("id = \"billing\"\n{secret}\nsecret_file = \"/x\"\n{good}"),
            "clients[billing].secret_file: ",
        ),
        (format!("id = \"billing\"\npublic = true\n{secret}"), "clients[billing].grants: "),
        (
            format!("id = \"billing\"\npublic = true\n{secret}\ngrants = [\"password\"]"),
            "clients[billing].secret: ",
        ),
        (format!("id = \"billing\"\n{secret}\ngrants = [\"hunter2\"]"), "clients[billing].grants: "),
        (
            format!("id = \"billing\"\n{secret}\n{good}\naccess_ttl_seconds = 0"),
            "clients[billing].access_ttl_seconds: ",
        ),
        (
            format!("id = \"billing\"\n{secret}\n{good}\nredirect_uris = [\"hunter2\"]"),
            "clients[billing].redirect_uris: ",
        ),
        (
            format!("id = \"billing\"\n{secret}\n{good}\nkeep_old_secret_seconds = -1"),
            "clients[billing].keep_old_secret_seconds: ",
        ),
        (format!("id = \"01a20c9b111172228333444455556666\"\n{secret}\n{good}"), "clients[0].id: "),
        (format!("id = \"first-party\"\n{secret}\n{good}"), "clients[0].id: "),
        (format!("{secret}\n{good}"), "id"),
        (format!("id = \"billing\"\n{secret}\n{good}\nrefresh_ttl = 5"), "`refresh_ttl`"),
        (
            format!("id = \"billing\"\n{secret}\n{good}\nrefresh_ttl_seconds = \"hunter2\""),
            "clients[0].refresh_ttl_seconds: ",
        ),
        (
            format!("id = \"billing\"\n{secret}\n{good}\n[[clients]]\nid = \"billing\"\n{secret}\n{good}"),
            "clients[billing].id: ",
        ),
    ] {
        let config = file.write("auth.toml", &format!("[[clients]]\n{client}\n"));
        for command in ["check-config", "serve"] {
            let settings = ServiceSettings::on(&database).configured_by(&config);
            let (ok, out, err) = outcome(settings.command().arg(command).output().unwrap());
            assert!(!ok && out.is_empty() && err.contains(place), "{client}: {out}{err}");
            assert_eq!(err.trim_end().lines().count(), 1, "{err}");
            assert!(!err.contains("hunter2") && !err.contains(DECLARED_SECRET), "{err}");
        }
    }
}
