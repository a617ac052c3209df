//! One transaction that changes clients.

use service_kit::database::DbConnection;
use shared_claims::issuer::contract::fact_expiry_s;
use shared_claims::revocation::{RevocationFact, RevocationKind};

use super::{AdministrationError, AdministrationSettings, RegisteredClient};
use crate::domain::{AuditEvent, AuditKind, Client, ClientSecretHash, Initiator};
use crate::storage::{Transaction, authorization_codes, client_secrets, clients, revocations, sessions};

/// The most sessions that one statement ends.
const SESSION_BATCH: i64 = 500;

/// Ends a batch of sessions of a client. Returns whether there may be more.
pub(super) fn end_session_batch(
    conn: &mut DbConnection,
    id: &str,
    now_ms: i64,
) -> Result<bool, AdministrationError> {
    let ended = sessions::end_of_client(conn, id, now_ms, SESSION_BATCH)?;
    Ok(i64::try_from(ended).is_ok_and(|ended| ended >= SESSION_BATCH))
}

/// A change in progress. The transaction holds the registry's lock, so replicas and commands take turns.
pub(super) struct RegistryChange<'a, 'c> {
    transaction: &'a mut Transaction<'c>,
    settings: &'a AdministrationSettings,
    initiator: &'a Initiator,
    pub(super) now_ms: i64,
    has_changed: bool,
}

impl<'a, 'c> RegistryChange<'a, 'c> {
    /// Waits for the lock, then reads the clock.
    pub(super) fn begin(
        transaction: &'a mut Transaction<'c>,
        settings: &'a AdministrationSettings,
        initiator: &'a Initiator,
    ) -> Result<Self, AdministrationError> {
        clients::lock_registry(transaction.conn())?;
        let now_ms = transaction.now_ms();
        Ok(Self { transaction, settings, initiator, now_ms, has_changed: false })
    }

    /// Makes replicas read the clients again, if anything changed.
    pub(super) fn finish(self) -> Result<(), AdministrationError> {
        if self.has_changed {
            clients::begin_change(self.transaction.conn())?;
        }
        Ok(())
    }

    pub(super) fn conn(&mut self) -> &mut DbConnection {
        self.transaction.conn()
    }

    /// Records an audit event about the client with this id.
    pub(super) fn record(
        &mut self,
        kind: AuditKind,
        id: &str,
        describe: impl FnOnce(AuditEvent) -> AuditEvent,
    ) {
        self.has_changed = true;
        self.transaction.record(describe(AuditEvent::new(kind, self.initiator).client(id)));
    }

    pub(super) fn find(&mut self, id: &str) -> Result<Client, AdministrationError> {
        clients::find(self.conn(), id)?.ok_or_else(|| AdministrationError::Unknown(id.to_owned()))
    }

    /// Reads the client and its secrets as they are in this transaction.
    pub(super) fn registered(&mut self, id: &str) -> Result<RegisteredClient, AdministrationError> {
        Ok(RegisteredClient { client: self.find(id)?, secrets: client_secrets::of_client(self.conn(), id)? })
    }

    /// Inserts a new client. If a client with this id existed before, its last cut still applies, so that the former
    /// client's tokens stay revoked.
    pub(super) fn insert(&mut self, client: &Client) -> Result<(), AdministrationError> {
        let id = client.id.as_str();
        if clients::find(self.conn(), id)?.is_some() {
            return Err(AdministrationError::Taken(id.to_owned()));
        }
        let token_cut_ms = revocations::last_cut_of_client(self.conn(), id)?;
        let longest = self.longest_access_ttl_s(client);
        clients::insert(self.conn(), &Client { token_cut_ms, ..client.clone() }, longest)?;
        self.end_late_sessions(id)
    }

    pub(super) fn update(&mut self, client: &Client) -> Result<(), AdministrationError> {
        self.has_changed = true;
        let longest = self.longest_access_ttl_s(client);
        let client = Client { updated_at_ms: self.now_ms, ..client.clone() };
        Ok(clients::update(self.conn(), &client, longest)?)
    }

    fn longest_access_ttl_s(&self, client: &Client) -> i64 {
        client.access_ttl_s.unwrap_or(self.settings.access_ttl_s)
    }

    /// Makes `hash` the current secret. The previous one stays valid for `keep_old_s` seconds.
    pub(super) fn set_secret(
        &mut self,
        id: &str,
        hash: &ClientSecretHash,
        keep_old_s: i64,
    ) -> Result<(), AdministrationError> {
        self.has_changed = true;
        let now_ms = self.now_ms;
        client_secrets::delete(self.conn(), id, hash)?;
        if keep_old_s > 0 {
            let end_ms = now_ms.saturating_add(keep_old_s.saturating_mul(1000));
            client_secrets::replace_current(self.conn(), id, end_ms)?;
        } else {
            client_secrets::delete_all(self.conn(), id)?;
        }
        Ok(client_secrets::insert(self.conn(), id, hash, now_ms)?)
    }

    /// Ends sessions and codes that requests in progress created after the client's sessions had been ended.
    pub(super) fn end_late_sessions(&mut self, id: &str) -> Result<(), AdministrationError> {
        authorization_codes::delete_unused_of_client(self.conn(), id)?;
        let now_ms = self.now_ms;
        while end_session_batch(self.conn(), id, now_ms)? {}
        Ok(())
    }

    /// Revokes every token that was issued to the client up to now.
    pub(super) fn cut(&mut self, client: &Client) -> Result<(), AdministrationError> {
        let id = client.id.as_str();
        let cut = client.cut_at(self.now_ms, self.settings.clock_skew_ms);
        self.update(&Client { token_cut_ms: Some(cut), ..client.clone() })?;
        clients::set_cut_due(self.conn(), id, false)?;
        let longest = clients::longest_access_ttl(self.conn(), id)?.unwrap_or(0);
        let longest = longest.max(self.longest_access_ttl_s(client));
        let exp = fact_expiry_s(cut.div_euclid(1000).saturating_add(longest));
        self.transaction.revoke(RevocationFact {
            kind: RevocationKind::Client,
            id: id.to_owned(),
            at: Some(cut),
            exp,
        });
        Ok(())
    }
}
