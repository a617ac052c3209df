//! Clients are told that somebody signed out (OpenID Connect Back-Channel Logout 1.0). R50.

use std::collections::BTreeSet;
use std::time::Duration;

use auth_service::domain::{Client, LOGOUT_TOKEN, LogoutUri, MessageState, QueuedMessage};
use auth_service::storage::queue::{self, MessageFilter};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::RunQueryDsl as _;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use reqwest::StatusCode;
use serde_json::{Value, json};
use service_kit::database::DatabaseError;
use shared_claims::clock::{Clock as _, SystemClock};
use shared_claims::testing::free_port;

use crate::helpers::clients::{basic, client, secret_of};
use crate::helpers::person::Person;
use crate::helpers::receiver::{Answer, Receiver};
use crate::helpers::sign_in::{claims, redeem, web1};
use crate::helpers::sign_out::{asks, hint, is_refused, logout};
use crate::helpers::{TestApp, both, claims_of};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Adds a client like `web1` that is told at this address.
async fn add(app: &TestApp, id: &str, uri: Option<&str>) {
    let backchannel_logout_uri = uri.map(|uri| LogoutUri::parse(uri).unwrap());
    app.add_client(Client { id: client(id).id, backchannel_logout_uri, ..web1() }).await;
}

/// Gets a code for a client in the browser, where somebody is signed in.
async fn code_for(person: &mut Person<'_>, client_id: &str) -> String {
    person.authorize(&[("client_id", client_id)]).await.code()
}

async fn list(app: &TestApp) -> Vec<QueuedMessage> {
    let now_ms = app.clock.now_ms();
    let listed = app.database.read(move |conn| queue::list(conn, &MessageFilter::default(), now_ms, 1_000));
    listed.await.unwrap()
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(20), waiting).await.is_ok(), "not in time: {what}");
}

/// Verifies a logout token with the published keys, as a client does (§2.6). Returns its claims.
async fn verified(app: &TestApp, token: &str, client_id: &str) -> Value {
    let keys: JwkSet = app.get("/.well-known/jwks.json").send().await.unwrap().json().await.unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    assert_eq!((header.typ.as_deref(), header.alg), (Some("logout+jwt"), Algorithm::RS256));
    let key = DecodingKey::from_jwk(keys.find(&header.kid.unwrap()).unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_exp = false;
    validation.set_audience(&[client_id]);
    validation.set_issuer(&["http://localhost:8000"]);
    let claims = jsonwebtoken::decode::<Value>(token, &key, &validation).unwrap().claims;
    let names: BTreeSet<_> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, BTreeSet::from(["aud", "events", "exp", "iat", "iss", "jti", "sid", "sub"]));
    assert_eq!(claims["aud"], client_id, "a text, not a list");
    assert_eq!(claims["events"], json!({ EVENT: {} }));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 120);
    claims
}

#[tokio::test]
async fn the_fast_client_is_told_before_the_answer_and_the_others_go_on_in_the_background() {
    for app in both().await {
        app.register("ada").await;
        let fast = Receiver::start(Answer::Status(204)).await;
        let asleep = Receiver::start(Answer::Never).await;
        let dead = format!("http://127.0.0.1:{}/out", free_port());
        for (id, uri) in [("fast", Some(fast.url())), ("asleep", Some(asleep.url())), ("dead", Some(dead))] {
            add(&app, id, uri.as_deref()).await;
        }
        add(&app, "silent", None).await;
        let mut ada = Person::new(&app);
        ada.sign_in_bare("ada").await;
        // One client redeems its code; the others were told of a code, which counts as well.
        let code = code_for(&mut ada, "fast").await;
        let (_, tokens) = redeem(&app, "fast", &code).await;
        for id in ["asleep", "dead", "silent"] {
            code_for(&mut ada, id).await;
        }
        let began_ms = SystemClock.boot_ms();
        let shown = ada.post("/logout", &[]).await;
        let took_ms = SystemClock.boot_ms() - began_ms;
        assert_eq!(shown.status, StatusCode::SEE_OTHER);
        assert!((1_900..3_500).contains(&took_ms), "{took_ms} ms");
        let received = fast.tokens();
        assert_eq!(received.len(), 1, "before the answer, and once");
        let told = verified(&app, &received[0], "fast").await;
        let id_claims = claims(&tokens["id_token"]);
        assert_eq!((&told["sub"], &told["sid"]), (&id_claims["sub"], &id_claims["sid"]));
        assert!(fast.received()[0].head.starts_with("POST /backchannel HTTP/1.1"));

        // The sleeping one is given up after five seconds, and both are tried again.
        until("both failed once", async || {
            list(&app).await.iter().all(|message| message.last_error.is_some())
        })
        .await;
        let waiting = list(&app).await;
        assert_eq!(
            waiting.iter().map(|message| message.receiver.as_str()).collect::<BTreeSet<_>>(),
            BTreeSet::from(["asleep", "dead"])
        );
        assert!(waiting.iter().all(|message| message.kind == LOGOUT_TOKEN));
        asleep.answer(Answer::Status(200));
        app.clock.advance_ms(10_000);
        asleep.until_received(2).await;
        let tries = asleep.tokens();
        let (first, second) =
            (verified(&app, &tries[0], "asleep").await, verified(&app, &tries[1], "asleep").await);
        assert_ne!(first["jti"], second["jti"], "each try has a token of its own");
        assert!(second["iat"].as_i64() >= first["iat"].as_i64().map(|iat| iat + 10));
        assert_eq!((&first["sub"], &first["sid"]), (&second["sub"], &second["sid"]));
        until("the dead one alone is left", async || list(&app).await.len() == 1).await;
        assert_ne!(list(&app).await[0].state(app.clock.now_ms()), MessageState::Failed);
        assert_eq!(fast.tokens().len(), 1);
    }
}

#[tokio::test]
async fn a_sign_out_waits_for_nobody_where_all_answer() {
    for app in both().await {
        app.register("ada").await;
        let receiver = Receiver::start(Answer::Status(400)).await;
        add(&app, "web1", Some(&receiver.url())).await;
        let mut ada = Person::new(&app);
        ada.sign_in_bare("ada").await;
        code_for(&mut ada, "web1").await;
        let began_ms = SystemClock.boot_ms();
        ada.post("/logout", &[]).await;
        assert!(SystemClock.boot_ms() - began_ms < 1_500);
        assert_eq!(receiver.tokens().len(), 1);
        // An answer that is not 2xx is a failure, which is tried again with a new token.
        receiver.answer(Answer::Status(200));
        app.clock.advance_ms(5_000);
        receiver.until_received(2).await;
        until("it is delivered", async || list(&app).await.is_empty()).await;
        let text = app.get("/metrics").send().await.unwrap().text().await.unwrap();
        for (outcome, count) in [("delivered", 1), ("retried", 1), ("given_up", 0)] {
            let line =
                format!(r#"latchkey_queue_tries_total{{kind="logout_token",outcome="{outcome}"}} {count}"#);
            assert!(text.contains(&line), "{line}");
        }
    }
}

/// Every way in which a session is ended, long after its access tokens expired.
#[tokio::test]
async fn each_end_of_a_session_is_told_and_its_idle_and_absolute_end_are_not() {
    for app in both().await {
        for name in ["ada", "bob", "cleo", "dora", "emil", "finn", "gina", "hugo"] {
            app.register(name).await;
        }
        let receiver = Receiver::start(Answer::Status(200)).await;
        add(&app, "web1", Some(&receiver.url())).await;
        let mut told = 0;
        let mut expect = async |sid: &str, what: &str| {
            told += 1;
            receiver.until_received(told).await;
            let tokens = receiver.tokens();
            assert_eq!(tokens.len(), told, "{what}");
            assert_eq!(claims_of(tokens.last().unwrap())["sid"], sid, "{what}");
        };
        let signed_in = async |name: &str| {
            let mut person = Person::new(&app);
            person.sign_in_bare(name).await;
            let code = code_for(&mut person, "web1").await;
            let (_, tokens) = redeem(&app, "web1", &code).await;
            let sid = claims(&tokens["id_token"])["sid"].as_str().unwrap().to_owned();
            app.clock.advance_ms(86_400_000);
            (person, tokens, sid)
        };

        let (_, _, sid) = signed_in("ada").await;
        let own = app.login("ada").await;
        assert_eq!(app.logout_all(&own.access).await.status(), StatusCode::NO_CONTENT);
        expect(&sid, "logout-all").await;

        let (_, _, sid) = signed_in("ada").await;
        let own = app.login("ada").await;
        let others = app.request(reqwest::Method::DELETE, "/auth/sessions").bearer_auth(&own.access);
        assert_eq!(others.send().await.unwrap().status(), StatusCode::NO_CONTENT);
        expect(&sid, "sign out everywhere else").await;

        let (_, tokens, sid) = signed_in("bob").await;
        let own = app.login("bob").await;
        let session = claims(&tokens["access_token"])["sid"].as_str().unwrap().to_owned();
        let ended = app.request(reqwest::Method::DELETE, &format!("/auth/sessions/{session}"));
        assert_eq!(ended.bearer_auth(&own.access).send().await.unwrap().status(), StatusCode::NO_CONTENT);
        expect(&sid, "one client's session").await;

        let (_, tokens, sid) = signed_in("bob").await;
        let own = app.login("bob").await;
        let browser = claims(&tokens["id_token"])["sid"].as_str().unwrap().to_owned();
        let ended = app.request(reqwest::Method::DELETE, &format!("/auth/sessions/{browser}"));
        assert_eq!(ended.bearer_auth(&own.access).send().await.unwrap().status(), StatusCode::NO_CONTENT);
        expect(&sid, "the browser session in the list").await;

        let (_, _, sid) = signed_in("hugo").await;
        let own = app.login("hugo").await;
        let disconnected = app.request(reqwest::Method::DELETE, "/auth/applications/web1");
        let answer = disconnected.bearer_auth(&own.access).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        expect(&sid, "disconnect").await;

        let (_, _, sid) = signed_in("cleo").await;
        app.change_password("cleo").await;
        expect(&sid, "a password change").await;

        let (_, _, sid) = signed_in("dora").await;
        app.disable("dora").await;
        expect(&sid, "a disabled user").await;

        let (_, _, sid) = signed_in("emil").await;
        app.delete_user("emil").await;
        expect(&sid, "a deleted user").await;

        // What a replica of an earlier release did: it notes no clients.
        let (mut finn, _, sid) = signed_in("finn").await;
        let forgot = app.database.write(|conn| {
            diesel::sql_query("UPDATE browser_sessions SET client_ids = ''").execute(conn)?;
            Ok::<_, DatabaseError>(())
        });
        forgot.await.unwrap();
        finn.sign_in_bare("gina").await;
        expect(&sid, "another user's sign-in").await;
        code_for(&mut finn, "web1").await;

        // The idle end of gina's session tells nobody, and neither does what happens to the user after it.
        app.clock.advance_ms(40 * 86_400_000);
        app.disable("gina").await;
        let (_, _, sid) = signed_in("finn").await;
        app.disable("finn").await;
        expect(&sid, "the end after the idle one").await;
    }
}

/// A client that stays connected is told all the same, and again when its own session is ended.
#[tokio::test]
async fn offline_access_is_told_of_the_sign_out_and_of_its_own_end() {
    for app in both().await {
        app.register("ada").await;
        let receiver = Receiver::start(Answer::Status(200)).await;
        add(&app, "web1", Some(&receiver.url())).await;
        let mut ada = Person::new(&app);
        ada.sign_in_bare("ada").await;
        let code = ada.authorize(&[("scope", "openid offline_access")]).await.code();
        let (_, tokens) = redeem(&app, "web1", &code).await;
        // A second session of the same client below the same browser session: it is told once.
        let code = ada.authorize(&[]).await.code();
        redeem(&app, "web1", &code).await;
        ada.post("/logout", &[]).await;
        assert_eq!(receiver.tokens().len(), 1);
        assert!(!is_refused(&app, "web1", &tokens).await, "it stays connected");
        let own = app.login("ada").await;
        app.logout_all(&own.access).await;
        receiver.until_received(2).await;
        let sids: BTreeSet<_> = receiver
            .tokens()
            .iter()
            .map(|token| claims_of(token)["sid"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(sids.len(), 1);
    }
}

#[tokio::test]
async fn a_client_that_is_gone_or_wants_it_no_more_is_not_told() {
    for app in both().await {
        app.register("ada").await;
        let dead = format!("http://127.0.0.1:{}/out", free_port());
        let receiver = Receiver::start(Answer::Status(200)).await;
        for id in ["web1", "web2"] {
            add(&app, id, Some(&dead)).await;
        }
        let mut ada = Person::new(&app);
        ada.sign_in_bare("ada").await;
        for id in ["web1", "web2"] {
            code_for(&mut ada, id).await;
        }
        ada.post("/logout", &[]).await;
        assert_eq!(list(&app).await.len(), 2);
        app.change_client("web1", |client| client.backchannel_logout_uri = None).await;
        // A corrected address counts for what waits.
        let uri = LogoutUri::parse(&receiver.url()).unwrap();
        app.change_client("web2", move |client| client.backchannel_logout_uri = Some(uri)).await;
        app.clock.advance_ms(10_000);
        until("nothing waits", async || list(&app).await.is_empty()).await;
        assert_eq!(receiver.tokens().len(), 1);
    }
}

/// Ours takes a logout token for nothing else.
#[tokio::test]
async fn a_logout_token_is_no_access_token_and_no_id_token() {
    for app in both().await {
        app.register("ada").await;
        let receiver = Receiver::start(Answer::Status(200)).await;
        add(&app, "web1", Some(&receiver.url())).await;
        let mut ada = Person::new(&app);
        ada.sign_in_bare("ada").await;
        let code = code_for(&mut ada, "web1").await;
        let (_, tokens) = redeem(&app, "web1", &code).await;
        ada.post("/logout", &[]).await;
        let token = receiver.tokens().remove(0);
        assert_ne!(token, hint(&tokens));
        assert!(!app.is_live(&token).await);
        let userinfo = app.get("/oauth2/userinfo").bearer_auth(&token).send().await.unwrap();
        assert_eq!(userinfo.status(), StatusCode::UNAUTHORIZED);
        let introspected = app
            .post("/oauth2/introspect")
            .header("Authorization", basic("web1", &secret_of("web1")))
            .form(&[("token", token.as_str())]);
        assert_eq!(
            introspected.send().await.unwrap().json::<Value>().await.unwrap(),
            json!({ "active": false })
        );
        ada.sign_in_bare("ada").await;
        assert!(
            asks(&ada.open(&logout(&[("id_token_hint", &token)])).await),
            "as a hint it counts for nothing"
        );
        let shown = ada.authorize(&[("id_token_hint", &token), ("prompt", "none")]).await;
        assert_eq!(shown.error(), "invalid_request");
        // Its header says what it is.
        let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&header).unwrap()["typ"], "logout+jwt");
    }
}
