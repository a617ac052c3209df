//! What a user sees of the own account: the sessions, and the applications that are connected to it.

use std::collections::{BTreeMap, HashMap};

use service_kit::database::{DatabaseError, DbConnection};
use shared_claims::scope::Scopes;
use uuid::Uuid;

use super::logout::{BATCH_SIZE, Step, end_sessions, is_full_batch};
use super::{TokenError, Tokens, notices};
use crate::domain::{
    AuditEvent, AuditKind, ClientId, Consent, EndReason, Initiator, ListedSession, PageLimit, SessionCursor,
    SessionKind, SessionListing,
};
use crate::storage::{Transaction, authorization_codes, clients, consents, session_list, sessions, users};

/// An application that a user is connected to: it was allowed something, or has a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// The client.
    pub client_id: String,
    /// Its name, for people.
    pub name: String,
    /// Whether it is part of the operator's own product, which nobody is asked about.
    pub is_first_party: bool,
    /// What it may do: what the user allowed, and what its sessions have.
    pub scopes: Scopes,
    /// When the user allowed it first, or else when its first session that is alive began, in milliseconds.
    pub allowed_at_ms: i64,
    /// When it last got a token. If no session of it is stored any more: when it was allowed.
    pub last_used_at_ms: i64,
}

/// The most sessions of a user that are looked at.
const MOST_SESSIONS: usize = 10_000;

struct Connection {
    granted: Consent,
    allowed_at_ms: i64,
    is_allowed: bool,
}

impl Tokens {
    /// Returns a page of a user's live sessions, last used first, and the cursor of the next page.
    pub async fn sessions_of(
        &self,
        user_id: Uuid,
        listing: SessionListing,
        after: Option<SessionCursor>,
        limit: PageLimit,
    ) -> Result<(Vec<ListedSession>, Option<SessionCursor>), TokenError> {
        let now_ms = self.inner.unit_of_work.clock().now_ms();
        let limit = limit.get();
        // One more session is read to know whether there is a next page.
        let page = move |conn: &mut DbConnection| {
            session_list::page(conn, user_id, now_ms, listing, after, limit.saturating_add(1))
        };
        let page = self.inner.unit_of_work.database().read(move |conn| Ok::<_, TokenError>(page(conn)?));
        let mut page: Vec<ListedSession> = page.await?;
        let has_more = page.len() > limit;
        page.truncate(limit);
        let last = page.last().filter(|_| has_more);
        let next = last.map(|last| SessionCursor { last_used_at_ms: last.last_used_at_ms, id: last.id });
        Ok((page, next))
    }

    /// The applications that a user is connected to, last used first.
    pub async fn applications_of(&self, user_id: Uuid) -> Result<Vec<Application>, TokenError> {
        let now_ms = self.inner.unit_of_work.clock().now_ms();
        let read = move |conn: &mut DbConnection| applications(conn, user_id, now_ms);
        let mut applications =
            self.inner.unit_of_work.database().read(move |conn| Ok::<_, TokenError>(read(conn)?)).await?;
        applications.sort_by_key(|application| std::cmp::Reverse(application.last_used_at_ms));
        Ok(applications)
    }

    /// Disconnects an application: its sessions end, and its codes that nobody redeemed and the consent go. Returns whether
    /// it was connected.
    pub async fn disconnect(
        &self,
        user_id: Uuid,
        client_id: ClientId,
        initiator: Initiator,
    ) -> Result<bool, TokenError> {
        let step = move |transaction: &mut Transaction<'_>| {
            disconnect(transaction, user_id, client_id.as_str(), &initiator)
        };
        self.end_in_batches(step).await
    }
}

fn applications(
    conn: &mut DbConnection,
    user_id: Uuid,
    now_ms: i64,
) -> Result<Vec<Application>, DatabaseError> {
    let mut connections: BTreeMap<String, Connection> = BTreeMap::new();
    for (client_id, granted, allowed_at_ms) in consents::of_user(conn, user_id)? {
        connections.insert(client_id, Connection { granted, allowed_at_ms, is_allowed: true });
    }
    for session in session_list::page(conn, user_id, now_ms, SessionListing::All, None, MOST_SESSIONS)? {
        if session.kind() != SessionKind::Client {
            continue;
        }
        let granted = Consent { scope: session.scope, audience: Vec::new() };
        let began_at_ms = session.created_at_ms;
        let connection = connections.entry(session.client_id.unwrap_or_default()).or_insert(Connection {
            granted: Consent::default(),
            allowed_at_ms: began_at_ms,
            is_allowed: false,
        });
        connection.granted = connection.granted.and(&granted);
        if !connection.is_allowed {
            connection.allowed_at_ms = connection.allowed_at_ms.min(began_at_ms);
        }
    }
    let last_uses: HashMap<String, i64> = session_list::last_uses(conn, user_id)?.into_iter().collect();
    let mut applications = Vec::with_capacity(connections.len());
    for (client_id, Connection { granted, allowed_at_ms, .. }) in connections {
        // A client that was deleted in the meantime has no name.
        let Some(client) = clients::find(conn, &client_id)? else { continue };
        let last_used_at_ms = last_uses.get(&client_id).copied().unwrap_or(allowed_at_ms);
        applications.push(Application {
            client_id,
            name: client.name,
            is_first_party: client.is_first_party,
            scopes: granted.scope,
            allowed_at_ms,
            last_used_at_ms: last_used_at_ms.max(allowed_at_ms),
        });
    }
    Ok(applications)
}

fn disconnect(
    transaction: &mut Transaction<'_>,
    user_id: Uuid,
    client_id: &str,
    initiator: &Initiator,
) -> Result<(Step, bool), TokenError> {
    if users::lock(transaction.conn(), user_id)?.is_none() {
        return Ok((Step::Last, false));
    }
    let now_ms = transaction.now_ms();
    let had_consent = consents::delete(transaction.conn(), user_id, client_id)?;
    authorization_codes::delete_unused_of_user_and_client(transaction.conn(), user_id, client_id)?;
    let some = sessions::some_of_user_and_client(transaction.conn(), user_id, client_id, now_ms, BATCH_SIZE)?;
    let is_connected = had_consent || !some.is_empty();
    if is_connected {
        notices::tell_of_disconnection(transaction, user_id, client_id)?;
    }
    end_sessions(transaction, &some, EndReason::Disconnected, initiator)?;
    if had_consent {
        let event = AuditEvent::new(AuditKind::ConsentWithdrawn, initiator).user(user_id);
        transaction.record(event.client(client_id));
    }
    let step = if is_full_batch(&some) { Step::More } else { Step::Last };
    Ok((step, is_connected))
}
