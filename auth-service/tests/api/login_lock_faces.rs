//! Locks: what people and operators see of them, and how they end before their time.

use std::sync::Arc;

use auth_service::config::Settings;
use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use serde_json::{Value, json};
use service_kit::database::Backend;
use service_kit::database::testing::TestDatabase;
use shared_claims::clock::ManualClock;

use crate::helpers::clients::client;
use crate::helpers::person::Person;
use crate::helpers::{PASSWORD, START_MS, TestApp, both_with, settings, spawn_app, spawn_replica};
use crate::login_locks::{WRONG, limited, lock, refused};

const NEW: &str = "a different horse with other staples";
const DAY_MS: u64 = 86_400_000;

/// The notices about locks to this address.
async fn notices(app: &TestApp, address: &str) -> Vec<String> {
    let mails = app.mails_to(address).await;
    let notices = mails.into_iter().filter(|mail| mail.subject == "Your account is locked for a time");
    notices.map(|mail| mail.text.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// Chooses [`NEW`] with a mailed link.
async fn reset(app: &TestApp) {
    app.forgot("ada").await;
    let token = app.last_token("ada@example.org").await;
    let response = app.post_json("/auth/password/reset", &json!({ "token": token, "password": NEW })).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
}

/// Tries the grant of the client `billing`.
async fn grant(app: &TestApp, username: &str, password: &str) -> reqwest::Response {
    app.grant_to("billing", &[("grant_type", "password"), ("username", username), ("password", password)])
        .await
}

#[tokio::test]
async fn the_owner_gets_one_mail_for_each_lock() {
    let few = |settings: &mut Settings| {
        limited(settings);
        settings.throttle.mails_per_mailbox_per_hour = 1;
    };
    for app in both_with(few).await {
        app.verified("ada", "ada@example.org").await;
        app.register_at("eve", "eve@example.org").await;
        // Strangers have used up the limits of the mailbox.
        for _ in 0..2 {
            app.forgot("ada").await;
        }
        for name in ["ada", "eve"] {
            lock(&app, name).await;
            refused(app.try_login(name, WRONG).await).await;
        }
        let first = notices(&app, "ada@example.org").await;
        assert_eq!(first.len(), 1);
        for said in [
            "Hello ada,",
            "for 15 minutes, until",
            "a device that your account does not know",
            "/forgot-password",
        ] {
            assert!(first[0].contains(said), "{said}: {}", first[0]);
        }
        assert!(notices(&app, "eve@example.org").await.is_empty(), "it is not verified");
        app.clock.advance_ms(900_000);
        lock(&app, "ada").await;
        let both = notices(&app, "ada@example.org").await;
        assert_eq!(both.len(), 2);
        assert!(both.iter().any(|text| text.contains("for 30 minutes")), "{both:?}");
    }
}

/// Reported of several servers: whoever was locked out by a stranger could not get in, whatever they did.
#[tokio::test]
async fn a_reset_lets_the_owner_in_at_once_with_a_full_new_allowance() {
    for app in both_with(limited).await {
        app.verified("ada", "ada@example.org").await;
        let mut waited_ms = 0;
        while waited_ms < DAY_MS {
            lock(&app, "ada").await;
            let (seconds, _) = refused(app.try_login("ada", PASSWORD).await).await;
            assert!(seconds <= 86_400);
            app.clock.advance_ms(u64::from(seconds) * 1000);
            waited_ms += u64::from(seconds) * 1000;
        }
        lock(&app, "ada").await;
        reset(&app).await;
        assert_eq!(app.login_status("ada", NEW).await, StatusCode::OK);
        lock(&app, "ada").await;
        assert_eq!(refused(app.try_login("ada", NEW).await).await.0, 900, "the row has begun anew");
        app.change_password("ada").await;
        assert_eq!(
            app.login_status("ada", NEW).await,
            StatusCode::UNAUTHORIZED,
            "an operator's change ends it, too"
        );
    }
}

#[tokio::test]
async fn an_operator_unlocks_a_user_on_every_replica_at_once() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let place = Arc::new(TestDatabase::create(backend));
        let mut settings = settings(&place);
        limited(&mut settings);
        let clock = ManualClock::at(START_MS);
        let start = |seed| spawn_replica(&place, settings.clone(), clock.clone(), seed);
        let apps = [start(1).await.unwrap(), start(2).await.unwrap()];
        apps[0].verified("ada", "ada@example.org").await;
        let operator = apps[0].administration();
        let ada = operator.find("ada").await.unwrap().unwrap().id;
        // After the first login the address is one that the account knows.
        let id = ada.to_string();
        for (named, callers) in [("ADA", "unknown"), ("Ada@Example.org", "network"), (&*id, "network")] {
            lock(&apps[0], "ada").await;
            refused(apps[1].try_login("ada", PASSWORD).await).await;
            let [shown] = operator.locks(ada).await.unwrap().try_into().unwrap();
            assert_eq!((shown.callers.as_str(), shown.locks), (callers, 1));
            assert_eq!(shown.locked_until_ms, Some(START_MS + 900_000));
            assert!(operator.unlock(named).await.unwrap().is_some(), "{named}");
            assert!(operator.locks(ada).await.unwrap().is_empty());
            for app in &apps {
                assert_eq!(app.login_status("ada", PASSWORD).await, StatusCode::OK, "{named}");
            }
        }
        assert!(operator.unlock("nobody-here").await.unwrap().is_none());
        let rows = apps[0].audit_rows().await;
        let unlocked: Vec<_> = rows.iter().filter(|row| row.kind == "user.unlocked").collect();
        assert_eq!(unlocked.len(), 3);
        assert!(unlocked.iter().all(|row| row.actor == "operator"));
    }
}

/// One budget, wherever a password is judged; and each place says it in its own form.
#[tokio::test]
async fn all_faces_count_together_and_refuse_alike() {
    for app in both_with(limited).await {
        app.verified("ada", "ada@example.org").await;
        app.add_client(client("billing")).await;
        let tokens = app.login("ada").await;
        let mut signed_in = Person::new(&app);
        signed_in.sign_in_bare("ada").await;
        // A known device would have a budget of its own.
        signed_in.cookies.remove("__Host-device");
        let mut person = Person::new(&app);
        let json_login = |password: &str| {
            let body = json!({ "username": "ada", "password": password });
            app.post("/auth/login").json(&body).send()
        };
        for _ in 0..3 {
            let page = person.post("/login", &[("username", "ada"), ("password", WRONG)]).await;
            assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
            assert_eq!(grant(&app, "ada", WRONG).await.status(), StatusCode::BAD_REQUEST);
            assert_eq!(json_login(WRONG).await.unwrap().status(), StatusCode::UNAUTHORIZED);
        }
        let change =
            |path: &'static str, body: Value| app.post(path).bearer_auth(&tokens.access).json(&body).send();
        let passwords = |current: &str| json!({ "current_password": current, "new_password": NEW });
        let wrong = change("/auth/password", passwords(WRONG)).await.unwrap();
        assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);

        let address = json!({ "email": "a@example.org", "password": PASSWORD });
        let (_, body) = refused(app.try_login("ada", PASSWORD).await).await;
        for response in [
            json_login(PASSWORD).await.unwrap(),
            change("/auth/password", passwords(PASSWORD)).await.unwrap(),
            change("/auth/email", address).await.unwrap(),
        ] {
            assert_eq!(refused(response).await, (900, body.clone()));
        }
        let (seconds, oauth) = refused(grant(&app, "ada", PASSWORD).await).await;
        assert_eq!((seconds, &oauth["error"]), (900, &json!("temporarily_unavailable")));

        let page = person.post("/login", &[("username", "Ada"), ("password", PASSWORD)]).await;
        let security = [("current_password", PASSWORD), ("new_password", NEW)];
        let changed = signed_in.post("/account/security", &security).await;
        let asked =
            signed_in.post("/account/email", &[("email", "a@example.org"), ("password", PASSWORD)]).await;
        for shown in [&page, &changed, &asked] {
            assert_eq!(shown.status, StatusCode::TOO_MANY_REQUESTS);
            assert_eq!(shown.headers[RETRY_AFTER], "900");
            assert!(
                shown.html.contains("Too many attempts. Wait 15 minutes, then try again."),
                "{}",
                shown.html
            );
            assert!(!shown.html.contains(PASSWORD));
        }
        assert!(page.html.contains("value=\"Ada\""), "{}", page.html);
        assert!(asked.html.contains("value=\"a@example.org\""), "{}", asked.html);
        assert!(!page.html.contains("You need not wait"), "a quarter of an hour is no long wait");
    }
}

#[tokio::test]
async fn a_page_names_other_ways_in_where_the_wait_is_long() {
    let long = |settings: &mut Settings| {
        limited(settings);
        settings.throttle.lock_seconds = 7_200;
        settings.pages.support = Some("https://help.example.org/".to_owned());
    };
    let app = spawn_app(Backend::Sqlite, long).await;
    let mut pages = Vec::new();
    app.register("ada").await;
    for name in ["ada", "eve"] {
        lock(&app, name).await;
        let page = Person::new(&app).post("/login", &[("username", name), ("password", PASSWORD)]).await;
        assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
        for said in ["Wait 2 hours", "You need not wait", "/forgot-password", "https://help.example.org/"] {
            assert!(page.html.contains(said), "{said}: {}", page.html);
        }
        pages.push(page.html);
    }
    assert_eq!(pages[0].replace("ada", "eve"), pages[1], "known and unknown names get the same page");
}

/// Its users do not call by themselves, so its address says nothing about them.
#[tokio::test]
async fn the_password_grant_counts_for_its_client_and_not_for_its_address() {
    let few = |settings: &mut Settings| settings.throttle.logins_per_address_per_minute = 5;
    for app in both_with(few).await {
        app.add_client(client("billing")).await;
        for name in ["a", "b", "c", "d", "e"] {
            assert_eq!(grant(&app, name, WRONG).await.status(), StatusCode::BAD_REQUEST);
        }
        refused(grant(&app, "f", WRONG).await).await;
        assert_eq!(app.login_status("f", WRONG).await, StatusCode::UNAUTHORIZED);
    }
}

/// Reported of several servers: people were locked out because a store was away.
#[tokio::test]
async fn a_failure_of_ours_counts_for_nobody() {
    let busy = |settings: &mut Settings| {
        limited(settings);
        settings.passwords.bcrypt_cost = 10;
        settings.passwords.workers = 1;
        settings.passwords.queue_limit = 1;
    };
    let app = spawn_app(Backend::Sqlite, busy).await;
    app.register("ada").await;
    let all = futures_util::future::join_all((0..40).map(|_| app.try_login("ada", PASSWORD))).await;
    let shed = all.iter().filter(|response| response.status() == StatusCode::SERVICE_UNAVAILABLE).count();
    assert!(shed > 10, "{shed}");
    assert!(all.iter().all(|response| response.status() != StatusCode::TOO_MANY_REQUESTS));
    app.login("ada").await;
}
