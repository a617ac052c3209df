//! Simulates a month of a service: inserts the rows that the use cases write, at the times of a manual clock.

#[path = "browsers.rs"]
mod browsers;

use std::sync::Arc;

use auth_service::domain::{
    AuditEvent, AuditKind, AuthorizationCode, BrowserSessionLimits, CodePlain, Device, EndReason, Initiator,
    MinuteCount, NewUser, PasswordHash, RefreshToken, RefreshTokenPlain, Session, Username,
};
use auth_service::pruning::{PruneRound, PruneRules, Pruner};
use auth_service::random::Random;
use auth_service::storage::refresh_tokens::Rotation;
use auth_service::storage::{
    self, Transaction, UnitOfWork, audit, authorization_codes, refresh_tokens, sessions, users,
};
use aws_lc_rs::hmac;
use service_kit::database::{Database, DatabaseError, DbConnection};
use shared_claims::clock::{Clock as _, ManualClock, SharedClock};
use shared_claims::revocation::{RevocationFact, RevocationKind};
use shared_claims::scope::Scopes;
use uuid::Uuid;

pub(crate) const DAY_MS: i64 = 86_400_000;
/// The number of parts of a day. Each part ends with a round of pruning.
const QUARTERS: i64 = 4;
/// The number of users whose rows are written in one transaction.
const TOGETHER: usize = 50;
const ACCESS_TTL_S: i64 = 900;
const REFRESH_TTL_MS: i64 = 30 * DAY_MS;
const CODE_TTL_MS: i64 = 60_000;

/// The scale of the simulation. Each user logs in once a day.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    pub(crate) users: usize,
    /// The refreshes of each session, spread over its day.
    pub(crate) refreshes_a_day: i64,
    /// One in this many sessions is never logged out of.
    pub(crate) one_abandoned_of: usize,
    /// The refused logins per day, of all users together.
    pub(crate) refused_logins: usize,
    pub(crate) codes: usize,
    pub(crate) revoked_tokens: usize,
    pub(crate) session_max_age_ms: i64,
    /// The sign-ins on the hosted pages per day.
    pub(crate) page_sign_ins: usize,
    pub(crate) browser_sessions: BrowserSessionLimits,
}

/// The number of rows written so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WrittenRows {
    pub(crate) sessions: usize,
    pub(crate) refresh_tokens: usize,
    pub(crate) browser_sessions: usize,
    pub(crate) codes: usize,
    pub(crate) consents: usize,
    pub(crate) revocations: usize,
    pub(crate) audit_events: usize,
}

/// A session that began today.
struct LiveSession {
    session: Session,
    newest: RefreshTokenPlain,
}

pub(crate) struct Month {
    pub(crate) database: Database,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) written: WrittenRows,
    pruner: Pruner,
    random: Random,
    key: hmac::Key,
    scale: Scale,
    users: Vec<Uuid>,
    today: Vec<LiveSession>,
}

impl Month {
    /// Prepares an empty database and inserts the users.
    pub(crate) async fn begin(
        database: Database,
        clock: Arc<ManualClock>,
        random: Random,
        rules: PruneRules,
        scale: Scale,
    ) -> Self {
        database.migrate(storage::migrations()).await.unwrap();
        let pruner = Pruner::new(database.clone(), clock.clone(), &random, rules);
        let key = hmac::Key::new(hmac::HMAC_SHA256, &random.bytes::<32>());
        let users: Vec<_> = (0..scale.users).map(|_| random.uuid()).collect();
        let (ids, now_ms) = (users.clone(), clock.now_ms());
        write(&database, move |conn| {
            for (number, id) in ids.into_iter().enumerate() {
                let hash = PasswordHash { scheme: "none".to_owned(), value: "none".to_owned() };
                let username = Username::parse(&format!("user{number}")).unwrap();
                let new = NewUser {
                    id,
                    username,
                    email: None,
                    email_verified: false,
                    is_self_registered: false,
                    is_active: true,
                    roles: Vec::new(),
                    hash,
                    created_at_ms: now_ms,
                };
                users::insert(conn, &new)?;
            }
            Ok(())
        })
        .await;
        let (written, today) = (WrittenRows::default(), Vec::new());
        let month = Self { database, clock, written, pruner, random, key, scale, users, today };
        month.register_client().await;
        month
    }

    /// Simulates a day.
    pub(crate) async fn day(&mut self) {
        self.log_in().await;
        self.sign_in_on_pages().await;
        self.others().await;
        for quarter in 0..QUARTERS {
            self.refresh().await;
            self.clock.advance_ms((DAY_MS / QUARTERS).unsigned_abs());
            if quarter == QUARTERS - 1 {
                self.log_out().await;
            }
            self.prune().await;
        }
    }

    /// Runs a round of pruning.
    pub(crate) async fn prune(&self) {
        assert!(matches!(self.pruner.round().await.unwrap(), PruneRound::Done(_)), "no other replica prunes");
    }

    async fn log_in(&mut self) {
        let (now_ms, random) = (self.clock.now_ms(), self.random.clone());
        let begin = |user_id: &Uuid| {
            let session = Session {
                browser_session_id: None,
                userinfo_claims: std::collections::BTreeSet::new(),
                id: random.uuid_at(now_ms),
                user_id: *user_id,
                client_id: "first-party".to_owned(),
                scope: Scopes::parse("openid profile todos:read todos:write").unwrap(),
                audience: vec!["todo-service".to_owned()],
                amr: vec!["pwd".to_owned()],
                auth_time_s: now_ms / 1000,
                created_at_ms: now_ms,
                last_used_at_ms: now_ms,
                expires_at_ms: now_ms + self.scale.session_max_age_ms,
                idle_expires_at_ms: idle_end_ms(now_ms, now_ms + self.scale.session_max_age_ms),
                ended_at_ms: None,
                user_agent: Some(device().user_agent.unwrap()),
                address: device().address,
                access_expires_at_s: now_ms / 1000 + ACCESS_TTL_S,
            };
            LiveSession { newest: RefreshTokenPlain::first(session.id, random.bytes(), &self.key), session }
        };
        self.today = self.users.iter().map(begin).collect();
        for lives in self.today.chunks(TOGETHER) {
            let rows: Vec<_> = lives.iter().map(|live| (live.session.clone(), live.newest.hash())).collect();
            let random = self.random.clone();
            write(&self.database, move |conn| {
                for (session, hash) in rows {
                    sessions::insert(conn, &session)?;
                    refresh_tokens::insert(conn, &hash, &unused(&session, now_ms))?;
                    audit::record(conn, &of_session(AuditKind::LoggedIn, &session), &random, now_ms)?;
                }
                Ok(())
            })
            .await;
        }
        self.written.sessions += self.today.len();
        self.written.refresh_tokens += self.today.len();
        self.written.audit_events += self.today.len();
    }

    /// Simulates the refreshes of every session in one part of the day.
    async fn refresh(&mut self) {
        let times = self.scale.refreshes_a_day / QUARTERS;
        let began_ms = self.clock.now_ms();
        for lives in self.today.chunks_mut(TOGETHER) {
            let mut steps = Vec::new();
            for live in lives {
                for time in 0..times {
                    let now_ms = began_ms + (time + 1) * DAY_MS / QUARTERS / (times + 1);
                    let child = live.newest.child(&self.key);
                    let session = &mut live.session;
                    session.last_used_at_ms = now_ms;
                    session.access_expires_at_s = now_ms / 1000 + ACCESS_TTL_S;
                    session.idle_expires_at_ms = idle_end_ms(now_ms, session.expires_at_ms);
                    steps.push((session.clone(), live.newest.hash(), child.hash(), now_ms));
                    live.newest = child;
                }
            }
            self.written.refresh_tokens += steps.len();
            write(&self.database, move |conn| {
                for (session, used, next, now_ms) in steps {
                    let row = unused(&session, now_ms);
                    let seen = MinuteCount::default();
                    let rotation = Rotation { used: &used, seen, next: &next, row: &row };
                    assert!(refresh_tokens::rotate(conn, rotation)?);
                    sessions::touch(conn, &session)?;
                }
                Ok(())
            })
            .await;
        }
    }

    /// Logs out of all sessions except the abandoned ones.
    async fn log_out(&mut self) {
        let now_ms = self.clock.now_ms();
        let every = self.scale.one_abandoned_of;
        let ended = self.today.iter().enumerate().filter(|(number, _)| number % every != 0);
        let ended: Vec<_> = ended.map(|(_, live)| live.session.clone()).collect();
        self.written.revocations += ended.len();
        self.written.audit_events += ended.len();
        for some in ended.chunks(TOGETHER) {
            let some = some.to_vec();
            self.commit(move |transaction| {
                for session in &some {
                    sessions::end(transaction.conn(), &[session.id], EndReason::Logout, now_ms)?;
                    transaction.record(of_session(AuditKind::SessionEnded, session));
                    transaction.revoke(fact(RevocationKind::Sid, session.id, now_ms));
                }
                Ok(())
            })
            .await;
        }
    }

    /// Simulates the other events of a day.
    async fn others(&mut self) {
        let (scale, random, now_ms) = (self.scale, self.random.clone(), self.clock.now_ms());
        let users = self.users.clone();
        self.commit(move |transaction| {
            for _ in 0..scale.refused_logins {
                transaction
                    .record(AuditEvent::new(AuditKind::LoginRefused, &initiator()).reason("unknown_user"));
            }
            for user_id in users.iter().cycle().take(scale.codes) {
                let code = CodePlain::from_random(random.bytes()).hash();
                authorization_codes::insert(transaction.conn(), &code, &new_code(*user_id, now_ms))?;
                authorization_codes::consume(transaction.conn(), &code, random.uuid(), now_ms)?;
            }
            for user_id in users.iter().cycle().take(scale.revoked_tokens) {
                transaction.record(AuditEvent::new(AuditKind::TokenRevoked, &initiator()).user(*user_id));
                transaction.revoke(fact(RevocationKind::Jti, random.uuid_at(now_ms), now_ms));
            }
            Ok(())
        })
        .await;
        self.written.audit_events += scale.refused_logins + scale.revoked_tokens;
        self.written.codes += scale.codes;
        self.written.revocations += scale.revoked_tokens;
    }

    /// Commits rows with their audit events and revocation facts.
    async fn commit(
        &self,
        work: impl Fn(&mut Transaction<'_>) -> Result<(), DatabaseError> + Send + 'static,
    ) {
        let clock = Arc::clone(&self.clock) as SharedClock;
        let unit_of_work = UnitOfWork::new(self.database.clone(), clock, self.random.clone());
        unit_of_work.commit(work).await.unwrap();
    }
}

async fn write(
    database: &Database,
    work: impl FnOnce(&mut DbConnection) -> Result<(), DatabaseError> + Send + 'static,
) {
    database.write_once(work).await.unwrap();
}

fn device() -> Device {
    let user_agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    Device { user_agent: Some(user_agent.to_owned()), address: Some("203.0.113.77".to_owned()) }
}

fn initiator() -> Initiator {
    let request_id = Some("7c5d6f58-2cf4-4e4f-9f5b-0d8f3b0f5a11".to_owned());
    Initiator { device: device(), request_id, ..Initiator::operator() }
}

fn of_session(kind: AuditKind, session: &Session) -> AuditEvent {
    AuditEvent::new(kind, &initiator()).user(session.user_id).client(&session.client_id).session(session.id)
}

fn unused(session: &Session, now_ms: i64) -> RefreshToken {
    let expires_at_ms = session.expires_at_ms.min(now_ms + REFRESH_TTL_MS);
    RefreshToken {
        session_id: session.id,
        issued_at_ms: now_ms,
        expires_at_ms,
        consumed_at_ms: None,
        first_caller: Some(1),
        late_replays: 0,
        refreshes: MinuteCount::default(),
    }
}

/// The idle end of a session: the expiry of its last refresh token, plus a minute.
fn idle_end_ms(now_ms: i64, expires_at_ms: i64) -> i64 {
    expires_at_ms.min(now_ms + REFRESH_TTL_MS) + 60_000
}

fn fact(kind: RevocationKind, id: Uuid, now_ms: i64) -> RevocationFact {
    RevocationFact { kind, id: id.to_string(), at: None, exp: now_ms / 1000 + ACCESS_TTL_S + 60 }
}

fn new_code(user_id: Uuid, now_ms: i64) -> AuthorizationCode {
    AuthorizationCode {
        browser_session_id: None,
        userinfo_claims: std::collections::BTreeSet::new(),
        client_id: "web".to_owned(),
        user_id,
        credentials_version: 1,
        redirect_uri: "https://app.example.org/callback".to_owned(),
        challenge: None,
        scope: Scopes::parse("openid todos:read").unwrap(),
        audience: vec!["todo-service".to_owned()],
        nonce: Some("n-0S6_WzA2Mj".to_owned()),
        amr: vec!["pwd".to_owned()],
        auth_time_s: now_ms / 1000,
        device: device(),
        issued_at_ms: now_ms,
        expires_at_ms: now_ms + CODE_TTL_MS,
        consumed_at_ms: None,
        session_id: None,
    }
}
