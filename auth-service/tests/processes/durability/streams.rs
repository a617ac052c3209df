//! Clients that each repeat one kind of write until the service no longer responds.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use futures_util::future::join_all;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::helpers::{PASSWORD, Service};

/// The number of sessions for each way to end one.
const SESSIONS: usize = 15;

#[derive(Clone)]
struct SessionTokens {
    access: String,
    refresh: String,
}

impl SessionTokens {
    fn of(answer: &Value) -> Self {
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token") }
    }
}

/// The way in which a session or one of its tokens is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Logout,
    RevokeRefreshToken,
    RevokeAccessToken,
}

/// The acknowledged writes of a client, and the one that was unanswered when the service was killed.
struct Writes<T> {
    acknowledged: Vec<T>,
    open: Option<T>,
}

/// The clients, before they run.
pub(super) struct Streams {
    round: usize,
    refreshing: SessionTokens,
    ending: Vec<(Ending, Vec<SessionTokens>)>,
}

/// The results of all clients.
pub(super) struct AllWrites {
    registered: Writes<String>,
    logged_in: Writes<SessionTokens>,
    /// The newest token that was issued, or the one whose refresh was not answered.
    refreshed: SessionTokens,
    ended: Vec<(Ending, Writes<SessionTokens>, Vec<SessionTokens>)>,
}

pub(super) async fn prepare(service: &Service, round: usize) -> Streams {
    let name = |what: &str| format!("{what} of round {round}");
    for who in ["logs in", "refreshes", "ends"] {
        assert_eq!(service.register(&name(who)).await, StatusCode::CREATED);
    }
    let (who, mut ending) = (name("ends"), Vec::new());
    for how in [Ending::Logout, Ending::RevokeRefreshToken, Ending::RevokeAccessToken] {
        let logins = join_all((0..SESSIONS).map(|_| service.tokens(&who)));
        ending.push((how, logins.await.iter().map(SessionTokens::of).collect()));
    }
    Streams { round, refreshing: SessionTokens::of(&service.tokens(&name("refreshes")).await), ending }
}

impl Streams {
    /// Runs all clients until the service is killed. Also returns the number of acknowledged writes so far.
    pub(super) fn run(
        self,
        service: &Service,
    ) -> (impl Future<Output = AllWrites> + use<>, Arc<AtomicUsize>) {
        let Self { round, refreshing, ending } = self;
        let (client, url) = (service.client.clone(), service.url.clone());
        let count = Arc::new(AtomicUsize::new(0));
        let at = |path: &str| Endpoint {
            client: client.clone(),
            url: format!("{url}{path}"),
            count: Arc::clone(&count),
        };
        let ended = ending.into_iter().map(|(how, sessions)| {
            let path = if how == Ending::Logout { "/auth/logout" } else { "/oauth2/revoke" };
            tokio::spawn(end(at(path), how, sessions))
        });
        let ended: Vec<_> = ended.collect();
        let registered = tokio::spawn(register(at("/auth/register"), round));
        let logged_in = tokio::spawn(log_in(at("/auth/token"), format!("logs in of round {round}")));
        let refreshed = tokio::spawn(refresh(at("/auth/token"), refreshing));
        let all = async move {
            AllWrites {
                registered: registered.await.unwrap(),
                logged_in: logged_in.await.unwrap(),
                refreshed: refreshed.await.unwrap(),
                ended: join_all(ended).await.into_iter().map(Result::unwrap).collect(),
            }
        };
        (all, count)
    }
}

/// An endpoint, and the count of acknowledged writes to all endpoints.
struct Endpoint {
    client: Client,
    url: String,
    count: Arc<AtomicUsize>,
}

impl Endpoint {
    async fn send(&self, request: RequestBuilder) -> Option<Response> {
        let answer = request.send().await.ok()?;
        self.count.fetch_add(1, Relaxed);
        Some(answer)
    }
}

async fn register(endpoint: Endpoint, round: usize) -> Writes<String> {
    let mut acknowledged = Vec::new();
    loop {
        let name = format!("user {} of round {round}", acknowledged.len());
        let body = json!({"username": name, "password": PASSWORD});
        let Some(answer) = endpoint.send(endpoint.client.post(&endpoint.url).json(&body)).await else {
            return Writes { acknowledged, open: Some(name) };
        };
        assert_eq!(answer.status(), StatusCode::CREATED);
        acknowledged.push(name);
    }
}

async fn request_tokens(endpoint: &Endpoint, form: &[(&str, &str)]) -> Option<SessionTokens> {
    let answer = endpoint.send(endpoint.client.post(&endpoint.url).form(form)).await?;
    assert_eq!(answer.status(), StatusCode::OK);
    Some(SessionTokens::of(&answer.json().await.ok()?))
}

async fn log_in(endpoint: Endpoint, name: String) -> Writes<SessionTokens> {
    let mut acknowledged = Vec::new();
    while let Some(tokens) = request_tokens(&endpoint, &[("username", &name), ("password", PASSWORD)]).await {
        acknowledged.push(tokens);
    }
    Writes { acknowledged, open: None }
}

async fn refresh(endpoint: Endpoint, mut newest: SessionTokens) -> SessionTokens {
    loop {
        let form = [("grant_type", "refresh_token"), ("refresh_token", &newest.refresh)];
        match request_tokens(&endpoint, &form).await {
            Some(tokens) => newest = tokens,
            None => return newest,
        }
    }
}

async fn end(
    endpoint: Endpoint,
    how: Ending,
    sessions: Vec<SessionTokens>,
) -> (Ending, Writes<SessionTokens>, Vec<SessionTokens>) {
    let mut writes = Writes { acknowledged: Vec::new(), open: None };
    let mut left = sessions.into_iter();
    for tokens in left.by_ref() {
        let request = endpoint.client.post(&endpoint.url);
        let request = match how {
            Ending::Logout => request.bearer_auth(&tokens.access),
            Ending::RevokeRefreshToken => {
                request.form(&[("token", &*tokens.refresh), ("client_id", "first-party")])
            }
            Ending::RevokeAccessToken => {
                request.form(&[("token", &*tokens.access), ("client_id", "first-party")])
            }
        };
        let Some(answer) = endpoint.send(request).await else {
            writes.open = Some(tokens);
            break;
        };
        assert!(answer.status().is_success(), "{how:?}: {}", answer.status());
        writes.acknowledged.push(tokens);
    }
    (how, writes, left.collect())
}

impl AllWrites {
    /// Checks the results with the restarted service.
    pub(super) async fn check(self, service: &Service) {
        for name in &self.registered.acknowledged {
            service.access_token(name).await;
        }
        if let Some(name) = &self.registered.open {
            // The user exists completely or not at all. In the latter case the name can be registered.
            let status = service.register(name).await;
            assert!(matches!(status, StatusCode::CREATED | StatusCode::BAD_REQUEST), "{status}");
            service.access_token(name).await;
        }
        for tokens in &self.logged_in.acknowledged {
            assert_eq!(is_live(service, tokens).await, (true, true));
        }
        // Whether the response was lost or not, the refresh can be repeated.
        assert_eq!(is_live(service, &self.refreshed).await, (true, true));
        for (how, writes, untouched) in &self.ended {
            let ended = if *how == Ending::RevokeAccessToken { (false, true) } else { (false, false) };
            for tokens in &writes.acknowledged {
                assert_eq!(is_live(service, tokens).await, ended, "{how:?}");
            }
            if let Some(tokens) = &writes.open {
                let found = is_live(service, tokens).await;
                assert!(found == ended || found == (true, true), "{how:?}: {found:?}");
            }
            for tokens in untouched {
                assert_eq!(is_live(service, tokens).await, (true, true), "{how:?}");
            }
        }
    }
}

/// Whether the access token is accepted, and whether the refresh token can be used.
async fn is_live(service: &Service, tokens: &SessionTokens) -> (bool, bool) {
    let access = service.me(&tokens.access).await;
    let url = format!("{}/auth/token", service.url);
    let form = [("grant_type", "refresh_token"), ("refresh_token", &tokens.refresh)];
    let answer = service.client.post(url).form(&form).send().await.unwrap().status();
    let known = |status: StatusCode| matches!(status, StatusCode::OK | StatusCode::UNAUTHORIZED);
    assert!(known(access) && known(answer), "{access}, {answer}");
    (access == StatusCode::OK, answer == StatusCode::OK)
}
