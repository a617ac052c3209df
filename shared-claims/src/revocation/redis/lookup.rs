//! The lookup: nothing mirrored, one round trip for each check.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::connection::{Abandonment, Connection, Fault, limited};
use super::question::{Answer, ask, ask_freshness};
use super::{RedisSettings, age_at_source};
use crate::background::until_done;
use crate::revocation::contract::{fact_expiry_s, is_epoch_of};
use crate::revocation::mirror::{MirrorState, Tasks};
use crate::revocation::{MirrorSettings, RevocationQuery, RevocationStatus, Verdict};

/// How often an idle connection is tried, so that a dead one is found before a request finds it.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Asks Redis at each check, over one connection that all share. Cheap to clone.
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
    /// The facts met, counted as a mirror counts them; as of when they would be complete is never said.
    met: MirrorState,
    link: watch::Sender<Link>,
    /// Boot time (ms) as of which the list was last seen complete; for the status only.
    seen_as_of: AtomicI64,
}

#[derive(Clone)]
enum Link {
    /// The first try, or the first after a connection broke: worth waiting for.
    Connecting,
    Up(Connection, u64),
    /// Trying failed; the next try is on its way.
    Down,
}

impl RedisLookup {
    /// A lookup in the list in Redis, `settings` giving the bound and the clocks. Spawns a task on the current tokio
    /// runtime that keeps the connection.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn new(redis: RedisSettings, settings: MirrorSettings) -> Self {
        let inner = Arc::new(Inner {
            settings: redis,
            met: MirrorState::new("lookup", settings),
            link: watch::Sender::new(Link::Connecting),
            seen_as_of: AtomicI64::new(i64::MIN),
        });
        let keeper = {
            let inner = Arc::clone(&inner);
            tokio::spawn(async move {
                let panicked = || inner.met.panicked();
                until_done("revocation lookup", panicked, || keep_connected(&inner)).await;
            })
        };
        Self { inner, _tasks: Arc::new(Tasks(vec![keeper.abort_handle()])) }
    }

    /// What is known of the token now. Takes a round trip, at most the time limit, and no time while Redis is known to
    /// be away.
    pub async fn check(&self, query: &RevocationQuery<'_>) -> Verdict {
        self.inner.check(query).await
    }

    /// The state of the connection and of the list as last seen (each second, and by each check).
    pub fn status(&self) -> RevocationStatus {
        let seen = self.inner.seen_as_of.load(Ordering::Acquire);
        let met = &self.inner.met;
        let age_ms = (seen != i64::MIN).then(|| met.age_ms(seen));
        let mut status = met.status();
        status.age_ms = age_ms;
        status.current = status.connected && age_ms.is_some_and(|age| age <= met.bound_ms());
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
        if let Some(kind) = self.met.facts.check(query) {
            return Verdict::Revoked(kind);
        }
        let limit = self.settings.time_limit;
        let began_ms = self.met.boot_ms();
        let Ok(Ok((answer, run_id, sent_ms))) = timeout(limit, self.ask(query)).await else {
            return Verdict::Unknown;
        };
        for fact in &answer.facts {
            // Found, so it counts, however late or from however old a list; and it stays for as long as the token could.
            if self.met.add(fact).is_err() {
                self.met.met_malformed();
                return Verdict::Unknown;
            }
        }
        if let Some(kind) = self.met.facts.check(query) {
            return Verdict::Revoked(kind);
        }
        if answer.garbled {
            self.met.met_malformed();
            return Verdict::Unknown;
        }
        let Some(as_of_ms) = self.as_of_ms(&answer, &run_id, sent_ms) else { return Verdict::Unknown };
        // Redis forgets keys by its own clock: past this moment nothing found means nothing.
        let forgotten_ms = fact_expiry_s(query.exp).saturating_mul(1_000);
        if answer.time_ms >= forgotten_ms || self.met.facts.may_have_forgotten(query) {
            return Verdict::Unknown;
        }
        // The last look at the clock, after everything: this process may have been stopped at any point before.
        let now_ms = self.met.boot_ms();
        let in_time = now_ms.saturating_sub(began_ms) <= i64::try_from(limit.as_millis()).unwrap_or(i64::MAX);
        let age_ms = u64::try_from(now_ms.saturating_sub(as_of_ms)).unwrap_or(0);
        if in_time && age_ms <= self.met.bound_ms() { Verdict::NotRevoked } else { Verdict::Unknown }
    }

    /// Asks once, and once more over a fresh connection when the one at hand turned out dead.
    async fn ask(&self, query: &RevocationQuery<'_>) -> Result<(Answer, String, i64), Fault> {
        let mut last = None;
        for _ in 0..2 {
            let (mut connection, generation) = self.connection().await?;
            let sent_ms = self.met.boot_ms();
            let asking = ask(&mut connection.redis, &self.settings.keys, query);
            match limited(self.settings.time_limit, &self.met.settings.clock, asking).await {
                Ok(answer) => return Ok((answer, connection.run_id, sent_ms)),
                Err(fault) => {
                    self.broke(generation, &fault);
                    last = Some(fault);
                }
            }
        }
        Err(last.unwrap_or(Fault::NotConnected))
    }

    async fn connection(&self) -> Result<(Connection, u64), Fault> {
        let mut link = self.link.subscribe();
        let settled = link.wait_for(|link| !matches!(link, Link::Connecting)).await;
        match settled.as_deref() {
            Ok(Link::Up(connection, generation)) => Ok((connection.clone(), *generation)),
            _ => Err(Fault::NotConnected),
        }
    }

    /// Drops the connection of that generation, unless a newer one stands already.
    fn broke(&self, generation: u64, fault: &Fault) {
        let dropped = self.link.send_if_modified(|link| {
            let ours = matches!(link, Link::Up(_, standing) if *standing == generation);
            if ours {
                *link = Link::Connecting;
            }
            ours
        });
        if dropped {
            self.met.disconnected();
            self.met.failed(&fault.to_string());
        }
    }

    /// Boot time (ms) as of which the list that gave this answer is complete.
    fn as_of_ms(&self, answer: &Answer, run_id: &str, sent_ms: i64) -> Option<i64> {
        let whole = answer.epoch.as_deref().is_some_and(|epoch| is_epoch_of(epoch, run_id));
        self.met.connected(whole);
        let age_ms = answer.as_of_ms.and_then(|as_of| age_at_source(answer.time_ms, as_of)).filter(|_| whole);
        let Some(age_ms) = age_ms else {
            self.met.failed("the list in Redis is not whole");
            return None;
        };
        self.met.succeeded();
        let as_of_ms = sent_ms.saturating_sub(age_ms);
        self.seen_as_of.fetch_max(as_of_ms, Ordering::AcqRel);
        Some(as_of_ms)
    }
}

/// Connects whenever there is no connection, and tries the one there is.
async fn keep_connected(inner: &Inner) {
    let clock = &inner.met.settings.clock;
    let mut link = inner.link.subscribe();
    let mut retry = inner.met.retry();
    for generation in 0.. {
        let mut connection = loop {
            match inner.settings.connect(clock).await {
                Ok(connection) => break connection,
                Err(fault) => {
                    // Until the next try checks fail at once.
                    inner.link.send_replace(Link::Down);
                    inner.met.failed(&fault.to_string());
                    sleep(retry.pause()).await;
                }
            }
        };
        inner.link.send_replace(Link::Up(connection.clone(), generation));
        let mut abandonment = Abandonment::watch(&inner.settings, inner.met.boot_ms());
        loop {
            let sent_ms = inner.met.boot_ms();
            let asking = ask_freshness(&mut connection.redis, &inner.settings.keys);
            match limited(inner.settings.time_limit, clock, asking).await {
                Ok(answer) => {
                    retry.succeeded();
                    let as_of_ms = inner.as_of_ms(&answer, &connection.run_id, sent_ms);
                    if let Err(fault) = abandonment.observe(as_of_ms, inner.met.boot_ms()) {
                        inner.broke(generation, &fault);
                    }
                }
                Err(fault) => inner.broke(generation, &fault),
            }
            inner.met.sweep();
            let broken = link.wait_for(|link| !matches!(link, Link::Up(..)));
            if timeout(HEARTBEAT, broken).await.is_ok() {
                break;
            }
        }
    }
}
