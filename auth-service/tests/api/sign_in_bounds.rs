//! What one person, one client or a stranger can make grow at the sign-in.

use auth_service::domain::Client;
use auth_service::storage::{browser_sessions, sessions};
use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::Value;
use shared_claims::clock::Clock as _;
use shared_claims::scope::Scopes;
use uuid::Uuid;

use crate::helpers::clients::{basic, client, secret_of};
use crate::helpers::codes::{VERIFIER, id_of};
use crate::helpers::person::{Person, request};
use crate::helpers::{TestApp, both, both_with};

fn web1() -> Client {
    let scopes = Scopes::parse("openid offline_access").unwrap();
    Client { is_first_party: true, scopes, ..client("web1") }
}

async fn redeem(app: &TestApp, code: &str) -> Value {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", "https://app.example/cb"),
        ("code_verifier", VERIFIER),
    ];
    let request = app.client.post(format!("{}/oauth2/token", app.url)).form(&form);
    let response = request.header("Authorization", basic("web1", &secret_of("web1"))).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    response.json().await.unwrap()
}

async fn refreshes(app: &TestApp, tokens: &Value) -> bool {
    let form =
        [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
    let request = app.client.post(format!("{}/oauth2/token", app.url)).form(&form);
    let response = request.header("Authorization", basic("web1", &secret_of("web1"))).send().await.unwrap();
    response.status() == StatusCode::OK
}

/// The live browser sessions and the live sessions of clients of a user.
async fn live(app: &TestApp, user_id: Uuid) -> (usize, usize) {
    let now_ms = app.clock.now_ms();
    let counted = app.database.read(move |conn| {
        let browser = browser_sessions::live_of_user(conn, user_id, now_ms, 10_000)?.len();
        Ok::<_, service_kit::database::DatabaseError>((
            browser,
            sessions::live_of_user(conn, user_id, now_ms, 10_000)?.len(),
        ))
    });
    counted.await.unwrap()
}

#[tokio::test]
async fn a_client_has_ten_sessions_of_each_kind_below_one_browser_session() {
    for app in both_with(|settings| settings.throttle.enabled = false).await {
        let user_id = id_of(&app.register("ada").await);
        app.add_client(web1()).await;
        let mut ada = Person::new(&app);
        ada.sign_in_bare("ada").await;
        let mut given = Vec::new();
        for scope in ["openid", "openid offline_access"] {
            for _ in 0..12 {
                app.clock.advance_ms(1_000);
                given.push(redeem(&app, &ada.authorize(&[("scope", scope)]).await.code()).await);
            }
        }
        assert_eq!(live(&app, user_id).await, (1, 20));
        for (index, tokens) in given.iter().enumerate() {
            assert_eq!(
                refreshes(&app, tokens).await,
                index % 12 >= 2,
                "session {index}: the oldest give way"
            );
        }
    }
}

#[tokio::test]
async fn a_browser_session_counts_as_one_with_everything_below_it() {
    for app in both_with(|settings| settings.sessions.max_per_user = 3).await {
        let user_id = id_of(&app.register("ada").await);
        app.add_client(web1()).await;
        let mut browsers = Vec::new();
        for _ in 0..3 {
            app.clock.advance_ms(1_000);
            let mut ada = Person::new(&app);
            ada.sign_in_bare("ada").await;
            for _ in 0..3 {
                redeem(&app, &ada.authorize(&[]).await.code()).await;
            }
            browsers.push(ada);
        }
        assert_eq!(live(&app, user_id).await, (3, 9));
        app.clock.advance_ms(1_000);
        app.login("ada").await;
        assert_eq!(live(&app, user_id).await, (2, 7), "the browser that was unused for longest gave way");
        assert!(browsers[0].open("/account").await.location.as_deref() == Some("/login"));
        assert_eq!(browsers[1].open("/account").await.status, StatusCode::OK);
    }
}

/// A page that asks for a code again and again, without ever redeeming one, keeps the newest hundred.
#[tokio::test]
async fn codes_that_nobody_redeems_are_bounded_in_a_browser_session() {
    for app in both_with(|settings| settings.throttle.enabled = false).await {
        app.register("ada").await;
        app.add_client(web1()).await;
        let mut ada = Person::new(&app);
        ada.sign_in_bare("ada").await;
        let mut codes = Vec::new();
        for _ in 0..103 {
            app.clock.advance_ms(1);
            codes.push(ada.authorize(&[]).await.code());
        }
        assert_eq!(crate::month::sizes::rows(&app.database, "authorization_codes").await, 100);
        for (number, code) in codes.iter().enumerate() {
            if [0, 2, 3, 102].contains(&number) {
                let (status, _) = crate::helpers::sign_in::redeem(&app, "web1", code).await;
                assert_eq!(status.is_success(), number > 2, "{number}");
            }
        }
    }
}

#[tokio::test]
async fn requests_that_nobody_finishes_leave_nothing_behind() {
    for app in both().await {
        app.register("ada").await;
        app.add_client(web1()).await;
        let path = format!("{}/oauth2/authorize?{}", app.url, request(&[]));
        let rows = async || {
            let tables = ["browser_sessions", "authorization_codes", "sessions", "consents", "audit_events"];
            let mut counts = Vec::new();
            for table in tables {
                counts.push(crate::month::sizes::rows(&app.database, table).await);
            }
            counts
        };
        let before = rows().await;
        for _ in 0..100 {
            let all = (0..100).map(|_| app.client.get(&path).send());
            for response in join_all(all).await {
                assert_eq!(response.unwrap().status(), StatusCode::SEE_OTHER);
            }
        }
        assert_eq!(rows().await, before);
    }
}

/// A scanner that only looks at the headers must not use anything up.
#[tokio::test]
async fn head_stores_nothing() {
    for app in both().await {
        app.register("ada").await;
        app.add_client(web1()).await;
        let mut ada = Person::new(&app);
        let form = ada.authorize(&[]).await;
        ada.sign_in(&form, "ada").await;
        let codes = async || crate::month::sizes::rows(&app.database, "authorization_codes").await;
        let before = codes().await;
        let cookie = ada.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
        for path in
            [format!("/oauth2/authorize?{}", request(&[])), format!("/login?request={}", form.request())]
        {
            let head = app.client.head(format!("{}{path}", app.url)).header("cookie", cookie.join("; "));
            let response = head.send().await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            assert!(response.headers().contains_key("content-security-policy"));
        }
        assert_eq!(codes().await, before);
        assert!(!ada.authorize(&[]).await.code().is_empty(), "still signed in");
    }
}

#[tokio::test]
async fn huge_parameters_are_a_clear_error() {
    for app in both().await {
        app.add_client(web1()).await;
        let huge = "x".repeat(60_000);
        for changes in [[("state", huge.as_str())], [("login_hint", &huge)], [("claims", &huge)]] {
            let get = app.client.get(format!("{}/oauth2/authorize?{}", app.url, request(&changes)));
            let status = get.send().await.unwrap().status();
            assert!(status.is_client_error(), "{status}");
            let post = app.client.post(format!("{}/oauth2/authorize", app.url)).body(request(&changes));
            let post = post.header("content-type", "application/x-www-form-urlencoded");
            assert_eq!(post.send().await.unwrap().status(), StatusCode::BAD_REQUEST);
        }
        let get = app.client.get(format!("{}/login?request={}", app.url, "A".repeat(20_000)));
        assert_eq!(get.send().await.unwrap().status(), StatusCode::OK);
    }
}
