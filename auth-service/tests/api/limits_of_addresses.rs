//! Whose address a login counts for, and what a caller sees of its limit.

use auth_service::config::Settings;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};

use crate::helpers::clients::{client, public_client};
use crate::helpers::person::OWN_ORIGIN;
use crate::helpers::{PASSWORD, TestApp, both_with};

const ONE: &str = "198.51.100.1";

/// The limits that stand by default.
fn limited(settings: &mut Settings) {
    settings.throttle.logins_per_address_per_minute = 30;
    settings.throttle.failures_per_name = 10;
}

fn behind_a_proxy(settings: &mut Settings) {
    limited(settings);
    settings.http.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
}

async fn login(app: &TestApp, forwarded: &str, name: &str, password: &str) -> Response {
    let form = [("username", name), ("password", password)];
    app.post("/auth/token").form(&form).header("X-Forwarded-For", forwarded).send().await.unwrap()
}

async fn guess(app: &TestApp, forwarded: &str, name: &str) -> StatusCode {
    login(app, forwarded, name, "a wrong password").await.status()
}

/// One password over many names: each failure is another account's, and all of them the address's.
async fn spray(app: &TestApp, forwarded: impl Fn(u32) -> String) {
    for number in 0..30 {
        let status = guess(app, &forwarded(number), &format!("user{number}")).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{number}");
    }
    let refused = login(app, &forwarded(30), "user30", "a wrong password").await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers()[RETRY_AFTER], "2");
}

#[tokio::test]
async fn one_password_over_many_names_ends_at_the_limit_of_the_address() {
    for app in both_with(behind_a_proxy).await {
        app.register("alice").await;
        spray(&app, |_| ONE.to_owned()).await;
        let right = login(&app, ONE, "alice", PASSWORD).await;
        assert_eq!(right.status(), StatusCode::TOO_MANY_REQUESTS, "right or wrong alike");
        assert_eq!(login(&app, "198.51.100.2", "alice", PASSWORD).await.status(), StatusCode::OK);
        app.clock.advance_ms(2_000);
        assert_eq!(login(&app, ONE, "alice", PASSWORD).await.status(), StatusCode::OK);
    }
}

/// A hundred addresses have a hundred budgets, and an account has one.
#[tokio::test]
async fn from_many_addresses_the_budget_of_each_account_holds() {
    for app in both_with(behind_a_proxy).await {
        app.register("alice").await;
        for name in ["alice", "nobody"] {
            let mut judged = 0;
            for number in 0..100 {
                match guess(&app, &format!("203.0.113.{number}"), name).await {
                    StatusCode::UNAUTHORIZED => judged += 1,
                    status => assert_eq!(status, StatusCode::TOO_MANY_REQUESTS),
                }
            }
            assert_eq!(judged, 10, "{name}");
        }
    }
}

/// B6: without a trusted proxy the header is what anybody may write.
#[tokio::test]
async fn a_caller_does_not_choose_its_address() {
    for app in both_with(limited).await {
        spray(&app, |number| format!("203.0.113.{number}")).await;
    }
    // The proxy appends the address that it sees. What stands before it was sent by the caller.
    for app in both_with(behind_a_proxy).await {
        spray(&app, |number| format!("203.0.113.{number}, {ONE}")).await;
        assert_eq!(guess(&app, "198.51.100.2", "user").await, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn the_addresses_of_a_64_share_a_budget_and_a_mapped_address_is_ipv4() {
    for app in both_with(behind_a_proxy).await {
        spray(&app, |number| format!("2001:db8:0:1:{number:x}::{number:x}")).await;
        assert_eq!(guess(&app, "2001:db8:0:2::1", "user").await, StatusCode::UNAUTHORIZED);
        spray(&app, |number| if number % 2 == 0 { ONE.to_owned() } else { format!("::ffff:{ONE}") }).await;
    }
}

/// The values of `RateLimit-Policy` and `RateLimit`.
fn rate_limit(headers: &HeaderMap) -> Option<[&str; 2]> {
    let value = |name: &str| headers.get(name).map(|value| value.to_str().unwrap());
    let [policy, limit] = [value("ratelimit-policy"), value("ratelimit")];
    assert_eq!(policy.is_some(), limit.is_some());
    Some([policy?, limit?])
}

#[tokio::test]
async fn a_caller_sees_what_is_left_of_the_budget_of_its_address() {
    let policy = "\"login\";q=30;w=60";
    for app in both_with(behind_a_proxy).await {
        app.register("alice").await;
        let seen = async |name: &str, password: &str| {
            let response = login(&app, ONE, name, password).await;
            let [policy, limit] = rate_limit(response.headers()).unwrap();
            (response.status().as_u16(), policy.to_owned(), limit.to_owned())
        };
        let is = |status: u16, limit: &str| (status, policy.to_owned(), limit.to_owned());
        assert_eq!(seen("alice", "wrong").await, is(401, "\"login\";r=29;t=2"));
        assert_eq!(seen("nobody", "wrong").await, is(401, "\"login\";r=28;t=4"));
        assert_eq!(seen("alice", PASSWORD).await, is(200, "\"login\";r=28;t=4"));
    }
}

#[tokio::test]
async fn all_places_that_judge_a_password_say_what_is_left() {
    for app in both_with(limited).await {
        let token = app.user("alice").await.access;
        let json = serde_json::json!({ "username": "alice", "password": "wrong" });
        let page = [("username", "alice"), ("password", "wrong")];
        let change = serde_json::json!({ "current_password": "wrong", "new_password": "x" });
        let email = serde_json::json!({ "email": "a@example.org", "password": "wrong" });
        for (left, request) in [
            (29, app.post("/auth/login").json(&json)),
            (28, app.post("/login").form(&page).header("Origin", OWN_ORIGIN)),
            (27, app.post("/auth/password").bearer_auth(&token).json(&change)),
            (26, app.post("/auth/email").bearer_auth(&token).json(&email)),
        ] {
            let response = request.send().await.unwrap();
            let [_, limit] = rate_limit(response.headers()).unwrap();
            assert!(limit.starts_with(&format!("\"login\";r={left};")), "{limit}");
        }
        // Where nothing was judged there is nothing to say.
        let missing = app.post_token(&[("username", "alice")]).await;
        assert_eq!(missing.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(rate_limit(missing.headers()), None);
        assert_eq!(rate_limit(app.me(&token).await.headers()), None);
        let origin = "http://localhost:5173";
        let form = [("username", "alice"), ("password", PASSWORD)];
        let response = app.post("/auth/token").form(&form).header("Origin", origin).send().await.unwrap();
        let exposed = response.headers()["access-control-expose-headers"].to_str().unwrap();
        assert!(exposed.contains("ratelimit, ratelimit-policy"), "{exposed}");
    }
}

#[tokio::test]
async fn a_caller_who_is_refused_sees_why() {
    for app in both_with(behind_a_proxy).await {
        spray(&app, |_| ONE.to_owned()).await;
        let refused = login(&app, ONE, "another", "wrong").await;
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        let [_, limit] = rate_limit(refused.headers()).unwrap();
        assert_eq!(limit, "\"login\";r=0;t=60");
    }
}

/// The budget of the password grant is its client's: what is left of it would tell what its other users do.
#[tokio::test]
async fn the_password_grant_of_a_client_says_nothing() {
    for app in both_with(limited).await {
        app.register("alice").await;
        app.add_client(client("mobile")).await;
        app.add_client(public_client("app")).await;
        for password in [PASSWORD, "wrong"] {
            let form = [("grant_type", "password"), ("username", "alice"), ("password", password)];
            let response = app.grant_to("mobile", &form).await;
            assert_eq!(rate_limit(response.headers()), None);
            let form = [("client_id", "app")].into_iter().chain(form).collect::<Vec<_>>();
            let response = app.post("/oauth2/token").form(&form).send().await.unwrap();
            assert_eq!(rate_limit(response.headers()), None);
        }
    }
}
