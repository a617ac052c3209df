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
struct Given {
    access: String,
    refresh: String,
}

impl Given {
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

/// The acknowledged writes of a client, and the request that was unanswered when the service died.
struct Told<T> {
    acknowledged: Vec<T>,
    open: Option<T>,
}

/// The clients, before they run.
pub(super) struct Streams {
    round: usize,
    refreshing: Given,
    ending: Vec<(Ending, Vec<Given>)>,
}

/// The results of all clients.
pub(super) struct AllTold {
    registered: Told<String>,
    logged_in: Told<Given>,
    /// The newest token that was issued, or the one whose refresh was not answered.
    refreshed: Given,
    ended: Vec<(Ending, Told<Given>, Vec<Given>)>,
}

pub(super) async fn prepare(service: &Service, round: usize) -> Streams {
    let name = |what: &str| format!("{what} of round {round}");
    for who in ["logs in", "refreshes", "ends"] {
        assert_eq!(service.register(&name(who)).await, StatusCode::CREATED);
    }
    let (who, mut ending) = (name("ends"), Vec::new());
    for how in [Ending::Logout, Ending::RevokeRefreshToken, Ending::RevokeAccessToken] {
        let logins = join_all((0..SESSIONS).map(|_| service.tokens(&who)));
        ending.push((how, logins.await.iter().map(Given::of).collect()));
    }
    Streams { round, refreshing: Given::of(&service.tokens(&name("refreshes")).await), ending }
}

impl Streams {
    /// Runs all clients until the service dies. Also returns the number of acknowledged writes so far.
    pub(super) fn run(self, service: &Service) -> (impl Future<Output = AllTold> + use<>, Arc<AtomicUsize>) {
        let Self { round, refreshing, ending } = self;
        let (client, url) = (service.client.clone(), service.url.clone());
        let count = Arc::new(AtomicUsize::new(0));
        let at = |path: &str| At {
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
            AllTold {
                registered: registered.await.unwrap(),
                logged_in: logged_in.await.unwrap(),
                refreshed: refreshed.await.unwrap(),
                ended: join_all(ended).await.into_iter().map(Result::unwrap).collect(),
            }
        };
        (all, count)
    }
}

/// The service of a client, and the count of acknowledged writes of all clients.
struct At {
    client: Client,
    url: String,
    count: Arc<AtomicUsize>,
}

impl At {
    async fn ask(&self, request: RequestBuilder) -> Option<Response> {
        let answer = request.send().await.ok()?;
        self.count.fetch_add(1, Relaxed);
        Some(answer)
    }
}

async fn register(at: At, round: usize) -> Told<String> {
    let mut acknowledged = Vec::new();
    loop {
        let name = format!("user {} of round {round}", acknowledged.len());
        let body = json!({"username": name, "password": PASSWORD});
        let Some(answer) = at.ask(at.client.post(&at.url).json(&body)).await else {
            return Told { acknowledged, open: Some(name) };
        };
        assert_eq!(answer.status(), StatusCode::CREATED);
        acknowledged.push(name);
    }
}

async fn ask_for_tokens(at: &At, form: &[(&str, &str)]) -> Option<Given> {
    let answer = at.ask(at.client.post(&at.url).form(form)).await?;
    assert_eq!(answer.status(), StatusCode::OK);
    Some(Given::of(&answer.json().await.ok()?))
}

async fn log_in(at: At, name: String) -> Told<Given> {
    let mut acknowledged = Vec::new();
    while let Some(given) = ask_for_tokens(&at, &[("username", &name), ("password", PASSWORD)]).await {
        acknowledged.push(given);
    }
    Told { acknowledged, open: None }
}

async fn refresh(at: At, mut newest: Given) -> Given {
    loop {
        let form = [("grant_type", "refresh_token"), ("refresh_token", &newest.refresh)];
        match ask_for_tokens(&at, &form).await {
            Some(given) => newest = given,
            None => return newest,
        }
    }
}

async fn end(at: At, how: Ending, sessions: Vec<Given>) -> (Ending, Told<Given>, Vec<Given>) {
    let mut told = Told { acknowledged: Vec::new(), open: None };
    let mut left = sessions.into_iter();
    for given in left.by_ref() {
        let request = at.client.post(&at.url);
        let request = match how {
            Ending::Logout => request.bearer_auth(&given.access),
            Ending::RevokeRefreshToken => {
                request.form(&[("token", &*given.refresh), ("client_id", "first-party")])
            }
            Ending::RevokeAccessToken => {
                request.form(&[("token", &*given.access), ("client_id", "first-party")])
            }
        };
        let Some(answer) = at.ask(request).await else {
            told.open = Some(given);
            break;
        };
        assert!(answer.status().is_success(), "{how:?}: {}", answer.status());
        told.acknowledged.push(given);
    }
    (how, told, left.collect())
}

impl AllTold {
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
        for given in &self.logged_in.acknowledged {
            assert_eq!(is_live(service, given).await, (true, true));
        }
        // Whether the response was lost or not, the refresh can be repeated.
        assert_eq!(is_live(service, &self.refreshed).await, (true, true));
        for (how, told, untouched) in &self.ended {
            let ended = if *how == Ending::RevokeAccessToken { (false, true) } else { (false, false) };
            for given in &told.acknowledged {
                assert_eq!(is_live(service, given).await, ended, "{how:?}");
            }
            if let Some(given) = &told.open {
                let found = is_live(service, given).await;
                assert!(found == ended || found == (true, true), "{how:?}: {found:?}");
            }
            for given in untouched {
                assert_eq!(is_live(service, given).await, (true, true), "{how:?}");
            }
        }
    }
}

/// Whether the access token is accepted, and whether the refresh token can be used.
async fn is_live(service: &Service, given: &Given) -> (bool, bool) {
    let access = service.me(&given.access).await;
    let url = format!("{}/auth/token", service.url);
    let form = [("grant_type", "refresh_token"), ("refresh_token", &given.refresh)];
    let answer = service.client.post(url).form(&form).send().await.unwrap().status();
    let known = |status: StatusCode| matches!(status, StatusCode::OK | StatusCode::UNAUTHORIZED);
    assert!(known(access) && known(answer), "{access}, {answer}");
    (access == StatusCode::OK, answer == StatusCode::OK)
}
