//! Runs the same sequence against the service and the model, and compares them.

use auth_service::storage::refresh_tokens;
use futures_util::future::join_all;
use reqwest::{Response, StatusCode};
use serde_json::Value;
use shared_claims::clock::Clock as _;
use uuid::Uuid;

use super::model::{Action, End, Model, Outcome, Rules, Scope};
use super::orders::{in_order, is_crowd, orders};
use super::steps::{RelativeAction, Step, TokenChoice};
use crate::helpers::{PASSWORD, TestApp, claims_of};

const READ: &str = "todos:read";
const ALL: &str = "openid profile todos:read todos:write";

fn text(scope: Scope) -> &'static str {
    match scope {
        Scope::Read => READ,
        Scope::All => ALL,
        Scope::Unknown => "admin",
    }
}

/// The tokens of one login.
#[derive(Default)]
struct LoginTokens {
    refresh: Vec<String>,
    access: Vec<String>,
}

/// The tokens of a response.
struct Tokens {
    refresh: String,
    access: String,
}

/// One user of a service, and every state of the model that agrees with the responses so far. Requests that are sent
/// at once happen in some order, which only later responses show.
pub(super) struct Driver<'a> {
    app: &'a TestApp,
    name: String,
    possible: Vec<Model>,
    logins: Vec<LoginTokens>,
}

impl<'a> Driver<'a> {
    pub(super) async fn new(app: &'a TestApp, rules: Rules, name: String) -> Self {
        app.register(&name).await;
        let mut driver = Self { app, name, possible: vec![Model::new(rules)], logins: Vec::new() };
        driver.step(&Step::Alone(RelativeAction::LogIn(Scope::All))).await.unwrap();
        driver
    }

    fn now_ms(&self) -> i64 {
        self.app.clock.now_ms()
    }

    pub(super) async fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::WaitMs(ms) => self.app.clock.advance_ms(*ms),
            Step::Alone(one) => self.at_once(&[*one]).await?,
            Step::Together(all) => self.at_once(all).await?,
            Step::Crowd(one, times) => self.at_once(&vec![*one; *times]).await?,
        }
        self.check_access_tokens().await
    }

    async fn at_once(&mut self, all: &[RelativeAction]) -> Result<(), String> {
        let acts: Vec<Action> = all.iter().map(|one| self.resolve(*one)).collect();
        let answers = join_all(acts.iter().map(|act| self.perform(*act))).await;
        let mut seen = Vec::new();
        for (act, (outcome, tokens)) in acts.into_iter().zip(answers) {
            seen.push((act, outcome));
            self.note(act, tokens)?;
        }
        self.keep_possible(&seen)
    }

    /// Keeps the states that some order of these acts leads to with exactly these responses.
    fn keep_possible(&mut self, seen: &[(Action, Outcome)]) -> Result<(), String> {
        let now_ms = self.now_ms();
        let mut possible: Vec<Model> = Vec::new();
        let mut expected = Vec::new();
        let answered = seen.iter().map(|(_, outcome)| *outcome);
        for model in &self.possible {
            for order in orders(seen) {
                let mut model = model.clone();
                let mut outcomes = in_order(&mut model, seen, &order, now_ms);
                let mut answered: Vec<Outcome> = answered.clone().collect();
                if is_crowd(seen) {
                    // It does not matter which of the requests was the first.
                    outcomes.sort_unstable();
                    answered.sort_unstable();
                }
                if outcomes == answered && !possible.contains(&model) {
                    possible.push(model);
                }
                expected.push(outcomes);
            }
        }
        if possible.is_empty() {
            return Err(format!("{seen:?}; by the contract one of {expected:?}"));
        }
        self.possible = possible;
        Ok(())
    }

    fn resolve(&self, one: RelativeAction) -> Action {
        let login = |back: usize| self.logins.len() - 1 - back.min(self.logins.len() - 1);
        let place = |count: usize, which: TokenChoice| match which {
            TokenChoice::Newest => count - 1,
            TokenChoice::Parent => count.saturating_sub(2),
            TokenChoice::Grandparent => count.saturating_sub(3),
            TokenChoice::Oldest => 0,
        };
        let generation = |back: usize, which| place(self.logins[login(back)].refresh.len(), which);
        let access = |back: usize, which| place(self.logins[login(back)].access.len(), which);
        match one {
            RelativeAction::LogIn(scope) => Action::LogIn(scope),
            RelativeAction::Refresh { back, which, scope } => {
                Action::Refresh { login: login(back), generation: generation(back, which), scope }
            }
            RelativeAction::RevokeRefreshToken { back, which } => {
                Action::RevokeRefreshToken { login: login(back), generation: generation(back, which) }
            }
            RelativeAction::RevokeAccessToken { back, which } => {
                Action::RevokeAccessToken { login: login(back), access: access(back, which) }
            }
            RelativeAction::LogOut { back, which } => {
                Action::LogOut { login: login(back), access: access(back, which) }
            }
            RelativeAction::LogOutAll { back, which } => {
                Action::LogOutAll { login: login(back), access: access(back, which) }
            }
            RelativeAction::Disable => Action::Disable,
            RelativeAction::Enable => Action::Enable,
        }
    }

    async fn perform(&self, act: Action) -> (Outcome, Option<Tokens>) {
        let app = self.app;
        match act {
            Action::LogIn(scope) => {
                let form = [("username", &*self.name), ("password", PASSWORD), ("scope", text(scope))];
                read(app.post_token(&form).await).await
            }
            Action::Refresh { login, generation, scope } => {
                let token = &*self.logins[login].refresh[generation];
                let scope = scope.map_or("", text);
                let form = [("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)];
                read(app.post_token(&form).await).await
            }
            Action::RevokeRefreshToken { login, generation } => {
                let token = &*self.logins[login].refresh[generation];
                read(app.revoke(&[("token", token), ("client_id", "first-party")]).await).await
            }
            Action::RevokeAccessToken { login, access } => {
                let token = &*self.logins[login].access[access];
                read(app.revoke(&[("token", token), ("client_id", "first-party")]).await).await
            }
            Action::LogOut { login, access } => {
                read(app.logout(&self.logins[login].access[access]).await).await
            }
            Action::LogOutAll { login, access } => {
                read(app.logout_all(&self.logins[login].access[access]).await).await
            }
            Action::Disable => {
                app.disable(&self.name).await;
                (Outcome::Done, None)
            }
            Action::Enable => {
                app.administration().enable(&self.name).await.unwrap().unwrap();
                (Outcome::Done, None)
            }
        }
    }

    /// Remembers the tokens of a response. A successor that was issued before must be the same again.
    fn note(&mut self, act: Action, tokens: Option<Tokens>) -> Result<(), String> {
        let Some(tokens) = tokens else { return Ok(()) };
        let (login, generation) = match act {
            Action::LogIn(_) => {
                self.logins.push(LoginTokens::default());
                (self.logins.len() - 1, 0)
            }
            Action::Refresh { login, generation, .. } => (login, generation + 1),
            _ => return Ok(()),
        };
        let given = &mut self.logins[login];
        given.access.push(tokens.access);
        match given.refresh.get(generation) {
            Some(known) if *known != tokens.refresh => {
                return Err(format!("{act:?} gave a second successor"));
            }
            Some(_) => {}
            None => given.refresh.push(tokens.refresh),
        }
        Ok(())
    }

    /// Checks what can be seen without changing anything: which access tokens are valid, and which facts verifiers
    /// get.
    async fn check_access_tokens(&mut self) -> Result<(), String> {
        let facts = self.app.facts().await;
        for login in 0..self.logins.len() {
            let newest = self.logins[login].access.len() - 1;
            self.check_access_token(login, newest, &facts).await?;
        }
        Ok(())
    }

    async fn check_access_token(
        &mut self,
        login: usize,
        access: usize,
        facts: &[Value],
    ) -> Result<(), String> {
        let now_ms = self.now_ms();
        let token = &self.logins[login].access[access];
        let sid = &claims_of(token)["sid"];
        let told = facts.iter().filter(|fact| fact["kind"] == "sid" && fact["id"] == *sid).count();
        let good = self.app.is_live(token).await;
        let expected = self.possible.clone();
        self.possible.retain(|model| {
            let told_rightly = match model.end_of(login) {
                Some(End::Alone { at_ms }) if at_ms == now_ms => told == 1,
                // The fact may have been removed in the meantime.
                Some(End::Alone { .. }) => told <= 1,
                Some(End::WithAll) | None => told == 0,
            };
            told_rightly && model.is_good(login, access, now_ms) == good
        });
        if self.possible.is_empty() {
            return Err(format!(
                "access token {access} of login {login} is good: {good}, facts: {told}; by the contract one of {expected:?}"
            ));
        }
        Ok(())
    }

    /// Checks every access token, and that every session has one lineage of refresh tokens.
    pub(super) async fn finish(mut self) -> Result<(), String> {
        let facts = self.app.facts().await;
        for login in 0..self.logins.len() {
            for access in 0..self.logins[login].access.len() {
                self.check_access_token(login, access, &facts).await?;
            }
            let sid: Uuid =
                claims_of(&self.logins[login].access[0])["sid"].as_str().unwrap().parse().unwrap();
            let count = self.app.database.read(move |conn| refresh_tokens::count_of_session(conn, sid));
            let count = usize::try_from(count.await.unwrap()).unwrap();
            if !self.possible.iter().any(|model| model.generations(login) == count) {
                return Err(format!("login {login} has {count} refresh tokens"));
            }
        }
        Ok(())
    }
}

/// The outcome and the tokens of a response. Any other status is an error for every request.
async fn read(response: Response) -> (Outcome, Option<Tokens>) {
    match response.status() {
        StatusCode::OK if response.content_length() != Some(0) => {
            let body: Value = response.json().await.unwrap();
            let scope = match body["scope"].as_str() {
                Some(READ) => Scope::Read,
                Some(ALL) => Scope::All,
                other => panic!("scope {other:?}"),
            };
            let part = |name: &str| body[name].as_str().unwrap().to_owned();
            let tokens = Tokens { refresh: part("refresh_token"), access: part("access_token") };
            let claims = claims_of(&tokens.access);
            assert_eq!(claims["scope"], body["scope"]);
            let expires_in = body["expires_in"].as_i64().unwrap();
            assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), expires_in);
            (Outcome::Issued { scope, expires_in }, Some(tokens))
        }
        StatusCode::OK | StatusCode::NO_CONTENT => (Outcome::Done, None),
        StatusCode::UNAUTHORIZED => (Outcome::Refused, None),
        StatusCode::BAD_REQUEST => (Outcome::WrongScope, None),
        other => panic!("{other}"),
    }
}
