//! Mails that leave processes: by a real SMTP server, and through its outages and our crashes.

mod relay;

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::process::Output;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{ACCEPT_LANGUAGE, HOST};
use serde_json::json;
use service_kit::database::Backend;
use service_kit::database::testing::TestDatabase;

use self::relay::{LOGIN, Mail, PASSWORD, Relay};
use crate::helpers::{PASSWORD as USER_PASSWORD, Service, ServiceSettings, WAIT_LIMIT, eventually};

/// How long a test waits for a mail whose sender was killed: its claim lasts for 50 s.
const CLAIM_LIMIT: Duration = Duration::from_secs(90);

fn by_smtp(settings: ServiceSettings, url: &str, relay: &Relay) -> ServiceSettings {
    settings
        .with("AUTH__MAIL__TRANSPORT", "smtp")
        .with("AUTH__MAIL__SMTP_URL", url)
        .with("AUTH__MAIL__FROM", "Latchkey <no-reply@mail.example.com>")
        .with("AUTH__MAIL__CA_FILE", &relay.certificate())
}

fn mail_command(settings: &ServiceSettings, arguments: &[&str]) -> (Output, String) {
    let output = settings.command().arg("mail").args(arguments).output().unwrap();
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    (output, String::from_utf8(text).unwrap())
}

async fn register(service: &Service, username: &str, email: &str, language: &str) {
    let body = json!({ "username": username, "password": USER_PASSWORD, "email": email });
    let request = service.client.post(format!("{}/auth/register", service.url)).json(&body);
    let answer = request.header(ACCEPT_LANGUAGE, language).header(HOST, "evil.example");
    let answer = answer.header("X-Forwarded-Host", "evil.example").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED, "{}", answer.text().await.unwrap());
}

#[tokio::test]
async fn the_settings_are_tried_with_a_real_server() {
    let database = TestDatabase::create(Backend::Sqlite);
    let base = ServiceSettings::on(&database).with("AUTH__ISSUER", "https://id.example.com:8443");
    for (mode, scheme, end) in
        [("plain", "smtp", ""), ("starttls", "smtp", "?tls=required"), ("implicit", "smtps", "")]
    {
        let relay = Relay::start(mode);
        let is_secure = mode != "plain";
        let login = if is_secure { LOGIN } else { "" };
        let url = format!("{scheme}://{login}localhost:{}{end}", relay.port);
        let settings = by_smtp(base.clone(), &url, &relay);
        let (output, text) = mail_command(&settings, &["test", "ada@example.org", "--language", "de"]);
        assert!(output.status.success(), "{mode}: {text}");
        for step in ["Connecting to localhost", "RCPT TO:<ada@example.org>", "250 2.0.0 taken"] {
            assert!(text.contains(step), "{step}: {text}");
        }
        assert!(!text.contains(PASSWORD) && !text.contains(LOGIN), "{text}");
        eventually("the mail is there", WAIT_LIMIT, async || relay.taken().len() == 1).await;
        let mail = relay.taken().remove(0);
        assert_eq!(mail.to, ["ada@example.org"]);
        assert_eq!((mail.encrypted, mail.authenticated), (is_secure, is_secure), "{mode}");
        assert_eq!((mail.ehlo.as_str(), mail.from.as_str()), ("id.example.com", "no-reply@mail.example.com"));
        assert_eq!(mail.subject(), "Test der Mail-Einstellungen von Latchkey");
        if !is_secure {
            continue;
        }

        // The password in a file of its own, as it is, and the user in the URL.
        let file = database.folder().join("smtp_password");
        std::fs::write(&file, format!("{PASSWORD}\r\n")).unwrap();
        let url_of_user = url.replace(LOGIN, "relay%40example.com@");
        let in_file = by_smtp(base.clone(), &url_of_user, &relay)
            .with("AUTH__MAIL__SMTP_URL_PASSWORD_FILE", file.to_str().unwrap());
        let (output, text) = mail_command(&in_file, &["test", "ada@example.org"]);
        assert!(output.status.success() && !text.contains(PASSWORD), "{mode}: {text}");
        eventually("the second mail is there", WAIT_LIMIT, async || relay.taken().len() == 2).await;

        let wrong = settings.clone().with("AUTH__MAIL__SMTP_URL", &url.replace("p%24a", "geheim"));
        let (output, text) = mail_command(&wrong, &["test", "ada@example.org"]);
        assert_eq!(output.status.code(), Some(1));
        let last = text.trim_end().lines().last().unwrap();
        assert!(
            last.starts_with("error: ") && last.contains("535") && last.contains("mail.smtp_url"),
            "{text}"
        );
        assert!(!text.contains("geheim"), "{text}");

        let (output, text) =
            mail_command(&settings.with("AUTH__MAIL__CA_FILE", ""), &["test", "ada@example.org"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(text.trim_end().lines().last().unwrap().contains("mail.ca_file"), "{text}");
        assert_eq!(relay.taken().len(), 2, "nothing was sent");
    }
}

#[tokio::test]
async fn mails_are_shown_by_name() {
    let database = TestDatabase::create(Backend::Sqlite);
    let settings = ServiceSettings::on(&database).with("AUTH__PAGES__NAME", "Nordlicht");
    let (output, text) = mail_command(&settings, &["preview", "password-reset"]);
    assert!(output.status.success(), "{text}");
    assert!(text.starts_with("Subject: Choose a new password for Nordlicht\n\nHello ada,\n"), "{text}");
    assert!(text.contains(&format!("\n{}/reset-password?token=", settings.issuer)), "{text}");
    let (output, text) = mail_command(&settings, &["preview", "invitation", "--language", "de", "--html"]);
    assert!(output.status.success() && text.contains("<html lang=\"de\">"), "{text}");
    let (output, text) = mail_command(&settings, &["preview", "nothing"]);
    assert!(!output.status.success());
    for name in ["password-reset", "verification", "address-changed", "invitation"] {
        assert!(text.contains(name), "{text}");
    }
    let (output, text) = mail_command(&settings, &["test", "a@b\r\nBcc: c@d"]);
    assert!(!output.status.success() && text.contains("ADDRESS"), "{text}");
    let off = settings.with("AUTH__MAIL__TRANSPORT", "none");
    let (output, text) = mail_command(&off, &["test", "ada@example.org"]);
    assert!(!output.status.success() && text.contains("set mail.transport"), "{text}");
}

#[tokio::test]
async fn three_replicas_send_each_mail_once_with_links_of_the_issuer() {
    for database in TestDatabase::both() {
        let relay = Relay::start("starttls");
        let url = format!("smtp://{LOGIN}localhost:{}?tls=required", relay.port);
        let settings = by_smtp(ServiceSettings::on(&database), &url, &relay);
        let first = settings.start().await;
        let replicas = [first, settings.replica().start().await, settings.replica().start().await];
        for number in 0..30_usize {
            let (name, language) = (format!("user{number}"), if number % 2 == 0 { "en" } else { "de" });
            register(&replicas[number % 3], &name, &format!("{name}@example.org"), language).await;
        }
        eventually("30 mails", WAIT_LIMIT, async || relay.taken().len() >= 30).await;
        let empty = async || {
            let (_, list) = queue_list(&settings);
            list == "[]"
        };
        eventually("the queue is empty", WAIT_LIMIT, empty).await;
        let taken = relay.taken();
        assert_eq!(taken.len(), 30);
        let ids: BTreeSet<_> = taken.iter().map(Mail::message_id).collect();
        let by_receiver: BTreeMap<_, _> = taken.iter().map(|mail| (mail.to[0].clone(), mail)).collect();
        assert_eq!((ids.len(), by_receiver.len()), (30, 30));
        let begins = format!("{}/verify-email?token=", settings.issuer);
        let mut secrets = BTreeSet::new();
        for number in 0..30 {
            let mail = by_receiver[&format!("user{number}@example.org")];
            let is_english = mail.subject().starts_with("Confirm");
            assert_eq!(is_english, number % 2 == 0, "{}", mail.subject());
            let links: Vec<_> = mail
                .lines()
                .iter()
                .filter_map(|line| line.strip_prefix(&begins).map(str::to_owned))
                .collect();
            let [secret] = links.try_into().unwrap();
            assert!(
                secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)),
                "{secret}"
            );
            secrets.insert(secret);
            assert!(!mail.raw.contains("evil.example") && !mail.lines().concat().contains("evil.example"));
            // The address is not verified, so nothing that anybody chose stands there but the address.
            assert!(!mail.lines().concat().contains(&format!("user{number}")), "{}", mail.raw);
        }
        assert_eq!(secrets.len(), 30);
    }
}

fn queue_list(settings: &ServiceSettings) -> (bool, String) {
    let output = settings.command().args(["queue", "list", "--json"]).output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

/// The server takes connections and never greets; then the sender is killed; then it is started with a server that works.
#[tokio::test]
async fn a_mail_whose_sender_was_killed_arrives_and_nobody_waited_for_it() {
    let [one, other] = TestDatabase::both();
    tokio::join!(killed_while_sending(one), killed_while_sending(other));
}

async fn killed_while_sending(database: TestDatabase) {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let relay = Relay::start("plain");
    let settings = ServiceSettings::on(&database);
    let to_silent = format!("smtp://127.0.0.1:{}", silent.local_addr().unwrap().port());
    let service = by_smtp(settings.clone(), &to_silent, &relay).start().await;
    // The answer comes although the server does not greet.
    register(&service, "ada", "ada@example.org", "en").await;
    let sending = async || queue_list(&settings).1.contains("\"sending\"");
    eventually("the mail is being sent", WAIT_LIMIT, sending).await;
    assert!(!queue_list(&settings).1.contains("ada@"), "the list shows no address");
    service.kill();

    let working = format!("smtp://127.0.0.1:{}", relay.port);
    let service = by_smtp(settings.clone(), &working, &relay).start().await;
    register(&service, "bob", "bob@example.org", "en").await;
    eventually("a later mail passes", WAIT_LIMIT, async || relay.taken().len() == 1).await;
    assert_eq!(relay.taken()[0].to, ["bob@example.org"]);
    eventually("the mail arrives", CLAIM_LIMIT, async || relay.taken().len() == 2).await;
    assert_eq!(relay.taken()[1].to, ["ada@example.org"]);
    eventually("the queue is empty", WAIT_LIMIT, async || queue_list(&settings).1 == "[]").await;
    assert_eq!(relay.taken().len(), 2);
}

#[tokio::test]
async fn the_start_says_where_mails_go_and_warns_if_nowhere() {
    let database = TestDatabase::create(Backend::Sqlite);
    let local = ServiceSettings::on(&database);
    let public = local.clone().with("AUTH__ISSUER", "https://id.example.com");
    for (settings, expected) in [
        (local.clone(), "mails are written to mail.folder"),
        (public.clone(), "password reset by mail is off"),
        (
            public
                .with("AUTH__MAIL__TRANSPORT", "smtp")
                .with("AUTH__MAIL__SMTP_URL", "smtp://relay.example.com"),
            "leave this machine unencrypted",
        ),
    ] {
        let log = database.folder().join("log");
        let service = settings.start_logging_to(std::fs::File::create(&log).unwrap()).await;
        let text = std::fs::read_to_string(&log).unwrap();
        assert!(text.contains(expected), "{expected}: {text}");
        drop(service);
    }
}

#[tokio::test]
async fn a_start_with_settings_that_cannot_work_names_them() {
    let database = TestDatabase::create(Backend::Sqlite);
    let settings = ServiceSettings::on(&database);
    for (changes, key) in [
        (vec![("AUTH__MAIL__TRANSPORT", "smtp")], "mail.smtp_url"),
        (vec![("AUTH__MAIL__TRANSPORT", "pigeon")], "mail.transport"),
        (vec![("AUTH__MAIL__SMTP_URL", "smtp://u:geheim@mail.example.com")], "mail.smtp_url"),
        (vec![("AUTH__MAIL__SMTP_URL", "smtps://u:p$a#geheim@mail.example.com")], "mail.smtp_url"),
        (vec![("AUTH__MAIL__FROM", "nobody")], "mail.from"),
        (vec![("AUTH__MAIL__EHLO_NAME", "https://id.example.com")], "mail.ehlo_name"),
        (
            vec![
                ("AUTH__MAIL__TRANSPORT", "smtp"),
                ("AUTH__MAIL__SMTP_URL", "smtps://mail.example.com"),
                ("AUTH__MAIL__CA_FILE", "/nowhere/ca.pem"),
            ],
            "mail.ca_file",
        ),
    ] {
        let bad = changes.iter().fold(settings.clone(), |settings, (name, value)| settings.with(name, value));
        for command in ["serve", "check-config"] {
            let output = bad.command().arg(command).output().unwrap();
            let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            assert!(!output.status.success(), "{changes:?}: {text}");
            // A setting from the environment is named as its variable.
            let named = text.to_lowercase().replace("auth__", "").replace("__", ".");
            assert!(named.contains(key), "{key}: {text}");
            assert!(!text.contains("geheim"), "{text}");
        }
    }
    // A password is never shown.
    let fine = settings.with("AUTH__MAIL__SMTP_URL", "smtps://user:geheim@mail.example.com");
    let output = fine.command().arg("check-config").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains("smtp_url") && !text.contains("geheim"), "{text}");
}
