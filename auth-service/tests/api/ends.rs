//! What ends when: drives the table of `docs/sessions.md`, on both databases.

use std::time::Duration;

use auth_service::domain::{Client, LogoutUri, RoleNames};
use auth_service::random::Random;
use auth_service::storage::UnitOfWork;
use auth_service::storage::queue::{self, MessageFilter};
use diesel::RunQueryDsl as _;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use service_kit::database::DatabaseError;
use shared_claims::clock::{Clock as _, SharedClock};
use shared_claims::revocation::{RevocationFact, RevocationKind};
use shared_claims::scope::Scopes;
use shared_claims::testing::eventually;

use crate::helpers::clients::{basic, client, secret_of};
use crate::helpers::person::Person;
use crate::helpers::receiver::{Answer, Receiver};
use crate::helpers::sign_in::{claims, redeem, refresh};
use crate::helpers::sign_out::{asks, hint, is_signed_out_page, logout, press};
use crate::helpers::{PASSWORD, TestApp, Tokens, both_with, claims_of};

const TABLE: &str = include_str!("../../../docs/sessions.md");
const DAY_MS: u64 = 86_400_000;

/// The rows of the table: the event, and what becomes of each thing.
fn rows() -> Vec<(&'static str, Vec<&'static str>)> {
    let lines = TABLE.lines().skip_while(|line| !line.starts_with("| event |"));
    let rows = lines.skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let mut cells = row.trim_matches('|').split('|').map(str::trim);
        (cells.next().unwrap(), cells.collect())
    })
    .collect()
}

/// What a person has before the event.
struct Before<'a> {
    app: &'a TestApp,
    receiver: &'a Receiver,
    name: String,
    /// The browser, and what the application `web1` got there.
    browser: Person<'a>,
    redeemed: String,
    bound: Value,
    offline: Value,
    pending: String,
    another: Person<'a>,
    front_end: Tokens,
}

impl<'a> Before<'a> {
    async fn set_up(app: &'a TestApp, receiver: &'a Receiver, name: String) -> Self {
        app.verified(&name, &format!("{name}@example.org")).await;
        app.set_roles(&name, "editor").await;
        let mut browser = Person::new(app);
        let form = browser.authorize(&[]).await;
        let redeemed = browser.sign_in(&form, &name).await.code();
        let (status, bound) = redeem(app, "web1", &redeemed).await;
        assert_eq!(status, StatusCode::OK, "{bound}");
        app.clock.advance_ms(1_000);
        let code = browser.authorize(&[("scope", "openid offline_access")]).await.code();
        let (status, offline) = redeem(app, "web1", &code).await;
        assert_eq!(status, StatusCode::OK, "{offline}");
        let pending = browser.authorize(&[]).await.code();
        app.clock.advance_ms(1_000);
        let mut another = Person::new(app);
        another.sign_in_bare(&name).await;
        assert_eq!(another.open("/account").await.status, StatusCode::OK);
        app.clock.advance_ms(1_000);
        let front_end = app.login(&name).await;
        app.clock.advance_ms(1_000);
        Self { app, receiver, name, browser, redeemed, bound, offline, pending, another, front_end }
    }

    fn sid(&self) -> String {
        claims(&self.bound["id_token"])["sid"].as_str().unwrap().to_owned()
    }

    fn user_id(&self) -> String {
        claims(&self.bound["id_token"])["sub"].as_str().unwrap().to_owned()
    }

    async fn delete(&self, path: &str) {
        let request = self.app.request(Method::DELETE, path).bearer_auth(&self.front_end.access);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::NO_CONTENT, "{path}");
    }

    /// Makes the event of a row happen.
    async fn happens(&mut self, event: &str) {
        let (app, name) = (self.app, self.name.clone());
        match event {
            "sign out on the page" => {
                assert_eq!(self.browser.copy().post("/logout", &[]).await.status, StatusCode::SEE_OTHER);
            }
            "sign out by the application, with its `id_token_hint`" => {
                let shown = self.browser.copy().open(&logout(&[("id_token_hint", hint(&self.bound))])).await;
                assert!(self.browser.copy().follow(shown).await.is_page("You are signed out"));
            }
            "sign out by the application, without a hint" => {
                let mut browser = self.browser.copy();
                let shown = browser.open(&logout(&[("client_id", "web1")])).await;
                let page = browser.follow(shown).await;
                assert!(asks(&page), "{}", page.html);
                let done = press(&mut browser, &page).await;
                assert!(is_signed_out_page(&browser.follow(done).await));
            }
            "another person signs in in the browser" => {
                let other = format!("{name}-guest");
                app.register(&other).await;
                self.browser.copy().sign_in_bare(&other).await;
            }
            "the same person signs in again in the browser" => self.browser.sign_in_bare(&name).await,
            "the browser's session is ended in the list" => {
                self.delete(&format!("/auth/sessions/{}", self.sid())).await;
            }
            "the client's session is ended in the list" => {
                let sid = claims(&self.bound["access_token"])["sid"].as_str().unwrap().to_owned();
                self.delete(&format!("/auth/sessions/{sid}")).await;
            }
            "the application is disconnected" => self.delete("/auth/applications/web1").await,
            "sign out everywhere else, from the front end" => self.delete("/auth/sessions").await,
            "`POST /auth/logout-all`" => {
                let response = app.logout_all(&self.front_end.access).await;
                assert_eq!(response.status(), StatusCode::NO_CONTENT);
            }
            "`POST /auth/logout` of the front end" => {
                let response = app.logout(&self.front_end.access).await;
                assert_eq!(response.status(), StatusCode::NO_CONTENT);
            }
            "the password is changed on the page" => {
                let copy = self.browser.copy();
                let new = "a different horse with other staples";
                let fields = [("current_password", PASSWORD), ("new_password", new)];
                let shown = self.browser.post("/account/security", &fields).await;
                assert_eq!(shown.status, StatusCode::SEE_OTHER, "{}", shown.html);
                // B25: a copy of the cookie that made the change names nobody.
                assert_eq!(copy.copy().open("/account").await.status, StatusCode::SEE_OTHER);
            }
            "the password is changed from the front end" => {
                let new = "a different horse with other staples";
                let body = json!({ "current_password": PASSWORD, "new_password": new });
                let request = app.post("/auth/password").bearer_auth(&self.front_end.access).json(&body);
                assert_eq!(request.send().await.unwrap().status(), StatusCode::NO_CONTENT);
            }
            "the password is set with a mailed link" => {
                app.forgot(&name).await;
                let token = app.last_token(&format!("{name}@example.org")).await;
                let status = app.reset(&token, "a different horse with other staples").await;
                assert_eq!(status, StatusCode::NO_CONTENT);
            }
            "the password is changed by an operator" => app.change_password(&name).await,
            "`users revoke-tokens`" => {
                app.administration().revoke_tokens(&name).await.unwrap().unwrap();
            }
            "the user is disabled" => app.disable(&name).await,
            "the user is deleted" => app.delete_user(&name).await,
            "a role is taken away" => {
                let none = RoleNames::parse("").unwrap();
                app.administration().set_roles(&name, none).await.unwrap().unwrap();
            }
            "a replica of an older release changes the password" => {
                self.older_release_changes_password().await;
            }
            "the application revokes its refresh token" => {
                let token = self.bound["refresh_token"].as_str().unwrap();
                let request = app.post("/oauth2/revoke").form(&[("token", token)]);
                let request = request.header("Authorization", basic("web1", &secret_of("web1")));
                assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
            }
            "a code is used twice" => {
                assert_eq!(redeem(app, "web1", &self.redeemed).await.0, StatusCode::BAD_REQUEST);
            }
            "the application is switched off" => app.disable_client("web1").await,
            "an eleventh session of the application in that browser" => {
                for _ in 0..10 {
                    app.clock.advance_ms(100);
                    let code = self.browser.authorize(&[]).await.code();
                    assert_eq!(redeem(app, "web1", &code).await.0, StatusCode::OK);
                }
            }
            "one session more than `sessions.max_per_user`" => drop(app.login(&name).await),
            "14 days without use (`sessions.browser_idle_seconds`)" => {
                app.clock.advance_ms(14 * DAY_MS + 61_000);
            }
            "30 days after the sign-in (`sessions.browser_max_age_seconds`)" => self.thirty_days().await,
            unknown => panic!("the table has an event that nobody drives: {unknown}"),
        }
    }

    /// An older release ends the sessions that it knows, and cuts the user's tokens off. It does not know browser sessions.
    async fn older_release_changes_password(&self) {
        let clock = std::sync::Arc::clone(&self.app.clock) as SharedClock;
        let work = UnitOfWork::new(self.app.database.clone(), clock, Random::system());
        let user_id = self.user_id();
        let changed = work.commit(move |transaction| {
            let now_ms = transaction.now_ms();
            let statements = [
                format!(
                    "UPDATE users SET credentials_version = credentials_version + 1 WHERE id = '{user_id}'"
                ),
                format!(
                    "UPDATE sessions SET ended_at_ms = {now_ms}, end_reason = 'administration' \
                     WHERE user_id = '{user_id}' AND ended_at_ms IS NULL"
                ),
            ];
            for statement in statements {
                diesel::sql_query(statement).execute(transaction.conn()).map_err(DatabaseError::from)?;
            }
            let (id, at, exp) = (user_id.clone(), Some(now_ms + 1_000), now_ms / 1_000 + 3_600);
            transaction.revoke(RevocationFact { kind: RevocationKind::Sub, id, at, exp });
            Ok::<_, DatabaseError>(())
        });
        changed.await.unwrap();
        // The feed finds the fact by itself.
        self.app.clock.advance_ms(1_000);
    }

    /// Thirty days, in which everything is used: only the absolute end is reached.
    async fn thirty_days(&mut self) {
        let refreshed = async |tokens: &mut Value| {
            let (status, next) = refresh(self.app, "web1", tokens["refresh_token"].as_str().unwrap()).await;
            assert_eq!(status, StatusCode::OK, "{next}");
            *tokens = next;
        };
        for _ in 0..3 {
            self.app.clock.advance_ms(9 * DAY_MS);
            refreshed(&mut self.bound).await;
            refreshed(&mut self.offline).await;
            self.pending = self.browser.authorize(&[]).await.code();
            assert_eq!(self.another.open("/account").await.status, StatusCode::OK);
            self.front_end = self.app.refresh(&self.front_end.refresh).await;
        }
        self.app.clock.advance_ms(3 * DAY_MS);
    }

    /// What became of each thing, in the order of the table's columns.
    async fn after(&self) -> Vec<&'static str> {
        let ended = |lives: bool| if lives { "stays" } else { "ends" };
        let signed_in =
            async |person: &Person<'_>| person.copy().open("/account").await.status == StatusCode::OK;
        let refreshes = async |tokens: &Value| {
            refresh(self.app, "web1", tokens["refresh_token"].as_str().unwrap()).await.0 == StatusCode::OK
        };
        // Looked at in this order, because a code that is redeemed and a token that is refreshed begin something new.
        let (bound_access, offline_access) =
            (self.access(&self.bound).await, self.access(&self.offline).await);
        let told = self.told().await;
        let browser = ended(signed_in(&self.browser).await);
        let another = ended(signed_in(&self.another).await);
        let front_end = ended(!self.app.is_refused(&self.front_end.refresh).await);
        let bound = ended(refreshes(&self.bound).await);
        let offline = ended(refreshes(&self.offline).await);
        let pending = ended(redeem(self.app, "web1", &self.pending).await.0 == StatusCode::OK);
        vec![browser, pending, bound, bound_access, offline, offline_access, told, another, front_end]
    }

    /// What became of an access token, as a resource server learns it.
    async fn access(&self, tokens: &Value) -> &'static str {
        let token = tokens["access_token"].as_str().unwrap();
        let request = self.app.post("/oauth2/introspect").form(&[("token", token)]);
        let response = request.header("Authorization", basic("api", &secret_of("api"))).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        if response.json::<Value>().await.unwrap()["active"] == true {
            return "stays";
        }
        let claims = claims_of(token);
        let is_over = claims["exp"].as_i64().unwrap() <= self.app.clock.now_ms() / 1_000;
        let concerns =
            |fact: &Value| ["sid", "sub", "jti", "client_id"].iter().any(|name| fact["id"] == claims[*name]);
        let is_revoked = self.app.facts().await.iter().any(concerns);
        assert!(is_revoked || is_over, "neither on the list nor expired");
        if is_revoked { "ends" } else { "expires" }
    }

    /// Whether the application was told of the end of something in the browser.
    async fn told(&self) -> &'static str {
        eventually("the queue is empty", Duration::from_secs(20), || async {
            let now_ms = self.app.clock.now_ms();
            let listed =
                self.app.database.read(move |conn| queue::list(conn, &MessageFilter::default(), now_ms, 1));
            listed.await.unwrap().is_empty()
        })
        .await;
        let sid = self.sid();
        let is_told = self.receiver.tokens().iter().any(|token| claims_of(token)["sid"] == *sid);
        if is_told { "sent" } else { "-" }
    }
}

#[tokio::test]
async fn everything_ends_as_the_table_says() {
    let rows = rows();
    assert!(rows.len() >= 24, "{rows:?}");
    for app in &both_with(|settings| settings.sessions.max_per_user = 3).await {
        let receiver = Receiver::start(Answer::Status(204)).await;
        let backchannel_logout_uri = Some(LogoutUri::parse(&receiver.url()).unwrap());
        let scopes = Scopes::parse("openid offline_access todos:read").unwrap();
        app.add_client(Client { is_first_party: true, scopes, backchannel_logout_uri, ..client("web1") })
            .await;
        app.add_client(client("api")).await;
        for (number, (event, expected)) in rows.iter().enumerate() {
            let mut before = Before::set_up(app, &receiver, format!("user{number}")).await;
            before.happens(event).await;
            assert_eq!(&before.after().await, expected, "{event}");
            app.change_client("web1", |client| client.is_active = true).await;
        }
    }
}
