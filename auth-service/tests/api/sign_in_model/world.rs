//! The browser, the replicas, and what is expected of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use auth_service::config::Settings;
use auth_service::domain::Client;
use reqwest::StatusCode;
use serde_json::Value;
use service_kit::config::Secret;
use service_kit::database::Backend;
use service_kit::database::testing::TestDatabase;
use shared_claims::clock::{Clock as _, ManualClock};
use shared_claims::scope::Scopes;

use super::steps::{Request, Step};
use crate::helpers::clients::{basic, client, secret_of};
use crate::helpers::codes::VERIFIER;
use crate::helpers::person::{Person, Shown};
use crate::helpers::{ENCRYPTION_KEY, START_MS, TestApp, claims_of, settings, spawn_replica};

const OTHER_KEY: &str = "another test's key of more than thirty-two characters";
const PEOPLE: [&str; 2] = ["ada", "bob"];

/// A sign-in page that is open in a tab.
struct Tab {
    request: Request,
    state: String,
    /// The sealed request of its form.
    sealed: String,
    /// When its request began; a page that is posted after an hour begins anew then.
    began_ms: i64,
}

pub(super) struct World {
    place: Arc<TestDatabase>,
    clock: Arc<ManualClock>,
    replicas: Vec<TestApp>,
    cookies: BTreeMap<String, String>,
    tabs: Vec<Tab>,
    opened: usize,
    restarts: u8,
}

/// The settings of a replica. Each opens what the other one seals.
fn settings_of(place: &TestDatabase, replica: usize) -> Settings {
    let mut settings = settings(place);
    let keys = [ENCRYPTION_KEY, OTHER_KEY];
    settings.keys.encryption_key = Some(Secret::new(keys[replica]));
    settings.keys.previous_encryption_keys = vec![Secret::new(keys[1 - replica])];
    settings.keys.rotate_after_days = 0;
    settings.throttle.enabled = false;
    settings
}

impl World {
    pub(super) async fn new(backend: Backend) -> Self {
        let place = Arc::new(TestDatabase::create(backend));
        let clock = ManualClock::at(START_MS);
        let mut replicas = Vec::new();
        for replica in 0..2 {
            let seed = u8::try_from(replica).unwrap();
            let settings = settings_of(&place, replica);
            replicas.push(spawn_replica(&place, settings, Arc::clone(&clock), seed).await.unwrap());
        }
        for person in PEOPLE {
            replicas[0].register(person).await;
        }
        let scopes = Scopes::parse("openid profile").unwrap();
        replicas[0]
            .add_client(Client { is_first_party: true, scopes: scopes.clone(), ..client("web1") })
            .await;
        replicas[0].add_client(Client { scopes, ..client("third") }).await;
        clock.advance_ms(1_000);
        Self { place, clock, replicas, cookies: BTreeMap::new(), tabs: Vec::new(), opened: 0, restarts: 0 }
    }

    fn person(&self, replica: usize) -> Person<'_> {
        Person { cookies: self.cookies.clone(), ..Person::new(&self.replicas[replica]) }
    }

    pub(super) async fn step(&mut self, step: &Step) -> Result<(), String> {
        // People are slower than a clock of milliseconds.
        self.clock.advance_ms(10);
        match *step {
            Step::Open { request, replica } => self.open(request, replica).await,
            Step::SignIn { page, person, replica, twice } => {
                if self.tabs.is_empty() {
                    return Ok(());
                }
                let tab = page % self.tabs.len();
                self.sign_in(tab, PEOPLE[person], replica, twice).await
            }
            Step::Reopen { page, replica } => {
                if self.tabs.is_empty() {
                    return Ok(());
                }
                let tab = page % self.tabs.len();
                let path = format!("/login?request={}", self.tabs[tab].sealed);
                let mut person = self.person(replica);
                let shown = person.open(&path).await;
                let shown = person.follow(shown).await;
                self.cookies = person.cookies;
                let (request, state, began_ms) =
                    (self.tabs[tab].request, self.tabs[tab].state.clone(), self.tabs[tab].began_ms);
                let before = self.cookies.clone();
                self.check(&shown, request, &state, began_ms, None, replica, &before).await.map(drop)
            }
            Step::SignOut { replica } => {
                let mut person = self.person(replica);
                let shown = person.post("/logout", &[]).await;
                self.cookies = person.cookies;
                expect(shown.status == StatusCode::SEE_OTHER, || format!("sign-out: {}", shown.status))
            }
            Step::Wait { seconds } => {
                self.clock.advance_ms(seconds * 1_000);
                Ok(())
            }
            Step::Restart { replica } => {
                // Two replicas with the same seed would make the same ids.
                self.restarts += 1;
                let seed = self.restarts + 1;
                let settings = settings_of(&self.place, replica);
                let clock = Arc::clone(&self.clock);
                self.replicas[replica] = spawn_replica(&self.place, settings, clock, seed).await.unwrap();
                Ok(())
            }
        }
    }

    async fn open(&mut self, request: Request, replica: usize) -> Result<(), String> {
        self.opened += 1;
        let state = format!("s{}", self.opened);
        let mut changes = vec![("state", state.as_str())];
        match request {
            Request::Plain => {}
            Request::Login => changes.push(("prompt", "login")),
            Request::MaxAge => changes.push(("max_age", "0")),
            Request::Choose => changes.push(("prompt", "select_account")),
            Request::Consent => changes.push(("client_id", "third")),
        }
        let (began_ms, before) = (self.clock.now_ms(), self.cookies.clone());
        let mut person = self.person(replica);
        let shown = person.authorize(&changes).await;
        self.cookies = person.cookies;
        let is_page = self.check(&shown, request, &state, began_ms, None, replica, &before).await?;
        if is_page && shown.html.contains("action=\"/login\"") {
            let sealed = shown.request().to_owned();
            self.tabs.push(Tab { request, state, sealed, began_ms });
        }
        Ok(())
    }

    async fn sign_in(&mut self, tab: usize, who: &str, replica: usize, twice: bool) -> Result<(), String> {
        let Tab { request, ref state, ref sealed, began_ms } = self.tabs[tab];
        let (state, sealed) = (state.clone(), sealed.clone());
        let began_ms =
            if self.clock.now_ms() - began_ms > 3_600_000 { self.clock.now_ms() } else { began_ms };
        let fields =
            [("request", sealed.as_str()), ("username", who), ("password", crate::helpers::PASSWORD)];
        let before = self.cookies.clone();
        let mut person = self.person(replica);
        let shown = person.post("/login", &fields).await;
        let shown = person.follow(shown).await;
        self.cookies = person.cookies;
        self.check(&shown, request, &state, began_ms, Some(who), replica, &before).await?;
        if twice {
            // The second post of a double click has the cookies of before, and its answer is what the browser shows.
            let mut impatient =
                Person { cookies: before.clone(), ..Person::new(&self.replicas[1 - replica]) };
            let shown = impatient.post("/login", &fields).await;
            let shown = impatient.follow(shown).await;
            self.cookies = impatient.cookies;
            self.check(&shown, request, &state, began_ms, Some(who), 1 - replica, &before).await?;
        }
        Ok(())
    }

    /// Checks what is shown: a page, or a code for this request. Returns whether it is a page.
    #[expect(clippy::too_many_arguments, reason = "a check of everything at once")]
    async fn check(
        &self,
        shown: &Shown,
        request: Request,
        state: &str,
        began_ms: i64,
        posted: Option<&str>,
        replica: usize,
        before: &BTreeMap<String, String>,
    ) -> Result<bool, String> {
        let Some(_location) = &shown.location else {
            let is_page = shown.status == StatusCode::OK;
            expect(is_page, || format!("dead end: {} {}", shown.status, shown.html))?;
            return Ok(true);
        };
        expect(shown.received("error").is_none(), || format!("an error: {:?}", shown.location))?;
        expect(shown.received("state").as_deref() == Some(state), || {
            format!("another request's answer: {:?}", shown.location)
        })?;
        let tokens = self.redeem(request, &shown.code(), replica).await?;
        let claims = claims_of(tokens["access_token"].as_str().unwrap());
        if let Some(who) = posted {
            expect(claims["username"] == who, || {
                format!("a code for {}, and {who} posted", claims["username"])
            })?;
        } else {
            let signed_in = self.signed_in(before, replica).await;
            let is_same = signed_in.as_deref() == claims["username"].as_str();
            expect(is_same, || {
                format!("a code for {}, and {signed_in:?} was signed in", claims["username"])
            })?;
        }
        if matches!(request, Request::Login | Request::MaxAge) {
            let auth_time = claims["auth_time"].as_i64().unwrap();
            expect(auth_time >= began_ms / 1000, || {
                format!("signed in at {auth_time}, asked for at {began_ms}")
            })?;
        }
        Ok(false)
    }

    async fn redeem(&self, request: Request, code: &str, replica: usize) -> Result<Value, String> {
        let client_id = if matches!(request, Request::Consent) { "third" } else { "web1" };
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", "https://app.example/cb"),
            ("code_verifier", VERIFIER),
        ];
        let app = &self.replicas[replica];
        let post = app.client.post(format!("{}/oauth2/token", app.url)).form(&form);
        let response = post.header("Authorization", basic(client_id, &secret_of(client_id))).send().await;
        let response = response.map_err(|error| error.to_string())?;
        let status = response.status();
        let body: Value = response.json().await.map_err(|error| error.to_string())?;
        expect(status == StatusCode::OK, || format!("the code is refused: {body}"))?;
        Ok(body)
    }

    /// The name on the account page of a browser with these cookies.
    async fn signed_in(&self, cookies: &BTreeMap<String, String>, replica: usize) -> Option<String> {
        let mut person = Person { cookies: cookies.clone(), ..Person::new(&self.replicas[replica]) };
        let page = person.open("/account").await;
        PEOPLE.into_iter().find(|name| page.html.contains(&format!(">{name}<"))).map(str::to_owned)
    }

    /// Every page that was shown leads to a code of its own request, by the password of either person.
    pub(super) async fn finish(&mut self) -> Result<(), String> {
        for tab in 0..self.tabs.len() {
            let who = PEOPLE[tab % 2];
            let replica = tab % 2;
            let (request, state, sealed) = {
                let tab = &self.tabs[tab];
                (tab.request, tab.state.clone(), tab.sealed.clone())
            };
            self.clock.advance_ms(10);
            let fields =
                [("request", sealed.as_str()), ("username", who), ("password", crate::helpers::PASSWORD)];
            let mut person = self.person(replica);
            let shown = person.post("/login", &fields).await;
            let mut shown = person.follow(shown).await;
            if shown.is_page("Allow access to your account?") {
                shown = person.decide(&shown, "allow").await;
            }
            self.cookies = person.cookies;
            let is_answered = shown.location.is_some() && shown.received("state").as_deref() == Some(&state);
            expect(is_answered, || format!("a dead end of {request:?}: {} {}", shown.status, shown.html))?;
            let tokens = self.redeem(request, &shown.code(), replica).await?;
            let claims = claims_of(tokens["access_token"].as_str().unwrap());
            expect(claims["username"] == who, || {
                format!("a code for {}, and {who} posted", claims["username"])
            })?;
        }
        Ok(())
    }
}

fn expect(is_so: bool, message: impl FnOnce() -> String) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(message()) }
}
