//! What a new password must be, besides its length.

use std::sync::Arc;

use auth_service::domain::PasswordHash;
use reqwest::StatusCode;
use serde_json::{Value, json};
use service_kit::database::Backend;

use crate::helpers::person::Person;
use crate::helpers::receiver::{Answer, Receiver};
use crate::helpers::{TestApp, both, both_with, spawn_app};

const COMMON: &str =
    "must not be one that many people use or that is known from a data leak: choose another one";
const EQUAL: &str = "must not be the user name or the e-mail address";

/// Registers, and returns the status and the messages about the password.
async fn register(app: &TestApp, name: &str, password: &str) -> (StatusCode, Vec<String>) {
    let body = json!({ "username": name, "password": password, "email": "grace.hopper@example.org" });
    let response = app.register_with(&body).await;
    let status = response.status();
    let body: Value = response.json().await.unwrap();
    let errors = body["errors"].as_array().cloned().unwrap_or_default();
    let about_password = errors.iter().filter(|error| error["field"] == "password");
    (status, about_password.map(|error| error["message"].as_str().unwrap().to_owned()).collect())
}

#[tokio::test]
async fn common_passwords_and_the_own_name_and_address_are_refused() {
    for app in both().await {
        for (password, message) in [
            ("password1234", COMMON),
            ("PassWord1234", COMMON),
            ("qwertyuiop123", COMMON),
            ("Grace Brewster Hopper", EQUAL),
            ("grace brewster hopper", EQUAL),
            ("GRACE.HOPPER@example.org", EQUAL),
        ] {
            let found = register(&app, "Grace Brewster Hopper", password).await;
            assert_eq!(found, (StatusCode::UNPROCESSABLE_ENTITY, vec![message.to_owned()]), "{password}");
        }
        // No composition rules: what is long and not known is fine.
        let found = register(&app, "Grace Brewster Hopper", "correct horse battery staple").await;
        assert_eq!(found, (StatusCode::CREATED, vec![]));
    }
}

/// All entries that are long enough for the configured length count, not only those for the default.
#[tokio::test]
async fn with_a_shorter_length_the_shorter_common_passwords_are_refused() {
    for app in both_with(|settings| settings.passwords.min_length = 8).await {
        for password in ["password", "Iloveyou1", "12345678"] {
            let found = register(&app, "grace", password).await;
            assert_eq!(found, (StatusCode::UNPROCESSABLE_ENTITY, vec![COMMON.to_owned()]), "{password}");
        }
        assert_eq!(register(&app, "grace", "zu kurz?").await.0, StatusCode::CREATED);
    }
}

#[tokio::test]
async fn the_page_says_it_in_both_languages() {
    let app = spawn_app(Backend::Sqlite, |_| {}).await;
    for (language, texts) in [
        ("en", ["Many people use this password", "Do not use your user name or address"]),
        ("de", ["Dieses Passwort ist zu verbreitet", "Benutzername und Adresse eignen sich nicht"]),
    ] {
        for (password, text) in ["password1234", "Grace Brewster Hopper"].into_iter().zip(texts) {
            let mut person = Person::new(&app);
            person.languages = language;
            let fields = [("username", "grace brewster hopper"), ("email", ""), ("password", password)];
            let shown = person.post("/register", &fields).await;
            assert_eq!(shown.status, StatusCode::UNPROCESSABLE_ENTITY);
            assert!(shown.html.contains(text), "{}", shown.html);
            assert!(!shown.html.contains(&format!("value=\"{password}\"")), "{}", shown.html);
        }
    }
}

/// The rules are for new passwords. Whoever has a common one from before is not locked out.
#[tokio::test]
async fn a_common_password_that_is_set_already_logs_in() {
    for app in both().await {
        app.register("alice").await;
        let hash = PasswordHash { scheme: "bcrypt".into(), value: bcrypt::hash("password", 4).unwrap() };
        app.administration().set_password("alice", hash).await.unwrap().unwrap();
        for _ in 0..2 {
            assert_eq!(app.try_login("alice", "password").await.status(), StatusCode::OK);
        }
    }
}

const LEAKED: &str = "leaked horse battery staple";
/// The SHA-1 of [`LEAKED`].
const LEAKED_HASH: (&str, &str) = ("4938B", "3A9000F36FC306542DFDAC7C7DF91BF5FE3");

async fn asking(receiver: &Receiver) -> TestApp {
    let url = format!("http://{}/range/", receiver.address);
    spawn_app(Backend::Sqlite, |settings| settings.passwords.breach_check_url = Some(url)).await
}

async fn counted(app: &TestApp, result: &str) -> u64 {
    app.metric(&format!("latchkey_password_breach_checks_total{{result=\"{result}\"}}")).await
}

#[tokio::test]
async fn a_leaked_password_is_refused_and_the_service_learns_five_digits_of_its_hash() {
    let (prefix, suffix) = LEAKED_HASH;
    let padding = "0018A45C4D1DEF81644B54AB7F969B88D65:0\r\n".repeat(900);
    let receiver = Receiver::start(Answer::Text(format!("{padding}{suffix}:7\r\n"))).await;
    let app = asking(&receiver).await;
    let found = register(&app, "grace", LEAKED).await;
    assert_eq!(found, (StatusCode::UNPROCESSABLE_ENTITY, vec![COMMON.to_owned()]));
    let request = receiver.received().remove(0);
    assert!(request.head.starts_with(&format!("GET /range/{prefix} HTTP/1.1\r\n")), "{}", request.head);
    assert!(request.head.to_ascii_lowercase().contains("add-padding: true"), "{}", request.head);
    assert!(!request.head.contains(suffix), "{}", request.head);
    // Only real hashes count, not the padding.
    receiver.answer(Answer::Text(format!("{padding}{suffix}:0\r\n")));
    assert_eq!(register(&app, "grace", LEAKED).await.0, StatusCode::CREATED);
    assert_eq!((counted(&app, "known").await, counted(&app, "clear").await), (1, 1));
    // What the other rules refuse is not asked for.
    let asked = receiver.received().len();
    for password in ["password1234", "short", "grace.hopper@example.org"] {
        assert_eq!(register(&app, "ada", password).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(receiver.received().len(), asked);
    // A login asks nobody.
    app.try_login("grace", LEAKED).await;
    assert_eq!(receiver.received().len(), asked);
}

/// Slow, endless, failing and wrong answers, and no answer at all.
#[tokio::test]
async fn a_failure_of_the_service_refuses_nobody() {
    let receiver = Receiver::start(Answer::Never).await;
    let app = Arc::new(asking(&receiver).await);
    let (_, suffix) = LEAKED_HASH;
    let failures = [
        Answer::Never,
        Answer::Slowly,
        Answer::Endless,
        Answer::EndlessHead,
        Answer::Nonsense,
        Answer::Status(500),
        Answer::Status(404),
        Answer::Status(200),
        Answer::Redirect(format!("http://{}/other", receiver.address)),
        Answer::Text("<!doctype html><title>Please log in</title>".to_owned()),
        Answer::Text(format!("{suffix}:7\r\nand more")),
    ];
    let mut failed = 0;
    for (number, answer) in failures.into_iter().enumerate() {
        receiver.answer(answer.clone());
        let found = register(&app, &format!("user {number} of many"), LEAKED).await;
        assert_eq!(found.0, StatusCode::CREATED, "{answer:?}");
        failed += 1;
        assert_eq!(counted(&app, "failed").await, failed, "{answer:?}");
    }
    // Of the endless answer no more was taken than the bound and what buffers hold.
    assert!(receiver.sent() < 20_000_000, "{}", receiver.sent());
    let gone = receiver.address;
    drop(receiver);
    assert!(tokio::net::TcpStream::connect(gone).await.is_err());
    assert_eq!(register(&app, "nobody answers", LEAKED).await.0, StatusCode::CREATED);
    assert_eq!(counted(&app, "failed").await, failed + 1);
}
