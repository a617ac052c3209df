//! B10: a code can be redeemed once, by its client, with the PKCE verifier. The pages that issue codes do not exist
//! yet.

use auth_service::domain::{Client, EndReason};
use auth_service::storage::{authorization_codes, sessions, users};
use auth_service::tokens::{AccessRequest, CodeOutcome, ExceedsGrant};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use shared_claims::clock::Clock as _;
use shared_claims::scope::Scopes;

use crate::helpers::clients::{REDIRECT, client, public_client, refusal};
use crate::helpers::codes::{VERIFIER, id_of};
use crate::helpers::{TestApp, Tokens, both, both_with, claims_of};

fn invalid_grant() -> (u16, String) {
    (400, "invalid_grant".to_owned())
}

async fn redeem_with(app: &TestApp, form: &[(&str, &str)]) -> Response {
    app.grant_to_public("spa", &[&[("grant_type", "authorization_code")], form].concat()).await
}

async fn redeem(app: &TestApp, code: &str) -> Response {
    redeem_with(app, &[("code", code), ("redirect_uri", REDIRECT), ("code_verifier", VERIFIER)]).await
}

async fn refresh(app: &TestApp, token: &str) -> Response {
    app.grant_to_public("spa", &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
}

async fn spa_and_alice(app: &TestApp) -> Value {
    app.add_client(public_client("spa")).await;
    app.register("alice").await
}

#[tokio::test]
async fn a_code_starts_a_session_with_the_access_of_the_consent() {
    for app in both().await {
        let alice = spa_and_alice(&app).await;
        let mut consent = app.consent("alice", "spa").await;
        consent.access =
            AccessRequest { scope: Some(Scopes::parse("openid todos:read").unwrap()), resources: Vec::new() };
        let code = app.code(consent).await;
        assert!(code.starts_with("lkc_"));
        let form = [
            ("code", &*code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
            ("resource", "todo-service"),
        ];
        let response = redeem_with(&app, &form).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["cache-control"], "no-store");
        let answer: Value = response.json().await.unwrap();
        assert_eq!(
            (&answer["scope"], &answer["token_type"]),
            (&json!("openid todos:read"), &json!("Bearer"))
        );
        let claims = claims_of(answer["access_token"].as_str().unwrap());
        assert_eq!((&claims["sub"], &claims["client_id"]), (&alice["id"], &json!("spa")));
        assert_eq!(claims["aud"], json!(["todo-service", "http://localhost:8000"]), "openid: the issuer too");
        assert_eq!(claims["auth_time"].as_i64().unwrap() + 5, claims["iat"].as_i64().unwrap());
        assert_eq!((&claims["amr"], &claims["username"]), (&json!(["pwd"]), &json!("alice")));

        // The resource parameter narrowed this access token only.
        let next: Value =
            refresh(&app, answer["refresh_token"].as_str().unwrap()).await.json().await.unwrap();
        let next = claims_of(next["access_token"].as_str().unwrap());
        assert_eq!(next["aud"], json!(["todo-service", "https://notes.example", "http://localhost:8000"]));
        assert_eq!((&next["sid"], &next["scope"]), (&claims["sid"], &json!("openid todos:read")));
    }
}

/// B10: an expired code, another client, another redirect URI, a wrong or missing verifier, a verifier without a
/// challenge, and the method `plain`.
#[tokio::test]
async fn only_a_correct_request_redeems_and_a_wrong_one_consumes_nothing() {
    for app in both().await {
        spa_and_alice(&app).await;
        app.add_client(public_client("other")).await;
        let code = app.code(app.consent("alice", "spa").await).await;
        let (redirect, verifier) = (("redirect_uri", REDIRECT), ("code_verifier", VERIFIER));
        let code_parameter = ("code", &*code);
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        for (why, form) in [
            (
                "unknown",
                vec![("code", "lkc_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), redirect, verifier],
            ),
            ("garbage", vec![("code", "x"), redirect, verifier]),
            ("no verifier", vec![code_parameter, redirect]),
            ("plain", vec![code_parameter, redirect, ("code_verifier", challenge)]),
            ("wrong", vec![code_parameter, redirect, ("code_verifier", &VERIFIER[1..])]),
            ("no address", vec![code_parameter, verifier]),
        ] {
            assert_eq!(refusal(redeem_with(&app, &form).await).await, invalid_grant(), "{why}");
        }
        // B11: the redirect URI must be exactly the same text.
        for address in [
            "https://app.example/cb/",
            "https://app.example/c",
            "https://app.example/cb?x=1",
            "https://app.example/cb#f",
            "https://app.example/a/../cb",
            "https://app.example/%63b",
            "https://App.example/cb",
            "https://app.example:443/cb",
            "https://app.example@evil.example/cb",
            "https://app.example\\cb",
            "https://app.example/cb\t",
            "http://localhost.evil/cb",
            "javascript:alert(1)",
        ] {
            let form = [code_parameter, ("redirect_uri", address), verifier];
            assert_eq!(refusal(redeem_with(&app, &form).await).await, invalid_grant(), "{address:?}");
        }
        let form = [("grant_type", "authorization_code"), code_parameter, redirect, verifier];
        assert_eq!(refusal(app.grant_to_public("other", &form).await).await, invalid_grant());
        let wider = [code_parameter, redirect, verifier, ("resource", "https://evil.example")];
        assert_eq!(refusal(redeem_with(&app, &wider).await).await, (400, "invalid_target".to_owned()));
        let missing = redeem_with(&app, &[redirect, verifier]).await;
        assert_eq!(refusal(missing).await, (400, "invalid_request".to_owned()));
        assert_eq!(redeem(&app, &code).await.status(), StatusCode::OK, "no refusal consumed the code");

        let late = app.code(app.consent("alice", "spa").await).await;
        app.clock.advance_ms(60_000);
        assert_eq!(refusal(redeem(&app, &late).await).await, invalid_grant());
    }
}

#[tokio::test]
async fn only_confidential_clients_that_may_omit_pkce_do_so() {
    for app in both().await {
        spa_and_alice(&app).await;
        app.add_client(Client { pkce_optional: true, ..client("old") }).await;
        app.add_client(client("new")).await;
        let code = async |client_id: &str| {
            let mut consent = app.consent("alice", client_id).await;
            consent.challenge = None;
            app.code(consent).await
        };
        let form = |code: &str, verifier: Option<&str>| {
            let form = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", REDIRECT)];
            let form = form.into_iter().chain(verifier.map(|verifier| ("code_verifier", verifier)));
            form.map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<Vec<_>>()
        };
        let send = async |client_id: &str, form: Vec<(String, String)>| {
            let form: Vec<_> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            app.grant_to(client_id, &form).await
        };
        let old = code("old").await;
        let downgraded = send("old", form(&old, Some(VERIFIER))).await;
        assert_eq!(refusal(downgraded).await, invalid_grant(), "a verifier without a challenge");
        assert_eq!(send("old", form(&old, None)).await.status(), StatusCode::OK);
        let new = code("new").await;
        assert_eq!(refusal(send("new", form(&new, None)).await).await, invalid_grant());
        let public = code("spa").await;
        let without = [("code", &*public), ("redirect_uri", REDIRECT)];
        assert_eq!(refusal(redeem_with(&app, &without).await).await, invalid_grant());
    }
}

/// B10: a reused code, and what its reuse ends.
#[tokio::test]
async fn a_second_redemption_ends_the_session_of_the_first() {
    for app in both().await {
        spa_and_alice(&app).await;
        let other = app.login("alice").await;
        let code = app.code(app.consent("alice", "spa").await).await;
        let first = Tokens::of(redeem(&app, &code).await).await;
        let refreshed = Tokens::of(refresh(&app, &first.refresh).await).await;
        // Another client that presents the code learns nothing and ends nothing.
        app.add_client(public_client("other")).await;
        let form = [("grant_type", "authorization_code"), ("code", &*code), ("redirect_uri", REDIRECT)];
        assert_eq!(refusal(app.grant_to_public("other", &form).await).await, invalid_grant());
        assert!(app.facts().await.is_empty());

        assert_eq!(refusal(redeem(&app, &code).await).await, invalid_grant());
        assert_eq!(refusal(refresh(&app, &refreshed.refresh).await).await, invalid_grant());
        let facts = app.facts().await;
        assert_eq!(facts.len(), 1);
        assert_eq!((&facts[0]["kind"], &facts[0]["id"]), (&json!("sid"), &claims_of(&first.access)["sid"]));
        assert!(app.is_live(&other.access).await);
        let events = app.audit_rows().await;
        let reused: Vec<_> = events.iter().filter(|event| event.kind == "code.reused").collect();
        assert_eq!(reused.len(), 1);
        assert_eq!(
            (reused[0].client_id.as_deref(), reused[0].reason.as_deref()),
            (Some("spa"), Some("code_reuse"))
        );
        assert_eq!(refusal(redeem(&app, &code).await).await, invalid_grant(), "and again");
        assert_eq!(app.facts().await.len(), 1);
    }
}

/// B10: fifty redemptions in parallel.
#[tokio::test]
async fn of_fifty_concurrent_redemptions_one_succeeds_and_its_session_is_ended() {
    for app in both().await {
        let alice = id_of(&spa_and_alice(&app).await);
        let code = app.code(app.consent("alice", "spa").await).await;
        let all = futures_util::future::join_all((0..50).map(|_| redeem(&app, &code))).await;
        let count = |status| all.iter().filter(|response| response.status() == status).count();
        assert_eq!((count(StatusCode::OK), count(StatusCode::BAD_REQUEST)), (1, 49));
        let winner = all.into_iter().find(|response| response.status() == StatusCode::OK).unwrap();
        let winner = Tokens::of(winner).await;
        assert_eq!(refusal(refresh(&app, &winner.refresh).await).await, invalid_grant());
        let facts = app.facts().await;
        assert_eq!(facts.len(), 1, "{facts:?}");
        assert_eq!(facts[0]["id"], claims_of(&winner.access)["sid"]);
        let live = app
            .database
            .read(move |conn| sessions::some_of_user(conn, alice, crate::helpers::START_MS, None, 1000));
        assert!(live.await.unwrap().is_empty(), "there was one session, and it has ended");
    }
}

/// B13: changes between the consent and the redemption.
#[tokio::test]
async fn a_code_is_invalid_after_a_change_of_password_user_or_client() {
    for app in both().await {
        let alice = id_of(&spa_and_alice(&app).await);
        let code = app.code(app.consent("alice", "spa").await).await;
        let changed = app.database.write(move |conn| {
            let locked = users::lock(conn, alice)?.unwrap();
            users::set_password(conn, alice, &locked.hash, 1)?;
            sessions::end_all_of_user(conn, alice, EndReason::Administration, 1)
        });
        changed.await.unwrap();
        assert_eq!(refusal(redeem(&app, &code).await).await, invalid_grant(), "another password");

        let code = app.code(app.consent("alice", "spa").await).await;
        app.change_client("spa", |client| client.is_active = false).await;
        assert_eq!(refusal(redeem(&app, &code).await).await, (401, "invalid_client".to_owned()));
        let refused = app.no_code(app.consent("alice", "spa").await).await;
        assert!(matches!(refused, CodeOutcome::ClientEnded), "{refused:?}");
        app.change_client("spa", |client| client.is_active = true).await;

        let mut stale = app.consent("alice", "spa").await;
        stale.version -= 1;
        assert!(matches!(app.no_code(stale).await, CodeOutcome::CredentialsChanged));
        let mut wider = app.consent("alice", "spa").await;
        wider.access.scope = Some(Scopes::parse("admin").unwrap());
        assert!(matches!(app.no_code(wider).await, CodeOutcome::ExceedsGrant(ExceedsGrant::Scope)));

        let code = app.code(app.consent("alice", "spa").await).await;
        let disabled = app.database.write(move |conn| {
            users::lock(conn, alice)?;
            users::set_active(conn, alice, false, 1)
        });
        disabled.await.unwrap();
        assert_eq!(refusal(redeem(&app, &code).await).await, invalid_grant(), "switched off");
    }
}

/// Unredeemed codes of a user are replaced by new ones, but not by those of another user.
#[tokio::test]
async fn only_the_newest_hundred_unredeemed_codes_are_kept() {
    for app in both().await {
        spa_and_alice(&app).await;
        app.register("bob").await;
        let of_bob = app.code(app.consent("bob", "spa").await).await;
        let codes = app.codes(&app.consent("alice", "spa").await, 103).await;
        for (number, code) in codes.iter().enumerate() {
            // Only as many codes as may be redeemed in a minute.
            if [0, 2, 3, 102].contains(&number) {
                let answer = redeem(&app, code).await;
                assert_eq!(answer.status().is_success(), number > 2, "{number}");
            }
        }
        assert_eq!(redeem(&app, &of_bob).await.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn redemptions_of_a_user_per_minute_are_limited() {
    for app in both_with(|settings| settings.throttle.codes_per_user_per_minute = 3).await {
        spa_and_alice(&app).await;
        app.register("bob").await;
        let codes = app.codes(&app.consent("alice", "spa").await, 5).await;
        for code in &codes[..3] {
            assert_eq!(redeem(&app, code).await.status(), StatusCode::OK);
            app.clock.advance_ms(10_000);
        }
        let refused = redeem(&app, &codes[3]).await;
        assert_eq!(refused.headers()["retry-after"], "30");
        assert_eq!(refusal(refused).await, (429, "temporarily_unavailable".to_owned()));
        let of_bob = app.code(app.consent("bob", "spa").await).await;
        assert_eq!(redeem(&app, &of_bob).await.status(), StatusCode::OK);
        // When the first redemption is a minute old, exactly one more is allowed.
        app.clock.advance_ms(29_000);
        let codes = app.codes(&app.consent("alice", "spa").await, 2).await;
        assert_eq!(redeem(&app, &codes[0]).await.status(), StatusCode::TOO_MANY_REQUESTS);
        app.clock.advance_ms(1_000);
        assert_eq!(redeem(&app, &codes[0]).await.status(), StatusCode::OK, "the refusal consumed nothing");
        assert_eq!(redeem(&app, &codes[1]).await.status(), StatusCode::TOO_MANY_REQUESTS);
    }
}

/// An unredeemed code is deleted when it expires. A redeemed one is kept for a day.
#[tokio::test]
async fn old_codes_are_deleted() {
    for app in both().await {
        spa_and_alice(&app).await;
        let codes = app.codes(&app.consent("alice", "spa").await, 2).await;
        assert_eq!(redeem(&app, &codes[0]).await.status(), StatusCode::OK);
        let end_ms = app.clock.now_ms() + 60_000;
        let prune = async |unused_before_ms, used_before_ms| {
            let pruned = app
                .database
                .write(move |conn| authorization_codes::prune(conn, unused_before_ms, used_before_ms, 10));
            pruned.await.unwrap()
        };
        assert_eq!(prune(end_ms - 10, end_ms - 86_400_000).await, 0);
        assert_eq!(prune(end_ms + 10, end_ms - 86_400_000).await, 1);
        app.clock.advance_ms(3_600_000);
        assert_eq!(refusal(redeem(&app, &codes[0]).await).await, invalid_grant(), "the reuse is detected");
        assert_eq!(prune(end_ms + 86_400_010, end_ms + 10).await, 1);
    }
}
