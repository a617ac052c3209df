//! The lookup: one round trip to Redis for each check, and no copy of the list.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue as _, RedisResult, Value};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::connection::{Connection, ConnectionError, RenewalWatch, limited};
use super::settings::RedisKeys;
use super::stream::time_ms;
use super::{RedisSettings, age_at_source};
use crate::background::until_done;
use crate::revocation::contract::{fact_expiry_s, is_epoch_of};
use crate::revocation::mirror::{MirrorState, Tasks};
use crate::revocation::{
    MirrorSettings, RevocationFact, RevocationKind, RevocationQuery, RevocationStatus, Verdict,
};

/// How often an idle connection is tested, so that a dead one is found before a check uses it.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// A revocation source that asks Redis at each check, over one connection that all clones share. Cheap to clone.
///
/// ```
/// use shared_claims::revocation::{InvalidRedisUrl, RevocationQuery, MirrorSettings, RedisLookup, RedisSettings, Verdict};
///
/// async fn ask(query: &RevocationQuery<'_>) -> Result<Verdict, InvalidRedisUrl> {
///     let lookup = RedisLookup::new(RedisSettings::new("redis://localhost")?, MirrorSettings::default());
///     let verdict = lookup.check(query).await;
///     println!("{verdict:?}, connected: {}", lookup.status().connected);
///     Ok(verdict)
/// }
/// ```
#[derive(Clone)]
pub struct RedisLookup {
    inner: Arc<Inner>,
    _tasks: Arc<Tasks>,
}

struct Inner {
    settings: RedisSettings,
    /// The facts that were found so far, and the counters of a mirror. This list never counts as complete.
    found: MirrorState,
    connection_state: watch::Sender<ConnectionState>,
    /// Boot time (ms) as of which the list was last seen complete; for the status only.
    seen_as_of: AtomicI64,
}

#[derive(Clone)]
enum ConnectionState {
    /// The first attempt, or the first one after a connection broke. A check waits for its outcome.
    Connecting,
    /// Connected. The number tells this connection from earlier ones.
    Up(Connection, u64),
    /// The last attempt failed; the next one follows. A check fails at once.
    Down,
}

impl RedisLookup {
    /// A lookup in the list in Redis. `settings` have the staleness bound and the clocks. Spawns a task on the current tokio
    /// runtime that keeps the connection open.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn new(redis: RedisSettings, settings: MirrorSettings) -> Self {
        let inner = Arc::new(Inner {
            settings: redis,
            found: MirrorState::new("lookup", settings),
            connection_state: watch::Sender::new(ConnectionState::Connecting),
            seen_as_of: AtomicI64::new(i64::MIN),
        });
        let keeper = {
            let inner = Arc::clone(&inner);
            tokio::spawn(async move {
                let panicked = || inner.found.panicked();
                until_done("revocation lookup", panicked, || keep_connected(&inner)).await;
            })
        };
        Self { inner, _tasks: Arc::new(Tasks(vec![keeper.abort_handle()])) }
    }

    /// Checks a token by one round trip to Redis, for which it waits up to the time limit. Returns at once while Redis is
    /// known to be unreachable.
    pub async fn check(&self, query: &RevocationQuery<'_>) -> Verdict {
        self.inner.check(query).await
    }

    /// The state of the connection, and of the list when it was last seen (each second, and by each check).
    pub fn status(&self) -> RevocationStatus {
        let seen = self.inner.seen_as_of.load(Ordering::Acquire);
        let found = &self.inner.found;
        let age_ms = (seen != i64::MIN).then(|| found.age_ms(seen));
        let mut status = found.status();
        status.age_ms = age_ms;
        status.current = status.connected && age_ms.is_some_and(|age| age <= found.bound_ms());
        status
    }
}

impl fmt::Debug for RedisLookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisLookup").field(&self.status()).finish()
    }
}

impl Inner {
    async fn check(&self, query: &RevocationQuery<'_>) -> Verdict {
        if let Some(kind) = self.found.facts.check(query) {
            return Verdict::Revoked(kind);
        }
        let limit = self.settings.time_limit;
        let began_ms = self.found.boot_ms();
        let Ok(Ok((reply, run_id, sent_ms))) = timeout(limit, self.look_up(query)).await else {
            return Verdict::Unknown;
        };
        for fact in &reply.facts {
            // A fact that was found counts, even if the reply came late or the list is old. It is kept until the token has
            // expired.
            if self.found.add(fact).is_err() {
                self.found.count_malformed();
                return Verdict::Unknown;
            }
        }
        if let Some(kind) = self.found.facts.check(query) {
            return Verdict::Revoked(kind);
        }
        if reply.has_malformed_value {
            self.found.count_malformed();
            return Verdict::Unknown;
        }
        let Some(as_of_ms) = self.as_of_ms(&reply, &run_id, sent_ms) else { return Verdict::Unknown };
        // Redis deletes keys by its own clock. After this moment it proves nothing that no fact was found.
        let forgotten_ms = fact_expiry_s(query.exp).saturating_mul(1_000);
        if reply.time_ms >= forgotten_ms || self.found.facts.may_have_forgotten(query) {
            return Verdict::Unknown;
        }
        // The clock is read last, because this process may have been paused at any point before.
        let now_ms = self.found.boot_ms();
        let is_in_time =
            now_ms.saturating_sub(began_ms) <= i64::try_from(limit.as_millis()).unwrap_or(i64::MAX);
        let age_ms = u64::try_from(now_ms.saturating_sub(as_of_ms)).unwrap_or(0);
        if is_in_time && age_ms <= self.found.bound_ms() { Verdict::NotRevoked } else { Verdict::Unknown }
    }

    /// Sends the lookup, and sends it once more over a new connection if the current one turns out to be dead.
    async fn look_up(
        &self,
        query: &RevocationQuery<'_>,
    ) -> Result<(LookupReply, String, i64), ConnectionError> {
        let mut last = None;
        for _ in 0..2 {
            let (mut connection, generation) = self.connection().await?;
            let sent_ms = self.found.boot_ms();
            let asking = find_facts(&mut connection.redis, &self.settings.keys, query);
            match limited(self.settings.time_limit, &self.found.settings.clock, asking).await {
                Ok(reply) => return Ok((reply, connection.run_id, sent_ms)),
                Err(error) => {
                    self.broke(generation, &error);
                    last = Some(error);
                }
            }
        }
        Err(last.unwrap_or(ConnectionError::NotConnected))
    }

    async fn connection(&self) -> Result<(Connection, u64), ConnectionError> {
        let mut connection_state = self.connection_state.subscribe();
        let settled = connection_state
            .wait_for(|connection_state| !matches!(connection_state, ConnectionState::Connecting))
            .await;
        match settled.as_deref() {
            Ok(ConnectionState::Up(connection, generation)) => Ok((connection.clone(), *generation)),
            _ => Err(ConnectionError::NotConnected),
        }
    }

    /// Drops the connection of that generation, unless there is a newer one already.
    fn broke(&self, generation: u64, error: &ConnectionError) {
        let dropped = self.connection_state.send_if_modified(|connection_state| {
            let is_ours =
                matches!(connection_state, ConnectionState::Up(_, current) if *current == generation);
            if is_ours {
                *connection_state = ConnectionState::Connecting;
            }
            is_ours
        });
        if dropped {
            self.found.disconnected();
            self.found.failed(&error.to_string());
        }
    }

    /// Boot time (ms) as of which the list of this reply is complete; `None` if it is not.
    fn as_of_ms(&self, reply: &LookupReply, run_id: &str, sent_ms: i64) -> Option<i64> {
        let is_whole = reply.epoch.as_deref().is_some_and(|epoch| is_epoch_of(epoch, run_id));
        self.found.connected(is_whole);
        let age_ms =
            reply.as_of_ms.and_then(|as_of| age_at_source(reply.time_ms, as_of)).filter(|_| is_whole);
        let Some(age_ms) = age_ms else {
            self.found.failed("the list in Redis is not whole");
            return None;
        };
        self.found.succeeded();
        let as_of_ms = sent_ms.saturating_sub(age_ms);
        self.seen_as_of.fetch_max(as_of_ms, Ordering::AcqRel);
        Some(as_of_ms)
    }
}

/// Connects whenever there is no connection, and tests the current one.
async fn keep_connected(inner: &Inner) {
    let clock = &inner.found.settings.clock;
    let mut connection_state = inner.connection_state.subscribe();
    let mut retry = inner.found.retry();
    let mut last_epoch = None;
    for generation in 0.. {
        let mut connection = loop {
            match inner.settings.connect(clock).await {
                Ok(connection) => break connection,
                Err(error) => {
                    // Checks fail at once until the next attempt.
                    inner.connection_state.send_replace(ConnectionState::Down);
                    inner.found.failed(&error.to_string());
                    sleep(retry.pause()).await;
                }
            }
        };
        inner.connection_state.send_replace(ConnectionState::Up(connection.clone(), generation));
        let mut renewal_watch = RenewalWatch::start(&inner.settings, inner.found.boot_ms());
        loop {
            let sent_ms = inner.found.boot_ms();
            let asking = read_list_state(&mut connection.redis, &inner.settings.keys);
            match limited(inner.settings.time_limit, clock, asking).await {
                Ok(reply) => {
                    retry.succeeded();
                    if let Some(epoch) =
                        reply.epoch.as_ref().filter(|epoch| last_epoch.as_ref() != Some(*epoch))
                    {
                        inner.found.count_list();
                        if last_epoch.replace(epoch.clone()).is_some() {
                            inner.found.count_resync();
                        }
                    }
                    let as_of_ms = inner.as_of_ms(&reply, &connection.run_id, sent_ms);
                    if let Err(error) = renewal_watch.observe(as_of_ms, inner.found.boot_ms()) {
                        inner.broke(generation, &error);
                    }
                }
                Err(error) => inner.broke(generation, &error),
            }
            inner.found.sweep();
            let broken = connection_state
                .wait_for(|connection_state| !matches!(connection_state, ConnectionState::Up(..)));
            if timeout(HEARTBEAT, broken).await.is_ok() {
                break;
            }
        }
    }
}

/// What Redis knows about one token.
#[derive(Debug, Default)]
struct LookupReply {
    epoch: Option<String>,
    as_of_ms: Option<i64>,
    time_ms: i64,
    /// The facts that were found, whether or not they concern this token (a cut may be older than the token). They are
    /// kept until shortly after this token's expiry.
    facts: Vec<RevocationFact>,
    /// Whether a value was found that cannot be parsed.
    has_malformed_value: bool,
}

/// Reads every fact that can concern the token, and the moment as of which the list is complete. `TIME` comes
/// after `MGET`, so that an age computed from it is never too small.
async fn find_facts(
    redis: &mut MultiplexedConnection,
    keys: &RedisKeys,
    query: &RevocationQuery<'_>,
) -> RedisResult<LookupReply> {
    let mut ids = vec![(RevocationKind::Jti, query.jti.to_string())];
    ids.extend(query.sid.map(|sid| (RevocationKind::Sid, sid.to_string())));
    ids.push((RevocationKind::Sub, query.sub.to_owned()));
    ids.push((RevocationKind::Client, query.client_id.to_owned()));
    ids.push((RevocationKind::Key, query.kid.to_owned()));
    let names: Vec<String> = ids.iter().map(|(kind, id)| keys.fact(*kind, id)).collect();
    let (mut reply, values) = read_values(redis, keys, &names).await?;
    for ((kind, id), value) in ids.into_iter().zip(values) {
        if value == Value::Nil {
            continue;
        }
        let at = kind.has_cut().then(|| i64::from_redis_value(value).ok());
        if at == Some(None) {
            reply.has_malformed_value = true;
            continue;
        }
        let exp = fact_expiry_s(query.exp);
        reply.facts.push(RevocationFact { kind, id, at: at.flatten(), exp });
    }
    Ok(reply)
}

/// Reads only the state of the list.
async fn read_list_state(redis: &mut MultiplexedConnection, keys: &RedisKeys) -> RedisResult<LookupReply> {
    Ok(read_values(redis, keys, &[]).await?.0)
}

async fn read_values(
    redis: &mut MultiplexedConnection,
    keys: &RedisKeys,
    names: &[String],
) -> RedisResult<(LookupReply, Vec<Value>)> {
    let mut pipeline = redis::pipe();
    pipeline.cmd("MGET").arg(keys.epoch()).arg(keys.as_of()).arg(names);
    pipeline.cmd("TIME");
    let (values, time): (Vec<Value>, (i64, i64)) = pipeline.query_async(redis).await?;
    if values.len() != names.len() + 2 {
        return Err((redis::ErrorKind::UnexpectedReturnType, "MGET answered another number of values").into());
    }
    let mut values = values.into_iter();
    let mut head =
        || values.next().and_then(|value| Option::<String>::from_redis_value(value).ok()).flatten();
    let (epoch, as_of) = (head(), head());
    let as_of_ms = as_of.and_then(|as_of| as_of.parse().ok());
    Ok((LookupReply { epoch, as_of_ms, time_ms: time_ms(time), ..LookupReply::default() }, values.collect()))
}
