//! Tests of `auth-service users invite` and `users send-verification`.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use service_kit::database::testing::TestDatabase;

use crate::helpers::{PASSWORD, Service, ServiceSettings, eventually};

/// Runs a command. Returns whether it succeeded, and what it printed.
fn run(settings: &ServiceSettings, arguments: &[&str]) -> (bool, String, String) {
    let mut command = settings.command();
    command.arg("users").args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

/// Waits for so many mails, and returns the lines that are links.
async fn links(folder: &PathBuf, count: usize) -> Vec<String> {
    let read = || -> Vec<String> {
        let Ok(files) = std::fs::read_dir(folder) else { return Vec::new() };
        let paths = files.map(|file| file.unwrap().path());
        // What is being written has another ending.
        let whole = paths.filter(|path| path.extension().is_some_and(|ending| ending == "eml"));
        let mails = whole.map(|path| std::fs::read_to_string(path).unwrap());
        mails
            .filter_map(|mail| {
                mail.lines()
                    .find(|line| line.starts_with("http") && line.contains("=lkm_"))
                    .map(str::to_owned)
            })
            .collect()
    };
    eventually("the mails are there", Duration::from_secs(20), async || read().len() == count).await;
    read()
}

async fn register(service: &Service, name: &str, token: &str) -> Value {
    let body = json!({ "username": name, "password": PASSWORD, "invitation": token });
    let request = service.client.post(format!("{}/auth/register", service.url)).json(&body);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::CREATED);
    response.json().await.unwrap()
}

#[actix_web::test]
async fn an_operator_invites_while_registration_is_closed() {
    for database in TestDatabase::both() {
        let folder = database.folder().join("mail");
        let settings = ServiceSettings::on(&database).with("AUTH__REGISTRATION__MODE", "closed");
        let service = settings.start().await;
        let (ok, out, err) = run(&settings, &["invite", "ada@example.org"]);
        assert!(ok && out.contains("ada@example.org") && !out.contains("http"), "{out}{err}");
        let link = links(&folder, 1).await.remove(0);
        let (page, token) = link.split_once('=').unwrap();
        assert_eq!(page, format!("{}/register?invitation", settings.issuer));
        let user = register(&service, "ada", token).await;
        assert_eq!((&user["email"], &user["email_verified"]), (&json!("ada@example.org"), &json!(true)));

        // The link for those who have another way to pass it on.
        let (ok, out, _) = run(&settings, &["invite", "bob@example.org", "--print", "--json"]);
        let printed: Value = serde_json::from_str(&out).unwrap();
        assert!(ok && printed["is_mailed"] == false && printed["ends_at"].is_string(), "{out}");
        let token = printed["link"].as_str().unwrap().split_once('=').unwrap().1;
        let user = register(&service, "bob", token).await;
        assert_eq!(user["email_verified"], true);
        assert_eq!(links(&folder, 1).await.len(), 1, "it was not mailed");

        for (arguments, expected) in [
            (vec!["invite", "nobody"], "must be an e-mail address"),
            (vec!["invite", "ünï@example.org"], "ASCII"),
            (vec!["send-verification", "ada"], "verified already"),
            (vec!["send-verification", "nobody"], "there is no user"),
        ] {
            let (ok, out, err) = run(&settings, &arguments);
            assert!(!ok && out.is_empty() && err.contains(expected), "{arguments:?}: {err}");
        }
        // A user made by command needs no invitation, and gets the mail when the operator wants it.
        let (ok, _, err) = run(&settings, &["set-email", "bob", "new@example.org"]);
        assert!(ok, "{err}");
        let (ok, out, err) = run(&settings, &["send-verification", "bob"]);
        assert!(ok && out.contains("bob"), "{err}");
        let links = links(&folder, 2).await;
        assert!(links.iter().any(|link| link.contains("/verify-email?token=")), "{links:?}");
        assert!(service.terminate().success());
    }
}

#[actix_web::test]
async fn without_mail_the_link_of_an_invitation_is_printed() {
    for database in TestDatabase::both() {
        let settings = ServiceSettings::on(&database).with("AUTH__MAIL__TRANSPORT", "none");
        let service = settings.start().await;
        let (ok, out, err) = run(&settings, &["invite", "ada@example.org"]);
        assert!(ok && out.contains(&format!("{}/register?invitation=lkm_", settings.issuer)), "{out}{err}");
        let token = out.trim_end().rsplit('=').next().unwrap();
        register(&service, "ada", token).await;
        let (ok, _, err) = run(&settings, &["send-verification", "ada"]);
        assert!(!ok && err.contains("mail.transport"), "{err}");
        let required = settings.with("AUTH__REGISTRATION__REQUIRE_VERIFIED_EMAIL", "true");
        let refused = required.command().arg("check-config").stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(
            !refused.status.success() && said.contains("AUTH__REGISTRATION__REQUIRE_VERIFIED_EMAIL"),
            "{said}"
        );
        assert!(service.terminate().success());
    }
}
