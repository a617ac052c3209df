//! One transaction that changes clients.

use service_kit::database::DbConnection;
use shared_claims::revocation::{Fact, Kind};

use super::{AdministrationError, AdministrationParts, RegisteredClient};
use crate::domain::{AuditEvent, AuditKind, Client, ClientSecretHash, Origin};
use crate::storage::{audit, authorization_codes, client_secrets, clients, revocations, sessions};

/// How long a revocation fact is kept after the last token it revokes has expired, in seconds.
const REMEMBER_S: i64 = 60;

/// The most sessions that one statement ends.
const BATCH: i64 = 500;

/// Ends a batch of sessions of a client. Returns whether there may be more.
pub(super) fn end_batch(conn: &mut DbConnection, id: &str, now_ms: i64) -> Result<bool, AdministrationError> {
    let ended = sessions::end_of_client(conn, id, now_ms, BATCH)?;
    Ok(i64::try_from(ended).is_ok_and(|ended| ended >= BATCH))
}

/// The result of a transaction.
pub(super) struct Committed {
    pub(super) events: Vec<AuditEvent>,
    /// The sequence number of the revocation fact that it appended, if any.
    pub(super) seq: Option<i64>,
}

/// A change in progress. The transaction holds the registry's lock, so replicas and commands take turns.
pub(super) struct Change<'a> {
    pub(super) conn: &'a mut DbConnection,
    parts: &'a AdministrationParts,
    origin: Origin,
    pub(super) now_ms: i64,
    has_changed: bool,
    events: Vec<AuditEvent>,
    fact: Option<Fact>,
}

impl<'a> Change<'a> {
    /// Waits for the lock, then reads the clock.
    pub(super) fn begin(
        conn: &'a mut DbConnection,
        parts: &'a AdministrationParts,
        origin: Origin,
    ) -> Result<Self, AdministrationError> {
        clients::lock_registry(conn)?;
        let now_ms = parts.clock.now_ms();
        Ok(Self { conn, parts, origin, now_ms, has_changed: false, events: Vec::new(), fact: None })
    }

    /// Writes the audit events, makes replicas read the clients again, and appends the revocation fact last, because
    /// the lock of the revocation log is held until the commit.
    pub(super) fn finish(self) -> Result<Committed, AdministrationError> {
        let Self { conn, parts, now_ms, has_changed, events, fact, .. } = self;
        if has_changed {
            clients::begin_change(conn)?;
        }
        for event in &events {
            audit::record(conn, event, &parts.random, now_ms)?;
        }
        let seq = fact.map(|fact| revocations::append(conn, &fact, now_ms)).transpose()?;
        Ok(Committed { events, seq })
    }

    /// Notes an audit event, which [`Change::finish`] writes.
    pub(super) fn note(&mut self, kind: AuditKind, id: &str, tell: impl FnOnce(AuditEvent) -> AuditEvent) {
        self.has_changed = true;
        self.events.push(tell(AuditEvent::new(kind, &self.origin).client(id)));
    }

    pub(super) fn find(&mut self, id: &str) -> Result<Client, AdministrationError> {
        clients::find(self.conn, id)?.ok_or_else(|| AdministrationError::Unknown(id.to_owned()))
    }

    /// Reads the client and its secrets as they are in this transaction.
    pub(super) fn registered(&mut self, id: &str) -> Result<RegisteredClient, AdministrationError> {
        Ok(RegisteredClient { client: self.find(id)?, secrets: client_secrets::of_client(self.conn, id)? })
    }

    /// Inserts a new client. If a client with this id existed before, its last cut still applies, so that the former
    /// client's tokens stay revoked.
    pub(super) fn insert(&mut self, client: &Client) -> Result<(), AdministrationError> {
        let id = client.id.as_str();
        if clients::find(self.conn, id)?.is_some() {
            return Err(AdministrationError::Taken(id.to_owned()));
        }
        let token_cut_ms = revocations::last_cut_of_client(self.conn, id)?;
        clients::insert(
            self.conn,
            &Client { token_cut_ms, ..client.clone() },
            self.longest_access_ttl_s(client),
        )?;
        self.end_stragglers(id)
    }

    pub(super) fn update(&mut self, client: &Client) -> Result<(), AdministrationError> {
        self.has_changed = true;
        let longest = self.longest_access_ttl_s(client);
        let client = Client { updated_at_ms: self.now_ms, ..client.clone() };
        Ok(clients::update(self.conn, &client, longest)?)
    }

    fn longest_access_ttl_s(&self, client: &Client) -> i64 {
        client.access_ttl_s.unwrap_or(self.parts.settings.access_ttl_s)
    }

    /// Makes `hash` the current secret. The previous one stays valid for `keep_old_s` seconds.
    pub(super) fn set_secret(
        &mut self,
        id: &str,
        hash: &ClientSecretHash,
        keep_old_s: i64,
    ) -> Result<(), AdministrationError> {
        self.has_changed = true;
        client_secrets::delete(self.conn, id, hash)?;
        if keep_old_s > 0 {
            let end_ms = self.now_ms.saturating_add(keep_old_s.saturating_mul(1000));
            client_secrets::replace_current(self.conn, id, end_ms)?;
        } else {
            client_secrets::delete_all(self.conn, id)?;
        }
        Ok(client_secrets::insert(self.conn, id, hash, self.now_ms)?)
    }

    /// Ends sessions and codes that requests in progress created after the client's sessions had been ended.
    pub(super) fn end_stragglers(&mut self, id: &str) -> Result<(), AdministrationError> {
        authorization_codes::delete_unused_of_client(self.conn, id)?;
        while end_batch(self.conn, id, self.now_ms)? {}
        Ok(())
    }

    /// Revokes every token that was issued to the client up to now.
    pub(super) fn cut(&mut self, client: &Client) -> Result<(), AdministrationError> {
        let id = client.id.as_str();
        let cut = client.cut_at(self.now_ms, self.parts.settings.clock_skew_ms);
        self.update(&Client { token_cut_ms: Some(cut), ..client.clone() })?;
        clients::set_cut_due(self.conn, id, false)?;
        let longest = clients::longest_access_ttl(self.conn, id)?.unwrap_or(0);
        let longest = longest.max(self.longest_access_ttl_s(client));
        let exp = cut.div_euclid(1000).saturating_add(longest).saturating_add(REMEMBER_S);
        self.fact = Some(Fact { kind: Kind::Client, id: id.to_owned(), at: Some(cut), exp });
        Ok(())
    }
}
