//! The parts of one row. Each row has its own database, Redis, auth-services, proxies and verifiers.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::{Client, StatusCode};
use rustix::process::Signal;
use serde_json::{Value, json};
use service_kit::database::Backend;
use service_kit::database::testing::{SavedDatabase, TestDatabase};
use shared_claims::revocation::{
    FeedSettings, Mirror, MirrorSettings, RedisLookup, RedisSettings, RevocationSource,
};
use shared_claims::testing::{Proxy, RedisProcess};
use shared_claims::verifier::{KeySet, KeySetHandle, Verifier};
use tokio::task::block_in_place;
use url::Url;

use crate::helpers::{PASSWORD, Service, ServiceSettings, eventually};
use crate::promise::{CheckCounts, History, PathState, TokenHistory, check};
use crate::watch::{Channel, Decision, Watch, now};

/// The bound of the verifiers in these tests, and the lifetime of a proof.
pub(crate) const BOUND_MS: u64 = 3_000;

/// How long the test waits for a condition. The limits of the contract are checked in [`crate::promise`].
const WAIT_LIMIT: Duration = Duration::from_secs(20);

/// How long a request to the auth-service may take.
const REQUEST_LIMIT: Duration = Duration::from_secs(5);

/// An auth-service, and its proxy to Redis.
pub(crate) struct Issuer {
    pub(crate) settings: ServiceSettings,
    pub(crate) to_redis: Proxy,
    pub(crate) process: Option<Service>,
    url: String,
}

/// A token and its user.
struct Token {
    text: String,
    user: String,
}

pub(crate) struct Deployment {
    pub(crate) redis: RedisProcess,
    /// The Redis that replaces the first one after a failover.
    pub(crate) other_redis: Option<RedisProcess>,
    pub(crate) issuers: Vec<Issuer>,
    /// The verifiers' proxy to Redis.
    pub(crate) from_redis: Proxy,
    /// The verifiers' proxy to the feed.
    pub(crate) feed: Proxy,
    /// The first auth-service's proxy to its database, if a row needs it.
    pub(crate) to_database: Option<Proxy>,
    pub(crate) history: History,
    watch: Watch,
    tokens: Vec<Token>,
    client: Client,
    keys: KeySetHandle,
    /// Every key that was published: one that is gone is not the reason why a token is refused.
    published: Vec<Value>,
    database: TestDatabase,
}

impl Deployment {
    /// Starts all parts, connected. With two auth-services, or with a proxy in front of it, the database is
    /// PostgreSQL.
    pub(crate) async fn start(issuers: usize, database_behind_proxy: bool) -> Self {
        let on_server = issuers > 1 || database_behind_proxy;
        let backend = if on_server { Backend::Postgres } else { Backend::Sqlite };
        let (database, redis) = (TestDatabase::create(backend), RedisProcess::start().await);
        let mut first = ServiceSettings::on(&database).with("AUTH__TOKENS__ACCESS_TTL_SECONDS", "7200");
        let mut to_database = None;
        if database_behind_proxy {
            let mut url = Url::parse(database.url()).unwrap();
            let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
            let between = Proxy::before(&server).await;
            url.set_port(between.address().rsplit_once(':').unwrap().1.parse().ok()).unwrap();
            first = first.with("AUTH__DATABASE__URL", url.as_str());
            to_database = Some(between);
        }
        let mut all_settings = vec![first.clone()];
        all_settings.extend((1..issuers).map(|_| first.replica()));
        let started = all_settings.into_iter().map(async |settings| {
            let to_redis = Proxy::before(&redis.address()).await;
            let settings = settings.projecting_to(&to_redis.address());
            let process = settings.start().await;
            let url = process.url.clone();
            Issuer { settings, to_redis, process: Some(process), url }
        });
        let issuers = join_all(started).await;
        let client = Client::builder().timeout(REQUEST_LIMIT).build().unwrap();
        let keys = KeySetHandle::new();
        let mut deployment = Self {
            from_redis: Proxy::before(&redis.address()).await,
            feed: Proxy::before(issuers[0].url.trim_start_matches("http://")).await,
            redis,
            other_redis: None,
            to_database,
            issuers,
            history: History::default(),
            watch: Watch::start(),
            tokens: Vec::new(),
            client,
            keys,
            published: Vec::new(),
            database,
        };
        deployment.add_keys().await;
        deployment.verifiers("").await;
        deployment.set_path_state(PathState::Good, &[Channel::Redis, Channel::Feed]);
        deployment.issue(12).await;
        deployment
    }

    /// Adds a new verifier of each kind, whose mirror is still empty.
    pub(crate) async fn verifiers(&mut self, name: &str) {
        let settings = || MirrorSettings::default().max_staleness(Duration::from_millis(BOUND_MS));
        let redis = RedisSettings::new(&format!("redis://{}/0", self.from_redis.address())).unwrap();
        let feed = FeedSettings::new(&format!("http://{}/revocations", self.feed.address())).unwrap();
        let kinds = [
            (
                "mirror",
                Channel::Redis,
                RevocationSource::from(Mirror::follow_redis(redis.clone(), settings())),
            ),
            ("lookup", Channel::Redis, RevocationSource::from(RedisLookup::new(redis, settings()))),
            ("feed", Channel::Feed, RevocationSource::from(Mirror::follow_feed(feed, settings()))),
        ];
        for (kind, channel, source) in kinds {
            let builder = Verifier::builder(&self.issuers[0].settings.issuer).audience("todo-service");
            let verifier = builder.keys(self.keys.clone()).revocation(source).build().await.unwrap();
            self.watch.add(format!("{name}{kind}"), channel, verifier);
        }
    }

    /// Notes the state of the path over these channels from now on.
    pub(crate) fn set_path_state(&mut self, path_state: PathState, channels: &[Channel]) {
        for channel in channels {
            self.history.note(now(), *channel, path_state);
        }
    }

    /// Creates users, each with a token.
    pub(crate) async fn issue(&mut self, number: usize) {
        let first = self.tokens.len();
        let users: Vec<String> = (first..first + number).map(|n| format!("user-{n}")).collect();
        let issuer = self.issuers.iter().find(|issuer| issuer.process.is_some()).unwrap();
        let given = users.iter().map(async |user| {
            let body = json!({ "username": user, "password": PASSWORD });
            let register = self.client.post(format!("{}/auth/register", issuer.url)).json(&body);
            assert_eq!(register.send().await.unwrap().status(), StatusCode::CREATED);
            self.login(&issuer.url, user).await
        });
        let given = join_all(given).await;
        for (user, text) in users.into_iter().zip(given) {
            self.keep(user, text.unwrap());
        }
    }

    async fn login(&self, issuer: &str, user: &str) -> Option<String> {
        let form = [("username", user), ("password", PASSWORD)];
        let answer = self.client.post(format!("{issuer}/auth/token")).form(&form).send().await.ok()?;
        let tokens: Value = answer.error_for_status().ok()?.json().await.ok()?;
        Some(tokens["access_token"].as_str().unwrap().to_owned())
    }

    fn keep(&mut self, user: String, text: String) {
        self.watch.add_token(self.tokens.len(), &text);
        self.tokens.push(Token { text, user });
        self.history.tokens.push(TokenHistory::default());
    }

    /// The number of tokens whose revocation was not requested.
    pub(crate) fn unrevoked(&self) -> usize {
        self.history.tokens.iter().filter(|token| token.revocation_sent.is_none()).count()
    }

    /// Revokes the next tokens at this auth-service, each in another way: the token alone, its session, or everything
    /// of its user (who then gets a new token, later than the cut).
    pub(crate) async fn revoke(&mut self, number: usize, at: usize) {
        let next: Vec<usize> = (0..self.tokens.len())
            .filter(|n| self.history.tokens[*n].revocation_sent.is_none())
            .take(number)
            .collect();
        assert_eq!(next.len(), number, "enough tokens are left");
        for token in &next {
            self.history.tokens[*token].revocation_sent = Some(now());
        }
        let url = self.issuers[at].url.clone();
        let done = join_all(next.iter().map(async |token| {
            let done = self.revoked(&url, *token).await;
            (*token, done.then(now))
        }))
        .await;
        for (token, acknowledged) in done {
            self.history.tokens[token].acknowledged = acknowledged;
            if acknowledged.is_some() && token % 3 == 2 {
                let user = self.tokens[token].user.clone();
                if let Some(text) = self.login(&url, &user).await {
                    self.keep(user, text);
                }
            }
        }
    }

    async fn revoked(&self, url: &str, token: usize) -> bool {
        let text = &self.tokens[token].text;
        let request = match token % 3 {
            0 => {
                let form = [("token", text.as_str()), ("client_id", "first-party")];
                self.client.post(format!("{url}/oauth2/revoke")).form(&form)
            }
            1 => self.client.post(format!("{url}/auth/logout")).bearer_auth(text),
            _ => self.client.post(format!("{url}/auth/logout-all")).bearer_auth(text),
        };
        request.send().await.is_ok_and(|answer| answer.status().is_success())
    }

    /// Stops checking the oldest revoked tokens, so that a long run does not get slower.
    pub(crate) fn stop_checking_oldest(&self, keep: usize) {
        let revoked: Vec<usize> =
            (0..self.tokens.len()).filter(|n| self.history.tokens[*n].revocation_sent.is_some()).collect();
        for token in revoked.iter().take(revoked.len().saturating_sub(keep)) {
            self.watch.remove_token(*token);
        }
    }

    /// Waits until all verifiers refuse every token whose revocation was acknowledged, and accept every valid token.
    pub(crate) async fn wait_until_settled(&self) {
        eventually("all verifiers say what is true", WAIT_LIMIT, async || {
            let expected = |token: usize| match &self.history.tokens[token] {
                TokenHistory { acknowledged: Some(_), .. } => Some(Decision::Revoked),
                TokenHistory { revocation_sent: Some(_), .. } => None,
                TokenHistory { .. } => Some(Decision::Accepted),
            };
            self.watch.all_decide(expected).await
        })
        .await;
    }

    /// Gives the verifiers the keys that the first auth-service publishes, beside those of before.
    pub(crate) async fn add_keys(&mut self) {
        let url = format!("{}/.well-known/jwks.json", self.issuers[0].url);
        let answer: Value = self.client.get(url).send().await.unwrap().json().await.unwrap();
        for key in answer["keys"].as_array().unwrap() {
            if !self.published.contains(key) {
                self.published.push(key.clone());
            }
        }
        let all = json!({ "keys": self.published }).to_string();
        self.keys.set(KeySet::from_json(all.as_bytes()).unwrap());
    }

    /// Copies the database. Nothing may be connected to it, so the auth-services are restarted.
    pub(crate) async fn save_database(&mut self) -> SavedDatabase {
        self.kill_issuers();
        let saved = block_in_place(|| self.database.save());
        for issuer in &mut self.issuers {
            issuer.process = Some(issuer.settings.start().await);
        }
        saved
    }

    pub(crate) fn restore_database(&self, saved: &SavedDatabase) {
        block_in_place(|| self.database.restore(saved));
    }

    /// Runs `after-restore`, which ends every token there is.
    pub(crate) fn after_restore(&mut self) {
        for token in &mut self.history.tokens {
            token.revocation_sent.get_or_insert(now());
        }
        let mut command = self.issuers[0].settings.command();
        let output = block_in_place(|| command.args(["after-restore", "--yes"]).output()).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        for token in &mut self.history.tokens {
            token.acknowledged.get_or_insert(now());
        }
    }

    pub(crate) fn kill_issuers(&mut self) {
        for process in self.issuers.iter_mut().filter_map(|issuer| issuer.process.take()) {
            process.kill();
        }
    }

    pub(crate) fn signal(&self, issuer: usize, signal: Signal) {
        self.issuers[issuer].process.as_ref().unwrap().signal(signal);
    }

    /// Waits until every auth-service says that it is ready.
    pub(crate) async fn wait_until_ready(&self) {
        eventually("all auth-services are ready", WAIT_LIMIT, async || {
            let asked =
                self.issuers.iter().map(|issuer| self.client.get(format!("{}/readyz", issuer.url)).send());
            let is_ready = |answer: Result<reqwest::Response, _>| {
                answer.is_ok_and(|answer| answer.status() == StatusCode::OK)
            };
            join_all(asked).await.into_iter().all(is_ready)
        })
        .await;
    }

    pub(crate) fn check(&self) -> CheckCounts {
        check(&self.history, &self.watch)
    }

    pub(crate) async fn redis_command(&self, command: &str) {
        let mut words = command.split(' ');
        let mut redis = redis::cmd(words.next().unwrap());
        for word in words {
            redis.arg(word);
        }
        redis.exec_async(&mut self.redis.connection().await).await.unwrap();
    }
}
