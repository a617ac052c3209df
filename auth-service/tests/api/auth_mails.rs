//! The mails of accounts: who gets them, how many, and what a stranger learns from asking for them.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use futures_util::future::join_all;
use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap};
use serde_json::json;
use service_kit::database::Backend;
use service_kit::database::testing::TestDatabase;
use shared_claims::clock::ManualClock;

use crate::helpers::mails::Mail;
use crate::helpers::{PASSWORD, START_MS, TestApp, both, settings, spawn_replica};

const NEW: &str = "a different horse with other staples";
const HOUR_MS: u64 = 3_600_000;

async fn ada(app: &TestApp) {
    app.verified("ada", "Ada@example.org").await;
}

/// Asks for a link, and returns its token.
async fn link(app: &TestApp) -> String {
    app.forgot("ada").await;
    app.last_token("Ada@example.org").await
}

fn is_reset(mail: &Mail) -> bool {
    mail.link().is_some_and(|link| link.contains("/reset-password?token="))
}

/// C21 and B18: the answer is the same for known, unknown, unverified, disabled and deleted users.
#[tokio::test]
async fn nobody_learns_who_has_an_account() {
    for app in &both().await {
        ada(app).await;
        app.register_at("unverified", "unverified@example.org").await;
        app.register("addressless").await;
        app.verified("disabled", "disabled@example.org").await;
        app.disable("disabled").await;
        app.verified("deleted", "deleted@example.org").await;
        app.delete_user("deleted").await;
        let seen = |headers: &HeaderMap| -> BTreeMap<String, String> {
            let kept = headers.iter().filter(|(name, _)| **name != DATE && name.as_str() != "x-request-id");
            kept.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect()
        };
        for path in ["/auth/password/forgot", "/auth/email/verify/request"] {
            let mut answers = Vec::new();
            for identifier in [
                "ada",
                "ADA@example.org",
                "nobody",
                "nobody@example.org",
                "unverified",
                "unverified@example.org",
                "addressless",
                "disabled",
                "deleted",
                "deleted@example.org",
                "ünï@example.org",
                "' OR 1=1 --",
            ] {
                let response = app.post_json(path, &json!({ "identifier": identifier })).await;
                let (status, headers) = (response.status(), seen(response.headers()));
                answers.push((status, headers, response.bytes().await.unwrap()));
            }
            assert_eq!(answers[0].0, StatusCode::ACCEPTED);
            assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        }
        let resets = |mails: &[Mail]| {
            mails
                .iter()
                .filter(|mail| mail.link().is_some_and(|link| link.contains("/reset-password")))
                .count()
        };
        let mails = app.mails().await;
        assert_eq!(resets(&mails), 2, "by name and by address");
        for mail in
            mails.iter().filter(|mail| mail.link().is_some_and(|link| link.contains("/reset-password")))
        {
            assert_eq!(mail.to, "Ada@example.org");
        }
        // At the registration, for `forgot` by name, and again; never by an address that is not verified.
        assert_eq!(app.mails_to("unverified@example.org").await.len(), 3);
    }
}

/// B5: what can be neither a name nor an address is refused, and harms nothing.
#[tokio::test]
async fn nonsense_is_refused() {
    for app in &both().await {
        for path in ["/auth/password/forgot", "/auth/email/verify/request"] {
            for identifier in [
                json!(""),
                json!("  "),
                json!("a\0"),
                json!("a@b\r\nBcc: c@d"),
                json!("x".repeat(501)),
                json!(7),
            ] {
                let response = app.post_json(path, &json!({ "identifier": identifier })).await;
                // A NUL is refused wherever it stands.
                let refused = [StatusCode::UNPROCESSABLE_ENTITY, StatusCode::BAD_REQUEST];
                assert!(refused.contains(&response.status()), "{identifier}");
            }
            assert_eq!(app.post_json(path, &json!({})).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
            let broken = app
                .post(path)
                .header("Content-Type", "application/json")
                .body(&b"{\"identifier\":\"\xff\"}"[..]);
            assert!(broken.send().await.unwrap().status().is_client_error());
            let form = app.post(path).form(&[("identifier", "ada")]).send().await.unwrap();
            assert_eq!(form.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
        }
        assert!(app.mails().await.is_empty());
    }
}

/// B15: a mailbox gets at most five links an hour, resets apart from the rest, and notices always.
#[tokio::test]
async fn nobody_floods_a_mailbox() {
    for app in &both().await {
        ada(app).await;
        for number in 0..50 {
            app.forgot(if number % 2 == 0 { "ada" } else { "ada@example.org" }).await;
        }
        let links = |mails: Vec<Mail>| mails.iter().filter(|mail| mail.link().is_some()).count();
        assert_eq!(links(app.mails_to("Ada@example.org").await), 1 + 5);
        // Strangers cannot spend the budget of resets with other mails: these are apart.
        for number in 0..8 {
            app.register_at(&format!("mallory{number}"), "ADA@example.org").await;
        }
        assert_eq!(app.mails_to("ADA@example.org").await.len(), 4, "the registration of ada counts, too");
        // B30: the owner is told all the same.
        let tokens = app.login("ada").await;
        let change = json!({ "current_password": PASSWORD, "new_password": NEW });
        let request = app.post("/auth/password").bearer_auth(&tokens.access).json(&change);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::NO_CONTENT);
        let mails = app.mails_to("Ada@example.org").await;
        assert!(mails.last().unwrap().link().is_none(), "{:?}", mails.last());
        app.clock.advance_ms(HOUR_MS);
        app.forgot("ada").await;
        assert_eq!(links(app.mails_to("Ada@example.org").await), 1 + 5 + 1);
    }
}

/// Neither the queue nor the database ever holds a token that works.
#[tokio::test]
async fn no_token_is_stored() {
    for app in &both().await {
        ada(app).await;
        let token = link(app).await;
        let dump = app.dump().await;
        assert!(dump.contains("user.link_mailed"), "the dump has the tables");
        assert!(!dump.contains(&token) && !dump.contains(&token[4..]));
    }
}

/// A mail in the language of the request.
#[tokio::test]
async fn a_mail_is_in_the_language_of_the_request() {
    for app in &both().await {
        ada(app).await;
        let english = link(app).await;
        let request = app.post("/auth/password/forgot").json(&json!({ "identifier": "ada" }));
        request.header("Accept-Language", "de-AT, en;q=0.5").send().await.unwrap();
        app.administration().set_claims("ada", r#"{"locale": "de-CH"}"#.to_owned()).await.unwrap().unwrap();
        app.forgot("ada").await;
        let mails = app.mails_to("Ada@example.org").await;
        let subjects: Vec<_> = mails.iter().skip(1).map(|mail| mail.subject.as_str()).collect();
        assert_eq!((subjects.len(), subjects[1]), (3, subjects[2]), "{subjects:?}");
        assert_ne!(subjects[0], subjects[1]);
        assert_eq!(app.reset(&english, NEW).await, StatusCode::NO_CONTENT);
    }
}

/// B9: whichever replica sends a mail, it is sent once.
#[tokio::test]
async fn of_three_replicas_one_sends_each_mail() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let place = Arc::new(TestDatabase::create(backend));
        let mut settings = settings(&place);
        settings.throttle.enabled = false;
        let clock = ManualClock::at(START_MS);
        let mut replicas = Vec::new();
        for seed in 1..=3 {
            replicas.push(spawn_replica(&place, settings.clone(), clock.clone(), seed).await.unwrap());
        }
        ada(&replicas[0]).await;
        join_all((0..200).map(|number| replicas[number % 3].forgot("ada"))).await;
        let mails = replicas[0].mails_to("Ada@example.org").await;
        assert_eq!(mails.iter().filter(|mail| is_reset(mail)).count(), 200);
        let ids: HashSet<_> = mails.iter().map(|mail| &mail.message_id).collect();
        assert_eq!(ids.len(), mails.len(), "no id twice");
        let dump = replicas[0].dump().await;
        assert_eq!(dump.matches("user.link_mailed").count(), 201, "each was written once");
    }
}
