//! Logout tokens of a process that is killed, and the commands for the queue.

use std::time::Duration;

use reqwest::header::{COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Client, Response, StatusCode, redirect};
use serde_json::Value;
use service_kit::database::testing::TestDatabase;
use shared_claims::testing::free_port;

use crate::helpers::{PASSWORD, Service, ServiceSettings, WAIT_LIMIT, eventually};
use crate::receiver::{Answer, Receiver};
use crate::self_signed::SelfSigned;

/// Runs a command. Returns its document, or the line of its error.
fn command(settings: &ServiceSettings, arguments: &[&str]) -> Result<Value, String> {
    let output = settings.command().args(arguments).arg("--json").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if output.status.success() {
        return Ok(serde_json::from_str(&text(output.stdout)).unwrap());
    }
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(out.is_empty() && err.trim_end().lines().count() == 1, "{arguments:?}: {out}{err}");
    Err(err.trim_end().to_owned())
}

fn listed(settings: &ServiceSettings, options: &[&str]) -> Vec<Value> {
    let list = command(settings, &[&["queue", "list"], options].concat()).unwrap();
    list.as_array().unwrap().clone()
}

/// The address of a receiver at this port.
fn out_uri(port: u16) -> String {
    format!("http://127.0.0.1:{port}/out")
}

/// Creates the client `web1`, which is told of sign-outs at this address.
fn create_client(settings: &ServiceSettings, uri: &str) {
    let created = command(
        settings,
        &[
            "clients",
            "create",
            "--id",
            "web1",
            "--name",
            "Web",
            "--grants",
            "authorization_code",
            "--scopes",
            "openid",
            "--redirect-uris",
            "https://app.example/cb",
            "--first-party",
            "--backchannel-logout-uri",
            uri,
        ],
    );
    assert_eq!(created.unwrap()["backchannel_logout_uri"], uri);
}

/// A browser in which somebody is signed in, and from which `web1` got a code.
struct Browser {
    client: Client,
    issuer: String,
    url: String,
    cookie: String,
}

impl Browser {
    async fn sign_in(settings: &ServiceSettings, service: &Service, username: &str) -> Self {
        let client = Client::builder().redirect(redirect::Policy::none()).build().unwrap();
        let mut browser =
            Self { client, issuer: settings.issuer.clone(), url: service.url.clone(), cookie: String::new() };
        let answer = browser.post("/login", &[("username", username), ("password", PASSWORD)]).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        let cookie = answer.headers()[SET_COOKIE].to_str().unwrap();
        browser.cookie = cookie.split(';').next().unwrap().to_owned();
        let query = "response_type=code&client_id=web1&redirect_uri=https://app.example/cb&scope=openid&\
            code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";
        let asked = browser.client.get(format!("{}/oauth2/authorize?{query}", browser.url));
        let answer = asked.header(COOKIE, &browser.cookie).send().await.unwrap();
        assert!(answer.headers()[LOCATION].to_str().unwrap().starts_with("https://app.example/cb?code="));
        browser
    }

    async fn try_post(&self, path: &str, fields: &[(&str, &str)]) -> reqwest::Result<Response> {
        let request = self.client.post(format!("{}{path}", self.url)).form(fields);
        request.header(ORIGIN, &self.issuer).header(COOKIE, &self.cookie).send().await
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        self.try_post(path, fields).await.unwrap()
    }
}

#[tokio::test]
async fn a_logout_token_is_sent_after_the_process_was_killed_between_the_commit_and_the_call() {
    for database in TestDatabase::both() {
        let (settings, port) = (ServiceSettings::on(&database), free_port());
        let service = settings.start().await;
        create_client(&settings, &out_uri(port));
        service.register("ada").await;
        let browser = Browser::sign_in(&settings, &service, "ada").await;
        // The answer waits for the call, so whoever sees the message before the answer is between the two.
        let signing_out = tokio::spawn(async move { browser.try_post("/logout", &[]).await });
        eventually("the message is committed", WAIT_LIMIT, async || !listed(&settings, &[]).is_empty()).await;
        service.kill();
        assert!(signing_out.await.unwrap().is_err(), "nobody was answered");
        let receiver = Receiver::start_at(&format!("127.0.0.1:{port}"), Answer::Status(200)).await;
        // A proxy would never be asked.
        let nowhere = format!("http://127.0.0.1:{}", free_port());
        let again = settings.clone().with("HTTP_PROXY", &nowhere).with("ALL_PROXY", &nowhere);
        let _service = again.with("http_proxy", &nowhere).start().await;
        receiver.until_received(1).await;
        eventually("the queue is empty", WAIT_LIMIT, async || listed(&settings, &[]).is_empty()).await;
        assert_eq!(receiver.tokens().len(), 1);
    }
}

#[tokio::test]
async fn messages_are_listed_tried_again_and_dropped_by_command() {
    for database in TestDatabase::both() {
        let (settings, port) = (ServiceSettings::on(&database), free_port());
        let service = settings.start().await;
        create_client(&settings, &out_uri(port));
        for name in ["ada", "bob"] {
            service.register(name).await;
            let browser = Browser::sign_in(&settings, &service, name).await;
            assert_eq!(browser.post("/logout", &[]).await.status(), StatusCode::SEE_OTHER);
        }
        let both = async || listed(&settings, &["--state", "waiting"]).len() == 2;
        eventually("both wait for their next try", WAIT_LIMIT, both).await;
        let messages = listed(&settings, &["--kind", "logout_token"]);
        assert_eq!(
            (messages[0]["kind"].as_str(), messages[0]["receiver"].as_str()),
            (Some("logout_token"), Some("web1"))
        );
        assert_eq!(messages[0]["error"], "the connection failed");
        assert!(messages[0]["tries"].as_i64() >= Some(1));
        let names: Vec<_> = messages[0].as_object().unwrap().keys().cloned().collect();
        let mut expected = [
            "id",
            "kind",
            "state",
            "receiver",
            "tries",
            "created_at",
            "next_try_at",
            "gives_up_at",
            "failed_at",
            "error",
        ];
        expected.sort_unstable();
        let mut names: Vec<_> = names.iter().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, expected);
        let id = |index: usize| messages[index]["id"].as_str().unwrap();
        assert_eq!(listed(&settings, &["--limit", "1", "--after", id(0)])[0]["id"], id(1));
        assert!(listed(&settings, &["--kind", "mail"]).is_empty());
        assert!(listed(&settings, &["--state", "failed"]).is_empty());

        assert_eq!(command(&settings, &["queue", "drop", id(0)]).unwrap()["id"], id(0));
        assert!(command(&settings, &["queue", "drop", id(0)]).unwrap_err().contains("no message"));
        assert!(command(&settings, &["queue", "retry", id(0)]).unwrap_err().contains("no message"));
        let receiver = Receiver::start_at(&format!("127.0.0.1:{port}"), Answer::Status(200)).await;
        // Where the second message is being tried at this moment, the command says so, and the try delivers it.
        if let Err(line) = command(&settings, &["queue", "retry", id(1)]) {
            assert!(line.contains("being sent") || line.contains("no message"), "{line}");
        }
        receiver.until_received(1).await;
        eventually("the queue is empty", WAIT_LIMIT, async || listed(&settings, &[]).is_empty()).await;
        assert_eq!(receiver.tokens().len(), 1);
        let exit = service.terminated_within(Duration::from_secs(10)).await;
        assert!(exit.success());
        assert_recorded(&settings, "queue.dropped", &[id(0)]);
    }
}

/// Asserts that the audit events of this kind are about these messages, in this order.
fn assert_recorded(settings: &ServiceSettings, kind: &str, ids: &[&str]) {
    let output = settings.command().args(["audit", "--kind", kind]).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let subjects: Vec<_> = events.iter().map(|event| event["subject"].as_str().unwrap()).collect();
    assert_eq!(subjects, ids.iter().map(|id| format!("logout_token {id}")).collect::<Vec<_>>());
    for event in events {
        assert_eq!((&event["actor"], &event["client_id"]), (&"operator".into(), &"web1".into()));
    }
}

#[tokio::test]
async fn a_receiver_whose_certificate_nobody_vouches_for_is_refused_and_the_list_says_why() {
    for database in TestDatabase::both() {
        let (settings, receiver) = (ServiceSettings::on(&database), SelfSigned::start().await);
        let service = settings.start().await;
        create_client(&settings, &format!("https://{}/out", receiver.address));
        service.register("ada").await;
        let browser = Browser::sign_in(&settings, &service, "ada").await;
        assert_eq!(browser.post("/logout", &[]).await.status(), StatusCode::SEE_OTHER);
        let failed =
            async || listed(&settings, &[]).first().is_some_and(|message| !message["error"].is_null());
        eventually("the try has failed", WAIT_LIMIT, failed).await;
        let message = listed(&settings, &["--state", "waiting"]).remove(0);
        assert_eq!(
            message["error"],
            "the certificate of the host is not accepted: no authority that this system trusts signed it"
        );
        assert_eq!(receiver.requests(), 0, "no token was sent");
        let id = message["id"].as_str().unwrap();
        // Nobody tries it at this moment, so the command does what it says.
        service.kill();
        assert_eq!(command(&settings, &["queue", "retry", id]).unwrap()["tries"], 0);
        assert_recorded(&settings, "queue.retried", &[id]);
    }
}

#[tokio::test]
async fn the_address_of_a_client_is_checked_shown_and_removed() {
    let database = &TestDatabase::both()[0];
    let mut settings = ServiceSettings::on(database);
    assert!(settings.command().arg("migrate").output().unwrap().status.success());
    create_client(&settings, &out_uri(3000));
    for bad in ["http://app.example/out#x", "/out", "javascript:alert(1)", "https://a:b@app.example/"] {
        let line =
            command(&settings, &["clients", "update", "web1", "--backchannel-logout-uri", bad]).unwrap_err();
        assert!(line.starts_with("error: backchannel-logout-uri: must be an "), "{line}");
        assert!(!line.contains(bad), "{line}");
    }
    settings.issuer = "https://id.example.com".to_owned();
    let plain = ["clients", "update", "web1", "--backchannel-logout-uri", "http://app.example/out"];
    let line = command(&settings, &plain).unwrap_err();
    assert_eq!(line, "error: backchannel-logout-uri: must be an https URI; http is for a local issuer alone");
    let encrypted = ["clients", "update", "web1", "--backchannel-logout-uri", "https://app.example/out"];
    assert_eq!(command(&settings, &encrypted).unwrap()["backchannel_logout_uri"], "https://app.example/out");
    let shown = settings.command().args(["clients", "show", "web1"]).output().unwrap();
    assert!(String::from_utf8(shown.stdout).unwrap().contains("https://app.example/out"));
    let cleared = ["clients", "update", "web1", "--backchannel-logout-uri", ""];
    assert_eq!(command(&settings, &cleared).unwrap()["backchannel_logout_uri"], Value::Null);

    // A declared client with such an address stops the start.
    let declared = r#"[{"id": "web2", "public": true, "grants": ["authorization_code"], "redirect_uris": ["https://app.example/cb"],
        "backchannel_logout_uri": "http://app.example/out"}]"#;
    let stopped =
        settings.clone().with("AUTH__CLIENTS", declared).command().arg("check-config").output().unwrap();
    let line = String::from_utf8(stopped.stderr).unwrap();
    assert!(line.contains("[web2].backchannel_logout_uri: must be an https URI"), "{line}");
    let networks =
        settings.clone().with("AUTH__BACKCHANNEL__ALLOWED_NETWORKS", "10.0.0.0/8,fd00::/8,nonsense");
    let stopped = networks.command().arg("check-config").output().unwrap();
    assert!(String::from_utf8(stopped.stderr).unwrap().contains("AUTH__BACKCHANNEL__ALLOWED_NETWORKS"));
    let networks = settings.clone().with("AUTH__BACKCHANNEL__ALLOWED_NETWORKS", "10.0.0.0/8,fd00::/8");
    assert!(networks.command().arg("check-config").output().unwrap().status.success());
}
