//! More logins than can be hashed, and callers who do not wait for the answer.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::StatusCode;
use shared_claims::testing::eventually;

use crate::helpers::{PASSWORD, TestApp, both_with};

/// Sends a login and hangs up after 50 ms, whatever has become of it.
async fn impatient_login(app: &TestApp, number: u32) {
    let name = format!("user{number}");
    let form = [("username", name.as_str()), ("password", PASSWORD)];
    let request = app.post("/auth/token").form(&form).timeout(Duration::from_millis(50));
    drop(request.send().await);
}

/// A thread works for a request to its end, also where nobody waits any more: otherwise callers who hang up would start more
/// work than the limit allows. Nothing else waits for it.
#[tokio::test]
async fn callers_who_hang_up_start_no_more_hashes_than_others() {
    let change = |settings: &mut auth_service::config::Settings| {
        settings.passwords.bcrypt_cost = 8;
        settings.passwords.workers = 2;
        settings.throttle.logins_per_address_per_minute = 10_000;
    };
    for app in both_with(change).await {
        let flood = async { join_all((0..200).map(|number| impatient_login(&app, number))).await };
        let others = async {
            let mut most = 0;
            for _ in 0..40 {
                most = most.max(app.metric("latchkey_password_hashes_running").await);
                for path in ["/healthz", "/.well-known/jwks.json"] {
                    assert_eq!(app.get(path).send().await.unwrap().status(), StatusCode::OK);
                }
            }
            most
        };
        let (_, most) = tokio::join!(flood, others);
        assert!((1..=2).contains(&most), "{most}");
        eventually("the pool is idle", Duration::from_secs(60), async || {
            let waiting = app.metric("latchkey_password_hashes_waiting").await;
            waiting + app.metric("latchkey_password_hashes_running").await == 0
        })
        .await;
        app.user("alice").await;
    }
}
