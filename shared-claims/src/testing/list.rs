//! The writer's side of the list in Redis: does what the issuer does, one step at a time.

use redis::aio::MultiplexedConnection;

use crate::revocation::{RevocationFact, contract};

/// For how long the list is valid after its last renewal, milliseconds.
const LIST_TTL_MS: i64 = 30_000;

/// Writes a list into Redis for a test. Keeps the committed facts in memory in place of a database.
///
/// ```
/// use shared_claims::issuer::contract;
/// use shared_claims::revocation::{RevocationFact, RevocationKind};
/// use shared_claims::testing::{ListWriter, RedisProcess};
///
/// async fn an_issuer_that_lags(redis: &mut RedisProcess, fact: impl Fn(RevocationKind) -> RevocationFact) {
///     let mut list = ListWriter::new(redis.connection().await, contract::DEFAULT_PREFIX);
///     list.rebuild().await;
///     list.revoke(fact(RevocationKind::Sid)).await;
///     list.renew().await;
///     // Redis loses the list. The issuer commits another fact meanwhile and then writes the list again.
///     redis.restart().await;
///     list.commit(fact(RevocationKind::Sub));
///     list.reconnect(redis.connection().await);
///     list.rebuild().await;
///     // The list was last complete ten seconds ago.
///     let then = list.now_ms().await - 10_000;
///     list.renew_as_of(then).await;
/// }
/// ```
#[derive(Debug)]
pub struct ListWriter {
    redis: MultiplexedConnection,
    prefix: String,
    log: Vec<RevocationFact>,
}

impl ListWriter {
    /// A writer of the list under `prefix`, without facts. Writes nothing yet.
    pub fn new(redis: MultiplexedConnection, prefix: &str) -> Self {
        Self { redis, prefix: prefix.to_owned(), log: Vec::new() }
    }

    /// Continues with the same facts on another connection, for example after a restart of Redis.
    pub fn reconnect(&mut self, redis: MultiplexedConnection) {
        self.redis = redis;
    }

    /// Commits a fact without writing it to Redis.
    pub fn commit(&mut self, fact: RevocationFact) {
        self.log.push(fact);
    }

    /// Commits a fact and appends it to the list.
    pub async fn revoke(&mut self, fact: RevocationFact) {
        self.commit(fact);
        let mut step = redis::pipe();
        step.atomic();
        self.append(&mut step, self.log.len());
        step.exec_async(&mut self.redis).await.expect("Redis stores the fact");
    }

    /// Marks the list as complete as of now.
    pub async fn renew(&mut self) {
        let now_ms = self.now_ms().await;
        self.renew_as_of(now_ms).await;
    }

    /// Marks the list as complete as of this moment on Redis's clock.
    pub async fn renew_as_of(&mut self, as_of_ms: i64) {
        let mut step = redis::pipe();
        step.atomic();
        self.stamp(&mut step, as_of_ms);
        step.exec_async(&mut self.redis).await.expect("Redis stores epoch and as_of");
    }

    /// Writes the whole list again, under a new epoch for the current Redis process.
    pub async fn rebuild(&mut self) {
        let info: String = redis::cmd("INFO").arg("server").query_async(&mut self.redis).await.expect("INFO");
        let run_id =
            info.lines().find_map(|line| line.strip_prefix("run_id:")).expect("a run_id").trim().to_owned();
        let now_us = self.now_us().await;
        let mut step = redis::pipe();
        step.atomic().del(self.key(contract::EVENTS)).ignore();
        for seq in 1..=self.log.len() {
            self.append(&mut step, seq);
        }
        step.set(self.key(contract::EPOCH), contract::epoch(&run_id, &now_us.to_string())).ignore();
        self.stamp(&mut step, now_us / 1_000);
        step.exec_async(&mut self.redis).await.expect("Redis stores the list");
    }

    /// Redis's clock, milliseconds since the Unix epoch.
    pub async fn now_ms(&mut self) -> i64 {
        self.now_us().await / 1_000
    }

    async fn now_us(&mut self) -> i64 {
        let (s, us): (i64, i64) = redis::cmd("TIME").query_async(&mut self.redis).await.expect("TIME");
        s * 1_000_000 + us
    }

    fn key(&self, name: &str) -> String {
        contract::key(&self.prefix, name)
    }

    fn append(&self, step: &mut redis::Pipeline, seq: usize) {
        let Some(fact) = seq.checked_sub(1).and_then(|index| self.log.get(index)) else { return };
        let at = fact.at.map(|at| at.to_string());
        let add = step.cmd("XADD").arg(self.key(contract::EVENTS)).arg(format!("{seq}-0"));
        add.arg(contract::FIELD_KIND).arg(fact.kind.as_str()).arg(contract::FIELD_ID).arg(&fact.id);
        add.arg(contract::FIELD_EXP).arg(fact.exp);
        if let Some(at) = &at {
            add.arg(contract::FIELD_AT).arg(at);
        }
        add.ignore();
        let key = contract::fact_key(&self.prefix, fact.kind, &fact.id);
        step.cmd("SET")
            .arg(key)
            .arg(at.as_deref().unwrap_or(contract::PRESENT))
            .arg("EXAT")
            .arg(fact.exp)
            .ignore();
    }

    fn stamp(&self, step: &mut redis::Pipeline, as_of_ms: i64) {
        let until = as_of_ms + LIST_TTL_MS;
        step.cmd("SET").arg(self.key(contract::AS_OF)).arg(as_of_ms).arg("PXAT").arg(until).ignore();
        step.cmd("PEXPIREAT").arg(self.key(contract::EPOCH)).arg(until).ignore();
    }
}
