//! The table `clients`, and the version counter by which replicas notice a change.

use std::collections::{BTreeSet, HashMap};

use diesel::prelude::*;
use service_kit::database::{DatabaseError, DbConnection};
use shared_claims::scope::Scopes;

use super::schema::{client_registry, clients};
use super::{Listed, unreadable};
use crate::domain::{Client, ClientId, GrantType, LogoutUri, RedirectUri};

/// The columns of a client. The two conversions below do not compile if a field of [`Client`] is missing here.
#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = clients, treat_none_as_null = true)]
#[expect(clippy::struct_excessive_bools, reason = "as the table has them")]
pub(super) struct ClientRow {
    id: String,
    name: String,
    is_public: bool,
    is_active: bool,
    is_declared: bool,
    grants: String,
    scopes: String,
    audiences: String,
    redirect_uris: String,
    post_logout_redirect_uris: String,
    backchannel_logout_uri: Option<String>,
    pkce_optional: bool,
    access_ttl_s: Option<i64>,
    refresh_ttl_s: Option<i64>,
    token_cut_ms: Option<i64>,
    created_at_ms: i64,
    updated_at_ms: i64,
    is_first_party: bool,
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ').filter(|word| !word.is_empty())
}

/// A URI that was registered under earlier rules keeps working, so it is not judged again.
fn uris(text: &str) -> Vec<RedirectUri> {
    words(text).map(RedirectUri::registered).collect()
}

pub(super) fn logout_uri(text: &str) -> QueryResult<LogoutUri> {
    LogoutUri::parse(text).map_err(|_| unreadable("clients.backchannel_logout_uri is no URI"))
}

fn joined<'a>(items: impl Iterator<Item = &'a str>) -> String {
    items.collect::<Vec<_>>().join(" ")
}

impl ClientRow {
    fn from_client(client: &Client) -> Self {
        Self {
            id: client.id.to_string(),
            name: client.name.clone(),
            is_public: client.is_public,
            is_active: client.is_active,
            is_declared: client.is_declared,
            grants: joined(client.grants.iter().map(|grant| grant.as_str())),
            scopes: client.scopes.to_string(),
            audiences: client.audiences.join(" "),
            redirect_uris: joined(client.redirect_uris.iter().map(RedirectUri::as_str)),
            post_logout_redirect_uris: joined(
                client.post_logout_redirect_uris.iter().map(RedirectUri::as_str),
            ),
            backchannel_logout_uri: client.backchannel_logout_uri.as_ref().map(|uri| uri.as_str().to_owned()),
            pkce_optional: client.pkce_optional,
            access_ttl_s: client.access_ttl_s,
            refresh_ttl_s: client.refresh_ttl_s,
            token_cut_ms: client.token_cut_ms,
            created_at_ms: client.created_at_ms,
            updated_at_ms: client.updated_at_ms,
            is_first_party: client.is_first_party,
        }
    }

    pub(super) fn into_client(self) -> QueryResult<Client> {
        let grants = words(&self.grants).map(GrantType::parse).collect::<Option<_>>();
        Ok(Client {
            id: ClientId::parse(&self.id).map_err(|_| unreadable("clients.id is no client id"))?,
            name: self.name,
            is_public: self.is_public,
            is_active: self.is_active,
            is_declared: self.is_declared,
            grants: grants.ok_or_else(|| unreadable("clients.grants holds something else"))?,
            scopes: Scopes::parse(&self.scopes).map_err(|_| unreadable("clients.scopes is no scope list"))?,
            audiences: words(&self.audiences).map(str::to_owned).collect(),
            redirect_uris: uris(&self.redirect_uris),
            post_logout_redirect_uris: uris(&self.post_logout_redirect_uris),
            backchannel_logout_uri: self.backchannel_logout_uri.as_deref().map(logout_uri).transpose()?,
            pkce_optional: self.pkce_optional,
            access_ttl_s: self.access_ttl_s,
            refresh_ttl_s: self.refresh_ttl_s,
            token_cut_ms: self.token_cut_ms,
            created_at_ms: self.created_at_ms,
            updated_at_ms: self.updated_at_ms,
            is_first_party: self.is_first_party,
        })
    }
}

/// The version, which grows with every change.
pub fn version(conn: &mut DbConnection) -> Result<i64, DatabaseError> {
    Ok(client_registry::table.find(1).select(client_registry::version).first(conn)?)
}

/// Locks the registry until this transaction ends, so that changes of clients take turns.
pub fn lock_registry(conn: &mut DbConnection) -> Result<(), DatabaseError> {
    diesel::update(client_registry::table.find(1))
        .set(client_registry::version.eq(client_registry::version))
        .execute(conn)?;
    Ok(())
}

/// Begins a change: takes the lock as [`lock_registry`] does, and raises the version so that replicas read the
/// clients again after the commit.
pub fn begin_change(conn: &mut DbConnection) -> Result<(), DatabaseError> {
    diesel::update(client_registry::table.find(1))
        .set(client_registry::version.eq(client_registry::version + 1))
        .execute(conn)?;
    Ok(())
}

/// Inserts a new client, whose access tokens have a lifetime of at most `longest_access_ttl_s`. Fails with a unique
/// violation if the id is taken. Call [`begin_change`] first.
pub fn insert(
    conn: &mut DbConnection,
    client: &Client,
    longest_access_ttl_s: i64,
) -> Result<(), DatabaseError> {
    diesel::insert_into(clients::table)
        .values((
            ClientRow::from_client(client),
            clients::longest_access_ttl_s.eq(longest_access_ttl_s),
            clients::cut_is_due.eq(false),
        ))
        .execute(conn)?;
    Ok(())
}

/// Updates a client. The longest lifetime is never lowered, because tokens that were issued before keep their expiry.
/// Call [`begin_change`] first.
pub fn update(
    conn: &mut DbConnection,
    client: &Client,
    longest_access_ttl_s: i64,
) -> Result<(), DatabaseError> {
    let id = client.id.as_str();
    diesel::update(clients::table.find(id)).set(ClientRow::from_client(client)).execute(conn)?;
    let shorter = clients::table.find(id).filter(clients::longest_access_ttl_s.lt(longest_access_ttl_s));
    diesel::update(shorter).set(clients::longest_access_ttl_s.eq(longest_access_ttl_s)).execute(conn)?;
    Ok(())
}

/// Deletes a client and its secrets. Returns whether it existed. Call [`begin_change`] first.
pub fn delete(conn: &mut DbConnection, id: &str) -> Result<bool, DatabaseError> {
    Ok(diesel::delete(clients::table.find(id)).execute(conn)? == 1)
}

/// Finds the client with this id.
pub fn find(conn: &mut DbConnection, id: &str) -> Result<Option<Client>, DatabaseError> {
    let row = clients::table.find(id).select(ClientRow::as_select()).first(conn).optional()?;
    Ok(row.map(ClientRow::into_client).transpose()?)
}

/// Finds the client with this id and locks it against changes until this transaction ends. For transactions that
/// begin something that must end with the client. On SQLite the write transaction itself is the lock.
pub fn lock(conn: &mut DbConnection, id: &str) -> Result<Option<Client>, DatabaseError> {
    let client = clients::table.find(id);
    let row: Option<ClientRow> = match conn {
        DbConnection::Postgres(conn) => {
            client.select(ClientRow::as_select()).for_share().first(conn).optional()?
        }
        DbConnection::Sqlite(conn) => client.select(ClientRow::as_select()).first(conn).optional()?,
    };
    Ok(row.map(ClientRow::into_client).transpose()?)
}

/// The longest lifetime, in seconds, with which an access token of the client may have been issued.
pub fn longest_access_ttl(conn: &mut DbConnection, id: &str) -> Result<Option<i64>, DatabaseError> {
    Ok(clients::table.find(id).select(clients::longest_access_ttl_s).first(conn).optional()?)
}

/// Notes that clients without a lifetime of their own get access tokens with this one. Call [`lock_registry`] first.
pub fn raise_longest_access_ttl(conn: &mut DbConnection, seconds: i64) -> Result<(), DatabaseError> {
    let shorter = clients::table
        .filter(clients::access_ttl_s.is_null())
        .filter(clients::longest_access_ttl_s.lt(seconds));
    diesel::update(shorter).set(clients::longest_access_ttl_s.eq(seconds)).execute(conn)?;
    Ok(())
}

/// Notes whether a cut against the client is due. Call [`begin_change`] first.
pub fn set_cut_due(conn: &mut DbConnection, id: &str, is_due: bool) -> Result<(), DatabaseError> {
    diesel::update(clients::table.find(id)).set(clients::cut_is_due.eq(is_due)).execute(conn)?;
    Ok(())
}

/// Whether a cut against the client is due.
pub fn is_cut_due(conn: &mut DbConnection, id: &str) -> Result<bool, DatabaseError> {
    let due = clients::table.find(id).select(clients::cut_is_due).first(conn).optional()?;
    Ok(due.unwrap_or(false))
}

/// The clients against which a cut is due.
pub fn due_cuts(conn: &mut DbConnection) -> Result<Vec<String>, DatabaseError> {
    Ok(clients::table
        .filter(clients::cut_is_due.eq(true))
        .order(clients::id)
        .select(clients::id)
        .load(conn)?)
}

/// Where clients want to be told that somebody signed out: of these clients, or of all.
pub fn logout_uris(
    conn: &mut DbConnection,
    ids: Option<&BTreeSet<&str>>,
) -> Result<HashMap<String, LogoutUri>, DatabaseError> {
    let mut wanted = clients::table
        .filter(clients::backchannel_logout_uri.is_not_null())
        .select((clients::id, clients::backchannel_logout_uri.assume_not_null()))
        .into_boxed();
    if let Some(ids) = ids {
        wanted = wanted.filter(clients::id.eq_any(ids.iter().copied().collect::<Vec<_>>()));
    }
    let rows: Vec<(String, String)> = wanted.load(conn)?;
    Ok(rows.into_iter().map(|(id, uri)| Ok((id, logout_uri(&uri)?))).collect::<QueryResult<_>>()?)
}

/// Reads all clients, ordered by id.
pub fn all(conn: &mut DbConnection) -> Result<Listed<Client>, DatabaseError> {
    let rows = clients::table.order(clients::id).select(ClientRow::as_select()).load(conn)?;
    Ok(Listed::of(rows, |row| &row.id, ClientRow::into_client))
}
